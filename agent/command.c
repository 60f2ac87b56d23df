#include "command.h"

struct running {
	struct process process;
	struct loop_source *timer;
	command_fn *fn;
	void *arg;
};

static void running_free(struct running *r)
{
	loop_remove(r->timer);
	if (r->process.pidfd >= 0)
		(void)close(r->process.pidfd);
	free(r);
}

static void on_end(void *arg, int status)
{
	struct running *r = arg;
	command_fn *fn = r->fn;
	void *fn_arg = r->arg;

	running_free(r);
	fn(fn_arg, status);
}

static void on_timeout(void *arg)
{
	const struct running *r = arg;

	/* An ended process cannot be killed, and that is fine: its end is about to be reported. */
	err_ignore(process_kill(&r->process, SIGKILL));
}

RESULT command_start(const struct command *c)
{
	struct running *r = malloc(sizeof(*r));
	struct err e;

	if (!r)
		return err_new(ERR_NOMEM, "command");
	*r = (struct running){ .process = PROCESS_NONE, .fn = c->fn, .arg = c->arg };
	e = process_start(c->spec, &r->process);
	if (!failed(e))
		e = loop_add_timer(c->loop, c->timeout_ms, 0, on_timeout, r, &r->timer);
	if (!failed(e))
		e = reaper_watch(c->reaper, r->process.pid, on_end, r);
	if (failed(e)) {
		process_end(&r->process);
		running_free(r);
	}
	return e;
}
