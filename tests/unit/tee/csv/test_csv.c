#include "csv_gen.h"
#include "util.h"

#include <string.h>

#include <tee/denials.h>
#include <tee/eventlog.h>

struct world {
	struct csv_gen g;
	struct buf data, text;
	struct json *evidence;
	struct tee_policy policy;
	struct tee_verify_input in;
};

static void world_start(struct world *w, unsigned version)
{
	*w = (struct world){ .data = BUF_INIT(CSV_DATA_SIZE), .text = BUF_INIT(1024 * 1024) };
	csv_gen_init(&w->g, version);
	w->in = (struct tee_verify_input){
		.report_data = BYTES_OF(w->g.report_data),
		.collateral = &w->g.collateral,
		.anchors = &w->g.anchors,
		.policy = &w->policy,
	};
}

static void world_raw(struct world *w)
{
	buf_clear(&w->data);
	csv_gen_certs(&w->g);
	csv_gen_data(&w->g, &w->data);
	w->in.raw = buf_bytes(&w->data);
}

static void world_json(struct world *w, bool hsk_cek)
{
	csv_gen_certs(&w->g);
	buf_clear(&w->text);
	json_freep(&w->evidence);
	w->evidence = NULL;
	csv_gen_json(&w->g, hsk_cek, &w->text);
	assert_ok(json_parse(buf_bytes(&w->text), &w->evidence));
	w->in.evidence = w->evidence;
}

static void world_finish(struct world *w)
{
	csv_gen_done(&w->g);
	buf_done(&w->data);
	buf_done(&w->text);
	json_freep(&w->evidence);
}

static struct err verdict(const struct tee_verify_input *in)
{
	AUTO(claims_done) struct claims c = { 0 };

	return tee_verify(tee_by_platform("csv"), in, &c);
}

static void assert_denial(
	const struct tee_verify_input *in, enum tee_denial want, const char *field)
{
	assert_err(verdict(in), ERR_UNVERIFIED);
	assert_string_equal(err_denial()->code, tee_denial_code(want));
	if (field && !str_starts(err_denial()->field, field))
		assert_string_equal(err_denial()->field, field);
}

/* ---- good evidence ---- */
static void test_raw(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		AUTO(claims_done) struct claims c = { 0 };
		struct world w;

		world_start(&w, i == 2 ? 2 : 1);
		w.g.masked_signer = i == 1;
		w.g.second_slot = i == 1;
		w.policy.measurement = BYTES_OF(w.g.measure);
		world_raw(&w);
		assert_ptr_equal(tee_recognise(&w.in), tee_by_kbs_name("csv"));
		assert_ok(tee_verify(tee_by_platform("csv"), &w.in, &c));
		assert_string_equal(claim_text(claims_get(&c, "csv.serial_number")), "TEST0001");
		assert_string_equal(claim_text(claims_get(&c, "csv.version")), i == 2 ? "2" : "1");
		assert_string_equal(claim_text(claims_get(&c, "csv.policy.nodbg")), "1");
		assert_string_equal(claim_text(claims_get(&c, "csv.policy.csv3")), "1");
		assert_string_equal(claim_text(claims_get(&c, "csv.policy.noks")), "0");
		assert_string_equal(claim_text(claims_get(&c, "csv.sig_usage")), "02100000");
		assert_string_equal(
			claim_text(claims_get(&c, "csv.anonce")), i == 2 ? "" : "26d7c75d");
		assert_string_equal(claim_text(claims_get(&c, "csv.build")), i == 2 ? "4711" : "");
		assert_string_equal(claim_text(claims_get(&c, "simulated")), "false");
		assert_string_equal(claim_text(claims_get(&c, "debug")), "false");
		world_finish(&w);
	}
}

static void test_json(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		AUTO(claims_done) struct claims c = { 0 };
		struct world w;

		world_start(&w, 1 + i / 2);
		world_json(&w, i % 2);
		if (i % 2)
			w.in.collateral = NULL;
		assert_ptr_equal(tee_recognise(&w.in), tee_by_kbs_name("csv"));
		assert_ok(tee_verify(tee_by_platform("csv"), &w.in, &c));
		assert_string_equal(claim_text(claims_get(&c, "csv.serial_number")), "TEST0001");
		assert_non_null(claims_get(&c, "report_data"));
		world_finish(&w);
	}
}

/* HSK and CEK as Hygon's server sends them, and among those of other processors. */
static void test_certificates_beside(void **state)
{
	AUTO(buf_done) struct buf file = BUF_INIT(4096);
	struct collateral_item *mixed[4];
	struct csv_gen other;
	struct world w;

	(void)state;
	world_start(&w, 1);
	world_raw(&w);
	w.in.collateral = NULL;
	assert_denial(&w.in, DENY_COLLATERAL_MISSING, "HSK and CEK");
	buf_put(&file, buf_bytes(&w.g.hsk));
	buf_put(&file, buf_bytes(&w.g.cek));
	w.in.parts[0] = (struct tee_part){ "certificates", buf_bytes(&file) };
	w.in.n_parts = 1;
	assert_ok(verdict(&w.in));
	w.in.n_parts = 0;

	csv_gen_init(&other, 1);
	mixed[0] = other.item_ps[0];
	mixed[1] = other.item_ps[1];
	mixed[2] = w.g.item_ps[1];
	mixed[3] = w.g.item_ps[0];
	struct collateral all = { .v = mixed, .n = 4 };
	w.in.collateral = &all;
	assert_ok(verdict(&w.in));
	all.n = 2;
	assert_denial(&w.in, DENY_CSV_SIGNATURE, "HSK");
	csv_gen_done(&other);
	world_finish(&w);
}

/* ---- bad evidence ---- */
static void bend_policy(struct world *w)
{
	w->g.policy &= ~(uint32_t)CSV_POLICY_NODBG;
}
static void bend_hsk_signer(struct world *w)
{
	w->g.hsk_signer = w->g.hsk_key;
}
static void bend_cek_signer(struct world *w)
{
	w->g.cek_signer = w->g.hrk_key;
}
static void bend_pek_signer(struct world *w)
{
	w->g.pek_signer = w->g.pek_key;
}
static void bend_report_signer(struct world *w)
{
	w->g.report_signer = w->g.cek_key;
}
static void bend_hsk_sid(struct world *w)
{
	w->g.hsk_sid = 'X';
}
static void bend_slot(struct world *w)
{
	w->g.slot_usage = CSV_OCA;
}
static void bend_hsk_usage(struct world *w)
{
	w->g.hsk_usage = CSV_HRK;
}
static void bend_cek_usage(struct world *w)
{
	w->g.cek_usage = CSV_PDH;
}
static void bend_sig_usage(struct world *w)
{
	w->g.sig_usage = CSV_PDH;
}
static void bend_sig_algo(struct world *w)
{
	w->g.sig_algo = 2;
}
static void bend_report_data(struct world *w)
{
	w->in.report_data = bytes_of(w->g.report_data, 63);
}
static void bend_report_data_long(struct world *w)
{
	static const uint8_t longer[65] = { 0 };

	memset(w->g.report_data, 0, sizeof(w->g.report_data));
	w->in.report_data = BYTES_OF(longer);
}
static void bend_measurement(struct world *w)
{
	w->policy.measurement = bytes_of(w->g.report_data, 32);
}
static void bend_root(struct world *w)
{
	w->in.anchors = NULL; /* Hygon's own then */
}

static void test_refused(void **state)
{
	static const struct {
		void (*bend)(struct world *w);
		enum tee_denial want;
		const char *field;
	} cases[] = {
		{ bend_policy, DENY_DEBUG, "policy" },
		{ bend_hsk_signer, DENY_CSV_SIGNATURE, "HSK" },
		{ bend_cek_signer, DENY_CSV_SIGNATURE, "CEK" },
		{ bend_pek_signer, DENY_CSV_SIGNATURE, "PEK" },
		{ bend_report_signer, DENY_CSV_SIGNATURE, "report" },
		{ bend_hsk_sid, DENY_CSV_CHAIN, "HSK" },
		{ bend_slot, DENY_CSV_CHAIN, "PEK" },
		{ bend_hsk_usage, DENY_COLLATERAL_MISSING, "HSK and CEK" },
		{ bend_cek_usage, DENY_COLLATERAL_MISSING, "HSK and CEK" },
		{ bend_sig_usage, DENY_CSV_CHAIN, "report" },
		{ bend_sig_algo, DENY_CSV_CHAIN, "report" },
		{ bend_report_data, DENY_EVIDENCE_REPORT_DATA, "report_data" },
		{ bend_report_data_long, DENY_EVIDENCE_REPORT_DATA, "report_data" },
		{ bend_measurement, DENY_MEASUREMENT, "launch measurement" },
		{ bend_root, DENY_CSV_CHAIN, "HSK" },
	};

	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_LEN(cases); i++) {
		struct world w;

		world_start(&w, 1 + i % 2);
		cases[i / 2].bend(&w);
		world_json(&w, i % 4 < 2);
		assert_denial(&w.in, cases[i / 2].want, cases[i / 2].field);
		world_finish(&w);
	}
}

static void test_allowed(void **state)
{
	AUTO(claims_done) struct claims c = { 0 };
	struct world w;

	(void)state;
	world_start(&w, 1);
	bend_policy(&w);
	world_raw(&w);
	w.policy.allow_debug = true;
	assert_ok(tee_verify(tee_by_platform("csv"), &w.in, &c));
	assert_string_equal(claim_text(claims_get(&c, "csv.debug")), "true");
	assert_string_equal(claim_text(claims_get(&c, "debug")), "true");
	world_finish(&w);
}

/* Nothing in a report vouches for initdata, and no claim says so. */
static void test_initdata(void **state)
{
	AUTO(checks_freep) struct checks *checks = NULL;
	AUTO(claims_done) struct claims c = { 0 };
	bool said = false;
	struct world w;

	(void)state;
	world_start(&w, 2);
	world_raw(&w);
	w.in.initdata_digest = bytes_str("0123456789abcdef0123456789abcdef");
	assert_ok(checks_new(&checks));
	assert_ok(tee_by_platform("csv")->verify->verify(&w.in, checks, &c));
	for (size_t i = 0; i < checks->n; i++)
		if (str_equal(checks->v[i].d.field, "initdata"))
			said = checks->v[i].verdict == CHECK_NOT_DONE;
	assert_true(said);
	assert_null(claims_get(&c, "init_data"));
	world_finish(&w);
}

/* ---- the event log of version 2 ---- */
static void put_event(struct buf *log, uint32_t index, struct bytes digest_value)
{
	buf_le32(log, index);
	buf_le32(log, EV_IPL);
	buf_le32(log, 1);
	buf_le16(log, 0x0012); /* TPM_ALG_SM3_256 */
	buf_put(log, digest_value);
	buf_le32(log, 4);
	buf_puts(log, "data");
}

static void make_log(struct buf *log, struct world *w)
{
	struct digest_value d, rtmr[CSV_RTMRS];

	/* Specification ID event with SM3 alone */
	buf_le32(log, 0);
	buf_le32(log, EV_NO_ACTION);
	buf_zero(log, 20);
	buf_le32(log, 24 + 4 + 4 + 1);
	buf_put(log, bytes_of("Spec ID Event03\0", 16));
	buf_le32(log, 0);
	buf_le32(log, 0x02000200);
	buf_le32(log, 1);
	buf_le16(log, 0x0012);
	buf_le16(log, 32);
	buf_u8(log, 0);
	for (size_t i = 0; i < CSV_RTMRS; i++)
		rtmr[i] = (struct digest_value){ .alg = DIGEST_SM3, .n = 32 };
	for (uint32_t i = 1; i < CSV_RTMRS; i++) {
		assert_ok(digest(DIGEST_SM3, bytes_of(&i, 1), &d));
		put_event(log, i, digest_bytes(&d));
		assert_ok(pcr_extend(&rtmr[i], digest_bytes(&d)));
		memcpy(w->g.rtmr[i], rtmr[i].v, 32);
	}
	assert_ok(buf_end(log, "log"));
}

static void test_event_log(void **state)
{
	AUTO(buf_done) struct buf log = BUF_INIT(4096);
	AUTO(claims_done) struct claims c = { 0 };
	AUTO(json_freep) struct json *events = NULL;
	struct world w;

	(void)state;
	world_start(&w, 2);
	make_log(&log, &w);
	w.g.event_log = buf_bytes(&log);
	world_json(&w, true);
	assert_ok(tee_verify(tee_by_platform("csv"), &w.in, &c));
	assert_ok(
		json_parse(bytes_str(claim_text(claims_get(&c, "csv.uefi_event_logs"))), &events));
	assert_int_equal(json_count(events), 4);
	w.g.rtmr[3][0] ^= 1;
	world_json(&w, true);
	assert_denial(&w.in, DENY_CSV_EVENT_LOG, "event log: RTMR3");
	w.g.rtmr[3][0] ^= 1;
	w.g.event_log.n -= 1;
	world_json(&w, true);
	assert_denial(&w.in, DENY_CSV_EVENT_LOG, "event log");

	/* an event that no register vouches for */
	w.g.event_log.n += 1;
	log.p[log.n - 54] = 5;
	world_json(&w, true);
	assert_denial(&w.in, DENY_CSV_EVENT_LOG, "event log");
	assert_non_null(strstr(err_denial()->actual, "event 4 is of register 5"));
	log.p[log.n - 54] = 4;

	/* a file beside a raw report */
	w.in.evidence = NULL;
	world_raw(&w);
	w.in.parts[0] = (struct tee_part){ "event-log", buf_bytes(&log) };
	w.in.n_parts = 1;
	assert_ok(verdict(&w.in));
	w.g.rtmr[1][0] ^= 1;
	world_raw(&w);
	assert_denial(&w.in, DENY_CSV_EVENT_LOG, "event log: RTMR1");
	world_finish(&w);
}

/* ---- real evidence ---- */
/*
 * Trustee's sample leaves out HSK and CEK, and those that csv-rs carries are of another processor:
 * the report holds under its PEK, HSK and CEK hold under Hygon's root built in, and only the link
 * between them must fail.
 */
static void test_vector_evidence(void **state)
{
	AUTO(buf_done) struct buf text = test_file(test_vector("csv/trustee/csv_evidence.json"));
	AUTO(buf_done) struct buf chain = test_file(test_vector("csv/csv-rs/hsk_cek.cert"));
	static const char *const passed[] = { "HSK: signed by a trusted HRK", "CEK: signed by HSK",
		"report: signed by PEK", "report: kind of signature", "policy: NODBG" };
	AUTO(json_freep) struct json *j = NULL;
	AUTO(checks_freep) struct checks *checks = NULL;
	AUTO(claims_done) struct claims c = { 0 };
	size_t n = 0;

	(void)state;
	assert_ok(json_parse(buf_bytes(&text), &j));
	struct tee_verify_input in = {
		.evidence = j, .parts = { { "certificates", buf_bytes(&chain) } }, .n_parts = 1
	};
	assert_ptr_equal(tee_recognise(&in), tee_by_kbs_name("csv"));
	assert_ok(checks_new(&checks));
	assert_err(tee_by_platform("csv")->verify->verify(&in, checks, &c), ERR_UNVERIFIED);
	for (size_t i = 0; i < checks->n; i++) {
		if (checks->v[i].verdict == CHECK_FAILED)
			assert_string_equal(checks->v[i].d.field, "PEK: signed by CEK");
		if (checks->v[i].verdict == CHECK_PASSED && n < ARRAY_LEN(passed))
			assert_string_equal(checks->v[i].d.field, passed[n++]);
	}
	assert_int_equal(n, ARRAY_LEN(passed));
	in.n_parts = 0;
	assert_denial(&in, DENY_COLLATERAL_MISSING, "HSK and CEK");
	assert_string_equal(err_denial()->actual, "KPA64911240507");
}

static void test_vector_claims(void **state)
{
	AUTO(buf_done) struct buf text = test_file(test_vector("csv/trustee/csv_evidence.json"));
	AUTO(csv_evidence_done) struct csv_evidence e = { 0 };
	AUTO(json_freep) struct json *j = NULL;
	AUTO(claims_done) struct claims c = { 0 };
	struct csv_report r;

	(void)state;
	assert_ok(json_parse(buf_bytes(&text), &j));
	assert_ok(csv_evidence_decode(j, &e));
	assert_ok(csv_report_parse(buf_bytes(&e.data), e.version, &r));
	assert_int_equal(r.policy, CSV_POLICY_NODBG | CSV_POLICY_ES | CSV_POLICY_CSV3);
	assert_int_equal(r.sig_usage, CSV_PEK);
	assert_true(bytes_is_zero(BYTES_OF(r.user_pubkey_digest)));
	assert_true(bytes_is_zero(BYTES_OF(r.report_data)));
	csv_claims(&e, &r, &c);
	assert_ok(claims_end(&c));
	assert_string_equal(claim_text(claims_get(&c, "csv.serial_number")), "KPA64911240507");
	assert_string_equal(claim_text(claims_get(&c, "csv.anonce")), "26d7c75d");
	assert_string_equal(claim_text(claims_get(&c, "csv.sig_algo")), "04000000");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_raw),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_certificates_beside),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_allowed),
		cmocka_unit_test(test_initdata),
		cmocka_unit_test(test_event_log),
		cmocka_unit_test(test_vector_evidence),
		cmocka_unit_test(test_vector_claims),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
