#include "calls.h"

#include "util.h"

#include <net/pb.h>

struct ttrpc_client *calls_client;

char *text(const char *s)
{
	return (char *)(uintptr_t)s;
}

struct err call_raw(
	const char *service, const char *method, const ProtobufCMessage *msg, struct buf *out)
{
	AUTO(buf_done) struct buf payload = BUF_INIT(TTRPC_MESSAGE_MAX);

	TRY(pb_pack(msg, &payload));
	return ttrpc_call_sync(calls_client,
		&(struct ttrpc_request){ .service = service,
			.method = method,
			.payload = buf_bytes(&payload),
			.timeout_ms = 60 * 1000 },
		out);
}

struct err call(const char *method, const ProtobufCMessage *msg)
{
	AUTO(buf_done) struct buf out = BUF_INIT(TTRPC_MESSAGE_MAX);

	return call_raw("grpc.AgentService", method, msg, &out);
}

struct err start(const char *id)
{
	Agent__StartContainerRequest q = AGENT__START_CONTAINER_REQUEST__INIT;

	q.container_id = text(id);
	return call("StartContainer", &q.base);
}

struct err remove_container(const char *id)
{
	Agent__RemoveContainerRequest q = AGENT__REMOVE_CONTAINER_REQUEST__INIT;

	q.container_id = text(id);
	return call("RemoveContainer", &q.base);
}

struct err exec_args(const char *id, const char *exec_id, char **args, size_t n)
{
	Agent__ExecProcessRequest q = AGENT__EXEC_PROCESS_REQUEST__INIT;
	Oci__Process process = OCI__PROCESS__INIT;

	q.container_id = text(id);
	q.exec_id = text(exec_id);
	q.process = &process;
	process.args = args;
	process.n_args = n;
	return call("ExecProcess", &q.base);
}

struct err exec_sh(const char *id, const char *exec_id, const char *command)
{
	char *args[] = { text("/bin/sh"), text("-c"), text(command) };

	return exec_args(id, exec_id, args, 3);
}

struct err send_signal(const char *id, const char *exec_id, uint32_t signo)
{
	Agent__SignalProcessRequest q = AGENT__SIGNAL_PROCESS_REQUEST__INIT;

	q.container_id = text(id);
	q.exec_id = text(exec_id);
	q.signal = signo;
	return call("SignalProcess", &q.base);
}

int wait_process(const char *id, const char *exec_id)
{
	Agent__WaitProcessRequest q = AGENT__WAIT_PROCESS_REQUEST__INIT;
	AUTO(pb_free_any) Agent__WaitProcessResponse *r = NULL;
	AUTO(buf_done) struct buf out = BUF_INIT(TTRPC_MESSAGE_MAX);

	q.container_id = text(id);
	q.exec_id = text(exec_id);
	assert_ok(call_raw("grpc.AgentService", "WaitProcess", &q.base, &out));
	assert_ok(PB_UNPACK(agent__wait_process_response, buf_bytes(&out), &r));
	return r->status;
}

size_t read_some(const char *method, const char *id, const char *exec_id, struct buf *to)
{
	Agent__ReadStreamRequest q = AGENT__READ_STREAM_REQUEST__INIT;
	AUTO(pb_free_any) Agent__ReadStreamResponse *r = NULL;
	AUTO(buf_done) struct buf out = BUF_INIT(TTRPC_MESSAGE_MAX);

	q.container_id = text(id);
	q.exec_id = text(exec_id);
	q.len = 256 * 1024;
	assert_ok(call_raw("grpc.AgentService", method, &q.base, &out));
	assert_ok(PB_UNPACK(agent__read_stream_response, buf_bytes(&out), &r));
	buf_put(to, bytes_of(r->data.data, r->data.len));
	return r->data.len;
}

const char *read_all(const char *method, const char *id, const char *exec_id)
{
	static struct buf all;

	buf_done(&all);
	all = BUF_INIT(16 * 1024 * 1024);
	while (read_some(method, id, exec_id, &all) > 0)
		;
	assert_non_null(buf_cstr(&all));
	return buf_cstr(&all);
}

struct err write_stdin(const char *id, const char *data)
{
	Agent__WriteStreamRequest q = AGENT__WRITE_STREAM_REQUEST__INIT;

	q.container_id = text(id);
	q.exec_id = text("");
	q.data.data = (uint8_t *)text(data);
	q.data.len = strlen(data);
	return call("WriteStdin", &q.base);
}

struct err close_stdin(const char *id)
{
	Agent__CloseStdinRequest q = AGENT__CLOSE_STDIN_REQUEST__INIT;

	q.container_id = text(id);
	return call("CloseStdin", &q.base);
}
