/*
 * TDREPORT: what the TDX module gives a TD for the quoting enclave (TDX module ABI,
 * TDREPORT_STRUCT), little-endian. Its MAC can be checked on the same machine only, so it proves
 * nothing elsewhere; Azure's HCL report holds one.
 */
#pragma once

#include "tdx/tdx.h"

struct tdreport {
	uint8_t type, subtype, version; /* 0x81, 0, 0 or 1 */
	uint8_t cpusvn[16];
	uint8_t tee_tcb_info_hash[48], tee_info_hash[48], report_data[64], mac[32];
	uint64_t valid;			    /* members of TEE_TCB_INFO that are set, a bit each */
	struct td_report td;		    /* report_data as above; mr_servicetd: SERVTD_HASH */
	struct bytes tee_tcb_info, td_info; /* what the hashes are of; views */
};
/* Exactly TDREPORT_SIZE bytes of TEE type 0x81. ERR_FORMAT names field and offset. */
RESULT tdreport_parse(struct bytes in, struct tdreport *ret_report);
/* A row for each of the two SHA-384 hashes. */
RESULT tdreport_check(const struct tdreport *r, struct checks *checks);
void tdreport_describe(const struct tdreport *r, struct fields *out);
