/* Who we are at a registry: the auth file, WWW-Authenticate, bearer tokens (distribution
 * "Token Authentication Specification", RFC 7235). */
#pragma once

#include <image-rs/reference.h>
#include <net/http_client.h>

/* "Basic ..." for this repository, or NULL when the file has nothing for it. The caller frees. */
RESULT auth_file_lookup(
	struct bytes auth_json, const struct img_reference *reference, char **ret_basic);

struct auth_challenge {
	bool bearer; /* else Basic */
	char *realm, *service;
};
/* One challenge: `Bearer realm="...",service="..."`. Unknown parameters are ignored. */
RESULT auth_challenge_parse(const char *header, struct auth_challenge *ret);
void auth_challenge_done(struct auth_challenge *c);

struct auth_token_request {
	const struct auth_challenge *challenge;
	const char *basic; /* may be NULL: anonymous */
	const char *repository;
	const char *actions; /* "pull" or "pull,push" */
	bool plain_http;     /* whether the realm may be http */
};
/* "Bearer ..."; the caller frees. */
RESULT auth_token(struct http_client *c, const struct auth_token_request *r, char **ret_header);
