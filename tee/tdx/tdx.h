/*
 * Intel TDX and SGX quotes (Intel TDX DCAP: quote generation library and quote verification
 * library, appendix A), little-endian but for ECDSA numbers. Also used for the quote of an Azure
 * TDX guest.
 */
#pragma once

#include "tdx/tcb.h"

enum {
	TDX_MEASUREMENT = 48,
	TDX_RTMRS = 4,
	SGX_REPORT_SIZE = 384,
	TD_REPORT_10_SIZE = 584,
	TD_REPORT_15_SIZE = 648,
	TDREPORT_SIZE = 1024, /* TDG.MR.REPORT, not a quote */
	TDX_TEE_SGX = 0,
	TDX_TEE_TDX = 0x81,
	TDX_ROOT_KEY_ID = 48,
};

enum tdx_body_type {
	TDX_BODY_SGX = 1,
	TDX_BODY_TD_10 = 2,
	TDX_BODY_TD_15 = 3
};

struct sgx_report { /* REPORTBODY of an enclave: that of an SGX quote, and the QE's */
	uint8_t cpusvn[16];
	uint32_t miscselect;
	uint8_t isv_ext_prod_id[16], attributes[16], mr_enclave[32], mr_signer[32], config_id[64];
	uint16_t isv_prod_id, isv_svn, config_svn;
	uint8_t isv_family_id[16], report_data[64];
	struct bytes raw; /* SGX_REPORT_SIZE; view */
};

struct td_report { /* TD quote body */
	uint8_t tee_tcb_svn[16], mr_seam[48], mrsigner_seam[48], seam_attributes[8];
	uint64_t td_attributes, xfam;
	uint8_t mr_td[48], mr_config_id[48], mr_owner[48], mr_owner_config[48];
	uint8_t rtmr[TDX_RTMRS][48], report_data[64];
	uint8_t tee_tcb_svn2[16], mr_servicetd[48]; /* TD 1.5 */
};

struct tdx_quote {
	uint16_t version, att_key_type;
	uint32_t tee_type;
	struct bytes header_reserved, qe_vendor_id, user_data; /* views */
	enum tdx_body_type body_type;
	uint32_t body_size;
	struct td_report td;				       /* TDX_BODY_TD_* */
	struct sgx_report sgx;				       /* TDX_BODY_SGX */
	struct bytes signed_bytes, signature, attestation_key; /* views: r || s, x || y */
	struct sgx_report qe;
	struct bytes qe_signature, qe_auth_data;
	uint16_t cert_type;
	struct bytes cert_data; /* type 5: PEM chain */
	size_t trailing;	/* bytes after the declared end */
};
/* ERR_FORMAT names field and offset; ERR_UNSUPPORTED: version, key type or TEE type not known. */
RESULT tdx_quote_parse(struct bytes in, struct tdx_quote *ret_quote);

/* What a verified quote has proved, for claims. */
struct tdx_verified {
	struct tdx_quote quote;
	struct pck_info pck;
	struct tdx_tcb_result tcb;
	uint8_t root_key_id[TDX_ROOT_KEY_ID]; /* SHA-384 of the root's uncompressed point */
	bool simulated;
};
void tdx_verified_done(struct tdx_verified *v);
/* DEBUG of a TD or of an enclave. */
bool tdx_quote_debug(const struct tdx_quote *q);
/*
 * Everything about the quote itself: PCK chain to the Intel root (built in, or in->anchors),
 * revocation, QE report and its binding, the signature, QE identity, TCB level and status against
 * the policy, debug and reserved attributes, the policy's minimum TCB. Not: report_data,
 * mr_config_id, measurement. ERR_FORMAT, ERR_UNSUPPORTED: not parsed; ERR_USAGE: the policy's
 * min_tcb names something unknown ("tee_tcb_svn.0" to ".15" of a TD, "pcesvn", "qe_isv_svn").
 */
RESULT tdx_check_quote(const struct tee_verify_input *in, struct bytes quote, struct checks *checks,
	struct tdx_verified *ret_verified);
/* Trustee's claim names under `prefix` ("tdx", "sgx"), without event log, init_data and
 * report_data. */
void tdx_quote_claims(const struct tdx_verified *v, const char *prefix, struct claims *claims);
void tdx_quote_describe(const struct tdx_quote *q, struct fields *out);
