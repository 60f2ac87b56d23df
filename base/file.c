#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include <base/file.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>

enum {
	READ_CHUNK = 64 * 1024,
	OPENAT2_TRIES = 8
};

/* Absence is a class of its own: callers have defaults for it. */
static struct err open_failed(const char *what)
{
	if (errno == ENOENT)
		return err_new(ERR_NOT_FOUND, "%s: no such file or directory", what);
	return err_new(ERR_SYS, "%s", what);
}

/* One byte more than the file has, so that the end is found without growing again. */
static size_t read_chunk(int fd, size_t max)
{
	struct stat st;

	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size <= 0)
		return READ_CHUNK;
	return (uint64_t)st.st_size < max ? (size_t)st.st_size + 1 : READ_CHUNK;
}

/* The buffer is full: nothing may follow. */
static RESULT expect_end(int fd, const char *what, size_t max)
{
	uint8_t spill;
	ssize_t got = TEMP_FAILURE_RETRY(read(fd, &spill, 1));

	if (got < 0)
		return err_new(ERR_SYS, "%s: reading", what);
	return got > 0 ? err_new(ERR_LIMIT, "%s: more than %zu bytes", what, max) : OK;
}

RESULT file_read_fd(int fd, const char *what, struct buf *out)
{
	size_t chunk = read_chunk(fd, out->max);

	while (out->n < out->max) {
		size_t before = out->n, room = out->max - before;
		uint8_t *to = buf_grow(out, room < chunk ? room : chunk);
		if (!to)
			return buf_end(out, what);
		ssize_t got = TEMP_FAILURE_RETRY(read(fd, to, out->n - before));
		out->n = before + (got > 0 ? (size_t)got : 0);
		if (got < 0)
			return err_new(ERR_SYS, "%s: reading", what);
		if (got == 0)
			return OK;
	}
	return expect_end(fd, what, out->max);
}

RESULT file_read_at(int dirfd, const char *path, struct buf *out)
{
	AUTO(auto_close) int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return open_failed(path);
	return file_read_fd(fd, path, out);
}

RESULT file_read(const char *path, struct buf *out)
{
	if (str_equal(path, "-"))
		return file_read_fd(STDIN_FILENO, "standard input", out);
	return file_read_at(AT_FDCWD, path, out);
}

RESULT fd_write_all(int fd, struct bytes data)
{
	while (data.n > 0) {
		ssize_t n = write(fd, data.p, data.n);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_new(ERR_SYS, "writing");
		data.p += n;
		data.n -= (size_t)n;
	}
	return OK;
}

RESULT file_write(const char *path, struct bytes data)
{
	AUTO(auto_close) int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	ssize_t n;

	if (fd < 0)
		return open_failed(path);
	do
		n = write(fd, data.p, data.n);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_new(ERR_SYS, "%s: writing", path);
	if ((size_t)n != data.n)
		return err_new(ERR_STATE, "%s: took %zd of %zu bytes", path, n, data.n);
	return OK;
}

static void remove_temporary(char **path)
{
	if (*path)
		(void)unlink(*path);
	free(*path);
}

/* Directory part of a path, "." when there is none. */
static RESULT directory_of(const char *path, char **ret_dir)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return str_dup(".", ret_dir);
	return str_format(ret_dir, "%.*s", slash == path ? 1 : (int)(slash - path), path);
}

static struct err sync_directory(const char *dir)
{
	AUTO(auto_close) int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fsync(fd) != 0)
		return err_new(ERR_SYS, "%s: syncing", dir);
	return OK;
}

RESULT file_write_atomic(const char *path, struct bytes data, mode_t mode)
{
	AUTO(remove_temporary) char *tmp = NULL;
	AUTO(auto_free) char *dir = NULL;
	AUTO(auto_close) int fd = -1;
	char *name;

	TRY(directory_of(path, &dir));
	TRY(str_format(&name, "%s.XXXXXX", path));
	fd = mkostemp(name, O_CLOEXEC);
	if (fd < 0) {
		struct err e = open_failed(path);
		free(name);
		return e;
	}
	tmp = name;
	struct err e = fd_write_all(fd, data);
	if (failed(e))
		return err_add(e, "%s", path);
	if (fchmod(fd, mode) != 0 || fsync(fd) != 0)
		return err_new(ERR_SYS, "%s: syncing", path);
	if (rename(tmp, path) != 0)
		return err_new(ERR_SYS, "%s: renaming", path);
	free(TAKE(tmp));
	return sync_directory(dir);
}

bool file_exists(const char *path)
{
	return access(path, F_OK) == 0;
}

RESULT path_join(const char *dir, const char *name, char **ret_path)
{
	return str_format(ret_path, "%s%s%s", dir, str_ends(dir, "/") ? "" : "/", name);
}

RESULT open_beneath(int dirfd, const char *path, int flags, mode_t mode, int *ret_fd)
{
	struct open_how how = { .flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
		.mode = flags & (O_CREAT | O_TMPFILE) ? mode : 0,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };
	long fd = -1;

	/* The kernel says EAGAIN when a rename elsewhere made ".." ambiguous. */
	for (int i = 0; i < OPENAT2_TRIES; i++) {
		fd = syscall(SYS_openat2, dirfd, path, &how, sizeof(how));
		if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
			break;
	}
	if (fd < 0)
		return open_failed(path);
	*ret_fd = (int)fd;
	return OK;
}
