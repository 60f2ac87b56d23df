#include "luks2.h"

#include <base/random.h>
#include <base/reader.h>
#include <crypto/digest.h>

enum {
	VERSION = 2,
	MAGIC = 6,
	LABEL = 48,
	CHECKSUM_NAME = 32,
	SALT = 64,
	SUBSYSTEM = 48,
	PADDING = 184,
	CHECKSUM_AT = 448,
	CHECKSUM = 64,
	SIZE_MIN = 16 * 1024
};

static const uint8_t magic[2][MAGIC] = { { 'L', 'U', 'K', 'S', 0xba, 0xbe },
	{ 'S', 'K', 'U', 'L', 0xba, 0xbe } };

static RESULT check_size(const struct luks2_header *h, bool secondary, uint64_t offset)
{
	/* 16 KiB to 4 MiB, powers of two: the only sizes that there are. */
	if (h->size < SIZE_MIN || h->size > LUKS2_HEADER_MAX || (h->size & (h->size - 1)) != 0)
		return err_new(ERR_FORMAT, "LUKS2: hdr_size %llu", (unsigned long long)h->size);
	if (offset != (secondary ? h->size : 0))
		return err_new(ERR_FORMAT, "LUKS2: hdr_offset %llu", (unsigned long long)offset);
	return OK;
}

RESULT luks2_header_parse(struct bytes in, bool secondary, struct luks2_header *ret_header)
{
	struct reader r = rd_of(in);
	struct luks2_header h = { 0 };
	struct bytes word = rd_take(&r, MAGIC), name;
	uint64_t offset;
	unsigned version;

	if (!rd_ok(&r) || bytes_compare(word, bytes_of(magic[secondary], MAGIC)) != 0)
		return err_new(ERR_FORMAT, "LUKS2: no header");
	version = rd_be16(&r);
	if (version != VERSION)
		return err_new(ERR_UNSUPPORTED, "LUKS version %u, not 2", version);
	h.size = rd_be64(&r);
	h.sequence = rd_be64(&r);
	rd_skip(&r, LABEL);
	name = rd_take(&r, CHECKSUM_NAME);
	rd_skip(&r, SALT + sizeof(((struct luks2_identity *)0)->uuid) + SUBSYSTEM);
	offset = rd_be64(&r);
	rd_skip(&r, PADDING + CHECKSUM);
	rd_skip(&r, LUKS2_BINARY - CHECKSUM_AT - CHECKSUM);
	TRY(rd_end(&r, "LUKS2 header"));
	if (bytes_compare(bytes_of(name.p, 7), bytes_of("sha256", 7)) != 0)
		return err_new(ERR_UNSUPPORTED, "LUKS2: csum_alg is not sha256");
	TRY(check_size(&h, secondary, offset));
	*ret_header = h;
	return OK;
}

static const uint8_t zeros[CHECKSUM];

/* Over everything, with zeros where it stands. */
static RESULT checksum(struct bytes in, struct digest_value *ret_digest)
{
	AUTO(digest_freep) struct digest_ctx *c = NULL;
	size_t after = CHECKSUM_AT + CHECKSUM;

	TRY(digest_new(DIGEST_SHA256, &c));
	TRY(digest_update(c, bytes_of(in.p, CHECKSUM_AT)));
	TRY(digest_update(c, bytes_of(zeros, CHECKSUM)));
	TRY(digest_update(c, bytes_of(in.p + after, in.n - after)));
	return digest_final(c, ret_digest);
}

RESULT luks2_header_check(struct bytes in, const struct luks2_header *h, struct bytes *ret_text)
{
	struct digest_value d;
	const uint8_t *end;
	struct bytes text;

	if (in.n != h->size)
		return err_new(ERR_FORMAT, "LUKS2 header: truncated");
	TRY(checksum(in, &d));
	if (!bytes_equal(digest_bytes(&d), bytes_of(in.p + CHECKSUM_AT, d.n)) ||
		!bytes_equal(bytes_of(zeros, CHECKSUM - d.n),
			bytes_of(in.p + CHECKSUM_AT + d.n, CHECKSUM - d.n)))
		return err_new(ERR_UNVERIFIED, "LUKS2: the header's checksum is wrong");
	text = bytes_of(in.p + LUKS2_BINARY, in.n - LUKS2_BINARY);
	end = memchr(text.p, '\0', text.n);
	if (!end)
		return err_new(ERR_FORMAT, "LUKS2: the JSON text has no end");
	*ret_text = bytes_of(text.p, (size_t)(end - text.p));
	return OK;
}

static void put_zeros(struct buf *out, size_t n)
{
	uint8_t *to = buf_grow(out, n);

	if (to)
		memset(to, 0, n);
}

static void put_padded(struct buf *out, struct bytes value, size_t n)
{
	buf_put(out, value);
	put_zeros(out, n - value.n);
}

RESULT luks2_header_write(
	bool secondary, const struct luks2_identity *id, struct bytes text, struct buf *out)
{
	uint8_t salt[SALT];
	struct digest_value d;

	if (text.n >= SIZE_MIN - LUKS2_BINARY)
		return err_new(ERR_LIMIT, "LUKS2: %zu bytes of metadata", text.n);
	TRY(random_fill(salt, sizeof(salt)));
	buf_put(out, bytes_of(magic[secondary], MAGIC));
	buf_be16(out, VERSION);
	buf_be64(out, SIZE_MIN);
	buf_be64(out, 1);
	put_zeros(out, LABEL);
	put_padded(out, bytes_str("sha256"), CHECKSUM_NAME);
	buf_put(out, bytes_of(salt, sizeof(salt)));
	put_padded(out, bytes_str(id->uuid), sizeof(id->uuid));
	put_zeros(out, SUBSYSTEM);
	buf_be64(out, secondary ? SIZE_MIN : 0);
	put_zeros(out, PADDING + CHECKSUM);
	put_zeros(out, LUKS2_BINARY - CHECKSUM_AT - CHECKSUM);
	put_padded(out, text, SIZE_MIN - LUKS2_BINARY);
	TRY(buf_end(out, "LUKS2 header"));
	TRY(checksum(buf_bytes(out), &d));
	memcpy(out->p + CHECKSUM_AT, d.v, d.n);
	return OK;
}
