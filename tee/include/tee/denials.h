/*
 * Codes of refusals by verification and appraisal: stable, part of the interface. Each is explained
 * in docs/denials.md.
 */
#pragma once

#include <base/err.h>

/* name, code; one list a platform, in a file of its own */
#include <tee/denials_azure.h>
#include <tee/denials_cca.h>
#include <tee/denials_csv.h>
#include <tee/denials_nvgpu.h>
#include <tee/denials_se.h>
#include <tee/denials_sev.h>
#include <tee/denials_tdx.h>
#include <tee/denials_vtpm.h>

#define TEE_DENIALS_COMMON(X)                                                                      \
	X(DENY_EVIDENCE_MALFORMED, "evidence.malformed")                                           \
	X(DENY_EVIDENCE_REPORT_DATA, "evidence.report-data")                                       \
	X(DENY_EVIDENCE_UNCHECKED, "evidence.unchecked")                                           \
	X(DENY_SAMPLE_LAUNCH_UNKNOWN, "sample.launch-unknown")                                     \
	X(DENY_SAMPLE_SVN_UNKNOWN, "sample.svn-unknown")                                           \
	X(DENY_INITDATA_MALFORMED, "initdata.malformed")                                           \
	X(DENY_INITDATA_MISSING, "initdata.missing")                                               \
	X(DENY_INITDATA_UNKNOWN, "initdata.unknown")                                               \
	X(DENY_PLATFORM_UNSUPPORTED, "platform.unsupported")                                       \
	X(DENY_TOKEN_MALFORMED, "token.malformed")                                                 \
	X(DENY_TOKEN_SIGNATURE, "token.signature")                                                 \
	X(DENY_TOKEN_SIGNER, "token.signer-untrusted")                                             \
	X(DENY_TOKEN_TIME, "token.expired")                                                        \
	X(DENY_COLLATERAL_MISSING, "collateral.missing")                                           \
	X(DENY_STORE_DAMAGED, "store.damaged")                                                     \
	X(DENY_CRL_MISSING, "crl.missing")                                                         \
	X(DENY_MEASUREMENT, "evidence.measurement")                                                \
	X(DENY_INITDATA_MISMATCH, "initdata.mismatch")                                             \
	X(DENY_DEBUG, "evidence.debug")                                                            \
	X(DENY_TCB_MINIMUM, "evidence.tcb-minimum")                                                \
	X(DENY_POLICY_CLAIM, "policy.claim")                                                       \
	X(DENY_REFERENCE_UNKNOWN, "reference.unknown")

#define TEE_DENIALS(X)                                                                             \
	TEE_DENIALS_COMMON(X)                                                                      \
	TEE_DENIALS_VTPM(X)                                                                        \
	TEE_DENIALS_AZURE(X)                                                                       \
	TEE_DENIALS_SEV(X)                                                                         \
	TEE_DENIALS_TDX(X)                                                                         \
	TEE_DENIALS_SE(X)                                                                          \
	TEE_DENIALS_CCA(X)                                                                         \
	TEE_DENIALS_CSV(X)                                                                         \
	TEE_DENIALS_NVGPU(X)

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
