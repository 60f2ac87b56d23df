/*
 * An annotation into the text of YAML, which else stays byte for byte as it is: only where the
 * pod's annotations begin something is written, in the style that is there, block or flow (JSON).
 */
#include "runtime/pod_size.h"
#include "runtime/policy_make.h"

#include <yaml.h>

struct edit { /* offsets in bytes */
	size_t from, to;
	struct buf text;
};

struct annotator {
	struct bytes yaml;
	yaml_parser_t parser;
	yaml_document_t document;
	bool loaded;
	const char *name;
	char *const *values;
	size_t n_values, pods;
	size_t chars, offset; /* a known place in the text: so far in characters and bytes */
	size_t done;	      /* bytes that are in `out` */
	struct buf *out;
};

static void document_done(struct annotator *a)
{
	if (a->loaded)
		yaml_document_delete(&a->document);
	a->loaded = false;
}

static void annotator_done(struct annotator *a)
{
	document_done(a);
	yaml_parser_delete(&a->parser);
}

/* Marks count characters; they only grow from one pod to the next. */
static size_t offset_of(struct annotator *a, size_t chars)
{
	if (chars < a->chars)
		a->chars = a->offset = 0;
	while (a->offset < a->yaml.n && a->chars < chars) {
		a->offset++;
		while (a->offset < a->yaml.n && (a->yaml.p[a->offset] & 0xc0) == 0x80)
			a->offset++;
		a->chars++;
	}
	return a->offset;
}

static yaml_node_t *node_at(struct annotator *a, int index)
{
	return yaml_document_get_node(&a->document, index);
}

static const char *text_of(const yaml_node_t *n)
{
	return n && n->type == YAML_SCALAR_NODE ? (const char *)n->data.scalar.value : NULL;
}

static yaml_node_pair_t *find(struct annotator *a, yaml_node_t *n, const char *name)
{
	yaml_node_pair_t *pair;

	if (!n || n->type != YAML_MAPPING_NODE)
		return NULL;
	for (pair = n->data.mapping.pairs.start; pair < n->data.mapping.pairs.top; pair++) {
		const char *key = text_of(node_at(a, pair->key));

		if (key && str_equal(key, name))
			return pair;
	}
	return NULL;
}

static yaml_node_t *member(struct annotator *a, yaml_node_t *n, const char *name)
{
	const yaml_node_pair_t *pair = find(a, n, name);

	return pair ? node_at(a, pair->value) : NULL;
}

static struct err refuse(const yaml_node_t *n, const char *what)
{
	return err_new(ERR_UNSUPPORTED, "YAML: line %zu: %s", n->start_mark.line + 1, what);
}

/* ---- what is written ---- */

static bool is_flow(const yaml_node_t *n)
{
	return n->data.mapping.style == YAML_FLOW_MAPPING_STYLE ||
	       n->data.mapping.pairs.start == n->data.mapping.pairs.top;
}

/* `words` are keys, each in the one before. */
static void put_block(struct edit *e, const char *const *words, const char *value, size_t column)
{
	size_t depth = 0;

	for (; words[depth]; depth++)
		buf_printf(&e->text, "%s%*s%s:", depth > 0 ? "\n" : "",
			(int)(depth > 0 ? column + 2 * depth : 0), "", words[depth]);
	buf_printf(&e->text, " %s\n%*s", value, (int)column, "");
}

static void put_flow(struct edit *e, const char *const *words, const char *value, bool more)
{
	size_t depth = 0;

	for (; words[depth]; depth++)
		buf_printf(&e->text, "%s\"%s\": ", depth > 0 ? "{" : "", words[depth]);
	buf_printf(&e->text, "\"%s\"", value);
	while (depth-- > 1)
		buf_puts(&e->text, "}");
	buf_puts(&e->text, more ? ", " : "");
}

/* At the beginning of a mapping that does not have the first of the words. */
static RESULT insert(struct annotator *a, const yaml_node_t *n, const char *const *words,
	const char *value, struct edit *e)
{
	const yaml_node_pair_t *first = n->data.mapping.pairs.start;
	const uint8_t *brace;

	if (!is_flow(n)) {
		const yaml_mark_t *at = &node_at(a, first->key)->start_mark;

		e->from = e->to = offset_of(a, at->index);
		put_block(e, words, value, at->column);
		return OK;
	}
	e->from = offset_of(a, n->start_mark.index);
	brace = memchr(a->yaml.p + e->from, '{', a->yaml.n - e->from);
	if (!brace)
		return refuse(n, "not a mapping with braces");
	e->from = e->to = (size_t)(brace - a->yaml.p) + 1;
	put_flow(e, words, value, first < n->data.mapping.pairs.top);
	return OK;
}

static RESULT replace(
	struct annotator *a, const yaml_node_t *old, const char *value, struct edit *e)
{
	yaml_scalar_style_t style;

	if (!text_of(old))
		return refuse(old, "the annotation is no text");
	style = old->data.scalar.style;
	if (old->start_mark.index == old->end_mark.index || style == YAML_LITERAL_SCALAR_STYLE ||
		style == YAML_FOLDED_SCALAR_STYLE)
		return refuse(old, "the annotation has no value in one line: remove it");
	e->from = offset_of(a, old->start_mark.index);
	e->to = offset_of(a, old->end_mark.index);
	buf_printf(&e->text, "\"%s\"", value);
	return OK;
}

/* What an alias leads to stands elsewhere, and belongs to others too. */
static bool is_inside(const yaml_node_t *n, const yaml_node_t *outer)
{
	return n->start_mark.index >= outer->start_mark.index &&
	       n->end_mark.index <= outer->end_mark.index;
}

static RESULT plan_edit(struct annotator *a, yaml_node_t *pod, const char *value, struct edit *e)
{
	yaml_node_t *metadata = member(a, pod, "metadata");
	yaml_node_t *annotations = member(a, metadata, "annotations");
	yaml_node_t *old = member(a, annotations, a->name);
	yaml_node_t *at = annotations ? annotations : metadata;
	const char *const words[] = { "metadata", "annotations", a->name, NULL };

	if (!metadata)
		return insert(a, pod, words, value, e);
	if (!is_inside(at, pod))
		return refuse(
			pod, "metadata or annotations of the pod are an alias: write them out");
	if (at->type != YAML_MAPPING_NODE)
		return refuse(at, "metadata or annotations of the pod are empty: remove the line");
	if (old)
		return replace(a, old, value, e);
	return insert(a, at, annotations ? words + 2 : words + 1, value, e);
}

/* ---- documents ---- */

static yaml_node_t *pod_of(struct annotator *a, yaml_node_t *n)
{
	yaml_node_t *spec = member(a, n, "spec");
	yaml_node_t *places[] = { n, member(a, spec, "template"),
		member(a, member(a, member(a, spec, "jobTemplate"), "spec"), "template"),
		member(a, n, "template") };

	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		if (member(a, member(a, places[i], "spec"), "containers"))
			return places[i];
	return NULL;
}

static void edit_done(struct edit *e)
{
	buf_done(&e->text);
}

static RESULT edit_object(struct annotator *a, yaml_node_t *n)
{
	AUTO(edit_done) struct edit e = { .text = BUF_INIT(POLICY_MANIFEST_MAX * 4) };
	yaml_node_t *pod = pod_of(a, n);

	if (!pod)
		return OK;
	if (a->pods == a->n_values)
		return err_new(ERR_STATE, "YAML: more pods than annotations");
	const char *value = a->values[a->pods++];
	if (!value)
		return OK;
	TRY(plan_edit(a, pod, value, &e));
	TRY(buf_end(&e.text, "annotation"));
	if (e.from < a->done || e.to > a->yaml.n)
		return refuse(n, "pods overlap");
	buf_put(a->out, bytes_of(a->yaml.p + a->done, e.from - a->done));
	buf_put(a->out, buf_bytes(&e.text));
	a->done = e.to;
	return OK;
}

static RESULT edit_root(struct annotator *a, yaml_node_t *root)
{
	const char *kind = text_of(member(a, root, "kind"));
	const yaml_node_t *items = member(a, root, "items");
	const yaml_node_item_t *item;

	if (!kind || !str_equal(kind, "List") || !items || items->type != YAML_SEQUENCE_NODE)
		return edit_object(a, root);
	item = items->data.sequence.items.start;
	for (; item < items->data.sequence.items.top; item++)
		TRY(edit_object(a, node_at(a, *item)));
	return OK;
}

static RESULT edit_all(struct annotator *a)
{
	yaml_node_t *root;

	do {
		document_done(a);
		if (!yaml_parser_load(&a->parser, &a->document))
			return err_new(ERR_FORMAT, "YAML: line %zu: %s",
				a->parser.problem_mark.line + 1,
				a->parser.problem ? a->parser.problem : "not YAML");
		a->loaded = true;
		root = yaml_document_get_root_node(&a->document);
		if (root)
			TRY(edit_root(a, root));
	} while (root);
	buf_put(a->out, bytes_of(a->yaml.p + a->done, a->yaml.n - a->done));
	return buf_end(a->out, "YAML");
}

/* What was written is read again: nobody shall find out from the cluster. */
static RESULT check(const struct annotator *a)
{
	AUTO(json_freep) struct json *documents = NULL;
	struct policy_workload w;
	size_t at = 0, i = 0;

	TRY(pod_yaml_parse(buf_bytes(a->out), &documents));
	for (; policy_workload_next(documents, &at, &w); i++) {
		const struct json *all = json_pointer(w.pod, "/metadata/annotations");
		const char *have = json_string(json_get(all, a->name));

		if (i < a->n_values && a->values[i] && (!have || !str_equal(have, a->values[i])))
			return err_new(ERR_UNSUPPORTED,
				"YAML: the annotation cannot be put into %s %s: use --format "
				"annotation",
				w.kind, w.name ? w.name : "");
	}
	return OK;
}

RESULT policy_annotate(
	struct bytes yaml, const char *name, char *const *values, size_t n_values, struct buf *out)
{
	AUTO(annotator_done)
	struct annotator a = {
		.yaml = yaml, .name = name, .values = values, .n_values = n_values, .out = out
	};

	if (!yaml_parser_initialize(&a.parser))
		return err_new(ERR_NOMEM, "YAML");
	yaml_parser_set_encoding(&a.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&a.parser, yaml.p ? yaml.p : (const uint8_t *)"", yaml.n);
	TRY(edit_all(&a));
	return check(&a);
}
