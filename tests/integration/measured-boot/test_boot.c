/*
 * A real boot says what was predicted: image builder -> kernel + initrd -> OVMF + swtpm -> event
 * log and PCRs, read inside the guest by guest_probe.c.
 */
#include "util.h"

#include <fcntl.h>
#include <unistd.h>

#include <base/encode.h>
#include <base/file.h>
#include <base/json.h>
#include <base/process.h>
#include <measured-boot/cmdline.h>
#include <measured-boot/machine.h>
#include <measured-boot/reference.h>
#include <measured-boot/vtpm_boot.h>
#include <sys/file.h>
#include <tee/eventlog.h>

enum {
	PCRS = 24,
	FILE_MAX = 64 * 1024 * 1024
};

struct boot {
	struct buf console, log;
	struct eventlog events;
	uint8_t pcr[PCRS][DIGEST_SHA256_SIZE];
	bool ended;
};

static void boot_done(struct boot *b)
{
	eventlog_done(&b->events);
	buf_done(&b->console);
	buf_done(&b->log);
}

static const char *env(const char *name)
{
	const char *value = getenv(name);

	if (!value) {
		print_message("SKIPPED: %s is not set\n", name);
		skip();
	}
	return value;
}

static const char *in_dir(const char *name)
{
	static char paths[8][512];
	static size_t next;
	char *to = paths[next++ % ARRAY_LEN(paths)];

	(void)snprintf(to, sizeof(paths[0]), "%s/%s", test_dir(), name);
	return to;
}

static void run(const char *const *argv)
{
	AUTO(buf_done) struct buf out = BUF_INIT(1024 * 1024);
	AUTO(buf_done) struct buf errors = BUF_INIT(1024 * 1024);
	int status = -1;

	assert_ok(process_run(argv, BYTES_NONE, &out, &errors, &status));
	if (status != 0)
		print_error("%s: status %d: %s\n", argv[0], status, buf_cstr(&errors));
	assert_int_equal(status, 0);
}

/* ---- what the guest says ---- */

static void read_line(struct boot *b, char *line)
{
	unsigned pcr = 0;
	char hex[65];

	line[strcspn(line, "\r")] = '\0';
	if (str_starts(line, "probe: log ")) {
		assert_ok(hex_decode(bytes_str(line + strlen("probe: log ")), "log", &b->log));
	} else if (sscanf(line, "probe: pcr %u %64s", &pcr, hex) == 2) {
		assert_true(pcr < PCRS);
		assert_ok(hex_decode_fixed(bytes_str(hex), "PCR", b->pcr[pcr], DIGEST_SHA256_SIZE));
	} else if (str_equal(line, "probe: end")) {
		b->ended = true;
	}
}

static void read_console(struct boot *b)
{
	char *rest = NULL;

	b->console = BUF_INIT(4 * 1024 * 1024);
	b->log = BUF_INIT(EVENTLOG_MAX);
	assert_ok(file_read(in_dir("work/console.log"), &b->console));
	buf_u8(&b->console, 0);
	assert_ok(buf_end(&b->console, "console"));
	for (char *line = strtok_r((char *)b->console.p, "\n", &rest); line;
		line = strtok_r(NULL, "\n", &rest))
		read_line(b, line);
	assert_true(b->ended);
	assert_ok(eventlog_parse(buf_bytes(&b->log), EVENTLOG_EXACT, &b->events));
}

/* One emulated machine at a time: they are slow enough alone. */
static int lock_emulator(void)
{
	int fd = open("/tmp/sealpod-test-qemu.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0666);

	assert_int_equal(flock(fd, LOCK_EX), 0);
	return fd;
}

static void boot_guest(const char *cmdline, const char *memory, const char *cpus, struct boot *b)
{
	const char *const argv[] = { test_source("tests/integration/measured-boot/boot"),
		in_dir("guest"), in_dir("work"), cmdline, "-machine", QEMU_MACHINE, "-global",
		QEMU_GLOBAL_NO_SLEEP, "-cpu", "max," QEMU_CPU_ADDRESS, "-m", memory, "-smp", cpus,
		NULL };
	AUTO(auto_close) int lock = lock_emulator();

	assert_true(lock >= 0);
	assert_ok(dir_remove_tree(in_dir("work")));
	run(argv);
	read_console(b);
}

/* ---- what was predicted ---- */

struct image {
	struct buf firmware, kernel, initrd;
};

static void image_done(struct image *i)
{
	buf_done(&i->firmware);
	buf_done(&i->kernel);
	buf_done(&i->initrd);
}

static void build_image(struct image *image)
{
	const char *kernel = env("SEALPOD_GUEST_KERNEL"), *firmware = env("SEALPOD_FIRMWARE");
	char here[512], probe[512], vmlinuz[512], program[512];

	if (!file_exists(firmware)) {
		print_message("SKIPPED: no %s\n", firmware);
		skip();
	}
	(void)snprintf(here, sizeof(here), "here=%s", test_source("measured-boot"));
	(void)snprintf(probe, sizeof(probe), "probe=%s/guest-probe", env("SEALPOD_BIN"));
	(void)snprintf(program, sizeof(program), "%s/sealpod-guest-image", env("SEALPOD_BIN"));
	(void)snprintf(vmlinuz, sizeof(vmlinuz), "%s/vmlinuz", kernel);
	const char *const argv[] = { program, "--list",
		test_source("measured-boot/guest-x86_64.list"), "--list",
		test_source("measured-boot/guest-base.list"), "--list",
		test_source("tests/integration/measured-boot/guest-probe.list"), "--set", here,
		"--set", probe, "--set", "ca=/etc/ssl/certs/ca-certificates.crt", "--kernel",
		kernel, "--firmware", firmware, "--out", in_dir("guest"), NULL };
	run(argv);
	*image = (struct image){ BUF_INIT(FILE_MAX), BUF_INIT(FILE_MAX), BUF_INIT(FILE_MAX) };
	assert_ok(file_read(firmware, &image->firmware));
	assert_ok(file_read(vmlinuz, &image->kernel));
	assert_ok(file_read(in_dir("guest/initrd"), &image->initrd));
}

static void compute_reference(const struct image *image, struct boot_reference_values *v)
{
	struct boot_reference_inputs in = { .firmware = buf_bytes(&image->firmware),
		.kernel = buf_bytes(&image->kernel),
		.initrd = buf_bytes(&image->initrd),
		.kernel_version = "test" };

	assert_ok(boot_reference_compute(&in, v));
}

static void check_event(
	const struct boot *b, enum event_kind kind, unsigned nth, const struct digest_value *want)
{
	for (size_t i = 0; i < b->events.n; i++) {
		const struct event *e = &b->events.v[i];
		if (event_kind(e, DIGEST_SHA256) != kind || nth-- != 0)
			continue;
		assert_bytes_equal(event_digest(e, DIGEST_SHA256), digest_bytes(want));
		return;
	}
	fail_msg("no event of kind %d", (int)kind);
}

static void check_pcr(const struct boot *b, unsigned pcr, const struct digest_value *want)
{
	assert_bytes_equal(BYTES_OF(b->pcr[pcr]), digest_bytes(want));
}

static void check_boot(
	const struct boot *b, const struct boot_reference_values *v, unsigned cpus, size_t cmdline)
{
	const struct boot_reference_machine *m = &v->machines[cpus - 1];

	assert_true(v->n_machines >= cpus);
	check_event(b, EVENT_CRTM_VERSION, 0, &v->crtm);
	check_event(b, EVENT_FIRMWARE_BLOB, 0, &m->pei);
	check_event(b, EVENT_FIRMWARE_BLOB, 1, &v->dxe);
	check_event(b, EVENT_BOOT_APPLICATION, 0, &v->kernel);
	check_event(b, EVENT_LOAD_OPTIONS, 0, &v->cmdlines[cmdline].digest);
	check_event(b, EVENT_INITRD, 0, &v->initrd);
	check_pcr(b, 0, &m->pcr0);
	check_pcr(b, 4, &v->pcr4);
	check_pcr(b, 9, &v->cmdlines[cmdline].pcr9);
	for (uint32_t pcr = 0; pcr < 10; pcr++) {
		struct digest_value replayed = { 0 };
		assert_ok(eventlog_replay(&b->events, DIGEST_SHA256, pcr, &replayed));
		check_pcr(b, pcr, &replayed);
	}
}

/* Event by event, and every register the firmware or the kernel's stub extends. */
static void check_prediction(const struct boot *b, const struct image *image, const char *append,
	uint64_t memory_mib, unsigned cpus)
{
	struct vtpm_boot_inputs in = { .firmware = buf_bytes(&image->firmware),
		.kernel = buf_bytes(&image->kernel),
		.initrd = buf_bytes(&image->initrd),
		.append = append,
		.memory_mib = memory_mib,
		.cpus = cpus,
		.alg = DIGEST_SHA256 };
	struct vtpm_boot predicted = { 0 };

	assert_ok(vtpm_boot_predict(&in, &predicted));
	assert_true(predicted.has_pcr1);
	assert_int_equal(predicted.n_events, b->events.n);
	for (size_t i = 0; i < predicted.n_events; i++) {
		const struct vtpm_boot_event *want = &predicted.events[i];
		const struct event *got = &b->events.v[i];
		assert_int_equal(got->pcr, want->pcr);
		assert_int_equal(got->type, want->type);
		assert_bytes_equal(event_digest(got, DIGEST_SHA256), digest_bytes(&want->digest));
	}
	for (unsigned pcr = 0; pcr < VTPM_BOOT_PCRS; pcr++)
		check_pcr(b, pcr, &predicted.pcr[pcr]);
}

static void check_modules(const struct boot *b)
{
	static const char *const needed[] = { "virtio_blk", "virtio_net", "overlay", "dm_crypt",
		"dm_verity", "dm_integrity", "erofs" };
	char line[128];

	for (size_t i = 0; i < ARRAY_LEN(needed); i++) {
		(void)snprintf(line, sizeof(line), "/usr/lib/modules/%s.ko ok", needed[i]);
		assert_non_null(memmem(b->console.p, b->console.n, line, strlen(line)));
	}
}

static void test_boot(void **state)
{
	(void)state;
	AUTO(boot_done) struct boot small = { 0 };
	AUTO(boot_done) struct boot large = { 0 };
	AUTO(image_done) struct image image = { 0 };
	struct boot_reference_values v = { 0 };

	build_image(&image);
	compute_reference(&image, &v);
	boot_guest(LINUX_CMDLINE_DEFAULT, "256", "1", &small);
	check_boot(&small, &v, 1, 0);
	check_prediction(&small, &image, LINUX_CMDLINE_DEFAULT, 256, 1);
	check_modules(&small);
	boot_guest(LINUX_CMDLINE_DEBUG, "3072", "2", &large);
	check_boot(&large, &v, 2, 1);
	check_prediction(&large, &image, LINUX_CMDLINE_DEBUG, 3072, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_boot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
