#include "runtime/vm.h"

#include "qemu.h"

#include <fcntl.h>

#include <base/file.h>

static const struct vm_platform *const platforms[] = { &vm_vtpm, &vm_none };

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
	return err_new(
		ERR_UNSUPPORTED, "platform '%s' (this host has: %s)", name, buf_cstr(&known));
}

/* One word of the flags line of x86's cpuinfo; other lines may hold anything. */
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

bool vm_cpuinfo_has_kvm(struct bytes cpuinfo)
{
	static const char key[] = "flags";
	size_t at = 0;

	while (at < cpuinfo.n) {
		const uint8_t *end = memchr(cpuinfo.p + at, '\n', cpuinfo.n - at);
		size_t n = end ? (size_t)(end - (cpuinfo.p + at)) : cpuinfo.n - at;
		struct bytes line = bytes_of(cpuinfo.p + at, n);

		if (n >= sizeof(key) - 1 &&
			bytes_equal(bytes_of(line.p, sizeof(key) - 1), bytes_str(key)))
			return flags_have(line, "vmx") || flags_have(line, "svm");
		at += n + 1;
	}
	return false;
}

static bool kvm_opens(void)
{
	AUTO(auto_close) int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	return fd >= 0;
}

RESULT vm_accel_choose(const char *want, enum vm_accel *ret_accel, const char **ret_why)
{
	AUTO(buf_done) struct buf cpuinfo = BUF_INIT(16 * 1024 * 1024);
	const char *why = NULL;

	if (str_equal(want, "kvm") || str_equal(want, "tcg")) {
		*ret_accel = str_equal(want, "kvm") ? VM_ACCEL_KVM : VM_ACCEL_TCG;
		*ret_why = NULL;
		return OK;
	}
	if (!str_equal(want, "auto"))
		return err_new(ERR_USAGE, "accelerator '%s': auto, kvm or tcg", want);
	TRY(file_read("/proc/cpuinfo", &cpuinfo));
	if (!vm_cpuinfo_has_kvm(buf_bytes(&cpuinfo)))
		why = "this CPU shows neither vmx nor svm";
	else if (!kvm_opens())
		why = "/dev/kvm cannot be opened";
	*ret_accel = why ? VM_ACCEL_TCG : VM_ACCEL_KVM;
	*ret_why = why;
	return OK;
}
