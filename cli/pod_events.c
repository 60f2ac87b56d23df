/* sealpod pod events: which stage a pod is in, and what its guest reports on the way. */
#include "pod_parts.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include <base/file.h>
#include <runtime/guest_log.h>
#include <runtime/timeline.h>

enum {
	OUT_MAX = 64 * 1024,
	STEP_US = 200 * 1000,
	PERCENT = 100
};

struct events {
	struct pod pod;
	char *id, *stage; /* what was told last */
	bool json;
	int fd;
	struct guest_lines lines;
	struct buf out;
};

static void events_done(struct events *e)
{
	pod_done(&e->pod);
	free(e->id);
	free(e->stage);
	auto_close(&e->fd);
	guest_lines_done(&e->lines);
	buf_done(&e->out);
}

/* ---- one event ---- */

static void put_clean(struct buf *out, const char *text)
{
	guest_text_clean(bytes_str(text), out);
}

static void put_progress(const struct guest_event *g, struct buf *out)
{
	uint64_t percent = g->total ? g->done / (g->total / PERCENT + 1) : 0;

	buf_printf(out, "pulling layer %llu/%llu, %llu %%", (unsigned long long)g->layer,
		(unsigned long long)g->layers,
		(unsigned long long)(g->total && g->done >= g->total ? PERCENT : percent));
}

static void put_text(const struct guest_event *g, struct buf *out)
{
	buf_printf(out, "%9.3f s  ", (double)g->ms / 1000.0);
	switch (g->kind) {
	case GUEST_STAGE:
		put_clean(out, g->stage);
		buf_printf(out, " took %llu ms", (unsigned long long)g->took_ms);
		break;
	case GUEST_PROGRESS:
		put_progress(g, out);
		break;
	case GUEST_FAILURE:
		put_clean(out, g->program);
		buf_puts(out, ": ");
		put_clean(out, g->text);
		break;
	case GUEST_OTHER:
		put_clean(out, g->program);
		buf_puts(out, ": ");
		put_clean(out, g->event);
		break;
	}
	buf_puts(out, "\n");
}

static void put_json(const struct events *e, const struct guest_event *g, struct buf *out)
{
	static const char *const kinds[] = {
		[GUEST_OTHER] = "event",
		[GUEST_STAGE] = "stage",
		[GUEST_PROGRESS] = "progress",
		[GUEST_FAILURE] = "failure",
	};
	struct json_writer w = jw_of(out);

	jw_object(&w);
	jw_kstr(&w, "pod", e->id);
	jw_ku64(&w, "guest_ms", g->ms);
	jw_kstr(&w, "kind", kinds[g->kind]);
	jw_kstr(&w, "program", g->program);
	if (g->kind == GUEST_STAGE) {
		jw_kstr(&w, "stage", g->stage);
		jw_ku64(&w, "took_ms", g->took_ms);
	} else if (g->kind == GUEST_PROGRESS) {
		jw_ku64(&w, "layer", g->layer);
		jw_ku64(&w, "layers", g->layers);
		jw_ku64(&w, "done", g->done);
		jw_ku64(&w, "total", g->total);
	} else {
		jw_kstr(&w, g->kind == GUEST_FAILURE ? "text" : "event",
			g->kind == GUEST_FAILURE ? g->text : g->event);
	}
	jw_object_end(&w);
	buf_puts(out, "\n");
}

static void on_line(void *arg, struct bytes text)
{
	struct events *e = arg;
	AUTO(guest_event_done) struct guest_event g = { 0 };

	if (failed(guest_event_parse(text, &g)))
		return;
	buf_clear(&e->out);
	if (e->json)
		put_json(e, &g, &e->out);
	else
		put_text(&g, &e->out);
	if (!failed(buf_end(&e->out, "event")))
		err_ignore(fd_write_all(STDOUT_FILENO, buf_bytes(&e->out))); /* reader left */
}

/* ---- the pod as its owner has it ---- */

static RESULT tell_stage(struct events *e, const char *stage)
{
	struct json_writer w = jw_of(&e->out);

	if (e->stage && str_equal(e->stage, stage))
		return OK;
	free(TAKE(e->stage));
	TRY(str_dup(stage, &e->stage));
	buf_clear(&e->out);
	if (e->json) {
		jw_object(&w);
		jw_kstr(&w, "pod", e->id);
		jw_kstr(&w, "kind", "now");
		jw_kstr(&w, "stage", stage);
		jw_object_end(&w);
		buf_puts(&e->out, "\n");
	} else {
		buf_printf(&e->out, "%11s  now: %s\n", "", stage);
	}
	TRY(buf_end(&e->out, "event"));
	return fd_write_all(STDOUT_FILENO, buf_bytes(&e->out));
}

static RESULT read_more(struct events *e)
{
	uint8_t block[16 * 1024];
	ssize_t n;

	while ((n = read(e->fd, block, sizeof(block))) > 0)
		guest_lines_feed(&e->lines, bytes_of(block, (size_t)n), on_line, e);
	return n < 0 ? err_new(ERR_SYS, "log of pod %s", e->id) : OK;
}

/* False when the pod has ended. */
static bool reload(struct events *e, const char *dir)
{
	struct pod again = { 0 };

	if (failed(pod_load(dir, e->id, &again)))
		return false;
	pod_done(&e->pod);
	e->pod = again;
	return pod_process_alive(&e->pod.state.owner);
}

static RESULT follow(struct events *e, const char *dir)
{
	while (reload(e, dir)) {
		TRY(read_more(e));
		TRY(tell_stage(e, e->pod.state.stage));
		(void)usleep(STEP_US);
	}
	TRY(read_more(e));
	return tell_stage(e, "ended");
}

static RESULT events(const void *options, const struct cli_args *args, int *ret_exit)
{
	const struct pod_options *o = options;
	AUTO(auto_free) char *path = NULL;
	AUTO(events_done) struct events e = {
		.json = args->json,
		.fd = -1,
		.lines = GUEST_LINES_INIT,
		.out = BUF_INIT(OUT_MAX),
	};
	const char *dir = pod_run_dir(o);

	(void)ret_exit;
	TRY(pod_load(dir, args->v[0], &e.pod));
	TRY(str_dup(args->v[0], &e.id));
	TRY(path_join(e.pod.dir, POD_LOG, &path));
	e.fd = open(path, O_RDONLY | O_CLOEXEC);
	if (e.fd < 0)
		return err_new(ERR_SYS, "%s", path);
	TRY(read_more(&e));
	TRY(tell_stage(&e, e.pod.state.stage));
	return o->follow ? follow(&e, dir) : OK;
}

static const struct cli_option options[] = {
	{ .name = "follow",
		.letter = 'f',
		OPTION(follow, CLI_FLAG),
		.help = "wait for more until the pod ends" },
	OPTION_RUN_DIR,
	{ 0 },
};

const struct cli_command cmd_pod_events = {
	.name = "events",
	.summary = "which stage a pod is in, and what it reports on the way",
	.operands = "POD",
	.min_operands = 1,
	.max_operands = 1,
	.options = options,
	.options_size = sizeof(struct pod_options),
	.run = events,
};
