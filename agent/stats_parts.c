#include "stats_parts.h"

#include "cgroup.h"

#include <dirent.h>

#include <base/file.h>

/* ---- memory ---- */

void stats_memory(struct buf *file, struct stats_memory *s, Agent__MemoryStats *msg)
{
	const char *at = buf_cstr(file);
	size_t n = 0;

	while (at && *at && n < STATS_KEYS_MAX) {
		const char *space = strchr(at, ' ');
		const char *end = strchr(at, '\n');
		size_t len = space ? (size_t)(space - at) : 0;

		if (space && len < sizeof(s->names[n]) && (!end || space < end)) {
			Agent__MemoryStats__StatsEntry *e = &s->entries[n];

			agent__memory_stats__stats_entry__init(e);
			(void)snprintf(s->names[n], sizeof(s->names[n]), "%.*s", (int)len, at);
			e->key = s->names[n];
			e->value = strtoull(space + 1, NULL, 10);
			s->list[n++] = e;
		}
		at = end ? end + 1 : NULL;
	}
	msg->stats = s->list;
	msg->n_stats = n;
}

/* ---- block devices ---- */

struct io_line {
	uint64_t major, minor;
	uint64_t bytes[STATS_OPS], counts[STATS_OPS];
};

static uint64_t io_value(const char *line, size_t n, const char *key)
{
	size_t key_len = strlen(key);

	for (size_t i = 0; i + key_len < n; i++)
		if (line[i] == ' ' && strncmp(line + i + 1, key, key_len) == 0)
			return strtoull(line + i + 1 + key_len, NULL, 10);
	return 0;
}

static bool io_parse(const char *line, size_t n, struct io_line *ret)
{
	static const char *const bytes[] = { "rbytes=", "wbytes=", "dbytes=" };
	static const char *const counts[] = { "rios=", "wios=", "dios=" };
	char *colon, *end;

	ret->major = strtoull(line, &colon, 10);
	if (colon == line || *colon != ':')
		return false;
	ret->minor = strtoull(colon + 1, &end, 10);
	if (end == colon + 1 || (size_t)(end - line) > n)
		return false;
	for (size_t i = 0; i < STATS_OPS; i++) {
		ret->bytes[i] = io_value(line, n, bytes[i]);
		ret->counts[i] = io_value(line, n, counts[i]);
	}
	return true;
}

static void set_entry(
	Agent__BlkioStatsEntry *e, const struct io_line *line, size_t op, uint64_t value)
{
	static const char *const names[] = { "Read", "Write", "Discard" };

	agent__blkio_stats_entry__init(e);
	e->major = line->major;
	e->minor = line->minor;
	e->op = (char *)(uintptr_t)names[op];
	e->value = value;
}

static void add_device(struct stats_blkio *s, const struct io_line *line)
{
	for (size_t op = 0; op < STATS_OPS; op++) {
		size_t i = s->msg.n_io_service_bytes_recursive++;

		set_entry(&s->bytes[i], line, op, line->bytes[op]);
		set_entry(&s->counts[i], line, op, line->counts[op]);
		s->bytes_list[i] = &s->bytes[i];
		s->counts_list[i] = &s->counts[i];
	}
}

void stats_blkio_parse(const char *text, struct stats_blkio *s)
{
	size_t devices = 0;

	agent__blkio_stats__init(&s->msg);
	while (text && *text && devices < STATS_DEVICES_MAX) {
		const char *end = strchr(text, '\n');
		size_t n = end ? (size_t)(end - text) : strlen(text);
		struct io_line line;

		if (io_parse(text, n, &line)) {
			add_device(s, &line);
			devices++;
		}
		text = end ? end + 1 : NULL;
	}
	s->msg.io_service_bytes_recursive = s->bytes_list;
	s->msg.io_serviced_recursive = s->counts_list;
	s->msg.n_io_serviced_recursive = s->msg.n_io_service_bytes_recursive;
}

void stats_blkio(const struct container *c, struct stats_blkio *s, Agent__CgroupStats *msg)
{
	AUTO(buf_done) struct buf file = BUF_INIT(16 * 1024);

	cgroup_read(c, "io.stat", &file);
	stats_blkio_parse(buf_cstr(&file), s);
	msg->blkio_stats = &s->msg;
}

/* ---- huge pages ---- */

bool stats_page_size(const char *directory, char ret_name[static 16])
{
	static const char *const units[] = { "KB", "MB", "GB" };
	uint64_t n;
	size_t unit = 0;
	char *end;

	if (!str_starts(directory, "hugepages-"))
		return false;
	n = strtoull(directory + strlen("hugepages-"), &end, 10);
	if (n == 0 || !str_equal(end, "kB"))
		return false;
	while (n % 1024 == 0 && unit + 1 < ARRAY_LEN(units)) {
		n /= 1024;
		unit++;
	}
	return snprintf(ret_name, 16, "%llu%s", (unsigned long long)n, units[unit]) < 16;
}

static void add_page_size(
	const struct container *c, struct stats_hugetlb *s, Agent__CgroupStats *msg)
{
	AUTO(buf_done) struct buf events = BUF_INIT(256);
	size_t i = msg->n_hugetlb_stats++;
	char file[48];

	agent__hugetlb_stats__init(&s->values[i]);
	agent__cgroup_stats__hugetlb_stats_entry__init(&s->entries[i]);
	(void)snprintf(file, sizeof(file), "hugetlb.%s.current", s->names[i]);
	s->values[i].usage = cgroup_number(c, file);
	(void)snprintf(file, sizeof(file), "hugetlb.%s.events", s->names[i]);
	cgroup_read(c, file, &events);
	s->values[i].failcnt = cgroup_keyed(&events, "max");
	s->entries[i].key = s->names[i];
	s->entries[i].value = &s->values[i];
	s->list[i] = &s->entries[i];
}

void stats_hugetlb(const struct container *c, struct stats_hugetlb *s, Agent__CgroupStats *msg)
{
	AUTO(auto_closedir) DIR *d = opendir("/sys/kernel/mm/hugepages");
	const struct dirent *e;

	msg->hugetlb_stats = s->list;
	/* One thread. NOLINTNEXTLINE(concurrency-mt-unsafe) */
	while (d && (e = readdir(d)) != NULL && msg->n_hugetlb_stats < STATS_PAGE_SIZES_MAX)
		if (stats_page_size(e->d_name, s->names[msg->n_hugetlb_stats]))
			add_page_size(c, s, msg);
}

/* ---- network ---- */

static uint64_t net_number(const char *dir, const char *name, const char *what)
{
	AUTO(auto_free) char *path = NULL;
	AUTO(buf_done) struct buf text = BUF_INIT(64);
	const char *s;

	if (failed(str_format(&path, "%s/%s/statistics/%s", dir, name, what)) ||
		failed(file_read(path, &text)))
		return 0;
	s = buf_cstr(&text);
	return s ? strtoull(s, NULL, 10) : 0;
}

static void add_interface(const char *dir, const char *name, Agent__NetworkStats *n)
{
	n->rx_bytes = net_number(dir, name, "rx_bytes");
	n->rx_packets = net_number(dir, name, "rx_packets");
	n->rx_errors = net_number(dir, name, "rx_errors");
	n->rx_dropped = net_number(dir, name, "rx_dropped");
	n->tx_bytes = net_number(dir, name, "tx_bytes");
	n->tx_packets = net_number(dir, name, "tx_packets");
	n->tx_errors = net_number(dir, name, "tx_errors");
	n->tx_dropped = net_number(dir, name, "tx_dropped");
}

void stats_network(const char *dir, struct stats_network *s, Agent__StatsContainerResponse *msg)
{
	AUTO(auto_closedir) DIR *d = opendir(dir);
	const struct dirent *e;

	msg->network_stats = s->list;
	/* One thread. NOLINTNEXTLINE(concurrency-mt-unsafe) */
	while (d && (e = readdir(d)) != NULL && msg->n_network_stats < STATS_INTERFACES_MAX) {
		size_t i = msg->n_network_stats;

		if (e->d_name[0] == '.' || str_equal(e->d_name, "lo") ||
			strlen(e->d_name) >= sizeof(s->names[i]))
			continue;
		agent__network_stats__init(&s->values[i]);
		(void)snprintf(s->names[i], sizeof(s->names[i]), "%.15s", e->d_name);
		s->values[i].name = s->names[i];
		add_interface(dir, s->names[i], &s->values[i]);
		s->list[i] = &s->values[i];
		msg->n_network_stats++;
	}
}
