#include "toml.h"

#include <stdio.h>
#include <stdlib.h>

#include <base/utf8.h>

void toml_node_free(struct toml_node *n)
{
	if (!n)
		return;
	for (size_t i = 0; i < n->n; i++)
		toml_node_free(n->children[i]);
	free(n->children);
	free(n->key);
	free(n->text);
	free(n);
}

void toml_node_freep(struct toml_node **n)
{
	toml_node_free(*n);
	*n = NULL;
}

RESULT toml_node_new(enum toml_kind kind, enum toml_origin origin, struct toml_node **ret_node)
{
	struct toml_node *n = calloc(1, sizeof(*n));

	if (!n)
		return err_new(ERR_NOMEM, "TOML value");
	n->kind = kind;
	n->origin = origin;
	*ret_node = n;
	return OK;
}

RESULT toml_node_add(struct toml_reader *r, struct toml_node *parent, struct toml_node *child)
{
	AUTO(toml_node_freep) struct toml_node *owned = child;

	if (parent->n == TOML_ENTRIES_MAX)
		return toml_bad(r, "more than %d entries", TOML_ENTRIES_MAX);
	/* Powers of two, so that the size need not be kept. */
	if ((parent->n & (parent->n - 1)) == 0) {
		struct toml_node **more = reallocarray(
			parent->children, parent->n ? 2 * parent->n : 1, sizeof(*more));
		if (!more)
			return err_new(ERR_NOMEM, "TOML table");
		parent->children = more;
	}
	parent->children[parent->n++] = TAKE(owned);
	return OK;
}

struct toml_node *toml_node_find(const struct toml_node *table, const char *key)
{
	for (size_t i = 0; i < table->n; i++) {
		if (str_equal(table->children[i]->key, key))
			return table->children[i];
	}
	return NULL;
}

struct err toml_bad(const struct toml_reader *r, const char *fmt, ...)
{
	size_t line = 1;
	char why[160];
	va_list ap;

	for (size_t i = 0; i < r->at && i < r->text.n; i++)
		line += r->text.p[i] == '\n';
	va_start(ap, fmt);
	(void)vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	return err_new(ERR_FORMAT, "TOML line %zu: %s", line, why);
}

uint8_t toml_peek(const struct toml_reader *r, size_t ahead)
{
	return ahead < r->text.n - r->at ? r->text.p[r->at + ahead] : 0;
}

bool toml_take(struct toml_reader *r, const char *word)
{
	size_t n = strlen(word);

	if (n > r->text.n - r->at || memcmp(r->text.p + r->at, word, n) != 0)
		return false;
	r->at += n;
	return true;
}

void toml_skip_blanks(struct toml_reader *r)
{
	while (toml_peek(r, 0) == ' ' || toml_peek(r, 0) == '\t')
		r->at++;
}

RESULT toml_end_line(struct toml_reader *r)
{
	toml_skip_blanks(r);
	if (toml_peek(r, 0) == '#') {
		while ((toml_peek(r, 0) >= ' ' && toml_peek(r, 0) != 0x7f) ||
			toml_peek(r, 0) == '\t')
			r->at++;
	}
	if (r->at == r->text.n || toml_take(r, "\n") || toml_take(r, "\r\n"))
		return OK;
	return toml_bad(r, "unexpected text at the end of the line");
}

/* ---- tables ---- */

static struct err add_table(struct toml_reader *r, struct toml_node *parent, const char *key,
	enum toml_origin origin, struct toml_node **ret_table)
{
	AUTO(toml_node_freep) struct toml_node *n = NULL;
	struct toml_node *table;

	TRY(toml_node_new(origin == TOML_HEADERS ? TOML_ARRAY : TOML_TABLE, origin, &n));
	if (key)
		TRY(str_dup(key, &n->key));
	table = n;
	TRY(toml_node_add(r, parent, TAKE(n)));
	*ret_table = table;
	return OK;
}

/* The table that a part of a header, but its last, goes through. */
static struct err through(
	struct toml_reader *r, struct toml_node *in, const char *key, struct toml_node **ret_table)
{
	struct toml_node *n = toml_node_find(in, key);

	if (!n)
		return add_table(r, in, key, TOML_IMPLICIT, ret_table);
	if (n->kind == TOML_ARRAY && n->origin == TOML_HEADERS)
		n = n->children[n->n - 1];
	if (n->kind != TOML_TABLE || n->origin == TOML_CLOSED)
		return toml_bad(r, "'%.64s' is no table that can be added to", key);
	*ret_table = n;
	return OK;
}

static struct err open_table(
	struct toml_reader *r, struct toml_node *in, const char *key, struct toml_node **ret_table)
{
	struct toml_node *n = toml_node_find(in, key);

	if (!n)
		return add_table(r, in, key, TOML_HEADER, ret_table);
	if (n->kind != TOML_TABLE || n->origin != TOML_IMPLICIT)
		return toml_bad(r, "'%.64s' is there already", key);
	n->origin = TOML_HEADER;
	*ret_table = n;
	return OK;
}

static struct err open_element(
	struct toml_reader *r, struct toml_node *in, const char *key, struct toml_node **ret_table)
{
	struct toml_node *n = toml_node_find(in, key);

	if (!n)
		TRY(add_table(r, in, key, TOML_HEADERS, &n));
	if (n->origin != TOML_HEADERS)
		return toml_bad(r, "'%.64s' is there already", key);
	return add_table(r, n, NULL, TOML_HEADER, ret_table);
}

static struct err read_header(
	struct toml_reader *r, struct toml_node *root, struct toml_node **ret_table)
{
	AUTO(strv_done) struct strv key = { 0 };
	bool element = toml_take(r, "[[");
	struct toml_node *table = root;

	if (!element)
		r->at++;
	toml_skip_blanks(r);
	TRY(toml_key(r, &key));
	toml_skip_blanks(r);
	if (!toml_take(r, element ? "]]" : "]"))
		return toml_bad(r, "expected '%s'", element ? "]]" : "]");
	for (size_t i = 0; i + 1 < key.n; i++)
		TRY(through(r, table, key.v[i], &table));
	if (element)
		TRY(open_element(r, table, key.v[key.n - 1], &table));
	else
		TRY(open_table(r, table, key.v[key.n - 1], &table));
	*ret_table = table;
	return OK;
}

static struct err read_document(struct toml_reader *r, struct toml_node *root)
{
	struct toml_node *table = root;

	while (r->at < r->text.n) {
		toml_skip_blanks(r);
		if (toml_peek(r, 0) == '[')
			TRY(read_header(r, root, &table));
		else if (toml_peek(r, 0) && !strchr("#\r\n", toml_peek(r, 0)))
			TRY(toml_member(r, table));
		TRY(toml_end_line(r));
	}
	return OK;
}

/* ---- the same as JSON ---- */

static void write_node(struct json_writer *w, const struct toml_node *n)
{
	switch (n->kind) {
	case TOML_TEXT:
		jw_str(w, n->text);
		return;
	case TOML_LITERAL:
		jw_raw(w, bytes_str(n->text));
		return;
	case TOML_TABLE:
		jw_object(w);
		break;
	case TOML_ARRAY:
		jw_array(w);
		break;
	}
	for (size_t i = 0; i < n->n; i++) {
		if (n->kind == TOML_TABLE)
			jw_key(w, n->children[i]->key);
		/* Too deep already: the failure sticks, and going on would recurse for ever. */
		if (w->out->bad == ERR_OK)
			write_node(w, n->children[i]);
	}
	if (n->kind == TOML_TABLE)
		jw_object_end(w);
	else
		jw_array_end(w);
}

/* Configuration is small: printing it as JSON and reading that back gives one tree for both, with
 * the same limits. */
RESULT toml_parse(struct bytes text, struct json **ret_root)
{
	AUTO(toml_node_freep) struct toml_node *root = NULL;
	AUTO(buf_done) struct buf json = BUF_INIT(JSON_SIZE_MAX);
	struct toml_reader r = { .text = text };
	struct json_writer w = jw_of(&json);

	if (text.n > JSON_SIZE_MAX)
		return err_new(ERR_LIMIT, "TOML: more than %d bytes", JSON_SIZE_MAX);
	if (!utf8_is_valid(text))
		return err_new(ERR_FORMAT, "TOML: invalid UTF-8");
	TRY(toml_node_new(TOML_TABLE, TOML_HEADER, &root));
	TRY(read_document(&r, root));
	write_node(&w, root);
	if (failed(buf_end(&json, "TOML")))
		return err_new(json.bad, "TOML: too large or nested too deeply");
	return json_parse(buf_bytes(&json), ret_root);
}
