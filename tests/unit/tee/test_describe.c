/* What inspect says of certificates, and of bytes that claim to be extensions. */
#include "describe_extension.h"
#include "platforms.h"
#include "util.h"

#include <string.h>

#include <crypto/x509.h>

enum {
	TEXT_MAX = 64 * 1024,
	T0 = 1700000000
};

/* The one row that an extension becomes. */
static const char *row(const char *oid, bool critical, const char *hex)
{
	static struct buf text;
	AUTO(fields_done) struct fields f = { 0 };

	buf_done(&text);
	text = BUF_INIT(TEXT_MAX);
	describe_extension(&f, oid, critical, test_hex(hex));
	assert_ok(fields_finish(&f));
	assert_int_equal(f.n, 1);
	fields_print(&f, &text);
	return buf_cstr(&text);
}

static void test_extensions(void **state)
{
	static const struct {
		const char *oid, *hex, *want;
		bool critical;
	} cases[] = {
		{ "2.5.29.15", "03020106", "keyUsage: keyCertSign, cRLSign  (critical)\n", true },
		{ "2.5.29.15", "03020780", "keyUsage: digitalSignature\n", false },
		{ "2.5.29.15", "0303070080", "keyUsage: decipherOnly\n", false },
		{ "2.5.29.15", "030100", "keyUsage: 030100\n", false },
		{ "2.5.29.15", "0302", "keyUsage: 0302\n", false },
		{ "2.5.29.15", "03020700", "keyUsage: \n", false },
		{ "2.5.29.19", "3000", "basicConstraints: CA: no\n", false },
		{ "2.5.29.19", "30030101ff", "basicConstraints: CA: yes; critical\n", true },
		{ "2.5.29.19", "30060101ff020101", "basicConstraints: CA: yes, path length 1\n",
			false },
		{ "2.5.29.19", "30060101ff0201", "basicConstraints: 30060101ff0201\n", false },
		{ "2.5.29.37", "300a06082b06010505070301", "extKeyUsage: serverAuth\n", false },
		{ "2.5.29.37", "300706056781050803", "extKeyUsage: TPM attestation key\n", false },
		{ "2.5.29.37", "300406022a03", "extKeyUsage: 1.2.3\n", false },
		{ "1.3.6.1.4.1.3704.1.3.1", "020103", "AMD blSPL: 3\n", false },
		{ "1.3.6.1.4.1.3704.1.2", "16084d696c616e2d4230", "AMD productName: Milan-B0\n",
			false },
		{ "1.3.6.1.4.1.3704.1.4", "00ff", "AMD hwID: 00ff\n", false },
		{ "1.2.3.4", "00ff", "1.2.3.4: 00ff  (critical)\n", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_string_equal(
			row(cases[i].oid, cases[i].critical, cases[i].hex), cases[i].want);
}

static struct err describe_basic(void *arg, struct bytes in)
{
	AUTO(fields_done) struct fields f = { 0 };

	describe_extension(&f, arg, false, in);
	return fields_finish(&f);
}

static void test_damaged(void **state)
{
	static char oids[][X509_OID_MAX] = { "2.5.29.15", "2.5.29.19", "2.5.29.37" };
	static const char *const good[] = { "0303070080", "30060101ff020101",
		"300a06082b06010505070301" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(oids); i++) {
		each_prefix_survives(test_hex(good[i]), describe_basic, oids[i]);
		each_flip_survives(test_hex(good[i]), describe_basic, oids[i]);
	}
}

static void test_certificate(void **state)
{
	static const char *const holds[] = { "certificate\n", "subject: CN=Test CA\n",
		"(self-issued)", "notBefore: 2023-11-14T22:13:20Z\n", "key: EC P-384, 384 bits\n",
		"keyUsage: keyCertSign, cRLSign  (critical)\n", "basicConstraints: CA: yes" };
	AUTO(key_freep) struct key *key = NULL;
	AUTO(buf_done) struct buf pem = BUF_INIT(TEXT_MAX), text = BUF_INIT(TEXT_MAX);
	AUTO(fields_done) struct fields f = { 0 };

	(void)state;
	assert_ok(key_generate(KEY_P384, &key));
	const struct x509_make m = {
		.common_name = "Test CA",
		.ca = true,
		.not_before = T0,
		.not_after = T0 + 1,
		.subject_key = key,
		.issuer_key = key,
	};
	assert_ok(x509_make(&m, &pem));
	assert_true(collateral_formats[0].is(buf_bytes(&pem)));
	assert_ok(collateral_formats[0].describe(buf_bytes(&pem), &f));
	fields_print(&f, &text);
	for (size_t i = 0; i < ARRAY_LEN(holds); i++) {
		if (!strstr(buf_cstr(&text), holds[i]))
			print_error("no '%s' in\n%s\n", holds[i], buf_cstr(&text));
		assert_non_null(strstr(buf_cstr(&text), holds[i]));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_extensions),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_certificate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
