#include "runtime/policy_test.h"

#include "message.h"
#include "policy_rule.h"
#include "sandbox_spec.h"
#include "sandbox_volume.h"

#include <signal.h>

#include <net/pb.h>
#include <policy/admit.h>

struct tested {
	char *id;
	size_t row;
	struct plan plan;
	bool sandbox;
};

struct policy_tester {
	const struct manifest *m;
	struct policy_test_options options;
	struct tested containers[MANIFEST_CONTAINERS_MAX];
	size_t n;
	bool in_use[MANIFEST_CONTAINERS_MAX];
	bool started[MANIFEST_CONTAINERS_MAX], completed[MANIFEST_CONTAINERS_MAX];
};

RESULT policy_tester_new(const struct manifest *m, const struct policy_test_options *options,
	struct policy_tester **ret_tester)
{
	struct policy_tester *t = calloc(1, sizeof(*t));

	if (!t)
		return err_new(ERR_NOMEM, "tester");
	t->m = m;
	t->options = *options;
	*ret_tester = t;
	return OK;
}

static void tested_done(struct tested *c)
{
	free(c->id);
	plan_done(&c->plan);
	*c = (struct tested){ 0 };
}

void policy_tester_freep(struct policy_tester **t)
{
	for (size_t i = 0; *t && i < (*t)->n; i++)
		tested_done(&(*t)->containers[i]);
	free(*t);
	*t = NULL;
}

static RESULT find(struct policy_tester *t, const char *id, struct tested **ret)
{
	for (size_t i = 0; i < t->n; i++)
		if (str_equal(t->containers[i].id, id)) {
			*ret = &t->containers[i];
			return OK;
		}
	return err_new(ERR_NOT_FOUND, "container %s: none, or it was denied", id);
}

/* ---- CreateContainer ---- */

/* Without the image, what is its own is taken from the request. */
static RESULT assume_image(
	const struct manifest_container *rule, const Oci__Process *p, struct image_config *image)
{
	for (size_t i = 0; p && rule->argv.n == 0 && i < p->n_args; i++)
		TRY(strv_add(&image->argv, p->args[i]));
	for (size_t i = 0; p && i < p->n_env; i++)
		if (strchr(p->env[i], '='))
			TRY(strv_add(&image->env, p->env[i]));
	TRY(str_dup(p && p->cwd[0] ? p->cwd : "/", &image->cwd));
	if (!p || !p->user)
		return str_dup("", &image->user);
	return str_format(&image->user, "%u:%u", p->user->uid, p->user->gid);
}

static RESULT find_config(const struct policy_tester *t, const struct manifest_container *rule,
	const Agent__CreateContainerRequest *q, struct policy_image *image)
{
	const char *asked = NULL;

	if (t->options.image) {
		TRY(spec_image(q, &asked));
		TRY(t->options.image(
			t->options.image_arg, manifest_image_to_pull(rule->image, asked), image));
	}
	return image->known ? OK : assume_image(rule, q->oci->process, &image->config);
}

static RESULT judge_plan(struct policy_tester *t, const struct manifest_container *rule,
	const Agent__CreateContainerRequest *q, struct plan *plan)
{
	AUTO(policy_image_done) struct policy_image image = { 0 };
	const struct plan_sources sources = { .rule = rule,
		.image = &image.config,
		.process = q->oci->process,
		.rootfs_fd = t->options.rootfs_fd };

	TRY(find_config(t, rule, q, &image));
	TRY(plan_make(&sources, plan));
	return manifest_check_plan(rule, &image.config, plan);
}

static RESULT judge(struct policy_tester *t, const Agent__CreateContainerRequest *q,
	size_t *ret_row, struct plan *plan)
{
	TRY(admit_container(t->m, q, t->in_use, ret_row));
	return judge_plan(t, manifest_container_at(t->m, *ret_row), q, plan);
}

/* The entry of the same name, for what is asked of a container that runs though it is denied. */
static bool find_named(
	const struct policy_tester *t, const Agent__CreateContainerRequest *q, size_t *ret_row)
{
	const char *name = spec_container_name(q->oci);

	for (size_t i = 0; name && i < t->m->containers.n; i++) {
		if (t->in_use[i] || !str_equal(manifest_container_at(t->m, i)->name, name))
			continue;
		*ret_row = i;
		return true;
	}
	return false;
}

static RESULT create(struct policy_tester *t, const Agent__CreateContainerRequest *q)
{
	AUTO(plan_done) struct plan plan = { 0 };
	AUTO(auto_free) char *id = NULL;
	struct err_saved why;
	size_t row = 0;
	bool sandbox;

	if (!q->oci)
		return err_new(ERR_FORMAT, "CreateContainer: no OCI specification");
	if (t->n == ARRAY_LEN(t->containers))
		return err_new(ERR_LIMIT, "more than %d containers", MANIFEST_CONTAINERS_MAX);
	TRY(str_dup(q->container_id, &id));
	sandbox = spec_is_sandbox(q->oci);
	struct err e = sandbox ? OK : judge(t, q, &row, &plan);
	if (failed(e) && !(t->options.live && find_named(t, q, &row)))
		return e;
	if (failed(e))
		err_save(e, &why);
	/* Whatever was denied, its process is what commands are compared with. */
	if (failed(e) && plan.argv.n == 0)
		err_ignore(judge_plan(t, manifest_container_at(t->m, row), q, &plan));
	if (failed(e) && plan.argv.n == 0)
		return err_restore(&why);
	if (!sandbox)
		t->in_use[row] = true;
	t->containers[t->n++] =
		(struct tested){ .id = TAKE(id), .row = row, .plan = plan, .sandbox = sandbox };
	plan = (struct plan){ 0 };
	return failed(e) ? err_restore(&why) : OK;
}

/* The runtime shows the guest's own shared memory instead of the host's. */
static RESULT amend_mounts(Oci__Spec *spec)
{
	for (size_t i = 0; i < spec->n_mounts; i++)
		if (str_equal(spec->mounts[i]->destination, "/dev/shm"))
			TRY(message_set(
				&spec->mounts[i]->source, "/run/kata-containers/sandbox/shm"));
	return OK;
}

/* The manifest's words; NULL: what is left out, or no volume. */
static const char *const kind_words[] = {
	[VOLUME_MEMORY] = "memory",
	[VOLUME_LOCAL] = "memory",
	[VOLUME_DISK] = "encrypted",
	[VOLUME_BLOCK] = "disk",
	[VOLUME_DIRECT] = "disk",
	[VOLUME_COPY] = "files",
	[VOLUME_WATCH] = "files",
	[VOLUME_SKIP] = NULL,
};

/* What a mount of this host becomes where nothing is shared. */
static RESULT find_kinds(
	const struct policy_tester *t, const Oci__Spec *spec, struct json_map *ret_kinds)
{
	static const struct volume_rules rules = { .empty_dir = EMPTY_DIR_ENCRYPTED };

	for (size_t i = 0; t->options.live && i < spec->n_mounts; i++) {
		const struct volume_facts facts = volume_facts(spec->mounts[i]);
		enum volume_kind kind = VOLUME_KEEP;

		/* What is not there any more is not judged. */
		if (failed(volume_decide(spec->mounts[i], &facts, &rules, &kind)) ||
			!kind_words[kind])
			continue;
		TRY(policy_vars_set(ret_kinds, spec->mounts[i]->destination, kind_words[kind]));
	}
	return OK;
}

/* The agent finds this out when it binds the volumes. */
static RESULT check_kinds(const struct policy_tester *t, const struct json_map *kinds)
{
	const struct tested *c = &t->containers[t->n - 1];
	const struct manifest_container *rule = manifest_container_at(t->m, c->row);

	for (size_t i = 0; !c->sandbox && i < kinds->n; i++) {
		const struct manifest_volume *v = manifest_volume_at(rule, kinds->v[i].name);
		const char *is = kinds->v[i].value;

		/* A volume with the broker's key is a disk of the host, which the guest opens. */
		if (!v || manifest_volume_kind(v) == MANIFEST_VOLUME_IMAGE ||
			str_equal(v->key ? "disk" : v->kind, is))
			continue;
		return err_deny(
			ERR_DENIED, "manifest.volumes", v->at, v->key ? "disk" : v->kind, is);
	}
	return OK;
}

/* A config.json is what an engine gives to a runtime; the request is what that makes of it. */
static RESULT create_from_spec(struct policy_tester *t, Oci__Spec *spec, const char *id)
{
	Agent__CreateContainerRequest q = AGENT__CREATE_CONTAINER_REQUEST__INIT;
	Agent__Storage image = AGENT__STORAGE__INIT, *storages[] = { &image };
	const char *sandbox_id, *name, *reference;
	struct spec_amend how = { .bundle = "/", .root = "/" };
	AUTO(policy_vars_done) struct json_map kinds = { 0 };
	bool shared = false;

	TRY(find_kinds(t, spec, &kinds));
	how.role = oci_role(spec, &sandbox_id);
	how.terminal = spec->process && spec->process->terminal;
	TRY(spec_amend(&how, spec, &shared));
	TRY(amend_mounts(spec));
	name = spec_container_name(spec);
	reference = spec_image_name(spec, how.role);
	if (!reference)
		return err_new(ERR_FORMAT,
			"config.json: no annotation io.kubernetes.cri.image-name tells the image");
	image.driver = (char *)(uintptr_t)SPEC_IMAGE_DRIVER;
	image.source = (char *)(uintptr_t)reference;
	q.container_id = (char *)(uintptr_t)(id ? id : name ? name : "container");
	q.oci = spec;
	q.sandbox_pidns = shared;
	q.storages = storages;
	q.n_storages = 1;
	TRY(create(t, &q));
	return check_kinds(t, &kinds);
}

/* ---- the other requests ---- */

static RESULT ask_create(struct policy_tester *t, void *request)
{
	return create(t, request);
}

static RESULT ask_start(struct policy_tester *t, void *request)
{
	const Agent__StartContainerRequest *q = request;
	struct tested *c = NULL;

	TRY(find(t, q->container_id, &c));
	if (c->sandbox)
		return OK;
	TRY(admit_start(t->m, c->row, t->started, t->completed));
	t->started[c->row] = true;
	return OK;
}

static RESULT ask_remove(struct policy_tester *t, void *request)
{
	const Agent__RemoveContainerRequest *q = request;
	struct tested *c = NULL;

	TRY(find(t, q->container_id, &c));
	if (!c->sandbox)
		t->in_use[c->row] = false;
	tested_done(c);
	*c = t->containers[--t->n];
	t->containers[t->n] = (struct tested){ 0 };
	return OK;
}

static RESULT ask_exec(struct policy_tester *t, void *request)
{
	const Agent__ExecProcessRequest *q = request;
	AUTO(plan_done) struct plan plan = { 0 };
	const struct manifest_container *rule;
	struct tested *c = NULL;

	TRY(find(t, q->container_id, &c));
	if (!q->process || q->string_user || c->sandbox)
		return err_new(ERR_FORMAT, "ExecProcess: no process, or a user by name");
	rule = manifest_container_at(t->m, c->row);
	TRY(spec_check_process(q->process, rule));
	TRY(plan_make_exec(&c->plan, q->process, t->options.rootfs_fd, &plan));
	return manifest_check_exec(rule, &c->plan, &plan);
}

static RESULT ask_signal(struct policy_tester *t, void *request)
{
	const Agent__SignalProcessRequest *q = request;

	return q->signal == SIGKILL ? OK : manifest_check_allowed(t->m, "signal");
}

static RESULT ask_sandbox(struct policy_tester *t, void *request)
{
	const Agent__CreateSandboxRequest *q = request;

	(void)t;
	return spec_check_pod_storages(q->storages, q->n_storages);
}

static const struct kind {
	const char *name;
	const ProtobufCMessageDescriptor *descriptor; /* with .ask */
	RESULT (*ask)(struct policy_tester *t, void *request);
	const char *word; /* of `allow`; NULL without .ask: always allowed */
} kinds[] = {
	{ "CreateContainer", &agent__create_container_request__descriptor, ask_create, NULL },
	{ "StartContainer", &agent__start_container_request__descriptor, ask_start, NULL },
	{ "RemoveContainer", &agent__remove_container_request__descriptor, ask_remove, NULL },
	{ "ExecProcess", &agent__exec_process_request__descriptor, ask_exec, NULL },
	{ "SignalProcess", &agent__signal_process_request__descriptor, ask_signal, NULL },
	{ "CreateSandbox", &agent__create_sandbox_request__descriptor, ask_sandbox, NULL },
	{ "ReadStream", NULL, NULL, "logs" },
	{ "ReadStdout", NULL, NULL, "logs" },
	{ "ReadStderr", NULL, NULL, "logs" },
	{ "WriteStream", NULL, NULL, "stdin" },
	{ "WriteStdin", NULL, NULL, "stdin" },
	{ "CloseStdin", NULL, NULL, NULL },
	{ "StatsContainer", NULL, NULL, "stats" },
	{ "GetMetrics", NULL, NULL, "stats" },
	{ "PauseContainer", NULL, NULL, "pause" },
	{ "ResumeContainer", NULL, NULL, "pause" },
	{ "GetDiagnosticData", NULL, NULL, "diagnostics" },
	{ "DestroySandbox", NULL, NULL, NULL },
	{ "GetOOMEvent", NULL, NULL, NULL },
	{ "GuestDetails", NULL, NULL, NULL },
	{ "OnlineCPUMem", NULL, NULL, NULL },
	{ "TtyWinResize", NULL, NULL, NULL },
	{ "WaitProcess", NULL, NULL, NULL },
};

static RESULT ask_kind(struct policy_tester *t, const struct kind *k, const struct json *j)
{
	AUTO(pb_freep) ProtobufCMessage *message = NULL;

	if (!k->ask)
		return k->word ? manifest_check_allowed(t->m, k->word) : OK;
	TRY(oci_json_message(j, k->descriptor, &message));
	return k->ask(t, message);
}

/* {"kind": "Exit", "request": {"container_id": "app", "status": 0}} */
static RESULT exited(struct policy_tester *t, const struct json *j)
{
	const char *id = json_string(json_get(j, "container_id"));
	struct tested *c = NULL;
	uint64_t status = 0;

	if (!id || !json_u64(json_get(j, "status"), &status))
		return err_new(ERR_FORMAT, "Exit: no container_id or status");
	TRY(find(t, id, &c));
	if (status == 0 && !c->sandbox)
		t->completed[c->row] = true;
	return OK;
}

static RESULT ask_spec(struct policy_tester *t, const struct json *spec, const char *id)
{
	AUTO(pb_freep) ProtobufCMessage *message = NULL;

	TRY(oci_json_message(spec, &oci__spec__descriptor, &message));
	return create_from_spec(t, (Oci__Spec *)(void *)message, id);
}

RESULT policy_tester_ask(struct policy_tester *t, const struct json *request)
{
	const char *name = json_string(json_get(request, "kind"));
	const struct json *body = json_get(request, "request");

	if (json_get(request, "ociVersion"))
		return ask_spec(t, request, NULL);
	if (json_get(body, "spec"))
		return ask_spec(
			t, json_get(body, "spec"), json_string(json_get(body, "container_id")));
	if (!name || json_type(request) != JSON_OBJECT)
		return err_new(ERR_FORMAT,
			"neither a config.json nor {\"kind\": ..., \"request\": {...}}");
	if (str_equal(name, "Exit"))
		return exited(t, body);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		size_t n = strlen(kinds[i].name);

		if (str_starts(name, kinds[i].name) && (!name[n] || str_equal(name + n, "Request")))
			return ask_kind(t, &kinds[i], body);
	}
	return err_new(ERR_UNSUPPORTED, "kind %s: manifests say nothing of it", name);
}

const char *policy_request_kind(const struct json *request)
{
	const char *name = json_string(json_get(request, "kind"));

	if (json_get(request, "ociVersion"))
		return "CreateContainer";
	return name ? name : "?";
}

const char *policy_request_container(const struct json *request)
{
	static const char *const names[] = { "io.kubernetes.cri.container-name",
		"io.kubernetes.container.name" };
	const struct json *body = json_get(request, "request");
	const struct json *own =
		json_get(body, "spec") ? json_get(body, "spec") : json_get(body, "OCI");
	const struct json *spec = json_get(request, "ociVersion") ? request : own;
	const struct json *annotations = json_get(spec, "annotations");
	const char *id = json_string(json_get(body, "container_id"));

	if (!annotations)
		annotations = json_get(spec, "Annotations");
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (json_string(json_get(annotations, names[i])))
			return json_string(json_get(annotations, names[i]));
	return id ? id : "";
}
