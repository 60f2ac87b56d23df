/*
 * The shim above a hostile guest: an engine's requests go through the real shim, the real sandbox
 * and the agent's client. What the guest says on its four channels, when QEMU ends and when time
 * passes is the fuzzer's, also in the middle of a start or a stop. Records: one byte what, one byte
 * length, that many bytes. Time stands still between records, and memory has a bound.
 */
#include "shim_input.h"

#include <fcntl.h>
#include <health.pb-c.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <base/clock.h>
#include <base/log.h>
#include <base/reader.h>
#include <runtime/host_cgroup.h>
#include <runtime/vm.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* In place of these are the functions below (-Wl,--wrap). */
RESULT __wrap_vm_start(struct vm_launch *l, struct vm *ret_vm);
RESULT __wrap_host_cgroup_new(const struct host_cgroup_spec *spec, struct host_cgroup **ret_group);
void __wrap_pod_kill_users(const char *dir);
RESULT __wrap_pod_unmount_below(const char *dir);
int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout_ms);
int __real_poll(struct pollfd *fds, nfds_t n, int timeout_ms);
RESULT __wrap_process_wait(struct process *p, int timeout_ms, int *ret_status);
RESULT __real_process_wait(struct process *p, int timeout_ms, int *ret_status);
uint64_t __wrap_clock_monotonic_ms(void);
RESULT __wrap_loop_once(struct loop *l, int timeout_ms);
RESULT __real_loop_once(struct loop *l, int timeout_ms);
RESULT __wrap_loop_add_timer(struct loop *l, uint64_t delay_ms, uint64_t period_ms,
	loop_timer_fn *fn, void *arg, struct loop_source **ret_source);
RESULT __real_loop_add_timer(struct loop *l, uint64_t delay_ms, uint64_t period_ms,
	loop_timer_fn *fn, void *arg, struct loop_source **ret_source);
void __wrap_loop_remove(struct loop_source *s);
void __real_loop_remove(struct loop_source *s);
/* Of the address sanitizer; NULL without it. */
size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

enum {
	RECORDS_MAX = 96,
	ROUNDS = 8,
	NAMED = 0x80, /* ids are filled in, else the bytes are the request */
	GUEST = 0x40, /* something happens in the guest */
	CHANNELS = 4, /* agent, log, console, QMP */
	AGENT = 0,
	QMP = 3,
	HELD_MAX = 64,
	TIMERS_MAX = 64,
	CHUNK = 64 * 1024,
	INPUT_SIZE = 100 * 1024,
	DAY_MS = 24 * 3600 * 1000,
	STREAM_MEMORY_MAX = 64 * 1024 * 1024,
	MESSAGE_MAX = 64 * 1024
};

struct timer {
	struct loop_source *source;
	loop_timer_fn *fn;
	void *arg;
	bool repeats;
};

static struct {
	struct loop *loop;
	struct reader records;
	unsigned n_records;
	uint32_t stream; /* of the engine's next request */
	int engine;
	uint64_t now;
	struct timer timers[TIMERS_MAX];
	size_t n_timers;
	int fds[CHANNELS], pidfd, qemu;
	struct loop_source *asked, *commanded;
	struct buf in;
	uint32_t held[HELD_MAX];
	size_t n_held;
	bool holds;
	uint8_t answer[256]; /* to what is not held */
	size_t n_answer;
	bool over;
	size_t memory;
} g;

/* What is written often is in memory; an encrypted volume must not be. */
static char dir[] = "/tmp/sealpod-fuzz-guest-XXXXXX";
static char run_dir[] = "/dev/shm/sealpod-fuzz-guest-XXXXXX";
static char *in_path, *out_path, *config_path;
static int drain_fd;

/* ---- time ---- */

uint64_t __wrap_clock_monotonic_ms(void)
{
	return g.now;
}

/* Timers that are not due at once wait for a record. */
RESULT __wrap_loop_add_timer(struct loop *l, uint64_t delay_ms, uint64_t period_ms,
	loop_timer_fn *fn, void *arg, struct loop_source **ret_source)
{
	struct loop_source *source = NULL;

	if (delay_ms == 0 || g.n_timers == TIMERS_MAX)
		return __real_loop_add_timer(l, delay_ms, period_ms, fn, arg, ret_source);
	TRY(__real_loop_add_timer(l, DAY_MS, 0, fn, arg, &source));
	g.timers[g.n_timers++] = (struct timer){ source, fn, arg, period_ms > 0 };
	if (ret_source)
		*ret_source = source;
	return OK;
}

static void forget_timer(size_t i)
{
	g.timers[i] = g.timers[--g.n_timers];
}

void __wrap_loop_remove(struct loop_source *s)
{
	for (size_t i = 0; i < g.n_timers; i++) {
		if (g.timers[i].source == s)
			forget_timer(i);
	}
	__real_loop_remove(s);
}

static void drain(void)
{
	static uint8_t sink[CHUNK];

	while (read(drain_fd, sink, sizeof(sink)) > 0)
		;
}

/* A reader of the output comes by when the record says so. */
static void pass_time(struct bytes b)
{
	size_t i = b.n > 1 && g.n_timers > 0 ? b.p[1] % g.n_timers : 0;

	g.now += b.n > 0 ? b.p[0] * 1000u : 0;
	if (b.n > 2)
		drain();
	if (g.n_timers == 0)
		return;
	struct timer t = g.timers[i];
	if (!t.repeats)
		forget_timer(i);
	t.fn(t.arg);
}

/* ---- the machine ---- */

static void close_guest(void)
{
	__wrap_loop_remove(g.asked);
	__wrap_loop_remove(g.commanded);
	g.asked = g.commanded = NULL;
	for (size_t i = 0; i < CHANNELS; i++) {
		auto_close(&g.fds[i]);
		g.fds[i] = -1;
	}
	auto_close(&g.pidfd);
	auto_close(&g.qemu);
	g.pidfd = g.qemu = -1;
	g.n_held = 0;
	buf_clear(&g.in);
}

static void say(size_t channel, struct bytes data)
{
	ssize_t n = g.fds[channel] < 0
			    ? 0
			    : send(g.fds[channel], data.p, data.n, MSG_DONTWAIT | MSG_NOSIGNAL);

	(void)n; /* a full channel loses some */
}

static void say_frame(uint32_t length, uint32_t stream, uint8_t type, struct bytes data)
{
	AUTO(buf_done) struct buf frame = BUF_INIT(MESSAGE_MAX);

	buf_be32(&frame, length);
	buf_be32(&frame, stream);
	buf_u8(&frame, type);
	buf_u8(&frame, 0);
	buf_put(&frame, data);
	say(AGENT, buf_bytes(&frame));
}

static void respond(uint32_t stream, int code, struct bytes payload)
{
	AUTO(buf_done) struct buf body = BUF_INIT(MESSAGE_MAX);
	Ttrpc__Response r = TTRPC__RESPONSE__INIT;
	Ttrpc__Status status = TTRPC__STATUS__INIT;

	status.code = code;
	status.message = text_of("no");
	r.status = code ? &status : NULL;
	r.payload.data = (uint8_t *)(uintptr_t)payload.p;
	r.payload.len = payload.n;
	if (failed(pb_pack(&r.base, &body)))
		abort();
	say_frame((uint32_t)body.n, stream, 2, buf_bytes(&body));
}

static void on_call(uint32_t stream, struct bytes message)
{
	AUTO(pb_free_any) Ttrpc__Request *q = NULL;
	static const uint8_t serving[] = { 8, 1 };

	if (failed(PB_UNPACK(ttrpc__request, message, &q)))
		abort();
	if (str_equal(q->method, "Check"))
		respond(stream, 0, BYTES_OF(serving));
	else if (!g.holds && !str_equal(q->method, "GetOOMEvent") &&
		 !str_equal(q->method, "WaitProcess"))
		respond(stream, 0, bytes_of(g.answer, g.n_answer));
	else if (g.n_held < HELD_MAX)
		g.held[g.n_held++] = stream;
}

static void on_agent(void *arg, int fd, unsigned events)
{
	uint8_t *to = buf_grow(&g.in, CHUNK);
	ssize_t n = to ? read(fd, to, CHUNK) : -1;

	(void)arg;
	(void)events;
	if (!to)
		abort();
	g.in.n -= CHUNK - (n > 0 ? (size_t)n : 0);
	if (n <= 0) {
		__wrap_loop_remove(g.asked);
		g.asked = NULL;
		return;
	}
	for (;;) {
		struct reader r = rd_of(buf_bytes(&g.in));
		uint32_t length = rd_be32(&r), stream = rd_be32(&r);

		(void)rd_be16(&r);
		struct bytes message = rd_take(&r, length);
		if (!rd_ok(&r))
			break;
		on_call(stream, message);
		if (g.in.n == 0)
			break; /* closed meanwhile */
		buf_consume(&g.in, 10 + (size_t)length);
	}
}

/* QEMU is no enemy, but a part of what the guest does comes through it. */
static void on_command(void *arg, int fd, unsigned events)
{
	static char text[CHUNK];
	ssize_t n = read(fd, text, sizeof(text) - 1);
	char answer[64];

	(void)arg;
	(void)events;
	if (n <= 0) {
		__wrap_loop_remove(g.commanded);
		g.commanded = NULL;
		return;
	}
	text[n] = '\0';
	for (const char *id = text; (id = strstr(id, "\"id\":")) != NULL; id++) {
		(void)snprintf(answer, sizeof(answer), "{\"return\":{},\"id\":%llu}\n",
			strtoull(id + strlen("\"id\":"), NULL, 10));
		if (!g.holds)
			say(QMP, bytes_str(answer));
	}
}

RESULT __wrap_vm_start(struct vm_launch *l, struct vm *ret_vm)
{
	int *const ours[CHANNELS] = { &ret_vm->agent_fd, &ret_vm->log_fd, &ret_vm->console_fd,
		&ret_vm->qmp_fd };
	int pair[2];

	(void)l;
	close_guest();
	*ret_vm = VM_NONE;
	for (size_t i = 0; i < CHANNELS; i++) {
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
			abort();
		*ours[i] = pair[0];
		g.fds[i] = pair[1];
	}
	if (pipe2(pair, O_CLOEXEC) != 0)
		abort();
	ret_vm->qemu.pidfd = g.pidfd = pair[0];
	g.qemu = pair[1];
	if (failed(loop_add_fd(g.loop, g.fds[AGENT], EPOLLIN, on_agent, NULL, &g.asked)) ||
		failed(loop_add_fd(g.loop, g.fds[QMP], EPOLLIN, on_command, NULL, &g.commanded)))
		abort();
	say(QMP, bytes_str("{\"QMP\":{}}\n"));
	return OK;
}

RESULT __wrap_process_wait(struct process *p, int timeout_ms, int *ret_status)
{
	if (p->pid >= 0 || p->pidfd < 0 || p->pidfd != g.pidfd)
		return __real_process_wait(p, timeout_ms, ret_status);
	if (g.qemu >= 0)
		return err_new(ERR_TIMEOUT, "QEMU runs");
	*ret_status = 0;
	return OK;
}

int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout_ms)
{
	(void)timeout_ms;
	return __real_poll(fds, n, 0);
}

/* ---- what must not touch this host ---- */

RESULT __wrap_host_cgroup_new(const struct host_cgroup_spec *spec, struct host_cgroup **ret_group)
{
	(void)spec;
	(void)ret_group;
	return err_new(ERR_UNSUPPORTED, "no control groups");
}

void __wrap_pod_kill_users(const char *pod_dir)
{
	(void)pod_dir;
}

RESULT __wrap_pod_unmount_below(const char *pod_dir)
{
	(void)pod_dir;
	return OK;
}

/* ---- records ---- */

static void answer_held(int code, struct bytes payload)
{
	if (g.n_held == 0)
		return;
	uint32_t stream = g.held[0];
	memmove(g.held, g.held + 1, --g.n_held * sizeof(g.held[0]));
	respond(stream, code, payload);
}

static void flood(size_t channel)
{
	static uint8_t text[CHUNK];

	memset(text, '\n', sizeof(text));
	for (size_t i = 0; i + 32 < sizeof(text); i += 32)
		memcpy(text + i, "{\"event\":\"stage\",\"ms\":1}", 24);
	say(channel, BYTES_OF(text));
}

static void set_answer(struct bytes b)
{
	g.holds = b.n > 0 && b.p[0] != 0;
	g.n_answer = b.n > 0 ? b.n - 1 : 0;
	if (g.n_answer > 0)
		memcpy(g.answer, b.p + 1, g.n_answer);
}

static void close_channel(size_t i)
{
	if (g.fds[i] >= 0)
		(void)shutdown(g.fds[i], SHUT_RDWR);
}

static void end_qemu(void)
{
	for (size_t i = 0; i < CHANNELS; i++)
		close_channel(i);
	auto_close(&g.qemu);
	g.qemu = -1;
}

static void on_frame(struct bytes b, bool giant)
{
	struct reader r = rd_of(b);
	uint8_t stream = rd_u8(&r), type = rd_u8(&r);
	uint32_t length = giant ? rd_be32(&r) : (uint32_t)r.left;

	say_frame(length, stream, type, rd_rest(&r));
}

static void in_guest(uint8_t what, struct bytes b)
{
	switch (what % 16) {
	case 0:
		answer_held(0, b);
		break;
	case 1:
		answer_held(b.n > 0 ? b.p[0] : 2, BYTES_NONE);
		break;
	case 2:
	case 3:
		on_frame(b, what % 2 == 1);
		break;
	case 4:
		set_answer(b);
		break;
	case 5:
	case 6:
	case 7:
	case 8:
		say(what % 16 - 5u, b);
		break;
	case 9:
		flood(b.n > 0 ? b.p[0] % CHANNELS : 1);
		break;
	case 10:
		close_channel(b.n > 0 ? b.p[0] % CHANNELS : AGENT);
		break;
	case 11:
		end_qemu();
		break;
	default:
		pass_time(b);
		break;
	}
}

static void on_request(uint8_t what, struct bytes b)
{
	static const struct fuzz_bundles bundles = { .dir = dir };
	struct fuzz_bundles named = bundles;
	AUTO(buf_done) struct buf request = BUF_INIT(4096);
	size_t method = (what & 0x3f) % shim_methods_n;

	named.in = in_path;
	named.out = out_path;
	g.stream += 2;
	if (what & NAMED) {
		fuzz_named_request(&named, method, b.n > 0 ? b.p[0] : 0, &request);
		fuzz_send_request(g.engine, g.stream, method, buf_bytes(&request));
	} else if (!fuzz_is_method(method, "Create") && !fuzz_is_method(method, "Exec") &&
		   !fuzz_is_method(method, "CreateSandbox")) { /* which name files of this host */
		fuzz_send_request(g.engine, g.stream, method, b);
	}
}

static void play_record(void)
{
	uint8_t what = rd_u8(&g.records), n = rd_u8(&g.records);
	struct bytes b = rd_take(&g.records, n < g.records.left ? n : g.records.left);

	g.n_records++;
	if (what & GUEST && !(what & NAMED))
		in_guest(what, b);
	else
		on_request(what, b);
}

static bool has_records(void)
{
	return rd_more(&g.records) && g.n_records < RECORDS_MAX;
}

/* The tests' own and whatever pumps: each round one record, and QEMU ends after the last. */
RESULT __wrap_loop_once(struct loop *l, int timeout_ms)
{
	static uint8_t sink[CHUNK];

	g.now += timeout_ms > 0 ? (unsigned)timeout_ms : 1;
	if (has_records())
		play_record();
	else
		end_qemu();
	for (unsigned i = 0; i < ROUNDS; i++)
		TRY(__real_loop_once(l, 0));
	while (recv(g.engine, sink, sizeof(sink), MSG_DONTWAIT) > 0)
		;
	if (__sanitizer_get_current_allocated_bytes &&
		__sanitizer_get_current_allocated_bytes() > g.memory + STREAM_MEMORY_MAX)
		abort();
	return OK;
}

/* ---- files ---- */

static void remove_dir(void)
{
	err_ignore(dir_remove_tree(dir));
	err_ignore(dir_remove_tree(run_dir));
	free(in_path);
	free(out_path);
	free(config_path);
}

static void write_bundle(const char *name, const char *role)
{
	AUTO(auto_free) char *bundle = NULL;
	AUTO(auto_free) char *path = NULL;
	AUTO(auto_free) char *file = NULL;
	AUTO(auto_free) char *config = NULL;
	AUTO(auto_free) char *text = NULL;

	if (failed(path_join(dir, name, &bundle)) || failed(dir_make(bundle, 0700)) ||
		failed(path_join(bundle, "kubernetes.io~configmap/app", &path)) ||
		failed(dir_make(path, 0700)) ||
		failed(str_format(&text,
			"{\"annotations\":{\"io.kubernetes.cri.container-type\":\"%s\","
			"\"io.kubernetes.cri.sandbox-id\":\"a\",\"io.kubernetes.cri.image-name\":"
			"\"r/app\",\"io.kubernetes.container.terminationMessagePath\":\"/end\"},"
			"\"process\":{\"args\":[\"sh\"]},\"root\":{\"path\":\"rootfs\"},\"mounts\":"
			"[{\"destination\":\"/end\",\"type\":\"bind\",\"source\":\"%s/key\"},"
			"{\"destination\":\"/etc/app\",\"type\":\"bind\",\"source\":\"%s\"},"
			"{\"destination\":\"/scratch\",\"type\":\"bind\",\"source\":"
			"\"%s/kubernetes.io~empty-dir/scratch\"}]}",
			role, path, path, bundle)))
		abort();
	fuzz_write_file(path, "key", bytes_str("value"), &file);
	free(path);
	path = NULL;
	if (failed(path_join(bundle, "kubernetes.io~empty-dir/scratch", &path)) ||
		failed(dir_make(path, 0700)))
		abort();
	fuzz_write_file(bundle, "config.json", bytes_str(text), &config);
}

static void write_files(void)
{
	static uint8_t input[INPUT_SIZE];
	AUTO(auto_free) char *kernel = NULL;
	AUTO(auto_free) char *text = NULL;

	fuzz_write_file(dir, "kernel", bytes_str("kernel"), &kernel);
	fuzz_write_file(dir, "in", BYTES_OF(input), &in_path);
	if (failed(path_join(dir, "out", &out_path)) || mkfifo(out_path, 0600) != 0 ||
		failed(str_format(&text,
			"[runtime]\nrun_dir = \"%s/run\"\nstate_dir = \"%s/state\"\n"
			"[handler.h]\nplatform = \"none\"\narch = \"x86_64\"\naccel = \"tcg\"\n"
			"kernel = \"%s\"\ninitrd = \"%s\"\nshared_fs = \"none\"\n"
			"empty_dir = \"encrypted\"\n",
			run_dir, run_dir, kernel, kernel)))
		abort();
	fuzz_write_file(dir, "config.toml", bytes_str(text), &config_path);
	drain_fd = open(out_path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
}

static void prepare(void)
{
	static bool done;

	if (done)
		return;
	if (!mkdtemp(dir) || !mkdtemp(run_dir) || atexit(remove_dir) != 0 ||
		signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		abort();
	log_init("fuzz", LOG_ERROR, LOG_TEXT, open("/dev/null", O_WRONLY | O_CLOEXEC));
	write_files();
	write_bundle("0", "single");
	write_bundle("1", "sandbox");
	write_bundle("2", "container");
	done = true;
}

/* ---- one life of a pod ---- */

static void on_over(void *arg)
{
	(void)arg;
	g.over = true;
}

static void serve(struct shim *s)
{
	const struct ttrpc_server_config c = { .methods = shim_methods,
		.n_methods = shim_methods_n,
		.arg = s,
		.unknown_method = TTRPC_UNIMPLEMENTED };
	struct ttrpc_server *server = NULL;
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) != 0 ||
		failed(ttrpc_server_new(g.loop, &c, &server)) ||
		failed(ttrpc_server_add(server, fds[0], false)))
		abort();
	g.engine = fds[1];
	while (has_records() && !g.over) {
		if (failed(loop_once(g.loop, 0)))
			abort();
	}
	shim_freep(&s);
	ttrpc_server_free(server);
	(void)close(fds[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct events *events = NULL;
	struct shim *s = NULL;

	prepare();
	drain();
	memset(&g, 0, sizeof(g));
	g.records = rd_of(bytes_of(data, size));
	g.in = BUF_INIT(2 * TTRPC_MESSAGE_MAX);
	g.pidfd = g.qemu = -1;
	for (size_t i = 0; i < CHANNELS; i++)
		g.fds[i] = -1;
	g.now = 1000;
	g.stream = 1;
	if (__sanitizer_get_current_allocated_bytes)
		g.memory = __sanitizer_get_current_allocated_bytes();
	struct events_config c = {
		.ns = "n", .ttrpc_address = "/nonexistent/socket", .address = "", .publish = ""
	};
	struct shim_config sc = { .ns = "n", .id = "a", .handler = "h", .ended = on_over };

	if (failed(loop_new(&g.loop)))
		abort();
	c.loop = sc.loop = g.loop;
	sc.config_path = config_path;
	if (failed(events_new(&c, &events)))
		abort();
	sc.events = events;
	if (failed(shim_new(&sc, &s)))
		abort();
	serve(s);
	events_freep(&events);
	close_guest();
	loop_free(g.loop);
	buf_done(&g.in);
	return 0;
}
