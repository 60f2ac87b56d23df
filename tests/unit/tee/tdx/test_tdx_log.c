/* Event logs against the RTMRs, and evidence as guests send it. */
#include "tdx/event_log.h"
#include "tdx/evidence.h"
#include "tdx_gen.h"
#include "util.h"

#include <base/encode.h>
#include <tee/eventlog.h>

enum {
	TEXT_MAX = 2 * 1024 * 1024
};

/* ---- CCEL ---- */
static struct checks *check_log(const struct tdx_gen_log *l, struct td_report *td)
{
	struct checks *c;

	assert_ok(checks_new(&c));
	tdx_check_ccel(buf_bytes(&l->log), td, c);
	return c;
}

static void boot(struct tdx_gen_log *l, struct td_report *td)
{
	struct tdx_gen_quote q = tdx_gen_quote(TDX_BODY_TD_10);

	tdx_gen_log_start(l);
	tdx_gen_log_boot(l);
	tdx_gen_log_quoted(l, &q);
	*td = q.td;
}

static void test_ccel(void **state)
{
	struct td_report td;
	struct tdx_gen_log l;

	(void)state;
	boot(&l, &td);
	for (int padding = 0; padding < 3; padding++) {
		AUTO(checks_freep) struct checks *c = NULL;
		static const uint8_t erased[16] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
			0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
		size_t n = l.log.n;

		if (padding == 1)
			buf_zero(&l.log, 4096);
		else if (padding == 2)
			buf_put(&l.log, BYTES_OF(erased));
		c = check_log(&l, &td);
		l.log.n = n;
		assert_ok(checks_end(c));
		assert_int_equal(c->n, 5);
		for (size_t i = 0; i < 4; i++)
			assert_int_equal(c->v[i].verdict, CHECK_PASSED);
		assert_int_equal(c->v[4].verdict, CHECK_NOT_DONE); /* RTMR3 */
	}
	tdx_gen_log_done(&l);
}

static struct err log_verdict(void *arg, struct bytes in)
{
	AUTO(checks_freep) struct checks *c = NULL;

	assert_ok(checks_new(&c));
	tdx_check_ccel(in, arg, c);
	for (size_t i = 0; i < 4 && i < c->n; i++) /* a register that lost its events is seen */
		if (c->v[i].verdict != CHECK_PASSED)
			return err_new(ERR_UNVERIFIED, "row %zu", i);
	return checks_end(c);
}

static void test_ccel_cut(void **state)
{
	struct td_report td;
	struct tdx_gen_log l;

	(void)state;
	boot(&l, &td);
	each_prefix(buf_bytes(&l.log), log_verdict, &td);
	each_flip_survives(buf_bytes(&l.log), log_verdict, &td);
	tdx_gen_log_done(&l);
}

struct bad_log {
	uint32_t mr, type;
	size_t row;
	const char *code;
};

static void test_ccel_bad(void **state)
{
	static const struct bad_log bad[] = {
		{ 1, EV_SEPARATOR, 1, "tdx.event-log-replay" },
		{ 3, EV_EVENT_TAG, 3, "tdx.event-log-replay" },
		{ 4, EV_EVENT_TAG, 4, "tdx.event-log-replay" },
		{ 0, EV_EVENT_TAG, 0, "tdx.event-log-replay" },
		{ 5, EV_EVENT_TAG, 0, "tdx.event-log-replay" },
		{ 0x80000000, EV_EVENT_TAG, 0, "tdx.event-log-replay" },
		{ 1, EV_NO_ACTION, 0, "" }, /* extends nothing */
		{ 9, EV_NO_ACTION, 0, "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		AUTO(checks_freep) struct checks *c = NULL;
		struct td_report td;
		struct tdx_gen_log l;

		boot(&l, &td);
		tdx_gen_log_event(&l, bad[i].mr, bad[i].type, bytes_str("one more"));
		c = check_log(&l, &td);
		assert_string_equal(c->v[bad[i].row].d.code, bad[i].code);
		if (!bad[i].code[0])
			assert_ok(checks_end(c));
		tdx_gen_log_done(&l);
	}
}

/* ---- dstack ---- */
static const char runtime_event[] = "{\"imr\":3,\"event_type\":134217729,\"digest\":\"%s\","
				    "\"event\":\"app-id\",\"event_payload\":\"aabb\"}";

static void dstack_digest(char to[static 2 * DIGEST_MAX + 1])
{
	static const uint8_t text[] = { 1, 0, 0, 8, ':', 'a', 'p', 'p', '-', 'i', 'd', ':', 0xaa,
		0xbb };
	struct digest_value d;

	assert_ok(digest(DIGEST_SHA384, BYTES_OF(text), &d));
	hex_to(digest_bytes(&d), to);
}

static struct checks *check_dstack(const char *text, const struct td_report *td)
{
	AUTO(json_freep) struct json *j = NULL;
	struct checks *c;

	assert_ok(json_parse(bytes_str(text), &j));
	assert_ok(checks_new(&c));
	tdx_check_dstack_log(j, td, c);
	return c;
}

static void test_dstack(void **state)
{
	AUTO(checks_freep) struct checks *good = NULL, *bad = NULL, *wrong = NULL;
	char digest_hex[2 * DIGEST_MAX + 1], event[512], text[520];
	struct digest_value value = { .alg = DIGEST_SHA384, .n = DIGEST_SHA384_SIZE };
	struct td_report td = { 0 };
	uint8_t raw[48];

	(void)state;
	dstack_digest(digest_hex);
	assert_ok(hex_decode_fixed(bytes_str(digest_hex), "digest", raw, sizeof(raw)));
	assert_ok(pcr_extend(&value, BYTES_OF(raw)));
	memcpy(td.rtmr[3], value.v, 48);
	(void)snprintf(event, sizeof(event), runtime_event, digest_hex);
	(void)snprintf(text, sizeof(text), "[%s]", event);
	good = check_dstack(text, &td);
	assert_ok(checks_end(good));
	assert_int_equal(good->v[4].verdict, CHECK_PASSED);
	assert_int_equal(good->v[1].verdict, CHECK_NOT_DONE);
	td.rtmr[3][0] ^= 1;
	bad = check_dstack(text, &td);
	assert_string_equal(bad->v[4].d.code, "tdx.event-log-replay");
	digest_hex[0] ^= 1; /* '0' to '9', 'a' to 'f': still hex for all but '9' and 'f' */
	if (strchr("8`g", digest_hex[0]))
		digest_hex[0] = '1';
	(void)snprintf(event, sizeof(event), runtime_event, digest_hex);
	(void)snprintf(text, sizeof(text), "[%s]", event);
	wrong = check_dstack(text, &td);
	assert_string_equal(wrong->v[0].d.code, "tdx.event-log-replay");
	assert_string_equal(wrong->v[0].d.field, "event log: app-id");
}

static void test_dstack_malformed(void **state)
{
	static const char *const bad[] = {
		"{}",
		"[1]",
		"[{}]",
		"[{\"imr\":4,\"event_type\":1,\"digest\":\"00\"}]",
		"[{\"imr\":0,\"event_type\":1,\"digest\":\"00\"}]",
		"[{\"imr\":0,\"event_type\":1,\"digest\":\"0g\"}]",
		"[{\"imr\":-1,\"event_type\":1,\"digest\":\"00\"}]",
	};
	const struct td_report td = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		AUTO(checks_freep) struct checks *c = check_dstack(bad[i], &td);

		assert_int_equal(c->n, 1);
		assert_string_equal(c->v[0].d.code, "tdx.event-log-malformed");
	}
}

/* ---- evidence ---- */
static struct err decode(const char *text, struct tdx_evidence *ret)
{
	AUTO(json_freep) struct json *j = NULL;
	struct tee_verify_input in = { 0 };

	assert_ok(json_parse(bytes_str(text), &j));
	in.evidence = j;
	return tdx_evidence_decode(&in, ret);
}

static void test_evidence_malformed(void **state)
{
	static const char *const bad[] = {
		"{}",
		"[]",
		"\"quote\"",
		"{\"quote\":1}",
		"{\"quote\":null}",
		"{\"quote\":\"!\"}",
		"{\"quote\":\"AA\"}",
		"{\"quote\":\"AAAA\",\"cc_eventlog\":1}",
		"{\"quote\":\"AAAA\",\"cc_eventlog\":\"A\"}",
		"{\"quote\":\"AAAA\",\"event_log\":\"[\"}",
	};
	struct tdx_evidence e;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_err(decode(bad[i], &e), ERR_UNVERIFIED);
		assert_string_equal(err_denial()->code, "evidence.malformed");
	}
}

static void test_evidence(void **state)
{
	AUTO(tdx_evidence_done) struct tdx_evidence e = { 0 }, f = { 0 };
	struct tee_part part = { "event-log", bytes_str("log") };
	struct tee_verify_input in = { .raw = bytes_str("quote"), .parts = { part }, .n_parts = 1 };

	(void)state;
	assert_ok(decode("{\"quote\":\"cXVvdGU=\",\"cc_eventlog\":\"bG9n\",\"more\":1}", &e));
	assert_bytes_equal(e.quote, bytes_str("quote"));
	assert_bytes_equal(e.ccel, bytes_str("log"));
	assert_null(e.events);
	assert_ok(tdx_evidence_decode(&in, &f));
	assert_bytes_equal(f.quote, bytes_str("quote"));
	assert_bytes_equal(f.ccel, bytes_str("log"));
}

static void test_peek(void **state)
{
	struct tdx_gen g;

	(void)state;
	tdx_gen_init(&g);
	for (enum tdx_body_type t = TDX_BODY_SGX; t <= TDX_BODY_TD_15; t++) {
		AUTO(buf_done) struct buf quote = { 0 }, text = BUF_INIT(TEXT_MAX);
		AUTO(buf_done) struct buf hex = BUF_INIT(TEXT_MAX);
		AUTO(json_freep) struct json *trustee = NULL, *dstack = NULL;
		struct tdx_gen_quote q = tdx_gen_quote(t);
		uint32_t type = 7, want = t == TDX_BODY_SGX ? TDX_TEE_SGX : TDX_TEE_TDX;
		struct tee_verify_input in = { 0 };

		tdx_gen_quote_make(&g, &q, &quote);
		in.raw = buf_bytes(&quote);
		assert_true(tdx_evidence_peek(&in, &type));
		assert_int_equal(type, want);
		tdx_gen_evidence(buf_bytes(&quote), BYTES_NONE, &text);
		assert_ok(json_parse(buf_bytes(&text), &trustee));
		in.evidence = trustee;
		type = 7;
		assert_true(tdx_evidence_peek(&in, &type));
		assert_int_equal(type, want);
		buf_puts(&hex, "{\"quote\":\"");
		hex_encode(buf_bytes(&quote), &hex);
		buf_puts(&hex, "\",\"event_log\":[]}");
		assert_ok(json_parse(buf_bytes(&hex), &dstack));
		in.evidence = dstack;
		type = 7;
		assert_true(tdx_evidence_peek(&in, &type));
		assert_int_equal(type, want);
	}
	tdx_gen_done(&g);
}

static void test_peek_others(void **state)
{
	static const char *const others[] = { "{}", "[]", "{\"quote\":\"AAAA\"}", "{\"quote\":{}}",
		"{\"quote\":"
		"\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}" };
	uint32_t type;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		AUTO(json_freep) struct json *j = NULL;
		struct tee_verify_input in = { 0 };

		assert_ok(json_parse(bytes_str(others[i]), &j));
		in.evidence = j;
		assert_false(tdx_evidence_peek(&in, &type));
	}
	struct tee_verify_input none = { 0 };
	assert_false(tdx_evidence_peek(&none, &type));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ccel),
		cmocka_unit_test(test_ccel_cut),
		cmocka_unit_test(test_ccel_bad),
		cmocka_unit_test(test_dstack),
		cmocka_unit_test(test_dstack_malformed),
		cmocka_unit_test(test_evidence_malformed),
		cmocka_unit_test(test_evidence),
		cmocka_unit_test(test_peek),
		cmocka_unit_test(test_peek_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
