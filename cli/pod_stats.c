/* sealpod pod stats */
#include "pod_parts.h"

#include <base/file.h>
#include <runtime/pod_stats.h>

enum {
	OUT_MAX = 4 * 1024 * 1024,
	WATCH_S = 2,
	NS_PER_S = 1000000000,
	NS_PER_MS = 1000000
};

static void bytes_column(struct buf *out, uint64_t v)
{
	buf_printf(out, " %9.1f", (double)v / (1024.0 * 1024.0));
}

/* ---- for people ---- */

static void put_head(struct buf *out)
{
	buf_printf(out, "%-18s %-18s %10s %9s %9s %6s %9s %9s\n", "POD", "CONTAINER", "CPU s",
		"MEM MiB", "LIMIT", "PROCS", "RX MiB", "TX MiB");
}

static void put_container(const char *pod, const struct pod_container_stats *c, struct buf *out)
{
	buf_printf(out, "%-18.18s %-18.18s", pod, c->id);
	if (!c->known) {
		buf_puts(out, "  the guest does not tell\n");
		return;
	}
	buf_printf(out, " %10.2f", (double)c->cpu_ns / NS_PER_S);
	bytes_column(out, c->memory);
	/* Without a limit guests say the largest number there is. */
	if (c->memory_limit == 0 || c->memory_limit >= UINT64_C(1) << 60)
		buf_printf(out, " %9s", "-");
	else
		bytes_column(out, c->memory_limit);
	buf_printf(out, " %6llu", (unsigned long long)c->pids);
	bytes_column(out, c->rx_bytes);
	bytes_column(out, c->tx_bytes);
	buf_puts(out, "\n");
}

static void put_host(
	const char *pod, const char *what, uint64_t cpu_ns, uint64_t memory, struct buf *out)
{
	buf_printf(out, "%-18.18s host: %-12.12s %10.2f", pod, what, (double)cpu_ns / NS_PER_S);
	bytes_column(out, memory);
}

static void put_text(const struct pod *p, const struct pod_stats *s, struct buf *out)
{
	const struct host_cgroup_usage *all = &s->host.all;

	for (size_t i = 0; i < s->n_containers; i++)
		put_container(p->state.id, &s->containers[i], out);
	for (size_t i = 0; i < s->host.n_processes; i++) {
		const struct pod_process_stats *h = &s->host.processes[i];

		put_host(p->state.id, h->name, h->user_ns + h->system_ns, h->resident, out);
		buf_puts(out, "\n");
	}
	put_host(p->state.id, "all", all->cpu_ns, all->memory_bytes, out);
	buf_printf(out, " %9s %6llu  disk: read", "", (unsigned long long)all->processes);
	bytes_column(out, all->read_bytes);
	buf_puts(out, ", written");
	bytes_column(out, all->write_bytes);
	buf_puts(out, "\n");
}

/* ---- for programs ---- */

static void put_host_json(const struct pod_host_stats *h, struct json_writer *w)
{
	jw_key(w, "host_all");
	jw_object(w);
	jw_kstr(w, "source", h->grouped ? "cgroup" : "processes");
	jw_ku64(w, "cpu_ns", h->all.cpu_ns);
	jw_ku64(w, "memory", h->all.memory_bytes);
	jw_ku64(w, "processes", h->all.processes);
	jw_ku64(w, "read_bytes", h->all.read_bytes);
	jw_ku64(w, "written_bytes", h->all.write_bytes);
	jw_object_end(w);
}

static void put_json(const struct pod *p, const struct pod_stats *s, struct json_writer *w)
{
	jw_object(w);
	jw_kstr(w, "pod", p->state.id);
	jw_key(w, "containers");
	jw_array(w);
	for (size_t i = 0; i < s->n_containers; i++) {
		const struct pod_container_stats *c = &s->containers[i];
		jw_object(w);
		jw_kstr(w, "container", c->id);
		jw_kbool(w, "known", c->known);
		jw_ku64(w, "cpu_ns", c->cpu_ns);
		jw_ku64(w, "memory", c->memory);
		jw_ku64(w, "memory_limit", c->memory_limit);
		jw_ku64(w, "processes", c->pids);
		jw_ku64(w, "rx_bytes", c->rx_bytes);
		jw_ku64(w, "tx_bytes", c->tx_bytes);
		jw_ku64(w, "read_bytes", c->read_bytes);
		jw_ku64(w, "written_bytes", c->write_bytes);
		jw_object_end(w);
	}
	jw_array_end(w);
	jw_key(w, "host");
	jw_array(w);
	for (size_t i = 0; i < s->host.n_processes; i++) {
		const struct pod_process_stats *h = &s->host.processes[i];
		jw_object(w);
		jw_kstr(w, "process", h->name);
		jw_ku64(w, "pid", h->pid);
		jw_ku64(w, "cpu_ms", (h->user_ns + h->system_ns) / NS_PER_MS);
		jw_ku64(w, "resident", h->resident);
		jw_object_end(w);
	}
	jw_array_end(w);
	put_host_json(&s->host, w);
	jw_object_end(w);
}

/* ---- one round ---- */

struct round {
	const struct pod_options *options;
	bool json;
	struct json_writer w;
	struct buf out;
};

static RESULT add_pod(struct round *r, const char *id, bool named)
{
	AUTO(pod_done) struct pod p = { 0 };
	AUTO(auto_free) struct pod_stats *s = calloc(1, sizeof(*s));
	const char *container = NULL;
	struct err e = pod_load(pod_run_dir(r->options), id, &p);

	if (!s)
		return err_new(ERR_NOMEM, "statistics");
	if (failed(e))
		return named ? e : OK; /* it has just ended */
	if (r->options->container)
		TRY(pod_container_find(&p.state, r->options->container, &container));
	TRY(pod_stats_read(&p, container, s));
	if (r->json)
		put_json(&p, s, &r->w);
	else
		put_text(&p, s, &r->out);
	return OK;
}

static RESULT one_round(struct round *r, const struct cli_args *args)
{
	AUTO(strv_done) struct strv ids = { 0 };

	buf_clear(&r->out);
	r->w = jw_of(&r->out);
	if (args->n == 0)
		TRY(pod_list(pod_run_dir(r->options), &ids));
	if (r->json)
		jw_array(&r->w);
	else
		put_head(&r->out);
	for (size_t i = 0; i < args->n; i++)
		TRY(add_pod(r, args->v[i], true));
	for (size_t i = 0; i < ids.n; i++)
		TRY(add_pod(r, ids.v[i], false));
	if (r->json) {
		jw_array_end(&r->w);
		buf_puts(&r->out, "\n");
	}
	TRY(buf_end(&r->out, "output"));
	return fd_write_all(STDOUT_FILENO, buf_bytes(&r->out));
}

static void round_done(struct round *r)
{
	buf_done(&r->out);
}

static RESULT stats(const void *options, const struct cli_args *args, int *ret_exit)
{
	const struct pod_options *o = options;
	AUTO(round_done) struct round r = {
		.options = o,
		.json = args->json,
		.out = BUF_INIT(OUT_MAX),
	};

	(void)ret_exit;
	if (o->container && args->n != 1)
		return err_new(ERR_USAGE, "--container goes with one POD");
	TRY(one_round(&r, args));
	while (o->watch) {
		(void)sleep(WATCH_S);
		if (!args->json && isatty(STDOUT_FILENO) == 1)
			TRY(fd_write_all(STDOUT_FILENO, bytes_str("\033[H\033[2J")));
		TRY(one_round(&r, args));
	}
	return OK;
}

static const struct cli_option options[] = {
	OPTION_CONTAINER("only this container, or the beginning of its id"),
	{ .name = "watch", OPTION(watch, CLI_FLAG), .help = "again every two seconds" },
	OPTION_RUN_DIR,
	{ 0 },
};

const struct cli_command cmd_pod_stats = {
	.name = "stats",
	.summary = "what pods use: containers as the guest counts, processes of the host",
	.operands = "[POD...]",
	.max_operands = SIZE_MAX,
	.options = options,
	.options_size = sizeof(struct pod_options),
	.run = stats,
	.notes = "A pod manifest decides whether the guest tells.",
};
