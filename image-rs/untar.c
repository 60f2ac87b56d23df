#include "untar.h"

#include "tar.h"
#include "tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include <base/auto.h>
#include <base/buf.h>
#include <base/file.h>
#include <base/reader.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#define WHITEOUT_PREFIX ".wh."
#define WHITEOUT_OPAQUE ".wh..wh..opq"
#define WHITEOUT_META	".wh..wh." /* aufs' own files, such as .wh..wh.plnk */
#define OPAQUE_XATTR	"user.overlay.opaque"

enum {
	DIR_TIMES_MAX = 64 * 1024 * 1024, /* names of directories whose time is set at the end */
	FILE_MODE = 0600,
	DIR_MODE = 0700
};

struct untar {
	struct tree tree;
	struct tar *tar;
	struct untar_budget *budget;
	struct tar_entry file; /* metadata of the open file; its path and link are not kept */
	int fd;
	struct buf dir_times;
};

typedef struct err make_fn(struct untar *u, const struct place *at, const struct tar_entry *e);

static struct err entry_failure(const char *doing)
{
	return err_new(ERR_SYS, "%s", doing);
}

static struct timespec no_change(void)
{
	return (struct timespec){ .tv_nsec = UTIME_OMIT };
}

/* Attributes that a layer may set. Those of overlayfs would change what other layers show; trusted
 * and LSM attributes are the guest's business. */
static bool xattr_allowed(const char *name)
{
	if (str_starts(name, "user."))
		return !str_starts(name, "user.overlay.");
	return str_equal(name, "security.capability") || str_starts(name, "system.posix_acl_");
}

static RESULT set_xattrs(int fd, const struct tar_entry *e)
{
	for (size_t i = 0; i < e->n_xattrs; i++) {
		const struct tar_xattr *x = &e->xattrs[i];
		if (!xattr_allowed(x->name))
			continue;
		if (fsetxattr(fd, x->name, x->value, x->n, 0) < 0 &&
			!(errno == EOPNOTSUPP && str_starts(x->name, "user.")))
			return entry_failure(x->name);
	}
	return OK;
}

/* chown clears set-user-ID bits and file capabilities, so it comes first. */
static RESULT set_owner_and_mode(int fd, const struct tar_entry *e)
{
	if (fchown(fd, e->uid, e->gid) < 0)
		return entry_failure("chown");
	TRY(set_xattrs(fd, e));
	if (fchmod(fd, e->mode) < 0)
		return entry_failure("chmod");
	return OK;
}

static RESULT set_time_at(int dir, const char *name, int64_t mtime, uint32_t ns)
{
	struct timespec times[2] = { no_change(), { .tv_sec = mtime, .tv_nsec = (long)ns } };

	/* File systems clamp times that they cannot hold; a few refuse. */
	if (utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW) < 0 && errno != EINVAL)
		return entry_failure("utimensat");
	return OK;
}

static RESULT remove_existing(struct untar *u, const struct place *at)
{
	if (unlinkat(at->dir, at->name, 0) == 0) {
		tree_forget(&u->tree); /* it may have been a link on the way to the kept parent */
		return OK;
	}
	if (errno == ENOENT)
		return OK;
	if (errno == EISDIR)
		return err_new(ERR_FORMAT, "first a directory and later something else");
	return entry_failure("replacing");
}

/* ---- files ---- */

static RESULT make_file(struct untar *u, const struct place *at, const struct tar_entry *e)
{
	const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;

	(void)e;
	u->fd = openat(at->dir, at->name, flags, FILE_MODE);
	return u->fd < 0 ? entry_failure("creating") : OK;
}

static RESULT on_data(void *arg, struct bytes data)
{
	struct untar *u = arg;

	return u->fd >= 0 ? fd_write_all(u->fd, data) : OK;
}

static RESULT close_file(struct untar *u)
{
	AUTO(auto_close) int fd = TAKE_FD(u->fd);
	const struct tar_entry *e = &u->file;
	struct timespec times[2] = { no_change(),
		{ .tv_sec = e->mtime, .tv_nsec = (long)e->mtime_ns } };

	TRY(set_owner_and_mode(fd, e));
	if (futimens(fd, times) < 0 && errno != EINVAL)
		return entry_failure("futimens");
	return OK;
}

static RESULT on_file_end(void *arg)
{
	struct untar *u = arg;
	struct err e = u->fd >= 0 ? close_file(u) : OK;

	if (failed(e))
		e = err_add(e, "tar entry %.200s", u->file.path);
	tar_entry_done(&u->file);
	return e;
}

/* The entry belongs to the parser; its metadata is needed again after the contents. */
static RESULT keep_metadata(struct untar *u, const struct tar_entry *e)
{
	struct tar_entry *f = &u->file;

	tar_entry_done(f);
	*f = *e;
	f->path = f->link = NULL;
	f->n_xattrs = 0;
	TRY(str_dup(e->path, &f->path));
	for (size_t i = 0; i < e->n_xattrs; i++) {
		const struct tar_xattr *from = &e->xattrs[i];
		struct tar_xattr *to = &f->xattrs[f->n_xattrs++];
		*to = (struct tar_xattr){ .value = malloc(from->n + 1), .n = from->n };
		if (!to->value)
			return err_new(ERR_NOMEM, "extended attribute");
		memcpy(to->value, from->value, from->n);
		TRY(str_dup(from->name, &to->name));
	}
	return OK;
}

/* ---- everything else ---- */

static RESULT remember_time(struct untar *u, const char *clean, const struct tar_entry *e)
{
	buf_le64(&u->dir_times, (uint64_t)e->mtime);
	buf_le32(&u->dir_times, e->mtime_ns);
	buf_le16(&u->dir_times, strlen(clean) + 1);
	buf_put(&u->dir_times, bytes_of(clean, strlen(clean) + 1));
	return buf_end(&u->dir_times, "times of directories");
}

static RESULT fill_dir(
	struct untar *u, const struct place *at, const char *clean, const struct tar_entry *e)
{
	AUTO(auto_close)
	int fd = openat(at->dir, at->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return entry_failure("opening");
	TRY(set_owner_and_mode(fd, e));
	return remember_time(u, clean, e);
}

static bool is_dir(const struct place *at)
{
	struct stat st;

	return fstatat(at->dir, at->name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

static bool is_whiteout(const struct place *at)
{
	struct stat st;

	return fstatat(at->dir, at->name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISCHR(st.st_mode) &&
	       st.st_rdev == 0;
}

static RESULT set_opaque(int dir, const char *name)
{
	AUTO(auto_close)
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return entry_failure("opening");
	if (fsetxattr(fd, OPAQUE_XATTR, "y", 1, 0) < 0)
		return entry_failure(OPAQUE_XATTR);
	return OK;
}

static RESULT make_dir(struct untar *u, const struct place *at, const struct tar_entry *e)
{
	(void)u;
	(void)e;
	return mkdirat(at->dir, at->name, DIR_MODE) < 0 ? entry_failure("mkdir") : OK;
}

static RESULT make_hardlink(struct untar *u, const struct place *at, const struct tar_entry *e)
{
	AUTO(auto_free) char *clean = NULL;
	AUTO(auto_close) int dir = -1;
	const char *name, *target = e->link;

	while (*target == '/') /* some builders write targets from the image's root */
		target++;
	TRY(tree_clean_name(target, &clean));
	TRY(tree_open_parent(&u->tree, clean, &dir, &name));
	if (linkat(dir, name, at->dir, at->name, 0) < 0)
		return err_new(ERR_SYS, "hard link to %s", e->link);
	return OK;
}

static RESULT make_symlink(struct untar *u, const struct place *at, const struct tar_entry *e)
{
	(void)u;
	if (symlinkat(e->link, at->dir, at->name) < 0)
		return entry_failure("symbolic link");
	if (fchownat(at->dir, at->name, e->uid, e->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return entry_failure("chown");
	return set_time_at(at->dir, at->name, e->mtime, e->mtime_ns);
}

static RESULT make_node(struct untar *u, const struct place *at, const struct tar_entry *e)
{
	mode_t kind = e->type == TAR_CHAR ? S_IFCHR : e->type == TAR_BLOCKDEV ? S_IFBLK : S_IFIFO;

	(void)u;
	if (mknodat(at->dir, at->name, kind | FILE_MODE, makedev(e->major, e->minor)) < 0)
		return entry_failure("mknod");
	if (fchownat(at->dir, at->name, e->uid, e->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return entry_failure("chown");
	if (fchmodat(at->dir, at->name, e->mode, 0) < 0)
		return entry_failure("chmod");
	return set_time_at(at->dir, at->name, e->mtime, e->mtime_ns);
}

/* OCI image-spec layer.md "Whiteouts" -> overlayfs.rst "whiteouts and opaque directories" */
static RESULT make_whiteout(const struct place *at)
{
	struct place hidden = { .dir = at->dir, .name = at->name + strlen(WHITEOUT_PREFIX) };
	struct stat st;

	if (str_equal(at->name, WHITEOUT_OPAQUE))
		return set_opaque(at->dir, ".");
	if (str_starts(at->name, WHITEOUT_META))
		return OK;
	if (hidden.name[0] == '\0' || str_equal(hidden.name, ".") || str_equal(hidden.name, ".."))
		return err_deny(ERR_DENIED, "image.tar-path", "whiteout", "a name", at->name);
	/* Whiteouts hide lower layers only; what this layer brings itself stays. */
	if (fstatat(hidden.dir, hidden.name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return S_ISDIR(st.st_mode) ? set_opaque(hidden.dir, hidden.name) : OK;
	if (mknodat(hidden.dir, hidden.name, S_IFCHR, makedev(0, 0)) < 0)
		return entry_failure("whiteout");
	return OK;
}

static make_fn *const makers[] = {
	[TAR_FILE] = make_file,
	[TAR_HARDLINK] = make_hardlink,
	[TAR_SYMLINK] = make_symlink,
	[TAR_CHAR] = make_node,
	[TAR_BLOCKDEV] = make_node,
	[TAR_DIR] = make_dir,
	[TAR_FIFO] = make_node,
};

static RESULT make_named(struct untar *u, const char *clean, const struct tar_entry *e)
{
	struct place at;

	TRY(tree_place(&u->tree, clean, &at));
	if (str_starts(at.name, WHITEOUT_PREFIX))
		return make_whiteout(&at);
	bool merge = e->type == TAR_DIR && is_dir(&at);
	/* "Deleted and made anew" hides what lower layers have below that name. */
	bool opaque = e->type == TAR_DIR && is_whiteout(&at);
	if (!merge) {
		TRY(remove_existing(u, &at));
		TRY(tree_place(&u->tree, clean, &at));
		TRY(makers[e->type](u, &at, e));
	}
	if (opaque)
		TRY(set_opaque(at.dir, at.name));
	return e->type == TAR_DIR ? fill_dir(u, &at, clean, e) : OK;
}

static RESULT make_entry(struct untar *u, const struct tar_entry *e)
{
	struct place root = { .dir = u->tree.root, .name = "." };
	AUTO(auto_free) char *clean = NULL;

	TRY(tree_clean_name(e->path, &clean));
	if (clean[0] != '\0')
		return make_named(u, clean, e);
	/* The root itself: only its metadata counts. */
	return e->type == TAR_DIR ? fill_dir(u, &root, clean, e) : OK;
}

static struct err deny_bomb(const char *field, uint64_t max)
{
	char expected[48];

	(void)snprintf(expected, sizeof(expected), "at most %llu", (unsigned long long)max);
	return err_deny(ERR_DENIED, "image.bomb", field, expected, "more");
}

static RESULT on_entry(void *arg, const struct tar_entry *e)
{
	struct untar *u = arg;

	if (atomic_fetch_add(&u->budget->entries, 1) >= u->budget->max_entries)
		return deny_bomb("entries", u->budget->max_entries);
	struct err err = make_entry(u, e);
	if (!failed(err) && e->type == TAR_FILE)
		err = keep_metadata(u, e);
	return failed(err) ? err_add(err, "tar entry %.200s", e->path) : OK;
}

RESULT untar_new(int root, struct untar_budget *budget, struct untar **ret_untar)
{
	AUTO(untar_freep) struct untar *u = calloc(1, sizeof(*u));
	struct tar_visitor visitor = {
		.entry = on_entry,
		.data = on_data,
		.file_end = on_file_end,
		.arg = u,
	};

	if (!u) {
		(void)close(root);
		return err_new(ERR_NOMEM, "untar");
	}
	tree_init(&u->tree, root);
	u->fd = -1;
	u->budget = budget;
	u->dir_times = BUF_INIT(DIR_TIMES_MAX);
	TRY(tar_new(&visitor, &u->tar));
	*ret_untar = TAKE(u);
	return OK;
}

void untar_freep(struct untar **u)
{
	if (!*u)
		return;
	tar_freep(&(*u)->tar);
	tree_done(&(*u)->tree);
	tar_entry_done(&(*u)->file);
	auto_close(&(*u)->fd);
	buf_done(&(*u)->dir_times);
	free(*u);
	*u = NULL;
}

RESULT untar_feed(struct untar *u, struct bytes in)
{
	uint64_t before = atomic_fetch_add(&u->budget->bytes, in.n);

	if (before > u->budget->max_bytes || in.n > u->budget->max_bytes - before)
		return deny_bomb("unpacked bytes", u->budget->max_bytes);
	return tar_feed(u->tar, in);
}

static RESULT set_dir_time(struct untar *u, struct reader *r)
{
	int64_t mtime = (int64_t)rd_le64(r);
	uint32_t ns = rd_le32(r);
	size_t n = rd_le16(r);
	const char *clean = (const char *)rd_take(r, n).p;
	AUTO(auto_close) int dir = -1;
	const char *name;

	if (clean[0] == '\0')
		return set_time_at(u->tree.root, ".", mtime, ns);
	TRY(tree_open_parent(&u->tree, clean, &dir, &name));
	return set_time_at(dir, name, mtime, ns);
}

RESULT untar_end(struct untar *u)
{
	struct reader r = rd_of(buf_bytes(&u->dir_times));

	TRY(tar_end(u->tar));
	while (rd_more(&r))
		TRY(set_dir_time(u, &r));
	return OK;
}
