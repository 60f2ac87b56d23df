#include "ossl.h"

#include <limits.h>

#include <crypto/cipher.h>

enum {
	ONE_SHOT_MAX = 1 << 30, /* EVP takes lengths as int */
	KW_BLOCK = 8
};

struct ctr_ctx {
	EVP_CIPHER_CTX *evp;
};

/* A context for one operation; the name says mode and key length. */
static RESULT cipher_new(
	const char *name, bool encrypt, struct bytes key, struct bytes iv, EVP_CIPHER_CTX **ret_ctx)
{
	AUTO(EVP_CIPHER_CTX_freep) EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	AUTO(EVP_CIPHER_freep) EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, name, NULL);

	if (!c || !cipher)
		return ossl_error(ERR_CRYPTO, name);
	if (key.n != (size_t)EVP_CIPHER_get_key_length(cipher))
		return err_new(ERR_CRYPTO, "%s: key of %zu bytes", name, key.n);
	if (iv.n != (size_t)EVP_CIPHER_get_iv_length(cipher))
		return err_new(ERR_CRYPTO, "%s: initialisation vector of %zu bytes", name, iv.n);
	if (EVP_CipherInit_ex2(c, cipher, key.p, iv.n ? iv.p : NULL, encrypt, NULL) != 1)
		return ossl_error(ERR_CRYPTO, name);
	*ret_ctx = TAKE(c);
	return OK;
}

static RESULT one_shot_size(struct bytes in)
{
	if (in.n > ONE_SHOT_MAX)
		return err_new(ERR_LIMIT, "cipher: more than %d bytes", ONE_SHOT_MAX);
	return OK;
}

/* EVP reads "output is NULL" as "this is associated data", so empty pieces are left out. */
static bool gcm_aad(EVP_CIPHER_CTX *c, struct bytes aad)
{
	int n;

	return aad.n == 0 || EVP_CipherUpdate(c, NULL, &n, aad.p, (int)aad.n) == 1;
}

static bool gcm_data(EVP_CIPHER_CTX *c, struct bytes in, uint8_t *to)
{
	int n;

	return in.n == 0 || EVP_CipherUpdate(c, to, &n, in.p, (int)in.n) == 1;
}

RESULT aes_gcm_seal(struct bytes key, struct bytes iv, struct bytes aad, struct bytes plain,
	struct buf *out, uint8_t ret_tag[static GCM_TAG])
{
	AUTO(EVP_CIPHER_CTX_freep) EVP_CIPHER_CTX *c = NULL;
	uint8_t none[GCM_TAG];
	int n;

	TRY(one_shot_size(aad));
	TRY(one_shot_size(plain));
	TRY(cipher_new("AES-256-GCM", true, key, iv, &c));
	uint8_t *to = buf_grow(out, plain.n);
	TRY(buf_end(out, "AES-256-GCM"));
	if (!gcm_aad(c, aad) || !gcm_data(c, plain, to) || EVP_CipherFinal_ex(c, none, &n) != 1 ||
		EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, GCM_TAG, ret_tag) != 1)
		return ossl_error(ERR_CRYPTO, "AES-256-GCM");
	return OK;
}

RESULT aes_gcm_open(struct bytes key, struct bytes iv, struct bytes aad, struct bytes cipher,
	struct bytes tag, struct secret **ret_plain)
{
	AUTO(EVP_CIPHER_CTX_freep) EVP_CIPHER_CTX *c = NULL;
	AUTO(secret_freep) struct secret *plain = NULL;
	uint8_t expected[GCM_TAG];
	int n;

	TRY(one_shot_size(aad));
	if (tag.n != GCM_TAG)
		return err_new(ERR_FORMAT, "AES-256-GCM: tag of %zu bytes", tag.n);
	memcpy(expected, tag.p, tag.n);
	TRY(cipher_new("AES-256-GCM", false, key, iv, &c));
	TRY(secret_new(cipher.n, &plain));
	if (!gcm_aad(c, aad) || !gcm_data(c, cipher, secret_data(plain)) ||
		EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, GCM_TAG, expected) != 1)
		return ossl_error(ERR_CRYPTO, "AES-256-GCM");
	if (EVP_CipherFinal_ex(c, expected, &n) != 1)
		return ossl_refuse(ERR_UNVERIFIED, "AES-256-GCM: authentication tag");
	*ret_plain = TAKE(plain);
	return OK;
}

/* ---- CTR ---- */
RESULT ctr_new(struct bytes key, struct bytes nonce, struct ctr_ctx **ret_ctx)
{
	AUTO(ctr_freep) struct ctr_ctx *c = calloc(1, sizeof(*c));

	if (!c)
		return err_new(ERR_NOMEM, "AES-256-CTR");
	TRY(cipher_new("AES-256-CTR", true, key, nonce, &c->evp));
	*ret_ctx = TAKE(c);
	return OK;
}

RESULT ctr_update(struct ctr_ctx *c, struct bytes in, uint8_t *to)
{
	while (in.n > 0) {
		size_t part = in.n < ONE_SHOT_MAX ? in.n : ONE_SHOT_MAX;
		int n;

		if (EVP_CipherUpdate(c->evp, to, &n, in.p, (int)part) != 1)
			return ossl_error(ERR_CRYPTO, "AES-256-CTR");
		in = bytes_of(in.p + part, in.n - part);
		to += part;
	}
	return OK;
}

void ctr_freep(struct ctr_ctx **c)
{
	if (!*c)
		return;
	EVP_CIPHER_CTX_free((*c)->evp);
	free(*c);
}

/* ---- XTS ---- */
struct xts_ctx {
	EVP_CIPHER_CTX *evp;
};

RESULT xts_new(bool encrypt, struct bytes key, struct xts_ctx **ret_ctx)
{
	static const uint8_t first[XTS_TWEAK];
	AUTO(xts_freep) struct xts_ctx *c = calloc(1, sizeof(*c));

	if (!c)
		return err_new(ERR_NOMEM, "AES-256-XTS");
	if (key.n == XTS_KEY && bytes_equal(bytes_of(key.p, XTS_KEY / 2),
					bytes_of(key.p + XTS_KEY / 2, XTS_KEY / 2)))
		return err_new(ERR_CRYPTO, "AES-256-XTS: both halves of the key are equal");
	TRY(cipher_new("AES-256-XTS", encrypt, key, BYTES_OF(first), &c->evp));
	*ret_ctx = TAKE(c);
	return OK;
}

RESULT xts_unit(
	struct xts_ctx *c, const uint8_t tweak[static XTS_TWEAK], struct bytes in, uint8_t *to)
{
	int n;

	TRY(one_shot_size(in));
	if (EVP_CipherInit_ex2(c->evp, NULL, NULL, tweak, -1, NULL) != 1 ||
		EVP_CipherUpdate(c->evp, to, &n, in.p, (int)in.n) != 1)
		return ossl_error(ERR_CRYPTO, "AES-256-XTS");
	return OK;
}

void xts_freep(struct xts_ctx **c)
{
	if (!*c)
		return;
	EVP_CIPHER_CTX_free((*c)->evp);
	free(*c);
}

/* ---- CFB ---- */
RESULT aes_cfb(bool encrypt, struct bytes key, struct bytes in, struct buf *out)
{
	static const uint8_t zero[16];
	AUTO(EVP_CIPHER_CTX_freep) EVP_CIPHER_CTX *c = NULL;
	const char *name = key.n == 16 ? "AES-128-CFB" : "AES-256-CFB";
	int n;

	TRY(one_shot_size(in));
	TRY(cipher_new(name, encrypt, key, BYTES_OF(zero), &c));
	uint8_t *to = buf_grow(out, in.n);
	TRY(buf_end(out, name));
	if (in.n > 0 && EVP_CipherUpdate(c, to, &n, in.p, (int)in.n) != 1)
		return ossl_error(ERR_CRYPTO, name);
	return OK;
}

/* ---- RFC 3394 ---- */
static RESULT kw_new(bool encrypt, struct bytes kek, EVP_CIPHER_CTX **ret_ctx)
{
	static const uint8_t iv[] = { 0xa6, 0xa6, 0xa6, 0xa6, 0xa6, 0xa6, 0xa6, 0xa6 };
	const char *name = kek.n == 16	 ? "AES-128-WRAP"
			   : kek.n == 24 ? "AES-192-WRAP"
					 : "AES-256-WRAP";

	return cipher_new(name, encrypt, kek, BYTES_OF(iv), ret_ctx);
}

RESULT aes_kw_wrap(struct bytes kek, struct bytes plain, struct buf *out)
{
	AUTO(EVP_CIPHER_CTX_freep) EVP_CIPHER_CTX *c = NULL;
	int n;

	if (plain.n < 2 * KW_BLOCK || plain.n % KW_BLOCK != 0 || plain.n > SECRET_MAX)
		return err_new(ERR_CRYPTO, "AES key wrap: %zu bytes", plain.n);
	TRY(kw_new(true, kek, &c));
	uint8_t *to = buf_grow(out, plain.n + KW_BLOCK);
	TRY(buf_end(out, "AES key wrap"));
	if (EVP_CipherUpdate(c, to, &n, plain.p, (int)plain.n) != 1)
		return ossl_error(ERR_CRYPTO, "AES key wrap");
	return OK;
}

RESULT aes_kw_unwrap(struct bytes kek, struct bytes wrapped, struct secret **ret_plain)
{
	AUTO(EVP_CIPHER_CTX_freep) EVP_CIPHER_CTX *c = NULL;
	AUTO(secret_freep) struct secret *plain = NULL;
	int n;

	if (wrapped.n < 3 * KW_BLOCK || wrapped.n % KW_BLOCK != 0 || wrapped.n > SECRET_MAX)
		return err_new(ERR_FORMAT, "AES key wrap: %zu bytes", wrapped.n);
	TRY(kw_new(false, kek, &c));
	/* OpenSSL asks for room for what it reads, though it writes a block less. */
	TRY(secret_new(wrapped.n, &plain));
	if (EVP_CipherUpdate(c, secret_data(plain), &n, wrapped.p, (int)wrapped.n) != 1)
		return ossl_refuse(ERR_UNVERIFIED, "AES key wrap: integrity check");
	secret_truncate(plain, (size_t)n);
	*ret_plain = TAKE(plain);
	return OK;
}
