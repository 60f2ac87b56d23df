/* JSON Web Encryption, flattened, RFC 7516; key management of RFC 7518 sections 4.3 and 4.6. */
#include "jwe_internal.h"

#include <base/encode.h>
#include <base/random.h>
#include <crypto/cipher.h>

enum {
	JWE_HEADER_MAX = 4096,
	JWE_KEY_MAX = 512 /* RSA-4096 */
};

#define ALG_ECDH "ECDH-ES+A256KW"
#define ALG_RSA	 "RSA-OAEP-256"
#define ENC	 "A256GCM"

/* The name of the key management that fits the key; NULL when none does. */
static const char *alg_of(const struct key *k)
{
	enum key_type type = key_type(k);

	if (type == KEY_RSA)
		return ALG_RSA;
	return type == KEY_P256 || type == KEY_P521 ? ALG_ECDH : NULL;
}

static RESULT kek_of(const struct key *own, const struct key *peer, struct secret **ret_kek)
{
	AUTO(secret_freep) struct secret *z = NULL;

	TRY(key_ecdh(own, peer, &z));
	return concat_kdf(secret_bytes(z), ALG_ECDH, AES256_KEY, ret_kek);
}

/* ---- sealing ---- */
/*
 * Guests of guest-components parse the header and serialise it again to get the associated data:
 * "alg", "enc", then the others sorted. So exactly this order, without white space.
 */
static RESULT print_header(const char *alg, const struct key *ephemeral, struct buf *out)
{
	AUTO(buf_done) struct buf text = BUF_INIT(JWE_HEADER_MAX);

	buf_printf(&text, "{\"alg\":\"%s\",\"enc\":\"" ENC "\"", alg);
	if (ephemeral) {
		buf_puts(&text, ",\"epk\":");
		TRY(jwk_print(ephemeral, NULL, &text));
	}
	buf_puts(&text, "}");
	TRY(buf_end(&text, "JWE header"));
	base64_encode(BASE64_URL_NO_PAD, buf_bytes(&text), out);
	return buf_end(out, "JWE header");
}

static RESULT wrap_cek(
	const struct key *recipient, const struct jwe_choice *choice, struct buf *out)
{
	AUTO(secret_freep) struct secret *kek = NULL;

	if (key_type(recipient) == KEY_RSA)
		return key_oaep_encrypt(recipient, DIGEST_SHA256, BYTES_NONE, choice->cek, out);
	TRY(kek_of(choice->ephemeral, recipient, &kek));
	return aes_kw_wrap(secret_bytes(kek), choice->cek, out);
}

RESULT jwe_seal_with(const struct key *recipient, const struct jwe_choice *choice,
	struct bytes plain, struct buf *out)
{
	AUTO(buf_done) struct buf header = BUF_INIT(JWE_HEADER_MAX);
	AUTO(buf_done) struct buf wrapped = BUF_INIT(JWE_KEY_MAX);
	AUTO(buf_done) struct buf cipher = BUF_INIT(SECRET_MAX);
	const char *alg = alg_of(recipient);
	uint8_t tag[GCM_TAG];

	if (!alg)
		return err_new(ERR_UNSUPPORTED, "JWE: type of the recipient's key");
	TRY(print_header(alg, choice->ephemeral, &header));
	TRY(wrap_cek(recipient, choice, &wrapped));
	TRY(aes_gcm_seal(choice->cek, choice->iv, buf_bytes(&header), plain, &cipher, tag));
	struct json_writer w = jw_of(out);
	jw_object(&w);
	jw_key(&w, "protected");
	jw_bytes_str(&w, buf_bytes(&header));
	jw_kbase64url(&w, "encrypted_key", buf_bytes(&wrapped));
	jw_kbase64url(&w, "iv", choice->iv);
	jw_kbase64url(&w, "ciphertext", buf_bytes(&cipher));
	jw_kbase64url(&w, "tag", BYTES_OF(tag));
	jw_object_end(&w);
	return buf_end(out, "JWE");
}

RESULT jwe_seal(const struct key *recipient, struct bytes plain, struct buf *out)
{
	AUTO(key_freep) struct key *ephemeral = NULL;
	AUTO(secret_freep) struct secret *cek = NULL;
	uint8_t iv[GCM_IV];

	if (!alg_of(recipient))
		return err_new(ERR_UNSUPPORTED, "JWE: type of the recipient's key");
	if (key_type(recipient) != KEY_RSA)
		TRY(key_generate(key_type(recipient), &ephemeral));
	TRY(secret_new(AES256_KEY, &cek));
	TRY(random_fill(secret_data(cek), AES256_KEY));
	TRY(random_fill(iv, sizeof(iv)));
	return jwe_seal_with(recipient,
		&(struct jwe_choice){ ephemeral, secret_bytes(cek), BYTES_OF(iv) }, plain, out);
}

/* ---- opening ---- */
struct jwe {
	char *protected;
	struct buf encrypted_key, iv, ciphertext, tag;
};

static const struct json_field fields[] = {
	JSON_FIELD(struct jwe, protected, FIELD_STR, FIELD_REQUIRED, 2 * JWE_HEADER_MAX),
	JSON_FIELD(struct jwe, encrypted_key, FIELD_BASE64URL, FIELD_REQUIRED, JWE_KEY_MAX),
	JSON_FIELD(struct jwe, iv, FIELD_BASE64URL, FIELD_REQUIRED, GCM_IV),
	JSON_FIELD(struct jwe, ciphertext, FIELD_BASE64URL, FIELD_REQUIRED, SECRET_MAX),
	JSON_FIELD(struct jwe, tag, FIELD_BASE64URL, FIELD_REQUIRED, GCM_TAG),
};

/* Closed: unprotected headers and "aad" would be things that nobody vouches for or reads. */
static const struct json_table table = {
	.what = "JWE",
	.size = sizeof(struct jwe),
	.fields = fields,
	.n = ARRAY_LEN(fields),
};

static void jwe_done(struct jwe *j)
{
	json_release(&table, j);
}

static RESULT parse_header(const struct jwe *j, const char *alg, struct json **ret_header)
{
	static const char *const refused[] = { "crit", "zip", "apu", "apv" };
	AUTO(buf_done) struct buf text = BUF_INIT(JWE_HEADER_MAX);
	AUTO(json_freep) struct json *header = NULL;
	const char *said_alg, *said_enc;

	TRY(base64_decode(BASE64_URL_NO_PAD, bytes_str(j->protected), "protected", &text));
	TRY(json_parse(buf_bytes(&text), &header));
	TRY(json_need_string(header, "alg", &said_alg));
	TRY(json_need_string(header, "enc", &said_enc));
	if (!alg || !str_equal(said_alg, alg))
		return err_new(ERR_UNSUPPORTED, "alg: '%.20s' does not fit the key", said_alg);
	if (!str_equal(said_enc, ENC))
		return err_new(ERR_UNSUPPORTED, "enc: '%.20s'", said_enc);
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		if (json_get(header, refused[i]))
			return err_new(ERR_UNSUPPORTED, "member '%s'", refused[i]);
	}
	*ret_header = TAKE(header);
	return OK;
}

static RESULT unwrap_cek(const struct key *own, const struct jwe *j, const struct json *header,
	struct secret **ret_cek)
{
	AUTO(key_freep) struct key *epk = NULL;
	AUTO(secret_freep) struct secret *kek = NULL;
	struct bytes wrapped = buf_bytes(&j->encrypted_key);

	if (key_type(own) == KEY_RSA)
		return key_oaep_decrypt(own, DIGEST_SHA256, BYTES_NONE, wrapped, ret_cek);
	TRY(jwk_parse(json_get(header, "epk"), &epk));
	if (key_type(epk) != key_type(own) || key_is_private(epk))
		return err_new(ERR_FORMAT, "epk: not a public key on the recipient's curve");
	TRY(kek_of(own, epk, &kek));
	return aes_kw_unwrap(secret_bytes(kek), wrapped, ret_cek);
}

static RESULT open_decoded(const struct key *own, const struct jwe *j, struct secret **ret_plain)
{
	AUTO(json_freep) struct json *header = NULL;
	AUTO(secret_freep) struct secret *cek = NULL;

	TRY(parse_header(j, alg_of(own), &header));
	TRY(unwrap_cek(own, j, header, &cek));
	if (secret_size(cek) != AES256_KEY)
		return err_new(ERR_UNVERIFIED, "encrypted_key: %zu bytes", secret_size(cek));
	return aes_gcm_open(secret_bytes(cek), buf_bytes(&j->iv), bytes_str(j->protected),
		buf_bytes(&j->ciphertext), buf_bytes(&j->tag), ret_plain);
}

RESULT jwe_open(const struct key *own, struct bytes jwe_json, struct secret **ret_plain)
{
	AUTO(jwe_done) struct jwe j = { 0 };

	TRY(json_decode_text(jwe_json, &table, &j));
	struct err e = open_decoded(own, &j, ret_plain);
	return failed(e) ? err_add(e, "JWE") : OK;
}
