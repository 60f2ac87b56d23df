#include "util.h"
#include "vtpm_gen.h"

#include <base/encode.h>
#include <base/json.h>
#include <tee/eventlog.h>

static struct err parse(void *arg, struct bytes in)
{
	AUTO(eventlog_done) struct eventlog l = { 0 };

	(void)arg;
	return eventlog_parse(in, EVENTLOG_EXACT, &l);
}

static struct buf usual_log(void)
{
	struct vtpm_gen g = { .log.max = 65536 };

	for (size_t i = 0; i < TPM_PCRS; i++)
		g.pcr[i] = (struct digest_value){ .alg = DIGEST_SHA256, .n = 32 };
	vtpm_gen_boot(&g, &vtpm_gen_usual);
	return g.log;
}

static void test_boot_log(void **state)
{
	/* PCR, kind: the table of a measured direct boot. */
	static const struct {
		uint32_t pcr;
		enum event_kind kind;
	} want[] = {
		{ 0, EVENT_CRTM_VERSION },
		{ 0, EVENT_FIRMWARE_BLOB },
		{ 0, EVENT_FIRMWARE_BLOB },
		{ 7, EVENT_SECURE_BOOT_VARIABLE },
		{ 7, EVENT_SECURE_BOOT_VARIABLE },
		{ 7, EVENT_SECURE_BOOT_VARIABLE },
		{ 7, EVENT_SECURE_BOOT_VARIABLE },
		{ 7, EVENT_SECURE_BOOT_VARIABLE },
		{ 7, EVENT_SEPARATOR },
		{ 4, EVENT_BOOT_APPLICATION },
		{ 1, EVENT_BOOT_VARIABLE },
		{ 1, EVENT_BOOT_VARIABLE },
		{ 4, EVENT_CALLING_APPLICATION },
		{ 0, EVENT_SEPARATOR },
		{ 1, EVENT_SEPARATOR },
		{ 2, EVENT_SEPARATOR },
		{ 3, EVENT_SEPARATOR },
		{ 4, EVENT_SEPARATOR },
		{ 5, EVENT_SEPARATOR },
		{ 6, EVENT_SEPARATOR },
		{ 9, EVENT_LOAD_OPTIONS },
		{ 9, EVENT_INITRD },
		{ 5, EVENT_EXIT_BOOT_SERVICES },
		{ 5, EVENT_EXIT_BOOT_SERVICES },
	};
	AUTO(buf_done) struct buf log = usual_log();
	AUTO(eventlog_done) struct eventlog l = { 0 };

	(void)state;
	assert_ok(eventlog_parse(buf_bytes(&log), EVENTLOG_EXACT, &l));
	assert_true(l.crypto_agile);
	assert_int_equal(l.n, ARRAY_LEN(want));
	for (size_t i = 0; i < l.n; i++) {
		assert_int_equal(l.v[i].pcr, want[i].pcr);
		assert_int_equal(event_kind(&l.v[i], DIGEST_SHA256), want[i].kind);
	}
}

/* Cutting between two events gives a shorter log, anywhere else an error. */
static void test_prefixes(void **state)
{
	AUTO(buf_done) struct buf log = usual_log();
	size_t good = 0;

	(void)state;
	for (size_t n = 0; n < log.n; n++)
		good += !failed(parse(NULL, bytes_of(log.p, n)));
	assert_int_equal(good, 24);
	each_prefix_survives(buf_bytes(&log), parse, NULL);
	each_flip_survives(buf_bytes(&log), parse, NULL);
}

static void test_replay(void **state)
{
	AUTO(buf_done) struct buf log = usual_log();
	AUTO(eventlog_done) struct eventlog l = { 0 };
	struct digest_value v, separator, want = { .alg = DIGEST_SHA256, .n = 32 };

	(void)state;
	assert_ok(eventlog_parse(buf_bytes(&log), EVENTLOG_EXACT, &l));
	assert_ok(digest(DIGEST_SHA256, bytes_of("\0\0\0\0", 4), &separator));
	assert_ok(pcr_extend(&want, digest_bytes(&separator)));
	assert_ok(eventlog_replay(&l, DIGEST_SHA256, 2, &v));
	assert_bytes_equal(digest_bytes(&v), digest_bytes(&want));
	assert_ok(eventlog_replay(&l, DIGEST_SHA256, 14, &v));
	assert_true(bytes_is_zero(digest_bytes(&v)));
	assert_ok(eventlog_replay(&l, DIGEST_SHA256, 17, &v));
	assert_int_equal(v.v[0], 0xff);
	assert_err(eventlog_replay(&l, DIGEST_SHA384, 2, &v), ERR_FORMAT);
	assert_err_text("event 16 (EV_SEPARATOR) has no sha384 digest");
}

static void test_startup_locality(void **state)
{
	struct vtpm_gen g = { .log.max = 65536 };
	struct digest_value v;

	(void)state;
	g.pcr[0] = (struct digest_value){ .alg = DIGEST_SHA256, .n = 32 };
	vtpm_gen_log_start(&g);
	vtpm_gen_event(&g, 0, EV_NO_ACTION, bytes_of("StartupLocality\0\3", 17), BYTES_NONE);
	AUTO(eventlog_done) struct eventlog l = { 0 };
	assert_ok(eventlog_parse(buf_bytes(&g.log), EVENTLOG_EXACT, &l));
	assert_ok(eventlog_replay(&l, DIGEST_SHA256, 0, &v));
	assert_int_equal(v.v[31], 3);
	assert_ok(eventlog_replay(&l, DIGEST_SHA256, 1, &v));
	assert_int_equal(v.v[31], 0);
	buf_done(&g.log);
}

/* Data that the digest does not belong to must not pass for a harmless event. */
static void test_kinds_check_digests(void **state)
{
	static const uint8_t other[32] = { 1 };
	static const uint8_t error_separator[4] = { 1 };
	static const struct {
		uint32_t type;
		struct bytes data, digest;
	} cases[] = {
		{ EV_SEPARATOR, { (const uint8_t *)"\0\0\0\0", 4 }, { other, 32 } },
		{ EV_SEPARATOR, { error_separator, 4 }, { 0 } },
		{ EV_SEPARATOR, { (const uint8_t *)"\0\0\0", 3 }, { 0 } },
		{ EV_EFI_ACTION, { (const uint8_t *)"Calling EFI Application", 23 }, { 0 } },
		{ EV_EFI_ACTION,
			{ (const uint8_t *)"Calling EFI Application from Boot Option", 40 },
			{ other, 32 } },
		{ EV_EVENT_TAG, { (const uint8_t *)"\xed\x22\x3b\x8f", 4 }, { 0 } },
		{ EV_EVENT_TAG, { (const uint8_t *)"\xed\x22\x3b\x8e\0\0\0\0", 8 }, { 0 } },
		{ EV_IPL, { other, 32 }, { 0 } },
		{ 0x12345678, { other, 32 }, { 0 } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct vtpm_gen g = { .log.max = 65536 };
		AUTO(eventlog_done) struct eventlog l = { 0 };

		vtpm_gen_log_start(&g);
		vtpm_gen_event(&g, 99, cases[i].type, cases[i].data, cases[i].digest);
		assert_ok(eventlog_parse(buf_bytes(&g.log), EVENTLOG_EXACT, &l));
		assert_int_equal(event_kind(&l.v[0], DIGEST_SHA256), EVENT_OTHER);
		buf_done(&g.log);
	}
}

static void put_spec_id(struct buf *b, uint32_t n_algs, uint16_t alg, uint16_t size)
{
	buf_zero(b, 4);
	buf_le32(b, EV_NO_ACTION);
	buf_zero(b, 20);
	buf_le32(b, 33);
	buf_put(b, bytes_of("Spec ID Event03", 16));
	buf_zero(b, 8);
	buf_le32(b, n_algs);
	buf_le16(b, alg);
	buf_le16(b, size);
	buf_u8(b, 0);
}

static void test_bad_logs(void **state)
{
	static const struct {
		uint32_t n_algs;
		uint16_t alg, size;
		uint32_t count; /* digests of the one event; its first is of 0x000b, 32 bytes */
		const char *text;
	} cases[] = {
		{ 0, 0xb, 32, 1, "lists 0 algorithms" },
		{ 9, 0xb, 32, 1, "lists 9 algorithms" },
		{ 2, 0xb, 32, 1, "out of bounds" },
		{ 1, 0xb, 31, 1, "algorithm 0x000b has 31 byte digests" },
		{ 1, 0x77, 0, 1, "algorithm 0x0077 has 0 byte digests" },
		{ 1, 0x77, 65, 1, "algorithm 0x0077 has 65 byte digests" },
		{ 1, 0xc, 48, 1, "event 1: truncated" },
		{ 1, 0xb, 32, 0, "event 1: truncated" },
		{ 1, 0xb, 32, 9, "event 1: truncated" },
		{ 1, 0xb, 32, 0xffffffff, "event 1: truncated" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(buf_done) struct buf b = BUF_INIT(1024);

		put_spec_id(&b, cases[i].n_algs, cases[i].alg, cases[i].size);
		buf_le32(&b, 0);
		buf_le32(&b, EV_SEPARATOR);
		buf_le32(&b, cases[i].count);
		buf_le16(&b, 0xb);
		buf_zero(&b, 32);
		buf_le32(&b, 0);
		assert_err(parse(NULL, buf_bytes(&b)), ERR_FORMAT);
		assert_err_text(cases[i].text);
	}
	assert_err(parse(NULL, BYTES_NONE), ERR_FORMAT);
}

/* The same bank twice in one event could show one digest and replay another. */
static void test_duplicate_bank(void **state)
{
	AUTO(buf_done) struct buf b = BUF_INIT(1024);

	(void)state;
	put_spec_id(&b, 1, 0xb, 32);
	buf_le32(&b, 0);
	buf_le32(&b, EV_SEPARATOR);
	buf_le32(&b, 2);
	for (int i = 0; i < 2; i++) {
		buf_le16(&b, 0xb);
		buf_zero(&b, 32);
	}
	buf_le32(&b, 0);
	assert_err(parse(NULL, buf_bytes(&b)), ERR_FORMAT);
}

static void test_limits(void **state)
{
	AUTO(buf_done) struct buf b = BUF_INIT(2 * EVENTLOG_MAX);
	AUTO(eventlog_done) struct eventlog l = { 0 };

	(void)state;
	for (size_t i = 0; i <= EVENTLOG_EVENTS_MAX; i++) {
		buf_le32(&b, 0);
		buf_le32(&b, EV_ACTION);
		buf_zero(&b, 20);
		buf_le32(&b, 0);
	}
	assert_err(parse(NULL, buf_bytes(&b)), ERR_LIMIT);
	assert_ok(eventlog_parse(bytes_of(b.p, b.n - 32), EVENTLOG_EXACT, &l));
	assert_false(l.crypto_agile);
	assert_int_equal(l.n, EVENTLOG_EVENTS_MAX);
	buf_zero(&b, EVENTLOG_MAX);
	assert_err(parse(NULL, buf_bytes(&b)), ERR_LIMIT);
}

static void test_padding(void **state)
{
	AUTO(buf_done) struct buf log = usual_log();
	AUTO(eventlog_done) struct eventlog l = { 0 };

	(void)state;
	for (int i = 0; i < 64; i++)
		buf_u8(&log, 0xff);
	assert_err(eventlog_parse(buf_bytes(&log), EVENTLOG_EXACT, &l), ERR_FORMAT);
	assert_ok(eventlog_parse(buf_bytes(&log), EVENTLOG_PADDED, &l));
	assert_int_equal(l.n, 24);
}

/* ---- real logs ---- */
static void check_bank(
	const struct eventlog *l, const char *file, const char *bank, const struct json *pcrs)
{
	static const struct {
		const char *name;
		enum digest_alg alg;
	} banks[] = { { "SHA1", DIGEST_SHA1 }, { "SHA256", DIGEST_SHA256 },
		{ "SHA384", DIGEST_SHA384 } };
	struct digest_value v;

	for (size_t b = 0; b < ARRAY_LEN(banks); b++) {
		if (!str_equal(banks[b].name, bank))
			continue;
		for (size_t i = 0; i < json_count(pcrs); i++) {
			uint64_t pcr;
			char hex[2 * DIGEST_MAX + 1];

			assert_ok(str_to_u64(json_name_at(pcrs, i), 23, "PCR", &pcr));
			assert_ok(eventlog_replay(l, banks[b].alg, (uint32_t)pcr, &v));
			hex_to(digest_bytes(&v), hex);
			if (!str_equal(hex, json_string(json_at(pcrs, i))))
				print_error("%s: %s PCR %s\n", file, bank, json_name_at(pcrs, i));
			assert_string_equal(hex, json_string(json_at(pcrs, i)));
		}
	}
}

static void test_real_replays(void **state)
{
	AUTO(buf_done) struct buf text = test_file(test_vector("vtpm/expected/pcrs.json"));
	AUTO(json_freep) struct json *table = NULL;
	size_t logs = 0;

	(void)state;
	assert_ok(json_parse(buf_bytes(&text), &table));
	for (size_t i = 0; i < json_count(table); i++) {
		AUTO(auto_free) char *path = NULL;
		AUTO(eventlog_done) struct eventlog l = { 0 };
		const struct json *banks = json_get(json_at(table, i), "pcrs");

		assert_ok(str_format(
			&path, "vtpm/go-tpm-tools/eventlogs/%s", json_name_at(table, i)));
		AUTO(buf_done) struct buf log = test_file(test_vector(path));
		assert_ok(eventlog_parse(buf_bytes(&log), EVENTLOG_EXACT, &l));
		for (size_t b = 0; b < json_count(banks); b++)
			check_bank(&l, path, json_name_at(banks, b), json_at(banks, b));
		each_prefix_survives(bytes_of(log.p, log.n < 2048 ? log.n : 2048), parse, NULL);
		logs++;
	}
	assert_true(logs > 5);
}

static void test_real_logs(void **state)
{
	static const struct {
		const char *path;
		bool good;
	} cases[] = {
		{ "vtpm/openpcc/gce-log/tcg_event_log.bin", true },
		{ "vtpm/keylime/eventlogs/binary_bios_measurements", true },
		{ "vtpm/keylime/eventlogs/binary_bios_measurements-bogus", false },
		{ "vtpm/go-attestation/eventlogs/crypto_agile_eventlog", true },
		{ "vtpm/go-attestation/eventlogs/option_rom_eventlog", true },
		{ "vtpm/tpm2-tools/eventlogs/event-sd-boot-fedora37.bin", true },
		{ "vtpm/tpm2-tools/eventlogs/event-moklisttrusted.bin", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(buf_done) struct buf log = test_file(test_vector(cases[i].path));

		bool good = !failed(parse(NULL, buf_bytes(&log)));
		if (good != cases[i].good)
			print_error("%s: %s\n", cases[i].path, good ? "parsed" : err_text());
		assert_int_equal(good, cases[i].good);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_boot_log),
		cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_replay),
		cmocka_unit_test(test_startup_locality),
		cmocka_unit_test(test_kinds_check_digests),
		cmocka_unit_test(test_bad_logs),
		cmocka_unit_test(test_duplicate_bank),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_padding),
		cmocka_unit_test(test_real_replays),
		cmocka_unit_test(test_real_logs),
	};

	return cmocka_run_group_tests_name("tee eventlog", tests, NULL, NULL);
}
