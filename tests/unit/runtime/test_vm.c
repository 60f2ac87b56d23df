/* QEMU's command line, word for word, and the choice of the accelerator. */
#include "util.h"
#include "vm_lines.h"

#include <runtime/vm.h>

static void test_argv_none(void **state)
{
	static const char *const want[] = { HEAD, MACHINE("tcg", "max"), BOOT, PORTS };

	(void)state;
	assert_argv("none", &vm_plain, want, ARRAY_LEN(want));
}

static void test_argv_none_kvm_with_devices(void **state)
{
	static const char *const want[] = { HEAD, MACHINE("kvm", "host"), BOOT, PORTS, "-blockdev",
		"driver=file,node-name=initdata,filename=/run/a,,b/initdata.img,read-only=on",
		"-device", "virtio-blk-pci,drive=initdata", "-netdev", "user,id=net0,ipv6=off",
		"-device", "virtio-net-pci,netdev=net0,romfile=,mac=02:5e:a1:00:00:01", "-device",
		"vhost-vsock-pci,vhostfd=7,guest-cid=4294967294" };
	struct vm_config c = vm_plain;

	(void)state;
	c.accel = VM_ACCEL_KVM;
	c.initdata = "/run/a,b/initdata.img";
	c.net_user = true;
	c.vsock_fd = 7;
	c.guest_cid = 4294967294;
	assert_argv("none", &c, want, ARRAY_LEN(want));
}

/* A descriptor that QEMU was handed is no device, though it stands below /dev. */
static void test_argv_limits_and_handed_files(void **state)
{
	static const char *const want[] = { HEAD, MACHINE("tcg", "max"), BOOT, PORTS, "-object",
		"throttle-group,id=disk-limits,x-bps-total=1000000,x-iops-total=500", "-blockdev",
		"driver=file,node-name=initdata,filename=/dev/fdset/9,read-only=on", "-device",
		"virtio-blk-pci,drive=initdata" };
	struct vm_config c = vm_plain;

	(void)state;
	c.initdata = "/dev/fdset/9";
	c.disk_bytes_per_s = 1000000;
	c.disk_ops_per_s = 500;
	assert_argv("none", &c, want, ARRAY_LEN(want));
}

/* The architecture changes the machine and how devices are spelled, nothing else. */
static void test_argv_none_s390x(void **state)
{
	static const char *const want[] = { "qemu-system-s390x", "-name",
		"sealpod-calm-otter,debug-threads=on", "-nodefaults", "-no-user-config",
		"-nographic", "-no-reboot", "-sandbox",
		"on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
		"-machine", "s390-ccw-virtio,accel=tcg", "-cpu", "max,vx=off", "-smp", "2", "-m",
		"2048M", "-rtc", "base=utc,clock=host", "-vga", "none", BOOT, "-object",
		"rng-random,id=rng0,filename=/dev/urandom", "-device", "virtio-rng-ccw,rng=rng0",
		"-device", "virtio-serial-ccw,id=serial0,max_ports=4", "-chardev",
		"socket,id=console,fd=5", "-device", "sclpconsole,chardev=console", "-chardev",
		"socket,id=agent,fd=3", "-device",
		"virtserialport,chardev=agent,name=sealpod.agent", "-chardev", "socket,id=log,fd=4",
		"-device", "virtserialport,chardev=log,name=sealpod.log", "-chardev",
		"socket,id=qmp,fd=6", "-mon", "chardev=qmp,mode=control", "-blockdev",
		"driver=file,node-name=initdata,filename=/run/initdata.img,read-only=on", "-device",
		"virtio-blk-ccw,drive=initdata", "-netdev", "user,id=net0,ipv6=off", "-device",
		"virtio-net-ccw,netdev=net0,mac=02:5e:a1:00:00:01", "-device",
		"vhost-vsock-ccw,vhostfd=7,guest-cid=9" };
	struct vm_config c = vm_plain;

	(void)state;
	c.arch = VM_ARCH_S390X;
	c.initdata = "/run/initdata.img";
	c.net_user = true;
	c.vsock_fd = 7;
	c.guest_cid = 9;
	assert_argv("none", &c, want, ARRAY_LEN(want));
}

/* Places for interfaces that come later; ccw needs none. */
static void test_argv_hot_nics(void **state)
{
	static const char *const want[] = { HEAD, MACHINE("tcg", "max"), BOOT, PORTS, "-device",
		"pcie-root-port,id=hot0,chassis=1", "-device", "pcie-root-port,id=hot1,chassis=2" };
	AUTO(strv_done) struct strv argv = { 0 };
	struct vm_config c = vm_plain;

	(void)state;
	c.hot_nics = 2;
	assert_argv("none", &c, want, ARRAY_LEN(want));
	c.arch = VM_ARCH_S390X;
	assert_ok(vm_argv(&vm_none, &c, &argv));
	for (size_t i = 0; i < argv.n; i++)
		assert_null(strstr(argv.v[i], "pcie-root-port"));
}

static void test_arch_without_platform(void **state)
{
	AUTO(strv_done) struct strv argv = { 0 };
	struct vm_config c = vm_plain;

	(void)state;
	c.arch = VM_ARCH_S390X;
	assert_err(vm_argv(&vm_vtpm, &c, &argv), ERR_UNSUPPORTED);
	assert_err_text("platform 'vtpm' does not exist on s390x");
}

static void test_arch_names(void **state)
{
	enum vm_arch arch = VM_ARCHS;

	(void)state;
	for (unsigned i = 0; i < VM_ARCHS; i++) {
		assert_ok(vm_arch_find(vm_arch_info((enum vm_arch)i)->name, &arch));
		assert_int_equal(arch, i);
	}
	assert_err(vm_arch_find("s390", &arch), ERR_USAGE);
	assert_err_text("architecture 's390': x86_64 or s390x");
}

/* The mark must lie whole, and exactly where its kernel has it. */
static void test_arch_of_kernel(void **state)
{
	static const struct {
		size_t at;
		const char *mark;
		enum vm_arch arch; /* VM_ARCHS: refused */
	} cases[] = {
		{ 0x202, "HdrS", VM_ARCH_X86_64 },
		{ 0x10008, "S390EP", VM_ARCH_S390X },
		{ 0x203, "HdrS", VM_ARCHS },
		{ 0x10007, "S390EP", VM_ARCHS },
		{ 0x8, "S390EP", VM_ARCHS },
		{ 0x202, "Hdr", VM_ARCHS },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		size_t n = cases[i].at + strlen(cases[i].mark);
		AUTO(auto_free) uint8_t *head = calloc(1, n);
		enum vm_arch arch = VM_ARCHS;

		assert_non_null(head);
		memcpy(head + cases[i].at, cases[i].mark, strlen(cases[i].mark));
		bool known = !failed(vm_arch_of_kernel(bytes_of(head, n), &arch));
		assert_int_equal(arch, cases[i].arch);
		assert_int_equal(known, cases[i].arch != VM_ARCHS);
		assert_err(vm_arch_of_kernel(bytes_of(head, n - 1), &arch), ERR_UNSUPPORTED);
	}
}

static void test_argv_vtpm(void **state)
{
	static const char *const want[] = { HEAD, MACHINE("tcg", "max"), "-drive",
		"if=pflash,unit=0,format=raw,readonly=on,file=/fw/CODE.fd", "-drive",
		"if=pflash,unit=1,format=raw,file=/run/pod/vars.fd", "-chardev",
		"socket,id=tpm,fd=7", "-tpmdev", "emulator,id=tpm0,chardev=tpm", "-device",
		"tpm-tis,tpmdev=tpm0", BOOT, PORTS };
	struct vm_config c = vm_plain;

	(void)state;
	c.firmware = "/fw/CODE.fd";
	c.firmware_vars = "/run/pod/vars.fd";
	c.tpm_fd = 7;
	assert_argv("vtpm", &c, want, ARRAY_LEN(want));
}

/* An argument stays one argument and a value one value, whatever is in it. */
static void test_argv_hostile_values(void **state)
{
	AUTO(strv_done) struct strv argv = { 0 };
	struct vm_config c = vm_plain;
	bool seen = false;

	(void)state;
	c.firmware = "/fw/x,format=qcow2";
	c.firmware_vars = "/run/pod/vars.fd";
	c.append = "a b -monitor stdio,server";
	assert_ok(vm_argv(&vm_vtpm, &c, &argv));
	for (size_t i = 0; i < argv.n; i++) {
		assert_string_not_equal(argv.v[i], "-monitor");
		seen |= strcmp(argv.v[i], "if=pflash,unit=0,format=raw,readonly=on,file=/fw/"
					  "x,,format=qcow2") == 0;
		if (strcmp(argv.v[i], "-append") == 0)
			assert_string_equal(argv.v[i + 1], c.append);
	}
	assert_true(seen);
}

static void test_platform_unknown(void **state)
{
	const struct vm_platform *p = NULL;

	(void)state;
	assert_err(vm_platform_find("tdx2", &p), ERR_UNSUPPORTED);
	assert_err_text("platform 'tdx2' (known: tdx, snp, sev, sev-es, se, vtpm, none)");
	assert_null(p);
}

static void test_cpuinfo(void **state)
{
	static const struct {
		const char *text;
		bool kvm;
	} cases[] = {
		{ "", false },
		{ "flags\t\t: fpu vmx sse\n", true },
		{ "flags\t\t: fpu sse svm\n", true },
		{ "flags\t\t: fpu sse svm", true },
		{ "flags\t\t: vmx\n", true },
		{ "processor\t: 0\nflags\t\t: fpu sse\nprocessor\t: 1\n", false },
		{ "flags\t\t: fpu vmx_extra svme xsvm\n", false },
		/* Other lines are the CPU vendor's free text. */
		{ "model name\t: great vmx svm chip\nflags\t\t: fpu\n", false },
		{ "vmx flags\t: vnmi svm\nflags\t\t: fpu\n", false },
		{ "flag", false },
		{ "features\t: esan3 zarch sie stfle\n", true },
		{ "features\t: esan3 zarch siex stfle\n", false },
		{ "features\t: esan3 vmx\n", false },
		{ "flags\t: fpu sie\n", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(vm_cpuinfo_has_kvm(bytes_str(cases[i].text)), cases[i].kvm);
}

static void test_accel(void **state)
{
	enum vm_arch other = vm_arch_host() == VM_ARCH_S390X ? VM_ARCH_X86_64 : VM_ARCH_S390X;
	enum vm_accel accel = VM_ACCEL_KVM;
	const char *why = "x";

	(void)state;
	assert_ok(vm_accel_choose(vm_arch_host(), "tcg", &accel, &why));
	assert_int_equal(accel, VM_ACCEL_TCG);
	assert_null(why);
	assert_ok(vm_accel_choose(vm_arch_host(), "kvm", &accel, &why));
	assert_int_equal(accel, VM_ACCEL_KVM);
	assert_ok(vm_accel_choose(vm_arch_host(), "auto", &accel, &why));
	assert_int_equal(accel == VM_ACCEL_TCG, why != NULL);
	assert_err(vm_accel_choose(vm_arch_host(), "hvf", &accel, &why), ERR_USAGE);
	assert_ok(vm_accel_choose(other, "auto", &accel, &why));
	assert_int_equal(accel, VM_ACCEL_TCG);
	assert_non_null(why);
	assert_err(vm_accel_choose(other, "kvm", &accel, &why), ERR_UNSUPPORTED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_argv_none),
		cmocka_unit_test(test_argv_none_kvm_with_devices),
		cmocka_unit_test(test_argv_limits_and_handed_files),
		cmocka_unit_test(test_argv_none_s390x),
		cmocka_unit_test(test_argv_hot_nics),
		cmocka_unit_test(test_arch_without_platform),
		cmocka_unit_test(test_arch_names),
		cmocka_unit_test(test_arch_of_kernel),
		cmocka_unit_test(test_argv_vtpm),
		cmocka_unit_test(test_argv_hostile_values),
		cmocka_unit_test(test_platform_unknown),
		cmocka_unit_test(test_cpuinfo),
		cmocka_unit_test(test_accel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
