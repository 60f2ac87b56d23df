#include "elf_file.h"
#include "util.h"

#include <elf.h>

static RESULT read_needs(void *arg, struct bytes in)
{
	(void)arg;
	AUTO(elf_needs_done) struct elf_needs n = { 0 };

	return elf_needs_read(in, &n);
}

static bool has(const struct strv *list, const char *part)
{
	for (size_t i = 0; i < list->n; i++)
		if (strstr(list->v[i], part))
			return true;
	return false;
}

/* This program: dynamic, with the libraries that the build gave it. */
static void test_real_program(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf file = test_file("/proc/self/exe");
	AUTO(elf_needs_done) struct elf_needs n = { 0 };

	assert_ok(elf_needs_read(buf_bytes(&file), &n));
	assert_non_null(n.interpreter);
	assert_non_null(strstr(n.interpreter, "ld"));
	assert_true(has(&n.libraries, "libc.so"));
	assert_true(has(&n.libraries, "libcmocka.so"));
	assert_true(n.machine != 0);
}

struct builder {
	struct buf b;
	bool big_endian;
};

static void put(struct builder *e, uint64_t v, size_t width)
{
	if (e->big_endian)
		buf_be(&e->b, v, width);
	else
		buf_le(&e->b, v, width);
}

static void put_header(struct builder *e, uint64_t phoff, unsigned phnum, uint64_t shoff,
	unsigned shnum, unsigned shstrndx)
{
	buf_puts(&e->b, ELFMAG);
	buf_u8(&e->b, ELFCLASS64);
	buf_u8(&e->b, e->big_endian ? ELFDATA2MSB : ELFDATA2LSB);
	buf_u8(&e->b, EV_CURRENT);
	buf_zero(&e->b, 9);
	put(e, ET_DYN, 2);
	put(e, EM_S390, 2);
	put(e, EV_CURRENT, 4);
	put(e, 0, 8);
	put(e, phoff, 8);
	put(e, shoff, 8);
	put(e, 0, 4);
	put(e, 64, 2);
	put(e, 56, 2);
	put(e, phnum, 2);
	put(e, 64, 2);
	put(e, shnum, 2);
	put(e, shstrndx, 2);
}

static void put_segment(
	struct builder *e, unsigned type, uint64_t offset, uint64_t vaddr, uint64_t size)
{
	put(e, type, 4);
	put(e, 0, 4);
	put(e, offset, 8);
	put(e, vaddr, 8);
	put(e, vaddr, 8);
	put(e, size, 8);
	put(e, size, 8);
	put(e, 8, 8);
}

enum {
	STRINGS_AT = 64 + 3 * 56,
	DYNAMIC_AT = STRINGS_AT + 32,
	BASE = 0x10000
};

/* Strings "\0liba.so\0libb.so\0/ld.so\0" and a dynamic section, loaded at BASE. */
static void build_dynamic(struct builder *e, uint64_t string_b, uint64_t strtab)
{
	static const char strings[32] = "\0liba.so\0libb.so\0/ld.so";

	put_header(e, 64, 3, 0, 0, 0);
	put_segment(e, PT_LOAD, 0, BASE, DYNAMIC_AT + 64);
	put_segment(e, PT_INTERP, STRINGS_AT + 17, BASE + STRINGS_AT + 17, 7);
	put_segment(e, PT_DYNAMIC, DYNAMIC_AT, BASE + DYNAMIC_AT, 64);
	buf_put(&e->b, BYTES_OF(strings));
	put(e, DT_NEEDED, 8);
	put(e, 1, 8);
	put(e, DT_NEEDED, 8);
	put(e, string_b, 8);
	put(e, DT_STRTAB, 8);
	put(e, strtab, 8);
	put(e, DT_NULL, 8);
	put(e, 0, 8);
}

static void test_both_byte_orders(void **state)
{
	(void)state;
	for (int big = 0; big < 2; big++) {
		AUTO(elf_needs_done) struct elf_needs n = { 0 };
		struct builder e = { .b = BUF_INIT(4096), .big_endian = big };
		build_dynamic(&e, 9, BASE + STRINGS_AT);
		assert_ok(elf_needs_read(buf_bytes(&e.b), &n));
		assert_int_equal(n.machine, EM_S390);
		assert_string_equal(n.interpreter, "/ld.so");
		assert_int_equal(n.libraries.n, 2);
		assert_string_equal(n.libraries.v[0], "liba.so");
		assert_string_equal(n.libraries.v[1], "libb.so");
		each_prefix(buf_bytes(&e.b), read_needs, NULL);
		each_flip_survives(buf_bytes(&e.b), read_needs, NULL);
		buf_done(&e.b);
	}
}

static void test_broken(void **state)
{
	(void)state;
	static const struct {
		uint64_t string_b, strtab;
		const char *text;
	} cases[] = {
		{ 5000, BASE + STRINGS_AT, "outside of its table" },
		{ UINT64_MAX, BASE + STRINGS_AT, "outside of its table" },
		{ 9, 0, "no segment" },
		{ 9, UINT64_MAX, "no segment" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct builder e = { .b = BUF_INIT(4096) };
		build_dynamic(&e, cases[i].string_b, cases[i].strtab);
		assert_err(read_needs(NULL, buf_bytes(&e.b)), ERR_FORMAT);
		assert_err_text(cases[i].text);
		buf_done(&e.b);
	}
	assert_err(read_needs(NULL, bytes_str("#!/bin/sh\n  exit 0")), ERR_UNSUPPORTED);
	assert_err(read_needs(NULL, BYTES_NONE), ERR_UNSUPPORTED);
	struct builder e = { .b = BUF_INIT(4096) };
	put_header(&e, UINT64_MAX - 8, 1, 0, 0, 0);
	assert_err(read_needs(NULL, buf_bytes(&e.b)), ERR_FORMAT);
	e.b.p[EI_CLASS] = ELFCLASS32;
	assert_err(read_needs(NULL, buf_bytes(&e.b)), ERR_UNSUPPORTED);
	buf_done(&e.b);
}

static RESULT read_modinfo(void *arg, struct bytes in)
{
	(void)arg;
	AUTO(strv_done) struct strv v = { 0 };

	TRY(elf_modinfo(in, "depends", &v));
	return v.n == 1 ? OK : err_new(ERR_FORMAT, "lost");
}

static void put_section(struct builder *e, unsigned name, unsigned type, uint64_t at, uint64_t n)
{
	put(e, name, 4);
	put(e, type, 4);
	put(e, 0, 8);
	put(e, 0, 8);
	put(e, at, 8);
	put(e, n, 8);
	buf_zero(&e->b, 24);
}

static void test_modinfo(void **state)
{
	(void)state;
	static const char names[] = "\0.shstrtab\0.modinfo";
	static const char info[] = "license=GPL\0depends=a,b\0softdep=pre: x\0softdep=post: y\0"
				   "dependsnot=1";
	AUTO(strv_done) struct strv v = { 0 };
	struct builder e = { .b = BUF_INIT(4096) };
	uint64_t at = 64 + 3 * 64;

	put_header(&e, 0, 0, 64, 3, 1);
	put_section(&e, 0, SHT_NULL, 0, 0);
	put_section(&e, 1, SHT_STRTAB, at, sizeof(names));
	put_section(&e, 11, SHT_PROGBITS, at + sizeof(names), sizeof(info));
	buf_put(&e.b, BYTES_OF(names));
	buf_put(&e.b, BYTES_OF(info));
	assert_ok(elf_modinfo(buf_bytes(&e.b), "softdep", &v));
	assert_int_equal(v.n, 2);
	assert_string_equal(v.v[0], "pre: x");
	assert_string_equal(v.v[1], "post: y");
	strv_done(&v);
	assert_ok(elf_modinfo(buf_bytes(&e.b), "depends", &v));
	assert_int_equal(v.n, 1);
	assert_string_equal(v.v[0], "a,b");
	each_prefix(buf_bytes(&e.b), read_modinfo, NULL);
	each_flip_survives(buf_bytes(&e.b), read_modinfo, NULL);
	buf_done(&e.b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_real_program),
		cmocka_unit_test(test_both_byte_orders),
		cmocka_unit_test(test_broken),
		cmocka_unit_test(test_modinfo),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
