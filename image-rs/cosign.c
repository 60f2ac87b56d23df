/*
 * Key signatures as cosign stores them: an image tagged <algorithm>-<hex>.sig beside the signed
 * one, whose layers are simple signing payloads with the signature in an annotation.
 */
#include "signature.h"

#include <stdlib.h>

#include <base/encode.h>
#include <crypto/key.h>
#include <image-rs/cosign.h>

enum {
	KEY_MAX = 64 * 1024
};

RESULT cosign_tag(const char *digest, char **ret_tag)
{
	TRY(str_format(ret_tag, "%s.sig", digest));
	(*ret_tag)[strcspn(*ret_tag, ":")] = '-';
	return OK;
}

enum sig_alg cosign_alg(const struct key *k)
{
	switch (key_type(k)) {
	case KEY_P256:
		return SIG_ECDSA_SHA256;
	case KEY_P384:
		return SIG_ECDSA_SHA384;
	case KEY_P521:
		return SIG_ECDSA_SHA512;
	case KEY_RSA:
		return SIG_RSA_PKCS1_SHA256;
	case KEY_ED25519:
	case KEY_SM2: /* whose signatures no algorithm of ours takes */
		break;
	}
	return SIG_ED25519;
}

static RESULT decode_signature(const char *text, struct buf *out)
{
	AUTO(buf_done) struct buf clean = BUF_INIT(SIGNATURE_MAX);

	for (const char *p = text; *p; p++)
		if (!strchr("\r\n", *p))
			buf_u8(&clean, *p);
	TRY(buf_end(&clean, "signature"));
	return base64_decode(BASE64_STD, buf_bytes(&clean), "signature", out);
}

/* The payload is looked at only after its signature. */
static RESULT check_layer(const struct img_descriptor *layer, const struct key *key,
	const struct img_rule *rule, const struct signature_check *c)
{
	const char *text = json_map_get(&layer->annotations, COSIGN_ANNOTATION);
	AUTO(buf_done) struct buf payload = BUF_INIT(SIGNATURE_MAX), sig = BUF_INIT(SIGNATURE_MAX);
	struct img_blob blob = { .digest = layer->digest, .size = layer->size };

	if (!text)
		return err_new(ERR_FORMAT, "a signature layer without its annotation");
	TRY(decode_signature(text, &sig));
	TRY(img_store_blob(c->store, &blob, &payload));
	struct err e = key_verify(key, cosign_alg(key), buf_bytes(&payload), buf_bytes(&sig));
	if (e.code == ERR_UNVERIFIED)
		return err_deny(ERR_UNVERIFIED, "image.signature-key", "signature",
			"one by the key of the policy", "one by another key");
	TRY(e);
	return signature_payload_check(buf_bytes(&payload), COSIGN_PAYLOAD_TYPE, rule, c);
}

/* ERR_NOT_FOUND: none accepted; reasons are in the verdict. */
static RESULT check_manifest(const char *digest, const struct key *key, const struct img_rule *rule,
	const struct signature_check *c, struct signature_verdict *verdict)
{
	AUTO(buf_done) struct buf text = BUF_INIT(IMG_MANIFEST_MAX);
	AUTO(img_document_done) struct img_document d = { 0 };
	AUTO(auto_free) char *tag = NULL;
	size_t looked_at = 0;

	TRY(cosign_tag(digest, &tag));
	TRY(img_store_manifest(c->store, tag, &text));
	struct err e = img_document_parse(buf_bytes(&text), &d);
	if (failed(e))
		return err_add(e, "signatures in %s", tag);
	for (size_t i = 0; i < d.manifest.layers.n && looked_at < SIGNATURES_MAX; i++) {
		const struct img_descriptor *layer = img_layer(&d.manifest, i);
		if (!str_equal(layer->media_type, COSIGN_PAYLOAD_MEDIA_TYPE))
			continue;
		looked_at++;
		e = check_layer(layer, key, rule, c);
		if (!failed(e))
			return OK;
		signature_note(verdict, e);
	}
	return err_new(ERR_NOT_FOUND, "no acceptable signature");
}

RESULT cosign_check(const struct img_rule *rule, const struct signature_check *c)
{
	AUTO(buf_done) struct buf key_text = BUF_INIT(KEY_MAX);
	AUTO(key_freep) struct key *key = NULL;
	struct signature_verdict verdict = { 0 };

	TRY(signature_key_bytes(rule, true, c, &key_text));
	TRY(key_parse_public(buf_bytes(&key_text), &key));
	for (size_t i = 0; i < ARRAY_LEN(c->digests); i++) {
		if (!c->digests[i])
			continue;
		struct err e = check_manifest(c->digests[i], key, rule, c, &verdict);
		if (!failed(e))
			return OK;
		if (e.code != ERR_NOT_FOUND)
			return e;
	}
	return signature_refuse(&verdict, c, "a cosign signature");
}

static RESULT write_payload(const char *reference, const char *digest, struct buf *out)
{
	struct json_writer w = jw_of(out);

	jw_object(&w);
	jw_key(&w, "critical");
	jw_object(&w);
	jw_key(&w, "identity");
	jw_object(&w);
	jw_kstr(&w, "docker-reference", reference);
	jw_object_end(&w);
	jw_key(&w, "image");
	jw_object(&w);
	jw_kstr(&w, "docker-manifest-digest", digest);
	jw_object_end(&w);
	jw_kstr(&w, "type", COSIGN_PAYLOAD_TYPE);
	jw_object_end(&w);
	jw_key(&w, "optional");
	jw_null(&w);
	jw_object_end(&w);
	return buf_end(out, "signature payload");
}

static void write_descriptor(struct json_writer *w, const char *type, struct bytes blob,
	const char *digest, const char *signature)
{
	jw_object(w);
	jw_kstr(w, "mediaType", type);
	jw_ku64(w, "size", blob.n);
	jw_kstr(w, "digest", digest);
	if (signature) {
		jw_key(w, "annotations");
		jw_object(w);
		jw_kstr(w, COSIGN_ANNOTATION, signature);
		jw_object_end(w);
	}
	jw_object_end(w);
}

static RESULT put_blob(struct img_store *store, struct bytes blob, char *ret_digest)
{
	struct digest_value d;

	TRY(digest(DIGEST_SHA256, blob, &d));
	digest_print_oci(&d, ret_digest);
	return img_store_put_blob(store, ret_digest, blob);
}

static RESULT put_signature(
	struct img_store *store, const char *tag, struct bytes payload, const char *signature)
{
	AUTO(buf_done) struct buf config = BUF_INIT(4096), manifest = BUF_INIT(SIGNATURE_MAX);
	char payload_digest[2 * DIGEST_MAX + 16], config_digest[2 * DIGEST_MAX + 16];
	struct json_writer w = jw_of(&manifest);

	TRY(put_blob(store, payload, payload_digest));
	buf_printf(&config,
		"{\"architecture\":\"\",\"os\":\"\",\"config\":{},\"rootfs\":{\"type\":\"layers\","
		"\"diff_ids\":[\"%s\"]}}",
		payload_digest);
	TRY(put_blob(store, buf_bytes(&config), config_digest));
	jw_object(&w);
	jw_ku64(&w, "schemaVersion", 2);
	jw_kstr(&w, "mediaType", IMG_TYPE_MANIFEST);
	jw_key(&w, "config");
	write_descriptor(&w, IMG_TYPE_CONFIG, buf_bytes(&config), config_digest, NULL);
	jw_key(&w, "layers");
	jw_array(&w);
	write_descriptor(&w, COSIGN_PAYLOAD_MEDIA_TYPE, payload, payload_digest, signature);
	jw_array_end(&w);
	jw_object_end(&w);
	TRY(buf_end(&manifest, "signature manifest"));
	return img_store_put_manifest(store, tag, IMG_TYPE_MANIFEST, buf_bytes(&manifest));
}

RESULT cosign_sign(
	struct img_store *store, const char *digest, const char *reference, const struct key *key)
{
	AUTO(buf_done) struct buf payload = BUF_INIT(SIGNATURE_MAX), sig = BUF_INIT(SIGNATURE_MAX),
				  text = BUF_INIT(SIGNATURE_MAX);
	AUTO(auto_free) char *tag = NULL;

	TRY(write_payload(reference, digest, &payload));
	TRY(key_sign(key, cosign_alg(key), buf_bytes(&payload), &sig));
	base64_encode(BASE64_STD, buf_bytes(&sig), &text);
	TRY(cosign_tag(digest, &tag));
	return put_signature(store, tag, buf_bytes(&payload), buf_cstr(&text));
}
