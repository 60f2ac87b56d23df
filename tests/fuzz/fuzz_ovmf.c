#include "ovmf_menu.h"
#include "ovmf_platform.h"

#include <stddef.h>
#include <stdint.h>

#include <measured-boot/ovmf.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The compressed part is also fed in as it is: mutations seldom survive compression. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes in = bytes_of(data, size);
	AUTO(ovmf_volumes_done) struct ovmf_volumes v = { 0 };
	AUTO(buf_done) struct buf pei = BUF_INIT(OVMF_CODE_MAX);
	AUTO(buf_done) struct buf option = BUF_INIT(OVMF_BOOT_OPTION_MAX);
	struct digest_value d = { 0 };

	if (!failed(ovmf_volumes_read(in, &v)))
		err_ignore(ovmf_pei_digest(&v, 1, DIGEST_SHA256, &d));
	err_ignore(ovmf_menu_option(in, &option));
	buf_put(&pei, in);
	if (!failed(buf_end(&pei, "input")))
		err_ignore(ovmf_platform_fill(&pei, 1));
	return 0;
}
