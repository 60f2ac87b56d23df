#include "tar_make.h"

#include <stdio.h>
#include <string.h>

enum {
	BLOCK = 512,
	CHECKSUM_AT = 148
};

void tar_seal(uint8_t *p)
{
	unsigned sum = 0;
	char text[8];

	memset(p + CHECKSUM_AT, ' ', 8);
	for (size_t i = 0; i < BLOCK; i++)
		sum += p[i];
	(void)snprintf(text, sizeof(text), "%06o", sum);
	memcpy(p + CHECKSUM_AT, text, 7);
}

static void put_octal(uint8_t *p, size_t width, uint64_t v)
{
	char text[16];

	(void)snprintf(text, sizeof(text), "%0*llo", (int)width - 1, (unsigned long long)v);
	memcpy(p, text, width);
}

static void put_header(struct buf *out, const struct tar_item *i, uint64_t size)
{
	uint8_t *p = buf_grow(out, BLOCK);

	memset(p, 0, BLOCK);
	memcpy(p, i->name, strnlen(i->name, 100));
	put_octal(p + 100, 8, i->mode ? i->mode : 0644);
	put_octal(p + 108, 8, i->uid);
	put_octal(p + 116, 8, i->gid);
	put_octal(p + 124, 12, size);
	put_octal(p + 136, 12, (uint64_t)i->mtime);
	p[156] = (uint8_t)(i->type ? i->type : '0');
	if (i->link)
		memcpy(p + 157, i->link, strnlen(i->link, 100));
	memcpy(p + 257, "ustar\00000", 8);
	put_octal(p + 329, 8, i->major);
	put_octal(p + 337, 8, i->minor);
	tar_seal(p);
}

static void put_contents(struct buf *out, struct bytes data)
{
	buf_put(out, data);
	buf_zero(out, (BLOCK - data.n % BLOCK) % BLOCK);
}

void tar_add_raw(struct buf *out, char type, const char *name, struct bytes contents)
{
	put_header(out, &(struct tar_item){ .name = name, .type = type }, contents.n);
	put_contents(out, contents);
}

/* The length of a record counts its own digits. */
static void put_record(struct buf *out, const char *record, size_t n)
{
	size_t length = n + 3, digits = 1;

	for (;;) {
		digits = (size_t)snprintf(NULL, 0, "%zu", length);
		if (digits + 1 + n + 1 == length)
			break;
		length = digits + 1 + n + 1;
	}
	buf_printf(out, "%zu %.*s\n", length, (int)n, record);
}

void tar_add(struct buf *out, const struct tar_item *item)
{
	if (item->pax) {
		AUTO(buf_done) struct buf pax = BUF_INIT(1 << 20);
		for (const char *p = item->pax; *p;) {
			size_t n = strcspn(p, "\n");
			put_record(&pax, p, n);
			p += n + (p[n] == '\n');
		}
		tar_add_raw(out, 'x', "PaxHeaders/x", buf_bytes(&pax));
	}
	put_header(out, item, item->data.n);
	put_contents(out, item->data);
}

void tar_finish(struct buf *out)
{
	buf_zero(out, 2 * BLOCK);
}
