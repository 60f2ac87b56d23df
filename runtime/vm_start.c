#include "runtime/tpm.h"
#include "runtime/vm.h"
#include "virtiofsd.h"
#include "vm_files.h"
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
	/* SEV without SNP locks all that the guest sees: memory, flash, what devices show of
	 * theirs. (Linux, sev_pin_memory()) */
	LOCKED_MORE_MIB = 256,
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

static RESULT add_pair(struct vm_files *files, int *ret_host)
{
	int pair[2], number = 0;

	TRY(socket_pair(pair));
	AUTO(auto_close) int host = pair[0];
	TRY(vm_files_add(files, pair[1], &number));
	*ret_host = TAKE_FD(host);
	return OK;
}

struct starting {
	struct vm_users users;
	struct vm_files files;
	const char *devices[3]; /* that QEMU could not open; NULL ends */
};

static void starting_done(struct starting *s)
{
	vm_users_done(&s->users);
	vm_files_done(&s->files);
}

static RESULT start_tpm(struct vm_launch *l, struct vm *vm, struct starting *s)
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
	const struct tpm_start t = {
		.state_dir = state,
		.log_fd = log_fd,
		.user = s->users.change ? &s->users.tpm : NULL,
		.keep_fd = s->users.lock_fd,
	};
	TRY(tpm_start(&t, &vm->tpm, &control));
	return vm_files_add(&s->files, control, &l->config.tpm_fd);
}

static RESULT start_share(struct vm_launch *l, struct vm *vm, struct vm_files *files)
{
	AUTO(auto_free) char *log = NULL;
	AUTO(auto_close) int log_fd = -1;
	int fd = -1;

	TRY(open_log(l->pod_dir, "virtiofsd.log", &log, &log_fd));
	TRY(virtiofsd_start(l->virtiofsd, l->config.share, log_fd, &vm->share, &fd));
	return vm_files_add(files, fd, &l->config.share_fd);
}

/* QEMU's numbers take the place of ours. */
static RESULT add_nics(struct vm_launch *l, struct vm_files *files)
{
	for (size_t i = 0; i < l->config.n_nics; i++) {
		struct vm_nic *nic = &l->config.nics[i];

		for (size_t q = 0; q < nic->n_fds; q++) {
			int copy = fcntl(nic->fds[q], F_DUPFD_CLOEXEC, 0);

			if (copy < 0)
				return err_new(ERR_SYS, "network interface %s", nic->mac);
			TRY(vm_files_add(files, copy, &nic->fds[q]));
		}
	}
	return OK;
}

/* A copy of the configuration names the open files instead of paths. */
static RESULT hand_files(const struct vm_platform *p, struct vm_config *c, struct vm_files *files)
{
	/* Flash is a disk for QEMU, and so for all that SEV encrypts; other firmware is a file. */
	bool flash = p->firmware == VM_FIRMWARE_FLASH || (p->options & VM_SESSION);

	TRY(vm_files_add_path(files, &c->kernel));
	if (!p->sealed)
		TRY(vm_files_add_path(files, &c->initrd));
	TRY(vm_files_add_path(files, &c->protection.session));
	TRY(vm_files_add_path(files, &c->protection.dh_cert));
	if (p->firmware != VM_FIRMWARE_NONE)
		TRY(flash ? vm_files_add_disk(files, &c->firmware, false)
			  : vm_files_add_path(files, &c->firmware));
	if (p->firmware == VM_FIRMWARE_FLASH)
		TRY(vm_files_add_disk(files, &c->firmware_vars, true));
	return vm_files_add_disk(files, &c->initdata, false);
}

static RESULT make_argv(const struct vm_launch *l, struct vm_files *files, struct strv *argv)
{
	struct vm_config c = l->config;

	TRY(hand_files(l->platform, &c, files));
	TRY(vm_argv(l->platform, &c, argv));
	for (size_t i = 0; i < files->options.n; i++)
		TRY(strv_add(argv, files->options.v[i]));
	return OK;
}

/* QEMU opens these by name. Where only root may, it gets nodes of its own. */
static void find_devices(const struct vm_launch *l, struct starting *s)
{
	const char *const needed[] = {
		l->config.accel == VM_ACCEL_KVM ? "/dev/kvm" : NULL,
		l->platform->options & VM_POLICY ? "/dev/sev" : NULL,
	};
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(needed); i++) {
		if (needed[i] && !vm_user_may_open(needed[i], &s->users.qemu))
			s->devices[n++] = needed[i];
	}
}

/* QEMU connects to it for each quote, so no open connection can stand for it. */
static RESULT check_quote_socket(const struct vm_launch *l, struct process_user *u)
{
	static const char in_file[] = "unix://";
	const char *address = l->config.protection.quote_socket;

	if (!address || !str_starts(address, in_file) ||
		vm_user_may_open(address + sizeof(in_file) - 1, u))
		return OK;
	return err_new(ERR_USAGE,
		"quote socket %s: only its owner may connect, not the user of the machine; let a "
		"group or everybody, use vsock, or set qemu_user",
		address);
}

static RESULT start_qemu(const struct vm_launch *l, struct starting *s, struct process *ret_qemu)
{
	AUTO(strv_done) struct strv argv = { 0 };
	AUTO(auto_free) const char **list = NULL;
	AUTO(auto_free) char *log = NULL;
	AUTO(auto_close) int log_fd = -1;

	if (s->users.change) {
		find_devices(l, s);
		TRY(check_quote_socket(l, &s->users.qemu));
	}
	TRY(make_argv(l, &s->files, &argv));
	list = calloc(argv.n + 1, sizeof(*list));
	if (!list)
		return err_new(ERR_NOMEM, "QEMU's command line");
	for (size_t i = 0; i < argv.n; i++)
		list[i] = argv.v[i];
	TRY(open_log(l->pod_dir, "qemu.log", &log, &log_fd));
	struct process_spec spec = {
		.argv = list,
		.cwd = l->pod_dir, /* which finds it when its owner was killed */
		.stdin_fd = -1,
		.stdout_fd = log_fd,
		.stderr_fd = log_fd,
		.n_keep_fds = s->files.n,
		.die_with_parent = true,
		.new_session = true,
		.no_new_privs = true,
		.no_capabilities = true,
		.locked_memory = l->platform->options & VM_SESSION
					 ? (l->config.memory_mib + LOCKED_MORE_MIB) * 1024 * 1024
					 : 0,
		.own_devices = s->devices[0] ? s->devices : NULL,
		.user = s->users.change ? &s->users.qemu : NULL,
	};
	memcpy(spec.keep_fds, s->files.fds, sizeof(spec.keep_fds));
	return process_start(&spec, ret_qemu);
}

static RESULT open_channels(struct vm *vm, struct vm_files *files)
{
	int *const host[] = { &vm->agent_fd, &vm->log_fd, &vm->console_fd, &vm->qmp_fd };

	/* In the order of VM_FD_AGENT and those after it. */
	for (size_t i = 0; i < ARRAY_LEN(host); i++)
		TRY(add_pair(files, host[i]));
	return OK;
}

/* For as long as QEMU lives nobody else gets its user. */
static RESULT find_users(const struct vm_launch *l, struct starting *s)
{
	int copy, number = 0;

	TRY(vm_users_find(l->qemu_user, VM_USERS_DIR, &s->users));
	if (s->users.lock_fd < 0)
		return OK;
	copy = fcntl(s->users.lock_fd, F_DUPFD_CLOEXEC, 0);
	if (copy < 0)
		return err_new(ERR_SYS, "the user of the virtual machine");
	return vm_files_add(&s->files, copy, &number);
}

RESULT vm_start(struct vm_launch *l, struct vm *ret_vm)
{
	AUTO(vm_end) struct vm vm = VM_NONE;
	AUTO(starting_done) struct starting s = { .users.lock_fd = -1 };

	TRY(open_channels(&vm, &s.files));
	TRY(find_users(l, &s));
	if (l->platform->tpm) {
		struct err e = start_tpm(l, &vm, &s);

		if (failed(e))
			return err_add(e, "preparing the TPM");
	}
	if (l->config.share)
		TRY(start_share(l, &vm, &s.files));
	TRY(add_nics(l, &s.files));
	if (transport_has_vsock_host()) {
		int fd = -1;

		TRY(reserve_cid(&fd, &l->config.guest_cid));
		TRY(vm_files_add(&s.files, fd, &l->config.vsock_fd));
	}
	struct err e = start_qemu(l, &s, &vm.qemu);
	if (failed(e))
		return err_add(e, "starting the virtual machine");
	*ret_vm = vm;
	vm = VM_NONE;
	return OK;
}
