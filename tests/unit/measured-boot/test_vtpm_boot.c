#include "firmware.h"
#include "ovmf_menu.h"
#include "util.h"

#include <base/file.h>
#include <measured-boot/machine.h>
#include <measured-boot/vtpm_boot.h>
#include <tee/eventlog.h>

enum {
	KERNEL_MAX = 64 * 1024 * 1024,
	MIB_3072 = 3072
};

/* ---- the boot option ---- */

static RESULT read_menu(void *arg, struct bytes in)
{
	(void)arg;
	AUTO(buf_done) struct buf option = BUF_INIT(OVMF_BOOT_OPTION_MAX);

	return ovmf_menu_option(in, &option);
}

static void test_menu(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf dxe = BUF_INIT(FIRMWARE_MAX);
	AUTO(buf_done) struct buf option = BUF_INIT(OVMF_BOOT_OPTION_MAX);

	firmware_make_menu(&dxe);
	assert_ok(ovmf_menu_option(buf_bytes(&dxe), &option));
	assert_bytes_equal(buf_bytes(&option), test_hex("090100002c00"
							"4d0065006e0075000000"
							"0407140011111111111111111111111111111111"
							"0406140021aa2c4614760345836e8ab6f4662331"
							"7fff0400"));
	each_prefix(buf_bytes(&dxe), read_menu, NULL);
	each_flip_survives(buf_bytes(&dxe), read_menu, NULL);
}

static void test_no_menu(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf code = BUF_INIT(FIRMWARE_MAX);
	AUTO(buf_done) struct buf dxe = BUF_INIT(FIRMWARE_MAX);

	firmware_make(&code, NULL, &dxe);
	assert_err(read_menu(NULL, buf_bytes(&dxe)), ERR_NOT_FOUND);
	assert_err_text("has no name");
}

/* ---- a boot ---- */

struct world {
	struct buf firmware, kernel;
	struct vtpm_boot_inputs in;
};

static int set_up(void **state)
{
	static struct world w;
	const char *path = test_source("build/guest-kernel/vmlinuz");

	w = (struct world){ .firmware = BUF_INIT(FIRMWARE_MAX), .kernel = BUF_INIT(KERNEL_MAX) };
	firmware_make(&w.firmware, NULL, NULL);
	if (file_exists(path))
		assert_ok(file_read(path, &w.kernel));
	w.in = (struct vtpm_boot_inputs){ .firmware = buf_bytes(&w.firmware),
		.kernel = buf_bytes(&w.kernel),
		.initrd = bytes_str("initrd"),
		.append = "console=hvc0",
		.memory_mib = MACHINE_MEMORY_MIN_MIB,
		.cpus = 1,
		.alg = DIGEST_SHA256 };
	*state = &w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	buf_done(&w->firmware);
	buf_done(&w->kernel);
	return 0;
}

static void need_kernel(const struct world *w)
{
	if (w->kernel.n > 0)
		return;
	print_message("SKIPPED: no build/guest-kernel/vmlinuz (target guest-kernel)\n");
	skip();
}

/* The registers are what the events say, and PCR 1 is not claimed without a menu. */
static void test_replay(void **state)
{
	struct world *w = *state;
	struct digest_value pcr[VTPM_BOOT_PCRS];
	struct vtpm_boot b = { 0 };

	need_kernel(w);
	assert_ok(vtpm_boot_predict(&w->in, &b));
	assert_false(b.has_pcr1);
	assert_int_equal(b.n_events, 22);
	for (size_t i = 0; i < VTPM_BOOT_PCRS; i++)
		pcr[i] = (struct digest_value){ .alg = DIGEST_SHA256, .n = DIGEST_SHA256_SIZE };
	for (size_t i = 0; i < b.n_events; i++) {
		const struct vtpm_boot_event *e = &b.events[i];
		assert_ok(pcr_extend(&pcr[e->pcr], digest_bytes(&e->digest)));
		assert_bytes_equal(digest_bytes(&e->after), digest_bytes(&pcr[e->pcr]));
	}
	for (size_t i = 0; i < VTPM_BOOT_PCRS; i++)
		assert_bytes_equal(digest_bytes(&b.pcr[i]), digest_bytes(&pcr[i]));
}

/* Bits of the registers that differ. */
static unsigned differing(const struct vtpm_boot *a, const struct vtpm_boot *b)
{
	unsigned bits = 0;

	for (unsigned i = 0; i < VTPM_BOOT_PCRS; i++)
		if (!bytes_equal(digest_bytes(&a->pcr[i]), digest_bytes(&b->pcr[i])))
			bits |= 1u << i;
	return bits;
}

static void test_each_input(void **state)
{
	struct world *w = *state;
	struct vtpm_boot first = { 0 };
	struct vtpm_boot_inputs changed[7];
	static const unsigned want[ARRAY_LEN(changed)] = { 0, 1u << 0, 1u << 0, 1u << 9,
		1u << 4 | 1u << 9, 1u << 4 | 1u << 9, 1u << 8 };

	need_kernel(w);
	for (size_t i = 0; i < ARRAY_LEN(changed); i++)
		changed[i] = w->in;
	changed[0].memory_mib = MIB_3072;
	changed[1].cpus = 2;
	changed[2].firmware_version = "2025.02";
	changed[3].append = "console=hvc0 quiet";
	changed[4].initrd =
		bytes_str("initrd, longer"); /* its size stands in the kernel's header */
	changed[5].initrd = BYTES_NONE;
	changed[6].initdata_digest = bytes_str("digest");
	assert_ok(vtpm_boot_predict(&w->in, &first));
	for (size_t i = 0; i < ARRAY_LEN(changed); i++) {
		struct vtpm_boot b = { 0 };
		assert_ok(vtpm_boot_predict(&changed[i], &b));
		assert_int_equal(differing(&first, &b), want[i]);
	}
}

static void test_banks(void **state)
{
	struct world *w = *state;
	static const enum digest_alg banks[] = { DIGEST_SHA1, DIGEST_SHA384, DIGEST_SHA512 };

	need_kernel(w);
	for (size_t i = 0; i < ARRAY_LEN(banks); i++) {
		struct vtpm_boot_inputs in = w->in;
		struct vtpm_boot b = { 0 };
		in.alg = banks[i];
		assert_ok(vtpm_boot_predict(&in, &b));
		assert_int_equal(b.pcr[0].n, digest_size(banks[i]));
	}
}

static void test_refused(void **state)
{
	struct world *w = *state;
	struct vtpm_boot b = { 0 };
	struct vtpm_boot_inputs in = w->in;

	in.memory_mib = MACHINE_MEMORY_MIN_MIB - 1;
	assert_err(vtpm_boot_predict(&in, &b), ERR_USAGE);
	in = w->in;
	in.cpus = 0;
	assert_err(vtpm_boot_predict(&in, &b), ERR_USAGE);
	in.cpus = MACHINE_CPUS_MAX + 1;
	assert_err(vtpm_boot_predict(&in, &b), ERR_USAGE);
	in = w->in;
	in.kernel = bytes_str("no kernel");
	assert_err(vtpm_boot_predict(&in, &b), ERR_UNSUPPORTED);
	in = w->in;
	in.firmware = bytes_str("no firmware");
	assert_err(vtpm_boot_predict(&in, &b), ERR_FORMAT);
	assert_int_equal(b.n_events, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_menu),
		cmocka_unit_test(test_no_menu),
		cmocka_unit_test_setup_teardown(test_replay, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_each_input, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_banks, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_refused, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
