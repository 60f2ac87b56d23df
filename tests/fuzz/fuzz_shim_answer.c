/*
 * What a hostile shim answers to sealpod-oci. Records (how, length, bytes) are said to each request
 * until one of them is an answer to it; when there are none left the shim is gone.
 */
#include "metrics.h"
#include "shim.h"

#include <cgroups1.pb-c.h>
#include <stdlib.h>
#include <ttrpc.pb-c.h>
#include <unistd.h>

#include <base/reader.h>
#include <net/pb.h>
#include <sys/socket.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	HEADER = 10,
	CHUNK = 64 * 1024,
	MESSAGE_MAX = 64 * 1024,
	TYPE_RESPONSE = 2
};

struct peer {
	struct reader records;
	struct buf in;
	int fd;
};

static void say(const struct peer *p, struct bytes data)
{
	ssize_t n = send(p->fd, data.p, data.n, MSG_DONTWAIT | MSG_NOSIGNAL);

	(void)n; /* the other end may be closed */
}

static void say_frame(const struct peer *p, uint32_t length, uint32_t stream, struct bytes data)
{
	AUTO(buf_done) struct buf frame = BUF_INIT(2 * MESSAGE_MAX);

	buf_be32(&frame, length);
	buf_be32(&frame, stream);
	buf_u8(&frame, TYPE_RESPONSE);
	buf_u8(&frame, 0);
	buf_put(&frame, data);
	say(p, buf_bytes(&frame));
}

static void respond(const struct peer *p, uint32_t stream, int code, struct bytes payload)
{
	AUTO(buf_done) struct buf body = BUF_INIT(MESSAGE_MAX);
	Ttrpc__Response r = TTRPC__RESPONSE__INIT;
	Ttrpc__Status status = TTRPC__STATUS__INIT;
	char message[] = "no";

	status.code = code;
	status.message = message;
	r.status = code ? &status : NULL;
	r.payload.data = (uint8_t *)(uintptr_t)payload.p;
	r.payload.len = payload.n;
	if (failed(pb_pack(&r.base, &body)))
		abort();
	say_frame(p, (uint32_t)body.n, stream, buf_bytes(&body));
}

/* Statistics whose type is right. */
static void respond_stats(const struct peer *p, uint32_t stream, bool v2, struct bytes value)
{
	AUTO(buf_done) struct buf body = BUF_INIT(MESSAGE_MAX);
	char v1_type[] = "io.containerd.cgroups.v1.Metrics";
	char v2_type[] = "io.containerd.cgroups.v2.Metrics";
	Task__StatsResponse r = TASK__STATS_RESPONSE__INIT;
	Pb__Any any = PB__ANY__INIT;

	any.type_url = v2 ? v2_type : v1_type;
	any.value.data = (uint8_t *)(uintptr_t)value.p;
	any.value.len = value.n;
	r.stats = &any;
	if (failed(pb_pack(&r.base, &body)))
		abort();
	respond(p, stream, 0, buf_bytes(&body));
}

/* True when it was an answer to that request. */
static bool play_record(struct peer *p, uint32_t stream)
{
	uint8_t how = rd_u8(&p->records) % 8, n = rd_u8(&p->records);
	struct bytes b = rd_take(&p->records, n < p->records.left ? n : p->records.left);
	struct reader r = rd_of(b);

	switch (how) {
	case 0:
		respond(p, stream, 0, b);
		return true;
	case 1:
		respond(p, stream, b.n > 0 && b.p[0] ? b.p[0] : 2, BYTES_NONE);
		return true;
	case 2:
	case 3:
		respond_stats(p, stream, how == 3, b);
		return true;
	case 4:
		respond(p, stream + 2 * rd_u8(&r), 0, rd_rest(&r));
		return false;
	case 5:
		say_frame(p, rd_be32(&r), stream, rd_rest(&r));
		break;
	case 6:
		say(p, b);
		break;
	default:
		break;
	}
	/* It may have begun something longer, so nothing that follows would be heard. */
	(void)shutdown(p->fd, SHUT_RDWR);
	return true;
}

static void on_request(struct peer *p, uint32_t stream)
{
	while (rd_more(&p->records)) {
		if (play_record(p, stream))
			return;
	}
	(void)shutdown(p->fd, SHUT_RDWR);
}

static void on_readable(void *arg, int fd, unsigned events)
{
	struct peer *p = arg;
	uint8_t *to = buf_grow(&p->in, CHUNK);
	ssize_t n = to ? read(fd, to, CHUNK) : -1;

	(void)events;
	if (!to)
		abort();
	p->in.n -= CHUNK - (n > 0 ? (size_t)n : 0);
	struct reader r = rd_of(buf_bytes(&p->in));
	uint32_t length = rd_be32(&r), stream = rd_be32(&r);
	(void)rd_be16(&r);
	(void)rd_take(&r, length);
	if (!rd_ok(&r))
		return;
	buf_consume(&p->in, HEADER + (size_t)length);
	on_request(p, stream);
}

static void ask_stats(struct shim *s)
{
	AUTO(pb_free_any) Task__StatsResponse *stats = NULL;
	AUTO(buf_done) struct buf out = BUF_INIT(MESSAGE_MAX);
	struct json_writer w = jw_of(&out);
	uint64_t kills = 0;

	if (!failed(shim_stats(s, "c", &stats)))
		err_ignore(metrics_print(stats->stats, &w, &kills));
}

static void ask(struct shim *s)
{
	const struct shim_streams io = { .in = "", .out = "", .err = "" };
	AUTO(pb_free_any) Task__PidsResponse *pids = NULL;
	Containerd__Status status;

	err_ignore(shim_create(s, "c", "/b", "/c", &io));
	err_ignore(shim_start_process(s, "c", ""));
	err_ignore(shim_status(s, "c", &status));
	ask_stats(s);
	err_ignore(shim_pids(s, "c", &pids));
	err_ignore(shim_exec(s, "c", "e", bytes_str("{}"), &io));
	err_ignore(shim_update(s, "c", bytes_str("{}")));
	err_ignore(shim_kill(s, "c", 9, true));
	err_ignore(shim_wait(s, "c", 0));
	err_ignore(shim_delete(s, "c", ""));
	ask_stats(s);
	err_ignore(shim_shutdown(s, "c"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct peer p = { .records = rd_of(bytes_of(data, size)), .in = BUF_INIT(16 * CHUNK) };
	struct shim s = { 0 };
	int fds[2];

	if (failed(loop_new(&s.loop)) ||
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) != 0 ||
		failed(ttrpc_client_new(s.loop, fds[0], &s.client)) ||
		failed(loop_add_fd(s.loop, fds[1], EPOLLIN, on_readable, &p, NULL)))
		abort();
	p.fd = fds[1];
	ask(&s);
	shim_done(&s);
	(void)close(fds[1]);
	buf_done(&p.in);
	return 0;
}
