/*
 * Intel's TCB of a platform: the PCK certificate's extension, signed TCB info and QE identity (PCS
 * API v4), and the evaluation that leads to a status. Status names are Intel's.
 */
#pragma once

#include <tee/tee.h>

enum tcb_status { /* best to worst */
	TCB_UP_TO_DATE,
	TCB_SW_HARDENING_NEEDED,
	TCB_CONFIGURATION_NEEDED,
	TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED,
	TCB_TD_RELAUNCH_ADVISED,
	TCB_TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED,
	TCB_OUT_OF_DATE,
	TCB_OUT_OF_DATE_CONFIGURATION_NEEDED,
	TCB_REVOKED,
	TCB_NOT_SUPPORTED, /* no level matches; never accepted */
	TCB_STATUS_N
};
const char *tcb_status_name(enum tcb_status s); /* "UpToDate" */
RESULT tcb_status_parse(const char *name, enum tcb_status *ret_status);

/* Extension 1.2.840.113741.1.13.1 of a PCK certificate. */
struct pck_info {
	uint8_t ppid[16], cpusvn[16], pce_id[2], fmspc[6];
	uint8_t tcb_components[16];
	uint16_t pcesvn;
	uint8_t sgx_type; /* 0 standard, 1 scalable, 2 scalable with integrity */
	bool has_platform_instance_id, has_configuration;
	uint8_t platform_instance_id[16];
	bool dynamic_platform, cached_keys, smt_enabled;
};
RESULT pck_info_parse(const struct x509 *pck, struct pck_info *ret_info);

struct tdx_tcb_input {
	const struct pck_info *pck;
	bool tdx;					/* false: SGX */
	bool td_15;					/* body type 3 */
	const uint8_t *tee_tcb_svn, *tee_tcb_svn2;	/* 16 bytes each; TDX */
	const uint8_t *mrsigner_seam, *seam_attributes; /* 48 and 8 bytes; TDX */
	/* of the QE's report */
	uint32_t qe_miscselect;
	const uint8_t *qe_attributes, *qe_mr_signer; /* 16 and 32 bytes */
	uint16_t qe_isv_prod_id, qe_isv_svn;
	const struct x509
		*root; /* the verified root of the PCK chain: signs the TCB signing chain */
};

struct tdx_tcb_result {
	enum tcb_status status;		   /* after convergence and relaunch rule */
	enum tcb_status level, module, qe; /* what it came from; module UpToDate for major 0 */
	char module_id[8];		   /* "TDX_01"; "" for major 0 and SGX */
	struct strv advisory_ids;	   /* union, sorted, once each */
	int64_t tcb_date;		   /* of the level */
	int64_t earliest_issue, latest_issue, earliest_expiration; /* over all collateral used */
	uint64_t tcb_eval_num;
	uint64_t pck_crl_num, root_ca_crl_num;
	bool expired; /* some collateral was past its nextUpdate, within the policy's staleness */
};
void tdx_tcb_result_done(struct tdx_tcb_result *r);
/*
 * Finds TCB info (of the PCK's FMSPC) and QE identity in in->collateral; checks their signing chain
 * and its revocation, their signatures over the exact bytes received, dates, FMSPC and PCE-ID, the
 * QE's identity, the TDX module; evaluates the level. One row each in `checks`, the last being the
 * status against the policy. Two sets for one FMSPC: the one valid at in->now with the highest
 * tcbEvaluationDataNumber.
 */
RESULT tdx_check_tcb(const struct tee_verify_input *in, const struct tdx_tcb_input *tcb,
	struct checks *checks, struct tdx_tcb_result *ret_result);
