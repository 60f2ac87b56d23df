#include "runtime/run.h"

#include "runtime/start_metrics.h"
#include "session.h"

#include <base/clock.h>
#include <base/file.h>
#include <net/transport.h>

enum {
	GUEST_MTU = 1500,
	DRAIN_MS = 5000,     /* output after the process has ended */
	POWER_OFF_MS = 5000, /* guest, before it is ended from here */
	ROUND_MS = 100,
	VSOCK_TRY_MS = 100,
	EXIT_SIGNAL = 128,
	EXIT_MASK = 0xff
};

void session_init(struct session *s, const struct run_config *c, struct run_result *r)
{
	*s = (struct session){
		.config = c,
		.result = r,
		.timeline = &r->record.t,
		.stage = timeline_name(TIMELINE_LAUNCH),
	};
	machine_init(&s->machine);
	timeline_begin(s->timeline, clock_monotonic_ms());
	s->deadline = s->timeline->begun + c->timeout_s * 1000;
}

void session_done(struct session *s)
{
	agent_stdio_freep(&s->stdio);
	ttrpc_proxy_freep(&s->proxy);
	agent_client_freep(&s->agent);
	machine_done(&s->machine);
	if (s->pod.dir)
		pod_remove(&s->pod);
	pod_done(&s->pod);
	launch_files_done(&s->files);
	loop_freep(&s->loop);
}

void run_result_done(struct run_result *r)
{
	timeline_record_done(&r->record);
	free(r->stdin_failure);
	*r = (struct run_result){ 0 };
}

static RESULT launch(struct session *s, uint32_t *ret_cid)
{
	struct vm_launch l = { 0 };

	TRY(session_prepare(s, &l));
	TRY(session_open_logs(s));
	TRY(vm_start(&l, &s->machine.vm));
	timeline_vm_started(s->timeline, clock_monotonic_ms());
	TRY(pod_state_add_process(&s->pod.state, "qemu", s->machine.vm.qemu.pid));
	if (s->machine.vm.tpm.pid > 0)
		TRY(pod_state_add_process(&s->pod.state, "swtpm", s->machine.vm.tpm.pid));
	session_stage(s,
		timeline_name(s->config->platform->firmware ? TIMELINE_FIRMWARE : TIMELINE_KERNEL));
	TRY(machine_watch(&s->machine));
	*ret_cid = l.config.guest_cid;
	return OK;
}

/* vsock has no connection before the agent listens. */
static RESULT connect_vsock(struct session *s, uint32_t cid, int *ret_fd)
{
	char address[64];

	(void)snprintf(address, sizeof(address), "vsock://%u:%d", cid, VM_VSOCK_PORT);
	while (failed(transport_connect(address, VSOCK_TRY_MS, ret_fd))) {
		TRY(loop_once(s->loop, ROUND_MS));
		TRY(session_check(s));
	}
	return OK;
}

static RESULT serve_others(struct session *s)
{
	AUTO(auto_free) char *path = NULL;
	AUTO(auto_free) char *address = NULL;
	AUTO(auto_close) int fd = -1;

	TRY(path_join(s->pod.dir, POD_SOCKET, &path));
	TRY(str_format(&address, "unix://%s", path));
	TRY(transport_listen(address, &fd));
	return ttrpc_proxy_new(s->loop, agent_client_ttrpc(s->agent), TAKE_FD(fd), &s->proxy);
}

static RESULT reach_agent(struct session *s, uint32_t cid)
{
	struct agent_client_config c = {
		.loop = s->loop,
		.fd = -1,
		.watch = session_check,
		.arg = s,
	};

	if (cid)
		TRY(connect_vsock(s, cid, &c.fd));
	else
		c.fd = TAKE_FD(s->machine.vm.agent_fd);
	TRY(agent_client_new(&c, &s->agent));
	TRY(agent_check(s->agent));
	return serve_others(s);
}

static RESULT set_up_sandbox(struct session *s)
{
	static char dns_address[] = "10.0.2.3";
	char *dns_list[] = { dns_address };
	const struct strv dns = { .v = dns_list, .n = s->config->net_user ? 1 : 0 };
	const struct agent_sandbox sandbox = {
		.id = s->pod.state.id,
		.hostname = s->pod.state.id,
		.dns = &dns,
	};
	/* QEMU's user-mode network. */
	const struct agent_network network = {
		.device = "eth0",
		.mac = VM_MAC,
		.address = "10.0.2.15",
		.mask = "24",
		.gateway = "10.0.2.2",
		.mtu = GUEST_MTU,
	};

	TRY(agent_create_sandbox(s->agent, &sandbox));
	return s->config->net_user ? agent_configure_network(s->agent, &network) : OK;
}

static RESULT start_container(struct session *s)
{
	const struct run_config *c = s->config;
	const struct agent_container container = {
		.id = s->pod.state.container,
		.name = c->container,
		.hostname = s->pod.state.id,
		.image = c->image,
		.process = { .argv = c->argv, .n_argv = c->n_argv, .env = c->env, .cwd = "" },
	};
	const struct agent_stdio_config io = {
		.container_id = s->pod.state.container,
		.exec_id = "",
		.stdin_fd = c->stdin_fd,
		.stdout_fd = c->stdout_fd,
		.stderr_fd = c->stderr_fd,
	};

	TRY(agent_create_container(s->agent, &container));
	session_stage(s, timeline_name(TIMELINE_START));
	TRY(agent_stdio_new(s->agent, &io, &s->stdio));
	TRY(agent_start_container(s->agent, s->pod.state.container));
	s->started = true;
	s->deadline = 0;
	timeline_ready(s->timeline, clock_monotonic_ms());
	err_ignore(start_metrics_add(s->config->state_dir, s->config->platform->name, s->timeline));
	session_stage(s, "running");
	return OK;
}

static RESULT wait_container(struct session *s)
{
	int status = 0;

	TRY(agent_wait_process(s->agent, s->pod.state.container, "", &status));
	s->result->record.ended = true;
	s->result->record.exit_status = (uint64_t)status & EXIT_MASK;
	agent_stdio_drain(s->stdio, DRAIN_MS);
	const char *failure = agent_stdio_stdin_failure(s->stdio);
	return failure ? str_dup(failure, &s->result->stdin_failure) : OK;
}

/* The guest powers itself off; a guest that does not is ended by session_done(). */
static void power_off(struct session *s)
{
	uint64_t end = clock_monotonic_ms() + POWER_OFF_MS;

	/* The answer gets lost when the guest is quick. */
	err_ignore(agent_destroy_sandbox(s->agent));
	while (!s->machine.dead && clock_monotonic_ms() < end) {
		if (failed(loop_once(s->loop, ROUND_MS)))
			return;
	}
}

static RESULT steps(struct session *s)
{
	uint32_t cid = 0;

	TRY(loop_new(&s->loop));
	TRY(session_signals(s));
	TRY(launch(s, &cid));
	TRY(reach_agent(s, cid));
	TRY(set_up_sandbox(s));
	TRY(start_container(s));
	return wait_container(s);
}

static RESULT keep_timeline(struct session *s)
{
	struct run_result *r = s->result;

	if (!r->record.id)
		return OK;
	return timeline_keep(s->config->state_dir, &r->record);
}

static struct err finish(struct session *s, struct err e)
{
	struct run_result *r = s->result;
	struct err_saved first;

	if (!failed(e)) {
		power_off(s);
		return keep_timeline(s);
	}
	err_save(session_explain(s, e), &first);
	r->interrupted = s->signo != 0;
	r->record.exit_status = s->signo ? (uint64_t)(EXIT_SIGNAL + s->signo)
					 : (uint64_t)err_exit_status(first.code);
	err_ignore(keep_timeline(s)); /* why it failed matters more */
	return err_restore(&first);
}

RESULT run_pod(const struct run_config *c, struct run_result *ret_result)
{
	struct session s;
	struct err_saved result;

	*ret_result = (struct run_result){ 0 };
	session_init(&s, c, ret_result);
	err_save(finish(&s, steps(&s)), &result);
	session_done(&s); /* fails the calls under way, which must not be what is told */
	return err_restore(&result);
}
