#include "policy/manifest.h"

#include <regex.h>

#define INTEGRITY_NONE "none"
#define INTEGRITY_HMAC "hmac-sha256"

enum {
	SYSCTL_MAX = 256 /* characters of a value */
};

#define FIELD(member, kind, flags, max)                                                            \
	JSON_FIELD(struct manifest_container, member, kind, flags, max)

#define VOLUME(member, kind, flags, max)                                                           \
	JSON_FIELD(struct manifest_volume, member, kind, flags, max)

static const struct json_field volume_fields[] = {
	VOLUME(at, FIELD_STR, FIELD_REQUIRED, MANIFEST_STRING_MAX),
	VOLUME(kind, FIELD_STR, FIELD_REQUIRED, 16),
	VOLUME(name, FIELD_STR, 0, 253),
	VOLUME(read_only, FIELD_BOOL, 0, 0),
	VOLUME(sealed, FIELD_BOOL, 0, 0),
	VOLUME(size, FIELD_U64, 0, INT64_MAX),
	VOLUME(key, FIELD_STR, 0, 512),
	VOLUME(integrity, FIELD_STR, 0, 16),
	VOLUME(create, FIELD_BOOL, 0, 0),
};

static const struct json_table volume_table = {
	.what = "volume",
	.size = sizeof(struct manifest_volume),
	.fields = volume_fields,
	.n = ARRAY_LEN(volume_fields),
};

static const struct json_field container_fields[] = {
	FIELD(name, FIELD_STR, FIELD_REQUIRED, 128),
	FIELD(image, FIELD_STR, FIELD_REQUIRED, 1024),
	FIELD(argv, FIELD_STRV, 0, MANIFEST_LIST_MAX),
	FIELD(env, FIELD_MAP, 0, MANIFEST_LIST_MAX),
	FIELD(env_also, FIELD_STRV, 0, MANIFEST_LIST_MAX),
	FIELD(cwd, FIELD_STR, 0, MANIFEST_STRING_MAX),
	FIELD(user, FIELD_STR, 0, 128),
	FIELD(groups, FIELD_STRV, 0, 64),
	FIELD(capabilities, FIELD_STRV, 0, 64),
	FIELD(mounts, FIELD_STRV, 0, MANIFEST_LIST_MAX),
	JSON_FIELD_SUB(
		struct manifest_container, volumes, "volumes", FIELD_LIST, 0, 64, &volume_table),
	FIELD(devices, FIELD_STRV, 0, MANIFEST_LIST_MAX),
	FIELD(exec, FIELD_JSON, 0, 0),
	FIELD(new_privileges, FIELD_BOOL, 0, 0),
	FIELD(privileged, FIELD_BOOL, 0, 0),
	FIELD(readonly_rootfs, FIELD_BOOL, 0, 0),
	FIELD(after, FIELD_STRV, 0, MANIFEST_CONTAINERS_MAX),
	FIELD(completed, FIELD_STRV, 0, MANIFEST_CONTAINERS_MAX),
};

static const struct json_table container_table = {
	.what = "container",
	.size = sizeof(struct manifest_container),
	.fields = container_fields,
	.n = ARRAY_LEN(container_fields),
};

static const struct json_field manifest_fields[] = {
	JSON_FIELD(struct manifest, version, FIELD_U64, FIELD_REQUIRED, MANIFEST_VERSION),
	JSON_FIELD_SUB(struct manifest, containers, "containers", FIELD_LIST, FIELD_REQUIRED,
		MANIFEST_CONTAINERS_MAX, &container_table),
	JSON_FIELD(struct manifest, allow, FIELD_STRV, 0, 8),
	JSON_FIELD(struct manifest, shared_pid, FIELD_BOOL, 0, 0),
	JSON_FIELD(struct manifest, sysctls, FIELD_MAP, 0, 64),
};

static const struct json_table manifest_table = {
	.what = "pod manifest",
	.size = sizeof(struct manifest),
	.fields = manifest_fields,
	.n = ARRAY_LEN(manifest_fields),
};

bool manifest_is_pattern(const char *rule)
{
	return rule[0] == '~';
}

bool manifest_all_literal(const struct strv *rules)
{
	for (size_t i = 0; i < rules->n; i++)
		if (manifest_is_pattern(rules->v[i]))
			return false;
	return true;
}

const struct manifest_container *manifest_container_at(const struct manifest *m, size_t i)
{
	return (const struct manifest_container *)m->containers.items + i;
}

static const char *const volume_kinds[] = {
#define X(kind, name) name,
	MANIFEST_VOLUME_KINDS(X)
#undef X
};

static size_t volume_kind_find(const char *kind)
{
	size_t i = 0;

	while (i < ARRAY_LEN(volume_kinds) && !str_equal(volume_kinds[i], kind))
		i++;
	return i;
}

enum manifest_volume_kind manifest_volume_kind(const struct manifest_volume *v)
{
	return (enum manifest_volume_kind)volume_kind_find(v->kind);
}

bool manifest_volume_authentic(const struct manifest_volume *v)
{
	return !v->integrity || !str_equal(v->integrity, INTEGRITY_NONE);
}

const struct manifest_volume *manifest_volume_at(
	const struct manifest_container *c, const char *destination)
{
	const struct manifest_volume *v = c->volumes.items;

	for (size_t i = 0; i < c->volumes.n; i++)
		if (str_equal(v[i].at, destination))
			return &v[i];
	return NULL;
}

static RESULT pattern_compile(const char *rule, regex_t *ret_regex)
{
	AUTO(auto_free) char *anchored = NULL;

	/* Back references make matching exponential, and the host chooses what is matched. */
	for (const char *p = strchr(rule, '\\'); p; p = strchr(p + 2, '\\')) {
		if (p[1] >= '0' && p[1] <= '9')
			return err_new(ERR_FORMAT, "pattern %s: back reference", rule);
		if (p[1] == '\0')
			break;
	}
	TRY(str_format(&anchored, "^(%s)$", rule + 1));
	if (regcomp(ret_regex, anchored, REG_EXTENDED | REG_NOSUB) != 0)
		return err_new(ERR_FORMAT, "pattern %s: no regular expression", rule);
	return OK;
}

bool manifest_matches(const char *rule, const char *value)
{
	regex_t regex;
	bool same;

	if (!manifest_is_pattern(rule))
		return str_equal(rule, value);
	if (failed(pattern_compile(rule, &regex)))
		return false;
	same = regexec(&regex, value, 0, NULL, 0) == 0;
	regfree(&regex);
	return same;
}

bool manifest_user_is_uid(const char *user)
{
	uint64_t uid;

	return !strchr(user, ':') && !failed(str_to_u64(user, UINT32_MAX - 1, "user", &uid));
}

RESULT manifest_user_parse(const char *user, uint32_t *ret_uid, uint32_t *ret_gid)
{
	AUTO(auto_free) char *copy = NULL;
	uint64_t uid, gid;
	char *colon;

	TRY(str_dup(user, &copy));
	colon = strchr(copy, ':');
	if (!colon)
		return err_new(ERR_FORMAT, "user %s: not UID:GID", user);
	*colon = '\0';
	TRY(str_to_u64(copy, UINT32_MAX - 1, "UID", &uid));
	TRY(str_to_u64(colon + 1, UINT32_MAX - 1, "GID", &gid));
	*ret_uid = (uint32_t)uid;
	*ret_gid = (uint32_t)gid;
	return OK;
}

static RESULT check_value(const char *value, const char *what)
{
	regex_t regex;
	struct err e;

	if (strlen(value) > MANIFEST_STRING_MAX)
		return err_new(ERR_LIMIT, "%s: longer than %d", what, MANIFEST_STRING_MAX);
	if (!manifest_is_pattern(value))
		return OK;
	if (failed(e = pattern_compile(value, &regex)))
		return err_add(e, "%s", what);
	regfree(&regex);
	return OK;
}

static RESULT check_values(const struct strv *list, const char *what)
{
	for (size_t i = 0; i < list->n; i++)
		TRY(check_value(list->v[i], what));
	return OK;
}

/* Destinations, devices and the like: names of the container's world, never patterns. */
static RESULT check_prefixed(const struct strv *list, const char *prefix, const char *what)
{
	for (size_t i = 0; i < list->n; i++)
		if (!str_starts(list->v[i], prefix) || strlen(list->v[i]) > MANIFEST_STRING_MAX)
			return err_new(ERR_FORMAT, "%s: %s does not begin with %s", what,
				list->v[i], prefix);
	return OK;
}

/* A volume that outlives the pod. */
static RESULT check_key(const struct manifest_volume *v)
{
	if (!v->key && (v->integrity || v->create))
		return err_new(ERR_FORMAT, "volumes: integrity and create: only with a key");
	if (!v->key)
		return OK;
	if (manifest_volume_kind(v) != MANIFEST_VOLUME_ENCRYPTED || v->size > 0)
		return err_new(
			ERR_FORMAT, "volumes: key: only of kind encrypted, and without size");
	if (!str_starts(v->key, "kbs://"))
		return err_new(ERR_FORMAT, "volumes: key: %.128s is no kbs:// URI", v->key);
	if (v->integrity && !str_equal(v->integrity, INTEGRITY_NONE) &&
		!str_equal(v->integrity, INTEGRITY_HMAC))
		return err_new(ERR_FORMAT,
			"volumes: integrity: %s is neither " INTEGRITY_HMAC " nor " INTEGRITY_NONE,
			v->integrity);
	return OK;
}

static RESULT check_size(const struct manifest_volume *v)
{
	enum manifest_volume_kind kind = manifest_volume_kind(v);

	if (v->size > 0 && kind != MANIFEST_VOLUME_MEMORY && kind != MANIFEST_VOLUME_ENCRYPTED)
		return err_new(ERR_FORMAT, "volumes: size: only of kinds memory and encrypted");
	return OK;
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? str_equal(a, b) : a == b;
}

static bool same_volume(const struct manifest_volume *a, const struct manifest_volume *b)
{
	return str_equal(a->kind, b->kind) && a->size == b->size && same_text(a->key, b->key) &&
	       manifest_volume_authentic(a) == manifest_volume_authentic(b) &&
	       a->create == b->create;
}

/* One volume cannot be two, depending on who is first. */
static RESULT check_same(const struct manifest_container *c, const struct manifest_volume *v)
{
	const struct manifest_volume *have = c->volumes.items;

	for (size_t i = 0; i < c->volumes.n; i++)
		if (v->name && same_text(have[i].name, v->name) && !same_volume(&have[i], v))
			return err_new(ERR_FORMAT,
				"volumes: name: %s is another volume in container %s", v->name,
				c->name);
	return OK;
}

static RESULT check_names(const struct manifest *m, size_t at)
{
	const struct manifest_container *c = manifest_container_at(m, at);
	const struct manifest_volume *v = c->volumes.items;

	for (size_t i = 0; i < c->volumes.n; i++)
		for (size_t k = 0; k <= at; k++)
			TRY(check_same(manifest_container_at(m, k), &v[i]));
	return OK;
}

static RESULT check_volumes(const struct manifest_container *c)
{
	const struct manifest_volume *v = c->volumes.items;

	for (size_t i = 0; i < c->volumes.n; i++) {
		if (v[i].at[0] != '/')
			return err_new(ERR_FORMAT, "volumes: at: %s is not absolute", v[i].at);
		if (manifest_volume_at(c, v[i].at) != &v[i])
			return err_new(ERR_FORMAT, "volumes: at: %s is listed twice", v[i].at);
		if (volume_kind_find(v[i].kind) == ARRAY_LEN(volume_kinds))
			return err_new(ERR_FORMAT, "volumes: kind: %s is none", v[i].kind);
		TRY(check_size(&v[i]));
		TRY(check_key(&v[i]));
		if (v[i].sealed && manifest_volume_kind(&v[i]) != MANIFEST_VOLUME_FILES)
			return err_new(ERR_FORMAT, "volumes: sealed: only of kind files");
	}
	return OK;
}

static RESULT check_env(const struct json_map *env)
{
	for (size_t i = 0; i < env->n; i++) {
		if (env->v[i].name[0] == '\0' || strchr(env->v[i].name, '='))
			return err_new(ERR_FORMAT, "env: %s is no name", env->v[i].name);
		TRY(check_value(env->v[i].value, "env"));
	}
	return OK;
}

static RESULT check_exec_argv(const struct json *argv)
{
	if (json_type(argv) != JSON_ARRAY || json_count(argv) == 0 ||
		json_count(argv) > MANIFEST_LIST_MAX)
		return err_new(ERR_FORMAT, "exec: not a list of argument lists");
	for (size_t i = 0; i < json_count(argv); i++) {
		const char *arg = json_string(json_at(argv, i));

		if (!arg)
			return err_new(ERR_FORMAT, "exec: an argument is no string");
		TRY(check_value(arg, "exec"));
	}
	return OK;
}

static RESULT check_exec(const struct json *exec)
{
	if (!exec)
		return OK;
	if (json_type(exec) != JSON_ARRAY || json_count(exec) > MANIFEST_LIST_MAX)
		return err_new(ERR_FORMAT, "exec: not a list of argument lists");
	for (size_t i = 0; i < json_count(exec); i++)
		TRY(check_exec_argv(json_at(exec, i)));
	return OK;
}

static RESULT check_groups(const struct strv *groups)
{
	uint64_t gid;

	for (size_t i = 0; i < groups->n; i++)
		TRY(str_to_u64(groups->v[i], UINT32_MAX - 1, "groups", &gid));
	return OK;
}

static RESULT check_env_also(const struct strv *rules)
{
	for (size_t i = 0; i < rules->n; i++)
		if (!manifest_is_pattern(rules->v[i]) && !strchr(rules->v[i], '='))
			return err_new(ERR_FORMAT, "env_also: %s is no NAME=value", rules->v[i]);
	return check_values(rules, "env_also");
}

static RESULT check_user(const char *user)
{
	uint32_t uid, gid;

	if (!user || manifest_user_is_uid(user))
		return OK;
	if (manifest_is_pattern(user))
		return check_value(user, "user");
	return manifest_user_parse(user, &uid, &gid);
}

/* Only containers listed above: so there are no cycles, and order reads downwards. */
static RESULT check_above(
	const struct manifest *m, size_t at, const struct strv *names, const char *what)
{
	for (size_t i = 0; i < names->n; i++) {
		size_t above = 0;

		while (above < at && !str_equal(manifest_container_at(m, above)->name, names->v[i]))
			above++;
		if (above == at)
			return err_new(ERR_FORMAT, "%s: %s is not listed above", what, names->v[i]);
	}
	return OK;
}

static RESULT check_process(const struct manifest_container *c)
{
	TRY(check_values(&c->argv, "argv"));
	TRY(check_env(&c->env));
	TRY(check_env_also(&c->env_also));
	if (c->cwd && c->cwd[0] != '/' && !manifest_is_pattern(c->cwd))
		return err_new(ERR_FORMAT, "cwd: not absolute");
	TRY(check_value(c->cwd ? c->cwd : "/", "cwd"));
	TRY(check_user(c->user));
	TRY(check_groups(&c->groups));
	TRY(check_prefixed(&c->capabilities, "CAP_", "capabilities"));
	return check_exec(c->exec);
}

static RESULT check_container(const struct manifest *m, size_t at)
{
	const struct manifest_container *c = manifest_container_at(m, at);

	for (size_t i = 0; i < at; i++)
		if (str_equal(manifest_container_at(m, i)->name, c->name))
			return err_new(ERR_FORMAT, "listed twice");
	if (c->name[0] == '\0' || c->image[0] == '\0')
		return err_new(ERR_FORMAT, "name or image is empty");
	TRY(check_value(c->image, "image"));
	TRY(check_process(c));
	TRY(check_prefixed(&c->mounts, "/", "mounts"));
	TRY(check_volumes(c));
	TRY(check_names(m, at));
	TRY(check_prefixed(&c->devices, "/dev/", "devices"));
	TRY(check_above(m, at, &c->after, "after"));
	return check_above(m, at, &c->completed, "completed");
}

static RESULT check_allow(const struct strv *allow)
{
	static const char *const words[] = { "diagnostics", "logs", "pause", "signal", "stdin",
		"stats" };

	for (size_t i = 0; i < allow->n; i++) {
		size_t w = 0;

		while (w < ARRAY_LEN(words) && !str_equal(words[w], allow->v[i]))
			w++;
		if (w == ARRAY_LEN(words))
			return err_new(ERR_FORMAT, "allow: %s is no request", allow->v[i]);
	}
	return OK;
}

/* Names as sysctl(8) has them; both separators are the kernel's. */
static RESULT check_sysctls(const struct json_map *sysctls)
{
	for (size_t i = 0; i < sysctls->n; i++) {
		const char *name = sysctls->v[i].name;

		if (name[0] == '.' || name[0] == '/' || strstr(name, "..") ||
			name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._/-")] != '\0')
			return err_new(ERR_FORMAT, "sysctls: %s is no name", name);
		if (strlen(sysctls->v[i].value) > SYSCTL_MAX)
			return err_new(ERR_LIMIT, "sysctls: %s: too long", name);
	}
	return OK;
}

static RESULT check_manifest(const struct manifest *m)
{
	struct err e;

	if (m->version != MANIFEST_VERSION)
		return err_new(ERR_UNSUPPORTED, "version %llu", (unsigned long long)m->version);
	for (size_t i = 0; i < m->containers.n; i++)
		if (failed(e = check_container(m, i)))
			return err_add(e, "container %s", manifest_container_at(m, i)->name);
	TRY(check_sysctls(&m->sysctls));
	return check_allow(&m->allow);
}

RESULT manifest_parse(struct bytes text, struct manifest *ret_manifest)
{
	AUTO(manifest_done) struct manifest m = { 0 };
	struct json *tree = NULL;
	struct err e;

	if (text.n > MANIFEST_SIZE_MAX)
		return err_new(ERR_LIMIT, "pod manifest: more than %d bytes", MANIFEST_SIZE_MAX);
	if (failed(e = json_parse(text, &tree)))
		return err_add(e, "pod manifest");
	e = json_decode(tree, &manifest_table, &m);
	m.tree = tree;
	TRY(e);
	if (failed(e = check_manifest(&m)))
		return err_add(e, "pod manifest");
	*ret_manifest = m;
	m = (struct manifest){ 0 };
	return OK;
}

void manifest_done(struct manifest *m)
{
	struct json *tree = m->tree;

	m->tree = NULL;
	json_release(&manifest_table, m);
	json_free(tree);
}
