/* RCAR handshake (KBS protocol 0.4.0) and resource fetch. One handshake serves many resources. */
#pragma once

#include <base/secret.h>
#include <tee/tee.h>

struct kbs_client;

/* Stages for the timeline: "evidence" and "broker" with their duration. */
typedef void kbs_stage_fn(void *arg, const char *stage, uint64_t ms);

struct kbs_client_config {
	const char *url;     /* "https://10.0.2.2:8080" */
	struct bytes ca_pem; /* roots for the broker's certificate; none: the system's */
	const struct tee *tee;
	struct tee_guest *guest; /* open driver; stays the caller's */
	struct bytes initdata;	 /* TOML text sent along; n = 0: null */
	kbs_stage_fn *stage;	 /* may be NULL */
	void *stage_arg;
};
RESULT kbs_client_new(const struct kbs_client_config *c, struct kbs_client **ret_client);
void kbs_client_free(struct kbs_client *c);
void kbs_client_freep(struct kbs_client **c);

/* path "repo/type/tag". A handshake happens when there is no session; once more on 401. A refusal
 * is ERR_DENIED or ERR_UNVERIFIED with the broker's denial (code, field, expected, actual, request
 * id) when it sent one; ERR_NOT_FOUND on 404. */
RESULT kbs_client_get(struct kbs_client *c, const char *path, struct secret **ret_resource);
/* kbs:///repo/type/tag or kbs+plugin:///... */
RESULT kbs_client_get_uri(struct kbs_client *c, const char *uri, struct secret **ret_resource);
/* The token of the session (handshake when needed) and its TEE key as PEM (guest-components
 * GetToken("kbs")). */
RESULT kbs_client_token(struct kbs_client *c, struct buf *token, struct secret **ret_key_pem);
