#include "util.h"

#include <errno.h>
#include <stdio.h>

#include <arpa/inet.h>
#include <net/http_server.h>
#include <netinet/in.h>
#include <sys/socket.h>

struct service {
	struct http_exchange *held;
	unsigned requests;
};

static void describe(struct http_exchange *x)
{
	AUTO(buf_done) struct buf out = BUF_INIT(4096);
	const char *q = http_x_query(x, "q"), *empty = http_x_query(x, "empty");
	const char *cookie = http_x_cookie(x, "kbs-session-id"), *h = http_x_header(x, "X-Test");
	struct bytes body = http_x_body(x);

	buf_printf(&out, "%s %s q=%s empty=%s cookie=%s header=%s body=", http_x_method(x),
		http_x_path(x), q ? q : "-", empty ? empty : "-", cookie ? cookie : "-",
		h ? h : "-");
	buf_put(&out, body);
	http_x_add_header(x, "X-Answer", "42");
	http_x_answer(x, 200, "text/plain", buf_bytes(&out));
}

static void handle(void *arg, struct http_exchange *x)
{
	struct service *s = arg;

	s->requests++;
	if (strcmp(http_x_path(x), "/hold") == 0)
		s->held = x;
	else if (strcmp(http_x_path(x), "/peer") == 0)
		http_x_answer(x, 200, NULL, bytes_str(http_x_peer(x)));
	else
		describe(x);
}

struct fixture {
	struct loop *loop;
	struct http_server *server;
	struct service service;
};

static void set_up(struct fixture *f)
{
	*f = (struct fixture){ 0 };
	assert_ok(loop_new(&f->loop));
	assert_ok(http_server_new(f->loop,
		&(struct http_server_config){ .address = "127.0.0.1",
			.handle = handle,
			.arg = &f->service,
			.max_body = 1000,
			.timeout_s = 1 },
		&f->server));
}

static void tear_down(struct fixture *f)
{
	http_server_free(f->server);
	loop_free(f->loop);
}

static int dial(const struct fixture *f)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons(http_server_port(f->server)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

static void send_text(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* Pumps the loop until the peer's text has `part` in it; the whole text. */
static const char *expect(struct fixture *f, int fd, const char *part)
{
	static char text[65536];
	size_t n = 0;

	for (unsigned i = 0; i < 300; i++) {
		ssize_t got = recv(fd, text + n, sizeof(text) - 1 - n, MSG_DONTWAIT);

		n += got > 0 ? (size_t)got : 0;
		text[n] = '\0';
		if (strstr(text, part))
			return text;
		assert_ok(loop_once(f->loop, 10));
	}
	fail_msg("\"%s\" not in \"%s\"", part, text);
	return text;
}

static void pump(struct fixture *f, unsigned rounds)
{
	while (rounds-- > 0)
		assert_ok(loop_once(f->loop, 10));
}

static void test_request(void **state)
{
	(void)state;
	AUTO(tear_down) struct fixture f;
	const char *text;

	set_up(&f);
	AUTO(auto_close) int fd = dial(&f);

	send_text(fd, "POST /a%20b/c%2Fd?q=x%26y&empty HTTP/1.1\r\nHost: h\r\nx-test: v\r\n"
		      "Cookie: a=1; kbs-session-id=s-1; b=2\r\nContent-Length: 5\r\n\r\nhello");
	text = expect(&f, fd, "body=hello");
	assert_non_null(strstr(text, "HTTP/1.1 200"));
	assert_non_null(strstr(text, "POST /a b/c/d q=x&y empty= cookie=s-1 header=v body=hello"));
	assert_non_null(strstr(text, "X-Answer: 42\r\n"));
	assert_non_null(strstr(text, "Content-Type: text/plain\r\n"));
	/* Same connection, two requests at once. */
	send_text(fd, "GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n");
	text = expect(&f, fd, "GET /2 q=-");
	assert_non_null(strstr(text, "GET /1 q=-"));
	assert_int_equal(f.service.requests, 3);
	send_text(fd, "GET /peer HTTP/1.1\r\nHost: h\r\n\r\n");
	(void)expect(&f, fd, "127.0.0.1:");
}

static void test_body_limit(void **state)
{
	(void)state;
	static const struct {
		const char *head;
		size_t body;
	} cases[] = {
		{ "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1001\r\n\r\n", 0 },
		{ "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1001\r\n\r\n", 1001 },
		{ "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999\r\n\r\n", 0 },
	};
	AUTO(tear_down) struct fixture f;

	set_up(&f);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(auto_close) int fd = dial(&f);
		AUTO(buf_done) struct buf out = BUF_INIT(4096);

		buf_puts(&out, cases[i].head);
		buf_zero(&out, cases[i].body);
		assert_int_equal(send(fd, out.p, out.n, MSG_NOSIGNAL), out.n);
		(void)expect(&f, fd, "HTTP/1.1 413");
	}
	assert_int_equal(f.service.requests, 0);
}

static void test_chunked_body(void **state)
{
	(void)state;
	AUTO(tear_down) struct fixture f;
	char chunk[600];

	set_up(&f);
	AUTO(auto_close) int fd = dial(&f);
	static const char head[] =
		"POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";

	send_text(fd, head);
	send_text(fd, "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
	(void)expect(&f, fd, "body=abcde");
	/* Without an announced length the limit shows only on the way. */
	(void)snprintf(chunk, sizeof(chunk), "1f4\r\n%0500d\r\n", 0);
	send_text(fd, head);
	send_text(fd, chunk);
	send_text(fd, chunk);
	send_text(fd, "1\r\nx\r\n0\r\n\r\n");
	(void)expect(&f, fd, "HTTP/1.1 413");
	assert_int_equal(f.service.requests, 1);
}

static void test_endless_body(void **state)
{
	(void)state;
	AUTO(tear_down) struct fixture f;
	AUTO(buf_done) struct buf chunk = BUF_INIT(70000);
	size_t sent = 0;

	set_up(&f);
	AUTO(auto_close) int fd = dial(&f);

	send_text(fd, "POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
	buf_puts(&chunk, "10000\r\n");
	buf_zero(&chunk, 65536);
	buf_puts(&chunk, "\r\n");
	while (sent < (size_t)64 << 20) {
		ssize_t n = send(fd, chunk.p, chunk.n, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno != EAGAIN)
			break;
		/* A partial send garbles the chunks, which ends the connection as well. */
		sent += n > 0 ? (size_t)n : 0;
		assert_ok(loop_once(f.loop, 1));
	}
	assert_true(sent < (size_t)40 << 20);
	assert_int_equal(f.service.requests, 0);
}

static void test_late_answer(void **state)
{
	(void)state;
	AUTO(tear_down) struct fixture f;

	set_up(&f);
	AUTO(auto_close) int fd = dial(&f);

	send_text(fd, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
	for (unsigned i = 0; i < 100 && !f.service.held; i++)
		pump(&f, 1);
	assert_non_null(f.service.held);
	/* Others are served meanwhile. */
	AUTO(auto_close) int other = dial(&f);

	send_text(other, "GET /other HTTP/1.1\r\nHost: h\r\n\r\n");
	(void)expect(&f, other, "GET /other");
	http_x_answer(f.service.held, 404, NULL, bytes_str("late"));
	(void)expect(&f, fd, "HTTP/1.1 404");
}

static void test_peer_leaves(void **state)
{
	(void)state;
	AUTO(tear_down) struct fixture f;
	int fd;

	set_up(&f);
	fd = dial(&f);
	send_text(fd, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
	for (unsigned i = 0; i < 100 && !f.service.held; i++)
		pump(&f, 1);
	assert_non_null(f.service.held);
	(void)close(fd);
	pump(&f, 3);
	http_x_answer(f.service.held, 200, NULL, bytes_str("nobody hears"));
	pump(&f, 3);
}

static void test_server_ends_first(void **state)
{
	(void)state;
	AUTO(tear_down) struct fixture f;

	set_up(&f);
	AUTO(auto_close) int fd = dial(&f);

	send_text(fd, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
	for (unsigned i = 0; i < 100 && !f.service.held; i++)
		pump(&f, 1);
	assert_non_null(f.service.held);
	http_server_free(f.server);
	f.server = NULL;
	(void)expect(&f, fd, "HTTP/1.1 503");
	assert_null(http_x_header(f.service.held, "Host"));
	assert_string_equal(http_x_path(f.service.held), "/hold");
	http_x_answer(f.service.held, 200, NULL, BYTES_NONE);
}

static void test_nonsense(void **state)
{
	(void)state;
	static const char *const requests[] = {
		"\r\n\r\n\r\n",
		"GET\r\n\r\n",
		"GET / HTTP/1.1\r\n\r\n", /* no Host */
		"GET / HTTP/1.1\r\nHost h\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n",
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
	};
	AUTO(tear_down) struct fixture f;

	set_up(&f);
	for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
		AUTO(auto_close) int fd = dial(&f);

		send_text(fd, requests[i]);
		(void)shutdown(fd, SHUT_WR);
		pump(&f, 5);
	}
	assert_int_equal(f.service.requests, 0);
	AUTO(auto_close) int fd = dial(&f);

	send_text(fd, "GET /alive HTTP/1.1\r\nHost: h\r\n\r\n");
	(void)expect(&f, fd, "GET /alive");
}

/* An answer from outside of the handler goes out at once, without an event of the peer. */
static void test_late_answer_is_sent_at_once(void **state)
{
	char text[1024] = "";

	(void)state;
	AUTO(tear_down) struct fixture f;

	set_up(&f);
	AUTO(auto_close) int fd = dial(&f);

	send_text(fd, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
	for (unsigned i = 0; i < 100 && !f.service.held; i++)
		pump(&f, 1);
	assert_non_null(f.service.held);
	pump(&f, 10);
	http_x_answer(f.service.held, 200, NULL, bytes_str("late"));
	for (unsigned i = 0; i < 3; i++)
		assert_ok(loop_once(f.loop, 100));
	assert_true(recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT) > 0);
	assert_non_null(strstr(text, "late"));
}

/* A connection that sends nothing is closed by the timer alone. */
static void test_idle_timeout(void **state)
{
	(void)state;
	AUTO(tear_down) struct fixture f;
	char byte;
	ssize_t n = -1;

	set_up(&f);
	AUTO(auto_close) int fd = dial(&f);

	for (unsigned i = 0; i < 60 && n != 0; i++) {
		assert_ok(loop_once(f.loop, 100));
		n = recv(fd, &byte, 1, MSG_DONTWAIT);
	}
	assert_int_equal(n, 0);
}

static void test_cannot_start(void **state)
{
	(void)state;
	AUTO(tear_down) struct fixture f;
	struct http_server *s = NULL;
	struct http_server_config c = { .address = "127.0.0.1", .handle = handle };

	set_up(&f);
	c.port = http_server_port(f.server);
	assert_err(http_server_new(f.loop, &c, &s), ERR_SYS);
	assert_err_text("HTTP server on 127.0.0.1 port ");
	assert_err_text("bind: Address already in use");
	c = (struct http_server_config){ .address = "localhost", .handle = handle };
	assert_err(http_server_new(f.loop, &c, &s), ERR_FORMAT);
	assert_err_text("not an IP address");
	c = (struct http_server_config){
		.address = "127.0.0.1", .handle = handle, .cert_pem = bytes_str("nonsense")
	};
	assert_err(http_server_new(f.loop, &c, &s), ERR_USAGE);
	c.key_pem = bytes_str("nonsense");
	assert_err(http_server_new(f.loop, &c, &s), ERR_FORMAT);
	assert_err_text("certificate or key refused");
	assert_null(s);
}

static void test_ipv6(void **state)
{
	(void)state;
	AUTO(tear_down) struct fixture f;
	struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };

	set_up(&f);
	http_server_free(f.server);
	f.server = NULL;
	if (failed(http_server_new(f.loop,
		    &(struct http_server_config){
			    .address = "::1", .handle = handle, .arg = &f.service },
		    &f.server))) {
		tear_down(&f);
		f = (struct fixture){ 0 };
		skip(); /* a machine without IPv6 */
	}
	AUTO(auto_close) int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

	a.sin6_port = htons(http_server_port(f.server));
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	send_text(fd, "GET /peer HTTP/1.1\r\nHost: h\r\n\r\n");
	(void)expect(&f, fd, "[::1]:");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_request),
		cmocka_unit_test(test_body_limit),
		cmocka_unit_test(test_chunked_body),
		cmocka_unit_test(test_endless_body),
		cmocka_unit_test(test_late_answer),
		cmocka_unit_test(test_late_answer_is_sent_at_once),
		cmocka_unit_test(test_peer_leaves),
		cmocka_unit_test(test_server_ends_first),
		cmocka_unit_test(test_nonsense),
		cmocka_unit_test(test_idle_timeout),
		cmocka_unit_test(test_cannot_start),
		cmocka_unit_test(test_ipv6),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
