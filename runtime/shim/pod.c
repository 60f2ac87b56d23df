#include "shim.h"

#include <stdlib.h>

#include <base/file.h>
#include <net/pb.h>
#include <runtime/oci_json.h>

#define LOG_MODULE "pod"
#include <base/log.h>

#define NO_NETNS "/proc/0/ns/net" /* Docker's, before there is one */

void pod_plan_done(struct pod_plan *p)
{
	free(p->id);
	free(p->bundle);
	free(p->netns);
	free(p->config_path);
	*p = (struct pod_plan){ 0 };
}

/* ---- what the sandbox says by itself ---- */

static void on_progress(void *arg, const struct run_progress *p)
{
	(void)arg;
	if (p->layers > 0)
		log_info("progress", "stage=%s layer=%llu layers=%llu done=%llu total=%llu",
			p->stage, (unsigned long long)p->layer, (unsigned long long)p->layers,
			(unsigned long long)p->done, (unsigned long long)p->total);
	else
		log_info("progress", "stage=%s elapsed_ms=%llu", p->stage,
			(unsigned long long)p->elapsed_ms);
}

static void on_oom(void *arg, const char *container_id)
{
	log_warn("oom", "container=%s", log_quote(container_id));
	event_oom(arg, container_id);
}

/* Every wait is answered by its own failure; here the pod's own end is told. */
static void on_died(void *arg, struct err why)
{
	struct shim *s = arg;

	log_failure(LOG_MODULE, "machine died", why);
	s->pod_status = SHIM_STATUS_LOST;
	if (s->pod == POD_RUNNING)
		pod_stop_soon(s);
}

/* ---- start ---- */

/* "": the engine wants a new one. NULL: it names none. */
static const char *spec_netns(const Oci__Spec *spec)
{
	for (size_t i = 0; spec->linux_ && i < spec->linux_->n_namespaces; i++) {
		const Oci__LinuxNamespace *n = spec->linux_->namespaces[i];

		if (str_equal(n->type, "network"))
			return str_equal(n->path, NO_NETNS) ? "" : n->path;
	}
	return NULL;
}

static RESULT annotate(struct runtime_config *c, const Oci__Spec *spec)
{
	AUTO(auto_free) struct json_pair *pairs = calloc(spec->n_annotations + 1, sizeof(*pairs));
	struct json_map map = { .v = pairs, .n = spec->n_annotations };

	if (!pairs)
		return err_new(ERR_NOMEM, "annotations");
	for (size_t i = 0; i < map.n; i++)
		pairs[i] = (struct json_pair){ spec->annotations[i]->key,
			spec->annotations[i]->value };
	return runtime_config_annotate(c, &map);
}

static RESULT load_spec(const char *bundle, Oci__Spec **ret_spec)
{
	AUTO(buf_done) struct buf text = BUF_INIT(OCI_SPEC_MAX);
	AUTO(auto_free) char *path = NULL;

	TRY(path_join(bundle, "config.json", &path));
	TRY(file_read(path, &text));
	return oci_json_spec(buf_bytes(&text), ret_spec);
}

static RESULT load_config(struct shim *s, const char *path, const Oci__Spec *spec)
{
	if (s->configured)
		runtime_config_done(&s->config);
	s->configured = false;
	TRY(runtime_config_load(path ? path : s->c.config_path, s->c.handler, &s->config));
	s->configured = true;
	return annotate(&s->config, spec);
}

static RESULT make_sandbox(struct shim *s, const struct pod_plan *plan)
{
	AUTO(pb_free_any) Oci__Spec *spec = NULL;

	TRY(load_spec(plan->bundle, &spec));
	TRY(load_config(s, plan->config_path, spec));
	const char *netns = plan->netns ? plan->netns : spec_netns(spec);
	const struct sandbox_config c = {
		.loop = s->c.loop,
		.runtime = &s->config,
		.id = plan->id,
		.bundle = plan->bundle,
		.netns = netns && netns[0] ? netns : NULL,
		.new_netns = netns && !netns[0] && !s->planned,
		.gives_files = s->planned, /* containerd leaves them to the Sandbox API's pods */
		.progress = on_progress,
		.oom = on_oom,
		.died = on_died,
		.arg = s,
	};
	return sandbox_new(&c, &s->sandbox);
}

static RESULT start(struct shim *s, const struct pod_plan *plan)
{
	TRY(make_sandbox(s, plan));
	TRY(sandbox_start(s->sandbox)); /* pumps */
	return s->aborted ? err_new(ERR_STATE, "the start was given up") : OK;
}

RESULT pod_start(struct shim *s, const struct pod_plan *plan)
{
	struct err_saved saved;
	struct err e;

	s->pod = POD_STARTING;
	s->aborted = false;
	e = start(s, plan);
	if (!failed(e)) {
		s->pod = POD_RUNNING;
		s->pid = (uint32_t)sandbox_pid(s->sandbox);
		(void)clock_gettime(CLOCK_REALTIME, &s->created_at);
		log_info("running", "qemu=%u", s->pid);
		if (!sandbox_confined(s->sandbox))
			log_warn("devices not limited",
				"why=this host has no control groups for them");
		return OK;
	}
	err_save(e, &saved);
	sandbox_freep(&s->sandbox);
	s->pod = POD_NONE;
	if (s->aborted || s->shutting_down)
		pod_stop_soon(s);
	return err_restore(&saved);
}

RESULT pod_update_network(struct shim *s)
{
	struct err_saved why;

	if (s->pod != POD_RUNNING)
		return err_new(ERR_STATE, "the pod is not running");
	s->pod = POD_STARTING; /* who wants it stopped meanwhile aborts this */
	s->aborted = false;
	err_save(sandbox_network_update(s->sandbox), &why);
	s->pod = POD_RUNNING;
	if (why.code == ERR_OK && !s->aborted && !s->shutting_down)
		return OK;
	pod_stop_soon(s);
	/* To an engine this would be a container that is not there, and nothing to clean up. */
	if (why.code == ERR_NOT_FOUND)
		why.code = ERR_PEER;
	return why.code == ERR_OK ? err_new(ERR_STATE, "the start was given up")
				  : err_restore(&why);
}

void pod_abort(struct shim *s)
{
	if (s->pod != POD_STARTING)
		return;
	s->aborted = true;
	if (s->sandbox)
		sandbox_abort(s->sandbox);
}

/* ---- stop ---- */

static void cut_streams(struct shim *s)
{
	struct task *p, *exec;

	LIST_FOREACH(p, &s->containers, link)
	{
		LIST_FOREACH(exec, &p->execs, link)
		{
			if (exec->io)
				streams_cut(exec->io);
		}
		if (p->io)
			streams_cut(p->io);
	}
}

static void answer_all(struct waiter_list *list, size_t *n)
{
	struct ttrpc_call *call;

	while ((call = waiter_take(list, n)) != NULL)
		answer_empty(call);
}

static void finish(struct shim *s)
{
	sandbox_api_ended(s);
	answer_all(&s->stop_waiters, &s->n_stop_waiters);
	if (!s->shutting_down)
		return;
	answer_all(&s->shutdown_waiters, &s->n_shutdown_waiters);
	s->c.ended(s->c.arg);
}

static void stop_now(struct shim *s)
{
	if (s->pod == POD_RUNNING) {
		s->pod = POD_STOPPING;
		log_info("stopping", "qemu=%u", s->pid);
		cut_streams(s);		  /* their agent goes away */
		sandbox_stop(s->sandbox); /* pumps */
		s->pod = POD_STOPPED;
		(void)clock_gettime(CLOCK_REALTIME, &s->exited_at);
		exit_all(s, s->pod_status ? s->pod_status : SHIM_STATUS_KILLED);
		log_info("stopped", "qemu=%u", s->pid);
	}
	if (s->pod == POD_STOPPED || s->pod == POD_NONE)
		finish(s);
}

static void on_stop(void *arg)
{
	struct shim *s = arg;

	loop_remove(TAKE(s->stop_timer));
	stop_now(s);
}

void pod_stop_soon(struct shim *s)
{
	if (s->pod == POD_STARTING) {
		pod_abort(s); /* its end comes back here */
		return;
	}
	if (s->stop_timer || s->pod == POD_STOPPING)
		return;
	if (failed(loop_add_timer(s->c.loop, 0, 0, on_stop, s, &s->stop_timer)))
		stop_now(s);
}

void pod_shut_down(struct shim *s, struct ttrpc_call *call)
{
	struct err e = waiter_add(&s->shutdown_waiters, &s->n_shutdown_waiters, call);

	if (failed(e)) {
		ttrpc_fail(call, e);
		return;
	}
	s->shutting_down = true;
	pod_stop_soon(s);
}

/* ---- life ---- */

RESULT shim_new(const struct shim_config *c, struct shim **ret_shim)
{
	struct shim *s = calloc(1, sizeof(*s));

	if (!s)
		return err_new(ERR_NOMEM, "shim");
	s->c = *c;
	LIST_INIT(&s->containers);
	STAILQ_INIT(&s->pod_waiters);
	STAILQ_INIT(&s->stop_waiters);
	STAILQ_INIT(&s->shutdown_waiters);
	*ret_shim = s;
	return OK;
}

void shim_freep(struct shim **shim)
{
	struct shim *s = *shim;
	struct task *p;

	*shim = NULL;
	if (!s)
		return;
	if (s->sandbox) {
		s->pod = POD_STOPPING; /* as requests see it that come meanwhile */
		cut_streams(s);
		sandbox_stop(s->sandbox); /* pumps */
	}
	while ((p = LIST_FIRST(&s->containers)) != NULL)
		task_unlist(p);
	sandbox_freep(&s->sandbox);
	loop_remove(s->stop_timer);
	loop_remove(s->start_timer);
	loop_remove(s->network_timer);
	task_unrefp(&s->network_task);
	answer_all(&s->pod_waiters, &s->n_pod_waiters);
	answer_all(&s->stop_waiters, &s->n_stop_waiters);
	answer_all(&s->shutdown_waiters, &s->n_shutdown_waiters);
	pod_plan_done(&s->plan);
	if (s->configured)
		runtime_config_done(&s->config);
	free(s);
}
