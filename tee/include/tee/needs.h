/* Which published collateral the verdict over a piece of evidence asks for. */
#pragma once

#include <tee/tee.h>

enum {
	NEEDS_PRODUCT_MAX = 16,
	NEEDS_QUERY_MAX = 512,
	NEEDS_FMSPC_MAX = 16,
};

struct tee_needs {
	char amd_product[NEEDS_PRODUCT_MAX]; /* "Milan"; "": not AMD's */
	/* Path and query below /vcek/v1/ of the chip's certificate (AMD 57230, chapter 4); "": the
	 * evidence brings one, or only its provider has it. */
	char vcek[NEEDS_QUERY_MAX];
	char fmspc[NEEDS_FMSPC_MAX]; /* 12 hex digits; "": not Intel's */
	bool tdx;
};

/* A chip and its firmware, as AMD's server asks for them. */
struct tee_vcek {
	const char *product;			      /* "Milan" */
	struct bytes chip_id;			      /* 8 bytes on Turin, else 64 */
	uint8_t fmc, bootloader, tee, snp, microcode; /* fmc: Turin's */
};
/* As tee_needs.vcek. ERR_USAGE: the product is not known, or the chip id of another length. */
RESULT tee_vcek_query(const struct tee_vcek *v, char to[static NEEDS_QUERY_MAX]);
/* Evidence as for tee_verify(); nothing is trusted. ERR_UNSUPPORTED: nobody publishes for it. */
RESULT tee_needs_of(const struct tee_verify_input *in, struct tee_needs *ret_needs);
