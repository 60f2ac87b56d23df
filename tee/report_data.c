#include <stdio.h>

#include <tee/tee.h>

enum {
	FIELD_MAX = 64
};

void check_report_data(
	const struct tee_verify_input *in, struct checks *c, const char *what, struct bytes actual)
{
	uint8_t want[FIELD_MAX];
	char most[32];

	if (in->report_data.n == 0) {
		check_skip(c, what, "no value given to compare with");
		return;
	}
	if (in->report_data.n > actual.n || actual.n > sizeof(want)) {
		(void)snprintf(most, sizeof(most), "at most %zu bytes", actual.n);
		check_fail(c, DENY_EVIDENCE_REPORT_DATA, what, most, "a longer value was expected");
		return;
	}
	tee_fit_digest(in->report_data, want, actual.n);
	(void)check_bytes(c, DENY_EVIDENCE_REPORT_DATA, what, bytes_of(want, actual.n), actual);
}
