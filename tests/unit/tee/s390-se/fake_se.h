/*
 * IBM and one of its machines: signing key and host key document (below a test root), a Secure
 * Execution image, and the ultravisor behind /dev/uv that answers requests made for the host's key.
 */
#pragma once

#include "fake_tsm.h"
#include "s390-se/se.h"

enum {
	FAKE_SE_NOW = 1760000000
};

struct fake_se {
	struct fake_tsm tsm;
	struct key *root_key, *signing_key, *host_key;
	struct x509 *root, *signing, *hkd;
	struct tee_anchors anchors;    /* vendor: the root */
	struct collateral *collateral; /* HKD, signing certificate, both revocation lists */
	struct buf certificates;       /* PEM: HKD and signing certificate, for a broker */
	struct buf header;	       /* of the image that runs */
	uint8_t cuid[SE_CUID_SIZE];
	/* ---- wrong on purpose ---- */
	const struct key *other_host; /* the machine's real key */
	uint16_t rc;		      /* not 0: the ultravisor's answer */
	int with;		      /* ... and the errno of the call; 0: it succeeds */
	size_t less; /* bytes of additional data that are missing; more than there are: it says
		      * one too many */
	uint8_t other_image; /* added to the tag of the image that runs */
};

void fake_se_start(struct fake_se *f, const char *name);
void fake_se_stop(struct fake_se *f);
/* DER; of the root, or of the signing certificate. */
void fake_se_list(const struct fake_se *f, bool of_root, struct buf *ret_der);
