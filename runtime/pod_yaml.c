/*
 * YAML to the strict JSON reader, which then finds keys that appear twice and text that is none.
 * Aliases and merge keys are written out: what they make is bounded as a whole.
 */
#include "runtime/pod_size.h"

#include <yaml.h>

enum {
	MERGED_MAX = 16384 /* keys looked at for all merge keys of a text */
};

struct converter {
	yaml_parser_t parser;
	yaml_document_t document;
	bool loaded;
	bool lenient; /* of a kind that is none of ours: what is too deep is left out */
	struct buf text;
	struct json_writer w;
	size_t merged;
};

static void document_done(struct converter *c)
{
	if (c->loaded)
		yaml_document_delete(&c->document);
	c->loaded = false;
}

static void converter_done(struct converter *c)
{
	document_done(c);
	yaml_parser_delete(&c->parser);
	buf_done(&c->text);
}

static RESULT refuse(const yaml_node_t *n, enum err_code code, const char *what)
{
	return err_new(code, "YAML: line %zu: %s", n->start_mark.line + 1, what);
}

static yaml_node_t *node_at(struct converter *c, int index)
{
	return yaml_document_get_node(&c->document, index);
}

static const char *text_of(const yaml_node_t *n)
{
	return n && n->type == YAML_SCALAR_NODE ? (const char *)n->data.scalar.value : NULL;
}

static bool is_plain(const yaml_node_t *n)
{
	return n->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

static bool is_null(const yaml_node_t *n)
{
	const char *v = text_of(n);

	return is_plain(n) && (!*v || str_equal(v, "~") || str_equal(v, "null"));
}

static RESULT check_scalar(const yaml_node_t *n)
{
	if (strlen(text_of(n)) != n->data.scalar.length)
		return refuse(n, ERR_FORMAT, "a NUL character");
	if (n->tag && str_equal((const char *)n->tag, "tag:yaml.org,2002:binary"))
		return refuse(n, ERR_UNSUPPORTED, "a value of type !!binary");
	return OK;
}

static RESULT put(struct converter *c, const yaml_node_t *n, unsigned depth);

static RESULT put_scalar(struct converter *c, const yaml_node_t *n)
{
	TRY(check_scalar(n));
	if (is_null(n))
		jw_null(&c->w);
	else
		jw_str(&c->w, text_of(n));
	return OK;
}

static RESULT put_sequence(struct converter *c, const yaml_node_t *n, unsigned depth)
{
	const yaml_node_item_t *item = n->data.sequence.items.start;

	jw_array(&c->w);
	for (; item < n->data.sequence.items.top; item++)
		TRY(put(c, node_at(c, *item), depth + 1));
	jw_array_end(&c->w);
	return OK;
}

/* ---- mappings ---- */

/* A mapping that is being written: which keys it has, kept only where others are merged into it. */
struct mapping {
	const char **keys;
	size_t n, max;
};

static void mapping_done(struct mapping *m)
{
	free(m->keys);
}

static bool has_key(const struct mapping *m, const char *key)
{
	for (size_t i = 0; i < m->n; i++)
		if (str_equal(m->keys[i], key))
			return true;
	return false;
}

static RESULT add_key(struct mapping *m, const char *key)
{
	if (m->n == m->max) {
		size_t max = m->max * 2 + 16;
		const char **keys = realloc(m->keys, max * sizeof(*keys));

		if (!keys)
			return err_new(ERR_NOMEM, "YAML");
		m->keys = keys;
		m->max = max;
	}
	m->keys[m->n++] = key;
	return OK;
}

static bool is_merge(const yaml_node_t *key)
{
	return is_plain(key) && str_equal(text_of(key), "<<");
}

static RESULT put_own(
	struct converter *c, const yaml_node_t *n, struct mapping *m, bool merging, unsigned depth)
{
	const yaml_node_pair_t *pair = n->data.mapping.pairs.start;

	for (; pair < n->data.mapping.pairs.top; pair++) {
		const yaml_node_t *key = node_at(c, pair->key);

		if (!text_of(key))
			return refuse(key, ERR_UNSUPPORTED, "a key that is no text");
		TRY(check_scalar(key));
		if (merging && ++c->merged > MERGED_MAX)
			return refuse(key, ERR_LIMIT, "too many merged keys");
		if (is_merge(key) || (merging && has_key(m, text_of(key))))
			continue;
		TRY(add_key(m, text_of(key)));
		jw_key(&c->w, text_of(key));
		TRY(put(c, node_at(c, pair->value), depth + 1));
	}
	return OK;
}

static RESULT put_merges(
	struct converter *c, const yaml_node_t *n, struct mapping *m, unsigned depth);

/* The keys of one mapping that are not there yet (yaml.org/type/merge). */
static RESULT merge(struct converter *c, const yaml_node_t *from, struct mapping *m, unsigned depth)
{
	if (from->type != YAML_MAPPING_NODE)
		return refuse(from, ERR_FORMAT, "what is merged is no mapping");
	if (depth >= POD_YAML_DEPTH)
		return refuse(from, ERR_LIMIT, "nested too deeply");
	TRY(put_own(c, from, m, true, depth));
	return put_merges(c, from, m, depth + 1);
}

static RESULT put_merges(
	struct converter *c, const yaml_node_t *n, struct mapping *m, unsigned depth)
{
	const yaml_node_pair_t *pair = n->data.mapping.pairs.start;

	for (; pair < n->data.mapping.pairs.top; pair++) {
		const yaml_node_t *value = node_at(c, pair->value);
		const yaml_node_item_t *item;

		if (!is_merge(node_at(c, pair->key)))
			continue;
		if (value->type != YAML_SEQUENCE_NODE) {
			TRY(merge(c, value, m, depth));
			continue;
		}
		item = value->data.sequence.items.start;
		for (; item < value->data.sequence.items.top; item++)
			TRY(merge(c, node_at(c, *item), m, depth));
	}
	return OK;
}

static RESULT put_mapping(struct converter *c, const yaml_node_t *n, unsigned depth)
{
	AUTO(mapping_done) struct mapping m = { 0 };

	jw_object(&c->w);
	TRY(put_own(c, n, &m, false, depth));
	TRY(put_merges(c, n, &m, depth));
	jw_object_end(&c->w);
	return OK;
}

static RESULT put(struct converter *c, const yaml_node_t *n, unsigned depth)
{
	TRY(buf_end(&c->text, "YAML, with its aliases written out"));
	if (n->type == YAML_SCALAR_NODE)
		return put_scalar(c, n);
	if (depth > POD_YAML_DEPTH && c->lenient) {
		jw_null(&c->w);
		return OK;
	}
	if (depth > POD_YAML_DEPTH)
		return refuse(n, ERR_LIMIT, "nested too deeply");
	return n->type == YAML_MAPPING_NODE ? put_mapping(c, n, depth) : put_sequence(c, n, depth);
}

/* ---- documents ---- */

static const yaml_node_t *member(struct converter *c, const yaml_node_t *n, const char *name)
{
	const yaml_node_pair_t *pair;

	if (n->type != YAML_MAPPING_NODE)
		return NULL;
	for (pair = n->data.mapping.pairs.start; pair < n->data.mapping.pairs.top; pair++) {
		const char *key = text_of(node_at(c, pair->key));

		if (key && str_equal(key, name))
			return node_at(c, pair->value);
	}
	return NULL;
}

static bool is_known(const char *kind)
{
	static const char *const kinds[] = { "Pod", "PodTemplate", "Deployment", "StatefulSet",
		"DaemonSet", "ReplicaSet", "ReplicationController", "Job", "CronJob", "ConfigMap",
		"Secret", "PersistentVolumeClaim" };

	for (size_t i = 0; kind && i < ARRAY_LEN(kinds); i++)
		if (str_equal(kind, kinds[i]))
			return true;
	return false;
}

static RESULT put_document(struct converter *c, const yaml_node_t *n)
{
	c->lenient = !is_known(text_of(member(c, n, "kind")));
	return put(c, n, 1);
}

/* A List is its items. */
static RESULT put_root(struct converter *c, const yaml_node_t *root)
{
	const char *kind = text_of(member(c, root, "kind"));
	const yaml_node_t *items = member(c, root, "items");
	const yaml_node_item_t *item;

	if (!kind || !str_equal(kind, "List") || !items || items->type != YAML_SEQUENCE_NODE)
		return put_document(c, root);
	item = items->data.sequence.items.start;
	for (; item < items->data.sequence.items.top; item++)
		TRY(put_document(c, node_at(c, *item)));
	return OK;
}

static RESULT convert(struct converter *c)
{
	const yaml_node_t *root;

	jw_array(&c->w);
	do {
		document_done(c);
		if (!yaml_parser_load(&c->parser, &c->document))
			return err_new(ERR_FORMAT, "YAML: line %zu: %s",
				c->parser.problem_mark.line + 1,
				c->parser.problem ? c->parser.problem : "not YAML");
		c->loaded = true;
		root = yaml_document_get_root_node(&c->document);
		if (root)
			TRY(put_root(c, root));
	} while (root);
	jw_array_end(&c->w);
	return buf_end(&c->text, "YAML");
}

RESULT pod_yaml_parse(struct bytes text, struct json **ret_documents)
{
	AUTO(converter_done) struct converter c = { .text = BUF_INIT(JSON_SIZE_MAX) };

	if (text.n > POD_YAML_MAX)
		return err_new(ERR_LIMIT, "YAML: more than %d bytes", POD_YAML_MAX);
	if (!yaml_parser_initialize(&c.parser))
		return err_new(ERR_NOMEM, "YAML");
	c.w = jw_of(&c.text);
	yaml_parser_set_encoding(&c.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&c.parser, text.p ? text.p : (const uint8_t *)"", text.n);
	TRY(convert(&c));
	struct err e = json_parse(buf_bytes(&c.text), ret_documents);
	return failed(e) ? err_add(e, "YAML") : OK;
}
