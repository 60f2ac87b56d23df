/*
 * NVIDIA GPUs and NVSwitches in confidential computing mode: measurements over SPDM, signed by a
 * device whose certificates lead to NVIDIA.
 */
#pragma once

#include "nvgpu/spdm.h"

#include <tee/fields.h>
#include <tee/tee.h>

enum {
	NVGPU_DEVICES_MAX = 12, /* a board: eight GPUs, four switches */
	NVGPU_UUID_MAX = 64,
	NVGPU_FWID_SIZE = 48,

	/* types of opaque items that the verdict or a claim needs */
	NVGPU_DRIVER_VERSION = 3,
	NVGPU_VBIOS_VERSION = 6,
	NVGPU_MEASUREMENT_COUNT = 12,
	NVGPU_FWID = 20,
	NVGPU_SWITCH_PDI = 22,
	NVGPU_OPAQUE_VERSION = 34,
	NVGPU_FEATURE_FLAG = 36
};

extern const char nvgpu_root_pem[];

struct nvgpu_device {
	const char *arch; /* "Hopper", "Blackwell", "LS10"; "unknown" for a file */
	char uuid[NVGPU_UUID_MAX + 1];
	struct buf report;
	struct x509_list certs; /* the device's first; empty when they stand elsewhere */
};

struct nvgpu_evidence {
	struct nvgpu_device v[NVGPU_DEVICES_MAX];
	size_t n;
};
void nvgpu_evidence_done(struct nvgpu_evidence *e);
/* Trustee's JSON. ERR_FORMAT names the device and the member. */
RESULT nvgpu_evidence_decode(const struct json *j, struct nvgpu_evidence *ret_evidence);
/* One device: a report as bytes or hex text. */
RESULT nvgpu_evidence_parse(struct bytes raw, struct nvgpu_evidence *ret_evidence);
bool nvgpu_evidence_is(struct bytes raw);

/* How an opaque item is shown. */
enum nvgpu_form {
	NVGPU_HEX,
	NVGPU_TEXT,
	NVGPU_VERSION, /* vBIOS */
	NVGPU_NUMBER,
	NVGPU_COUNTS,
	NVGPU_LIST,
	NVGPU_FEATURES
};
enum nvgpu_form nvgpu_opaque_form(uint16_t type); /* NVGPU_HEX: also types not known here */
const char *nvgpu_opaque_name(uint16_t type);	  /* "driver_version"; NULL: not known here */
/* Text of NVGPU_TEXT, _VERSION, _NUMBER and _FEATURES. ERR_FORMAT. */
RESULT nvgpu_opaque_text(enum nvgpu_form form, struct bytes value, struct buf *out);

/* Members below `prefix` ("nvidia.") of a report that was verified. ERR_FORMAT names the item. */
RESULT nvgpu_claims(const char *prefix, const struct nvgpu_device *d, const struct spdm_report *r,
	struct claims *c);
