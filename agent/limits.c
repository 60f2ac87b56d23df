/*
 * Limits of a container in the open world. crun fails on what the kernel has no file for, so what
 * cannot be here is left out; docs/limitations.md names it.
 */
#include "cgroup.h"
#include "open.h"

#include <base/file.h>

enum {
	SET_MAX = 8192 /* processors or memory nodes of one machine */
};

/* What is passed on to the containers' cgroups; false also without cgroups. */
static bool has_control(const struct agent *a, const char *name)
{
	AUTO(auto_free) char *path = NULL;

	return !failed(str_format(&path, "%s/%s", a->set.cgroup_dir, name)) && file_exists(path);
}

/* Numbers that are 0 when absent; -1 means no limit. */
static void put_number(struct json_writer *w, const char *key, int64_t v)
{
	if (v == 0)
		return;
	jw_key(w, key);
	jw_i64(w, v);
}

static void put_memory(struct json_writer *w, const struct agent *a, const Oci__LinuxMemory *m)
{
	jw_key(w, "memory");
	jw_object(w);
	put_number(w, "limit", m->limit);
	put_number(w, "reservation", m->reservation);
	if (has_control(a, "memory.swap.max"))
		put_number(w, "swap", m->swap);
	jw_object_end(w);
}

/* ---- processors ---- */

/* Reads "0-3,5"; false when it is no such list. */
static bool read_set(const char *text, bool set[static SET_MAX])
{
	const char *at = text;

	while (*at >= '0' && *at <= '9') {
		char *end;
		unsigned long first = strtoul(at, &end, 10), last = first;

		if (*end == '-' && end[1] >= '0' && end[1] <= '9')
			last = strtoul(end + 1, &end, 10);
		if (first > last || last >= SET_MAX)
			return false;
		for (; first <= last; first++)
			set[first] = true;
		at = end;
		if (*at != ',')
			break;
		at++;
	}
	return *at == '\0' || *at == '\n';
}

bool limits_set_within(const char *asked, const char *here)
{
	bool wanted[SET_MAX] = { false }, have[SET_MAX] = { false };

	if (!read_set(asked, wanted) || !read_set(here, have))
		return false;
	for (size_t i = 0; i < SET_MAX; i++)
		if (wanted[i] && !have[i])
			return false;
	return true;
}

/* A runtime may send the host's numbers; then the container may use what the guest has. */
static void put_set(struct json_writer *w, const struct agent *a, const char *key, const char *file,
	const char *asked)
{
	AUTO(auto_free) char *path = NULL;
	AUTO(buf_done) struct buf here = BUF_INIT(64 * 1024);

	if (asked[0] == '\0' || failed(str_format(&path, "%s/%s", a->set.cgroup_dir, file)) ||
		failed(file_read(path, &here)) || !buf_cstr(&here))
		return;
	if (limits_set_within(asked, buf_cstr(&here)))
		jw_kstr(w, key, asked);
}

static void put_cpu(struct json_writer *w, const struct agent *a, const Oci__LinuxCPU *c)
{
	jw_key(w, "cpu");
	jw_object(w);
	if (c->shares > 0)
		jw_ku64(w, "shares", c->shares);
	put_number(w, "quota", c->quota);
	if (c->period > 0)
		jw_ku64(w, "period", c->period);
	put_set(w, a, "cpus", "cpuset.cpus.effective", c->cpus);
	put_set(w, a, "mems", "cpuset.mems.effective", c->mems);
	jw_object_end(w);
}

/* ---- disks ---- */

static void put_throttles(
	struct json_writer *w, const char *key, Oci__LinuxThrottleDevice *const *list, size_t n)
{
	if (n == 0)
		return;
	jw_key(w, key);
	jw_array(w);
	for (size_t i = 0; i < n; i++) {
		jw_object(w);
		jw_key(w, "major");
		jw_i64(w, list[i]->major);
		jw_key(w, "minor");
		jw_i64(w, list[i]->minor);
		jw_ku64(w, "rate", list[i]->rate);
		jw_object_end(w);
	}
	jw_array_end(w);
}

static void put_block_io(struct json_writer *w, const struct agent *a, const Oci__LinuxBlockIO *b)
{
	jw_key(w, "blockIO");
	jw_object(w);
	if (b->weight > 0 && (has_control(a, "io.weight") || has_control(a, "io.bfq.weight")))
		jw_ku64(w, "weight", b->weight);
	if (has_control(a, "io.max")) {
		put_throttles(w, "throttleReadBpsDevice", b->throttlereadbpsdevice,
			b->n_throttlereadbpsdevice);
		put_throttles(w, "throttleWriteBpsDevice", b->throttlewritebpsdevice,
			b->n_throttlewritebpsdevice);
		put_throttles(w, "throttleReadIOPSDevice", b->throttlereadiopsdevice,
			b->n_throttlereadiopsdevice);
		put_throttles(w, "throttleWriteIOPSDevice", b->throttlewriteiopsdevice,
			b->n_throttlewriteiopsdevice);
	}
	jw_object_end(w);
}

/* ---- the rest ---- */

static void put_hugepages(
	struct json_writer *w, const struct agent *a, const Oci__LinuxResources *r)
{
	jw_key(w, "hugepageLimits");
	jw_array(w);
	for (size_t i = 0; i < r->n_hugepagelimits; i++) {
		const Oci__LinuxHugepageLimit *h = r->hugepagelimits[i];
		char file[64];

		/* Sizes that only the host's processor has are no use here. */
		(void)snprintf(file, sizeof(file), "hugetlb.%.16s.max", h->pagesize);
		if (strchr(h->pagesize, '/') || !has_control(a, file))
			continue;
		jw_object(w);
		jw_kstr(w, "pageSize", h->pagesize);
		jw_ku64(w, "limit", h->limit);
		jw_object_end(w);
	}
	jw_array_end(w);
}

void spec_open_put_limits(
	struct json_writer *w, const struct agent *a, const Oci__LinuxResources *r)
{
	if (r->memory)
		put_memory(w, a, r->memory);
	if (r->cpu)
		put_cpu(w, a, r->cpu);
	if (r->pids && r->pids->limit != 0) {
		jw_key(w, "pids");
		jw_object(w);
		put_number(w, "limit", r->pids->limit);
		jw_object_end(w);
	}
	if (r->blockio)
		put_block_io(w, a, r->blockio);
	if (r->n_hugepagelimits > 0)
		put_hugepages(w, a, r);
}
