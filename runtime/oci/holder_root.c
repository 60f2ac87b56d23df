#include "holder_root.h"

#include <fcntl.h>
#include <sched.h>

#include <base/clock.h>
#include <base/file.h>
#include <runtime/oci_json.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

enum {
	MOUNTS_MAX = 256,
	WAIT_MS = 10 * 1000,
	STEP_MS = 2
};

static bool has_option(const struct json *m, const char *name)
{
	const struct json *all = json_get(m, "options");

	for (size_t i = 0; i < json_count(all); i++) {
		const char *option = json_string(json_at(all, i));

		if (option && str_equal(option, name))
			return true;
	}
	return false;
}

/* The image decides what stands at the destination: no step may leave the rootfs. One that is not
 * there, or is of another kind, stays without its volume here; the guest's is what counts. */
static void bind_volume(int root, const struct json *m)
{
	const char *type = json_string(json_get(m, "type"));
	const char *source = json_string(json_get(m, "source"));
	const char *to = json_string(json_get(m, "destination"));
	AUTO(auto_close) int fd = -1, again = -1;
	char path[64];

	if (!source || source[0] != '/' || !to ||
		((!type || !str_equal(type, "bind")) && !has_option(m, "bind") &&
			!has_option(m, "rbind")))
		return;
	if (failed(open_beneath(root, to, O_PATH | O_CLOEXEC, 0, &fd)))
		return;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (mount(source, path, NULL, MS_BIND | MS_REC, NULL) != 0 || !has_option(m, "ro"))
		return;
	if (failed(open_beneath(root, to, O_PATH | O_CLOEXEC, 0, &again)))
		return;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", again);
	(void)mount(NULL, path, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL);
}

static RESULT bind_volumes(const char *state_dir, int root)
{
	AUTO(json_freep) struct json *spec = NULL;
	AUTO(buf_done) struct buf text = BUF_INIT(OCI_SPEC_MAX);
	AUTO(auto_free) char *path = NULL;
	const struct json *all;

	TRY(path_join(state_dir, "bundle/config.json", &path));
	TRY(file_read(path, &text));
	TRY(json_parse(buf_bytes(&text), &spec));
	all = json_get(spec, "mounts");
	for (size_t i = 0; i < json_count(all) && i < MOUNTS_MAX; i++)
		bind_volume(root, json_at(all, i));
	return OK;
}

/* pivot_root(2), NOTES: "." over "." leaves the old root on top of the new one. Where the host runs
 * from its initial file system that is refused, and the new root is moved over it. */
static RESULT change_root(const char *rootfs)
{
	if (chdir(rootfs) != 0)
		return err_new(ERR_SYS, "%s", rootfs);
	if (syscall(SYS_pivot_root, ".", ".") == 0) {
		if (umount2(".", MNT_DETACH) != 0)
			return err_new(ERR_SYS, "leaving the host's root");
	} else if (mount(".", "/", NULL, MS_MOVE, NULL) != 0 || chroot(".") != 0) {
		return err_new(ERR_SYS, "%s: becoming the root", rootfs);
	}
	return chdir("/") == 0 ? OK : err_new(ERR_SYS, "new root");
}

RESULT holder_enter_root(const char *state_dir, const struct oci_state *s)
{
	AUTO(auto_close) int root = -1;

	if (unshare(CLONE_NEWNS) != 0)
		return err_new(ERR_SYS, "new mount namespace");
	/* What the host unmounts goes here as well, so that nothing is kept busy. */
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) != 0)
		return err_new(ERR_SYS, "new mount namespace");
	if (mount(s->rootfs, s->rootfs, NULL, MS_BIND | MS_REC, NULL) != 0)
		return err_new(ERR_SYS, "%s", s->rootfs);
	root = open(s->rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return err_new(ERR_SYS, "%s", s->rootfs);
	TRY(bind_volumes(state_dir, root));
	return change_root(s->rootfs);
}

/* ---- its parent ---- */

static bool same_root(pid_t pid)
{
	char path[64];
	struct stat its, ours;

	(void)snprintf(path, sizeof(path), "/proc/%d/root/.", (int)pid);
	return stat(path, &its) != 0 || stat("/", &ours) != 0 ||
	       (its.st_dev == ours.st_dev && its.st_ino == ours.st_ino);
}

RESULT holder_wait_root(pid_t pid)
{
	uint64_t end = clock_monotonic_ms() + WAIT_MS;
	struct pod_process p = { 0 };

	TRY(pod_process_start_time((uint64_t)pid, &p.start));
	p.pid = (uint64_t)pid;
	while (same_root(pid)) {
		if (!oci_process_alive(&p))
			return err_new(ERR_STATE, "the holder ended at once");
		if (clock_monotonic_ms() > end)
			return err_new(
				ERR_TIMEOUT, "the holder does not enter the container's root");
		(void)usleep(STEP_MS * 1000);
	}
	return OK;
}
