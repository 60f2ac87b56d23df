#include "util.h"

#include <errno.h>

#include <base/reader.h>

static void test_err_chain(void **state)
{
	(void)state;
	errno = ENOENT;
	struct err e = err_add(err_new(ERR_SYS, "opening %s", "x"), "loading");

	assert_int_equal(e.code, ERR_SYS);
	assert_string_equal(err_text(), "loading: opening x: No such file or directory");
	assert_int_equal(err_errno(), ENOENT);
	assert_null(err_denial());
}

static void test_err_of_err(void **state)
{
	(void)state;
	struct err e = err_new(ERR_LIMIT, "too long");

	e = err_new(ERR_USAGE, "--name: %s", err_text());
	assert_int_equal(e.code, ERR_USAGE);
	assert_string_equal(err_text(), "--name: too long");
}

static void test_err_denial(void **state)
{
	(void)state;
	struct err e = err_deny(ERR_DENIED, "vtpm.cmdline-mismatch", "cmdline", "aa", "bb");

	e = err_add(e, "appraising");
	assert_int_equal(e.code, ERR_DENIED);
	assert_string_equal(
		err_text(), "appraising: vtpm.cmdline-mismatch: cmdline: expected aa, got bb");
	assert_string_equal(err_denial()->code, "vtpm.cmdline-mismatch");
	assert_string_equal(err_denial()->actual, "bb");
	/* Nothing to compare is left out, however it is said. */
	e = err_deny(ERR_DENIED, "c", "cmdline", "", "");
	assert_string_equal(err_text(), "c: cmdline");
	/* The inputs may live in the record that the call replaces. */
	e = err_deny(ERR_DENIED, err_denial()->code, err_denial()->field, NULL, err_text());
	assert_string_equal(err_denial()->field, "cmdline");
	err_set_denial_id("req-1");
	err_set_denial_id("req-2"); /* the first stays */
	assert_string_equal(err_denial()->id, "req-1");
	assert_non_null(strstr(err_text(), " [req-1]"));
	assert_true(failed(e));
}

static void test_err_text_is_cut(void **state)
{
	(void)state;
	struct err e = err_new(ERR_FORMAT, "tail");

	for (int i = 0; i < 100; i++)
		e = err_add(e, "a long explanation of what was being done, number %d", i);
	assert_true(strlen(err_text()) < ERR_TEXT_MAX);
	assert_true(failed(e));
}

static void test_err_save(void **state)
{
	struct err_saved saved;
	(void)state;

	struct err e = err_deny(ERR_DENIED, "image.unsigned", "signature", NULL, NULL);
	err_save(err_add(e, "pulling"), &saved);
	err_ignore(err_new(ERR_FORMAT, "something else"));
	assert_null(err_denial());
	assert_err(err_restore(&saved), ERR_DENIED);
	assert_err_text("pulling: image.unsigned: signature");
	assert_string_equal(err_denial()->code, "image.unsigned");
}

static void test_reader(void **state)
{
	(void)state;
	static const uint8_t in[] = { 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 9 };
	struct reader r = rd_of(BYTES_OF(in));
	uint16_t a = rd_le16(&r);
	uint16_t b = rd_be16(&r);
	uint32_t c = rd_be32(&r);

	rd_skip_zero(&r, 2);
	assert_int_equal(a, 0x0201);
	assert_int_equal(b, 0x0304);
	assert_int_equal(c, 0x05060708);
	assert_true(rd_more(&r));
	assert_err(rd_end(&r, "sample"), ERR_FORMAT);
	assert_err_text("1 bytes too many");
	assert_int_equal(rd_u8(&r), 9);
	assert_ok(rd_end(&r, "sample"));
	assert_int_equal(rd_u8(&r), 0);
	assert_err(rd_end(&r, "sample"), ERR_FORMAT);
}

static void test_reader_sub_and_zero(void **state)
{
	(void)state;
	static const uint8_t in[] = { 2, 7, 7, 1 };
	struct reader r = rd_of(BYTES_OF(in));
	struct reader sub = rd_sub(&r, rd_u8(&r));

	assert_int_equal(rd_be16(&sub), 0x0707);
	assert_ok(rd_end(&sub, "sub"));
	rd_skip_zero(&r, 1);
	assert_false(rd_ok(&r));
	sub = rd_sub(&r, 100);
	assert_false(rd_ok(&sub));
}

static void test_reader_rest(void **state)
{
	(void)state;
	static const uint8_t in[] = { 1, 2, 3, 4, 5 };
	struct reader r = rd_of(BYTES_OF(in));
	uint8_t to[4] = { 9, 9, 9, 9 };

	rd_skip(&r, 1);
	rd_copy(&r, to, 2);
	assert_bytes_equal(bytes_of(to, 2), test_hex("0203"));
	rd_copy(&r, to, 4); /* too many: nothing is copied, and the reader stays bad */
	assert_int_equal(to[0], 2);
	assert_int_equal(rd_rest(&r).n, 0);
	r = rd_of(BYTES_OF(in));
	assert_bytes_equal(rd_rest(&r), BYTES_OF(in));
	assert_ok(rd_end(&r, "all"));
	assert_int_equal(rd_rest(&r).n, 0);
	assert_true(rd_ok(&r));
}

static void test_buf_limits(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf b = BUF_INIT(8);

	buf_be32(&b, 0x01020304);
	buf_le16(&b, 0x0605);
	assert_bytes_equal(buf_bytes(&b), test_hex("010203040506"));
	buf_puts(&b, "abc");
	assert_err(buf_end(&b, "line"), ERR_LIMIT);
	assert_int_equal(b.n, 6);
	buf_u8(&b, 1);
	assert_int_equal(b.n, 6); /* sticky */
	buf_clear(&b);
	buf_printf(&b, "%d", 1234567);
	assert_ok(buf_end(&b, "line"));
	assert_string_equal(buf_cstr(&b), "1234567");
	buf_consume(&b, 3);
	assert_string_equal(buf_cstr(&b), "4567");
}

static void test_bytes(void **state)
{
	(void)state;
	AUTO(auto_free) char *s = NULL;

	assert_true(bytes_equal(bytes_str("abc"), bytes_str("abc")));
	assert_false(bytes_equal(bytes_str("abc"), bytes_str("abd")));
	assert_false(bytes_equal(bytes_str("abc"), bytes_str("ab")));
	assert_true(bytes_compare(bytes_str("ab"), bytes_str("abc")) < 0);
	assert_err(bytes_to_str(bytes_of("a\0b", 3), &s), ERR_FORMAT);
	assert_null(s);
	assert_ok(bytes_to_str(BYTES_NONE, &s));
	assert_string_equal(s, "");
}

static void test_str_to_u64(void **state)
{
	(void)state;
	static const char *const bad[] = { "", "-1", "+1", " 1", "1 ", "0x10",
		"99999999999999999999" };
	uint64_t v = 7;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_err(str_to_u64(bad[i], UINT64_MAX, "n", &v), ERR_FORMAT);
	assert_err(str_to_u64("101", 100, "n", &v), ERR_LIMIT);
	assert_int_equal(v, 7);
	assert_ok(str_to_u64("100", 100, "n", &v));
	assert_int_equal(v, 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_err_chain),
		cmocka_unit_test(test_err_of_err),
		cmocka_unit_test(test_err_denial),
		cmocka_unit_test(test_err_save),
		cmocka_unit_test(test_err_text_is_cut),
		cmocka_unit_test(test_reader),
		cmocka_unit_test(test_reader_sub_and_zero),
		cmocka_unit_test(test_reader_rest),
		cmocka_unit_test(test_buf_limits),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_str_to_u64),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
