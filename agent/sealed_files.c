#include "paths.h"
#include "sealed.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <limits.h>

#include <base/file.h>
#include <base/secret.h>
#include <sys/stat.h>

enum {
	ENTRIES_MAX = 4096,
	DEPTH_MAX = 16,
	CONTENT_MAX = 1024 * 1024 /* Kubernetes allows a Secret no more */
};

#define PREFIX "sealed."

bool sealed_find(struct bytes text, struct bytes *ret_reference)
{
	size_t n = strlen(PREFIX);

	if (text.n <= n || bytes_compare(bytes_of(text.p, n), bytes_str(PREFIX)) != 0)
		return false;
	while (text.p[text.n - 1] == '\n' || text.p[text.n - 1] == '\r')
		text.n--;
	*ret_reference = text;
	return true;
}

static void auto_fts(FTS **f)
{
	if (*f)
		(void)fts_close(*f);
}

typedef RESULT entry_fn(void *arg, const FTSENT *f);

/* Nobody changes the tree meanwhile: whoever could is served by this thread. */
static RESULT walk(const char *root, entry_fn *fn, void *arg)
{
	char *const roots[] = { (char *)(uintptr_t)root, NULL };
	AUTO(auto_fts) FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_XDEV | FTS_NOCHDIR, NULL);
	size_t n = 0;
	FTSENT *f;

	if (!tree)
		return err_new(ERR_SYS, "%s", root);
	errno = 0;
	while ((f = fts_read(tree)) != NULL) {
		if (++n > ENTRIES_MAX || f->fts_level > DEPTH_MAX)
			return err_new(ERR_LIMIT, "sealed volume: more than %d entries or %d deep",
				ENTRIES_MAX, DEPTH_MAX);
		if (f->fts_info == FTS_DNR || f->fts_info == FTS_ERR || f->fts_info == FTS_NS)
			return err_new(ERR_SYS, "sealed volume: %s", f->fts_name);
		if (f->fts_info != FTS_DP)
			TRY(fn(arg, f));
		errno = 0;
	}
	return errno == 0 ? OK : err_new(ERR_SYS, "%s", root);
}

/* ---- looking ---- */

struct scan {
	sealed_found_fn *fn;
	void *arg;
};

static RESULT scan_entry(void *arg, const FTSENT *f)
{
	const struct scan *s = arg;
	AUTO(buf_done) struct buf text = BUF_INIT(CONTENT_MAX);
	struct bytes reference;

	if (f->fts_info != FTS_F)
		return OK;
	TRY(file_read(f->fts_path, &text));
	return sealed_find(buf_bytes(&text), &reference) ? s->fn(s->arg, reference) : OK;
}

RESULT sealed_scan(const char *root, sealed_found_fn *fn, void *arg)
{
	struct scan s = { fn, arg };

	return walk(root, scan_entry, &s);
}

/* ---- copying ---- */

/*
 * The copy is in a container, which may change it while it is brought up to date: every step goes
 * through descriptors, and no symbolic link is followed.
 */
struct sync {
	size_t root_n;
	const char *root; /* NULL: its entries are looked for */
	int to;		  /* O_PATH of the copy's root */
	bool links;	  /* they come after what they lead to */
	sealed_lookup_fn *lookup;
	void *arg;
	struct strv gone;
};

#define TEMPORARY ".sealpod-new"

/* The directory of an entry, and its name in there. */
static RESULT open_parent(int to, const char *path, const char **ret_name, int *ret_fd)
{
	AUTO(auto_free) char *parent = NULL;
	const char *slash = strrchr(path, '/');

	TRY(bytes_to_str(bytes_of(path, slash ? (size_t)(slash - path) : 0), &parent));
	*ret_name = slash ? slash + 1 : path;
	return path_open(to, parent, O_RDONLY | O_DIRECTORY, PATH_NO_LINKS, ret_fd);
}

static RESULT give(int fd, const struct stat *st)
{
	if (fchown(fd, st->st_uid, st->st_gid) != 0 || fchmod(fd, st->st_mode & 07777) != 0)
		return err_new(ERR_SYS, "owner and mode");
	return OK;
}

/* Readers see the old one or the new one. */
static RESULT put_in_place(int dir, const char *name)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode))
		TRY(dir_remove_tree_at(dir, name));
	if (renameat(dir, TEMPORARY, dir, name) != 0)
		return err_new(ERR_SYS, "%s", name);
	return OK;
}

static RESULT put_file(int dir, const char *name, struct bytes content, const struct stat *st)
{
	AUTO(auto_close) int fd = -1;

	TRY(dir_remove_tree_at(dir, TEMPORARY));
	fd = openat(dir, TEMPORARY, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_new(ERR_SYS, "%s", name);
	TRY(fd_write_all(fd, content));
	TRY(give(fd, st));
	return put_in_place(dir, name);
}

static bool is_there(int dir, const char *name, struct bytes content, const struct stat *st)
{
	AUTO(auto_close) int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	AUTO(buf_done) struct buf have = BUF_INIT(CONTENT_MAX);
	struct stat old;
	bool same;

	same = fd >= 0 && fstat(fd, &old) == 0 && old.st_mode == st->st_mode &&
	       old.st_uid == st->st_uid && old.st_gid == st->st_gid &&
	       !failed(file_read_fd(fd, name, &have)) && bytes_equal(buf_bytes(&have), content);
	bytes_wipe(have.p, have.n);
	return same;
}

static RESULT sync_content(
	const struct sync *y, const FTSENT *f, int dir, const char *name, struct bytes content)
{
	const struct secret *plain;
	struct bytes reference;

	if (sealed_find(content, &reference)) {
		plain = y->lookup(y->arg, reference);
		if (!plain)
			return err_new(ERR_STATE, "%s: changed while it was unsealed", f->fts_name);
		content = secret_bytes(plain);
	}
	return is_there(dir, name, content, f->fts_statp)
		       ? OK
		       : put_file(dir, name, content, f->fts_statp);
}

static RESULT sync_file(const struct sync *y, const FTSENT *f, int dir, const char *name)
{
	AUTO(buf_done) struct buf text = BUF_INIT(CONTENT_MAX);

	TRY(file_read(f->fts_path, &text));
	return sync_content(y, f, dir, name, buf_bytes(&text));
}

static RESULT sync_link(const FTSENT *f, int dir, const char *name)
{
	char target[PATH_MAX], old[PATH_MAX];
	ssize_t n = readlink(f->fts_path, target, sizeof(target) - 1);
	ssize_t old_n = readlinkat(dir, name, old, sizeof(old));

	if (n < 0)
		return err_new(ERR_SYS, "%s", f->fts_name);
	if (bytes_compare(
		    bytes_of(target, (size_t)n), bytes_of(old, old_n > 0 ? (size_t)old_n : 0)) == 0)
		return OK;
	target[n] = '\0';
	TRY(dir_remove_tree_at(dir, TEMPORARY));
	if (symlinkat(target, dir, TEMPORARY) != 0 ||
		fchownat(dir, TEMPORARY, f->fts_statp->st_uid, f->fts_statp->st_gid,
			AT_SYMLINK_NOFOLLOW) != 0)
		return err_new(ERR_SYS, "%s", f->fts_name);
	return put_in_place(dir, name);
}

static RESULT sync_dir(const FTSENT *f, int dir, const char *name)
{
	AUTO(auto_close) int fd = -1;
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR(st.st_mode))
		TRY(dir_remove_tree_at(dir, name));
	if (mkdirat(dir, name, 0700) != 0 && errno != EEXIST)
		return err_new(ERR_SYS, "%s", name);
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_new(ERR_SYS, "%s", name);
	return give(fd, f->fts_statp);
}

static RESULT sync_entry(void *arg, const FTSENT *f)
{
	const struct sync *y = arg;
	const char *name = NULL, *path = f->fts_path + y->root_n;
	bool link = f->fts_info == FTS_SL || f->fts_info == FTS_SLNONE;
	AUTO(auto_close) int dir = -1;

	if (*path == '\0' || link != y->links || (y->links && !link))
		return OK;
	TRY(open_parent(y->to, path + 1, &name, &dir));
	if (link)
		return sync_link(f, dir, name);
	if (f->fts_info == FTS_D)
		return sync_dir(f, dir, name);
	return f->fts_info == FTS_F ? sync_file(y, f, dir, name) : OK;
}

/* ---- what is not there any more ---- */

static RESULT note_gone(void *arg, const FTSENT *f)
{
	struct sync *y = arg;
	AUTO(auto_free) char *path = NULL;
	struct stat st;

	TRY(str_format(&path, "%s%s", y->root, f->fts_path + y->root_n));
	return lstat(path, &st) == 0 ? OK : strv_add(&y->gone, f->fts_path + y->root_n + 1);
}

static RESULT remove_gone(const char *root, const char *to, int fd)
{
	struct sync y = { .root_n = strlen(to), .root = root };
	struct err e = walk(to, note_gone, &y);

	for (size_t i = 0; i < y.gone.n && !failed(e); i++) {
		AUTO(auto_close) int dir = -1;
		const char *name = NULL;
		struct err gone = open_parent(fd, y.gone.v[i], &name, &dir);

		/* It may have gone with what it was in. */
		if (!failed(gone))
			e = dir_remove_tree_at(dir, name);
		else if (gone.code != ERR_NOT_FOUND)
			e = gone;
	}
	strv_done(&y.gone);
	return e;
}

RESULT sealed_sync(const char *root, const char *to, sealed_lookup_fn *lookup, void *arg)
{
	struct sync y = { .root_n = strlen(root), .lookup = lookup, .arg = arg };
	AUTO(auto_close) int fd = -1;
	struct stat st;

	if (stat(root, &st) != 0)
		return err_new(ERR_SYS, "%s", root);
	if (mkdir(to, 0700) != 0 && errno != EEXIST)
		return err_new(ERR_SYS, "%s", to);
	fd = open(to, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_new(ERR_SYS, "%s", to);
	TRY(give(fd, &st));
	y.to = fd;
	TRY(walk(root, sync_entry, &y));
	y.links = true;
	TRY(walk(root, sync_entry, &y));
	return remove_gone(root, to, fd);
}

RESULT sealed_copy_file(const char *from, const char *to, sealed_lookup_fn *lookup, void *arg)
{
	AUTO(auto_free) char *parent = NULL;
	struct sync y = { .lookup = lookup, .arg = arg };
	AUTO(auto_close) int dir = -1;
	const char *slash = strrchr(to, '/');
	struct stat st;
	FTSENT f = { .fts_path = (char *)(uintptr_t)from, .fts_statp = &st };

	TRY(bytes_to_str(bytes_of(to, (size_t)(slash - to)), &parent));
	dir = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 || stat(from, &st) != 0)
		return err_new(ERR_SYS, "%s", parent);
	return sync_file(&y, &f, dir, slash + 1);
}
