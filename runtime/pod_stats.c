#include "runtime/pod_stats.h"

#include "agent_internal.h"

#include <agent.pb-c.h>

#include <net/transport.h>

enum {
	CONNECT_MS = 1000
};

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
	struct pod_stats *s = ret_stats;

	*s = (struct pod_stats){ 0 };
	pod_host_stats_read(&p->state, &s->host);
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
