/* The library as a program sees it, on the platform that needs no hardware. */
#include "util.h"

#include <stdlib.h>
#include <string.h>

#include <base/auto.h>
#include <base/json.h>
#include <sealpod/verify.h>

static const char evidence[] = "{\"svn\":\"1\",\"report_data\":\"cmVwb3J0IGRhdGE=\"}";
#define REPORT_DATA "7265706f72742064617461"

static void freep(struct sealpod_verify **v)
{
	sealpod_verify_free(*v);
}

static struct sealpod_verify *with_evidence(void)
{
	struct sealpod_verify *v = sealpod_verify_new();

	assert_non_null(v);
	assert_int_equal(sealpod_verify_bytes(v, "evidence", evidence, strlen(evidence)), 0);
	assert_int_equal(sealpod_verify_set(v, "platform", "sample"), 0);
	assert_int_equal(sealpod_verify_set(v, "at", "2026-03-01T00:00:00Z"), 0);
	return v;
}

static void test_verified(void **state)
{
	AUTO(freep) struct sealpod_verify *v = with_evidence();
	AUTO(json_freep) struct json *j = NULL;
	struct sealpod_check c;

	(void)state;
	assert_int_equal(sealpod_verify_set(v, "report-data", REPORT_DATA), 0);
	assert_int_equal(sealpod_verify_run(v), SEALPOD_VERIFIED);
	assert_string_equal(sealpod_verify_error(v), "");
	assert_int_equal(sealpod_verify_checks(v), 1);
	assert_true(sealpod_verify_check(v, 0, &c));
	assert_int_equal(c.verdict, SEALPOD_CHECK_PASSED);
	assert_false(sealpod_verify_check(v, 1, &c));
	assert_non_null(strstr(sealpod_verify_text(v), "\nverified\n"));
	assert_ok(json_parse(bytes_str(sealpod_verify_json(v)), &j));
	assert_string_equal(json_string(json_get(j, "verdict")), "verified");
	assert_string_equal(json_string(json_get(j, "at")), "2026-03-01T00:00:00Z");
	assert_string_equal(json_string(json_pointer(j, "/claims/sample/launch_digest")), "abcde");
	/* One object, one verdict. */
	assert_int_equal(sealpod_verify_run(v), SEALPOD_ERROR);
}

static void test_refused(void **state)
{
	AUTO(freep) struct sealpod_verify *v = with_evidence();
	AUTO(json_freep) struct json *j = NULL;
	struct sealpod_check c;

	(void)state;
	assert_int_equal(sealpod_verify_set(v, "nonce", "00ff"), 0);
	assert_int_equal(sealpod_verify_run(v), SEALPOD_NOT_ACCEPTABLE);
	assert_true(sealpod_verify_check(v, 0, &c));
	assert_string_equal(c.code, "evidence.report-data");
	assert_true(strlen(c.hint) > 0);
	assert_non_null(strstr(sealpod_verify_text(v), "not acceptable: "));
	assert_non_null(strstr(sealpod_verify_text(v), "what to do: "));
	assert_ok(json_parse(bytes_str(sealpod_verify_json(v)), &j));
	assert_string_equal(json_string(json_get(j, "verdict")), "not acceptable");
	/* Claims of evidence that was refused are nowhere. */
	assert_null(json_get(j, "claims"));
}

static void test_policy_and_reference(void **state)
{
	static const struct {
		const char *role, *text;
		enum sealpod_status want;
		const char *code;
	} cases[] = {
		{ "policy", "{\"claims\":{\"sample.svn\":\"1\"}}", SEALPOD_VERIFIED, NULL },
		{ "policy", "{\"claims\":{\"sample.svn\":\"2\"}}", SEALPOD_NOT_ACCEPTABLE,
			"policy.claim" },
		{ "reference",
			"{\"version\":1,\"reference_values\":{\"launch_digest\":\"abcde\","
			"\"svn\":\"1\"}}",
			SEALPOD_VERIFIED, NULL },
		{ "reference",
			"{\"version\":1,\"reference_values\":{\"launch_digest\":\"other\","
			"\"svn\":\"1\"}}",
			SEALPOD_NOT_ACCEPTABLE, "sample.launch-unknown" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(freep) struct sealpod_verify *v = with_evidence();
		struct sealpod_check c;
		assert_int_equal(sealpod_verify_set(v, "report-data", REPORT_DATA), 0);
		assert_int_equal(sealpod_verify_bytes(
					 v, cases[i].role, cases[i].text, strlen(cases[i].text)),
			0);
		assert_int_equal(sealpod_verify_run(v), cases[i].want);
		assert_true(sealpod_verify_check(v, 1, &c));
		if (cases[i].code)
			assert_string_equal(c.code, cases[i].code);
	}
}

static void test_usage(void **state)
{
	static const struct {
		const char *option, *value, *part;
	} bad[] = {
		{ "platform", "tpmx", "not known" },
		{ "at", "yesterday", "is no time" },
		{ "report-data", "0", "" },
		{ "report-data", "", "empty" },
		{ "measurement", "xyz", "" },
		{ "min-tcb", "=3", "NAME=NUMBER" },
		{ "min-tcb", "snp=x", "" },
		{ "vmpl", "4", "" },
		{ "allow-debug", "maybe", "neither" },
		{ "crl-required", "", "neither" },
		{ "colour", "yes", "not known" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		AUTO(freep) struct sealpod_verify *v = sealpod_verify_new();
		assert_non_null(v);
		assert_int_equal(sealpod_verify_set(v, bad[i].option, bad[i].value), SEALPOD_ERROR);
		assert_non_null(strstr(sealpod_verify_error(v), bad[i].part));
	}
}

static void test_files(void **state)
{
	AUTO(freep) struct sealpod_verify *v = sealpod_verify_new();
	AUTO(freep) struct sealpod_verify *empty = sealpod_verify_new();
	AUTO(freep) struct sealpod_verify *unknown = sealpod_verify_new();

	(void)state;
	assert_int_equal(sealpod_verify_run(empty), SEALPOD_ERROR);
	assert_int_equal(sealpod_verify_file(v, "evidence", "/nowhere/at/all"), SEALPOD_ERROR);
	assert_non_null(strstr(sealpod_verify_error(v), "/nowhere/at/all"));
	assert_int_equal(sealpod_verify_bytes(v, "evidence", "", 0), SEALPOD_MALFORMED);
	assert_int_equal(sealpod_verify_bytes(v, "gossip", "x", 1), SEALPOD_ERROR);
	assert_int_equal(sealpod_verify_bytes(v, "ak", "x", 1), SEALPOD_VERIFIED);
	assert_int_equal(sealpod_verify_bytes(v, "ak", "x", 1), SEALPOD_ERROR);
	assert_int_equal(sealpod_verify_bytes(v, "collateral", "x", 1), SEALPOD_MALFORMED);
	assert_int_equal(sealpod_verify_bytes(v, "init-data", "x", 1), SEALPOD_MALFORMED);
	assert_int_equal(sealpod_verify_bytes(unknown, "evidence", "\x01", 1), SEALPOD_VERIFIED);
	assert_int_equal(sealpod_verify_run(unknown), SEALPOD_MALFORMED);
	assert_non_null(strstr(sealpod_verify_error(unknown), "no platform known"));
}

/* Whatever evidence holds, the report is text without control characters. */
static void test_hostile_text(void **state)
{
	static const char nasty[] =
		"{\"svn\":\"1\",\"report_data\":\"\\u001b[2J\\r\\n\\u0007evil\"}";
	AUTO(freep) struct sealpod_verify *v = sealpod_verify_new();

	(void)state;
	assert_int_equal(sealpod_verify_bytes(v, "evidence", nasty, strlen(nasty)), 0);
	assert_int_equal(sealpod_verify_set(v, "platform", "sample"), 0);
	assert_int_equal(sealpod_verify_set(v, "report-data", REPORT_DATA), 0);
	assert_int_equal(sealpod_verify_run(v), SEALPOD_NOT_ACCEPTABLE);
	for (const char *p = sealpod_verify_text(v); *p; p++)
		assert_true((unsigned char)*p >= ' ' || *p == '\n');
}

static void test_explain(void **state)
{
	char *text = NULL;

	(void)state;
	assert_int_equal(sealpod_explain("evidence.report-data", false, &text), 0);
	assert_non_null(strstr(text, "what to do: "));
	free(text);
	assert_int_equal(sealpod_explain("no.such-code", false, &text), SEALPOD_NOT_ACCEPTABLE);
	free(text);
	assert_int_equal(
		sealpod_explain("0xffffffffffffff01", true, &text), SEALPOD_NOT_ACCEPTABLE);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verified),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_policy_and_reference),
		cmocka_unit_test(test_usage),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_hostile_text),
		cmocka_unit_test(test_explain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
