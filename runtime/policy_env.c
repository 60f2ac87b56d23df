/* The environment that kubelet makes (Kubernetes, pkg/kubelet: makeEnvironment). */
#include "policy_work.h"

#include <base/encode.h>

enum {
	SECRET_MAX = 1024 * 1024,
	VALUE_MAX = 64 * 1024 /* larger ones do not fit into manifests */
};

#define PROTOCOL "(tcp|udp|sctp)"

/* Variables of services: which exist is known only where the pod will run. */
static const struct {
	const char *suffix, *value;
} service_variables[] = {
	{ "_SERVICE_HOST", "~" POLICY_IP_PATTERN },
	{ "_SERVICE_PORT", "~" POLICY_NUMBER_PATTERN },
	{ "_PORT", "~" PROTOCOL "://[0-9a-fA-F.:]+" },
};
static const char *const service_links[] = {
	"_SERVICE_HOST=" POLICY_IP_PATTERN,
	"_SERVICE_PORT(_[A-Z0-9_]+)?=" POLICY_NUMBER_PATTERN,
	"_PORT(_[0-9]+_(TCP|UDP|SCTP))?=" PROTOCOL "://[][0-9a-fA-F.:]+",
	"_PORT_[0-9]+_(TCP|UDP|SCTP)_PROTO=" PROTOCOL,
	"_PORT_[0-9]+_(TCP|UDP|SCTP)_PORT=" POLICY_NUMBER_PATTERN,
	"_PORT_[0-9]+_(TCP|UDP|SCTP)_ADDR=" POLICY_IP_PATTERN,
};

const char *policy_service_variable(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(service_variables); i++)
		if (str_ends(name, service_variables[i].suffix))
			return service_variables[i].value;
	return NULL;
}

static struct err no_object(
	const struct policy_container *c, const char *kind, const char *name, const char *key)
{
	return err_new(ERR_NOT_FOUND,
		"container %s: %s %s%s%s is not given: add its YAML with --config-file, or "
		"--free-references to let the host choose",
		c->name, kind, name, key ? ", key " : "", key ? key : "");
}

static bool is_optional(const struct json *reference)
{
	return policy_is_true(reference, "optional");
}

/* ---- values of ConfigMaps and Secrets ---- */

/* Lines are folded freely in YAML. */
static RESULT secret_value(const char *base64, char **ret_rule)
{
	AUTO(buf_done) struct buf joined = BUF_INIT(SECRET_MAX);
	AUTO(buf_done) struct buf raw = BUF_INIT(SECRET_MAX);
	AUTO(auto_free) char *text = NULL;

	for (const char *p = base64; *p; p++)
		if (!strchr(" \r\n", *p))
			buf_u8(&joined, *p);
	TRY(buf_end(&joined, "Secret"));
	TRY(base64_decode(BASE64_STD, buf_bytes(&joined), "value", &raw));
	TRY(bytes_to_str(buf_bytes(&raw), &text));
	return policy_rule_of(text, ret_rule);
}

/* *ret_rule stays NULL when there is no such key. */
static RESULT object_value(const struct json *object, const char *key, char **ret_rule)
{
	bool secret = str_equal(policy_text(object, "kind"), "Secret");
	const char *text = policy_text(json_get(object, "stringData"), key);
	const char *data = policy_text(json_get(object, "data"), key);
	struct err e;

	if (secret && text)
		return policy_rule_of(text, ret_rule);
	if (!data)
		return OK;
	e = secret ? secret_value(data, ret_rule) : policy_rule_of(data, ret_rule);
	return failed(e) ? err_add(e, "%s %s, key %s", policy_text(object, "kind"),
				   policy_text_at(object, "/metadata/name"), key)
			 : OK;
}

static RESULT note_secret(const struct policy_container *c, const char *kind, const char *name)
{
	if (!str_equal(kind, "Secret"))
		return OK;
	return policy_note(c->work,
		"container %s: values of Secret %s are in the manifest, which the host reads; "
		"resources of the key broker stay secret",
		c->name, name);
}

static RESULT key_rule(const struct policy_container *c, const char *kind,
	const struct json *reference, char **ret_rule)
{
	const char *name = policy_text(reference, "name"), *key = policy_text(reference, "key");
	const struct json *object;

	if (!name || !key)
		return err_new(
			ERR_FORMAT, "container %s: env: no name or key of a %s", c->name, kind);
	object = policy_object(c->work, kind, name);
	if (object)
		TRY(object_value(object, key, ret_rule));
	if (*ret_rule)
		return str_starts(*ret_rule, "sealed.") ? OK : note_secret(c, kind, name);
	if (c->work->options->free_references)
		return str_dup("~.*", ret_rule);
	return is_optional(reference) ? OK : no_object(c, kind, name, key);
}

/* ---- env ---- */

static RESULT value_from(const struct policy_container *c, const struct json *from, char **ret_rule)
{
	const struct json *key = json_get(from, "configMapKeyRef");

	if (key)
		return key_rule(c, "ConfigMap", key, ret_rule);
	key = json_get(from, "secretKeyRef");
	if (key)
		return key_rule(c, "Secret", key, ret_rule);
	return policy_field(c, from, ret_rule);
}

static RESULT check_name(const struct policy_container *c, const char *name)
{
	if (!name || !*name || strchr(name, '='))
		return err_new(ERR_FORMAT, "container %s: env: a variable without a name", c->name);
	return OK;
}

/* References see only what stands before them in `env`. */
static RESULT add_variable(
	struct policy_container *c, const struct json *entry, struct json_map *before)
{
	const char *name = policy_text(entry, "name"), *value = policy_text(entry, "value");
	const struct json *from = json_get(entry, "valueFrom");
	bool links = !policy_is_false(c->work->spec, "enableServiceLinks");
	AUTO(auto_free) char *rule = NULL;

	TRY(check_name(c, name));
	if (json_members(from) > 0)
		TRY(value_from(c, from, &rule));
	else
		TRY(policy_expand(
			value ? value : "", before, links ? policy_service_variable : NULL, &rule));
	if (!rule)
		return OK;
	if (strlen(rule) > VALUE_MAX)
		return err_new(ERR_LIMIT, "container %s: variable %s: more than %d characters",
			c->name, name, VALUE_MAX);
	TRY(policy_vars_set(before, name, rule));
	return policy_vars_set(&c->env, name, rule);
}

/* Every key of an object; those that are no names of variables are left out, as kubelet does. */
static RESULT add_object(struct policy_container *c, const struct json *object, const char *prefix)
{
	static const char *const members[] = { "data", "stringData" };

	for (size_t m = 0; m < ARRAY_LEN(members); m++) {
		const struct json *keys = json_get(object, members[m]);

		for (size_t i = 0; i < json_members(keys); i++) {
			AUTO(auto_free) char *name = NULL;
			AUTO(auto_free) char *rule = NULL;

			TRY(object_value(object, json_name_at(keys, i), &rule));
			TRY(str_format(&name, "%s%s", prefix, json_name_at(keys, i)));
			if (rule && !strchr(name, '='))
				TRY(policy_vars_set(&c->env, name, rule));
		}
	}
	return OK;
}

static RESULT add_from(struct policy_container *c, const struct json *entry)
{
	const struct json *map = json_get(entry, "configMapRef"),
			  *secret = json_get(entry, "secretRef");
	const char *kind = map ? "ConfigMap" : "Secret", *prefix = policy_text(entry, "prefix");
	const char *name = policy_text(map ? map : secret, "name");
	const struct json *object;

	if (!name)
		return err_new(
			ERR_FORMAT, "container %s: envFrom: no configMapRef or secretRef", c->name);
	object = policy_object(c->work, kind, name);
	if (!object)
		return is_optional(map ? map : secret) ? OK : no_object(c, kind, name, NULL);
	TRY(note_secret(c, kind, name));
	return add_object(c, object, prefix ? prefix : "");
}

/* What engines add: the sandbox's host name, and the kind of a terminal. */
static RESULT add_engine(struct policy_container *c)
{
	const struct json *spec = c->work->spec;
	const char *hostname = policy_text(spec, "hostname");
	AUTO(auto_free) char *rule = NULL;

	if (hostname && !policy_is_true(spec, "setHostnameAsFQDN"))
		TRY(policy_rule_of(hostname, &rule));
	else
		TRY(str_dup("~" POLICY_NAME_PATTERN, &rule));
	TRY(policy_vars_set(&c->env, "HOSTNAME", rule));
	return policy_is_true(c->json, "tty") ? policy_vars_set(&c->env, "TERM", "xterm") : OK;
}

RESULT policy_env(struct policy_container *c)
{
	const struct json *from = json_get(c->json, "envFrom"), *env = json_get(c->json, "env");
	AUTO(policy_vars_done) struct json_map before = { 0 };

	TRY(add_engine(c));
	for (size_t i = 0; i < json_count(from); i++)
		TRY(add_from(c, json_at(from, i)));
	for (size_t i = 0; i < json_count(env); i++)
		TRY(add_variable(c, json_at(env, i), &before));
	return OK;
}

void policy_put_env(const struct policy_container *c, struct json_writer *w)
{
	bool links = !policy_is_false(c->work->spec, "enableServiceLinks");
	char text[256];

	jw_key(w, "env");
	jw_object(w);
	for (size_t i = 0; i < c->env.n; i++)
		jw_kstr(w, c->env.v[i].name, c->env.v[i].value);
	jw_object_end(w);
	jw_key(w, "env_also");
	jw_array(w);
	for (size_t i = 0; i < ARRAY_LEN(service_links); i++) {
		(void)snprintf(text, sizeof(text), "~%s%s", links ? "[A-Z0-9_]+" : "KUBERNETES",
			service_links[i]);
		jw_str(w, text);
	}
	if (!json_map_get(&c->env, "TERM"))
		jw_str(w, "TERM=xterm");
	jw_array_end(w);
}
