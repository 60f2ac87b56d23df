#include "tree.h"

#include "tar.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <base/auto.h>
#include <base/buf.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>

enum {
	COMPONENT_MAX = 255, /* NAME_MAX of every file system that can hold a layer */
	PARENT_MODE = 0755,
	RETRIES = 32 /* openat2() may answer EAGAIN when the tree changes under it */
};

void tree_init(struct tree *t, int root)
{
	*t = TREE_NONE;
	t->root = root;
}

void tree_forget(struct tree *t)
{
	free(TAKE(t->parent));
	if (t->parent_fd >= 0)
		(void)close(t->parent_fd);
	t->parent_fd = -1;
}

void tree_done(struct tree *t)
{
	tree_forget(t);
	if (t->root >= 0)
		(void)close(t->root);
	t->root = -1;
}

static struct err deny_path(const char *name, const char *expected)
{
	return err_deny(ERR_DENIED, "image.tar-path", "name", expected, name);
}

static RESULT add_component(struct buf *out, const char *name, const char *part, size_t n)
{
	if (n == 0 || (n == 1 && part[0] == '.'))
		return OK;
	if (n == 2 && part[0] == '.' && part[1] == '.')
		return deny_path(name, "a name without '..'");
	if (n > COMPONENT_MAX)
		return err_new(ERR_LIMIT, "a component of %zu bytes", n);
	if (out->n > 0)
		buf_puts(out, "/");
	buf_put(out, bytes_of(part, n));
	return OK;
}

RESULT tree_clean_name(const char *name, char **ret_clean)
{
	AUTO(buf_done) struct buf out = BUF_INIT(TAR_PATH_MAX);
	size_t depth = 0;

	if (name[0] == '/')
		return deny_path(name, "a relative name");
	for (const char *part = name; *part != '\0';) {
		size_t n = strcspn(part, "/");
		TRY(add_component(&out, name, part, n));
		if (++depth > TREE_DEPTH_MAX)
			return err_new(
				ERR_LIMIT, "a name of more than %d components", TREE_DEPTH_MAX);
		part += n;
		part += *part == '/';
	}
	TRY(buf_end(&out, "name"));
	return bytes_to_str(buf_bytes(&out), ret_clean);
}

/* O_PATH keeps devices and fifos from being opened by name. */
static int open_below(int root, const char *path)
{
	struct open_how how = {
		.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV,
	};

	for (int i = 0; i < RETRIES; i++) {
		int fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
		if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
			return fd;
	}
	return -1;
}

static struct err open_failure(const char *clean)
{
	if (errno == EXDEV || errno == ELOOP)
		return deny_path(clean, "a name inside the layer");
	if (errno == ENOTDIR)
		return err_new(ERR_FORMAT, "the parent of %s is no directory", clean);
	return err_new(ERR_SYS, "%s", clean);
}

/* Makes the components of `path` that are missing, one after another from the root. */
static RESULT make_dirs(const struct tree *t, char *path)
{
	for (char *slash = path; slash; slash++) {
		slash = strchr(slash, '/');
		if (slash)
			*slash = '\0';
		const char *last = strrchr(path, '/');
		AUTO(auto_close) int dir = -1;
		if (last) {
			AUTO(auto_free) char *parent = strndup(path, (size_t)(last - path));
			if (!parent)
				return err_new(ERR_NOMEM, "name");
			dir = open_below(t->root, parent);
			if (dir < 0)
				return open_failure(path);
		}
		/* EEXIST may be a link out of the tree: the caller's open_below() decides. */
		if (mkdirat(last ? dir : t->root, last ? last + 1 : path, PARENT_MODE) < 0 &&
			errno != EEXIST)
			return err_new(ERR_SYS, "mkdir %s", path);
		if (!slash)
			break;
		*slash = '/';
	}
	return OK;
}

static RESULT open_parent_dir(const struct tree *t, const char *clean, char *parent, int *ret_fd)
{
	int fd = open_below(t->root, parent);

	if (fd < 0 && errno == ENOENT) {
		TRY(make_dirs(t, parent));
		fd = open_below(t->root, parent);
	}
	if (fd < 0)
		return open_failure(clean);
	*ret_fd = fd;
	return OK;
}

RESULT tree_place(struct tree *t, const char *clean, struct place *ret_place)
{
	const char *slash = strrchr(clean, '/');

	if (!slash) {
		*ret_place = (struct place){ .dir = t->root, .name = clean };
		return OK;
	}
	AUTO(auto_free) char *parent = strndup(clean, (size_t)(slash - clean));
	if (!parent)
		return err_new(ERR_NOMEM, "name");
	if (!t->parent || !str_equal(t->parent, parent)) {
		int fd;
		TRY(open_parent_dir(t, clean, parent, &fd));
		tree_forget(t);
		t->parent = TAKE(parent);
		t->parent_fd = fd;
	}
	*ret_place = (struct place){ .dir = t->parent_fd, .name = slash + 1 };
	return OK;
}

RESULT tree_open_parent(const struct tree *t, const char *clean, int *ret_fd, const char **ret_name)
{
	const char *slash = strrchr(clean, '/');
	AUTO(auto_free) char *parent =
		slash ? strndup(clean, (size_t)(slash - clean)) : strdup(".");

	if (!parent)
		return err_new(ERR_NOMEM, "name");
	int fd = open_below(t->root, parent);
	if (fd < 0)
		return open_failure(clean);
	*ret_fd = fd;
	*ret_name = slash ? slash + 1 : clean;
	return OK;
}

RESULT tree_open_dir(const struct tree *t, const char *clean, int *ret_fd)
{
	int fd = open_below(t->root, clean[0] ? clean : ".");

	if (fd < 0)
		return open_failure(clean);
	*ret_fd = fd;
	return OK;
}
