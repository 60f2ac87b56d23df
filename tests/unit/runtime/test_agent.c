/* The agent client against an agent made of our own ttrpc server, in the same loop. */
#include "util.h"

#include <agent.pb-c.h>
#include <fcntl.h>
#include <health.pb-c.h>
#include <stdio.h>

#include <base/file.h>
#include <net/pb.h>
#include <runtime/agent_client.h>
#include <sys/socket.h>

enum {
	BIG = 300 * 1000,
	CHUNK = 32 * 1024
};

struct fake {
	struct loop *loop;
	struct ttrpc_server *server;
	struct agent_client *client;
	struct buf seen;     /* what was asked, as text */
	struct buf input;    /* what arrived on standard input */
	struct buf output;   /* what standard output still has */
	const char *refuse;  /* method that is refused with a denial */
	const char *silent;  /* method that is never answered */
	const char *garbage; /* method that is answered with bytes that are no message */
	struct ttrpc_call *held;
	bool stdin_closed;
	unsigned rounds, give_up; /* of the watch */
	bool not_serving;
};

static void answer(struct ttrpc_call *call, const ProtobufCMessage *m)
{
	AUTO(buf_done) struct buf out = BUF_INIT(1 << 20);

	assert_ok(pb_pack(m, &out));
	ttrpc_answer(call, buf_bytes(&out));
}

/* True when this method misbehaves in this test. */
static bool odd(struct fake *f, const char *method, struct ttrpc_call *call)
{
	buf_printf(&f->seen, "%s ", method);
	if (f->silent && str_equal(f->silent, method)) {
		f->held = call;
		return true;
	}
	if (f->garbage && str_equal(f->garbage, method)) {
		ttrpc_answer(call, bytes_str("\xff\xff\xff garbage"));
		return true;
	}
	if (f->refuse && str_equal(f->refuse, method)) {
		struct err e =
			err_deny(ERR_DENIED, "manifest.argv", "argv[0]", "/bin/hello", "/bin/sh");

		err_set_denial_id("req-77");
		ttrpc_fail(call, e);
		return true;
	}
	return false;
}

static ProtobufCMessage *unpack(const ProtobufCMessageDescriptor *d, struct bytes payload)
{
	ProtobufCMessage *m = NULL;

	assert_ok(pb_unpack(d, payload, &m));
	return m;
}

static void empty(struct ttrpc_call *call)
{
	ttrpc_answer(call, BYTES_NONE);
}

static void check(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	struct fake *f = arg;
	Health__HealthCheckResponse r = HEALTH__HEALTH_CHECK_RESPONSE__INIT;

	(void)payload;
	r.status = f->not_serving ? HEALTH__HEALTH_CHECK_RESPONSE__SERVING_STATUS__NOT_SERVING
				  : HEALTH__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING;
	if (!odd(f, "Check", call))
		answer(call, &r.base);
}

static void create_sandbox(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	struct fake *f = arg;
	AUTO(pb_freep) ProtobufCMessage *m =
		unpack(&agent__create_sandbox_request__descriptor, payload);
	const Agent__CreateSandboxRequest *r = (const void *)m;

	if (odd(f, "CreateSandbox", call))
		return;
	buf_printf(&f->seen, "id=%s dns=%s ", r->sandbox_id, r->n_dns ? r->dns[0] : "");
	empty(call);
}

static void update_interface(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	struct fake *f = arg;
	AUTO(pb_freep) ProtobufCMessage *m =
		unpack(&agent__update_interface_request__descriptor, payload);
	const Types__Interface *i =
		((const Agent__UpdateInterfaceRequest *)(const void *)m)->interface;

	if (odd(f, "UpdateInterface", call))
		return;
	buf_printf(&f->seen, "%s=%s/%s@%s ", i->device, i->ipaddresses[0]->address,
		i->ipaddresses[0]->mask, i->hwaddr);
	empty(call);
}

static void update_routes(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	struct fake *f = arg;
	AUTO(pb_freep) ProtobufCMessage *m =
		unpack(&agent__update_routes_request__descriptor, payload);
	const Types__Route *r =
		((const Agent__UpdateRoutesRequest *)(const void *)m)->routes->routes[0];

	if (odd(f, "UpdateRoutes", call))
		return;
	buf_printf(&f->seen, "[%s] via %s ", r->dest, r->gateway);
	empty(call);
}

static void create_container(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	struct fake *f = arg;
	AUTO(pb_freep) ProtobufCMessage *m =
		unpack(&agent__create_container_request__descriptor, payload);
	const Agent__CreateContainerRequest *r = (const void *)m;

	if (odd(f, "CreateContainer", call))
		return;
	assert_int_equal(r->n_storages, 1);
	const Agent__Storage *s = r->storages[0];
	buf_printf(&f->seen, "%s %s %s %s %s | ", r->container_id, s->driver, s->source, s->fstype,
		s->mount_point);
	buf_printf(&f->seen, "%s | ", s->driver_options[0]);
	for (size_t i = 0; i < r->oci->process->n_args; i++)
		buf_printf(&f->seen, "%s,", r->oci->process->args[i]);
	for (size_t i = 0; i < r->oci->process->n_env; i++)
		buf_printf(&f->seen, "%s,", r->oci->process->env[i]);
	/* What the guest must decide by itself is not asked for. */
	assert_null(r->oci->process->capabilities);
	assert_null(r->oci->process->user);
	assert_int_equal(r->oci->n_mounts, 0);
	empty(call);
}

static void start_container(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	(void)payload;
	if (!odd(arg, "StartContainer", call))
		empty(call);
}

static void read_stdout(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	struct fake *f = arg;
	Agent__ReadStreamResponse r = AGENT__READ_STREAM_RESPONSE__INIT;

	(void)payload;
	r.data.data = f->output.p;
	r.data.len = f->output.n < CHUNK ? f->output.n : CHUNK;
	answer(call, &r.base);
	buf_consume(&f->output, r.data.len);
}

static void read_stderr(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	(void)arg;
	(void)payload;
	empty(call); /* the end at once */
}

static void write_stdin(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	struct fake *f = arg;
	AUTO(pb_freep) ProtobufCMessage *m =
		unpack(&agent__write_stream_request__descriptor, payload);
	const Agent__WriteStreamRequest *r = (const void *)m;
	Agent__WriteStreamResponse w = AGENT__WRITE_STREAM_RESPONSE__INIT;

	if (odd(f, "WriteStdin", call))
		return;
	/* Like a pipe that is nearly full: takes a part. */
	w.len = (uint32_t)(r->data.len > 3 ? r->data.len / 2 : r->data.len);
	buf_put(&f->input, bytes_of(r->data.data, w.len));
	answer(call, &w.base);
}

static void close_stdin(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	(void)payload;
	((struct fake *)arg)->stdin_closed = true;
	empty(call);
}

static void wait_process(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	Agent__WaitProcessResponse r = AGENT__WAIT_PROCESS_RESPONSE__INIT;

	(void)payload;
	r.status = 7;
	if (!odd(arg, "WaitProcess", call))
		answer(call, &r.base);
}

static void destroy_sandbox(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	(void)payload;
	if (!odd(arg, "DestroySandbox", call))
		empty(call);
}

#define AGENT(name, fn)                                                                            \
	{                                                                                          \
		"grpc.AgentService", name, fn                                                      \
	}
static const struct ttrpc_method methods[] = {
	{ "grpc.Health", "Check", check },
	AGENT("CreateSandbox", create_sandbox),
	AGENT("UpdateInterface", update_interface),
	AGENT("UpdateRoutes", update_routes),
	AGENT("CreateContainer", create_container),
	AGENT("StartContainer", start_container),
	AGENT("ReadStdout", read_stdout),
	AGENT("ReadStderr", read_stderr),
	AGENT("WriteStdin", write_stdin),
	AGENT("CloseStdin", close_stdin),
	AGENT("WaitProcess", wait_process),
	AGENT("DestroySandbox", destroy_sandbox),
};

static struct err watch(void *arg)
{
	struct fake *f = arg;

	f->rounds++;
	if (f->give_up && f->rounds >= f->give_up)
		return err_new(ERR_TIMEOUT, "nothing happened");
	return OK;
}

static void fake_done(struct fake *f)
{
	agent_client_freep(&f->client);
	ttrpc_server_freep(&f->server);
	loop_freep(&f->loop);
	buf_done(&f->seen);
	buf_done(&f->input);
	buf_done(&f->output);
}

static void connect_client(struct fake *f, int fd)
{
	const struct agent_client_config c = {
		.loop = f->loop, .fd = fd, .watch = watch, .arg = f
	};

	assert_ok(agent_client_new(&c, &f->client));
}

static void fake_start(struct fake *f)
{
	const struct ttrpc_server_config c = {
		.methods = methods, .n_methods = ARRAY_LEN(methods), .arg = f
	};
	int pair[2];

	*f = (struct fake){
		.seen = BUF_INIT(1 << 16), .input = BUF_INIT(1 << 20), .output = BUF_INIT(1 << 20)
	};
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	assert_ok(loop_new(&f->loop));
	assert_ok(ttrpc_server_new(f->loop, &c, &f->server));
	assert_ok(ttrpc_server_add(f->server, pair[0], false));
	connect_client(f, pair[1]);
}

static struct err create(struct fake *f)
{
	char *argv[] = { (char[]){ "/bin/hello" }, (char[]){ "world" } };
	AUTO(strv_done) struct strv env = { 0 };

	assert_ok(strv_add(&env, "A=1"));
	const struct agent_container c = {
		.id = "calm-otter",
		.hostname = "calm-otter",
		.image = "10.0.2.2:5000/app:1",
		.process = { .argv = argv, .n_argv = 2, .env = &env, .cwd = "" },
	};
	return agent_create_container(f->client, &c);
}

static struct err sandbox(struct fake *f)
{
	AUTO(strv_done) struct strv dns = { 0 };

	assert_ok(strv_add(&dns, "10.0.2.3"));
	const struct agent_sandbox s = { .id = "calm-otter", .hostname = "h", .dns = &dns };
	return agent_create_sandbox(f->client, &s);
}

static void test_whole_life(void **state)
{
	AUTO(fake_done) struct fake f;
	const struct agent_network n = { .device = "eth0",
		.mac = "02:00:00:00:00:01",
		.address = "10.0.2.15",
		.mask = "24",
		.gateway = "10.0.2.2",
		.mtu = 1500 };
	int status = 0;

	(void)state;
	fake_start(&f);
	assert_ok(agent_check(f.client));
	assert_ok(sandbox(&f));
	assert_ok(agent_configure_network(f.client, &n));
	assert_ok(create(&f));
	assert_ok(agent_start_container(f.client, "calm-otter"));
	assert_ok(agent_wait_process(f.client, "calm-otter", "", &status));
	assert_ok(agent_destroy_sandbox(f.client));
	assert_int_equal(status, 7);
	assert_string_equal(buf_cstr(&f.seen),
		"Check CreateSandbox id=calm-otter dns=nameserver 10.0.2.3 "
		"UpdateInterface eth0=10.0.2.15/24@02:00:00:00:00:01 "
		"UpdateRoutes [] via 10.0.2.2 "
		"CreateContainer calm-otter image_guest_pull 10.0.2.2:5000/app:1 overlay "
		"/run/kata-containers/calm-otter/rootfs | "
		"image_guest_pull={\"metadata\":{\"io.kubernetes.cri.container-type\":"
		"\"container\",\"io.kubernetes.cri.image-name\":\"10.0.2.2:5000/app:1\"}} | "
		"/bin/hello,world,A=1,StartContainer WaitProcess DestroySandbox ");
}

static void test_not_serving(void **state)
{
	AUTO(fake_done) struct fake f;

	(void)state;
	fake_start(&f);
	f.not_serving = true;
	assert_err(agent_check(f.client), ERR_STATE);
}

static void test_denial_arrives_whole(void **state)
{
	AUTO(fake_done) struct fake f;

	(void)state;
	fake_start(&f);
	f.refuse = "CreateContainer";
	assert_err(create(&f), ERR_DENIED);
	const struct denial *d = err_denial();
	assert_non_null(d);
	assert_string_equal(d->code, "manifest.argv");
	assert_string_equal(d->field, "argv[0]");
	assert_string_equal(d->expected, "/bin/hello");
	assert_string_equal(d->actual, "/bin/sh");
	assert_string_equal(d->id, "req-77");
	assert_err_text("CreateContainer");
}

static void test_death(void **state)
{
	AUTO(fake_done) struct fake f;
	int pair[2];

	(void)state;
	fake_start(&f);
	agent_client_freep(&f.client);
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	connect_client(&f, pair[1]);
	assert_int_equal(close(pair[0]), 0);
	assert_err(agent_check(f.client), ERR_PEER);
}

/* Whatever a broken guest sends, the call ends: at the latest when the watch has had enough. */
static void test_garbage_stream(void **state)
{
	static const uint8_t huge[] = { 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1, 2, 0 };
	static const uint8_t odd_type[] = { 0, 0, 0, 1, 0, 0, 0, 1, 0xee, 0, 'x' };
	static const uint8_t no_message[] = { 0, 0, 0, 2, 0, 0, 0, 1, 2, 0, 0xff, 0xff };
	static const uint8_t other_stream[] = { 0, 0, 0, 0, 0, 0, 0, 99, 2, 0 };
	const struct bytes noises[] = { BYTES_OF(huge), BYTES_OF(odd_type), BYTES_OF(no_message),
		BYTES_OF(other_stream) };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(noises); i++) {
		AUTO(fake_done) struct fake f;
		int pair[2];

		fake_start(&f);
		agent_client_freep(&f.client);
		assert_int_equal(
			socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair),
			0);
		connect_client(&f, pair[1]);
		assert_int_equal(write(pair[0], noises[i].p, noises[i].n), noises[i].n);
		f.give_up = 3;
		assert_true(failed(agent_check(f.client)));
		assert_int_equal(close(pair[0]), 0);
	}
}

static void test_garbage_answer(void **state)
{
	AUTO(fake_done) struct fake f;
	int status = 5;

	(void)state;
	fake_start(&f);
	f.garbage = "WaitProcess";
	assert_err(agent_wait_process(f.client, "c", "", &status), ERR_FORMAT);
	assert_int_equal(status, 5);
	assert_ok(agent_check(f.client)); /* the connection is still good */
}

static void test_watch_gives_up(void **state)
{
	AUTO(fake_done) struct fake f;

	(void)state;
	fake_start(&f);
	f.silent = "CreateSandbox";
	f.give_up = 2;
	assert_err(sandbox(&f), ERR_TIMEOUT);
	assert_err_text("nothing happened");
	f.give_up = 0;
	f.silent = NULL;
	ttrpc_answer(f.held, BYTES_NONE); /* too late, and harmless */
	assert_ok(agent_check(f.client));
}

static void test_stdio_through_pipes(void **state)
{
	AUTO(fake_done) struct fake f;
	AUTO(agent_stdio_freep) struct agent_stdio *io = NULL;
	AUTO(buf_done) struct buf got = BUF_INIT(1 << 20);
	uint8_t chunk[5000];
	int out[2], in[2];

	(void)state;
	fake_start(&f);
	for (int i = 0; i < BIG; i++)
		buf_u8(&f.output, i % 251);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(write(in[1], "some input", 10), 10);
	assert_int_equal(close(in[1]), 0);
	const struct agent_stdio_config c = { .container_id = "c",
		.exec_id = "",
		.stdin_fd = in[0],
		.stdout_fd = out[1],
		.stderr_fd = -1 };
	assert_ok(agent_stdio_new(f.client, &c, &io));
	/* More than a pipe holds: the loop must go on while the reader is slow. */
	for (int i = 0; i < 20000 && got.n < BIG; i++) {
		assert_ok(loop_once(f.loop, 0));
		if (i % 3 == 0 && i > 100) {
			ssize_t n = read(out[0], chunk, sizeof(chunk));

			assert_true(n > 0);
			buf_put(&got, bytes_of(chunk, (size_t)n));
		}
	}
	assert_int_equal(got.n, BIG);
	for (int i = 0; i < BIG; i++)
		assert_int_equal(got.p[i], i % 251);
	agent_stdio_drain(io, 1000);
	assert_bytes_equal(buf_bytes(&f.input), bytes_str("some input"));
	assert_true(f.stdin_closed);
	assert_null(agent_stdio_stdin_failure(io));
	(void)close(out[0]);
	(void)close(out[1]);
	(void)close(in[0]);
}

static void test_stdio_files(void **state)
{
	AUTO(fake_done) struct fake f;
	AUTO(agent_stdio_freep) struct agent_stdio *io = NULL;
	AUTO(auto_free) char *path = NULL;
	AUTO(auto_close) int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct buf written;

	(void)state;
	fake_start(&f);
	for (int i = 0; i < BIG; i++)
		buf_u8(&f.output, i % 251);
	assert_ok(path_join(test_dir(), "out", &path));
	AUTO(auto_close) int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(file >= 0 && null >= 0);
	const struct agent_stdio_config c = { .container_id = "c",
		.exec_id = "",
		.stdin_fd = null,
		.stdout_fd = file,
		.stderr_fd = -1 };
	assert_ok(agent_stdio_new(f.client, &c, &io));
	agent_stdio_drain(io, 5000);
	written = test_file(path);
	assert_int_equal(written.n, BIG);
	buf_done(&written);
	assert_true(f.stdin_closed);
}

static void test_stdin_refused(void **state)
{
	AUTO(fake_done) struct fake f;
	AUTO(agent_stdio_freep) struct agent_stdio *io = NULL;
	int in[2];

	(void)state;
	fake_start(&f);
	f.refuse = "WriteStdin";
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(write(in[1], "x", 1), 1);
	const struct agent_stdio_config c = { .container_id = "c",
		.exec_id = "",
		.stdin_fd = in[0],
		.stdout_fd = -1,
		.stderr_fd = -1 };
	assert_ok(agent_stdio_new(f.client, &c, &io));
	for (int i = 0; i < 100 && !agent_stdio_stdin_failure(io); i++)
		assert_ok(loop_once(f.loop, 10));
	assert_non_null(agent_stdio_stdin_failure(io));
	assert_non_null(strstr(agent_stdio_stdin_failure(io), "manifest.argv"));
	(void)close(in[0]);
	(void)close(in[1]);
}

/* Calls under way when everything goes: nothing leaks, nothing is used after. */
static void test_freed_in_the_middle(void **state)
{
	AUTO(fake_done) struct fake f;
	AUTO(agent_stdio_freep) struct agent_stdio *io = NULL;
	const struct agent_stdio_config c = {
		.container_id = "c", .exec_id = "", .stdin_fd = -1, .stdout_fd = -1, .stderr_fd = -1
	};

	(void)state;
	fake_start(&f);
	assert_ok(agent_stdio_new(f.client, &c, &io));
	agent_stdio_freep(&io);
	assert_ok(loop_once(f.loop, 10));
	assert_ok(agent_stdio_new(f.client, &c, &io));
	agent_client_freep(&f.client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole_life),
		cmocka_unit_test(test_not_serving),
		cmocka_unit_test(test_denial_arrives_whole),
		cmocka_unit_test(test_death),
		cmocka_unit_test(test_garbage_stream),
		cmocka_unit_test(test_garbage_answer),
		cmocka_unit_test(test_watch_gives_up),
		cmocka_unit_test(test_stdio_through_pipes),
		cmocka_unit_test(test_stdio_files),
		cmocka_unit_test(test_stdin_refused),
		cmocka_unit_test(test_freed_in_the_middle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
