#include "elf_file.h"

#include <elf.h>

#include <base/reader.h>

enum {
	PROGRAM_HEADERS_MAX = 64,
	SECTIONS_MAX = 16384,
	DYNAMIC_MAX = 4096,
	LIBRARIES_MAX = 128,
	MODINFO_MAX = 4096
};

struct elf {
	struct bytes file;
	bool big_endian;
	uint16_t machine;
	uint64_t phoff, shoff;
	uint16_t phentsize, phnum;
	uint16_t shentsize, shnum, shstrndx;
};

struct segment {
	uint32_t type;
	uint64_t offset, vaddr, filesz;
};

struct section {
	uint32_t name, type;
	uint64_t offset, size;
};

static uint64_t num(const struct elf *e, struct reader *r, size_t width)
{
	return e->big_endian ? rd_be(r, width) : rd_le(r, width);
}

/* The bytes [offset, offset + size) of the file. */
static RESULT slice(const struct elf *e, uint64_t offset, uint64_t size, struct bytes *ret)
{
	if (offset > e->file.n || size > e->file.n - offset)
		return err_new(ERR_FORMAT, "ELF: a part lies outside of the file");
	*ret = bytes_of(e->file.p + offset, (size_t)size);
	return OK;
}

/* gABI figure 4-3, 64-bit class */
static RESULT header_parse(struct bytes file, struct elf *ret)
{
	struct reader r = rd_of(file);
	struct elf e = { .file = file };
	struct bytes ident = rd_take(&r, EI_NIDENT);

	if (!rd_ok(&r) || bytes_compare(bytes_of(ident.p, SELFMAG), bytes_str(ELFMAG)) != 0)
		return err_new(ERR_UNSUPPORTED, "ELF: not an ELF file");
	if (ident.p[EI_CLASS] != ELFCLASS64)
		return err_new(ERR_UNSUPPORTED, "ELF: not of 64 bits");
	e.big_endian = ident.p[EI_DATA] == ELFDATA2MSB;
	rd_skip(&r, 2); /* e_type */
	e.machine = (uint16_t)num(&e, &r, 2);
	rd_skip(&r, 4 + 8); /* e_version, e_entry */
	e.phoff = num(&e, &r, 8);
	e.shoff = num(&e, &r, 8);
	rd_skip(&r, 4 + 2); /* e_flags, e_ehsize */
	e.phentsize = (uint16_t)num(&e, &r, 2);
	e.phnum = (uint16_t)num(&e, &r, 2);
	e.shentsize = (uint16_t)num(&e, &r, 2);
	e.shnum = (uint16_t)num(&e, &r, 2);
	e.shstrndx = (uint16_t)num(&e, &r, 2);
	if (!rd_ok(&r))
		return err_new(ERR_FORMAT, "ELF: the header is cut");
	if (e.phnum > PROGRAM_HEADERS_MAX || e.shnum > SECTIONS_MAX)
		return err_new(ERR_LIMIT, "ELF: too many headers");
	*ret = e;
	return OK;
}

static RESULT segment_at(const struct elf *e, unsigned i, struct segment *ret)
{
	struct segment s = { 0 };
	struct bytes entry = { 0 };

	TRY(slice(e, e->phoff + (uint64_t)i * e->phentsize, e->phentsize, &entry));
	struct reader r = rd_of(entry);
	s.type = (uint32_t)num(e, &r, 4);
	rd_skip(&r, 4); /* p_flags */
	s.offset = num(e, &r, 8);
	s.vaddr = num(e, &r, 8);
	rd_skip(&r, 8); /* p_paddr */
	s.filesz = num(e, &r, 8);
	if (!rd_ok(&r))
		return err_new(ERR_FORMAT, "ELF: a program header is cut");
	*ret = s;
	return OK;
}

static RESULT section_at(const struct elf *e, unsigned i, struct section *ret)
{
	struct section s = { 0 };
	struct bytes entry = { 0 };

	TRY(slice(e, e->shoff + (uint64_t)i * e->shentsize, e->shentsize, &entry));
	struct reader r = rd_of(entry);
	s.name = (uint32_t)num(e, &r, 4);
	s.type = (uint32_t)num(e, &r, 4);
	rd_skip(&r, 8 + 8); /* sh_flags, sh_addr */
	s.offset = num(e, &r, 8);
	s.size = num(e, &r, 8);
	if (!rd_ok(&r))
		return err_new(ERR_FORMAT, "ELF: a section header is cut");
	*ret = s;
	return OK;
}

/* The NUL-terminated string at `offset` of a string table, copied. */
static RESULT string_at(struct bytes table, uint64_t offset, char **ret)
{
	const uint8_t *end;

	if (offset >= table.n)
		return err_new(ERR_FORMAT, "ELF: a string lies outside of its table");
	end = memchr(table.p + offset, '\0', table.n - (size_t)offset);
	if (!end)
		return err_new(ERR_FORMAT, "ELF: a string has no end");
	return str_dup((const char *)table.p + offset, ret);
}

/* Where in the file the loader would find a virtual address; up to the end of its segment. */
static RESULT at_address(const struct elf *e, uint64_t address, struct bytes *ret)
{
	for (unsigned i = 0; i < e->phnum; i++) {
		struct segment s = { 0 };
		TRY(segment_at(e, i, &s));
		if (s.type != PT_LOAD || address < s.vaddr || address - s.vaddr >= s.filesz)
			continue;
		uint64_t skip = address - s.vaddr;
		return slice(e, s.offset + skip, s.filesz - skip, ret);
	}
	return err_new(ERR_FORMAT, "ELF: no segment holds the string table");
}

/* DT_STRTAB may come after the entries that need it, hence two passes. */
static RESULT dynamic_strings(const struct elf *e, struct bytes dynamic, struct bytes *ret)
{
	struct reader r = rd_of(dynamic);

	for (unsigned i = 0; i < DYNAMIC_MAX && rd_more(&r); i++) {
		uint64_t tag = num(e, &r, 8);
		uint64_t value = num(e, &r, 8);
		if (tag == DT_NULL)
			break;
		if (tag == DT_STRTAB)
			return at_address(e, value, ret);
	}
	*ret = BYTES_NONE;
	return OK;
}

static RESULT dynamic_read(const struct elf *e, struct bytes dynamic, struct strv *libraries)
{
	struct bytes strings = { 0 };
	struct reader r = rd_of(dynamic);

	TRY(dynamic_strings(e, dynamic, &strings));
	for (unsigned i = 0; i < DYNAMIC_MAX && rd_more(&r); i++) {
		AUTO(auto_free) char *name = NULL;
		uint64_t tag = num(e, &r, 8);
		uint64_t value = num(e, &r, 8);
		if (tag == DT_NULL)
			return OK;
		if (tag != DT_NEEDED)
			continue;
		if (libraries->n >= LIBRARIES_MAX)
			return err_new(ERR_LIMIT, "ELF: more than %d libraries", LIBRARIES_MAX);
		TRY(string_at(strings, value, &name));
		TRY(strv_add(libraries, name));
	}
	return err_new(ERR_FORMAT, "ELF: the dynamic section has no end");
}

RESULT elf_needs_read(struct bytes file, struct elf_needs *ret_needs)
{
	AUTO(elf_needs_done) struct elf_needs n = { 0 };
	struct elf e = { 0 };

	TRY(header_parse(file, &e));
	n.machine = e.machine;
	for (unsigned i = 0; i < e.phnum; i++) {
		struct segment s = { 0 };
		struct bytes part = { 0 };
		TRY(segment_at(&e, i, &s));
		if (s.type != PT_INTERP && s.type != PT_DYNAMIC)
			continue;
		TRY(slice(&e, s.offset, s.filesz, &part));
		if (s.type == PT_DYNAMIC)
			TRY(dynamic_read(&e, part, &n.libraries));
		else if (!n.interpreter)
			TRY(string_at(part, 0, &n.interpreter));
	}
	*ret_needs = n;
	n = (struct elf_needs){ 0 };
	return OK;
}

void elf_needs_done(struct elf_needs *n)
{
	free(n->interpreter);
	strv_done(&n->libraries);
	*n = (struct elf_needs){ 0 };
}

static RESULT section_named(const struct elf *e, const char *name, struct bytes *ret)
{
	struct section names = { 0 }, s = { 0 };
	struct bytes table = { 0 };

	if (e->shstrndx >= e->shnum)
		return err_new(ERR_FORMAT, "ELF: no section names");
	TRY(section_at(e, e->shstrndx, &names));
	TRY(slice(e, names.offset, names.size, &table));
	for (unsigned i = 0; i < e->shnum; i++) {
		AUTO(auto_free) char *this = NULL;
		TRY(section_at(e, i, &s));
		TRY(string_at(table, s.name, &this));
		if (str_equal(this, name) && s.type == SHT_PROGBITS)
			return slice(e, s.offset, s.size, ret);
	}
	return err_new(ERR_NOT_FOUND, "ELF: no section %s", name);
}

RESULT elf_modinfo(struct bytes file, const char *key, struct strv *ret_values)
{
	AUTO(strv_done) struct strv values = { 0 };
	struct elf e = { 0 };
	struct bytes info = { 0 };
	size_t at = 0, key_length = strlen(key);

	TRY(header_parse(file, &e));
	TRY(section_named(&e, ".modinfo", &info));
	for (unsigned i = 0; i < MODINFO_MAX && at < info.n; i++) {
		AUTO(auto_free) char *line = NULL;
		TRY(string_at(info, at, &line));
		at += strlen(line) + 1;
		if (str_starts(line, key) && line[key_length] == '=')
			TRY(strv_add(&values, line + key_length + 1));
	}
	*ret_values = values;
	values = (struct strv){ 0 };
	return OK;
}
