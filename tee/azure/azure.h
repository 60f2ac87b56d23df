/*
 * Confidential guests of Azure, whose vTPM is run by Microsoft's paravisor: an HCL report binds the
 * vTPM's attestation key to a report of the processor (Azure guest attestation, HCL report). All
 * integers little-endian. Parsed structs hold views unless said otherwise.
 */
#pragma once

#include "vtpm/vtpm_files.h"

#include <tee/tee.h>

enum {
	HCL_SNP = 2,
	HCL_TDX = 4,
	HCL_HARDWARE_SIZE = 1184, /* SNP report, or TDREPORT and zeroes */
	HCL_REPORT_MAX = 16 * 1024,
	HCL_USER_DATA = 64,
};

struct hcl_report {
	uint32_t version, report_size, request_type, status;
	struct bytes hardware; /* HCL_HARDWARE_SIZE */
	uint32_t data_size, data_version, report_type, hash_type;
	struct bytes runtime_data; /* JSON: what the processor's report vouches for */
	size_t runtime_offset;
};
/* ERR_FORMAT names field and offset; only zeroes may follow the runtime data. */
RESULT hcl_report_parse(struct bytes in, struct hcl_report *ret_report);
bool hcl_report_looks(struct bytes in);
/* Digest of the runtime data by the report's hash type. ERR_UNSUPPORTED. */
RESULT hcl_runtime_digest(const struct hcl_report *r, struct digest_value *ret_digest);
const char *hcl_type_name(uint32_t report_type); /* "SNP", "TDX", "unknown" */

struct hcl_runtime {
	struct json *json;
	struct key *ak; /* HCLAkPub */
	bool has_user_data;
	uint8_t user_data[HCL_USER_DATA];
};
RESULT hcl_runtime_parse(struct bytes runtime_data, struct hcl_runtime *ret_runtime);
void hcl_runtime_done(struct hcl_runtime *r);

/* What a guest sends (versions 0 to 2 of CoCo's JSON), or files of tools. Owned. */
struct azure_evidence {
	uint64_t version;
	bool has_quote;
	struct buf hcl, signature, message, vcek, td_quote;
	struct pcrs pcrs;
	bool has_pcrs;
};
/* JSON, with an "evidence" around it or without; or an HCL report as in->raw with parts "vcek",
 * "td-quote", "quote" (bincode, TPMS_ATTEST or JSON), "signature", "pcrs". */
RESULT azure_evidence_decode(
	const struct tee_verify_input *in, struct azure_evidence *ret_evidence);
void azure_evidence_done(struct azure_evidence *e);
/* JSON evidence of that kind: its HCL report is looked into. Raw likewise. */
bool azure_evidence_looks(const struct tee_verify_input *in, uint32_t report_type);
