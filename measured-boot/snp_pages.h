/* The SNP launch digest: a chain over pages. (SNP firmware ABI 1.55, 8.17.2, table 68) */
#pragma once

#include <measured-boot/launch.h>

enum snp_page_type {
	SNP_PAGE_NORMAL = 1,
	SNP_PAGE_VMSA = 2,
	SNP_PAGE_ZERO = 3,
	SNP_PAGE_UNMEASURED = 4,
	SNP_PAGE_SECRETS = 5,
	SNP_PAGE_CPUID = 6
};

struct snp_pages {
	struct digest_ctx *ctx;
	struct digest_value ld;
	const struct launch_log *log; /* may be NULL */
	const char *what, *input;     /* of the pages that follow, for the log */
};
/* Says what the pages that follow are. */
void snp_pages_name(struct snp_pages *p, const char *what, const char *input);
/* Starts from `seed` (48 bytes), or from zero when it is empty. */
RESULT snp_pages_init(struct snp_pages *p, struct bytes seed);
void snp_pages_done(struct snp_pages *p);
/* Whole pages with their contents, the first at `gpa`. */
RESULT snp_pages_data(
	struct snp_pages *p, enum snp_page_type type, uint64_t gpa, struct bytes data);
/* Whole pages of which only the place counts. */
RESULT snp_pages_place(struct snp_pages *p, enum snp_page_type type, uint64_t gpa, uint64_t size);
