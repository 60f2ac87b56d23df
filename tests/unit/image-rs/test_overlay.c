/* Layers as overlayfs shows them: what upper ones replace, remove and hide. */
#include "image_dirs.h"
#include "overlay.h"
#include "tar_make.h"
#include "untar.h"
#include "util.h"

#include <fcntl.h>
#include <stdlib.h>

#include <base/file.h>
#include <sys/mount.h>
#include <sys/stat.h>

static char *base; /* on tmpfs, as in the guest */

static char *path_of(const char *name)
{
	char *path = NULL;

	assert_ok(path_join(base, name, &path));
	return path;
}

static void make_layer(const char *name, const struct tar_item *items, size_t n)
{
	struct untar_budget budget = { .max_bytes = 1 << 20, .max_entries = 1000 };
	AUTO(buf_done) struct buf b = BUF_INIT(1 << 20);
	AUTO(untar_freep) struct untar *u = NULL;
	AUTO(auto_free) char *layers = path_of("layers");
	AUTO(auto_free) char *path = NULL;

	for (size_t i = 0; i < n; i++)
		tar_add(&b, &items[i]);
	assert_ok(path_join(layers, name, &path));
	assert_ok(dir_make(path, 0755));
	assert_ok(untar_new(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), &budget, &u));
	assert_ok(untar_feed(u, buf_bytes(&b)));
	assert_ok(untar_end(u));
}

static RESULT mount_layers(const char *const *names, size_t n)
{
	AUTO(auto_free) char *layers = path_of("layers");
	AUTO(auto_free) char *writable = path_of("overlay");
	AUTO(auto_free) char *target = path_of("bundle/rootfs");
	AUTO(strv_done) struct strv list = { 0 };

	for (size_t i = 0; i < n; i++)
		assert_ok(strv_add(&list, names[i]));
	struct overlay o = {
		.layers_dir = layers, .layers = &list, .overlay_dir = writable, .target = target
	};
	return overlay_mount(&o);
}

static bool shows(const char *name)
{
	AUTO(auto_free) char *target = path_of("bundle/rootfs");
	AUTO(auto_free) char *path = NULL;

	assert_ok(path_join(target, name, &path));
	return file_exists(path);
}

static int fresh(void **state)
{
	(void)state;
	assert_ok(str_dup(test_dir(), &base));
	return mount("tmpfs", base, "tmpfs", 0, "size=64m") < 0 ? -1 : 0;
}

static int clean(void **state)
{
	AUTO(auto_free) char *target = path_of("bundle/rootfs");

	(void)state;
	(void)umount2(target, MNT_DETACH);
	(void)umount2(base, MNT_DETACH);
	free(TAKE(base));
	return 0;
}

static void test_layers(void **state)
{
	static const char *const names[] = { "one", "two", "three" };
	(void)state;

	make_layer("one",
		(const struct tar_item[]){ { .name = "etc/gone" }, { .name = "etc/kept" },
			{ .name = "hidden/old" }, { .name = "remade/old" },
			{ .name = "removed/x" } },
		5);
	make_layer("two",
		(const struct tar_item[]){ { .name = "etc/.wh.gone" }, { .name = "etc/new" },
			{ .name = "hidden/.wh..wh..opq" }, { .name = "hidden/new" },
			{ .name = ".wh.remade" }, { .name = "remade/", .type = '5', .mode = 0755 },
			{ .name = "remade/new" }, { .name = ".wh.removed" } },
		8);
	make_layer("three", (const struct tar_item[]){ { .name = "top" } }, 1);
	assert_ok(mount_layers(names, 3));
	assert_false(shows("etc/gone"));
	assert_true(shows("etc/kept"));
	assert_true(shows("etc/new"));
	assert_false(shows("hidden/old"));
	assert_true(shows("hidden/new"));
	assert_false(shows("remade/old"));
	assert_true(shows("remade/new"));
	assert_false(shows("removed"));
	assert_true(shows("top"));
	AUTO(auto_free) char *written = path_of("bundle/rootfs/etc/written");
	assert_ok(file_write_atomic(written, bytes_str("x"), 0644));
}

/* More than an option string could name; equal layers count once. */
static void test_many_layers(void **state)
{
	const char *names[200];
	char name[200][LAYER_NAME_CHARS + 1];
	(void)state;

	for (int i = 0; i < 200; i++) {
		(void)snprintf(name[i], sizeof(name[i]), "%064x", (unsigned)i % 150);
		names[i] = name[i];
		if (i < 150)
			make_layer(name[i], (const struct tar_item[]){ { .name = "f" } }, 1);
	}
	assert_ok(mount_layers(names, 200));
	assert_true(shows("f"));
}

static void test_no_layers(void **state)
{
	(void)state;

	assert_ok(mount_layers(NULL, 0));
	AUTO(auto_free) char *written = path_of("bundle/rootfs/written");
	assert_ok(file_write_atomic(written, bytes_str("x"), 0644));
	assert_err(mount_layers((const char *const[]){ "absent" }, 1), ERR_SYS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_layers, fresh, clean),
		cmocka_unit_test_setup_teardown(test_many_layers, fresh, clean),
		cmocka_unit_test_setup_teardown(test_no_layers, fresh, clean),
	};
	if (geteuid() != 0)
		return 77; /* mounts */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
