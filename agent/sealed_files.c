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

struct copy {
	size_t root_n;
	const char *to;
	sealed_lookup_fn *lookup;
	void *arg;
};

static RESULT write_file(const char *path, struct bytes content, const struct stat *st)
{
	AUTO(auto_close) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return err_new(ERR_SYS, "%s", path);
	TRY(fd_write_all(fd, content));
	if (fchown(fd, st->st_uid, st->st_gid) != 0 || fchmod(fd, st->st_mode & 07777) != 0)
		return err_new(ERR_SYS, "%s", path);
	return OK;
}

static RESULT copy_content(const struct copy *c, const FTSENT *f, const char *path)
{
	AUTO(buf_done) struct buf text = BUF_INIT(CONTENT_MAX);
	const struct secret *plain;
	struct bytes reference;

	TRY(file_read(f->fts_path, &text));
	if (!sealed_find(buf_bytes(&text), &reference))
		return write_file(path, buf_bytes(&text), f->fts_statp);
	plain = c->lookup(c->arg, reference);
	if (!plain)
		return err_new(ERR_STATE, "%s: changed while it was unsealed", f->fts_name);
	return write_file(path, secret_bytes(plain), f->fts_statp);
}

static RESULT copy_link(const FTSENT *f, const char *path)
{
	char target[PATH_MAX];
	ssize_t n = readlink(f->fts_path, target, sizeof(target) - 1);

	if (n < 0)
		return err_new(ERR_SYS, "%s", f->fts_name);
	target[n] = '\0';
	if (symlink(target, path) != 0 ||
		lchown(path, f->fts_statp->st_uid, f->fts_statp->st_gid) != 0)
		return err_new(ERR_SYS, "%s", path);
	return OK;
}

static RESULT copy_entry(void *arg, const FTSENT *f)
{
	const struct copy *c = arg;
	const struct stat *st = f->fts_statp;
	AUTO(auto_free) char *path = NULL;

	TRY(str_format(&path, "%s%s", c->to, f->fts_path + c->root_n));
	switch (f->fts_info) {
	case FTS_F:
		return copy_content(c, f, path);
	case FTS_SL:
	case FTS_SLNONE:
		return copy_link(f, path);
	case FTS_D:
		if (mkdir(path, 0700) != 0 || chown(path, st->st_uid, st->st_gid) != 0 ||
			chmod(path, st->st_mode & 07777) != 0)
			return err_new(ERR_SYS, "%s", path);
		return OK;
	default:
		return OK;
	}
}

RESULT sealed_copy(const char *root, const char *to, sealed_lookup_fn *lookup, void *arg)
{
	struct copy c = { strlen(root), to, lookup, arg };

	return walk(root, copy_entry, &c);
}
