/* One timer for many deadlines of which the earliest matters. */
#pragma once

#include <base/loop.h>

/* Handles what is due at `now` (CLOCK_MONOTONIC ms); the next deadline, 0 for none. May release the
 * struct that holds the deadline only when it returns 0. */
typedef uint64_t deadline_fn(void *arg, uint64_t now);

struct deadline {
	struct loop *loop;
	struct loop_source *timer;
	uint64_t at; /* when the timer fires; 0: not set */
	deadline_fn *fn;
	void *arg;
};

/* Fires at `at` or earlier. */
RESULT deadline_need(struct deadline *d, uint64_t at);
void deadline_done(struct deadline *d);
