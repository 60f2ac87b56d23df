/*
 * What Intel publishes, by the keys of a test Intel: TCB info, QE identity, TCB signing certificate
 * and revocation lists that fit the quotes of tdx_gen_quote().
 */
#pragma once

#include "tdx_gen.h"

#include <tee/collateral.h>

struct tdx_gen_collateral {
	bool tdx;					/* false: SGX */
	int64_t issued, next_update;			/* of TCB info, identity and lists */
	uint64_t eval_num;				/* tcbEvaluationDataNumber of both */
	const char *status, *module_status, *qe_status; /* of the highest levels */
	const char *advisory;				/* of the highest level; NULL: none */
	/* The highest levels; whoever has less matches the next: all 1, "OutOfDate". */
	uint8_t sgx_svn, tdx_svn, module_svn, qe_svn;
	uint16_t pcesvn;
	bool one_level;		     /* no next ones */
	const uint8_t *fmspc;	     /* 6 bytes; NULL: the machine's */
	const uint8_t *qe_mr_signer; /* 32 bytes; NULL: that of the quotes */
	uint8_t module_major;	     /* identity TDX_<major> */
	bool revoke_pck, revoke_ca, revoke_signing;
	bool no_signing, no_info, no_identity, no_pck_crl, no_root_crl;
	const struct key *sign_info, *sign_identity; /* another key than the right one */
};

/* Issued an hour ago, valid for thirty days; UpToDate with exactly what the usual quotes have. */
struct tdx_gen_collateral tdx_gen_collateral(bool tdx);
void tdx_gen_collateral_add(
	const struct tdx_gen *g, const struct tdx_gen_collateral *want, struct collateral *to);
