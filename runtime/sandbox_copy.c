/*
 * Files of the host in a guest without a shared file system: CopyFile, pieces of at most 1 MiB, one
 * after the other. A directory comes before what is in it; the list of its names comes last and
 * removes what has gone (docs/protocols/guest.md).
 */
#include "message.h"
#include "sandbox_container.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>

#include <base/file.h>
#include <sys/stat.h>

enum {
	PIECE = 1024 * 1024,
	ENTRIES_MAX = 8192,
	DEPTH_MAX = 32,
	NAMES_MAX = 1024 * 1024,
	LINK_MAX = 4096,
	DIR_MODE = 040750
};

#define TOTAL_MAX (UINT64_C(512) * 1024 * 1024)

struct entry {
	char *host, *guest;
	bool names; /* the list of a directory's names */
};

struct sandbox_copy {
	struct entry *v;
	size_t n, at;
	uint64_t total;
	int fd; /* of the file that is under way; -1: none */
	struct stat st;
	uint64_t offset;
	bool calling, closed;
	struct sandbox *s;
	sandbox_copy_fn *fn;
	void *arg;
};

struct sandbox_copy *sandbox_copy_new(void)
{
	struct sandbox_copy *c = calloc(1, sizeof(*c));

	if (c)
		c->fd = -1;
	return c;
}

static void release(struct sandbox_copy *c)
{
	for (size_t i = 0; i < c->n; i++) {
		free(c->v[i].host);
		free(c->v[i].guest);
	}
	free(c->v);
	auto_close(&c->fd);
	free(c);
}

void sandbox_copy_freep(struct sandbox_copy **copy)
{
	struct sandbox_copy *c = *copy;

	*copy = NULL;
	if (c && c->calling)
		c->closed = true;
	else if (c)
		release(c);
}

/* ---- what there is to copy ---- */

static RESULT add_entry(struct sandbox_copy *c, const char *host, const char *guest, bool names)
{
	AUTO(auto_free) char *h = NULL;
	AUTO(auto_free) char *g = NULL;
	struct entry *more;

	if (c->n == ENTRIES_MAX)
		return err_new(ERR_LIMIT,
			"%s: more than %d files: a guest without a shared file system gets copies",
			host, ENTRIES_MAX);
	TRY(str_dup(host, &h));
	TRY(str_dup(guest, &g));
	more = reallocarray(c->v, c->n + 1, sizeof(*more));
	if (!more)
		return err_new(ERR_NOMEM, "copying files");
	c->v = more;
	c->v[c->n++] = (struct entry){ .host = TAKE(h), .guest = TAKE(g), .names = names };
	return OK;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Sorted, so that kubelet's link "..data" comes after the "..2026_..." that it points to. */
static RESULT names_of(const char *dir, struct strv *ret_names)
{
	AUTO(strv_done) struct strv names = { 0 };
	AUTO(auto_closedir) DIR *d = opendir(dir);
	struct dirent *e;

	if (!d)
		return err_new(ERR_SYS, "directory %s", dir);
	while ((e = readdir(d))) { /* NOLINT(concurrency-mt-unsafe): one thread */
		if (str_equal(e->d_name, ".") || str_equal(e->d_name, ".."))
			continue;
		if (names.n == ENTRIES_MAX)
			return err_new(ERR_LIMIT, "%s: more than %d files", dir, ENTRIES_MAX);
		TRY(strv_add(&names, e->d_name));
	}
	if (names.n > 1)
		qsort(names.v, names.n, sizeof(*names.v), by_name);
	*ret_names = names;
	names = (struct strv){ 0 };
	return OK;
}

static RESULT add_tree(struct sandbox_copy *c, const char *host, const char *guest, unsigned depth);

static RESULT add_directory(
	struct sandbox_copy *c, const char *host, const char *guest, unsigned depth)
{
	AUTO(strv_done) struct strv names = { 0 };

	if (depth == DEPTH_MAX)
		return err_new(ERR_LIMIT, "%s: directories too deep", host);
	TRY(add_entry(c, host, guest, false));
	TRY(names_of(host, &names));
	for (size_t i = 0; i < names.n; i++) {
		AUTO(auto_free) char *h = NULL;
		AUTO(auto_free) char *g = NULL;

		TRY(path_join(host, names.v[i], &h));
		TRY(path_join(guest, names.v[i], &g));
		TRY(add_tree(c, h, g, depth + 1));
	}
	return add_entry(c, host, guest, true);
}

static RESULT add_tree(struct sandbox_copy *c, const char *host, const char *guest, unsigned depth)
{
	struct stat st;

	/* The mount's own source may be a link; below it links are copied as such. */
	if ((depth == 0 ? stat(host, &st) : lstat(host, &st)) < 0)
		return errno == ENOENT && depth > 0 ? OK : err_new(ERR_SYS, "%s", host);
	if (S_ISDIR(st.st_mode))
		return add_directory(c, host, guest, depth);
	if (S_ISLNK(st.st_mode))
		return add_entry(c, host, guest, false);
	if (!S_ISREG(st.st_mode))
		return OK; /* sockets and devices mean nothing there */
	c->total += (uint64_t)st.st_size;
	if (c->total > TOTAL_MAX)
		return err_new(ERR_LIMIT,
			"%s: more than %llu bytes: a guest without a shared file system gets "
			"copies",
			host, (unsigned long long)TOTAL_MAX);
	return add_entry(c, host, guest, false);
}

RESULT sandbox_copy_add(struct sandbox_copy *c, const char *host, const char *guest)
{
	return add_tree(c, host, guest, 0);
}

/* ---- one call ---- */

static RESULT read_link(const char *path, struct buf *out)
{
	char target[LINK_MAX];
	ssize_t n = readlink(path, target, sizeof(target));

	if (n < 0 || (size_t)n == sizeof(target))
		return err_new(ERR_SYS, "link %s", path);
	buf_put(out, bytes_of(target, (size_t)n));
	return buf_end(out, path);
}

static RESULT read_names(const char *path, struct buf *out)
{
	AUTO(strv_done) struct strv names = { 0 };

	TRY(names_of(path, &names));
	for (size_t i = 0; i < names.n; i++)
		buf_put(out, bytes_of(names.v[i], strlen(names.v[i]) + 1));
	if (names.n == 0)
		buf_u8(out, 0);
	return buf_end(out, path);
}

static RESULT open_file(struct sandbox_copy *c, const struct entry *e)
{
	if (c->fd >= 0)
		return OK;
	c->fd = open(e->host, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (c->fd < 0 || fstat(c->fd, &c->st) < 0)
		return err_new(ERR_SYS, "opening %s", e->host);
	c->offset = 0;
	return S_ISREG(c->st.st_mode) ? OK : err_new(ERR_STATE, "%s: is no file now", e->host);
}

static RESULT read_piece(struct sandbox_copy *c, const struct entry *e, struct buf *out)
{
	uint64_t left = (uint64_t)c->st.st_size - c->offset;
	size_t want = left < PIECE ? (size_t)left : PIECE;
	uint8_t *to = buf_grow(out, want);

	TRY(buf_end(out, e->host));
	ssize_t n = want ? pread(c->fd, to, want, (off_t)c->offset) : 0;
	if (n < 0)
		return err_new(ERR_SYS, "reading %s", e->host);
	if ((size_t)n != want)
		return err_new(ERR_STATE, "%s became shorter while it was copied", e->host);
	return OK;
}

static RESULT fill(
	struct sandbox_copy *c, const struct entry *e, struct buf *data, Agent__CopyFileRequest *r)
{
	struct stat st;

	if (c->fd < 0 && (c->at == 0 ? stat(e->host, &st) : lstat(e->host, &st)) < 0)
		return err_new(ERR_SYS, "%s", e->host);
	if (c->fd < 0 && S_ISREG(st.st_mode))
		TRY(open_file(c, e));
	if (c->fd >= 0) {
		TRY(read_piece(c, e, data));
		st = c->st;
		r->offset = (int64_t)c->offset;
		r->file_size = (int64_t)st.st_size;
	} else if (S_ISLNK(st.st_mode)) {
		TRY(read_link(e->host, data));
		r->file_size = (int64_t)data->n;
	} else if (e->names) {
		TRY(read_names(e->host, data));
	}
	r->file_mode = S_ISLNK(st.st_mode) ? S_IFLNK : st.st_mode;
	r->dir_mode = S_ISDIR(st.st_mode) || c->at > 0 ? DIR_MODE : 0;
	r->uid = (int32_t)st.st_uid;
	r->gid = (int32_t)st.st_gid;
	r->path = e->guest;
	r->data.data = data->p;
	r->data.len = data->n;
	return OK;
}

static RESULT next(struct sandbox_copy *c);

static void on_answer(void *arg, struct err e, struct bytes payload)
{
	struct sandbox_copy *c = arg;

	(void)payload;
	c->calling = false;
	if (c->closed) {
		release(c);
		return;
	}
	if (failed(e))
		e = err_add(e, "copying %s", c->v[c->at].host);
	if (!failed(e) && c->fd >= 0) {
		uint64_t left = (uint64_t)c->st.st_size - c->offset;
		c->offset += left < PIECE ? left : PIECE;
	}
	if (!failed(e) && (c->fd < 0 || c->offset == (uint64_t)c->st.st_size)) {
		auto_close(&c->fd);
		c->fd = -1;
		c->at++;
	}
	if (!failed(e) && c->at < c->n)
		e = next(c);
	if (failed(e) || c->at == c->n)
		c->fn(c->arg, e);
}

static RESULT next(struct sandbox_copy *c)
{
	AUTO(buf_done) struct buf data = BUF_INIT(PIECE);
	Agent__CopyFileRequest r = AGENT__COPY_FILE_REQUEST__INIT;
	const struct agent_call call = {
		.service = AGENT_SERVICE, .method = "CopyFile", .request = &r.base
	};

	if (!c->s->agent || c->s->stopping)
		return err_new(ERR_PEER, "the sandbox ended");
	TRY(fill(c, &c->v[c->at], &data, &r));
	TRY(agent_call_start(c->s->agent, &call, on_answer, c));
	c->calling = true;
	return OK;
}

RESULT sandbox_copy_run(struct sandbox_copy *c, struct sandbox *s, sandbox_copy_fn *fn, void *arg)
{
	c->s = s;
	c->fn = fn;
	c->arg = arg;
	return next(c);
}
