#include "guest_image.h"
#include "util.h"

#include <elf.h>

#include <base/file.h>
#include <sys/stat.h>
#include <sys/utsname.h>

static struct json_pair pair_here[1];
static struct guest_target target; /* this machine */

static struct json_map variables(void)
{
	static char name[] = "here";
	static char dir[256];

	(void)snprintf(dir, sizeof(dir), "%s", test_dir());
	pair_here[0] = (struct json_pair){ .name = name, .value = dir };
	return (struct json_map){ .v = pair_here, .n = 1 };
}

static const char *path_of(const char *name)
{
	static char path[512];

	(void)snprintf(path, sizeof(path), "%s/%s", test_dir(), name);
	return path;
}

static void write_file(const char *name, struct bytes data)
{
	char dir[512];

	(void)snprintf(dir, sizeof(dir), "%s", path_of(name));
	*strrchr(dir, '/') = '\0';
	assert_ok(dir_make(dir, 0755));
	assert_ok(file_write_atomic(path_of(name), data, 0644));
}

/* ---- lists ---- */

static void test_list(void **state)
{
	(void)state;
	AUTO(image_list_done) struct image_list l = { 0 };
	struct json_map v = variables();
	static const char text[] = "# comment\n\n  dir /a\t0755 # after\nfile /b @here@/x 0644\n"
				   "node /dev/null c 1 3 0666\nmodule boot x";

	assert_ok(image_list_parse(bytes_str(text), "list", &v, &l));
	assert_int_equal(l.n, 4);
	assert_int_equal(l.v[0].kind, IMAGE_DIR);
	assert_int_equal(l.v[0].number, 3);
	assert_string_equal(l.v[0].words[1], "0755");
	assert_string_equal(l.v[1].words[1], path_of("x"));
	assert_string_equal(l.v[2].words[4], "0666");
	assert_string_equal(l.v[3].words[1], "x");
}

static void test_bad_lists(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		enum err_code code;
		const char *want;
	} cases[] = {
		{ "dir /a", ERR_FORMAT, "list:1: 'dir' wants 2 words" },
		{ "\ndir /a 0755 x", ERR_FORMAT, "list:2: more than 2 words" },
		{ "shell /bin/sh x", ERR_FORMAT, "'shell' is not a kind" },
		{ "file /a @there@/x 0644", ERR_NOT_FOUND, "@there@ is not set" },
		{ "file /a @here/x 0644", ERR_FORMAT, "without an end" },
	};
	struct json_map v = variables();

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(image_list_done) struct image_list l = { 0 };
		assert_err(
			image_list_parse(bytes_str(cases[i].text), "list", &v, &l), cases[i].code);
		assert_err_text(cases[i].want);
	}
	AUTO(image_list_done) struct image_list l = { 0 };
	assert_err(image_list_parse(bytes_of("dir\0", 4), "list", &v, &l), ERR_FORMAT);
}

static void test_modes(void **state)
{
	(void)state;
	static const char *const bad[] = { "", "8", "0x1", "-1", "10000", "777777", "0644 " };
	unsigned mode = 0;

	assert_ok(image_mode_parse("1777", &mode));
	assert_int_equal(mode, 01777);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_err(image_mode_parse(bad[i], &mode), ERR_FORMAT);
}

/* ---- gathering ---- */

/* An ELF file that needs nothing: a header without segments and sections. */
static void write_library(const char *name, unsigned machine)
{
	AUTO(buf_done) struct buf b = BUF_INIT(64);

	buf_puts(&b, ELFMAG);
	buf_u8(&b, ELFCLASS64);
	buf_u8(&b, ELFDATA2LSB);
	buf_zero(&b, 12);
	buf_le16(&b, machine);
	buf_zero(&b, 44);
	write_file(name, buf_bytes(&b));
}

static RESULT gather(const char *text, const struct module_index *index, struct guest_image *image)
{
	AUTO(image_list_done) struct image_list l = { 0 };
	struct json_map v = variables();

	TRY(image_list_parse(bytes_str(text), "list", &v, &l));
	return guest_image_gather(&l, index, &target, image);
}

static void test_program_brings_its_libraries(void **state)
{
	(void)state;
	AUTO(guest_image_done) struct guest_image image = { 0 };
	struct module_index none = { 0 };
	bool libc = false, loader = false;

	assert_ok(gather("libdir /usr/lib/x86_64-linux-gnu\nlibdir /usr/lib64\nlibdir /usr/lib\n"
			 "libdir /usr/lib/s390x-linux-gnu\nprogram /init /proc/self/exe\n",
		&none, &image));
	assert_int_equal(tree_get(&image.tree, "/init")->mode, S_IFREG | 0755);
	for (size_t i = 0; i < image.tree.n; i++) {
		libc |= str_ends(image.tree.v[i].path, "/libc.so.6");
		loader |= strstr(image.tree.v[i].path, "/ld-linux") ||
			  strstr(image.tree.v[i].path, "/ld64");
	}
	assert_true(libc);
	assert_true(loader);
	assert_true(image.libraries > 0 && image.programs > 0);
	assert_non_null(tree_get(&image.tree, GUEST_MODULES_FILE));
}

/* An image for another machine takes everything from its root, and refuses what is for this one. */
static void test_other_machine(void **state)
{
	(void)state;
	AUTO(image_list_done) struct image_list l = { 0 };
	AUTO(guest_image_done) struct guest_image image = { 0 };
	struct json_map v = variables();
	struct module_index none = { 0 };
	struct guest_target other = target;

	assert_ok(
		image_list_parse(bytes_str("libdir /usr/lib\nlibrary libx.so.1"), "list", &v, &l));
	other.root = test_dir();
	assert_err(guest_image_gather(&l, &none, &other, &image), ERR_NOT_FOUND);
	write_library("usr/lib/libx.so.1", target.machine);
	assert_ok(guest_image_gather(&l, &none, &other, &image));
	assert_non_null(tree_get(&image.tree, "/usr/lib/libx.so.1"));
	other.machine++;
	guest_image_done(&image);
	assert_err(guest_image_gather(&l, &none, &other, &image), ERR_FORMAT);
	assert_err_text("libx.so.1: is for ELF machine");

	assert_ok(guest_target_find("s390x", &other));
	assert_int_equal(other.machine, EM_S390);
	assert_string_equal(other.root, "");
	assert_err(guest_target_find("s390", &other), ERR_USAGE);
}

static void test_gathering_fails(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		enum err_code code;
		const char *want;
	} cases[] = {
		{ "program /init /proc/self/exe", ERR_NOT_FOUND,
			"list:1: /proc/self/exe: library" },
		{ "program /init /etc/hostname", ERR_UNSUPPORTED, "not an ELF" },
		{ "file /a /nonexistent 0644", ERR_SYS, "list:1" },
		{ "file a /etc/hostname 0644", ERR_FORMAT, "clean" },
		{ "node /n x 1 3 0666", ERR_FORMAT, "neither" },
		{ "node /n c 1 x 0666", ERR_FORMAT, "minor" },
		{ "dir /a 0755\nlink /a b", ERR_STATE, "list:2: image: /a is there already" },
		{ "library libnothing.so.9", ERR_NOT_FOUND, "libnothing.so.9" },
		{ "module boot nothing", ERR_NOT_FOUND, "no module nothing" },
	};
	struct module_index none = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct guest_image image = { 0 };
		assert_true(failed(gather(cases[i].text, &none, &image)));
		assert_err_text(cases[i].want);
		assert_int_equal(image.tree.n, 0);
	}
}

/* ---- modules ---- */

static void put_section(struct buf *b, unsigned name, unsigned type, uint64_t at, uint64_t n)
{
	buf_le32(b, name);
	buf_le32(b, type);
	buf_zero(b, 16);
	buf_le64(b, at);
	buf_le64(b, n);
	buf_zero(b, 24);
}

/* A module that consists of its .modinfo section. */
static void write_module(const char *name, const char *info, size_t n)
{
	static const char names[] = "\0.shstrtab\0.modinfo";
	AUTO(buf_done) struct buf b = BUF_INIT(4096);
	uint64_t at = 64 + 3 * 64;

	buf_puts(&b, ELFMAG);
	buf_u8(&b, ELFCLASS64);
	buf_u8(&b, ELFDATA2LSB);
	buf_zero(&b, 12);
	buf_le16(&b, target.machine);
	buf_zero(&b, 20);
	buf_le64(&b, 64); /* e_shoff */
	buf_zero(&b, 4 + 2 + 2 + 2);
	buf_le16(&b, 64);
	buf_le16(&b, 3);
	buf_le16(&b, 1);
	put_section(&b, 0, SHT_NULL, 0, 0);
	put_section(&b, 1, SHT_STRTAB, at, sizeof(names));
	put_section(&b, 11, SHT_PROGBITS, at + sizeof(names), n);
	buf_put(&b, BYTES_OF(names));
	buf_put(&b, bytes_of(info, n));
	write_file(name, buf_bytes(&b));
}

#define MODULE(name, info) write_module("modules/kernel/" name, info, sizeof(info))

static void make_modules(struct module_index *index)
{
	MODULE("a/dm-crypt.ko", "depends=dm-mod,built-in");
	MODULE("b/dm-mod.ko", "softdep=pre: early no-such-alias post: late");
	MODULE("b/early.ko", "license=GPL");
	MODULE("b/late.ko", "license=GPL");
	MODULE("c/ring-a.ko", "depends=ring-b");
	MODULE("c/ring-b.ko", "depends=ring-a");
	MODULE("c/orphan.ko", "depends=missing");
	write_file("modules/modules.builtin", bytes_str("kernel/x/built-in.ko\n"));
	write_file("modules/kernel/c/readme.txt", bytes_str("no module"));
	assert_ok(module_index_read(path_of("modules"), index));
}

static void test_module_order(void **state)
{
	(void)state;
	AUTO(module_index_done) struct module_index index = { 0 };
	AUTO(guest_image_done) struct guest_image image = { 0 };
	static const char want[] = "boot /usr/lib/modules/early.ko\n"
				   "storage /usr/lib/modules/dm_mod.ko\n"
				   "storage /usr/lib/modules/dm_crypt.ko\n";

	make_modules(&index);
	assert_int_equal(index.names.n, 7);
	assert_ok(gather("module boot early\nmodule storage dm-crypt\nmodule storage dm_mod\n"
			 "module storage built_in\n",
		&index, &image));
	assert_bytes_equal(
		buf_bytes(&tree_get(&image.tree, GUEST_MODULES_FILE)->data), bytes_str(want));
	assert_non_null(tree_get(&image.tree, "/usr/lib/modules/dm_crypt.ko"));
	assert_null(tree_get(&image.tree, "/usr/lib/modules/late.ko"));
}

static void test_module_failures(void **state)
{
	(void)state;
	AUTO(module_index_done) struct module_index index = { 0 };
	AUTO(module_list_done) struct module_list l = { 0 };
	struct module_index empty = { 0 };

	make_modules(&index);
	assert_err(module_list_add(&l, &index, "boot", "ring_a"), ERR_LIMIT);
	assert_err_text("too deep");
	assert_err(module_list_add(&l, &index, "boot", "orphan"), ERR_NOT_FOUND);
	assert_err_text("module orphan: the kernel has no module missing");
	assert_err(module_list_add(&l, &index, "boot", "two words"), ERR_FORMAT);
	assert_int_equal(l.n, 0);
	assert_true(failed(module_index_read(path_of("nowhere"), &empty)));
}

static int find_target(void **state)
{
	struct utsname name;

	(void)state;
	assert_int_equal(uname(&name), 0);
	assert_ok(guest_target_find(name.machine, &target));
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_bad_lists),
		cmocka_unit_test(test_modes),
		cmocka_unit_test(test_program_brings_its_libraries),
		cmocka_unit_test(test_other_machine),
		cmocka_unit_test(test_gathering_fails),
		cmocka_unit_test(test_module_order),
		cmocka_unit_test(test_module_failures),
	};

	return cmocka_run_group_tests(tests, find_target, NULL);
}
