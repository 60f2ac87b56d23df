#include "bootstrap.h"
#include "program.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>

#include <base/clock.h>
#include <base/environment.h>
#include <base/file.h>
#include <base/json.h>
#include <base/process.h>
#include <linux/prctl.h>
#include <net/pb.h>
#include <net/transport.h>
#include <runtime/oci_json.h>
#include <sys/prctl.h>
#include <sys/stat.h>

enum {
	INPUT_MS = 2000, /* an engine writes before it waits */
	SOCKET_DIR_MODE = 0700,
	FILE_MODE = 0644,
	CHUNK = 4096,
	OOM_SCORE_MAX = 1000
};

void shim_place_done(struct shim_place *p)
{
	free(p->bundle);
	free(p->sandbox_id);
	*p = (struct shim_place){ 0 };
}

static RESULT read_spec(const char *bundle, Oci__Spec **ret_spec)
{
	AUTO(buf_done) struct buf text = BUF_INIT(OCI_SPEC_MAX);
	AUTO(auto_free) char *path = NULL;

	TRY(path_join(bundle, "config.json", &path));
	/* Without an OCI specification: the Sandbox API's pod. */
	if (!file_exists(path))
		buf_puts(&text, "{}");
	else
		TRY(file_read(path, &text));
	return oci_json_spec(buf_bytes(&text), ret_spec);
}

RESULT shim_place_find(const struct shim_flags *f, struct shim_place *ret_place)
{
	AUTO(shim_place_done) struct shim_place p = { 0 };
	AUTO(pb_free_any) Oci__Spec *spec = NULL;
	const char *sandbox_id = NULL;
	char here[PATH_MAX];

	if (f->bundle[0] == '\0' && !getcwd(here, sizeof(here)))
		return err_new(ERR_SYS, "working directory");
	TRY(str_dup(f->bundle[0] ? f->bundle : here, &p.bundle));
	TRY(read_spec(p.bundle, &spec));
	p.joins = oci_role(spec, &sandbox_id) == OCI_CONTAINER;
	if (p.joins && !sandbox_id)
		return err_new(ERR_FORMAT, "config.json: a container of a pod names no sandbox");
	if (p.joins)
		TRY(shim_id_check(sandbox_id, "config.json: sandbox id"));
	TRY(str_dup(p.joins ? sandbox_id : f->id, &p.sandbox_id));
	*ret_place = p;
	p = (struct shim_place){ 0 };
	return OK;
}

RESULT shim_handler(const struct shim_flags *f, const char *argv0, char to[static SHIM_ID_MAX + 1])
{
	if (!f->handler[0])
		return shim_handler_of(argv0, to);
	(void)snprintf(to, SHIM_ID_MAX + 1, "%s", f->handler);
	return OK;
}

/* A person at a terminal, or whoever forgot to close, is not waited for. */
static RESULT read_input(struct buf *out)
{
	uint64_t end = clock_monotonic_ms() + INPUT_MS;
	uint8_t chunk[CHUNK];

	while (!isatty(STDIN_FILENO)) {
		struct pollfd p = { .fd = STDIN_FILENO, .events = POLLIN };
		uint64_t now = clock_monotonic_ms();
		ssize_t n;

		if (now >= end || poll(&p, 1, (int)(end - now)) <= 0)
			break;
		n = read(STDIN_FILENO, chunk, sizeof(chunk));
		if (n <= 0)
			break;
		buf_put(out, bytes_of(chunk, (size_t)n));
	}
	return buf_end(out, "standard input");
}

/* Somebody answers at this address. */
static bool is_served(const char *address)
{
	AUTO(auto_close) int fd = -1;

	return !failed(transport_connect(address, 0, &fd));
}

static RESULT write_file(const char *bundle, const char *name, const char *text)
{
	AUTO(auto_free) char *path = NULL;

	TRY(path_join(bundle, name, &path));
	return file_write_atomic(path, bytes_str(text), FILE_MODE);
}

static int open_log(const char *bundle)
{
	AUTO(auto_free) char *path = NULL;

	/* Both ends, so that it neither waits for a reader nor breaks without one. */
	if (failed(path_join(bundle, "log", &path)))
		return -1;
	return open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
}

/* One above the engine's, so that the kernel takes us first and our machine before us. */
static void set_oom_score(pid_t pid)
{
	AUTO(buf_done) struct buf text = BUF_INIT(64);
	AUTO(auto_free) char *path = NULL;
	AUTO(auto_free) char *score = NULL;
	long of_engine;

	if (failed(str_format(&path, "/proc/%d/oom_score_adj", (int)getppid())) ||
		failed(file_read(path, &text)) || !buf_cstr(&text))
		return;
	of_engine = strtol(buf_cstr(&text), NULL, 10);
	free(TAKE(path));
	if (failed(str_format(&score, "%ld",
		    of_engine < OOM_SCORE_MAX ? of_engine + 1 : (long)OOM_SCORE_MAX)) ||
		failed(str_format(&path, "/proc/%d/oom_score_adj", (int)pid)))
		return;
	err_ignore(file_write(path, bytes_str(score))); /* a matter of taste, not of function */
}

struct launch {
	const struct shim_flags *flags;
	const struct bootstrap *bootstrap;
	const struct shim_place *place;
	const char *handler;
	int listen_fd;
};

/* The engine's wish: nothing but us on a core of ours (containerd, SCHED_CORE). The server and what
 * it starts inherit it. */
static RESULT own_cores(void)
{
	if (environment_get("SCHED_CORE") && prctl(PR_SCHED_CORE, PR_SCHED_CORE_CREATE, 0,
						     PR_SCHED_CORE_SCOPE_THREAD_GROUP, 0) != 0)
		return err_new(ERR_SYS, "core scheduling");
	return OK;
}

/* The engine's options; else what the command line says. */
static const char *config_of(const struct launch *l)
{
	if (l->bootstrap->config_path)
		return l->bootstrap->config_path;
	return l->flags->config[0] ? l->flags->config : NULL;
}

/* The program itself, whatever name or descriptor it was started by. */
static RESULT run_server(const struct launch *l, struct process *ret_process)
{
	AUTO(auto_free) char *program = realpath("/proc/self/exe", NULL);
	AUTO(auto_close) int log_fd = open_log(l->place->bundle);
	const char *argv[16] = { program, "-namespace", l->flags->ns, "-id", l->place->sandbox_id,
		"-address", l->flags->address, "-publish-binary", l->flags->publish, "-handler",
		l->handler };
	size_t n = 11;

	if (!program)
		return err_new(ERR_SYS, "/proc/self/exe");
	if (config_of(l)) {
		argv[n++] = "-config";
		argv[n++] = config_of(l);
	}
	if (l->flags->debug || l->bootstrap->debug)
		argv[n++] = "-debug";
	struct process_spec spec = PROCESS_SPEC(argv);

	spec.cwd = l->place->bundle;
	/* Engines wait until nobody holds our outputs any more. */
	spec.stdin_fd = spec.stdout_fd = -1;
	spec.stderr_fd = log_fd;
	spec.keep_fds[0] = l->listen_fd;
	spec.n_keep_fds = 1;
	spec.new_session = true;
	return process_start(&spec, ret_process);
}

static RESULT launch(const struct launch *l)
{
	AUTO(process_end) struct process p = PROCESS_NONE;
	AUTO(auto_free) char *pid = NULL;

	TRY(own_cores());
	TRY(run_server(l, &p));
	set_oom_score(p.pid);
	TRY(str_format(&pid, "%d", (int)p.pid));
	TRY(write_file(l->place->bundle, "shim.pid", pid));
	if (config_of(l))
		TRY(write_file(l->place->bundle, SHIM_CONFIG_FILE, config_of(l)));
	auto_close(&p.pidfd);
	p = PROCESS_NONE; /* it lives on */
	return OK;
}

static RESULT listen_at(const char *dir, const char *address, int *ret_fd)
{
	TRY(dir_make(dir, SOCKET_DIR_MODE));
	return transport_listen(address, ret_fd);
}

static RESULT serve_new(struct launch *l, const char *dir, const char *address)
{
	AUTO(auto_close) int fd = -1;
	struct err e;

	TRY(listen_at(dir, address, &fd));
	l->listen_fd = fd;
	e = launch(l);
	if (failed(e))
		(void)unlink(address + strlen("unix://"));
	return e;
}

RESULT shim_start(const struct shim_flags *f, const char *argv0, struct buf *out)
{
	AUTO(buf_done) struct buf input = BUF_INIT(BOOTSTRAP_INPUT_MAX);
	AUTO(bootstrap_done) struct bootstrap b = { 0 };
	AUTO(shim_place_done) struct shim_place place = { 0 };
	AUTO(auto_free) char *address = NULL;
	char handler[SHIM_ID_MAX + 1];
	struct launch l = {
		.flags = f, .bootstrap = &b, .place = &place, .handler = handler, .listen_fd = -1
	};

	TRY(shim_handler(f, argv0, handler));
	TRY(read_input(&input));
	TRY(bootstrap_parse(buf_bytes(&input), f->id, environment_get("MAX_SHIM_VERSION"), &b));
	TRY(shim_place_find(f, &place));
	const char *dir = b.socket_dir ? b.socket_dir : SHIM_SOCKET_DIR;
	TRY(bootstrap_address(dir, f->address, f->ns, place.sandbox_id, &address));
	if (!is_served(address)) {
		if (place.joins)
			return err_new(ERR_NOT_FOUND, "the shim of sandbox %s is not running",
				place.sandbox_id);
		TRY(serve_new(&l, dir, address));
	}
	TRY(write_file(place.bundle, "address", address));
	return bootstrap_answer(&b, address, out);
}
