/* The guest driver on fake devices, its evidence before the real verifier. */
#include "fake_snp.h"
#include "sev/sev_guest.h"
#include "util.h"

#include <errno.h>

#include <tee/tee.h>

/* One guest, and what it said last. */
struct guest {
	struct fake_snp f;
	struct tee_guest *guest;
	struct digest_value initdata, report_data;
	struct buf text;
	struct json *evidence;
};

static const struct tee *snp(void)
{
	return tee_by_platform("snp");
}

static const struct tee_guest_ops *ops(void)
{
	return tee_guest_ops(snp());
}

static void start(struct guest *g)
{
	struct tee_guest_config c;

	*g = (struct guest){ .text.max = JSON_SIZE_MAX };
	assert_ok(digest(DIGEST_SHA384, bytes_str("initdata"), &g->initdata));
	assert_ok(digest(DIGEST_SHA384, bytes_str("runtime data"), &g->report_data));
	fake_snp_start(&g->f, "snp", digest_bytes(&g->initdata));
	c = fake_tsm_config(&g->f.tsm);
	assert_ptr_equal(tee_detect(&c), snp());
	assert_ok(ops()->open(&c, &g->guest));
}

static void end(struct guest *g)
{
	ops()->close(g->guest);
	json_free(g->evidence);
	buf_done(&g->text);
	fake_snp_stop(&g->f);
}

static struct err prove(struct guest *g)
{
	buf_clear(&g->text);
	json_free(g->evidence);
	g->evidence = NULL;
	TRY(ops()->evidence(g->guest, digest_bytes(&g->report_data), NULL, &g->text));
	return json_parse(buf_bytes(&g->text), &g->evidence);
}

/* Certificates come with the evidence alone. */
static struct err verify(struct guest *g)
{
	AUTO(claims_done) struct claims claims = { 0 };
	const struct tee_policy policy = { .crl_optional = true };
	struct tee_verify_input in = snp_gen_input(&g->f.gen);

	in.collateral = NULL;
	in.policy = &policy;
	in.report_data = digest_bytes(&g->report_data);
	in.initdata_digest = digest_bytes(&g->initdata);
	in.evidence = g->evidence;
	return tee_verify(snp(), &in, &claims);
}

static void good(void **state)
{
	AUTO(end) struct guest g;

	(void)state;
	start(&g);
	assert_ok(ops()->bind_initdata(g.guest, &g.initdata));
	assert_ok(prove(&g));
	assert_ok(verify(&g));
	assert_int_equal(g.f.calls, 0); /* configfs-tsm alone */
	/* A kernel without configfs-tsm. */
	g.f.tsm.provider = NULL;
	assert_ok(ops()->bind_initdata(g.guest, &g.initdata));
	assert_ok(prove(&g));
	assert_ok(verify(&g));
	/* Each time once to learn the size, once to get all. */
	assert_int_equal(g.f.calls, 4);
}

/* A guest below an SVSM may not ask at VMPL 0; the verifier's policy says whether that will do. */
static void privilege_level(void **state)
{
	AUTO(end) struct guest g;

	(void)state;
	start(&g);
	g.f.tsm.floor = "2\n";
	assert_ok(prove(&g));
	assert_err(verify(&g), ERR_UNVERIFIED);
	assert_err_text("vmpl");
}

static void without_certificates(void **state)
{
	AUTO(end) struct guest g;

	(void)state;
	start(&g);
	g.f.certificates = false;
	for (int i = 0; i < 2; i++) {
		assert_ok(prove(&g));
		assert_int_equal(json_type(json_get(g.evidence, "cert_chain")), JSON_NULL);
		assert_err(verify(&g), ERR_UNVERIFIED);
		g.f.tsm.provider = NULL;
	}
	assert_int_equal(g.f.calls, 1);
}

/* Byte for byte what Trustee's guests would send of that report. */
static void same_json(void **state)
{
	static const struct {
		unsigned version;
		enum snp_product product;
		bool vlek;
	} cases[] = {
		{ 2, SNP_GENOA, false },
		{ 2, SNP_TURIN, false },
		{ 3, SNP_MILAN, true },
		{ 4, SNP_GENOA, false },
		{ 5, SNP_TURIN, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(buf_done) struct buf report = BUF_INIT(SNP_REPORT_SIZE);
		AUTO(buf_done) struct buf want = BUF_INIT(SNP_GEN_JSON_MAX);
		AUTO(buf_done) struct buf got = BUF_INIT(SNP_GEN_JSON_MAX);
		AUTO(snp_gen_done) struct snp_gen g;
		struct snp_report r;

		snp_gen_init(&g, cases[i].version, cases[i].product, cases[i].vlek);
		snp_gen_report(&g, &report);
		snp_gen_json(&g, buf_bytes(&report), false, &want);
		assert_ok(snp_report_parse(buf_bytes(&report), &r));
		snp_report_set_product(&r, cases[i].product);
		assert_ok(snp_evidence_print(&r, BYTES_NONE, &got));
		assert_bytes_equal(buf_bytes(&got), buf_bytes(&want));
	}
}

/* What else a host may put into the table. */
static void other_entries(void **state)
{
	static const uint8_t table[] = { 0xec, 0xae, 0x0c, 0x0f, 0x95, 0x02, 0x43, 0xb1, 0xaf, 0xa2,
		0x0a, 0xe2, 0xe0, 0xd5, 0x65, 0xb6, 0x30, 0, 0, 0, 0x02, 0, 0, 0, /* Google's */
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, /* end */
		7, 8 };
	AUTO(end) struct guest g;

	(void)state;
	start(&g);
	buf_clear(&g.f.table);
	buf_put(&g.f.table, BYTES_OF(table));
	assert_ok(prove(&g));
	AUTO(buf_done) struct buf chain = BUF_INIT(256);
	json_print(json_get(g.evidence, "cert_chain"), &chain);
	assert_bytes_equal(buf_bytes(&chain),
		bytes_str("[{\"cert_type\":{\"OTHER\":\"ecae0c0f-9502-43b1-afa2-0ae2e0d565b6\"},"
			  "\"data\":[7,8]}]"));
	/* A table without its end is the host's mistake, and said so. */
	g.f.table.n = 30;
	assert_err(prove(&g), ERR_FORMAT);
	assert_err_text("certificate table");
}

static void wrong_host_data(void **state)
{
	AUTO(end) struct guest g;
	struct digest_value other;

	(void)state;
	start(&g);
	assert_ok(digest(DIGEST_SHA384, bytes_str("other initdata"), &other));
	assert_err(ops()->bind_initdata(g.guest, &other), ERR_UNVERIFIED);
	assert_non_null(err_denial());
	assert_string_equal(err_denial()->code, "initdata.mismatch");
	assert_string_equal(err_denial()->field, "snp.host_data");
	assert_int_equal(strlen(err_denial()->expected), 64);
	assert_int_equal(strlen(err_denial()->actual), 64);
	assert_string_not_equal(err_denial()->expected, err_denial()->actual);
	/* Launched without any, and none is there. */
	const struct digest_value none = { .alg = DIGEST_SHA256, .n = DIGEST_SHA256_SIZE };
	assert_err(ops()->bind_initdata(g.guest, &none), ERR_UNVERIFIED);
	memset(g.f.gen.report.host_data, 0, sizeof(g.f.gen.report.host_data));
	assert_ok(ops()->bind_initdata(g.guest, &none));
	assert_err(ops()->bind_initdata(g.guest, &other), ERR_UNVERIFIED);
}

static void cut_report(void **state)
{
	static const size_t cuts[] = { 1, 600, SNP_REPORT_SIZE };
	AUTO(end) struct guest g;

	(void)state;
	start(&g);
	for (size_t i = 0; i < ARRAY_LEN(cuts); i++) {
		g.f.tsm.cut = cuts[i];
		assert_err(prove(&g), ERR_FORMAT);
		assert_err_text("instead of 1184");
	}
}

static struct err stale(void *arg, struct bytes inblob, unsigned privlevel, struct buf *outblob,
	struct buf *auxblob)
{
	struct fake_snp *f = arg;

	(void)inblob;
	(void)privlevel;
	(void)auxblob;
	snp_gen_report(&f->gen, outblob);
	return OK;
}

static void other_report_data(void **state)
{
	AUTO(end) struct guest g;
	uint8_t long_data[65] = { 0 };

	(void)state;
	start(&g);
	g.f.tsm.report = stale;
	assert_err(prove(&g), ERR_STATE);
	assert_err_text("report_data");
	assert_err(ops()->evidence(g.guest, BYTES_OF(long_data), NULL, &g.text), ERR_LIMIT);
}

static void device_refuses(void **state)
{
	static const struct {
		uint64_t exitinfo2;
		const char *text;
		unsigned calls;
	} cases[] = {
		{ 0x16, "fw_error 0x16: INVALID_PARAM", 1 },
		{ 0x1d, "fw_error 0x1d: AEAD_OFLOW", 1 }, { 0xffffffff, "NO_FW_CALL", 1 },
		{ UINT64_C(0x200000000), "vmm_error 0x2: BUSY", 5 },
		{ UINT64_C(0x900000000), "vmm_error 0x9: not a known code", 1 },
		{ UINT64_C(0x100000000), "vmm_error 0x1: INVALID_LEN", 1 }, /* no size given */
	};
	AUTO(end) struct guest g;

	(void)state;
	start(&g);
	g.f.tsm.provider = NULL;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		g.f.exitinfo2 = cases[i].exitinfo2;
		g.f.calls = 0;
		assert_err(prove(&g), ERR_SYS);
		assert_err_text(cases[i].text);
		assert_int_equal(g.f.calls, cases[i].calls);
	}
	g.f.exitinfo2 = 0;
	g.f.status = 0x27;
	assert_err(prove(&g), ERR_PEER);
	assert_err_text("STATUS 0x27: INVALID_KEY");
	g.f.status = 0;
	g.f.busy = 3;
	assert_ok(prove(&g));
	assert_ok(verify(&g));
}

static void too_many_certificates(void **state)
{
	static const size_t sizes[] = { 4097, 0x11000, 0x7fffffff };
	AUTO(end) struct guest g;

	(void)state;
	start(&g);
	g.f.tsm.provider = NULL;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		g.f.more = sizes[i];
		assert_err(prove(&g), ERR_LIMIT);
		assert_err_text("bytes of certificates");
	}
}

static void no_device(void **state)
{
	AUTO(end) struct guest g;
	struct fake_tsm empty;
	struct tee_guest_config c;

	(void)state;
	start(&g);
	fake_tsm_init(&empty, "empty");
	c = fake_tsm_config(&empty);
	assert_null(tee_detect(&c));
	g.f.tsm.provider = NULL;
	g.f.tsm.control = NULL;
	assert_err(prove(&g), ERR_NOT_FOUND);
	assert_err_text("module sev_guest");
	/* A TD is not asked for SNP reports by mistake. */
	g.f.tsm.provider = "tdx_guest";
	assert_err(prove(&g), ERR_NOT_FOUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good),
		cmocka_unit_test(privilege_level),
		cmocka_unit_test(without_certificates),
		cmocka_unit_test(same_json),
		cmocka_unit_test(other_entries),
		cmocka_unit_test(wrong_host_data),
		cmocka_unit_test(cut_report),
		cmocka_unit_test(other_report_data),
		cmocka_unit_test(device_refuses),
		cmocka_unit_test(too_many_certificates),
		cmocka_unit_test(no_device),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
