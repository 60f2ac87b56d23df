/* Kubernetes objects: which of them make pods, and what their members say. */
#include "policy_work.h"

#include <stdio.h>

enum {
	NOTES_MAX = 1024
};

RESULT policy_note(const struct policy_work *w, const char *fmt, ...)
{
	char text[2048];
	va_list args;

	if (w->notes->n == NOTES_MAX)
		return err_new(ERR_LIMIT, "more than %d notes", NOTES_MAX);
	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	for (size_t i = 0; i < w->notes->n; i++)
		if (str_equal(w->notes->v[i], text))
			return OK;
	return strv_add(w->notes, text);
}

const char *policy_text(const struct json *of, const char *name)
{
	return json_string(json_get(of, name));
}

const char *policy_text_at(const struct json *of, const char *pointer)
{
	return json_string(json_pointer(of, pointer));
}

static bool is_one_of(const char *text, const char *const *words)
{
	for (; text && *words; words++)
		if (str_equal(text, *words))
			return true;
	return false;
}

bool policy_is_true(const struct json *of, const char *name)
{
	static const char *const words[] = { "true", "True", "TRUE", "yes", "Yes", "YES", "on",
		"On", "ON", "y", "Y", NULL };

	return is_one_of(policy_text(of, name), words);
}

bool policy_is_false(const struct json *of, const char *name)
{
	return policy_text(of, name) && !policy_is_true(of, name);
}

RESULT policy_texts(const struct json *of, const char *name, struct strv *to)
{
	const struct json *list = json_get(of, name);

	if (!list || json_type(list) == JSON_NULL)
		return OK;
	if (json_type(list) != JSON_ARRAY)
		return err_new(ERR_FORMAT, "%s: not a list", name);
	for (size_t i = 0; i < json_count(list); i++) {
		const char *text = json_string(json_at(list, i));

		if (!text)
			return err_new(ERR_FORMAT, "%s[%zu]: not a text", name, i);
		TRY(strv_add(to, text));
	}
	return OK;
}

const struct json *policy_security(const struct policy_container *c, const char *name)
{
	const struct json *own = json_get(json_get(c->json, "securityContext"), name);

	if (own && json_type(own) != JSON_NULL)
		return own;
	own = json_get(json_get(c->work->spec, "securityContext"), name);
	return own && json_type(own) != JSON_NULL ? own : NULL;
}

static bool is_object(
	const struct policy_work *w, const struct json *o, const char *kind, const char *name)
{
	const char *have[] = { policy_text(o, "kind"), policy_text_at(o, "/metadata/name"),
		policy_text_at(o, "/metadata/namespace") };

	return have[0] && have[1] && str_equal(have[0], kind) && str_equal(have[1], name) &&
	       (!have[2] || !w->workload->namespace || str_equal(have[2], w->workload->namespace));
}

const struct json *policy_object(const struct policy_work *w, const char *kind, const char *name)
{
	for (size_t i = 0; i < w->options->n_objects; i++) {
		const struct json *documents = w->options->objects[i];

		for (size_t k = 0; k < json_count(documents); k++)
			if (is_object(w, json_at(documents, k), kind, name))
				return json_at(documents, k);
	}
	return NULL;
}

/* ---- what makes pods ---- */

static bool has_containers(const struct json *pod)
{
	return json_pointer(pod, "/spec/containers") != NULL;
}

static const struct json *pod_of(const struct json *object)
{
	static const char *const places[] = { "/spec/template", "/spec/jobTemplate/spec/template",
		"/template" };

	if (has_containers(object))
		return object;
	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		if (has_containers(json_pointer(object, places[i])))
			return json_pointer(object, places[i]);
	return NULL;
}

bool policy_workload_next(
	const struct json *documents, size_t *at, struct policy_workload *ret_workload)
{
	for (; *at < json_count(documents); ++*at) {
		const struct json *object = json_at(documents, *at);
		const struct json *pod = pod_of(object);
		const char *kind = policy_text(object, "kind");

		if (!pod)
			continue;
		*ret_workload = (struct policy_workload){
			.object = object,
			.pod = pod,
			.kind = kind ? kind : "Pod",
			.name = policy_text_at(object, "/metadata/name"),
			.namespace = policy_text_at(object, "/metadata/namespace"),
		};
		++*at;
		return true;
	}
	return false;
}

/* ---- the pod's name (Kubernetes: names are generated with five letters, and cut) ---- */

static RESULT generated_name(const struct policy_workload *w, char **ret_rule)
{
	static const struct {
		const char *kind, *suffix;
	} kinds[] = {
		{ "Deployment", "-[a-z0-9]{1,10}-[a-z0-9]{5}" },
		{ "StatefulSet", "-[0-9]+" },
		{ "DaemonSet", "-[a-z0-9]{5}" },
		{ "ReplicaSet", "-[a-z0-9]{5}" },
		{ "ReplicationController", "-[a-z0-9]{5}" },
		{ "Job", "-([0-9]+-)?[a-z0-9]{5}" },
		{ "CronJob", "-[0-9]+-([0-9]+-)?[a-z0-9]{5}" },
	};
	enum {
		CUT_FROM = 40 /* longer names may be cut before letters are added */
	};
	AUTO(policy_rule_done) struct policy_rule r = POLICY_RULE_INIT;
	const char *suffix = NULL;

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (str_equal(w->kind, kinds[i].kind))
			suffix = kinds[i].suffix;
	if (!suffix || !w->name || strlen(w->name) > CUT_FROM)
		return str_dup("~" POLICY_NAME_PATTERN, ret_rule);
	policy_rule_literal(&r, bytes_str(w->name));
	policy_rule_pattern(&r, suffix);
	return policy_rule_end(&r, ret_rule);
}

RESULT policy_pod_name(const struct policy_workload *w, char **ret_rule)
{
	if (str_equal(w->kind, "Pod") && w->name)
		return policy_rule_of(w->name, ret_rule);
	return generated_name(w, ret_rule);
}
