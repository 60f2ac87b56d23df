/*
 * Platforms. One const row each; adding one is a folder and a line in tee.c (verifier half, library
 * `tee`: works on bytes only) and in tee_guest.c (guest half, library `tee-guest`: talks to
 * devices, needs libtss2). A broker or a cross build links only the first.
 */
#pragma once

#include <base/json.h>
#include <crypto/x509.h>
#include <tee/check.h>
#include <tee/claims.h>
#include <tee/collateral.h>

/* ---- guest half ---- */
struct tee;
struct tee_guest; /* an open driver; its first member is its struct tee row */

/*
 * How drivers of confidential guests reach sysfs, configfs and devices; tests put a platform of
 * their own in its place. `path` is whole, the root included. ERR_SYS keeps errno (err_errno()),
 * ERR_NOT_FOUND: there is no such file. The functions get the table itself, so a bigger struct may
 * begin with it.
 */
struct tee_io {
	RESULT (*read)(const struct tee_io *io, const char *path, struct buf *out);
	RESULT(*write)
	(const struct tee_io *io, const char *path, struct bytes data); /* one call */
	RESULT (*make_dir)(const struct tee_io *io, const char *path);	/* its parent exists */
	RESULT (*remove_dir)(const struct tee_io *io, const char *path);
	/* ioctl(2) on a device opened for it; `arg` may have been written to on failure too. */
	RESULT(*control)
	(const struct tee_io *io, const char *path, unsigned long request, void *arg);
};
/* Library tee-guest: the kernel's. */
extern const struct tee_io tee_io_kernel;
/* Library tee-guest: Azure's metadata service by HTTP. */
struct imds_ops;
extern const struct imds_ops imds_http;

struct tee_guest_config {
	const char
		*root; /* where devices and sysfs are found: "" in a guest, a directory in tests */
	const char *tcti; /* vtpm, az-*: TCTI string, NULL: "device:<root>/dev/tpmrm0" */
	const char *imds; /* az-*: metadata service, NULL: Azure's "http://169.254.169.254" */
	/* az-*: who asks it, &imds_http; NULL: nobody, so evidence is ERR_UNSUPPORTED. A program
	 * that only binds initdata then carries no HTTP client and its forty libraries. */
	const struct imds_ops *imds_ops;
	/* tdx: quote generation service, for kernels without configfs-tsm; NULL: the host's by
	 * vsock, port of <root>/etc/tdx-attest.conf or 4050 */
	const char *qgs;
	/* se: digest of the initdata in use, which nothing else binds: evidence carries it. NULL:
	 * there is none. */
	const struct digest_value *initdata;
	const struct tee_io *io;   /* tdx, snp, se: NULL: tee_io_kernel */
	unsigned azure_timeout_ms; /* az-*: of each answer by paravisor or service, 0: 10 s */
};

struct tee_guest_ops {
	bool (*detect)(const struct tee_guest_config *c);
	RESULT (*open)(const struct tee_guest_config *c, struct tee_guest **ret_guest);
	void (*close)(struct tee_guest *g);
	/* Binds initdata at start (vtpm: extends PCR 8), or checks what the launch bound. `digest`
	 * is the initdata's own digest. Once, before any evidence. */
	RESULT (*bind_initdata)(struct tee_guest *g, const struct digest_value *digest);
	/* Members for the "extra-params" object of the auth request. May be NULL. */
	RESULT (*hello)(struct tee_guest *g, struct json_writer *w);
	/* Appends the primary evidence (one JSON value). report_data is the digest of the runtime
	 * data; challenge_extra the "extra-params" of the challenge, or what its nonce holds
	 * (struct tee, challenge_in_nonce). */
	RESULT(*evidence)
	(struct tee_guest *g, struct bytes report_data, const struct json *challenge_extra,
		struct buf *ret_json);
	/* Runtime measurement. May be NULL. */
	RESULT (*extend)(struct tee_guest *g, unsigned index, const struct digest_value *digest);
};

/* Library tee-guest: the driver of a platform; NULL: it has none. */
const struct tee_guest_ops *tee_guest_ops(const struct tee *t);
/* Library tee-guest: the platform this guest runs on, by its devices; NULL: none found. */
const struct tee *tee_detect(const struct tee_guest_config *c);

/* ---- verifier half ---- */
enum {
	TEE_PARTS_MAX = 12
};

struct tee_anchors {		   /* what the operator trusts, per purpose */
	struct x509_list hardware; /* TPM manufacturers' EK roots */
	struct x509_list software; /* roots of simulated platforms: claims say simulated */
	/* In place of the vendor roots built in (AMD, Intel, IBM, Microsoft, Hygon, NVIDIA): X.509
	 * certificates, and files of a vendor's own form (SEV, CSV) or public keys (CCA). */
	struct x509_list vendor;
	struct bytes vendor_other[TEE_PARTS_MAX]; /* views */
	size_t n_vendor_other;
};

/* What the relying party demands beside genuineness. All zero is the strictest. */
struct tee_policy {
	bool allow_debug;	 /* guests whose memory the host may read */
	bool crl_optional;	 /* a missing revocation list is not done instead of failed */
	int64_t max_staleness_s; /* CRLs, TCB info, identities: accepted so long after nextUpdate */
	uint32_t vmpl;		 /* SNP: highest VMPL accepted */
	struct strv tcb_status;	 /* TDX, SGX: accepted beside "UpToDate" */
	struct strv min_tcb;	 /* "snp=22", "microcode=72", "tee_tcb_svn.0=5", "pcesvn=11" */
	struct bytes measurement; /* launch measurement; n = 0: not compared */
};

/* A file beside the evidence, by its role. Views. */
struct tee_part {
	const char *name; /* "signature", "pcrs", "ak", "event-log", "se-header", "request-key",
			   * ...: docs/verify.md */
	struct bytes v;
};

struct tee_verify_input {
	const struct json *evidence; /* the JSON a guest sends; NULL: `raw` is given */
	struct bytes raw; /* the platform's binary form: a report, a quote, a token; n = 0: none */
	struct tee_part parts[TEE_PARTS_MAX];
	size_t n_parts;
	const struct collateral *collateral; /* certificates, CRLs, TCB info at hand; may be NULL */
	/* Expected: digest of the runtime data, or a nonce. Compared over the whole field, padded
	 * with zeroes on the right. n = 0: not compared, which a broker never does. */
	struct bytes report_data;
	struct bytes initdata_digest; /* digest of the initdata sent along; n = 0: none sent */
	struct bytes state;	      /* what challenge() asked to remember; may be empty */
	const struct tee_anchors *anchors;
	const struct tee_policy *policy; /* NULL: the strictest */
	int64_t now;
};
/* A part's bytes; n = 0 when it was not given. */
struct bytes tee_part(const struct tee_verify_input *in, const char *name);
/* Claim "init_data": the digest sent, once it was found in `held`, the register, which may have cut
 * or padded it; what is held, when none was sent. */
struct bytes tee_initdata_shown(const struct tee_verify_input *in, struct bytes held);
/* in->policy, or the strictest. */
const struct tee_policy *tee_policy_of(const struct tee_verify_input *in);

struct tee_verify_ops {
	/* At auth: reads the client's extra-params, writes members for the challenge's
	 * extra-params, appends what verify() needs to `ret_state`. May be NULL. */
	RESULT(*challenge)
	(const struct json *hello, const struct tee_anchors *anchors, int64_t now,
		struct json_writer *w, struct buf *ret_state);
	/*
	 * At auth, for platforms whose challenge is the nonce itself (struct tee,
	 * challenge_in_nonce): appends it to `ret_nonce`, and what verify() needs to `ret_state`.
	 * `in` has no evidence, but parts ("se-header"), collateral, anchors, policy and now.
	 */
	RESULT(*nonce)
	(const struct tee_verify_input *in, struct buf *ret_nonce, struct buf *ret_state);
	/*
	 * Everything that can be said about the evidence, one row in `checks` each: goes on after a
	 * failed check as long as the next one still has a meaning. ERR_FORMAT: not parsed (field
	 * and offset in the text). Else the result is checks_end(); claims only on success.
	 */
	RESULT(*verify)
	(const struct tee_verify_input *in, struct checks *checks, struct claims *ret_claims);
	/* Whether raw or JSON evidence looks like this platform's: cheap, no trust. */
	bool (*recognise)(const struct tee_verify_input *in);
};

struct tee {
	const char *platform; /* "vtpm": our word, that of `sealpod verify` */
	const char
		*kbs_name; /* "tpm": the "tee" member of the KBS protocol and the claims' prefix */
	const struct tee_verify_ops *verify; /* NULL: evidence of it cannot be judged here */
	/* The nonce is a JSON text that the guest's driver needs (Trustee: se). */
	bool challenge_in_nonce;
	enum digest_alg runtime_digest; /* see tee_runtime_digest() */
};
/* Of the runtime data, for report_data: SHA-384 unless the row says otherwise (Trustee: se). */
enum digest_alg tee_runtime_digest(const struct tee *t);

const struct tee *tee_by_platform(const char *platform); /* NULL: unknown */
const struct tee *tee_by_kbs_name(const char *name);
/* What text evidence stands for: JSON, or bytes written in hex or base64 with white space; else
 * the bytes as they are. *ret_form is a constant. */
RESULT evidence_decode(
	struct bytes file, struct buf *ret_raw, struct json **ret_json, const char **ret_form);

/* The platform whose evidence this looks like; NULL: none. */
const struct tee *tee_recognise(const struct tee_verify_input *in);
/* The i-th platform, NULL after the last. */
const struct tee *tee_at(size_t i);

/* The verdict alone: verify() with checks of its own. */
RESULT tee_verify(
	const struct tee *t, const struct tee_verify_input *in, struct claims *ret_claims);

/*
 * One check: `cert` is not on its issuer's revocation list. Takes the newest list of that issuer in
 * the collateral whose signature and times hold. None: "crl.missing", not done when the policy
 * makes lists optional.
 */
void check_revocation(const struct tee_verify_input *in, struct checks *c, const struct x509 *cert,
	const struct x509 *issuer, const char *what);

/*
 * One check: the field `actual` of the evidence holds in->report_data, padded with zeroes. None
 * given: not done, which a broker never allows; longer than the field: failed.
 */
void check_report_data(
	const struct tee_verify_input *in, struct checks *c, const char *what, struct bytes actual);

/* Initdata digest as a register holds it: cut or padded with zeroes to n bytes. */
void tee_fit_digest(struct bytes from, uint8_t *to, size_t n);

/* ---- decoding for people ---- */
struct fields;
struct tee_format {
	const char *name; /* "SNP report" */
	/* Looks like it: cheap, no trust; formats are asked in the table's order. */
	bool (*is)(struct bytes file);
	RESULT (*describe)(struct bytes file, struct fields *out);
};
/* The i-th format, NULL after the last. */
const struct tee_format *tee_format_at(size_t i);
/* A vendor's error or status code ("sev-guest fw_error 0x16", "0xe011"); 0 when none is known, else
 * the number of explanations added as rows. */
size_t tee_explain(uint64_t code, struct fields *out);
