#include "util.h"

#include <fcntl.h>

#include <base/file.h>
#include <base/log.h>

#define LOG_MODULE "mod"

static int fds[2];

/* What was logged since the last call, without the time; NULL when nothing. */
static const char *logged(void)
{
	static char line[16384];
	ssize_t n = read(fds[0], line, sizeof(line) - 1);

	if (n <= 0)
		return NULL;
	line[n] = '\0';
	return line;
}

static int open_pipe(void **state)
{
	(void)state;
	return pipe2(fds, O_CLOEXEC | O_NONBLOCK);
}

static int close_pipe(void **state)
{
	(void)state;
	log_field("pod", NULL);
	(void)close(fds[0]);
	return close(fds[1]);
}

static void assert_line_ends(const char *end)
{
	const char *line = logged();

	assert_non_null(line);
	if (!str_ends(line, end))
		print_error("'%s' does not end with '%s'\n", line, end);
	assert_true(str_ends(line, end));
}

static void test_text(void **state)
{
	(void)state;
	log_init("prog", LOG_INFO, LOG_TEXT, fds[1]);
	log_info("layer verified", "size=%d name=%s", 5, log_quote("a b\n\"c\""));
	assert_line_ends("Z info  prog/mod: layer verified size=5 name=\"a b\\n\\\"c\\\"\"\n");
	log_debug("hidden", "a=%d", 1);
	assert_null(logged());
	log_set_level(LOG_DEBUG);
	log_field("pod", "p 1");
	log_debug("seen", "plain words");
	assert_line_ends("debug prog/mod: seen pod=\"p 1\" text=\"plain words\"\n");
	log_field("pod", "p2");
	log_warn("seen", "%s", "");
	assert_line_ends("warn  prog/mod: seen pod=p2\n");
	log_field("pod", NULL);
	log_error("seen", "%s", "x=");
	assert_line_ends("error prog/mod: seen x=\"\"\n");
}

static void test_container(void **state)
{
	(void)state;
	log_init("prog", LOG_INFO, LOG_JSON, fds[1]);
	log_field("pod", "p");
	log_failure_of("mod", "start", "c1", err_new(ERR_STATE, "no"));
	assert_line_ends("\"event\":\"start\",\"pod\":\"p\",\"container\":\"c1\","
			 "\"code\":\"wrong-state\",\"text\":\"no\"}\n");
	log_info("next", "%s", "");
	assert_line_ends("\"event\":\"next\",\"pod\":\"p\"}\n");
	log_field("pod", NULL);
}

static void test_json(void **state)
{
	(void)state;
	log_init("prog", LOG_INFO, LOG_JSON, fds[1]);
	log_info("got \"it\"", "size=%d name=%s", 5, log_quote("a b\n\xff"));
	const char *line = logged();
	assert_non_null(line);
	assert_true(str_starts(line, "{\"time\":\"20"));
	assert_non_null(strstr(line, ",\"ms\":"));
	assert_true(str_ends(line,
		",\"level\":\"info\",\"program\":\"prog\",\"module\":\"mod\",\"event\":\"got "
		"\\\"it\\\"\",\"size\":\"5\",\"name\":\"a b\\n\xef\xbf\xbd\"}\n"));
}

/* Text from outside that was not quoted must not start a line or a member of its own. */
static void test_injection(void **state)
{
	(void)state;
	static const char *const evil[] = { "\"\nx", "\"\n\"", "\"\\u00zz\"", "\"\\q\"", "\"\\\"",
		"\"\x80\"", "\"a\"b\"", "\x1b[2J", "\"\\u12\"" };

	for (size_t i = 0; i < ARRAY_LEN(evil); i++) {
		log_init("prog", LOG_INFO, LOG_TEXT, fds[1]);
		log_info("e", "k=%s", evil[i]);
		const char *line = logged();
		assert_non_null(line);
		assert_int_equal(strcspn(line, "\n"), strlen(line) - 1);
		assert_null(strchr(line, '\x1b'));
		log_init("prog", LOG_INFO, LOG_JSON, fds[1]);
		log_info("e", "k=%s", evil[i]);
		line = logged();
		assert_non_null(line);
		assert_int_equal(strcspn(line, "\n"), strlen(line) - 1);
		assert_true(str_ends(line, "\"}\n"));
	}
}

static void test_quote_cuts(void **state)
{
	(void)state;
	char longer[402];

	for (size_t i = 0; i < 400; i += 2)
		memcpy(longer + i, "\xc3\xa4", 3);
	memmove(longer + 1, longer, 400);
	longer[0] = 'x'; /* the 200th byte is now inside a character */
	longer[401] = '\0';
	const char *q = log_quote(longer);
	assert_int_equal(strlen(q), 201);
	assert_string_equal(q + 198, "\xc3\xa4\"");
	assert_string_equal(log_quote(""), "\"\"");
}

static void test_line_too_long(void **state)
{
	(void)state;
	static char huge[4000];

	memset(huge, 1, sizeof(huge) - 1);
	log_init("prog", LOG_INFO, LOG_JSON, fds[1]);
	log_info("e", "k=%s", huge);
	assert_string_equal(logged(), "{\"level\":\"error\",\"event\":\"log-line-lost\"}\n");
}

static void test_failure(void **state)
{
	(void)state;
	struct err e = err_deny(ERR_DENIED, "manifest.argv", "argv[1]", "world", "moon");

	err_set_denial_id("r1");
	log_init("prog", LOG_INFO, LOG_JSON, fds[1]);
	log_failure("mod", "failure", err_add(e, "starting"));
	assert_line_ends(
		"\"event\":\"failure\",\"code\":\"denied\",\"text\":\"starting: manifest.argv: "
		"argv[1]: expected world, got moon [r1]\",\"deny_code\":\"manifest.argv\","
		"\"field\":\"argv[1]\",\"expected\":\"world\",\"actual\":\"moon\","
		"\"request_id\":\"r1\"}\n");
	log_failure("mod", "failure", err_new(ERR_FORMAT, "bad"));
	assert_line_ends("\"code\":\"malformed\",\"text\":\"bad\"}\n");
}

static void test_level_names(void **state)
{
	(void)state;
	enum log_level level;

	assert_ok(log_level_parse("debug", &level));
	assert_int_equal(level, LOG_DEBUG);
	assert_err(log_level_parse("loud", &level), ERR_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_container),
		cmocka_unit_test(test_injection),
		cmocka_unit_test(test_quote_cuts),
		cmocka_unit_test(test_line_too_long),
		cmocka_unit_test(test_failure),
		cmocka_unit_test(test_level_names),
	};

	return cmocka_run_group_tests(tests, open_pipe, close_pipe);
}
