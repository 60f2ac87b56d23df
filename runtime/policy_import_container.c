/* One container of Kata's policy_data (genpolicy's rules.rego says how each member is compared). */
#include "policy_import.h"
#include "policy_regex.h"

#include <inttypes.h>

static const char *text_at(const struct json *j, const char *pointer)
{
	return json_string(json_pointer(j, pointer));
}

/* JSON pointers end at '/', and names of annotations have one seldom. */
static const char *annotation(const struct json *container, const char *name)
{
	return json_string(json_get(json_pointer(container, "/OCI/Annotations"), name));
}

/* ---- process ---- */

/* The rule of a text with Kata's names in it; those that are not known stay as they are. */
static RESULT expand(struct import *im, const char *what, const char *text, char **ret_rule)
{
	for (const char *p = strstr(text, "$("); p; p = strstr(p + 2, "$(")) {
		AUTO(auto_free) char *name = NULL;

		TRY(bytes_to_str(bytes_of(p + 2, strcspn(p + 2, ")")), &name));
		if (!json_map_get(&im->values, name))
			TRY(import_note(im,
				"%s: $(%.80s) is taken literally: no such name of Kata's is known",
				what, name));
	}
	return policy_expand(text, &im->values, NULL, ret_rule);
}

static RESULT put_argv(struct import *im, const struct json *args, struct json_writer *w)
{
	if (json_count(args) == 0)
		return OK;
	jw_key(w, "argv");
	jw_array(w);
	for (size_t i = 0; i < json_count(args); i++) {
		AUTO(auto_free) char *rule = NULL;
		const char *text = json_string(json_at(args, i));

		if (!text)
			return err_new(ERR_FORMAT, "Args[%zu]: no text", i);
		TRY(expand(im, "Args", text, &rule));
		jw_str(w, rule);
	}
	jw_array_end(w);
	return OK;
}

static RESULT put_env(struct import *im, const struct json *env, struct json_writer *w)
{
	AUTO(policy_vars_done) struct json_map vars = { 0 };

	for (size_t i = 0; i < json_count(env); i++) {
		const char *text = json_string(json_at(env, i)),
			   *equals = text ? strchr(text, '=') : NULL;
		AUTO(auto_free) char *name = NULL;
		AUTO(auto_free) char *rule = NULL;

		if (!text)
			return err_new(ERR_FORMAT, "Env[%zu]: no text", i);
		if (!equals || equals == text) {
			TRY(import_note(im, "Env %s: not carried over: no NAME=VALUE", text));
			continue;
		}
		TRY(bytes_to_str(bytes_of(text, (size_t)(equals - text)), &name));
		TRY(expand(im, name, equals + 1, &rule));
		TRY(policy_vars_set(&vars, name, rule));
	}
	jw_key(w, "env");
	jw_object(w);
	for (size_t i = 0; i < vars.n; i++)
		jw_kstr(w, vars.v[i].name, vars.v[i].value);
	jw_object_end(w);
	return OK;
}

static RESULT put_env_also(struct import *im, struct json_writer *w)
{
	const struct json *list =
		json_pointer(im->data, "/request_defaults/CreateContainerRequest/allow_env_regex");

	jw_key(w, "env_also");
	jw_array(w);
	for (size_t i = 0; i < json_count(list); i++) {
		const char *text = json_string(json_at(list, i));
		AUTO(auto_free) char *regex = NULL;
		AUTO(auto_free) char *rule = NULL;

		if (!text)
			return err_new(ERR_FORMAT, "allow_env_regex[%zu]: no text", i);
		if (failed(policy_regex(text, &im->patterns, &regex))) {
			TRY(import_note(
				im, "allow_env_regex %s: not carried over (%s)", text, err_text()));
			continue;
		}
		TRY(str_format(&rule, "~%s", regex));
		jw_str(w, rule);
	}
	jw_array_end(w);
	return OK;
}

static RESULT put_user(const struct json *user, struct json_writer *w)
{
	AUTO(auto_free) char *text = NULL;
	const struct json *groups = json_get(user, "AdditionalGids");
	uint64_t uid = 0, gid = 0, extra = 0;

	if (!json_u64(json_get(user, "UID"), &uid) || !json_u64(json_get(user, "GID"), &gid))
		return err_new(ERR_FORMAT, "User: no UID and GID");
	TRY(str_format(&text, "%" PRIu64 ":%" PRIu64, uid, gid));
	jw_kstr(w, "user", text);
	jw_key(w, "groups");
	jw_array(w);
	for (size_t i = 0; i < json_count(groups); i++) {
		AUTO(auto_free) char *number = NULL;

		if (!json_u64(json_at(groups, i), &extra) || extra == gid)
			continue;
		TRY(str_format(&number, "%" PRIu64, extra));
		jw_str(w, number);
	}
	jw_array_end(w);
	return OK;
}

/* ---- capabilities ---- */

static RESULT add_capabilities(struct import *im, const struct json *list, struct strv *to);

static RESULT add_capability(struct import *im, const char *name, struct strv *to)
{
	const struct json *common = json_get(im->data, "common");

	if (str_equal(name, "$(default_caps)"))
		return add_capabilities(im, json_get(common, "default_caps"), to);
	if (str_equal(name, "$(privileged_caps)"))
		return add_capabilities(im, json_get(common, "privileged_caps"), to);
	for (size_t i = 0; i < to->n; i++)
		if (str_equal(to->v[i], name))
			return OK;
	return str_starts(name, "CAP_") ? strv_add(to, name) : OK;
}

static RESULT add_capabilities(struct import *im, const struct json *list, struct strv *to)
{
	enum {
		CAPABILITIES_MAX = 64
	};

	for (size_t i = 0; i < json_count(list) && to->n < CAPABILITIES_MAX; i++) {
		const char *name = json_string(json_at(list, i));

		/* A list that names itself would never end. */
		if (name &&
			(name[0] != '$' ||
				json_pointer(im->data, "/common/default_caps") != list) &&
			(name[0] != '$' ||
				json_pointer(im->data, "/common/privileged_caps") != list))
			TRY(add_capability(im, name, to));
	}
	return OK;
}

static RESULT put_capabilities(
	struct import *im, const struct json *capabilities, struct json_writer *w)
{
	AUTO(strv_done) struct strv all = { 0 };

	for (size_t i = 0; i < json_members(capabilities); i++)
		TRY(add_capabilities(im, json_at(capabilities, i), &all));
	jw_key(w, "capabilities");
	jw_array(w);
	for (size_t i = 0; i < all.n; i++)
		jw_str(w, all.v[i]);
	jw_array_end(w);
	return OK;
}

/* ---- exec ---- */

static RESULT put_command(struct import *im, const struct json *argv, struct json_writer *w)
{
	/* Older ones are words joined by blanks: where one ended cannot be told. */
	if (json_type(argv) != JSON_ARRAY || json_count(argv) == 0)
		return import_note(im,
			"command %s: not carried over: not a list of words; list it under `exec`",
			json_string(argv) ? json_string(argv) : "?");
	jw_array(w);
	for (size_t i = 0; i < json_count(argv); i++) {
		AUTO(auto_free) char *rule = NULL;
		const char *text = json_string(json_at(argv, i));

		if (!text)
			return err_new(ERR_FORMAT, "a command's word is no text");
		TRY(policy_rule_of(text, &rule));
		jw_str(w, rule);
	}
	jw_array_end(w);
	return OK;
}

static RESULT put_exec(struct import *im, const struct json *container, struct json_writer *w)
{
	const struct json *defaults =
		json_pointer(im->data, "/request_defaults/ExecProcessRequest");
	const struct json *lists[] = { json_get(container, "exec_commands"),
		json_get(defaults, "allowed_commands"), json_get(defaults, "commands") };

	jw_key(w, "exec");
	jw_array(w);
	for (size_t l = 0; l < ARRAY_LEN(lists); l++)
		for (size_t i = 0; i < json_count(lists[l]); i++)
			TRY(put_command(im, json_at(lists[l], i), w));
	jw_array_end(w);
	return OK;
}

/* ---- the container ---- */

static RESULT find_image(const struct json *container, const char *name, const char **ret_image)
{
	const struct json *storages = json_get(container, "storages");

	*ret_image = annotation(container, "io.kubernetes.cri.image-name");
	for (size_t i = 0; !*ret_image && i < json_count(storages); i++) {
		const char *driver = text_at(json_at(storages, i), "/driver");

		if (driver && str_equal(driver, "image_guest_pull"))
			*ret_image = text_at(json_at(storages, i), "/source");
	}
	if (!*ret_image || !**ret_image)
		return err_new(ERR_NOT_FOUND,
			"container %s: the policy names no image, and a manifest needs one", name);
	return OK;
}

/* Hashes of layers, of older versions: they say nothing of a manifest's digest. */
static size_t count_layers(const struct json *container)
{
	const struct json *storages = json_get(container, "storages");
	size_t n = 0;

	for (size_t i = 0; i < json_count(storages); i++) {
		const char *fstype = text_at(json_at(storages, i), "/fstype");

		n += fstype && str_equal(fstype, "tar");
	}
	return n;
}

static RESULT put_image(struct import *im, const struct json *container, const char *image,
	const char *name, struct json_writer *w)
{
	const size_t layers = count_layers(container);

	AUTO(auto_free) char *rule = NULL;

	TRY(policy_rule_of(image, &rule));
	jw_kstr(w, "image", rule);
	if (layers > 0)
		TRY(import_note(im,
			"container %s: dm-verity hashes of %zu layers: not carried over: a "
			"manifest holds an "
			"image by its digest",
			name, layers));
	if (strchr(image, '@'))
		return OK;
	return import_note(im,
		"container %s: image %s has no digest: pin it with `sealpod policy make`", name,
		image);
}

static RESULT put_process(struct import *im, const struct json *process, struct json_writer *w)
{
	const char *cwd = text_at(process, "/Cwd");
	bool kept = false;

	TRY(put_argv(im, json_get(process, "Args"), w));
	TRY(put_env(im, json_get(process, "Env"), w));
	TRY(put_env_also(im, w));
	if (cwd && cwd[0]) {
		AUTO(auto_free) char *rule = NULL;

		TRY(policy_rule_of(cwd, &rule));
		jw_kstr(w, "cwd", rule);
	}
	TRY(put_user(json_get(process, "User"), w));
	TRY(put_capabilities(im, json_get(process, "Capabilities"), w));
	(void)json_bool(json_get(process, "NoNewPrivileges"), &kept);
	if (!kept)
		jw_kbool(w, "new_privileges", true);
	return OK;
}

static RESULT put_members(
	struct import *im, const struct json *container, const char *name, struct json_writer *w)
{
	const char *image;
	bool read_only = false;

	jw_kstr(w, "name", name);
	TRY(find_image(container, name, &image));
	TRY(put_image(im, container, image, name, w));
	TRY(put_process(im, json_pointer(container, "/OCI/Process"), w));
	if (json_bool(json_pointer(container, "/OCI/Root/Readonly"), &read_only) && read_only)
		jw_kbool(w, "readonly_rootfs", true);
	if (import_is_privileged(container)) {
		jw_kbool(w, "privileged", true);
		TRY(import_note(im, "container %s: privileged: it may change its guest", name));
	}
	TRY(import_unknown(im, container, name));
	TRY(import_mounts(im, container, w));
	return put_exec(im, container, w);
}

RESULT import_container(
	struct import *im, const struct json *container, size_t number, struct json_writer *w)
{
	const char *name = annotation(container, "io.kubernetes.cri.container-name");
	AUTO(auto_free) char *made = NULL;
	struct err e;

	if (!name || !*name) {
		TRY(str_format(&made, "container-%zu", number));
		TRY(import_note(im,
			"container %zu has no name in the policy: replace `%s` by its name in the "
			"pod",
			number, made));
		name = made;
	}
	jw_object(w);
	e = put_members(im, container, name, w);
	if (failed(e))
		return err_add(e, "policy_data.containers[%zu]", number);
	jw_object_end(w);
	return OK;
}
