#include "guest_check.h"

#include <base/encode.h>
#include <tee/denials.h>

enum {
	REGISTER_MAX = 64
};

RESULT guest_fit_report_data(struct bytes report_data, uint8_t to[static GUEST_REPORT_DATA])
{
	if (report_data.n > GUEST_REPORT_DATA)
		return err_new(ERR_LIMIT, "report_data of %zu bytes, at most %d", report_data.n,
			GUEST_REPORT_DATA);
	tee_fit_digest(report_data, to, GUEST_REPORT_DATA);
	return OK;
}

RESULT guest_check_report_data(const uint8_t asked[static GUEST_REPORT_DATA], struct bytes actual)
{
	if (!bytes_equal(bytes_of(asked, GUEST_REPORT_DATA), actual))
		return err_new(ERR_STATE,
			"the report is over other report_data than was asked for: "
			"another process uses the device; try again");
	return OK;
}

RESULT guest_check_initdata(
	const char *field, const struct digest_value *digest, struct bytes actual)
{
	char want[2 * REGISTER_MAX + 1], got[2 * REGISTER_MAX + 1];
	uint8_t fitted[REGISTER_MAX];

	if (actual.n > sizeof(fitted))
		return err_new(ERR_LIMIT, "%s of %zu bytes", field, actual.n);
	tee_fit_digest(digest_bytes(digest), fitted, actual.n);
	struct bytes expected = bytes_of(fitted, actual.n);
	if (bytes_equal(expected, actual))
		return OK;
	hex_to(expected, want);
	hex_to(actual, got);
	return tee_deny(DENY_INITDATA_MISMATCH, field, want, got);
}
