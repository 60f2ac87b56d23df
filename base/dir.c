#include <errno.h>
#include <fcntl.h>

#include <base/file.h>
#include <sys/stat.h>

enum {
	TREE_DEPTH_MAX = 256 /* each level holds a descriptor */
};

static struct err make_one(const char *path, mode_t mode)
{
	struct stat st;

	if (mkdir(path, mode) == 0)
		return OK;
	if (errno == EEXIST && stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return OK;
	if (errno == EEXIST)
		errno = ENOTDIR;
	return err_new(ERR_SYS, "%s: making the directory", path);
}

RESULT dir_make(const char *path, mode_t mode)
{
	AUTO(auto_free) char *copy = NULL;

	TRY(str_dup(path, &copy));
	for (char *at = copy; *at; at++) {
		if (*at != '/' || at == copy)
			continue;
		*at = '\0';
		TRY(make_one(copy, mode));
		*at = '/';
	}
	return make_one(path, mode);
}

static struct err remove_entries(int fd, unsigned depth);

static struct err remove_entry(int dirfd, const char *name, unsigned depth)
{
	AUTO(auto_close) int fd = -1;

	if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
		return OK;
	if (errno != EISDIR && errno != EPERM)
		return err_new(ERR_SYS, "%s: removing", name);
	if (depth == 0)
		return err_new(
			ERR_LIMIT, "%s: more than %d directories deep", name, TREE_DEPTH_MAX);
	fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT) /* somebody else removes it too */
		return OK;
	if (fd < 0)
		return err_new(ERR_SYS, "%s: removing", name);
	struct err e = remove_entries(TAKE_FD(fd), depth - 1);
	if (failed(e))
		return err_add(e, "%s", name);
	if (unlinkat(dirfd, name, AT_REMOVEDIR) != 0 && errno != ENOENT)
		return err_new(ERR_SYS, "%s: removing", name);
	return OK;
}

/* Takes the descriptor. Recursion is bounded by `depth`. */
static struct err remove_entries(int fd, unsigned depth)
{
	AUTO(auto_closedir) DIR *dir = fdopendir(fd);
	struct dirent *entry;

	if (!dir) {
		struct err e = err_new(ERR_SYS, "listing");
		(void)close(fd);
		return e;
	}
	while ((entry = readdir(dir)) != NULL) { /* NOLINT(concurrency-mt-unsafe): own stream */
		if (str_equal(entry->d_name, ".") || str_equal(entry->d_name, ".."))
			continue;
		TRY(remove_entry(fd, entry->d_name, depth));
	}
	return OK;
}

RESULT dir_remove_tree_at(int dirfd, const char *path)
{
	return remove_entry(dirfd, path, TREE_DEPTH_MAX);
}

RESULT dir_remove_tree(const char *path)
{
	return dir_remove_tree_at(AT_FDCWD, path);
}
