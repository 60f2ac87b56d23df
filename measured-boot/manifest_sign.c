/* Who vouches for a manifest: signatures are checked over the bytes as they came, and only then is
 * anything read. */
#include "corim.h"

#include <base/cbor.h>
#include <base/json.h>
#include <crypto/cose.h>
#include <measured-boot/manifest.h>

enum {
	META_MAX = 512
};

#define DENY_MISSING "reference.signature-missing"
#define DENY_WRONG   "reference.signature-wrong"

const char *manifest_form_name(enum manifest_form form)
{
	static const char *const names[] = { [MANIFEST_JSON] = "JSON",
		[MANIFEST_CORIM] = "CoRIM",
		[MANIFEST_TRUSTEE] = "Trustee message" };

	return names[form];
}

static RESULT signature_alg(const struct key *key, enum sig_alg *ret_alg)
{
	static const struct {
		enum key_type type;
		enum sig_alg alg;
	} algs[] = { { KEY_P256, SIG_ECDSA_SHA256 }, { KEY_P384, SIG_ECDSA_SHA384 },
		{ KEY_ED25519, SIG_ED25519 } };

	for (size_t i = 0; i < ARRAY_LEN(algs); i++)
		if (algs[i].type == key_type(key)) {
			*ret_alg = algs[i].alg;
			return OK;
		}
	return err_new(
		ERR_UNSUPPORTED, "manifests are signed with keys of P-256, P-384 or Ed25519");
}

RESULT manifest_sign_json(struct bytes json, const struct key *key, struct buf *signature)
{
	enum sig_alg alg;

	TRY(signature_alg(key, &alg));
	return key_sign(key, alg, json, signature);
}

/* draft-ietf-rats-corim, 4.2: content type, and who signed. */
static RESULT write_header(const char *signer, struct buf *pairs)
{
	AUTO(buf_done) struct buf meta = BUF_INIT(META_MAX);

	cbor_put_head(&meta, CBOR_MAP, 1);
	cbor_put_int(&meta, META_SIGNER);
	cbor_put_head(&meta, CBOR_MAP, 1);
	cbor_put_int(&meta, SIGNER_NAME);
	cbor_put_text(&meta, signer);
	TRY(buf_end(&meta, "name of the signer"));
	cbor_put_int(pairs, HEADER_CONTENT_TYPE);
	cbor_put_text(pairs, CORIM_TYPE);
	cbor_put_int(pairs, HEADER_META);
	cbor_put_bytes(pairs, buf_bytes(&meta));
	return buf_end(pairs, "protected header");
}

RESULT manifest_sign_corim(
	const struct manifest *m, const struct key *key, const char *signer, struct buf *cose)
{
	AUTO(buf_done) struct buf pairs = BUF_INIT(2 * META_MAX),
				  cbor = BUF_INIT(MANIFEST_FILE_MAX);
	enum sig_alg alg;

	TRY(signature_alg(key, &alg));
	TRY(write_header(signer, &pairs));
	TRY(manifest_to_corim(m, &cbor));
	const struct cose_header header = { .pairs = buf_bytes(&pairs), .n = 2 };
	return cose_sign1_make(key, &header, buf_bytes(&cbor), cose);
}

/* ---- opening ---- */

static bool is_cbor(struct bytes data)
{
	enum {
		MAJOR_SHIFT = 5
	};

	/* Text never begins with a byte of this range: 0xc0 to 0xdf lead two-byte characters. */
	return data.n > 0 && data.p[0] >> MAJOR_SHIFT == CBOR_TAG;
}

static bool is_signed_corim(struct bytes data)
{
	enum {
		COSE_SIGN1 = 0xd2
	};

	return data.n > 0 && data.p[0] == COSE_SIGN1;
}

/* The two JSON forms differ in a member that only one has. */
static enum manifest_form json_form(struct bytes data)
{
	AUTO(json_freep) struct json *j = NULL;

	if (failed(json_parse(data, &j)) || !json_get(j, "payload"))
		return MANIFEST_JSON;
	return MANIFEST_TRUSTEE;
}

static RESULT wrong(const char *what)
{
	return err_deny(ERR_UNVERIFIED, DENY_WRONG, what, "a signature by the key that was given",
		"another key, or changed bytes");
}

static RESULT check_json(const struct manifest_file *f)
{
	enum sig_alg alg;

	if (f->signature.n == 0)
		return err_deny(ERR_UNVERIFIED, DENY_MISSING, "signature",
			"a signature of the manifest (FILE.sig)", "none");
	TRY(signature_alg(f->key, &alg));
	struct err e = key_verify(f->key, alg, f->data, f->signature);
	return e.code == ERR_UNVERIFIED ? wrong("signature") : e;
}

static RESULT check_content_type(const struct cose_sign1 *s)
{
	struct cbor map, type;

	TRY(cbor_parse(s->protected_header, "CoRIM", &map));
	if (!cbor_get(&map, HEADER_CONTENT_TYPE, &type) || !cbor_is_text(&type, CORIM_TYPE))
		return err_new(ERR_UNSUPPORTED, "CoRIM: the signed content is not %s", CORIM_TYPE);
	return OK;
}

static RESULT open_corim(const struct manifest_file *f, struct manifest *ret)
{
	struct cose_sign1 s;
	enum sig_alg alg;

	if (!is_signed_corim(f->data))
		return err_deny(ERR_UNVERIFIED, DENY_MISSING, "signature",
			"a signed CoRIM (COSE_Sign1)", "an unsigned one");
	if (f->signature.n > 0)
		return err_new(ERR_USAGE, "a CoRIM carries its signature: none beside it");
	TRY(signature_alg(f->key, &alg));
	TRY(cose_sign1_parse(f->data, "CoRIM", &s));
	struct err e = cose_sign1_verify(&s, f->key);
	if (e.code == ERR_UNVERIFIED)
		return wrong("COSE_Sign1");
	TRY(e);
	TRY(check_content_type(&s));
	return manifest_from_corim(s.payload, ret);
}

static RESULT parse_json(
	struct bytes data, const char *name, enum manifest_form *ret_form, struct manifest *ret)
{
	enum manifest_form form = json_form(data);

	if (form == MANIFEST_JSON && name)
		return err_new(ERR_USAGE, "the manifest names its image itself");
	if (form == MANIFEST_TRUSTEE && !name)
		return err_new(ERR_USAGE, "a message for Trustee has no name: give the image's");
	TRY(form == MANIFEST_JSON ? ref_manifest_parse(data, ret)
				  : manifest_parse_trustee(data, name, ret));
	*ret_form = form;
	return OK;
}

RESULT manifest_open(const struct manifest_file *file, enum manifest_form *ret_form,
	struct manifest *ret_manifest)
{
	if (file->data.n > MANIFEST_FILE_MAX)
		return err_new(ERR_LIMIT, "manifest: more than %d bytes", MANIFEST_FILE_MAX);
	if (!is_cbor(file->data)) {
		TRY(check_json(file));
		return parse_json(file->data, file->name, ret_form, ret_manifest);
	}
	if (file->name)
		return err_new(ERR_USAGE, "the manifest names its image itself");
	TRY(open_corim(file, ret_manifest));
	*ret_form = MANIFEST_CORIM;
	return OK;
}

RESULT manifest_peek(struct bytes data, enum manifest_form *ret_form, struct manifest *ret_manifest)
{
	struct cose_sign1 s;

	if (data.n > MANIFEST_FILE_MAX)
		return err_new(ERR_LIMIT, "manifest: more than %d bytes", MANIFEST_FILE_MAX);
	if (!is_cbor(data))
		return parse_json(data, json_form(data) == MANIFEST_TRUSTEE ? "trustee" : NULL,
			ret_form, ret_manifest);
	if (is_signed_corim(data)) {
		TRY(cose_sign1_parse(data, "CoRIM", &s));
		data = s.payload;
	}
	TRY(manifest_from_corim(data, ret_manifest));
	*ret_form = MANIFEST_CORIM;
	return OK;
}
