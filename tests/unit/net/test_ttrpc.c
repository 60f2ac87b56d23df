#include "peers.h"
#include "ttrpc_frame.h"
#include "util.h"

#include <ttrpc.pb-c.h>
#include <wellknown.pb-c.h>

#include <net/pb.h>
#include <sys/socket.h>

/* ---- a service that answers at once, later, in reverse order, or never ---- */

struct service {
	struct loop *loop;
	struct ttrpc_call *held[TTRPC_STREAMS_MAX + 8];
	size_t n_held;
	unsigned closed;
	int64_t granted_ms;
};

static void on_echo(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	(void)arg;
	ttrpc_answer(call, payload);
}

static void on_hold(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	struct service *s = arg;

	(void)payload;
	s->granted_ms = ttrpc_call_timeout_ms(call);
	s->held[s->n_held++] = call;
}

static void on_deny(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	(void)arg;
	(void)payload;
	struct err e = err_deny(
		ERR_DENIED, "manifest.argv", "containers.app.argv[1]", "\"world\"", "\"w\xff\"");

	err_set_denial_id("req-77");
	ttrpc_fail(call, err_add(e, "creating container"));
}

static void on_fail_as(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	(void)arg;
	(void)payload;
	ttrpc_fail_as(call, TTRPC_ALREADY_EXISTS, "container exists");
}

static void on_big(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	(void)arg;
	AUTO(buf_done) struct buf big = BUF_INIT(8 << 20);
	unsigned mib = payload.n > 0 ? payload.p[0] : 0;

	buf_zero(&big, (size_t)mib << 20);
	ttrpc_answer(call, buf_bytes(&big));
}

/* The payload as the only field of a message. */
static void on_field(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	(void)arg;
	ttrpc_answer_field(call, 2, payload);
}

static struct err check(void *arg, const struct ttrpc_method *m, struct bytes payload)
{
	(void)arg;
	(void)m;
	if (payload.n == 6 && strncmp((const char *)payload.p, "refuse", 6) == 0)
		return err_new(ERR_UNSUPPORTED, "refused by check");
	return OK;
}

static void on_server_closed(void *arg)
{
	struct service *s = arg;

	s->closed++;
}

static const struct ttrpc_method methods[] = {
	{ "test.Echo", "Echo", on_echo },
	{ "test.Echo", "Hold", on_hold },
	{ "test.Echo", "Deny", on_deny },
	{ "test.Echo", "FailAs", on_fail_as },
	{ "test.Echo", "Big", on_big },
	{ "test.Echo", "Field", on_field },
};

static struct ttrpc_server *new_server(struct loop *l, struct service *s)
{
	struct ttrpc_server *server = NULL;

	s->loop = l;
	assert_ok(ttrpc_server_new(l,
		&(struct ttrpc_server_config){ .methods = methods,
			.n_methods = ARRAY_LEN(methods),
			.arg = s,
			.check = check,
			.closed = on_server_closed },
		&server));
	return server;
}

/* ---- loop, server and client on a socket pair ---- */

struct fixture {
	struct loop *loop;
	struct service service;
	struct ttrpc_server *server;
	struct ttrpc_client *client;
};

static void set_up(struct fixture *f)
{
	int fds[2];

	*f = (struct fixture){ 0 };
	assert_ok(loop_new(&f->loop));
	f->server = new_server(f->loop, &f->service);
	socket_pair(fds);
	assert_ok(ttrpc_server_add(f->server, fds[0], false));
	assert_ok(ttrpc_client_new(f->loop, fds[1], &f->client));
}

static void tear_down(struct fixture *f)
{
	ttrpc_client_free(f->client);
	ttrpc_server_free(f->server);
	for (size_t i = 0; i < f->service.n_held; i++)
		ttrpc_answer(f->service.held[i], BYTES_NONE);
	loop_free(f->loop);
}

static RESULT call(struct fixture *f, const char *method, struct bytes payload, struct buf *out)
{
	return ttrpc_call_sync(f->client,
		&(struct ttrpc_request){
			.service = "test.Echo", .method = method, .payload = payload },
		out);
}

static void test_echo(void **state)
{
	(void)state;
	AUTO(tear_down) struct fixture f;
	AUTO(buf_done) struct buf out = BUF_INIT(TTRPC_MESSAGE_MAX);

	set_up(&f);
	assert_ok(call(&f, "Echo", bytes_str("hello"), &out));
	assert_bytes_equal(buf_bytes(&out), bytes_str("hello"));
	buf_clear(&out);
	assert_ok(call(&f, "Echo", BYTES_NONE, &out));
	assert_int_equal(out.n, 0);
}

static void test_errors(void **state)
{
	(void)state;
	AUTO(tear_down) struct fixture f;
	AUTO(buf_done) struct buf out = BUF_INIT(64);

	set_up(&f);
	assert_err(call(&f, "Nope", BYTES_NONE, &out), ERR_NOT_FOUND);
	assert_string_equal(err_text(), "/test.Echo/Nope is not supported");
	assert_err(call(&f, "FailAs", BYTES_NONE, &out), ERR_STATE);
	assert_string_equal(err_text(), "container exists");
	assert_null(err_denial());
	assert_err(call(&f, "Echo", bytes_str("refuse"), &out), ERR_UNSUPPORTED);
	assert_string_equal(err_text(), "refused by check");
	assert_int_equal(out.n, 0);
	/* The connection goes on after each of them. */
	assert_ok(call(&f, "Echo", bytes_str("x"), &out));
}

static void test_denial_round_trip(void **state)
{
	(void)state;
	AUTO(tear_down) struct fixture f;
	AUTO(buf_done) struct buf out = BUF_INIT(64);

	set_up(&f);
	assert_err(call(&f, "Deny", BYTES_NONE, &out), ERR_DENIED);
	assert_non_null(err_denial());
	assert_string_equal(err_denial()->code, "manifest.argv");
	assert_string_equal(err_denial()->field, "containers.app.argv[1]");
	assert_string_equal(err_denial()->expected, "\"world\"");
	assert_string_equal(err_denial()->actual, "\"w\xef\xbf\xbd\"");
	assert_string_equal(err_denial()->id, "req-77");
	/* The byte that is not UTF-8 cannot travel. */
	assert_string_equal(err_text(),
		"creating container: manifest.argv: containers.app.argv[1]: "
		"expected \"world\", got \"w?\" [req-77]");
}

static void test_codes(void **state)
{
	(void)state;
	/* There and back: the codes that callers act on survive. */
	static const enum err_code same[] = { ERR_OK, ERR_FORMAT, ERR_LIMIT, ERR_UNVERIFIED,
		ERR_DENIED, ERR_NOT_FOUND, ERR_UNSUPPORTED, ERR_PEER, ERR_TIMEOUT, ERR_STATE };

	for (size_t i = 0; i < ARRAY_LEN(same); i++)
		assert_int_equal(
			err_code_of_ttrpc(ttrpc_code_of((struct err){ same[i] })), same[i]);
	assert_int_equal(ttrpc_code_of((struct err){ ERR_SYS }), TTRPC_INTERNAL);
	assert_int_equal(err_code_of_ttrpc((enum ttrpc_code)99), ERR_PEER);
}

/* ---- many at a time ---- */

struct answers {
	unsigned order[TTRPC_STREAMS_MAX];
	unsigned n, failures;
	enum err_code code;
};

struct waiting {
	struct answers *all;
	unsigned number;
};

static void on_answer(void *arg, struct err e, struct bytes payload)
{
	struct waiting *w = arg;

	if (failed(e)) {
		w->all->failures++;
		w->all->code = e.code;
	} else {
		assert_int_equal(payload.n, 1);
		assert_int_equal(payload.p[0], w->number);
	}
	w->all->order[w->all->n++] = w->number;
}

static void start_many(struct fixture *f, struct waiting *w, struct answers *a, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		w[i] = (struct waiting){ .all = a, .number = i };
		assert_ok(ttrpc_start(f->client,
			&(struct ttrpc_request){ .service = "test.Echo", .method = "Hold" },
			on_answer, &w[i]));
	}
	for (unsigned i = 0; i < 1000 && f->service.n_held < n; i++)
		assert_ok(loop_once(f->loop, 100));
	assert_int_equal(f->service.n_held, n);
}

static void test_reverse_order(void **state)
{
	(void)state;
	enum {
		CALLS = 100
	};
	AUTO(tear_down) struct fixture f;
	struct waiting w[CALLS];
	struct answers a = { 0 };

	set_up(&f);
	start_many(&f, w, &a, CALLS);
	while (f.service.n_held > 0) {
		uint8_t number = (uint8_t)--f.service.n_held;

		ttrpc_answer(f.service.held[number], bytes_of(&number, 1));
	}
	while (a.n < CALLS)
		assert_ok(loop_once(f.loop, 1000));
	assert_int_equal(a.failures, 0);
	for (unsigned i = 0; i < CALLS; i++)
		assert_int_equal(a.order[i], CALLS - 1 - i);
}

static void test_stream_limit(void **state)
{
	(void)state;
	AUTO(tear_down) struct fixture f;
	struct waiting w[TTRPC_STREAMS_MAX];
	struct answers a = { 0 };

	set_up(&f);
	start_many(&f, w, &a, TTRPC_STREAMS_MAX);
	assert_err(ttrpc_start(f.client,
			   &(struct ttrpc_request){ .service = "test.Echo", .method = "Echo" },
			   on_answer, &w[0]),
		ERR_LIMIT);
	ttrpc_client_free(f.client);
	f.client = NULL;
	assert_int_equal(a.failures, TTRPC_STREAMS_MAX);
	assert_int_equal(a.code, ERR_PEER);
}

static void test_peer_goes(void **state)
{
	(void)state;
	AUTO(tear_down) struct fixture f;
	struct waiting w[3];
	struct answers a = { 0 };

	set_up(&f);
	start_many(&f, w, &a, 3);
	ttrpc_server_free(f.server);
	f.server = NULL;
	while (a.n < 3)
		assert_ok(loop_once(f.loop, 1000));
	assert_int_equal(a.failures, 3);
	assert_int_equal(a.code, ERR_PEER);
	assert_err(ttrpc_start(f.client,
			   &(struct ttrpc_request){ .service = "test.Echo", .method = "Echo" },
			   on_answer, &w[0]),
		ERR_PEER);
}

static void test_client_goes(void **state)
{
	(void)state;
	AUTO(tear_down) struct fixture f;
	struct waiting w[3];
	struct answers a = { 0 };

	set_up(&f);
	start_many(&f, w, &a, 3);
	ttrpc_client_free(f.client);
	f.client = NULL;
	for (unsigned i = 0; i < 10 && f.service.closed == 0; i++)
		assert_ok(loop_once(f.loop, 1000));
	assert_int_equal(f.service.closed, 1);
	assert_int_equal(ttrpc_call_timeout_ms(f.service.held[0]), 0);
	/* tear_down() answers the three calls, to nobody. */
}

static void test_client_timeout(void **state)
{
	(void)state;
	AUTO(tear_down) struct fixture f;
	AUTO(buf_done) struct buf out = BUF_INIT(64);

	set_up(&f);
	assert_err(ttrpc_call_sync(f.client,
			   &(struct ttrpc_request){
				   .service = "test.Echo", .method = "Hold", .timeout_ms = 60 },
			   &out),
		ERR_TIMEOUT);
	assert_in_range(f.service.granted_ms, 1, 61);
	/* Whoever holds the call sees that its time is over; the late answer disturbs nobody. */
	while (ttrpc_call_timeout_ms(f.service.held[0]) > 0)
		assert_ok(loop_once(f.loop, 100));
	ttrpc_answer(f.service.held[0], bytes_str("late"));
	f.service.n_held = 0;
	assert_ok(call(&f, "Echo", bytes_str("y"), &out));
	assert_bytes_equal(buf_bytes(&out), bytes_str("y"));
}

static void test_large(void **state)
{
	(void)state;
	AUTO(tear_down) struct fixture f;
	AUTO(buf_done) struct buf in = BUF_INIT(TTRPC_MESSAGE_MAX);
	AUTO(buf_done) struct buf out = BUF_INIT(TTRPC_MESSAGE_MAX);

	set_up(&f);
	for (uint32_t i = 0; i < 1000 * 1000; i++)
		buf_be32(&in, i * 2654435761u);
	assert_ok(call(&f, "Echo", buf_bytes(&in), &out));
	assert_bytes_equal(buf_bytes(&out), buf_bytes(&in));
	/* An answer that does not fit is refused by the side that made it. */
	buf_clear(&out);
	assert_err(call(&f, "Big", bytes_str("\x04"), &out), ERR_LIMIT);
	buf_zero(&in, TTRPC_MESSAGE_MAX - in.n);
	assert_err(call(&f, "Echo", buf_bytes(&in), &out), ERR_LIMIT);
	assert_ok(call(&f, "Big", bytes_str("\x03"), &out));
	assert_int_equal(out.n, 3 << 20);
}

/* Byte for byte what packing the message gives, whether or not it was copied on its way. */
static void test_field(void **state)
{
	(void)state;
	static const size_t sizes[] = { 0, 1, 113, 114, 127, 128, 16 * 1024 - 1, 16 * 1024, 65536,
		300 * 1000, 2 << 20 };
	AUTO(tear_down) struct fixture f;
	AUTO(buf_done) struct buf in = BUF_INIT(TTRPC_MESSAGE_MAX);

	set_up(&f);
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		AUTO(buf_done) struct buf out = BUF_INIT(TTRPC_MESSAGE_MAX);
		AUTO(buf_done) struct buf want = BUF_INIT(TTRPC_MESSAGE_MAX);
		Pb__Any msg = PB__ANY__INIT;

		while (in.n < sizes[i])
			buf_u8(&in, (uint8_t)(in.n * 31 + in.n / 256));
		msg.value.data = in.p;
		msg.value.len = in.n;
		assert_ok(pb_pack(&msg.base, &want));
		assert_ok(call(&f, "Field", buf_bytes(&in), &out));
		assert_bytes_equal(buf_bytes(&out), buf_bytes(&want));
	}
}

static void count_answer(void *arg, struct err e, struct bytes payload)
{
	size_t *bytes = arg;

	assert_ok(e);
	*bytes += payload.n;
}

/* Both queues are full at once: neither side may wait for the other to read first. */
static void test_large_both_ways(void **state)
{
	(void)state;
	enum {
		CALLS = 7,
		SIZE = 3 << 20
	};
	AUTO(tear_down) struct fixture f;
	AUTO(buf_done) struct buf in = BUF_INIT(SIZE);
	size_t bytes = 0;

	set_up(&f);
	buf_zero(&in, SIZE);
	for (unsigned i = 0; i < CALLS; i++)
		assert_ok(ttrpc_start(f.client,
			&(struct ttrpc_request){ .service = "test.Echo",
				.method = "Echo",
				.payload = buf_bytes(&in) },
			count_answer, &bytes));
	for (unsigned i = 0; i < 5000 && bytes < (size_t)CALLS * SIZE; i++)
		assert_ok(loop_once(f.loop, 10));
	assert_int_equal(bytes, (size_t)CALLS * SIZE);
}

/* ---- a client that speaks raw frames ---- */

static void put_request(struct buf *out, uint32_t stream, const char *method)
{
	AUTO(buf_done) struct buf body = BUF_INIT(256);

	pack_request("test.Echo", method, &body);
	put_frame(out, stream, TTRPC_TYPE_REQUEST, buf_bytes(&body));
}

static void test_bad_frames(void **state)
{
	(void)state;
	static const struct {
		const char *hex;
		uint32_t stream;
		int code;
		const char *text;
	} cases[] = {
		{ "00000000"
		  "00000002"
		  "0100",
			2, TTRPC_INVALID_ARGUMENT, "stream id is even" },
		{ "00000000"
		  "00000001"
		  "0300",
			1, TTRPC_INVALID_ARGUMENT, "not a request" },
		{ "00000000"
		  "00000001"
		  "7f00",
			1, TTRPC_INVALID_ARGUMENT, "not a request" },
		{ "00000002"
		  "00000001"
		  "0100"
		  "0a05",
			1, TTRPC_INVALID_ARGUMENT, "Request.service: truncated" },
		{ "00000000"
		  "00000001"
		  "0100",
			1, TTRPC_NOT_FOUND, "// is not supported" },
		{ "0000000b"
		  "ffffffff"
		  "0100"
		  "0a09746573742e4563686f",
			0xffffffff, TTRPC_NOT_FOUND, "/test.Echo/ is not supported" },
	};
	AUTO(tear_down) struct fixture f;

	set_up(&f);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int fd = raw_peer(f.server);

		write_all(fd, test_hex(cases[i].hex));
		expect_status(f.loop, fd, cases[i].stream, cases[i].code, cases[i].text);
		(void)close(fd);
	}
}

static void test_oversize_frame(void **state)
{
	(void)state;
	AUTO(tear_down) struct fixture f;
	AUTO(buf_done) struct buf junk = BUF_INIT(TTRPC_MESSAGE_MAX + 1);
	AUTO(buf_done) struct buf after = BUF_INIT(256);
	int fd;

	set_up(&f);
	fd = raw_peer(f.server);
	write_all(fd, test_hex("00400001"
			       "00000009"
			       "0100"));
	expect_status(f.loop, fd, 9, TTRPC_INVALID_ARGUMENT, "message of more than 4194304 bytes");
	/* What the frame announced is passed over; the next frame is understood. */
	buf_zero(&junk, TTRPC_MESSAGE_MAX + 1);
	write_pumping(f.loop, fd, buf_bytes(&junk));
	put_request(&after, 11, "FailAs");
	write_all(fd, buf_bytes(&after));
	expect_status(f.loop, fd, 11, TTRPC_ALREADY_EXISTS, "container exists");
	(void)close(fd);
}

static void test_stream_in_use(void **state)
{
	(void)state;
	AUTO(tear_down) struct fixture f;
	AUTO(buf_done) struct buf out = BUF_INIT(256);
	int fd;

	set_up(&f);
	fd = raw_peer(f.server);
	put_request(&out, 1, "Hold");
	put_request(&out, 1, "Hold");
	write_all(fd, buf_bytes(&out));
	expect_status(f.loop, fd, 1, TTRPC_INVALID_ARGUMENT, "stream id is in use");
	(void)close(fd);
}

static void test_byte_by_byte(void **state)
{
	(void)state;
	AUTO(tear_down) struct fixture f;
	AUTO(buf_done) struct buf out = BUF_INIT(256);
	int fd;

	set_up(&f);
	fd = raw_peer(f.server);
	put_request(&out, 3, "FailAs");
	for (size_t i = 0; i < out.n; i++) {
		write_all(fd, bytes_of(out.p + i, 1));
		assert_ok(loop_once(f.loop, 10));
	}
	expect_status(f.loop, fd, 3, TTRPC_ALREADY_EXISTS, "container exists");
	(void)close(fd);
}

static void test_truncated_frame_then_gone(void **state)
{
	(void)state;
	AUTO(tear_down) struct fixture f;
	AUTO(buf_done) struct buf out = BUF_INIT(256);

	set_up(&f);
	put_request(&out, 1, "Hold");
	for (size_t n = 0; n < out.n; n++) {
		int fd = raw_peer(f.server);
		unsigned before = f.service.closed;

		write_all(fd, bytes_of(out.p, n));
		(void)close(fd);
		for (unsigned i = 0; i < 10 && f.service.closed == before; i++)
			assert_ok(loop_once(f.loop, 100));
		assert_int_equal(f.service.closed, before + 1);
	}
	assert_int_equal(f.service.n_held, 0);
}

/* A peer that asks and does not read must not make the server collect answers. */
static void test_peer_that_does_not_read(void **state)
{
	(void)state;
	AUTO(tear_down) struct fixture f;
	AUTO(buf_done) struct buf one = BUF_INIT(64 * 1024);
	AUTO(buf_done) struct buf body = BUF_INIT(64 * 1024);
	size_t sent = 0, stuck = 0;
	uint32_t stream = 1;
	int fd;

	set_up(&f);
	fd = raw_peer(f.server);
	for (; sent < ((size_t)64 << 20) && stuck < 50; stream += 2) {
		buf_clear(&one);
		buf_clear(&body);
		pack_echo(32 * 1024, &body);
		put_frame(&one, stream, TTRPC_TYPE_REQUEST, buf_bytes(&body));
		stuck = 0;
		for (size_t at = 0; at < one.n && stuck < 50;) {
			ssize_t n = send(fd, one.p + at, one.n - at, MSG_DONTWAIT);

			stuck = n > 0 ? 0 : stuck + 1;
			at += n > 0 ? (size_t)n : 0;
			assert_ok(loop_once(f.loop, 1));
		}
		sent += one.n;
	}
	assert_int_equal(stuck, 50);
	assert_true(sent < (size_t)8 << 20);
	/* Once it reads, everything it asked for arrives. */
	assert_int_equal(drain_frames(f.loop, fd), (stream - 1) / 2 - 1);
	(void)close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_echo),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_denial_round_trip),
		cmocka_unit_test(test_codes),
		cmocka_unit_test(test_reverse_order),
		cmocka_unit_test(test_stream_limit),
		cmocka_unit_test(test_peer_goes),
		cmocka_unit_test(test_client_goes),
		cmocka_unit_test(test_client_timeout),
		cmocka_unit_test(test_large),
		cmocka_unit_test(test_field),
		cmocka_unit_test(test_large_both_ways),
		cmocka_unit_test(test_bad_frames),
		cmocka_unit_test(test_oversize_frame),
		cmocka_unit_test(test_stream_in_use),
		cmocka_unit_test(test_byte_by_byte),
		cmocka_unit_test(test_truncated_frame_then_gone),
		cmocka_unit_test(test_peer_that_does_not_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
