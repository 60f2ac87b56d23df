#include "guest_image.h"

#include "elf_file.h"

#include <elf.h>

#include <base/file.h>
#include <sys/stat.h>

enum {
	FILE_SIZE_MAX = 64 * 1024 * 1024,
	LIBRARY_DEPTH_MAX = 64,
	MODULES_FILE_MAX = 64 * 1024
};

struct gathering {
	struct guest_image image;
	const struct module_index *index;
	const struct guest_target *target;
	struct module_list modules;
	struct strv libdirs;
	struct strv interpreters; /* file names of the dynamic loaders */
};

static void gathering_done(struct gathering *g)
{
	guest_image_done(&g->image);
	module_list_done(&g->modules);
	strv_done(&g->libdirs);
	strv_done(&g->interpreters);
}

void guest_image_done(struct guest_image *image)
{
	tree_done(&image->tree);
	*image = (struct guest_image){ 0 };
}

RESULT guest_target_find(const char *arch, struct guest_target *ret_target)
{
	static const struct guest_target targets[] = {
		{ "x86_64", EM_X86_64, "" },
		{ "s390x", EM_S390, "" },
	};

	for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
		if (!str_equal(targets[i].arch, arch))
			continue;
		*ret_target = targets[i];
		return OK;
	}
	return err_new(ERR_USAGE, "architecture '%s': x86_64 or s390x", arch);
}

static RESULT read_file(const char *path, struct buf *data)
{
	*data = BUF_INIT(FILE_SIZE_MAX);
	return file_read(path, data);
}

static RESULT add_libraries(struct gathering *g, const struct strv *names, unsigned depth);

/* A dynamic loader is named by its full path; the image has /lib* as links to /usr/lib*. */
static RESULT add_interpreter(struct gathering *g, const char *path)
{
	AUTO(buf_done) struct buf data = { 0 };
	AUTO(auto_free) char *to = NULL;
	AUTO(auto_free) char *from = NULL;
	const char *name = strrchr(path, '/');

	TRY(str_format(&to, "%s%s", str_starts(path, "/usr/") ? "" : "/usr", path));
	if (tree_get(&g->image.tree, to))
		return OK;
	TRY(str_format(&from, "%s%s", g->target->root, path));
	TRY(read_file(from, &data));
	TRY(strv_add(&g->interpreters, name ? name + 1 : path));
	g->image.libraries += data.n;
	return tree_add_file(&g->image.tree, to, 0755, &data);
}

/* What an ELF file needs; a script or data file needs nothing. */
static RESULT add_needs(struct gathering *g, struct bytes file, unsigned depth)
{
	AUTO(elf_needs_done) struct elf_needs needs = { 0 };

	TRY(elf_needs_read(file, &needs));
	if (needs.machine != g->target->machine)
		return err_new(ERR_FORMAT, "is for ELF machine %u, the image for %u (%s)",
			needs.machine, g->target->machine, g->target->arch);
	if (needs.interpreter)
		TRY(add_interpreter(g, needs.interpreter));
	return add_libraries(g, &needs.libraries, depth);
}

static RESULT add_library_file(
	struct gathering *g, const char *path, const char *from, unsigned depth)
{
	AUTO(buf_done) struct buf data = { 0 };

	TRY(read_file(from, &data));
	struct err e = add_needs(g, buf_bytes(&data), depth + 1);
	if (failed(e))
		return err_add(e, "%s", from);
	g->image.libraries += data.n;
	return tree_add_file(&g->image.tree, path, 0644, &data);
}

static RESULT add_library(struct gathering *g, const char *name, unsigned depth)
{
	if (depth > LIBRARY_DEPTH_MAX)
		return err_new(ERR_LIMIT, "library %s: needed too deeply", name);
	for (size_t i = 0; i < g->interpreters.n; i++)
		if (str_equal(g->interpreters.v[i], name))
			return OK;
	for (size_t i = 0; i < g->libdirs.n; i++) {
		AUTO(auto_free) char *path = NULL;
		AUTO(auto_free) char *from = NULL;
		TRY(path_join(g->libdirs.v[i], name, &path));
		TRY(str_format(&from, "%s%s", g->target->root, path));
		if (tree_get(&g->image.tree, path))
			return OK;
		if (file_exists(from))
			return add_library_file(g, path, from, depth);
	}
	return err_new(
		ERR_NOT_FOUND, "library %s is in none of the %zu libdirs", name, g->libdirs.n);
}

static RESULT add_libraries(struct gathering *g, const struct strv *names, unsigned depth)
{
	for (size_t i = 0; i < names->n; i++)
		TRY(add_library(g, names->v[i], depth));
	return OK;
}

/* ---- one function a kind of line ---- */

static RESULT do_dir(struct gathering *g, char *const *w)
{
	unsigned mode = 0;

	TRY(image_mode_parse(w[1], &mode));
	return tree_add_dir(&g->image.tree, w[0], mode);
}

static RESULT do_link(struct gathering *g, char *const *w)
{
	return tree_add_link(&g->image.tree, w[0], w[1]);
}

static RESULT do_node(struct gathering *g, char *const *w)
{
	unsigned mode = 0;
	uint64_t major = 0, minor = 0;

	if (!str_equal(w[1], "c") && !str_equal(w[1], "b"))
		return err_new(ERR_FORMAT, "'%s' is neither c nor b", w[1]);
	TRY(str_to_u64(w[2], 4095, "major", &major));
	TRY(str_to_u64(w[3], 1048575, "minor", &minor));
	TRY(image_mode_parse(w[4], &mode));
	return tree_add_node(&g->image.tree, w[0], (w[1][0] == 'c' ? S_IFCHR : S_IFBLK) | mode,
		(unsigned)major, (unsigned)minor);
}

static RESULT do_file(struct gathering *g, char *const *w)
{
	AUTO(buf_done) struct buf data = { 0 };
	unsigned mode = 0;

	TRY(image_mode_parse(w[2], &mode));
	TRY(read_file(w[1], &data));
	return tree_add_file(&g->image.tree, w[0], mode, &data);
}

static RESULT do_libdir(struct gathering *g, char *const *w)
{
	return strv_add(&g->libdirs, w[0]);
}

static RESULT do_program(struct gathering *g, char *const *w)
{
	AUTO(buf_done) struct buf data = { 0 };

	TRY(read_file(w[1], &data));
	struct err e = add_needs(g, buf_bytes(&data), 0);
	if (failed(e))
		return err_add(e, "%s", w[1]);
	g->image.programs += data.n;
	return tree_add_file(&g->image.tree, w[0], 0755, &data);
}

static RESULT do_library(struct gathering *g, char *const *w)
{
	return add_library(g, w[0], 0);
}

static RESULT do_module(struct gathering *g, char *const *w)
{
	return module_list_add(&g->modules, g->index, w[0], w[1]);
}

typedef struct err line_fn(struct gathering *g, char *const *words);

static line_fn *const kinds[] = {
	[IMAGE_DIR] = do_dir,
	[IMAGE_LINK] = do_link,
	[IMAGE_NODE] = do_node,
	[IMAGE_FILE] = do_file,
	[IMAGE_LIBDIR] = do_libdir,
	[IMAGE_PROGRAM] = do_program,
	[IMAGE_LIBRARY] = do_library,
	[IMAGE_MODULE] = do_module,
};

static RESULT add_modules(struct gathering *g)
{
	AUTO(buf_done) struct buf order = BUF_INIT(MODULES_FILE_MAX);

	for (size_t i = 0; i < g->modules.n; i++) {
		AUTO(auto_free) char *path = NULL;
		struct module *m = &g->modules.v[i];
		struct err e = add_needs(g, buf_bytes(&m->data), 0);
		if (failed(e))
			return err_add(e, "module %s", m->name);
		TRY(str_format(&path, GUEST_MODULES_DIR "/%s.ko", m->name));
		buf_printf(&order, "%s %s\n", m->group, path);
		g->image.modules += m->data.n;
		TRY(tree_add_file(&g->image.tree, path, 0644, &m->data));
	}
	TRY(buf_end(&order, GUEST_MODULES_FILE));
	return tree_add_file(&g->image.tree, GUEST_MODULES_FILE, 0644, &order);
}

RESULT guest_image_gather(const struct image_list *list, const struct module_index *index,
	const struct guest_target *target, struct guest_image *ret_image)
{
	AUTO(gathering_done) struct gathering g = { .index = index, .target = target };

	for (size_t i = 0; i < list->n; i++) {
		const struct image_line *l = &list->v[i];
		struct err e = kinds[l->kind](&g, l->words);
		if (failed(e))
			return err_add(e, "%s:%u", l->list, l->number);
	}
	TRY(add_modules(&g));
	*ret_image = g.image;
	g.image = (struct guest_image){ 0 };
	return OK;
}
