/* sealpod-agent: PID 1 of the guest; on a plain host, for development, a server on a socket. */
#include "host.h"
#include "hub.h"
#include "start.h"

#include <signal.h>

#include <base/cli.h>
#include <base/file.h>
#include <measured-boot/initdata.h>
#include <sys/prctl.h>

#define LOG_MODULE "agent"
#include <base/log.h>

struct options {
	const char *listen, *config, *initdata, *cdh_socket, *run_dir, *crun, *cgroup_manager;
};

static const struct cli_option options[] = {
	{ .name = "listen",
		.kind = CLI_STRING,
		.offset = offsetof(struct options, listen),
		.value = "ADDRESS",
		.help = "where to serve the agent API: unix:///PATH, unix://@NAME or "
			"vsock://-1:PORT" },
	{ .name = "config",
		.letter = 'c',
		.kind = CLI_STRING,
		.offset = offsetof(struct options, config),
		.value = "FILE",
		.help = "Kata's agent configuration (TOML); of it, server_addr is used" },
	{ .name = "initdata",
		.kind = CLI_STRING,
		.offset = offsetof(struct options, initdata),
		.value = "FILE",
		.help = "initdata document with the pod manifest; without it everything is "
			"allowed" },
	{ .name = "cdh-socket",
		.kind = CLI_STRING,
		.offset = offsetof(struct options, cdh_socket),
		.value = "PATH",
		.help = "socket of the confidential data hub that pulls images" },
	{ .name = "run-dir",
		.kind = CLI_STRING,
		.offset = offsetof(struct options, run_dir),
		.value = "DIR",
		.help = "where containers are kept (/run)" },
	{ .name = "crun",
		.kind = CLI_STRING,
		.offset = offsetof(struct options, crun),
		.value = "FILE",
		.help = "the container runtime (/usr/bin/crun)" },
	{ .name = "cgroup-manager",
		.kind = CLI_CHOICE,
		.offset = offsetof(struct options, cgroup_manager),
		.value = "NAME",
		.choices = "cgroupfs|disabled",
		.help = "disabled: no limits; the default on hosts without cgroup v2" },
	{ 0 },
};

static void on_signal(void *arg, int signo)
{
	struct agent *a = arg;

	(void)signo;
	loop_stop(a->loop, 0);
}

/* Without initdata there is nothing that could be compared: a plain host protects nothing. */
static RESULT load(struct agent *a, const char *path)
{
	AUTO(buf_done) struct buf toml = BUF_INIT(INITDATA_MAX);

	a->open_world = path == NULL;
	if (!path)
		return OK;
	TRY(file_read(path, &toml));
	return agent_load_initdata(a, buf_bytes(&toml));
}

static RESULT serve(struct agent *a, const struct options *o, const char *listen, int *ret_exit)
{
	/* Another process listens; there is none to start. */
	const struct hub_config hub = { .log_fd = -1 };

	TRY(load(a, o->initdata));
	TRY(loop_add_signal(a->loop, SIGTERM, on_signal, a));
	TRY(loop_add_signal(a->loop, SIGINT, on_signal, a));
	if (o->cdh_socket)
		TRY(hub_new(a, &hub, &a->hub));
	TRY(agent_serve(a, listen));
	log_info("ready", "listen=%s world=%s", log_quote(listen),
		a->open_world ? "open" : "closed");
	return loop_run(a->loop, ret_exit);
}

static RESULT start(const struct options *o, const struct settings *set, int *ret_exit)
{
	AUTO(auto_free) char *listen = NULL;
	AUTO(agent_done) struct agent a = { 0 };

	TRY(host_address(o->listen, o->config, &listen));
	/* crun leaves the container's process to whoever is PID 1, or to its subreaper. */
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) != 0)
		return err_new(ERR_SYS, "subreaper");
	TRY(agent_init(&a, set));
	return serve(&a, o, listen, ret_exit);
}

static RESULT run(const void *opts, const struct cli_args *args, int *ret_exit)
{
	const struct options *o = opts;
	AUTO(auto_free) char *cdh = NULL;
	AUTO(auto_free) char *cgroup = NULL;
	struct settings set = {
		.run_dir = o->run_dir ? o->run_dir : "/run",
		.crun = o->crun ? o->crun : "/usr/bin/crun",
		.volume = "sealpod-volume",
		.cgroup_manager = o->cgroup_manager,
	};

	log_init("sealpod-agent", LOG_INFO, args->json ? LOG_JSON : LOG_TEXT, STDERR_FILENO);
	(void)signal(SIGPIPE, SIG_IGN);
	TRY(str_format(&cdh, "unix://%s", o->cdh_socket ? o->cdh_socket : ""));
	set.cdh_address = cdh;
	if (!set.cgroup_manager)
		TRY(host_cgroups(&set.cgroup_manager));
	TRY(host_cgroup_dir(set.cgroup_manager, &cgroup));
	set.cgroup_dir = cgroup;
	return start(o, &set, ret_exit);
}

static const struct cli_command command = {
	.name = "sealpod-agent",
	.summary = "agent of a confidential guest",
	.options = options,
	.options_size = sizeof(struct options),
	.run = run,
	.notes =
		"As PID 1 of a guest it takes no options: the kernel's command line is not asked.\n"
		"Elsewhere it serves on a socket, for development and tests; needs root. Without\n"
		"--initdata it does what it is asked, as Kata's agent does without a policy.",
};

int main(int argc, char **argv)
{
	if (getpid() == 1)
		init_main();
	return cli_main(&command, argc, argv);
}
