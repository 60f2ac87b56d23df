#include "policy_pretty.h"
#include "policy_work.h"

#include <policy/manifest.h>

void policy_image_done(struct policy_image *i)
{
	free(i->reference);
	image_config_done(&i->config);
	*i = (struct policy_image){ 0 };
}

void policy_container_done(struct policy_container *c)
{
	policy_image_done(&c->image);
	policy_vars_done(&c->env);
}

/* ---- order ---- */

static bool is_sidecar(const struct json *container)
{
	const char *policy = policy_text(container, "restartPolicy");

	return policy && str_equal(policy, "Always");
}

/* The init containers before this one: sidecars have been started, others have done their work. */
static void put_waits(
	const struct policy_container *c, const char *member, bool sidecars, struct json_writer *w)
{
	const struct json *init = json_get(c->work->spec, "initContainers");
	bool any = false;

	for (size_t i = 0; i < json_count(init); i++) {
		const struct json *before = json_at(init, i);

		if (before == c->json)
			break;
		if (is_sidecar(before) != sidecars)
			continue;
		if (!any) {
			jw_key(w, member);
			jw_array(w);
		}
		any = true;
		jw_str(w, policy_text(before, "name"));
	}
	if (any)
		jw_array_end(w);
}

/* ---- one container ---- */

static RESULT find_image(struct policy_container *c)
{
	const struct policy_options *o = c->work->options;
	const char *image = policy_text(c->json, "image");
	struct err e;

	if (!image || !*image)
		return err_new(ERR_FORMAT, "container %s: no image", c->name);
	e = o->image(o->image_arg, image, &c->image);
	if (failed(e))
		return err_add(e, "container %s: image %s", c->name, image);
	if (strchr(c->image.reference, '@'))
		return OK;
	return policy_note(c->work,
		"container %s: image %s has no digest: whoever holds the registry, or signs for "
		"the "
		"image policy, decides what runs",
		c->name, image);
}

static RESULT put_members(const struct policy_container *c, struct json_writer *w)
{
	jw_kstr(w, "name", c->name);
	jw_kstr(w, "image", c->image.reference);
	TRY(policy_put_process(c, w));
	TRY(policy_put_mounts(c, w));
	TRY(policy_put_exec(c, w));
	put_waits(c, "completed", false, w);
	put_waits(c, "after", true, w);
	return OK;
}

static RESULT put_container(
	const struct policy_work *work, const struct json *json, struct json_writer *w)
{
	AUTO(policy_container_done)
	struct policy_container c = { .work = work, .json = json };

	c.name = policy_text(json, "name");
	if (!c.name || !*c.name)
		return err_new(ERR_FORMAT, "a container without a name");
	TRY(policy_check_container(&c));
	TRY(find_image(&c));
	TRY(policy_env(&c));
	jw_object(w);
	TRY(put_members(&c, w));
	jw_object_end(w);
	return OK;
}

/* ---- the pod ---- */

static RESULT put_list(const struct policy_work *work, const char *member, struct json_writer *w)
{
	const struct json *list = json_get(work->spec, member);

	for (size_t i = 0; i < json_count(list); i++)
		TRY(put_container(work, json_at(list, i), w));
	return OK;
}

static bool any_has(const struct policy_work *work, const char *flag)
{
	const struct json *list = json_get(work->spec, "containers");

	for (size_t i = 0; i < json_count(list); i++)
		if (policy_is_true(json_at(list, i), flag))
			return true;
	return false;
}

/* Kubelet ends containers by a signal and asks for their use of resources. */
static void put_allow(const struct policy_work *work, struct json_writer *w)
{
	jw_key(w, "allow");
	jw_array(w);
	if (work->options->logs)
		jw_str(w, "logs");
	jw_str(w, "signal");
	jw_str(w, "stats");
	if (work->options->input || any_has(work, "stdin"))
		jw_str(w, "stdin");
	jw_array_end(w);
	if (policy_is_true(work->spec, "shareProcessNamespace"))
		jw_kbool(w, "shared_pid", true);
}

static RESULT put_sysctls(const struct policy_work *work, struct json_writer *w)
{
	const struct json *list = json_pointer(work->spec, "/securityContext/sysctls");

	if (json_count(list) == 0)
		return OK;
	jw_key(w, "sysctls");
	jw_object(w);
	for (size_t i = 0; i < json_count(list); i++) {
		const char *name = policy_text(json_at(list, i), "name"),
			   *value = policy_text(json_at(list, i), "value");

		if (!name || !value)
			return err_new(ERR_FORMAT, "sysctls[%zu]: no name or value", i);
		jw_kstr(w, name, value);
	}
	jw_object_end(w);
	return OK;
}

static RESULT write_manifest(const struct policy_work *work, struct buf *json)
{
	struct json_writer w = jw_of(json);

	jw_object(&w);
	jw_ku64(&w, "version", MANIFEST_VERSION);
	jw_key(&w, "containers");
	jw_array(&w);
	TRY(put_list(work, "initContainers", &w));
	TRY(put_list(work, "containers", &w));
	TRY(put_list(work, "ephemeralContainers", &w));
	jw_array_end(&w);
	put_allow(work, &w);
	TRY(put_sysctls(work, &w));
	jw_object_end(&w);
	return buf_end(json, "pod manifest");
}

RESULT policy_make(const struct policy_options *options, const struct policy_workload *workload,
	struct buf *manifest, struct strv *notes)
{
	const struct policy_work work = { .options = options,
		.workload = workload,
		.spec = json_get(workload->pod, "spec"),
		.notes = notes };
	AUTO(buf_done) struct buf text = BUF_INIT(POLICY_MANIFEST_MAX);
	AUTO(json_freep) struct json *tree = NULL;
	AUTO(manifest_done) struct manifest parsed = { 0 };

	if (json_count(json_get(work.spec, "containers")) == 0)
		return err_new(ERR_FORMAT, "pod: no containers");
	TRY(policy_check_pod(&work));
	TRY(write_manifest(&work, &text));
	TRY(json_parse(buf_bytes(&text), &tree));
	policy_pretty(tree, manifest);
	TRY(buf_end(manifest, "pod manifest"));
	/* What the guest would refuse as a whole is found here. */
	return manifest_parse(buf_bytes(manifest), &parsed);
}
