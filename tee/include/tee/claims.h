/*
 * Claims: evidence after parsing and cryptographic verification, as flat typed values. A name is
 * dotted ("tpm.pcr00"); printing nests it. Names are Trustee's where Trustee has one; where such a
 * name holds a dot itself, a backslash stands before it ("sgx.body.attributes\.flags").
 */
#pragma once

#include <base/json.h>

enum {
	CLAIMS_MAX = 4096 /* a board of twelve NVIDIA devices has 1900 */
};

enum claim_type {
	CLAIM_STR,
	CLAIM_U64,
	CLAIM_BOOL,
	CLAIM_HEX,
	CLAIM_LIST,
	CLAIM_JSON
};

struct claim {
	char *name;
	enum claim_type type;
	char *s;	  /* the value as claim_text() gives it; hex in lower case */
	uint64_t u;	  /* CLAIM_U64, CLAIM_BOOL */
	struct strv list; /* CLAIM_LIST */
};

struct claims {
	struct claim *v;
	size_t n;
	enum err_code bad; /* sticky, reported by claims_end() */
};

void claims_done(struct claims *c);
/* A name may be added once, except to a list. Failures stick. */
void claims_str(struct claims *c, const char *name, const char *value);
void claims_u64(struct claims *c, const char *name, uint64_t value);
void claims_bool(struct claims *c, const char *name, bool value);
/* "<prefix>.<name>", and <name> alone for policies over every platform. */
void claims_flag(struct claims *c, const char *prefix, const char *name, bool value);
void claims_hex(struct claims *c, const char *name, struct bytes value);
/* value NULL: only that there is a list, empty so far. */
/* A value that is JSON already and is not looked at; claim_text() gives it as it is. */
void claims_json(struct claims *c, const char *name, struct bytes json);
void claims_list_add(struct claims *c, const char *name, const char *value);
RESULT claims_end(const struct claims *c);
/* claims_end(), and the claims move to the result; else they stay. */
RESULT claims_take(struct claims *c, struct claims *ret_claims);
const struct claim *claims_get(const struct claims *c, const char *name); /* NULL when absent */
/* Value as text ("true", "17", hex, the string, "a,b"); "" when absent. Valid as long as the claims
 * are not changed. */
const char *claim_text(const struct claim *c);
/* One JSON object, dotted names nested. ERR_STATE when a name is both a value and an object. */
RESULT claims_print(const struct claims *c, struct buf *out);
/* The members of that object, into an object that the caller has begun. */
RESULT claims_write(const struct claims *c, struct json_writer *w);
