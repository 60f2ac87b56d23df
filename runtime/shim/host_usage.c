#include "host_usage.h"

#include "metrics.h"

#include <unistd.h>

#include <base/file.h>

enum {
	LINE_MAX_BYTES = 4096,
	FIELD_UTIME = 14, /* proc(5) */
	FIELD_AFTER_NAME = 3,
	NS_PER_S = 1000000000
};

/* Blank-separated field `index` of text that begins with field 0. */
static RESULT field(const char *text, unsigned index, uint64_t *ret_v)
{
	AUTO(auto_free) char *word = NULL;

	for (unsigned i = 0; i < index; i++) {
		text = strchr(text, ' ');
		if (!text)
			return err_new(ERR_FORMAT, "stat: cut at field %u", i);
		text++;
	}
	TRY(bytes_to_str(bytes_of(text, strcspn(text, " \n")), &word));
	return str_to_u64(word, UINT64_MAX, "stat", ret_v);
}

RESULT host_usage_parse(struct bytes line, uint64_t *ret_user, uint64_t *ret_system)
{
	AUTO(auto_free) char *text = NULL;
	const char *rest;
	uint64_t user, system_time;

	TRY(bytes_to_str(line, &text));
	rest = strrchr(text, ')');
	if (!rest || rest[1] != ' ')
		return err_new(ERR_FORMAT, "stat: no name");
	TRY(field(rest + 2, FIELD_UTIME - FIELD_AFTER_NAME, &user));
	TRY(field(rest + 2, FIELD_UTIME + 1 - FIELD_AFTER_NAME, &system_time));
	*ret_user = user;
	*ret_system = system_time;
	return OK;
}

static RESULT read_proc(uint32_t pid, const char *name, struct buf *out)
{
	AUTO(auto_free) char *path = NULL;

	TRY(str_format(&path, "/proc/%u/%s", pid, name));
	return file_read(path, out);
}

static RESULT resident(uint32_t pid, uint64_t *ret_bytes)
{
	AUTO(buf_done) struct buf text = BUF_INIT(LINE_MAX_BYTES);
	AUTO(auto_free) char *line = NULL;
	uint64_t pages;

	TRY(read_proc(pid, "statm", &text));
	TRY(bytes_to_str(buf_bytes(&text), &line));
	TRY(field(line, 1, &pages));
	*ret_bytes = pages * (uint64_t)sysconf(_SC_PAGESIZE);
	return OK;
}

static uint64_t ns_of(uint64_t ticks)
{
	return ticks * (NS_PER_S / (uint64_t)sysconf(_SC_CLK_TCK));
}

RESULT host_usage_pack(uint32_t pid, bool v2, struct buf *out)
{
	AUTO(buf_done) struct buf line = BUF_INIT(LINE_MAX_BYTES);
	Agent__StatsContainerResponse r = AGENT__STATS_CONTAINER_RESPONSE__INIT;
	Agent__CgroupStats c = AGENT__CGROUP_STATS__INIT;
	Agent__CpuStats cpu = AGENT__CPU_STATS__INIT;
	Agent__CpuUsage usage = AGENT__CPU_USAGE__INIT;
	Agent__MemoryStats memory = AGENT__MEMORY_STATS__INIT;
	Agent__MemoryData data = AGENT__MEMORY_DATA__INIT;
	uint64_t user, system_time;

	TRY(read_proc(pid, "stat", &line));
	TRY(host_usage_parse(buf_bytes(&line), &user, &system_time));
	TRY(resident(pid, &data.usage));
	usage.usage_in_usermode = ns_of(user);
	usage.usage_in_kernelmode = ns_of(system_time);
	usage.total_usage = usage.usage_in_usermode + usage.usage_in_kernelmode;
	cpu.cpu_usage = &usage;
	memory.usage = &data;
	c.cpu_stats = &cpu;
	c.memory_stats = &memory;
	r.cgroup_stats = &c;
	return v2 ? metrics_v2(&r, out) : metrics_v1(&r, out);
}
