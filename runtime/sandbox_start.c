#include "host_mount.h"
#include "message.h"
#include "sandbox_internal.h"

#include <poll.h>

#include <base/clock.h>
#include <base/file.h>
#include <net/netns.h>
#include <net/pb.h>
#include <net/transport.h>
#include <sys/stat.h>
#include <sys/vfs.h>

enum {
	ROUND_MS = 100,
	VSOCK_TRY_MS = 100,
	TICK_MS = 500,
	DEATH_NEWS_MS = 1000,
	SHORT_MS = 60 * 1000,
	OOM_PAUSE_MS = 50, /* doubled from one to the next, up to: */
	OOM_PAUSE_MAX_MS = 2000,
	RESOLV_MAX = 64 * 1024,
	RESOLV_LINES_MAX = 64,
	HOSTNAME_MAX = 64
};

#define SHM_SIZE (UINT64_C(64) * 1024 * 1024)

/* ---- news ---- */

static RESULT save_stage(struct sandbox *s)
{
	char *copy = NULL;

	TRY(str_dup(s->stage, &copy));
	free(s->pod.state.stage);
	s->pod.state.stage = copy;
	return pod_save(&s->pod);
}

void sandbox_stage(struct sandbox *s, const char *stage)
{
	bool news = s->stage != stage;

	s->stage = stage;
	if (news && s->pod_there)
		err_ignore(save_stage(s)); /* `pod ps` is a little behind then */
	if (!s->c.progress)
		return;
	s->progress.stage = stage;
	s->progress.elapsed_ms = clock_monotonic_ms() - s->began;
	s->c.progress(s->c.arg, &s->progress);
}

/* A stage is told when it has ended: what is under way is the one after it. */
static void on_stage(struct sandbox *s, const struct guest_event *e)
{
	if (s->initdata.n == 0)
		return; /* nothing is proven to anybody */
	for (int i = TIMELINE_AGENT; i + 1 < TIMELINE_COUNT && !s->running; i++) {
		if (str_equal(e->stage, timeline_name((enum timeline_stage)i)))
			sandbox_stage(s, timeline_name((enum timeline_stage)(i + 1)));
	}
}

static void on_event(void *arg, const struct guest_event *e)
{
	struct sandbox *s = arg;

	s->heard = clock_monotonic_ms();
	sandbox_timeline_event(s, e);
	if (e->kind == GUEST_STAGE)
		on_stage(s, e);
	if (e->kind != GUEST_PROGRESS)
		return;
	s->progress = (struct run_progress){ .stage = timeline_name(TIMELINE_PULL),
		.layer = e->layer,
		.layers = e->layers,
		.done = e->done,
		.total = e->total,
		.elapsed_ms = clock_monotonic_ms() - s->began };
	if (s->c.progress)
		s->c.progress(s->c.arg, &s->progress);
}

static void on_ended(void *arg)
{
	struct sandbox *s = arg;

	if (s->running && !s->stopping && !s->died && s->c.died) {
		s->died = true;
		s->c.died(s->c.arg, machine_death(&s->machine, s->stage));
	}
}

struct err sandbox_check(void *sandbox)
{
	struct sandbox *s = sandbox;
	uint64_t limit = s->c.runtime->timeout_s * 1000;

	if (s->machine.dead)
		return machine_death(&s->machine, s->stage);
	if (s->starting && s->aborted)
		return err_new(ERR_STATE, "aborted at stage '%s'", s->stage);
	if (s->starting && limit && clock_monotonic_ms() > s->heard + limit)
		return err_new(ERR_TIMEOUT, "nothing happened for %llu s at stage '%s'",
			(unsigned long long)s->c.runtime->timeout_s, s->stage);
	return OK;
}

/* The connection breaks before the news of the end is here. */
struct err sandbox_explain(struct sandbox *s, struct err e)
{
	struct pollfd p = { .fd = s->machine.vm.qemu.pidfd, .events = POLLIN };
	bool gone = s->machine.qmp.ended || !s->agent ||
		    ttrpc_client_is_gone(agent_client_ttrpc(s->agent));
	struct err_saved first;

	if (e.code != ERR_PEER || s->stopping || !gone)
		return e;
	err_save(e, &first);
	/* A guest may leave and stay alive: that is waited for once, not for each of its calls. */
	if (!s->machine.dead && p.fd >= 0 && poll(&p, 1, s->left ? 0 : DEATH_NEWS_MS) > 0)
		machine_settle(&s->machine);
	s->left = true;
	return s->machine.dead ? machine_death(&s->machine, s->stage) : err_restore(&first);
}

/* ---- launch ---- */

static RESULT describe(struct sandbox *s)
{
	char *platform = NULL, *container = NULL;

	TRY(str_dup(s->c.runtime->platform->name, &platform));
	free(s->pod.state.platform);
	s->pod.state.platform = platform;
	TRY(str_dup(s->id, &container));
	free(s->pod.state.container);
	s->pod.state.container = container;
	return s->netns ? str_dup(s->netns, &s->pod.state.netns) : OK;
}

static RESULT make_share(struct sandbox *s)
{
	if (!s->shared)
		return OK;
	TRY(path_join(s->pod.dir, "shared", &s->share_dir));
	TRY(dir_make(s->share_dir, 0755));
	return host_mount_shared(s->share_dir);
}

/* Where all files are the host's, the guest needs nothing to pull images with. */
static const char *choose_initrd(const struct sandbox *s)
{
	const struct runtime_config *c = s->c.runtime;

	return s->shared && c->initrd_open ? c->initrd_open : c->initrd;
}

static struct launch_from launch_from(const struct sandbox *s)
{
	const struct runtime_config *c = s->c.runtime;

	return (struct launch_from){
		.platform = c->platform,
		.kernel = c->kernel,
		.initrd = choose_initrd(s),
		.append = s->append,
		.firmware = c->firmware,
		.firmware_vars = c->firmware_vars,
		.state_dir = c->state_dir,
		.initdata = buf_bytes(&s->initdata),
	};
}

static RESULT make_launch(struct sandbox *s, struct vm_launch *l)
{
	const struct runtime_config *c = s->c.runtime;
	const struct launch_from from = launch_from(s);
	struct vm_protection protection = c->protection;
	enum vm_accel accel = VM_ACCEL_TCG;
	const char *why = NULL;

	TRY(vm_accel_choose(c->arch, c->accel ? c->accel : "auto", &accel, &why));
	TRY(launch_prepare(&from, s->pod.dir, &protection, &s->files));
	*l = (struct vm_launch){
		.platform = c->platform,
		.config = {
			.id = s->id,
			.arch = c->arch,
			.accel = accel,
			.memory_mib = s->size.memory_mib,
			.cpus = s->size.vcpus,
			.kernel = c->kernel,
			.initrd = choose_initrd(s),
			.append = s->files.append ? s->files.append : s->append,
			.firmware = c->firmware,
			.firmware_vars = s->files.vars,
			.protection = protection,
			.initdata = s->files.initdata,
			.share = s->share_dir,
			.hot_nics = sandbox_hot_nics(s),
			.scsi = true,
			.hugepages = c->hugepages,
			.disk_bytes_per_s = c->disk_bytes_per_s,
			.disk_ops_per_s = c->disk_ops_per_s,
		},
		.pod_dir = s->pod.dir,
		.ca_dir = s->files.ca,
		.virtiofsd = c->virtiofsd,
		.qemu_user = c->qemu_user,
	};
	return OK;
}

static RESULT record(struct sandbox *s)
{
	const struct {
		const char *name;
		pid_t pid;
	} programs[] = {
		{ "qemu", s->machine.vm.qemu.pid },
		{ "swtpm", s->machine.vm.tpm.pid },
		{ "virtiofsd", s->machine.vm.share.pid },
	};

	for (size_t i = 0; i < ARRAY_LEN(programs); i++) {
		if (programs[i].pid > 0)
			TRY(pod_state_add_process(
				&s->pod.state, programs[i].name, programs[i].pid));
	}
	return pod_save(&s->pod);
}

static void on_tick(void *arg)
{
	struct sandbox *s = arg;

	sandbox_op_tick(s);
}

/* QEMU is in the namespace that is the pod's. */
static RESULT start_vm(struct sandbox *s, struct vm_launch *l)
{
	AUTO(auto_close) int back = -1;
	struct err_saved why;
	int there = -1;

	if (s->netns_fd < 0)
		return vm_start(l, &s->machine.vm);
	TRY(netns_enter(s->netns_fd, &back));
	err_save(vm_start(l, &s->machine.vm), &why);
	TRY(netns_enter(back, &there));
	auto_close(&there);
	return why.code == ERR_OK ? OK : err_restore(&why);
}

static RESULT start_machine(struct sandbox *s, struct vm_launch *l)
{
	const struct machine_config c = {
		.loop = s->c.loop, .dir = s->pod.dir, .event = on_event, .ended = on_ended, .arg = s
	};

	TRY(machine_open_logs(&s->machine, &c));
	pod_network_nics(s->network, &l->config);
	TRY(start_vm(s, l));
	TRY(record(s));
	return machine_watch(&s->machine);
}

RESULT sandbox_launch(struct sandbox *s)
{
	const struct launch_from from = launch_from(s);
	struct vm_launch l = { 0 };

	TRY(launch_check(&from));
	/* An engine kills a clean-up that takes it too long; the id is free all the same. */
	(void)pod_reap_one(s->c.runtime->run_dir, s->id);
	TRY(pod_create(s->c.runtime->run_dir, s->id, &s->pod));
	s->pod_there = true;
	TRY(describe(s));
	sandbox_timeline_begin(s);
	TRY(sandbox_host_begin(s));
	TRY(pod_save(&s->pod));
	TRY(make_share(s));
	TRY(sandbox_network_begin(s));
	TRY(make_launch(s, &l));
	TRY(start_machine(s, &l));
	TRY(sandbox_host_started(s, &l));
	sandbox_timeline_launched(s);
	TRY(loop_add_timer(s->c.loop, TICK_MS, TICK_MS, on_tick, s, &s->ticks));
	sandbox_stage(s, timeline_name(s->c.runtime->platform->firmware ? TIMELINE_FIRMWARE
									: TIMELINE_KERNEL));
	s->heard = clock_monotonic_ms();
	s->pod_cid = l.config.guest_cid;
	return OK;
}

/* ---- the agent ---- */

static RESULT connect_vsock(struct sandbox *s, uint32_t cid, int *ret_fd)
{
	char address[64];

	(void)snprintf(address, sizeof(address), "vsock://%u:%d", cid, VM_VSOCK_PORT);
	while (failed(transport_connect(address, VSOCK_TRY_MS, ret_fd))) {
		TRY(loop_once(s->c.loop, ROUND_MS));
		TRY(sandbox_check(s));
	}
	return OK;
}

/* For `sealpod pod exec` and others. */
static RESULT serve_others(struct sandbox *s)
{
	AUTO(auto_free) char *address = NULL;
	AUTO(auto_close) int fd = -1;

	TRY(str_format(&address, "unix://%s/" POD_SOCKET, s->pod.dir));
	TRY(transport_listen(address, &fd));
	return ttrpc_proxy_new(s->c.loop, agent_client_ttrpc(s->agent), TAKE_FD(fd), &s->proxy);
}

RESULT sandbox_reach_agent(struct sandbox *s)
{
	struct agent_client_config c = {
		.loop = s->c.loop,
		.fd = -1,
		.watch = sandbox_check,
		.arg = s,
	};

	if (s->pod_cid)
		TRY(connect_vsock(s, s->pod_cid, &c.fd));
	else
		c.fd = TAKE_FD(s->machine.vm.agent_fd);
	TRY(agent_client_new(&c, &s->agent));
	TRY(agent_check(s->agent));
	s->heard = clock_monotonic_ms();
	return serve_others(s);
}

/* ---- CreateSandbox ---- */

/* Lines of the file that the engine mounts at /etc/resolv.conf. */
static RESULT add_dns(const Oci__Spec *spec, Agent__CreateSandboxRequest *r)
{
	AUTO(buf_done) struct buf text = BUF_INIT(RESOLV_MAX);
	const char *path = NULL;
	char *save = NULL;

	for (size_t i = 0; i < spec->n_mounts; i++) {
		if (str_equal(spec->mounts[i]->destination, "/etc/resolv.conf"))
			path = spec->mounts[i]->source;
	}
	if (!path || !file_exists(path))
		return OK;
	TRY(file_read(path, &text));
	AUTO(auto_free) char *lines = NULL;
	TRY(bytes_to_str(buf_bytes(&text), &lines));
	for (char *line = strtok_r(lines, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (r->n_dns == RESOLV_LINES_MAX)
			return err_new(ERR_LIMIT, "%s: more than %d lines", path, RESOLV_LINES_MAX);
		TRY(message_add_text(&r->dns, &r->n_dns, line));
	}
	return OK;
}

/* As large as the engine made it on the host. */
static uint64_t shm_size(const Oci__Spec *spec)
{
	uint64_t size = SHM_SIZE;
	struct statfs fs;

	for (size_t i = 0; i < spec->n_mounts; i++) {
		const Oci__Mount *m = spec->mounts[i];
		const char *text = volume_option(m, "size");

		if (!str_equal(m->destination, "/dev/shm"))
			continue;
		if (volume_is_bind(m)) {
			struct volume_facts f = volume_facts(m);
			size = f.tmpfs && f.fs_size ? f.fs_size : size;
		} else if (text) {
			char *end = NULL;
			unsigned long long v = strtoull(text, &end, 10);
			bool k = end && (*end == 'k' || *end == 'K');
			bool m_unit = end && (*end == 'm' || *end == 'M');
			v = k ? v << 10 : m_unit ? v << 20 : v;
			size = v ? v : size;
		}
	}
	(void)fs;
	return size;
}

static RESULT add_storages(struct sandbox *s, Agent__CreateSandboxRequest *r)
{
	static const char *const share_options[] = { "nodev" };
	AUTO(auto_free) char *size = NULL;
	const struct message_storage share = {
		.driver = "virtio-fs",
		.source = VM_SHARE_TAG,
		.fstype = "virtiofs",
		.mount_point = GUEST_SHARED "/",
		.options = share_options,
		.n_options = ARRAY_LEN(share_options),
	};

	TRY(str_format(&size, "size=%llu", (unsigned long long)shm_size(s->spec)));
	const char *const shm_options[] = { "noexec", "nosuid", "nodev", "mode=1777", size };
	const struct message_storage shm = {
		.driver = "ephemeral",
		.source = "shm",
		.fstype = "tmpfs",
		.mount_point = GUEST_SHM,
		.options = shm_options,
		.n_options = ARRAY_LEN(shm_options),
	};
	if (s->shared)
		TRY(message_add_storage(&r->storages, &r->n_storages, &share));
	return message_add_storage(&r->storages, &r->n_storages, &shm);
}

static RESULT create_sandbox(struct sandbox *s)
{
	AUTO(pb_free_any) Agent__CreateSandboxRequest *r = calloc(1, sizeof(*r));
	char hostname[HOSTNAME_MAX];

	if (!r)
		return err_new(ERR_NOMEM, "sandbox");
	agent__create_sandbox_request__init(r);
	(void)snprintf(
		hostname, sizeof(hostname), "%s", s->spec->hostname[0] ? s->spec->hostname : s->id);
	TRY(message_set(&r->hostname, hostname));
	TRY(message_set(&r->sandbox_id, s->id));
	TRY(add_dns(s->spec, r));
	TRY(add_storages(s, r));
	for (size_t i = 0; s->spec->linux_ && i < s->spec->linux_->n_namespaces; i++) {
		const Oci__LinuxNamespace *ns = s->spec->linux_->namespaces[i];
		if (str_equal(ns->type, "pid") && ns->path[0])
			r->sandbox_pidns = true;
	}
	const struct agent_call c = { .service = AGENT_SERVICE,
		.method = "CreateSandbox",
		.request = &r->base,
		.timeout_ms = SHORT_MS };
	return agent_call(s->agent, &c, NULL, NULL);
}

/* ---- out of memory ---- */

static void ask_oom(void *arg);

/* A guest that never stops telling is heard now and then. */
static void on_oom(void *arg, struct err e, struct bytes payload)
{
	struct sandbox *s = arg;
	AUTO(pb_free_any) Agent__OOMEvent *event = NULL;

	if (s->stopping || failed(e) || failed(PB_UNPACK(agent__oomevent, payload, &event)))
		return; /* an agent that does not know it, or the end, which others tell */
	if (s->c.oom)
		s->c.oom(s->c.arg, event->container_id);
	loop_remove(s->oom_pause);
	s->oom_pause = NULL;
	s->oom_pause_ms = s->oom_pause_ms ? 2 * s->oom_pause_ms : OOM_PAUSE_MS;
	if (s->oom_pause_ms > OOM_PAUSE_MAX_MS)
		s->oom_pause_ms = OOM_PAUSE_MAX_MS;
	err_ignore(loop_add_timer(s->c.loop, s->oom_pause_ms, 0, ask_oom, s, &s->oom_pause));
}

static void ask_oom(void *arg)
{
	Agent__GetOOMEventRequest r = AGENT__GET_OOMEVENT_REQUEST__INIT;
	const struct agent_call c = {
		.service = AGENT_SERVICE, .method = "GetOOMEvent", .request = &r.base
	};
	struct sandbox *s = arg;

	if (s->agent && !s->stopping)
		err_ignore(agent_call_start(s->agent, &c, on_oom, s)); /* no news, then */
}

RESULT sandbox_set_up(struct sandbox *s)
{
	TRY(pod_network_tell(s->network, s->agent));
	TRY(create_sandbox(s));
	ask_oom(s);
	return OK;
}
