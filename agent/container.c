#include "cgroup.h"
#include "oom.h"
#include "reply.h"
#include "sealed.h"
#include "storage.h"

#include <base/file.h>
#include <sys/mount.h>

struct container *container_find(struct agent *a, const char *id)
{
	for (struct container *c = a->containers; c; c = c->next)
		if (str_equal(c->id, id))
			return c;
	return NULL;
}

RESULT container_get(struct agent *a, const char *id, struct container **ret_container)
{
	struct container *c;

	TRY(spec_check_id(id));
	c = container_find(a, id);
	if (!c)
		return err_new(ERR_FORMAT, "container %s: none", id);
	*ret_container = c;
	return OK;
}

void container_rows_in_use(const struct agent *a, bool in_use[static MANIFEST_CONTAINERS_MAX])
{
	memset(in_use, 0, MANIFEST_CONTAINERS_MAX * sizeof(bool));
	for (const struct container *c = a->containers; c; c = c->next)
		if (c->rule)
			in_use[c->row] = true;
}

static RESULT fill(struct container *c, struct agent *a, const Agent__CreateContainerRequest *q)
{
	struct task *first;

	TRY(str_format(&c->dir, "%s/sealpod/containers/%s", a->set.run_dir, c->id));
	TRY(str_format(&c->bundle, "%s/kata-containers/%s", a->set.run_dir, c->id));
	TRY(path_join(c->bundle, "rootfs", &c->rootfs));
	return task_new(c, q->exec_id[0] ? q->exec_id : c->id,
		q->oci->process && q->oci->process->terminal, &first);
}

RESULT container_new(
	struct agent *a, const Agent__CreateContainerRequest *q, struct container **ret_container)
{
	struct container *c;
	struct err e;

	if (a->n_containers == AGENT_CONTAINERS_MAX)
		return err_new(ERR_LIMIT, "more than %d containers", AGENT_CONTAINERS_MAX);
	c = calloc(1, sizeof(*c));
	if (!c)
		return err_new(ERR_NOMEM, "container");
	(void)snprintf(c->id, sizeof(c->id), "%s", q->container_id);
	c->agent = a;
	c->rootfs_fd = -1;
	c->next = a->containers;
	a->containers = c;
	a->n_containers++;
	if (failed(e = fill(c, a, q))) {
		container_free(c);
		return e;
	}
	*ret_container = c;
	return OK;
}

static void unlink_container(const struct container *c)
{
	struct container **at = &c->agent->containers;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	c->agent->n_containers--;
}

/* What cannot be removed stays in the guest's memory until it ends. */
static void remove_files(const struct container *c)
{
	if (c->rootfs && c->pulled)
		(void)umount2(c->rootfs, MNT_DETACH | UMOUNT_NOFOLLOW);
	if (c->bundle && c->pulled)
		err_ignore(dir_remove_tree(c->bundle));
	else if (c->bundle)
		(void)rmdir(c->bundle);
	if (c->dir)
		err_ignore(dir_remove_tree(c->dir));
}

void container_free(struct container *c)
{
	unlink_container(c);
	oom_forget(c);
	while (c->tasks)
		task_free(c->tasks);
	cgroup_remove(c);
	if (c->rootfs_fd >= 0)
		(void)close(c->rootfs_fd);
	storage_container_remove(c);
	sealed_done(c);
	if (!c->sandbox)
		remove_files(c);
	plan_done(&c->plan);
	device_map_done(&c->device_numbers);
	pb_free(c->request ? &c->request->base : NULL);
	free(c->dir);
	free(c->bundle);
	free(c->rootfs);
	free(c->termination_log);
	free(c);
}

RESULT task_find(struct agent *a, const char *container_id, const char *exec_id,
	struct container **ret_container, struct task **ret_task)
{
	struct container *c = NULL;

	TRY(container_get(a, container_id, &c));
	for (struct task *t = c->tasks; t; t = t->next) {
		bool first = t->next == NULL;

		if (!str_equal(t->exec_id, exec_id) &&
			!(first && (exec_id[0] == '\0' || str_equal(exec_id, c->id))))
			continue;
		*ret_container = c;
		*ret_task = t;
		return OK;
	}
	return err_new(ERR_NOT_FOUND, "container %s has no such process", c->id);
}
