#include "tree.h"

#include <sys/stat.h>

enum {
	CPIO_ALIGN = 4,
	CPIO_BLOCK = 512
};

static void entry_done(struct tree_entry *e)
{
	free(e->path);
	buf_done(&e->data);
	*e = (struct tree_entry){ 0 };
}

void tree_done(struct tree *t)
{
	for (size_t i = 0; i < t->n; i++)
		entry_done(&t->v[i]);
	free(t->v);
	*t = (struct tree){ 0 };
}

const struct tree_entry *tree_get(const struct tree *t, const char *path)
{
	for (size_t i = 0; i < t->n; i++)
		if (str_equal(t->v[i].path, path))
			return &t->v[i];
	return NULL;
}

/* "/a/b": begins with '/', no empty, "." or ".." step, no trailing '/'. */
static bool path_is_clean(const char *path)
{
	while (*path == '/') {
		size_t step = strcspn(++path, "/");
		if (step == 0 || (step == 1 && path[0] == '.') ||
			(step == 2 && path[0] == '.' && path[1] == '.'))
			return false;
		path += step;
		if (!*path)
			return true;
	}
	return false;
}

/* Empties `take` when it succeeds. */
static RESULT append(struct tree *t, struct tree_entry *take)
{
	if (t->n >= TREE_ENTRIES_MAX)
		return err_new(ERR_LIMIT, "image: more than %d files", TREE_ENTRIES_MAX);
	struct tree_entry *v = realloc(t->v, (t->n + 1) * sizeof(struct tree_entry));
	if (!v)
		return err_new(ERR_NOMEM, "image: out of memory");
	t->v = v;
	t->v[t->n++] = *take;
	*take = (struct tree_entry){ 0 };
	return OK;
}

static RESULT add_parent(struct tree *t, const char *path)
{
	AUTO(entry_done) struct tree_entry dir = { .mode = S_IFDIR | 0755 };
	const struct tree_entry *there = tree_get(t, path);

	if (there && !S_ISDIR(there->mode))
		return err_new(ERR_STATE, "image: %s is not a directory", path);
	if (there)
		return OK;
	TRY(str_dup(path, &dir.path));
	return append(t, &dir);
}

static RESULT add_parents(struct tree *t, const char *path)
{
	AUTO(auto_free) char *parent = NULL;

	TRY(str_dup(path, &parent));
	for (char *slash = strchr(parent + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		TRY(add_parent(t, parent));
		*slash = '/';
	}
	return OK;
}

/* Owns `e` from here on, also when it fails. */
static RESULT add(struct tree *t, const char *path, struct tree_entry e)
{
	AUTO(entry_done) struct tree_entry owned = e;

	if (!path_is_clean(path))
		return err_new(ERR_FORMAT, "image: '%s' is not a clean absolute path", path);
	const struct tree_entry *there = tree_get(t, path);
	if (there && S_ISDIR(e.mode) && there->mode == e.mode)
		return OK;
	if (there)
		return err_new(ERR_STATE, "image: %s is there already", path);
	TRY(add_parents(t, path));
	TRY(str_dup(path, &owned.path));
	return append(t, &owned);
}

RESULT tree_add_dir(struct tree *t, const char *path, mode_t mode)
{
	return add(t, path, (struct tree_entry){ .mode = S_IFDIR | (mode & 07777) });
}

RESULT tree_add_file(struct tree *t, const char *path, mode_t mode, struct buf *take_data)
{
	struct tree_entry e = { .mode = S_IFREG | (mode & 07777), .data = *take_data };

	*take_data = BUF_INIT(take_data->max);
	return add(t, path, e);
}

RESULT tree_add_link(struct tree *t, const char *path, const char *target)
{
	AUTO(buf_done) struct buf data = BUF_INIT(4096);

	buf_puts(&data, target);
	TRY(buf_end(&data, "image: link target"));
	struct tree_entry e = { .mode = S_IFLNK | 0777, .data = data };
	data = BUF_INIT(0);
	return add(t, path, e);
}

RESULT tree_add_node(
	struct tree *t, const char *path, mode_t kind_and_mode, unsigned major, unsigned minor)
{
	return add(t, path,
		(struct tree_entry){ .mode = kind_and_mode, .major = major, .minor = minor });
}

/* ---- cpio ---- */

static int compare_paths(const void *a, const void *b)
{
	const struct tree_entry *x = a, *y = b;

	return bytes_compare(bytes_str(x->path), bytes_str(y->path));
}

static void put_padding(struct buf *out, size_t align)
{
	buf_zero(out, (align - out->n % align) % align);
}

static void put_record(
	struct buf *out, unsigned inode, const char *name, const struct tree_entry *e)
{
	unsigned links = S_ISDIR(e->mode) ? 2 : 1;

	/* magic, ino, mode, uid, gid, nlink, mtime, filesize, dev, dev, rdev, rdev, namesize, check
	 */
	buf_printf(out, "070701%08x%08x%08x%08x%08x%08x%08zx%08x%08x%08x%08x%08zx%08x", inode,
		e->mode, 0U, 0U, links, 0U, e->data.n, 0U, 0U, e->major, e->minor, strlen(name) + 1,
		0U);
	buf_put(out, bytes_of(name, strlen(name) + 1));
	put_padding(out, CPIO_ALIGN);
	buf_put(out, buf_bytes(&e->data));
	put_padding(out, CPIO_ALIGN);
}

RESULT tree_to_cpio(struct tree *t, struct buf *out)
{
	static const struct tree_entry nothing = { 0 };
	unsigned inode = 1;

	if (t->n > 0)
		qsort(t->v, t->n, sizeof(t->v[0]), compare_paths);
	for (size_t i = 0; i < t->n; i++)
		put_record(out, inode++, t->v[i].path + 1, &t->v[i]);
	put_record(out, 0, "TRAILER!!!", &nothing);
	put_padding(out, CPIO_BLOCK);
	return buf_end(out, "image");
}
