/* Containers that exist: started, asked for, ended. */
#include "life.h"

#include "holder.h"
#include "holder_root.h"
#include "hooks.h"
#include "oci.h"

#include <errno.h>
#include <signal.h>

#include <base/clock.h>
#include <base/file.h>

enum {
	END_MS = 10 * 1000, /* until a killed process has ended */
	LEAVE_MS = 3 * 1000,
	STEP_MS = 10
};

/* ---- the shim ---- */

void life_shim_done(struct life_shim *s)
{
	free(s->bundle);
	*s = (struct life_shim){ 0 };
}

RESULT life_shim(const struct oci_container *c, struct life_shim *ret_shim)
{
	AUTO(life_shim_done) struct life_shim s = { 0 };
	AUTO(auto_free) char *sandbox = NULL;

	TRY(path_join(oci_root(), c->s.sandbox, &sandbox));
	TRY(path_join(sandbox, "bundle", &s.bundle));
	/* The sandbox may have been removed before its containers. */
	if (!file_exists(s.bundle)) {
		free(TAKE(s.bundle));
		TRY(path_join(c->dir, "bundle", &s.bundle));
	}
	s.start = (struct shim_start){
		.dir = c->dir,
		.bundle = s.bundle,
		.id = c->s.sandbox,
		.handler = c->s.handler,
		.config_path = globals.config_path,
	};
	*ret_shim = s;
	s = (struct life_shim){ 0 };
	return OK;
}

static RESULT start_shim(struct oci_container *c)
{
	AUTO(life_shim_done) struct life_shim l = { 0 };
	AUTO(auto_free) char *address = NULL;

	TRY(life_shim(c, &l));
	TRY(shim_start(&l.start, &address));
	free(c->s.address);
	c->s.address = TAKE(address);
	return oci_container_save(c);
}

RESULT life_boot(struct oci_container *c)
{
	AUTO(shim_done) struct shim s = { 0 };
	AUTO(auto_free) char *bundle = NULL;
	AUTO(auto_free) char *io_dir = NULL;
	struct holder_streams paths;

	if (str_equal(c->s.sandbox, c->s.id))
		TRY(start_shim(c));
	TRY(path_join(c->dir, "bundle", &bundle));
	TRY(path_join(c->dir, "io", &io_dir));
	TRY(shim_connect(c->s.address, &s));
	holder_paths((pid_t)c->s.holder.pid, io_dir, &paths);
	const struct shim_streams io = {
		.in = paths.in,
		.out = paths.out,
		.err = c->s.terminal ? "" : paths.err,
		.terminal = c->s.terminal,
	};
	return shim_create(&s, c->s.id, bundle, globals.config_path, &io);
}

/* ---- status ---- */

static enum oci_status status_of(Containerd__Status s)
{
	switch ((int)s) {
	case CONTAINERD__STATUS__CREATED:
		return OCI_CREATED;
	case CONTAINERD__STATUS__RUNNING:
		return OCI_RUNNING;
	case CONTAINERD__STATUS__PAUSED:
	case CONTAINERD__STATUS__PAUSING:
		return OCI_PAUSED;
	case CONTAINERD__STATUS__UNKNOWN:
	case CONTAINERD__STATUS__STOPPED:
	default: /* of a newer shim */
		return OCI_STOPPED;
	}
}

RESULT life_status(const struct oci_container *c, enum oci_status *ret_status)
{
	AUTO(shim_done) struct shim s = { 0 };
	Containerd__Status there = CONTAINERD__STATUS__STOPPED;

	*ret_status = OCI_STOPPED;
	if (str_equal(c->s.stage, "creating")) {
		if (oci_process_alive(&c->s.creator))
			*ret_status = OCI_CREATING;
		return OK;
	}
	if (str_equal(c->s.stage, "stopped") || !oci_process_alive(&c->s.holder))
		return OK;
	if (c->s.deferred && !c->s.address[0]) {
		*ret_status = OCI_CREATED;
		return OK;
	}
	if (failed(shim_connect(c->s.address, &s)))
		return OK;
	struct err e = shim_status(&s, c->s.id, &there);
	if (e.code == ERR_PEER || e.code == ERR_NOT_FOUND)
		return OK;
	TRY(e);
	*ret_status = status_of(there);
	return OK;
}

RESULT life_need(const struct oci_container *c, enum oci_status want, const char *what)
{
	enum oci_status status = OCI_STOPPED;

	TRY(life_status(c, &status));
	if (status == want)
		return OK;
	return err_new(ERR_STATE, "cannot %s container '%s': it is %s, not %s", what, c->s.id,
		oci_status_name(status), oci_status_name(want));
}

/* ---- hooks kept from create ---- */

RESULT life_hooks(const struct oci_container *c, const char *kind, enum oci_status status)
{
	AUTO(json_freep) struct json *hooks = NULL;
	AUTO(buf_done) struct buf text = BUF_INIT(JSON_SIZE_MAX);
	AUTO(auto_free) char *path = NULL;

	TRY(path_join(c->dir, "hooks.json", &path));
	if (!file_exists(path))
		return OK;
	TRY(file_read(path, &text));
	TRY(json_parse(buf_bytes(&text), &hooks));
	return hooks_run(hooks, kind, &c->s, status);
}

/* ---- start ---- */

static RESULT boot_now(struct oci_container *c)
{
	struct err_saved why;
	struct err e = life_boot(c);

	if (!failed(e))
		e = oci_container_save(c);
	if (!failed(e)) {
		pod_process_kill(&c->s.holder, SIGUSR1);
		e = holder_wait_root((pid_t)c->s.holder.pid);
	}
	if (failed(e)) {
		err_save(e, &why);
		/* The engine sees the container end; `delete` removes the rest. */
		pod_process_kill(&c->s.holder, SIGKILL);
		return err_restore(&why);
	}
	return OK;
}

RESULT life_start(struct oci_container *c)
{
	AUTO(shim_done) struct shim s = { 0 };

	TRY(life_need(c, OCI_CREATED, "start"));
	if (c->s.deferred && !c->s.address[0])
		TRY(boot_now(c));
	TRY(shim_connect(c->s.address, &s));
	TRY(shim_start_process(&s, c->s.id, ""));
	TRY(oci_state_set(&c->s.stage, "started"));
	TRY(oci_container_save(c));
	struct err e = life_hooks(c, "poststart", OCI_RUNNING);
	if (failed(e)) /* config.md: a warning, and the lifecycle goes on */
		oci_say("warning", "%s", err_text());
	return OK;
}

/* ---- the end ---- */

static void wait_gone(const struct pod_process *p, uint64_t ms)
{
	uint64_t end = clock_monotonic_ms() + ms;

	while (oci_process_alive(p) && clock_monotonic_ms() < end)
		(void)usleep(STEP_MS * 1000);
}

/* Containers other than this one in its machine. */
static size_t others(const struct oci_container *c)
{
	AUTO(strv_done) struct strv ids = { 0 };
	size_t n = 0;

	if (failed(oci_container_list(oci_root(), &ids)))
		return 1; /* better a machine too many than containers without theirs */
	for (size_t i = 0; i < ids.n; i++) {
		AUTO(oci_container_done) struct oci_container o = OCI_CONTAINER_NONE;

		if (str_equal(ids.v[i], c->s.id))
			continue;
		if (!failed(oci_container_peek(oci_root(), ids.v[i], &o)))
			n += str_equal(o.s.address, c->s.address);
	}
	return n;
}

static RESULT end_task(struct oci_container *c, struct shim *s)
{
	Containerd__Status status = CONTAINERD__STATUS__STOPPED;
	AUTO(auto_close) int lock = -1;

	struct err e = shim_status(s, c->s.id, &status);
	if (!failed(e) && status != CONTAINERD__STATUS__STOPPED) {
		err_ignore(shim_kill(s, c->s.id, SIGKILL, true)); /* Wait tells */
		err_ignore(shim_wait(s, c->s.id, END_MS));	  /* Delete ends it, too */
	}
	/* The holder reads the last output and the exit status; only then they are removed. */
	wait_gone(&c->s.holder, LEAVE_MS);
	TRY(life_lock_root(&lock));
	e = shim_delete(s, c->s.id, "");
	if (failed(e) && e.code != ERR_NOT_FOUND)
		oci_say("warning", "removing container '%s': %s", c->s.id, err_text());
	if (others(c) > 0)
		return OK;
	return shim_shutdown(s, c->s.sandbox);
}

/* Nobody listens: the shim was killed, and the machine may be there without it. */
static RESULT clean(const struct oci_container *c)
{
	AUTO(life_shim_done) struct life_shim l = { 0 };

	TRY(life_shim(c, &l));
	return shim_clean(&l.start);
}

static RESULT end_machine(struct oci_container *c)
{
	AUTO(shim_done) struct shim s = { 0 };

	if (!c->s.address[0])
		return OK;
	if (!failed(shim_connect(c->s.address, &s)))
		return end_task(c, &s);
	oci_say("warning", "the shim of container '%s' is gone: its machine is ended and removed",
		c->s.id);
	return clean(c);
}

RESULT life_destroy(struct oci_container *c)
{
	struct err e = end_machine(c);

	if (failed(e))
		oci_say("warning", "ending container '%s': %s", c->s.id, err_text());
	pod_process_kill(&c->s.holder, SIGKILL);
	if (c->s.bundle[0]) {
		e = life_hooks(c, "poststop", OCI_STOPPED);
		if (failed(e)) /* config.md: a warning */
			oci_say("warning", "%s", err_text());
	}
	oci_container_remove(c);
	return OK;
}

/* ---- what was killed ---- */

/* A holder that was killed: so is its container. One that has ended normally has told so first. */
static RESULT reap_task(struct oci_container *c)
{
	AUTO(shim_done) struct shim s = { 0 };
	Containerd__Status status = CONTAINERD__STATUS__STOPPED;

	if (failed(shim_connect(c->s.address, &s))) {
		oci_say("warning",
			"the shim of container '%s' is gone: its machine is ended and removed",
			c->s.id);
		TRY(clean(c));
		return oci_state_set(&c->s.address, "");
	}
	struct err e = shim_status(&s, c->s.id, &status);
	if (failed(e) || status == CONTAINERD__STATUS__STOPPED)
		return OK;
	oci_say("warning", "the holder of container '%s' is gone: the container is ended", c->s.id);
	return shim_kill(&s, c->s.id, SIGKILL, true);
}

static RESULT reap(struct oci_container *c)
{
	bool creating = str_equal(c->s.stage, "creating");

	if (str_equal(c->s.stage, "stopped"))
		return OK;
	if (creating && !oci_process_alive(&c->s.creator)) {
		oci_say("warning", "the creation of container '%s' was cut off: it is removed",
			c->s.id);
		return life_destroy(c);
	}
	if (creating || oci_process_alive(&c->s.holder))
		return OK;
	if (c->s.address[0])
		TRY(reap_task(c));
	TRY(oci_state_set(&c->s.stage, "stopped"));
	return oci_container_save(c);
}

void life_reap(const char *root)
{
	AUTO(strv_done) struct strv ids = { 0 };

	if (failed(oci_container_list(root, &ids)))
		return; /* the command says it better */
	for (size_t i = 0; i < ids.n; i++) {
		AUTO(oci_container_done) struct oci_container c = OCI_CONTAINER_NONE;
		struct err e = oci_container_try(root, ids.v[i], &c);

		if (!failed(e) && c.dir)
			e = reap(&c);
		if (failed(e))
			oci_say("warning", "container '%s': %s", ids.v[i], err_text());
	}
}
