/* The members of the configuration: their names, kinds and limits. */
#include "config_parts.h"

#include <limits.h>
#include <stdlib.h>

#include <base/encode.h>

enum {
	TEXT_MAX = 1024,
	NAME_MAX_CHARS = 64,
	ID_BLOCK_TEXT_MAX = 8192,
	LIST_MAX = 64,
	MILLI = 1000,
	HOUR_S = 3600,
	DAY_S = 24 * HOUR_S
};
static const uint64_t rate_max = UINT64_C(1) << 40;

RESULT config_path_check(const char *path)
{
	if (path[0] != '/')
		return err_new(ERR_FORMAT, "'%.64s' is no absolute path", path);
	for (const char *p = path; (p = strstr(p, "/..")) != NULL; p += 3) {
		if (p[3] == '/' || p[3] == '\0')
			return err_new(ERR_FORMAT, "'%.64s' goes through '..'", path);
	}
	if (strlen(path) >= PATH_MAX)
		return err_new(ERR_LIMIT, "a path of more than %d characters", PATH_MAX - 1);
	return OK;
}

/* Control characters would end up in command lines and logs. */
static RESULT check_text(const char *s, size_t max)
{
	if (strlen(s) > max)
		return err_new(ERR_LIMIT, "more than %zu characters", max);
	for (const char *p = s; *p; p++) {
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return err_new(ERR_FORMAT, "has a control character");
	}
	return OK;
}

/* ---- members that are more than one value ---- */

static RESULT need_text(const struct json *j, const char **ret_text)
{
	if (!json_string(j))
		return err_new(ERR_FORMAT, "must be a string");
	*ret_text = json_string(j);
	return OK;
}

static RESULT replace(char **to, const char *text)
{
	char *copy = NULL;

	TRY(str_dup(text, &copy));
	free(*to);
	*to = copy;
	return OK;
}

static RESULT set_platform(struct runtime_config *c, const struct json *value)
{
	const char *name = NULL;

	TRY(need_text(value, &name));
	return vm_platform_find(name, &c->platform);
}

static void print_platform(const struct runtime_config *c, struct buf *out)
{
	buf_printf(out, "\"%s\"", c->platform->name);
}

static RESULT set_arch(struct runtime_config *c, const struct json *value)
{
	const char *name = NULL;

	TRY(need_text(value, &name));
	return vm_arch_find(name, &c->arch);
}

static void print_arch(const struct runtime_config *c, struct buf *out)
{
	if (c->arch < VM_ARCHS)
		buf_printf(out, "\"%s\"", vm_arch_info(c->arch)->name);
}

static RESULT set_accel(struct runtime_config *c, const struct json *value)
{
	const char *name = NULL;

	TRY(need_text(value, &name));
	if (!str_equal(name, "kvm") && !str_equal(name, "tcg") && !str_equal(name, "auto"))
		return err_new(ERR_FORMAT, "'%.32s': one of auto, kvm, tcg", name);
	return replace(&c->accel, name);
}

static void print_accel(const struct runtime_config *c, struct buf *out)
{
	buf_printf(out, "\"%s\"", c->accel);
}

static RESULT set_policy(struct runtime_config *c, const struct json *value)
{
	uint64_t v = 0;

	if (json_string(value) ? failed(vm_policy_parse(json_string(value), &v))
			       : !json_u64(value, &v))
		return err_new(ERR_FORMAT, "must be a number from 0, or \"0x...\"");
	c->protection.policy = v;
	c->protection.has_policy = true;
	return OK;
}

static void print_policy(const struct runtime_config *c, struct buf *out)
{
	if (c->protection.has_policy)
		buf_printf(out, "\"0x%llx\"", (unsigned long long)c->protection.policy);
}

/* ---- tables ---- */

#define AT(member) offsetof(struct runtime_config, member)
#define TEXT(json_name, member, most)                                                              \
	{                                                                                          \
		.name = (json_name), .kind = CONFIG_TEXT, .offset = AT(member), .max = (most)      \
	}
#define PATH(json_name, member)                                                                    \
	{                                                                                          \
		.name = (json_name), .kind = CONFIG_PATH, .offset = AT(member)                     \
	}
#define NUMBER(json_name, member, least, most)                                                     \
	{                                                                                          \
		.name = (json_name), .kind = CONFIG_NUMBER, .offset = AT(member), .min = (least),  \
		.max = (most)                                                                      \
	}
#define FLAG(json_name, member)                                                                    \
	{                                                                                          \
		.name = (json_name), .kind = CONFIG_FLAG, .offset = AT(member)                     \
	}
#define CHOICE(json_name, member, words)                                                           \
	{                                                                                          \
		.name = (json_name), .kind = CONFIG_CHOICE, .offset = AT(member),                  \
		.choices = (words)                                                                 \
	}
#define SPECIAL(json_name, fn)                                                                     \
	{                                                                                          \
		.name = (json_name), .kind = CONFIG_SPECIAL, .set = set_##fn, .print = print_##fn  \
	}

static const struct config_member runtime_rows[] = {
	PATH("run_dir", run_dir),
	PATH("state_dir", state_dir),
	TEXT("qemu_user", qemu_user, NAME_MAX_CHARS),
	PATH("virtiofsd", virtiofsd),
};
const struct config_members config_runtime_members = { runtime_rows, ARRAY_LEN(runtime_rows) };

static const struct config_member handler_rows[] = {
	SPECIAL("platform", platform),
	SPECIAL("arch", arch),
	SPECIAL("accel", accel),
	PATH("kernel", kernel),
	PATH("initrd", initrd),
	PATH("firmware", firmware),
	PATH("firmware_vars", firmware_vars),
	TEXT("cmdline", cmdline, TEXT_MAX),
	TEXT("kernel_params", kernel_params, TEXT_MAX),
	FLAG("debug", debug),
	NUMBER("vcpus", vcpus, 1, VM_CPUS_MAX),
	NUMBER("memory_mib", memory_mib, VM_MEMORY_MIB_MIN, VM_MEMORY_MIB_MAX),
	{ .name = "overhead_vcpus",
		.kind = CONFIG_MILLI,
		.offset = AT(overhead_vcpus_milli),
		.max = VM_CPUS_MAX * MILLI },
	NUMBER("overhead_memory_mib", overhead_memory_mib, 0, VM_MEMORY_MIB_MAX),
	CHOICE("shared_fs", shared_fs, "none|virtiofs"),
	CHOICE("empty_dir", empty_dir, "guest|encrypted|shared"),
	CHOICE("network", network, "tcfilter|none"),
	NUMBER("network_queues", network_queues, 1, VM_NIC_QUEUES_MAX),
	NUMBER("rx_bytes_per_s", rx_bytes_per_s, 0, rate_max),
	NUMBER("tx_bytes_per_s", tx_bytes_per_s, 0, rate_max),
	NUMBER("disk_bytes_per_s", disk_bytes_per_s, 0, rate_max),
	NUMBER("disk_ops_per_s", disk_ops_per_s, 0, rate_max),
	FLAG("hugepages", hugepages),
	FLAG("pin_vcpus", pin_vcpus),
	FLAG("sandbox_cgroup_only", sandbox_cgroup_only),
	NUMBER("timeout_s", timeout_s, 1, DAY_S),
	{ .name = "annotations", .kind = CONFIG_LIST, .offset = AT(annotations), .max = LIST_MAX },
	PATH("initdata", initdata),
	SPECIAL("policy", policy),
	TEXT("id_block", id_block, ID_BLOCK_TEXT_MAX),
	TEXT("id_auth", id_auth, ID_BLOCK_TEXT_MAX),
	TEXT("cpu_model", cpu_model, NAME_MAX_CHARS),
	TEXT("quote_socket", quote_socket, PATH_MAX),
};
const struct config_members config_handler_members = { handler_rows, ARRAY_LEN(handler_rows) };

const struct config_member *config_member_find(const struct config_members *m, const char *name)
{
	for (size_t i = 0; i < m->n; i++) {
		if (str_equal(m->v[i].name, name))
			return &m->v[i];
	}
	return NULL;
}

/* ---- values ---- */

static RESULT set_text(const struct config_member *m, const struct json *value, char **to)
{
	const char *text = NULL;

	TRY(need_text(value, &text));
	TRY(check_text(text, m->kind == CONFIG_PATH ? PATH_MAX : m->max));
	/* "" takes back what an earlier file said. */
	if (!*text) {
		free(TAKE(*to));
		return OK;
	}
	if (m->kind == CONFIG_PATH)
		TRY(config_path_check(text));
	return replace(to, text);
}

static RESULT set_number(const struct config_member *m, const struct json *value, uint64_t *to)
{
	uint64_t v;

	if (m->kind == CONFIG_NUMBER && !json_u64(value, &v))
		return err_new(
			ERR_FORMAT, "must be a number from %llu", (unsigned long long)m->min);
	if (m->kind == CONFIG_MILLI && !json_milli(value, &v))
		return err_new(ERR_FORMAT, "must be a number from 0 with at most three decimals");
	if (v < m->min || v > m->max)
		return err_new(ERR_LIMIT, "must be from %llu to %llu", (unsigned long long)m->min,
			(unsigned long long)(m->kind == CONFIG_MILLI ? m->max / MILLI : m->max));
	*to = v;
	return OK;
}

/* The place of `word` among "a|b|c"; false when it is none of them. */
static bool find_choice(const char *choices, const char *word, unsigned *ret_i)
{
	size_t n = strlen(word);

	for (unsigned i = 0;; i++) {
		size_t span = strcspn(choices, "|");
		if (span == n && strncmp(choices, word, n) == 0) {
			*ret_i = i;
			return true;
		}
		if (choices[span] == '\0')
			return false;
		choices += span + 1;
	}
}

static RESULT set_choice(const struct config_member *m, const struct json *value, unsigned *to)
{
	const char *text = NULL;

	TRY(need_text(value, &text));
	if (!find_choice(m->choices, text, to))
		return err_new(ERR_FORMAT, "'%.32s': one of %s", text, m->choices);
	return OK;
}

static RESULT set_list(const struct config_member *m, const struct json *value, struct strv *to)
{
	AUTO(strv_done) struct strv list = { 0 };

	if (json_type(value) != JSON_ARRAY)
		return err_new(ERR_FORMAT, "must be an array of strings");
	if (json_count(value) > m->max)
		return err_new(ERR_LIMIT, "more than %llu entries", (unsigned long long)m->max);
	for (size_t i = 0; i < json_count(value); i++) {
		const char *text = NULL;
		TRY(need_text(json_at(value, i), &text));
		TRY(check_text(text, TEXT_MAX));
		TRY(strv_add(&list, text));
	}
	strv_done(to);
	*to = list;
	list = (struct strv){ 0 };
	return OK;
}

RESULT config_member_set(
	const struct config_member *m, const struct json *value, struct runtime_config *c)
{
	void *to = (uint8_t *)c + m->offset;
	bool flag;

	switch (m->kind) {
	case CONFIG_TEXT:
	case CONFIG_PATH:
		return set_text(m, value, to);
	case CONFIG_NUMBER:
	case CONFIG_MILLI:
		return set_number(m, value, to);
	case CONFIG_FLAG:
		if (!json_bool(value, &flag))
			return err_new(ERR_FORMAT, "must be true or false");
		memcpy(to, &flag, sizeof(flag));
		return OK;
	case CONFIG_CHOICE:
		return set_choice(m, value, to);
	case CONFIG_LIST:
		return set_list(m, value, to);
	case CONFIG_SPECIAL:
		break;
	}
	return m->set(c, value);
}

/* Annotations are strings; what is no string here is written as JSON would have it. */
RESULT config_member_set_text(
	const struct config_member *m, const char *text, struct runtime_config *c)
{
	AUTO(json_freep) struct json *value = NULL;
	AUTO(buf_done) struct buf quoted = BUF_INIT(JSON_SIZE_MAX);
	struct json_writer w = jw_of(&quoted);
	bool plain = m->kind == CONFIG_NUMBER || m->kind == CONFIG_MILLI || m->kind == CONFIG_FLAG;

	if (!plain) {
		jw_str(&w, text);
		TRY(buf_end(&quoted, "value"));
	}
	if (failed(json_parse(plain ? bytes_str(text) : buf_bytes(&quoted), &value)))
		return err_new(ERR_FORMAT, "'%.32s' is no %s", text,
			m->kind == CONFIG_FLAG ? "true or false" : "number");
	return config_member_set(m, value, c);
}

/* ---- as text ---- */

static void print_choice(const char *choices, unsigned i, struct buf *out)
{
	for (; i > 0; i--)
		choices += strcspn(choices, "|") + 1;
	buf_printf(out, "\"%.*s\"", (int)strcspn(choices, "|"), choices);
}

/* Strings of TOML are those of JSON, but for DEL, which no member may hold. */
static void print_text(const char *text, struct buf *out)
{
	struct json_writer w = jw_of(out);

	if (text)
		jw_str(&w, text);
}

static void print_list(const struct strv *list, struct buf *out)
{
	buf_puts(out, "[");
	for (size_t i = 0; i < list->n; i++) {
		buf_puts(out, i ? ", " : "");
		print_text(list->v[i], out);
	}
	buf_puts(out, "]");
}

static void print_milli(uint64_t v, struct buf *out)
{
	unsigned long long whole = v / MILLI, rest = v % MILLI;
	int digits = 3;

	while (digits > 1 && rest % 10 == 0) {
		rest /= 10;
		digits--;
	}
	buf_printf(out, "%llu.%0*llu", whole, digits, rest);
}

void config_member_print(
	const struct config_member *m, const struct runtime_config *c, struct buf *out)
{
	const void *at = (const uint8_t *)c + m->offset;

	switch (m->kind) {
	case CONFIG_TEXT:
	case CONFIG_PATH:
		print_text(*(char *const *)at, out);
		break;
	case CONFIG_NUMBER:
		buf_printf(out, "%llu", (unsigned long long)*(const uint64_t *)at);
		break;
	case CONFIG_MILLI:
		print_milli(*(const uint64_t *)at, out);
		break;
	case CONFIG_FLAG:
		buf_puts(out, *(const bool *)at ? "true" : "false");
		break;
	case CONFIG_CHOICE:
		print_choice(m->choices, *(const unsigned *)at, out);
		break;
	case CONFIG_LIST:
		print_list(at, out);
		break;
	case CONFIG_SPECIAL:
		m->print(c, out);
		break;
	}
}
