#include "modules.h"

#include "elf_file.h"
#include "unxz.h"

#include <fts.h>

#include <base/file.h>

enum {
	DEPTH_MAX = 16,
	BUILTIN_SIZE_MAX = 1024 * 1024,
	NAME_SIZE = 64
};

/* "kernel/drivers/block/virtio-blk.ko.xz" -> "virtio_blk"; false when it is no module. */
static bool module_name(const char *path, char name[static NAME_SIZE])
{
	const char *base = strrchr(path, '/');

	base = base ? base + 1 : path;
	const char *end = strstr(base, ".ko");
	if (!end || (!str_equal(end, ".ko") && !str_equal(end, ".ko.xz")) ||
		end - base >= NAME_SIZE)
		return false;
	(void)snprintf(name, NAME_SIZE, "%.*s", (int)(end - base), base);
	for (char *c = name; *c; c++)
		if (*c == '-')
			*c = '_';
	return true;
}

static RESULT read_builtin(const char *dir, struct strv *builtin)
{
	AUTO(buf_done) struct buf text = BUF_INIT(BUILTIN_SIZE_MAX);
	AUTO(auto_free) char *path = NULL;
	char name[NAME_SIZE];
	char *rest = NULL;

	TRY(path_join(dir, "modules.builtin", &path));
	TRY(file_read(path, &text));
	buf_u8(&text, '\0');
	TRY(buf_end(&text, path));
	for (char *line = strtok_r((char *)text.p, "\n", &rest); line;
		line = strtok_r(NULL, "\n", &rest))
		if (module_name(line, name))
			TRY(strv_add(builtin, name));
	return OK;
}

static void auto_fts(FTS **fts)
{
	if (*fts)
		(void)fts_close(*fts);
}

static RESULT scan(const char *dir, struct module_index *x)
{
	AUTO(auto_free) char *root = NULL;
	char name[NAME_SIZE];

	TRY(path_join(dir, "kernel", &root));
	char *const roots[] = { root, NULL };
	AUTO(auto_fts) FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_NOSTAT, NULL);
	if (!fts)
		return err_new(ERR_SYS, "opening %s", root);
	for (FTSENT *e = fts_read(fts); e; e = fts_read(fts)) {
		if (e->fts_info == FTS_ERR || e->fts_info == FTS_DNR)
			return err_new(ERR_SYS, "reading %s", e->fts_path);
		if (!module_name(e->fts_path, name))
			continue;
		TRY(strv_add(&x->names, name));
		TRY(strv_add(&x->paths, e->fts_path));
	}
	return OK;
}

void module_index_done(struct module_index *x)
{
	strv_done(&x->names);
	strv_done(&x->paths);
	strv_done(&x->builtin);
}

RESULT module_index_read(const char *dir, struct module_index *ret_index)
{
	AUTO(module_index_done) struct module_index x = { 0 };

	TRY(read_builtin(dir, &x.builtin));
	TRY(scan(dir, &x));
	if (x.names.n == 0)
		return err_new(ERR_NOT_FOUND, "%s holds no kernel modules", dir);
	*ret_index = x;
	x = (struct module_index){ 0 };
	return OK;
}

static bool contains(const struct strv *list, const char *name, size_t *ret_at)
{
	for (size_t i = 0; i < list->n; i++) {
		if (!str_equal(list->v[i], name))
			continue;
		*ret_at = i;
		return true;
	}
	return false;
}

static void module_done(struct module *m)
{
	free(m->name);
	free(m->group);
	buf_done(&m->data);
	*m = (struct module){ 0 };
}

void module_list_done(struct module_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		module_done(&l->v[i]);
	free(l->v);
	*l = (struct module_list){ 0 };
}

static bool is_listed(const struct module_list *l, const char *name)
{
	for (size_t i = 0; i < l->n; i++)
		if (str_equal(l->v[i].name, name))
			return true;
	return false;
}

static RESULT read_module(const char *path, struct buf *data)
{
	AUTO(buf_done) struct buf packed = BUF_INIT(MODULE_SIZE_MAX);

	*data = BUF_INIT(MODULE_SIZE_MAX);
	if (!str_ends(path, ".xz"))
		return file_read(path, data);
	TRY(file_read(path, &packed));
	return xz_unpack(buf_bytes(&packed), path, data);
}

/* The names that a .modinfo value lists, in the form of the index. */
static RESULT split_names(char *value, const char *separators, struct strv *names)
{
	char *rest = NULL;

	for (char *word = strtok_r(value, separators, &rest); word;
		word = strtok_r(NULL, separators, &rest)) {
		for (char *c = word; *c; c++)
			if (*c == '-')
				*c = '_';
		TRY(strv_add(names, word));
	}
	return OK;
}

/* softdep=pre: a b post: c. What comes first may also be an alias, or absent: then it is not known
 * to the index and left out, as modprobe does. */
static RESULT soft_dependencies(char *value, const struct module_index *index, struct strv *names)
{
	AUTO(strv_done) struct strv wanted = { 0 };
	size_t at = 0;

	char *post = strstr(value, "post:");
	if (post)
		*post = '\0';
	char *pre = strstr(value, "pre:");
	if (pre)
		TRY(split_names(pre + strlen("pre:"), " ", &wanted));
	for (size_t i = 0; i < wanted.n; i++)
		if (contains(&index->names, wanted.v[i], &at))
			TRY(strv_add(names, wanted.v[i]));
	return OK;
}

static RESULT dependencies(struct bytes ko, const struct module_index *index, struct strv *names)
{
	AUTO(strv_done) struct strv depends = { 0 };
	AUTO(strv_done) struct strv soft = { 0 };

	TRY(elf_modinfo(ko, "depends", &depends));
	for (size_t i = 0; i < depends.n; i++)
		TRY(split_names(depends.v[i], ",", names));
	TRY(elf_modinfo(ko, "softdep", &soft));
	for (size_t i = 0; i < soft.n; i++)
		TRY(soft_dependencies(soft.v[i], index, names));
	return OK;
}

static RESULT append(struct module_list *l, struct module *take)
{
	if (l->n >= MODULES_MAX)
		return err_new(ERR_LIMIT, "more than %d kernel modules", MODULES_MAX);
	struct module *v = realloc(l->v, (l->n + 1) * sizeof(struct module));
	if (!v)
		return err_new(ERR_NOMEM, "kernel modules: out of memory");
	l->v = v;
	l->v[l->n++] = *take;
	*take = (struct module){ 0 };
	return OK;
}

static RESULT add(struct module_list *l, const struct module_index *index, const char *group,
	const char *name, unsigned depth)
{
	AUTO(module_done) struct module m = { 0 };
	AUTO(strv_done) struct strv needs = { 0 };
	size_t at = 0;

	if (is_listed(l, name) || contains(&index->builtin, name, &at))
		return OK;
	if (depth > DEPTH_MAX)
		return err_new(ERR_LIMIT, "module %s: dependencies too deep", name);
	if (!contains(&index->names, name, &at))
		return err_new(ERR_NOT_FOUND, "the kernel has no module %s", name);
	TRY(read_module(index->paths.v[at], &m.data));
	TRY(dependencies(buf_bytes(&m.data), index, &needs));
	for (size_t i = 0; i < needs.n; i++) {
		struct err e = add(l, index, group, needs.v[i], depth + 1);
		if (failed(e))
			return err_add(e, "module %s", name);
	}
	TRY(str_dup(name, &m.name));
	TRY(str_dup(group, &m.group));
	return append(l, &m);
}

RESULT module_list_add(struct module_list *l, const struct module_index *index, const char *group,
	const char *name)
{
	AUTO(strv_done) struct strv normal = { 0 };
	AUTO(auto_free) char *copy = NULL;

	TRY(str_dup(name, &copy));
	TRY(split_names(copy, " ", &normal));
	if (normal.n != 1)
		return err_new(ERR_FORMAT, "'%s' is not the name of a module", name);
	return add(l, index, group, normal.v[0], 0);
}
