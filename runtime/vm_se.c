/* Platform `se`: IBM Secure Execution. The kernel file is an encrypted image with command line and
 * initrd inside; the ultravisor checks it before it runs, and no field is left for initdata. */
#include "qemu.h"
#include "runtime/vm.h"

static RESULT se_argv(const struct vm_platform *p, const struct vm_config *c, struct strv *argv)
{
	(void)p;
	(void)c;
	return qemu_option(argv, "-object", "s390-pv-guest,id=pv0");
}

const struct vm_platform vm_se = {
	.name = "se",
	.archs = 1u << VM_ARCH_S390X,
	.hardware = true,
	.sealed = true,
	.cpu = "host",
	.machine = ",confidential-guest-support=pv0",
	.argv = se_argv,
};
