/* Kernel modules: which files, and in which order they must be loaded. */
#pragma once

#include <base/json.h>

enum {
	MODULES_MAX = 256,
	MODULE_SIZE_MAX = 16 * 1024 * 1024 /* bytes, uncompressed */
};

/* The module tree of one kernel, as its package holds it (kernel/..., modules.builtin). */
struct module_index {
	struct strv names; /* with '_' for '-'; as names.v[i] so paths.v[i] */
	struct strv paths;
	struct strv builtin;
};
RESULT module_index_read(const char *dir, struct module_index *ret_index);
void module_index_done(struct module_index *x);

struct module {
	char *name;
	char *group;
	struct buf data; /* the .ko file, uncompressed */
};

/* In load order. */
struct module_list {
	struct module *v;
	size_t n;
};
void module_list_done(struct module_list *l);

/*
 * Adds the module after all that it depends on ("depends" and "softdep: pre" of its .modinfo), each
 * once. What is built into the kernel adds nothing. ERR_NOT_FOUND names a module that the kernel
 * does not have.
 */
RESULT module_list_add(struct module_list *l, const struct module_index *index, const char *group,
	const char *name);
