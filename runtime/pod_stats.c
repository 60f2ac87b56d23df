#include "runtime/pod_stats.h"

#include "agent_internal.h"

#include <agent.pb-c.h>
#include <unistd.h>

#include <base/file.h>
#include <net/transport.h>

enum {
	LINE_MAX_BYTES = 4096,
	FIELD_UTIME = 14, /* proc(5); the state is field 3 */
	FIELD_STATE = 3,
	CONNECT_MS = 1000
};

/* ---- processes ---- */

/* The n-th field of digits, from 0; fields end at blanks. */
static bool field(struct bytes line, size_t n, uint64_t *ret_v)
{
	AUTO(auto_free) char *text = NULL;
	const char *p;

	if (failed(bytes_to_str(line, &text)))
		return false;
	p = text + strspn(text, " ");
	for (; n > 0 && *p; n--) {
		p += strcspn(p, " \n");
		p += strspn(p, " \n");
	}
	char *end = text + (p - text) + strspn(p, "0123456789");
	*end = '\0';
	return !failed(str_to_u64(p, INT64_MAX, "field", ret_v));
}

RESULT pod_process_stats_parse(struct bytes stat, struct bytes statm, struct pod_process_stats *s)
{
	const uint8_t *close = stat.n ? memrchr(stat.p, ')', stat.n) : NULL;
	long ticks = sysconf(_SC_CLK_TCK), page = sysconf(_SC_PAGESIZE);
	uint64_t user = 0, kernel = 0, pages = 0;
	size_t at;

	if (!close || ticks <= 0 || page <= 0)
		return err_new(ERR_FORMAT, "process status");
	at = (size_t)(close - stat.p) + 1;
	const struct bytes rest = bytes_of(stat.p + at, stat.n - at);
	if (!field(rest, FIELD_UTIME - FIELD_STATE, &user) ||
		!field(rest, FIELD_UTIME - FIELD_STATE + 1, &kernel) || !field(statm, 1, &pages))
		return err_new(ERR_FORMAT, "process status");
	/* Milliseconds of three hundred million years fit. */
	s->cpu_ms = (user + kernel) / (uint64_t)ticks * 1000 +
		    (user + kernel) % (uint64_t)ticks * 1000 / (uint64_t)ticks;
	if (__builtin_mul_overflow(pages, (uint64_t)page, &s->resident))
		return err_new(ERR_FORMAT, "process status");
	return OK;
}

static RESULT read_proc(uint64_t pid, const char *name, struct buf *out)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%llu/%s", (unsigned long long)pid, name);
	return file_read(path, out);
}

static void add_process(const struct pod_process *p, struct pod_stats *out)
{
	AUTO(buf_done) struct buf stat = BUF_INIT(LINE_MAX_BYTES);
	AUTO(buf_done) struct buf statm = BUF_INIT(LINE_MAX_BYTES);
	struct pod_process_stats s = { .name = p->name, .pid = p->pid };

	if (pod_process_alive(p) && !failed(read_proc(p->pid, "stat", &stat)) &&
		!failed(read_proc(p->pid, "statm", &statm)) &&
		!failed(pod_process_stats_parse(buf_bytes(&stat), buf_bytes(&statm), &s)))
		out->processes[out->n_processes++] = s;
}

/* ---- containers ---- */

static uint64_t sum_blkio(const Agent__BlkioStats *b, const char *op)
{
	uint64_t sum = 0;

	for (size_t i = 0; b && i < b->n_io_service_bytes_recursive; i++) {
		const Agent__BlkioStatsEntry *e = b->io_service_bytes_recursive[i];
		if (strcasecmp(e->op, op) == 0 && __builtin_add_overflow(sum, e->value, &sum))
			return UINT64_MAX;
	}
	return sum;
}

static void take_cgroup(const Agent__CgroupStats *g, struct pod_container_stats *c)
{
	if (g->cpu_stats && g->cpu_stats->cpu_usage)
		c->cpu_ns = g->cpu_stats->cpu_usage->total_usage;
	if (g->memory_stats && g->memory_stats->usage) {
		c->memory = g->memory_stats->usage->usage;
		c->memory_limit = g->memory_stats->usage->limit;
	}
	if (g->pids_stats)
		c->pids = g->pids_stats->current;
	c->read_bytes = sum_blkio(g->blkio_stats, "read");
	c->write_bytes = sum_blkio(g->blkio_stats, "write");
}

static void take_stats(const Agent__StatsContainerResponse *r, struct pod_container_stats *c)
{
	if (r->cgroup_stats)
		take_cgroup(r->cgroup_stats, c);
	for (size_t i = 0; i < r->n_network_stats; i++) {
		const Agent__NetworkStats *n = r->network_stats[i];
		if (str_equal(n->name, "lo"))
			continue;
		if (__builtin_add_overflow(c->rx_bytes, n->rx_bytes, &c->rx_bytes) ||
			__builtin_add_overflow(c->tx_bytes, n->tx_bytes, &c->tx_bytes))
			return;
	}
	c->known = true;
}

static void ask(struct agent_client *a, struct pod_container_stats *c)
{
	Agent__StatsContainerRequest request = AGENT__STATS_CONTAINER_REQUEST__INIT;
	AUTO(pb_freep) ProtobufCMessage *answer = NULL;
	const struct agent_call call = {
		.service = AGENT_SERVICE,
		.method = "StatsContainer",
		.request = &request.base,
		.timeout_ms = POD_STATS_TIMEOUT_MS,
	};

	request.container_id = pb_text(c->id);
	if (!failed(agent_call(a, &call, &agent__stats_container_response__descriptor, &answer)))
		take_stats((const Agent__StatsContainerResponse *)(const void *)answer, c);
}

static void add_containers(const struct pod *p, const char *container, struct pod_stats *out)
{
	const struct strv *ids = &p->state.containers;

	if (container || ids->n == 0) {
		out->containers[0].id = container ? container : p->state.container;
		out->n_containers = 1;
		return;
	}
	for (size_t i = 0; i < ids->n && i < POD_CONTAINERS_MAX; i++)
		out->containers[out->n_containers++].id = ids->v[i];
}

RESULT pod_stats_read(const struct pod *p, const char *container, struct pod_stats *ret_stats)
{
	AUTO(loop_freep) struct loop *loop = NULL;
	AUTO(agent_client_freep) struct agent_client *agent = NULL;
	AUTO(auto_free) char *address = NULL;
	struct agent_client_config c = { .fd = -1 };
	const struct pod_process *processes = p->state.processes.items;
	struct pod_stats *s = ret_stats;

	*s = (struct pod_stats){ 0 };
	add_process(&p->state.owner, s);
	for (size_t i = 0; i < p->state.processes.n; i++)
		add_process(&processes[i], s);
	add_containers(p, container, s);
	TRY(str_format(&address, "unix://%s/" POD_SOCKET, p->dir));
	TRY(loop_new(&loop));
	c.loop = loop;
	/* A guest that is still starting has no socket yet. */
	if (failed(transport_connect(address, CONNECT_MS, &c.fd)))
		return OK;
	TRY(agent_client_new(&c, &agent));
	for (size_t i = 0; i < s->n_containers; i++)
		ask(agent, &s->containers[i]);
	return OK;
}
