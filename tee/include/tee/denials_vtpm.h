/* Codes of refusals: TPM quotes, and Azure guests that have one. Included by tee/denials.h. */
#pragma once

#define TEE_DENIALS_VTPM(X)                                                                        \
	X(DENY_VTPM_EK_MALFORMED, "vtpm.ek-malformed")                                             \
	X(DENY_VTPM_EK_UNTRUSTED, "vtpm.ek-untrusted")                                             \
	X(DENY_VTPM_EK_MISMATCH, "vtpm.ek-mismatch")                                               \
	X(DENY_VTPM_EK_ATTRIBUTES, "vtpm.ek-attributes")                                           \
	X(DENY_VTPM_AK_ATTRIBUTES, "vtpm.ak-attributes")                                           \
	X(DENY_VTPM_AK_MISMATCH, "vtpm.ak-mismatch")                                               \
	X(DENY_VTPM_AK_UNTRUSTED, "vtpm.ak-untrusted")                                             \
	X(DENY_VTPM_AK_CERTIFICATE, "vtpm.ak-certificate")                                         \
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
	X(DENY_VTPM_INITRD_UNKNOWN, "vtpm.initrd-unknown")
