/* GetMetrics: the guest and the agent as Prometheus text, under the names of Kata's agent. */
#include "metrics_text.h"
#include "reply.h"
#include "requests.h"

#include <sys/resource.h>

enum {
	METRICS_MAX = 256 * 1024
};

static void put_file(
	struct buf *out, const char *path, void (*put)(struct buf *out, const char *text))
{
	AUTO(buf_done) struct buf text = BUF_INIT(METRICS_MAX);

	/* A kernel without the file has nothing to tell about it. */
	if (!failed(file_read(path, &text)) && buf_cstr(&text))
		put(out, buf_cstr(&text));
}

static void put_agent(struct agent *a, struct buf *out)
{
	struct rusage r = { 0 };

	metrics_head(out, "kata_agent_scrape_count", "counter", "Answers to GetMetrics.");
	buf_printf(out, "kata_agent_scrape_count %llu\n", (unsigned long long)++a->n_scrapes);
	(void)getrusage(RUSAGE_SELF, &r);
	metrics_head(out, "kata_agent_total_time", "gauge", "CPU seconds of the agent.");
	buf_printf(out, "kata_agent_total_time %lld.%02lld\n",
		(long long)(r.ru_utime.tv_sec + r.ru_stime.tv_sec +
			    (r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1000000),
		(long long)((r.ru_utime.tv_usec + r.ru_stime.tv_usec) % 1000000 / 10000));
	put_file(out, "/proc/self/status", metrics_agent_status);
	put_file(out, "/proc/self/io", metrics_agent_io);
}

static void put_guest(struct buf *out)
{
	put_file(out, "/proc/loadavg", metrics_load);
	put_file(out, "/proc/stat", metrics_cpu);
	put_file(out, "/proc/meminfo", metrics_memory);
	put_file(out, "/proc/vmstat", metrics_vm);
	put_file(out, "/proc/net/dev", metrics_network);
	put_file(out, "/proc/diskstats", metrics_disks);
}

void metrics_get(struct agent *a, struct ttrpc_call *call, struct bytes payload)
{
	AUTO(buf_done) struct buf out = BUF_INIT(METRICS_MAX);
	Agent__Metrics msg = AGENT__METRICS__INIT;
	struct err e = a->open_world ? OK : manifest_check_allowed(&a->manifest, "stats");

	(void)payload;
	if (!failed(e)) {
		put_agent(a, &out);
		put_guest(&out);
		buf_u8(&out, '\0');
		e = buf_end(&out, "metrics");
	}
	if (failed(e)) {
		reply_failure(call, e);
		return;
	}
	msg.metrics = (char *)out.p;
	reply(call, &msg.base);
}
