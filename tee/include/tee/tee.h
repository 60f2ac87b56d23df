/*
 * Platforms. One const row each; adding one is a folder and a line in tee.c (verifier half, library
 * `tee`: works on bytes only) and in tee_guest.c (guest half, library `tee-guest`: talks to
 * devices, needs libtss2). A broker or a cross build links only the first.
 */
#pragma once

#include <base/json.h>
#include <crypto/x509.h>
#include <tee/claims.h>

/* ---- guest half ---- */
struct tee;
struct tee_guest; /* an open driver; its first member is its struct tee row */

struct tee_guest_config {
	const char
		*root; /* where devices and sysfs are found: "" in a guest, a directory in tests */
	const char *tcti; /* vtpm: TCTI string, NULL: "device:<root>/dev/tpmrm0" */
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
	 * data; challenge_extra the "extra-params" of the challenge. */
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
struct tee_anchors {		   /* what the operator trusts, per purpose */
	struct x509_list hardware; /* vendor roots; vtpm: TPM manufacturers' EK roots */
	struct x509_list software; /* roots of simulated platforms: claims say simulated */
};

struct tee_verify_input {
	const struct json *evidence;
	struct bytes report_data;     /* expected: digest of the runtime data */
	struct bytes initdata_digest; /* digest of the initdata sent along; n = 0: none sent */
	struct bytes state;	      /* what challenge() asked to remember; may be empty */
	const struct tee_anchors *anchors;
	int64_t now;
};

struct tee_verify_ops {
	/* At auth: reads the client's extra-params, writes members for the challenge's
	 * extra-params, appends what verify() needs to `ret_state`. May be NULL. */
	RESULT(*challenge)
	(const struct json *hello, const struct tee_anchors *anchors, int64_t now,
		struct json_writer *w, struct buf *ret_state);
	/* Everything cryptographic; claims only on success. ERR_UNVERIFIED carries a denial. */
	RESULT (*verify)(const struct tee_verify_input *in, struct claims *ret_claims);
};

struct tee {
	const char *platform; /* "vtpm": our word */
	const char
		*kbs_name; /* "tpm": the "tee" member of the KBS protocol and the claims' prefix */
	const struct tee_verify_ops *verify; /* NULL: evidence of it cannot be judged here */
};

const struct tee *tee_by_platform(const char *platform); /* NULL: unknown */
const struct tee *tee_by_kbs_name(const char *name);

/* Initdata digest as a register holds it: cut or padded with zeroes to n bytes. */
void tee_fit_digest(struct bytes from, uint8_t *to, size_t n);
