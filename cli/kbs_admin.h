/* The broker's admin API, as `sealpod kbs` uses it. */
#pragma once

#include <base/json.h>

struct kbs_admin_options { /* first member of every admin command's options */
	const char *dir;   /* made by `sealpod kbs init`: supplies the other three */
	const char *url, *ca, *admin_key;
};

/* The four rows for a command's option table. */
#define KBS_ADMIN_OPTIONS                                                                          \
	{ .name = "dir",                                                                           \
		.kind = CLI_STRING,                                                                \
		.value = "DIR",                                                                    \
		.offset = offsetof(struct kbs_admin_options, dir),                                 \
		.help = "directory of 'sealpod kbs init': address, CA and admin key" },            \
		{ .name = "url",                                                                   \
			.kind = CLI_STRING,                                                        \
			.value = "URL",                                                            \
			.offset = offsetof(struct kbs_admin_options, url),                         \
			.help = "address of the broker" },                                         \
		{ .name = "ca",                                                                    \
			.kind = CLI_STRING,                                                        \
			.value = "FILE",                                                           \
			.offset = offsetof(struct kbs_admin_options, ca),                          \
			.help = "root of the broker's TLS certificate (PEM)" },                    \
	{                                                                                          \
		.name = "admin-key", .kind = CLI_STRING, .value = "FILE",                          \
		.offset = offsetof(struct kbs_admin_options, admin_key),                           \
		.help = "Ed25519 private key (PEM) that signs the admin token"                     \
	}

struct kbs_admin_call {
	const char *method;
	const char *path; /* below /kbs/v0/ */
	struct bytes body;
	const char *token; /* bearer; NULL: an admin token is made */
};
/* A token good for a few minutes is made for the call. Refusals come back with the broker's reason.
 * `out` gets the body; may be NULL. */
RESULT kbs_admin_do(
	const struct kbs_admin_options *o, const struct kbs_admin_call *call, struct buf *out);
/* An admin token (EdDSA JWT). */
RESULT kbs_admin_token(const char *key_file, int64_t lifetime_s, struct buf *out);
