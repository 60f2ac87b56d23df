/* Platform `none`: the machine boots the kernel directly (x86: through SeaBIOS). Nothing is
 * measured; for quick tests. */
#include "runtime/vm.h"

const struct vm_platform vm_none = {
	.name = "none",
	.archs = 1u << VM_ARCH_X86_64 | 1u << VM_ARCH_S390X,
};
