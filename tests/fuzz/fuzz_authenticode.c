#include <stddef.h>
#include <stdint.h>

#include <measured-boot/authenticode.h>
#include <measured-boot/linux_boot.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes in = bytes_of(data, size);
	AUTO(buf_done) struct buf patched = BUF_INIT(LINUX_KERNEL_MAX);
	struct digest_value before = { 0 }, after = { 0 };

	if (failed(authenticode_digest(in, DIGEST_SHA256, &before)) ||
		failed(linux_qemu_kernel(in, 512, 4096, &patched)))
		return 0;
	/* QEMU's changes keep the size, so what was a whole image stays one, unless they hit it. */
	if (patched.n != size)
		__builtin_trap();
	err_ignore(authenticode_digest(buf_bytes(&patched), DIGEST_SHA256, &after));
	return 0;
}
