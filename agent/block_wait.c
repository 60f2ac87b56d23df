#include "block_wait.h"

#include "block_find.h"
#include "boot.h"

enum {
	HOTPLUG_MS = 10 * 1000, /* Kata waits 3 s, which software emulation may need alone */
	POLL_MS = 20,
	RESCAN_EVERY = 10 /* polls */
};

struct block_wait {
	struct block_ask ask;
	struct loop_source *timer;
	unsigned tries;
};

RESULT effect_block_find(
	const struct agent *a, const char *driver, const char *source, char **ret_device)
{
	(void)a;
	return block_find("", driver, source, ret_device);
}

RESULT effect_block_prepare(const struct agent *a, const char *driver, const char *source)
{
	bool scsi = str_equal(driver, "scsi");

	/* Only a machine without such a device when it started lacks the module. */
	if (a->set.init)
		TRY(boot_modules(BOOT_MODULES_FILE, scsi ? "virtio-scsi" : "virtio-block", false));
	return scsi ? scsi_rescan("", source) : OK;
}

void block_wait_cancel(struct block_wait *w)
{
	if (!w)
		return;
	loop_remove(w->timer);
	free(w);
}

static void end(struct block_wait *w, struct err e, const char *device)
{
	const struct block_ask ask = w->ask;

	block_wait_cancel(w);
	ask.fn(ask.arg, e, device);
}

static void on_poll(void *arg)
{
	struct block_wait *w = arg;
	const struct block_ask *k = &w->ask;
	const struct effects *effects = k->agent->effects;
	AUTO(auto_free) char *device = NULL;
	struct err e = OK;

	if (w->tries % RESCAN_EVERY == 0)
		e = effects->block_prepare(k->agent, k->driver, k->source);
	if (!failed(e))
		e = effects->block_find(k->agent, k->driver, k->source, &device);
	if (e.code == ERR_NOT_FOUND && ++w->tries <= HOTPLUG_MS / POLL_MS)
		return;
	if (e.code == ERR_NOT_FOUND)
		e = err_new(ERR_TIMEOUT, "%s %.64s: no such device after %d s", k->driver,
			k->source, HOTPLUG_MS / 1000);
	end(w, e, device);
}

RESULT block_wait_start(const struct block_ask *ask, struct block_wait **ret_wait)
{
	struct block_wait *w = calloc(1, sizeof(*w));
	struct err e;

	if (!w)
		return err_new(ERR_NOMEM, "block device");
	w->ask = *ask;
	e = loop_add_timer(ask->agent->loop, 0, POLL_MS, on_poll, w, &w->timer);
	if (failed(e)) {
		free(w);
		return e;
	}
	*ret_wait = w;
	return OK;
}
