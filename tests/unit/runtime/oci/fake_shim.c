/*
 * Stands in for containerd-shim-sealpod-v2: the same bootstrap and Task service, but the processes
 * run on this host in a chroot, so that whole container lives are tested in milliseconds. What it
 * was asked goes into shim.log beside the program.
 */
#include <cgroups2.pb-c.h>
#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <task.pb-c.h>

#include <base/file.h>
#include <base/json.h>
#include <base/loop.h>
#include <net/pb.h>
#include <net/transport.h>
#include <net/ttrpc.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum {
	TASKS = 16,
	WAITERS = 8,
	CHUNK = 4096,
	MESSAGE_MAX = 1 << 20,
	STARTED = 1,
	EXITED = 2
};

struct task {
	char id[80], exec[80];
	struct json *process;
	char root[512];
	bool used, terminal, paused, close_soon;
	int state, status;
	pid_t pid;
	int in_fifo, in_to;   /* what the holder writes, the process's side */
	int out, err, master; /* where it goes; the pseudo-terminal */
	struct loop_source *in_source, *master_source;
	struct ttrpc_call *waiters[WAITERS];
	size_t n_waiters;
};

static struct task tasks[TASKS];
static struct loop *loop;
static char log_path[1024];

static void note(const char *what, const char *id, const char *detail)
{
	FILE *f = fopen(log_path, "a");

	if (f) {
		(void)fprintf(f, "%s %s %s\n", what, id, detail);
		(void)fclose(f);
	}
}

static struct task *find(const char *id, const char *exec)
{
	for (size_t i = 0; i < TASKS; i++)
		if (tasks[i].used && str_equal(tasks[i].id, id) && str_equal(tasks[i].exec, exec))
			return &tasks[i];
	return NULL;
}

static void answer(struct ttrpc_call *call, const ProtobufCMessage *m)
{
	AUTO(buf_done) struct buf out = BUF_INIT(MESSAGE_MAX);

	err_ignore(pb_pack(m, &out));
	ttrpc_answer(call, buf_bytes(&out));
}

static void no_task(struct ttrpc_call *call)
{
	ttrpc_fail_as(call, TTRPC_NOT_FOUND, "no such task");
}

/* ---- streams ---- */

static void close_fd(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

static void copy(int from, int to)
{
	char chunk[CHUNK];
	ssize_t n;

	while ((n = read(from, chunk, sizeof(chunk))) > 0)
		if (to >= 0)
			err_ignore(fd_write_all(to, bytes_of(chunk, (size_t)n)));
}

static void on_input(void *arg, int fd, unsigned events)
{
	struct task *t = arg;

	(void)events;
	copy(fd, t->in_to);
}

static void on_master(void *arg, int fd, unsigned events)
{
	struct task *t = arg;

	(void)fd;
	copy(t->master, t->out);
	if (events & EPOLLHUP) {
		loop_remove(t->master_source);
		t->master_source = NULL;
	}
}

static void close_input(struct task *t)
{
	if (t->in_fifo >= 0)
		copy(t->in_fifo, t->in_to);
	loop_remove(t->in_source);
	t->in_source = NULL;
	close_fd(&t->in_to);
}

static int open_out(const char *path)
{
	return path[0] ? open(path, O_WRONLY | O_CLOEXEC) : -1;
}

static struct task *new_task(const char *id, const char *exec)
{
	struct task *t = NULL;

	for (size_t i = 0; i < TASKS && !t; i++)
		t = tasks[i].used ? NULL : &tasks[i];
	if (!t)
		return NULL;
	*t = (struct task){
		.used = true, .in_fifo = -1, .in_to = -1, .out = -1, .err = -1, .master = -1
	};
	(void)snprintf(t->id, sizeof(t->id), "%s", id);
	(void)snprintf(t->exec, sizeof(t->exec), "%s", exec);
	return t;
}

static void open_streams(struct task *t, const char *in, const char *out, const char *err)
{
	t->in_fifo = in[0] ? open(in, O_RDONLY | O_NONBLOCK | O_CLOEXEC) : -1;
	t->out = open_out(out);
	t->err = open_out(err);
}

/* ---- processes ---- */

static void ended(void *arg, pid_t pid, int status)
{
	struct task *t = arg;
	Task__WaitResponse r = TASK__WAIT_RESPONSE__INIT;

	(void)pid;
	if (t->master >= 0)
		copy(t->master, t->out);
	t->state = EXITED;
	t->status = status;
	close_input(t);
	close_fd(&t->in_fifo);
	close_fd(&t->out);
	close_fd(&t->err);
	r.exit_status = (uint32_t)status;
	for (size_t i = 0; i < t->n_waiters; i++)
		answer(t->waiters[i], &r.base);
	t->n_waiters = 0;
}

static char **strings(const struct json *list)
{
	size_t n = json_count(list);
	char **v = calloc(n + 1, sizeof(*v));

	for (size_t i = 0; v && i < n; i++)
		v[i] = strdup(json_string(json_at(list, i)));
	return v;
}

static _Noreturn void run_process(const struct task *t, int in, int out, int err)
{
	char **argv = strings(json_get(t->process, "args"));
	char **envp = strings(json_get(t->process, "env"));
	const char *cwd = json_string(json_get(t->process, "cwd"));
	sigset_t none;

	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)signal(SIGPIPE, SIG_DFL);
	if (t->terminal) {
		(void)setsid();
		(void)ioctl(in, TIOCSCTTY, 0);
	}
	(void)dup2(in, 0);
	(void)dup2(out, 1);
	(void)dup2(err, 2);
	if (chroot(t->root) != 0 || chdir(cwd ? cwd : "/") != 0)
		_exit(126);
	environ = envp;
	(void)execvp(argv[0], argv);
	_exit(127);
}

static RESULT start(struct task *t)
{
	int in[2] = { -1, -1 }, slave = -1, null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (t->terminal) {
		if (openpty(&t->master, &slave, NULL, NULL, NULL) != 0)
			return err_new(ERR_SYS, "openpty");
		(void)fcntl(t->master, F_SETFL, O_NONBLOCK);
		t->in_to = dup(t->master);
		TRY(loop_add_fd(loop, t->master, EPOLLIN, on_master, t, &t->master_source));
	} else if (t->in_fifo >= 0) {
		if (pipe2(in, O_CLOEXEC) != 0)
			return err_new(ERR_SYS, "pipe");
		t->in_to = in[1];
	}
	t->pid = fork();
	if (t->pid == 0) {
		if (t->terminal)
			run_process(t, slave, slave, slave);
		run_process(t, in[0] >= 0 ? in[0] : null, t->out >= 0 ? t->out : null,
			t->err >= 0 ? t->err : null);
	}
	close_fd(&in[0]);
	close_fd(&slave);
	close_fd(&null);
	t->state = STARTED;
	if (t->in_fifo >= 0)
		TRY(loop_add_fd(loop, t->in_fifo, EPOLLIN, on_input, t, &t->in_source));
	TRY(loop_add_child(loop, t->pid, ended, t));
	if (t->close_soon)
		close_input(t);
	return OK;
}

/* ---- Task ---- */

#define REQUEST(type, lower)                                                                       \
	AUTO(pb_free_any) Task__##type *q = NULL;                                                  \
	(void)arg;                                                                                 \
	struct err bad = PB_UNPACK(task__##lower, payload, &q);                                    \
	if (failed(bad)) {                                                                         \
		ttrpc_fail(call, bad);                                                             \
		return;                                                                            \
	}

static void empty(struct ttrpc_call *call)
{
	ttrpc_answer(call, BYTES_NONE);
}

static RESULT load(struct task *t, const char *bundle)
{
	AUTO(buf_done) struct buf text = BUF_INIT(MESSAGE_MAX);
	AUTO(auto_free) char *path = NULL;
	AUTO(json_freep) struct json *spec = NULL;
	AUTO(buf_done) struct buf process = BUF_INIT(MESSAGE_MAX);
	const char *program;

	TRY(path_join(bundle, "config.json", &path));
	TRY(file_read(path, &text));
	TRY(json_parse(buf_bytes(&text), &spec));
	program = json_string(json_pointer(spec, "/process/args/0"));
	if (program && str_equal(program, "/missing"))
		return err_new(ERR_NOT_FOUND, "%s: no such file or directory", program);
	(void)snprintf(
		t->root, sizeof(t->root), "%s", json_string(json_pointer(spec, "/root/path")));
	json_print(json_get(spec, "process"), &process);
	note("config", t->id, buf_cstr(&text));
	return json_parse(buf_bytes(&process), &t->process);
}

static void do_create(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	Task__CreateTaskResponse r = TASK__CREATE_TASK_RESPONSE__INIT;
	REQUEST(CreateTaskRequest, create_task_request)
	struct task *t = new_task(q->id, "");
	struct err e = load(t, q->bundle);

	note("create", q->id, q->options ? q->options->type_url : "");
	if (failed(e)) {
		t->used = false;
		ttrpc_fail(call, e);
		return;
	}
	t->terminal = q->terminal;
	open_streams(t, q->stdin, q->stdout, q->stderr);
	r.pid = (uint32_t)getpid();
	answer(call, &r.base);
}

static void do_start(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	Task__StartResponse r = TASK__START_RESPONSE__INIT;
	REQUEST(StartRequest, start_request)
	struct task *t = find(q->id, q->exec_id);

	if (!t) {
		no_task(call);
		return;
	}
	struct err e = start(t);
	if (failed(e)) {
		ttrpc_fail(call, e);
		return;
	}
	r.pid = (uint32_t)getpid();
	answer(call, &r.base);
}

static void do_exec(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	REQUEST(ExecProcessRequest, exec_process_request)
	struct task *main = find(q->id, "");
	struct task *t = main ? new_task(q->id, q->exec_id) : NULL;

	if (!t) {
		no_task(call);
		return;
	}
	note("exec", q->id, q->spec->type_url);
	struct err e = json_parse(bytes_of(q->spec->value.data, q->spec->value.len), &t->process);
	if (failed(e)) {
		t->used = false;
		ttrpc_fail(call, e);
		return;
	}
	(void)snprintf(t->root, sizeof(t->root), "%s", main->root);
	t->terminal = q->terminal;
	open_streams(t, q->stdin, q->stdout, q->stderr);
	empty(call);
}

static void do_wait(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	Task__WaitResponse r = TASK__WAIT_RESPONSE__INIT;
	REQUEST(WaitRequest, wait_request)
	struct task *t = find(q->id, q->exec_id);

	if (!t) {
		no_task(call);
	} else if (t->state == EXITED) {
		r.exit_status = (uint32_t)t->status;
		answer(call, &r.base);
	} else {
		t->waiters[t->n_waiters++] = call;
	}
}

static void do_state(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	Task__StateResponse r = TASK__STATE_RESPONSE__INIT;
	REQUEST(StateRequest, state_request)
	struct task *t = find(q->id, q->exec_id);

	if (!t) {
		no_task(call);
		return;
	}
	r.status = t->state == EXITED	 ? CONTAINERD__STATUS__STOPPED
		   : t->paused		 ? CONTAINERD__STATUS__PAUSED
		   : t->state == STARTED ? CONTAINERD__STATUS__RUNNING
					 : CONTAINERD__STATUS__CREATED;
	answer(call, &r.base);
}

static void do_kill(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	char detail[32];
	REQUEST(KillRequest, kill_request)
	struct task *t = find(q->id, q->exec_id);

	(void)snprintf(detail, sizeof(detail), "%u%s", q->signal, q->all ? " all" : "");
	note("kill", q->id, detail);
	if (!t) {
		no_task(call);
		return;
	}
	if (t->state == STARTED)
		(void)kill(t->pid, (int)q->signal);
	else if (t->state == 0 && q->signal == SIGKILL)
		ended(t, 0, 128 + SIGKILL);
	empty(call);
}

static void do_delete(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	Task__DeleteResponse r = TASK__DELETE_RESPONSE__INIT;
	REQUEST(DeleteRequest, delete_request)
	struct task *t = find(q->id, q->exec_id);

	note("delete", q->id, q->exec_id[0] ? "exec" : "");
	if (!t) {
		no_task(call);
		return;
	}
	json_free(t->process);
	loop_remove(t->master_source);
	close_fd(&t->master);
	t->used = false;
	answer(call, &r.base);
}

static void do_pause(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	REQUEST(PauseRequest, pause_request)
	struct task *t = find(q->id, "");

	if (t) {
		t->paused = true;
		(void)kill(t->pid, SIGSTOP);
	}
	empty(call);
}

static void do_resume(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	REQUEST(ResumeRequest, resume_request)
	struct task *t = find(q->id, "");

	if (t) {
		t->paused = false;
		(void)kill(t->pid, SIGCONT);
	}
	empty(call);
}

static void do_close(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	REQUEST(CloseIORequest, close_iorequest)
	struct task *t = find(q->id, q->exec_id);

	if (t && t->state == STARTED)
		close_input(t);
	else if (t)
		t->close_soon = true;
	empty(call);
}

static void do_resize(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	REQUEST(ResizePtyRequest, resize_pty_request)
	struct task *t = find(q->id, q->exec_id);
	struct winsize size = { .ws_col = (unsigned short)q->width,
		.ws_row = (unsigned short)q->height };

	if (t && t->master >= 0)
		(void)ioctl(t->master, TIOCSWINSZ, &size);
	empty(call);
}

static void do_update(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	AUTO(auto_free) char *json = NULL;
	REQUEST(UpdateTaskRequest, update_task_request)

	err_ignore(
		bytes_to_str(bytes_of(q->resources->value.data, q->resources->value.len), &json));
	note("update", q->id, json ? json : "");
	empty(call);
}

static void do_stats(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	Task__StatsResponse r = TASK__STATS_RESPONSE__INIT;
	Pb__Any any = PB__ANY__INIT;
	Cgroups2__Metrics m = CGROUPS2__METRICS__INIT;
	Cgroups2__PidsStat pids = CGROUPS2__PIDS_STAT__INIT;
	Cgroups2__MemoryEvents events = CGROUPS2__MEMORY_EVENTS__INIT;
	AUTO(buf_done) struct buf out = BUF_INIT(MESSAGE_MAX);
	char type[] = "io.containerd.cgroups.v2.Metrics";

	(void)arg;
	(void)payload;
	pids.current = 3;
	events.oom_kill = 1;
	m.pids = &pids;
	m.memory_events = &events;
	err_ignore(pb_pack(&m.base, &out));
	any.type_url = type;
	any.value.data = out.p;
	any.value.len = out.n;
	r.stats = &any;
	answer(call, &r.base);
}

static void do_pids(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	Task__PidsResponse r = TASK__PIDS_RESPONSE__INIT;
	Containerd__ProcessInfo one = CONTAINERD__PROCESS_INFO__INIT;
	Containerd__ProcessInfo *list[] = { &one };

	(void)arg;
	(void)payload;
	one.pid = (uint32_t)getpid();
	r.processes = list;
	r.n_processes = 1;
	answer(call, &r.base);
}

static void stop(void *arg)
{
	(void)arg;
	loop_stop(loop, 0);
}

static void do_shutdown(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	static struct loop_source *timer;
	REQUEST(ShutdownRequest, shutdown_request)

	note("shutdown", q->id, "");
	for (size_t i = 0; i < TASKS; i++)
		if (tasks[i].used) {
			empty(call);
			return;
		}
	empty(call);
	err_ignore(loop_add_timer(loop, 20, 0, stop, NULL, &timer));
}

#define TASK(name, fn)                                                                             \
	{                                                                                          \
		"containerd.task.v2.Task", name, fn                                                \
	}

static const struct ttrpc_method methods[] = { TASK("Create", do_create), TASK("Start", do_start),
	TASK("Exec", do_exec), TASK("Wait", do_wait), TASK("State", do_state),
	TASK("Kill", do_kill), TASK("Delete", do_delete), TASK("Pause", do_pause),
	TASK("Resume", do_resume), TASK("CloseIO", do_close), TASK("ResizePty", do_resize),
	TASK("Update", do_update), TASK("Stats", do_stats), TASK("Pids", do_pids),
	TASK("Shutdown", do_shutdown) };

static int serve(int fd)
{
	const struct ttrpc_server_config c = { .methods = methods,
		.n_methods = ARRAY_LEN(methods),
		.unknown_method = TTRPC_UNIMPLEMENTED };
	struct ttrpc_server *server = NULL;
	int value = 0;

	(void)signal(SIGPIPE, SIG_IGN);
	if (failed(loop_new(&loop)) || failed(ttrpc_server_new(loop, &c, &server)) ||
		failed(ttrpc_server_listen(server, fd)) || failed(loop_run(loop, &value)))
		return 1;
	ttrpc_server_free(server);
	loop_free(loop);
	return value;
}

static int boot(const char *id)
{
	char address[1280];
	int fd = -1, null;

	(void)snprintf(address, sizeof(address), "unix://%.*s/%.40s.sock",
		(int)(strrchr(log_path, '/') - log_path), log_path, id);
	if (failed(transport_listen(address, &fd))) {
		(void)fprintf(stderr, "%s\n", err_text());
		return 1;
	}
	note("start", id, "");
	(void)printf("%s\n", address);
	(void)fflush(stdout);
	if (fork() != 0)
		return 0;
	(void)setsid();
	null = open("/dev/null", O_RDWR);
	for (int i = 0; i < 3; i++)
		(void)dup2(null, i);
	FILE *f = fopen("shim.pid", "w");
	if (f) {
		(void)fprintf(f, "%d", (int)getpid());
		(void)fclose(f);
	}
	return serve(fd);
}

int main(int argc, char **argv)
{
	const char *id = "";
	char self[512];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	self[n > 0 ? n : 0] = '\0';
	*strrchr(self, '/') = '\0';
	(void)snprintf(log_path, sizeof(log_path), "%s/shim.log", self);
	for (int i = 1; i + 1 < argc; i++)
		if (str_equal(argv[i], "-id"))
			id = argv[i + 1];
	if (argc > 1 && str_equal(argv[argc - 1], "start"))
		return boot(id);
	if (argc > 1 && str_equal(argv[argc - 1], "delete")) {
		note("clean", id, "");
		return 0;
	}
	return 2;
}
