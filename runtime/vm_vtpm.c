/* Platform `vtpm`: OVMF measures kernel, command line and initrd into a TPM emulated by swtpm. */
#include "qemu.h"
#include "runtime/vm.h"

static RESULT vtpm_argv(const struct vm_platform *p, const struct vm_config *c, struct strv *argv)
{
	AUTO(auto_free) char *code = NULL;
	AUTO(auto_free) char *vars = NULL;

	(void)p;
	TRY(qemu_escape(c->firmware, &code));
	TRY(qemu_escape(c->firmware_vars, &vars));
	TRY(qemu_optionf(argv, "-drive", "if=pflash,unit=0,format=raw,readonly=on,file=%s", code));
	TRY(qemu_optionf(argv, "-drive", "if=pflash,unit=1,format=raw,file=%s", vars));
	TRY(qemu_optionf(argv, "-chardev", "socket,id=tpm,fd=%d", c->tpm_fd));
	TRY(qemu_option(argv, "-tpmdev", "emulator,id=tpm0,chardev=tpm"));
	return qemu_option(argv, "-device", "tpm-tis,tpmdev=tpm0");
}

const struct vm_platform vm_vtpm = {
	.name = "vtpm",
	.archs = 1u << VM_ARCH_X86_64,
	.firmware = VM_FIRMWARE_FLASH,
	.tpm = true,
	.argv = vtpm_argv,
};
