#include "devices.h"
#include "image_store.h"
#include "paths.h"
#include "storage_op.h"
#include "volumes.h"

#include <base/file.h>

#define LOG_MODULE "storage"
#include <base/log.h>

enum {
	STORAGES_MAX = 128 /* of a pod */
};

#define POD "" /* the user that only goes with the pod */

static const struct storage_driver drivers[] = {
	{ "virtio-fs", STORAGE_HOST, true, storage_attach_virtio_fs },
	{ "ephemeral", STORAGE_MEMORY, true, storage_attach_ephemeral },
	{ "local", STORAGE_MEMORY, true, storage_attach_local },
	{ "blk", STORAGE_HOST, false, storage_attach_block },
	{ "blk-ccw", STORAGE_HOST, false, storage_attach_block },
	{ "mmioblk", STORAGE_HOST, false, storage_attach_block },
	{ "nvdimm", STORAGE_HOST, false, storage_attach_block },
	{ "scsi", STORAGE_HOST, false, storage_attach_block },
	{ "overlayfs", STORAGE_HOST, false, storage_attach_overlay },
	{ "watchable-bind", STORAGE_HOST, false, storage_attach_bind },
	{ "bind", STORAGE_HOST, false, storage_attach_bind },
};

#define IMAGE_DRIVER "image_guest_pull" /* the hub's, see lifecycle.c */

const char *const *storage_handlers(void)
{
	static const char *names[ARRAY_LEN(drivers) + 2];

	names[0] = IMAGE_DRIVER;
	for (size_t i = 0; i < ARRAY_LEN(drivers); i++)
		names[i + 1] = drivers[i].name;
	return names;
}

static const struct storage_driver *driver_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(drivers); i++)
		if (str_equal(drivers[i].name, name))
			return &drivers[i];
	return NULL;
}

/* ---- the table ---- */

struct storage *storage_at(const struct agent *a, const char *mount_point)
{
	for (struct storage *s = a->storages; s; s = s->next)
		if (str_equal(s->mount_point, mount_point))
			return s;
	return NULL;
}

static bool at_or_below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return str_starts(path, dir) && (path[n] == '\0' || path[n] == '/');
}

bool storage_over(const struct agent *a, const char *path)
{
	for (const struct storage *s = a->storages; s; s = s->next)
		if (at_or_below(path, s->mount_point))
			return true;
	return false;
}

bool storage_under(const struct agent *a, const char *path)
{
	for (const struct storage *s = a->storages; s; s = s->next)
		if (at_or_below(s->mount_point, path))
			return true;
	return false;
}

RESULT storage_claim(const struct agent *a, struct storage *s, const char *name)
{
	for (const struct storage *other = a->storages; other; other = other->next)
		if (other != s && other->volume && str_equal(other->volume, name))
			return err_deny(ERR_DENIED, "manifest.volumes", name, other->mount_point,
				s->mount_point);
	if (!s->volume)
		return str_dup(name, &s->volume);
	if (str_equal(s->volume, name))
		return OK;
	return err_deny(ERR_DENIED, "manifest.volumes", s->mount_point, s->volume, name);
}

static size_t user_find(const struct strv *users, const char *user)
{
	size_t i = 0;

	while (i < users->n && !str_equal(users->v[i], user))
		i++;
	return i;
}

static RESULT user_add(struct storage *s, const char *user)
{
	return user_find(&s->users, user) < s->users.n ? OK : strv_add(&s->users, user);
}

static void user_remove(struct storage *s, const char *user)
{
	size_t i = user_find(&s->users, user);

	if (i == s->users.n)
		return;
	free(s->users.v[i]);
	s->users.v[i] = s->users.v[--s->users.n];
	s->users.v[s->users.n] = NULL;
}

/* What cannot be undone stays until the guest ends, and is told. */
static void detach(struct agent *a, struct storage *s)
{
	char target[32];

	(void)snprintf(target, sizeof(target), "/proc/self/fd/%d", s->fd);
	if (s->mounted && s->fd >= 0) {
		struct err e = a->effects->unmount(target);

		if (failed(e))
			log_warn("unmount", "at=%s text=%s", log_quote(s->mount_point),
				log_quote(err_text()));
	}
	if (s->fd >= 0)
		(void)close(TAKE_FD(s->fd));
	if (s->mapping)
		storage_unmap(a, s->mapping);
	storage_unmake(a, s);
	if (s->scratch)
		err_ignore(dir_remove_tree(s->scratch));
}

static void storage_free(struct storage *s)
{
	strv_done(&s->users);
	free(s->mount_point);
	free(s->mapping);
	free(s->scratch);
	free(s->key);
	free(s->volume);
	free(s);
}

static void storage_drop(struct agent *a, struct storage *s)
{
	struct storage **at = &a->storages;

	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	a->n_storages--;
	detach(a, s);
	storage_free(s);
}

static void release(struct agent *a, const char *user)
{
	for (struct storage *s = a->storages, *next; s; s = next) {
		next = s->next;
		user_remove(s, user);
		if (s->users.n == 0)
			storage_drop(a, s);
	}
}

/* ---- making them, one after the other ---- */

static RESULT storage_new(struct agent *a, const Agent__Storage *q, struct storage **ret_storage)
{
	const struct storage_driver *d = driver_find(q->driver);
	size_t n = strlen(q->mount_point);
	struct storage *s;
	struct err e;

	if (!d)
		return err_new(ERR_UNSUPPORTED, "storage driver %s", q->driver);
	if (a->n_storages == STORAGES_MAX)
		return err_new(ERR_LIMIT, "more than %d storages", STORAGES_MAX);
	s = calloc(1, sizeof(*s));
	if (!s)
		return err_new(ERR_NOMEM, "storage");
	*s = (struct storage){ .driver = d, .kind = d->kind, .fd = -1 };
	while (n > 1 && q->mount_point[n - 1] == '/')
		n--;
	e = bytes_to_str(bytes_of(q->mount_point, n), &s->mount_point);
	if (!failed(e))
		e = path_check(s->mount_point, "mount_point");
	if (failed(e)) {
		storage_free(s);
		return e;
	}
	s->next = a->storages;
	a->storages = s;
	a->n_storages++;
	*ret_storage = s;
	return OK;
}

static RESULT keep(struct storage_op *op, const Agent__Storage *q, struct storage *s)
{
	if (s->driver->of_pod || q->shared || s->kind == STORAGE_ENCRYPTED)
		TRY(user_add(s, POD));
	return user_add(s, op->user);
}

static struct storage *find_existing(const struct agent *a, const Agent__Storage *q)
{
	AUTO(auto_free) char *at = NULL;
	size_t n = strlen(q->mount_point);

	while (n > 1 && q->mount_point[n - 1] == '/')
		n--;
	if (failed(bytes_to_str(bytes_of(q->mount_point, n), &at)))
		return NULL;
	return storage_at(a, at);
}

/* One more user, or the beginning of a new one. */
static RESULT step(struct storage_op *op, const Agent__Storage *q)
{
	struct storage *s = find_existing(op->agent, q);

	if (s && !str_equal(s->driver->name, q->driver))
		return err_new(ERR_STATE, "storage %s is there with driver %s", q->mount_point,
			s->driver->name);
	if (s)
		return keep(op, q, s);
	TRY(storage_new(op->agent, q, &s));
	op->now = s;
	s->for_images = op->container && q == op->container->image_store;
	return s->driver->attach(op, q, s);
}

static RESULT step_end(struct storage_op *op)
{
	const Agent__Storage *q = op->list[op->i];

	if (op->now) {
		if (q->fs_group)
			TRY(storage_set_group(op->now, q->fs_group, false));
		TRY(keep(op, q, op->now));
		log_info("storage", "driver=%s at=%s", op->now->driver->name,
			log_quote(op->now->mount_point));
	}
	op->now = NULL;
	op->i++;
	return OK;
}

static void op_free(struct storage_op *op)
{
	free(op->user);
	free(op);
}

static void run(struct agent *a);

static void op_end(struct storage_op *op, struct err e)
{
	struct agent *a = op->agent;
	storage_fn *fn = op->fn;
	void *arg = op->arg;
	struct err_saved why;

	err_save(e, &why);
	if (failed(e) && op->now)
		storage_drop(a, op->now);
	if (failed(e) && !str_equal(op->user, POD))
		release(a, op->user);
	a->storage_ops = op->next;
	op_free(op);
	fn(arg, failed(e) ? err_restore(&why) : OK);
	run(a);
}

/* Works on the first in the row until it waits; then nobody else may. */
static void run(struct agent *a)
{
	while (a->storage_ops && !a->storage_ops->waiting && !a->stopping) {
		struct storage_op *op = a->storage_ops;
		struct err e = OK;

		if (op->i == op->n) {
			op_end(op, OK);
			return;
		}
		if (!str_equal(op->list[op->i]->driver, IMAGE_DRIVER))
			e = step(op, op->list[op->i]);
		if (!failed(e) && op->waiting)
			return;
		if (!failed(e))
			e = step_end(op);
		if (failed(e)) {
			op_end(op, err_add(e, "storages[%zu]", op->i));
			return;
		}
	}
}

void storage_step_done(struct storage_op *op, struct err e)
{
	op->waiting = false;
	if (!failed(e))
		e = step_end(op);
	if (failed(e))
		op_end(op, err_add(e, "storages[%zu]", op->i));
	else
		run(op->agent);
}

struct add {
	Agent__Storage *const *list;
	size_t n;
	struct container *container; /* NULL: the pod's own */
};

static RESULT add(struct agent *a, const struct add *w, storage_fn *fn, void *arg)
{
	struct storage_op **at = &a->storage_ops, *op = calloc(1, sizeof(*op));
	struct err e;

	if (!op)
		return err_new(ERR_NOMEM, "storages");
	*op = (struct storage_op){ .agent = a, .list = w->list, .n = w->n, .fn = fn, .arg = arg };
	op->container = w->container;
	if (failed(e = str_dup(w->container ? w->container->id : POD, &op->user))) {
		op_free(op);
		return e;
	}
	while (*at)
		at = &(*at)->next;
	*at = op;
	if (a->storage_ops == op)
		run(a);
	return OK;
}

RESULT storage_sandbox_add(
	struct agent *a, Agent__Storage *const *list, size_t n, storage_fn *fn, void *arg)
{
	return add(a, &(struct add){ list, n, NULL }, fn, arg);
}

struct preparation {
	struct container *container;
	storage_fn *fn;
	void *arg;
};

static void on_storages(void *arg, struct err e)
{
	AUTO(auto_free) struct preparation *p = arg;

	p->fn(p->arg, failed(e) ? e : volumes_prepare(p->container));
}

static void on_devices(void *arg, struct err e)
{
	struct preparation *p = arg;
	struct container *c = p->container;
	const Agent__CreateContainerRequest *q = c->request;

	if (!failed(e))
		e = image_store_take(c);
	if (!failed(e))
		e = add(c->agent, &(struct add){ q->storages, q->n_storages, c }, on_storages, p);
	if (failed(e))
		on_storages(p, e);
}

RESULT storage_container_add(struct container *c, storage_fn *fn, void *arg)
{
	struct preparation *p = malloc(sizeof(*p));
	struct err e;

	if (!p)
		return err_new(ERR_NOMEM, "storages");
	*p = (struct preparation){ c, fn, arg };
	e = devices_start(c, on_devices, p);
	if (failed(e))
		free(p);
	return e;
}

void storage_container_remove(struct container *c)
{
	volumes_done(c);
	release(c->agent, c->id);
}

void storage_forget(struct agent *a)
{
	struct container *next;

	a->stopping = true;
	for (struct container *c = a->containers; c; c = next) {
		next = c->next;
		devices_give_up(c, err_new(ERR_STATE, "the agent ends"));
	}
	while (a->storage_ops) {
		struct storage_op *op = a->storage_ops;

		if (op->work)
			op->cancel(op);
		op_end(op, err_new(ERR_STATE, "the agent ends"));
	}
}

void storage_sandbox_remove(struct agent *a)
{
	while (a->storages)
		storage_drop(a, a->storages);
}
