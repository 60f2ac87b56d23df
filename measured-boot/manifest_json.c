/* JSON forms of manifests: ours, and the message of Trustee's reference value provider. */
#include <string.h>

#include <base/encode.h>
#include <base/json.h>
#include <measured-boot/manifest.h>

enum {
	JSON_VERSION = 1
};

#define RVPS_VERSION "0.1.0"
#define RVPS_TYPE    "sample"

/* ---- printing ---- */

static bool is_first_of_id(const struct manifest *m, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (m->values.v[k].debug == m->values.v[i].debug &&
			str_equal(m->values.v[k].id, m->values.v[i].id))
			return false;
	return true;
}

static void print_values_of(const struct manifest *m, size_t first, struct json_writer *w)
{
	jw_key(w, m->values.v[first].id);
	jw_array(w);
	for (size_t i = first; i < m->values.n; i++)
		if (m->values.v[i].debug == m->values.v[first].debug &&
			str_equal(m->values.v[i].id, m->values.v[first].id))
			jw_hex(w, manifest_bytes(&m->values.v[i]));
	jw_array_end(w);
}

static void print_values(const struct manifest *m, bool debug, struct json_writer *w)
{
	jw_key(w, "reference_values");
	jw_object(w);
	for (size_t i = 0; i < m->values.n; i++)
		if (m->values.v[i].debug == debug && is_first_of_id(m, i))
			print_values_of(m, i, w);
	jw_object_end(w);
}

static void print_labels_of(const struct manifest *m, size_t first, struct json_writer *w)
{
	bool any = false;

	for (size_t i = first; i < m->values.n; i++) {
		const struct manifest_item *v = &m->values.v[i];
		char hex[2 * DIGEST_MAX + 1];
		if (!v->text || v->debug != m->values.v[first].debug ||
			!str_equal(v->id, m->values.v[first].id))
			continue;
		if (!any) {
			jw_key(w, v->id);
			jw_object(w);
			any = true;
		}
		hex_to(manifest_bytes(v), hex);
		jw_kstr(w, hex, v->text);
	}
	if (any)
		jw_object_end(w);
}

static void print_labels(const struct manifest *m, bool debug, struct json_writer *w)
{
	jw_key(w, "labels");
	jw_object(w);
	for (size_t i = 0; i < m->values.n; i++)
		if (m->values.v[i].debug == debug && is_first_of_id(m, i))
			print_labels_of(m, i, w);
	jw_object_end(w);
}

static void print_inputs(const struct manifest *m, bool debug, struct json_writer *w)
{
	jw_key(w, "inputs");
	jw_object(w);
	for (size_t i = 0; i < m->inputs.n; i++) {
		const struct manifest_item *in = &m->inputs.v[i];
		if (in->debug != debug)
			continue;
		jw_key(w, in->id);
		jw_object(w);
		if (in->text)
			jw_kstr(w, "text", in->text);
		jw_khex(w, "sha256", manifest_bytes(in));
		jw_object_end(w);
	}
	jw_object_end(w);
}

static bool has_debug(const struct manifest *m)
{
	bool any = false;

	for (size_t i = 0; i < m->values.n; i++)
		any |= m->values.v[i].debug;
	for (size_t i = 0; i < m->inputs.n; i++)
		any |= m->inputs.v[i].debug;
	return any;
}

static void print_variant(const struct manifest *m, bool debug, struct json_writer *w)
{
	print_values(m, debug, w);
	print_labels(m, debug, w);
	print_inputs(m, debug, w);
}

RESULT manifest_print(const struct manifest *m, struct buf *json)
{
	struct json_writer w = jw_of(json);

	TRY(manifest_check(m));
	jw_object(&w);
	jw_ku64(&w, "version", JSON_VERSION);
	jw_key(&w, "image");
	jw_object(&w);
	jw_kstr(&w, "name", m->name);
	jw_ku64(&w, "version", m->version);
	jw_object_end(&w);
	print_variant(m, false, &w);
	if (has_debug(m)) {
		jw_key(&w, "debug_variant");
		jw_object(&w);
		print_variant(m, true, &w);
		jw_object_end(&w);
	}
	jw_object_end(&w);
	buf_puts(json, "\n");
	return buf_end(json, "manifest");
}

RESULT manifest_print_trustee(const struct manifest *m, struct buf *json)
{
	AUTO(buf_done) struct buf payload = BUF_INIT(MANIFEST_FILE_MAX);
	struct json_writer p = jw_of(&payload), w = jw_of(json);

	TRY(manifest_check(m));
	jw_object(&p);
	for (size_t i = 0; i < m->values.n; i++)
		if (!m->values.v[i].debug && is_first_of_id(m, i))
			print_values_of(m, i, &p);
	jw_object_end(&p);
	TRY(buf_end(&payload, "reference values"));
	jw_object(&w);
	jw_kstr(&w, "version", RVPS_VERSION);
	jw_kstr(&w, "type", RVPS_TYPE);
	jw_kbase64(&w, "payload", buf_bytes(&payload));
	jw_object_end(&w);
	buf_puts(json, "\n");
	return buf_end(json, "reference value message");
}

/* ---- reading ---- */

struct image {
	char *name;
	uint64_t version;
};
static const struct json_field image_fields[] = {
	JSON_FIELD(struct image, name, FIELD_STR, FIELD_REQUIRED, MANIFEST_NAME_LIMIT),
	JSON_FIELD(struct image, version, FIELD_U64, FIELD_REQUIRED, INT64_MAX),
};
static const struct json_table image_table = {
	.what = "image",
	.size = sizeof(struct image),
	.fields = image_fields,
	.n = ARRAY_LEN(image_fields),
};

struct variant {
	const struct json *reference_values, *labels, *inputs;
};
#define VARIANT_FIELDS(type, at)                                                                   \
	JSON_FIELD_AS(                                                                             \
		type, at reference_values, "reference_values", FIELD_JSON, FIELD_REQUIRED, 0),     \
		JSON_FIELD_AS(type, at labels, "labels", FIELD_JSON, FIELD_REQUIRED, 0),           \
		JSON_FIELD_AS(type, at inputs, "inputs", FIELD_JSON, FIELD_REQUIRED, 0)
static const struct json_field variant_fields[] = { VARIANT_FIELDS(struct variant, ) };
static const struct json_table variant_table = {
	.what = "debug_variant",
	.size = sizeof(struct variant),
	.fields = variant_fields,
	.n = ARRAY_LEN(variant_fields),
};

struct document {
	uint64_t version;
	struct image image;
	struct variant normal, debug;
};
static const struct json_field document_fields[] = {
	JSON_FIELD(struct document, version, FIELD_U64, FIELD_REQUIRED, JSON_VERSION),
	JSON_FIELD_SUB(
		struct document, image, "image", FIELD_OBJECT, FIELD_REQUIRED, 0, &image_table),
	VARIANT_FIELDS(struct document, normal.),
	JSON_FIELD_SUB(struct document, debug, "debug_variant", FIELD_OBJECT, 0, 0, &variant_table),
};
static const struct json_table document_table = {
	.what = "manifest",
	.size = sizeof(struct document),
	.fields = document_fields,
	.n = ARRAY_LEN(document_fields),
};
static void document_done(struct document *d)
{
	json_release(&document_table, d);
}

static RESULT need_object(const struct json *j, const char *what)
{
	if (json_type(j) != JSON_OBJECT)
		return err_new(ERR_FORMAT, "manifest: '%.64s' is no object", what);
	return OK;
}

static RESULT read_value(const char *id, const struct json *value, const struct json *labels,
	bool debug, struct manifest *m)
{
	AUTO(buf_done) struct buf raw = BUF_INIT(DIGEST_MAX);
	const char *hex = json_string(value);

	if (!hex)
		return err_new(ERR_FORMAT, "manifest: '%.64s': a value is no text", id);
	TRY(hex_decode(bytes_str(hex), id, &raw));
	const struct json *label = json_get(json_get(labels, id), hex);
	if (label && !json_string(label))
		return err_new(ERR_FORMAT, "manifest: a label of '%.64s' is no text", id);
	struct manifest_entry e = { .id = id, .debug = debug, .v = buf_bytes(&raw) };
	e.text = json_string(label);
	return manifest_add_value(m, &e);
}

static RESULT read_values(
	const struct json *ids, const struct json *labels, bool debug, struct manifest *m)
{
	TRY(need_object(ids, "reference_values"));
	for (size_t i = 0; i < json_count(ids); i++) {
		const struct json *list = json_at(ids, i);
		const char *id = json_name_at(ids, i);
		if (json_type(list) != JSON_ARRAY)
			return err_new(ERR_FORMAT, "manifest: '%.64s' is no list", id);
		for (size_t k = 0; k < json_count(list); k++)
			TRY(read_value(id, json_at(list, k), labels, debug, m));
	}
	return OK;
}

static RESULT read_input(const char *name, const struct json *j, bool debug, struct manifest *m)
{
	const struct json *text = json_get(j, "text");
	uint8_t sha256[DIGEST_SHA256_SIZE];
	struct manifest_entry e = { .id = name, .debug = debug, .v = BYTES_OF(sha256) };
	const char *hex;

	TRY(need_object(j, name));
	TRY(json_need_string(j, "sha256", &hex));
	TRY(hex_decode_fixed(bytes_str(hex), "sha256", sha256, sizeof(sha256)));
	if (json_count(j) != (text ? 2 : 1) || (text && !json_string(text)))
		return err_new(ERR_FORMAT, "manifest: input '%.64s' is not sha256 and text", name);
	e.text = json_string(text);
	return manifest_add_input(m, &e);
}

static RESULT read_variant(const struct variant *v, bool debug, struct manifest *m)
{
	TRY(need_object(v->labels, "labels"));
	TRY(need_object(v->inputs, "inputs"));
	TRY(read_values(v->reference_values, v->labels, debug, m));
	for (size_t i = 0; i < json_count(v->inputs); i++)
		TRY(read_input(json_name_at(v->inputs, i), json_at(v->inputs, i), debug, m));
	return OK;
}

RESULT ref_manifest_parse(struct bytes json, struct manifest *ret_manifest)
{
	AUTO(json_freep) struct json *tree = NULL;
	AUTO(document_done) struct document d = { 0 };
	AUTO(ref_manifest_done) struct manifest m = { 0 };

	TRY(json_parse(json, &tree));
	TRY(json_decode(tree, &document_table, &d));
	if (d.version != JSON_VERSION)
		return err_new(ERR_UNSUPPORTED, "manifest: 'version' is not %d", JSON_VERSION);
	TRY(str_dup(d.image.name, &m.name));
	m.version = d.image.version;
	TRY(read_variant(&d.normal, false, &m));
	if (d.debug.reference_values)
		TRY(read_variant(&d.debug, true, &m));
	TRY(manifest_check(&m));
	*ret_manifest = m;
	m = (struct manifest){ 0 };
	return OK;
}

/* Trustee 4.8: any JSON value goes; here a measurement is text in hexadecimal. */
static RESULT read_payload(struct bytes payload, struct manifest *m)
{
	AUTO(json_freep) struct json *ids = NULL;

	TRY(json_parse(payload, &ids));
	TRY(need_object(ids, "payload"));
	for (size_t i = 0; i < json_count(ids); i++) {
		const struct json *v = json_at(ids, i);
		size_t n = json_type(v) == JSON_ARRAY ? json_count(v) : 1;
		for (size_t k = 0; k < n; k++)
			TRY(read_value(json_name_at(ids, i),
				json_type(v) == JSON_ARRAY ? json_at(v, k) : v, NULL, false, m));
	}
	return OK;
}

struct message {
	char *version, *type;
	struct buf payload;
};
static const struct json_field message_fields[] = {
	JSON_FIELD(struct message, version, FIELD_STR, FIELD_REQUIRED, MANIFEST_ID_LIMIT),
	JSON_FIELD(struct message, type, FIELD_STR, FIELD_REQUIRED, MANIFEST_ID_LIMIT),
	JSON_FIELD(struct message, payload, FIELD_BASE64, FIELD_REQUIRED, MANIFEST_FILE_MAX),
};
static const struct json_table message_table = {
	.what = "reference value message",
	.size = sizeof(struct message),
	.fields = message_fields,
	.n = ARRAY_LEN(message_fields),
};
static void message_done(struct message *m)
{
	json_release(&message_table, m);
}

RESULT manifest_parse_trustee(struct bytes json, const char *name, struct manifest *ret_manifest)
{
	AUTO(message_done) struct message message = { 0 };
	AUTO(ref_manifest_done) struct manifest m = { 0 };

	TRY(json_decode_text(json, &message_table, &message));
	if (!str_equal(message.version, RVPS_VERSION) || !str_equal(message.type, RVPS_TYPE))
		return err_new(ERR_UNSUPPORTED,
			"reference value message of version '%.16s' and type '%.16s', not %s and "
			"%s",
			message.version, message.type, RVPS_VERSION, RVPS_TYPE);
	TRY(str_dup(name, &m.name));
	TRY(read_payload(buf_bytes(&message.payload), &m));
	TRY(manifest_check(&m));
	*ret_manifest = m;
	m = (struct manifest){ 0 };
	return OK;
}
