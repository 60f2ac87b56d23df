#include "flags.h"
#include "shim.h"

#include <task.pb-c.h>

#include <base/file.h>
#include <net/pb.h>
#include <runtime/oci_json.h>

#define LOG_MODULE "task"
#include <base/log.h>

/* Kept until the container exists. */
struct create {
	Task__CreateTaskRequest *request;
	struct sandbox_mount *rootfs;
	char *config_path;
};

static void create_done(struct task *p)
{
	struct create *c = TAKE(p->create);

	if (!c)
		return;
	pb_free_any(&c->request);
	free(c->rootfs);
	free(c->config_path);
	free(c);
}

static RESULT set_text(char **to, const char *from)
{
	AUTO(auto_free) char *copy = NULL;

	TRY(str_dup(from, &copy));
	free(*to);
	*to = TAKE(copy);
	return OK;
}

/* The container's place in the pod, by its annotations. */
static RESULT find_role(struct task *p)
{
	AUTO(buf_done) struct buf text = BUF_INIT(OCI_SPEC_MAX);
	AUTO(pb_free_any) Oci__Spec *spec = NULL;
	AUTO(auto_free) char *path = NULL;
	const char *sandbox_id;
	enum oci_role role;

	TRY(path_join(p->bundle, "config.json", &path));
	TRY(file_read(path, &text));
	TRY(oci_json_spec(buf_bytes(&text), &spec));
	role = oci_role(spec, &sandbox_id);
	p->holds_pod = role != OCI_CONTAINER;
	p->placeholder = role == OCI_SANDBOX;
	return OK;
}

static RESULT copy_mounts(struct create *c)
{
	const Task__CreateTaskRequest *q = c->request;

	if (q->n_rootfs == 0)
		return OK;
	c->rootfs = calloc(q->n_rootfs, sizeof(*c->rootfs));
	if (!c->rootfs)
		return err_new(ERR_NOMEM, "mounts");
	for (size_t i = 0; i < q->n_rootfs; i++) {
		c->rootfs[i] = (struct sandbox_mount){ .type = q->rootfs[i]->type,
			.source = q->rootfs[i]->source,
			.options = (const char *const *)q->rootfs[i]->options,
			.n_options = q->rootfs[i]->n_options };
	}
	return OK;
}

static RESULT fill(struct task *p)
{
	const struct create *c = p->create;
	const Task__CreateTaskRequest *q = c->request;

	if (q->bundle[0] != '/')
		return err_new(ERR_FORMAT, "bundle '%.80s' is not absolute", q->bundle);
	TRY(set_text(&p->bundle, q->bundle));
	TRY(set_text(&p->in, q->stdin));
	TRY(set_text(&p->out, q->stdout));
	TRY(set_text(&p->err, q->stderr));
	p->terminal = q->terminal;
	TRY(find_role(p));
	if (p->holds_pod && p->shim->pod != POD_NONE)
		return err_new(
			ERR_STATE, "the pod is there already, for sandbox %s", p->shim->c.id);
	if (!p->holds_pod && p->shim->pod != POD_RUNNING)
		return err_new(ERR_STATE, "the pod's sandbox is not running");
	return OK;
}

static RESULT take_options(struct create *c)
{
	const Pb__Any *o = c->request->options;

	if (!o)
		return OK;
	return runtime_options_path(
		o->type_url, bytes_of(o->value.data, o->value.len), &c->config_path);
}

/* Whoever deletes what never came to be is told that it is gone. */
static void end_delete(struct task *p)
{
	Task__DeleteResponse r = TASK__DELETE_RESPONSE__INIT;
	struct timespec now;

	if (!p->delete_call)
		return;
	(void)clock_gettime(CLOCK_REALTIME, &now);
	Pb__Timestamp at = timestamp_of(&now);
	r.exit_status = SHIM_STATUS_KILLED;
	r.exited_at = &at;
	answer(TAKE(p->delete_call), &r.base);
}

static void create_failed(struct task *p, struct err e)
{
	log_failure_of(LOG_MODULE, "create", p->id, e);
	ttrpc_fail(TAKE(p->create_call), e);
	create_done(p);
	end_delete(p);
	task_unlist(p);
}

static void on_killed(void *arg, struct err e)
{
	struct task *p = arg;

	if (failed(e))
		log_failure_of(LOG_MODULE, "kill", p->id, e);
	task_unref(p);
}

/* Kill and Delete that came in between. */
static void catch_up(struct task *p)
{
	if (p->early_kill && failed(sandbox_signal(p->shim->sandbox, p->id, "", p->early_kill, true,
				     on_killed, task_ref(p))))
		task_unref(p);
	if (p->delete_call)
		delete_go_on(p);
}

static void on_created(void *arg, struct err e)
{
	AUTO(task_unrefp) struct task *p = arg;
	Task__CreateTaskResponse r = TASK__CREATE_TASK_RESPONSE__INIT;
	struct shim *s = p->shim;

	if (!failed(e))
		e = exit_watch(p);
	if (failed(e)) {
		create_failed(p, e);
		if (p->holds_pod)
			pod_stop_soon(s);
		return;
	}
	p->state = TASK_CREATED;
	p->pid = s->pid;
	event_create(p, p->create->request);
	r.pid = p->pid;
	answer(TAKE(p->create_call), &r.base);
	create_done(p);
	log_info("created", "container=%s", log_quote(p->id));
	catch_up(p);
	exit_check(p);
}

static RESULT create_container(struct task *p)
{
	const struct create *c = p->create;
	struct sandbox_container config = {
		.id = p->id,
		.bundle = p->bundle,
		.rootfs = c->rootfs,
		.n_rootfs = c->request->n_rootfs,
		.terminal = p->terminal,
		.placeholder = p->placeholder,
	};
	struct err e = sandbox_container_create(p->shim->sandbox, &config, on_created, task_ref(p));

	if (failed(e))
		task_unref(p);
	return e;
}

static RESULT start_pod(struct task *p)
{
	struct pod_plan plan = { .id = p->shim->c.id ? text_of(p->shim->c.id) : p->id,
		.bundle = p->bundle,
		.config_path = p->create->config_path };

	return pod_start(p->shim, &plan);
}

static RESULT still_wanted(const struct task *p)
{
	if (p->delete_call || (p->early_kill && p->holds_pod))
		return err_new(ERR_STATE, "ended before it was created");
	return OK;
}

static void give_up(struct task *p, struct err e)
{
	struct shim *s = p->shim;
	bool started = p->holds_pod && s->pod == POD_RUNNING;

	create_failed(p, e);
	if (started)
		pod_stop_soon(s);
}

static void on_hooks(struct task *p, struct err e)
{
	AUTO(task_unrefp) struct task *kept = task_ref(p);

	if (!failed(e))
		e = still_wanted(kept);
	if (!failed(e) && kept->shim->pod != POD_RUNNING)
		e = err_new(ERR_STATE, "the pod ended meanwhile");
	if (!failed(e))
		e = create_container(kept);
	if (failed(e))
		give_up(kept, e);
}

static RESULT go_on(struct task *p)
{
	bool hooks;

	if (p->holds_pod)
		TRY(start_pod(p)); /* pumps: requests about this container may have come */
	TRY(still_wanted(p));
	TRY(hooks_start(p, HOOKS_CREATE, on_hooks, &hooks));
	return hooks ? OK : create_container(p);
}

static void on_streams(void *arg, struct err e)
{
	AUTO(task_unrefp) struct task *p = task_ref(arg);

	if (!failed(e))
		e = go_on(p);
	if (failed(e))
		give_up(p, e);
}

static RESULT begin(struct task *p)
{
	struct shim *s = p->shim;

	TRY(copy_mounts(p->create));
	TRY(take_options(p->create));
	TRY(fill(p));
	return streams_open(
		&(struct streams_config){
			.loop = s->c.loop,
			.ns = s->c.ns,
			.id = p->id,
			.in = p->in,
			.out = p->out,
			.err = p->err,
			.terminal = p->terminal,
		},
		on_streams, p, &p->io);
}

static RESULT check(const struct shim *s, const Task__CreateTaskRequest *q)
{
	TRY(shim_id_check(q->id, "container id"));
	if (q->checkpoint[0] || q->parent_checkpoint[0])
		return err_new(ERR_UNSUPPORTED, "checkpoints are not supported");
	if (s->n_containers == SHIM_CONTAINERS_MAX)
		return err_new(ERR_LIMIT, "more than %d containers", SHIM_CONTAINERS_MAX);
	if (s->shutting_down)
		return err_new(ERR_STATE, "the pod is being shut down");
	return OK;
}

static RESULT prepare(struct shim *s, struct bytes payload, struct task **ret_task)
{
	AUTO(pb_free_any) Task__CreateTaskRequest *q = NULL;
	AUTO(task_unrefp) struct task *p = NULL;

	TRY(PB_UNPACK(task__create_task_request, payload, &q));
	TRY(check(s, q));
	TRY(task_new(s, q->id, "", &p));
	p->create = calloc(1, sizeof(*p->create));
	if (!p->create)
		return err_new(ERR_NOMEM, "container");
	p->create->request = TAKE(q);
	*ret_task = TAKE(p);
	return OK;
}

void serve_create(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	struct shim *s = arg;
	AUTO(task_unrefp) struct task *p = NULL;
	struct task *other;
	struct err e = prepare(s, payload, &p);

	if (failed(e)) {
		ttrpc_fail(call, e);
		return;
	}
	if (!failed(task_find(s, p->id, "", &other))) {
		create_done(p);
		ttrpc_fail_as(call, TTRPC_ALREADY_EXISTS, "the container exists already");
		return;
	}
	p->create_call = call;
	task_list(p);
	e = begin(p);
	if (failed(e))
		create_failed(p, e);
}
