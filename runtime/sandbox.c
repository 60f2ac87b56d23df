#include "sandbox_container.h"
#include "sandbox_spec.h"

#include <base/clock.h>
#include <base/file.h>
#include <measured-boot/cmdline.h>
#include <measured-boot/initdata.h>
#include <net/pb.h>

enum {
	POWER_OFF_MS = 8000, /* the guest, before it is ended from here */
	ROUND_MS = 50
};

/* ---- before the machine ---- */

static RESULT read_spec(const char *bundle, Oci__Spec **ret_spec)
{
	AUTO(buf_done) struct buf text = BUF_INIT(OCI_SPEC_MAX);
	AUTO(auto_free) char *path = NULL;

	TRY(path_join(bundle, "config.json", &path));
	TRY(file_read(path, &text));
	struct err e = oci_json_spec(buf_bytes(&text), ret_spec);
	return failed(e) ? err_add(e, "%s", bundle) : OK;
}

static bool may_annotate(const struct runtime_config *c, const char *name)
{
	for (size_t i = 0; i < c->annotations.n; i++) {
		if (str_equal(c->annotations.v[i], name))
			return true;
	}
	return false;
}

/* The pod's own, else the handler's. */
static RESULT read_initdata(struct sandbox *s)
{
	const struct runtime_config *c = s->c.runtime;
	const char *text = oci_annotation(s->spec, ANNOTATION_INITDATA);
	AUTO(buf_done) struct buf file = BUF_INIT(2 * INITDATA_MAX);
	struct err e = OK;

	s->initdata = BUF_INIT(INITDATA_MAX);
	if (text) {
		if (!may_annotate(c, "cc_init_data"))
			return err_deny(ERR_DENIED, "config.annotation", ANNOTATION_INITDATA,
				"cc_init_data among `annotations` of the handler", "not there");
		e = initdata_annotation_parse(bytes_str(text), &s->initdata);
		return failed(e) ? err_add(e, "annotation %s", ANNOTATION_INITDATA) : OK;
	}
	if (!c->initdata)
		return OK;
	TRY(file_read(c->initdata, &file));
	e = initdata_any_parse(buf_bytes(&file), &s->initdata);
	return failed(e) ? err_add(e, "initdata %s", c->initdata) : OK;
}

/* A machine without any TEE and without initdata runs what it is told. */
static bool is_open(const struct sandbox *s)
{
	return s->c.runtime->platform == &vm_none && s->initdata.n == 0;
}

static RESULT choose_append(struct sandbox *s)
{
	const struct runtime_config *c = s->c.runtime;
	const struct vm_arch_info *arch = vm_arch_info(c->arch);
	const char *append = c->debug ? arch->append_debug : arch->append;
	const char *word = is_open(s) && !c->cmdline ? " " LINUX_CMDLINE_OPEN_WORD : "";
	/* A measured command line is one of those that are shipped. */
	const char *more = c->platform == &vm_none && c->kernel_params ? c->kernel_params : "";

	return str_format(&s->append, "%s%s%s%s", c->cmdline ? c->cmdline : append, word,
		more[0] ? " " : "", more);
}

static RESULT copy_texts(struct sandbox *s, const struct sandbox_config *c)
{
	TRY(str_dup(c->id, &s->id));
	TRY(str_dup(c->bundle, &s->bundle));
	if (c->netns)
		TRY(str_dup(c->netns, &s->netns));
	s->c = *c;
	s->c.id = s->id;
	s->c.bundle = s->bundle;
	s->c.netns = s->netns;
	return OK;
}

RESULT sandbox_new(const struct sandbox_config *c, struct sandbox **ret_sandbox)
{
	AUTO(sandbox_freep) struct sandbox *s = calloc(1, sizeof(*s));
	const char *sandbox_id = NULL;

	if (!s)
		return err_new(ERR_NOMEM, "sandbox");
	s->netns_fd = -1;
	machine_init(&s->machine);
	s->stage = timeline_name(TIMELINE_LAUNCH);
	TRY(pod_name_check(c->id));
	TRY(copy_texts(s, c));
	TRY(read_spec(c->bundle, &s->spec));
	s->role = oci_role(s->spec, &sandbox_id);
	TRY(sandbox_size(s->spec, c->runtime, &s->size));
	TRY(read_initdata(s));
	s->shared = is_open(s) && c->runtime->shared_fs == SHARED_FS_VIRTIOFS;
	TRY(choose_append(s));
	*ret_sandbox = TAKE(s);
	return OK;
}

/* ---- life ---- */

static RESULT steps(struct sandbox *s)
{
	TRY(sandbox_launch(s));
	TRY(sandbox_reach_agent(s));
	return sandbox_set_up(s);
}

/* Ends the machine and what belongs to it; what waits is told. */
static void end(struct sandbox *s)
{
	s->stopping = true;
	loop_remove(s->ticks);
	s->ticks = NULL;
	loop_remove(s->oom_pause);
	s->oom_pause = NULL;
	ttrpc_proxy_freep(&s->proxy);
	agent_client_freep(&s->agent); /* answers every call with ERR_PEER */
	machine_done(&s->machine);
	machine_init(&s->machine);
	while (s->boxes)
		sandbox_box_free(s, s->boxes);
	sandbox_disks_free(s);
	pod_network_freep(&s->network);
	auto_close(&s->netns_fd);
	s->netns_fd = -1;
	sandbox_host_end(s);
	for (size_t i = 0; i < s->pod.state.files.n; i++)
		(void)unlink(s->pod.state.files.v[i]);
	sandbox_timeline_end(s);
	if (s->pod_there)
		pod_remove(&s->pod);
	pod_done(&s->pod);
	s->pod_there = false;
	launch_files_done(&s->files);
	free(s->share_dir);
	s->share_dir = NULL;
	s->running = false;
}

RESULT sandbox_start(struct sandbox *s)
{
	struct err_saved why;

	if (s->running || s->starting || s->stopping)
		return err_new(ERR_STATE, "sandbox %s was started before", s->id);
	s->starting = true;
	s->began = s->heard = clock_monotonic_ms();
	struct err e = steps(s);
	s->starting = false;
	if (!failed(e)) {
		s->running = true;
		sandbox_stage(s, "running");
		return OK;
	}
	err_save(sandbox_explain(s, e), &why);
	end(s); /* fails the calls under way, which must not be what is told */
	return err_add(err_restore(&why), "starting sandbox %s", s->id);
}

void sandbox_abort(struct sandbox *s)
{
	s->aborted = true;
}

/* A guest that answers has written everything and is ended; one that does not may be so quick in
 * powering itself off that the answer is lost. */
static void power_off(struct sandbox *s)
{
	uint64_t until = clock_monotonic_ms() + POWER_OFF_MS;

	if (!s->machine.dead && !failed(agent_destroy_sandbox(s->agent)))
		return;
	while (!s->machine.dead && clock_monotonic_ms() < until) {
		if (failed(loop_once(s->c.loop, ROUND_MS)))
			return;
	}
}

void sandbox_stop(struct sandbox *s)
{
	if (s->stopping)
		return;
	s->stopping = true;
	if (s->agent)
		power_off(s);
	end(s);
}

void sandbox_freep(struct sandbox **sandbox)
{
	struct sandbox *s = *sandbox;

	*sandbox = NULL;
	if (!s)
		return;
	sandbox_stop(s);
	machine_done(&s->machine);
	if (s->spec)
		pb_free(&s->spec->base);
	buf_done(&s->initdata);
	free(s->id);
	free(s->bundle);
	free(s->netns);
	free(s->append);
	free(s);
}

pid_t sandbox_pid(const struct sandbox *s)
{
	return s->machine.vm.qemu.pid > 0 ? s->machine.vm.qemu.pid : 0;
}

void sandbox_host_stats(const struct sandbox *s, struct pod_host_stats *ret_stats)
{
	pod_host_stats_read(&s->pod.state, ret_stats);
}

struct agent_client *sandbox_agent(struct sandbox *s)
{
	return s->agent;
}
