/* RTMRs: logs of real TDs taken over and predicted, event by event. */
#include "unxz.h"
#include "util.h"

#include <measured-boot/authenticode.h>
#include <measured-boot/linux_boot.h>
#include <measured-boot/td_boot.h>
#include <tee/eventlog.h>

static const uint64_t mib = 1024 * 1024;

static struct buf read_firmware(void)
{
	AUTO(buf_done)
	struct buf packed = test_file(test_vector("tdx/virtee-tdx/tdvf/OVMF.inteltdx.fd.xz"));
	struct buf image = BUF_INIT(OVMF_CODE_MAX);

	assert_ok(xz_unpack(buf_bytes(&packed), "firmware", &image));
	return image;
}

static void assert_rtmr(const struct td_boot *b, size_t i, const char *want)
{
	static const uint8_t untouched[DIGEST_SHA384_SIZE];

	assert_bytes_equal(digest_bytes(&b->rtmr[i]), want ? test_hex(want) : BYTES_OF(untouched));
}

static const struct td_boot_event *find(const struct td_boot *b, const char *what)
{
	for (size_t i = 0; i < b->n_events; i++)
		if (str_equal(b->events[i].what, what))
			return &b->events[i];
	fail_msg("no event '%s'", what);
	return NULL;
}

/* A PE image that is a bzImage, too: DOS header, PE header at 0x280, no sections. */
static void make_kernel(uint8_t k[static 1024])
{
	memset(k, 0, 1024);
	k[0] = 'M';
	k[1] = 'Z';
	k[0x3d] = 0x02; /* e_lfanew 0x280 */
	k[0x3c] = 0x80;
	memcpy(k + 0x280, "PE\0\0\x64\x86", 6);
	k[0x280 + 20] = 0xf0; /* SizeOfOptionalHeader */
	k[0x280 + 24] = 0x0b; /* PE32+ */
	k[0x280 + 25] = 0x02;
	k[0x280 + 24 + 61] = 0x04; /* SizeOfHeaders 0x400 */
	k[0x280 + 24 + 108] = 16;  /* NumberOfRvaAndSizes */
	k[0x1f1] = 1;
	memcpy(k + 0x202, "HdrS", 4);
	k[0x206] = 0x0f;
	k[0x207] = 0x02;
	k[0x211] = 0x01;
	k[0x236] = 0x02;
}

/* ---- logs ---- */

/* Registers of the guests' quotes, or replayed by whoever published the log. */
static const struct {
	const char *log, *rtmr[3];
} logs[] = {
	{ "tdx/go-tdx-guest/ccel/cos113_ccel_data.dat",
		{ "3fa2f61f395b7f5feefb4ec2df61297f109ad8abcd6410c1"
		  "b7df60f21f37b19297fc35e544039c7e1edece752afd17f6",
			"f62dbc072bd5d3f3438b7b35c39a727f5aea2ffc2473f437"
			"23953f530daf62504f0a7944aa62c41a86e8a878c2b122c1",
			"4969684dc87381fc3b3134176c8d8806eaf0a901859f5f70"
			"cfae8d17714b46c10a8de219048c9fc09f11f381a6fbe7c1" } },
	{ "tdx/go-eventlog/ccel/event_log.bin",
		{ "f68df15175d7c810a6b35f1847ba318723b9de337ee00bc6"
		  "3cf42c0a29ad1d94a5b16d3e2ba1b96ec55a46e67b1bea92",
			"8adfd9a44e11725208cbe1cf79726f1c86c0c45c1b5046b6"
			"03e32650e7b44bdf7101abf1bf6ecbebc38b35f9f28f588e",
			NULL } },
	{ "tdx/cc-trusted-api/ccel/cctrusted_ccel.bin",
		{ "c15727cac1f57d0e91106da180b3eaba72116661e17ba055"
		  "3773843a9b072ecfa38cc803dfb55e0f87ec236780adb3a6",
			"61e958c6f954ce23031fb3cae87bf4da209d697bc15a4aef"
			"cdcc92070f7b2df34720b2bb57de89c9d03c7c9aa1136569",
			"58bc48d5c486672529f26bc0dffe535856ba1b98c6f15684"
			"8db7ecd25821d0c02a5139bdf78b7cb49f12ef7a2a16dd7d" } },
	{ "tdx/attestation-rs/ccel/tdx_ccel_live2.dat",
		{ "5aca07b1e885e17d1aeaf9d94edb2674767a61547cf8a49f"
		  "26b73b4a43baeb04d147ba1953310852bbdcb13f0cfcac17",
			"7fc19ed7b5726f078d331c4125a5d4664bcf811bcce0eaa7"
			"8caa9e3bf4f721091171b51b9af1c497d1c4ac19a4c9af16",
			"35b87e05bb5e6c7db86a1e3f9a5c7fe361741f01c1a3b1f5"
			"4474ff8f39b38e9295ff142b932720dfc92e59797df081ec" } },
	{ "tdx/trustee/ccel/CCEL_data", { "2dc712306a963eadb894ad47dbaa17df44814151555aee11"
					  "cbb843becca88950ffd079664902e6f22c66f7c8213543f4",
						"0fa3be56af61208bbd179dc7b124988eb929319154663c53"
						"9d6f46445ecac2fec287075047ff7bd1922829fec28cd3cf",
						NULL } },
	{ "tdx/trustee/ccel/CCEL_data_ovmf",
		{ "8566f998798db09443b244c62de9a3041fb02e2e6936c439"
		  "6d784bba2e90177329ec5aba3bb484404f2ab9cc90abe193",
			"775b9f6bfe99f8a31396f0d0218e67ffa796d3b96ccf961c"
			"bb0deba48c79c00f082cda1a5567c1c16305f1fc210c13c6",
			"94eaf7a7bf398ed8d888c91057ae0261802e4f3df084213a"
			"76ca7f0b5055ac9d2241de43cd58d9e8b49c503bbf25f34a" } },
	{ "tdx/trustee/ccel/CCEL_data_gcp",
		{ "3300980705adf09d28b707b79699d9874892164280832be2"
		  "c386a715b6e204e0897fb564a064f810659207ba862b304f",
			"204d49f78d29918fe7b2f694e76653861a0c2a018987d2c3"
			"a54266eff737232524cf0af68c4d180e2f8c2c0937f21967",
			NULL } },
};

static void test_logs(void **state)
{
	(void)state;
	const struct td_boot_inputs nothing = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(logs); i++) {
		AUTO(buf_done) struct buf log = test_file(test_vector(logs[i].log));
		AUTO(td_boot_done) struct td_boot b = { 0 };
		print_message("  %s\n", logs[i].log);
		assert_ok(td_boot_from_log(&nothing, buf_bytes(&log), &b));
		for (size_t r = 0; r < 3; r++)
			assert_rtmr(&b, r, logs[i].rtmr[r]);
		assert_rtmr(&b, 3, NULL);
		for (size_t k = 0; k < b.n_events; k++)
			assert_string_equal(b.events[k].input, "event-log");
	}
}

static const char ovmf_log[] = "tdx/trustee/ccel/CCEL_data_ovmf";
static const char live_log[] = "tdx/attestation-rs/ccel/tdx_ccel_live2.dat";

/* What is known replaces the log's event, and its register alone changes. */
static void test_log_with_inputs(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf log = test_file(test_vector(ovmf_log));
	AUTO(buf_done) struct buf firmware = read_firmware();
	AUTO(td_boot_done) struct td_boot plain = { 0 };
	AUTO(td_boot_done) struct td_boot b = { 0 };
	struct td_boot_inputs in = { 0 };
	struct digest_value d = { 0 };

	assert_ok(td_boot_from_log(&in, buf_bytes(&log), &plain));
	in.firmware = buf_bytes(&firmware);
	in.memory.size = 2048 * mib;
	in.acpi_rsdp = bytes_str("rsdp");
	in.initrd = bytes_str("initrd");
	assert_ok(td_boot_from_log(&in, buf_bytes(&log), &b));
	assert_int_equal(b.n_events, plain.n_events);
	for (size_t i = 0; i < b.n_events; i++) {
		const struct td_boot_event *e = &b.events[i], *was = &plain.events[i];
		bool same = bytes_equal(digest_bytes(&e->digest), digest_bytes(&was->digest));
		/* The log is of a guest with 2 GiB and sections at the same places, but with a
		 * larger configuration volume. */
		bool other = e->type == EV_EFI_PLATFORM_FIRMWARE_BLOB2 ||
			     str_equal(e->what, "initrd") ||
			     (e->type == EV_PLATFORM_CONFIG_FLAGS && i > 0 &&
				     b.events[i - 1].type == EV_PLATFORM_CONFIG_FLAGS &&
				     b.events[i + 1].type == EV_PLATFORM_CONFIG_FLAGS);
		assert_int_equal(same, !other);
	}
	assert_string_equal(b.events[0].input, "firmware, memory");
	assert_ok(digest(DIGEST_SHA384, in.initrd, &d));
	assert_bytes_equal(digest_bytes(&find(&b, "initrd")->digest), digest_bytes(&d));
	assert_bytes_equal(digest_bytes(&b.rtmr[1]), digest_bytes(&plain.rtmr[1]));
	assert_false(bytes_equal(digest_bytes(&b.rtmr[2]), digest_bytes(&plain.rtmr[2])));
}

static RESULT parse_log(void *arg, struct bytes in)
{
	const struct td_boot_inputs *inputs = arg;
	AUTO(td_boot_done) struct td_boot b = { 0 };

	return td_boot_from_log(inputs, in, &b);
}

static void test_log_refused(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf log = test_file(test_vector(ovmf_log));
	AUTO(buf_done) struct buf gce =
		test_file(test_vector("tdx/go-tdx-guest/ccel/cos113_ccel_data.dat"));
	AUTO(td_boot_done) struct td_boot b = { 0 };
	struct td_boot_inputs in = { 0 };

	log.n = 4096;
	each_prefix_survives(buf_bytes(&log), parse_log, &in);
	each_flip_survives(buf_bytes(&log), parse_log, &in);
	in.kernel = bytes_str("kernel");
	assert_err(td_boot_from_log(&in, buf_bytes(&log), &b), ERR_UNSUPPORTED);
	uint8_t kernel[1024];
	make_kernel(kernel);
	in.kernel = BYTES_OF(kernel);
	assert_err(td_boot_from_log(&in, buf_bytes(&gce), &b), ERR_USAGE);
	assert_err_text("through a loader");
	assert_null(b.events);
}

/* ---- prediction ---- */

/* A boot of the same kind of firmware: whatever does not depend on what is unknown is equal, and
 * every event has its place. */
static void test_predicted_order(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf log = test_file(test_vector(live_log));
	AUTO(buf_done) struct buf firmware = read_firmware();
	AUTO(td_boot_done) struct td_boot real = { 0 };
	AUTO(td_boot_done) struct td_boot b = { 0 };
	struct td_boot_inputs in = { 0 };

	assert_ok(td_boot_from_log(&in, buf_bytes(&log), &real));
	in.firmware = buf_bytes(&firmware);
	in.initrd = bytes_str("initrd");
	assert_ok(td_boot_predict(&in, &b));
	assert_int_equal(b.n_events, real.n_events);
	size_t equal = 0;
	for (size_t i = 0; i < b.n_events; i++) {
		const struct td_boot_event *e = &b.events[i], *r = &real.events[i];
		print_message("  %u %s\n", e->rtmr, e->what);
		assert_int_equal(e->rtmr, r->rtmr);
		assert_int_equal(e->type, r->type);
		assert_string_equal(e->what, r->what);
		bool theirs = e->digest.n == 0 || str_equal(e->what, "initrd") ||
			      str_equal(e->what, "configuration volume");
		equal += !theirs;
		assert_int_equal(
			bytes_equal(digest_bytes(&e->digest), digest_bytes(&r->digest)), !theirs);
	}
	assert_int_equal(equal, 12);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(b.rtmr[i].n, 0);
	assert_string_equal(b.missing[0], "TD HOB");
	assert_string_equal(b.missing[1], "kernel (Authenticode)");
	assert_string_equal(b.missing[2], "command line");
	assert_rtmr(&b, 3, NULL);
}

static void predict(const struct td_boot_inputs *in, struct td_boot *b)
{
	td_boot_done(b);
	assert_ok(td_boot_predict(in, b));
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(b->rtmr[i].n, DIGEST_SHA384_SIZE);
}

/* Which registers depend on which input. */
static void test_predicted(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf firmware = read_firmware();
	uint8_t kernel[1024], kernel2[1024];
	AUTO(td_boot_done) struct td_boot first = { 0 };
	AUTO(td_boot_done) struct td_boot b = { 0 };
	const struct td_boot_inputs base = { .firmware = buf_bytes(&firmware),
		.memory = { 2048 * mib, 256 * mib },
		.kernel = BYTES_OF(kernel),
		.initrd = bytes_str("initrd"),
		.append = "console=hvc0",
		.acpi_loader = bytes_str("loader"),
		.acpi_rsdp = bytes_str("rsdp"),
		.acpi_tables = bytes_str("tables") };
	struct td_boot_inputs in[8];
	const unsigned changed[ARRAY_LEN(in)] = { 1u << 0, 1u << 0, 1u << 1, 1u << 1, 1u << 2,
		1u << 2, 1u << 2, 1u << 0 };

	make_kernel(kernel);
	memcpy(kernel2, kernel, sizeof(kernel));
	kernel2[0x3f0] ^= 1;
	for (size_t i = 0; i < ARRAY_LEN(in); i++)
		in[i] = base;
	in[0].memory.size = 4096 * mib;
	in[1].memory.max_below_4g = 0;
	in[2].kernel = BYTES_OF(kernel2);
	in[3].kernel_patched = true;
	in[4].initrd = bytes_str("Initrd");
	in[5].append = "console=ttyS0";
	in[6].initrd = BYTES_NONE;
	in[7].acpi_tables = bytes_str("Tables");
	predict(&base, &first);
	for (size_t i = 0; i < ARRAY_LEN(in); i++) {
		predict(&in[i], &b);
		for (unsigned r = 0; r < 3; r++)
			assert_int_equal(
				bytes_equal(digest_bytes(&b.rtmr[r]), digest_bytes(&first.rtmr[r])),
				!(changed[i] & 1u << r));
	}
	/* With memory above the machine's limit the patched header is always the same. */
	in[3].memory.size = 4096 * mib;
	predict(&in[3], &b);
	struct digest_value patched = b.rtmr[1];
	in[3].memory.size = 1024 * mib;
	predict(&in[3], &b);
	assert_bytes_equal(digest_bytes(&b.rtmr[1]), digest_bytes(&patched));
	in[3].memory.max_below_4g = 0;
	predict(&in[3], &b);
	assert_false(bytes_equal(digest_bytes(&b.rtmr[1]), digest_bytes(&patched)));
}

/* Firmware whose RTMR 0 has other events is known by what is in it. */
static void test_predicted_open(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf firmware = read_firmware();
	uint8_t kernel[1024];
	AUTO(td_boot_done) struct td_boot b = { 0 };
	struct td_boot_inputs in = { .memory.size = 2048 * mib,
		.kernel = BYTES_OF(kernel),
		.acpi_loader = bytes_str("loader"),
		.acpi_rsdp = bytes_str("rsdp"),
		.acpi_tables = bytes_str("tables") };

	make_kernel(kernel);
	in.firmware = buf_bytes(&firmware);
	/* The first variable of the store behind the volume's header and its own. */
	uint8_t *variable = firmware.p + 0x48 + 28;
	assert_int_equal(variable[0], 0xff);
	variable[0] = 0xaa;
	variable[1] = 0x55;
	assert_ok(td_boot_predict(&in, &b));
	assert_int_equal(b.rtmr[0].n, 0);
	assert_string_equal(b.missing[0], "variables are enrolled into the firmware");
	assert_int_equal(b.rtmr[1].n, DIGEST_SHA384_SIZE);
	variable[0] = variable[1] = 0xff;

	memcpy(firmware.p + 0x1000, "QEMU FW CFG", 11);
	td_boot_done(&b);
	assert_ok(td_boot_predict(&in, &b));
	assert_int_equal(b.rtmr[0].n, 0);
	assert_non_null(strstr(b.missing[0], "2025.05"));

	td_boot_done(&b);
	in.firmware = bytes_of(firmware.p, firmware.n - 4096);
	assert_err(td_boot_predict(&in, &b), ERR_UNSUPPORTED);
	in.firmware = buf_bytes(&firmware);
	in.kernel = bytes_str("no kernel");
	assert_err(td_boot_predict(&in, &b), ERR_UNSUPPORTED);
	assert_null(b.events);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_logs),
		cmocka_unit_test(test_log_with_inputs),
		cmocka_unit_test(test_log_refused),
		cmocka_unit_test(test_predicted_order),
		cmocka_unit_test(test_predicted),
		cmocka_unit_test(test_predicted_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
