#include "util.h"

#include <net/url.h>

static void test_url_good(void **state)
{
	(void)state;
	static const struct {
		const char *text, *host, *path, *query;
		uint16_t port;
		bool tls;
	} good[] = {
		{ "http://a", "a", "/", NULL, 80, false },
		{ "https://a", "a", "/", NULL, 443, true },
		{ "https://kbs.example:8443/kbs/v0/auth", "kbs.example", "/kbs/v0/auth", NULL, 8443,
			true },
		{ "http://10.0.2.2:5000/v2/?n=1&last=x%2Fy", "10.0.2.2", "/v2/", "n=1&last=x%2Fy",
			5000, false },
		{ "http://[fd00::1]:80/x", "fd00::1", "/x", NULL, 80, false },
		{ "http://[::1]", "::1", "/", NULL, 80, false },
		{ "http://a?q", "a", "/", "q", 80, false },
		{ "http://a/b?", "a", "/b", "", 80, false },
		{ "http://a/b?c?d/", "a", "/b", "c?d/", 80, false },
	};

	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		AUTO(url_done) struct url u = { 0 };

		assert_ok(url_parse(good[i].text, &u));
		assert_string_equal(u.host, good[i].host);
		assert_string_equal(u.path, good[i].path);
		assert_int_equal(u.port, good[i].port);
		assert_int_equal(u.tls, good[i].tls);
		if (good[i].query)
			assert_string_equal(u.query, good[i].query);
		else
			assert_null(u.query);
	}
}

static void test_url_bad(void **state)
{
	(void)state;
	static const struct {
		const char *text, *why;
	} bad[] = {
		{ "", "neither http:// nor https://" },
		{ "ftp://a/", "neither http:// nor https://" },
		{ "HTTP://a/", "neither http:// nor https://" },
		{ "http:/a", "neither http:// nor https://" },
		{ "http://", "bad host" },
		{ "http:///x", "bad host" },
		{ "http://:80/", "bad host" },
		{ "http://a b/", "bad host" },
		{ "http://a\\b/", "bad host" },
		{ "http://\xc3\xa4/", "bad host" },
		{ "http://[::1/", "bad host" },
		{ "http://[]/", "bad host" },
		{ "http://[::1%25eth0]/", "bad host" },
		{ "http://[::1]x/", "bad port" },
		{ "http://a:/", "bad port" },
		{ "http://a:0/", "bad port" },
		{ "http://a:65536/", "bad port" },
		{ "http://a:99999999999999999999/", "bad port" },
		{ "http://a:8x/", "bad port" },
		{ "http://user@a/", "user name in URL" },
		{ "http://user:pass@a/", "user name in URL" },
		{ "http://a/#x", "fragment in URL" },
		{ "http://a/ b", "character that a URL must encode" },
		{ "http://a/\n", "character that a URL must encode" },
		{ "http://a/%", "character that a URL must encode" },
		{ "http://a/%2", "character that a URL must encode" },
		{ "http://a/%zz", "character that a URL must encode" },
		{ "http://a/%00", "character that a URL must encode" },
		{ "http://a/?\"", "character that a URL must encode" },
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct url u = { 0 };

		assert_err(url_parse(bad[i].text, &u), ERR_FORMAT);
		assert_err_text(bad[i].why);
		assert_null(u.host);
	}
}

static void test_url_too_long(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf text = BUF_INIT(10000);
	struct url u = { 0 };

	buf_puts(&text, "http://a/");
	while (text.n < 9000)
		buf_puts(&text, "x");
	assert_err(url_parse(buf_cstr(&text), &u), ERR_FORMAT);
	assert_err_text("longer than 8192 characters");
}

static void test_kbs_good(void **state)
{
	(void)state;
	static const struct {
		const char *text, *plugin, *path, *query;
	} good[] = {
		{ "kbs:///default/key/1", "resource", "default/key/1", NULL },
		{ "kbs+resource:///a/b/c", "resource", "a/b/c", NULL },
		{ "kbs://host:8080/a-1/b_2/c.3", "resource", "a-1/b_2/c.3", NULL },
		{ "kbs:///_/-/x?y=1", "resource", "_/-/x", "y=1" },
		{ "kbs+pkcs11:///wrap-key?slot=1", "pkcs11", "wrap-key", "slot=1" },
		{ "kbs+p:///a/b/c/d", "p", "a/b/c/d", NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		AUTO(kbs_uri_done) struct kbs_uri u = { 0 };

		assert_ok(kbs_uri_parse(good[i].text, &u));
		assert_string_equal(u.plugin, good[i].plugin);
		assert_string_equal(u.path, good[i].path);
		if (good[i].query)
			assert_string_equal(u.query, good[i].query);
		else
			assert_null(u.query);
	}
}

static void test_kbs_bad(void **state)
{
	(void)state;
	static const struct {
		const char *text, *why;
	} bad[] = {
		{ "", "not kbs://" },
		{ "http:///a/b/c", "not kbs://" },
		{ "kbsx:///a/b/c", "not kbs://" },
		{ "kbs:/a/b/c", "not kbs://" },
		{ "kbs+:///a/b/c", "bad plugin" },
		{ "kbs+a/b:///c", "bad plugin" },
		{ "kbs://", "no path" },
		{ "kbs://host", "no path" },
		{ "kbs:///", "bad repository \"\"" },
		{ "kbs:///a", "no type" },
		{ "kbs:///a/b", "no tag" },
		{ "kbs:///a/b/", "bad tag \"\"" },
		{ "kbs:///a//c", "bad type \"\"" },
		{ "kbs:///a/b/c/d", "more than three segments" },
		{ "kbs:///../b/c", "bad repository \"..\"" },
		{ "kbs:///a/.b/c", "bad type \".b\"" },
		{ "kbs:///a/b/c%2e", "bad tag \"c%2e\"" },
		{ "kbs:///a/b/c?\n", "bad query" },
		{ "kbs+p:///a/../b", "bad path" },
		{ "kbs+p:///a/.", "bad path" },
		{ "kbs+p:///a b", "bad path" },
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct kbs_uri u = { 0 };

		assert_err(kbs_uri_parse(bad[i].text, &u), ERR_FORMAT);
		assert_err_text(bad[i].why);
		assert_null(u.path);
	}
}

static void test_encode(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf out = BUF_INIT(256);

	url_encode("a-Z._~/ %\xc3\xa4?&", &out);
	assert_string_equal(buf_cstr(&out), "a-Z._~%2F%20%25%C3%A4%3F%26");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_url_good),
		cmocka_unit_test(test_url_bad),
		cmocka_unit_test(test_url_too_long),
		cmocka_unit_test(test_kbs_good),
		cmocka_unit_test(test_kbs_bad),
		cmocka_unit_test(test_encode),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
