/* What a pod costs this host: its control groups' word, or else what /proc says of each process. */
#include "runtime/host_cgroup.h"
#include "runtime/pod_stats.h"

#include <unistd.h>

#include <base/file.h>

enum {
	LINE_MAX_BYTES = 4096,
	FIELD_UTIME = 14, /* proc(5); the state is field 3 */
	FIELD_STATE = 3,
	NS_PER_S = 1000000000
};

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

/* Six hundred years of processor time are not believed. */
static bool ticks_field(struct bytes line, size_t n, uint64_t *ret_ns)
{
	const uint64_t ticks = (uint64_t)sysconf(_SC_CLK_TCK);
	uint64_t v = 0;

	if (!field(line, n, &v) || __builtin_mul_overflow(v, NS_PER_S / ticks, &v))
		return false;
	*ret_ns = v;
	return true;
}

RESULT pod_process_stats_parse(struct bytes stat, struct bytes statm, struct pod_process_stats *s)
{
	const uint8_t *close = stat.n ? memrchr(stat.p, ')', stat.n) : NULL;
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t user = 0, kernel = 0, pages = 0;
	size_t at = close ? (size_t)(close - stat.p) + 1 : stat.n;
	const struct bytes rest = bytes_of(stat.n ? stat.p + at : NULL, stat.n - at);

	if (!close || !ticks_field(rest, FIELD_UTIME - FIELD_STATE, &user) ||
		!ticks_field(rest, FIELD_UTIME - FIELD_STATE + 1, &kernel) ||
		!field(statm, 1, &pages) || __builtin_mul_overflow(pages, page, &pages))
		return err_new(ERR_FORMAT, "process status");
	s->user_ns = user;
	s->system_ns = kernel;
	s->resident = pages;
	return OK;
}

static RESULT read_proc(uint64_t pid, const char *name, struct buf *out)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%llu/%s", (unsigned long long)pid, name);
	return file_read(path, out);
}

static uint64_t io_line(struct buf *io, const char *name)
{
	const char *at = strstr(buf_cstr(io), name);
	uint64_t v = 0;

	return at && field(bytes_str(at + strlen(name)), 0, &v) ? v : 0;
}

static void add_process(const struct pod_process *p, struct pod_host_stats *out)
{
	AUTO(buf_done) struct buf stat = BUF_INIT(LINE_MAX_BYTES);
	AUTO(buf_done) struct buf statm = BUF_INIT(LINE_MAX_BYTES);
	AUTO(buf_done) struct buf io = BUF_INIT(LINE_MAX_BYTES);
	struct pod_process_stats s = { .name = p->name, .pid = p->pid };

	if (!pod_process_alive(p) || failed(read_proc(p->pid, "stat", &stat)) ||
		failed(read_proc(p->pid, "statm", &statm)) ||
		failed(pod_process_stats_parse(buf_bytes(&stat), buf_bytes(&statm), &s)))
		return;
	/* Only who may trace it is told. */
	if (!failed(read_proc(p->pid, "io", &io)) && buf_cstr(&io)) {
		s.read_bytes = io_line(&io, "\nread_bytes:");
		s.write_bytes = io_line(&io, "\nwrite_bytes:");
	}
	out->processes[out->n_processes++] = s;
}

static void add_up(struct pod_host_stats *h)
{
	struct host_cgroup_usage u = { .processes = h->n_processes };

	for (size_t i = 0; i < h->n_processes; i++) {
		const struct pod_process_stats *s = &h->processes[i];

		u.cpu_ns += s->user_ns + s->system_ns;
		u.memory_bytes += s->resident;
		u.read_bytes += s->read_bytes;
		u.write_bytes += s->write_bytes;
	}
	h->all = u;
}

void pod_host_stats_read(const struct pod_state *s, struct pod_host_stats *ret_stats)
{
	const struct pod_process *processes = s->processes.items;
	const struct host_cgroup_spec spec = { .path = s->cgroup, .id = s->id };
	struct pod_host_stats *h = ret_stats;

	*h = (struct pod_host_stats){ 0 };
	add_process(&s->owner, h);
	for (size_t i = 0; i < s->processes.n; i++)
		add_process(&processes[i], h);
	h->grouped = s->cgroup && !failed(host_cgroup_usage(&spec, &h->all));
	if (!h->grouped)
		add_up(h);
}
