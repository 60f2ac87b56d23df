/* Mount points: below <run_dir>/kata-containers, and what is made for them there. */
#include "paths.h"
#include "storage_op.h"

#include <errno.h>
#include <fcntl.h>

#include <base/file.h>
#include <sys/stat.h>

#define KATA_DIR "kata-containers"

/*
 * With a manifest volumes are where no image and no file of the agent is: a disk of the host in
 * place of a container's directory would be its root file system.
 */
static bool is_volume_place(const struct agent *a, const struct storage *s, const char *rest)
{
	if (s->for_images)
		return str_equal(rest, "image");
	return a->open_world || str_starts(rest, "sandbox/") ||
	       (s->kind == STORAGE_MEMORY && str_starts(rest, "shared/containers/"));
}

/* The directory and what of the mount point is below it. */
static RESULT open_root(
	const struct agent *a, const struct storage *s, const char **ret_rest, int *ret_fd)
{
	AUTO(auto_free) char *root = NULL;
	size_t n;
	int fd;

	TRY(path_join(a->set.run_dir, KATA_DIR, &root));
	n = strlen(root);
	if (!str_starts(s->mount_point, root) || s->mount_point[n] != '/' ||
		!is_volume_place(a, s, s->mount_point + n + 1))
		return err_deny(ERR_DENIED, "manifest.storages", "mount_point",
			"a volume's place below /run/" KATA_DIR, s->mount_point);
	TRY(dir_make(root, 0755));
	fd = open(root, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_new(ERR_SYS, "%s", root);
	*ret_rest = s->mount_point + n + 1;
	*ret_fd = fd;
	return OK;
}

/* In the open world links count from the directory; they lead outside in none. */
static unsigned rules_of(const struct agent *a)
{
	return a->open_world ? 0 : PATH_NO_LINKS;
}

RESULT storage_point(const struct agent *a, struct storage *s, int *ret_fd)
{
	AUTO(auto_close) int root = -1;
	const char *rest = NULL;
	bool made = false;

	TRY(open_root(a, s, &rest, &root));
	if (s->is_file)
		return path_open(root, rest, O_PATH, rules_of(a), ret_fd);
	TRY(path_make_dirs(root, rest, 0755, rules_of(a), &made, ret_fd));
	s->made |= made;
	return OK;
}

/* The directory it is in, and its name there. */
static RESULT open_parent(
	const struct agent *a, const struct storage *s, const char **ret_name, int *ret_fd)
{
	AUTO(auto_close) int root = -1;
	AUTO(auto_free) char *parent = NULL;
	const char *rest = NULL, *slash;

	TRY(open_root(a, s, &rest, &root));
	slash = strrchr(rest, '/');
	TRY(bytes_to_str(bytes_of(rest, slash ? (size_t)(slash - rest) : 0), &parent));
	*ret_name = slash ? slash + 1 : rest;
	return path_make_dirs(root, parent, 0755, rules_of(a), NULL, ret_fd);
}

RESULT storage_make_file(const struct agent *a, struct storage *s)
{
	AUTO(auto_close) int parent = -1;
	AUTO(auto_close) int fd = -1;
	const char *name = NULL;

	if (!a->open_world)
		return err_deny(ERR_DENIED, "manifest.storages", "mount_point", "a file system",
			s->mount_point);
	TRY(open_parent(a, s, &name, &parent));
	s->is_file = true;
	fd = openat(parent, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);
	s->made |= fd >= 0;
	return fd >= 0 || errno == EEXIST ? OK : err_new(ERR_SYS, "%s", s->mount_point);
}

void storage_unmake(const struct agent *a, const struct storage *s)
{
	AUTO(auto_close) int parent = -1;
	const char *name = NULL;

	if (!s->made || failed(open_parent(a, s, &name, &parent)))
		return;
	/* Only what is empty, or was never more than a directory or file of ours. */
	if (unlinkat(parent, name, s->is_file ? 0 : AT_REMOVEDIR) != 0 && !s->mounted)
		err_ignore(dir_remove_tree_at(parent, name));
}
