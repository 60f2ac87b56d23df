#include "program.h"
#include "shim.h"

#include <fcntl.h>
#include <malloc.h>
#include <sched.h>
#include <signal.h>

#include <base/clock.h>
#include <base/environment.h>
#include <base/file.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>

#define LOG_MODULE "shim"
#include <base/log.h>

enum {
	EVENTS_LAST_MS = 2000, /* for events that are under way at the end */
	ROUND_MS = 50
};

static void ignore_signal(void *arg, int signo)
{
	(void)arg;
	log_info("signal ignored", "signal=%d", signo);
}

/* Mounts of root file systems are ours alone, those that the host makes later are seen, and seen by
 * whatever we start. */
static RESULT own_mounts(void)
{
	if (unshare(CLONE_NEWNS) != 0)
		return err_new(ERR_SYS, "mount namespace");
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) != 0 ||
		mount(NULL, "/", NULL, MS_REC | MS_SHARED, NULL) != 0)
		return err_new(ERR_SYS, "propagation of mounts");
	return OK;
}

/* Systemd ends its units by SIGTERM when the host goes down: the engine's requests come first. */
static RESULT ignore_signals(struct loop *l)
{
	(void)signal(SIGPIPE, SIG_IGN);
	TRY(loop_add_signal(l, SIGTERM, ignore_signal, NULL));
	TRY(loop_add_signal(l, SIGINT, ignore_signal, NULL));
	return loop_add_signal(l, SIGHUP, ignore_signal, NULL);
}

static void on_ended(void *arg)
{
	loop_stop(arg, 0);
}

static void drain(struct loop *l, const struct events *e)
{
	uint64_t end = clock_monotonic_ms() + EVENTS_LAST_MS;

	while (!events_idle(e) && clock_monotonic_ms() < end) {
		if (failed(loop_once(l, ROUND_MS)))
			return;
	}
}

/* The name of our socket is in the descriptor; nobody else can use it any more. */
static void remove_socket(void)
{
	struct sockaddr_un a = { 0 };
	socklen_t n = sizeof(a) - 1;

	if (getsockname(SHIM_LISTEN_FD, (struct sockaddr *)&a, &n) == 0 && a.sun_path[0] == '/')
		(void)unlink(a.sun_path);
}

static RESULT open_server(struct loop *l, struct shim *s, struct ttrpc_server **ret_server)
{
	AUTO(ttrpc_server_freep) struct ttrpc_server *server = NULL;
	struct ttrpc_server_config c = { .methods = shim_methods,
		.n_methods = shim_methods_n,
		.arg = s,
		.unknown_method = TTRPC_UNIMPLEMENTED };
	int fd = fcntl(SHIM_LISTEN_FD, F_DUPFD_CLOEXEC, 0);

	if (fd < 0)
		return err_new(ERR_SYS, "no listening socket; this is what \"start\" runs");
	TRY(ttrpc_server_new(l, &c, &server));
	TRY(ttrpc_server_listen(server, fd));
	*ret_server = TAKE(server);
	return OK;
}

static RESULT run(const struct shim_flags *f, struct loop *l)
{
	AUTO(events_freep) struct events *events = NULL;
	AUTO(shim_freep) struct shim *s = NULL;
	AUTO(ttrpc_server_freep) struct ttrpc_server *server = NULL;
	int value;

	TRY(events_new(&(struct events_config){ .loop = l,
			       .ns = f->ns,
			       .ttrpc_address = environment_get("TTRPC_ADDRESS"),
			       .address = f->address,
			       .publish = f->publish },
		&events));
	TRY(shim_new(&(struct shim_config){ .loop = l,
			     .ns = f->ns,
			     .id = f->id,
			     .handler = f->handler,
			     .config_path = f->config[0] ? f->config : NULL,
			     .events = events,
			     .ended = on_ended,
			     .arg = l },
		&s));
	TRY(open_server(l, s, &server));
	log_info("serving", "pid=%d handler=%s", (int)getpid(), f->handler);
	TRY(loop_run(l, &value));
	shim_freep(&s);
	drain(l, events);
	return OK;
}

RESULT shim_serve(const struct shim_flags *f)
{
	AUTO(loop_freep) struct loop *l = NULL;
	struct err e;

	log_init("containerd-shim-sealpod-v2", f->debug ? LOG_DEBUG : LOG_INFO, LOG_JSON,
		STDERR_FILENO);
	log_field("pod", f->id);
	log_field("namespace", f->ns);
	/* Large blocks go back to the kernel when they are free. One thread.
	 * NOLINTNEXTLINE(concurrency-mt-unsafe) */
	(void)mallopt(M_MMAP_THRESHOLD, 128 * 1024);
	/* NOLINTNEXTLINE(concurrency-mt-unsafe) */
	(void)mallopt(M_TRIM_THRESHOLD, 128 * 1024);
	TRY(loop_new(&l));
	TRY(ignore_signals(l));
	TRY(own_mounts());
	e = run(f, l);
	remove_socket();
	if (failed(e))
		log_failure(LOG_MODULE, "ended", e);
	else
		log_info("ended", "pid=%d", (int)getpid());
	return e;
}
