#include "eventlog_json.h"
#include "util.h"

#include <string.h>

#include <base/encode.h>

enum {
	OUT_MAX = 8 * 1024 * 1024
};

/* ---- logs that Trustee decodes in its tests ---- */
static void same_json(const struct json *want, const struct json *got)
{
	AUTO(buf_done) struct buf a = BUF_INIT(OUT_MAX), b = BUF_INIT(OUT_MAX);

	assert_non_null(got);
	assert_ok(json_print_canonical(want, &a));
	assert_ok(json_print_canonical(got, &b));
	assert_string_equal(buf_cstr(&b), buf_cstr(&a));
}

static void compare(const char *log_path, const char *want_path, size_t events)
{
	AUTO(buf_done) struct buf file = test_file(test_vector(log_path));
	AUTO(buf_done) struct buf want_text = test_file(test_vector(want_path));
	AUTO(buf_done) struct buf text = BUF_INIT(OUT_MAX);
	AUTO(eventlog_done) struct eventlog log = { 0 };
	AUTO(json_freep) struct json *want = NULL, *got = NULL;
	struct json_writer w = jw_of(&text);

	assert_ok(eventlog_parse(buf_bytes(&file), EVENTLOG_PADDED, &log));
	assert_ok(eventlog_write_json(&log, DIGEST_SHA384, &w));
	assert_ok(json_parse(buf_bytes(&text), &got));
	assert_ok(json_parse(buf_bytes(&want_text), &want));
	const struct json *list = json_get(want, "uefi_event_logs");
	assert_int_equal(json_count(list), events);
	assert_int_equal(json_count(got), events);
	for (size_t i = 0; i < events; i++)
		same_json(json_at(list, i), json_at(got, i));
}

static void test_vectors(void **state)
{
	(void)state;
	compare("tdx/trustee/ccel/CCEL_data", "tdx/trustee/ccel/CCEL_data_out.json", 5);
	compare("tdx/trustee/ccel/CCEL_data", "tdx/trustee/ccel/parse_tdx_claims_expected.json", 5);
	compare("tdx/trustee/ccel/CCEL_data_ovmf", "tdx/trustee/ccel/CCEL_data_ovmf_out.json", 20);
}

/* Every log at hand becomes JSON that our own reader takes. */
static void test_other_logs(void **state)
{
	static const char *const paths[] = { "tdx/trustee/ccel/CCEL_data_gcp",
		"tdx/go-tdx-guest/ccel/cos113_ccel_data.dat", "tdx/go-eventlog/ccel/event_log.bin",
		"tdx/cc-trusted-api/ccel/cctrusted_ccel.bin",
		"tdx/attestation-rs/ccel/tdx_ccel_live2.dat" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		AUTO(buf_done) struct buf file = test_file(test_vector(paths[i]));
		AUTO(buf_done) struct buf text = BUF_INIT(OUT_MAX);
		AUTO(eventlog_done) struct eventlog log = { 0 };
		AUTO(json_freep) struct json *j = NULL;
		struct json_writer w = jw_of(&text);

		assert_ok(eventlog_parse(buf_bytes(&file), EVENTLOG_PADDED, &log));
		assert_ok(eventlog_write_json(&log, DIGEST_SHA384, &w));
		assert_ok(json_parse(buf_bytes(&text), &j));
		assert_true(json_count(j) > 10);
		for (size_t e = 0; e < json_count(j); e++)
			assert_int_equal(json_count(json_get(json_at(j, e), "digests")), 1);
	}
}

/* ---- details by type ---- */
static void details(uint32_t type, struct bytes data, struct buf *text)
{
	struct event e = { .type = type, .data = data };
	struct json_writer w = jw_of(text);

	jw_object(&w);
	assert_ok(event_details_write(&e, &w));
	jw_object_end(&w);
	assert_ok(buf_end(text, "details"));
}

static void test_details(void **state)
{
	static const struct {
		uint32_t type;
		const char *hex, *want;
	} cases[] = {
		{ EV_ACTION, "6162", "{\"string\":\"ab\"}" },
		{ EV_ACTION, "", "{\"string\":\"\"}" },
		{ EV_EFI_ACTION, "0f", "{\"string\":\"\\u000f\"}" },
		{ EV_POST_CODE, "ff", "{}" },
		{ EV_POST_CODE, "61006200", "{\"string\":\"ab\"}" },
		{ EV_EFI_HANDOFF_TABLES2, "0361620001", "{\"string\":\"ab\"}" },
		{ EV_EFI_HANDOFF_TABLES2, "036162", "{\"string\":\"ab\"}" },
		{ EV_EFI_HANDOFF_TABLES2, "", "{}" },
		{ EV_EFI_HANDOFF_TABLES2, "00", "{}" },
		{ EV_EFI_PLATFORM_FIRMWARE_BLOB2, "0a6162", "{}" },
		{ EV_PLATFORM_CONFIG_FLAGS, "610010620a7f63c285", "{\"string\":\"a bc\"}" },
		{ EV_PLATFORM_CONFIG_FLAGS, "61ff", "{\"string\":\"\"}" },
		{ EV_IPL, "4d6f6b4c69737400", "{\"string\":\"MokList\"}" },
		{ EV_IPL, "2e0073006200610074000000", "{\"string\":\"sbat\"}" },
		{ EV_IPL, "2e0000", "{}" },
		{ EV_IPL, "2e00", "{}" },
		{ EV_IPL, "61", "{}" },
		{ EV_IPL, "ff00", "{\"string\":\"ff00\"}" },
		{ EV_EVENT_TAG, "ec223b8f0d0000004c696e757820696e6974726400",
			"{\"string\":\"Linux initrd\"}" },
		{ EV_EVENT_TAG, "ec223b8f0e000000", "{}" },
		{ EV_EFI_VARIABLE_AUTHORITY,
			"50ab5d6046e00043abb63dd810dd8b230200000000000000010000000000000053006200f"
			"f",
			"{\"unicode_name\":\"Sb\",\"unicode_name_length\":2,\"variable_data\":\"/"
			"w==\","
			"\"variable_data_length\":1,\"variable_name\":"
			"\"50ab5d60-46e0-0043-abb6-3dd810dd8b23\"}" },
		{ EV_EFI_VARIABLE_BOOT,
			"50ab5d6046e00043abb63dd810dd8b230200000000000000020000000000000053006200f"
			"f",
			"{}" },
		{ EV_EFI_VARIABLE_BOOT2,
			"50ab5d6046e00043abb63dd810dd8b23ffffffffffffffff020000000000000053006200f"
			"f",
			"{}" },
		{ EV_EFI_VARIABLE_DRIVER_CONFIG, "50ab5d60", "{}" },
		{ EV_SEPARATOR, "00000000", "{}" },
		{ EV_EFI_GPT_EVENT, "61", "{}" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(buf_done) struct buf text = BUF_INIT(65536);

		details(cases[i].type, test_hex(cases[i].hex), &text);
		assert_string_equal(buf_cstr(&text), cases[i].want);
	}
}

static void tagged(const char *data, const char *want)
{
	AUTO(buf_done) struct buf event = BUF_INIT(4096), text = BUF_INIT(65536);

	buf_le32(&event, 0x4141454c);
	buf_le32(&event, strlen(data));
	buf_puts(&event, data);
	details(EV_EVENT_TAG, buf_bytes(&event), &text);
	assert_string_equal(buf_cstr(&text), want);
}

static void test_aael(void **state)
{
	(void)state;
	tagged("github.com/cc PullImage {\"image\":\"a b\"}",
		"{\"string\":\"github.com/cc PullImage {\\\"image\\\":\\\"a b\\\"}\","
		"\"unicode_name\":\"AAEL\",\"data\":{\"domain\":\"github.com/cc\","
		"\"operation\":\"PullImage\",\"content\":{\"image\":\"a b\"}}}");
	tagged("d o some text", "{\"string\":\"d o some text\",\"unicode_name\":\"AAEL\",\"data\":{"
				"\"domain\":\"d\",\"operation\":\"o\",\"content\":\"some text\"}}");
	tagged("d o [[[[[1]]]]]",
		"{\"string\":\"d o [[[[[1]]]]]\",\"unicode_name\":\"AAEL\",\"data\":{"
		"\"domain\":\"d\",\"operation\":\"o\",\"content\":\"[[[[[1]]]]]\"}}");
	tagged("d o", "{\"string\":\"d o\",\"unicode_name\":\"AAEL\"}");
	tagged("", "{\"string\":\"\",\"unicode_name\":\"AAEL\"}");
}

/* ---- device paths ---- */
static void test_nodes(void **state)
{
	static const struct {
		uint8_t type, subtype;
		const char *hex, *want;
	} cases[] = {
		{ 1, 1, "0102", "Pci(1,2)" },
		{ 1, 1, "01", "Path(1,1,01)" },
		{ 2, 1, "d041030a02000000", "ACPI(PNP0A03,2)" },
		{ 2, 1, "d041030a020000", "Path(2,1,d041030a020000)" },
		{ 3, 5, "0001", "USB(0,1)" },
		{ 3, 11, "001320f5fa77000000000000000000000000000000000000000000000000000001",
			"Mac(001320F5FA77,0x01)" },
		{ 3, 11, "001320f5fa77", "Path(3,11,001320f5fa77)" },
		{ 3, 12, "0100a8c06400a8c00000bc0c0600010000000000000000",
			"IPv4(192.168.0.100,TCP,Static,192.168.0.1)" },
		{ 3, 12, "0100a8c06400a8c00000bc0c1100000100000002000000",
			"IPv4(192.168.0.100,UDP,DHCP,192.168.0.1,1,2)" },
		{ 3, 12, "0100a8c06400a8c00000bc0c0000020000000000000000",
			"IPv4(192.168.0.100,,,192.168.0.1)" },
		{ 3, 21, "00010203040506070001020304050607",
			"FibreEx(0x0001020304050607,0x0001020304050607)" },
		{ 4, 1,
			"0f000000002800000000000000500300000000005e27f1007553d5439eb5de2add4c9932"
			"0202",
			"HD(15,GPT,00F1275E-5375-43D5-9EB5-DE2ADD4C9932,0x2800,0x35000)" },
		{ 4, 1,
			"00000000000000000000000000000000000000005e27f1007553d5439eb5de2add4c9932"
			"0101",
			"HD(0,MBR,0x00f1275e)" },
		{ 4, 1,
			"00000000000000000000000000000000000000005e27f1007553d5439eb5de2add4c9932"
			"0301",
			"Path(4,1,00000000000000000000000000000000000000005e27f1007553d5439eb5de2a"
			"dd4c99320301)" },
		{ 4, 3, "72f728144ab61e44b8c39ebdd7f893c7",
			"VenMedia(1428F772-B64A-441E-B8C3-9EBDD7F893C7,)" },
		{ 4, 3, "72f728144ab61e44b8c39ebdd7f893c70a",
			"VenMedia(1428F772-B64A-441E-B8C3-9EBDD7F893C7,0a)" },
		{ 4, 4, "6b00650072006e0065006c000000", "File(kernel)" },
		{ 4, 4, "3dd83ade00d80000", "File(\xf0\x9f\x98\xba\xef\xbf\xbd)" },
		{ 4, 4, "6b0065", "Path(4,4,6b0065)" },
		{ 4, 4, "", "Path(4,4,)" },
		{ 5, 1, "0500000041424300", "BBS(USB,ABC,0)" },
		{ 5, 1, "8000010041", "BBS(DEV,A,1)" },
		{ 5, 1, "ff000000", "BBS(UNKNOWN,,0)" },
		{ 5, 1, "0700000000", "BBS(7,,0)" },
		{ 5, 1, "05000000ff", "Path(5,1,05000000ff)" },
		{ 4, 7, "0011", "Path(4,7,0011)" },
		{ 127, 1, "", "Path(127,1,)" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(buf_done) struct buf text = BUF_INIT(4096);

		assert_ok(device_path_text(
			cases[i].type, cases[i].subtype, test_hex(cases[i].hex), &text));
		assert_string_equal(buf_cstr(&text), cases[i].want);
	}
}

static void image(struct bytes path, uint64_t n, const char *want)
{
	AUTO(buf_done) struct buf event = BUF_INIT(4096), text = BUF_INIT(65536);

	buf_zero(&event, 24);
	buf_le64(&event, n);
	buf_put(&event, path);
	details(EV_EFI_BOOT_SERVICES_APPLICATION, buf_bytes(&event), &text);
	assert_string_equal(buf_cstr(&text), want);
}

static void test_device_paths(void **state)
{
	struct bytes good = test_hex("0101060001020101060003047fff0400");
	struct bytes zero = test_hex("01010000010201010600030400000000");

	(void)state;
	image(good, good.n, "{\"device_paths\":[\"Pci(1,2)\",\"Pci(3,4)\"]}");
	image(good, 10, "{\"device_paths\":[\"Pci(1,2)\"]}");
	image(good, good.n - 1, "{}"); /* a node cut short */
	image(good, good.n + 1, "{}"); /* longer than the event */
	image(good, UINT64_MAX, "{}");
	image(good, 0, "{}");
	image(good, 4, "{}");
	image(zero, zero.n, "{}"); /* a node without length leads nowhere */
	image(BYTES_NONE, 0, "{}");
}

/* Nothing is told that the replay of one bank does not prove. */
static void test_event(void **state)
{
	AUTO(buf_done) struct buf text = BUF_INIT(4096);
	struct digest_value sm3, sha384;
	struct json_writer w = jw_of(&text);
	struct event events[] = {
		{ .pcr = 7, .type = 0x77, .n_digests = 2, .data = bytes_str("x") },
		{ .pcr = 7, .type = EV_NO_ACTION, .data = bytes_str("unproven") },
	};
	struct eventlog log = { .v = events, .n = 2 };

	(void)state;
	assert_ok(digest(DIGEST_SM3, events[0].data, &sm3));
	assert_ok(digest(DIGEST_SHA384, bytes_str("y"), &sha384));
	events[0].digests[0] = (struct event_digest){ 0x0012, digest_bytes(&sm3) };
	events[0].digests[1] = (struct event_digest){ 0x000c, digest_bytes(&sha384) };
	assert_ok(eventlog_write_json(&log, DIGEST_SM3, &w));
	assert_non_null(strstr(buf_cstr(&text), "\"digests\":[{\"alg\":\"SM3\",\"digest\":"));
	assert_non_null(strstr(buf_cstr(&text), "\"digest_matches_event\":true"));
	assert_non_null(strstr(buf_cstr(&text), "\"event\":\"eA==\",\"index\":7"));
	assert_null(strstr(buf_cstr(&text), "SHA-384"));
	assert_null(strstr(buf_cstr(&text), "EV_NO_ACTION"));
	buf_clear(&text);
	w = jw_of(&text);
	assert_ok(eventlog_write_json(&log, DIGEST_SHA384, &w));
	assert_non_null(strstr(buf_cstr(&text), "\"alg\":\"SHA-384\""));
	assert_non_null(strstr(buf_cstr(&text), "\"digest_matches_event\":false"));
}

static void test_claim(void **state)
{
	AUTO(claims_done) struct claims c = { 0 };
	AUTO(buf_done) struct buf text = BUF_INIT(4096), large = BUF_INIT(EVENTLOG_CLAIM_MAX);
	struct event e = { .pcr = 1, .type = EV_ACTION, .data = bytes_str("a") };
	struct eventlog log = { .v = &e, .n = 1 };

	(void)state;
	claims_event_log(&c, "tdx.uefi_event_logs", &log, DIGEST_SHA384);
	assert_ok(claims_end(&c));
	assert_ok(claims_print(&c, &text));
	assert_true(str_starts(buf_cstr(&text),
		"{\"tdx\":{\"uefi_event_logs\":[{\"details\":{\"string\":\"a\"},"));
	assert_true(str_starts(claim_text(claims_get(&c, "tdx.uefi_event_logs")), "[{"));
	/* too long for a token: left out, and no failure */
	buf_zero(&large, EVENTLOG_CLAIM_MAX);
	e.data = buf_bytes(&large);
	claims_event_log(&c, "csv.uefi_event_logs", &log, DIGEST_SM3);
	assert_ok(claims_end(&c));
	assert_null(claims_get(&c, "csv.uefi_event_logs"));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_details),
		cmocka_unit_test(test_aael),
		cmocka_unit_test(test_nodes),
		cmocka_unit_test(test_device_paths),
		cmocka_unit_test(test_event),
		cmocka_unit_test(test_claim),
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_other_logs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
