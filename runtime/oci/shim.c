#include "shim.h"

#include <base/auto.h>
#include <net/pb.h>
#include <net/transport.h>

enum {
	SHORT_MS = 30 * 1000,
	SHUTDOWN_MS = 20 * 1000,
	MESSAGE_MAX = 4 * 1024 * 1024
};

#define OCI_TYPES "types.containerd.io/opencontainers/runtime-spec/1/"

RESULT shim_connect(const char *address, struct shim *ret_shim)
{
	AUTO(shim_done) struct shim s = { 0 };
	int fd = -1;

	if (!address[0])
		return err_new(ERR_PEER, "there is no shim");
	TRY(transport_connect(address, 0, &fd));
	struct err e = loop_new(&s.loop);
	if (failed(e)) {
		(void)close(fd);
		return e;
	}
	TRY(ttrpc_client_new(s.loop, fd, &s.client));
	*ret_shim = s;
	s = (struct shim){ 0 };
	return OK;
}

void shim_done(struct shim *s)
{
	ttrpc_client_free(s->client);
	loop_free(s->loop);
	*s = (struct shim){ 0 };
}

RESULT shim_call(struct shim *s, const struct shim_call *c, const ProtobufCMessageDescriptor *d,
	ProtobufCMessage **ret_msg)
{
	AUTO(buf_done) struct buf request = BUF_INIT(MESSAGE_MAX);
	AUTO(buf_done) struct buf answer = BUF_INIT(MESSAGE_MAX);
	struct ttrpc_request r = {
		.service = SHIM_TASK, .method = c->method, .timeout_ms = c->timeout_ms
	};

	TRY(pb_pack(c->request, &request));
	r.payload = buf_bytes(&request);
	TRY(ttrpc_call_sync(s->client, &r, &answer));
	return ret_msg ? pb_unpack(d, buf_bytes(&answer), ret_msg) : OK;
}

/* protobuf-c has no const strings. */
static char *text(const char *s)
{
	return (char *)(uintptr_t)s;
}

static RESULT plain(struct shim *s, const char *method, const ProtobufCMessage *request)
{
	const struct shim_call c = { .method = method, .request = request, .timeout_ms = SHORT_MS };

	return shim_call(s, &c, NULL, NULL);
}

RESULT shim_options(const char *config_path, struct buf *out)
{
	Containerd__RuntimeOptions options = CONTAINERD__RUNTIME_OPTIONS__INIT;

	options.config_path = text(config_path);
	return pb_pack(&options.base, out);
}

RESULT shim_create(struct shim *s, const char *id, const char *bundle, const char *config_path,
	const struct shim_streams *io)
{
	Task__CreateTaskRequest q = TASK__CREATE_TASK_REQUEST__INIT;
	Pb__Any any = PB__ANY__INIT;
	AUTO(buf_done) struct buf packed = BUF_INIT(MESSAGE_MAX);
	/* The shim watches over its own progress: how long a boot may take is its configuration. */
	const struct shim_call c = { .method = "Create", .request = &q.base };

	q.id = text(id);
	q.bundle = text(bundle);
	q.stdin = text(io->in);
	q.stdout = text(io->out);
	q.stderr = text(io->err);
	q.terminal = io->terminal;
	if (config_path) {
		TRY(shim_options(config_path, &packed));
		any.type_url = text(SHIM_OPTIONS);
		any.value.data = packed.p;
		any.value.len = packed.n;
		q.options = &any;
	}
	return shim_call(s, &c, NULL, NULL);
}

RESULT shim_start_process(struct shim *s, const char *id, const char *exec_id)
{
	Task__StartRequest q = TASK__START_REQUEST__INIT;
	const struct shim_call c = { .method = "Start", .request = &q.base };

	q.id = text(id);
	q.exec_id = text(exec_id);
	return shim_call(s, &c, NULL, NULL);
}

RESULT shim_exec(struct shim *s, const char *id, const char *exec_id, struct bytes process,
	const struct shim_streams *io)
{
	Task__ExecProcessRequest q = TASK__EXEC_PROCESS_REQUEST__INIT;
	Pb__Any spec = PB__ANY__INIT;

	spec.type_url = text(OCI_TYPES "Process");
	spec.value.data = (uint8_t *)(uintptr_t)process.p;
	spec.value.len = process.n;
	q.id = text(id);
	q.exec_id = text(exec_id);
	q.terminal = io->terminal;
	q.stdin = text(io->in);
	q.stdout = text(io->out);
	q.stderr = text(io->err);
	q.spec = &spec;
	return plain(s, "Exec", &q.base);
}

RESULT shim_kill(struct shim *s, const char *id, int signo, bool all)
{
	Task__KillRequest q = TASK__KILL_REQUEST__INIT;

	q.id = text(id);
	q.signal = (uint32_t)signo;
	q.all = all;
	return plain(s, "Kill", &q.base);
}

RESULT shim_delete(struct shim *s, const char *id, const char *exec_id)
{
	Task__DeleteRequest q = TASK__DELETE_REQUEST__INIT;

	q.id = text(id);
	q.exec_id = text(exec_id);
	return plain(s, "Delete", &q.base);
}

RESULT shim_wait(struct shim *s, const char *id, uint64_t timeout_ms)
{
	Task__WaitRequest q = TASK__WAIT_REQUEST__INIT;
	const struct shim_call c = {
		.method = "Wait", .request = &q.base, .timeout_ms = timeout_ms
	};

	q.id = text(id);
	return shim_call(s, &c, NULL, NULL);
}

RESULT shim_status(struct shim *s, const char *id, Containerd__Status *ret_status)
{
	Task__StateRequest q = TASK__STATE_REQUEST__INIT;
	AUTO(pb_freep) ProtobufCMessage *m = NULL;
	const struct shim_call c = {
		.method = "State", .request = &q.base, .timeout_ms = SHORT_MS
	};

	q.id = text(id);
	TRY(shim_call(s, &c, &task__state_response__descriptor, &m));
	*ret_status = ((const Task__StateResponse *)(const void *)m)->status;
	return OK;
}

RESULT shim_pause(struct shim *s, const char *id, bool pause)
{
	Task__PauseRequest q = TASK__PAUSE_REQUEST__INIT; /* ResumeRequest is the same message */

	q.id = text(id);
	return plain(s, pause ? "Pause" : "Resume", &q.base);
}

RESULT shim_update(struct shim *s, const char *id, struct bytes resources)
{
	Task__UpdateTaskRequest q = TASK__UPDATE_TASK_REQUEST__INIT;
	Pb__Any any = PB__ANY__INIT;

	any.type_url = text(OCI_TYPES "LinuxResources");
	any.value.data = (uint8_t *)(uintptr_t)resources.p;
	any.value.len = resources.n;
	q.id = text(id);
	q.resources = &any;
	return plain(s, "Update", &q.base);
}

RESULT shim_stats(struct shim *s, const char *id, Task__StatsResponse **ret_stats)
{
	Task__StatsRequest q = TASK__STATS_REQUEST__INIT;
	ProtobufCMessage *m = NULL;
	const struct shim_call c = {
		.method = "Stats", .request = &q.base, .timeout_ms = SHORT_MS
	};

	q.id = text(id);
	TRY(shim_call(s, &c, &task__stats_response__descriptor, &m));
	*ret_stats = (Task__StatsResponse *)(void *)m;
	return OK;
}

RESULT shim_pids(struct shim *s, const char *id, Task__PidsResponse **ret_pids)
{
	Task__PidsRequest q = TASK__PIDS_REQUEST__INIT;
	ProtobufCMessage *m = NULL;
	const struct shim_call c = { .method = "Pids", .request = &q.base, .timeout_ms = SHORT_MS };

	q.id = text(id);
	TRY(shim_call(s, &c, &task__pids_response__descriptor, &m));
	*ret_pids = (Task__PidsResponse *)(void *)m;
	return OK;
}

RESULT shim_shutdown(struct shim *s, const char *id)
{
	Task__ShutdownRequest q = TASK__SHUTDOWN_REQUEST__INIT;
	const struct shim_call c = {
		.method = "Shutdown", .request = &q.base, .timeout_ms = SHUTDOWN_MS
	};

	q.id = text(id);
	struct err e = shim_call(s, &c, NULL, NULL);
	return e.code == ERR_PEER ? OK : e; /* it ends while it answers */
}
