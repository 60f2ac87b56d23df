#include "util.h"
#include "verify_internal.h"

#include <string.h>

static void test_forms(void **state)
{
	static const struct {
		const char *text, *form, *hex;
	} cases[] = {
		{ "00ff10", "hex text", "00ff10" },
		{ " 00FF\n10\t\r\n", "hex text", "00ff10" },
		{ "0x00ff10", "hex text", "00ff10" },
		{ "AP8QIA==\n", "base64 text", "00ff1020" },
		{ "-_8QIDD-", "base64 text", "fbff102030fe" },
		{ "-_8QIA==", "base64 text", "fbff1020" },
		{ "AP8\nQIA\n==", "base64 text", "00ff1020" },
		{ "no text of either", "binary", "6e6f2074657874206f6620656974686572" },
		{ "0f f", "binary", "30662066" }, /* half an octet */
		{ "AP9=", "binary", "4150393d" }, /* bits beyond the end */
		{ "\x01\x02", "binary", "0102" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(buf_done) struct buf raw = BUF_INIT(EVIDENCE_MAX);
		AUTO(json_freep) struct json *json = NULL;
		const char *form = NULL;
		assert_ok(evidence_decode(bytes_str(cases[i].text), &raw, &json, &form));
		assert_string_equal(form, cases[i].form);
		assert_null(json);
		assert_bytes_equal(buf_bytes(&raw), test_hex(cases[i].hex));
	}
}

static void test_json(void **state)
{
	AUTO(buf_done) struct buf raw = BUF_INIT(EVIDENCE_MAX);
	AUTO(json_freep) struct json *json = NULL;
	const char *form = NULL;

	(void)state;
	assert_ok(evidence_decode(bytes_str(" \n{\"a\":1}\n"), &raw, &json, &form));
	assert_string_equal(form, "JSON");
	assert_int_equal(raw.n, 0);
	assert_int_equal(json_count(json), 1);
	json_freep(&json);
	json = NULL;
	assert_err(evidence_decode(bytes_str("{\"a\":1,\"a\":2}"), &raw, &json, &form), ERR_FORMAT);
	assert_err(evidence_decode(bytes_str("{\"a\":1}x"), &raw, &json, &form), ERR_FORMAT);
	assert_null(json);
}

static void test_policy_file(void **state)
{
	static const struct {
		const char *text, *part;
	} bad[] = {
		{ "{\"allow_debug\":1}", "neither yes nor no" },
		{ "{\"allow_debug\":true,\"allow_debug\":true}", "" },
		{ "{\"evidence\":\"x\"}", "'evidence' is not known" },
		{ "{\"claims\":[]}", "claims: not an object" },
		{ "{\"claims\":{\"a\":{}}}", "not a string, number or boolean" },
		{ "{\"minimum\":{\"a\":\"3\"}}", "not a number" },
		{ "{\"minimum\":3}", "minimum: not an object" },
		{ "{\"min_tcb\":[\"snp\"]}", "not NAME=NUMBER" },
		{ "{\"vmpl\":4}", "vmpl" },
		{ "min_tcb = 1.5", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct sealpod_verify *v = sealpod_verify_new();
		assert_non_null(v);
		assert_err(policy_file_parse(bytes_str(bad[i].text), v), ERR_FORMAT);
		assert_err_text(bad[i].part);
		sealpod_verify_free(v);
	}
}

static void test_policy_rules(void **state)
{
	static const char text[] = "allow_debug = true\n"
				   "crl_required = false\n"
				   "vmpl = 2\n"
				   "min_tcb = [\"snp=22\", \"microcode=7\"]\n"
				   "tcb_status = \"SWHardeningNeeded\"\n"
				   "[claims]\n"
				   "\"a.name\" = [\"x\", \"y\"]\n"
				   "\"a.number\" = 3\n"
				   "\"a.flag\" = false\n"
				   "[minimum]\n"
				   "\"a.number\" = 3\n";
	AUTO(checks_freep) struct checks *checks = NULL;
	AUTO(claims_done) struct claims good = { 0 }, bad = { 0 };
	struct sealpod_verify *v = sealpod_verify_new();

	(void)state;
	assert_non_null(v);
	assert_ok(policy_file_parse(bytes_str(text), v));
	assert_true(v->policy.allow_debug && v->policy.crl_optional);
	assert_int_equal(v->policy.vmpl, 2);
	assert_int_equal(v->policy.min_tcb.n, 2);
	assert_string_equal(v->policy.tcb_status.v[0], "SWHardeningNeeded");
	claims_str(&good, "a.name", "y");
	claims_u64(&good, "a.number", 3);
	claims_bool(&good, "a.flag", false);
	assert_ok(checks_new(&checks));
	verify_rules_check(&v->rules, &good, checks);
	assert_ok(checks_end(checks));
	assert_int_equal(checks->n, 4);
	claims_str(&bad, "a.name", "z");
	claims_u64(&bad, "a.number", 2);
	checks->n = 0;
	verify_rules_check(&v->rules, &bad, checks);
	assert_int_equal(checks->n, 4);
	for (size_t i = 0; i < checks->n; i++) {
		assert_int_equal(checks->v[i].verdict, CHECK_FAILED);
		assert_string_equal(checks->v[i].d.code, "policy.claim");
	}
	sealpod_verify_free(v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_policy_file),
		cmocka_unit_test(test_policy_rules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
