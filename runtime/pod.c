#include "runtime/pod.h"

#include "pod_dir.h"
#include "pod_mounts.h"
#include "vm_user.h"

#include <errno.h>
#include <signal.h>

#include <base/clock.h>
#include <base/file.h>
#include <base/random.h>
#include <sys/stat.h>

enum {
	REMOVE_TRIES = 10,
	REMOVE_PAUSE_US = 20 * 1000,
	NAME_TRIES = 64
};

static RESULT random_name(char *to, size_t size)
{
	static const char *const first[] = { "amber", "azure", "bold", "brave", "brisk", "calm",
		"clear", "clever", "cool", "coral", "eager", "early", "fair", "fleet", "fresh",
		"gentle", "glad", "golden", "green", "happy", "keen", "kind", "light", "lively",
		"lucky", "mild", "noble", "quick", "quiet", "rapid", "silver", "warm" };
	static const char *const second[] = { "ant", "badger", "bear", "beaver", "bee", "cat",
		"crane", "deer", "dolphin", "dove", "eagle", "falcon", "finch", "fox", "gull",
		"hare", "heron", "horse", "ibex", "lark", "lion", "lynx", "mole", "otter", "owl",
		"robin", "seal", "stork", "swan", "tern", "trout", "wren" };
	uint8_t r[2];

	TRY(random_fill(r, sizeof(r)));
	(void)snprintf(to, size, "%s-%s", first[r[0] % ARRAY_LEN(first)],
		second[r[1] % ARRAY_LEN(second)]);
	return OK;
}

RESULT pod_boot_id(char **ret_id)
{
	AUTO(buf_done) struct buf b = BUF_INIT(128);

	TRY(file_read("/proc/sys/kernel/random/boot_id", &b));
	while (b.n > 0 && b.p[b.n - 1] == '\n')
		b.n--;
	return bytes_to_str(buf_bytes(&b), ret_id);
}

RESULT path_absolute(const char *path, char **ret_path)
{
	AUTO(auto_free) char *cwd = NULL;

	if (path[0] == '/')
		return str_dup(path, ret_path);
	cwd = getcwd(NULL, 0);
	if (!cwd)
		return err_new(ERR_SYS, "current directory");
	return path_join(cwd, path, ret_path);
}

RESULT pod_pods_dir(const char *run_dir, char **ret_path)
{
	AUTO(auto_free) char *absolute = NULL;

	TRY(path_absolute(run_dir, &absolute));
	return path_join(absolute, "pods", ret_path);
}

static RESULT own(struct pod_state *s)
{
	AUTO(auto_free) char *name = NULL;
	uint64_t start = 0;

	TRY(pod_process_start_time((uint64_t)getpid(), &start));
	TRY(str_dup("owner", &name));
	s->owner = (struct pod_process){
		.name = TAKE(name), .pid = (uint64_t)getpid(), .start = start
	};
	s->version = 1;
	s->created = (uint64_t)clock_now();
	TRY(str_dup("", &s->image));
	TRY(str_dup("", &s->platform));
	TRY(str_dup("", &s->container));
	TRY(str_dup("launch", &s->stage));
	return pod_boot_id(&s->boot_id);
}

/* The directory appears under its name together with its state.json, so that nobody takes it for
 * the remains of a pod. The hidden name tells its owner meanwhile. */
static RESULT publish(const char *pods, struct pod *p)
{
	AUTO(auto_free) char *fresh = NULL;
	AUTO(auto_free) char *final = NULL;
	AUTO(auto_free) char *hidden = NULL;

	TRY(str_format(&hidden, POD_HIDDEN "%llu.%llu", (unsigned long long)p->state.owner.pid,
		(unsigned long long)p->state.owner.start));
	TRY(path_join(pods, hidden, &fresh));
	TRY(path_join(pods, p->state.id, &final));
	TRY(dir_make(fresh, 0700));
	p->dir = TAKE(fresh);
	TRY(pod_save(p));
	if (rename(p->dir, final) < 0)
		return err_new(errno == ENOTEMPTY || errno == EEXIST ? ERR_STATE : ERR_SYS,
			"pod '%s' %s", p->state.id,
			errno == ENOTEMPTY || errno == EEXIST ? "runs already" : "directory");
	free(p->dir);
	p->dir = TAKE(final);
	return OK;
}

static RESULT create_as(const char *pods, const char *name, struct pod *ret_pod)
{
	AUTO(pod_done) struct pod p = { 0 };

	TRY(own(&p.state));
	TRY(str_dup(name, &p.state.id));
	struct err e = publish(pods, &p);
	if (failed(e)) {
		if (p.dir)
			err_ignore(dir_remove_tree(p.dir)); /* the first failure counts */
		return e;
	}
	*ret_pod = p;
	p = (struct pod){ 0 };
	return OK;
}

RESULT pod_create(const char *run_dir, const char *name, struct pod *ret_pod)
{
	AUTO(auto_free) char *pods = NULL;
	char random[POD_NAME_MAX + 1];
	struct err e = OK;

	TRY(pod_pods_dir(run_dir, &pods));
	TRY(dir_make(pods, 0700));
	if (name) {
		TRY(pod_name_check(name));
		return create_as(pods, name, ret_pod);
	}
	for (int i = 0; i < NAME_TRIES; i++) {
		TRY(random_name(random, sizeof(random)));
		e = create_as(pods, random, ret_pod);
		if (e.code != ERR_STATE)
			return e;
	}
	return e;
}

RESULT pod_save(const struct pod *p)
{
	AUTO(buf_done) struct buf text = BUF_INIT(POD_STATE_MAX);
	AUTO(auto_free) char *path = NULL;

	TRY(pod_state_print(&p->state, &text));
	TRY(path_join(p->dir, POD_STATE, &path));
	return file_write_atomic(path, buf_bytes(&text), 0600);
}

RESULT pod_load(const char *run_dir, const char *id, struct pod *ret_pod)
{
	AUTO(pod_done) struct pod p = { 0 };
	AUTO(buf_done) struct buf text = BUF_INIT(POD_STATE_MAX);
	AUTO(auto_free) char *pods = NULL;
	AUTO(auto_free) char *path = NULL;

	TRY(pod_name_check(id));
	TRY(pod_pods_dir(run_dir, &pods));
	TRY(path_join(pods, id, &p.dir));
	TRY(path_join(p.dir, POD_STATE, &path));
	if (!file_exists(path))
		return err_new(ERR_NOT_FOUND, "no pod '%s' runs here", id);
	TRY(file_read(path, &text));
	struct err e = pod_state_parse(buf_bytes(&text), &p.state);
	if (failed(e))
		return err_add(e, "%s", path);
	*ret_pod = p;
	p = (struct pod){ 0 };
	return OK;
}

void pod_remove(struct pod *p)
{
	AUTO(auto_free) char *boot_id = NULL;
	const struct pod_process *v = p->state.processes.items;

	/* Without the id nothing is killed here; pod_kill_users() still finds ours. */
	err_ignore(pod_boot_id(&boot_id));
	for (size_t i = 0; i < p->state.processes.n; i++) {
		if (boot_id && str_equal(boot_id, p->state.boot_id))
			pod_process_kill(&v[i], SIGKILL);
	}
	pod_kill_users(p->dir);
	vm_users_tidy(VM_USERS_DIR);
	/* What stays is for the next command's reaper; what is mounted is never removed. An owner
	 * that is just being killed may still write, hence more than once. */
	for (int i = 0; i < REMOVE_TRIES && !failed(pod_unmount_below(p->dir)); i++) {
		if (!failed(dir_remove_tree(p->dir)))
			return;
		(void)usleep(REMOVE_PAUSE_US);
	}
}

void pod_done(struct pod *p)
{
	pod_state_done(&p->state);
	free(p->dir);
	p->dir = NULL;
}
