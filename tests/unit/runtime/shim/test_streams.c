/* Standard streams of containers: FIFOs whose other ends come and go, files, loggers. */
#include "shim_peer.h"

#include <fcntl.h>
#include <task.pb-c.h>

#include <base/clock.h>
#include <base/file.h>
#include <base/log.h>
#include <net/pb.h>
#include <sys/stat.h>

enum {
	BIG = 1024 * 1024,
	FEW_MS = 5000
};

static char *make_fifo(const char *name)
{
	static unsigned n;
	char *path = NULL;

	assert_ok(str_format(&path, "%s/%s-%u", test_dir(), name, n++));
	assert_int_equal(mkfifo(path, 0600), 0);
	return path;
}

static struct err create(struct peer *p, const char *in, const char *out, const char *err)
{
	Task__CreateTaskRequest q = TASK__CREATE_TASK_REQUEST__INIT;

	q.id = text_of("c1");
	q.bundle = p->bundle;
	q.stdin = text_of(in);
	q.stdout = text_of(out);
	q.stderr = text_of(err);
	return peer_call(p, "Create", &q.base, NULL);
}

static struct err close_io(struct peer *p)
{
	Task__CloseIORequest q = TASK__CLOSE_IOREQUEST__INIT;

	q.id = text_of("c1");
	q.stdin = true;
	return peer_call(p, "CloseIO", &q.base, NULL);
}

/* Reads until so many bytes or the end came. */
static void read_until(struct peer *p, int fd, struct buf *out, size_t n)
{
	uint64_t end = clock_monotonic_ms() + FEW_MS;
	uint8_t chunk[4096];

	while (out->n < n && clock_monotonic_ms() < end) {
		ssize_t got = read(fd, chunk, sizeof(chunk));

		if (got == 0)
			return;
		if (got > 0)
			buf_put(out, bytes_of(chunk, (size_t)got));
		assert_ok(loop_once(p->loop, got > 0 ? 0 : 5));
	}
}

static void test_fifo(void **state)
{
	AUTO(peer_done) struct peer p;
	AUTO(auto_free) char *path = make_fifo("out");
	AUTO(buf_done) struct buf got = BUF_INIT(4096);
	AUTO(auto_close) int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	unsigned status = 0;

	(void)state;
	peer_open(&p);
	assert_ok(create(&p, "", path, ""));
	assert_ok(peer_start(&p, "c1", NULL));
	fake_output("c1", "", "hello");
	read_until(&p, fd, &got, 5);
	assert_string_equal(buf_cstr(&got), "hello");
	/* The engine is restarted: what is written meanwhile waits for it. */
	(void)close(TAKE_FD(fd));
	fake_output("c1", "", " world");
	peer_run(&p);
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	buf_clear(&got);
	read_until(&p, fd, &got, 6);
	assert_string_equal(buf_cstr(&got), " world");
	fake_exit("c1", "", 0);
	assert_ok(peer_wait(&p, "c1", NULL, &status));
	/* The end is seen as soon as there is no more. */
	read_until(&p, fd, &got, 7);
	assert_int_equal(got.n, 6);
	assert_int_equal(read(fd, (char[1]){ 0 }, 1), 0);
}

/* A reader that does not read holds nothing up but the output; nothing is lost. */
static void test_slow_reader(void **state)
{
	AUTO(peer_done) struct peer p;
	AUTO(auto_free) char *path = make_fifo("out");
	AUTO(auto_free) char *big = calloc(1, BIG + 1);
	AUTO(buf_done) struct buf got = BUF_INIT(2 * BIG);
	AUTO(auto_close) int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	unsigned status = 0;

	(void)state;
	for (size_t i = 0; i < BIG; i++)
		big[i] = (char)('a' + i % 23);
	peer_open(&p);
	assert_ok(create(&p, "", path, ""));
	assert_ok(peer_start(&p, "c1", NULL));
	fake_output("c1", "", big);
	fake_exit("c1", "", 5);
	peer_run(&p);
	assert_int_equal(peer_state(&p, "c1", NULL), CONTAINERD__STATUS__RUNNING);
	/* Nobody reads: after two seconds the exit is told all the same. */
	assert_ok(peer_wait(&p, "c1", NULL, &status));
	assert_int_equal(status, 5);
	read_until(&p, fd, &got, BIG);
	assert_int_equal(got.n, BIG);
	assert_true(memcmp(got.p, big, BIG) == 0);
}

static void test_stdin(void **state)
{
	AUTO(peer_done) struct peer p;
	AUTO(auto_free) char *in = make_fifo("in");
	AUTO(auto_free) char *out = make_fifo("out");
	AUTO(buf_done) struct buf got = BUF_INIT(4096);
	AUTO(auto_close) int reader = open(out, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	AUTO(auto_close) int writer = -1;

	(void)state;
	peer_open(&p);
	fake.echo = true;
	assert_ok(create(&p, in, out, ""));
	assert_ok(peer_start(&p, "c1", NULL));
	writer = open(in, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	assert_int_equal(write(writer, "one", 3), 3);
	read_until(&p, reader, &got, 3);
	/* A writer that leaves is no end, another one may come. */
	(void)close(TAKE_FD(writer));
	peer_run(&p);
	assert_null(strstr(buf_cstr(&fake.seen), "close-stdin"));
	writer = open(in, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	assert_int_equal(write(writer, "two", 3), 3);
	/* What is there is sent first, although the writer stays. */
	assert_ok(close_io(&p));
	assert_non_null(strstr(buf_cstr(&fake.seen), "close-stdin(c1)"));
	read_until(&p, reader, &got, 6);
	assert_string_equal(buf_cstr(&got), "onetwo");
	assert_ok(close_io(&p));
}

static void test_no_stdin_is_its_end(void **state)
{
	AUTO(peer_done) struct peer p;

	(void)state;
	peer_open(&p);
	assert_ok(create(&p, "", "", ""));
	assert_ok(peer_start(&p, "c1", NULL));
	peer_run(&p);
	assert_non_null(strstr(buf_cstr(&fake.seen), "close-stdin(c1)"));
	assert_ok(close_io(&p));
}

static void test_log_file(void **state)
{
	AUTO(peer_done) struct peer p;
	AUTO(auto_free) char *uri = NULL;
	AUTO(buf_done) struct buf got = BUF_INIT(4096);
	unsigned status = 0;

	(void)state;
	peer_open(&p);
	assert_ok(str_format(&uri, "file://%s/new/dir/c1.log", test_dir()));
	assert_ok(create(&p, "", uri, uri));
	assert_ok(peer_start(&p, "c1", NULL));
	fake_output("c1", "", "logged\n");
	fake_exit("c1", "", 0);
	assert_ok(peer_wait(&p, "c1", NULL, &status));
	assert_ok(file_read(uri + strlen("file://"), &got));
	assert_string_equal(buf_cstr(&got), "logged\n");
}

static char *write_logger(const char *script)
{
	AUTO(auto_free) char *path = NULL;
	static unsigned n;

	assert_ok(str_format(&path, "%s/logger-%u", test_dir(), n++));
	assert_ok(file_write_atomic(path, bytes_str(script), 0700));
	return TAKE(path);
}

static void test_logger(void **state)
{
	AUTO(peer_done) struct peer p;
	AUTO(auto_free) char *logger = write_logger(
		"#!/bin/sh\nexec >\"$2\"\necho \"$CONTAINER_ID $CONTAINER_NAMESPACE $1\"\n"
		"printf r >&5\nexec 5>&-\ncat <&3\n");
	AUTO(auto_free) char *uri = NULL;
	AUTO(auto_free) char *log = NULL;
	AUTO(buf_done) struct buf got = BUF_INIT(4096);
	unsigned status = 0;

	(void)state;
	peer_open(&p);
	assert_ok(str_format(&log, "%s/logged", test_dir()));
	assert_ok(str_format(&uri, "binary-v2://%s?to=%s", logger, log));
	assert_ok(create(&p, "", uri, uri));
	assert_ok(peer_start(&p, "c1", NULL));
	fake_output("c1", "", "through the logger\n");
	fake_exit("c1", "", 0);
	assert_ok(peer_wait(&p, "c1", NULL, &status));
	for (unsigned i = 0; i < 200 && got.n < 40; i++) {
		assert_ok(loop_once(p.loop, 10));
		buf_clear(&got);
		err_ignore(file_read(log, &got));
	}
	assert_string_equal(buf_cstr(&got), "c1 ns to\nthrough the logger\n");
}

static void test_refusals(void **state)
{
	static const struct {
		const char *uri;
		enum err_code error;
		const char *text;
	} cases[] = {
		{ "/nonexistent/fifo", ERR_NOT_FOUND, "stdout: /nonexistent/fifo" },
		{ "streaming://x", ERR_UNSUPPORTED, "use a FIFO" },
		{ "binary:///nonexistent/logger", ERR_NOT_FOUND, "logger" },
		{ "binary-v2:///bin/true", ERR_PEER, "logger" },
		{ "relative", ERR_FORMAT, "absolute" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(peer_done) struct peer p;

		peer_open(&p);
		assert_err(create(&p, "", cases[i].uri, ""), cases[i].error);
		assert_err_text(cases[i].text);
		/* No machine was started for it. */
		assert_null(fake.sandbox);
		assert_int_equal(p.shim->n_containers, 0);
	}
}

static void test_terminal(void **state)
{
	AUTO(peer_done) struct peer p;
	AUTO(auto_free) char *path = make_fifo("out");
	AUTO(buf_done) struct buf got = BUF_INIT(4096);
	AUTO(auto_close) int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	Task__CreateTaskRequest q = TASK__CREATE_TASK_REQUEST__INIT;
	unsigned status = 0;

	(void)state;
	peer_open(&p);
	q.id = text_of("c1");
	q.bundle = p.bundle;
	q.stdout = path;
	q.terminal = true;
	assert_ok(peer_call(&p, "Create", &q.base, NULL));
	assert_ok(peer_start(&p, "c1", NULL));
	fake_output("c1", "", "tty");
	read_until(&p, fd, &got, 3);
	fake_exit("c1", "", 0);
	assert_ok(peer_wait(&p, "c1", NULL, &status));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fifo),
		cmocka_unit_test(test_slow_reader),
		cmocka_unit_test(test_stdin),
		cmocka_unit_test(test_no_stdin_is_its_end),
		cmocka_unit_test(test_log_file),
		cmocka_unit_test(test_logger),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_terminal),
	};

	log_init("test", LOG_ERROR, LOG_TEXT, open("/dev/null", O_WRONLY | O_CLOEXEC));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
