/* Where the time of a sandbox's start went: beside its state while it runs, kept when it ends. */
#include "runtime/start_metrics.h"
#include "sandbox_internal.h"

#include <base/clock.h>
#include <base/file.h>

static RESULT describe(struct sandbox *s)
{
	struct timeline_record *r = &s->record;

	TRY(str_dup(s->id, &r->id));
	TRY(str_dup(s->c.runtime->platform->name, &r->platform));
	TRY(str_dup(s->pod.state.image ? s->pod.state.image : "", &r->image));
	r->created = s->pod.state.created;
	return OK;
}

static RESULT save(const struct sandbox *s)
{
	AUTO(buf_done) struct buf text = BUF_INIT(TIMELINE_TEXT_MAX);
	AUTO(auto_free) char *path = NULL;

	TRY(path_join(s->pod.dir, TIMELINE_FILE, &path));
	TRY(timeline_print(&s->record, &text));
	return file_write_atomic(path, buf_bytes(&text), 0600);
}

/* Nothing of a pod depends on it. */
static void save_if_there(const struct sandbox *s)
{
	if (s->pod_there && s->record.id)
		err_ignore(save(s));
}

void sandbox_timeline_begin(struct sandbox *s)
{
	timeline_record_done(&s->record);
	if (failed(describe(s)))
		timeline_record_done(&s->record);
	timeline_begin(&s->record.t, s->began);
	s->placeholders = s->role == OCI_SANDBOX ? 1 : 0;
}

void sandbox_timeline_launched(struct sandbox *s)
{
	timeline_vm_started(&s->record.t, clock_monotonic_ms());
	save_if_there(s);
}

static void ready(struct sandbox *s)
{
	const struct runtime_config *r = s->c.runtime;

	timeline_ready(&s->record.t, clock_monotonic_ms());
	err_ignore(start_metrics_add(r->state_dir, r->platform->name, &s->record.t));
}

void sandbox_timeline_event(struct sandbox *s, const struct guest_event *e)
{
	const struct runtime_config *r = s->c.runtime;
	struct timeline *t = &s->record.t;

	if (!t->contact && e->ms > 0)
		timeline_contact(t, clock_monotonic_ms(), e->ms);
	if (e->kind != GUEST_STAGE)
		return;
	if (str_equal(e->stage, timeline_name(TIMELINE_PULL)))
		err_ignore(start_metrics_add_image(r->state_dir, r->platform->name, e->took_ms));
	/* Later containers of the pod are not its start. */
	if (t->ready)
		return;
	timeline_guest_stage(t, e->stage, e->took_ms);
	if (str_equal(e->stage, timeline_name(TIMELINE_START)) && s->placeholders-- == 0)
		ready(s);
	save_if_there(s);
}

void sandbox_timeline_end(struct sandbox *s)
{
	if (s->record.id) {
		s->record.ended = true;
		err_ignore(timeline_keep(s->c.runtime->state_dir, &s->record));
	}
	timeline_record_done(&s->record);
}
