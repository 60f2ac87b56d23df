#include "runtime/host_cgroup.h"

#include "host_cgroup_parts.h"

#include <errno.h>
#include <time.h>

#include <base/clock.h>
#include <base/file.h>
#include <sys/stat.h>

#define VMM_GROUP "sealpod-vmm-" /* and the id, below the pod's group, which others may share */

enum {
	/* Processes that were killed take a while to end; all groups of a pod together wait so
	 * long. Engines give their requests 3 s and a shim's clean-up 5 s. */
	REMOVE_MS = 2000,
	REMOVE_PAUSE_MS = 10
};

/* ---- hierarchies ---- */

static RESULT add_hierarchy(struct host_cgroup *g, const char *dir, bool v2)
{
	struct hierarchy *h;

	if (g->n == HIERARCHIES_MAX)
		return err_new(ERR_LIMIT, "more than %d cgroup hierarchies", HIERARCHIES_MAX);
	h = &g->hierarchies[g->n];
	*h = (struct hierarchy){ .v2 = v2 };
	TRY(str_dup(dir, &h->dir));
	g->n++;
	return OK;
}

static bool has_file(const char *dir, const char *name)
{
	AUTO(auto_free) char *path = NULL;

	return !failed(path_join(dir, name, &path)) && file_exists(path);
}

/* "cpu" may be a link to "cpu,cpuacct". */
static RESULT find_hierarchies(struct host_cgroup *g, const char *root)
{
	AUTO(auto_closedir) DIR *d = NULL;

	if (has_file(root, "cgroup.controllers"))
		return add_hierarchy(g, root, true);
	d = opendir(root);
	if (!d)
		return err_new(ERR_SYS, "control groups at %s", root);
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): a directory stream of our own */
	for (struct dirent *e = readdir(d); e; e = readdir(d)) {
		AUTO(auto_free) char *dir = NULL;

		if (e->d_name[0] == '.' || e->d_type != DT_DIR)
			continue;
		TRY(path_join(root, e->d_name, &dir));
		if (has_file(dir, "cgroup.procs"))
			TRY(add_hierarchy(g, dir, has_file(dir, "cgroup.controllers")));
	}
	return g->n > 0 ? OK : err_new(ERR_UNSUPPORTED, "no control groups at %s", root);
}

RESULT cgroup_file(const char *dir, const char *group, const char *name, char **ret_path)
{
	return str_format(ret_path, "%s/%s%s%s", dir, group, group[0] ? "/" : "", name);
}

RESULT cgroup_write(const char *dir, const char *group, const char *name, const char *value)
{
	AUTO(auto_free) char *path = NULL;

	TRY(cgroup_file(dir, group, name, &path));
	return file_write(path, bytes_str(value));
}

/* ---- making ---- */

/* Version 1 lets nobody into a group that has no processors or no memory nodes. */
static RESULT inherit(const char *dir, const char *parent, const char *group, const char *name)
{
	AUTO(buf_done) struct buf here = BUF_INIT(CPU_LIST_MAX * 8);
	AUTO(auto_free) char *path = NULL, *above = NULL;

	TRY(cgroup_file(dir, group, name, &path));
	if (!file_exists(path))
		return OK;
	TRY(file_read(path, &here));
	if (here.n > 1)
		return OK;
	buf_clear(&here);
	TRY(cgroup_file(dir, parent, name, &above));
	TRY(file_read(above, &here));
	return here.n > 1 ? file_write(path, buf_bytes(&here)) : OK;
}

/* Version 2: what a group limits, its parent must pass on. What cannot be is not limited. */
static void pass_on(const char *dir, const char *parent)
{
	static const char *const controllers[] = { "+cpu", "+cpuset", "+memory", "+pids", "+io" };

	for (size_t i = 0; i < ARRAY_LEN(controllers); i++)
		err_ignore(cgroup_write(dir, parent, "cgroup.subtree_control", controllers[i]));
}

static RESULT make_level(struct hierarchy *h, const char *parent, const char *group, bool *ret_new)
{
	AUTO(auto_free) char *path = NULL;

	TRY(cgroup_file(h->dir, group, "", &path));
	if (h->v2)
		pass_on(h->dir, parent);
	*ret_new = mkdir(path, 0755) == 0;
	if (!*ret_new && errno != EEXIST)
		return err_new(ERR_SYS, "control group %s", path);
	if (h->v2)
		return OK;
	TRY(inherit(h->dir, parent, group, "cpuset.cpus"));
	return inherit(h->dir, parent, group, "cpuset.mems");
}

/* From the root down. `*ret_made`: the length of the first part of `path` that was not there. */
static RESULT make_group(struct hierarchy *h, const char *path, size_t *ret_made)
{
	AUTO(auto_free) char *parent = NULL, *group = NULL;
	size_t made = strlen(path);

	for (size_t n = strcspn(path, "/");; n += 1 + strcspn(path + n + 1, "/")) {
		bool fresh = false;

		free(parent);
		parent = TAKE(group);
		TRY(str_format(&group, "%.*s", (int)n, path));
		TRY(make_level(h, parent ? parent : "", group, &fresh));
		if (fresh && n < made)
			made = n;
		if (path[n] == '\0')
			break;
	}
	*ret_made = made;
	return OK;
}

/* ---- removing ---- */

/* Groups below it are somebody else's, and waiting does not end them. */
static bool has_groups(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && st.st_nlink > 2;
}

static bool remove_dir(const char *path, uint64_t until)
{
	static const struct timespec pause = { .tv_nsec = REMOVE_PAUSE_MS * 1000 * 1000 };

	while (rmdir(path) != 0 && errno != ENOENT) {
		if (errno != EBUSY || has_groups(path) || clock_monotonic_ms() >= until)
			return false;
		(void)nanosleep(&pause, NULL);
	}
	return true;
}

/* The group itself, then parents of at least `made` characters while they are empty. */
static void remove_group(const char *dir, const char *path, size_t made, uint64_t until)
{
	AUTO(auto_free) char *group = NULL;

	if (failed(str_dup(path, &group)))
		return;
	while (strlen(group) >= made) {
		AUTO(auto_free) char *full = NULL;
		char *slash;

		if (failed(cgroup_file(dir, group, "", &full)) || !remove_dir(full, until))
			return;
		until = 0;
		slash = strrchr(group, '/');
		if (!slash)
			return;
		*slash = '\0';
	}
}

/* ---- the pod's ---- */

static RESULT make_all(struct host_cgroup *g, bool only)
{
	for (size_t i = 0; i < g->n; i++) {
		struct hierarchy *h = &g->hierarchies[i];

		TRY(make_group(h, g->pod, &h->made_pod));
		h->has_pod = true;
		if (only)
			continue;
		TRY(make_group(h, g->overhead, &h->made_overhead));
		h->has_overhead = true;
	}
	return OK;
}

RESULT cgroup_find(const struct host_cgroup_spec *spec, struct host_cgroup *g)
{
	TRY(host_cgroup_path(spec, &g->pod));
	TRY(str_format(&g->vmm, "%s/" VMM_GROUP "%s", g->pod, spec->id));
	TRY(str_format(&g->overhead, "sealpod-overhead/%s", spec->id));
	return find_hierarchies(g, spec->root ? spec->root : HOST_CGROUP_ROOT);
}

void cgroup_forget(struct host_cgroup *g)
{
	for (size_t i = 0; i < g->n; i++) {
		free(g->hierarchies[i].dir);
		free(g->hierarchies[i].home);
	}
	free(g->pod);
	free(g->overhead);
	free(g->vmm);
}

RESULT host_cgroup_new(const struct host_cgroup_spec *spec, struct host_cgroup **ret_group)
{
	AUTO(host_cgroup_freep) struct host_cgroup *g = calloc(1, sizeof(*g));

	if (!g)
		return err_new(ERR_NOMEM, "control group");
	g->only = spec->only;
	TRY(cgroup_find(spec, g));
	cgroup_remember(g);
	TRY(make_all(g, spec->only));
	*ret_group = TAKE(g);
	return OK;
}

static RESULT enter(struct host_cgroup *g, const char *group, pid_t pid)
{
	char number[24];

	(void)snprintf(number, sizeof(number), "%d", (int)(pid ? pid : getpid()));
	for (size_t i = 0; i < g->n; i++) {
		struct err e = cgroup_write(g->hierarchies[i].dir, group, "cgroup.procs", number);

		if (failed(e))
			return err_add(e, "entering control group %s", group);
	}
	return OK;
}

RESULT host_cgroup_enter(struct host_cgroup *g, pid_t pid)
{
	g->entered = g->entered || pid == 0 || pid == getpid();
	return enter(g, g->only ? g->pod : g->overhead, pid);
}

RESULT host_cgroup_enter_vm(struct host_cgroup *g, pid_t qemu)
{
	return g->only ? OK : enter(g, g->pod, qemu);
}

void host_cgroup_freep(struct host_cgroup **group)
{
	struct host_cgroup *g = *group;

	if (!g)
		return;
	uint64_t until = clock_monotonic_ms() + REMOVE_MS;

	if (g->entered)
		cgroup_leave(g);
	for (size_t i = 0; i < g->n; i++) {
		struct hierarchy *h = &g->hierarchies[i];

		remove_group(h->dir, g->vmm, strlen(g->vmm), until);
		if (h->has_pod)
			remove_group(h->dir, g->pod, h->made_pod, until);
		if (h->has_overhead)
			remove_group(h->dir, g->overhead, h->made_overhead, until);
	}
	cgroup_forget(g);
	free(g);
	*group = NULL;
}

void host_cgroup_clean(const struct host_cgroup_spec *spec)
{
	AUTO(cgroup_forget) struct host_cgroup g = { 0 };
	uint64_t until = clock_monotonic_ms() + REMOVE_MS;

	if (failed(cgroup_find(spec, &g)))
		return;
	for (size_t i = 0; i < g.n; i++) {
		remove_group(g.hierarchies[i].dir, g.vmm, strlen(g.vmm), until);
		remove_group(g.hierarchies[i].dir, g.pod, strlen(g.pod), until);
		remove_group(g.hierarchies[i].dir, g.overhead, strlen(g.overhead), until);
	}
}
