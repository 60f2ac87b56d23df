/* Platform `none`: the machine boots the kernel directly (x86: through SeaBIOS). Nothing is
 * measured; for quick tests. */
#include "runtime/vm.h"

static RESULT none_argv(const struct vm_config *c, struct strv *argv)
{
	(void)c;
	(void)argv;
	return OK;
}

const struct vm_platform vm_none = {
	.name = "none",
	.archs = 1u << VM_ARCH_X86_64 | 1u << VM_ARCH_S390X,
	.argv = none_argv,
};
