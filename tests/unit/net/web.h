/* A web server in a process of its own, for the tests of the blocking client. */
#pragma once

#include <base/buf.h>
#include <crypto/key.h>
#include <sys/types.h>

struct web {
	pid_t pid;
	uint16_t port;
};

/* cert and key: both or none. */
struct web web_start(struct bytes cert_pem, struct bytes key_pem);
void web_stop(struct web *w);

/* "http://host:port/path", in one of eight rotating buffers. */
const char *web_url(const struct web *w, const char *scheme, const char *host, const char *path);

/* A certificate authority and what it issues. */
struct authority {
	struct key *key;
	struct buf pem;
};
void authority_make(struct authority *a, const char *name);
void authority_done(struct authority *a);
struct identity {
	struct buf cert, key;
};
/* For 127.0.0.1; valid for a day from `not_before`. */
void identity_make(
	struct identity *i, const struct authority *a, const char *name, int64_t not_before);
void identity_done(struct identity *i);
