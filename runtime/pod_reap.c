#include "pod_dir.h"
#include "pod_mounts.h"
#include "runtime/pod.h"
#include "runtime/sandbox.h"

#include <dirent.h>
#include <limits.h>
#include <signal.h>

#include <base/file.h>

enum {
	CMDLINE_MAX = 256 * 1024,
	POD_ENTRIES_MAX = 4096
};

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names in a directory, sorted; an absent one is empty. */
static RESULT entries(const char *dir, struct strv *ret_names)
{
	AUTO(strv_done) struct strv names = { 0 };
	AUTO(auto_closedir) DIR *d = opendir(dir);
	struct dirent *e;

	while (d && (e = readdir(d))) { /* NOLINT(concurrency-mt-unsafe): one thread */
		if (str_equal(e->d_name, ".") || str_equal(e->d_name, ".."))
			continue;
		if (names.n == POD_ENTRIES_MAX)
			return err_new(ERR_LIMIT, "%s: too many entries", dir);
		TRY(strv_add(&names, e->d_name));
	}
	if (names.n > 1)
		qsort(names.v, names.n, sizeof(*names.v), compare_names);
	*ret_names = names;
	names = (struct strv){ 0 };
	return OK;
}

RESULT pod_list(const char *run_dir, struct strv *ret_ids)
{
	AUTO(strv_done) struct strv all = { 0 };
	AUTO(strv_done) struct strv ids = { 0 };
	AUTO(auto_free) char *pods = NULL;

	TRY(pod_pods_dir(run_dir, &pods));
	TRY(entries(pods, &all));
	for (size_t i = 0; i < all.n; i++) {
		if (!failed(pod_name_check(all.v[i])))
			TRY(strv_add(&ids, all.v[i]));
	}
	*ret_ids = ids;
	ids = (struct strv){ 0 };
	return OK;
}

/* The directory's name followed by the end, '/', or what ends a value in an option. */
static bool names_dir(struct bytes cmdline, const char *dir)
{
	size_t n = strlen(dir);

	for (size_t at = 0; at + n <= cmdline.n; at++) {
		if (!bytes_equal(bytes_of(cmdline.p + at, n), bytes_str(dir)))
			continue;
		if (at + n == cmdline.n || strchr("/,", cmdline.p[at + n]))
			return true;
	}
	return false;
}

static bool is_ours(struct bytes cmdline)
{
	static const char *const programs[] = { "qemu-system-x86_64", "qemu-system-s390x", "swtpm",
		"swtpm_setup", "swtpm_localca", "swtpm_cert", "virtiofsd" };
	size_t n = strnlen((const char *)cmdline.p, cmdline.n);
	const uint8_t *slash = n ? memrchr(cmdline.p, '/', n) : NULL;
	size_t at = slash ? (size_t)(slash - cmdline.p) + 1 : 0;

	for (size_t i = 0; i < ARRAY_LEN(programs); i++) {
		if (bytes_equal(bytes_of(cmdline.p + at, n - at), bytes_str(programs[i])))
			return true;
	}
	return false;
}

/* QEMU and swtpm are handed their files open, and work in the directory or below. */
static bool works_in(uint64_t pid, const char *dir)
{
	char path[64], at[PATH_MAX];

	(void)snprintf(path, sizeof(path), "/proc/%llu/cwd", (unsigned long long)pid);
	ssize_t n = readlink(path, at, sizeof(at));
	return n > 0 && names_dir(bytes_of(at, (size_t)n), dir);
}

static void kill_if_user(uint64_t pid, const char *dir)
{
	AUTO(buf_done) struct buf cmdline = BUF_INIT(CMDLINE_MAX);
	struct pod_process p = { .pid = pid };
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%llu/cmdline", (unsigned long long)pid);
	/* Start time first: if the number changes hands after it, the kill does nothing. */
	if (failed(pod_process_start_time(pid, &p.start)) || failed(file_read(path, &cmdline)))
		return;
	if (cmdline.n > 0 && is_ours(buf_bytes(&cmdline)) &&
		(names_dir(buf_bytes(&cmdline), dir) || works_in(pid, dir)))
		pod_process_kill(&p, SIGKILL);
}

void pod_kill_users(const char *dir)
{
	AUTO(auto_closedir) DIR *proc = opendir("/proc");
	struct dirent *e;

	while (proc && (e = readdir(proc))) { /* NOLINT(concurrency-mt-unsafe): one thread */
		uint64_t pid = 0;

		if (e->d_name[0] < '1' || e->d_name[0] > '9')
			continue;
		if (!failed(str_to_u64(e->d_name, INT32_MAX, "process", &pid)))
			kill_if_user(pid, dir);
	}
}

/* The owner of ".new.PID.START"; anything else has none. */
static bool hidden_owner(const char *name, struct pod_process *ret_owner)
{
	AUTO(auto_free) char *pid = NULL;
	struct pod_process p = { 0 };

	if (!str_starts(name, POD_HIDDEN) || failed(str_dup(name + strlen(POD_HIDDEN), &pid)))
		return false;
	char *dot = strchr(pid, '.');
	if (!dot)
		return false;
	*dot = '\0';
	if (failed(str_to_u64(pid, INT32_MAX, "process", &p.pid)) ||
		failed(str_to_u64(dot + 1, INT64_MAX, "start", &p.start)))
		return false;
	*ret_owner = p;
	return true;
}

static bool reap_hidden(const char *pods, const char *name)
{
	AUTO(auto_free) char *dir = NULL;
	struct pod_process owner = { 0 };

	if (hidden_owner(name, &owner) && pod_process_alive(&owner))
		return false;
	if (failed(path_join(pods, name, &dir)))
		return false;
	pod_kill_users(dir);
	return !failed(pod_unmount_below(dir)) && !failed(dir_remove_tree(dir));
}

static bool owner_lives(const struct pod_state *s)
{
	AUTO(auto_free) char *boot_id = NULL;

	if (failed(pod_boot_id(&boot_id)))
		return true; /* nothing is removed on a guess */
	return str_equal(boot_id, s->boot_id) && pod_process_alive(&s->owner);
}

bool pod_reap_one(const char *run_dir, const char *id)
{
	AUTO(pod_done) struct pod p = { 0 };

	if (!failed(pod_load(run_dir, id, &p)) && owner_lives(&p.state))
		return false;
	return !failed(sandbox_clean(run_dir, id));
}

size_t pod_reap(const char *run_dir)
{
	AUTO(strv_done) struct strv names = { 0 };
	AUTO(auto_free) char *pods = NULL;
	size_t n = 0;

	if (failed(pod_pods_dir(run_dir, &pods)) || failed(entries(pods, &names)))
		return 0;
	for (size_t i = 0; i < names.n; i++) {
		const char *name = names.v[i];

		if (failed(pod_name_check(name)) ? reap_hidden(pods, name)
						 : pod_reap_one(run_dir, name))
			n++;
	}
	return n;
}
