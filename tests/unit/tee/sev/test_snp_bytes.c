/* Bytes of hostile guests and hosts: what is cut, changed, or not in its place. */
#include "snp_gen.h"
#include "util.h"

#include <stdlib.h>
#include <string.h>

#include <tee/denials.h>

enum {
	RAW_MAX = SNP_REPORT_SIZE + 2 * SNP_GEN_TABLE_MAX,
	ENTRY = 24,
};

static struct err verdict(const struct tee_verify_input *in)
{
	AUTO(claims_done) struct claims c = { 0 };

	return tee_verify(tee_by_platform("snp"), in, &c);
}

/* ---- the report ---- */

static struct err parse_report(void *arg, struct bytes in)
{
	struct snp_report r;

	(void)arg;
	return snp_report_parse(in, &r);
}

static struct err verify_raw(void *arg, struct bytes in)
{
	struct tee_verify_input input = snp_gen_input(arg);

	input.raw = in;
	return verdict(&input);
}

static void test_report_bytes(void **state)
{
	(void)state;
	for (unsigned version = 2; version <= 5; version += 3) {
		AUTO(buf_done) struct buf report = BUF_INIT(SNP_REPORT_SIZE);
		struct snp_gen g;

		snp_gen_init(&g, version, version == 2 ? SNP_MILAN : SNP_TURIN, version == 2);
		snp_gen_report(&g, &report);
		each_prefix(buf_bytes(&report), parse_report, NULL);
		each_prefix(buf_bytes(&report), verify_raw, &g);
		assert_ok(verify_raw(&g, buf_bytes(&report)));
		each_flip_survives(buf_bytes(&report), parse_report, NULL);
		each_flip_signed(buf_bytes(&report), verify_raw, &g);
		snp_gen_done(&g);
	}
}

/* Whatever firmware signs: what must be zero is zero. */
static void test_reserved(void **state)
{
	static const struct {
		unsigned version;
		size_t at;
		const char *text;
	} cases[] = {
		{ 3, 0x048, NULL /* a known bit changes the kind of key */ },
		{ 3, 0x049, "KEY_INFO at 0x48" },
		{ 3, 0x04c, "at 0x4c" },
		{ 3, 0x04f, "at 0x4c" },
		{ 2, 0x188, "CPUID at 0x188" },
		{ 2, 0x18a, "CPUID at 0x188" },
		{ 3, 0x18b, "at 0x18b" },
		{ 3, 0x19f, "at 0x18b" },
		{ 3, 0x1eb, "at 0x1eb" },
		{ 3, 0x1ef, "at 0x1ef" },
		{ 4, 0x1f8, "at 0x1f8" },
		{ 4, 0x207, "at 0x1f8" },
		{ 5, 0x208, "at 0x208" },
		{ 5, 0x29f, "at 0x208" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(buf_done) struct buf report = BUF_INIT(SNP_REPORT_SIZE);
		struct snp_gen g;

		snp_gen_init(&g, cases[i].version, SNP_MILAN, false);
		g.patch_at = cases[i].at;
		g.patch = 4;
		snp_gen_report(&g, &report);
		if (cases[i].text) {
			assert_err(verify_raw(&g, buf_bytes(&report)), ERR_FORMAT);
			assert_err_text(cases[i].text);
		} else {
			assert_err(verify_raw(&g, buf_bytes(&report)), ERR_UNVERIFIED);
		}
		snp_gen_done(&g);
	}
}

/* Not covered by the signature: the upper parts of R and S, the field's tail. */
static void test_unsigned_tail(void **state)
{
	static const size_t places[] = { 0x2d0, 0x2e7, 0x318, 0x32f, 0x330, 0x49f };
	AUTO(buf_done) struct buf report = BUF_INIT(SNP_REPORT_SIZE);
	struct snp_gen g;

	(void)state;
	snp_gen_init(&g, 3, SNP_GENOA, false);
	snp_gen_report(&g, &report);
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		report.p[places[i]] = 1;
		assert_err(verify_raw(&g, buf_bytes(&report)), ERR_FORMAT);
		assert_err_text("signature");
		report.p[places[i]] = 0;
	}
	/* R or S zero, or not below the group's order */
	memset(report.p + 0x2a0, 0, 72);
	assert_err(verify_raw(&g, buf_bytes(&report)), ERR_UNVERIFIED);
	assert_string_equal(err_denial()->code, "snp.signature");
	memset(report.p + 0x2a0, 0xff, 48);
	assert_err(verify_raw(&g, buf_bytes(&report)), ERR_UNVERIFIED);
	assert_string_equal(err_denial()->code, "snp.signature");
	snp_gen_done(&g);
}

static void test_versions(void **state)
{
	static const unsigned unknown[] = { 0, 1, 6, 0x10003 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(unknown); i++) {
		AUTO(buf_done) struct buf report = BUF_INIT(SNP_REPORT_SIZE);
		struct snp_gen g;

		snp_gen_init(&g, 5, SNP_TURIN, false);
		g.report.version = unknown[i];
		snp_gen_report(&g, &report);
		assert_err(verify_raw(&g, buf_bytes(&report)), ERR_FORMAT);
		assert_err_text("VERSION at 0x0");
		snp_gen_done(&g);
	}
}

/* ---- certificates ---- */

struct flipped {
	const struct snp_gen *g;
	struct snp_report report;
	bool ask; /* else the VCEK */
};

static struct err verify_cert(void *arg, struct bytes der)
{
	const struct flipped *f = arg;
	AUTO(x509_freep) struct x509 *cert = NULL;
	AUTO(checks_freep) struct checks *checks = NULL;
	struct tee_policy policy = { .crl_optional = true };
	struct tee_verify_input in = snp_gen_input(f->g);
	struct snp_report report = f->report;
	bool simulated;

	in.collateral = NULL;
	in.policy = &policy;
	TRY(x509_parse_der(der, &cert));
	const struct x509_list certs = {
		.v = { f->ask ? f->g->vek : cert, f->ask ? cert : f->g->ask },
		.n = 2,
	};
	TRY(checks_new(&checks));
	TRY(snp_check_report(&in, &report, &certs, checks, &simulated));
	return checks_end(checks);
}

static struct err parse_cert(void *arg, struct bytes der)
{
	AUTO(x509_freep) struct x509 *cert = NULL;

	(void)arg;
	return x509_parse_der(der, &cert);
}

static void test_certificate_bytes(void **state)
{
	AUTO(buf_done) struct buf report = BUF_INIT(SNP_REPORT_SIZE);
	struct snp_gen g;

	(void)state;
	snp_gen_init(&g, 3, SNP_MILAN, false);
	snp_gen_report(&g, &report);
	struct flipped f = { .g = &g };
	assert_ok(snp_report_parse(buf_bytes(&report), &f.report));
	for (int i = 0; i < 2; i++) {
		AUTO(buf_done) struct buf der = BUF_INIT(SNP_GEN_TABLE_MAX);

		f.ask = i == 1;
		assert_ok(x509_der(f.ask ? g.ask : g.vek, &der));
		assert_ok(verify_cert(&f, buf_bytes(&der)));
		each_prefix(buf_bytes(&der), parse_cert, NULL);
		each_flip_survives(buf_bytes(&der), parse_cert, NULL);
		each_flip_signed(buf_bytes(&der), verify_cert, &f);
	}
	snp_gen_done(&g);
}

static struct err verify_list(void *arg, struct bytes crl)
{
	const struct flipped *f = arg;
	AUTO(collateral_freep) struct collateral *c = NULL;
	AUTO(checks_freep) struct checks *checks = NULL;
	struct tee_verify_input in = snp_gen_input(f->g);
	struct snp_report report = f->report;
	bool simulated;

	TRY(collateral_new(&c));
	TRY(collateral_add(c, crl, "a list"));
	in.collateral = c;
	const struct x509_list certs = { .v = { f->g->vek, f->g->ask }, .n = 2 };
	TRY(checks_new(&checks));
	TRY(snp_check_report(&in, &report, &certs, checks, &simulated));
	return checks_end(checks);
}

static void test_list_bytes(void **state)
{
	AUTO(buf_done) struct buf report = BUF_INIT(SNP_REPORT_SIZE);
	struct snp_gen g;

	(void)state;
	snp_gen_init(&g, 3, SNP_MILAN, false);
	snp_gen_report(&g, &report);
	struct flipped f = { .g = &g };
	assert_ok(snp_report_parse(buf_bytes(&report), &f.report));
	assert_ok(verify_list(&f, buf_bytes(&g.crl)));
	each_flip_signed(buf_bytes(&g.crl), verify_list, &f);
	snp_gen_done(&g);
}

/* ---- certificate table ---- */

static struct err parse_table(void *arg, struct bytes in)
{
	struct snp_cert_entry v[SNP_CERT_TABLE_MAX];
	size_t n;

	(void)arg;
	return snp_cert_table_parse(in, v, &n);
}

static struct err read_raw(void *arg, struct bytes in)
{
	AUTO(snp_evidence_done) struct snp_evidence e = SNP_EVIDENCE_INIT;

	(void)arg;
	return snp_evidence_raw(in, NULL, &e);
}

static void test_table(void **state)
{
	AUTO(buf_done) struct buf table = BUF_INIT(SNP_GEN_TABLE_MAX), raw = BUF_INIT(RAW_MAX);
	struct snp_cert_entry v[SNP_CERT_TABLE_MAX];
	struct snp_gen g;
	size_t n;

	(void)state;
	snp_gen_init(&g, 3, SNP_GENOA, true);
	snp_gen_table(&g, &table);
	assert_ok(snp_cert_table_parse(buf_bytes(&table), v, &n));
	assert_int_equal(n, 3);
	assert_int_equal(v[0].kind, SNP_CERT_VLEK);
	assert_int_equal(v[1].kind, SNP_CERT_ASK);
	assert_int_equal(v[2].kind, SNP_CERT_ARK);
	assert_int_equal(v[0].offset, 4 * ENTRY);
	each_prefix(buf_bytes(&table), parse_table, NULL);
	each_flip_survives(buf_bytes(&table), parse_table, NULL);
	snp_gen_report(&g, &raw);
	snp_gen_table(&g, &raw);
	assert_ok(verify_raw(&g, buf_bytes(&raw)));
	buf_zero(&raw, 4096 - raw.n % 4096); /* a host gives whole pages */
	assert_ok(verify_raw(&g, buf_bytes(&raw)));
	snp_gen_done(&g);
	each_flip_survives(buf_bytes(&raw), read_raw, NULL);
}

struct entry {
	uint8_t guid;
	uint32_t offset, length;
};

static void put_entries(const struct entry *e, size_t n, struct buf *out)
{
	for (size_t i = 0; i < n; i++) {
		buf_u8(out, e[i].guid);
		buf_zero(out, 15);
		buf_le32(out, e[i].offset);
		buf_le32(out, e[i].length);
	}
}

static void test_bad_tables(void **state)
{
	static const struct {
		const char *text; /* NULL: good */
		struct entry v[3];
		size_t n;
	} cases[] = {
		{ NULL, { { 0 } }, 1 },
		{ NULL, { { 1, 48, 8 }, { 0 } }, 2 },
		{ NULL, { { 1, 48, 0 }, { 0 } }, 2 },
		{ NULL, { { 1, 72, 8 }, { 2, 72, 8 }, { 0 } }, 3 },
		{ "without its end", { { 1, 72, 8 }, { 2, 72, 8 }, { 3, 72, 8 } }, 3 },
		{ "at 0x2f", { { 1, 47, 1 }, { 0 } }, 2 },
		{ "0x9 bytes at 0x30", { { 1, 48, 9 }, { 0 } }, 2 },
		{ "at 0x39", { { 1, 57, 0 }, { 0 } }, 2 },
		{ "0xffffffff bytes", { { 1, 48, 0xffffffff }, { 0 } }, 2 },
		{ "at 0xffffffff", { { 1, 0xffffffff, 2 }, { 0 } }, 2 },
		{ "there twice", { { 1, 72, 8 }, { 1, 72, 8 }, { 0 } }, 3 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(buf_done) struct buf table = BUF_INIT(256);

		put_entries(cases[i].v, cases[i].n, &table);
		buf_zero(&table, cases[i].text && i == 4 ? 0 : 8);
		if (!cases[i].text) {
			assert_ok(parse_table(NULL, buf_bytes(&table)));
			continue;
		}
		assert_err(parse_table(NULL, buf_bytes(&table)), ERR_FORMAT);
		assert_err_text(cases[i].text);
	}
	AUTO(buf_done) struct buf many = BUF_INIT(1024);
	for (unsigned i = 1; i <= SNP_CERT_TABLE_MAX + 1; i++)
		put_entries(&(struct entry){ (uint8_t)i, 18 * ENTRY, 0 }, 1, &many);
	buf_zero(&many, ENTRY);
	assert_err(parse_table(NULL, buf_bytes(&many)), ERR_FORMAT);
	assert_err_text("one too many");
}

/* ---- forms of files ---- */

static void test_forms(void **state)
{
	AUTO(buf_done) struct buf report = BUF_INIT(RAW_MAX), rsp = BUF_INIT(4001);
	struct snp_gen g;

	(void)state;
	snp_gen_init(&g, 3, SNP_GENOA, false);
	snp_gen_report(&g, &report);
	snp_gen_response(buf_bytes(&report), &rsp);
	assert_true(snp_evidence_is_raw(buf_bytes(&rsp)));
	assert_ok(verify_raw(&g, buf_bytes(&rsp)));
	rsp.p[0] = 0x16; /* STATUS: no report in it */
	assert_false(snp_evidence_is_raw(buf_bytes(&rsp)));
	assert_err(verify_raw(&g, buf_bytes(&rsp)), ERR_FORMAT);
	memset(rsp.p + 1, 0, rsp.n - 1);
	assert_err(verify_raw(&g, buf_bytes(&rsp)), ERR_FORMAT);
	assert_err_text("STATUS 0x16");
	buf_clear(&rsp);
	snp_gen_response(buf_bytes(&report), &rsp);
	rsp.p[4]++;
	assert_false(snp_evidence_is_raw(buf_bytes(&rsp)));
	assert_err(verify_raw(&g, buf_bytes(&rsp)), ERR_FORMAT);
	rsp.p[4]--;
	buf_zero(&rsp, 1);
	assert_err(verify_raw(&g, buf_bytes(&rsp)), ERR_FORMAT);

	assert_false(snp_evidence_is_raw(bytes_of(report.p, SNP_REPORT_SIZE - 1)));
	for (size_t more = 1; more < 30; more++) {
		buf_zero(&report, 1);
		struct err e = verify_raw(&g, buf_bytes(&report));
		/* Azure's trailer; a table without entries and what pads it */
		assert_int_equal(e.code, more == 20 || more >= ENTRY ? ERR_OK : ERR_FORMAT);
	}
	snp_gen_done(&g);
	assert_err(read_raw(NULL, BYTES_NONE), ERR_FORMAT);
}

/* ---- JSON ---- */

struct text {
	const struct snp_gen *g;
	struct tee_policy policy;
};

static struct err verify_text(void *arg, struct bytes text)
{
	const struct text *t = arg;
	struct tee_verify_input in = snp_gen_input(t->g);
	AUTO(json_freep) struct json *j = NULL;

	TRY(json_parse(text, &j));
	in.evidence = j;
	in.policy = &t->policy;
	return verdict(&in);
}

/* The text with the first `from` behind `after` replaced. */
static void replace(
	struct bytes in, const char *after, const char *from, const char *to, struct buf *out)
{
	const uint8_t *start = memmem(in.p, in.n, after, strlen(after));

	assert_non_null(start);
	const uint8_t *at = memmem(start, in.n - (size_t)(start - in.p), from, strlen(from));
	assert_non_null(at);
	buf_clear(out);
	buf_put(out, bytes_of(in.p, (size_t)(at - in.p)));
	buf_puts(out, to);
	buf_put(out, bytes_of(at + strlen(from), in.n - (size_t)(at - in.p) - strlen(from)));
}

static const struct bent {
	const char *after, *from, *to;
	enum err_code code;
	const char *text;
} bents[] = {
	{ "", "\"attestation_report\"", "\"report\"", ERR_FORMAT, "attestation_report" },
	{ "", "{\"version\":", "[{\"version\":", ERR_FORMAT, NULL },
	{ "", "\"version\":5", "\"version\":\"5\"", ERR_FORMAT, "/version" },
	{ "", "\"version\":5", "\"version\":4294967301", ERR_FORMAT, "/version" },
	{ "", "\"version\":5", "\"version\":-5", ERR_FORMAT, "/version" },
	{ "", "\"version\":5", "\"version\":5.5", ERR_FORMAT, "/version" },
	{ "", "\"version\":5", "\"version\":6", ERR_FORMAT, "VERSION" },
	{ "", "\"guest_svn\"", "\"guest\"", ERR_FORMAT, "/guest_svn" },
	{ "", "\"policy\":", "\"policy\":true,\"p\":", ERR_FORMAT, "/policy" },
	{ "", "\"policy\":", "\"policy\":18446744073709551616,\"p\":", ERR_FORMAT, NULL },
	{ "", "\"vmpl\":0", "\"vmpl\":null", ERR_FORMAT, "/vmpl" },
	{ "", "\"current_tcb\":", "\"current_tcb\":null,\"c\":", ERR_FORMAT, "/current" },
	{ "", "\"fmc\":1", "\"fmc\":256", ERR_FORMAT, "fmc" },
	{ "reported_tcb", "\"microcode\"", "\"ucode\"", ERR_FORMAT, "microcode" },
	{ "", "\"measurement\":[62,", "\"measurement\":[", ERR_FORMAT, "/measurement" },
	{ "", "\"measurement\":[62", "\"measurement\":[62,62", ERR_FORMAT, "/measurement" },
	{ "", "\"measurement\":[62", "\"measurement\":[256", ERR_FORMAT, "/measurement" },
	{ "", "\"measurement\":[62", "\"measurement\":[\"62\"", ERR_FORMAT, NULL },
	{ "", "\"measurement\":[62", "\"measurement\":[63", ERR_UNVERIFIED, "signature" },
	{ "", "\"host_data\":[64", "\"host_data\":[65", ERR_UNVERIFIED, "signature" },
	{ "", "\"current_mit_vector\":3", "\"current_mit_vector\":null", ERR_UNVERIFIED,
		"signature" },
	{ "", "\"cpuid_step\":1", "\"cpuid_step\":null", ERR_UNVERIFIED, "signature" },
	{ "", "\"cpuid_step\":1", "\"cpuid_step\":256", ERR_FORMAT, "/cpuid_step" },
	{ "", "\"cpuid_mod_id\":2", "\"cpuid_mod_id\":1", ERR_UNVERIFIED, "signature" },
	{ "", "\"minor\":55", "\"minor\":256", ERR_FORMAT, "/minor" },
	{ "", "\"signature\"", "\"sig\"", ERR_FORMAT, "/signature/r" },
	{ "cert_chain", "\"data\":[48", "\"data\":[49", ERR_FORMAT, "cert_chain[0]" },
	{ "cert_chain", "\"data\":[48", "\"data\":[300", ERR_FORMAT, "cert_chain[0]" },
	{ "cert_chain", "\"VCEK\"", "\"CRL\"", ERR_UNVERIFIED, "collateral.missing" },
	{ "cert_chain", "\"ASK\"", "\"Empty\"", ERR_UNVERIFIED, "certificate.untrusted" },
	{ "cert_chain", "\"ARK\"", "\"Empty\"", ERR_OK, NULL },
	{ "cert_chain", "\"data\":[48", "\"data\":[],\"old\":[48", ERR_UNVERIFIED,
		"collateral.missing" },
	{ "cert_chain", "\"VCEK\"", "\"ARK\"", ERR_UNVERIFIED, "collateral.missing" },
};

static void test_bad_json(void **state)
{
	AUTO(buf_done) struct buf report = BUF_INIT(SNP_REPORT_SIZE);
	AUTO(buf_done) struct buf good = BUF_INIT(SNP_GEN_JSON_MAX);
	AUTO(buf_done) struct buf bent = BUF_INIT(SNP_GEN_JSON_MAX);
	AUTO(collateral_freep) struct collateral *list = NULL;
	struct snp_gen g;

	(void)state;
	snp_gen_init(&g, 5, SNP_TURIN, false);
	snp_gen_report(&g, &report);
	snp_gen_json(&g, buf_bytes(&report), true, &good);
	collateral_freep(&g.collateral);
	assert_ok(collateral_new(&g.collateral));
	assert_ok(collateral_add(g.collateral, buf_bytes(&g.crl), "list"));
	struct text t = { .g = &g };
	assert_ok(verify_text(&t, buf_bytes(&good)));
	for (size_t i = 0; i < ARRAY_LEN(bents); i++) {
		replace(buf_bytes(&good), bents[i].after, bents[i].from, bents[i].to, &bent);
		struct err e = verify_text(&t, buf_bytes(&bent));
		if (e.code != bents[i].code ||
			(bents[i].text && !strstr(err_text(), bents[i].text))) {
			print_error("%s: %s: %s\n", bents[i].to, err_code_name(e.code),
				failed(e) ? err_text() : "");
			fail();
		}
	}
	snp_gen_done(&g);
}

/* A certificate of more than any size that AMD's have. */
static void test_large_json(void **state)
{
	AUTO(buf_done) struct buf report = BUF_INIT(SNP_REPORT_SIZE);
	AUTO(buf_done) struct buf good = BUF_INIT(SNP_GEN_JSON_MAX);
	AUTO(buf_done) struct buf bent = BUF_INIT(4 * SNP_GEN_JSON_MAX);
	AUTO(buf_done) struct buf big = BUF_INIT(2 * SNP_GEN_JSON_MAX);
	struct snp_gen g;

	(void)state;
	snp_gen_init(&g, 3, SNP_MILAN, false);
	snp_gen_report(&g, &report);
	snp_gen_json(&g, buf_bytes(&report), true, &good);
	buf_puts(&big, "\"data\":[0");
	for (size_t i = 0; i < 16 * 1024; i++)
		buf_puts(&big, ",0");
	buf_puts(&big, "],\"old\":[48");
	replace(buf_bytes(&good), "cert_chain", "\"data\":[48", buf_cstr(&big), &bent);
	struct text t = { .g = &g };
	assert_err(verify_text(&t, buf_bytes(&bent)), ERR_FORMAT);
	assert_err_text("cert_chain[0]: 16385 bytes");
	snp_gen_done(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_report_bytes),
		cmocka_unit_test(test_reserved),
		cmocka_unit_test(test_unsigned_tail),
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_certificate_bytes),
		cmocka_unit_test(test_list_bytes),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_bad_tables),
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_bad_json),
		cmocka_unit_test(test_large_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
