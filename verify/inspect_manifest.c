/* Manifests of guest images: CoRIM, signed or not, and the JSON forms. */
#include "verify_internal.h"

#include <base/cbor.h>
#include <crypto/cose.h>
#include <measured-boot/manifest.h>

enum {
	HEADER_META = 8, /* draft-ietf-rats-corim, 4.2 */
	META_SIGNER = 0,
	SIGNER_NAME = 0,
	TAG_COSE_SIGN1 = 18,
	TAG_CORIM = 501,
	NAME_SHOWN_MAX = 128
};

static bool is_tagged(struct bytes file, uint64_t tag)
{
	struct cbor c;

	return !failed(cbor_parse(file, "file", &c)) && c.type == CBOR_TAG && c.v == tag;
}

bool verify_is_corim(struct bytes file)
{
	struct cose_sign1 s;

	if (is_tagged(file, TAG_COSE_SIGN1))
		return !failed(cose_sign1_parse(file, "file", &s)) &&
		       is_tagged(s.payload, TAG_CORIM);
	return is_tagged(file, TAG_CORIM);
}

static void show_signer(const struct cose_sign1 *s, struct fields *out)
{
	AUTO(auto_free) char *name = NULL;
	struct cbor header, meta, signer, text;

	if (failed(cbor_parse(s->protected_header, "header", &header)) ||
		!cbor_get(&header, HEADER_META, &meta) || meta.type != CBOR_BYTES ||
		failed(cbor_parse(meta.s, "meta", &meta)) ||
		!cbor_get(&meta, META_SIGNER, &signer) || !cbor_get(&signer, SIGNER_NAME, &text) ||
		text.type != CBOR_TEXT || text.s.n > NAME_SHOWN_MAX ||
		failed(bytes_to_str(text.s, &name)))
		return;
	fields_str(out, FIELDS_NO_OFFSET, 0, "signer", name, "as the file says");
}

static RESULT show_signature(struct bytes file, struct fields *out)
{
	struct cose_sign1 s;

	if (!is_tagged(file, TAG_COSE_SIGN1)) {
		fields_str(out, FIELDS_NO_OFFSET, 0, "signature", "none", "no broker imports this");
		return OK;
	}
	TRY(cose_sign1_parse(file, "CoRIM", &s));
	fields_str(out, FIELDS_NO_OFFSET, 0, "algorithm", cose_alg_name(s.alg), NULL);
	show_signer(&s, out);
	fields_hex(out, FIELDS_NO_OFFSET, s.signature, "signature", "not checked");
	return OK;
}

static void show_items(const struct manifest_list *l, bool debug, struct fields *out)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->v[i].debug == debug)
			fields_hex(out, FIELDS_NO_OFFSET, manifest_bytes(&l->v[i]), l->v[i].id,
				l->v[i].text);
}

static bool has_debug(const struct manifest *m)
{
	for (size_t i = 0; i < m->values.n; i++)
		if (m->values.v[i].debug)
			return true;
	return false;
}

static void show_manifest(const struct manifest *m, struct fields *out)
{
	fields_str(out, FIELDS_NO_OFFSET, 0, "image", m->name, NULL);
	fields_u64(out, FIELDS_NO_OFFSET, 0, "version", m->version, NULL);
	fields_group(out, FIELDS_NO_OFFSET, 0, "reference values");
	show_items(&m->values, false, out);
	fields_end(out);
	fields_group(out, FIELDS_NO_OFFSET, 0, "inputs (SHA-256)");
	show_items(&m->inputs, false, out);
	fields_end(out);
	if (!has_debug(m))
		return;
	fields_group(out, FIELDS_NO_OFFSET, 0, "debug variant");
	show_items(&m->values, true, out);
	show_items(&m->inputs, true, out);
	fields_end(out);
}

RESULT verify_describe_corim(struct bytes file, struct fields *out)
{
	AUTO(ref_manifest_done) struct manifest m = { 0 };
	enum manifest_form form;

	TRY(show_signature(file, out));
	TRY(manifest_peek(file, &form, &m));
	show_manifest(&m, out);
	return OK;
}

bool verify_is_manifest(struct bytes file)
{
	AUTO(ref_manifest_done) struct manifest m = { 0 };

	return !failed(ref_manifest_parse(file, &m));
}

RESULT verify_describe_manifest(struct bytes file, struct fields *out)
{
	AUTO(ref_manifest_done) struct manifest m = { 0 };

	TRY(ref_manifest_parse(file, &m));
	fields_str(out, FIELDS_NO_OFFSET, 0, "signature", "in a file of its own", "not checked");
	show_manifest(&m, out);
	return OK;
}
