/* A made answer to a made request: good, then every byte of it changed or cut. */
#include "s390-se/se.h"
#include "util.h"

#include <string.h>

enum {
	NOW = 1717200000,
	AREA = 128
};

static const uint8_t user_data[64] = { 1, 2, 3 };

struct answer {
	struct key *customer, *host;
	uint8_t request_key[SE_KEY_SIZE], measurement_key[SE_MEASUREMENT_KEY], nonce[16], iv[12];
	struct buf header, request, exchange;
};

static void answer_done(struct answer *a)
{
	key_free(a->customer);
	key_free(a->host);
	buf_done(&a->header);
	buf_done(&a->request);
	buf_done(&a->exchange);
}

/* What is not compared may be anything. */
static void make_header(struct buf *out)
{
	buf_puts(out, "IBMSecEx");
	buf_be32(out, SE_VERSION);
	buf_be32(out, 0x1a0 + SE_SLOT_SIZE + AREA + SE_TAG_SIZE);
	buf_zero(out, 16);
	buf_be64(out, 1);
	buf_be64(out, AREA);
	buf_be64(out, 7);
	buf_be64(out, 0xe0);
	buf_zero(out, SE_PUBLIC_KEY);
	for (int i = 0; i < 3 * SE_PAGE_DIGEST; i++)
		buf_u8(out, 0x10 + i / SE_PAGE_DIGEST);
	buf_zero(out, SE_SLOT_SIZE + AREA);
	for (int i = 0; i < SE_TAG_SIZE; i++)
		buf_u8(out, 0x77);
	assert_ok(buf_end(out, "header"));
}

static void make_request(struct answer *a)
{
	const struct key *hosts[] = { a->host };
	const struct se_request_make m = { .customer = a->customer,
		.hosts = hosts,
		.n_hosts = 1,
		.flags = 0x7000000000000000,
		.iv = BYTES_OF(a->iv),
		.protection_key = BYTES_OF(a->request_key),
		.measurement_key = BYTES_OF(a->measurement_key),
		.nonce = BYTES_OF(a->nonce) };

	assert_ok(se_request_make(&m, &a->request));
}

static void make(struct answer *a)
{
	uint8_t cuid[16] = { 9 }, additional[64] = { 4 };
	struct digest_value mac;
	struct se_header h;

	*a = (struct answer){ .request_key = { 1 }, .measurement_key = { 2 }, .nonce = { 3 } };
	a->header = BUF_INIT(SE_HEADER_MAX);
	a->request = BUF_INIT(4096);
	a->exchange = BUF_INIT(8192);
	assert_ok(key_generate(KEY_P521, &a->customer));
	assert_ok(key_generate(KEY_P521, &a->host));
	make_header(&a->header);
	make_request(a);
	assert_ok(se_header_parse(buf_bytes(&a->header), &h));
	const struct se_measured m = { h.pld, h.ald, h.tld, h.tag, BYTES_OF(cuid),
		BYTES_OF(user_data), BYTES_OF(a->nonce), BYTES_OF(additional) };
	assert_ok(se_measure(&m, BYTES_OF(a->measurement_key), &mac));
	const struct se_exchange x = { .arcb = buf_bytes(&a->request),
		.measurement = digest_bytes(&mac),
		.additional = BYTES_OF(additional),
		.user_data = BYTES_OF(user_data),
		.cuid = BYTES_OF(cuid) };
	assert_ok(se_exchange_write(&x, &a->exchange));
}

struct job {
	const struct answer *a;
	struct bytes header, key, report_data;
};

static struct err verify(void *arg, struct bytes exchange)
{
	static const struct tee_anchors none = { 0 };
	AUTO(claims_done) struct claims c = { 0 };
	const struct job *j = arg;
	const struct tee_verify_input in = { .raw = exchange,
		.parts = { { "se-header", j->header }, { "request-key", j->key } },
		.n_parts = 2,
		.report_data = j->report_data,
		.anchors = &none,
		.now = NOW };

	struct err e = tee_verify(tee_by_platform("se"), &in, &c);
	assert_true(failed(e) == (c.n == 0));
	return e;
}

static struct err verify_header(void *arg, struct bytes header)
{
	struct job j = *(const struct job *)arg;

	j.header = header;
	return verify(&j, buf_bytes(&j.a->exchange));
}

static struct job job_of(const struct answer *a)
{
	return (struct job){ a, buf_bytes(&a->header), BYTES_OF(a->request_key),
		BYTES_OF(user_data) };
}

static void test_good(void **state)
{
	AUTO(answer_done) struct answer a;

	(void)state;
	make(&a);
	struct job j = job_of(&a);
	assert_ok(verify(&j, buf_bytes(&a.exchange)));
	j.report_data = bytes_of(user_data, 3); /* padded with zeroes */
	assert_ok(verify(&j, buf_bytes(&a.exchange)));
}

static void test_refused(void **state)
{
	static const uint8_t other[32] = { 5 };
	AUTO(answer_done) struct answer a;

	(void)state;
	make(&a);
	struct job j = job_of(&a);
	j.report_data = BYTES_OF(other);
	assert_err(verify(&j, buf_bytes(&a.exchange)), ERR_UNVERIFIED);
	assert_string_equal(err_denial()->code, "evidence.report-data");
	j = job_of(&a);
	j.key = BYTES_OF(other);
	assert_err(verify(&j, buf_bytes(&a.exchange)), ERR_UNVERIFIED);
	assert_string_equal(err_denial()->code, "se.request-key");
	j = job_of(&a);
	j.key = BYTES_NONE;
	assert_err(verify(&j, buf_bytes(&a.exchange)), ERR_UNVERIFIED);
	j = job_of(&a);
	j.header = BYTES_NONE;
	assert_err(verify(&j, buf_bytes(&a.exchange)), ERR_UNVERIFIED);
	assert_string_equal(err_denial()->code, "se.header");
}

static void test_changed(void **state)
{
	AUTO(answer_done) struct answer a;

	(void)state;
	make(&a);
	struct job j = job_of(&a);
	each_prefix(buf_bytes(&a.exchange), verify, &j);
	each_flip_signed(buf_bytes(&a.exchange), verify, &j);
	each_prefix(buf_bytes(&a.header), verify_header, &j);
	/* The digests and the tag are what the measurement is about. */
	struct buf changed = BUF_INIT(SE_HEADER_MAX);
	for (size_t i = 0xe0; i < 0x1a0; i++) {
		buf_clear(&changed);
		buf_put(&changed, buf_bytes(&a.header));
		changed.p[i] ^= 1;
		assert_true(failed(verify_header(&j, buf_bytes(&changed))));
	}
	buf_done(&changed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_changed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
