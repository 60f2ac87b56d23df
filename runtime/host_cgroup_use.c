#include "host_cgroup_parts.h"

#include <base/file.h>

enum {
	VALUE_MAX = 16 * 1024
};

static RESULT set_list(struct host_cgroup *g, const char *name, const struct cpu_list *list)
{
	AUTO(buf_done) struct buf text = BUF_INIT(CPU_LIST_MAX * 8);

	if (cpu_list_count(list) == 0)
		return OK;
	cpu_list_print(list, &text);
	TRY(buf_end(&text, name));
	for (size_t i = 0; i < g->n; i++) {
		AUTO(auto_free) char *path = NULL;

		TRY(cgroup_file(g->hierarchies[i].dir, g->pod, name, &path));
		if (!file_exists(path))
			continue;
		struct err e = file_write(path, buf_bytes(&text));
		if (failed(e))
			return err_add(e, "%s of the pod", name);
	}
	return OK;
}

RESULT host_cgroup_set_cpus(
	struct host_cgroup *g, const struct cpu_list *cpus, const struct cpu_list *nodes)
{
	TRY(set_list(g, "cpuset.cpus", cpus));
	return set_list(g, "cpuset.mems", nodes);
}

/* The first number, or the one after `key`; 0 without the file. */
static uint64_t read_number(const char *dir, const char *group, const char *name, const char *key)
{
	AUTO(auto_free) char *path = NULL;
	AUTO(buf_done) struct buf text = BUF_INIT(VALUE_MAX);
	const char *at;
	uint64_t v = 0;

	if (failed(cgroup_file(dir, group, name, &path)) || !file_exists(path) ||
		failed(file_read(path, &text)))
		return 0;
	at = buf_cstr(&text);
	if (at && key)
		at = strstr(at, key);
	if (!at)
		return 0;
	for (at += key ? strlen(key) : 0; *at >= '0' && *at <= '9'; at++)
		v = v * 10 + (uint64_t)(*at - '0');
	return v;
}

static void add_group(const struct hierarchy *h, const char *group, struct host_cgroup_usage *u)
{
	if (h->v2) {
		u->cpu_ns += read_number(h->dir, group, "cpu.stat", "usage_usec ") * 1000;
		u->memory_bytes += read_number(h->dir, group, "memory.current", NULL);
	} else {
		u->cpu_ns += read_number(h->dir, group, "cpuacct.usage", NULL);
		u->memory_bytes += read_number(h->dir, group, "memory.usage_in_bytes", NULL);
	}
	u->processes += read_number(h->dir, group, "pids.current", NULL);
}

RESULT host_cgroup_usage(const struct host_cgroup *g, struct host_cgroup_usage *ret_usage)
{
	struct host_cgroup_usage u = { 0 };

	for (size_t i = 0; i < g->n; i++) {
		const struct hierarchy *h = &g->hierarchies[i];
		bool other = h->v2 && g->n > 1; /* beside version 1 it has no controllers */

		if (other)
			continue;
		add_group(h, g->pod, &u);
		if (h->has_overhead)
			add_group(h, g->overhead, &u);
	}
	*ret_usage = u;
	return OK;
}
