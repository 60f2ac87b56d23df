#include "agent_internal.h"
#include "runtime/start_metrics.h"
#include "session.h"

#include <agent.pb-c.h>
#include <signal.h>

#include <base/clock.h>

enum {
	DEATH_NEWS_MS = 2000,
	ROUND_MS = 50
};

void session_stage(struct session *s, const char *stage)
{
	if (s->stage != stage && s->pod.dir) {
		s->stage = stage;
		err_ignore(session_save(s)); /* `pod ps` is a little behind then */
	}
	s->stage = stage;
	if (s->config->progress) {
		struct run_progress p = { .stage = stage,
			.elapsed_ms = clock_monotonic_ms() - s->timeline->begun };

		s->config->progress(s->config->arg, &p);
	}
}

static void extend_deadline(struct session *s)
{
	if (s->deadline)
		s->deadline = clock_monotonic_ms() + s->config->timeout_s * 1000;
}

/* ---- log lines of the guest ---- */

static void on_stage(struct session *s, const struct guest_event *e)
{
	timeline_guest_stage(s->timeline, e->stage, e->took_ms);
	if (str_equal(e->stage, timeline_name(TIMELINE_PULL)))
		err_ignore(start_metrics_add_image(
			s->config->state_dir, s->config->platform->name, e->took_ms));
	/* A stage is told when it has ended: what is under way is the one after it. */
	for (int i = TIMELINE_AGENT; i + 1 < TIMELINE_COUNT && !s->started; i++) {
		if (str_equal(e->stage, timeline_name((enum timeline_stage)i)))
			session_stage(s, timeline_name((enum timeline_stage)(i + 1)));
	}
}

static void on_progress(struct session *s, const struct guest_event *e)
{
	struct run_progress p = {
		.stage = timeline_name(TIMELINE_PULL),
		.layer = e->layer,
		.layers = e->layers,
		.done = e->done,
		.total = e->total,
		.elapsed_ms = clock_monotonic_ms() - s->timeline->begun,
	};

	s->stage = p.stage;
	if (s->config->progress && !s->started)
		s->config->progress(s->config->arg, &p);
}

static void on_event(void *arg, const struct guest_event *e)
{
	struct session *s = arg;

	if (!s->timeline->contact && e->ms > 0) {
		timeline_contact(s->timeline, clock_monotonic_ms(), e->ms);
		session_stage(s, timeline_name(TIMELINE_AGENT));
	}
	extend_deadline(s);
	if (e->kind == GUEST_STAGE)
		on_stage(s, e);
	else if (e->kind == GUEST_PROGRESS)
		on_progress(s, e);
}

RESULT session_open_logs(struct session *s)
{
	const struct machine_config c = {
		.loop = s->loop, .dir = s->pod.dir, .event = on_event, .arg = s
	};

	return machine_open_logs(&s->machine, &c);
}

/* ---- signals ---- */

static void on_signal_sent(void *arg, struct err e, struct bytes payload)
{
	(void)arg;
	(void)e; /* a container that has just ended is fine */
	(void)payload;
}

static void forward(struct session *s, int signo)
{
	Agent__SignalProcessRequest request = AGENT__SIGNAL_PROCESS_REQUEST__INIT;
	struct agent_call c = {
		.service = AGENT_SERVICE, .method = "SignalProcess", .request = &request.base
	};

	request.container_id = s->pod.state.container;
	request.signal = (uint32_t)signo;
	/* If it cannot be sent, the second signal ends the machine. */
	err_ignore(agent_call_start(s->agent, &c, on_signal_sent, NULL));
}

static void on_signal(void *arg, int signo)
{
	struct session *s = arg;

	s->signals++;
	if (s->signals == 1) {
		s->signo = signo;
		if (s->started)
			forward(s, signo);
	}
}

RESULT session_signals(struct session *s)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };

	for (size_t i = 0; i < ARRAY_LEN(signals); i++)
		TRY(loop_add_signal(s->loop, signals[i], on_signal, s));
	return OK;
}

/* ---- judgement ---- */

static struct err death(struct session *s)
{
	AUTO(buf_done) struct buf console = BUF_INIT(2 * RUN_CONSOLE_TAIL);

	machine_console(&s->machine, &console);
	(void)snprintf(s->result->console, sizeof(s->result->console), "%s",
		console.n ? buf_cstr(&console) : "");
	return machine_death(&s->machine, s->stage);
}

struct err session_check(void *session)
{
	struct session *s = session;

	if (s->machine.dead)
		return death(s);
	if (s->signals > 1 || (s->signals == 1 && !s->started))
		return err_new(
			ERR_STATE, "interrupted by signal %d at stage '%s'", s->signo, s->stage);
	if (s->deadline && clock_monotonic_ms() > s->deadline)
		return err_new(ERR_TIMEOUT, "nothing happened for %llu s at stage '%s'",
			(unsigned long long)s->config->timeout_s, s->stage);
	return OK;
}

struct err session_explain(struct session *s, struct err e)
{
	uint64_t end = clock_monotonic_ms() + DEATH_NEWS_MS;
	struct err_saved first;

	if (e.code != ERR_PEER)
		return e;
	err_save(e, &first);
	while (!s->machine.dead && clock_monotonic_ms() < end) {
		if (failed(loop_once(s->loop, ROUND_MS)))
			break;
	}
	return s->machine.dead ? death(s) : err_restore(&first);
}
