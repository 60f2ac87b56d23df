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

/* Type and model, and what the platform adds to both. */
static RESULT machine_argv(
	const struct vm_platform *p, const struct vm_config *c, struct strv *argv)
{
	const struct vm_arch_info *arch = vm_arch_info(c->arch);
	bool kvm = c->accel == VM_ACCEL_KVM;
	const char *model = c->protection.cpu_model ? c->protection.cpu_model : p->cpu_model;

	TRY(qemu_optionf(argv, "-machine", "%s,accel=%s%s", arch->machine, kvm ? "kvm" : "tcg",
		p->machine ? p->machine : ""));
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
	TRY(qemu_optionf(argv, "-name", "sealpod-%s", c->id));
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

static RESULT devices_argv(const struct vm_config *c, struct strv *argv)
{
	TRY(qemu_option(argv, "-object", "rng-random,id=rng0,filename=/dev/urandom"));
	TRY(qemu_device(argv, c->arch, "virtio-rng", "rng=rng0"));
	TRY(ports_argv(c, argv));
	if (c->initdata) {
		AUTO(auto_free) char *file = NULL;

		TRY(qemu_escape(c->initdata, &file));
		TRY(qemu_optionf(argv, "-blockdev",
			"driver=file,node-name=initdata,filename=%s,read-only=on", file));
		TRY(qemu_device(argv, c->arch, "virtio-blk", "drive=initdata"));
	}
	if (c->net_user) {
		TRY(qemu_option(argv, "-netdev", "user,id=net0,ipv6=off"));
		TRY(qemu_device(argv, c->arch, "virtio-net", "netdev=net0,%smac=" VM_MAC,
			vm_arch_info(c->arch)->net_options));
	}
	if (c->vsock_fd)
		TRY(qemu_device(argv, c->arch, "vhost-vsock", "vhostfd=%d,guest-cid=%u",
			c->vsock_fd, c->guest_cid));
	return OK;
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
