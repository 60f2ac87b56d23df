/*
 * An NVIDIA device for tests: certificates under a root of its own, and its report. Members are set
 * to good values by nvgpu_gen_init() and may be bent before something is made.
 */
#pragma once

#include "nvgpu/nvgpu.h"

enum {
	NVGPU_GEN_NOW = 1760000000
};

struct nvgpu_gen {
	struct key *root_key, *ca_key, *device_key;
	struct buf chain;	    /* PEM, the device's first, without the root */
	struct buf root;	    /* PEM */
	struct tee_anchors anchors; /* trusts root */

	uint8_t nonce[SPDM_NONCE_SIZE], fwid[NVGPU_FWID_SIZE];
	uint8_t attributes, operation; /* of the request */
	unsigned n_blocks;
	bool same_index;	   /* the second block has the first one's */
	uint16_t leave_out, twice; /* types of opaque items; 0: none */
	unsigned trailing;	   /* bytes behind the signature */
	uint8_t trailing_value;
	const struct key *signer; /* NULL: the device */
};

void nvgpu_gen_init(struct nvgpu_gen *g);
void nvgpu_gen_done(struct nvgpu_gen *g);
/* Certificates again; the device's says `fwid`, or nothing when it is empty. */
void nvgpu_gen_certs(struct nvgpu_gen *g, struct bytes fwid);
void nvgpu_gen_report(const struct nvgpu_gen *g, struct buf *out);
/* Trustee's evidence: the same device n times; evidence in hex or base64. */
void nvgpu_gen_json(const struct nvgpu_gen *g, unsigned n, bool hex, struct buf *out);
