#include "fake_sandbox.h"

#include <agent.pb-c.h>
#include <signal.h>
#include <stdlib.h>

#include <base/clock.h>
#include <net/pb.h>
#include <net/ttrpc.h>
#include <sys/socket.h>

enum {
	PROCESSES_MAX = 64,
	READERS_MAX = 2,
	STOP_ROUNDS = 4
};

struct fake fake = { .seen = { .max = 1 << 20 } };

struct fake_process {
	char id[128], exec_id[128];
	bool used, ended;
	int status;
	sandbox_exit_fn *wait;
	void *arg;
	struct buf out;
	struct ttrpc_call *readers[READERS_MAX]; /* stdout, stderr */
};

struct sandbox {
	struct sandbox_config c;
	struct agent_client *agent;
	struct ttrpc_server *server;
	struct fake_process processes[PROCESSES_MAX];
	bool running, aborted;
	unsigned pending;
};

void fake_reset(void)
{
	struct buf seen = fake.seen;

	buf_clear(&seen);
	fake = (struct fake){ .seen = seen };
}

static void note(const char *what, const char *id, const char *exec_id)
{
	buf_printf(&fake.seen, "%s(%s%s%s) ", what, id, exec_id[0] ? "/" : "", exec_id);
}

static struct fake_process *find(struct sandbox *s, const char *id, const char *exec_id)
{
	for (size_t i = 0; s && i < PROCESSES_MAX; i++) {
		struct fake_process *p = &s->processes[i];

		if (p->used && str_equal(p->id, id) && str_equal(p->exec_id, exec_id))
			return p;
	}
	return NULL;
}

static struct fake_process *add(struct sandbox *s, const char *id, const char *exec_id)
{
	for (size_t i = 0; i < PROCESSES_MAX; i++) {
		struct fake_process *p = &s->processes[i];

		if (p->used)
			continue;
		*p = (struct fake_process){ .used = true, .out = BUF_INIT(4 << 20) };
		(void)snprintf(p->id, sizeof(p->id), "%s", id);
		(void)snprintf(p->exec_id, sizeof(p->exec_id), "%s", exec_id);
		return p;
	}
	abort();
}

/* ---- the agent ---- */

static void answer_read(struct ttrpc_call *call, struct bytes data)
{
	AUTO(buf_done) struct buf out = BUF_INIT(4 << 20);
	Agent__ReadStreamResponse r = AGENT__READ_STREAM_RESPONSE__INIT;

	r.data.data = (uint8_t *)(uintptr_t)data.p;
	r.data.len = data.n;
	if (failed(pb_pack(&r.base, &out)))
		abort();
	ttrpc_answer(call, buf_bytes(&out));
}

static void serve_readers(struct fake_process *p)
{
	if (p->readers[0] && p->out.n > 0) {
		size_t n = p->out.n < 65536 ? p->out.n : 65536;

		answer_read(TAKE(p->readers[0]), bytes_of(p->out.p, n));
		buf_consume(&p->out, n);
	}
	for (size_t i = 0; i < READERS_MAX; i++) {
		if (p->readers[i] && p->ended && !fake.linger)
			answer_read(TAKE(p->readers[i]), BYTES_NONE);
	}
}

static void read_stream(struct sandbox *s, struct ttrpc_call *call, struct bytes payload, size_t i)
{
	AUTO(pb_free_any) Agent__ReadStreamRequest *q = NULL;
	struct fake_process *p = NULL;

	if (!failed(PB_UNPACK(agent__read_stream_request, payload, &q)))
		p = find(s, q->container_id, q->exec_id);
	if (!p || p->readers[i]) {
		ttrpc_fail_as(call, TTRPC_NOT_FOUND, "no such process");
		return;
	}
	p->readers[i] = call;
	serve_readers(p);
}

static void read_stdout(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	read_stream(arg, call, payload, 0);
}

static void read_stderr(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	read_stream(arg, call, payload, 1);
}

static void write_stdin(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	AUTO(buf_done) struct buf out = BUF_INIT(4096);
	AUTO(pb_free_any) Agent__WriteStreamRequest *q = NULL;
	Agent__WriteStreamResponse r = AGENT__WRITE_STREAM_RESPONSE__INIT;
	struct fake_process *p = NULL;

	if (!failed(PB_UNPACK(agent__write_stream_request, payload, &q)))
		p = find(arg, q->container_id, q->exec_id);
	if (!p) {
		ttrpc_fail_as(call, TTRPC_NOT_FOUND, "no such process");
		return;
	}
	if (fake.echo)
		buf_put(&p->out, bytes_of(q->data.data, q->data.len));
	r.len = (uint32_t)q->data.len;
	if (failed(pb_pack(&r.base, &out)))
		abort();
	ttrpc_answer(call, buf_bytes(&out));
	serve_readers(p);
}

static void close_stdin(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	AUTO(pb_free_any) Agent__CloseStdinRequest *q = NULL;

	(void)arg;
	if (!failed(PB_UNPACK(agent__close_stdin_request, payload, &q)))
		note("close-stdin", q->container_id, q->exec_id);
	ttrpc_answer(call, BYTES_NONE);
}

static const struct ttrpc_method agent_methods[] = {
	{ "grpc.AgentService", "ReadStdout", read_stdout },
	{ "grpc.AgentService", "ReadStderr", read_stderr },
	{ "grpc.AgentService", "WriteStdin", write_stdin },
	{ "grpc.AgentService", "CloseStdin", close_stdin },
};

static RESULT open_agent(struct sandbox *s)
{
	struct ttrpc_server_config c = {
		.methods = agent_methods, .n_methods = ARRAY_LEN(agent_methods), .arg = s
	};
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) != 0)
		return err_new(ERR_SYS, "socketpair");
	TRY(ttrpc_server_new(s->c.loop, &c, &s->server));
	TRY(ttrpc_server_add(s->server, fds[0], false));
	return agent_client_new(
		&(struct agent_client_config){ .loop = s->c.loop, .fd = fds[1] }, &s->agent);
}

static void close_agent(struct sandbox *s)
{
	agent_client_freep(&s->agent);
	ttrpc_server_free(TAKE(s->server));
	for (size_t i = 0; i < PROCESSES_MAX; i++) {
		struct fake_process *p = &s->processes[i];

		for (size_t k = 0; k < READERS_MAX; k++) {
			if (p->readers[k])
				answer_read(TAKE(p->readers[k]), BYTES_NONE);
		}
	}
}

/* ---- answers come later ---- */

struct later {
	struct sandbox *s;
	struct loop_source *timer;
	sandbox_done_fn *fn;
	sandbox_exit_fn *exit;
	sandbox_stats_fn *stats;
	void *arg;
	struct err_saved e;
	int status;
};

static void on_later(void *arg)
{
	struct later *l = arg;
	Agent__StatsContainerResponse r = AGENT__STATS_CONTAINER_RESPONSE__INIT;
	struct err e = l->e.code == ERR_OK ? OK : err_restore(&l->e);

	loop_remove(l->timer);
	l->s->pending--;
	if (l->fn)
		l->fn(l->arg, e);
	else if (l->exit)
		l->exit(l->arg, e, l->status);
	else
		l->stats(l->arg, e, failed(e) ? NULL : &r);
	free(l);
}

static struct later *later(struct sandbox *s, const char *what, void *arg)
{
	struct later *l = calloc(1, sizeof(*l));

	if (!l)
		abort();
	l->s = s;
	l->arg = arg;
	if (fake.fail && str_equal(fake.fail, what))
		err_save(err_new(ERR_PEER, "%s failed", what), &l->e);
	else if (!s->running)
		err_save(err_new(ERR_PEER, "the machine is gone"), &l->e);
	if (failed(loop_add_timer(s->c.loop, 0, 0, on_later, l, &l->timer)))
		abort();
	s->pending++;
	return l;
}

static RESULT done_later(struct sandbox *s, const char *what, sandbox_done_fn *fn, void *arg)
{
	later(s, what, arg)->fn = fn;
	return OK;
}

static void tell_exit(struct sandbox *s, struct fake_process *p)
{
	struct later *l;

	if (!p->wait)
		return;
	l = later(s, "wait", p->arg);
	l->exit = p->wait;
	l->status = p->status;
	p->wait = NULL;
}

static void end(struct sandbox *s, struct fake_process *p, int status)
{
	if (p->ended)
		return;
	p->ended = true;
	p->status = status;
	serve_readers(p);
	tell_exit(s, p);
}

/* ---- the interface ---- */

RESULT sandbox_new(const struct sandbox_config *c, struct sandbox **ret_sandbox)
{
	struct sandbox *s;

	if (fake.fail && str_equal(fake.fail, "new"))
		return err_new(ERR_DENIED, "an annotation is not allowed");
	s = calloc(1, sizeof(*s));
	if (!s)
		return err_new(ERR_NOMEM, "sandbox");
	s->c = *c;
	note("new", c->id, c->new_netns ? "empty" : c->netns ? c->netns : "");
	fake.sandbox = s;
	*ret_sandbox = s;
	return OK;
}

RESULT sandbox_start(struct sandbox *s)
{
	uint64_t end_ms = clock_monotonic_ms() + fake.boot_ms;

	while (!s->aborted && clock_monotonic_ms() < end_ms)
		TRY(loop_once(s->c.loop, 5));
	if (s->aborted)
		return err_new(ERR_STATE, "aborted");
	if (fake.fail && str_equal(fake.fail, "start"))
		return err_new(ERR_TIMEOUT, "the agent did not come");
	TRY(open_agent(s));
	s->running = true;
	note("start", s->c.id, "");
	return OK;
}

RESULT sandbox_network_update(struct sandbox *s)
{
	uint64_t end_ms = clock_monotonic_ms() + fake.network_ms;

	if (!s->c.new_netns)
		return OK;
	note("network", s->c.id, "");
	while (!s->aborted && clock_monotonic_ms() < end_ms)
		TRY(loop_once(s->c.loop, 5));
	if (s->aborted)
		return err_new(ERR_STATE, "aborted");
	return fake.fail && str_equal(fake.fail, "network")
		       ? err_new(ERR_NOT_FOUND, "no place for eth0")
		       : OK;
}

void sandbox_abort(struct sandbox *s)
{
	s->aborted = true;
}

void sandbox_stop(struct sandbox *s)
{
	if (s->agent)
		note("stop", s->c.id, "");
	s->running = false;
	for (size_t i = 0; i < PROCESSES_MAX; i++) {
		if (s->processes[i].used)
			end(s, &s->processes[i], 255);
	}
	while (s->pending > 0 && !failed(loop_once(s->c.loop, 10)))
		;
	/* A guest takes its time to power off. */
	for (unsigned i = 0; i < STOP_ROUNDS; i++)
		err_ignore(loop_once(s->c.loop, 0));
	close_agent(s);
}

void sandbox_freep(struct sandbox **sandbox)
{
	struct sandbox *s = *sandbox;

	*sandbox = NULL;
	if (!s)
		return;
	sandbox_stop(s);
	for (size_t i = 0; i < PROCESSES_MAX; i++)
		buf_done(&s->processes[i].out);
	fake.sandbox = NULL;
	free(s);
}

pid_t sandbox_pid(const struct sandbox *s)
{
	return s->running ? FAKE_PID : 0;
}

void sandbox_host_stats(const struct sandbox *s, struct pod_host_stats *ret_stats)
{
	*ret_stats = (struct pod_host_stats){
		.processes = { { .user_ns = 2, .system_ns = 3 } },
		.n_processes = s->running ? 1 : 0,
		.all = { .cpu_ns = 5, .memory_bytes = 4096, .processes = 1, .read_bytes = 7 },
	};
}

bool sandbox_confined(const struct sandbox *s)
{
	return s->running;
}

void sandbox_streams(struct sandbox *s, const char *id, bool input)
{
	(void)s;
	(void)id;
	(void)input;
}

struct agent_client *sandbox_agent(struct sandbox *s)
{
	return s->agent;
}

RESULT sandbox_clean(const char *run_dir, const char *id)
{
	(void)run_dir;
	note("clean", id, "");
	fake.cleaned = true;
	return OK;
}

RESULT sandbox_container_create(
	struct sandbox *s, const struct sandbox_container *c, sandbox_done_fn *fn, void *arg)
{
	note("create", c->id, c->placeholder ? "pause" : "");
	if (!(fake.fail && str_equal(fake.fail, "create")))
		(void)add(s, c->id, "");
	return done_later(s, "create", fn, arg);
}

RESULT sandbox_container_start(struct sandbox *s, const char *id, sandbox_done_fn *fn, void *arg)
{
	note("run", id, "");
	if (fake.ends_at_once)
		fake_exit(id, "", 0);
	return done_later(s, "run", fn, arg);
}

RESULT sandbox_container_remove(struct sandbox *s, const char *id, sandbox_done_fn *fn, void *arg)
{
	struct later *l;

	note("remove", id, "");
	for (size_t i = 0; i < PROCESSES_MAX; i++) {
		if (s->processes[i].used && str_equal(s->processes[i].id, id)) {
			end(s, &s->processes[i], 137);
			buf_done(&s->processes[i].out);
			s->processes[i].used = false;
		}
	}
	l = later(s, "remove", arg);
	l->fn = fn;
	if (!(fake.fail && str_equal(fake.fail, "remove")))
		l->e.code = ERR_OK; /* works without a machine */
	return OK;
}

RESULT sandbox_exec(struct sandbox *s, const char *id, const char *exec_id, struct bytes process,
	sandbox_done_fn *fn, void *arg)
{
	(void)process;
	note("exec", id, exec_id);
	if (!(fake.fail && str_equal(fake.fail, "exec")))
		(void)add(s, id, exec_id);
	return done_later(s, "exec", fn, arg);
}

RESULT sandbox_signal(struct sandbox *s, const char *id, const char *exec_id, int signo, bool all,
	sandbox_done_fn *fn, void *arg)
{
	struct fake_process *p = find(s, id, exec_id);

	(void)all;
	buf_printf(&fake.seen, "signal(%s%s%s,%d) ", id, exec_id[0] ? "/" : "", exec_id, signo);
	if (p && (signo == SIGKILL || signo == SIGTERM))
		end(s, p, 128 + signo);
	return done_later(s, "signal", fn, arg);
}

RESULT sandbox_resize(struct sandbox *s, const char *id, const char *exec_id, uint32_t rows,
	uint32_t columns, sandbox_done_fn *fn, void *arg)
{
	buf_printf(&fake.seen, "resize(%s%s%s,%ux%u) ", id, exec_id[0] ? "/" : "", exec_id, rows,
		columns);
	return done_later(s, "resize", fn, arg);
}

RESULT sandbox_pause(struct sandbox *s, const char *id, bool pause, sandbox_done_fn *fn, void *arg)
{
	note(pause ? "pause" : "resume", id, "");
	return done_later(s, pause ? "pause" : "resume", fn, arg);
}

RESULT sandbox_update(
	struct sandbox *s, const char *id, struct bytes resources, sandbox_done_fn *fn, void *arg)
{
	buf_printf(&fake.seen, "update(%s,%zu) ", id, resources.n);
	return done_later(s, "update", fn, arg);
}

RESULT sandbox_wait(
	struct sandbox *s, const char *id, const char *exec_id, sandbox_exit_fn *fn, void *arg)
{
	struct fake_process *p = find(s, id, exec_id);

	if (!p || p->wait)
		return err_new(ERR_NOT_FOUND, "no such process");
	p->wait = fn;
	p->arg = arg;
	if (p->ended)
		tell_exit(s, p);
	return OK;
}

RESULT sandbox_stats(struct sandbox *s, const char *id, sandbox_stats_fn *fn, void *arg)
{
	note("stats", id, "");
	later(s, "stats", arg)->stats = fn;
	return OK;
}

/* ---- configuration: there is none ---- */

RESULT runtime_config_load(const char *file, const char *handler, struct runtime_config *ret_config)
{
	buf_printf(&fake.seen, "config(%s,%s) ", file ? file : "", handler ? handler : "");
	*ret_config = (struct runtime_config){ 0 };
	return OK;
}

RESULT runtime_config_annotate(struct runtime_config *c, const struct json_map *annotations)
{
	(void)c;
	(void)annotations;
	return OK;
}

void runtime_config_done(struct runtime_config *c)
{
	(void)c;
}

/* ---- what happens in the guest ---- */

void fake_exit(const char *id, const char *exec_id, int status)
{
	struct fake_process *p = find(fake.sandbox, id, exec_id);

	if (p)
		end(fake.sandbox, p, status);
}

void fake_output(const char *id, const char *exec_id, const char *text)
{
	struct fake_process *p = find(fake.sandbox, id, exec_id);

	if (!p)
		return;
	buf_puts(&p->out, text);
	serve_readers(p);
}

void fake_die(void)
{
	struct sandbox *s = fake.sandbox;

	if (!s)
		return;
	s->running = false;
	for (size_t i = 0; i < PROCESSES_MAX; i++) {
		if (s->processes[i].used)
			end(s, &s->processes[i], 255);
	}
	s->c.died(s->c.arg, err_new(ERR_PEER, "QEMU ended with status 1"));
}

void fake_oom(const char *id)
{
	if (fake.sandbox)
		fake.sandbox->c.oom(fake.sandbox->c.arg, id);
}
