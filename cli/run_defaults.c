#include "run_defaults.h"

#include <limits.h>

#include <base/file.h>

RESULT run_guest_dir(char **ret_dir)
{
	static const char *const places[] = { "../share/sealpod/guest", "../guest",
		"../../release/guest" };
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n <= 0)
		return err_new(ERR_SYS, "finding this program");
	self[n] = '\0';
	*strrchr(self, '/') = '\0';
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		AUTO(auto_free) char *dir = NULL;
		AUTO(auto_free) char *kernel = NULL;

		TRY(path_join(self, places[i], &dir));
		TRY(path_join(dir, "vmlinuz", &kernel));
		if (file_exists(kernel)) {
			*ret_dir = TAKE(dir);
			return OK;
		}
	}
	return err_new(ERR_NOT_FOUND,
		"no guest image beside %s: build target sealpod-image, or --kernel and --initrd",
		self);
}

const char *run_firmware(void)
{
	static const char *const places[] = { "/usr/share/OVMF/OVMF_CODE_4M.fd",
		"/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/edk2/ovmf/OVMF_CODE.fd",
		"/usr/share/qemu/ovmf-x86_64-code.bin" };

	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		if (file_exists(places[i]))
			return places[i];
	}
	return places[0];
}

RESULT run_firmware_vars(const char *firmware, char **ret_path)
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
