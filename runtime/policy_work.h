/* One pod on its way to a manifest. Private to policy_*.c. */
#pragma once

#include "policy_rule.h"
#include "runtime/policy_make.h"

#define POLICY_NAME_PATTERN   "[-a-z0-9.]+"
#define POLICY_IP_PATTERN     "[0-9a-fA-F.:]+"
#define POLICY_NUMBER_PATTERN "[0-9]+"

struct policy_work {
	const struct policy_options *options;
	const struct policy_workload *workload;
	const struct json *spec; /* of the pod */
	struct strv *notes;
};

/* A container of it. */
struct policy_container {
	const struct policy_work *work;
	const struct json *json;
	const char *name;
	bool init, sidecar;
	struct policy_image image;
	struct json_map env; /* name: rule */
};
void policy_container_done(struct policy_container *c);

PRINTF(2, 3) RESULT policy_note(const struct policy_work *w, const char *fmt, ...);

/* ---- members of Kubernetes objects, whose scalars are all text ---- */
/* Text of a member; NULL when it is absent, null or no text. */
const char *policy_text(const struct json *of, const char *name);
/* The same by JSON pointer. */
const char *policy_text_at(const struct json *of, const char *pointer);
/* True for what YAML calls true. */
bool policy_is_true(const struct json *of, const char *name);
bool policy_is_false(const struct json *of, const char *name);
/* List of texts, appended; ERR_FORMAT names the member. */
RESULT policy_texts(const struct json *of, const char *name, struct strv *to);
/* The pod's or a container's own security context: the container's word first. */
const struct json *policy_security(const struct policy_container *c, const char *name);
/* ConfigMap or Secret of that name in the pod's namespace; NULL: not given. */
const struct json *policy_object(const struct policy_work *w, const char *kind, const char *name);

/* ---- parts ---- */
/* Rule of the pod's name, by what makes it. */
RESULT policy_pod_name(const struct policy_workload *w, char **ret_rule);
/* Rule of an environment variable's valueFrom.fieldRef or resourceFieldRef. */
RESULT policy_field(
	const struct policy_container *c, const struct json *value_from, char **ret_rule);
RESULT policy_env(struct policy_container *c);
/* What a service's variables may be, by name; NULL: the name is none of a service's. */
const char *policy_service_variable(const char *name);
void policy_put_env(const struct policy_container *c, struct json_writer *w);
/* argv, cwd, user, groups, capabilities, exec: written as members of the container. */
RESULT policy_put_process(const struct policy_container *c, struct json_writer *w);
RESULT policy_put_exec(const struct policy_container *c, struct json_writer *w);
RESULT policy_put_mounts(const struct policy_container *c, struct json_writer *w);
/* Notes about fields that are unknown or have no effect; ERR_UNSUPPORTED for the others. */
RESULT policy_check_pod(const struct policy_work *w);
RESULT policy_check_container(const struct policy_container *c);
