#include "tar.h"

#include "pax.h"

#include <stdlib.h>

#include <base/auto.h>
#include <base/buf.h>
#include <base/reader.h>

enum {
	NAME_SIZE = 100,
	PREFIX_SIZE = 155,
	CHECKSUM_AT = 148,
	CHECKSUM_SIZE = 8,
	MODE_BITS = 07777
};

enum state {
	IN_HEADER,
	IN_META, /* contents of an 'x', 'g', 'L' or 'K' header */
	IN_DATA,
	IN_PADDING,
	AT_END /* after two zero blocks */
};

/* Fields as they stand in the block; numbers are still text. */
struct header {
	struct bytes name, mode, uid, gid, size, mtime, link, magic, major, minor, prefix;
	uint8_t type;
};

struct tar {
	struct tar_visitor visitor;
	enum state state;
	uint8_t block[TAR_BLOCK];
	size_t filled;
	uint64_t left;	  /* of the contents */
	uint64_t padding; /* after the contents */
	unsigned zero_blocks;
	uint8_t meta_type;
	struct buf meta;
	struct pax pax; /* of the next entry; GNU long names land here too */
};

void tar_entry_done(struct tar_entry *e)
{
	free(e->path);
	free(e->link);
	for (size_t i = 0; i < e->n_xattrs; i++) {
		free(e->xattrs[i].name);
		free(e->xattrs[i].value);
	}
	*e = (struct tar_entry){ 0 };
}

RESULT tar_new(const struct tar_visitor *visitor, struct tar **ret_tar)
{
	struct tar *t = calloc(1, sizeof(*t));

	if (!t)
		return err_new(ERR_NOMEM, "tar");
	t->visitor = *visitor;
	t->meta = BUF_INIT(TAR_PAX_MAX);
	*ret_tar = t;
	return OK;
}

void tar_freep(struct tar **t)
{
	if (!*t)
		return;
	buf_done(&(*t)->meta);
	pax_done(&(*t)->pax);
	free(*t);
	*t = NULL;
}

/* Octal text, or base 256 when the top bit of the first byte is set (GNU tar, star). */
static RESULT parse_number(struct bytes in, const char *what, int64_t *ret)
{
	struct reader r = rd_of(in);
	uint8_t c = rd_u8(&r);
	int64_t v = 0;

	if (c & 0x80) {
		v = (c & 0x40) ? -1 : 0;
		v = v * 64 + (c & 0x3f);
		while (rd_more(&r)) {
			if (v > INT64_MAX / 256 || v < INT64_MIN / 256)
				return err_new(ERR_LIMIT, "tar header: %s too large", what);
			v = v * 256 + rd_u8(&r);
		}
		*ret = v;
		return OK;
	}
	while (c == ' ' && rd_more(&r))
		c = rd_u8(&r);
	for (; c >= '0' && c <= '7'; c = rd_u8(&r)) /* at most 12 digits: 36 bits */
		v = v * 8 + (c - '0');
	while (rd_more(&r) && (c == ' ' || c == '\0'))
		c = rd_u8(&r);
	if (c != ' ' && c != '\0')
		return err_new(ERR_FORMAT, "tar header: %s is not octal", what);
	*ret = v;
	return OK;
}

static RESULT parse_unsigned(struct bytes in, uint64_t max, const char *what, uint64_t *ret)
{
	int64_t v;

	TRY(parse_number(in, what, &v));
	if (v < 0 || (uint64_t)v > max)
		return err_new(ERR_LIMIT, "tar header: %s out of range", what);
	*ret = (uint64_t)v;
	return OK;
}

/* POSIX.1-2017 pax, "ustar Interchange Format" */
static struct header read_header(struct bytes block)
{
	struct reader r = rd_of(block);
	struct header h = { 0 };

	h.name = rd_take(&r, NAME_SIZE);
	h.mode = rd_take(&r, 8);
	h.uid = rd_take(&r, 8);
	h.gid = rd_take(&r, 8);
	h.size = rd_take(&r, 12);
	h.mtime = rd_take(&r, 12);
	rd_skip(&r, CHECKSUM_SIZE);
	h.type = rd_u8(&r);
	h.link = rd_take(&r, NAME_SIZE);
	h.magic = rd_take(&r, 8);
	rd_skip(&r, 32 + 32); /* uname and gname: names mean nothing outside the image */
	h.major = rd_take(&r, 8);
	h.minor = rd_take(&r, 8);
	h.prefix = rd_take(&r, PREFIX_SIZE);
	return h;
}

/* Some old writers summed signed bytes. */
static RESULT check_sum(const uint8_t block[static TAR_BLOCK])
{
	int64_t want, sum = 0, signed_sum = 0;

	for (size_t i = 0; i < TAR_BLOCK; i++) {
		bool blank = i >= CHECKSUM_AT && i < CHECKSUM_AT + CHECKSUM_SIZE;
		sum += blank ? ' ' : block[i];
		signed_sum += blank ? ' ' : (int8_t)block[i];
	}
	TRY(parse_number(bytes_of(block + CHECKSUM_AT, CHECKSUM_SIZE), "checksum", &want));
	if (want != sum && want != signed_sum)
		return err_new(ERR_FORMAT, "tar header: wrong checksum");
	return OK;
}

static struct bytes until_nul(struct bytes b)
{
	const uint8_t *nul = memchr(b.p, '\0', b.n);

	return bytes_of(b.p, nul ? (size_t)(nul - b.p) : b.n);
}

static RESULT join_name(const struct header *h, char **ret_path)
{
	struct bytes name = until_nul(h->name), prefix = until_nul(h->prefix);
	bool posix = bytes_compare(h->magic, bytes_of("ustar\00000", 8)) == 0;

	if (!posix || prefix.n == 0)
		return bytes_to_str(name, ret_path);
	return str_format(ret_path, "%.*s/%.*s", (int)prefix.n, (const char *)prefix.p, (int)name.n,
		(const char *)name.p);
}

static bool is_meta(uint8_t type)
{
	return type == 'x' || type == 'g' || type == 'L' || type == 'K';
}

static RESULT parse_type(uint8_t type, const char *path, enum tar_type *ret)
{
	static const char letters[] = "0123456";
	static const enum tar_type types[] = { TAR_FILE, TAR_HARDLINK, TAR_SYMLINK, TAR_CHAR,
		TAR_BLOCKDEV, TAR_DIR, TAR_FIFO };
	const char *at = type ? strchr(letters, type) : NULL;

	if (at) {
		*ret = types[at - letters];
		return OK;
	}
	if (type == '\0' || type == '7') { /* before POSIX a directory was a name ending in '/' */
		*ret = type == '\0' && str_ends(path, "/") ? TAR_DIR : TAR_FILE;
		return OK;
	}
	char actual[160];
	(void)snprintf(
		actual, sizeof(actual), "'%c' of %s", type >= 32 && type < 127 ? type : '?', path);
	return err_deny(ERR_DENIED, "image.tar-type", "type",
		"file, link, directory, device or fifo", actual);
}

static RESULT fill_numbers(const struct header *h, unsigned has, struct tar_entry *e)
{
	uint64_t v;

	if (!(has & PAX_HAS_UID)) {
		TRY(parse_unsigned(h->uid, UINT32_MAX, "uid", &v));
		e->uid = (uint32_t)v;
	}
	if (!(has & PAX_HAS_GID)) {
		TRY(parse_unsigned(h->gid, UINT32_MAX, "gid", &v));
		e->gid = (uint32_t)v;
	}
	if (!(has & PAX_HAS_SIZE))
		TRY(parse_unsigned(h->size, INT64_MAX, "size", &e->size));
	if (!(has & PAX_HAS_MTIME)) {
		TRY(parse_number(h->mtime, "mtime", &e->mtime));
		e->mtime_ns = 0;
	}
	TRY(parse_unsigned(h->mode, UINT32_MAX, "mode", &v));
	e->mode = (uint32_t)v & MODE_BITS;
	if (e->type == TAR_CHAR || e->type == TAR_BLOCKDEV) {
		TRY(parse_unsigned(h->major, UINT32_MAX, "devmajor", &v));
		e->major = (uint32_t)v;
		TRY(parse_unsigned(h->minor, UINT32_MAX, "devminor", &v));
		e->minor = (uint32_t)v;
	}
	return OK;
}

/* The extended headers before it win over the fields of the block. */
static RESULT fill_entry(const struct header *h, struct pax *pax, struct tar_entry *e)
{
	*e = pax->v;
	pax->v = (struct tar_entry){ 0 };
	if (!(pax->has & PAX_HAS_PATH)) {
		free(TAKE(e->path));
		TRY(join_name(h, &e->path));
	}
	if (e->path[0] == '\0')
		return err_new(ERR_FORMAT, "tar header: empty name");
	TRY(parse_type(h->type, e->path, &e->type));
	bool link = e->type == TAR_HARDLINK || e->type == TAR_SYMLINK;
	if (!link || !(pax->has & PAX_HAS_LINK))
		free(TAKE(e->link));
	if (link && !e->link)
		TRY(bytes_to_str(until_nul(h->link), &e->link));
	if (link && e->link[0] == '\0')
		return err_new(ERR_FORMAT, "link without a target");
	TRY(fill_numbers(h, pax->has, e));
	if (e->type != TAR_FILE)
		e->size = 0; /* links may repeat the size of their target without its contents */
	return OK;
}

static void begin_contents(struct tar *t, enum state state, uint64_t size)
{
	t->left = size;
	t->padding = (TAR_BLOCK - size % TAR_BLOCK) % TAR_BLOCK;
	t->state = state;
}

static RESULT end_meta(struct tar *t);

static RESULT begin_meta(struct tar *t, const struct header *h)
{
	uint64_t size, max = h->type == 'x' || h->type == 'g' ? TAR_PAX_MAX : TAR_PATH_MAX + 1;

	TRY(parse_unsigned(h->size, INT64_MAX, "size", &size));
	if (size > max)
		return err_new(
			ERR_LIMIT, "tar: extended header of %llu bytes", (unsigned long long)size);
	t->meta_type = h->type;
	buf_clear(&t->meta);
	begin_contents(t, IN_META, size);
	return size == 0 ? end_meta(t) : OK;
}

static RESULT begin_entry(struct tar *t, const struct header *h)
{
	AUTO(tar_entry_done) struct tar_entry e = { 0 };
	struct err err = fill_entry(h, &t->pax, &e);

	pax_done(&t->pax);
	if (failed(err))
		return e.path ? err_add(err, "tar entry %.200s", e.path) : err;
	TRY(t->visitor.entry(t->visitor.arg, &e));
	if (e.type != TAR_FILE)
		return OK;
	begin_contents(t, IN_DATA, e.size);
	if (e.size > 0)
		return OK;
	t->state = IN_HEADER;
	return t->visitor.file_end(t->visitor.arg);
}

/* A name given by a GNU header counts only where no PAX record gives one. */
static RESULT take_long_name(struct tar *t)
{
	unsigned has = t->meta_type == 'L' ? PAX_HAS_PATH : PAX_HAS_LINK;
	char **to = t->meta_type == 'L' ? &t->pax.v.path : &t->pax.v.link;
	char *s = NULL;

	if (t->pax.has & has)
		return OK;
	TRY(bytes_to_str(until_nul(buf_bytes(&t->meta)), &s));
	free(*to);
	*to = s;
	if (s[0] != '\0')
		t->pax.has |= has;
	return OK;
}

static RESULT end_meta(struct tar *t)
{
	TRY(buf_end(&t->meta, "tar extended header"));
	t->state = t->padding ? IN_PADDING : IN_HEADER;
	if (t->meta_type == 'L' || t->meta_type == 'K')
		return t->meta.n > 0 ? take_long_name(t) : OK;
	if (t->meta_type == 'x')
		return pax_parse(buf_bytes(&t->meta), &t->pax);
	/* Global headers hold comments (git archive); they are checked and forgotten. */
	AUTO(pax_done) struct pax ignored = { 0 };
	return pax_parse(buf_bytes(&t->meta), &ignored);
}

static RESULT take_block(struct tar *t)
{
	struct bytes block = BYTES_OF(t->block);

	t->filled = 0;
	if (bytes_is_zero(block)) {
		if (++t->zero_blocks >= 2)
			t->state = AT_END;
		return OK;
	}
	if (t->zero_blocks > 0)
		return err_new(ERR_FORMAT, "tar: data after the end of the archive");
	TRY(check_sum(t->block));
	struct header h = read_header(block);
	return is_meta(h.type) ? begin_meta(t, &h) : begin_entry(t, &h);
}

static RESULT feed_header(struct tar *t, struct reader *r)
{
	size_t n = TAR_BLOCK - t->filled;

	if (n > r->left)
		n = r->left;
	rd_copy(r, t->block + t->filled, n);
	t->filled += n;
	return t->filled == TAR_BLOCK ? take_block(t) : OK;
}

static struct bytes take_contents(struct tar *t, struct reader *r)
{
	size_t n = t->left < r->left ? (size_t)t->left : r->left;

	t->left -= n;
	return rd_take(r, n);
}

static RESULT feed_data(struct tar *t, struct reader *r)
{
	TRY(t->visitor.data(t->visitor.arg, take_contents(t, r)));
	if (t->left > 0)
		return OK;
	t->state = t->padding ? IN_PADDING : IN_HEADER;
	return t->visitor.file_end(t->visitor.arg);
}

static RESULT feed_meta(struct tar *t, struct reader *r)
{
	buf_put(&t->meta, take_contents(t, r));
	return t->left > 0 ? OK : end_meta(t);
}

static void feed_padding(struct tar *t, struct reader *r)
{
	size_t n = t->padding < r->left ? (size_t)t->padding : r->left;

	rd_skip(r, n);
	t->padding -= n;
	if (t->padding == 0)
		t->state = IN_HEADER;
}

static RESULT feed_some(struct tar *t, struct reader *r)
{
	switch (t->state) {
	case IN_HEADER:
		return feed_header(t, r);
	case IN_META:
		return feed_meta(t, r);
	case IN_DATA:
		return feed_data(t, r);
	case IN_PADDING:
		feed_padding(t, r);
		return OK;
	case AT_END:
		break;
	}
	/* Archives are padded to their record size; two readers must not see two archives. */
	if (!bytes_is_zero(rd_rest(r)))
		return err_new(ERR_FORMAT, "tar: data after the end of the archive");
	return OK;
}

RESULT tar_feed(struct tar *t, struct bytes in)
{
	struct reader r = rd_of(in);

	while (rd_more(&r))
		TRY(feed_some(t, &r));
	return OK;
}

RESULT tar_end(struct tar *t)
{
	if (t->state == AT_END || (t->state == IN_HEADER && t->filled == 0 && !t->pax.has))
		return OK;
	return err_new(ERR_FORMAT, "tar: truncated");
}
