#include "events.h"

#include <fcntl.h>
#include <time.h>
#include <wellknown.pb-c.h>

#include <base/buf.h>
#include <base/clock.h>
#include <base/file.h>
#include <base/process.h>
#include <net/pb.h>
#include <net/transport.h>
#include <net/ttrpc.h>
#include <sys/queue.h>

#define LOG_MODULE "events"
#include <base/log.h>

#define EVENTS_SERVICE "containerd.services.events.ttrpc.v1.Events"

enum {
	RETRY_MS = 1000, /* times the number of attempts, at most: */
	RETRY_MAX_MS = 5000,
	PIPE_SIZE = 64 * 1024 /* what a pipe takes without a reader */
};

struct event {
	STAILQ_ENTRY(event) link;
	const char *topic, *type;
	struct buf value;
	struct timespec at;
	uint64_t since; /* monotonic ms */
	unsigned attempts;
};
STAILQ_HEAD(event_list, event);

struct events {
	struct loop *loop;
	char *ns, *ttrpc_address, *address, *publish;
	struct event_list queue;
	size_t n, bytes;
	bool sending;
	struct ttrpc_client *client;
	struct loop_source *timer; /* next attempt, or the end of a publisher's time */
	struct process publisher;
	bool stale;   /* the connection broke */
	bool closing; /* answers count no more */
};

static void send_next(struct events *e);

static void event_free(struct event *v)
{
	if (!v)
		return;
	buf_done(&v->value);
	free(v);
}

static void set_timer(struct events *e, uint64_t ms, loop_timer_fn *fn)
{
	loop_remove(e->timer);
	e->timer = NULL;
	/* Without a timer the next event tries again. */
	err_ignore(loop_add_timer(e->loop, ms, 0, fn, e, &e->timer));
}

static void take_first(struct events *e)
{
	struct event *v = STAILQ_FIRST(&e->queue);

	STAILQ_REMOVE_HEAD(&e->queue, link);
	e->n--;
	e->bytes -= v->value.n;
	event_free(v);
}

static void on_retry(void *arg)
{
	struct events *e = arg;

	loop_remove(e->timer);
	e->timer = NULL;
	send_next(e);
}

static void sent(struct events *e, struct err result)
{
	struct event *v = STAILQ_FIRST(&e->queue);
	uint64_t ms;

	e->sending = false;
	if (!failed(result)) {
		take_first(e);
		send_next(e);
		return;
	}
	v->attempts++;
	ms = (uint64_t)v->attempts * RETRY_MS;
	if (clock_monotonic_ms() - v->since > EVENTS_KEPT_MS) {
		log_failure(LOG_MODULE, "event dropped", err_add(result, "%s", v->topic));
		take_first(e);
	}
	set_timer(e, ms < RETRY_MAX_MS ? ms : RETRY_MAX_MS, on_retry);
}

/* ---- over ttrpc ---- */

static void on_reply(void *arg, struct err result, struct bytes payload)
{
	struct events *e = arg;

	(void)payload;
	if (e->closing)
		return;
	e->stale = failed(result);
	sent(e, result);
}

static RESULT pack_forward(const struct events *e, const struct event *v, struct buf *out)
{
	Containerd__ForwardRequest request = CONTAINERD__FORWARD_REQUEST__INIT;
	Containerd__Envelope envelope = CONTAINERD__ENVELOPE__INIT;
	Pb__Timestamp at = PB__TIMESTAMP__INIT;
	Pb__Any any = PB__ANY__INIT;

	at.seconds = v->at.tv_sec;
	at.nanos = (int32_t)v->at.tv_nsec;
	any.type_url = (char *)(uintptr_t)v->type; /* only read, as the topic */
	any.value.data = v->value.p;
	any.value.len = v->value.n;
	envelope.timestamp = &at;
	envelope.namespace_ = e->ns;
	envelope.topic = (char *)(uintptr_t)v->topic;
	envelope.event = &any;
	request.envelope = &envelope;
	return pb_pack(&request.base, out);
}

static RESULT connect_engine(struct events *e)
{
	int fd;

	if (e->stale)
		ttrpc_client_free(TAKE(e->client));
	e->stale = false;
	if (e->client)
		return OK;
	TRY(transport_connect(e->ttrpc_address, 0, &fd));
	return ttrpc_client_new(e->loop, fd, &e->client);
}

static RESULT forward(struct events *e, const struct event *v)
{
	AUTO(buf_done) struct buf request = BUF_INIT(TTRPC_MESSAGE_MAX);

	TRY(connect_engine(e));
	TRY(pack_forward(e, v, &request));
	struct err result = ttrpc_start(e->client,
		&(struct ttrpc_request){ .service = EVENTS_SERVICE,
			.method = "Forward",
			.payload = buf_bytes(&request),
			.timeout_ms = EVENTS_SEND_MS },
		on_reply, e);

	e->stale = failed(result);
	return result;
}

/* ---- by the engine's program ---- */

static void publisher_ended(struct events *e)
{
	loop_remove(e->timer);
	e->timer = NULL;
	auto_close(&e->publisher.pidfd);
	e->publisher = PROCESS_NONE;
}

static void on_published(void *arg, pid_t pid, int status)
{
	struct events *e = arg;

	(void)pid;
	publisher_ended(e);
	sent(e, status == 0 ? OK : err_new(ERR_PEER, "%s: exit status %d", e->publish, status));
}

static void on_late(void *arg)
{
	struct events *e = arg;

	err_ignore(process_kill(&e->publisher, SIGKILL)); /* on_published() hears of it */
}

/* The whole event is put into the pipe before anybody reads, so it must fit. */
static RESULT write_any(const struct event *v, int *ret_fd)
{
	AUTO(buf_done) struct buf packed = BUF_INIT(PIPE_SIZE);
	AUTO(auto_close) int ours = -1, theirs = -1;
	Pb__Any any = PB__ANY__INIT;
	int fds[2];

	any.type_url = (char *)(uintptr_t)v->type; /* only read */
	any.value.data = v->value.p;
	any.value.len = v->value.n;
	TRY(pb_pack(&any.base, &packed));
	if (pipe2(fds, O_CLOEXEC) != 0)
		return err_new(ERR_SYS, "pipe");
	theirs = fds[0];
	ours = fds[1];
	TRY(fd_write_all(ours, buf_bytes(&packed)));
	*ret_fd = TAKE_FD(theirs);
	return OK;
}

static RESULT run_publisher(struct events *e, const struct event *v)
{
	const char *const argv[] = { e->publish, "--address", e->address, "publish", "--topic",
		v->topic, "--namespace", e->ns, NULL };
	struct process_spec spec = PROCESS_SPEC(argv);
	AUTO(auto_close) int input = -1;
	AUTO(process_end) struct process p = PROCESS_NONE;

	TRY(write_any(v, &input));
	spec.stdin_fd = input;
	spec.stdout_fd = spec.stderr_fd = -1;
	spec.new_session = true;
	TRY(process_start(&spec, &p));
	TRY(loop_add_child(e->loop, p.pid, on_published, e));
	e->publisher = p;
	p = PROCESS_NONE;
	set_timer(e, EVENTS_SEND_MS, on_late);
	return OK;
}

/* ---- queue ---- */

static void send_next(struct events *e)
{
	struct event *v = STAILQ_FIRST(&e->queue);
	struct err result;

	if (!v || e->sending || e->timer)
		return;
	e->sending = true;
	result = e->ttrpc_address ? forward(e, v) : run_publisher(e, v);
	if (failed(result))
		sent(e, result);
}

static bool has_receiver(const struct events *e)
{
	return e->ttrpc_address || (e->address[0] && e->publish[0]);
}

static RESULT event_new(const char *topic, const char *type, const ProtobufCMessage *message,
	struct event **ret_event)
{
	struct event *v = calloc(1, sizeof(*v));
	struct err result;

	if (!v)
		return err_new(ERR_NOMEM, "event");
	v->topic = topic;
	v->type = type;
	v->value = BUF_INIT(EVENTS_BYTES_MAX);
	v->since = clock_monotonic_ms();
	(void)clock_gettime(CLOCK_REALTIME, &v->at);
	result = pb_pack(message, &v->value);
	if (failed(result)) {
		event_free(v);
		return result;
	}
	*ret_event = v;
	return OK;
}

void events_publish(
	struct events *e, const char *topic, const char *type, const ProtobufCMessage *message)
{
	struct event *v = NULL;
	struct err result;

	log_debug("event", "topic=%s", topic);
	if (!has_receiver(e))
		return;
	result = event_new(topic, type, message, &v);
	if (!failed(result) && (e->n == EVENTS_MAX || e->bytes + v->value.n > EVENTS_BYTES_MAX))
		result = err_new(ERR_LIMIT, "the engine takes no events: %zu wait", e->n);
	if (failed(result)) {
		log_failure(LOG_MODULE, "event dropped", err_add(result, "%s", topic));
		event_free(v);
		return;
	}
	STAILQ_INSERT_TAIL(&e->queue, v, link);
	e->n++;
	e->bytes += v->value.n;
	send_next(e);
}

bool events_idle(const struct events *e)
{
	return STAILQ_EMPTY(&e->queue);
}

/* ---- life ---- */

static RESULT set_ttrpc_address(struct events *e, const char *address)
{
	if (!address)
		return OK;
	if (address[0] == '/')
		return str_format(&e->ttrpc_address, "unix://%s", address);
	return str_dup(address, &e->ttrpc_address);
}

RESULT events_new(const struct events_config *c, struct events **ret_events)
{
	AUTO(events_freep) struct events *e = calloc(1, sizeof(*e));

	if (!e)
		return err_new(ERR_NOMEM, "events");
	e->loop = c->loop;
	e->publisher = PROCESS_NONE;
	STAILQ_INIT(&e->queue);
	TRY(set_ttrpc_address(e, c->ttrpc_address));
	TRY(str_dup(c->ns, &e->ns));
	TRY(str_dup(c->address, &e->address));
	TRY(str_dup(c->publish, &e->publish));
	*ret_events = TAKE(e);
	return OK;
}

void events_freep(struct events **events)
{
	struct events *e = *events;

	*events = NULL;
	if (!e)
		return;
	e->closing = true;
	loop_remove(e->timer);
	ttrpc_client_free(e->client);
	process_end(&e->publisher);
	while (!STAILQ_EMPTY(&e->queue))
		take_first(e);
	free(e->ns);
	free(e->ttrpc_address);
	free(e->address);
	free(e->publish);
	free(e);
}
