#include "runtime/tpm.h"
#include "runtime/vm.h"
#include "virtiofsd.h"
#include "vm_user.h"

#include <fcntl.h>

#include <base/file.h>
#include <base/random.h>
#include <linux/vhost.h>
#include <net/transport.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

enum {
	VSOCK_CID_TRIES = 50,
	VSOCK_CID_FIRST = 3 /* 0 to 2 are the hypervisor, loopback and the host */
};

static RESULT socket_pair(int ret_fds[static 2])
{
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ret_fds) < 0)
		return err_new(ERR_SYS, "creating a socket pair");
	return OK;
}

void vm_end(struct vm *vm)
{
	process_end(&vm->qemu);
	process_end(&vm->tpm);
	process_end(&vm->share);
	auto_close(&vm->agent_fd);
	auto_close(&vm->log_fd);
	auto_close(&vm->console_fd);
	auto_close(&vm->qmp_fd);
	*vm = VM_NONE;
}

static RESULT open_log(const char *dir, const char *name, char **ret_path, int *ret_fd)
{
	AUTO(auto_free) char *path = NULL;

	TRY(path_join(dir, name, &path));
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_new(ERR_SYS, "creating %s", path);
	*ret_fd = fd;
	*ret_path = TAKE(path);
	return OK;
}

/* A context identifier that nobody else on this host has: the kernel refuses those in use. */
static RESULT reserve_cid(int *ret_fd, uint32_t *ret_cid)
{
	AUTO(auto_close) int fd = open("/dev/vhost-vsock", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return err_new(ERR_SYS, "opening /dev/vhost-vsock");
	for (int i = 0; i < VSOCK_CID_TRIES; i++) {
		uint32_t cid = 0;

		TRY(random_fill((uint8_t *)&cid, sizeof(cid)));
		uint64_t wide = cid;
		if (cid < VSOCK_CID_FIRST || cid == UINT32_MAX)
			continue;
		if (ioctl(fd, VHOST_VSOCK_SET_GUEST_CID, &wide) == 0) {
			*ret_fd = TAKE_FD(fd);
			*ret_cid = cid;
			return OK;
		}
	}
	return err_new(ERR_SYS, "reserving a vsock context identifier");
}

struct guest_ends { /* QEMU's side; closed here once QEMU has its copies */
	int fd[PROCESS_KEEP_FDS_MAX];
	size_t n;
};

static void guest_ends_close(struct guest_ends *e)
{
	for (size_t i = 0; i < e->n; i++)
		auto_close(&e->fd[i]);
	e->n = 0;
}

static RESULT add_pair(struct guest_ends *ends, int *ret_host)
{
	int pair[2];

	TRY(socket_pair(pair));
	ends->fd[ends->n++] = pair[1];
	*ret_host = pair[0];
	return OK;
}

/* QEMU numbers them from 3 in this order. */
static int add_end(struct guest_ends *ends, int fd)
{
	ends->fd[ends->n++] = fd;
	return (int)ends->n + VM_FD_AGENT - 1;
}

static RESULT start_tpm(struct vm_launch *l, struct vm *vm, struct guest_ends *ends)
{
	AUTO(auto_free) char *state = NULL;
	AUTO(auto_free) char *log = NULL;
	AUTO(auto_close) int log_fd = -1;
	int control = -1;

	TRY(path_join(l->pod_dir, "tpm", &state));
	TRY(dir_make(state, 0700));
	TRY(open_log(l->pod_dir, "swtpm.log", &log, &log_fd));
	TRY(tpm_ca_prepare(l->ca_dir));
	TRY(tpm_manufacture(l->ca_dir, state, log));
	TRY(tpm_start(state, log, &vm->tpm, &control));
	l->config.tpm_fd = add_end(ends, control);
	return OK;
}

static RESULT start_share(struct vm_launch *l, struct vm *vm, struct guest_ends *ends)
{
	AUTO(auto_free) char *log = NULL;
	AUTO(auto_close) int log_fd = -1;
	int fd = -1;

	TRY(open_log(l->pod_dir, "virtiofsd.log", &log, &log_fd));
	TRY(virtiofsd_start(l->virtiofsd, l->config.share, log_fd, &vm->share, &fd));
	l->config.share_fd = add_end(ends, fd);
	return OK;
}

/* QEMU's numbers take the place of ours. */
static RESULT add_nics(struct vm_launch *l, struct guest_ends *ends)
{
	for (size_t i = 0; i < l->config.n_nics; i++) {
		struct vm_nic *nic = &l->config.nics[i];

		for (size_t q = 0; q < nic->n_fds; q++) {
			int copy = fcntl(nic->fds[q], F_DUPFD_CLOEXEC, 0);

			if (copy < 0)
				return err_new(ERR_SYS, "network interface %s", nic->mac);
			nic->fds[q] = add_end(ends, copy);
		}
	}
	return OK;
}

/* Files of the pod, which only this process's user may open; QEMU finds them by number. */
struct handed {
	struct vm_config config;
	char paths[2][32];
	size_t n;
};

static RESULT add_to_set(
	const char *path, int flags, int *set, struct guest_ends *ends, struct strv *argv)
{
	AUTO(auto_free) char *option = NULL;
	int fd = open(path, flags | O_CLOEXEC), number;

	if (fd < 0)
		return err_new(ERR_SYS, "opening %s", path);
	number = add_end(ends, fd);
	if (*set == 0)
		*set = number;
	TRY(str_format(&option, "fd=%d,set=%d", number, *set));
	TRY(strv_add(argv, "-add-fd"));
	return strv_add(argv, option);
}

/* QEMU opens what it writes for reading first, and wants a descriptor of just that kind. */
static RESULT hand_file(struct handed *h, const char **path, bool writable, struct guest_ends *ends,
	struct strv *argv)
{
	int set = 0;

	if (!*path)
		return OK;
	TRY(add_to_set(*path, O_RDONLY, &set, ends, argv));
	if (writable)
		TRY(add_to_set(*path, O_RDWR, &set, ends, argv));
	(void)snprintf(h->paths[h->n], sizeof(h->paths[0]), "/dev/fdset/%d", set);
	*path = h->paths[h->n++];
	return OK;
}

static RESULT make_argv(const struct vm_launch *l, struct guest_ends *ends, struct strv *argv)
{
	struct handed h = { .config = l->config };
	AUTO(strv_done) struct strv files = { 0 };

	if (l->qemu_user) {
		TRY(hand_file(&h, &h.config.initdata, false, ends, &files));
		TRY(hand_file(&h, &h.config.firmware_vars, true, ends, &files));
	}
	TRY(vm_argv(l->platform, &h.config, argv));
	for (size_t i = 0; i < files.n; i++)
		TRY(strv_add(argv, files.v[i]));
	return OK;
}

static RESULT start_qemu(
	const struct vm_launch *l, struct guest_ends *ends, struct process *ret_qemu)
{
	AUTO(strv_done) struct strv argv = { 0 };
	struct process_user user;
	AUTO(auto_free) const char **list = NULL;
	AUTO(auto_free) char *log = NULL;
	AUTO(auto_close) int log_fd = -1;

	if (l->qemu_user)
		TRY(vm_user_find(l->qemu_user, &user));
	TRY(make_argv(l, ends, &argv));
	list = calloc(argv.n + 1, sizeof(*list));
	if (!list)
		return err_new(ERR_NOMEM, "QEMU's command line");
	for (size_t i = 0; i < argv.n; i++)
		list[i] = argv.v[i];
	TRY(open_log(l->pod_dir, "qemu.log", &log, &log_fd));
	struct process_spec spec = {
		.argv = list,
		.stdin_fd = -1,
		.stdout_fd = log_fd,
		.stderr_fd = log_fd,
		.n_keep_fds = ends->n,
		.die_with_parent = true,
		.new_session = true,
		.no_new_privs = true,
		.no_capabilities = true,
		.user = l->qemu_user ? &user : NULL,
	};
	memcpy(spec.keep_fds, ends->fd, sizeof(spec.keep_fds));
	return process_start(&spec, ret_qemu);
}

RESULT vm_start(struct vm_launch *l, struct vm *ret_vm)
{
	AUTO(vm_end) struct vm vm = VM_NONE;
	AUTO(guest_ends_close) struct guest_ends ends = { 0 };

	TRY(add_pair(&ends, &vm.agent_fd));
	TRY(add_pair(&ends, &vm.log_fd));
	TRY(add_pair(&ends, &vm.console_fd));
	TRY(add_pair(&ends, &vm.qmp_fd));
	if (l->platform->tpm) {
		struct err e = start_tpm(l, &vm, &ends);

		if (failed(e))
			return err_add(e, "preparing the TPM");
	}
	if (l->config.share)
		TRY(start_share(l, &vm, &ends));
	TRY(add_nics(l, &ends));
	if (transport_has_vsock_host()) {
		int fd = -1;

		TRY(reserve_cid(&fd, &l->config.guest_cid));
		l->config.vsock_fd = add_end(&ends, fd);
	}
	struct err e = start_qemu(l, &ends, &vm.qemu);
	if (failed(e))
		return err_add(e, "starting the virtual machine");
	*ret_vm = vm;
	vm = VM_NONE;
	return OK;
}
