#include "appraisal.h"
#include "util.h"
#include "vtpm_gen.h"

#include <base/encode.h>
#include <tee/denials.h>

static struct reference_values *refs_of(const char *ids)
{
	AUTO(buf_done) struct buf text = BUF_INIT(8192);
	struct reference_values *r;

	buf_printf(&text, "{\"version\":1,\"reference_values\":{%s}}", ids);
	assert_ok(reference_new(&r));
	assert_ok(reference_import(r, buf_bytes(&text)));
	return r;
}

#define ALL_KNOWN                                                                                  \
	"\"vtpm.crtm\":\"c0\",\"vtpm.firmware\":[\"f0\",\"f1\"],\"vtpm.kernel\":[\"k0\",\"k1\"],"  \
	"\"vtpm.cmdline\":\"l0\",\"vtpm.initrd\":\"i0\",\"initdata\":\"0102\""

static void good_claims(struct claims *c, bool trusted)
{
	claims_bool(c, "tpm.ak_trusted", trusted);
	claims_str(c, "tpm.crtm", "c0");
	claims_list_add(c, "tpm.firmware", "f1");
	claims_list_add(c, "tpm.firmware", "f0");
	claims_str(c, "tpm.kernel", "k1");
	claims_str(c, "tpm.cmdline_digest", "l0");
	claims_str(c, "tpm.initrd", "i0");
	assert_ok(claims_end(c));
}

static void check(const struct appraisal *a, const char *status, const int8_t want[3])
{
	assert_string_equal(a->status, status);
	assert_int_equal(a->vector[AR4SI_EXECUTABLES], want[0]);
	assert_int_equal(a->vector[AR4SI_HARDWARE], want[1]);
	assert_int_equal(a->vector[AR4SI_CONFIGURATION], want[2]);
}

static const uint8_t initdata[2] = { 1, 2 };

static void test_vtpm(void **state)
{
	static const struct {
		const char *ids;
		bool trusted, with_initdata;
		const char *status;
		int8_t want[3];
		const char *first; /* finding */
		const char *field;
	} cases[] = {
		{ ALL_KNOWN, true, true, "affirming", { 3, 2, 2 }, NULL, NULL },
		{ ALL_KNOWN, true, false, "warning", { 3, 2, 36 }, "initdata.missing",
			"init_data" },
		{ ALL_KNOWN, false, true, "contraindicated", { 33, 97, 2 }, "vtpm.ak-untrusted",
			"tpm.ak_trusted" },
		{ "\"initdata\":\"0102\"", true, true, "warning", { 33, 2, 2 }, "vtpm.crtm-unknown",
			"tpm.crtm" },
		{ "\"vtpm.crtm\":\"c0\",\"vtpm.firmware\":[\"f0\"],\"vtpm.kernel\":\"k1\","
		  "\"vtpm.cmdline\":\"l0\",\"vtpm.initrd\":\"i0\",\"initdata\":\"0102\"",
			true, true, "warning", { 33, 2, 2 }, "vtpm.firmware-unknown",
			"tpm.firmware" },
		{ "\"vtpm.crtm\":\"c0\",\"vtpm.firmware\":[\"f0\",\"f1\"],\"vtpm.kernel\":\"k0\","
		  "\"vtpm.cmdline\":\"l0\",\"vtpm.initrd\":\"i0\",\"initdata\":\"0102\"",
			true, true, "warning", { 33, 2, 2 }, "vtpm.kernel-unknown", "tpm.kernel" },
		{ "\"vtpm.crtm\":\"c0\",\"vtpm.firmware\":[\"f0\",\"f1\"],\"vtpm.kernel\":\"k1\","
		  "\"vtpm.cmdline\":\"\",\"vtpm.initrd\":\"i0\",\"initdata\":\"0102\"",
			true, true, "warning", { 33, 2, 2 }, "vtpm.cmdline-unknown",
			"tpm.cmdline_digest" },
		{ "\"vtpm.crtm\":\"c0\",\"vtpm.firmware\":[\"f0\",\"f1\"],\"vtpm.kernel\":\"k1\","
		  "\"vtpm.cmdline\":\"l0\",\"initdata\":\"0102\"",
			true, true, "warning", { 33, 2, 2 }, "vtpm.initrd-unknown", "tpm.initrd" },
		{ "\"vtpm.crtm\":\"c0\",\"vtpm.firmware\":[\"f0\",\"f1\"],\"vtpm.kernel\":\"k1\","
		  "\"vtpm.cmdline\":\"l0\",\"vtpm.initrd\":\"i0\",\"initdata\":\"01\"",
			true, true, "warning", { 3, 2, 36 }, "initdata.unknown", "init_data" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(reference_freep) struct reference_values *r = refs_of(cases[i].ids);
		AUTO(claims_done) struct claims c = { 0 };
		struct appraisal a;

		good_claims(&c, cases[i].trusted);
		appraise(&(struct appraise_input){ .tee = tee_by_platform("vtpm"),
				 .claims = &c,
				 .refs = r,
				 .initdata_digest = { initdata, cases[i].with_initdata ? 2 : 0 } },
			&a);
		check(&a, cases[i].status, cases[i].want);
		assert_int_equal(a.n_findings > 0, cases[i].first != NULL);
		if (!cases[i].first)
			continue;
		assert_string_equal(a.findings[0].code, cases[i].first);
		assert_string_equal(a.findings[0].field, cases[i].field);
	}
}

static void test_nothing_measured(void **state)
{
	AUTO(reference_freep) struct reference_values *r = refs_of(ALL_KNOWN);
	AUTO(claims_done) struct claims c = { 0 };
	struct appraisal a;

	(void)state;
	claims_bool(&c, "tpm.ak_trusted", true);
	appraise(&(struct appraise_input){ .tee = tee_by_platform("vtpm"),
			 .claims = &c,
			 .refs = r,
			 .initdata_digest = BYTES_OF(initdata) },
		&a);
	check(&a, "warning", (const int8_t[]){ 33, 2, 2 });
	assert_int_equal(a.n_findings, 6);
	assert_string_equal(a.findings[0].code, "vtpm.event-log-missing");
	assert_string_equal(a.findings[3].code, "vtpm.kernel-unknown");
	assert_string_equal(a.findings[3].expected, "k0");
	assert_string_equal(a.findings[3].actual, "not measured");
}

static void test_no_references(void **state)
{
	AUTO(claims_done) struct claims c = { 0 };
	struct appraisal a;

	(void)state;
	good_claims(&c, true);
	appraise(&(struct appraise_input){ .tee = tee_by_platform("vtpm"), .claims = &c }, &a);
	check(&a, "warning", (const int8_t[]){ 33, 2, 36 });
	assert_int_equal(a.n_findings, 6);
}

static void test_sample(void **state)
{
	AUTO(reference_freep) struct reference_values *known =
		refs_of("\"launch_digest\":\"abcde\",\"svn\":[\"1\"]");
	AUTO(claims_done) struct claims c = { 0 };
	struct appraisal a;

	(void)state;
	claims_str(&c, "sample.launch_digest", "abcde");
	claims_str(&c, "sample.svn", "1");
	struct appraise_input in = { .tee = tee_by_platform("sample"), .claims = &c };
	appraise(&in, &a);
	check(&a, "contraindicated", (const int8_t[]){ 33, 97, 36 });
	in.refs = known;
	appraise(&in, &a);
	check(&a, "warning", (const int8_t[]){ 3, 2, 36 });
}

static void test_status_tiers(void **state)
{
	static const struct {
		int8_t value;
		const char *status;
	} cases[] = {
		{ 0, "none" },
		{ 1, "none" },
		{ -1, "none" },
		{ 2, "affirming" },
		{ 31, "affirming" },
		{ -2, "affirming" },
		{ -32, "affirming" },
		{ 32, "warning" },
		{ 95, "warning" },
		{ -33, "warning" },
		{ -96, "warning" },
		{ 96, "contraindicated" },
		{ 127, "contraindicated" },
		{ -97, "contraindicated" },
		{ -128, "contraindicated" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int8_t v[AR4SI_N] = { [AR4SI_HARDWARE] = cases[i].value };

		assert_string_equal(ar4si_status(v), cases[i].status);
	}
}

/* ---- initdata ---- */
static void test_initdata_digest(void **state)
{
	static const struct {
		const char *toml;
		const char *text; /* NULL: good */
	} cases[] = {
		{ "version = \"0.1.0\"\nalgorithm = \"sha256\"\n[data]\n", NULL },
		{ "version = \"0.1.0\"\nalgorithm = \"sha384\"\n[data]\n", NULL },
		{ "version = \"0.1.0\"\nalgorithm = \"sha1\"\n[data]\n", "algorithm sha1" },
		{ "version = \"0.1.0\"\nalgorithm = \"md5\"\n[data]\n", "md5" },
		{ "version = \"0.1.0\"\n[data]\n", "algorithm" },
		{ "not toml", "initdata" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct bytes in = bytes_str(cases[i].toml);
		struct digest_value got, want;
		struct err e = initdata_bound_digest(in, &got);

		if (!cases[i].text) {
			assert_ok(e);
			assert_ok(digest(got.alg, in, &want));
			assert_bytes_equal(digest_bytes(&got), digest_bytes(&want));
			continue;
		}
		assert_err(e, ERR_UNVERIFIED);
		assert_string_equal(err_denial()->code, "initdata.malformed");
		assert_err_text(cases[i].text);
	}
}

static void test_initdata_claims(void **state)
{
	static const char toml[] = "version = \"0.1.0\"\nalgorithm = \"sha256\"\n[data]\n"
				   "\"aa.toml\" = '''\n[token_configs]\nx = 1\n'''\n"
				   "\"cdh.toml\" = 'not = toml = text'\n"
				   "\"policy.rego\" = '''\npackage agent_policy\npolicy_data := "
				   "{\"containers\":[]}\n'''\n"
				   "\"pod-manifest.json\" = '{\"version\":1}'\n";
	static const char other[] = "version = \"0.1.0\"\nalgorithm = \"sha256\"\n[data]\n"
				    "\"policy.rego\" = 'policy_data := { broken'\n";
	AUTO(buf_done) struct buf out = BUF_INIT(8192);

	(void)state;
	assert_ok(initdata_claims(bytes_str(toml), &out));
	assert_string_equal(buf_cstr(&out), "{\"aa.toml\":{\"token_configs\":{\"x\":1}},"
					    "\"cdh.toml\":\"not = toml = text\","
					    "\"agent_policy_claims\":{\"containers\":[]},"
					    "\"pod-manifest.json\":\"{\\\"version\\\":1}\"}");
	buf_clear(&out);
	assert_ok(initdata_claims(bytes_str(other), &out));
	assert_string_equal(buf_cstr(&out), "{\"policy.rego\":\"policy_data := { broken\"}");
	buf_clear(&out);
	assert_ok(initdata_claims(bytes_str("data = [\"aa.toml\"]\n"), &out));
	assert_string_equal(buf_cstr(&out), "{}");
}

/* ---- runtime data ---- */
static void test_runtime_data(void **state)
{
	struct digest_value got, want;
	static const char canonical[] =
		"{\"additional-evidence\":\"\",\"nonce\":\"n\\\"\","
		"\"tee-pubkey\":{\"alg\":\"ECDH-ES+A256KW\",\"crv\":\"P-256\",\"kty\":\"EC\","
		"\"x\":\"AA\",\"y\":\"BB\"}}";

	(void)state;
	assert_ok(runtime_data_digest(DIGEST_SHA384, "n\"",
		bytes_str("{\"kty\":\"EC\",\"y\":\"BB\",\"alg\":\"ECDH-ES+A256KW\",\"x\":\"AA\","
			  "\"crv\":\"P-256\"}"),
		"", &got));
	assert_ok(digest(DIGEST_SHA384, bytes_str(canonical), &want));
	assert_bytes_equal(digest_bytes(&got), digest_bytes(&want));
	assert_err(runtime_data_digest(DIGEST_SHA384, "n", bytes_str("{"), "", &got), ERR_FORMAT);
	assert_true(failed(runtime_data_digest(DIGEST_SHA384, "n", bytes_str("1.5"), "", &got)));
	assert_true(failed(
		runtime_data_digest(DIGEST_SHA384, "n", bytes_str("{},\"nonce\":1"), "", &got)));
}

/* ---- the whole path ---- */
static void test_verify(void **state)
{
	static const char toml[] = "version = \"0.1.0\"\nalgorithm = \"sha384\"\n[data]\n";
	static const char evidence_text[] = "{\"svn\":\"1\",\"report_data\":\"cmVwb3J0IGRhdGE=\"}";
	AUTO(json_freep) struct json *evidence = NULL;
	AUTO(attestation_result_done) struct attestation_result r = { 0 };
	struct tee_anchors none = { 0 };
	struct attestation_input in = {
		.tee = tee_by_kbs_name("sample"),
		.report_data = bytes_str("report data"),
		.initdata = bytes_str(toml),
		.anchors = &none,
	};

	(void)state;
	assert_ok(json_parse(bytes_str(evidence_text), &evidence));
	in.evidence = evidence;
	assert_ok(attestation_verify(&in, &r));
	assert_ptr_equal(r.tee, in.tee);
	assert_string_equal(claim_text(claims_get(&r.claims, "simulated")), "true");
	assert_int_equal(strlen(claim_text(claims_get(&r.claims, "init_data"))), 96);
	assert_string_equal(r.appraisal.status, "contraindicated");
	attestation_result_done(&r);
	in.report_data = bytes_str("other data");
	assert_err(attestation_verify(&in, &r), ERR_UNVERIFIED);
	assert_string_equal(err_denial()->code, "evidence.report-data");
	in.initdata = bytes_str("x");
	assert_err(attestation_verify(&in, &r), ERR_UNVERIFIED);
	assert_string_equal(err_denial()->code, "initdata.malformed");
	in.tee = NULL;
	assert_err(attestation_verify(&in, &r), ERR_UNVERIFIED);
	assert_string_equal(err_denial()->code, "platform.unsupported");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vtpm),
		cmocka_unit_test(test_nothing_measured),
		cmocka_unit_test(test_no_references),
		cmocka_unit_test(test_sample),
		cmocka_unit_test(test_status_tiers),
		cmocka_unit_test(test_initdata_digest),
		cmocka_unit_test(test_initdata_claims),
		cmocka_unit_test(test_runtime_data),
		cmocka_unit_test(test_verify),
	};

	return cmocka_run_group_tests_name("attestation appraisal", tests, NULL, NULL);
}
