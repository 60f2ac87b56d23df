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

/* The first number, or the sum of those after each `key`; 0 without the file. */
static uint64_t read_number(const char *dir, const char *group, const char *name, const char *key)
{
	AUTO(auto_free) char *path = NULL;
	AUTO(buf_done) struct buf text = BUF_INIT(VALUE_MAX);
	uint64_t sum = 0;

	if (failed(cgroup_file(dir, group, name, &path)) || !file_exists(path) ||
		failed(file_read(path, &text)) || !buf_cstr(&text))
		return 0;
	for (const char *at = buf_cstr(&text); at && *at; at = key ? at : NULL) {
		uint64_t v = 0;

		at = key ? strstr(at, key) : at;
		if (!at)
			break;
		for (at += key ? strlen(key) : 0; *at >= '0' && *at <= '9'; at++)
			v = v * 10 + (uint64_t)(*at - '0');
		sum += v;
	}
	return sum;
}

/* kernel: cgroup-v1/memory.rst and blkio-controller.rst, cgroup-v2.rst; numbers after a key add up
 * over devices. */
static const struct {
	const char *v1, *v1_key, *v2, *v2_key;
	uint64_t v2_unit;
	size_t offset;
} numbers[] = {
#define AT(member) offsetof(struct host_cgroup_usage, member)
	{ "cpuacct.usage", NULL, "cpu.stat", "usage_usec ", 1000, AT(cpu_ns) },
	{ "memory.usage_in_bytes", NULL, "memory.current", NULL, 1, AT(memory_bytes) },
	{ "pids.current", NULL, "pids.current", NULL, 1, AT(processes) },
	{ "blkio.throttle.io_service_bytes", "Read ", "io.stat", "rbytes=", 1, AT(read_bytes) },
	{ "blkio.throttle.io_service_bytes", "Write ", "io.stat", "wbytes=", 1, AT(write_bytes) },
#undef AT
};

static bool add_group(const struct hierarchy *h, const char *group, struct host_cgroup_usage *u)
{
	AUTO(auto_free) char *path = NULL;

	if (failed(cgroup_file(h->dir, group, "", &path)) || !file_exists(path))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		uint64_t *v = (uint64_t *)(void *)((char *)u + numbers[i].offset);

		*v += h->v2 ? read_number(h->dir, group, numbers[i].v2, numbers[i].v2_key) *
				      numbers[i].v2_unit
			    : read_number(h->dir, group, numbers[i].v1, numbers[i].v1_key);
	}
	return true;
}

RESULT host_cgroup_usage(const struct host_cgroup_spec *spec, struct host_cgroup_usage *ret_usage)
{
	AUTO(cgroup_forget) struct host_cgroup g = { 0 };
	struct host_cgroup_usage u = { 0 };
	bool found = false;

	TRY(cgroup_find(spec, &g));
	for (size_t i = 0; i < g.n; i++) {
		const struct hierarchy *h = &g.hierarchies[i];

		if (h->v2 && g.n > 1)
			continue; /* beside version 1 it has no controllers */
		found |= add_group(h, g.pod, &u);
		found |= add_group(h, g.overhead, &u);
	}
	if (!found)
		return err_new(ERR_NOT_FOUND, "no control group %s", g.pod);
	*ret_usage = u;
	return OK;
}
