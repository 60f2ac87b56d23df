#include "runtime/guest_files.h"

#include <fcntl.h>
#include <limits.h>

#include <base/file.h>

RESULT guest_files_dir(enum vm_arch arch, char **ret_dir)
{
	static const char *const places[] = { "../share/sealpod/guest", "../guest",
		"../../release/guest" };
	bool plain = arch == VM_ARCH_X86_64;
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n <= 0)
		return err_new(ERR_SYS, "finding this program");
	self[n] = '\0';
	*strrchr(self, '/') = '\0';
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		AUTO(auto_free) char *dir = NULL;
		AUTO(auto_free) char *kernel = NULL;

		TRY(str_format(&dir, "%s/%s%s%s", self, places[i], plain ? "" : "-",
			plain ? "" : vm_arch_info(arch)->name));
		TRY(path_join(dir, "vmlinuz", &kernel));
		if (file_exists(kernel)) {
			*ret_dir = TAKE(dir);
			return OK;
		}
	}
	return err_new(ERR_NOT_FOUND,
		"no %s guest image beside %s: build target sealpod-image%s%s, or --kernel and "
		"--initrd",
		vm_arch_info(arch)->name, self, plain ? "" : "-",
		plain ? "" : vm_arch_info(arch)->name);
}

static RESULT read_head(const char *kernel, struct buf *head)
{
	AUTO(auto_close) int fd = open(kernel, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return err_new(ERR_SYS, "kernel %s", kernel);
	while (head->n < VM_KERNEL_HEAD) {
		uint8_t block[4096];
		ssize_t n = read(fd, block, sizeof(block));

		if (n < 0)
			return err_new(ERR_SYS, "reading %s", kernel);
		if (n == 0)
			return OK;
		buf_put(head, bytes_of(block, (size_t)n));
	}
	return buf_end(head, kernel);
}

RESULT guest_files_arch(
	const char *want, const char *kernel, unsigned archs, enum vm_arch *ret_arch)
{
	AUTO(buf_done) struct buf head = BUF_INIT(2 * VM_KERNEL_HEAD);
	enum vm_arch arch = (enum vm_arch)__builtin_ctz(archs), built = VM_ARCHS;

	if (want)
		TRY(vm_arch_find(want, &arch));
	if (kernel)
		TRY(read_head(kernel, &head));
	/* A kernel of unknown form may still be one that this QEMU starts. */
	if (kernel && failed(vm_arch_of_kernel(buf_bytes(&head), &built)))
		built = VM_ARCHS;
	if (want && built != VM_ARCHS && built != arch)
		return err_new(ERR_USAGE, "--arch %s, but %s is a kernel for %s", want, kernel,
			vm_arch_info(built)->name);
	*ret_arch = want || built == VM_ARCHS ? arch : built;
	return OK;
}

RESULT guest_files_firmware_vars(const char *firmware, char **ret_path)
{
	static const char *const pairs[][2] = { { "CODE", "VARS" }, { "code", "vars" } };

	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		const char *at = strstr(firmware, pairs[i][0]);

		if (at)
			return str_format(ret_path, "%.*s%s%s", (int)(at - firmware), firmware,
				pairs[i][1], at + strlen(pairs[i][0]));
	}
	return err_new(ERR_USAGE, "firmware %s: no CODE in its name, so its variables are unknown",
		firmware);
}
