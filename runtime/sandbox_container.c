#include "sandbox_container.h"

#include "host_mount.h"
#include "message.h"
#include "sandbox_spec.h"

#include <base/file.h>
#include <net/pb.h>

/* ---- what the host has of a container ---- */

struct sandbox_box *sandbox_box_find(struct sandbox *s, const char *id)
{
	for (struct sandbox_box *b = s->boxes; b; b = b->next) {
		if (str_equal(b->id, id))
			return b;
	}
	return NULL;
}

/* For whoever looks at the pod's directory; a list that is behind harms nobody. */
static void record(struct sandbox *s)
{
	struct pod_state *state = &s->pod.state;

	if (!s->pod_there || s->stopping)
		return;
	strv_done(&state->containers);
	for (const struct sandbox_box *b = s->boxes; b; b = b->next) {
		if (b->created && failed(strv_add(&state->containers, b->id)))
			return;
	}
	err_ignore(pod_save(&s->pod));
}

void sandbox_box_free(struct sandbox *s, struct sandbox_box *b)
{
	bool created = b->created;

	for (struct sandbox_box **at = &s->boxes; *at; at = &(*at)->next) {
		if (*at == b) {
			*at = b->next;
			s->n_boxes--;
			break;
		}
	}
	sandbox_watches_free(b);
	/* What stays mounted is found once more when the pod's directory goes. */
	for (size_t i = b->mounts.n; i-- > 0;) {
		err_ignore(host_unmount(b->mounts.v[i]));
		if (rmdir(b->mounts.v[i]) < 0)
			(void)unlink(b->mounts.v[i]);
	}
	if (b->dir)
		(void)rmdir(b->dir);
	strv_done(&b->mounts);
	free(b->dir);
	free(b->termination);
	free(b->id);
	free(b);
	if (created)
		record(s);
}

static RESULT box_new(struct sandbox *s, const char *id, struct sandbox_box **ret_box)
{
	struct sandbox_box *b;

	if (!s->agent || s->stopping || s->machine.dead)
		return err_new(ERR_STATE, "sandbox %s does not run", s->id);
	TRY(pod_name_check(id));
	if (sandbox_box_find(s, id))
		return err_new(ERR_STATE, "container %s is there already", id);
	if (s->n_boxes == SANDBOX_CONTAINERS_MAX)
		return err_new(ERR_LIMIT, "sandbox %s: more than %d containers", s->id,
			SANDBOX_CONTAINERS_MAX);
	b = calloc(1, sizeof(*b));
	if (!b)
		return err_new(ERR_NOMEM, "container");
	b->next = s->boxes;
	s->boxes = b;
	s->n_boxes++;
	struct err e = str_dup(id, &b->id);
	if (failed(e))
		sandbox_box_free(s, b);
	*ret_box = b;
	return e;
}

/* ---- root file system ---- */

static RESULT mount_rootfs(const struct sandbox_container *c, const Oci__Spec *spec,
	struct sandbox_box *b, const char *target)
{
	static const char *const rbind[] = { "rbind" };
	AUTO(auto_free) char *root = NULL;

	TRY(strv_add(&b->mounts, target)); /* before, so that a half mounted one goes too */
	for (size_t i = 0; i < c->n_rootfs; i++) {
		const struct host_mount m = { .type = c->rootfs[i].type,
			.source = c->rootfs[i].source,
			.target = target,
			.options = c->rootfs[i].options,
			.n_options = c->rootfs[i].n_options };
		TRY(host_mount(&m));
	}
	if (c->n_rootfs > 0)
		return OK;
	const char *path = spec->root && spec->root->path[0] ? spec->root->path : "rootfs";
	if (path[0] == '/')
		TRY(str_dup(path, &root));
	else
		TRY(path_join(c->bundle, path, &root));
	const struct host_mount m = { .type = "bind",
		.source = root,
		.target = target,
		.options = rbind,
		.n_options = ARRAY_LEN(rbind) };
	return host_mount(&m);
}

static RESULT share_rootfs(struct create *k, const struct sandbox_container *c)
{
	AUTO(auto_free) char *target = NULL;

	TRY(path_join(k->s->share_dir, c->id, &k->box->dir));
	TRY(path_join(k->box->dir, "rootfs", &target));
	TRY(dir_make(target, 0755));
	TRY(mount_rootfs(c, k->request->oci, k->box, target));
	return str_format(&k->root, GUEST_SHARED "/%s/rootfs", c->id);
}

/* ---- preparation, on this host ---- */

static RESULT read_spec(const struct create *k, const char *bundle, Oci__Spec **ret_spec)
{
	AUTO(buf_done) struct buf text = BUF_INIT(OCI_SPEC_MAX);
	AUTO(auto_free) char *path = NULL;

	TRY(path_join(bundle, "config.json", &path));
	TRY(file_read(path, &text));
	TRY(oci_json_spec(buf_bytes(&text), ret_spec));
	sandbox_asked_json(k->s, "CreateContainer", k->box->id, "spec", buf_bytes(&text));
	return OK;
}

static RESULT prepare(struct create *k, const struct sandbox_container *c)
{
	Agent__CreateContainerRequest *r = k->request;
	const char *sandbox_id = NULL;
	bool pidns = false;

	TRY(message_set(&r->container_id, c->id));
	TRY(message_set(&r->exec_id, c->id));
	TRY(read_spec(k, c->bundle, &r->oci));
	k->role = oci_role(r->oci, &sandbox_id);
	if (k->s->c.gives_files && k->role == OCI_CONTAINER)
		TRY(spec_add_pod_files(k->s->bundle, r->oci));
	TRY(sandbox_host_limit(
		k->s, &k->box->cpus, r->oci->linux_ ? r->oci->linux_->resources : NULL));
	TRY(k->s->shared ? share_rootfs(k, c) : sandbox_pull_rootfs(k, c));
	TRY(sandbox_volumes(k));
	TRY(sandbox_devices(k));
	const struct spec_amend how = {
		.bundle = c->bundle,
		.root = k->root,
		.terminal = c->terminal,
		.role = k->role,
		.shared = k->s->shared,
	};
	TRY(spec_amend(&how, r->oci, &pidns));
	r->sandbox_pidns = pidns;
	return OK;
}

static void create_free(struct create *k)
{
	if (k->request)
		pb_free(&k->request->base);
	sandbox_copy_freep(&k->copy);
	free(k->root);
	free(k);
}

static void create_freep(struct create **k)
{
	if (*k)
		create_free(*k);
	*k = NULL;
}

/* ---- steps, one after the other ---- */

static void on_created(void *arg, struct err e, struct bytes payload);
static void on_copied(void *arg, struct err e);
static void on_disk(void *arg, struct err e);

/* Starts the next step that is left. */
static RESULT next_step(struct create *k)
{
	const struct agent_call c = {
		.service = AGENT_SERVICE, .method = "CreateContainer", .request = &k->request->base
	};
	struct sandbox_disk *disk = sandbox_disk_next(k->s);

	if (!k->s->agent || k->s->stopping)
		return err_new(ERR_PEER, "the sandbox ended");
	if (disk)
		return sandbox_disk_add(k->s, disk, on_disk, k);
	if (k->copy && !k->copied)
		return sandbox_copy_run(k->copy, k->s, on_copied, k);
	return agent_call_start(k->s->agent, &c, on_created, k);
}

/* The owner has given up waiting, or a step failed: as if nothing had been. */
static void give_up(struct create *k, struct err e)
{
	struct sandbox_op *op = k->op;
	struct err_saved why;

	err_save(e, &why);
	sandbox_box_free(k->s, k->box);
	create_free(k);
	sandbox_op_finish(op, err_restore(&why));
}

static void after_step(struct create *k, struct err e)
{
	if (!failed(e) && k->op->told)
		e = err_new(ERR_TIMEOUT, "given up");
	if (!failed(e))
		e = next_step(k);
	if (failed(e))
		give_up(k, e);
}

static void on_disk(void *arg, struct err e)
{
	after_step(arg, e);
}

static void on_copied(void *arg, struct err e)
{
	struct create *k = arg;

	k->copied = true;
	after_step(k, e);
}

static void on_removed(void *arg, struct err e, struct bytes payload)
{
	(void)arg;
	(void)e; /* nobody waits for it */
	(void)payload;
}

/* The owner stopped waiting before the guest had it. */
static void remove_late(struct sandbox *s, const char *id)
{
	Agent__RemoveContainerRequest r = AGENT__REMOVE_CONTAINER_REQUEST__INIT;
	const struct agent_call c = {
		.service = AGENT_SERVICE, .method = "RemoveContainer", .request = &r.base
	};

	r.container_id = pb_text(id);
	if (s->agent && !s->stopping)
		err_ignore(agent_call_start(s->agent, &c, on_removed, NULL));
}

static void on_created(void *arg, struct err e, struct bytes payload)
{
	struct create *k = arg;
	struct sandbox_op *op = k->op;

	(void)payload;
	if (!failed(e) && op->told)
		remove_late(k->s, k->box->id);
	if (failed(e) || op->told) {
		give_up(k, e);
		return;
	}
	k->box->created = true;
	k->s->pod.state.creations++;
	record(k->s);
	sandbox_watch_begin(k);
	create_free(k);
	sandbox_op_finish(op, OK);
}

static RESULT begin(struct create *k, const struct sandbox_container *c)
{
	k->request = calloc(1, sizeof(*k->request));
	if (!k->request)
		return err_new(ERR_NOMEM, "container");
	agent__create_container_request__init(k->request);
	struct err e = prepare(k, c);
	return failed(e) ? e : next_step(k);
}

RESULT sandbox_container_create(
	struct sandbox *s, const struct sandbox_container *c, sandbox_done_fn *fn, void *arg)
{
	AUTO(create_freep) struct create *k = calloc(1, sizeof(*k));
	AUTO(sandbox_op_freep) struct sandbox_op *op = NULL;

	if (!k)
		return err_new(ERR_NOMEM, "container");
	TRY(sandbox_op_new(s, "creating container", c->id, arg, &op));
	op->done = fn;
	op->watched = op->pulls = true;
	k->s = s;
	k->op = op;
	TRY(box_new(s, c->id, &k->box));
	struct err e = begin(k, c);
	if (failed(e)) {
		struct err_saved why;

		err_save(e, &why);
		sandbox_box_free(s, k->box);
		return err_add(err_restore(&why), "creating container %s", c->id);
	}
	op = NULL;
	k = NULL;
	return OK;
}

/* ---- removal ---- */

static void on_gone(void *arg, struct err e, struct bytes payload)
{
	struct sandbox_op *op = arg;
	struct sandbox_box *b = sandbox_box_find(op->s, op->id);
	struct err_saved why;

	(void)payload;
	err_save(e, &why);
	if (b)
		sandbox_box_free(op->s, b);
	/* A machine that is gone has no container either. */
	sandbox_op_finish(op, why.code == ERR_OK || why.code == ERR_PEER ? OK : err_restore(&why));
}

static RESULT ask_removal(struct sandbox_op *op)
{
	Agent__RemoveContainerRequest r = AGENT__REMOVE_CONTAINER_REQUEST__INIT;
	const struct agent_call c = {
		.service = AGENT_SERVICE, .method = "RemoveContainer", .request = &r.base
	};

	r.container_id = op->id;
	sandbox_asked(op->s, "RemoveContainer", op->id);
	return agent_call_start(op->s->agent, &c, on_gone, op);
}

RESULT sandbox_container_remove(struct sandbox *s, const char *id, sandbox_done_fn *fn, void *arg)
{
	AUTO(sandbox_op_freep) struct sandbox_op *op = NULL;
	struct sandbox_box *b = sandbox_box_find(s, id);

	if (!b)
		return err_new(ERR_NOT_FOUND, "no container %s in sandbox %s", id, s->id);
	TRY(sandbox_op_new(s, "removing container", id, arg, &op));
	op->done = fn;
	op->watched = true;
	bool alive = b->created && s->agent && !s->stopping && !s->machine.dead;
	if (!alive || failed(ask_removal(op))) {
		TRY(sandbox_op_later(op));
		sandbox_box_free(s, b);
	}
	op = NULL;
	return OK;
}
