#include "util.h"

#include <stdio.h>
#include <string.h>

#include <base/auto.h>
#include <tee/check.h>

static void test_verdict(void **state)
{
	AUTO(checks_freep) struct checks *c = NULL;

	(void)state;
	assert_ok(checks_new(&c));
	/* Nothing looked at is no success, and neither is only what could not be looked at. */
	assert_err(checks_end(c), ERR_UNVERIFIED);
	assert_string_equal(err_denial()->code, "evidence.unchecked");
	check_skip(c, "a list", "none at hand");
	assert_err(checks_end(c), ERR_UNVERIFIED);
	check_pass(c, "signature", NULL);
	assert_ok(checks_end(c));
	check_fail(c, DENY_DEBUG, "policy", "no debug", "debug");
	check_fail(c, DENY_MEASUREMENT, "measurement", "aa", "bb");
	check_pass(c, "another", NULL);
	/* The first failure is the reason, whatever follows. */
	assert_err(checks_end(c), ERR_UNVERIFIED);
	assert_string_equal(err_denial()->code, "evidence.debug");
	assert_string_equal(err_denial()->field, "policy");
	assert_string_equal(err_denial()->expected, "no debug");
	assert_string_equal(err_denial()->actual, "debug");
	assert_int_equal(c->n, 5);
}

static void test_bytes(void **state)
{
	AUTO(checks_freep) struct checks *c = NULL;
	uint8_t big[200] = { 1 }, other[200] = { 1 };

	(void)state;
	other[199] = 1;
	assert_ok(checks_new(&c));
	assert_true(check_bytes(c, DENY_MEASUREMENT, "same", BYTES_OF(big), BYTES_OF(big)));
	assert_false(check_bytes(c, DENY_MEASUREMENT, "last", BYTES_OF(big), BYTES_OF(other)));
	assert_false(check_bytes(
		c, DENY_MEASUREMENT, "shorter", BYTES_OF(big), bytes_of(big, sizeof(big) - 1)));
	/* What does not fit is cut and says so. */
	assert_string_equal(c->v[1].d.expected + strlen(c->v[1].d.expected) - 3, "...");
	assert_true(check_bytes_if_given(c, DENY_MEASUREMENT, "none", BYTES_NONE, BYTES_OF(big)));
	assert_int_equal(c->v[3].verdict, CHECK_NOT_DONE);
	assert_false(
		check_bytes_if_given(c, DENY_MEASUREMENT, "given", BYTES_OF(other), BYTES_OF(big)));
}

static void test_result(void **state)
{
	AUTO(checks_freep) struct checks *c = NULL;

	(void)state;
	assert_ok(checks_new(&c));
	assert_true(check_result(c, OK, DENY_MEASUREMENT, "fine"));
	assert_false(check_result(c,
		err_deny(ERR_UNVERIFIED, "certificate.expired", "CN=x", "2020", "2026"),
		DENY_MEASUREMENT, "VCEK"));
	assert_string_equal(c->v[1].d.code, "certificate.expired");
	assert_string_equal(c->v[1].d.field, "VCEK: CN=x");
	assert_string_equal(c->v[1].d.actual, "2026");
	assert_false(
		check_result(c, err_new(ERR_FORMAT, "offset 4: bad"), DENY_MEASUREMENT, "report"));
	assert_string_equal(c->v[2].d.code, "evidence.measurement");
	assert_string_equal(c->v[2].d.actual, "offset 4: bad");
	/* Without memory there is no verdict, not a denial. */
	assert_false(check_result(c, err_new(ERR_NOMEM, "x"), DENY_MEASUREMENT, "report"));
	assert_err(checks_end(c), ERR_NOMEM);
}

static void test_full(void **state)
{
	AUTO(checks_freep) struct checks *c = NULL;

	(void)state;
	assert_ok(checks_new(&c));
	for (size_t i = 0; i <= CHECKS_MAX; i++)
		check_pass(c, "again", NULL);
	assert_err(checks_end(c), ERR_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verdict),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_result),
		cmocka_unit_test(test_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
