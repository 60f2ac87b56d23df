/* One handshake of a guest with a software TPM, before the vtpm verifier. */
#pragma once

#include "vtpm_gen.h"

#include <tee/denials.h>
#include <tee/tee.h>

struct handshake {
	struct vtpm_gen g;
	struct tee_anchors anchors; /* borrowed from g unless a test changes it */
	struct digest_value report_data, initdata;
	struct buf extra_text, state;
	struct json *extra;
	struct vtpm_gen_evidence e;
};

/* Keys, the usual boot, initdata bound; nothing said yet. */
void handshake_start(struct handshake *h);
/* hello and challenge. */
struct err handshake_challenge(struct handshake *h);
/* Both, and good evidence in h->e. */
void handshake_start_good(struct handshake *h);
void handshake_finish(struct handshake *h);
/* Signs a quote with these values again. */
void handshake_resign(struct handshake *h, void (*change)(struct vtpm_gen_attest *a));

struct err handshake_verify_text(
	const struct handshake *h, struct bytes evidence_text, struct claims *ret);
/* Of h->e as it is now. */
struct err handshake_verify(const struct handshake *h, struct claims *ret);

void assert_denied(struct err e, enum tee_denial want);
void handshake_refused(const struct handshake *h, enum tee_denial want);
/* Text of a claim, "" when absent. */
const char *text_of(const struct claims *c, const char *name);
