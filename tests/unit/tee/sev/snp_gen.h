/*
 * A test AMD: root (ARK), signing key (ASK, or ASVK for VLEKs), the certificate of one chip or
 * provider, the root's revocation list, and the reports that this chip's firmware would sign.
 * Members have good values after snp_gen_init() and may be bent before something is made of them.
 */
#pragma once

#include "sev/snp_internal.h"

enum {
	SNP_GEN_NOW = 1760000000, /* when everything is valid */
	SNP_GEN_YEAR = 365 * 86400,
	SNP_GEN_TABLE_MAX = 16 * 1024,
	SNP_GEN_JSON_MAX = 64 * 1024,
};

struct snp_gen_times {
	int64_t from, to;
};

struct snp_gen {
	const struct key *ark_key, *ask_key; /* of the program, made once: RSA is slow */
	struct key *vek_key;
	struct x509 *ark, *ask, *vek; /* by snp_gen_certs() */
	struct buf crl;		      /* DER */
	struct tee_anchors anchors;   /* vendor: the ARK */
	struct collateral *collateral;

	/* ---- what the certificates say ---- */
	enum snp_product product; /* in their names */
	bool vlek;
	const char *vek_name, *ask_name; /* NULL: right */
	struct snp_tcb vek_tcb;
	uint8_t hwid[SNP_CHIP_ID_SIZE];
	size_t hwid_n;
	bool hwid_tagged; /* as an OCTET STRING, else bare */
	const char *csp_id;
	const char *without; /* an extension's OID that is left out */
	const char *broken;  /* one whose value is no DER of its type */
	struct snp_gen_times ark_times, ask_times, vek_times, crl_times;
	bool forged_ask, forged_vek, forged_crl; /* right names, signed by another key */
	bool revoked;				 /* the ASK is on the list */

	/* ---- what the report says ---- */
	struct snp_report report; /* product, r, s and signed_bytes are not looked at */
	const struct key *signer; /* NULL: the chip's key */
	size_t patch_at;	  /* a byte changed before it is signed; 0: none */
	uint8_t patch;
};

/* For tests with the clock of a real program: what is made later is valid now instead. */
void snp_gen_at(int64_t now);
/* Everything good. `version` of the report, 2 to 5. */
void snp_gen_init(struct snp_gen *g, unsigned version, enum snp_product product, bool vlek);
void snp_gen_done(struct snp_gen *g);
/* For benchmarks: keys of so many bits (AMD's have 4096) from the next snp_gen_certs() on. */
void snp_gen_rsa_bits(unsigned bits);
/* Certificates, list, anchors and collateral (ASK, VCEK or VLEK, CRL) again. */
void snp_gen_certs(struct snp_gen *g);
/* Parts of a TCB as the product has them. */
struct snp_tcb snp_gen_tcb(enum snp_product product, const uint8_t parts[static 5]);
uint64_t snp_gen_tcb_raw(const struct snp_tcb *t);

/* A signed report, SNP_REPORT_SIZE bytes. */
void snp_gen_report(const struct snp_gen *g, struct buf *ret);
/* Certificate table with VCEK or VLEK, ASK and ARK. */
void snp_gen_table(const struct snp_gen *g, struct buf *ret);
/* MSG_REPORT_RSP as the kernel hands it out. */
void snp_gen_response(struct bytes report, struct buf *ret);
/* Trustee's evidence; with the certificates in it or not (null). */
void snp_gen_json(const struct snp_gen *g, struct bytes report, bool chain, struct buf *ret);

/* What tee_verify() needs to accept it: report_data, anchors, collateral, now. */
struct tee_verify_input snp_gen_input(const struct snp_gen *g);
