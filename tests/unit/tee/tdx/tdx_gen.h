/*
 * A test Intel: root, Platform and Processor CA, TCB signing certificate and one machine's PCK
 * certificate, and the quotes its quoting enclave would make. Everything can be bent before it is
 * made. TCB info, identities and revocation lists by the same keys: tdx_collateral_gen.h.
 */
#pragma once

#include "tdx/tdx.h"

#include <crypto/x509.h>

enum {
	TDX_GEN_NOW = 1760000000, /* when the certificates are valid */
	TDX_GEN_YEAR = 365 * 86400,
	TDX_GEN_QUOTE_MAX = 32 * 1024,
};

struct tdx_gen {
	struct key *root_key, *platform_key, *processor_key, *tcb_key, *pck_key;
	struct key *attestation_key; /* of the quoting enclave */
	struct x509 *root, *platform_ca, *processor_ca, *tcb_signing, *pck;
	struct pck_info info;	    /* what the PCK certificate says */
	bool processor;		    /* the Processor CA certified it */
	struct tee_anchors anchors; /* vendor: the root */
};

/* For tests with the clock of a real program: what is made later is valid now instead. */
void tdx_gen_at(int64_t now);
int64_t tdx_gen_time(void);
/* PCK by the Platform CA with the values of tdx_gen_info(). */
void tdx_gen_init(struct tdx_gen *g);
void tdx_gen_done(struct tdx_gen *g);
/* FMSPC 112233445566, PCE-ID 0000, PCESVN 11, all components 5. */
struct pck_info tdx_gen_info(void);
/* The machine's PCK certificate again, with g->info, by the CA that g->processor says, valid within
 * these times. */
void tdx_gen_pck(struct tdx_gen *g, int64_t not_before, int64_t not_after);
/* The CA of the PCK certificate. */
const struct x509 *tdx_gen_ca(const struct tdx_gen *g);
/* Value of the PCK certificate's SGX extension. */
void tdx_gen_pck_extension(const struct pck_info *info, struct buf *ret_der);

/* What a quote will say. The signatures are right unless told otherwise. */
struct tdx_gen_quote {
	uint16_t version, att_key_type;
	uint32_t tee_type;
	uint16_t body_type; /* version 5 shows it; the body that is written */
	uint32_t body_size; /* as shown by version 5 */
	uint8_t qe_vendor_id[16];
	struct td_report td;
	struct sgx_report sgx, qe; /* qe.report_data is computed */
	struct bytes auth_data;
	uint16_t outer_cert_type, cert_type; /* 6 and 5 */
	struct bytes cert_data;		     /* n = 0: leaf, CA and root as PEM */
	size_t trailing;		     /* zero bytes at the end */
	/* ---- wrong on purpose ---- */
	const struct key *sign_quote, *sign_qe; /* another key than the right one */
	bool wrong_binding; /* the QE's report_data is not the digest of the key */
	bool dirty_binding; /* its second half is not zero */
};

/* Version 3 (TDX_BODY_SGX), 4 (TDX_BODY_TD_10) or 5 (TDX_BODY_TD_15) with measurements of repeated
 * bytes. TEE_TCB_SVN 5.1.5: module major 1 minor 5; TEE_TCB_SVN_2 the same. QE: ISV SVN 4. */
struct tdx_gen_quote tdx_gen_quote(enum tdx_body_type type);
void tdx_gen_quote_make(const struct tdx_gen *g, const struct tdx_gen_quote *q, struct buf *ret);
void tdx_gen_put_sgx_report(const struct sgx_report *s, struct buf *out);
void tdx_gen_put_td_report(const struct td_report *t, bool td_15, struct buf *out);

/* ---- what booted ---- */
struct tdx_gen_log {
	struct buf log;			     /* as of a CCEL, without padding */
	struct digest_value rtmr[TDX_RTMRS]; /* what it leads to */
};
/* The Spec ID event with SHA-384 alone. */
void tdx_gen_log_start(struct tdx_gen_log *l);
void tdx_gen_log_done(struct tdx_gen_log *l);
/* An event whose digest is that of its data; register index 1 to 4 is RTMR0 to 3, another one
 * extends nothing. */
void tdx_gen_log_event(struct tdx_gen_log *l, uint32_t mr, uint32_t type, struct bytes data);
/* A firmware's and a kernel's events in RTMR0 to 2. */
void tdx_gen_log_boot(struct tdx_gen_log *l);
/* The quote's RTMRs are those of the log. */
void tdx_gen_log_quoted(const struct tdx_gen_log *l, struct tdx_gen_quote *q);

/* Trustee's evidence; log n = 0: cc_eventlog is null; an SGX quote has no such member. */
void tdx_gen_evidence(struct bytes quote, struct bytes log, struct buf *ret_json);
