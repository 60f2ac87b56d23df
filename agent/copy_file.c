/* CopyFile: files of the host's volumes where no file system is shared (spec: kata 2.5). */
#include "paths.h"
#include "reply.h"
#include "requests.h"
#include "sealed.h"
#include "storage.h"

#include <errno.h>
#include <fcntl.h>

#include <base/file.h>
#include <crypto/digest.h>
#include <sys/stat.h>

#define SHARED "kata-containers/shared/containers"

enum {
	MODE_BITS = 07777,
	PARENT_MODE = 0755, /* when the request names none */
	NAMES_MAX = 8192    /* entries of a listing */
};

/* Where it goes: an entry of a directory that is held open. */
struct place {
	int dir;	  /* O_PATH */
	const char *name; /* of the entry, in the request's path */
	const char *path;
};

static void place_done(const struct place *p)
{
	if (p->dir >= 0)
		(void)close(p->dir);
}

static RESULT open_shared(const struct agent *a, const char **ret_rest, const char *path, int *ret)
{
	AUTO(auto_free) char *root = NULL;
	size_t n;
	int fd;

	TRY(path_check(path, "path"));
	TRY(path_join(a->set.run_dir, SHARED, &root));
	n = strlen(root);
	if (!str_starts(path, root) || path[n] != '/' || path[n + 1] == '\0')
		return err_deny(ERR_DENIED, "copy.path", "path", "below /run/" SHARED, path);
	TRY(dir_make(root, 0755));
	fd = open(root, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_new(ERR_SYS, "%s", root);
	*ret_rest = path + n + 1;
	*ret = fd;
	return OK;
}

/* With a manifest what the agent itself has mounted is nothing that the host may write to. */
static RESULT find_place(const struct agent *a, const Agent__CopyFileRequest *q, struct place *ret)
{
	mode_t mode = q->dir_mode & 0777 ? q->dir_mode & 0777 : PARENT_MODE;
	unsigned rules = a->open_world ? 0 : PATH_NO_MOUNTS;
	AUTO(auto_free) char *parent = NULL;
	AUTO(auto_close) int root = -1;
	const char *rest = NULL, *slash;

	TRY(open_shared(a, &rest, q->path, &root));
	slash = strrchr(rest, '/');
	if (slash && slash[1] == '\0')
		return err_new(ERR_FORMAT, "path: ends with '/'");
	TRY(bytes_to_str(bytes_of(rest, slash ? (size_t)(slash - rest) : 0), &parent));
	TRY(path_make_dirs(root, parent, mode, rules, NULL, &ret->dir));
	ret->name = slash ? slash + 1 : rest;
	ret->path = q->path;
	return OK;
}

/* Whatever is there; not what volumes are mounted on. */
static RESULT remove_entry(const struct agent *a, const struct place *p, const char *name)
{
	AUTO(auto_free) char *path = NULL;

	TRY(str_format(&path, "%.*s%s", (int)(p->name - p->path), p->path, name));
	if (storage_under(a, path))
		return err_new(ERR_STATE, "%s: a volume is mounted there", path);
	return dir_remove_tree_at(p->dir, name);
}

static RESULT entry_type(const struct place *p, const char *name, mode_t *ret_type)
{
	struct stat st;

	*ret_type = 0;
	if (fstatat(p->dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		*ret_type = st.st_mode & S_IFMT;
	else if (errno != ENOENT)
		return err_new(ERR_SYS, "%s", name);
	return OK;
}

/* Beside the file, so that it can be renamed; one for each name, so that chunks find theirs. */
static RESULT temporary_name(const struct place *p, char **ret_name)
{
	struct digest_value d = { 0 };
	uint64_t id;

	TRY(digest(DIGEST_SHA256, bytes_str(p->name), &d));
	memcpy(&id, d.v, sizeof(id));
	return str_format(ret_name, ".sealpod-copy-%016llx", (unsigned long long)id);
}

/* From here on readers see the new one; before, the old one. */
static RESULT put_in_place(const struct agent *a, const struct place *p, const char *temporary)
{
	mode_t type;

	TRY(entry_type(p, p->name, &type));
	if (S_ISDIR(type))
		TRY(remove_entry(a, p, p->name));
	if (renameat(p->dir, temporary, p->dir, p->name) != 0)
		return err_new(ERR_SYS, "%s", p->path);
	return OK;
}

/* ---- regular files ---- */

static RESULT check_chunk(const Agent__CopyFileRequest *q)
{
	int64_t end;

	if (q->file_size < 0 || q->offset < 0)
		return err_new(ERR_FORMAT, "file_size %lld, offset %lld", (long long)q->file_size,
			(long long)q->offset);
	if (__builtin_add_overflow(q->offset, q->data.len, &end) || end > q->file_size)
		return err_new(ERR_FORMAT, "data: %zu bytes at %lld go beyond file_size %lld",
			q->data.len, (long long)q->offset, (long long)q->file_size);
	return OK;
}

static RESULT open_temporary(
	const struct place *p, const char *name, const Agent__CopyFileRequest *q, int *ret_fd)
{
	bool first = q->offset == 0;
	int flags = O_WRONLY | O_NOFOLLOW | O_CLOEXEC | (first ? O_CREAT | O_EXCL : 0);
	struct stat st;
	int fd;

	if (first && unlinkat(p->dir, name, 0) != 0 && errno != ENOENT)
		return err_new(ERR_SYS, "%s", name);
	fd = openat(p->dir, name, flags, 0600);
	if (fd < 0 && errno == ENOENT)
		return err_new(ERR_STATE, "offset %lld: its beginning was not copied",
			(long long)q->offset);
	if (fd < 0)
		return err_new(ERR_SYS, "%s", p->path);
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size < q->offset) {
		(void)close(fd);
		return err_new(ERR_FORMAT, "offset %lld: the bytes before it were not copied",
			(long long)q->offset);
	}
	*ret_fd = fd;
	return OK;
}

static RESULT write_at(int fd, struct bytes data, off_t offset)
{
	while (data.n > 0) {
		ssize_t n = pwrite(fd, data.p, data.n, offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_new(ERR_SYS, "writing");
		data = bytes_of(data.p + n, data.n - (size_t)n);
		offset += n;
	}
	return OK;
}

/* Owner first: changing it clears set-ID bits. */
static RESULT finish_file(int fd, const Agent__CopyFileRequest *q)
{
	if (fchown(fd, (uid_t)q->uid, (gid_t)q->gid) != 0)
		return err_new(ERR_SYS, "owner %d:%d", q->uid, q->gid);
	if (fchmod(fd, q->file_mode & MODE_BITS) != 0)
		return err_new(ERR_SYS, "mode");
	return OK;
}

static RESULT put_chunk(const struct agent *a, const struct place *p, const char *temporary,
	const Agent__CopyFileRequest *q)
{
	AUTO(auto_close) int fd = -1;
	struct stat st;

	TRY(open_temporary(p, temporary, q, &fd));
	TRY(write_at(fd, bytes_of(q->data.data, q->data.len), q->offset));
	if (fstat(fd, &st) != 0)
		return err_new(ERR_SYS, "%s", p->path);
	if (st.st_size < q->file_size)
		return OK;
	TRY(finish_file(fd, q));
	return put_in_place(a, p, temporary);
}

static RESULT put_file(
	const struct agent *a, const struct place *p, const Agent__CopyFileRequest *q)
{
	AUTO(auto_free) char *temporary = NULL;
	struct err e;

	TRY(check_chunk(q));
	TRY(temporary_name(p, &temporary));
	e = put_chunk(a, p, temporary, q);
	if (failed(e))
		(void)unlinkat(p->dir, temporary, 0);
	return e;
}

/* ---- symbolic links ---- */

static RESULT put_link(
	const struct agent *a, const struct place *p, const Agent__CopyFileRequest *q)
{
	AUTO(auto_free) char *temporary = NULL;
	AUTO(auto_free) char *target = NULL;
	struct err e;

	TRY(bytes_to_str(bytes_of(q->data.data, q->data.len), &target));
	if (target[0] == '\0')
		return err_new(ERR_FORMAT, "data: a symbolic link to nowhere");
	TRY(temporary_name(p, &temporary));
	if (unlinkat(p->dir, temporary, 0) != 0 && errno != ENOENT)
		return err_new(ERR_SYS, "%s", temporary);
	if (symlinkat(target, p->dir, temporary) != 0)
		return err_new(ERR_SYS, "%s", p->path);
	e = fchownat(p->dir, temporary, (uid_t)q->uid, (gid_t)q->gid, AT_SYMLINK_NOFOLLOW) == 0
		    ? put_in_place(a, p, temporary)
		    : err_new(ERR_SYS, "owner %d:%d", q->uid, q->gid);
	if (failed(e))
		(void)unlinkat(p->dir, temporary, 0);
	return e;
}

/* ---- directories ---- */

static RESULT next_name(struct bytes *left, struct bytes *ret_name)
{
	const uint8_t *end = memchr(left->p, '\0', left->n);
	struct bytes name;

	if (!end)
		return err_new(ERR_FORMAT, "data: the last name has no end");
	name = bytes_of(left->p, (size_t)(end - left->p));
	if (memchr(name.p, '/', name.n))
		return err_new(ERR_FORMAT, "data: a name with '/'");
	*left = bytes_of(end + 1, left->n - name.n - 1);
	*ret_name = name;
	return OK;
}

static RESULT check_listing(struct bytes listing)
{
	size_t n = 0;

	while (listing.n > 0) {
		struct bytes name;

		TRY(next_name(&listing, &name));
		if (++n > NAMES_MAX)
			return err_new(ERR_LIMIT, "data: more than %d names", NAMES_MAX);
	}
	return OK;
}

static bool listed(struct bytes listing, const char *name)
{
	struct bytes one;

	while (listing.n > 0 && !failed(next_name(&listing, &one)))
		if (bytes_compare(one, bytes_str(name)) == 0)
			return true;
	return false;
}

/* Sealpod's extension: what the host's directory does not have any more goes here too. */
static RESULT remove_unlisted(
	const struct agent *a, const struct place *p, int fd, struct bytes listing)
{
	AUTO(auto_closedir) DIR *dir = fdopendir(fd);
	struct place in = { .dir = fd, .path = p->path };
	AUTO(auto_free) char *path = NULL;
	struct dirent *entry;

	if (!dir) {
		(void)close(fd);
		return err_new(ERR_SYS, "listing %s", p->path);
	}
	TRY(str_format(&path, "%s/", p->path));
	in.path = path;
	in.name = path + strlen(path);
	while ((entry = readdir(dir)) != NULL) { /* NOLINT(concurrency-mt-unsafe): own stream */
		if (str_equal(entry->d_name, ".") || str_equal(entry->d_name, "..") ||
			listed(listing, entry->d_name))
			continue;
		TRY(remove_entry(a, &in, entry->d_name));
	}
	return OK;
}

static RESULT put_directory(
	const struct agent *a, const struct place *p, const Agent__CopyFileRequest *q)
{
	struct bytes listing = bytes_of(q->data.data, q->data.len);
	AUTO(auto_close) int fd = -1;
	mode_t type;

	TRY(check_listing(listing));
	TRY(entry_type(p, p->name, &type));
	if (type != 0 && !S_ISDIR(type))
		TRY(remove_entry(a, p, p->name));
	if (!S_ISDIR(type) && mkdirat(p->dir, p->name, 0700) != 0)
		return err_new(ERR_SYS, "%s", p->path);
	fd = openat(p->dir, p->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_new(ERR_SYS, "%s", p->path);
	TRY(finish_file(fd, q));
	return listing.n > 0 ? remove_unlisted(a, p, TAKE_FD(fd), listing) : OK;
}

static RESULT put(const struct agent *a, const Agent__CopyFileRequest *q)
{
	AUTO(place_done) struct place p = { .dir = -1 };

	if (!a->open_world && !a->has_manifest)
		return err_restore(&a->manifest_error);
	/* With a manifest nobody but the agent changes its volumes. */
	if (!a->open_world && (storage_over(a, q->path) || storage_under(a, q->path)))
		return err_deny(ERR_DENIED, "copy.path", "path", "no volume of the guest", q->path);
	TRY(find_place(a, q, &p));
	switch (q->file_mode & S_IFMT) {
	case S_IFDIR:
		return put_directory(a, &p, q);
	case S_IFLNK:
		return put_link(a, &p, q);
	case S_IFREG:
	case 0:
		return put_file(a, &p, q);
	default:
		return err_new(
			ERR_UNSUPPORTED, "file_mode %o: no file, directory or link", q->file_mode);
	}
}

void copy_file(struct agent *a, struct ttrpc_call *call, struct bytes payload)
{
	AUTO(pb_free_any) Agent__CopyFileRequest *q = NULL;
	struct err e = PB_UNPACK(agent__copy_file_request, payload, &q);

	if (!failed(e))
		e = put(a, q);
	if (!failed(e))
		sealed_changed(a);
	reply_result(call, failed(e) ? err_add(e, "CopyFile") : e);
}
