/* The ways a connection can take: listening sockets, proxies, virtio-serial ports. */
#include "peers.h"
#include "ttrpc_frame.h"
#include "ttrpc_stream.h"
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <stdio.h>
#include <termios.h>
#include <time.h>

#include <net/transport.h>
#include <sys/resource.h>
#include <sys/socket.h>

struct service {
	struct ttrpc_call *held[16];
	size_t n_held;
	unsigned closed;
	uint8_t tag; /* put in front of every echo */
};

static void on_echo(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	struct service *s = arg;
	AUTO(buf_done) struct buf out = BUF_INIT(TTRPC_MESSAGE_MAX);

	buf_u8(&out, s->tag);
	buf_put(&out, payload);
	ttrpc_answer(call, buf_bytes(&out));
}

static void on_hold(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	struct service *s = arg;

	(void)payload;
	assert_true(s->n_held < ARRAY_LEN(s->held));
	s->held[s->n_held++] = call;
}

static void on_deny(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	(void)arg;
	(void)payload;
	struct err e = err_deny(ERR_UNVERIFIED, "vtpm.cmdline", "cmdline", "a", "b");

	err_set_denial_id("r1");
	ttrpc_fail(call, e);
}

static void on_closed(void *arg)
{
	struct service *s = arg;

	s->closed++;
}

static const struct ttrpc_method methods[] = {
	{ "test.Echo", "Echo", on_echo },
	{ "test.Echo", "Hold", on_hold },
	{ "test.Echo", "Deny", on_deny },
};

struct fixture {
	struct loop *loop;
	struct service service;
	struct ttrpc_server *server;
};

static void set_up(struct fixture *f)
{
	*f = (struct fixture){ .service.tag = 'T' };
	assert_ok(loop_new(&f->loop));
	assert_ok(ttrpc_server_new(f->loop,
		&(struct ttrpc_server_config){ .methods = methods,
			.n_methods = ARRAY_LEN(methods),
			.arg = &f->service,
			.unknown_method = TTRPC_UNIMPLEMENTED,
			.closed = on_closed },
		&f->server));
}

static void tear_down(struct fixture *f)
{
	ttrpc_server_free(f->server);
	for (size_t i = 0; i < f->service.n_held; i++)
		ttrpc_fail(f->service.held[i], err_new(ERR_STATE, "over"));
	loop_free(f->loop);
}

static const char *address(const char *name)
{
	static char text[256];

	(void)snprintf(text, sizeof(text), "unix://%s/%s", test_dir(), name);
	return text;
}

static struct ttrpc_client *dial(struct loop *l, const char *name)
{
	struct ttrpc_client *c = NULL;
	int fd = -1;

	assert_ok(transport_connect(address(name), 1000, &fd));
	assert_ok(ttrpc_client_new(l, fd, &c));
	return c;
}

static struct ttrpc_request request(const char *method, const char *payload)
{
	return (struct ttrpc_request){
		.service = "test.Echo", .method = method, .payload = bytes_str(payload)
	};
}

static void expect_echo(struct ttrpc_client *c, const char *text, const char *want)
{
	AUTO(buf_done) struct buf out = BUF_INIT(256);
	struct ttrpc_request r = request("Echo", text);

	assert_ok(ttrpc_call_sync(c, &r, &out));
	assert_bytes_equal(buf_bytes(&out), bytes_str(want));
}

static void test_listen(void **state)
{
	(void)state;
	AUTO(tear_down) struct fixture f;
	AUTO(buf_done) struct buf out = BUF_INIT(64);
	struct ttrpc_request r = request("Nope", "");
	int fd = -1;

	set_up(&f);
	assert_ok(transport_listen(address("t.sock"), &fd));
	assert_ok(ttrpc_server_listen(f.server, fd));
	AUTO(ttrpc_client_freep) struct ttrpc_client *a = dial(f.loop, "t.sock");
	AUTO(ttrpc_client_freep) struct ttrpc_client *b = dial(f.loop, "t.sock");

	expect_echo(a, "1", "T1");
	expect_echo(b, "2", "T2");
	assert_err(ttrpc_call_sync(a, &r, &out), ERR_UNSUPPORTED);
	ttrpc_client_free(TAKE(a));
	while (f.service.closed == 0)
		assert_ok(loop_once(f.loop, 100));
	expect_echo(b, "3", "T3");
}

static void test_connection_limit(void **state)
{
	(void)state;
	enum {
		MORE = TTRPC_CONNECTIONS_MAX + 1
	};
	AUTO(tear_down) struct fixture f;
	int fds[MORE], fd = -1;
	char byte;

	set_up(&f);
	assert_ok(transport_listen(address("limit.sock"), &fd));
	assert_ok(ttrpc_server_listen(f.server, fd));
	for (size_t i = 0; i < MORE; i++) {
		assert_ok(transport_connect(address("limit.sock"), 1000, &fds[i]));
		assert_ok(loop_once(f.loop, 100));
	}
	assert_int_equal(recv(fds[MORE - 1], &byte, 1, MSG_DONTWAIT), 0);
	assert_int_equal(recv(fds[0], &byte, 1, MSG_DONTWAIT), -1);
	for (size_t i = 0; i < MORE; i++)
		(void)close(fds[i]);
}

/* Without free descriptors a listening socket stays readable: its peers are sent away. */
static void test_no_descriptors(void **state)
{
	(void)state;
	AUTO(tear_down) struct fixture f;
	struct rlimit before, none;
	int fd = -1, waiting = -1;
	char byte;

	set_up(&f);
	assert_ok(transport_listen(address("full.sock"), &fd));
	assert_ok(ttrpc_server_listen(f.server, fd));
	assert_ok(transport_connect(address("full.sock"), 1000, &waiting));
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = (rlim_t)waiting + 1; /* the lowest free one was the last */
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	struct err e = loop_once(f.loop, 1000);

	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_ok(e);
	AUTO(ttrpc_client_freep) struct ttrpc_client *c = dial(f.loop, "full.sock");

	expect_echo(c, "1", "T1");
	assert_int_equal(recv(waiting, &byte, 1, MSG_DONTWAIT), 0);
	(void)close(waiting);
}

static void test_server_keeps_deadline(void **state)
{
	(void)state;
	AUTO(tear_down) struct fixture f;
	AUTO(buf_done) struct buf out = BUF_INIT(256), body = BUF_INIT(256);
	int fd;

	set_up(&f);
	fd = raw_peer(f.server);
	for (uint32_t stream = 1; stream <= 3; stream += 2) {
		buf_clear(&body);
		pack_request("test.Echo", "Hold", &body);
		/* timeout_nano (field 4): 60 ms, then 2^63 - 1 */
		buf_put(&body,
			stream == 1 ? test_hex("2080b4cd1c") : test_hex("20ffffffffffffffff7f"));
		put_frame(&out, stream, TTRPC_TYPE_REQUEST, buf_bytes(&body));
	}
	write_all(fd, buf_bytes(&out));
	expect_status(f.loop, fd, 1, TTRPC_DEADLINE_EXCEEDED, "deadline exceeded");
	assert_int_equal(f.service.n_held, 2);
	assert_int_equal(ttrpc_call_timeout_ms(f.service.held[0]), 0);
	assert_true(ttrpc_call_timeout_ms(f.service.held[1]) > 1000000000);
	(void)close(fd);
}

/* ---- proxy ---- */

struct proxied {
	struct fixture f;
	struct ttrpc_client *upstream, *a, *b;
	struct ttrpc_proxy *proxy;
};

static void set_up_proxy(struct proxied *p)
{
	int fds[2], fd = -1;

	*p = (struct proxied){ 0 };
	set_up(&p->f);
	socket_pair(fds);
	assert_ok(ttrpc_server_add(p->f.server, fds[0], false));
	assert_ok(ttrpc_client_new(p->f.loop, fds[1], &p->upstream));
	assert_ok(transport_listen(address("proxy.sock"), &fd));
	assert_ok(ttrpc_proxy_new(p->f.loop, p->upstream, fd, &p->proxy));
	p->a = dial(p->f.loop, "proxy.sock");
	p->b = dial(p->f.loop, "proxy.sock");
}

static void tear_down_proxy(struct proxied *p)
{
	ttrpc_client_free(p->a);
	ttrpc_client_free(p->b);
	ttrpc_proxy_freep(&p->proxy);
	ttrpc_client_free(p->upstream);
	tear_down(&p->f);
}

struct reply {
	unsigned n;
	struct err e;
	uint8_t last;
	char text[128];
};

static void on_reply(void *arg, struct err e, struct bytes payload)
{
	struct reply *r = arg;

	r->n++;
	r->e = e;
	r->last = payload.n > 0 ? payload.p[payload.n - 1] : 0;
	if (failed(e))
		(void)snprintf(r->text, sizeof(r->text), "%s", err_text());
}

static void test_proxy(void **state)
{
	(void)state;
	AUTO(tear_down_proxy) struct proxied p;
	AUTO(buf_done) struct buf out = BUF_INIT(64);
	struct ttrpc_request hold = request("Hold", ""), deny = request("Deny", "");
	struct reply ra = { 0 }, rb = { 0 };

	set_up_proxy(&p);
	/* Both use stream 1 towards the proxy. */
	assert_ok(ttrpc_start(p.a, &hold, on_reply, &ra));
	while (p.f.service.n_held < 1)
		assert_ok(loop_once(p.f.loop, 100));
	assert_ok(ttrpc_start(p.b, &hold, on_reply, &rb));
	while (p.f.service.n_held < 2)
		assert_ok(loop_once(p.f.loop, 100));
	expect_echo(p.a, "x", "Tx");
	expect_echo(p.b, "y", "Ty");
	expect_echo(p.upstream, "z", "Tz");
	ttrpc_answer(p.f.service.held[1], bytes_str("b"));
	ttrpc_answer(p.f.service.held[0], bytes_str("a"));
	p.f.service.n_held = 0;
	while (ra.n == 0 || rb.n == 0)
		assert_ok(loop_once(p.f.loop, 100));
	assert_int_equal(ra.last, 'a');
	assert_int_equal(rb.last, 'b');
	/* A refusal passes unchanged. */
	assert_err(ttrpc_call_sync(p.a, &deny, &out), ERR_UNVERIFIED);
	assert_string_equal(err_denial()->code, "vtpm.cmdline");
	assert_string_equal(err_denial()->id, "r1");
}

static void test_proxy_peer_leaves(void **state)
{
	(void)state;
	AUTO(tear_down_proxy) struct proxied p;
	struct ttrpc_request hold = request("Hold", "");
	struct reply ra = { 0 };

	set_up_proxy(&p);
	assert_ok(ttrpc_start(p.a, &hold, on_reply, &ra));
	while (p.f.service.n_held < 1)
		assert_ok(loop_once(p.f.loop, 100));
	ttrpc_client_free(TAKE(p.a));
	assert_int_equal(ra.n, 1);
	for (unsigned i = 0; i < 5; i++)
		assert_ok(loop_once(p.f.loop, 10));
	ttrpc_answer(p.f.service.held[0], bytes_str("late"));
	p.f.service.n_held = 0;
	expect_echo(p.b, "1", "T1");
}

static void test_proxy_upstream_leaves(void **state)
{
	(void)state;
	AUTO(tear_down_proxy) struct proxied p;
	AUTO(buf_done) struct buf out = BUF_INIT(64);
	struct ttrpc_request hold = request("Hold", ""), echo = request("Echo", "");
	struct reply ra = { 0 };

	set_up_proxy(&p);
	assert_ok(ttrpc_start(p.a, &hold, on_reply, &ra));
	while (p.f.service.n_held < 1)
		assert_ok(loop_once(p.f.loop, 100));
	ttrpc_server_free(p.f.server);
	p.f.server = NULL;
	while (ra.n == 0)
		assert_ok(loop_once(p.f.loop, 100));
	assert_int_equal(ra.e.code, ERR_PEER);
	assert_string_equal(ra.text, "the peer closed the connection");
	assert_err(ttrpc_call_sync(p.b, &echo, &out), ERR_PEER);
}

static void test_proxy_bad_frames(void **state)
{
	(void)state;
	AUTO(tear_down_proxy) struct proxied p;
	AUTO(auto_close) int fd = -1;

	set_up_proxy(&p);
	assert_ok(transport_connect(address("proxy.sock"), 1000, &fd));
	write_all(fd, test_hex("00000000000000010300"));
	expect_status(p.f.loop, fd, 1, TTRPC_INVALID_ARGUMENT, "not a request");
	write_all(fd, test_hex("00000000000000030200")); /* an answer: nothing comes back */
	write_all(fd, test_hex("00000000000000050100"));
	expect_status(p.f.loop, fd, 5, TTRPC_UNIMPLEMENTED, "// is not supported");
	write_all(fd, test_hex("00400001000000070100"));
	expect_status(
		p.f.loop, fd, 7, TTRPC_INVALID_ARGUMENT, "message of more than 4194304 bytes");
}

/* Fills `fd` with requests until nobody takes more; the number of whole ones. */
static size_t fill(struct loop *l, int fd)
{
	AUTO(buf_done) struct buf one = BUF_INIT(64 * 1024), body = BUF_INIT(64 * 1024);
	unsigned stuck = 0;
	uint32_t n = 0;

	pack_echo(32 * 1024, &body);
	for (; n < 2000; n++) {
		buf_clear(&one);
		put_frame(&one, 2 * n + 1, TTRPC_TYPE_REQUEST, buf_bytes(&body));
		for (size_t at = 0; at < one.n;) {
			ssize_t got = send(fd, one.p + at, one.n - at, MSG_DONTWAIT);

			stuck = got > 0 ? 0 : stuck + 1;
			at += got > 0 ? (size_t)got : 0;
			assert_ok(loop_once(l, 1));
			if (stuck > 50)
				return n;
		}
	}
	return n;
}

/* An upstream that does not read must stop the proxy's clients, not fill its memory. */
static void test_proxy_congestion(void **state)
{
	(void)state;
	AUTO(loop_freep) struct loop *l = NULL;
	AUTO(ttrpc_client_freep) struct ttrpc_client *upstream = NULL;
	AUTO(ttrpc_proxy_freep) struct ttrpc_proxy *proxy = NULL;
	AUTO(auto_close) int fd = -1;
	int fds[2], listen_fd = -1;
	size_t sent;

	assert_ok(loop_new(&l));
	socket_pair(fds);
	assert_ok(ttrpc_client_new(l, fds[1], &upstream));
	assert_ok(transport_listen(address("slow.sock"), &listen_fd));
	assert_ok(ttrpc_proxy_new(l, upstream, listen_fd, &proxy));
	assert_ok(transport_connect(address("slow.sock"), 1000, &fd));
	sent = fill(l, fd);
	assert_in_range(sent, 10, 100);
	/* Once it reads, every request arrives, those included that waited in the proxy. */
	assert_in_range(drain_frames(l, fds[0]), sent, sent + 1);
	(void)close(fds[0]);
}

/* ---- virtio-serial port ----
 * The master of a pseudo-terminal behaves like one: while nobody has the slave open it is hung up
 * for ever, and when somebody opens it again it works again.
 */

struct port {
	struct fixture f;
	char slave[64];
};

static int open_slave(const struct port *p)
{
	struct termios t;
	int fd = open(p->slave, O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);

	assert_true(fd >= 0);
	assert_int_equal(tcgetattr(fd, &t), 0);
	cfmakeraw(&t);
	assert_int_equal(tcsetattr(fd, TCSANOW, &t), 0);
	return fd;
}

static void set_up_port(struct port *p)
{
	int master, slave;

	*p = (struct port){ 0 };
	set_up(&p->f);
	assert_int_equal(openpty(&master, &slave, p->slave, NULL, NULL), 0);
	(void)close(slave);
	assert_ok(ttrpc_server_add(p->f.server, master, true));
}

static void tear_down_port(struct port *p)
{
	tear_down(&p->f);
}

static void pump_ms(struct loop *l, int ms)
{
	for (int i = 0; i < ms; i += 5)
		assert_ok(loop_once(l, 5));
}

static void ask(struct port *p, int fd, uint32_t stream)
{
	AUTO(buf_done) struct buf out = BUF_INIT(256), body = BUF_INIT(256);
	uint8_t header[TTRPC_HEADER_SIZE + 64];
	ssize_t n = -1;

	pack_request("test.Echo", "Echo", &body);
	put_frame(&out, stream, TTRPC_TYPE_REQUEST, buf_bytes(&body));
	write_all(fd, buf_bytes(&out));
	for (unsigned i = 0; i < 100 && n < TTRPC_HEADER_SIZE; i++) {
		assert_ok(loop_once(p->f.loop, 10));
		n = read(fd, header, sizeof(header));
	}
	assert_true(n > TTRPC_HEADER_SIZE);
	assert_int_equal(ttrpc_header_parse(header).stream, stream);
}

static void test_port_reconnects(void **state)
{
	(void)state;
	AUTO(tear_down_port) struct port p;
	AUTO(buf_done) struct buf body = BUF_INIT(256), frame = BUF_INIT(256);
	int fd;

	set_up_port(&p);
	pump_ms(p.f.loop, 20);
	for (unsigned round = 0; round < 3; round++) {
		fd = open_slave(&p);
		pump_ms(p.f.loop, 2 * TTRPC_PORT_POLL_MS);
		ask(&p, fd, 1);
		ask(&p, fd, 3);
		/* The host leaves in the middle of a frame: the next one starts afresh. */
		buf_clear(&body);
		buf_clear(&frame);
		pack_request("test.Echo", "Hold", &body);
		put_frame(&frame, 5, TTRPC_TYPE_REQUEST, buf_bytes(&body));
		write_all(fd, buf_bytes(&frame));
		write_all(fd, bytes_of(frame.p, frame.n / 2));
		while (p.f.service.n_held < round + 1)
			pump_ms(p.f.loop, 5);
		(void)close(fd);
		while (p.f.service.closed < round + 1)
			pump_ms(p.f.loop, 5);
	}
}

static void test_port_does_not_spin(void **state)
{
	(void)state;
	AUTO(tear_down_port) struct port p;
	struct timespec before, after;
	unsigned rounds = 0;

	set_up_port(&p);
	assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &before), 0);
	do {
		assert_ok(loop_once(p.f.loop, 1000));
		rounds++;
		assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &after), 0);
	} while (after.tv_sec - before.tv_sec < 1);
	/* Only the timer, not a readable descriptor, wakes the loop. */
	assert_true(rounds <= 2 * 1000 / TTRPC_PORT_POLL_MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_listen),
		cmocka_unit_test(test_connection_limit),
		cmocka_unit_test(test_no_descriptors),
		cmocka_unit_test(test_server_keeps_deadline),
		cmocka_unit_test(test_proxy),
		cmocka_unit_test(test_proxy_bad_frames),
		cmocka_unit_test(test_proxy_congestion),
		cmocka_unit_test(test_proxy_peer_leaves),
		cmocka_unit_test(test_proxy_upstream_leaves),
		cmocka_unit_test(test_port_reconnects),
		cmocka_unit_test(test_port_does_not_spin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
