#include "bootstrap.h"
#include "program.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <task.pb-c.h>
#include <time.h>
#include <wellknown.pb-c.h>

#include <base/file.h>
#include <base/process.h>
#include <net/pb.h>
#include <net/transport.h>
#include <runtime/config.h>
#include <runtime/sandbox.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

enum {
	STATUS_KILLED = 137, /* 128 + SIGKILL, as Kata's */
	END_MS = 2000,
	TEXT_MAX = 64 * 1024
};

static RESULT read_text(const char *bundle, const char *name, struct buf *out)
{
	AUTO(auto_free) char *path = NULL;

	TRY(path_join(bundle, name, &path));
	return file_read(path, out);
}

/* The words of a command line, each ended by NUL, hold these two one after the other. */
static bool has_words(struct bytes line, const char *a, const char *b)
{
	size_t na = strlen(a) + 1, nb = strlen(b) + 1;

	for (size_t i = 0; i + na + nb <= line.n; i++) {
		if ((i == 0 || line.p[i - 1] == '\0') &&
			bytes_equal(bytes_of(line.p + i, na), bytes_of(a, na)) &&
			bytes_equal(bytes_of(line.p + i + na, nb), bytes_of(b, nb)))
			return true;
	}
	return false;
}

/* The number may belong to another process by now. */
static bool is_shim(uint64_t pid, const char *sandbox_id)
{
	AUTO(buf_done) struct buf line = BUF_INIT(TEXT_MAX);
	AUTO(auto_free) char *path = NULL;

	return !failed(str_format(&path, "/proc/%llu/cmdline", (unsigned long long)pid)) &&
	       !failed(file_read(path, &line)) && has_words(buf_bytes(&line), "-id", sandbox_id);
}

/* A shim that does not answer any more and yet lives. */
static void end_shim(const struct shim_place *place)
{
	AUTO(buf_done) struct buf text = BUF_INIT(64);
	AUTO(auto_close) int pidfd = -1;
	struct pollfd p = { .events = POLLIN };
	uint64_t pid;

	if (failed(read_text(place->bundle, "shim.pid", &text)) || !buf_cstr(&text) ||
		failed(str_to_u64(buf_cstr(&text), INT32_MAX, "shim.pid", &pid)) || pid < 2)
		return;
	pidfd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
	if (pidfd < 0 || !is_shim(pid, place->sandbox_id))
		return;
	(void)syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
	p.fd = pidfd;
	(void)poll(&p, 1, END_MS);
}

static void remove_socket(const char *address)
{
	const char *path = address + strlen("unix://");
	struct stat st;

	if (str_starts(address, "unix:///") && lstat(path, &st) == 0 && S_ISSOCK(st.st_mode))
		(void)unlink(path);
}

/* A sandbox whose shim answers is no dead one: the engine ends a container that never began. */
static bool pod_lives(const struct shim_place *place, const char *address)
{
	AUTO(auto_close) int fd = -1;

	return place->joins && address && !failed(transport_connect(address, 0, &fd));
}

static RESULT clean(const struct shim_flags *f, const struct shim_place *place, const char *argv0)
{
	AUTO(runtime_config_done) struct runtime_config c = { 0 };
	AUTO(buf_done) struct buf path = BUF_INIT(4096);
	char handler[SHIM_ID_MAX + 1];
	const char *file = NULL;
	struct err e;

	if (!failed(read_text(place->bundle, SHIM_CONFIG_FILE, &path)))
		file = buf_cstr(&path);
	TRY(shim_handler(f, argv0, handler));
	e = runtime_config_read(file, handler, &c); /* the guest image may be gone */
	if (failed(e))
		return err_add(e, "configuration");
	return sandbox_clean(c.run_dir, place->sandbox_id);
}

static void unmount_rootfs(const char *bundle)
{
	AUTO(auto_free) char *rootfs = NULL;

	/* As often as something is mounted there. */
	if (failed(path_join(bundle, "rootfs", &rootfs)))
		return;
	while (umount2(rootfs, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
		;
}

static RESULT pack_answer(struct buf *out)
{
	Task__DeleteResponse r = TASK__DELETE_RESPONSE__INIT;
	Pb__Timestamp at = PB__TIMESTAMP__INIT;
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	at.seconds = now.tv_sec;
	at.nanos = (int32_t)now.tv_nsec;
	r.exit_status = STATUS_KILLED;
	r.exited_at = &at;
	return pb_pack(&r.base, out);
}

RESULT shim_delete(const struct shim_flags *f, const char *argv0, struct buf *out)
{
	AUTO(shim_place_done) struct shim_place place = { 0 };
	AUTO(buf_done) struct buf text = BUF_INIT(4096);
	const char *address = NULL;
	struct err e = OK;

	TRY(shim_place_find(f, &place));
	if (!failed(read_text(place.bundle, "address", &text)))
		address = buf_cstr(&text);
	if (!pod_lives(&place, address)) {
		end_shim(&place);
		e = clean(f, &place, argv0);
		if (address)
			remove_socket(address);
	}
	unmount_rootfs(place.bundle);
	TRY(e);
	return pack_answer(out);
}
