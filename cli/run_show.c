#include "run_show.h"

static double mib(uint64_t bytes)
{
	return (double)bytes / (1024.0 * 1024.0);
}

void run_show_clear(struct run_show *show)
{
	if (show->shown)
		(void)fputs("\r\033[K", stderr);
	show->shown = false;
}

void run_show_progress(void *arg, const struct run_progress *p)
{
	struct run_show *show = arg;

	if (!show->live)
		return;
	run_show_clear(show);
	if (str_equal(p->stage, "running"))
		return;
	(void)fprintf(stderr, "%5.1f s  %s", (double)p->elapsed_ms / 1000.0, p->stage);
	if (p->layers)
		(void)fprintf(stderr, "  layer %llu/%llu  %.1f of %.1f MiB",
			(unsigned long long)p->layer, (unsigned long long)p->layers, mib(p->done),
			mib(p->total));
	(void)fflush(stderr);
	show->shown = true;
}

void run_show_timeline(const struct timeline_record *r, FILE *to)
{
	(void)fprintf(to, "pod %s  %s  %s\n", r->id, r->platform, r->image);
	for (int s = 0; s < TIMELINE_COUNT; s++) {
		enum timeline_stage stage = (enum timeline_stage)s;

		if (r->t.known[s])
			(void)fprintf(to, "%-10s %8llu ms  %s\n", timeline_name(stage),
				(unsigned long long)r->t.ms[s], timeline_what(stage));
		else
			(void)fprintf(to, "%-10s %8s     %s\n", timeline_name(stage), "-",
				timeline_what(stage));
	}
	if (r->t.ready)
		(void)fprintf(to, "%-10s %8llu ms  from the command until the container ran\n",
			"ready", (unsigned long long)r->t.ready);
	if (r->ended)
		(void)fprintf(to, "exit status %llu\n", (unsigned long long)r->exit_status);
}

void run_show_timeline_json(const struct timeline_record *r, struct json_writer *w)
{
	jw_kstr(w, "id", r->id);
	jw_kstr(w, "image", r->image);
	jw_kstr(w, "platform", r->platform);
	jw_key(w, "stages");
	jw_object(w);
	for (int s = 0; s < TIMELINE_COUNT; s++) {
		if (r->t.known[s])
			jw_ku64(w, timeline_name((enum timeline_stage)s), r->t.ms[s]);
	}
	jw_object_end(w);
	jw_ku64(w, "ready_ms", r->t.ready);
	jw_kbool(w, "ended", r->ended);
	jw_ku64(w, "exit_status", r->exit_status);
}
