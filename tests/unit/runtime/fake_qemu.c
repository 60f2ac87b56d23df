/*
 * Stands in for QEMU: found as qemu-system-x86_64 in PATH, it serves the descriptors that the
 * runtime hands to the machine, so that whole runs are tested in milliseconds. What goes wrong is
 * chosen by the kernel command line.
 */
#include <agent.pb-c.h>
#include <health.pb-c.h>
#include <signal.h>
#include <stdio.h>

#include <base/file.h>
#include <base/loop.h>
#include <net/pb.h>
#include <net/ttrpc.h>
#include <runtime/vm.h>
#include <sys/prctl.h>

enum {
	PROGRESS_MS = 300,
	PROGRESS_LINES = 5,
	MESSAGE_MAX = 1 << 20
};

struct fake {
	struct loop *loop;
	const char *mode;
	struct ttrpc_call *waiting; /* WaitProcess that a signal ends */
	struct ttrpc_call *pulling;
	struct loop_source *timer;
	int lines;
	bool said;
	char exec[64];
};

static void say(int fd, const char *text)
{
	err_ignore(fd_write_all(fd, bytes_str(text))); /* the test sees what is missing */
}

static bool is(const struct fake *f, const char *mode)
{
	return strcmp(f->mode, mode) == 0;
}

static void answer(struct ttrpc_call *call, const ProtobufCMessage *m)
{
	AUTO(buf_done) struct buf out = BUF_INIT(MESSAGE_MAX);

	if (failed(pb_pack(m, &out)))
		abort();
	ttrpc_answer(call, buf_bytes(&out));
}

static void empty(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	(void)arg;
	(void)payload;
	ttrpc_answer(call, BYTES_NONE);
}

static void check(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	Health__HealthCheckResponse r = HEALTH__HEALTH_CHECK_RESPONSE__INIT;
	struct fake *f = arg;

	(void)payload;
	r.status = HEALTH__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING;
	if (!is(f, "silent"))
		answer(call, &r.base);
}

static void on_progress(void *arg)
{
	struct fake *f = arg;

	if (f->lines++ < PROGRESS_LINES) {
		say(VM_FD_LOG, "{\"event\":\"progress\",\"ms\":60,\"layer\":\"1\",\"layers\":\"2\","
			       "\"done\":\"10\",\"total\":\"20\"}\n");
		return;
	}
	loop_remove(f->timer);
	ttrpc_answer(f->pulling, BYTES_NONE);
}

static void create_container(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	struct fake *f = arg;

	(void)payload;
	if (is(f, "die")) {
		say(VM_FD_CONSOLE, "first line\r\nKernel panic - not \x1b[31msyncing\n");
		say(VM_FD_QMP, "{\"event\":\"SHUTDOWN\",\"data\":{\"reason\":\"guest-reset\"}}\n");
		exit(0);
	}
	if (is(f, "crash")) {
		(void)fputs("qemu: could not do it\nmore\n", stderr);
		exit(1);
	}
	if (is(f, "deny")) {
		struct err e =
			err_deny(ERR_DENIED, "manifest.argv", "argv", "/bin/hello", "/bin/sh");

		err_set_denial_id("req-5");
		ttrpc_fail(call, e);
		return;
	}
	if (is(f, "progress")) {
		f->pulling = call;
		if (failed(loop_add_timer(
			    f->loop, PROGRESS_MS, PROGRESS_MS, on_progress, f, &f->timer)))
			abort();
		return;
	}
	say(VM_FD_LOG, "{\"event\":\"stage\",\"ms\":70,\"stage\":\"pull\",\"took_ms\":\"12\"}\n");
	ttrpc_answer(call, BYTES_NONE);
}

static void read_stdout(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	static uint8_t text[] = "hello from the guest\n";
	Agent__ReadStreamResponse r = AGENT__READ_STREAM_RESPONSE__INIT;
	AUTO(pb_freep) ProtobufCMessage *m = NULL;
	struct fake *f = arg;

	if (failed(pb_unpack(&agent__read_stream_request__descriptor, payload, &m)))
		abort();
	if (((const Agent__ReadStreamRequest *)(const void *)m)->exec_id[0]) {
		r.data.data = (uint8_t *)f->exec;
		r.data.len = strlen(f->exec);
		answer(call, &r.base);
		f->exec[0] = '\0';
		return;
	}
	if (!f->said) {
		r.data.data = text;
		r.data.len = sizeof(text) - 1;
	}
	f->said = true;
	answer(call, &r.base);
}

static void exec_process(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	AUTO(pb_freep) ProtobufCMessage *m = NULL;
	struct fake *f = arg;

	if (failed(pb_unpack(&agent__exec_process_request__descriptor, payload, &m)))
		abort();
	const Agent__ExecProcessRequest *r = (const void *)m;
	(void)snprintf(
		f->exec, sizeof(f->exec), "%s in %s\n", r->process->args[0], r->container_id);
	ttrpc_answer(call, BYTES_NONE);
}

static void end_with(struct ttrpc_call *call, int status)
{
	Agent__WaitProcessResponse r = AGENT__WAIT_PROCESS_RESPONSE__INIT;

	r.status = status;
	answer(call, &r.base);
}

static void wait_process(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	AUTO(pb_freep) ProtobufCMessage *m = NULL;
	struct fake *f = arg;

	if (failed(pb_unpack(&agent__wait_process_request__descriptor, payload, &m)))
		abort();
	if (((const Agent__WaitProcessRequest *)(const void *)m)->exec_id[0])
		end_with(call, 9);
	else if (is(f, "sleep") || is(f, "deaf"))
		f->waiting = call;
	else
		end_with(call, 3);
}

static void signal_process(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	AUTO(pb_freep) ProtobufCMessage *m = NULL;
	struct fake *f = arg;

	if (failed(pb_unpack(&agent__signal_process_request__descriptor, payload, &m)))
		abort();
	ttrpc_answer(call, BYTES_NONE);
	if (f->waiting && !is(f, "deaf"))
		end_with(f->waiting,
			128 + (int)((const Agent__SignalProcessRequest *)(const void *)m)->signal);
}

static void destroy_sandbox(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	struct fake *f = arg;

	(void)payload;
	ttrpc_answer(call, BYTES_NONE);
	loop_stop(f->loop, 0);
}

#define AGENT(name, fn)                                                                            \
	{                                                                                          \
		"grpc.AgentService", name, fn                                                      \
	}
static const struct ttrpc_method methods[] = {
	{ "grpc.Health", "Check", check },
	AGENT("CreateSandbox", empty),
	AGENT("UpdateInterface", empty),
	AGENT("UpdateRoutes", empty),
	AGENT("CreateContainer", create_container),
	AGENT("StartContainer", empty),
	AGENT("ExecProcess", exec_process),
	AGENT("ReadStdout", read_stdout),
	AGENT("ReadStderr", empty),
	AGENT("CloseStdin", empty),
	AGENT("WaitProcess", wait_process),
	AGENT("SignalProcess", signal_process),
	AGENT("DestroySandbox", destroy_sandbox),
};

/* "MODE", or "MODE sealpod.initdata=...": the digest is of the initdata that test_run.c gives. */
static const char *mode_of(char *append)
{
	static const char bound[] = "sealpod.initdata=sha256:"
				    "af398df379eb475aff9f02cd056d0d1f"
				    "5d496b7a073927cb3ea92407d8ad61a3";
	char *space = strchr(append, ' ');

	if (!space)
		return append;
	*space = '\0';
	return strcmp(space + 1, bound) == 0 ? append : "crash";
}

int main(int argc, char **argv)
{
	struct fake f = { .mode = "" };
	struct ttrpc_server *server = NULL;
	const struct ttrpc_server_config c = {
		.methods = methods, .n_methods = ARRAY_LEN(methods), .arg = &f
	};
	int value = 0;

	for (int i = 1; i + 1 < argc; i++) {
		if (strcmp(argv[i], "-append") == 0)
			f.mode = mode_of(argv[i + 1]);
	}
	say(VM_FD_QMP, "{\"QMP\":{}}\n");
	say(VM_FD_LOG, "{\"event\":\"start\",\"ms\":40,\"program\":\"agent\"}\n"
		       "{\"event\":\"stage\",\"ms\":50,\"stage\":\"agent\",\"took_ms\":\"8\"}\n");
	if (failed(loop_new(&f.loop)) || failed(ttrpc_server_new(f.loop, &c, &server)) ||
		failed(ttrpc_server_add(server, VM_FD_AGENT, false)) ||
		failed(loop_run(f.loop, &value)))
		return 1;
	ttrpc_server_free(server);
	loop_free(f.loop);
	return value;
}
