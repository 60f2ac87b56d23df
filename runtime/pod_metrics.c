#include "runtime/pod_metrics.h"

#include <fcntl.h>
#include <stdlib.h>

#include <base/clock.h>
#include <base/file.h>
#include <runtime/guest_log.h>
#include <runtime/start_metrics.h>

enum {
	NS_PER_S = 1000000000
};

struct denials {
	char code[DENIAL_CODE_MAX];
	uint64_t n;
};

/* How far the log of a pod was read. */
struct seen {
	char id[POD_NAME_MAX + 1];
	uint64_t created, at;
	bool here; /* in this reading */
	struct guest_lines lines;
};

struct pod_metrics {
	char *run_dir, *state_dir;
	struct seen *seen;
	size_t n_seen;
	struct denials denials[POD_METRICS_CODES_MAX];
	size_t n_denials;
	uint64_t readings;
	/* Of one reading. */
	struct pod *pods;
	struct pod_stats *stats;
	struct timeline_record *timelines;
	size_t n;
};

RESULT pod_metrics_new(const char *run_dir, const char *state_dir, struct pod_metrics **ret_metrics)
{
	AUTO(pod_metrics_freep) struct pod_metrics *m = calloc(1, sizeof(*m));

	if (!m)
		return err_new(ERR_NOMEM, "metrics");
	m->seen = calloc(POD_METRICS_PODS_MAX, sizeof(*m->seen));
	if (!m->seen)
		return err_new(ERR_NOMEM, "metrics");
	TRY(str_dup(run_dir, &m->run_dir));
	TRY(str_dup(state_dir, &m->state_dir));
	*ret_metrics = TAKE(m);
	return OK;
}

static void forget_reading(struct pod_metrics *m)
{
	for (size_t i = 0; i < m->n; i++) {
		pod_done(&m->pods[i]);
		timeline_record_done(&m->timelines[i]);
	}
	free(TAKE(m->pods));
	free(TAKE(m->stats));
	free(TAKE(m->timelines));
	m->n = 0;
}

void pod_metrics_freep(struct pod_metrics **m)
{
	if (!*m)
		return;
	forget_reading(*m);
	for (size_t i = 0; i < (*m)->n_seen; i++)
		guest_lines_done(&(*m)->seen[i].lines);
	free((*m)->seen);
	free((*m)->run_dir);
	free((*m)->state_dir);
	free(*m);
	*m = NULL;
}

/* ---- denials ---- */

/* "word.word", as codes of denials are written. */
static bool is_code(const char *s, size_t n)
{
	bool dot = false;

	if (n == 0 || n >= DENIAL_CODE_MAX || s[0] < 'a' || s[0] > 'z')
		return false;
	for (size_t i = 0; i < n; i++) {
		dot |= s[i] == '.' && i + 1 < n;
		if (!((s[i] >= 'a' && s[i] <= 'z') || (s[i] >= '0' && s[i] <= '9') || s[i] == '.' ||
			    s[i] == '-'))
			return false;
	}
	return dot;
}

RESULT pod_denial_code(const char *text, char ret_code[static DENIAL_CODE_MAX])
{
	/* What was being done comes before it, part by part. */
	for (const char *p = text, *end; (end = strstr(p, ": ")) != NULL; p = end + 2) {
		size_t n = (size_t)(end - p);
		if (!is_code(p, n))
			continue;
		memcpy(ret_code, p, n);
		ret_code[n] = '\0';
		return OK;
	}
	return err_new(ERR_NOT_FOUND, "no code");
}

/* Guests choose these words: only so many are kept apart. */
static void count(struct pod_metrics *m, const char *code)
{
	for (size_t i = 0; i < m->n_denials; i++) {
		if (!str_equal(m->denials[i].code, code))
			continue;
		m->denials[i].n++;
		return;
	}
	if (m->n_denials == POD_METRICS_CODES_MAX) {
		m->denials[POD_METRICS_CODES_MAX - 1].n++;
		return;
	}
	struct denials *d = &m->denials[m->n_denials++];
	(void)snprintf(d->code, sizeof(d->code), "%s",
		m->n_denials == POD_METRICS_CODES_MAX ? "other" : code);
	d->n = 1;
}

static void on_line(void *arg, struct bytes text)
{
	struct pod_metrics *m = arg;
	AUTO(guest_event_done) struct guest_event e = { 0 };
	char code[DENIAL_CODE_MAX];

	if (!failed(guest_event_parse(text, &e)) && e.kind == GUEST_FAILURE &&
		!failed(pod_denial_code(e.text, code)))
		count(m, code);
}

static struct seen *seen_of(struct pod_metrics *m, const struct pod_state *s)
{
	for (size_t i = 0; i < m->n_seen; i++) {
		if (str_equal(m->seen[i].id, s->id) && m->seen[i].created == s->created)
			return &m->seen[i];
	}
	if (m->n_seen == POD_METRICS_PODS_MAX)
		return NULL;
	struct seen *k = &m->seen[m->n_seen++];
	*k = (struct seen){ .created = s->created, .lines = GUEST_LINES_INIT };
	(void)snprintf(k->id, sizeof(k->id), "%s", s->id);
	return k;
}

/* What the log has grown since the last reading. */
static void read_log(struct pod_metrics *m, const struct pod *p)
{
	struct seen *k = seen_of(m, &p->state);
	AUTO(auto_free) char *path = NULL;
	uint8_t block[16 * 1024];
	ssize_t n;

	if (!k)
		return;
	k->here = true;
	if (failed(path_join(p->dir, POD_LOG, &path)))
		return;
	AUTO(auto_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	while (fd >= 0 && (n = pread(fd, block, sizeof(block), (off_t)k->at)) > 0) {
		guest_lines_feed(&k->lines, bytes_of(block, (size_t)n), on_line, m);
		k->at += (uint64_t)n;
	}
}

static void forget_ended(struct pod_metrics *m)
{
	size_t kept = 0;

	for (size_t i = 0; i < m->n_seen; i++) {
		if (!m->seen[i].here) {
			guest_lines_done(&m->seen[i].lines);
			continue;
		}
		m->seen[i].here = false;
		m->seen[kept++] = m->seen[i];
	}
	m->n_seen = kept;
}

/* ---- one reading ---- */

static RESULT read_pods(struct pod_metrics *m)
{
	AUTO(strv_done) struct strv ids = { 0 };

	TRY(pod_list(m->run_dir, &ids));
	m->pods = calloc(ids.n + 1, sizeof(*m->pods));
	m->stats = calloc(ids.n + 1, sizeof(*m->stats));
	m->timelines = calloc(ids.n + 1, sizeof(*m->timelines));
	if (!m->pods || !m->stats || !m->timelines)
		return err_new(ERR_NOMEM, "metrics");
	for (size_t i = 0; i < ids.n && m->n < POD_METRICS_PODS_MAX; i++) {
		struct pod *p = &m->pods[m->n];

		if (failed(pod_load(m->run_dir, ids.v[i], p)))
			continue; /* it has just ended */
		struct err e = pod_stats_read(p, NULL, &m->stats[m->n]);
		/* One that is just starting has none yet. */
		if (!failed(e) &&
			failed(timeline_find(m->run_dir, "/", ids.v[i], &m->timelines[m->n])))
			m->timelines[m->n] = (struct timeline_record){ 0 };
		m->n++;
		if (failed(e))
			return e;
		read_log(m, p);
	}
	forget_ended(m);
	return OK;
}

/* ---- text ---- */

static void family(struct buf *out, const char *name, const char *type, const char *help)
{
	buf_printf(out, "# HELP sealpod_%s %s\n# TYPE sealpod_%s %s\n", name, help, name, type);
}

static void value(struct buf *out, const char *s)
{
	buf_puts(out, "\"");
	for (; *s; s++) {
		if (*s == '\n')
			buf_puts(out, "\\n");
		else if (*s == '"' || *s == '\\')
			buf_printf(out, "\\%c", *s);
		else
			buf_u8(out, *s);
	}
	buf_puts(out, "\"");
}

/* The beginning of a sample of a pod, up to its further labels. */
static void sample(struct buf *out, const char *name, const char *pod)
{
	buf_printf(out, "sealpod_%s{pod=", name);
	value(out, pod);
}

static void label(struct buf *out, const char *name, const char *text)
{
	buf_printf(out, ",%s=", name);
	value(out, text);
}

static void put_pods(const struct pod_metrics *m, struct buf *out)
{
	family(out, "pods", "gauge", "Pods of this host.");
	buf_printf(out, "sealpod_pods %zu\n", m->n);
	family(out, "pod_info", "gauge", "Platform, stage and image of a pod.");
	for (size_t i = 0; i < m->n; i++) {
		const struct pod_state *s = &m->pods[i].state;
		sample(out, "pod_info", s->id);
		label(out, "platform", s->platform);
		label(out, "stage", s->stage);
		label(out, "image", s->image);
		buf_puts(out, "} 1\n");
	}
	family(out, "pod_created_timestamp_seconds", "gauge", "When a pod was created.");
	for (size_t i = 0; i < m->n; i++) {
		sample(out, "pod_created_timestamp_seconds", m->pods[i].state.id);
		buf_printf(out, "} %llu\n", (unsigned long long)m->pods[i].state.created);
	}
	family(out, "pod_containers", "gauge", "Containers that are there.");
	for (size_t i = 0; i < m->n; i++) {
		sample(out, "pod_containers", m->pods[i].state.id);
		buf_printf(out, "} %zu\n", m->stats[i].n_containers);
	}
	family(out, "container_creations_total", "counter",
		"Containers created so far; more than those that are there were restarted.");
	for (size_t i = 0; i < m->n; i++) {
		sample(out, "container_creations_total", m->pods[i].state.id);
		buf_printf(out, "} %llu\n", (unsigned long long)m->pods[i].state.creations);
	}
}

static void put_seconds(struct buf *out, uint64_t whole, uint64_t rest, int digits)
{
	buf_printf(out, "} %llu.%0*llu\n", (unsigned long long)whole, digits,
		(unsigned long long)rest);
}

static void put_ns(struct buf *out, uint64_t ns)
{
	put_seconds(out, ns / NS_PER_S, ns % NS_PER_S, 9);
}

static void put_stages(const struct pod_metrics *m, struct buf *out)
{
	family(out, "pod_stage_seconds", "gauge", "How long a stage of a pod's start took.");
	for (size_t i = 0; i < m->n; i++) {
		const struct timeline *t = &m->timelines[i].t;
		for (int k = 0; k < TIMELINE_COUNT; k++) {
			if (!t->known[k])
				continue;
			sample(out, "pod_stage_seconds", m->pods[i].state.id);
			label(out, "stage", timeline_name((enum timeline_stage)k));
			put_seconds(out, t->ms[k] / 1000, t->ms[k] % 1000, 3);
		}
	}
	family(out, "pod_start_seconds", "gauge", "From the request until the container runs.");
	for (size_t i = 0; i < m->n; i++) {
		uint64_t ready = m->timelines[i].t.ready;
		if (ready == 0)
			continue;
		sample(out, "pod_start_seconds", m->pods[i].state.id);
		put_seconds(out, ready / 1000, ready % 1000, 3);
	}
}

static void put_processes(const struct pod_metrics *m, struct buf *out)
{
	family(out, "process_resident_memory_bytes", "gauge",
		"Memory of the host that a pod's processes use; owner is the shim.");
	for (size_t i = 0; i < m->n; i++) {
		for (size_t k = 0; k < m->stats[i].host.n_processes; k++) {
			const struct pod_process_stats *p = &m->stats[i].host.processes[k];
			sample(out, "process_resident_memory_bytes", m->pods[i].state.id);
			label(out, "process", p->name);
			buf_printf(out, "} %llu\n", (unsigned long long)p->resident);
		}
	}
	family(out, "process_cpu_seconds_total", "counter",
		"Processor time of the host that a pod's processes used.");
	for (size_t i = 0; i < m->n; i++) {
		for (size_t k = 0; k < m->stats[i].host.n_processes; k++) {
			const struct pod_process_stats *p = &m->stats[i].host.processes[k];
			sample(out, "process_cpu_seconds_total", m->pods[i].state.id);
			label(out, "process", p->name);
			put_ns(out, p->user_ns + p->system_ns);
		}
	}
}

static const struct {
	const char *name, *type, *help;
	size_t offset;
	bool ns;
} host[] = {
#define ROW(n, t, member, h)                                                                       \
	.name = "pod_host_" n, .type = (t), .help = (h),                                           \
	.offset = offsetof(struct host_cgroup_usage, member)
	{ ROW("cpu_seconds_total", "counter", cpu_ns, "Processor time of the host for a pod."),
		.ns = true },
	{ ROW("memory_bytes", "gauge", memory_bytes,
		"Memory of the host for a pod: its machine, helpers and page cache.") },
	{ ROW("processes", "gauge", processes, "Processes of the host that make a pod.") },
	{ ROW("disk_read_bytes_total", "counter", read_bytes,
		"Read from the host's disks for a pod.") },
	{ ROW("disk_written_bytes_total", "counter", write_bytes,
		"Written to the host's disks for a pod.") },
#undef ROW
};

static void put_host(const struct pod_metrics *m, struct buf *out)
{
	for (size_t row = 0; row < ARRAY_LEN(host); row++) {
		family(out, host[row].name, host[row].type, host[row].help);
		for (size_t i = 0; i < m->n; i++) {
			uint64_t v;

			memcpy(&v, (const uint8_t *)&m->stats[i].host.all + host[row].offset,
				sizeof(v));
			sample(out, host[row].name, m->pods[i].state.id);
			if (host[row].ns)
				put_ns(out, v);
			else
				buf_printf(out, "} %llu\n", (unsigned long long)v);
		}
	}
}

static const struct {
	const char *name, *type, *help;
	size_t offset;
} guest[] = {
#define ROW(n, t, member, h)                                                                       \
	{                                                                                          \
		"container_" n, t, h, offsetof(struct pod_container_stats, member)                 \
	}
	ROW("memory_bytes", "gauge", memory, "Memory of a container, as its guest counts it."),
	ROW("memory_limit_bytes", "gauge", memory_limit, "Limit of it."),
	ROW("processes", "gauge", pids, "Processes of a container."),
	ROW("network_receive_bytes_total", "counter", rx_bytes, "Received by the pod."),
	ROW("network_transmit_bytes_total", "counter", tx_bytes, "Sent by the pod."),
	ROW("disk_read_bytes_total", "counter", read_bytes, "Read from disks."),
	ROW("disk_written_bytes_total", "counter", write_bytes, "Written to disks."),
#undef ROW
};

static void put_container(const struct pod_metrics *m, size_t i, size_t row, struct buf *out)
{
	const struct pod_stats *s = &m->stats[i];

	for (size_t k = 0; k < s->n_containers; k++) {
		const struct pod_container_stats *c = &s->containers[k];
		uint64_t v;
		if (!c->known)
			continue;
		memcpy(&v, (const uint8_t *)c + guest[row].offset, sizeof(v));
		sample(out, guest[row].name, m->pods[i].state.id);
		label(out, "container", c->id);
		buf_printf(out, "} %llu\n", (unsigned long long)v);
	}
}

static void put_containers(const struct pod_metrics *m, struct buf *out)
{
	for (size_t row = 0; row < ARRAY_LEN(guest); row++) {
		family(out, guest[row].name, guest[row].type, guest[row].help);
		for (size_t i = 0; i < m->n; i++)
			put_container(m, i, row, out);
	}
	family(out, "container_cpu_seconds_total", "counter", "Processor time of a container.");
	for (size_t i = 0; i < m->n; i++) {
		for (size_t k = 0; k < m->stats[i].n_containers; k++) {
			const struct pod_container_stats *c = &m->stats[i].containers[k];
			if (!c->known)
				continue;
			sample(out, "container_cpu_seconds_total", m->pods[i].state.id);
			label(out, "container", c->id);
			put_ns(out, c->cpu_ns);
		}
	}
}

static void put_denials(const struct pod_metrics *m, struct buf *out)
{
	family(out, "denials_total", "counter",
		"Refusals that guests logged, by code, since these metrics are served.");
	for (size_t i = 0; i < m->n_denials; i++) {
		buf_puts(out, "sealpod_denials_total{code=");
		value(out, m->denials[i].code);
		buf_printf(out, "} %llu\n", (unsigned long long)m->denials[i].n);
	}
	family(out, "readings_total", "counter", "How often these metrics were read.");
	buf_printf(out, "sealpod_readings_total %llu\n", (unsigned long long)m->readings);
}

/* A file that cannot be read takes nothing from the rest. */
static void put_starts(const struct pod_metrics *m, struct buf *out)
{
	AUTO(auto_free) struct start_metrics *starts = calloc(1, sizeof(*starts));

	if (starts && !failed(start_metrics_read(m->state_dir, starts)))
		start_metrics_put(starts, out);
}

RESULT pod_metrics_read(struct pod_metrics *m, struct buf *out)
{
	struct err e;

	forget_reading(m);
	e = read_pods(m);
	m->readings++;
	if (!failed(e)) {
		put_pods(m, out);
		put_stages(m, out);
		put_processes(m, out);
		put_host(m, out);
		put_containers(m, out);
		put_denials(m, out);
		put_starts(m, out);
		e = buf_end(out, "metrics");
	}
	forget_reading(m);
	return e;
}
