/*
 * A TPM in software for tests: its keys, certificate, registers and event log, and the evidence a
 * guest would make of them. Everything can be bent before it is printed, to reach each refusal.
 */
#pragma once

#include "vtpm/tpm2.h"

#include <crypto/x509.h>
#include <tee/eventlog.h>
#include <tee/tee.h>

enum {
	GEN_NOW = 1760000000, /* when the certificates are valid */
	GEN_YEAR = 365 * 86400,
};

struct vtpm_gen {
	struct key *ca_key, *ek, *ak;
	struct tee_anchors anchors; /* the CA as software root */
	struct buf ek_cert;	    /* DER */
	struct buf ek_public, ak_public;
	uint16_t ak_scheme;
	struct buf log;
	struct digest_value pcr[TPM_PCRS]; /* SHA-256 bank */
};

/* RSA-2048 EK certified by a CA of its own; ECDSA P-256 AK. Boots nothing yet. */
void vtpm_gen_init(struct vtpm_gen *g);
void vtpm_gen_done(struct vtpm_gen *g);
/* Replaces the AK: scheme TPM_ALG_ECDSA, TPM_ALG_RSASSA or TPM_ALG_RSAPSS; 0: usual attributes. */
void vtpm_gen_ak(struct vtpm_gen *g, uint16_t scheme, uint32_t attributes);
/* Replaces the EK and its certificate, by the same CA. */
void vtpm_gen_ek(struct vtpm_gen *g, enum key_type type, uint32_t attributes);

/* ---- what booted ---- */
/* One event, extended into its register unless EV_NO_ACTION; digest: n = 0 for that of the data. */
void vtpm_gen_event(
	struct vtpm_gen *g, uint32_t pcr, uint32_t type, struct bytes data, struct bytes digest);
/* Without an entry in the log. */
void vtpm_gen_extend(struct vtpm_gen *g, uint32_t pcr, struct bytes digest);
void vtpm_gen_log_start(struct vtpm_gen *g);
struct vtpm_gen_boot {
	const char *crtm, *pei, *dxe, *kernel, *cmdline, *initrd; /* hashed as they are */
};
extern const struct vtpm_gen_boot vtpm_gen_usual;
/* The 25 events of a measured direct boot. */
void vtpm_gen_boot(struct vtpm_gen *g, const struct vtpm_gen_boot *what);
/* Reads its own SHA-256, in hex, to[65]. */
void vtpm_gen_hex(const char *what, char *to);
void vtpm_gen_bind_initdata(struct vtpm_gen *g, struct bytes digest);

/* ---- handshake ---- */
/* The auth request's extra-params as the guest sends them. */
void vtpm_gen_hello(const struct vtpm_gen *g, struct buf *ret_json);
/* What TPM2_ActivateCredential would release; fails as the TPM would. */
struct err vtpm_gen_activate(const struct vtpm_gen *g, struct bytes blob, struct bytes encrypted,
	struct secret **ret_secret);

struct vtpm_gen_attest { /* TPMS_ATTEST */
	uint32_t magic;
	uint16_t type;
	struct bytes extra_data;
	uint16_t bank;
	uint32_t pcrs;
	size_t n_selections;
};
struct vtpm_gen_evidence {
	struct buf ak_public, signature, message, ek_cert, ak_tpm_public, activation, event_log;
	uint8_t pcrs[TPM_PCRS][DIGEST_SHA256_SIZE];
};
/* A true quote; challenge_extra NULL leaves out the activation. */
void vtpm_gen_evidence(const struct vtpm_gen *g, struct bytes report_data,
	const struct json *challenge_extra, struct vtpm_gen_evidence *ret);
void vtpm_gen_evidence_done(struct vtpm_gen_evidence *e);
/* The quote of an evidence made again from these values and signed with the AK. */
struct vtpm_gen_attest vtpm_gen_attest(struct bytes extra_data);
void vtpm_gen_sign(
	const struct vtpm_gen *g, const struct vtpm_gen_attest *a, struct vtpm_gen_evidence *e);
/* Empty members are left out. */
void vtpm_gen_print(const struct vtpm_gen_evidence *e, struct buf *ret_json);
