/* What the endpoints of the broker share: the request, and the ways to answer it. */
#pragma once

#include "broker.h"

enum {
	REQUEST_ID_SIZE = 24
};

struct request {
	struct broker *b;
	struct http_exchange *x;
	char id[REQUEST_ID_SIZE];
	int64_t now;
	const char *endpoint; /* first segment below /kbs/v0/ */
	const char *rest;     /* after it, without the slash; "" when nothing follows */
	char subject[16]; /* for the audit log: "admin", or the start of the session's id; may be
			     empty */
	const struct json *claims; /* accepted ones, for the audit log; may be NULL */
	bool durable;		   /* the audit record must be on disk first */
};

/* Trustee's variant names, the end of the "type" URL in the body of a refusal. */
#define KBS_ADMIN     "AdminAuthAccess"
#define KBS_ATTEST    "AttestationError"
#define KBS_PATH      "InvalidRequestPath"
#define KBS_PLUGIN    "PluginNotFound"
#define KBS_RESOURCE  "PluginInternalError"
#define KBS_POLICY    "PolicyDeny"
#define KBS_NO_TOKEN  "TokenNotFound"
#define KBS_BAD_TOKEN "TokenVerifierError"
#define KBS_SET_RULES "ParsePolicyError"
#define KBS_RVPS      "RvpsError"

/* Each answers the exchange exactly once and writes the audit record first. */
void api_answer(struct request *r, const char *content_type, struct bytes body);
void api_refuse(struct request *r, const char *variant, struct err e);

/* Endpoint handlers: OK after api_answer(), or the failure to refuse with and its variant. */
RESULT api_auth(struct request *r, const char **ret_variant);
RESULT api_attest(struct request *r, const char **ret_variant);
RESULT api_resource(struct request *r, const char **ret_variant);
RESULT api_policy(struct request *r, const char **ret_variant);
RESULT api_reference(struct request *r, const char **ret_variant);
RESULT api_manifest(struct request *r, const char **ret_variant);

/* The caller is an admin, and what it does is on disk before it is answered. */
RESULT api_need_admin(struct request *r, const char **ret_variant);

void api_set_subject(struct request *r, const char *subject);

/* The session of the cookie; NULL: none, unknown or expired. */
struct session *api_session(struct request *r);
