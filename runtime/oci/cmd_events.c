/* events: statistics and memory shortages as lines of JSON. */
#include "life.h"
#include "metrics.h"
#include "oci.h"

#include <errno.h>
#include <time.h>

#include <base/file.h>
#include <net/pb.h>

enum {
	LINE_BYTES_MAX = 64 * 1024,
	INTERVAL_MAX = 3600,
	INTERVAL_DEFAULT = 5
};

struct events_options {
	const char *interval;
	bool stats;
};

/* "5s", "500ms", "1m", and a bare number of seconds. */
static RESULT interval_of(const char *text, uint64_t *ret_ms)
{
	static const struct {
		const char *unit;
		uint64_t ms;
	} units[] = { { "ms", 1 }, { "s", 1000 }, { "m", 60 * 1000 }, { "", 1000 } };
	size_t digits = text ? strspn(text, "0123456789") : 0;
	AUTO(auto_free) char *number = NULL;
	uint64_t v = 0;

	*ret_ms = INTERVAL_DEFAULT * 1000;
	if (!text)
		return OK;
	TRY(str_format(&number, "%.*s", (int)digits, text));
	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		if (!str_equal(text + digits, units[i].unit))
			continue;
		if (failed(str_to_u64(number, INTERVAL_MAX * 1000, "interval", &v)))
			break;
		*ret_ms = v * units[i].ms;
		if (v > 0 && *ret_ms <= INTERVAL_MAX * 1000)
			return OK;
	}
	return err_new(ERR_USAGE, "--interval %.40s: 1ms to 1h, such as 5s", text);
}

static RESULT line(const char *type, const char *id, const Pb__Any *stats, uint64_t *ret_kills)
{
	AUTO(buf_done) struct buf out = BUF_INIT(LINE_BYTES_MAX);
	struct json_writer w = jw_of(&out);

	jw_object(&w);
	jw_kstr(&w, "type", type);
	jw_kstr(&w, "id", id);
	if (stats) {
		jw_key(&w, "data");
		TRY(metrics_print(stats, &w, ret_kills));
	}
	jw_object_end(&w);
	buf_puts(&out, "\n");
	return oci_print(&out);
}

/* One look; the line of a memory shortage comes with the statistics that show it. */
static RESULT once(const struct oci_container *c, uint64_t *kills)
{
	AUTO(shim_done) struct shim s = { 0 };
	AUTO(pb_free_any) Task__StatsResponse *r = NULL;
	uint64_t now = *kills;

	TRY(shim_connect(c->s.address, &s));
	TRY(shim_stats(&s, c->s.id, &r));
	if (!r->stats)
		return err_new(ERR_FORMAT, "statistics without a value");
	TRY(line("stats", c->s.id, r->stats, &now));
	if (now > *kills)
		TRY(line("oom", c->s.id, NULL, NULL));
	*kills = now;
	return OK;
}

static RESULT events(const void *options, const struct cli_args *args, int *ret_exit)
{
	const struct events_options *o = options;
	AUTO(oci_container_done) struct oci_container c = OCI_CONTAINER_NONE;
	enum oci_status status = OCI_STOPPED;
	uint64_t ms = 0, kills = 0;

	(void)ret_exit;
	TRY(interval_of(o->interval, &ms));
	life_reap(oci_root());
	TRY(oci_container_peek(oci_root(), args->v[0], &c));
	TRY(life_status(&c, &status));
	if (status != OCI_RUNNING && status != OCI_PAUSED)
		return err_new(ERR_STATE, "container '%s' is not running", c.s.id);
	while (status != OCI_STOPPED) {
		struct timespec t = { .tv_sec = (time_t)(ms / 1000),
			.tv_nsec = (long)(ms % 1000) * 1000000 };

		TRY(once(&c, &kills));
		if (o->stats)
			return OK;
		while (nanosleep(&t, &t) != 0 && errno == EINTR)
			;
		TRY(life_status(&c, &status));
	}
	return OK;
}

static const struct cli_option options[] = {
	{ .name = "interval",
		.kind = CLI_STRING,
		.offset = offsetof(struct events_options, interval),
		.value = "TIME",
		.help = "between two lines (5s)" },
	{ .name = "stats",
		.kind = CLI_FLAG,
		.offset = offsetof(struct events_options, stats),
		.help = "one line, then end" },
	{ 0 },
};

const struct cli_command cmd_events = {
	.name = "events",
	.summary = "print a container's statistics and memory shortages (JSON lines)",
	.operands = "CONTAINER",
	.min_operands = 1,
	.max_operands = 1,
	.options = options,
	.options_size = sizeof(struct events_options),
	.run = events,
};
