/* YAML to the strict JSON reader, which then finds keys that appear twice and text that is none. */
#include "runtime/pod_size.h"

#include <yaml.h>

struct converter {
	yaml_parser_t parser;
	yaml_event_t event;
	struct buf text;
	struct json_writer w;
	bool in_mapping[POD_YAML_DEPTH + 1];
	bool key[POD_YAML_DEPTH + 1]; /* the next node of the mapping is a key */
	unsigned depth;
};

static void converter_done(struct converter *c)
{
	yaml_event_delete(&c->event);
	yaml_parser_delete(&c->parser);
	buf_done(&c->text);
}

static RESULT refuse(const struct converter *c, enum err_code code, const char *what)
{
	return err_new(code, "YAML: line %zu: %s", c->event.start_mark.line + 1, what);
}

static bool is_null(const yaml_event_t *e)
{
	const char *v = (const char *)e->data.scalar.value;

	return e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
	       (!*v || str_equal(v, "~") || str_equal(v, "null"));
}

static RESULT scalar(struct converter *c)
{
	const char *v = (const char *)c->event.data.scalar.value;

	if (strlen(v) != c->event.data.scalar.length)
		return refuse(c, ERR_FORMAT, "a NUL character");
	if (c->in_mapping[c->depth] && c->key[c->depth]) {
		jw_key(&c->w, v);
		c->key[c->depth] = false;
		return OK;
	}
	c->key[c->depth] = true;
	if (is_null(&c->event))
		jw_null(&c->w);
	else
		jw_str(&c->w, v);
	return OK;
}

static RESULT start(struct converter *c, bool mapping)
{
	if (c->in_mapping[c->depth] && c->key[c->depth])
		return refuse(c, ERR_UNSUPPORTED, "a key that is no text");
	c->key[c->depth] = true;
	if (c->depth == POD_YAML_DEPTH)
		return refuse(c, ERR_LIMIT, "nested too deeply");
	c->depth++;
	c->in_mapping[c->depth] = mapping;
	c->key[c->depth] = true;
	if (mapping)
		jw_object(&c->w);
	else
		jw_array(&c->w);
	return OK;
}

static void end(struct converter *c)
{
	if (c->in_mapping[c->depth])
		jw_object_end(&c->w);
	else
		jw_array_end(&c->w);
	c->depth--;
}

static RESULT convert_event(struct converter *c)
{
	switch (c->event.type) {
	case YAML_SCALAR_EVENT:
		return scalar(c);
	case YAML_SEQUENCE_START_EVENT:
		return start(c, false);
	case YAML_MAPPING_START_EVENT:
		return start(c, true);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		end(c);
		return OK;
	case YAML_ALIAS_EVENT:
		return refuse(c, ERR_UNSUPPORTED, "an alias; write the value out");
	case YAML_NO_EVENT:
	case YAML_STREAM_START_EVENT:
	case YAML_STREAM_END_EVENT:
	case YAML_DOCUMENT_START_EVENT:
	case YAML_DOCUMENT_END_EVENT:
	default:
		return OK;
	}
}

static RESULT convert(struct converter *c)
{
	bool more = true;

	jw_array(&c->w);
	while (more) {
		yaml_event_delete(&c->event);
		if (!yaml_parser_parse(&c->parser, &c->event))
			return err_new(ERR_FORMAT, "YAML: line %zu: %s",
				c->parser.problem_mark.line + 1,
				c->parser.problem ? c->parser.problem : "not YAML");
		more = c->event.type != YAML_STREAM_END_EVENT;
		TRY(convert_event(c));
	}
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
