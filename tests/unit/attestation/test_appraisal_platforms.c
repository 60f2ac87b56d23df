/*
 * What each hardware platform is judged by, written down once more: ids are those of Trustee's
 * default policies (trustee 4.7) where it has one. Everything known is affirming; then each claim
 * in turn is another, or missing, and each reference value is not there.
 */
#include "appraisal.h"
#include "util.h"

#include <stdio.h>

#include <base/encode.h>

enum {
	ROWS_MAX = 16,
	TEXT_MAX = 8192,
};

#define EX AR4SI_EXECUTABLES
#define HW AR4SI_HARDWARE
#define CF AR4SI_CONFIGURATION

struct row {
	enum ar4si member;
	const char *claim;
	enum claim_type type;
	const char *good, *other; /* values as text */
	const char *id;		  /* NULL: must be `good` */
};

struct platform {
	const char *name;
	bool binds_initdata;
	int8_t configuration; /* when all is good */
	struct row rows[ROWS_MAX];
};

#define TDX_HEADER(p)                                                                              \
	{ HW, p ".quote.header.tee_type", CLAIM_STR, "81000000", "00000000", NULL },               \
	{                                                                                          \
		HW, p ".quote.header.vendor_id", CLAIM_STR, "939a7233f79c4ca9940a0db3957f0607",    \
			"00", NULL                                                                 \
	}

/* clang-format off */
static const struct platform platforms[] = {
	{ "snp", true, 3, {
		{ EX, "snp.measurement", CLAIM_STR, "aa", "ab", "snp_launch_measurement" },
		{ HW, "snp.reported_tcb_bootloader", CLAIM_U64, "3", "2", "snp_bootloader" },
		{ HW, "snp.reported_tcb_tee", CLAIM_U64, "0", "1", "snp_tee_svn" },
		{ HW, "snp.reported_tcb_snp", CLAIM_U64, "20", "2", "snp_snp_svn" },
		{ HW, "snp.reported_tcb_microcode", CLAIM_U64, "209", "0", "snp_microcode" },
		{ CF, "snp.policy_debug_allowed", CLAIM_BOOL, "false", "true", NULL },
		{ CF, "snp.policy_migrate_ma", CLAIM_BOOL, "false", "true", NULL } } },
	{ "sev", false, 2, {
		{ EX, "sev.measurement", CLAIM_STR, "aa", "ab", "sev_launch_measurement" },
		{ HW, "sev.api_version", CLAIM_STR, "1.55", "1.54", "sev_api_version" },
		{ CF, "sev.policy_debug_allowed", CLAIM_BOOL, "false", "true", NULL } } },
	{ "tdx", true, 2, {
		{ EX, "tdx.quote.body.rtmr_1", CLAIM_STR, "11", "12", "rtmr_1" },
		{ EX, "tdx.quote.body.rtmr_2", CLAIM_STR, "22", "23", "rtmr_2" },
		TDX_HEADER("tdx"),
		{ HW, "tdx.quote.body.mr_td", CLAIM_STR, "dd", "de", "mr_td" },
		{ HW, "tdx.tcb_status", CLAIM_STR, "UpToDate", "OutOfDate", NULL },
		{ HW, "tdx.collateral_expiration_status", CLAIM_STR, "0", "1", NULL },
		{ CF, "tdx.td_attributes.debug", CLAIM_BOOL, "false", "true", NULL },
		{ CF, "tdx.quote.body.xfam", CLAIM_STR, "e700060000000000", "00", "xfam" } } },
	{ "sgx", true, 2, {
		{ EX, "sgx.body.mr_enclave", CLAIM_STR, "ee", "ef", "sgx_mr_enclave" },
		{ HW, "sgx.body.mr_signer", CLAIM_STR, "55", "56", "sgx_mr_signer" },
		{ HW, "sgx.tcb_status", CLAIM_STR, "UpToDate", "Revoked", NULL },
		{ HW, "sgx.collateral_expiration_status", CLAIM_STR, "0", "1", NULL },
		{ CF, "sgx.debug", CLAIM_BOOL, "false", "true", NULL } } },
	/* Strings, whatever the value (trustee 4.6.5). */
	{ "az-snp-vtpm", true, 2, {
		{ EX, "az-snp-vtpm.measurement", CLAIM_STR, "qg==", "qw==", "measurement" },
		{ EX, "az-snp-vtpm.tpm.pcr11", CLAIM_STR, "0b", "0c", "snp_pcr11" },
		{ HW, "az-snp-vtpm.reported_tcb_bootloader", CLAIM_STR, "3", "2", "tcb_bootloader" },
		{ HW, "az-snp-vtpm.reported_tcb_tee", CLAIM_STR, "0", "1", "tcb_tee" },
		{ HW, "az-snp-vtpm.reported_tcb_snp", CLAIM_STR, "20", "2", "tcb_snp" },
		{ HW, "az-snp-vtpm.reported_tcb_microcode", CLAIM_STR, "209", "0", "tcb_microcode" },
		{ CF, "az-snp-vtpm.platform_smt_enabled", CLAIM_STR, "true", "false", "smt_enabled" },
		{ CF, "az-snp-vtpm.platform_tsme_enabled", CLAIM_STR, "false", "true", "tsme_enabled" },
		{ CF, "az-snp-vtpm.policy_abi_major", CLAIM_STR, "0", "1", "abi_major" },
		{ CF, "az-snp-vtpm.policy_abi_minor", CLAIM_STR, "31", "32", "abi_minor" },
		{ CF, "az-snp-vtpm.policy_single_socket", CLAIM_STR, "false", "true", "single_socket" },
		{ CF, "az-snp-vtpm.policy_smt_allowed", CLAIM_STR, "true", "false", "smt_allowed" } } },
	{ "az-tdx-vtpm", true, 2, {
		{ EX, "az-tdx-vtpm.tpm.pcr11", CLAIM_STR, "0b", "0c", "tdx_pcr11" },
		TDX_HEADER("az-tdx-vtpm"),
		{ HW, "az-tdx-vtpm.quote.body.mr_td", CLAIM_STR, "dd", "de", "mr_td" },
		{ HW, "az-tdx-vtpm.tcb_status", CLAIM_STR, "UpToDate", "OutOfDate", NULL },
		{ CF, "az-tdx-vtpm.quote.body.xfam", CLAIM_STR, "e7", "e6", "xfam" } } },
	{ "se", false, 2, {
		{ EX, "se.tag", CLAIM_STR, "7a", "7b", "se_tag" },
		{ HW, "se.attestation_phkh", CLAIM_STR, "a1", "a2", "se_attestation_phkh" },
		{ CF, "se.image_phkh", CLAIM_STR, "a1", "a2", "se_image_phkh" } } },
	{ "cca", true, 2, {
		{ EX, "cca.realm.cca-realm-initial-measurement", CLAIM_STR, "r0", "r1", "cca_rim" },
		{ HW, "cca.platform.cca-platform-implementation-id", CLAIM_STR, "i0", "i1",
			"cca_implementation_id" },
		{ CF, "cca.debug", CLAIM_BOOL, "false", "true", NULL } } },
	{ "csv", false, 2, {
		{ EX, "csv.measure", CLAIM_STR, "c0", "c1", "csv_measure" },
		{ HW, "csv.serial_number", CLAIM_STR, "TMPR", "TMPS", "csv_serial_number" },
		{ CF, "csv.debug", CLAIM_BOOL, "false", "true", NULL } } },
};
/* clang-format on */

static const uint8_t initdata[2] = { 1, 2 };

static size_t rows_of(const struct platform *p)
{
	size_t n = 0;

	while (n < ROWS_MAX && p->rows[n].claim)
		n++;
	return n;
}

static void put_claim(struct claims *c, const struct row *r, const char *value)
{
	uint64_t n;

	if (r->type == CLAIM_BOOL) {
		claims_bool(c, r->claim, str_equal(value, "true"));
	} else if (r->type == CLAIM_U64) {
		assert_ok(str_to_u64(value, UINT64_MAX, r->claim, &n));
		claims_u64(c, r->claim, n);
	} else {
		claims_str(c, r->claim, value);
	}
}

static struct reference_values *import(const char *ids)
{
	AUTO(buf_done) struct buf text = BUF_INIT(TEXT_MAX);
	struct reference_values *refs;

	buf_printf(&text, "{\"version\":1,\"reference_values\":{%s}}", ids);
	assert_ok(reference_new(&refs));
	assert_ok(reference_import(refs, buf_bytes(&text)));
	return refs;
}

/* All of them but that of the row; two values each, as after an update. */
static struct reference_values *references(const struct platform *p, const struct row *without)
{
	AUTO(buf_done) struct buf ids = BUF_INIT(TEXT_MAX);

	buf_puts(&ids, "\"initdata\":\"0102\"");
	for (size_t i = 0; i < rows_of(p); i++)
		if (p->rows[i].id && &p->rows[i] != without)
			buf_printf(
				&ids, ",\"%s\":[\"%s\",\"newer\"]", p->rows[i].id, p->rows[i].good);
	return import(buf_cstr(&ids));
}

enum how {
	GOOD,
	OTHER,	   /* the row's claim has another value */
	ABSENT,	   /* there is no such claim */
	UNEXPECTED /* there is no reference value for it */
};

static void appraise_with(
	const struct platform *p, const struct row *row, enum how how, struct appraisal *ret)
{
	AUTO(reference_freep) struct reference_values *refs =
		references(p, how == UNEXPECTED ? row : NULL);
	AUTO(claims_done) struct claims c = { 0 };

	for (size_t i = 0; i < rows_of(p); i++) {
		const struct row *r = &p->rows[i];

		if (r != row || how == GOOD || how == UNEXPECTED)
			put_claim(&c, r, r->good);
		else if (how == OTHER)
			put_claim(&c, r, r->other);
	}
	assert_ok(claims_end(&c));
	appraise(&(struct appraise_input){ .tee = tee_by_platform(p->name),
			 .claims = &c,
			 .refs = refs,
			 .initdata_digest = BYTES_OF(initdata) },
		ret);
}

static void assert_vector(const struct platform *p, const struct appraisal *a, int bad)
{
	const int8_t good[AR4SI_N] = { [EX] = 3, [HW] = 2, [CF] = p->configuration };
	static const int8_t worse[AR4SI_N] = { [EX] = 33, [HW] = 97, [CF] = 36 };

	for (int i = 0; i < AR4SI_N; i++)
		assert_int_equal(a->vector[i], i == bad ? worse[i] : good[i]);
}

static void assert_finding(const struct appraisal *a, const struct row *r, enum how how)
{
	const char *expected = how == UNEXPECTED ? "a reference value" : r->good;
	const char *actual = how == OTHER ? r->other : how == ABSENT ? "not measured" : r->good;

	assert_int_equal(a->n_findings, 1);
	assert_string_equal(a->findings[0].code, "reference.unknown");
	assert_string_equal(a->findings[0].field, r->claim);
	assert_string_equal(a->findings[0].expected, expected);
	assert_string_equal(a->findings[0].actual, actual);
}

static void check_row(const struct platform *p, const struct row *r)
{
	static const enum how hows[] = { OTHER, ABSENT, UNEXPECTED };

	for (size_t i = 0; i < ARRAY_LEN(hows); i++) {
		struct appraisal a;

		if (hows[i] == UNEXPECTED && !r->id)
			continue;
		appraise_with(p, r, hows[i], &a);
		assert_vector(p, &a, (int)r->member);
		assert_string_equal(a.status, r->member == HW ? "contraindicated" : "warning");
		assert_finding(&a, r, hows[i]);
	}
}

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(platforms); i++) {
		const struct platform *p = &platforms[i];
		struct appraisal a;

		assert_non_null(tee_by_platform(p->name));
		appraise_with(p, NULL, GOOD, &a);
		assert_vector(p, &a, -1);
		assert_string_equal(a.status, "affirming");
		assert_int_equal(a.n_findings, 0);
		for (size_t r = 0; r < rows_of(p); r++)
			check_row(p, &p->rows[r]);
	}
}

/* Nothing known of a platform, nothing affirmed. */
static void test_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; tee_at(i); i++) {
		AUTO(claims_done) struct claims none = { 0 };
		struct appraisal a;

		appraise(&(struct appraise_input){ .tee = tee_at(i), .claims = &none }, &a);
		assert_string_equal(a.status, "contraindicated");
		assert_int_equal(a.vector[EX], 33);
		assert_int_equal(a.vector[HW], 97);
		assert_int_equal(a.vector[CF], 36);
	}
}

/* Initdata nobody knows spoils the configuration where the platform binds it. */
static void test_initdata(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(platforms); i++) {
		const struct platform *p = &platforms[i];
		AUTO(reference_freep) struct reference_values *refs = references(p, NULL);
		AUTO(claims_done) struct claims c = { 0 };
		struct appraisal a;

		for (size_t r = 0; r < rows_of(p); r++)
			put_claim(&c, &p->rows[r], p->rows[r].good);
		struct appraise_input in = { .tee = tee_by_platform(p->name),
			.claims = &c,
			.refs = refs,
			.initdata_digest = bytes_of(initdata, 1) };
		appraise(&in, &a);
		assert_vector(p, &a, p->binds_initdata ? CF : -1);
		if (p->binds_initdata)
			assert_string_equal(a.findings[0].code, "initdata.unknown");
		in.initdata_digest = BYTES_NONE;
		appraise(&in, &a);
		assert_vector(p, &a, p->binds_initdata ? CF : -1);
		if (p->binds_initdata)
			assert_string_equal(a.findings[0].code, "initdata.missing");
		in.without_initdata = true;
		appraise(&in, &a);
		assert_vector(p, &a, -1);
	}
}

/* With all six of Trustee's scalars the configuration of an SNP guest is approved, else merely not
 * known to be bad; without a word either way. */
static void test_snp_configuration(void **state)
{
	static const struct {
		const char *claim;
		bool flag;
		uint64_t number;
		const char *ids;
	} wanted[] = {
		{ "snp.platform_smt_enabled", true, 0, "\"snp_smt_enabled\":true" },
		{ "snp.platform_tsme_enabled", false, 0, "\"snp_tsme_enabled\":false" },
		{ "snp.policy_single_socket", false, 0, "\"snp_single_socket\":false" },
		{ "snp.policy_smt_allowed", true, 0, "\"snp_smt_allowed\":true" },
		{ "snp.policy_abi_major", false, 1, "\"snp_guest_abi_major\":1" },
		{ "snp.policy_abi_minor", false, 51, "\"snp_guest_abi_minor\":51" },
	};

	(void)state;
	for (size_t without = 0; without <= ARRAY_LEN(wanted); without++) {
		AUTO(buf_done) struct buf ids = BUF_INIT(TEXT_MAX);
		AUTO(claims_done) struct claims c = { 0 };
		struct appraisal a;

		buf_puts(&ids, "\"snp_launch_measurement\":\"aa\",\"snp_bootloader\":3,"
			       "\"snp_tee_svn\":[0],\"snp_snp_svn\":\"20\",\"snp_microcode\":209");
		for (size_t i = 0; i < 7; i++)
			put_claim(&c, &platforms[0].rows[i], platforms[0].rows[i].good);
		for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
			if (wanted[i].number > 0)
				claims_u64(&c, wanted[i].claim, wanted[i].number);
			else
				claims_bool(&c, wanted[i].claim, wanted[i].flag);
			if (i != without)
				buf_printf(&ids, ",%s", wanted[i].ids);
		}
		AUTO(reference_freep) struct reference_values *refs = import(buf_cstr(&ids));
		appraise(&(struct appraise_input){ .tee = tee_by_platform("snp"),
				 .claims = &c,
				 .refs = refs,
				 .without_initdata = true },
			&a);
		assert_int_equal(a.vector[CF], without == ARRAY_LEN(wanted) ? 2 : 3);
		assert_string_equal(a.status, "affirming");
		assert_int_equal(a.n_findings, 0);
	}
}

/* Trustee's own TPM client: an enrolled key and PCR 11. */
static void test_enrolled_tpm(void **state)
{
	static const struct {
		const char *ids;
		const char *status;
		int8_t want[3]; /* executables, hardware, instance */
		const char *code;
	} cases[] = {
		{ "\"trusted_aks\":[\"KEY\"],\"tpm_pcr11\":[\"0b\"]", "affirming", { 3, 2, 2 },
			NULL },
		{ "\"trusted_aks\":[\"KEY\"]", "warning", { 33, 2, 2 }, "vtpm.event-log-missing" },
		{ "\"trusted_aks\":[\"KEY\"],\"tpm_pcr11\":[\"0c\"]", "warning", { 33, 2, 2 },
			"vtpm.event-log-missing" },
		{ "\"trusted_aks\":[\"OTHER\"],\"tpm_pcr11\":[\"0b\"]", "contraindicated",
			{ 33, 97, 97 }, "vtpm.ak-untrusted" },
		{ "\"tpm_pcr11\":[\"0b\"]", "contraindicated", { 33, 97, 97 },
			"vtpm.ak-untrusted" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(reference_freep) struct reference_values *refs = import(cases[i].ids);
		AUTO(claims_done) struct claims c = { 0 };
		struct appraisal a;

		claims_bool(&c, "tpm.ak_trusted", false);
		claims_str(&c, "tpm.ak_public", "KEY");
		claims_str(&c, "tpm.pcr11", "0b");
		appraise(&(struct appraise_input){ .tee = tee_by_platform("vtpm"),
				 .claims = &c,
				 .refs = refs,
				 .without_initdata = true },
			&a);
		assert_string_equal(a.status, cases[i].status);
		assert_int_equal(a.vector[EX], cases[i].want[0]);
		assert_int_equal(a.vector[HW], cases[i].want[1]);
		assert_int_equal(a.vector[AR4SI_INSTANCE_IDENTITY], cases[i].want[2]);
		assert_int_equal(a.n_findings > 0, cases[i].code != NULL);
		if (cases[i].code)
			assert_string_equal(a.findings[0].code, cases[i].code);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_initdata),
		cmocka_unit_test(test_snp_configuration),
		cmocka_unit_test(test_enrolled_tpm),
	};

	return cmocka_run_group_tests_name("appraisal of platforms", tests, NULL, NULL);
}
