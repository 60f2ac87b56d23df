/* Platform `none`: SeaBIOS boots the kernel directly. Nothing is measured; for quick tests. */
#include "runtime/vm.h"

static RESULT none_argv(const struct vm_config *c, struct strv *argv)
{
	(void)c;
	(void)argv;
	return OK;
}

const struct vm_platform vm_none = {
	.name = "none",
	.argv = none_argv,
};
