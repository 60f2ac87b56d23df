#include "boot.h"
#include "start.h"
#include "util.h"

#include <base/file.h>
#include <measured-boot/initdata.h>
#include <sys/stat.h>

static const char document[] = "version = \"0.1.0\"\nalgorithm = \"sha256\"\n[data]\n"
			       "\"aa.toml\" = '''a = 1'''\n\"cdh.toml\" = '''b = 2'''\n";

static void put(const char *path, struct bytes data)
{
	AUTO(auto_free) char *full = NULL;

	assert_ok(str_format(&full, "%s%s", test_dir(), path));
	assert_ok(file_write_atomic(full, data, 0600));
}

static void put_dir(const char *path)
{
	AUTO(auto_free) char *full = NULL;

	assert_ok(str_format(&full, "%s%s", test_dir(), path));
	assert_ok(dir_make(full, 0755));
}

/* A disk: its name below /sys and what it holds below /dev. */
static void put_disk(const char *name, struct bytes data)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/sys/class/block/%s", name);
	put_dir(path);
	(void)snprintf(path, sizeof(path), "/dev/%s", name);
	put(path, data);
}

static void test_find_initdata(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf image = BUF_INIT(1024 * 1024);
	AUTO(buf_done) struct buf toml = BUF_INIT(INITDATA_MAX);

	assert_err(boot_find_initdata(test_dir(), &toml), ERR_NOT_FOUND);
	put_dir("/dev");
	put_disk("vda", bytes_str("some file system"));
	put_disk("loop0", bytes_str("initdata"));
	put_dir("/sys/class/block/vdz"); /* without a device node */
	assert_err(boot_find_initdata(test_dir(), &toml), ERR_NOT_FOUND);
	assert_ok(initdata_image_make(bytes_str(document), &image));
	put_disk("sdb", buf_bytes(&image));
	assert_ok(boot_find_initdata(test_dir(), &toml));
	assert_bytes_equal(buf_bytes(&toml), bytes_str(document));
}

/* The first by name is the one; a damaged one is not skipped for the next. */
static void test_find_initdata_damaged(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf toml = BUF_INIT(INITDATA_MAX);

	put_disk("sda", bytes_str("initdata\x10\0\0\0\0\0\0\0no gzip here...."));
	assert_true(failed(boot_find_initdata(test_dir(), &toml)));
	assert_err_text("initdata on sda");
	assert_int_equal(toml.n, 0);
}

static void test_module_lines(void **state)
{
	(void)state;
	static const struct {
		const char *line, *group, *path; /* NULL: refused */
	} cases[] = {
		{ "boot /lib/a.ko", "boot", "/lib/a.ko" },
		{ "  tee\t/lib/b.ko  ", "tee", "/lib/b.ko" },
		{ "boot", NULL, NULL },
		{ "", NULL, NULL },
		{ "boot /a /b", NULL, NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct bytes group, path;
		struct err e = boot_module_line(bytes_str(cases[i].line), &group, &path);

		assert_int_equal(failed(e), cases[i].group == NULL);
		if (failed(e))
			continue;
		assert_bytes_equal(group, bytes_str(cases[i].group));
		assert_bytes_equal(path, bytes_str(cases[i].path));
	}
}

static void test_modules_file(void **state)
{
	(void)state;
	AUTO(auto_free) char *path = NULL;

	put("/modules", bytes_str("tee /absent.ko\nother /absent.ko\n\n"));
	assert_ok(str_format(&path, "%s/modules", test_dir()));
	assert_ok(boot_modules(path, "boot", true));
	assert_ok(boot_modules(path, "tee", false));
	assert_err(boot_modules(path, "tee", true), ERR_SYS);
	assert_err_text("/absent.ko");
	put("/modules", bytes_str("boot\n"));
	assert_err(boot_modules(path, "tee", false), ERR_FORMAT);
}

/* A device is told by its number; what cannot be read is no device. */
static void test_device_modules(void **state)
{
	(void)state;
	AUTO(auto_free) char *path = NULL;

	put("/modules", bytes_str("virtio-net /net.ko\nvirtio-block /block.ko\n"
				  "virtio-entropy /rng.ko\nvirtio-socket /vsock.ko\n"));
	assert_ok(str_format(&path, "%s/modules", test_dir()));
	assert_ok(boot_device_modules(test_dir(), path)); /* no bus */
	put_dir("/sys/bus/virtio/devices/virtio0");	  /* says nothing */
	put_dir("/sys/bus/virtio/devices/virtio1");
	put("/sys/bus/virtio/devices/virtio1/device", bytes_str("0x0003\n")); /* console */
	put_dir("/sys/bus/virtio/devices/virtio2");
	put("/sys/bus/virtio/devices/virtio2/device", bytes_str("0xffffffffff\n"));
	assert_ok(boot_device_modules(test_dir(), path));
	put("/sys/bus/virtio/devices/virtio1/device", bytes_str("0x0013\n"));
	assert_err(boot_device_modules(test_dir(), path), ERR_SYS);
	assert_err_text("/vsock.ko");
	put("/sys/bus/virtio/devices/virtio0/device", bytes_str("0x0002\n"));
	assert_err(boot_device_modules(test_dir(), path), ERR_SYS);
	assert_err_text("/block.ko");
	assert_ok(boot_entropy_module(test_dir(), path));
	put("/sys/bus/virtio/devices/virtio1/device", bytes_str("0x0004\n"));
	assert_err(boot_entropy_module(test_dir(), path), ERR_SYS);
	assert_err_text("/rng.ko");
}

static struct settings settings_of(const char *run_dir)
{
	return (struct settings){ .run_dir = run_dir, .crun = "/bin/false" };
}

static void test_manifest_missing_and_invalid(void **state)
{
	(void)state;
	static const char invalid[] = "version = \"0.1.0\"\nalgorithm = \"sha256\"\n[data]\n"
				      "\"pod-manifest.json\" = '''{\"version\":7}'''\n";
	static const char good[] =
		"version = \"0.1.0\"\nalgorithm = \"sha256\"\n[data]\n"
		"\"pod-manifest.json\" = '''{\"version\":1,\"containers\":[]}'''\n";
	const struct settings set = settings_of(test_dir());
	AUTO(agent_done) struct agent a = { 0 };

	assert_ok(agent_init(&a, &set));
	assert_err(err_restore(&a.manifest_error), ERR_DENIED);
	assert_string_equal(err_denial()->code, "manifest.missing");
	assert_ok(agent_load_initdata(&a, bytes_str(document)));
	assert_false(a.has_manifest);
	assert_ok(agent_load_initdata(&a, bytes_str(invalid)));
	assert_false(a.has_manifest);
	assert_err(err_restore(&a.manifest_error), ERR_DENIED);
	assert_string_equal(err_denial()->code, "manifest.invalid");
	assert_true(failed(agent_load_initdata(&a, bytes_str("no initdata"))));
	assert_ok(agent_load_initdata(&a, bytes_str(good)));
	assert_true(a.has_manifest);
}

static void test_write_initdata(void **state)
{
	(void)state;
	static const struct {
		const char *name, *text;
	} files[] = { { "initdata.toml", document }, { "aa.toml", "a = 1" },
		{ "cdh.toml", "b = 2" } };
	const struct settings set = settings_of(test_dir());
	AUTO(agent_done) struct agent a = { 0 };

	assert_ok(agent_init(&a, &set));
	assert_ok(agent_write_initdata(&a, bytes_str(document)));
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		AUTO(auto_free) char *path = NULL;
		AUTO(buf_done) struct buf text = BUF_INIT(4096);

		assert_ok(str_format(&path, "%s/%s/%s", test_dir(), INITDATA_DIR, files[i].name));
		assert_ok(file_read(path, &text));
		assert_bytes_equal(buf_bytes(&text), bytes_str(files[i].text));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find_initdata),
		cmocka_unit_test(test_find_initdata_damaged),
		cmocka_unit_test(test_module_lines),
		cmocka_unit_test(test_modules_file),
		cmocka_unit_test(test_device_modules),
		cmocka_unit_test(test_manifest_missing_and_invalid),
		cmocka_unit_test(test_write_initdata),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
