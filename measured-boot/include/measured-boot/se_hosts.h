/* Host key documents: who may start a Secure Execution image. */
#pragma once

#include <measured-boot/se_image.h>

struct se_hosts {
	struct key *v[SE_HOSTS_MAX]; /* public, P-521 */
	size_t n;
};
void se_hosts_done(struct se_hosts *h);

/*
 * Adds the key of a document that holds: a certificate (PEM or DER) signed by a key signing service
 * of IBM whose certificate chains to in->anchors->vendor, or to the root built in; neither revoked
 * by the lists in in->collateral, which must be there; all of in->now. Whoever holds the key of a
 * document that is none can read the image. A denial whose text starts with `name`.
 */
RESULT se_hosts_add(struct se_hosts *h, const struct tee_verify_input *in, struct bytes document,
	const char *name);
/* Adds the key of whatever certificate this is. */
RESULT se_hosts_add_unverified(struct se_hosts *h, struct bytes document, const char *name);
