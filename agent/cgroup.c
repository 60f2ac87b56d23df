#include "cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>

#include <base/file.h>
#include <sys/stat.h>

enum {
	REMOVE_TRIES = 50,
	REMOVE_STEP_US = 10 * 1000
};

RESULT cgroup_path(const struct container *c, const char *name, char **ret_path)
{
	return str_format(ret_path, "%s/%s%s%s", c->agent->set.cgroup_dir, c->id,
		name[0] != '\0' ? "/" : "", name);
}

void cgroup_read(const struct container *c, const char *name, struct buf *out)
{
	AUTO(auto_free) char *path = NULL;

	buf_clear(out);
	if (failed(cgroup_path(c, name, &path)) || failed(file_read(path, out)))
		buf_clear(out);
}

uint64_t cgroup_number(const struct container *c, const char *name)
{
	AUTO(buf_done) struct buf text = BUF_INIT(64);
	const char *s;

	cgroup_read(c, name, &text);
	s = buf_cstr(&text);
	return s ? strtoull(s, NULL, 10) : 0;
}

uint64_t cgroup_keyed(struct buf *file, const char *key)
{
	const char *at = buf_cstr(file);
	size_t n = strlen(key);

	while (at && *at) {
		if (strncmp(at, key, n) == 0 && at[n] == ' ')
			return strtoull(at + n + 1, NULL, 10);
		at = strchr(at, '\n');
		at = at ? at + 1 : NULL;
	}
	return 0;
}

RESULT cgroup_write(const struct container *c, const char *name, const char *value)
{
	AUTO(auto_free) char *path = NULL;

	TRY(cgroup_path(c, name, &path));
	if (!file_exists(path))
		return err_new(ERR_NOT_FOUND, "container %s: no %s", c->id, name);
	return file_write(path, bytes_str(value));
}

RESULT cgroup_kill(const struct container *c)
{
	return cgroup_write(c, "cgroup.kill", "1");
}

static bool is_own(const struct agent *a)
{
	return a->set.cgroup_manager && str_equal(a->set.cgroup_manager, "disabled");
}

/* Without it a container cannot be paused, and that is all. */
void cgroup_add(const struct container *c, pid_t pid)
{
	AUTO(auto_free) char *dir = NULL;
	char text[16];

	if (!is_own(c->agent) || failed(cgroup_path(c, "", &dir)))
		return;
	(void)mkdir(c->agent->set.cgroup_dir, 0755);
	if (mkdir(dir, 0755) != 0 && errno != EEXIST)
		return;
	(void)snprintf(text, sizeof(text), "%d", (int)pid);
	err_ignore(cgroup_write(c, "cgroup.procs", text));
}

void cgroup_remove(const struct container *c)
{
	AUTO(auto_free) char *dir = NULL;

	if (is_own(c->agent) && !failed(cgroup_path(c, "", &dir)))
		(void)rmdir(dir);
}

static bool remove_children(const char *dir)
{
	AUTO(auto_closedir) DIR *d = opendir(dir);
	const struct dirent *e;
	bool gone = true;

	/* One thread. NOLINTNEXTLINE(concurrency-mt-unsafe) */
	while (d && (e = readdir(d)) != NULL)
		if (e->d_type == DT_DIR && e->d_name[0] != '.')
			gone = unlinkat(dirfd(d), e->d_name, AT_REMOVEDIR) == 0 && gone;
	return gone;
}

/* Killed processes leave their cgroup a moment after whoever killed them has gone on. */
void cgroup_remove_all(const struct agent *a)
{
	if (!is_own(a))
		return;
	for (int i = 0; i < REMOVE_TRIES && !remove_children(a->set.cgroup_dir); i++)
		(void)usleep(REMOVE_STEP_US);
	(void)rmdir(a->set.cgroup_dir);
}
