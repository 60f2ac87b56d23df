#include "pax.h"

#include <stdlib.h>

#include <base/auto.h>
#include <base/buf.h>
#include <base/reader.h>

#define XATTR_PREFIX "SCHILY.xattr."

enum {
	LENGTH_DIGITS_MAX = 8,
	NUMBER_DIGITS_MAX = 20,
	NS_DIGITS = 9
};

struct pax_key {
	const char *name;
	unsigned has;
	RESULT (*set)(struct pax *pax, struct bytes value);
};

void pax_done(struct pax *pax)
{
	tar_entry_done(&pax->v);
	pax->has = 0;
}

static RESULT take_string(struct bytes value, const char *what, char **to)
{
	if (value.n > TAR_PATH_MAX)
		return err_new(ERR_LIMIT, "%s: longer than %d bytes", what, TAR_PATH_MAX);
	char *s = NULL;
	struct err e = bytes_to_str(value, &s);
	if (failed(e))
		return err_add(e, "%s", what);
	free(*to);
	*to = s;
	return OK;
}

static RESULT set_path(struct pax *pax, struct bytes value)
{
	return take_string(value, "path", &pax->v.path);
}

static RESULT set_link(struct pax *pax, struct bytes value)
{
	return take_string(value, "linkpath", &pax->v.link);
}

static RESULT parse_decimal(struct bytes value, uint64_t max, const char *what, uint64_t *ret)
{
	char text[NUMBER_DIGITS_MAX + 1];

	if (value.n == 0 || value.n > NUMBER_DIGITS_MAX)
		return err_new(ERR_FORMAT, "%s: not a number", what);
	memcpy(text, value.p, value.n);
	text[value.n] = '\0';
	return str_to_u64(text, max, what, ret);
}

static RESULT set_size(struct pax *pax, struct bytes value)
{
	return parse_decimal(value, INT64_MAX, "size", &pax->v.size);
}

static RESULT set_id(struct bytes value, const char *what, uint32_t *to)
{
	uint64_t v;

	TRY(parse_decimal(value, UINT32_MAX, what, &v));
	*to = (uint32_t)v;
	return OK;
}

static RESULT set_uid(struct pax *pax, struct bytes value)
{
	return set_id(value, "uid", &pax->v.uid);
}

static RESULT set_gid(struct pax *pax, struct bytes value)
{
	return set_id(value, "gid", &pax->v.gid);
}

/* Digits beyond nanoseconds are cut, missing ones are zero. */
static RESULT parse_fraction(struct bytes digits, uint32_t *ret_ns)
{
	uint32_t ns = 0;

	for (size_t i = 0; i < digits.n; i++)
		if (digits.p[i] < '0' || digits.p[i] > '9')
			return err_new(ERR_FORMAT, "mtime: not a number");
	for (size_t i = 0; i < NS_DIGITS; i++)
		ns = ns * 10 + (i < digits.n ? (uint32_t)(digits.p[i] - '0') : 0);
	*ret_ns = ns;
	return OK;
}

static RESULT set_mtime(struct pax *pax, struct bytes value)
{
	bool negative = value.n > 0 && value.p[0] == '-';
	struct bytes whole = bytes_of(value.p + negative, value.n - negative);
	struct bytes fraction = BYTES_NONE;
	const uint8_t *dot = whole.n ? memchr(whole.p, '.', whole.n) : NULL;
	uint64_t seconds;
	uint32_t ns;

	if (dot) {
		size_t at = (size_t)(dot - whole.p);
		fraction = bytes_of(dot + 1, whole.n - at - 1);
		whole.n = at;
	}
	TRY(parse_decimal(whole, INT64_MAX - 1, "mtime", &seconds));
	TRY(parse_fraction(fraction, &ns));
	/* -1.25 is two seconds before 1970 plus three quarters. */
	pax->v.mtime = negative ? -(int64_t)seconds - (ns > 0) : (int64_t)seconds;
	pax->v.mtime_ns = negative && ns > 0 ? 1000000000u - ns : ns;
	return OK;
}

static const struct pax_key keys[] = {
	{ "path", PAX_HAS_PATH, set_path },
	{ "linkpath", PAX_HAS_LINK, set_link },
	{ "size", PAX_HAS_SIZE, set_size },
	{ "uid", PAX_HAS_UID, set_uid },
	{ "gid", PAX_HAS_GID, set_gid },
	{ "mtime", PAX_HAS_MTIME, set_mtime },
};

static struct tar_xattr *xattr_slot(struct tar_entry *e, const char *name)
{
	for (size_t i = 0; i < e->n_xattrs; i++)
		if (str_equal(e->xattrs[i].name, name))
			return &e->xattrs[i];
	return e->n_xattrs < TAR_XATTRS_MAX ? &e->xattrs[e->n_xattrs] : NULL;
}

static RESULT set_xattr(struct tar_entry *e, struct bytes key, struct bytes value)
{
	AUTO(auto_free) char *name = NULL;

	if (value.n > TAR_XATTR_VALUE_MAX)
		return err_new(ERR_LIMIT, "extended attribute: value of %zu bytes", value.n);
	TRY(bytes_to_str(key, &name));
	struct tar_xattr *x = xattr_slot(e, name);
	if (!x)
		return err_new(ERR_LIMIT, "more than %d extended attributes", TAR_XATTRS_MAX);
	uint8_t *copy = malloc(value.n + 1);
	if (!copy)
		return err_new(ERR_NOMEM, "extended attribute");
	if (value.n > 0)
		memcpy(copy, value.p, value.n);
	if (!x->name) {
		x->name = TAKE(name);
		e->n_xattrs++;
	}
	free(x->value);
	x->value = copy;
	x->n = value.n;
	return OK;
}

static bool key_is(struct bytes key, const char *name)
{
	return bytes_compare(key, bytes_str(name)) == 0;
}

static bool key_starts(struct bytes key, const char *prefix)
{
	size_t n = strlen(prefix);

	return key.n >= n && key_is(bytes_of(key.p, n), prefix);
}

static RESULT set_record(struct pax *pax, struct bytes key, struct bytes value)
{
	size_t prefix = strlen(XATTR_PREFIX);

	if (key_starts(key, "GNU.sparse."))
		return err_deny(ERR_DENIED, "image.tar-type", "type", NULL, "sparse file");
	if (key_starts(key, XATTR_PREFIX))
		return set_xattr(&pax->v, bytes_of(key.p + prefix, key.n - prefix), value);
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		if (!key_is(key, keys[i].name))
			continue;
		pax->has &= ~keys[i].has;
		if (value.n == 0)
			return OK;
		TRY(keys[i].set(pax, value));
		pax->has |= keys[i].has;
		return OK;
	}
	return OK;
}

/* The length counts itself, the blank, and the newline. */
static RESULT read_length(struct reader *r, size_t *ret_left)
{
	char text[LENGTH_DIGITS_MAX + 1];
	uint64_t length;
	size_t n = 0;
	uint8_t c;

	while ((c = rd_u8(r)) != ' ') {
		if (!rd_ok(r) || n == LENGTH_DIGITS_MAX)
			return err_new(ERR_FORMAT, "record without a length");
		text[n++] = (char)c;
	}
	text[n] = '\0';
	TRY(str_to_u64(text, TAR_PAX_MAX, "record length", &length));
	if (length < n + 1 || length - n - 1 > r->left)
		return err_new(ERR_FORMAT, "record longer than its header");
	*ret_left = (size_t)length - n - 1;
	return OK;
}

static RESULT parse_record(struct reader *r, struct pax *pax)
{
	size_t left;

	TRY(read_length(r, &left));
	struct bytes record = rd_take(r, left);
	if (record.n == 0 || record.p[record.n - 1] != '\n')
		return err_new(ERR_FORMAT, "record without its newline");
	record.n--;
	const uint8_t *equal = record.n ? memchr(record.p, '=', record.n) : NULL;
	if (!equal || equal == record.p)
		return err_new(ERR_FORMAT, "record without a key");
	size_t n = (size_t)(equal - record.p);
	return set_record(pax, bytes_of(record.p, n), bytes_of(equal + 1, record.n - n - 1));
}

RESULT pax_parse(struct bytes in, struct pax *pax)
{
	struct reader r = rd_of(in);

	while (rd_more(&r)) {
		struct err e = parse_record(&r, pax);
		if (failed(e))
			return err_add(e, "PAX header");
	}
	return rd_end(&r, "PAX header");
}
