/* An existing configuration.toml of Kata Containers as ours, with what it says in vain. */
#include "config_parts.h"

#include <stdlib.h>
#include <string.h>

enum {
	UNUSED_MAX = 128 * 1024,
	VALUE_MAX = 64, /* of a value that is shown */
	MILLI = 1000,
	BITS = 8,
	PORT_MAX = 65535
};

struct import {
	struct config_import_result *r;
	struct json_writer unused;
	struct buf *notes; /* the same as comments */
	/* Members in the order in which they were set; constants. */
	const struct config_member *set[64];
	size_t n_set;
};

void config_import_result_done(struct config_import_result *r)
{
	runtime_config_done(&r->config);
	buf_done(&r->toml);
	buf_done(&r->unused);
}

/* ---- which platform a file is for ---- */

/* The last file that has it decides; sections are one deep or two. */
static const struct json *find_in(const struct json *tree, const char *section, const char *key)
{
	const struct json *s = json_get(tree, section);

	for (size_t i = 0; i < json_members(s); i++) {
		const struct json *found = json_get(json_at(s, i), key);
		if (found)
			return found;
	}
	return json_get(s, key);
}

static const struct json *find_key(
	const struct config_source *sources, size_t n, const char *section, const char *key)
{
	const struct json *found = NULL;

	for (size_t i = 0; i < n; i++) {
		const struct json *here = find_in(sources[i].tree, section, key);
		found = here ? here : found;
	}
	return found;
}

static bool is_true(const struct json *j)
{
	bool v;

	return json_bool(j, &v) && v;
}

static bool text_has(const struct json *j, const char *part)
{
	return json_string(j) && strstr(json_string(j), part);
}

static const struct vm_platform *platform_of(
	const struct config_source *sources, size_t n, const char *file)
{
	const char *slash = strrchr(file, '/');
	const char *name = slash ? slash + 1 : file;
	bool tdx = find_key(sources, n, "hypervisor", "tdx_quote_generation_service_socket_port") ||
		   text_has(find_key(sources, n, "hypervisor", "firmware"), "tdx") ||
		   strstr(name, "tdx");

	if (is_true(find_key(sources, n, "hypervisor", "sev_snp_guest")))
		return &vm_snp;
	if (is_true(find_key(sources, n, "hypervisor", "confidential_guest"))) {
		if (text_has(find_key(sources, n, "hypervisor", "machine_type"), "s390"))
			return &vm_se;
		return tdx ? &vm_tdx : strstr(name, "sev") ? &vm_sev : &vm_snp;
	}
	/* The classes that do without a TEE but keep files from the host, for trying things out. */
	if (text_has(find_key(sources, n, "hypervisor", "shared_fs"), "none") ||
		strstr(name, "coco-dev"))
		return &vm_vtpm;
	return &vm_none;
}

/* ---- values ---- */

/* In a comment, where neither a line may end nor a character be cut. */
static void add_note(struct buf *notes, const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_u8(notes, text[i] >= ' ' && text[i] < 0x7f ? text[i] : '?');
}

static void add_unused(struct import *m, const char *key, const struct json *value, const char *why)
{
	AUTO(buf_done) struct buf text = BUF_INIT(JSON_SIZE_MAX);

	json_print(value, &text);
	buf_puts(m->notes, "#   ");
	add_note(m->notes, key, strlen(key));
	buf_puts(m->notes, " = ");
	add_note(m->notes, (const char *)text.p, text.n > VALUE_MAX ? VALUE_MAX : text.n);
	buf_puts(m->notes, text.n > VALUE_MAX ? "...: " : ": ");
	add_note(m->notes, why, strlen(why));
	buf_puts(m->notes, "\n");
	jw_object(&m->unused);
	jw_kstr(&m->unused, "key", key);
	jw_key(&m->unused, "value");
	jw_json(&m->unused, value);
	jw_kstr(&m->unused, "why", why);
	jw_object_end(&m->unused);
}

static void mark(struct import *m, const struct config_member *member)
{
	for (size_t i = 0; i < m->n_set; i++) {
		if (m->set[i] == member)
			return;
	}
	if (m->n_set < ARRAY_LEN(m->set))
		m->set[m->n_set++] = member;
}

static RESULT set_number(const struct config_member *member, uint64_t v, struct runtime_config *c)
{
	AUTO(auto_free) char *text = NULL;

	TRY(str_format(&text, "%llu", (unsigned long long)v));
	return config_member_set_text(member, text, c);
}

static RESULT set_shared_fs(
	const struct config_member *member, const struct json *value, struct runtime_config *c)
{
	bool none = text_has(value, "none");

	if (!none && !text_has(value, "virtio-fs") && !text_has(value, "9p"))
		return err_new(ERR_FORMAT, "virtio-fs or nothing");
	if (!none && c->platform != &vm_none)
		return err_new(
			ERR_FORMAT, "platform %s keeps its files from the host", c->platform->name);
	return config_member_set_text(member, none ? "none" : "virtiofs", c);
}

static RESULT set_empty_dir(
	const struct config_member *member, const struct json *value, struct runtime_config *c)
{
	if (text_has(value, "block-encrypted"))
		return config_member_set_text(member, "encrypted", c);
	if (!text_has(value, "shared-fs"))
		return err_new(ERR_FORMAT, "disks of pods are always encrypted");
	if (c->platform != &vm_none)
		return err_new(
			ERR_FORMAT, "platform %s keeps its files from the host", c->platform->name);
	return config_member_set_text(member, "shared", c);
}

static RESULT set_quote_port(
	const struct config_member *member, const struct json *value, struct runtime_config *c)
{
	AUTO(auto_free) char *address = NULL;
	uint64_t port = 0;

	if (!json_u64(value, &port) || port > PORT_MAX)
		return err_new(ERR_FORMAT, "no port");
	if (port == 0)
		return OK; /* Kata: quotes by the guest itself, which is what NULL means */
	TRY(str_format(&address, "vsock://2:%llu", (unsigned long long)port));
	return config_member_set_text(member, address, c);
}

/* Parameters of Kata's agent mean nothing to ours. */
static RESULT set_parameters(
	const struct config_member *member, const struct json *value, struct runtime_config *c)
{
	AUTO(buf_done) struct buf kept = BUF_INIT(JSON_SIZE_MAX);
	const char *s = json_string(value);

	if (!s)
		return err_new(ERR_FORMAT, "must be a string");
	for (size_t n; *(s += strspn(s, " ")); s += n) {
		n = strcspn(s, " ");
		if (!str_starts(s, "agent.") && !str_starts(s, "systemd."))
			buf_printf(&kept, "%s%.*s", kept.n ? " " : "", (int)n, s);
	}
	if (kept.n == 0)
		return OK;
	if (c->platform != &vm_none)
		return err_new(ERR_FORMAT, "the command line is measured: 'cmdline' names another");
	TRY(buf_end(&kept, "kernel_params"));
	return config_member_set_text(member, buf_cstr(&kept), c);
}

static RESULT set_annotations(struct import *m, const struct config_member *member,
	const struct json *value, struct runtime_config *c)
{
	AUTO(buf_done) struct buf list = BUF_INIT(JSON_SIZE_MAX);
	AUTO(json_freep) struct json *kept = NULL;
	struct json_writer w = jw_of(&list);

	jw_array(&w);
	for (size_t i = 0; i < json_count(value); i++) {
		const char *name = json_string(json_at(value, i));
		if (name && !failed(config_annotation_check(name, c->platform)))
			jw_str(&w, name);
		else
			add_unused(m, "enable_annotations", json_at(value, i),
				"no annotation that pods may use here; patterns name each one");
	}
	jw_array_end(&w);
	TRY(buf_end(&list, "annotations"));
	TRY(json_parse(buf_bytes(&list), &kept));
	return config_member_set(member, kept, c);
}

static RESULT set_scaled(const struct import_key *k, const struct config_member *member,
	const struct json *value, struct runtime_config *c)
{
	uint64_t v = 0;

	if (!json_milli(value, &v))
		return err_new(ERR_FORMAT, "must be a number from 0 here");
	if (k->kind == IMPORT_BITS)
		return set_number(member, v / MILLI / BITS, c);
	return set_number(member, v / MILLI + (v % MILLI != 0), c);
}

static RESULT set_value(struct import *m, const struct import_key *k,
	const struct config_member *member, const struct json *value)
{
	struct runtime_config *c = &m->r->config;

	switch (k->kind) {
	case IMPORT_BITS:
	case IMPORT_WHOLE:
		return set_scaled(k, member, value, c);
	case IMPORT_SHARED_FS:
		return set_shared_fs(member, value, c);
	case IMPORT_EMPTY_DIR:
		return set_empty_dir(member, value, c);
	case IMPORT_ANNOTATIONS:
		return set_annotations(m, member, value, c);
	case IMPORT_PARAMETERS:
		return set_parameters(member, value, c);
	case IMPORT_QUOTE_PORT:
		return set_quote_port(member, value, c);
	case IMPORT_MEMBER:
	case IMPORT_SAME:
	case IMPORT_NONE:
		break;
	}
	return config_member_set(member, value, c);
}

/* Kata's files spell many defaults out as nothing. */
static bool says_nothing(const struct json *value)
{
	const char *text = json_string(value);
	bool flag;
	uint64_t v;

	return (text && !*text) || (json_bool(value, &flag) && !flag) ||
	       (json_u64(value, &v) && v == 0) ||
	       (json_type(value) == JSON_ARRAY && json_count(value) == 0);
}

/* What a member of another platform would say cannot be right: tried on the configuration, and
 * taken back when it contradicts. */
static RESULT try_value(struct import *m, const struct import_key *k,
	const struct config_member *member, const struct json *value)
{
	AUTO(buf_done) struct buf before = BUF_INIT(RUNTIME_CONFIG_MAX);
	AUTO(json_freep) struct json *old = NULL;
	AUTO(buf_done) struct buf line = BUF_INIT(RUNTIME_CONFIG_MAX);
	struct err e;

	config_member_print(member, &m->r->config, &before);
	e = set_value(m, k, member, value);
	if (failed(e))
		return e;
	/* Members that go together come one after the other. */
	if (k->kind != IMPORT_MEMBER || str_starts(member->name, "id_"))
		return OK;
	e = config_check(&m->r->config);
	if (!failed(e))
		return OK;
	struct err_saved why;
	err_save(e, &why);
	buf_printf(&line, "v = %s", before.n ? buf_cstr(&before) : "\"\"");
	TRY(buf_end(&line, "value"));
	TRY(toml_parse(buf_bytes(&line), &old));
	if (before.n == 0 && member->kind == CONFIG_SPECIAL)
		m->r->config.protection.has_policy = false;
	else
		TRY(config_member_set(member, json_get(old, "v"), &m->r->config));
	return err_restore(&why);
}

static RESULT import_value(struct import *m, const char *key, const struct json *value)
{
	const struct import_key *k = config_import_key(key);
	const struct config_member *member = NULL;
	struct err e;

	if (k && k->kind == IMPORT_SAME)
		return OK;
	if (!k || k->kind == IMPORT_NONE) {
		if (!says_nothing(value))
			add_unused(m, key, value, k ? k->why : "no key that Kata documents");
		return OK;
	}
	/* A flag that is off and a number that is none are also choices. */
	if (json_string(value) && says_nothing(value))
		return OK;
	member = config_member_find(&config_handler_members, k->member);
	if (!member)
		member = config_member_find(&config_runtime_members, k->member);
	e = try_value(m, k, member, value);
	if (e.code == ERR_NOMEM)
		return e;
	if (!failed(e))
		mark(m, member);
	else if (!says_nothing(value))
		add_unused(m, key, value, err_text());
	return OK;
}

static RESULT import_table(struct import *m, const struct json *table)
{
	for (size_t i = 0; i < json_members(table); i++) {
		const struct json *value = json_at(table, i);
		if (json_type(value) == JSON_OBJECT)
			TRY(import_table(m, value));
		else
			TRY(import_value(m, json_name_at(table, i), value));
	}
	return OK;
}

/* ---- as a file of ours ---- */

static void print_set(const struct import *m, const struct config_members *known, struct buf *out)
{
	for (size_t i = 0; i < known->n; i++) {
		bool set = false;
		for (size_t k = 0; k < m->n_set; k++)
			set |= m->set[k] == &known->v[i];
		if (!set)
			continue;
		AUTO(buf_done) struct buf value = BUF_INIT(RUNTIME_CONFIG_MAX);
		config_member_print(&known->v[i], &m->r->config, &value);
		if (value.n > 0)
			buf_printf(out, "%s = %s\n", known->v[i].name, buf_cstr(&value));
	}
}

static RESULT print_result(const struct import *m)
{
	AUTO(buf_done) struct buf runtime = BUF_INIT(RUNTIME_CONFIG_MAX);
	const struct runtime_config *c = &m->r->config;
	struct buf *out = &m->r->toml;

	print_set(m, &config_runtime_members, &runtime);
	if (runtime.n > 0)
		buf_printf(out, "[runtime]\n%s\n", buf_cstr(&runtime));
	buf_printf(out, "[handler.%s]\nplatform = \"%s\"\n", c->handler, c->platform->name);
	print_set(m, &config_handler_members, out);
	if (m->notes->n > 0)
		buf_printf(out, "\n# Not taken over:\n%s", buf_cstr(m->notes));
	return buf_end(out, "configuration");
}

static const char *handler_of(const struct vm_platform *p)
{
	for (size_t i = 0; config_built_in_at(i); i++) {
		if (config_built_in(config_built_in_at(i)) == p)
			return config_built_in_at(i);
	}
	return RUNTIME_HANDLER; /* SEV-ES has no handler of its own */
}

static RESULT import_all(
	const struct config_source *sources, size_t n, struct config_import_result *r)
{
	AUTO(buf_done) struct buf notes = BUF_INIT(UNUSED_MAX);
	struct import m = { .r = r, .unused = jw_of(&r->unused), .notes = &notes };

	jw_array(&m.unused);
	for (size_t i = 0; i < n; i++)
		TRY(import_table(&m, sources[i].tree));
	jw_array_end(&m.unused);
	TRY(buf_end(&r->unused, "keys that are not taken over"));
	TRY(buf_end(&notes, "keys that are not taken over"));
	TRY(config_check(&r->config));
	return print_result(&m);
}

RESULT config_import_from(const struct config_source *sources, size_t n,
	const struct config_import *i, struct config_import_result *ret)
{
	AUTO(config_import_result_done) struct config_import_result r = {
		.toml = BUF_INIT(RUNTIME_CONFIG_MAX),
		.unused = BUF_INIT(UNUSED_MAX),
	};
	const struct vm_platform *p = platform_of(sources, n, i->file);

	if (i->platform)
		TRY(vm_platform_find(i->platform, &p));
	if (i->handler)
		TRY(config_handler_check(i->handler));
	if (find_key(sources, n, "handler", "platform"))
		return err_new(ERR_FORMAT, "%s: a configuration of Sealpod already", i->file);
	TRY(config_defaults(i->handler ? i->handler : handler_of(p), p, &r.config));
	TRY(import_all(sources, n, &r));
	*ret = r;
	r = (struct config_import_result){ 0 };
	return OK;
}

RESULT runtime_config_import(const struct config_import *i, struct config_import_result *ret)
{
	AUTO(config_sources_done) struct config_sources s = { 0 };

	TRY(config_sources_read(i->file, &s));
	return config_import_from(s.v, s.n, i, ret);
}
