/*
 * Secret bytes in memory of their own: guard pages on both sides, mlock'ed, left out of core dumps,
 * wiped in forked children and before release. A process that cannot get such memory fails.
 */
#pragma once

#include <base/bytes.h>
#include <base/err.h>

struct secret; /* opaque; fixed size from birth */

enum {
	SECRET_MAX = 1024 * 1024
};

/* n zero bytes, 1..SECRET_MAX. */
RESULT secret_new(size_t n, struct secret **ret_secret);
/* A copy; the source is the caller's to wipe. */
RESULT secret_of(struct bytes from, struct secret **ret_secret);
void secret_free(struct secret *s);
void secret_freep(struct secret **s); /* for AUTO */

/* Views of the secret, valid until it is freed. */
struct bytes secret_bytes(const struct secret *s);
uint8_t *secret_data(struct secret *s);
size_t secret_size(const struct secret *s);
/* Makes the secret shorter; what is cut off is wiped. */
void secret_truncate(struct secret *s, size_t n);

/* Standard or URL alphabet by `url`, decoded in constant time straight into secret memory. */
RESULT secret_from_base64(
	bool url, struct bytes text, const char *what, struct secret **ret_secret);

/* RLIMIT_CORE 0 and PR_SET_DUMPABLE 0: first thing in a process that will hold secrets. */
RESULT secret_harden_process(void);
