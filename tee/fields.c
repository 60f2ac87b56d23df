#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <base/auto.h>
#include <base/encode.h>
#include <tee/fields.h>

enum {
	FIELD_TEXT_MAX = 64 * 1024
};

void fields_cut(struct fields *f, size_t n)
{
	while (f->n > n) {
		const struct field_row *r = &f->v[--f->n];
		free(r->name);
		free(r->value);
		free(r->meaning);
	}
}

void fields_done(struct fields *f)
{
	fields_cut(f, 0);
	free(f->v);
	*f = (struct fields){ 0 };
}

static void stick(struct fields *f, enum err_code code)
{
	if (f->bad == ERR_OK)
		f->bad = code;
}

static bool copy(struct fields *f, const char *text, char **to)
{
	*to = text ? strdup(text) : NULL;
	if (text && !*to)
		stick(f, ERR_NOMEM);
	return f->bad == ERR_OK;
}

static bool grow(struct fields *f)
{
	if (f->n == FIELDS_MAX) {
		stick(f, ERR_LIMIT);
		return false;
	}
	if (f->n < f->room)
		return true;
	size_t room = f->room ? 2 * f->room : 16;
	struct field_row *v = reallocarray(f->v, room, sizeof(*v));
	if (!v) {
		stick(f, ERR_NOMEM);
		return false;
	}
	f->v = v;
	f->room = room;
	return true;
}

/* Views of texts; they are copied. */
struct row {
	int64_t offset;
	size_t size;
	const char *name, *value, *meaning;
};

static void add(struct fields *f, const struct row *r)
{
	if (f->bad != ERR_OK || !grow(f))
		return;
	struct field_row *v = &f->v[f->n++];
	*v = (struct field_row){
		.depth = f->depth,
		.offset = r->offset == FIELDS_NO_OFFSET ? FIELDS_NO_OFFSET : f->base + r->offset,
		.size = r->size,
	};
	if (copy(f, r->name, &v->name) && copy(f, r->value, &v->value))
		(void)copy(f, r->meaning, &v->meaning);
}

void fields_group(struct fields *f, int64_t offset, size_t size, const char *name)
{
	if (f->depth + 1 >= FIELDS_DEPTH_MAX) {
		stick(f, ERR_LIMIT);
		return;
	}
	add(f, &(struct row){ .offset = offset, .size = size, .name = name });
	f->depth++;
}

void fields_end(struct fields *f)
{
	if (f->depth > 0)
		f->depth--;
}

void fields_str(struct fields *f, int64_t offset, size_t size, const char *name, const char *value,
	const char *meaning)
{
	add(f, &(struct row){ offset, size, name, value ? value : "", meaning });
}

void fields_hex(
	struct fields *f, int64_t offset, struct bytes value, const char *name, const char *meaning)
{
	AUTO(buf_done) struct buf text = BUF_INIT(FIELD_TEXT_MAX);
	size_t shown = value.n < FIELD_TEXT_MAX / 2 - 8 ? value.n : FIELD_TEXT_MAX / 2 - 8;

	hex_encode(bytes_of(value.p, shown), &text);
	if (shown < value.n)
		buf_puts(&text, "...");
	const char *s = buf_cstr(&text);
	if (!s)
		stick(f, ERR_NOMEM);
	else
		fields_str(f, offset, value.n, name, s, meaning);
}

void fields_u64(struct fields *f, int64_t offset, size_t size, const char *name, uint64_t value,
	const char *meaning)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	fields_str(f, offset, size, name, text, meaning);
}

void fields_fmt(
	struct fields *f, int64_t offset, size_t size, const char *name, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fields_str(f, offset, size, name, text, NULL);
}

void fields_bits(struct fields *f, int64_t offset, size_t size, const char *name, uint64_t value,
	const struct field_bit *bits, size_t n)
{
	char text[24], where[24];
	uint64_t rest = value;

	(void)snprintf(text, sizeof(text), "0x%0*llx", (int)(2 * size), (unsigned long long)value);
	fields_str(f, offset, size, name, text, NULL);
	f->depth++;
	for (size_t i = 0; i < n; i++) {
		if (!(value >> bits[i].bit & 1))
			continue;
		rest &= ~(UINT64_C(1) << bits[i].bit);
		(void)snprintf(where, sizeof(where), "bit %u", bits[i].bit);
		add(f, &(struct row){ FIELDS_NO_OFFSET, 0, bits[i].name, where, bits[i].meaning });
	}
	if (rest) {
		(void)snprintf(text, sizeof(text), "0x%llx", (unsigned long long)rest);
		add(f, &(struct row){ FIELDS_NO_OFFSET, 0, "other bits", text, "not known" });
	}
	f->depth--;
}

RESULT fields_finish(const struct fields *f)
{
	return f->bad == ERR_OK ? OK : err_new(f->bad, "decoded fields");
}

/* A file's text must not move the reader's cursor. */
static void put_text(struct buf *out, const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			buf_printf(out, "\\x%02x", (unsigned char)*s);
		else
			buf_u8(out, *s);
}

static void print_row(const struct field_row *r, struct buf *out)
{
	buf_printf(out, "%*s", (int)(2 * r->depth), "");
	put_text(out, r->name);
	if (r->offset != FIELDS_NO_OFFSET)
		buf_printf(out, " @0x%llx", (unsigned long long)r->offset);
	if (r->value) {
		buf_puts(out, ": ");
		put_text(out, r->value);
	}
	if (r->meaning) {
		buf_puts(out, "  (");
		put_text(out, r->meaning);
		buf_puts(out, ")");
	}
	buf_puts(out, "\n");
}

void fields_print(const struct fields *f, struct buf *out)
{
	for (size_t i = 0; i < f->n; i++)
		print_row(&f->v[i], out);
}

static void write_row(const struct field_row *r, struct json_writer *w)
{
	jw_kstr(w, "name", r->name);
	if (r->offset != FIELDS_NO_OFFSET) {
		jw_key(w, "offset");
		jw_i64(w, r->offset);
		jw_ku64(w, "size", r->size);
	}
	if (r->value)
		jw_kstr(w, "value", r->value);
	if (r->meaning)
		jw_kstr(w, "meaning", r->meaning);
}

/* Each open row holds its object; a deeper row first opens the array of the one before it. JSON
 * nests two levels a row. */
RESULT fields_write(const struct fields *f, struct json_writer *w)
{
	unsigned depth = 0;

	TRY(fields_finish(f));
	jw_array(w);
	for (size_t i = 0; i < f->n; i++) {
		if (i > 0 && f->v[i].depth > depth) {
			jw_key(w, "fields");
			jw_array(w);
		} else if (i > 0) {
			jw_object_end(w);
		}
		for (; depth > f->v[i].depth; depth--) {
			jw_array_end(w);
			jw_object_end(w);
		}
		depth = f->v[i].depth;
		jw_object(w);
		write_row(&f->v[i], w);
	}
	for (; f->n > 0 && depth > 0; depth--) {
		jw_object_end(w);
		jw_array_end(w);
	}
	if (f->n > 0)
		jw_object_end(w);
	jw_array_end(w);
	return OK;
}
