/* The configuration from its files: which there are, in which order, and what each says. */
#include "config_parts.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include <base/file.h>

RESULT config_handler_check(const char *handler)
{
	size_t n = strlen(handler), good = strspn(handler, "abcdefghijklmnopqrstuvwxyz0123456789-");

	if (n == 0 || n > RUNTIME_HANDLER_MAX || good != n || handler[0] == '-' ||
		handler[n - 1] == '-')
		return err_new(ERR_FORMAT,
			"handler '%.64s': 1 to %d of a-z, 0-9 and -, no - at the ends", handler,
			RUNTIME_HANDLER_MAX);
	return OK;
}

/* ---- files ---- */

void config_sources_done(struct config_sources *s)
{
	for (size_t i = 0; i < s->n; i++) {
		free(s->v[i].name);
		json_free(s->v[i].tree);
	}
	s->n = 0;
}

static RESULT read_source(const char *path, struct config_sources *s)
{
	AUTO(buf_done) struct buf text = BUF_INIT(RUNTIME_CONFIG_MAX);
	AUTO(json_freep) struct json *tree = NULL;
	char *name = NULL;
	struct err e;

	TRY(file_read(path, &text));
	e = toml_parse(buf_bytes(&text), &tree);
	if (failed(e))
		return err_add(e, "%s", path);
	TRY(str_dup(path, &name));
	s->v[s->n++] = (struct config_source){ .name = name, .tree = TAKE(tree) };
	return OK;
}

static int is_drop_in(const struct dirent *d)
{
	return str_ends(d->d_name, ".toml") && d->d_name[0] != '.';
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static RESULT read_named(const char *dir, const char *name, struct config_sources *s)
{
	AUTO(auto_free) char *path = NULL;

	if (s->n == ARRAY_LEN(s->v))
		return err_new(ERR_LIMIT, "%s: more than %d files", dir, RUNTIME_DROP_INS_MAX);
	TRY(path_join(dir, name, &path));
	return read_source(path, s);
}

static RESULT read_drop_ins(const char *dir, struct config_sources *s)
{
	struct dirent **names = NULL;
	struct err e = OK;
	int n = scandir(dir, &names, is_drop_in, by_name);

	if (n < 0)
		return errno == ENOENT ? OK : err_new(ERR_SYS, "%s", dir);
	for (int i = 0; i < n; i++) {
		if (!failed(e))
			e = read_named(dir, names[i]->d_name, s);
		free(names[i]);
	}
	free(names);
	return e;
}

RESULT config_sources_read(const char *file, struct config_sources *s)
{
	const char *path = file ? file : RUNTIME_CONFIG;
	const char *slash = strrchr(path, '/');
	AUTO(auto_free) char *dir = NULL;

	if (file || file_exists(path))
		TRY(read_source(path, s));
	TRY(str_format(&dir, "%.*sconfig.d", slash ? (int)(slash - path + 1) : 0, path));
	return read_drop_ins(dir, s);
}

/* ---- tables ---- */

static RESULT apply_table(const struct config_source *s, const char *table,
	const struct json *members, const struct config_members *known, struct runtime_config *c)
{
	if (members && json_type(members) != JSON_OBJECT)
		return err_new(ERR_FORMAT, "%s: [%s]: must be a table", s->name, table);
	for (size_t i = 0; i < json_members(members); i++) {
		const char *name = json_name_at(members, i);
		const struct config_member *m = config_member_find(known, name);
		struct err e;

		if (!m)
			return err_new(
				ERR_FORMAT, "%s: [%s] %.64s: unknown member", s->name, table, name);
		e = config_member_set(m, json_at(members, i), c);
		if (failed(e))
			return err_add(e, "%s: [%s] %s", s->name, table, name);
	}
	return OK;
}

static RESULT check_tables(const struct config_source *s)
{
	const struct json *handlers = json_get(s->tree, "handler");

	for (size_t i = 0; i < json_members(s->tree); i++) {
		const char *name = json_name_at(s->tree, i);
		if (!str_equal(name, "runtime") && !str_equal(name, "handler"))
			return err_new(ERR_FORMAT,
				"%s: [%.64s]: unknown table: [runtime] or [handler.NAME]", s->name,
				name);
	}
	if (handlers && json_type(handlers) != JSON_OBJECT)
		return err_new(ERR_FORMAT, "%s: handler: must be tables [handler.NAME]", s->name);
	for (size_t i = 0; i < json_members(handlers); i++) {
		struct err e = config_handler_check(json_name_at(handlers, i));
		if (failed(e))
			return err_add(e, "%s", s->name);
	}
	return OK;
}

static const struct json *table_of(const struct config_source *s, const char *handler)
{
	return json_get(json_get(s->tree, "handler"), handler);
}

static bool has(const struct strv *list, const char *name)
{
	for (size_t i = 0; i < list->n; i++) {
		if (str_equal(list->v[i], name))
			return true;
	}
	return false;
}

static RESULT list_handlers(
	const struct config_source *sources, size_t n, bool built_in, struct strv *names)
{
	for (size_t i = 0; built_in && config_built_in_at(i); i++)
		TRY(strv_add(names, config_built_in_at(i)));
	for (size_t i = 0; i < n; i++) {
		const struct json *tables = json_get(sources[i].tree, "handler");
		for (size_t k = 0; k < json_members(tables); k++) {
			const char *name = json_name_at(tables, k);
			if (has(names, name))
				continue;
			if (names->n == RUNTIME_HANDLERS_MAX)
				return err_new(
					ERR_LIMIT, "more than %d handlers", RUNTIME_HANDLERS_MAX);
			TRY(strv_add(names, name));
		}
	}
	return OK;
}

static RESULT no_handler(const struct config_source *sources, size_t n, const char *handler)
{
	AUTO(strv_done) struct strv names = { 0 };
	AUTO(buf_done) struct buf list = BUF_INIT(RUNTIME_HANDLERS_MAX * (RUNTIME_HANDLER_MAX + 2));

	TRY(list_handlers(sources, n, true, &names));
	for (size_t i = 0; i < names.n; i++)
		buf_printf(&list, "%s%s", i ? ", " : "", names.v[i]);
	TRY(buf_end(&list, "handlers"));
	return err_new(ERR_NOT_FOUND, "no handler %.64s: there are %s", handler, buf_cstr(&list));
}

/* What defaults hold depends on the platform, which the last file that names it decides. */
static RESULT find_platform(const struct config_source *sources, size_t n, const char *handler,
	const struct vm_platform **ret_platform)
{
	const struct vm_platform *p = config_built_in(handler);
	const struct config_source *at = NULL;

	for (size_t i = 0; i < n; i++) {
		const struct json *table = table_of(&sources[i], handler);
		const char *name = json_string(json_get(table, "platform"));
		struct err e = name ? vm_platform_find(name, &p) : OK;
		if (failed(e))
			return err_add(e, "%s: [handler.%s] platform", sources[i].name, handler);
		at = table ? &sources[i] : at;
	}
	if (!p && at)
		return err_new(ERR_FORMAT,
			"%s: [handler.%s] platform: missing; only built-in handlers go without it",
			at->name, handler);
	if (!p)
		return no_handler(sources, n, handler);
	*ret_platform = p;
	return OK;
}

static RESULT apply_all(const struct config_source *sources, size_t n, struct runtime_config *c)
{
	AUTO(auto_free) char *table = NULL;

	TRY(str_format(&table, "handler.%s", c->handler));
	for (size_t i = 0; i < n; i++) {
		const struct config_source *s = &sources[i];
		TRY(apply_table(
			s, "runtime", json_get(s->tree, "runtime"), &config_runtime_members, c));
		TRY(apply_table(s, table, table_of(s, c->handler), &config_handler_members, c));
	}
	return OK;
}

static RESULT fill_protection(struct runtime_config *c)
{
	c->protection.cpu_model = c->cpu_model;
	c->protection.quote_socket = c->quote_socket;
	return c->id_block ? vm_id_block_set(
				     bytes_str(c->id_block), bytes_str(c->id_auth), &c->protection)
			   : OK;
}

RESULT config_from(const struct config_source *sources, size_t n, const char *handler,
	struct runtime_config *ret_config)
{
	AUTO(runtime_config_done) struct runtime_config c = { 0 };
	const struct vm_platform *p = NULL;
	struct err e;

	TRY(config_handler_check(handler));
	for (size_t i = 0; i < n; i++)
		TRY(check_tables(&sources[i]));
	TRY(find_platform(sources, n, handler, &p));
	TRY(config_defaults(handler, p, &c));
	TRY(apply_all(sources, n, &c));
	e = config_check(&c);
	if (!failed(e))
		e = fill_protection(&c);
	if (failed(e))
		return err_add(e, "handler %s", handler);
	*ret_config = c;
	c = (struct runtime_config){ 0 };
	return OK;
}

/* ---- for programs ---- */

RESULT runtime_config_read(const char *file, const char *handler, struct runtime_config *ret_config)
{
	AUTO(config_sources_done) struct config_sources s = { 0 };

	TRY(config_sources_read(file, &s));
	return config_from(s.v, s.n, handler ? handler : RUNTIME_HANDLER, ret_config);
}

RESULT runtime_config_load(const char *file, const char *handler, struct runtime_config *ret_config)
{
	AUTO(runtime_config_done) struct runtime_config c = { 0 };

	TRY(runtime_config_read(file, handler, &c));
	TRY(runtime_config_find(&c));
	*ret_config = c;
	c = (struct runtime_config){ 0 };
	return OK;
}

RESULT runtime_config_handlers(const char *file, bool built_in, struct strv *ret_handlers)
{
	AUTO(config_sources_done) struct config_sources s = { 0 };
	AUTO(strv_done) struct strv names = { 0 };

	TRY(config_sources_read(file, &s));
	for (size_t i = 0; i < s.n; i++)
		TRY(check_tables(&s.v[i]));
	TRY(list_handlers(s.v, s.n, built_in, &names));
	*ret_handlers = names;
	names = (struct strv){ 0 };
	return OK;
}

static void print_members(
	const struct config_members *m, const struct runtime_config *c, struct buf *out)
{
	for (size_t i = 0; i < m->n; i++) {
		AUTO(buf_done) struct buf value = BUF_INIT(RUNTIME_CONFIG_MAX);

		config_member_print(&m->v[i], c, &value);
		if (value.n > 0)
			buf_printf(out, "%s = %s\n", m->v[i].name, buf_cstr(&value));
	}
}

RESULT runtime_config_print(const struct runtime_config *c, struct buf *out)
{
	buf_puts(out, "[runtime]\n");
	print_members(&config_runtime_members, c, out);
	buf_printf(out, "\n[handler.%s]\n", c->handler);
	print_members(&config_handler_members, c, out);
	return buf_end(out, "configuration");
}
