#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <measured-boot/id_block.h>
#include <measured-boot/launch.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	PROCESSORS = 3
};

/* The same bytes as a firmware for AMD's and Intel's VMMs, as an SVSM, and as an ID block. */
static void as_firmware(struct bytes in)
{
	struct launch_kernel kernel = { .kernel = bytes_str("kernel"), .append = "x" };
	struct launch_svsm svsm = { .image = in };
	struct launch_machine m = { .firmware = in, .vcpus = PROCESSORS, .guest_features = 1 };
	struct digest_value d = { 0 };

	err_ignore(launch_snp_digest(&m, &d));
	m.kernel = &kernel;
	err_ignore(launch_snp_digest(&m, &d));
	err_ignore(launch_sev_es_digest(&m, &d));
	m.kernel = NULL;
	m.svsm = &svsm;
	err_ignore(launch_snp_digest(&m, &d));
	err_ignore(mrtd_digest(in, MRTD_TWO_PASS, &d));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes in = bytes_of(data, size);
	size_t half = size / 2;
	struct id_block block = { 0 };
	struct id_auth_keys keys = { 0 };

	as_firmware(in);
	err_ignore(id_block_parse(in, &block));
	err_ignore(id_auth_check(bytes_of(data, half), bytes_of(data + half, size - half), &keys));
	return 0;
}
