#include "runtime/vm.h"

#include "qemu.h"

#include <fcntl.h>

#include <base/file.h>

static const struct vm_platform *const platforms[] = { &vm_tdx, &vm_snp, &vm_sev, &vm_sev_es,
	&vm_se, &vm_vtpm, &vm_none };

const struct vm_platform *vm_platform_at(size_t i)
{
	return i < ARRAY_LEN(platforms) ? platforms[i] : NULL;
}

RESULT vm_platform_find(const char *name, const struct vm_platform **ret_platform)
{
	AUTO(buf_done) struct buf known = BUF_INIT(256);

	for (size_t i = 0; i < ARRAY_LEN(platforms); i++) {
		if (str_equal(platforms[i]->name, name)) {
			*ret_platform = platforms[i];
			return OK;
		}
		buf_printf(&known, "%s%s", i ? ", " : "", platforms[i]->name);
	}
	return err_new(ERR_UNSUPPORTED, "platform '%s' (known: %s)", name, buf_cstr(&known));
}

/* One word of a line of cpuinfo; other lines may hold anything. */
static bool flags_have(struct bytes line, const char *flag)
{
	size_t n = strlen(flag);

	for (size_t at = 0; at + n <= line.n; at++) {
		bool starts = at == 0 || line.p[at - 1] == ' ' || line.p[at - 1] == '\t';
		bool ends = at + n == line.n || line.p[at + n] == ' ';

		if (starts && ends && bytes_equal(bytes_of(line.p + at, n), bytes_str(flag)))
			return true;
	}
	return false;
}

bool vm_cpuinfo_has(struct bytes cpuinfo, const char *key, const char *word)
{
	struct bytes start = bytes_str(key);
	size_t at = 0;

	while (at < cpuinfo.n) {
		const uint8_t *end = memchr(cpuinfo.p + at, '\n', cpuinfo.n - at);
		size_t n = end ? (size_t)(end - (cpuinfo.p + at)) : cpuinfo.n - at;
		struct bytes line = bytes_of(cpuinfo.p + at, n);

		if (n >= start.n && bytes_equal(bytes_of(line.p, start.n), start) &&
			flags_have(line, word))
			return true;
		at += n + 1;
	}
	return false;
}

bool vm_cpuinfo_has_kvm(struct bytes cpuinfo)
{
	/* The lines of x86 and of s390 that list what the processor can do. */
	return vm_cpuinfo_has(cpuinfo, "flags", "vmx") || vm_cpuinfo_has(cpuinfo, "flags", "svm") ||
	       vm_cpuinfo_has(cpuinfo, "features", "sie");
}

static bool kvm_opens(void)
{
	AUTO(auto_close) int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	return fd >= 0;
}

/* NULL: a guest of this architecture runs under KVM here. */
static RESULT why_not_kvm(enum vm_arch arch, const char **ret_why)
{
	AUTO(buf_done) struct buf cpuinfo = BUF_INIT(16 * 1024 * 1024);

	*ret_why = NULL;
	if (arch != vm_arch_host()) {
		*ret_why = "the guest's architecture is not this host's";
		return OK;
	}
	TRY(file_read("/proc/cpuinfo", &cpuinfo));
	if (!vm_cpuinfo_has_kvm(buf_bytes(&cpuinfo)))
		*ret_why = arch == VM_ARCH_S390X ? "this CPU does not show sie"
						 : "this CPU shows neither vmx nor svm";
	else if (!kvm_opens())
		*ret_why = "/dev/kvm cannot be opened";
	return OK;
}

RESULT vm_accel_choose(
	enum vm_arch arch, const char *want, enum vm_accel *ret_accel, const char **ret_why)
{
	const char *why = NULL;

	if (str_equal(want, "kvm") && arch != vm_arch_host())
		return err_new(ERR_UNSUPPORTED,
			"--accel kvm: an %s guest needs an %s host; auto or tcg emulates it",
			vm_arch_info(arch)->name, vm_arch_info(arch)->name);
	if (str_equal(want, "kvm") || str_equal(want, "tcg")) {
		*ret_accel = str_equal(want, "kvm") ? VM_ACCEL_KVM : VM_ACCEL_TCG;
		*ret_why = NULL;
		return OK;
	}
	if (!str_equal(want, "auto"))
		return err_new(ERR_USAGE, "accelerator '%s': auto, kvm or tcg", want);
	TRY(why_not_kvm(arch, &why));
	*ret_accel = why ? VM_ACCEL_TCG : VM_ACCEL_KVM;
	*ret_why = why;
	return OK;
}
