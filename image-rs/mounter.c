#include "mounter.h"

#include "failure.h"
#include "image_dirs.h"
#include "overlay.h"

#include <signal.h>
#include <unistd.h>

#include <base/file.h>
#include <base/ipc.h>
#include <base/reader.h>
#include <base/sandbox.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/wait.h>

enum {
	MSG_MOUNT = 1, /* names of layers, each 64 characters */
	MSG_MOUNTED = 2,
	MSG_FAILED = 3
};

static const char *const mounter_syscalls[] = { "chdir", "close", "fchdir", "fsconfig", "fsmount",
	"fsopen", "getdents64", "lstat", "mkdir", "mkdirat", "mount", "move_mount", "newfstatat",
	"open", "openat", "poll", "ppoll", "recvmsg", "sendmsg", "sendto", "stat", "statx", NULL };

static RESULT read_names(struct bytes body, struct strv *layers)
{
	struct reader r = rd_of(body);
	char name[LAYER_NAME_CHARS + 1] = { 0 };

	while (rd_more(&r)) {
		rd_copy(&r, name, LAYER_NAME_CHARS);
		if (!rd_ok(&r) || !layer_name_ok(name))
			return err_new(ERR_PEER, "name of a layer");
		TRY(strv_add(layers, name));
	}
	return rd_end(&r, "names of layers");
}

static RESULT serve(int fd, const char *work_dir, const char *bundle)
{
	AUTO(ipc_message_done) struct ipc_message m = { 0 };
	AUTO(strv_done) struct strv layers = { 0 };
	AUTO(auto_free) char *layers_dir = NULL;
	AUTO(auto_free) char *overlay_dir = NULL;
	AUTO(auto_free) char *target = NULL;

	TRY(path_join(work_dir, LAYERS_DIR, &layers_dir));
	TRY(path_join(work_dir, OVERLAY_DIR, &overlay_dir));
	TRY(path_join(bundle, "rootfs", &target));
	TRY(ipc_recv(fd, -1, &m));
	if (m.type != MSG_MOUNT)
		return err_new(ERR_PEER, "message %u", m.type);
	TRY(read_names(buf_bytes(&m.body), &layers));
	struct overlay o = { .layers_dir = layers_dir,
		.layers = &layers,
		.overlay_dir = overlay_dir,
		.target = target };
	return overlay_mount(&o);
}

static RESULT confine(void)
{
	static const int caps[] = { CAP_SYS_ADMIN, CAP_DAC_OVERRIDE, -1 };
	struct sandbox s = { .syscalls = mounter_syscalls, .keep_caps = caps, .mounts = true };

	return sandbox_enter(&s);
}

static _Noreturn void child(int fd, const char *work_dir, const char *bundle)
{
	AUTO(buf_done) struct buf text = BUF_INIT(IPC_MESSAGE_MAX);
	struct err e = confine();

	if (!failed(e))
		e = serve(fd, work_dir, bundle);
	if (failed(e))
		failure_write(e, &text);
	err_ignore(ipc_send(fd, failed(e) ? MSG_FAILED : MSG_MOUNTED, buf_bytes(&text)));
	_exit(failed(e) ? 1 : 0);
}

RESULT mounter_start(const char *work_dir, const char *bundle, struct mounter *ret_mounter)
{
	pid_t parent = getpid();
	int fds[2];

	TRY(ipc_pair(fds));
	pid_t pid = fork();
	if (pid == 0) {
		(void)close(fds[0]);
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
			_exit(1);
		child(fds[1], work_dir, bundle);
	}
	(void)close(fds[1]);
	if (pid < 0) {
		(void)close(fds[0]);
		return err_new(ERR_SYS, "fork");
	}
	*ret_mounter = (struct mounter){ .fd = fds[0], .pid = pid };
	return OK;
}

RESULT mounter_mount(struct mounter *m, const struct strv *layers)
{
	AUTO(ipc_message_done) struct ipc_message answer = { 0 };
	AUTO(buf_done) struct buf names = BUF_INIT(IPC_MESSAGE_MAX);

	for (size_t i = 0; i < layers->n; i++)
		buf_puts(&names, layers->v[i]);
	TRY(buf_end(&names, "names of layers"));
	TRY(ipc_send(m->fd, MSG_MOUNT, buf_bytes(&names)));
	TRY(ipc_recv(m->fd, -1, &answer));
	if (answer.type == MSG_MOUNTED)
		return OK;
	return err_add(failure_read(buf_bytes(&answer.body)), "mounting");
}

void mounter_done(struct mounter *m)
{
	if (m->fd >= 0)
		(void)close(m->fd);
	if (m->pid > 0) {
		(void)kill(m->pid, SIGKILL);
		(void)waitpid(m->pid, NULL, 0);
	}
	*m = MOUNTER_NONE;
}
