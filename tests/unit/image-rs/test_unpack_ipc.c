#include "failure.h"
#include "util.h"

#include <stdlib.h>
#include <unistd.h>

#include <base/ipc.h>
#include <image-rs/unpack_client.h>
#include <image-rs/unpack_ipc.h>

static void test_failure(void **state)
{
	AUTO(buf_done) struct buf b = BUF_INIT(4096);
	(void)state;

	failure_write(
		err_add(err_deny(ERR_UNVERIFIED, "image.diff-id", "diff_id", "a", "b"), "layer"),
		&b);
	err_ignore(err_new(ERR_FORMAT, "something else"));
	assert_err(failure_read(buf_bytes(&b)), ERR_UNVERIFIED);
	assert_err_text("layer: image.diff-id: diff_id: expected a, got b");
	assert_string_equal(err_denial()->code, "image.diff-id");
	assert_string_equal(err_denial()->actual, "b");
	/* Whatever is cut or bent, it stays a failure. */
	for (size_t n = 0; n < b.n; n++)
		assert_err(failure_read(bytes_of(b.p, n)), ERR_PEER);
	for (size_t i = 0; i < b.n; i++) {
		b.p[i] ^= 0xff;
		assert_true(failed(failure_read(buf_bytes(&b))));
		b.p[i] ^= 0xff;
	}
	b.p[0] = b.p[1] = 0; /* a failure that says "ok" */
	assert_err(failure_read(buf_bytes(&b)), ERR_PEER);
}

static void receive(int fd, struct unpack_request *r)
{
	for (;;) {
		AUTO(ipc_message_done) struct ipc_message m = { 0 };
		assert_ok(ipc_recv(fd, 1000, &m));
		if (m.type == UNPACK_GO)
			return;
		assert_int_equal(m.type, UNPACK_FIELD);
		assert_ok(unpack_request_add(r, buf_bytes(&m.body)));
	}
}

static void test_request(void **state)
{
	AUTO(unpack_request_done) struct unpack_request r = { 0 };
	AUTO(buf_done) struct buf policy = BUF_INIT(100000);
	struct img_pull_request view;
	int fds[2];
	(void)state;

	buf_zero(&policy, 80000); /* three parts */
	policy.p[79999] = 'x';
	struct img_pull_request sent = { .reference = "r.io/x",
		.work_dir = "/w",
		.bundle = "/b",
		.policy_json = buf_bytes(&policy),
		.max_unpacked = 1ULL << 40 };
	assert_ok(ipc_pair(fds));
	assert_ok(unpack_request_send(fds[0], &sent));
	unpack_request_init(&r);
	receive(fds[1], &r);
	assert_ok(unpack_request_view(&r, &view));
	assert_string_equal(view.reference, "r.io/x");
	assert_string_equal(view.bundle, "/b");
	assert_bytes_equal(view.policy_json, buf_bytes(&policy));
	assert_null(view.architecture);
	assert_int_equal(view.max_unpacked, 1ULL << 40);
	(void)close(fds[0]);
	(void)close(fds[1]);
}

static void test_bad_request(void **state)
{
	static const struct {
		const char *body;
		size_t n;
	} bad[] = {
		{ "", 0 },
		{ "\xff\0x", 3 },
		{ "\0", 1 },
		{ "\0\2x", 3 },
	};
	AUTO(unpack_request_done) struct unpack_request r = { 0 };
	struct img_pull_request view;
	(void)state;

	unpack_request_init(&r);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_err(unpack_request_add(&r, bytes_of(bad[i].body, bad[i].n)), ERR_PEER);
	assert_err(unpack_request_view(&r, &view), ERR_PEER);
	assert_err_text("needs a reference");
	assert_ok(unpack_request_add(&r, bytes_of("\0\0r", 3)));
	assert_ok(unpack_request_add(&r, bytes_of("\1\0relative", 10)));
	assert_ok(unpack_request_add(&r, bytes_of("\2\0/b", 4)));
	assert_err(unpack_request_view(&r, &view), ERR_PEER);
	assert_err_text("absolute");
	assert_ok(unpack_request_add(&r, bytes_of("\0\0\0x", 4)));
	assert_err(unpack_request_view(&r, &view), ERR_PEER);
	assert_err_text("holds a NUL");
	assert_ok(unpack_request_add(&r, bytes_of("\x0c\0\1", 3)));
	assert_true(failed(unpack_request_view(&r, &view)));
}

/* ---- the hub's end against programs that are not sealpod-unpack ---- */

struct ended {
	struct loop *loop;
	enum err_code code;
	char text[256];
};

static void on_done(void *arg, struct err e, const struct img_pulled *pulled)
{
	struct ended *d = arg;

	assert_true(failed(e) == !pulled);
	d->code = e.code;
	(void)snprintf(d->text, sizeof(d->text), "%s", failed(e) ? err_text() : "");
	loop_stop(d->loop, 0);
}

static void test_broken_child(void **state)
{
	struct img_pull_request pull = { .reference = "x", .work_dir = "/w", .bundle = "/b" };
	struct ended d = { .code = ERR_OK };
	struct unpack_start s = {
		.program = "/bin/true", .pull = &pull, .done = on_done, .arg = &d
	};
	struct unpack *u = NULL;
	int ignored;
	(void)state;

	assert_ok(loop_new(&d.loop));
	struct err e = unpack_start(d.loop, &s, &u);
	if (!failed(e)) { /* else it was gone before the request was written */
		assert_ok(loop_run(d.loop, &ignored));
		assert_int_equal(d.code, ERR_PEER);
		assert_non_null(strstr(d.text, "ended without a result"));
	}
	unpack_free(u);
	u = NULL;
	s.program = "/no/such/program";
	assert_err(unpack_start(d.loop, &s, &u), ERR_NOT_FOUND);
	assert_null(u);
	/* Freed while it runs: killed, and done() is not called. */
	d.code = ERR_OK;
	s.program = "/usr/bin/yes"; /* one that never ends: its output goes nowhere */
	assert_ok(unpack_start(d.loop, &s, &u));
	unpack_free(u);
	assert_ok(loop_once(d.loop, 0));
	assert_int_equal(d.code, ERR_OK);
	loop_freep(&d.loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_failure),
		cmocka_unit_test(test_request),
		cmocka_unit_test(test_bad_request),
		cmocka_unit_test(test_broken_child),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
