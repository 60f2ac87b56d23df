/*
 * Stands in for QEMU and its guest below struct sandbox: serves the agent API, QMP, log and console
 * on the descriptors of a machine, writes down what it is asked ($FAKE_LOG) and misbehaves as the
 * kernel command line says: "die-METHOD", "stuck-METHOD", "garbage-METHOD", "deny-METHOD" of the
 * agent or QMP, "fail-METHOD" (INTERNAL, as Kata's agent says it), "leave-METHOD" (closes the
 * agent's port and lives on), "flood" (console and log without end), "chatter" and
 * "chatter-METHOD" (progress without end instead of an answer).
 */
#include <agent.pb-c.h>
#include <health.pb-c.h>
#include <stdio.h>

#include <base/file.h>
#include <base/json.h>
#include <base/loop.h>
#include <net/pb.h>
#include <net/ttrpc.h>
#include <runtime/vm.h>
#include <sys/socket.h>

enum {
	MESSAGE_MAX = 1 << 20,
	LINE_MAX_ = 4096,
	FLOOD_MS = 1,
	FLOOD_BYTES = 64 * 1024,
	CHATTER_LINES = 64
};

struct fake {
	struct loop *loop;
	const char *mode;
	FILE *log;
	struct ttrpc_call *waiting;
	struct buf qmp;
	struct loop_source *flood;
};

static void say(int fd, const char *text)
{
	err_ignore(fd_write_all(fd, bytes_str(text))); /* the test sees what is missing */
}

static bool mode(const struct fake *f, const char *what, const char *method)
{
	return str_starts(f->mode, what) && strcmp(f->mode + strlen(what), method) == 0;
}

/* Did it misbehave instead of an answer? */
static bool misbehaved(struct fake *f, const char *method, struct ttrpc_call *call)
{
	if (mode(f, "die-", method)) {
		say(VM_FD_CONSOLE, "Kernel panic - not \x1b[31msyncing\n");
		exit(0);
	}
	if (mode(f, "garbage-", method))
		say(VM_FD_AGENT, "\xff\xff\xff\xff this is no frame at all \x01\x02\x03");
	if (mode(f, "deny-", method)) {
		ttrpc_fail(call, err_deny(ERR_DENIED, "manifest.test", method, "no", "yes"));
		return true;
	}
	if (mode(f, "fail-", method)) {
		ttrpc_fail_as(call, TTRPC_INTERNAL, "it did not work");
		return true;
	}
	if (mode(f, "leave-", method)) {
		(void)shutdown(VM_FD_AGENT, SHUT_RDWR);
		return true;
	}
	return mode(f, "chatter-", method) || mode(f, "garbage-", method) ||
	       mode(f, "stuck-", method);
}

static void answer(struct ttrpc_call *call, const ProtobufCMessage *m)
{
	AUTO(buf_done) struct buf out = BUF_INIT(MESSAGE_MAX);

	if (failed(pb_pack(m, &out)))
		abort();
	ttrpc_answer(call, buf_bytes(&out));
}

static void note_storages(struct fake *f, Agent__Storage *const *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		(void)fprintf(f->log, " [%s %s %s %s", v[i]->driver, v[i]->source, v[i]->fstype,
			v[i]->mount_point);
		for (size_t o = 0; o < v[i]->n_options; o++)
			(void)fprintf(f->log, " %s", v[i]->options[o]);
		(void)fprintf(f->log, "]");
	}
	(void)fprintf(f->log, "\n");
}

static void check(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	Health__HealthCheckResponse r = HEALTH__HEALTH_CHECK_RESPONSE__INIT;

	(void)payload;
	r.status = HEALTH__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING;
	if (!misbehaved(arg, "Check", call))
		answer(call, &r.base);
}

static void create_sandbox(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	AUTO(pb_free_any) Agent__CreateSandboxRequest *r = NULL;
	struct fake *f = arg;

	if (failed(PB_UNPACK(agent__create_sandbox_request, payload, &r)))
		abort();
	(void)fprintf(f->log, "CreateSandbox %s %s", r->sandbox_id, r->hostname);
	for (size_t i = 0; i < r->n_dns; i++)
		(void)fprintf(f->log, " '%s'", r->dns[i]);
	note_storages(f, r->storages, r->n_storages);
	if (!misbehaved(f, "CreateSandbox", call))
		ttrpc_answer(call, BYTES_NONE);
}

static void create_container(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	AUTO(pb_free_any) Agent__CreateContainerRequest *r = NULL;
	struct fake *f = arg;

	if (failed(PB_UNPACK(agent__create_container_request, payload, &r)))
		abort();
	(void)fprintf(f->log, "CreateContainer %s %s", r->container_id, r->oci->root->path);
	note_storages(f, r->storages, r->n_storages);
	for (size_t i = 0; i < r->oci->n_mounts; i++)
		(void)fprintf(f->log, "mount %s %s %s\n", r->oci->mounts[i]->destination,
			r->oci->mounts[i]->type, r->oci->mounts[i]->source);
	if (!misbehaved(f, "CreateContainer", call))
		ttrpc_answer(call, BYTES_NONE);
}

static void copy_file(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	AUTO(pb_free_any) Agent__CopyFileRequest *r = NULL;
	struct fake *f = arg;

	if (failed(PB_UNPACK(agent__copy_file_request, payload, &r)))
		abort();
	(void)fprintf(f->log, "CopyFile %s mode %o offset %lld of %lld data %zu", r->path,
		r->file_mode, (long long)r->offset, (long long)r->file_size, r->data.len);
	if (r->data.len > 0 && r->data.len < 32)
		(void)fprintf(f->log, " '%.*s'", (int)r->data.len, (const char *)r->data.data);
	(void)fprintf(f->log, "\n");
	if (!misbehaved(f, "CopyFile", call))
		ttrpc_answer(call, BYTES_NONE);
}

static void wait_process(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	struct fake *f = arg;

	(void)payload;
	if (!misbehaved(f, "WaitProcess", call))
		f->waiting = call;
}

static void signal_process(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	AUTO(pb_free_any) Agent__SignalProcessRequest *r = NULL;
	Agent__WaitProcessResponse w = AGENT__WAIT_PROCESS_RESPONSE__INIT;
	struct fake *f = arg;

	if (failed(PB_UNPACK(agent__signal_process_request, payload, &r)))
		abort();
	(void)fprintf(f->log, "SignalProcess '%s' %u\n", r->exec_id, r->signal);
	ttrpc_answer(call, BYTES_NONE);
	w.status = 128 + (int)r->signal;
	if (f->waiting)
		answer(f->waiting, &w.base);
	f->waiting = NULL;
}

static void start_container(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	(void)payload;
	if (!misbehaved(arg, "StartContainer", call))
		ttrpc_answer(call, BYTES_NONE);
}

static void remove_container(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	struct fake *f = arg;

	(void)payload;
	(void)fprintf(f->log, "RemoveContainer\n");
	if (!misbehaved(f, "RemoveContainer", call))
		ttrpc_answer(call, BYTES_NONE);
}

static void empty(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	(void)arg;
	(void)payload;
	ttrpc_answer(call, BYTES_NONE);
}

static void update_interface(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	AUTO(pb_free_any) Agent__UpdateInterfaceRequest *r = NULL;
	struct fake *f = arg;

	if (failed(PB_UNPACK(agent__update_interface_request, payload, &r)))
		abort();
	(void)fprintf(f->log, "UpdateInterface %s %s\n", r->interface->name, r->interface->hwaddr);
	ttrpc_answer(call, BYTES_NONE);
}

/* As soon as it is asked, when it misbehaves; else never. */
static void oom_event(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	static char id[] = "c1";
	Agent__OOMEvent e = AGENT__OOMEVENT__INIT;
	struct fake *f = arg;

	(void)payload;
	e.container_id = id;
	if (str_equal(f->mode, "oom"))
		answer(call, &e.base);
}

static void diagnostics(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	static char text[] = "the last words";
	Agent__GetDiagnosticDataResponse r = AGENT__GET_DIAGNOSTIC_DATA_RESPONSE__INIT;

	(void)payload;
	r.data = text;
	if (!misbehaved(arg, "GetDiagnosticData", call))
		answer(call, &r.base);
}

static void destroy_sandbox(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	struct fake *f = arg;

	(void)payload;
	if (misbehaved(f, "DestroySandbox", call))
		return;
	ttrpc_answer(call, BYTES_NONE);
	loop_stop(f->loop, 0);
}

/* ---- QMP ---- */

static void on_qmp_line(struct fake *f, struct bytes line)
{
	AUTO(json_freep) struct json *j = NULL;
	const char *name = NULL;
	uint64_t id = 0;
	char text[LINE_MAX_];

	if (failed(json_parse(line, &j)) || failed(json_need_string(j, "execute", &name)))
		abort();
	(void)fprintf(f->log, "QMP %.*s\n", (int)line.n, (const char *)line.p);
	if (mode(f, "die-", name))
		exit(0);
	if (mode(f, "stuck-", name))
		return;
	if (mode(f, "garbage-", name))
		say(VM_FD_QMP, "{\"return\":[[[\n{\"id\":7777,\"return\":{}}\n\x01\n");
	if (!json_u64(json_get(j, "id"), &id))
		(void)snprintf(text, sizeof(text), "{\"return\":{}}\n");
	else if (mode(f, "deny-", name))
		(void)snprintf(text, sizeof(text),
			"{\"id\":%llu,\"error\":{\"class\":\"G\",\"desc\":\"no\\u001b such\"}}\n",
			(unsigned long long)id);
	else
		(void)snprintf(text, sizeof(text), "{\"id\":%llu,\"return\":{}}\n",
			(unsigned long long)id);
	say(VM_FD_QMP, text);
}

static void on_qmp(void *arg, int fd, unsigned events)
{
	struct fake *f = arg;
	uint8_t chunk[LINE_MAX_];
	ssize_t n = read(fd, chunk, sizeof(chunk));

	(void)events;
	if (n <= 0)
		exit(0); /* the owner has ended */
	buf_put(&f->qmp, bytes_of(chunk, (size_t)n));
	for (;;) {
		const uint8_t *end = f->qmp.n ? memchr(f->qmp.p, '\n', f->qmp.n) : NULL;
		if (!end)
			return;
		size_t length = (size_t)(end - f->qmp.p);
		on_qmp_line(f, bytes_of(f->qmp.p, length));
		buf_consume(&f->qmp, length + 1);
	}
}

static void on_flood(void *arg)
{
	static char text[FLOOD_BYTES];

	(void)arg;
	memset(text, 'x', sizeof(text) - 1);
	say(VM_FD_CONSOLE, text);
	say(VM_FD_LOG, text);
}

static void on_chatter(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < CHATTER_LINES; i++)
		say(VM_FD_LOG, "{\"event\":\"progress\",\"ms\":60,\"layer\":\"1\",\"layers\":\"2\","
			       "\"done\":\"10\",\"total\":\"20\"}\n");
}

#define AGENT(name, fn)                                                                            \
	{                                                                                          \
		"grpc.AgentService", name, fn                                                      \
	}
static const struct ttrpc_method methods[] = {
	{ "grpc.Health", "Check", check },
	AGENT("CreateSandbox", create_sandbox),
	AGENT("CreateContainer", create_container),
	AGENT("CopyFile", copy_file),
	AGENT("StartContainer", start_container),
	AGENT("RemoveContainer", remove_container),
	AGENT("UpdateInterface", update_interface),
	AGENT("UpdateRoutes", empty),
	AGENT("AddARPNeighbors", empty),
	AGENT("ExecProcess", empty),
	AGENT("PauseContainer", empty),
	AGENT("ResumeContainer", empty),
	AGENT("UpdateContainer", empty),
	AGENT("StatsContainer", empty),
	AGENT("TtyWinResize", empty),
	AGENT("WaitProcess", wait_process),
	AGENT("SignalProcess", signal_process),
	AGENT("GetOOMEvent", oom_event),
	AGENT("GetDiagnosticData", diagnostics),
	AGENT("DestroySandbox", destroy_sandbox),
};

static RESULT serve(struct fake *f, int *ret_value)
{
	const struct ttrpc_server_config c = {
		.methods = methods, .n_methods = ARRAY_LEN(methods), .arg = f
	};
	AUTO(ttrpc_server_freep) struct ttrpc_server *server = NULL;
	AUTO(loop_freep) struct loop *loop = NULL;

	TRY(loop_new(&loop));
	f->loop = loop;
	TRY(ttrpc_server_new(loop, &c, &server));
	TRY(ttrpc_server_add(server, VM_FD_AGENT, false));
	struct loop_source *qmp = NULL;
	TRY(loop_add_fd(loop, VM_FD_QMP, EPOLLIN, on_qmp, f, &qmp));
	if (str_equal(f->mode, "flood"))
		TRY(loop_add_timer(loop, FLOOD_MS, FLOOD_MS, on_flood, f, &f->flood));
	if (str_starts(f->mode, "chatter"))
		TRY(loop_add_timer(loop, FLOOD_MS, FLOOD_MS, on_chatter, f, &f->flood));
	say(VM_FD_QMP, "{\"QMP\":{\"version\":{}}}\n");
	say(VM_FD_LOG, "{\"event\":\"start\",\"ms\":40,\"program\":\"agent\"}\n");
	return loop_run(loop, ret_value);
}

int main(int argc, char **argv)
{
	struct fake f = { .mode = "", .qmp = BUF_INIT(MESSAGE_MAX) };
	const char *log = getenv("FAKE_LOG");
	int value = 0;

	for (int i = 1; i + 1 < argc; i++) {
		if (strcmp(argv[i], "-append") == 0)
			f.mode = argv[i + 1];
	}
	f.log = fopen(log ? log : "/dev/null", "ae");
	if (!f.log || setvbuf(f.log, NULL, _IOLBF, 0) != 0)
		return 1;
	return failed(serve(&f, &value)) ? 1 : value;
}
