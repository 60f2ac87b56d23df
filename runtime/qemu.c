#include "qemu.h"

#include "runtime/vm.h"

RESULT qemu_option(struct strv *argv, const char *option, const char *value)
{
	TRY(strv_add(argv, option));
	return strv_add(argv, value);
}

RESULT qemu_optionf(struct strv *argv, const char *option, const char *fmt, ...)
{
	AUTO(auto_free) char *value = NULL;
	va_list ap;

	va_start(ap, fmt);
	int n = vasprintf(&value, fmt, ap);
	va_end(ap);
	if (n < 0) {
		value = NULL;
		return err_new(ERR_NOMEM, "QEMU option %s", option);
	}
	return qemu_option(argv, option, value);
}

RESULT qemu_device(struct strv *argv, enum vm_arch arch, const char *name, const char *fmt, ...)
{
	AUTO(auto_free) char *options = NULL;
	va_list ap;

	va_start(ap, fmt);
	int n = vasprintf(&options, fmt, ap);
	va_end(ap);
	if (n < 0) {
		options = NULL;
		return err_new(ERR_NOMEM, "QEMU device %s", name);
	}
	return qemu_optionf(argv, "-device", "%s-%s,%s", name, vm_arch_info(arch)->bus, options);
}

RESULT qemu_protected(
	struct strv *argv, const struct vm_config *c, const char *object, const char *backend)
{
	TRY(qemu_option(argv, "-object", object));
	TRY(qemu_optionf(argv, "-object", "memory-backend-%s,id=ram,size=%lluM", backend,
		(unsigned long long)c->memory_mib));
	return qemu_option(argv, "-bios", c->firmware);
}

RESULT qemu_escape(const char *value, char **ret_text)
{
	AUTO(buf_done) struct buf b = BUF_INIT(2 * strlen(value) + 1);

	for (const char *c = value; *c; c++) {
		if (*c == ',')
			buf_u8(&b, ',');
		buf_u8(&b, *c);
	}
	TRY(buf_end(&b, "QEMU option value"));
	return bytes_to_str(buf_bytes(&b), ret_text);
}

/* virtiofsd maps the guest's memory, so it must be a file's that both have. */
static bool own_memory(const struct vm_config *c)
{
	return c->share || c->hugepages;
}

/* Type and model, and what the platform adds to both. */
static RESULT machine_argv(
	const struct vm_platform *p, const struct vm_config *c, struct strv *argv)
{
	const struct vm_arch_info *arch = vm_arch_info(c->arch);
	bool kvm = c->accel == VM_ACCEL_KVM;
	const char *model = c->protection.cpu_model ? c->protection.cpu_model : p->cpu_model;

	TRY(qemu_optionf(argv, "-machine", "%s,accel=%s%s%s", arch->machine, kvm ? "kvm" : "tcg",
		p->machine ? p->machine : "", own_memory(c) ? ",memory-backend=ram" : ""));
	if (own_memory(c))
		TRY(qemu_optionf(argv, "-object", "memory-backend-memfd,id=ram,size=%lluM%s%s",
			(unsigned long long)c->memory_mib, c->share ? ",share=on" : "",
			c->hugepages ? ",hugetlb=on" : ""));
	for (size_t i = 0; i < arch->n_options; i++)
		TRY(qemu_option(argv, arch->options[i][0], arch->options[i][1]));
	if (p->cpu)
		return qemu_option(argv, "-cpu", p->cpu);
	if (model)
		return qemu_optionf(argv, "-cpu", "%s,pmu=off," QEMU_CPU_ADDRESS, model);
	return qemu_option(argv, "-cpu", kvm ? arch->cpu_kvm : arch->cpu_tcg);
}

static RESULT base_argv(const struct vm_platform *p, const struct vm_config *c, struct strv *argv)
{
	static const char *const fixed[] = { "-nodefaults", "-no-user-config", "-nographic",
		"-no-reboot" };

	TRY(strv_add(argv, vm_arch_info(c->arch)->qemu));
	TRY(qemu_optionf(argv, "-name", "sealpod-%s,debug-threads=on", c->id));
	for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
		TRY(strv_add(argv, fixed[i]));
	TRY(qemu_option(argv, "-sandbox",
		"on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"));
	TRY(machine_argv(p, c, argv));
	TRY(qemu_optionf(argv, "-smp", "%llu", (unsigned long long)c->cpus));
	TRY(qemu_optionf(argv, "-m", "%lluM", (unsigned long long)c->memory_mib));
	TRY(qemu_option(argv, "-rtc", "base=utc,clock=host"));
	TRY(qemu_option(argv, "-vga", "none"));
	return OK;
}

/* The console is hvc0 or ttysclp0; the two named ports are found by name in
 * /sys/class/virtio-ports. */
static RESULT ports_argv(const struct vm_config *c, struct strv *argv)
{
	const struct {
		const char *id, *device;
		int fd;
	} ports[] = {
		{ "console", vm_arch_info(c->arch)->console, VM_FD_CONSOLE },
		{ "agent", "virtserialport,chardev=agent,name=sealpod.agent", VM_FD_AGENT },
		{ "log", "virtserialport,chardev=log,name=sealpod.log", VM_FD_LOG },
	};

	TRY(qemu_device(argv, c->arch, "virtio-serial", "id=serial0,max_ports=4"));
	for (size_t i = 0; i < ARRAY_LEN(ports); i++) {
		TRY(qemu_optionf(argv, "-chardev", "socket,id=%s,fd=%d", ports[i].id, ports[i].fd));
		TRY(qemu_option(argv, "-device", ports[i].device));
	}
	TRY(qemu_optionf(argv, "-chardev", "socket,id=qmp,fd=%d", VM_FD_QMP));
	return qemu_option(argv, "-mon", "chardev=qmp,mode=control");
}

static RESULT initdata_argv(const struct vm_config *c, struct strv *argv)
{
	AUTO(auto_free) char *file = NULL;

	TRY(qemu_escape(c->initdata, &file));
	TRY(qemu_optionf(argv, "-blockdev",
		"driver=file,node-name=initdata,filename=%s,read-only=on", file));
	return qemu_device(argv, c->arch, "virtio-blk", "drive=initdata");
}

static RESULT disks_argv(const struct vm_config *c, struct strv *argv)
{
	if (c->disk_bytes_per_s || c->disk_ops_per_s)
		TRY(qemu_optionf(argv, "-object",
			"throttle-group,id=" VM_DISK_LIMITS ",x-bps-total=%llu,x-iops-total=%llu",
			(unsigned long long)c->disk_bytes_per_s,
			(unsigned long long)c->disk_ops_per_s));
	if (c->initdata)
		TRY(initdata_argv(c, argv));
	return c->scsi ? qemu_device(argv, c->arch, "virtio-scsi", "id=scsi0") : OK;
}

static RESULT nic_argv(
	const struct vm_config *c, size_t i, const struct vm_nic *nic, struct strv *argv)
{
	AUTO(buf_done) struct buf fds = BUF_INIT(256);
	AUTO(buf_done) struct buf more = BUF_INIT(256);

	for (size_t q = 0; q < nic->n_fds; q++)
		buf_printf(&fds, "%s%d", q ? ":" : "", nic->fds[q]);
	if (nic->mtu)
		buf_printf(&more, ",host_mtu=%u", nic->mtu);
	/* Two vectors a queue, one for its control and one for changes. */
	if (nic->n_fds > 1)
		buf_printf(&more, ",mq=on%s", c->arch == VM_ARCH_X86_64 ? ",vectors=" : "");
	if (nic->n_fds > 1 && c->arch == VM_ARCH_X86_64)
		buf_printf(&more, "%zu", 2 * nic->n_fds + 2);
	buf_u8(&more, 0);
	TRY(buf_end(&more, "network interface"));
	TRY(qemu_optionf(argv, "-netdev", "tap,id=net%zu,%s=%s", i, nic->n_fds > 1 ? "fds" : "fd",
		buf_cstr(&fds)));
	return qemu_device(argv, c->arch, "virtio-net", "netdev=net%zu,%smac=%s%s", i,
		vm_arch_info(c->arch)->net_options, nic->mac, (const char *)more.p);
}

static RESULT network_argv(const struct vm_config *c, struct strv *argv)
{
	if (c->net_user) {
		TRY(qemu_option(argv, "-netdev", "user,id=net0,ipv6=off"));
		TRY(qemu_device(argv, c->arch, "virtio-net", "netdev=net0,%smac=" VM_MAC,
			vm_arch_info(c->arch)->net_options));
	}
	for (size_t i = 0; i < c->n_nics; i++)
		TRY(nic_argv(c, i, &c->nics[i], argv));
	/* The root bus takes nothing while it runs; ccw needs no such place. */
	for (size_t i = 0; i < c->hot_nics && c->arch == VM_ARCH_X86_64; i++)
		TRY(qemu_optionf(argv, "-device", "pcie-root-port,id=" VM_HOT_BUS "%zu,chassis=%zu",
			i, i + 1));
	if (c->vsock_fd)
		TRY(qemu_device(argv, c->arch, "vhost-vsock", "vhostfd=%d,guest-cid=%u",
			c->vsock_fd, c->guest_cid));
	return OK;
}

static RESULT share_argv(const struct vm_config *c, struct strv *argv)
{
	if (!c->share)
		return OK;
	TRY(qemu_optionf(argv, "-chardev", "socket,id=share,fd=%d", c->share_fd));
	return qemu_device(argv, c->arch, "vhost-user-fs",
		"chardev=share,tag=" VM_SHARE_TAG ",queue-size=1024");
}

static RESULT devices_argv(const struct vm_config *c, struct strv *argv)
{
	TRY(qemu_option(argv, "-object", "rng-random,id=rng0,filename=/dev/urandom"));
	TRY(qemu_device(argv, c->arch, "virtio-rng", "rng=rng0"));
	TRY(ports_argv(c, argv));
	TRY(disks_argv(c, argv));
	TRY(network_argv(c, argv));
	return share_argv(c, argv);
}

RESULT vm_argv(const struct vm_platform *p, const struct vm_config *c, struct strv *ret_argv)
{
	AUTO(strv_done) struct strv argv = { 0 };

	TRY(vm_check(p, c));
	TRY(base_argv(p, c, &argv));
	if (p->argv)
		TRY(p->argv(p, c, &argv));
	TRY(qemu_option(&argv, "-kernel", c->kernel));
	if (!p->sealed) {
		TRY(qemu_option(&argv, "-initrd", c->initrd));
		TRY(qemu_option(&argv, "-append", c->append));
	}
	TRY(devices_argv(c, &argv));
	*ret_argv = argv;
	argv = (struct strv){ 0 };
	return OK;
}
