/* containerd.runtime.sandbox.v1.Sandbox: a pod without a placeholder container. */
#include "flags.h"
#include "host_usage.h"
#include "metrics.h"
#include "pod_config.h"
#include "shim.h"

#include <sandbox.pb-c.h>

#include <base/file.h>
#include <net/pb.h>

#define LOG_MODULE "pod"
#include <base/log.h>

static RESULT check_id(const struct shim *s, const char *id)
{
	if (!s->planned || !str_equal(s->plan.id, id))
		return err_new(ERR_NOT_FOUND, "sandbox %.80s does not exist", id);
	return OK;
}

/* ---- CreateSandbox ---- */

static RESULT check_create(const struct shim *s, const Sandbox__CreateSandboxRequest *q)
{
	TRY(shim_id_check(q->sandbox_id, "sandbox id"));
	if (q->bundle_path[0] != '/')
		return err_new(ERR_FORMAT, "bundle_path '%.80s' is not absolute", q->bundle_path);
	if (q->options && !str_ends(q->options->type_url, POD_CONFIG_TYPE))
		return err_new(ERR_FORMAT, "options: type '%.80s', expected " POD_CONFIG_TYPE,
			q->options->type_url);
	if (s->pod != POD_NONE || s->n_containers > 0 || s->shutting_down)
		return err_new(ERR_STATE, "the pod is there already");
	return OK;
}

/* An engine that made an OCI specification knows better. */
static RESULT write_config(const Sandbox__CreateSandboxRequest *q)
{
	AUTO(auto_free) struct json_pair *pairs = calloc(q->n_annotations + 1, sizeof(*pairs));
	AUTO(auto_free) char *path = NULL;
	struct json_map map = { .v = pairs, .n = q->n_annotations };
	struct bytes options = BYTES_NONE;

	if (!pairs)
		return err_new(ERR_NOMEM, "annotations");
	TRY(path_join(q->bundle_path, "config.json", &path));
	if (file_exists(path))
		return OK;
	for (size_t i = 0; i < map.n; i++)
		pairs[i] = (struct json_pair){ q->annotations[i]->key, q->annotations[i]->value };
	if (q->options)
		options = bytes_of(q->options->value.data, q->options->value.len);
	return pod_config_write(&(struct pod_config){ .id = q->sandbox_id,
					.netns = q->netns_path,
					.annotations = &map,
					.options = options },
		q->bundle_path);
}

static RESULT create(struct shim *s, struct bytes payload, bool *ret_exists)
{
	AUTO(pb_free_any) Sandbox__CreateSandboxRequest *q = NULL;
	AUTO(pod_plan_done) struct pod_plan plan = { 0 };

	*ret_exists = s->planned;
	if (s->planned)
		return OK;
	TRY(PB_UNPACK(sandbox__create_sandbox_request, payload, &q));
	TRY(check_create(s, q));
	TRY(str_dup(q->sandbox_id, &plan.id));
	TRY(str_dup(q->bundle_path, &plan.bundle));
	if (q->netns_path[0])
		TRY(str_dup(q->netns_path, &plan.netns));
	TRY(write_config(q));
	s->plan = plan;
	plan = (struct pod_plan){ 0 };
	s->planned = true;
	return OK;
}

void sandbox_api_create(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	bool exists;
	struct err e = create(arg, payload, &exists);

	if (!failed(e) && exists)
		ttrpc_fail_as(call, TTRPC_ALREADY_EXISTS, "the sandbox exists already");
	else
		answer_result(call, e);
}

/* ---- StartSandbox ---- */

static void on_start(void *arg)
{
	struct shim *s = arg;
	Sandbox__StartSandboxResponse r = SANDBOX__START_SANDBOX_RESPONSE__INIT;
	struct err e;

	loop_remove(TAKE(s->start_timer));
	e = pod_start(s, &s->plan); /* pumps */
	if (failed(e)) {
		log_failure(LOG_MODULE, "start", e);
		ttrpc_fail(TAKE(s->start_call), e);
		return;
	}
	Pb__Timestamp at = timestamp_of(&s->created_at);
	r.pid = s->pid;
	r.created_at = &at;
	answer(TAKE(s->start_call), &r.base);
}

static RESULT start(struct shim *s, struct bytes payload, struct ttrpc_call *call)
{
	AUTO(pb_free_any) Sandbox__StartSandboxRequest *q = NULL;

	TRY(PB_UNPACK(sandbox__start_sandbox_request, payload, &q));
	TRY(check_id(s, q->sandbox_id));
	if (s->pod != POD_NONE || s->start_call || s->shutting_down)
		return err_new(ERR_STATE, "the sandbox was started already");
	TRY(loop_add_timer(s->c.loop, 0, 0, on_start, s, &s->start_timer));
	s->start_call = call;
	return OK;
}

void sandbox_api_start(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	struct err e = start(arg, payload, call);

	if (failed(e))
		ttrpc_fail(call, e);
}

/* ---- Platform ---- */

static const char *go_arch(void)
{
#if defined(__x86_64__)
	return "amd64";
#elif defined(__aarch64__)
	return "arm64";
#elif defined(__s390x__)
	return "s390x";
#else
#error "name of this architecture in Go"
#endif
}

static RESULT platform(struct shim *s, struct bytes payload, struct ttrpc_call *call)
{
	AUTO(pb_free_any) Sandbox__PlatformRequest *q = NULL;
	Sandbox__PlatformResponse r = SANDBOX__PLATFORM_RESPONSE__INIT;
	Containerd__Platform p = CONTAINERD__PLATFORM__INIT;

	TRY(PB_UNPACK(sandbox__platform_request, payload, &q));
	TRY(check_id(s, q->sandbox_id));
	p.os = text_of("linux");
	p.architecture = text_of(go_arch());
	r.platform = &p;
	answer(call, &r.base);
	return OK;
}

void sandbox_api_platform(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	struct err e = platform(arg, payload, call);

	if (failed(e))
		ttrpc_fail(call, e);
}

/* ---- StopSandbox, ShutdownSandbox ---- */

static RESULT stop(struct shim *s, struct bytes payload, struct ttrpc_call *call)
{
	AUTO(pb_free_any) Sandbox__StopSandboxRequest *q = NULL;

	TRY(PB_UNPACK(sandbox__stop_sandbox_request, payload, &q));
	TRY(check_id(s, q->sandbox_id));
	TRY(waiter_add(&s->stop_waiters, &s->n_stop_waiters, call));
	pod_stop_soon(s);
	return OK;
}

void sandbox_api_stop(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	struct err e = stop(arg, payload, call);

	if (failed(e))
		ttrpc_fail(call, e);
}

void sandbox_api_shutdown(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	AUTO(pb_free_any) Sandbox__ShutdownSandboxRequest *q = NULL;
	struct err e = PB_UNPACK(sandbox__shutdown_sandbox_request, payload, &q);

	if (failed(e))
		ttrpc_fail(call, e);
	else
		pod_shut_down(arg, call);
}

/* ---- WaitSandbox ---- */

static void answer_wait(const struct shim *s, struct ttrpc_call *call)
{
	Sandbox__WaitSandboxResponse r = SANDBOX__WAIT_SANDBOX_RESPONSE__INIT;
	Pb__Timestamp at = timestamp_of(&s->exited_at);

	r.exit_status = (uint32_t)s->pod_status;
	r.exited_at = &at;
	answer(call, &r.base);
}

void sandbox_api_ended(struct shim *s)
{
	struct ttrpc_call *call;

	if (s->exited_at.tv_sec == 0)
		(void)clock_gettime(CLOCK_REALTIME, &s->exited_at);
	while ((call = waiter_take(&s->pod_waiters, &s->n_pod_waiters)) != NULL)
		answer_wait(s, call);
}

static RESULT wait_for(struct shim *s, struct bytes payload, struct ttrpc_call *call)
{
	AUTO(pb_free_any) Sandbox__WaitSandboxRequest *q = NULL;

	TRY(PB_UNPACK(sandbox__wait_sandbox_request, payload, &q));
	TRY(check_id(s, q->sandbox_id));
	if (s->pod != POD_STOPPED)
		return waiter_add(&s->pod_waiters, &s->n_pod_waiters, call);
	answer_wait(s, call);
	return OK;
}

void sandbox_api_wait(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	struct err e = wait_for(arg, payload, call);

	if (failed(e))
		ttrpc_fail(call, e);
}

/* ---- SandboxStatus, PingSandbox ---- */

static RESULT status(struct shim *s, struct bytes payload, struct ttrpc_call *call)
{
	AUTO(pb_free_any) Sandbox__SandboxStatusRequest *q = NULL;
	Sandbox__SandboxStatusResponse r = SANDBOX__SANDBOX_STATUS_RESPONSE__INIT;
	Sandbox__SandboxStatusResponse__InfoEntry handler =
		SANDBOX__SANDBOX_STATUS_RESPONSE__INFO_ENTRY__INIT;
	Sandbox__SandboxStatusResponse__InfoEntry *info[] = { &handler };
	Pb__Timestamp created, exited;

	TRY(PB_UNPACK(sandbox__sandbox_status_request, payload, &q));
	TRY(check_id(s, q->sandbox_id));
	r.sandbox_id = s->plan.id;
	r.pid = s->pid;
	r.state = text_of(s->pod == POD_RUNNING ? "SANDBOX_READY" : "SANDBOX_NOTREADY");
	created = timestamp_of(&s->created_at);
	exited = timestamp_of(&s->exited_at);
	if (s->created_at.tv_sec)
		r.created_at = &created;
	if (s->pod == POD_STOPPED)
		r.exited_at = &exited;
	handler.key = text_of("handler");
	handler.value = text_of(s->c.handler);
	r.info = info;
	r.n_info = q->verbose ? 1 : 0;
	answer(call, &r.base);
	return OK;
}

void sandbox_api_status(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	struct err e = status(arg, payload, call);

	if (failed(e))
		ttrpc_fail(call, e);
}

void sandbox_api_ping(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	AUTO(pb_free_any) Sandbox__PingRequest *q = NULL;
	struct err e = PB_UNPACK(sandbox__ping_request, payload, &q);

	answer_result(call, failed(e) ? e : check_id(arg, q->sandbox_id));
}

/* ---- SandboxMetrics: what the whole machine costs this host ---- */

static RESULT metrics(struct shim *s, struct bytes payload, struct ttrpc_call *call)
{
	AUTO(pb_free_any) Sandbox__SandboxMetricsRequest *q = NULL;
	AUTO(buf_done) struct buf value = BUF_INIT(METRICS_MAX);
	Sandbox__SandboxMetricsResponse r = SANDBOX__SANDBOX_METRICS_RESPONSE__INIT;
	Containerd__Metric m = CONTAINERD__METRIC__INIT;
	Pb__Any any = PB__ANY__INIT;
	struct pod_host_stats host;
	struct timespec now;
	bool v2 = metrics_host_is_v2();

	TRY(PB_UNPACK(sandbox__sandbox_metrics_request, payload, &q));
	TRY(check_id(s, q->sandbox_id));
	if (s->pod != POD_RUNNING)
		return err_new(ERR_STATE, "the sandbox is not running");
	sandbox_host_stats(s->sandbox, &host);
	TRY(host_usage_pack(&host, v2, &value));
	(void)clock_gettime(CLOCK_REALTIME, &now);
	Pb__Timestamp at = timestamp_of(&now);
	any.type_url = text_of(v2 ? METRICS_V2 : METRICS_V1);
	any.value.data = value.p;
	any.value.len = value.n;
	m.timestamp = &at;
	m.id = s->plan.id;
	m.data = &any;
	r.metrics = &m;
	answer(call, &r.base);
	return OK;
}

void sandbox_api_metrics(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	struct err e = metrics(arg, payload, call);

	if (failed(e))
		ttrpc_fail(call, e);
}
