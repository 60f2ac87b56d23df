/* Sessions between auth and the last resource: in memory, bounded, lost with the process (clients
 * then attest again). */
#pragma once

#include <attestation/attestation.h>

struct session {
	char id[33]; /* kbs-session-id: 32 hex digits */
	char *nonce; /* base64 of 32 random bytes, or a challenge of the tee's own */
	int64_t expires;
	const struct tee *tee;
	struct buf state; /* what the tee's challenge() asked to remember */
	bool attested;
	struct buf token;    /* EAR */
	struct json *claims; /* the token's payload */
	struct appraisal appraisal;
};

struct sessions;

enum {
	SESSIONS_MAX = 4096,
	NONCE_SIZE = 32,
	SESSION_NONCE_MAX = 16 * 1024
};

RESULT sessions_new(struct sessions **ret_sessions);
void sessions_freep(struct sessions **s);
/* A new session with id and nonce; expired ones make room, else ERR_LIMIT. Owned by the table. */
RESULT sessions_add(struct sessions *s, const struct tee *tee, int64_t now, int64_t lifetime_s,
	struct session **ret_session);
/* Another nonce than the random one. */
RESULT session_set_nonce(struct session *x, struct bytes nonce);
/* NULL: unknown or expired. */
struct session *sessions_find(struct sessions *s, const char *id, int64_t now);
