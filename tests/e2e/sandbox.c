/*
 * One container through struct sandbox, as a shim drives it: create, start, standard streams, an
 * exec, statistics, removal, stop.   sandbox GUEST-DIR RUN-DIR BUNDLE [SECONDS-BEFORE-STOP]
 */
#include <fcntl.h>
#include <stdio.h>

#include <base/clock.h>
#include <base/file.h>
#include <runtime/pod.h>
#include <runtime/sandbox.h>

enum {
	ROUND_MS = 100,
	DRAIN_MS = 5000,
	TIMEOUT_S = 60,
	MEMORY_MIB = 512
};

struct driver {
	struct loop *loop;
	struct sandbox *sandbox;
	struct agent_stdio *io;
	int pending; /* answers that are awaited */
	int status;
	bool bad;
};

static void complain(struct err e, const char *what)
{
	(void)fprintf(stderr, "%s: %s\n", what, failed(e) ? err_text() : "fine");
}

static void on_done(void *arg, struct err e)
{
	struct driver *d = arg;

	d->pending--;
	if (failed(e)) {
		complain(e, "operation");
		d->bad = true;
	}
}

static void on_exit_of(void *arg, struct err e, int status)
{
	struct driver *d = arg;

	d->pending--;
	d->status = status;
	if (failed(e)) {
		complain(e, "wait");
		d->bad = true;
	}
}

static void on_stats(void *arg, struct err e, const Agent__StatsContainerResponse *stats)
{
	struct driver *d = arg;

	d->pending--;
	if (failed(e))
		complain(e, "statistics");
	else
		(void)fprintf(stderr, "statistics: memory %llu\n",
			stats->cgroup_stats && stats->cgroup_stats->memory_stats &&
					stats->cgroup_stats->memory_stats->usage
				? (unsigned long long)
					  stats->cgroup_stats->memory_stats->usage->usage
				: 0);
}

static void on_progress(void *arg, const struct run_progress *p)
{
	(void)arg;
	(void)fprintf(stderr, "%6llu ms %s\n", (unsigned long long)p->elapsed_ms, p->stage);
}

static void on_died(void *arg, struct err why)
{
	(void)arg;
	complain(why, "died");
}

static RESULT settle(struct driver *d, struct err e)
{
	TRY(e);
	d->pending++;
	while (d->pending > 0)
		TRY(loop_once(d->loop, ROUND_MS));
	return d->bad ? err_new(ERR_PEER, "an operation failed") : OK;
}

static RESULT one_process(struct driver *d, const char *id, const char *exec_id)
{
	const struct agent_stdio_config io = { .container_id = id,
		.exec_id = exec_id,
		.stdin_fd = 0,
		.stdout_fd = 1,
		.stderr_fd = 2 };
	struct sandbox *s = d->sandbox;

	TRY(agent_stdio_new(sandbox_agent(s), &io, &d->io));
	if (exec_id[0] == '\0')
		TRY(settle(d, sandbox_container_start(s, id, on_done, d)));
	TRY(settle(d, sandbox_wait(s, id, exec_id, on_exit_of, d)));
	agent_stdio_drain(d->io, DRAIN_MS);
	agent_stdio_freep(&d->io);
	(void)fprintf(stderr, "status %d\n", d->status);
	return OK;
}

static RESULT run(struct driver *d, const char *bundle, const char *linger)
{
	static const char process[] = "{\"args\":[\"/bin/echo\",\"from exec\"],\"cwd\":\"/\","
				      "\"env\":[\"PATH=/bin\"],\"user\":{\"uid\":0}}";
	const struct sandbox_container c = { .id = "c1", .bundle = bundle };
	struct sandbox *s = d->sandbox;

	TRY(sandbox_start(s));
	(void)fprintf(stderr, "pid %d\n", (int)sandbox_pid(s));
	TRY(settle(d, sandbox_container_create(s, &c, on_done, d)));
	TRY(settle(d, sandbox_stats(s, "c1", on_stats, d)));
	if (linger) {
		TRY(settle(d, sandbox_container_start(s, "c1", on_done, d)));
		TRY(settle(d, sandbox_exec(s, "c1", "e1", bytes_str(process), on_done, d)));
		TRY(one_process(d, "c1", "e1"));
		uint64_t until = clock_monotonic_ms() + strtoul(linger, NULL, 10) * 1000;
		while (clock_monotonic_ms() < until)
			TRY(loop_once(d->loop, ROUND_MS));
		TRY(settle(d, sandbox_signal(s, "c1", "", 9, true, on_done, d)));
		TRY(settle(d, sandbox_wait(s, "c1", "", on_exit_of, d)));
		(void)fprintf(stderr, "status %d\n", d->status);
	} else {
		TRY(one_process(d, "c1", ""));
	}
	return settle(d, sandbox_container_remove(s, "c1", on_done, d));
}

static RESULT drive(struct driver *d, char **argv)
{
	AUTO(auto_free) char *kernel = NULL;
	AUTO(auto_free) char *initrd = NULL;
	AUTO(auto_free) char *state = NULL;
	struct runtime_config r = { .run_dir = argv[2],
		.platform = &vm_none,
		.arch = vm_arch_host(),
		.vcpus = 1,
		.memory_mib = MEMORY_MIB,
		.overhead_memory_mib = 256,
		.shared_fs = SHARED_FS_VIRTIOFS,
		.empty_dir = getenv("ENCRYPT") ? EMPTY_DIR_ENCRYPTED : EMPTY_DIR_GUEST,
		.timeout_s = TIMEOUT_S };
	struct sandbox_config c = { .runtime = &r,
		.id = "sandbox-e2e",
		.bundle = argv[3],
		.progress = on_progress,
		.died = on_died,
		.arg = d };

	TRY(path_join(argv[1], "vmlinuz", &kernel));
	TRY(path_join(argv[1], "initrd", &initrd));
	TRY(path_join(argv[2], "state", &state));
	r.kernel = kernel;
	r.initrd = initrd;
	r.state_dir = state;
	TRY(sandbox_clean(r.run_dir, c.id));
	if (getenv("SEALPOD_ONLY_CLEAN"))
		return OK;
	TRY(loop_new(&d->loop));
	c.loop = d->loop;
	TRY(sandbox_new(&c, &d->sandbox));
	struct err e = run(d, argv[3], argv[4]);
	if (failed(e))
		complain(e, "error");
	/* Before its configuration goes. */
	agent_stdio_freep(&d->io);
	sandbox_freep(&d->sandbox);
	return e;
}

int main(int argc, char **argv)
{
	struct driver d = { 0 };

	if (argc < 4) {
		(void)fprintf(stderr, "usage: %s GUEST-DIR RUN-DIR BUNDLE [SECONDS]\n", argv[0]);
		return 2;
	}
	struct err e = drive(&d, argv);
	if (failed(e))
		(void)fprintf(stderr, "error: %s\n", err_text());
	loop_freep(&d.loop);
	return failed(e) ? 255 : d.status;
}
