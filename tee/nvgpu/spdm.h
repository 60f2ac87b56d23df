/*
 * SPDM 1.1 (DSP0274) GET_MEASUREMENTS request and signed MEASUREMENTS response, as NVIDIA's devices
 * give them; all integers little-endian.
 */
#pragma once

#include <base/reader.h>

enum {
	SPDM_REPORT_MAX = 64 * 1024,
	SPDM_NONCE_SIZE = 32,
	SPDM_REQUEST_SIZE = 37,
	SPDM_BLOCKS_MAX = 255,
	SPDM_OPAQUE_MAX = 64,
	SPDM_SIGNATURE_SIZE = 96, /* ECDSA P-384: r || s, big-endian */
};

struct spdm_block {
	uint8_t index, type; /* DMTFSpecMeasurementValueType */
	struct bytes value;
};

/* NVIDIA's use of the opaque data: items of a type. */
struct spdm_opaque {
	uint16_t type;
	struct bytes value;
};

struct spdm_report { /* views */
	struct bytes request_nonce, response_nonce, record;
	uint8_t slot; /* of the certificate chain */
	struct spdm_block blocks[SPDM_BLOCKS_MAX];
	size_t n_blocks;
	struct spdm_opaque opaque[SPDM_OPAQUE_MAX];
	size_t n_opaque;
	struct bytes signed_bytes, signature;
};

/* Request and response behind one another; zeroes may follow. All measurements were asked for, with
 * a signature; no opaque item appears twice. ERR_FORMAT names the field. */
RESULT spdm_report_parse(struct bytes in, struct spdm_report *ret_report);
/* Each measurement has an index of its own. */
bool spdm_indices_differ(const struct spdm_report *r);
/* n = 0 when there is none of that type. */
struct bytes spdm_opaque_value(const struct spdm_report *r, uint16_t type);
