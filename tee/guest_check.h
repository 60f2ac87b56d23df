/* What drivers check before a broker does, so that a pod fails early and with a reason. Private to
 * tee-guest. */
#pragma once

#include <tee/tee.h>

enum {
	GUEST_REPORT_DATA = 64 /* of TDX, SNP and Secure Execution */
};

/* report_data as the platforms' field holds it, padded with zeroes. ERR_LIMIT: it is longer. */
RESULT guest_fit_report_data(struct bytes report_data, uint8_t to[static GUEST_REPORT_DATA]);
/* What came back is over what was asked for. */
RESULT guest_check_report_data(const uint8_t asked[static GUEST_REPORT_DATA], struct bytes actual);
/* The register holds the initdata's digest, cut or padded to its size: else a refusal
 * "initdata.mismatch" with both values. */
RESULT guest_check_initdata(
	const char *field, const struct digest_value *digest, struct bytes actual);
