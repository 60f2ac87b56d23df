/*
 * A test Azure: a paravisor whose vTPM's key is bound to a report of a test AMD or test Intel, and
 * the evidence its guest would send. Everything can be bent before it is made.
 */
#pragma once

#include "azure/azure.h"
#include "snp_gen.h"
#include "tdx_collateral_gen.h"
#include "vtpm_gen.h"

enum {
	AZURE_GEN_NOW = SNP_GEN_NOW,
};

struct azure_gen {
	bool tdx;
	struct snp_gen snp;
	struct tdx_gen intel;
	struct tdx_gen_quote td; /* report_data is computed */
	struct key *ak;		 /* RSA */
	struct digest_value report_data;
	struct collateral *collateral;
	struct tee_anchors anchors; /* borrowed from the test AMD or Intel */

	/* ---- bent on purpose ---- */
	unsigned version;     /* of the evidence: 0 to 2 */
	uint32_t hash_type;   /* 1 to 3 */
	uint32_t report_type; /* as shown in the HCL report */
	uint32_t pcrs;	      /* quoted */
	uint16_t bank;
	size_t n_selections;
	const struct key *signer; /* of the quote; NULL: ak */
	const char *nonce;	  /* extraData; NULL: report_data */
	bool foreign_user_data;	  /* zeroes instead of report_data */
	bool no_ak;		  /* runtime data without HCLAkPub */
	bool foreign_tdreport;	  /* another report_data than the TD quote's */
	bool broken_tdreport;	  /* a hash that does not fit */
	bool dirty_report_data;	  /* not zero after the digest */
	bool no_td_quote, no_vcek;
	struct digest_value pcr[TPM_PCRS];	      /* SHA-256 bank */
	struct buf hcl, message, signature, td_quote; /* by azure_gen_make() */
};

/* Good evidence of version 2; everything later is by azure_gen_make(). */
void azure_gen_init(struct azure_gen *g, bool tdx);
void azure_gen_done(struct azure_gen *g);
/* PCR 8 as a guest with that initdata has it. */
void azure_gen_bind_initdata(struct azure_gen *g, struct bytes digest);
/* HCL report, quote and TD quote, from the values above. */
void azure_gen_make(struct azure_gen *g);
/* The HCL report (and TD quote) alone; the AK may be a public key then. */
void azure_gen_make_hcl(struct azure_gen *g);
/* What the guest sends of them. */
void azure_gen_json(const struct azure_gen *g, struct buf *ret_json);
/* Raw: the HCL report with parts, quote apart. */
struct tee_verify_input azure_gen_input(const struct azure_gen *g);
