/*
 * AMD SEV-SNP attestation reports (SNP firmware ABI 1.55 and later, "ATTESTATION_REPORT"), all
 * integers little-endian. Also used for the report inside an Azure HCL report.
 */
#pragma once

#include <tee/tee.h>

enum {
	SNP_REPORT_SIZE = 1184,
	SNP_SIGNED_SIZE = 0x2a0,
	SNP_CHIP_ID_SIZE = 64,
	SNP_CSP_ID_SIZE = 64,
	SNP_VMPL_HOST = 0xffffffff,
};

enum snp_product {
	SNP_UNKNOWN,
	SNP_MILAN,
	SNP_GENOA,
	SNP_TURIN
};

struct snp_tcb {      /* one byte each; fmc only on Turin */
	uint64_t raw; /* as in the report */
	bool has_fmc;
	uint8_t fmc, bootloader, tee, snp, microcode;
};

/* Parts of a TCB_VERSION by the layout of the product. */
struct snp_tcb snp_tcb_of(uint64_t raw, enum snp_product product);
const char *snp_product_name(enum snp_product p); /* "Milan", as in certificates and the KDS */

enum { /* KEY_INFO */
	SNP_KEY_AUTHOR = 1u << 0,
	SNP_KEY_MASK_CHIP = 1u << 1,
	SNP_KEY_SIGNING_SHIFT = 2,
	SNP_KEY_SIGNING_MASK = 7,
	SNP_KEY_VCEK = 0,
	SNP_KEY_VLEK = 1,
	SNP_KEY_NONE = 7,
};

enum { /* POLICY */
	SNP_POLICY_SMT = 16,
	SNP_POLICY_MUST_BE_ONE = 17,
	SNP_POLICY_MIGRATE_MA = 18,
	SNP_POLICY_DEBUG = 19,
	SNP_POLICY_SINGLE_SOCKET = 20,
	SNP_POLICY_CXL = 21,
	SNP_POLICY_AES_256_XTS = 22,
	SNP_POLICY_RAPL_DIS = 23,
	SNP_POLICY_CIPHERTEXT_HIDING = 24,
	SNP_POLICY_PAGE_SWAP_DIS = 25,
};

struct snp_version {
	uint8_t major, minor, build;
};

struct snp_report {
	uint32_t version, guest_svn;
	uint64_t policy;
	uint8_t family_id[16], image_id[16];
	uint32_t vmpl, signature_algo;
	struct snp_tcb current_tcb, reported_tcb, committed_tcb, launch_tcb;
	uint64_t platform_info;
	uint32_t key_info;
	uint8_t report_data[64], measurement[48], host_data[32];
	uint8_t id_key_digest[48], author_key_digest[48];
	uint8_t report_id[32], report_id_ma[32];
	uint8_t cpuid_family, cpuid_model, cpuid_stepping; /* version 3 and later */
	uint8_t chip_id[SNP_CHIP_ID_SIZE];
	struct snp_version current, committed;
	uint64_t launch_mit_vector, current_mit_vector; /* version 5 */
	struct bytes r, s;				/* 72 bytes each, little-endian; views */
	struct bytes signed_bytes;			/* view */
	enum snp_product product;     /* by family and model; version 2: Turin by its chip id, else
				       * SNP_UNKNOWN until snp_check_report() */
	char csp_id[SNP_CSP_ID_SIZE]; /* by snp_check_report(): of a VLEK, the provider; else "" */
};
/* Exactly SNP_REPORT_SIZE bytes; reserved bytes must be zero. ERR_FORMAT names field and offset. */
RESULT snp_report_parse(struct bytes in, struct snp_report *ret_report);

/*
 * Everything about the report itself: certificate of the report's key and its chain (from `certs`,
 * the collateral, the built-in AMD roots or in->anchors), revocation, TCB and chip id against the
 * certificate, the signature, policy bits, VMPL, minimum TCB. Not: report_data, host_data,
 * measurement. `certs` may be NULL. Failures are rows in `checks`; *ret_simulated: the chain ended
 * in a software root. What only the certificate knows is put into the report: csp_id, and in
 * version 2 the product, with the parts of the TCBs as that product has them.
 */
RESULT snp_check_report(const struct tee_verify_input *in, struct snp_report *report,
	const struct x509_list *certs, struct checks *checks, bool *ret_simulated);
/* The parts of all TCBs by the layout of that product. */
void snp_report_set_product(struct snp_report *report, enum snp_product product);
/* Trustee's claim names under `prefix` ("snp"), and those that Trustee leaves out. */
void snp_report_claims(const struct snp_report *report, const char *prefix, struct claims *claims);
/* All rows of a report, for `sealpod inspect`. */
void snp_report_describe(const struct snp_report *report, struct fields *out);
