#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <base/buf.h>

enum {
	BUF_FIRST = 64
};

void buf_done(struct buf *b)
{
	free(b->p);
	*b = BUF_INIT(b->max);
}

void buf_clear(struct buf *b)
{
	b->n = 0;
	b->bad = ERR_OK;
}

static bool reserve(struct buf *b, size_t more)
{
	size_t need, size;
	uint8_t *p;

	if (b->bad != ERR_OK)
		return false;
	if (__builtin_add_overflow(b->n, more, &need) || need > b->max) {
		b->bad = ERR_LIMIT;
		return false;
	}
	if (need <= b->size)
		return true;
	size = b->size ? b->size : BUF_FIRST;
	while (size < need && size <= b->max / 2)
		size *= 2;
	/* At least half of it is needed already; growing step by step would copy it every time. */
	if (size < need)
		size = b->max;
	p = realloc(b->p, size);
	if (!p) {
		b->bad = ERR_NOMEM;
		return false;
	}
	b->p = p;
	b->size = size;
	return true;
}

uint8_t *buf_grow(struct buf *b, size_t n)
{
	uint8_t *at;

	if (!reserve(b, n ? n : 1))
		return NULL;
	at = b->p + b->n;
	b->n += n;
	return at;
}

void buf_put(struct buf *b, struct bytes data)
{
	if (data.n == 0 || !reserve(b, data.n))
		return;
	memcpy(b->p + b->n, data.p, data.n);
	b->n += data.n;
}

void buf_puts(struct buf *b, const char *s)
{
	buf_put(b, bytes_str(s));
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap, again;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	/* One byte more for the NUL that vsnprintf() insists on. */
	if (n >= 0 && reserve(b, (size_t)n + 1)) {
		(void)vsnprintf((char *)b->p + b->n, (size_t)n + 1, fmt, again);
		b->n += (size_t)n;
	}
	va_end(again);
}

void buf_zero(struct buf *b, size_t n)
{
	uint8_t *at = buf_grow(b, n);

	if (at)
		memset(at, 0, n);
}

void buf_le(struct buf *b, uint64_t v, size_t width)
{
	uint8_t *at = buf_grow(b, width);

	for (size_t i = 0; at && i < width; i++)
		at[i] = (uint8_t)(v >> (8 * i));
}

void buf_be(struct buf *b, uint64_t v, size_t width)
{
	uint8_t *at = buf_grow(b, width);

	for (size_t i = 0; at && i < width; i++)
		at[i] = (uint8_t)(v >> (8 * (width - 1 - i)));
}

void buf_consume(struct buf *b, size_t n)
{
	if (n >= b->n) {
		b->n = 0;
		return;
	}
	memmove(b->p, b->p + n, b->n - n);
	b->n -= n;
}

RESULT buf_end(const struct buf *b, const char *what)
{
	if (b->bad == ERR_LIMIT)
		return err_new(ERR_LIMIT, "%s: more than %zu bytes", what, b->max);
	if (b->bad != ERR_OK)
		return err_new(b->bad, "%s: %zu bytes", what, b->n);
	return OK;
}

const char *buf_cstr(struct buf *b)
{
	if (!reserve(b, 1))
		return NULL;
	b->p[b->n] = '\0';
	return (const char *)b->p;
}

RESULT str_format(char **ret_str, const char *fmt, ...)
{
	va_list ap;
	char *s = NULL;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	if (n < 0)
		return err_new(ERR_NOMEM, "formatting text");
	*ret_str = s;
	return OK;
}

RESULT str_dup(const char *s, char **ret_str)
{
	char *copy = strdup(s);

	if (!copy)
		return err_new(ERR_NOMEM, "copying text");
	*ret_str = copy;
	return OK;
}

bool str_equal(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

bool str_starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool str_ends(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);

	return n >= m && strcmp(s + n - m, suffix) == 0;
}

RESULT str_to_u64(const char *s, uint64_t max, const char *what, uint64_t *ret_v)
{
	char *end = NULL;
	unsigned long long v;

	if (s[0] < '0' || s[0] > '9')
		return err_new(ERR_FORMAT, "%s: '%.32s' is not a number", what, s);
	errno = 0;
	v = strtoull(s, &end, 10);
	if (errno != 0 || *end != '\0')
		return err_new(ERR_FORMAT, "%s: '%.32s' is not a number", what, s);
	if (v > max)
		return err_new(
			ERR_LIMIT, "%s: %.32s is more than %llu", what, s, (unsigned long long)max);
	*ret_v = v;
	return OK;
}
