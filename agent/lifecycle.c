#include "oom.h"
#include "open.h"
#include "reply.h"
#include "requests.h"
#include "sealed.h"
#include "storage.h"

#include <fcntl.h>

#include <base/clock.h>
#include <base/file.h>
#include <policy/admit.h>

#define LOG_MODULE "agent"
#include <base/log.h>

static void log_stage(const struct container *c, const char *stage)
{
	log_field("container", c->id);
	log_info("stage", "stage=%s took_ms=%llu", stage,
		(unsigned long long)(clock_boottime_ms() - c->started_ms));
	log_field("container", NULL);
}

/* The request ends here; a container that could not be made leaves nothing behind. */
static void create_failed(struct container *c, struct err e)
{
	struct ttrpc_call *call = TAKE(c->op);

	log_field("container", c->id);
	reply_failure(call, e);
	log_field("container", NULL);
	container_free(c);
}

static RESULT finish_create(struct container *c, const struct stdio *s)
{
	AUTO(auto_free) char *pid_file = NULL;

	TRY(path_join(c->dir, "pid", &pid_file));
	TRY(stdio_take_console(c->tasks, s));
	return task_started(c->tasks, pid_file);
}

struct creation { /* between crun's start and its end */
	struct container *container;
	struct stdio stdio;
};

static void on_created(void *arg, int status)
{
	AUTO(auto_free) struct creation *n = arg;
	AUTO(stdio_done) struct stdio s = n->stdio;
	struct container *c = n->container;
	struct err e = status == 0 ? finish_create(c, &s) : crun_error(c->dir, "create", status);

	if (failed(e)) {
		create_failed(c, e);
		return;
	}
	c->state = CONTAINER_CREATED;
	pb_free(&TAKE(c->request)->base);
	reply_empty(TAKE(c->op));
}

static RESULT run_crun(struct container *c)
{
	AUTO(auto_free) char *pid_file = NULL;
	AUTO(auto_free) struct creation *n = malloc(sizeof(*n));
	struct err e;

	if (!n)
		return err_new(ERR_NOMEM, "container");
	*n = (struct creation){ .container = c, .stdio = STDIO_NONE };
	TRY(path_join(c->dir, "pid", &pid_file));
	TRY(stdio_open(c->tasks, &n->stdio));
	e = crun_start(&(struct crun_call){
		.agent = c->agent,
		.command = "create",
		.id = c->id,
		.dir = c->dir,
		.stdio = &n->stdio,
		.pid_file = pid_file,
		.fn = on_created,
		.arg = n,
	});
	if (failed(e))
		stdio_done(&n->stdio);
	else
		n = NULL;
	return e;
}

/* Whether it may, the manifest has said. */
static RESULT join_pids(struct container *c)
{
	struct agent *a = c->agent;

	c->shares_pids = a->share_pids || c->request->sandbox_pidns;
	return c->shares_pids && !a->pid_ns ? a->effects->pid_namespace(a) : OK;
}

static RESULT write_config(struct container *c)
{
	const struct agent *a = c->agent;
	AUTO(auto_free) char *path = NULL;
	AUTO(buf_done) struct buf json = BUF_INIT(AGENT_CONFIG_MAX);
	AUTO(strv_done) struct strv env = { 0 };
	struct plan plan = c->plan;
	const struct spec_inputs in = {
		.spec = c->request->oci,
		.rule = c->rule,
		.plan = &plan,
		.id = c->id,
		.rootfs = c->rootfs,
		.sources = c->mount_sources,
		.resolv_conf = a->resolv_conf,
		.ipc_ns = a->ipc_ns,
		.uts_ns = a->uts_ns,
		.pid_ns = c->shares_pids ? a->pid_ns : NULL,
	};

	/* The plan keeps the references: requests of later processes are compared with it. */
	for (size_t i = 0; i < c->plan.env.n; i++)
		TRY(strv_add(&env, c->plan.env.v[i]));
	TRY(sealed_apply(c, &env));
	plan.env = env;
	TRY(c->open ? open_write(&in, c, &json) : spec_write(&in, &json));
	TRY(dir_make(c->dir, 0700));
	TRY(path_join(c->dir, "config.json", &path));
	return file_write_atomic(path, buf_bytes(&json), 0600);
}

static RESULT make_plan(struct container *c)
{
	AUTO(auto_free) char *path = NULL;
	AUTO(buf_done) struct buf text = BUF_INIT(IMAGE_CONFIG_MAX);
	AUTO(image_config_done) struct image_config image = { 0 };
	const struct plan_sources sources = {
		.rule = c->rule,
		.image = &image,
		.process = c->request->oci->process,
		.rootfs_fd = c->rootfs_fd,
	};

	TRY(path_join(c->bundle, "image.json", &path));
	TRY(file_read(path, &text));
	TRY(image_config_parse(buf_bytes(&text), &image));
	TRY(plan_make(&sources, &c->plan));
	return manifest_check_plan(c->rule, &image, &c->plan);
}

static RESULT begin_process(struct container *c)
{
	TRY(write_config(c));
	c->started_ms = clock_boottime_ms();
	return run_crun(c);
}

static void on_unsealed(void *arg, struct err e)
{
	struct container *c = arg;

	if (!failed(e))
		e = begin_process(c);
	if (failed(e))
		create_failed(c, e);
}

static RESULT prepare(struct container *c)
{
	c->rootfs_fd = open(c->rootfs, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (c->rootfs_fd < 0)
		return err_new(ERR_SYS, "root file system %s", c->rootfs);
	TRY(c->open ? open_plan(c) : make_plan(c));
	TRY(diagnostics_remember(c));
	TRY(join_pids(c));
	return sealed_start(c, on_unsealed, c);
}

static void on_pulled(void *arg, struct err e)
{
	struct container *c = arg;

	if (!failed(e))
		e = prepare(c);
	if (failed(e))
		create_failed(c, e);
}

/* Which container of the manifest is meant, and whether it may be as the host wants it. */
static RESULT admit(struct agent *a, const Agent__CreateContainerRequest *q, size_t *ret_row)
{
	bool in_use[MANIFEST_CONTAINERS_MAX];

	if (!a->has_manifest)
		return err_restore(&a->manifest_error);
	container_rows_in_use(a, in_use);
	TRY(admit_container(&a->manifest, q, in_use, ret_row));
	return spec_check_devices_here(q->oci);
}

static RESULT admit_listed(struct agent *a, const Agent__CreateContainerRequest *q,
	const char **ret_image, size_t *ret_row)
{
	TRY(spec_image(q, ret_image));
	return admit(a, q, ret_row);
}

/* Their directories stand beside those of volumes and copied files. */
static RESULT check_container_id(const char *id)
{
	if (str_equal(id, "sandbox") || str_equal(id, "shared"))
		return err_new(ERR_FORMAT, "id: %s is taken", id);
	return spec_check_id(id);
}

static RESULT check_new(struct agent *a, const Agent__CreateContainerRequest *q)
{
	TRY(check_container_id(q->container_id));
	if (q->exec_id[0] != '\0')
		TRY(spec_check_id(q->exec_id));
	if (!q->oci)
		return err_new(ERR_FORMAT, "CreateContainer: no OCI specification");
	if (!a->sandbox_created)
		return err_new(ERR_STATE, "CreateContainer before CreateSandbox");
	if (container_find(a, q->container_id))
		return err_new(ERR_STATE, "container %s exists", q->container_id);
	return OK;
}

/* The manifest's, before anything of the pod runs: a host cannot leave them out. */
static RESULT set_sysctls(struct agent *a)
{
	const struct json_map *map = &a->manifest.sysctls;

	for (size_t i = 0; !a->sysctls_set && i < map->n; i++)
		TRY(a->effects->sysctl_set(a, map->v[i].name, map->v[i].value));
	a->sysctls_set = true;
	return OK;
}

/* The pod's placeholder keeps namespaces alive elsewhere; here the guest does. */
static RESULT create_sandbox_container(struct agent *a, const Agent__CreateContainerRequest *q)
{
	struct container *c;

	/* containerd gives the pod's system controls with its placeholder. */
	if (a->open_world)
		TRY(open_sysctls(a, q->oci));
	TRY(container_new(a, q, &c));
	c->sandbox = true;
	c->state = CONTAINER_CREATED;
	return OK;
}

/* Ends in on_pulled() unless it fails. */
static RESULT get_rootfs(struct container *c)
{
	struct agent *a = c->agent;
	const char *image = NULL;

	if (c->pulled) {
		TRY(spec_image(c->request, &image));
		if (c->rule)
			image = manifest_image_to_pull(c->rule->image, image);
		TRY(dir_make(c->bundle, 0700));
		return a->effects->pull(a, image, c->bundle, on_pulled, c);
	}
	TRY(open_rootfs(c));
	on_pulled(c, OK);
	return OK;
}

/* Volumes first: the image or the root file system may be on one. */
static void on_storages(void *arg, struct err e)
{
	struct container *c = arg;

	if (!failed(e))
		e = get_rootfs(c);
	if (failed(e))
		create_failed(c, e);
}

static RESULT begin_create(
	struct agent *a, struct ttrpc_call *call, Agent__CreateContainerRequest **q)
{
	const char *image = NULL;
	struct container *c;
	size_t row = 0;
	struct err e;

	TRY(a->open_world ? open_admit(a, *q, &image) : admit_listed(a, *q, &image, &row));
	TRY(container_new(a, *q, &c));
	c->row = row;
	c->open = a->open_world;
	c->rule = c->open ? NULL : manifest_container_at(&a->manifest, row);
	c->pulled = image != NULL;
	c->request = TAKE(*q);
	c->op = call;
	e = set_sysctls(a);
	if (!failed(e))
		e = storage_container_add(c, on_storages, c);
	if (failed(e)) {
		c->op = NULL;
		container_free(c);
	}
	return e;
}

void lifecycle_create(struct agent *a, struct ttrpc_call *call, struct bytes payload)
{
	AUTO(pb_free_any) Agent__CreateContainerRequest *q = NULL;
	struct err e = PB_UNPACK(agent__create_container_request, payload, &q);
	bool sandbox;

	if (!failed(e))
		e = check_new(a, q);
	sandbox = !failed(e) && spec_is_sandbox(q->oci);
	if (sandbox)
		e = create_sandbox_container(a, q);
	else if (!failed(e))
		e = begin_create(a, call, &q);
	if (failed(e)) {
		reply_failure(call, e);
	} else if (sandbox) {
		reply_empty(call);
	}
}

static void on_started(void *arg, int status)
{
	struct container *c = arg;
	struct ttrpc_call *call = TAKE(c->op);
	struct err e = OK;

	if (status != 0) {
		c->state = CONTAINER_CREATED;
		e = crun_error(c->dir, "start", status);
	} else {
		if (!c->open)
			c->agent->started_once[c->row] = true;
		log_stage(c, "start");
	}
	reply_result(call, e);
}

static RESULT begin_start(struct agent *a, struct ttrpc_call *call, struct bytes payload)
{
	AUTO(pb_free_any) Agent__StartContainerRequest *q = NULL;
	struct container *c;
	struct err e;

	TRY(PB_UNPACK(agent__start_container_request, payload, &q));
	TRY(container_get(a, q->container_id, &c));
	if (c->state != CONTAINER_CREATED || c->op)
		return err_new(ERR_STATE, "container %s is not waiting for its start", c->id);
	a->fixed = true;
	if (c->sandbox) {
		c->state = CONTAINER_RUNNING;
		reply_empty(call);
		return OK;
	}
	if (!c->open)
		TRY(admit_start(&a->manifest, c->row, a->started_once, a->completed_once));
	c->state = CONTAINER_RUNNING;
	c->op = call;
	oom_watch(c);
	if (crun_release(a, c->id)) {
		on_started(c, 0);
		return OK;
	}
	e = crun_start(&(struct crun_call){
		.agent = a,
		.command = "start",
		.id = c->id,
		.dir = c->dir,
		.fn = on_started,
		.arg = c,
	});
	if (failed(e)) {
		c->state = CONTAINER_CREATED;
		c->op = NULL;
	}
	return e;
}

void lifecycle_start(struct agent *a, struct ttrpc_call *call, struct bytes payload)
{
	struct err e = begin_start(a, call, payload);

	if (!failed(e))
		return;
	reply_failure(call, e);
}
