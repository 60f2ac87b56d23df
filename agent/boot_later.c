/* Modules that a pod's start does not wait for: checking their signatures would be nearly all that
 * the agent does before it serves. */
#include "agent.h"
#include "boot.h"

#define LOG_MODULE "init"
#include <base/log.h>

enum {
	LATER_MS = 3000
};

RESULT boot_overlay(struct agent *a)
{
	if (!a->set.init || a->overlay_there)
		return OK;
	TRY(boot_modules(BOOT_MODULES_FILE, "overlay", true));
	a->overlay_there = true;
	return OK;
}

static void on_later(void *arg)
{
	struct err e = boot_overlay(arg);

	if (!failed(e))
		e = boot_entropy_module("", BOOT_MODULES_FILE);
	if (failed(e))
		log_failure(LOG_MODULE, "failure", e);
}

RESULT boot_later(struct agent *a)
{
	struct loop_source *timer;

	return loop_add_timer(a->loop, LATER_MS, 0, on_later, a, &timer);
}
