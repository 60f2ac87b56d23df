/* The guest driver on fake devices, its evidence before the real verifier. */
#include "fake_tdx.h"
#include "tdx/qgs.h"
#include "tdx/tdx_device.h"
#include "util.h"

#include <errno.h>

#include <base/encode.h>
#include <base/file.h>
#include <tee/check.h>

/* One guest, and what it said last. */
struct guest {
	struct fake_tdx f;
	struct tee_guest *guest;
	struct digest_value initdata, report_data;
	struct buf text;
	struct json *evidence;
};

static const struct tee *tdx(void)
{
	return tee_by_platform("tdx");
}

static const struct tee_guest_ops *ops(void)
{
	return tee_guest_ops(tdx());
}

static void start(struct guest *g)
{
	struct tee_guest_config c;

	*g = (struct guest){ .text.max = JSON_SIZE_MAX };
	assert_ok(digest(DIGEST_SHA256, bytes_str("initdata"), &g->initdata));
	assert_ok(digest(DIGEST_SHA384, bytes_str("runtime data"), &g->report_data));
	fake_tdx_start(&g->f, "tdx", digest_bytes(&g->initdata));
	c = fake_tdx_config(&g->f);
	assert_ptr_equal(tee_detect(&c), tdx());
	assert_ok(ops()->open(&c, &g->guest));
}

static void end(struct guest *g)
{
	ops()->close(g->guest);
	json_free(g->evidence);
	buf_done(&g->text);
	fake_tdx_stop(&g->f);
}

static struct err prove(struct guest *g)
{
	buf_clear(&g->text);
	json_free(g->evidence);
	g->evidence = NULL;
	TRY(ops()->evidence(g->guest, digest_bytes(&g->report_data), NULL, &g->text));
	return json_parse(buf_bytes(&g->text), &g->evidence);
}

static struct err verify(struct guest *g, bool *ret_log)
{
	AUTO(claims_done) struct claims claims = { 0 };
	AUTO(collateral_freep) struct collateral *beside = NULL;
	const struct tdx_gen_collateral want = tdx_gen_collateral(true);
	struct tee_verify_input in = {
		.evidence = g->evidence,
		.anchors = &g->f.gen.anchors,
		.report_data = digest_bytes(&g->report_data),
		.initdata_digest = digest_bytes(&g->initdata),
		.now = TDX_GEN_NOW,
	};

	assert_ok(collateral_new(&beside));
	tdx_gen_collateral_add(&g->f.gen, &want, beside);
	in.collateral = beside;
	TRY(tee_verify(tdx(), &in, &claims));
	*ret_log = claims_get(&claims, "tdx.uefi_event_logs") != NULL;
	return OK;
}

static void good(void **state)
{
	AUTO(end) struct guest g;
	bool log = false;

	(void)state;
	start(&g);
	assert_ok(ops()->bind_initdata(g.guest, &g.initdata));
	assert_ok(prove(&g));
	assert_ok(verify(&g, &log));
	assert_true(log);
	assert_int_equal(g.f.requests, 0); /* configfs-tsm alone */
	/* A kernel without configfs-tsm: the guest asks the service itself. */
	g.f.tsm.provider = NULL;
	assert_ok(prove(&g));
	assert_ok(verify(&g, &log));
	assert_true(log);
	assert_int_equal(g.f.requests, 1);
}

static void event_log(void **state)
{
	AUTO(end) struct guest g;
	AUTO(buf_done) struct buf ccel = BUF_INIT(65536);
	static const uint8_t mark[] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	AUTO(buf_done) struct buf table = { 0 };
	char path[1024];
	bool log = true;

	(void)state;
	start(&g);
	(void)snprintf(path, sizeof(path), "%s" TDX_CCEL_TABLE, g.f.tsm.root);
	table = test_file(path);
	assert_int_equal(table.n, 56);
	assert_ok(prove(&g));
	/* The events and the mark of their end; not the area around them. */
	assert_ok(base64_decode(BASE64_STD,
		bytes_str(json_string(json_get(g.evidence, "cc_eventlog"))), "log", &ccel));
	buf_put(&g.f.log.log, BYTES_OF(mark));
	assert_bytes_equal(buf_bytes(&ccel), buf_bytes(&g.f.log.log));
	/* A log that is none, and a table of something else. */
	fake_tsm_file(&g.f.tsm, TDX_CCEL_DATA, bytes_str("not a log"));
	assert_err(prove(&g), ERR_FORMAT);
	assert_err_text(TDX_CCEL_DATA);
	fake_tsm_file(&g.f.tsm, TDX_CCEL_TABLE, bytes_str("TPM2"));
	assert_err(prove(&g), ERR_FORMAT);
	assert_err_text("no CCEL table");
	for (size_t n = 0; n < table.n; n++) {
		fake_tsm_file(&g.f.tsm, TDX_CCEL_TABLE, bytes_of(table.p, n));
		assert_err(prove(&g), ERR_FORMAT);
	}
	/* Firmware that leaves no log. */
	assert_int_equal(unlink(path), 0);
	assert_ok(prove(&g));
	assert_int_equal(json_type(json_get(g.evidence, "cc_eventlog")), JSON_NULL);
	assert_ok(verify(&g, &log));
	assert_false(log);
}

static void wrong_mr_config_id(void **state)
{
	AUTO(end) struct guest g;
	struct digest_value other;

	(void)state;
	start(&g);
	assert_ok(digest(DIGEST_SHA512, bytes_str("other initdata"), &other));
	assert_err(ops()->bind_initdata(g.guest, &other), ERR_UNVERIFIED);
	assert_non_null(err_denial());
	assert_string_equal(err_denial()->code, "initdata.mismatch");
	assert_string_equal(err_denial()->field, "tdx.mr_config_id");
	assert_int_equal(strlen(err_denial()->expected), 96);
	assert_int_equal(strlen(err_denial()->actual), 96);
	assert_string_not_equal(err_denial()->expected, err_denial()->actual);
}

/* Without the device, the kernel's measurement files. */
static void measurement_file(void **state)
{
	AUTO(end) struct guest g;
	struct digest_value other;

	(void)state;
	start(&g);
	g.f.tsm.control = NULL;
	assert_err(ops()->bind_initdata(g.guest, &g.initdata), ERR_NOT_FOUND);
	assert_err_text("module tdx_guest");
	fake_tsm_file(
		&g.f.tsm, TDX_MEASUREMENTS "/mrconfigid", BYTES_OF(g.f.quote.td.mr_config_id));
	assert_ok(ops()->bind_initdata(g.guest, &g.initdata));
	assert_ok(digest(DIGEST_SHA256, bytes_str("other initdata"), &other));
	assert_err(ops()->bind_initdata(g.guest, &other), ERR_UNVERIFIED);
	fake_tsm_file(&g.f.tsm, TDX_MEASUREMENTS "/mrconfigid", bytes_str("short"));
	assert_err(ops()->bind_initdata(g.guest, &g.initdata), ERR_NOT_FOUND);
}

static void extend(void **state)
{
	static const struct {
		unsigned index, rtmr;
	} registers[] = { { 8, 2 }, { 15, 2 }, { 16, 3 }, { 17, 3 }, { 23, 3 } };
	static const unsigned long requests[] = { TDX_CMD_EXTEND_RTMR, TDX_CMD_EXTEND_RTMR_READ };
	AUTO(end) struct guest g;
	AUTO(buf_done) struct buf file = BUF_INIT(64);
	struct digest_value d;
	char path[1024];

	(void)state;
	start(&g);
	assert_ok(digest(DIGEST_SHA384, bytes_str("event"), &d));
	assert_err(ops()->extend(g.guest, 7, &d), ERR_USAGE);
	assert_err(ops()->extend(g.guest, 0, &d), ERR_USAGE);
	assert_err(ops()->extend(g.guest, 17, &g.initdata), ERR_USAGE);
	assert_err(ops()->extend(g.guest, 17, &d), ERR_UNSUPPORTED);
	assert_err_text("6.16");
	for (size_t i = 0; i < ARRAY_LEN(registers); i++) {
		g.f.extends = requests[i % 2];
		g.f.extended = 9;
		assert_ok(ops()->extend(g.guest, registers[i].index, &d));
		assert_int_equal(g.f.extended, registers[i].rtmr);
		assert_bytes_equal(BYTES_OF(g.f.digest), digest_bytes(&d));
	}
	/* Newer kernels have a file. */
	g.f.extended = 9;
	fake_tsm_file(&g.f.tsm, TDX_MEASUREMENTS "/rtmr3:sha384", BYTES_NONE);
	assert_ok(ops()->extend(g.guest, 17, &d));
	assert_int_equal(g.f.extended, 9);
	(void)snprintf(path, sizeof(path), "%s" TDX_MEASUREMENTS "/rtmr3:sha384", g.f.tsm.root);
	assert_ok(file_read(path, &file));
	assert_bytes_equal(buf_bytes(&file), digest_bytes(&d));
}

static void cut_quote(void **state)
{
	static const size_t cuts[] = { 1, 700, 2000 };
	AUTO(end) struct guest g;

	(void)state;
	start(&g);
	for (size_t i = 0; i < ARRAY_LEN(cuts); i++) {
		g.f.tsm.cut = cuts[i];
		assert_err(prove(&g), ERR_FORMAT);
		assert_err_text("quote generation service");
	}
}

static struct err stale(void *arg, struct bytes inblob, unsigned privlevel, struct buf *outblob,
	struct buf *auxblob)
{
	struct fake_tdx *f = arg;
	AUTO(buf_done) struct buf quote = { 0 };

	(void)inblob;
	(void)privlevel;
	(void)auxblob;
	tdx_gen_quote_make(&f->gen, &f->quote, &quote);
	buf_put(outblob, buf_bytes(&quote));
	return OK;
}

static void other_quote(void **state)
{
	AUTO(end) struct guest g;

	(void)state;
	start(&g);
	g.f.tsm.report = stale;
	assert_err(prove(&g), ERR_STATE);
	assert_err_text("report_data");
	g.f.quote = tdx_gen_quote(TDX_BODY_SGX);
	assert_err(prove(&g), ERR_FORMAT);
	assert_err_text("SGX");
}

static void service_fails(void **state)
{
	AUTO(end) struct guest g;

	(void)state;
	start(&g);
	g.f.tsm.provider = NULL;
	g.f.error = 0x12001;
	assert_err(prove(&g), ERR_PEER);
	assert_err_text("error 0x12001");
	g.f.error = 0;
	g.f.cut = 100;
	assert_err(prove(&g), ERR_PEER);
	assert_err_text("the connection ended");
	g.f.cut = 0;
	g.f.length = 8;
	assert_err(prove(&g), ERR_FORMAT);
	g.f.length = 0x7fffffff;
	assert_err(prove(&g), ERR_FORMAT);
	assert_err_text("accepted are");
}

/* Nobody there: at the address given, and at the one of the guest's configuration. */
static void no_service(void **state)
{
	AUTO(end) struct guest g;
	struct tee_guest *other = NULL;
	struct tee_guest_config c;

	(void)state;
	start(&g);
	g.f.tsm.provider = NULL;
	c = fake_tdx_config(&g.f);
	c.qgs = "unix:///nonexistent/qgs.socket";
	assert_ok(ops()->open(&c, &other));
	assert_true(failed(ops()->evidence(other, BYTES_NONE, NULL, &g.text)));
	assert_err_text("qgsd");
	ops()->close(other);
	c.qgs = NULL;
	assert_ok(ops()->open(&c, &other));
	fake_tsm_file(&g.f.tsm, "/etc/tdx-attest.conf", bytes_str("# port\n port=4x\n"));
	assert_err(ops()->evidence(other, BYTES_NONE, NULL, &g.text), ERR_FORMAT);
	assert_err_text("port");
	fake_tsm_file(&g.f.tsm, "/etc/tdx-attest.conf", bytes_str("port=65533"));
	assert_true(failed(ops()->evidence(other, BYTES_NONE, NULL, &g.text)));
	assert_err_text("vsock://2:65533");
	ops()->close(other);
}

static struct err parse_response(void *arg, struct bytes in)
{
	struct bytes quote;

	(void)arg;
	return qgs_response_parse(in, &quote);
}

static void test_response(void **state)
{
	static const uint8_t good[] = { 1, 0, 1, 0, 1, 0, 0, 0, 28, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0,
		2, 0, 0, 0, 'i', 'd', 'q', 'q' };
	struct bytes quote;

	(void)state;
	assert_ok(qgs_response_parse(BYTES_OF(good), &quote));
	assert_bytes_equal(quote, bytes_str("qq"));
	each_prefix(BYTES_OF(good), parse_response, NULL);
	each_flip_survives(BYTES_OF(good), parse_response, NULL);
}

static void no_device(void **state)
{
	struct fake_tsm empty;
	struct tee_guest_config c;

	(void)state;
	fake_tsm_init(&empty, "empty");
	c = fake_tsm_config(&empty);
	assert_null(tee_detect(&c));
	fake_tsm_file(&empty, TDX_MEASUREMENTS "/mrtd:sha384", BYTES_NONE);
	assert_ptr_equal(tee_detect(&c), tdx());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good),
		cmocka_unit_test(event_log),
		cmocka_unit_test(wrong_mr_config_id),
		cmocka_unit_test(measurement_file),
		cmocka_unit_test(extend),
		cmocka_unit_test(cut_quote),
		cmocka_unit_test(other_quote),
		cmocka_unit_test(service_fails),
		cmocka_unit_test(no_service),
		cmocka_unit_test(test_response),
		cmocka_unit_test(no_device),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
