/* Certificates, reports and evidence byte by byte, and the forms that a person reads. */
#include "csv_gen.h"
#include "util.h"

#include <string.h>

struct link {
	struct csv_cert issuer;
	struct bytes tail; /* what follows the flipped bytes */
};

static struct err parse_cert(void *arg, struct bytes in)
{
	struct csv_cert c;

	(void)arg;
	return csv_cert_parse(in, &c);
}

static struct err link_holds(void *arg, struct bytes in)
{
	const struct link *l = arg;
	AUTO(buf_done) struct buf whole = BUF_INIT(CSV_CERT_SIZE);
	struct csv_cert c;

	buf_put(&whole, in);
	buf_put(&whole, l->tail);
	TRY(csv_cert_parse(buf_bytes(&whole), &c));
	return csv_cert_signed_by(&c, &l->issuer);
}

static void test_certificates(void **state)
{
	size_t slot = 1044 + 520; /* the second place for a signature is empty and unsigned */
	struct csv_cert hrk, hsk;
	struct csv_gen g;

	(void)state;
	csv_gen_init(&g, 1);
	assert_ok(csv_cert_parse(buf_bytes(&g.hrk), &hrk));
	assert_ok(csv_cert_parse(buf_bytes(&g.hsk), &hsk));
	assert_int_equal(hsk.usage, CSV_HSK);
	assert_int_equal(hsk.user_id.n, 6);
	struct link by_hrk = { .issuer = hrk };
	struct link by_hsk = { .issuer = hsk,
		.tail = bytes_of(g.cek.p + slot, CSV_CERT_SIZE - slot) };
	each_prefix(buf_bytes(&g.hsk), parse_cert, NULL);
	each_prefix(buf_bytes(&g.cek), parse_cert, NULL);
	assert_ok(link_holds(&by_hrk, buf_bytes(&g.hsk)));
	assert_ok(link_holds(&by_hsk, bytes_of(g.cek.p, slot)));
	each_flip_survives(buf_bytes(&g.hsk), parse_cert, NULL);
	each_flip_signed(buf_bytes(&g.hsk), link_holds, &by_hrk);
	each_flip_signed(bytes_of(g.cek.p, slot), link_holds, &by_hsk);
	csv_gen_done(&g);
}

/* ---- reports ---- */
static struct err parse_data(void *arg, struct bytes in)
{
	AUTO(csv_evidence_done) struct csv_evidence e = { 0 };

	(void)arg;
	return csv_evidence_parse(in, &e);
}

static struct err report_holds(void *arg, struct bytes in)
{
	const struct csv_gen *g = arg;
	struct csv_report r;
	struct csv_cert pek;

	TRY(csv_report_parse(in, g->version, &r));
	TRY(csv_cert_parse(buf_bytes(&g->pek), &pek));
	TRY(csv_cert_verifies(&pek, r.signed_bytes, r.r, r.s));
	/* sig_usage, sig_algo and anonce of version 1 are not signed, but looked at */
	if (r.sig_usage != CSV_PEK || r.sig_algo != CSV_ALGO_SM2 ||
		memcmp(r.report_data, g->report_data, sizeof(r.report_data)) != 0)
		return err_new(ERR_UNVERIFIED, "values");
	return OK;
}

static void test_reports(void **state)
{
	(void)state;
	for (unsigned version = 1; version <= 2; version++) {
		AUTO(buf_done) struct buf data = BUF_INIT(CSV_DATA_SIZE);
		size_t size = version == 1 ? CSV_REPORT_V1_SIZE : CSV_REPORT_V2_SIZE;
		struct csv_gen g;

		csv_gen_init(&g, version);
		csv_gen_data(&g, &data);
		each_prefix(
			bytes_of(data.p, size + CSV_CERT_SIZE + CSV_SERIAL_SIZE), parse_data, NULL);
		assert_ok(report_holds(&g, bytes_of(data.p, size)));
		each_prefix(bytes_of(data.p, size), report_holds, &g);
		each_flip_signed(bytes_of(data.p, size), report_holds, &g);
		csv_gen_done(&g);
	}
}

/* With the 20 bytes that the driver puts in front. */
static void test_wrapper(void **state)
{
	static const char magic[16] = "ATTESTATION_EXT";

	(void)state;
	for (unsigned version = 1; version <= 2; version++) {
		AUTO(csv_evidence_done) struct csv_evidence e = { 0 };
		AUTO(buf_done) struct buf raw = BUF_INIT(CSV_WRAPPER_SIZE + 1);
		struct csv_gen g;

		csv_gen_init(&g, version);
		if (version == 2)
			buf_put(&raw, BYTES_OF(magic));
		else
			buf_zero(&raw, sizeof(magic));
		buf_le32(&raw, version - 1);
		AUTO(buf_done) struct buf data = BUF_INIT(CSV_DATA_SIZE);
		csv_gen_data(&g, &data);
		buf_put(&raw, buf_bytes(&data));
		assert_true(csv_evidence_is(buf_bytes(&raw)));
		assert_ok(csv_evidence_parse(buf_bytes(&raw), &e));
		assert_int_equal(e.version, version);
		assert_string_equal(e.serial, g.serial);
		buf_u8(&raw, 0);
		assert_err(parse_data(NULL, buf_bytes(&raw)), ERR_FORMAT);
		csv_gen_done(&g);
	}
}

/* ---- JSON ---- */
static struct err decode_text(const char *text)
{
	AUTO(csv_evidence_done) struct csv_evidence e = { 0 };
	AUTO(json_freep) struct json *j = NULL;

	TRY(json_parse(bytes_str(text), &j));
	return csv_evidence_decode(j, &e);
}

/* Each of these makes one member wrong. */
static void test_json_refused(void **state)
{
	static const struct {
		const char *from, *to;
	} cases[] = {
		{ "\"flags\":0", "\"flags\":1" },
		{ "\"flags\":0", "\"flags\":2" },
		{ "\"flags\":0", "\"flagz\":0" },
		{ "\"magic\":[0,", "\"magic\":[1,0," },
		{ "\"magic\":[0,", "\"magic\":[" },
		{ "\"data\":[", "\"data\":[0," },
		{ "\"data\":[", "\"data\":[256," },
		{ "\"pek\":", "\"kep\":" },
		{ "\"ver\":1", "\"ver\":4294967296" },
		{ "\"major\":1", "\"major\":256" },
		{ "\"uid_size\":6", "\"uid_size\":-1" },
		{ "\"kid\":[", "\"kid\":[0," },
		{ "\"sigs\":", "\"sig\":" },
		{ "\"cek\":", "\"kec\":" },
		{ "\"serial_number\":[", "\"serial_number\":[7," },
		{ "\"serial_number\":[", "\"serial\":[" },
	};
	AUTO(buf_done) struct buf text = BUF_INIT(256 * 1024);
	struct csv_gen g;

	(void)state;
	csv_gen_init(&g, 1);
	csv_gen_json(&g, true, &text);
	const char *good = buf_cstr(&text);
	assert_ok(decode_text(good));
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(buf_done) struct buf bad = BUF_INIT(256 * 1024);
		const char *at = strstr(good, cases[i].from);

		assert_non_null(at);
		buf_put(&bad, bytes_of(good, (size_t)(at - good)));
		buf_puts(&bad, cases[i].to);
		buf_puts(&bad, at + strlen(cases[i].from));
		struct err e = decode_text(buf_cstr(&bad));
		if (e.code != ERR_FORMAT)
			print_error("%s was taken\n", cases[i].to);
		assert_int_equal(e.code, ERR_FORMAT);
	}
	assert_err(decode_text("{}"), ERR_FORMAT);
	assert_err(decode_text("[]"), ERR_FORMAT);
	csv_gen_done(&g);
}

/* ---- inspect ---- */
static const struct tee_format *format_of(struct bytes file)
{
	const struct tee_format *f;

	for (size_t i = 0; (f = tee_format_at(i)); i++)
		if (f->is(file))
			return f;
	return NULL;
}

static void describe(struct bytes file, const char *name, const char *part)
{
	AUTO(fields_done) struct fields f = { 0 };
	AUTO(buf_done) struct buf text = BUF_INIT(65536);

	assert_non_null(format_of(file));
	assert_string_equal(format_of(file)->name, name);
	assert_ok(format_of(file)->describe(file, &f));
	fields_print(&f, &text);
	assert_non_null(strstr(buf_cstr(&text), part));
	for (size_t i = 0; i < f.n; i++)
		assert_true(f.v[i].offset == FIELDS_NO_OFFSET ||
			    f.v[i].offset + (int64_t)f.v[i].size <= (int64_t)file.n);
	assert_int_equal(f.base, 0);
}

static void test_describe(void **state)
{
	AUTO(buf_done) struct buf both = BUF_INIT(4096);
	struct csv_gen g;

	(void)state;
	for (unsigned version = 1; version <= 2; version++) {
		AUTO(buf_done) struct buf data = BUF_INIT(CSV_DATA_SIZE);

		csv_gen_init(&g, version);
		csv_gen_data(&g, &data);
		describe(buf_bytes(&data), "CSV report", "TEST0001");
		csv_gen_done(&g);
	}
	csv_gen_init(&g, 1);
	describe(buf_bytes(&g.hsk), "CSV certificate", "HSK-id");
	describe(buf_bytes(&g.cek), "CSV certificate", "CEK-id");
	buf_put(&both, buf_bytes(&g.hsk));
	buf_put(&both, buf_bytes(&g.cek));
	describe(buf_bytes(&both), "CSV certificate", "CEK-id");
	csv_gen_done(&g);
}

/* ---- the root built in, and real certificates ---- */
static void test_root(void **state)
{
	struct csv_cert c;

	(void)state;
	assert_ok(csv_cert_parse(BYTES_OF(csv_hrk), &c));
	assert_int_equal(c.usage, CSV_HRK);
	assert_bytes_equal(c.user_id, bytes_str("HYGON-SSD-HRK"));
	assert_ok(csv_cert_signed_by(&c, &c));
}

static void test_vector_certificates(void **state)
{
	AUTO(buf_done) struct buf hrk = test_file(test_vector("csv/csv-rs/hrk.cert"));
	AUTO(buf_done) struct buf hsk = test_file(test_vector("csv/csv-rs/hsk.cert"));
	AUTO(buf_done) struct buf cek = test_file(test_vector("csv/csv-rs/cek.cert"));
	AUTO(buf_done) struct buf both = test_file(test_vector("csv/csv-rs/hsk_cek.cert"));
	struct csv_cert root, ca, cert;

	(void)state;
	assert_bytes_equal(buf_bytes(&hrk), BYTES_OF(csv_hrk));
	assert_ok(csv_cert_parse(buf_bytes(&hrk), &root));
	assert_ok(csv_cert_parse(buf_bytes(&hsk), &ca));
	assert_ok(csv_cert_parse(buf_bytes(&cek), &cert));
	assert_ok(csv_cert_signed_by(&ca, &root));
	assert_ok(csv_cert_signed_by(&cert, &ca));
	assert_err(csv_cert_signed_by(&cert, &root), ERR_UNVERIFIED);
	assert_err(csv_cert_signed_by(&ca, &ca), ERR_UNVERIFIED);
	assert_int_equal(cert.usage, CSV_CEK);
	describe(buf_bytes(&both), "CSV certificate", "HYGON-SSD-CEK");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_certificates),
		cmocka_unit_test(test_reports),
		cmocka_unit_test(test_wrapper),
		cmocka_unit_test(test_json_refused),
		cmocka_unit_test(test_describe),
		cmocka_unit_test(test_root),
		cmocka_unit_test(test_vector_certificates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
