#include "luks2.h"

#include <unistd.h>

#include <base/random.h>

enum {
	AREA_MAX = 1024 * 1024,
	METADATA_MAX = 16 * 1024,
	CHUNK = 1024 * 1024,
	EMPTY_BEGIN = 32 * 1024 * 1024, /* also where the data begins */
	EMPTY_END = 1024 * 1024,
	MARK = 512
};

/* Written before anything else, so that what was interrupted is known as ours, and never taken for
 * a volume: a header is what stands in its place at the end. */
#define MARK_TEXT "sealpod: formatting is under way\n"

static RESULT read_at(int fd, uint64_t offset, size_t n, struct buf *out)
{
	uint8_t *to = buf_grow(out, n);

	TRY(buf_end(out, "device"));
	for (size_t got = 0; got < n;) {
		ssize_t part = pread(fd, to + got, n - got, (off_t)(offset + got));

		if (part < 0)
			return err_new(ERR_SYS, "reading the device");
		if (part == 0)
			return err_new(ERR_FORMAT, "the device ends before %llu",
				(unsigned long long)(offset + n));
		got += (size_t)part;
	}
	return OK;
}

static RESULT write_at(int fd, uint64_t offset, struct bytes data)
{
	while (data.n > 0) {
		ssize_t n = pwrite(fd, data.p, data.n, (off_t)offset);

		if (n < 0)
			return err_new(ERR_SYS, "writing to the device");
		data = bytes_of(data.p + n, data.n - (size_t)n);
		offset += (uint64_t)n;
	}
	return OK;
}

static RESULT flush(int fd)
{
	return fsync(fd) == 0 ? OK : err_new(ERR_SYS, "writing to the device");
}

/* ---- what is there ---- */

static bool is_zero(struct bytes b)
{
	for (size_t i = 0; i < b.n; i++)
		if (b.p[i] != 0)
			return false;
	return true;
}

static RESULT range_is_zero(int fd, uint64_t from, uint64_t to, bool *ret_zero)
{
	*ret_zero = true;
	while (from < to && *ret_zero) {
		AUTO(buf_done) struct buf part = BUF_INIT(CHUNK);
		size_t n = to - from < CHUNK ? (size_t)(to - from) : CHUNK;

		TRY(read_at(fd, from, n, &part));
		*ret_zero = is_zero(buf_bytes(&part));
		from += n;
	}
	return OK;
}

static RESULT first_sector(int fd, uint8_t to[static MARK])
{
	AUTO(buf_done) struct buf first = BUF_INIT(MARK);

	TRY(read_at(fd, 0, MARK, &first));
	memcpy(to, first.p, MARK);
	return OK;
}

static bool begins_with(const uint8_t *first, const char *text)
{
	return bytes_compare(bytes_of(first, strlen(text)), bytes_str(text)) == 0;
}

RESULT luks2_look(int fd, uint64_t device_size, enum luks2_state *ret_state)
{
	uint64_t begin = device_size < EMPTY_BEGIN ? device_size : EMPTY_BEGIN;
	uint8_t first[MARK];
	bool zero = false;

	if (device_size < EMPTY_END)
		return err_new(
			ERR_FORMAT, "a device of %llu bytes", (unsigned long long)device_size);
	TRY(first_sector(fd, first));
	*ret_state = begins_with(first, MARK_TEXT) ? LUKS2_PARTLY
		     : begins_with(first, "LUKS")  ? LUKS2_PRESENT
						   : LUKS2_OTHER;
	if (*ret_state != LUKS2_OTHER)
		return OK;
	TRY(range_is_zero(fd, 0, begin, &zero));
	if (zero)
		TRY(range_is_zero(fd, device_size - EMPTY_END, device_size, &zero));
	*ret_state = zero ? LUKS2_EMPTY : LUKS2_OTHER;
	return OK;
}

/* ---- opening ---- */

struct found {
	struct luks2_header header;
	struct buf data; /* the whole header */
	struct bytes text;
};

static void found_done(struct found *f)
{
	buf_done(&f->data);
}

static RESULT read_header(int fd, uint64_t offset, struct found *f)
{
	AUTO(buf_done) struct buf binary = BUF_INIT(LUKS2_BINARY);

	TRY(read_at(fd, offset, LUKS2_BINARY, &binary));
	TRY(luks2_header_parse(buf_bytes(&binary), offset > 0, &f->header));
	if (offset > 0 && f->header.size != offset)
		return err_new(ERR_FORMAT, "LUKS2: hdr_offset");
	TRY(read_at(fd, offset, (size_t)f->header.size, &f->data));
	return luks2_header_check(buf_bytes(&f->data), &f->header, &f->text);
}

/* Where the second one is only the first says; without it each place is tried. */
static RESULT read_secondary(int fd, struct found *f)
{
	struct err e = OK;

	for (uint64_t at = 16 * 1024; at <= LUKS2_HEADER_MAX; at *= 2) {
		f->data.n = 0;
		e = read_header(fd, at, f);
		if (!failed(e))
			return OK;
	}
	return e;
}

/* One of both may be damaged; the one written later holds. */
static RESULT read_headers(
	int fd, struct found *primary, struct found *secondary, struct bytes *ret_text)
{
	struct err e = read_header(fd, 0, primary);
	struct err_saved why;
	bool first = !failed(e), second;

	err_save(e, &why);
	second = !failed(read_secondary(fd, secondary));
	if (!first && !second)
		return err_restore(&why);
	if (second && (!first || secondary->header.sequence > primary->header.sequence))
		*ret_text = secondary->text;
	else
		*ret_text = primary->text;
	return OK;
}

static RESULT try_slot(int fd, const struct luks2 *l, const struct luks2_slot *s,
	struct bytes passphrase, struct secret **ret_key)
{
	AUTO(buf_done) struct buf area = BUF_INIT(AREA_MAX);

	TRY(read_at(fd, s->offset, (size_t)s->size, &area));
	return luks2_slot_open(l, s, passphrase, buf_bytes(&area), ret_key);
}

RESULT luks2_open(int fd, bool authentic, struct bytes passphrase, struct luks2 *ret_luks2,
	struct secret **ret_key)
{
	AUTO(found_done) struct found primary = { .data = BUF_INIT(LUKS2_HEADER_MAX) };
	AUTO(found_done) struct found secondary = { .data = BUF_INIT(LUKS2_HEADER_MAX) };
	struct bytes text = BYTES_NONE;
	struct err e = OK;

	TRY(read_headers(fd, &primary, &secondary, &text));
	TRY(luks2_parse(text, authentic, ret_luks2));
	for (size_t i = 0; i < ret_luks2->n_slots; i++) {
		e = try_slot(fd, ret_luks2, &ret_luks2->slots[i], passphrase, ret_key);
		if (e.code != ERR_UNVERIFIED)
			return e;
	}
	return e;
}

/* ---- formatting ---- */

RESULT luks2_format_begin(int fd, bool authentic, struct luks2 *ret_luks2, struct secret **ret_key)
{
	AUTO(secret_freep) struct secret *key = NULL;
	uint8_t mark[MARK] = MARK_TEXT;
	struct luks2 l = { .data_offset = LUKS2_DATA_OFFSET,
		.sector_size = LUKS2_SECTOR,
		.key_n = LUKS2_KEY_XTS + (authentic ? LUKS2_KEY_MAC : 0) };

	TRY(secret_new(l.key_n, &key));
	TRY(random_fill(secret_data(key), l.key_n));
	TRY(write_at(fd, 0, bytes_of(mark, sizeof(mark))));
	TRY(flush(fd));
	*ret_luks2 = l;
	*ret_key = TAKE(key);
	return OK;
}

static RESULT make_identity(struct luks2_identity *ret_id)
{
	char hex[33];

	/* RFC 9562 5.4: version 4, variant 10. */
	TRY(random_hex(hex, 32));
	hex[12] = '4';
	hex[16] = "89ab"[(unsigned char)hex[16] % 4];
	(void)snprintf(ret_id->uuid, sizeof(ret_id->uuid), "%.8s-%.4s-%.4s-%.4s-%.12s", hex,
		hex + 8, hex + 12, hex + 16, hex + 20);
	return OK;
}

static RESULT write_header(
	int fd, bool secondary, const struct luks2_identity *id, struct bytes text)
{
	AUTO(buf_done) struct buf header = BUF_INIT(METADATA_MAX);

	TRY(luks2_header_write(secondary, id, text, &header));
	TRY(write_at(fd, secondary ? header.n : 0, buf_bytes(&header)));
	return flush(fd);
}

RESULT luks2_format_end(int fd, struct luks2 *l, struct bytes passphrase, const struct secret *key)
{
	AUTO(buf_done) struct buf area = BUF_INIT(AREA_MAX);
	AUTO(buf_done) struct buf text = BUF_INIT(METADATA_MAX);
	struct luks2_identity id;

	TRY(luks2_slot_make(l, passphrase, key, &area));
	TRY(luks2_write(l, &text));
	TRY(make_identity(&id));
	TRY(write_at(fd, l->slots[0].offset, buf_bytes(&area)));
	TRY(flush(fd));
	/* The first one last: until then the mark stands in its place. */
	TRY(write_header(fd, true, &id, buf_bytes(&text)));
	return write_header(fd, false, &id, buf_bytes(&text));
}
