/*
 * Signed JSON of Intel's provisioning service, decoded (PCS API v4: TCB info of version 2 and 3,
 * enclave identity of version 2). Private to tee/tdx/. Decoding is no trust.
 */
#pragma once

#include "tdx/tcb.h"

enum {
	TCB_COMPONENTS = 16,
	TCB_LEVELS_MAX = 256,
	TCB_MODULES_MAX = 32,
	TCB_ADVISORIES_MAX = 128, /* of one level */
	TCB_ID_SIZE = 16,
};

struct tcb_level {
	uint8_t sgx[TCB_COMPONENTS], tdx[TCB_COMPONENTS];
	uint16_t pcesvn;
	enum tcb_status status;
	int64_t date;
	const struct json *advisories; /* borrowed, may be NULL */
};

struct isv_level { /* of a TDX module or a quoting enclave */
	uint16_t isvsvn;
	enum tcb_status status;
	int64_t date;
	const struct json *advisories;
};

struct isv_levels {
	struct isv_level v[TCB_LEVELS_MAX];
	size_t n;
};

struct tcb_module {
	char id[TCB_ID_SIZE]; /* "TDX_01"; "" for tdxModule of major 0 */
	uint8_t mrsigner[48], attributes[8], mask[8];
	struct isv_levels levels;
};

struct tcb_info {
	struct json *tree; /* NULL: somebody else's */
	bool tdx;
	uint64_t version, eval_num;
	int64_t issue_date, next_update;
	uint8_t fmspc[6], pce_id[2];
	bool has_module;
	struct tcb_module module, *modules; /* major 0; n_modules of tdxModuleIdentities */
	size_t n_modules;
	struct tcb_level *levels; /* highest first */
	size_t n_levels;
};
/* The exact bytes of the object "tcbInfo". ERR_FORMAT names the member. */
RESULT tcb_info_parse(struct bytes text, struct tcb_info *ret_info);
/* The object parsed already; it must outlive the result. */
RESULT tcb_info_decode(const struct json *object, struct tcb_info *ret_info);
void tcb_info_done(struct tcb_info *i);

struct qe_identity {
	struct json *tree;
	char id[TCB_ID_SIZE]; /* "TD_QE", "QE", "QVE" */
	uint64_t eval_num;
	int64_t issue_date, next_update;
	uint32_t miscselect, miscselect_mask;
	uint8_t attributes[16], attributes_mask[16], mrsigner[32];
	uint16_t isvprodid;
	struct isv_levels levels; /* highest first */
};
/* The exact bytes of the object "enclaveIdentity". */
RESULT qe_identity_parse(struct bytes text, struct qe_identity *ret_identity);
RESULT qe_identity_decode(const struct json *object, struct qe_identity *ret_identity);
void qe_identity_done(struct qe_identity *q);

/* First of the levels with isvsvn at most that; NULL: none. */
const struct isv_level *isv_level_of(const struct isv_levels *l, uint16_t isvsvn);

/* What the rules of the evaluation say, without any check of trust. */
struct tcb_verdict {
	enum tcb_status status, level, module, qe;
	const struct tcb_level *matched;     /* NULL: none, NOT_SUPPORTED */
	const struct tcb_module *tdx_module; /* NULL: SGX, or not known */
	const struct isv_level *module_level, *qe_level;
	bool current_unknown; /* relaunch: TEE_TCB_SVN_2 is of a module without identity */
};
void tcb_evaluate(const struct tdx_tcb_input *in, const struct tcb_info *info,
	const struct qe_identity *qe, struct tcb_verdict *ret);
/* The module of that major version: tdxModule for 0; NULL: not known. */
const struct tcb_module *tcb_module_of(const struct tcb_info *info, uint8_t major);
