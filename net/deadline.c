#include "deadline.h"

#include <base/clock.h>

static void on_timer(void *arg)
{
	struct deadline *d = arg;
	uint64_t next;

	deadline_done(d);
	next = d->fn(d->arg, clock_monotonic_ms());
	/* Without memory for a timer the deadlines wait for the next one that is set. */
	if (next > 0)
		err_ignore(deadline_need(d, next));
}

RESULT deadline_need(struct deadline *d, uint64_t at)
{
	uint64_t now = clock_monotonic_ms();

	if (d->timer && d->at <= at)
		return OK;
	deadline_done(d);
	TRY(loop_add_timer(d->loop, at > now ? at - now : 1, 0, on_timer, d, &d->timer));
	d->at = at;
	return OK;
}

void deadline_done(struct deadline *d)
{
	loop_remove(d->timer);
	d->timer = NULL;
	d->at = 0;
}
