/* Reports byte by byte, malformed ones, and the form that a person reads. */
#include "nvgpu_gen.h"
#include "util.h"

#include <string.h>

static struct err parse(void *arg, struct bytes in)
{
	struct spdm_report r;

	(void)arg;
	return spdm_report_parse(in, &r);
}

static struct err verify(void *arg, struct bytes in)
{
	AUTO(claims_done) struct claims c = { 0 };
	struct tee_verify_input *input = arg;

	input->raw = in;
	return tee_verify(tee_by_platform("nvgpu"), input, &c);
}

static void test_each_byte(void **state)
{
	AUTO(buf_done) struct buf report = BUF_INIT(SPDM_REPORT_MAX);
	struct nvgpu_gen g;

	(void)state;
	nvgpu_gen_init(&g);
	g.n_blocks = 2;
	nvgpu_gen_report(&g, &report);
	struct tee_verify_input in = { .report_data = BYTES_OF(g.nonce),
		.anchors = &g.anchors,
		.parts = { { "certificates", buf_bytes(&g.chain) } },
		.n_parts = 1,
		.now = NVGPU_GEN_NOW };
	assert_ok(verify(&in, buf_bytes(&report)));
	each_prefix(buf_bytes(&report), parse, NULL);
	each_flip_survives(buf_bytes(&report), parse, NULL);
	each_flip_signed(buf_bytes(&report), verify, &in);
	nvgpu_gen_done(&g);
}

static void bend_attributes(struct nvgpu_gen *g)
{
	g->attributes = 0;
}
static void bend_operation(struct nvgpu_gen *g)
{
	g->operation = 1;
}
static void bend_twice(struct nvgpu_gen *g)
{
	g->twice = NVGPU_DRIVER_VERSION;
}
static void bend_trailing(struct nvgpu_gen *g)
{
	g->trailing = 1;
	g->trailing_value = 1;
}

static void test_malformed(void **state)
{
	static void (*const cases[])(struct nvgpu_gen * g) = { bend_attributes, bend_operation,
		bend_twice, bend_trailing };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(buf_done) struct buf report = BUF_INIT(SPDM_REPORT_MAX);
		struct nvgpu_gen g;

		nvgpu_gen_init(&g);
		cases[i](&g);
		nvgpu_gen_report(&g, &report);
		assert_err(parse(NULL, buf_bytes(&report)), ERR_FORMAT);
		nvgpu_gen_done(&g);
	}
}

static void test_bad_json(void **state)
{
	static const char *const cases[] = {
		"{}",
		"{\"device_evidence_list\":[]}",
		"{\"device_evidence_list\":{}}",
		"{\"device_evidence_list\":[{}]}",
		"{\"device_evidence_list\":[1]}",
		"{\"device_evidence_list\":[{\"arch\":\"AMPERE\",\"evidence\":\"00\","
		"\"certificate\":\"\"}]}",
		"{\"device_evidence_list\":[{\"arch\":\"HOPPER\",\"evidence\":\"0\","
		"\"certificate\":\"\"}]}",
		"{\"device_evidence_list\":[{\"arch\":\"HOPPER\",\"evidence\":\"00\","
		"\"certificate\":\"AAAA\"}]}",
		"{\"device_evidence_list\":[{\"arch\":\"HOPPER\",\"evidence\":\"00\",\"uuid\":1,"
		"\"certificate\":\"\"}]}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(nvgpu_evidence_done) struct nvgpu_evidence e = { 0 };
		AUTO(json_freep) struct json *j = NULL;

		assert_ok(json_parse(bytes_str(cases[i]), &j));
		struct err failure = nvgpu_evidence_decode(j, &e);
		if (failure.code != ERR_FORMAT)
			print_error("%s\n", cases[i]);
		assert_int_equal(failure.code, ERR_FORMAT);
	}
}

static void test_opaque(void **state)
{
	static const struct {
		enum nvgpu_form form;
		const char *hex, *text; /* text NULL: refused */
	} cases[] = {
		{ NVGPU_TEXT, "353530", "550" },
		{ NVGPU_TEXT, "35350000", "55" },
		{ NVGPU_TEXT, "", "" },
		{ NVGPU_TEXT, "350035", NULL },
		{ NVGPU_VERSION, "009f009601000000", "96.00.9f.00.01" },
		{ NVGPU_VERSION, "00", NULL },
		{ NVGPU_VERSION, "0000000000000000000000000000000000", NULL },
		{ NVGPU_FEATURES, "00", "SPT" },
		{ NVGPU_FEATURES, "0100", "MPT" },
		{ NVGPU_FEATURES, "02", "PPCIE" },
		{ NVGPU_FEATURES, "03", "unknown" },
		{ NVGPU_FEATURES, "000000000000000000", NULL },
		{ NVGPU_NUMBER, "0102", "513" },
		{ NVGPU_NUMBER, "ffffffffffffffff", "18446744073709551615" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(buf_done) struct buf out = BUF_INIT(64);
		struct err e = nvgpu_opaque_text(cases[i].form, test_hex(cases[i].hex), &out);

		assert_int_equal(e.code, cases[i].text ? ERR_OK : ERR_FORMAT);
		if (cases[i].text)
			assert_string_equal(buf_cstr(&out), cases[i].text);
	}
}

static void test_describe(void **state)
{
	AUTO(fields_done) struct fields f = { 0 };
	AUTO(buf_done) struct buf report = BUF_INIT(SPDM_REPORT_MAX), text = BUF_INIT(65536);
	const struct tee_format *format = NULL;
	struct nvgpu_gen g;

	(void)state;
	nvgpu_gen_init(&g);
	nvgpu_gen_report(&g, &report);
	for (size_t i = 0; (format = tee_format_at(i)); i++)
		if (format->is(buf_bytes(&report)))
			break;
	assert_non_null(format);
	assert_string_equal(format->name, "NVIDIA SPDM report");
	assert_ok(format->describe(buf_bytes(&report), &f));
	fields_print(&f, &text);
	assert_non_null(strstr(buf_cstr(&text), "96.00.9f.00.01"));
	assert_non_null(strstr(buf_cstr(&text), "PPCIE"));
	for (size_t i = 0; i < f.n; i++)
		assert_true(f.v[i].offset == FIELDS_NO_OFFSET ||
			    f.v[i].offset + (int64_t)f.v[i].size <= (int64_t)report.n);
	nvgpu_gen_done(&g);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_byte),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_bad_json),
		cmocka_unit_test(test_opaque),
		cmocka_unit_test(test_describe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
