/* Audit log: one JSON object a line, appended with one write; synced before a secret leaves. */
#pragma once

#include <base/json.h>

struct audit;

struct audit_record {
	const char *request_id, *peer, *method, *path;
	int status;
	const char *subject;	     /* session id's first 8 digits, or the admin's role; NULL */
	const struct denial *denial; /* NULL: allowed */
	const struct json *claims;   /* what was accepted, at attest; NULL */
	bool durable;		     /* on disk before this returns */
};

/* path NULL: records go nowhere. */
RESULT audit_open(const char *path, struct audit **ret_audit);
void audit_freep(struct audit **a);
RESULT audit_write(struct audit *a, const struct audit_record *r);
