/* Addresses of block devices, and where they lead in a device tree made for the test. */
#include "block_find.h"
#include "util.h"

#include <base/file.h>
#include <sys/stat.h>

static void test_pci_paths(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		size_t n; /* 0: refused */
		unsigned bus, slot, function;
	} cases[] = {
		{ "02", 1, 0, 2, 0 },
		{ "02/01", 2, 0, 1, 0 },
		{ "1f.7", 1, 0, 0x1f, 7 },
		{ "02/00/0a.1", 3, 0, 10, 1 },
		{ "20/01/02", 2, 0x20, 2, 0 },
		{ "ff/00/00/03", 3, 0xff, 3, 0 },
		{ "", 0 },
		{ "/", 0 },
		{ "02/", 0 },
		{ "20", 0 },
		{ "20/01", 0 },
		{ "02//01", 0 },
		{ "002", 0 },
		{ "2G", 0 },
		{ "02.", 0 },
		{ "02.8", 0 },
		{ "02.0.0", 0 },
		{ "-1", 0 },
		{ "02/01/01/01/01/01/01/01/01", 0 },
		{ "../..", 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct pci_path p = { 0 };
		struct err e = pci_path_parse(cases[i].text, &p);

		if (failed(e) != (cases[i].n == 0) || p.n != cases[i].n)
			fail_msg("%s: %zu steps", cases[i].text, p.n);
		if (p.n > 0 && (p.bus != cases[i].bus || p.steps[p.n - 1].slot != cases[i].slot ||
				       p.steps[p.n - 1].function != cases[i].function))
			fail_msg("%s: bus %x slot %x", cases[i].text, p.bus, p.steps[p.n - 1].slot);
	}
}

static void test_scsi_addresses(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		bool good;
		unsigned id, lun;
	} cases[] = {
		{ "0:0", true, 0, 0 },
		{ "255:255", true, 255, 255 },
		{ "1:16383", true, 1, 16383 },
		{ "256:0", false, 0, 0 },
		{ "0:16384", false, 0, 0 },
		{ "0", false, 0, 0 },
		{ ":", false, 0, 0 },
		{ "0:", false, 0, 0 },
		{ "0:0:0", false, 0, 0 },
		{ "-1:0", false, 0, 0 },
		{ "0 :0", false, 0, 0 },
		{ "", false, 0, 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		unsigned id = 0, lun = 0;
		struct err e = scsi_address_parse(cases[i].text, &id, &lun);

		if (failed(e) == cases[i].good || id != cases[i].id || lun != cases[i].lun)
			fail_msg("%s: %u:%u", cases[i].text, id, lun);
	}
}

static void test_ccw_addresses(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		bool good;
		unsigned ssid, devno;
	} cases[] = {
		{ "0.0.0005", true, 0, 5 },
		{ "0.3.ffff", true, 3, 0xffff },
		{ "0.0.1", true, 0, 1 },
		{ "0.4.0001", false, 0, 0 },
		{ "1.0.0001", false, 0, 0 },
		{ "0.0.", false, 0, 0 },
		{ "0.0.12345", false, 0, 0 },
		{ "0.0.1/..", false, 0, 0 },
		{ "0.", false, 0, 0 },
		{ "", false, 0, 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		unsigned ssid = 0, devno = 0;
		struct err e = ccw_address_parse(cases[i].text, &ssid, &devno);

		if (failed(e) == cases[i].good)
			fail_msg("%s: accepted or refused", cases[i].text);
		if (cases[i].good && (ssid != cases[i].ssid || devno != cases[i].devno))
			fail_msg("%s: %u.%x", cases[i].text, ssid, devno);
	}
}

static char *in(const char *path)
{
	static char full[1024];

	(void)snprintf(full, sizeof(full), "%s%s", test_dir(), path);
	return full;
}

static void test_find(void **state)
{
	(void)state;
	static const char *const dirs[] = {
		"/sys/devices/pci0000:00/0000:00:02.0/0000:01:01.0/virtio3/block/vdb",
		"/sys/devices/pci0000:20/0000:20:01.0/0000:21:02.0/virtio4/block/vdc",
		"/sys/class/scsi_device/2:0:1:7/device/block/sdb",
		"/sys/class/scsi_device/2:0:1:70/device/block/sdc",
		"/sys/bus/ccw/devices/0.1.00ab/virtio1/block/vdd",
		"/dev/pmem0",
	};
	static const struct {
		const char *driver, *source, *device;
		enum err_code code;
	} cases[] = {
		{ "blk", "02/01", "/dev/vdb", ERR_OK },
		{ "blk", "20/01/02", "/dev/vdc", ERR_OK },
		{ "blk", "02/02", NULL, ERR_NOT_FOUND },
		{ "blk", "02", NULL, ERR_NOT_FOUND },
		{ "blk", "zz", NULL, ERR_FORMAT },
		{ "scsi", "1:7", "/dev/sdb", ERR_OK },
		{ "scsi", "1:70", "/dev/sdc", ERR_OK },
		{ "scsi", "1:0", NULL, ERR_NOT_FOUND },
		{ "scsi", "1", NULL, ERR_FORMAT },
		{ "blk-ccw", "0.1.ab", "/dev/vdd", ERR_OK },
		{ "blk-ccw", "0.1.ac", NULL, ERR_NOT_FOUND },
		{ "nvdimm", "/dev/pmem0", "/dev/pmem0", ERR_OK },
		{ "mmioblk", "/dev/vda", NULL, ERR_NOT_FOUND },
		{ "mmioblk", "/etc/passwd", NULL, ERR_FORMAT },
		{ "mmioblk", "/dev/../etc/passwd", NULL, ERR_FORMAT },
		{ "vfio", "02", NULL, ERR_UNSUPPORTED },
	};

	for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
		assert_ok(dir_make(in(dirs[i]), 0755));
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(auto_free) char *device = NULL;
		struct err e = block_find(test_dir(), cases[i].driver, cases[i].source, &device);

		if (e.code != cases[i].code ||
			(cases[i].device && !str_equal(device, cases[i].device)))
			fail_msg("%s %s: %s", cases[i].driver, cases[i].source,
				failed(e) ? err_text() : device);
	}
}

static void test_rescan(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf text = BUF_INIT(64);

	assert_ok(scsi_rescan(test_dir(), "3:4"));
	assert_ok(dir_make(in("/sys/class/scsi_host/host0"), 0755));
	assert_ok(file_write_atomic(in("/sys/class/scsi_host/host0/scan"), BYTES_NONE, 0644));
	assert_ok(scsi_rescan(test_dir(), "3:4"));
	assert_ok(file_read(in("/sys/class/scsi_host/host0/scan"), &text));
	assert_bytes_equal(buf_bytes(&text), bytes_str("0 3 4"));
	assert_err(scsi_rescan(test_dir(), "3"), ERR_FORMAT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pci_paths),
		cmocka_unit_test(test_scsi_addresses),
		cmocka_unit_test(test_ccw_addresses),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_rescan),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
