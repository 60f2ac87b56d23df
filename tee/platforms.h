/* The rows of the platform table: one const struct each, beside the code of its platform. */
#pragma once

#include <tee/tee.h>

extern const struct tee tee_vtpm;
extern const struct tee tee_sample;
extern const struct tee tee_az_snp_vtpm;
extern const struct tee tee_az_tdx_vtpm;
extern const struct tee tee_tdx;
extern const struct tee tee_sgx;
extern const struct tee tee_sev;
extern const struct tee tee_snp;
extern const struct tee tee_se;
extern const struct tee tee_cca;
extern const struct tee tee_csv;
extern const struct tee tee_nvgpu;

/* Formats that can be decoded for people: const arrays of struct tee_format, one a folder, ended by
 * .name NULL, declared here and listed in tee.c. */
extern const struct tee_format azure_formats[];
extern const struct tee_format cca_formats[];
extern const struct tee_format sev_formats[];
extern const struct tee_format vtpm_formats[];
extern const struct tee_format snp_formats[];
extern const struct tee_format tdx_formats[];
extern const struct tee_format csv_formats[];
extern const struct tee_format nvgpu_formats[];
extern const struct tee_format se_formats[];
extern const struct tee_format collateral_formats[];

/* Codes with their meaning, in folders' own tables ended by .text NULL. */
struct tee_code {
	uint64_t code;
	const char *from; /* "SEV firmware", "TDX module" */
	const char *text; /* what it means and what to do */
};
extern const struct tee_code snp_codes[];
extern const struct tee_code tdx_codes[];
extern const struct tee_code se_codes[];

/* Codes of TPMs hold a parameter's or session's number: decoded instead of listed. Returns the
 * number of rows added. */
size_t tpm_rc_explain(uint64_t code, struct fields *out);

/* Guest halves (library tee-guest). */
extern const struct tee_guest_ops az_snp_vtpm_guest_ops;
extern const struct tee_guest_ops az_tdx_vtpm_guest_ops;
extern const struct tee_guest_ops se_guest_ops;
extern const struct tee_guest_ops snp_guest_ops;
extern const struct tee_guest_ops tdx_guest_ops;
extern const struct tee_guest_ops vtpm_guest_ops;
extern const struct tee_guest_ops sample_guest_ops;
