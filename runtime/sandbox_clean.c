#include "host_mount.h"
#include "pod_dir.h"
#include "runtime/host_cgroup.h"
#include "runtime/pod.h"
#include "runtime/pod_network.h"
#include "runtime/sandbox.h"

#include <signal.h>

#include <base/file.h>

enum {
	OWNER_TRIES = 50,
	OWNER_PAUSE_US = 20 * 1000
};

static bool same_boot(const struct pod_state *s)
{
	AUTO(auto_free) char *boot_id = NULL;

	return !failed(pod_boot_id(&boot_id)) && str_equal(boot_id, s->boot_id);
}

static void end_owner(const struct pod_state *s)
{
	if (s->owner.pid == (uint64_t)getpid() || !same_boot(s))
		return;
	pod_process_kill(&s->owner, SIGKILL);
	/* What it was about to write would be what stays. */
	for (int i = 0; i < OWNER_TRIES && pod_process_alive(&s->owner); i++)
		(void)usleep(OWNER_PAUSE_US);
}

/* Its processes have to end first, and they end with their owner. */
static void clean_groups(const struct pod_state *s)
{
	const struct host_cgroup_spec spec = { .path = s->cgroup, .id = s->id };
	const struct pod_process *p = s->processes.items;

	if (!s->cgroup)
		return;
	for (size_t i = 0; i < s->processes.n && same_boot(s); i++)
		pod_process_kill(&p[i], SIGKILL);
	host_cgroup_clean(&spec);
}

/* Without a readable state.json the directory's name is all that is known. */
static RESULT clean_unknown(const char *run_dir, const char *id)
{
	AUTO(pod_done) struct pod p = { 0 };
	AUTO(auto_free) char *pods = NULL;

	TRY(pod_pods_dir(run_dir, &pods));
	TRY(path_join(pods, id, &p.dir));
	if (!file_exists(p.dir))
		return OK;
	pod_remove(&p);
	return file_exists(p.dir) ? err_new(ERR_STATE, "%s cannot be removed", p.dir) : OK;
}

RESULT sandbox_clean(const char *run_dir, const char *id)
{
	AUTO(pod_done) struct pod p = { 0 };

	TRY(pod_name_check(id));
	if (failed(pod_load(run_dir, id, &p)))
		return clean_unknown(run_dir, id);
	end_owner(&p.state);
	if (p.state.netns && file_exists(p.state.netns))
		err_ignore(pod_network_clean(p.state.netns)); /* taps die with QEMU in any case */
	for (size_t i = 0; i < p.state.files.n; i++)
		(void)unlink(p.state.files.v[i]);
	clean_groups(&p.state);
	pod_remove(&p);
	if (file_exists(p.dir))
		return err_new(
			ERR_STATE, "%s cannot be removed: something is mounted there", p.dir);
	return OK;
}
