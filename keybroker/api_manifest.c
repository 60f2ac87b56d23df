/* Signed manifests of guest images: for the admin only. */
#include "api.h"
#include "imports.h"

#include <base/encode.h>

enum {
	NAME_LIMIT = 128,
	KEY_LIMIT = 4096,
	DER_MAX = 2048,
	LIST_MAX = 256 * 1024
};

struct import_request {
	struct buf manifest, signature;
	char *key, *name;
	bool debug_variant;
	uint64_t overlap_s;
};
static const struct json_field import_fields[] = {
	JSON_FIELD(
		struct import_request, manifest, FIELD_BASE64, FIELD_REQUIRED, MANIFEST_FILE_MAX),
	JSON_FIELD(struct import_request, signature, FIELD_BASE64, 0, MANIFEST_SIGNATURE_MAX),
	JSON_FIELD(struct import_request, key, FIELD_STR, FIELD_REQUIRED, KEY_LIMIT),
	JSON_FIELD(struct import_request, name, FIELD_STR, 0, NAME_LIMIT),
	JSON_FIELD(struct import_request, debug_variant, FIELD_BOOL, 0, 0),
	JSON_FIELD(struct import_request, overlap_s, FIELD_U64, 0, OVERLAP_MAX_S),
};
static const struct json_table import_table = {
	.what = "import",
	.size = sizeof(struct import_request),
	.fields = import_fields,
	.n = ARRAY_LEN(import_fields),
};
static void import_done(struct import_request *i)
{
	json_release(&import_table, i);
}

/* Where the broker names signers, the admin's choice is among them. */
static RESULT check_signer(const struct broker *b, const struct key *key)
{
	for (size_t i = 0; i < b->n_signers; i++)
		if (key_equal(b->signers[i], key))
			return OK;
	if (b->n_signers == 0)
		return OK;
	return err_deny(ERR_DENIED, "reference.signer-unknown", "key",
		"a key of reference_values.signers", "another key");
}

static RESULT open_manifest(const struct request *r, const struct import_request *i,
	struct import_origin *o, struct manifest *ret)
{
	AUTO(buf_done) struct buf der = BUF_INIT(DER_MAX);
	AUTO(key_freep) struct key *key = NULL;
	struct digest_value d;
	enum manifest_form form;

	struct err e = key_parse_public(bytes_str(i->key), &key);
	if (failed(e))
		return err_add(e, "key");
	TRY(check_signer(r->b, key));
	const struct manifest_file f = { .data = buf_bytes(&i->manifest),
		.signature = buf_bytes(&i->signature),
		.key = key,
		.name = i->name };
	TRY(manifest_open(&f, &form, ret));
	o->form = manifest_form_name(form);
	TRY(digest(DIGEST_SHA256, f.data, &d));
	memcpy(o->sha256, d.v, sizeof(o->sha256));
	TRY(key_public_der(key, &der));
	TRY(digest(DIGEST_SHA256, buf_bytes(&der), &d));
	memcpy(o->signer, d.v, sizeof(o->signer));
	return OK;
}

/* What came in, for the answer and for the audit log. */
static RESULT describe(const struct manifest *m, const struct import_origin *o,
	const struct json *present, bool changed, struct buf *out)
{
	struct json_writer w = jw_of(out);

	jw_object(&w);
	jw_kstr(&w, "image", m->name);
	jw_ku64(&w, "version", m->version);
	jw_khex(&w, "sha256", BYTES_OF(o->sha256));
	jw_khex(&w, "signer", BYTES_OF(o->signer));
	jw_kbool(&w, "debug_variant", o->debug_variant);
	jw_kbool(&w, "changed", changed);
	if (present && changed) {
		jw_key(&w, "replaces");
		jw_json(&w, json_pointer(present, "/manifest/image/version"));
		jw_ku64(&w, "overlap_s", o->overlap_s);
	}
	jw_object_end(&w);
	return buf_end(out, "answer");
}

static RESULT import(struct request *r)
{
	AUTO(import_done) struct import_request i = { 0 };
	AUTO(ref_manifest_done) struct manifest m = { 0 };
	AUTO(buf_done) struct buf record = BUF_INIT(STORE_VALUE_MAX), answer = BUF_INIT(LIST_MAX);
	AUTO(json_freep) struct json *claims = NULL;
	const struct json *present;

	TRY(json_decode_text(http_x_body(r->x), &import_table, &i));
	struct import_origin o = {
		.debug_variant = i.debug_variant, .now = r->now, .overlap_s = i.overlap_s
	};
	TRY(open_manifest(r, &i, &o, &m));
	present = imports_get(r->b->imports, m.name);
	TRY(import_make(&m, &o, present, &record));
	TRY(describe(&m, &o, present, record.n > 0, &answer));
	TRY(json_parse(buf_bytes(&answer), &claims));
	if (record.n > 0)
		TRY(broker_put_manifest(r->b, m.name, buf_bytes(&record), r->now));
	r->claims = claims;
	api_answer(r, "application/json", buf_bytes(&answer));
	r->claims = NULL;
	return OK;
}

static RESULT get(struct request *r)
{
	AUTO(buf_done) struct buf out = BUF_INIT(STORE_VALUE_MAX);
	const struct json *record;

	if (r->rest[0] == '\0') {
		TRY(imports_list(r->b->imports, &out));
	} else {
		record = imports_get(r->b->imports, r->rest);
		if (!record)
			return err_new(
				ERR_NOT_FOUND, "there is no manifest of image %.64s", r->rest);
		json_print(record, &out);
		TRY(buf_end(&out, "record"));
	}
	api_answer(r, "application/json", buf_bytes(&out));
	return OK;
}

static RESULT remove_manifest(struct request *r)
{
	if (!imports_get(r->b->imports, r->rest))
		return err_new(ERR_NOT_FOUND, "there is no manifest of image %.64s", r->rest);
	TRY(broker_put_manifest(r->b, r->rest, BYTES_NONE, r->now));
	api_answer(r, "application/json", BYTES_NONE);
	return OK;
}

RESULT api_manifest(struct request *r, const char **ret_variant)
{
	const char *method = http_x_method(r->x);

	TRY(api_need_admin(r, ret_variant));
	*ret_variant = KBS_RVPS;
	if (str_equal(method, "POST") && r->rest[0] == '\0')
		return import(r);
	if (str_equal(method, "GET"))
		return get(r);
	if (str_equal(method, "DELETE") && r->rest[0] != '\0')
		return remove_manifest(r);
	return err_new(ERR_USAGE, "manifests know GET, POST and DELETE");
}
