#include "paths.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>

enum {
	TRIES = 64 /* the kernel says EAGAIN when a rename elsewhere made ".." ambiguous */
};

static bool step_is(const char *step, size_t n, const char *what)
{
	return bytes_compare(bytes_of(step, n), bytes_str(what)) == 0;
}

RESULT path_check(const char *path, const char *what)
{
	size_t n = strlen(path);

	if (path[0] != '/' || n >= PATH_MAX)
		return err_new(ERR_FORMAT, "%s: no absolute path", what);
	for (const char *step = path + 1;;) {
		size_t len = strcspn(step, "/");

		if (len > NAME_MAX || step_is(step, len, ".") || step_is(step, len, "..") ||
			(len == 0 && step[0] == '/'))
			return err_new(ERR_FORMAT, "%s: not a plain path", what);
		if (step[len] == '\0')
			return OK;
		step += len + 1;
	}
}

RESULT path_open(int root_fd, const char *path, int flags, unsigned rules, int *ret_fd)
{
	struct open_how how = { .flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };
	long fd = -1;

	if (rules & PATH_NO_LINKS)
		how.resolve |= RESOLVE_NO_SYMLINKS;
	if (rules & PATH_NO_MOUNTS)
		how.resolve |= RESOLVE_NO_XDEV;
	for (int i = 0; i < TRIES; i++) {
		fd = syscall(SYS_openat2, root_fd, path[0] ? path : ".", &how, sizeof(how));
		if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
			break;
	}
	if (fd < 0 && errno == ENOENT)
		return err_new(ERR_NOT_FOUND, "%s", path);
	if (fd < 0)
		return err_new(ERR_SYS, "opening %s", path);
	*ret_fd = (int)fd;
	return OK;
}

/* The directory at path[0..n), made below `parent` when there is none. */
static RESULT enter(const char *path, int parent, mode_t mode, bool *made)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;

	*made = mkdirat(parent, name, mode) == 0;
	if (!*made && errno != EEXIST)
		return err_new(ERR_SYS, "making %s", path);
	return OK;
}

RESULT path_make_dirs(
	int root_fd, const char *path, mode_t mode, unsigned rules, bool *ret_made, int *ret_fd)
{
	AUTO(auto_free) char *head = NULL;
	AUTO(auto_close) int at = -1;
	bool made = false;

	TRY(str_dup(path, &head));
	TRY(path_open(root_fd, "", O_PATH | O_DIRECTORY, rules, &at));
	for (char *end = head; head[0] != '\0' && end;) {
		int next = -1;
		struct err e;

		end = strchr(end, '/');
		if (end)
			*end = '\0';
		e = path_open(root_fd, head, O_PATH | O_DIRECTORY, rules, &next);
		made = false;
		if (e.code == ERR_NOT_FOUND) {
			TRY(enter(head, at, mode, &made));
			e = path_open(root_fd, head, O_PATH | O_DIRECTORY, rules, &next);
		}
		TRY(e);
		(void)close(at);
		at = next;
		if (end)
			*end++ = '/';
	}
	if (ret_made)
		*ret_made = made;
	*ret_fd = TAKE_FD(at);
	return OK;
}
