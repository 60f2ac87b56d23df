/*
 * Codes of refusals by verification and appraisal: stable, part of the interface. Each is explained
 * in docs/denials.md.
 */
#pragma once

#include <base/err.h>

/* name, code */
#define TEE_DENIALS(X)                                                                             \
	X(DENY_EVIDENCE_MALFORMED, "evidence.malformed")                                           \
	X(DENY_EVIDENCE_REPORT_DATA, "evidence.report-data")                                       \
	X(DENY_VTPM_EK_MALFORMED, "vtpm.ek-malformed")                                             \
	X(DENY_VTPM_EK_UNTRUSTED, "vtpm.ek-untrusted")                                             \
	X(DENY_VTPM_EK_MISMATCH, "vtpm.ek-mismatch")                                               \
	X(DENY_VTPM_EK_ATTRIBUTES, "vtpm.ek-attributes")                                           \
	X(DENY_VTPM_AK_ATTRIBUTES, "vtpm.ak-attributes")                                           \
	X(DENY_VTPM_AK_MISMATCH, "vtpm.ak-mismatch")                                               \
	X(DENY_VTPM_AK_UNTRUSTED, "vtpm.ak-untrusted")                                             \
	X(DENY_VTPM_ACTIVATION, "vtpm.activation")                                                 \
	X(DENY_VTPM_QUOTE_SIGNATURE, "vtpm.quote-signature")                                       \
	X(DENY_VTPM_QUOTE_MALFORMED, "vtpm.quote-malformed")                                       \
	X(DENY_VTPM_NONCE_MISMATCH, "vtpm.nonce-mismatch")                                         \
	X(DENY_VTPM_PCR_SELECTION, "vtpm.pcr-selection")                                           \
	X(DENY_VTPM_PCR_DIGEST, "vtpm.pcr-digest")                                                 \
	X(DENY_VTPM_PCR_UNEXPECTED, "vtpm.pcr-unexpected")                                         \
	X(DENY_VTPM_EVENT_LOG_MALFORMED, "vtpm.event-log-malformed")                               \
	X(DENY_VTPM_EVENT_LOG_REPLAY, "vtpm.event-log-replay")                                     \
	X(DENY_VTPM_EVENT_LOG_MISSING, "vtpm.event-log-missing")                                   \
	X(DENY_VTPM_EVENT_UNKNOWN, "vtpm.event-unknown")                                           \
	X(DENY_VTPM_INITDATA_MISMATCH, "vtpm.initdata-mismatch")                                   \
	X(DENY_VTPM_CRTM_UNKNOWN, "vtpm.crtm-unknown")                                             \
	X(DENY_VTPM_FIRMWARE_UNKNOWN, "vtpm.firmware-unknown")                                     \
	X(DENY_VTPM_KERNEL_UNKNOWN, "vtpm.kernel-unknown")                                         \
	X(DENY_VTPM_CMDLINE_UNKNOWN, "vtpm.cmdline-unknown")                                       \
	X(DENY_VTPM_INITRD_UNKNOWN, "vtpm.initrd-unknown")                                         \
	X(DENY_SAMPLE_LAUNCH_UNKNOWN, "sample.launch-unknown")                                     \
	X(DENY_SAMPLE_SVN_UNKNOWN, "sample.svn-unknown")                                           \
	X(DENY_INITDATA_MALFORMED, "initdata.malformed")                                           \
	X(DENY_INITDATA_MISSING, "initdata.missing")                                               \
	X(DENY_INITDATA_UNKNOWN, "initdata.unknown")                                               \
	X(DENY_PLATFORM_UNSUPPORTED, "platform.unsupported")                                       \
	X(DENY_TOKEN_MALFORMED, "token.malformed")                                                 \
	X(DENY_TOKEN_SIGNATURE, "token.signature")                                                 \
	X(DENY_TOKEN_SIGNER, "token.signer-untrusted")                                             \
	X(DENY_TOKEN_TIME, "token.expired")

enum tee_denial {
#define X(name, code) name,
	TEE_DENIALS(X)
#undef X
};

const char *tee_denial_code(enum tee_denial d);
/* ERR_UNVERIFIED with that code; values may be NULL. */
struct err tee_deny(enum tee_denial d, const char *field, const char *expected, const char *actual);
/* Failure e becomes a refusal whose actual value is its text; success stays success, and so do
 * ERR_NOMEM and ERR_SYS, which say nothing about the evidence. */
struct err tee_deny_because(struct err e, enum tee_denial d, const char *field);
