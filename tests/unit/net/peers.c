#include "peers.h"

#include "ttrpc_frame.h"
#include "util.h"

#include <ttrpc.pb-c.h>

#include <net/pb.h>
#include <sys/socket.h>

void socket_pair(int fds[static 2])
{
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
}

int raw_peer(struct ttrpc_server *s)
{
	int fds[2];

	socket_pair(fds);
	assert_ok(ttrpc_server_add(s, fds[0], false));
	return fds[1];
}

void write_all(int fd, struct bytes data)
{
	if (data.n > 0)
		assert_int_equal(write(fd, data.p, data.n), data.n);
}

void write_pumping(struct loop *l, int fd, struct bytes data)
{
	for (size_t at = 0; at < data.n;) {
		ssize_t n = send(fd, data.p + at, data.n - at, MSG_DONTWAIT);

		if (n > 0)
			at += (size_t)n;
		assert_ok(loop_once(l, 10));
	}
}

void put_frame(struct buf *out, uint32_t stream, uint8_t type, struct bytes payload)
{
	ttrpc_header_write(
		&(struct ttrpc_header){
			.length = (uint32_t)payload.n, .stream = stream, .type = type },
		out);
	buf_put(out, payload);
	assert_ok(buf_end(out, "frame"));
}

static void pack(const char *service, const char *method, struct bytes payload, struct buf *out)
{
	AUTO(auto_free) char *s = NULL;
	AUTO(auto_free) char *m = NULL;
	Ttrpc__Request r = TTRPC__REQUEST__INIT;

	assert_ok(str_dup(service, &s));
	assert_ok(str_dup(method, &m));
	r.service = s;
	r.method = m;
	r.payload.data = (uint8_t *)(uintptr_t)payload.p;
	r.payload.len = payload.n;
	assert_ok(pb_pack(&r.base, out));
}

void pack_request(const char *service, const char *method, struct buf *out)
{
	pack(service, method, BYTES_NONE, out);
}

void pack_echo(size_t n, struct buf *out)
{
	AUTO(buf_done) struct buf zeroes = BUF_INIT(n);

	buf_zero(&zeroes, n);
	pack("test.Echo", "Echo", buf_bytes(&zeroes), out);
}

/* False when nothing came for a while. */
static bool read_n(struct loop *l, int fd, uint8_t *to, size_t n)
{
	unsigned idle = 0;

	for (size_t at = 0; at < n && idle < 50;) {
		ssize_t got = recv(fd, to + at, n - at, MSG_DONTWAIT);

		assert_int_not_equal(got, 0);
		if (got > 0) {
			at += (size_t)got;
			idle = 0;
		} else {
			assert_ok(loop_once(l, 10));
			idle++;
		}
	}
	return idle < 50;
}

static bool try_frame(struct loop *l, int fd, struct ttrpc_header *ret, struct buf *out)
{
	uint8_t header[TTRPC_HEADER_SIZE];

	if (!read_n(l, fd, header, sizeof(header)))
		return false;
	*ret = ttrpc_header_parse(header);
	buf_clear(out);
	uint8_t *to = buf_grow(out, ret->length);

	assert_ok(buf_end(out, "frame"));
	return ret->length == 0 || read_n(l, fd, to, ret->length);
}

void read_frame(struct loop *l, int fd, uint32_t *ret_stream, struct buf *out)
{
	struct ttrpc_header h;

	assert_true(try_frame(l, fd, &h, out));
	assert_int_equal(h.type, TTRPC_TYPE_RESPONSE);
	*ret_stream = h.stream;
}

void expect_status(struct loop *l, int fd, uint32_t stream, int code, const char *text)
{
	AUTO(buf_done) struct buf body = BUF_INIT(TTRPC_MESSAGE_MAX);
	AUTO(pb_free_any) Ttrpc__Response *r = NULL;
	uint32_t got = 0;

	read_frame(l, fd, &got, &body);
	assert_int_equal(got, stream);
	assert_ok(PB_UNPACK(ttrpc__response, buf_bytes(&body), &r));
	assert_non_null(r->status);
	assert_int_equal(r->status->code, code);
	assert_string_equal(r->status->message, text);
}

size_t drain_frames(struct loop *l, int fd)
{
	AUTO(buf_done) struct buf body = BUF_INIT(TTRPC_MESSAGE_MAX);
	struct ttrpc_header h;
	size_t n = 0;

	while (try_frame(l, fd, &h, &body))
		n++;
	return n;
}
