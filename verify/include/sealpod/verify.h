/*
 * libsealpod-verify: judges the evidence of confidential guests offline - AMD SEV-SNP and SEV,
 * Intel TDX and SGX, IBM Secure Execution, TPM quotes, Azure's guests with a vTPM, Arm CCA, Hygon
 * CSV, NVIDIA GPUs - as `sealpod verify` does, which is made of these functions.
 *
 *	struct sealpod_verify *v = sealpod_verify_new();
 *	sealpod_verify_file(v, "evidence", "report.bin");
 *	sealpod_verify_file(v, "collateral", "vcek.der");
 *	sealpod_verify_set(v, "report-data", nonce_hex);
 *	if (sealpod_verify_run(v) == SEALPOD_VERIFIED) ...
 *	puts(sealpod_verify_text(v));
 *	sealpod_verify_free(v);
 *
 * Nothing is read from the network or the environment. Not thread-safe on one object; objects are
 * independent of each other. Default deny: whatever fails, is malformed or cannot be looked at
 * though it must be, is not SEALPOD_VERIFIED.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SEALPOD_API __attribute__((visibility("default")))

/* Also the exit statuses of `sealpod verify`. */
enum sealpod_status {
	SEALPOD_VERIFIED = 0,
	SEALPOD_NOT_ACCEPTABLE = 1, /* genuine or not: something differs from what is demanded */
	SEALPOD_ERROR = 2,	    /* usage, input or output, memory */
	SEALPOD_MALFORMED = 3	    /* a file is not what it should be */
};

struct sealpod_verify;

/* NULL when there is no memory. */
SEALPOD_API struct sealpod_verify *sealpod_verify_new(void);
SEALPOD_API void sealpod_verify_free(struct sealpod_verify *v);

/*
 * An option, named and written as on the command line, without dashes:
 *   platform     snp tdx snp sev se vtpm az-snp-vtpm az-tdx-vtpm sgx cca csv nvgpu sample auto
 * (auto) at           RFC 3339 time of the verdict (now) report-data, nonce   hex; compared over
 * the whole field, padded with zeroes measurement  hex init-data    hex of the digest that was
 * bound min-tcb      NAME=NUMBER, may be given again: "snp=22", "microcode=72", "pcesvn=11"
 *   tcb-status   accepted beside UpToDate, may be given again: "SWHardeningNeeded"
 *   vmpl         highest accepted (0)
 *   max-staleness seconds that lists and TCB info may be past their nextUpdate (0)
 *   allow-debug  yes|no (no)
 *   crl-required yes|no (yes)
 *   color        yes|no (no): escape sequences in sealpod_verify_text()
 */
SEALPOD_API enum sealpod_status sealpod_verify_set(
	struct sealpod_verify *v, const char *option, const char *value);

/*
 * A file in its role. evidence: binary, hex or base64 text, or JSON. collateral (also called
 * certs): certificates, revocation lists, TCB info, bundles, recognised by content; may be given
 * again. root: takes the place of the vendor roots built in; may be given again. simulated-root:
 * root of simulated platforms, whose claims then say so. init-data: the document whose digest was
 * bound. reference: reference values. policy: see docs/verify.md. Beside the evidence of some
 * platforms: event-log, signature, pcrs, ak, ak-cert, ek-cert, quote, td-quote, vcek, se-header,
 * request-key, se-key, tik, certificates.
 */
SEALPOD_API enum sealpod_status sealpod_verify_bytes(
	struct sealpod_verify *v, const char *role, const void *data, size_t n);
/* As above; a directory is allowed for collateral: every file in it that is collateral. */
SEALPOD_API enum sealpod_status sealpod_verify_file(
	struct sealpod_verify *v, const char *role, const char *path);

/* The verdict. Once per object. */
SEALPOD_API enum sealpod_status sealpod_verify_run(struct sealpod_verify *v);

/* What went wrong in the last call that did not succeed; "" when none. All texts live as long as
 * the object or until the next call. */
SEALPOD_API const char *sealpod_verify_error(const struct sealpod_verify *v);

struct sealpod_check {
	enum {
		SEALPOD_CHECK_PASSED,
		SEALPOD_CHECK_FAILED,
		SEALPOD_CHECK_NOT_DONE
	} verdict;
	const char *what, *expected, *actual;
	const char *code; /* of a failed check: stable, see docs/denials.md */
	const char *hint; /* of a failed check: what to do; may be "" */
};
SEALPOD_API size_t sealpod_verify_checks(const struct sealpod_verify *v);
SEALPOD_API bool sealpod_verify_check(
	const struct sealpod_verify *v, size_t i, struct sealpod_check *ret_check);

/* The whole report for people, and as one JSON object; NULL when there is no memory. */
SEALPOD_API const char *sealpod_verify_text(struct sealpod_verify *v);
SEALPOD_API const char *sealpod_verify_json(struct sealpod_verify *v);

/* Decodes evidence, certificates, collateral, tokens, event logs, headers, initdata; proves
 * nothing. *ret_text is for free(). */
SEALPOD_API enum sealpod_status sealpod_inspect(
	const void *data, size_t n, bool json, char **ret_text);
/* What a vendor's code ("0xe011") or one of our refusals ("snp.signature") means.
 * SEALPOD_NOT_ACCEPTABLE: not known. *ret_text is for free(). */
SEALPOD_API enum sealpod_status sealpod_explain(const char *code, bool json, char **ret_text);

#ifdef __cplusplus
}
#endif
