#include "stdio_uri.h"

#include <base/encode.h>

static const struct {
	const char *scheme;
	enum stdio_kind kind;
	bool must_say_ready;
} schemes[] = {
	{ "fifo", STDIO_FIFO, false },
	{ "file", STDIO_FILE, false },
	{ "binary", STDIO_BINARY, false },
	{ "binary-v2", STDIO_BINARY, true },
};

void stdio_uri_done(struct stdio_uri *u)
{
	free(u->path);
	strv_done(&u->args);
	*u = (struct stdio_uri){ 0 };
}

/* Percent escapes; '+' is a blank in queries (application/x-www-form-urlencoded). */
static RESULT decode(struct bytes text, bool query, const char *what, char **ret_text)
{
	AUTO(buf_done) struct buf out = BUF_INIT(STDIO_URI_MAX);

	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '%') {
			uint8_t c;

			if (text.n - i < 3)
				return err_new(ERR_FORMAT, "%s: cut escape at its end", what);
			TRY(hex_decode_fixed(bytes_of(text.p + i + 1, 2), what, &c, 1));
			buf_u8(&out, c);
			i += 2;
		} else {
			buf_u8(&out, query && text.p[i] == '+' ? ' ' : text.p[i]);
		}
	}
	TRY(buf_end(&out, what));
	return bytes_to_str(buf_bytes(&out), ret_text);
}

static RESULT add_arg(struct stdio_uri *u, struct bytes text, const char *what)
{
	AUTO(auto_free) char *arg = NULL;

	if (u->args.n == STDIO_ARGS_MAX)
		return err_new(ERR_LIMIT, "%s: more than %d arguments", what, STDIO_ARGS_MAX);
	TRY(decode(text, true, what, &arg));
	return strv_add(&u->args, arg);
}

static bool has_key(const struct stdio_uri *u, struct bytes text)
{
	AUTO(auto_free) char *key = NULL;

	if (failed(decode(text, true, "query", &key)))
		return false;
	for (size_t i = 0; i < u->args.n; i += 2) {
		if (str_equal(u->args.v[i], key))
			return true;
	}
	return false;
}

/* Of a key that stands twice, the first value counts. */
static RESULT parse_query(struct stdio_uri *u, const char *query, const char *what)
{
	while (query && *query) {
		size_t n = strcspn(query, "&"), key = strcspn(query, "=&");
		size_t value = key < n ? key + 1 : key;
		struct bytes name = bytes_of(query, key);

		if (n > 0 && !has_key(u, name)) {
			TRY(add_arg(u, name, what));
			TRY(add_arg(u, bytes_of(query + value, n - value), what));
		}
		query += n + (query[n] == '&');
	}
	return OK;
}

static RESULT find_scheme(const char *text, size_t n, const char *what, struct stdio_uri *u)
{
	for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
		if (strlen(schemes[i].scheme) != n || strncmp(schemes[i].scheme, text, n) != 0)
			continue;
		u->kind = schemes[i].kind;
		u->must_say_ready = schemes[i].must_say_ready;
		return OK;
	}
	return err_new(ERR_UNSUPPORTED,
		"%s: '%.*s://' is not supported; use a FIFO, file:// or binary://", what, (int)n,
		text);
}

static RESULT parse_uri(const char *text, const char *rest, const char *what, struct stdio_uri *u)
{
	size_t scheme = (size_t)(rest - text), n;

	TRY(find_scheme(text, scheme, what, u));
	rest += strlen("://");
	n = strcspn(rest, "?#");
	TRY(decode(bytes_of(rest, n), false, what, &u->path));
	if (u->kind == STDIO_BINARY && rest[n] == '?')
		TRY(parse_query(u, rest + n + 1, what));
	return OK;
}

RESULT stdio_uri_parse(const char *text, const char *what, struct stdio_uri *ret_uri)
{
	AUTO(stdio_uri_done) struct stdio_uri u = { 0 };
	const char *rest = strstr(text, "://");

	if (strlen(text) > STDIO_URI_MAX)
		return err_new(ERR_LIMIT, "%s: more than %d bytes", what, STDIO_URI_MAX);
	if (text[0] == '\0') {
		*ret_uri = u;
		return OK;
	}
	if (rest && text[0] != '/') {
		TRY(parse_uri(text, rest, what, &u));
	} else {
		u.kind = STDIO_FIFO;
		TRY(str_dup(text, &u.path));
	}
	if (u.path[0] != '/')
		return err_new(ERR_FORMAT, "%s: '%.80s' is not absolute", what, text);
	*ret_uri = u;
	u = (struct stdio_uri){ 0 };
	return OK;
}
