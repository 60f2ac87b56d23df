#include "reply.h"
#include "requests.h"

#include <base/file.h>
#include <policy/manifest_check.h>

#define CGROUP_ROOT "/sys/fs/cgroup/sealpod"

/* A file of the container's cgroup; absent files (controller off) read as empty. */
static void read_file(const char *id, const char *name, struct buf *out)
{
	AUTO(auto_free) char *path = NULL;

	buf_clear(out);
	if (failed(str_format(&path, CGROUP_ROOT "/%s/%s", id, name)) ||
		failed(file_read(path, out)))
		buf_clear(out);
}

/* "max" and anything unreadable is 0. */
static uint64_t read_number(const char *id, const char *name)
{
	AUTO(buf_done) struct buf text = BUF_INIT(64);
	const char *s;

	read_file(id, name, &text);
	s = buf_cstr(&text);
	return s ? strtoull(s, NULL, 10) : 0;
}

/* Value of "key value" in a flat keyed file. */
static uint64_t keyed(struct buf *file, const char *key)
{
	const char *at = buf_cstr(file);
	size_t n = strlen(key);

	while (at && *at) {
		if (strncmp(at, key, n) == 0 && at[n] == ' ')
			return strtoull(at + n + 1, NULL, 10);
		at = strchr(at, '\n');
		at = at ? at + 1 : NULL;
	}
	return 0;
}

struct stats {
	Agent__StatsContainerResponse response;
	Agent__CgroupStats cgroup;
	Agent__CpuStats cpu;
	Agent__CpuUsage cpu_usage;
	Agent__ThrottlingData throttling;
	Agent__MemoryStats memory;
	Agent__MemoryData memory_usage;
	Agent__PidsStats pids;
};

/* cgroup v2 counts microseconds, the API nanoseconds. */
static void fill_cpu(struct stats *s, const char *id)
{
	AUTO(buf_done) struct buf file = BUF_INIT(4096);

	read_file(id, "cpu.stat", &file);
	s->cpu_usage.total_usage = keyed(&file, "usage_usec") * 1000;
	s->cpu_usage.usage_in_usermode = keyed(&file, "user_usec") * 1000;
	s->cpu_usage.usage_in_kernelmode = keyed(&file, "system_usec") * 1000;
	s->throttling.periods = keyed(&file, "nr_periods");
	s->throttling.throttled_periods = keyed(&file, "nr_throttled");
	s->throttling.throttled_time = keyed(&file, "throttled_usec") * 1000;
}

static void fill_memory(struct stats *s, const char *id)
{
	AUTO(buf_done) struct buf file = BUF_INIT(16 * 1024);

	s->memory_usage.usage = read_number(id, "memory.current");
	s->memory_usage.max_usage = read_number(id, "memory.peak");
	s->memory_usage.limit = read_number(id, "memory.max");
	read_file(id, "memory.stat", &file);
	s->memory.cache = keyed(&file, "file");
	s->memory.use_hierarchy = true;
	s->pids.current = read_number(id, "pids.current");
	s->pids.limit = read_number(id, "pids.max");
}

static void send_stats(struct ttrpc_call *call, const char *id)
{
	struct stats s = {
		.response = AGENT__STATS_CONTAINER_RESPONSE__INIT,
		.cgroup = AGENT__CGROUP_STATS__INIT,
		.cpu = AGENT__CPU_STATS__INIT,
		.cpu_usage = AGENT__CPU_USAGE__INIT,
		.throttling = AGENT__THROTTLING_DATA__INIT,
		.memory = AGENT__MEMORY_STATS__INIT,
		.memory_usage = AGENT__MEMORY_DATA__INIT,
		.pids = AGENT__PIDS_STATS__INIT,
	};

	fill_cpu(&s, id);
	fill_memory(&s, id);
	s.response.cgroup_stats = &s.cgroup;
	s.cgroup.cpu_stats = &s.cpu;
	s.cpu.cpu_usage = &s.cpu_usage;
	s.cpu.throttling_data = &s.throttling;
	s.cgroup.memory_stats = &s.memory;
	s.memory.usage = &s.memory_usage;
	s.cgroup.pids_stats = &s.pids;
	reply(call, &s.response.base);
}

static RESULT find(struct agent *a, struct bytes payload, struct container **ret_container)
{
	AUTO(pb_free_any) Agent__StatsContainerRequest *q = NULL;

	TRY(PB_UNPACK(agent__stats_container_request, payload, &q));
	TRY(container_get(a, q->container_id, ret_container));
	if (a->open_world || (*ret_container)->sandbox)
		return OK;
	return manifest_check_allowed(&a->manifest, "stats");
}

void stats_container(struct agent *a, struct ttrpc_call *call, struct bytes payload)
{
	struct container *c = NULL;
	struct err e = find(a, payload, &c);

	if (failed(e))
		reply_failure(call, e);
	else
		send_stats(call, c->id);
}

/* ---- UpdateContainer: limits only; the host could starve the guest anyway ---- */

struct update {
	struct ttrpc_call *call;
	char *dir, *file;
};

static void update_free(struct update *u)
{
	if (u->file)
		(void)unlink(u->file);
	free(u->file);
	free(u->dir);
	free(u);
}

static void on_updated(void *arg, int status)
{
	struct update *u = arg;
	struct ttrpc_call *call = u->call;
	struct err e = status == 0 ? OK : crun_error(u->dir, "update", status);

	update_free(u);
	reply_result(call, e);
}

static RESULT start_update(
	struct update *u, const struct container *c, const Oci__LinuxResources *r)
{
	AUTO(buf_done) struct buf json = BUF_INIT(AGENT_CONFIG_MAX);
	struct json_writer w = jw_of(&json);

	for (size_t i = 0; i < r->n_devices; i++)
		if (r->devices[i]->allow)
			return err_deny(ERR_DENIED, "manifest.devices", "resources.Devices",
				"(not listed)", "allow");
	spec_put_resources(&w, r);
	TRY(buf_end(&json, "resources"));
	TRY(str_dup(c->dir, &u->dir));
	TRY(path_join(c->dir, "update.json", &u->file));
	TRY(file_write_atomic(u->file, buf_bytes(&json), 0600));
	return crun_start(&(struct crun_call){
		.agent = c->agent,
		.command = "update",
		.id = c->id,
		.dir = c->dir,
		.resources = u->file,
		.fn = on_updated,
		.arg = u,
	});
}

static RESULT begin_update(struct agent *a, struct ttrpc_call *call, struct bytes payload)
{
	AUTO(pb_free_any) Agent__UpdateContainerRequest *q = NULL;
	struct container *c;
	struct update *u;
	struct err e;

	TRY(PB_UNPACK(agent__update_container_request, payload, &q));
	TRY(container_get(a, q->container_id, &c));
	if (c->sandbox || !q->resources) {
		reply_empty(call);
		return OK;
	}
	u = calloc(1, sizeof(*u));
	if (!u)
		return err_new(ERR_NOMEM, "update");
	u->call = call;
	if (failed(e = start_update(u, c, q->resources)))
		update_free(u);
	return e;
}

void stats_update(struct agent *a, struct ttrpc_call *call, struct bytes payload)
{
	struct err e = begin_update(a, call, payload);

	if (failed(e))
		reply_failure(call, e);
}
