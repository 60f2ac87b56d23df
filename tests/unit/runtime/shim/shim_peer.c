#include "shim_peer.h"

#include <events.pb-c.h>
#include <sandbox.pb-c.h>
#include <task.pb-c.h>

#include <base/clock.h>
#include <base/file.h>
#include <net/pb.h>
#include <net/transport.h>
#include <sys/socket.h>
#include <sys/wait.h>

enum {
	CHILDREN_MS = 20 * 1000,
	ROUND_MS = 20
};

#define TASK_SERVICE	"containerd.task.v2.Task"
#define SANDBOX_SERVICE "containerd.runtime.sandbox.v1.Sandbox"
#define SPEC_TYPE	"types.containerd.io/opencontainers/runtime-spec/1/Process"

static void write_exit(struct peer *p, struct bytes value)
{
	AUTO(pb_free_any) Events__TaskExit *m = NULL;

	assert_ok(PB_UNPACK(events__task_exit, value, &m));
	assert_true(m->exited_at && m->exited_at->seconds > 0);
	buf_printf(&p->seen, "exit:%s", m->container_id);
	if (!str_equal(m->container_id, m->id))
		buf_printf(&p->seen, "/%s", m->id);
	buf_printf(&p->seen, "=%u ", m->exit_status);
}

static void write_exec(struct peer *p, const char *what, struct bytes value)
{
	AUTO(pb_free_any) Events__TaskExecStarted *m = NULL;

	assert_ok(PB_UNPACK(events__task_exec_started, value, &m));
	buf_printf(&p->seen, "%s:%s/%s ", what, m->container_id, m->exec_id);
}

static void on_forward(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	struct peer *p = arg;
	AUTO(pb_free_any) Containerd__ForwardRequest *r = NULL;
	AUTO(pb_free_any) Events__TaskOOM *m = NULL;

	assert_ok(PB_UNPACK(containerd__forward_request, payload, &r));
	const char *what = r->envelope->topic + strlen("/tasks/");
	struct bytes value =
		bytes_of(r->envelope->event->value.data, r->envelope->event->value.len);

	if (str_equal(what, "exit")) {
		write_exit(p, value);
	} else if (str_starts(what, "exec-")) {
		write_exec(p, what, value);
	} else {
		assert_ok(PB_UNPACK(events__task_oom, value, &m));
		buf_printf(&p->seen, "%s:%s ", what, m->container_id);
	}
	ttrpc_answer(call, BYTES_NONE);
}

static const struct ttrpc_method engine_methods[] = {
	{ "containerd.services.events.ttrpc.v1.Events", "Forward", on_forward },
};

static void on_ended(void *arg)
{
	struct peer *p = arg;

	p->ended = true;
}

static void listen_for_events(struct peer *p, const char *address)
{
	struct ttrpc_server_config c = { .methods = engine_methods, .n_methods = 1, .arg = p };
	int fd;

	assert_ok(transport_listen(address, &fd));
	assert_ok(ttrpc_server_new(p->loop, &c, &p->engine));
	assert_ok(ttrpc_server_listen(p->engine, fd));
}

static void connect_shim(struct peer *p)
{
	struct ttrpc_server_config c = { .methods = shim_methods,
		.n_methods = shim_methods_n,
		.arg = p->shim,
		.unknown_method = TTRPC_UNIMPLEMENTED };
	int fds[2];

	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
	assert_ok(ttrpc_server_new(p->loop, &c, &p->server));
	assert_ok(ttrpc_server_add(p->server, fds[0], false));
	assert_ok(ttrpc_client_new(p->loop, fds[1], &p->client));
}

void peer_open(struct peer *p)
{
	static unsigned n;
	AUTO(auto_free) char *address = NULL;

	*p = (struct peer){ .seen = BUF_INIT(1 << 20) };
	fake_reset();
	assert_ok(loop_new(&p->loop));
	assert_ok(str_format(&address, "unix://%s/events-%u", test_dir(), n));
	assert_ok(str_format(&p->bundle, "%s/bundle-%u", test_dir(), n++));
	assert_ok(dir_make(p->bundle, 0700));
	listen_for_events(p, address);
	assert_ok(events_new(&(struct events_config){ .loop = p->loop,
				     .ns = "ns",
				     .ttrpc_address = address,
				     .address = "",
				     .publish = "" },
		&p->events));
	assert_ok(shim_new(&(struct shim_config){ .loop = p->loop,
				   .ns = "ns",
				   .id = "c1",
				   .handler = "sealpod",
				   .events = p->events,
				   .ended = on_ended,
				   .arg = p },
		&p->shim));
	connect_shim(p);
	peer_bundle(p, NULL);
}

/* Loggers are let go of when they have ended, by the loop: what is left of them is no leak. */
static void wait_for_children(struct peer *p)
{
	uint64_t end = clock_monotonic_ms() + CHILDREN_MS;
	siginfo_t info;

	while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
		clock_monotonic_ms() < end)
		assert_ok(loop_once(p->loop, ROUND_MS));
}

void peer_done(struct peer *p)
{
	ttrpc_client_free(p->client);
	shim_freep(&p->shim);
	wait_for_children(p);
	ttrpc_server_free(p->server);
	events_freep(&p->events);
	ttrpc_server_free(p->engine);
	loop_freep(&p->loop);
	buf_done(&p->seen);
	free(p->bundle);
	buf_done(&fake.seen);
}

void peer_bundle(struct peer *p, const char *role)
{
	AUTO(buf_done) struct buf out = BUF_INIT(4096);
	AUTO(auto_free) char *path = NULL;

	buf_printf(&out,
		"{\"ociVersion\":\"1.0.2\",\"linux\":{\"namespaces\":[{\"type\":"
		"\"network\"%s}]},\"annotations\":{",
		p->fills_network ? "" : ",\"path\":\"/run/netns/x\"");
	if (role)
		buf_printf(&out,
			"\"io.kubernetes.cri.container-type\":\"%s\","
			"\"io.kubernetes.cri.sandbox-id\":\"c1\"",
			role);
	buf_puts(&out, "}}");
	assert_ok(str_format(&path, "%s/config.json", p->bundle));
	assert_ok(file_write_atomic(path, buf_bytes(&out), 0600));
}

static struct err call(struct peer *p, const char *service, const char *method,
	const ProtobufCMessage *q, struct buf *out)
{
	AUTO(buf_done) struct buf payload = BUF_INIT(1 << 20);
	AUTO(buf_done) struct buf answer = BUF_INIT(1 << 20);

	TRY(pb_pack(q, &payload));
	return ttrpc_call_sync(p->client,
		&(struct ttrpc_request){ .service = service,
			.method = method,
			.payload = buf_bytes(&payload),
			.timeout_ms = 10000 },
		out ? out : &answer);
}

struct err peer_call(struct peer *p, const char *method, const ProtobufCMessage *q, struct buf *out)
{
	return call(p, TASK_SERVICE, method, q, out);
}

struct err peer_sandbox_call(
	struct peer *p, const char *method, const ProtobufCMessage *q, struct buf *out)
{
	return call(p, SANDBOX_SERVICE, method, q, out);
}

void peer_run(struct peer *p)
{
	for (unsigned i = 0; i < 40; i++)
		assert_ok(loop_once(p->loop, 2));
}

void peer_expect(struct peer *p, const char *events)
{
	uint64_t end = clock_monotonic_ms() + 5000;

	peer_run(p);
	while ((!events_idle(p->events) || p->seen.n < strlen(events)) &&
		clock_monotonic_ms() < end)
		assert_ok(loop_once(p->loop, 10));
	assert_string_equal(p->seen.n > 0 ? buf_cstr(&p->seen) : "", events);
	buf_clear(&p->seen);
}

struct err peer_create(struct peer *p, const char *id)
{
	Task__CreateTaskRequest q = TASK__CREATE_TASK_REQUEST__INIT;

	q.id = text_of(id);
	q.bundle = p->bundle;
	return peer_call(p, "Create", &q.base, NULL);
}

struct err peer_start(struct peer *p, const char *id, const char *exec)
{
	Task__StartRequest q = TASK__START_REQUEST__INIT;

	q.id = text_of(id);
	q.exec_id = text_of(exec ? exec : "");
	return peer_call(p, "Start", &q.base, NULL);
}

struct err peer_exec(struct peer *p, const char *id, const char *exec)
{
	Task__ExecProcessRequest q = TASK__EXEC_PROCESS_REQUEST__INIT;
	Pb__Any spec = PB__ANY__INIT;
	char json[] = "{\"args\":[\"ls\"],\"cwd\":\"/\"}";

	spec.type_url = text_of(SPEC_TYPE);
	spec.value.data = (uint8_t *)json;
	spec.value.len = strlen(json);
	q.id = text_of(id);
	q.exec_id = text_of(exec);
	q.spec = &spec;
	return peer_call(p, "Exec", &q.base, NULL);
}

struct err peer_kill(struct peer *p, const char *id, const char *exec, unsigned signo)
{
	Task__KillRequest q = TASK__KILL_REQUEST__INIT;

	q.id = text_of(id);
	q.exec_id = text_of(exec ? exec : "");
	q.signal = signo;
	return peer_call(p, "Kill", &q.base, NULL);
}

struct err peer_delete(struct peer *p, const char *id, const char *exec, unsigned *ret_status)
{
	AUTO(buf_done) struct buf out = BUF_INIT(4096);
	AUTO(pb_free_any) Task__DeleteResponse *r = NULL;
	Task__DeleteRequest q = TASK__DELETE_REQUEST__INIT;

	q.id = text_of(id);
	q.exec_id = text_of(exec ? exec : "");
	TRY(peer_call(p, "Delete", &q.base, &out));
	assert_ok(PB_UNPACK(task__delete_response, buf_bytes(&out), &r));
	assert_non_null(r->exited_at);
	if (ret_status)
		*ret_status = r->exit_status;
	return OK;
}

struct err peer_wait(struct peer *p, const char *id, const char *exec, unsigned *ret_status)
{
	AUTO(buf_done) struct buf out = BUF_INIT(4096);
	AUTO(pb_free_any) Task__WaitResponse *r = NULL;
	Task__WaitRequest q = TASK__WAIT_REQUEST__INIT;

	q.id = text_of(id);
	q.exec_id = text_of(exec ? exec : "");
	TRY(peer_call(p, "Wait", &q.base, &out));
	assert_ok(PB_UNPACK(task__wait_response, buf_bytes(&out), &r));
	*ret_status = r->exit_status;
	return OK;
}

unsigned peer_state(struct peer *p, const char *id, const char *exec)
{
	AUTO(buf_done) struct buf out = BUF_INIT(4096);
	AUTO(pb_free_any) Task__StateResponse *r = NULL;
	Task__StateRequest q = TASK__STATE_REQUEST__INIT;

	q.id = text_of(id);
	q.exec_id = text_of(exec ? exec : "");
	if (failed(peer_call(p, "State", &q.base, &out)))
		return 0;
	assert_ok(PB_UNPACK(task__state_response, buf_bytes(&out), &r));
	return (unsigned)r->status;
}

struct err peer_simple(struct peer *p, const char *method, const char *id)
{
	Task__PauseRequest q = TASK__PAUSE_REQUEST__INIT;

	q.id = text_of(id);
	return peer_call(p, method, &q.base, NULL);
}
