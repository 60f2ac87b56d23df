/* The boot option that OVMF makes for its own menu in an empty variable store. */
#pragma once

#include <base/buf.h>

enum {
	OVMF_BOOT_OPTION_MAX = 512
};

/* EFI_LOAD_OPTION of Boot0000, appended to `option`. ERR_NOT_FOUND: no menu in the DXE volume. */
RESULT ovmf_menu_option(struct bytes dxe, struct buf *option);
