#include "metrics_text.h"

enum {
	LABEL_MAX = 64,
	FIELDS_MAX = 24
};

void metrics_head(struct buf *out, const char *name, const char *type, const char *help)
{
	buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* A line of white-space separated fields, "name:" counting as one. */
struct line {
	char name[LABEL_MAX];
	double v[FIELDS_MAX];
	size_t n;
};

static bool is_name_end(char c)
{
	return c == '\0' || c == ' ' || c == '\t' || c == ':' || c == '\n';
}

/* Past the name; what could end a label too early becomes '_'. */
static const char *read_name(const char *at, char ret_name[static LABEL_MAX])
{
	size_t n = 0;

	at += strspn(at, " \t");
	for (; !is_name_end(*at); at++) {
		bool plain = *at > ' ' && *at <= '~' && *at != '"' && *at != '\\';

		if (n + 1 < LABEL_MAX)
			ret_name[n++] = plain ? *at : '_';
	}
	ret_name[n] = '\0';
	return at + strspn(at, ":");
}

/* The first field as it is, the rest as numbers until the first that is none. */
static const char *next_line(const char *at, struct line *ret)
{
	const char *end = strchr(at, '\n');

	*ret = (struct line){ 0 };
	at = read_name(at, ret->name);
	while (*at != '\0' && *at != '\n' && ret->n < FIELDS_MAX) {
		char *after;
		double v = strtod(at, &after);

		if (after == at || (end && after > end))
			break;
		ret->v[ret->n++] = v;
		at = after;
	}
	return end ? end + 1 : NULL;
}

static void put_item(struct buf *out, const char *metric, const char *item, double v)
{
	buf_printf(out, "%s{item=\"%s\"} %.15g\n", metric, item, v);
}

/* One metric, an item a line. */
static void put_items(struct buf *out, const char *metric, const char *text)
{
	while (text && *text) {
		struct line l;

		text = next_line(text, &l);
		if (l.n > 0)
			put_item(out, metric, l.name, l.v[0]);
	}
}

void metrics_agent_status(struct buf *out, const char *text)
{
	metrics_head(out, "kata_agent_proc_status", "gauge", "/proc/self/status of the agent.");
	put_items(out, "kata_agent_proc_status", text);
}

void metrics_agent_io(struct buf *out, const char *text)
{
	metrics_head(out, "kata_agent_io_stat", "gauge", "/proc/self/io of the agent.");
	put_items(out, "kata_agent_io_stat", text);
}

/* "0.00 0.01 0.05 1/80 123" */
void metrics_load(struct buf *out, const char *text)
{
	double load[3] = { 0 };
	long running = 0, tasks = 0;

	if (sscanf(text, "%lf %lf %lf %ld/%ld", &load[0], &load[1], &load[2], &running, &tasks) !=
		5)
		return;
	metrics_head(out, "kata_guest_load", "gauge", "Load of the guest.");
	put_item(out, "kata_guest_load", "load1", load[0]);
	put_item(out, "kata_guest_load", "load5", load[1]);
	put_item(out, "kata_guest_load", "load15", load[2]);
	metrics_head(out, "kata_guest_tasks", "gauge", "Tasks of the guest.");
	put_item(out, "kata_guest_tasks", "cur", (double)running);
	put_item(out, "kata_guest_tasks", "max", (double)tasks);
}

/* Columns of a table, by name; the row's name is a second label. */
struct table {
	const char *metric, *help, *label;
	const char *columns[FIELDS_MAX];
	size_t skip; /* columns before the first */
};

static void put_row(struct buf *out, const struct table *t, const struct line *l, const char *row)
{
	for (size_t i = 0; i < FIELDS_MAX && t->columns[i] && t->skip + i < l->n; i++)
		buf_printf(out, "%s{%s=\"%s\",item=\"%s\"} %.15g\n", t->metric, t->label, row,
			t->columns[i], l->v[t->skip + i]);
}

void metrics_cpu(struct buf *out, const char *text)
{
	static const struct table t = { "kata_guest_cpu_time", "CPU time of the guest, ticks.",
		"cpu",
		{ "user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal", "guest",
			"guest_nice" },
		0 };

	metrics_head(out, t.metric, "gauge", t.help);
	while (text && *text) {
		struct line l;

		text = next_line(text, &l);
		if (!str_starts(l.name, "cpu"))
			continue;
		put_row(out, &t, &l, l.name[3] ? l.name : "total");
	}
}

void metrics_memory(struct buf *out, const char *text)
{
	metrics_head(out, "kata_guest_meminfo", "gauge", "/proc/meminfo of the guest.");
	put_items(out, "kata_guest_meminfo", text);
}

void metrics_vm(struct buf *out, const char *text)
{
	metrics_head(out, "kata_guest_vm_stat", "gauge", "/proc/vmstat of the guest.");
	put_items(out, "kata_guest_vm_stat", text);
}

static void put_table(struct buf *out, const struct table *t, const char *text)
{
	metrics_head(out, t->metric, "gauge", t->help);
	while (text && *text) {
		struct line l;

		text = next_line(text, &l);
		if (l.n > t->skip)
			put_row(out, t, &l, l.name);
	}
}

/* Two lines of heading hold no numbers. */
void metrics_network(struct buf *out, const char *text)
{
	static const struct table t = { "kata_guest_netdev_stat", "/proc/net/dev of the guest.",
		"interface",
		{ "recv_bytes", "recv_packets", "recv_errs", "recv_drop", "recv_fifo", "recv_frame",
			"recv_compressed", "recv_multicast", "sent_bytes", "sent_packets",
			"sent_errs", "sent_drop", "sent_fifo", "sent_colls", "sent_carrier",
			"sent_compressed" },
		0 };

	put_table(out, &t, text);
}

/* "8 0 sda 1 2 3 ...": the name is the third field. */
static const char *skip_numbers(const char *at)
{
	for (int i = 0; i < 2; i++) {
		at += strspn(at, " ");
		at += strspn(at, "0123456789");
	}
	return at;
}

void metrics_disks(struct buf *out, const char *text)
{
	static const struct table t = { "kata_guest_diskstat", "/proc/diskstats of the guest.",
		"disk",
		{ "reads", "merged", "sectors_read", "time_reading", "writes", "writes_merged",
			"sectors_written", "time_writing", "in_progress", "time_in_progress",
			"weighted_time_in_progress" },
		0 };

	metrics_head(out, t.metric, "gauge", t.help);
	while (text && *text) {
		const char *name = skip_numbers(text);
		struct line l;

		text = next_line(name, &l);
		if (l.n > 0)
			put_row(out, &t, &l, l.name);
	}
}
