#include "util.h"

#include <stdio.h>

#include <base/encode.h>
#include <tee/denials.h>
#include <tee/tee.h>

static void test_lookup(void **state)
{
	(void)state;
	assert_string_equal(tee_by_platform("vtpm")->kbs_name, "tpm");
	assert_ptr_equal(tee_by_kbs_name("tpm"), tee_by_platform("vtpm"));
	assert_ptr_equal(tee_by_kbs_name("sample"), tee_by_platform("sample"));
	assert_null(tee_by_platform("tpm"));
	assert_null(tee_by_kbs_name("vtpm"));
	assert_null(tee_by_kbs_name(""));
}

static void test_fit_digest(void **state)
{
	static const uint8_t in[4] = { 1, 2, 3, 4 };
	uint8_t out[6];

	(void)state;
	tee_fit_digest(BYTES_OF(in), out, 2);
	assert_memory_equal(out, "\1\2", 2);
	tee_fit_digest(BYTES_OF(in), out, 6);
	assert_memory_equal(out, "\1\2\3\4\0\0", 6);
	tee_fit_digest(BYTES_NONE, out, 6);
	assert_true(bytes_is_zero(BYTES_OF(out)));
}

/* Every code is documented, and no documented code is unknown. */
static void test_denials_documented(void **state)
{
	static const enum tee_denial all[] = {
#define X(name, code) name,
		TEE_DENIALS(X)
#undef X
	};
	AUTO(buf_done) struct buf doc = test_file(test_source("docs/denials.md"));
	const char *text = buf_cstr(&doc);
	size_t rows = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		char row[DENIAL_CODE_MAX + 8];

		assert_true(strlen(tee_denial_code(all[i])) < DENIAL_CODE_MAX);
		(void)snprintf(row, sizeof(row), "| `%s` |", tee_denial_code(all[i]));
		if (!strstr(text, row))
			print_error("docs/denials.md lacks %s\n", tee_denial_code(all[i]));
		assert_non_null(strstr(text, row));
	}
	for (const char *at = text; (at = strstr(at, "\n| `")); at++)
		rows++;
	assert_int_equal(rows, ARRAY_LEN(all));
}

static void test_deny_because(void **state)
{
	(void)state;
	assert_ok(tee_deny_because(OK, DENY_TOKEN_TIME, "x"));
	assert_err(tee_deny_because(err_new(ERR_NOMEM, "m"), DENY_TOKEN_TIME, "x"), ERR_NOMEM);
	assert_err(
		tee_deny_because(err_new(ERR_FORMAT, "why"), DENY_TOKEN_TIME, "x"), ERR_UNVERIFIED);
	assert_string_equal(err_denial()->code, "token.expired");
	assert_string_equal(err_denial()->actual, "why");
}

/* ---- claims ---- */
static void test_claims(void **state)
{
	static const uint8_t bytes[2] = { 0xab, 0xcd };
	AUTO(claims_done) struct claims c = { 0 };
	AUTO(buf_done) struct buf text = BUF_INIT(4096);

	(void)state;
	claims_str(&c, "tpm.name", "a\"b");
	claims_u64(&c, "count", 18446744073709551615ull);
	claims_hex(&c, "tpm.sub.deep", BYTES_OF(bytes));
	claims_bool(&c, "debug", false);
	claims_list_add(&c, "tpm.list", "x");
	claims_list_add(&c, "tpm.list", "y");
	claims_str(&c, "tpm2", "not below tpm");
	claims_str(&c, "tpm2x.one\\.part.leaf\\.", "v");
	claims_list_add(&c, "none", NULL);
	claims_json(&c, "tpm.log", bytes_str("[{\"a\":1}]"));
	assert_ok(claims_end(&c));
	assert_ok(claims_print(&c, &text));
	assert_string_equal(buf_cstr(&text),
		"{\"tpm\":{\"name\":\"a\\\"b\",\"sub\":{\"deep\":\"abcd\"},\"list\":[\"x\",\"y\"],"
		"\"log\":[{\"a\":1}]},"
		"\"count\":18446744073709551615,\"debug\":false,\"tpm2\":\"not below "
		"tpm\",\"tpm2x\":"
		"{\"one.part\":{\"leaf.\":\"v\"}},\"none\":[]}");
	assert_string_equal(claim_text(claims_get(&c, "count")), "18446744073709551615");
	assert_string_equal(claim_text(claims_get(&c, "debug")), "false");
	assert_string_equal(claim_text(claims_get(&c, "tpm.list")), "x,y");
	assert_string_equal(claim_text(claims_get(&c, "tpm")), "");
	assert_null(claims_get(&c, "absent"));
}

static void test_claims_misused(void **state)
{
	AUTO(claims_done) struct claims twice = { 0 }, kind = { 0 }, nest = { 0 }, many = { 0 };
	AUTO(buf_done) struct buf text = BUF_INIT(4096);
	char name[16];

	(void)state;
	claims_str(&twice, "a", "1");
	claims_str(&twice, "a", "2");
	assert_err(claims_end(&twice), ERR_STATE);
	assert_string_equal(claim_text(claims_get(&twice, "a")), "1");
	claims_bool(&kind, "a", true);
	claims_list_add(&kind, "a", "x");
	assert_err(claims_end(&kind), ERR_STATE);
	claims_str(&nest, "a", "1");
	claims_str(&nest, "a.b", "2");
	assert_err(claims_print(&nest, &text), ERR_STATE);
	for (unsigned i = 0; i <= CLAIMS_MAX; i++) {
		(void)snprintf(name, sizeof(name), "n%u", i);
		claims_u64(&many, name, i);
	}
	assert_err(claims_end(&many), ERR_LIMIT);
}

/* ---- sample ---- */
static struct err verify_sample(const char *text, struct claims *c)
{
	AUTO(json_freep) struct json *evidence = NULL;
	struct tee_anchors none = { 0 };

	assert_ok(json_parse(bytes_str(text), &evidence));
	struct tee_verify_input in = { .evidence = evidence,
		.report_data = bytes_str("report data"),
		.initdata_digest = bytes_str("\1\2"),
		.anchors = &none };
	return tee_verify(tee_by_platform("sample"), &in, c);
}

static void test_sample(void **state)
{
	static const struct {
		const char *text;
		const char *code;
	} bad[] = {
		{ "{}", "evidence.malformed" },
		{ "[]", "evidence.malformed" },
		{ "{\"svn\":\"1\"}", "evidence.malformed" },
		{ "{\"report_data\":\"cmVwb3J0IGRhdGE=\"}", "evidence.malformed" },
		{ "{\"svn\":\"1\",\"report_data\":\"cmVwb3J0IGRhdGF=\"}", "evidence.report-data" },
		{ "{\"svn\":\"1\",\"report_data\":\"\"}", "evidence.report-data" },
	};
	AUTO(claims_done) struct claims c = { 0 };

	(void)state;
	assert_ok(verify_sample("{\"svn\":\"1\",\"report_data\":\"cmVwb3J0IGRhdGE=\"}", &c));
	assert_string_equal(claim_text(claims_get(&c, "simulated")), "true");
	assert_string_equal(claim_text(claims_get(&c, "sample.launch_digest")), "abcde");
	assert_string_equal(claim_text(claims_get(&c, "init_data")), "0102");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		claims_done(&c);
		assert_err(verify_sample(bad[i].text, &c), ERR_UNVERIFIED);
		assert_string_equal(err_denial()->code, bad[i].code);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lookup),
		cmocka_unit_test(test_fit_digest),
		cmocka_unit_test(test_denials_documented),
		cmocka_unit_test(test_deny_because),
		cmocka_unit_test(test_claims),
		cmocka_unit_test(test_claims_misused),
		cmocka_unit_test(test_sample),
	};

	return cmocka_run_group_tests_name("tee", tests, NULL, NULL);
}
