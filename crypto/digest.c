#include "ossl.h"

#include <string.h>

#include <openssl/core_names.h>

#include <base/encode.h>
#include <crypto/digest.h>

static const struct {
	const char *name;
	size_t size;
} algs[] = {
	[DIGEST_SHA1] = { "sha1", DIGEST_SHA1_SIZE },
	[DIGEST_SHA256] = { "sha256", DIGEST_SHA256_SIZE },
	[DIGEST_SHA384] = { "sha384", DIGEST_SHA384_SIZE },
	[DIGEST_SHA512] = { "sha512", DIGEST_SHA512_SIZE },
	[DIGEST_SM3] = { "sm3", 32 },
};

struct digest_ctx {
	EVP_MD_CTX *md;
	enum digest_alg alg;
};

struct hmac_ctx {
	EVP_MAC_CTX *mac;
	enum digest_alg alg;
};

size_t digest_size(enum digest_alg alg)
{
	return algs[alg].size;
}

const char *digest_name(enum digest_alg alg)
{
	return algs[alg].name;
}

RESULT digest_alg_parse(const char *name, enum digest_alg *ret_alg)
{
	for (size_t i = 0; i < ARRAY_LEN(algs); i++) {
		if (str_equal(name, algs[i].name)) {
			*ret_alg = (enum digest_alg)i;
			return OK;
		}
	}
	return err_new(ERR_UNSUPPORTED, "digest algorithm '%.16s'", name);
}

RESULT digest_new(enum digest_alg alg, struct digest_ctx **ret_ctx)
{
	AUTO(digest_freep) struct digest_ctx *c = calloc(1, sizeof(*c));

	if (!c || !(c->md = EVP_MD_CTX_new()))
		return err_new(ERR_NOMEM, "digest");
	c->alg = alg;
	if (EVP_DigestInit_ex2(c->md, ossl_md(alg), NULL) != 1)
		return ossl_error(ERR_CRYPTO, digest_name(alg));
	*ret_ctx = TAKE(c);
	return OK;
}

RESULT digest_update(struct digest_ctx *c, struct bytes data)
{
	if (EVP_DigestUpdate(c->md, data.p, data.n) != 1)
		return ossl_error(ERR_CRYPTO, digest_name(c->alg));
	return OK;
}

RESULT digest_final(struct digest_ctx *c, struct digest_value *ret_digest)
{
	struct digest_value d = { .alg = c->alg, .n = digest_size(c->alg) };

	if (EVP_DigestFinal_ex(c->md, d.v, NULL) != 1 || EVP_DigestInit_ex2(c->md, NULL, NULL) != 1)
		return ossl_error(ERR_CRYPTO, digest_name(c->alg));
	*ret_digest = d;
	return OK;
}

void digest_freep(struct digest_ctx **c)
{
	if (!*c)
		return;
	EVP_MD_CTX_free((*c)->md);
	free(*c);
}

RESULT digest2(enum digest_alg alg, struct bytes a, struct bytes b, struct digest_value *ret_digest)
{
	AUTO(digest_freep) struct digest_ctx *c = NULL;

	TRY(digest_new(alg, &c));
	TRY(digest_update(c, a));
	TRY(digest_update(c, b));
	return digest_final(c, ret_digest);
}

RESULT digest(enum digest_alg alg, struct bytes data, struct digest_value *ret_digest)
{
	return digest2(alg, data, BYTES_NONE, ret_digest);
}

RESULT digest_parse_oci(const char *text, struct digest_value *ret_digest)
{
	struct digest_value d = { 0 };
	char name[8] = "";
	const char *colon = strchr(text, ':');

	if (!colon || (size_t)(colon - text) >= sizeof(name))
		return err_new(ERR_FORMAT, "digest '%.100s': not algorithm:hex", text);
	memcpy(name, text, (size_t)(colon - text));
	TRY(digest_alg_parse(name, &d.alg));
	/* OCI image-spec: registered algorithms only, hex in lower case. */
	if (d.alg != DIGEST_SHA256 && d.alg != DIGEST_SHA384 && d.alg != DIGEST_SHA512)
		return err_new(ERR_UNSUPPORTED, "digest '%.100s': algorithm %s", text, name);
	if (strpbrk(colon, "ABCDEF"))
		return err_new(ERR_FORMAT, "digest '%.100s': upper case hex", text);
	d.n = digest_size(d.alg);
	TRY(hex_decode_fixed(bytes_str(colon + 1), "digest", d.v, d.n));
	*ret_digest = d;
	return OK;
}

void digest_print_oci(const struct digest_value *d, char to[static 2 * DIGEST_MAX + 16])
{
	const char *name = digest_name(d->alg);
	size_t n = strlen(name);

	memcpy(to, name, n); /* NOLINT(bugprone-not-null-terminated-result): hex_to() ends it */
	to[n] = ':';
	hex_to(digest_bytes(d), to + n + 1);
}

/* ---- HMAC ---- */
RESULT hmac_new(enum digest_alg alg, struct bytes key, struct hmac_ctx **ret_ctx)
{
	AUTO(hmac_freep) struct hmac_ctx *c = calloc(1, sizeof(*c));
	EVP_MAC *mac = EVP_MAC_fetch(NULL, OSSL_MAC_NAME_HMAC, NULL);
	char name[16];

	/* OSSL_PARAM measures the name when it is made. */
	(void)snprintf(name, sizeof(name), "%s", ossl_md_name(alg));
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
		OSSL_PARAM_construct_end(),
	};

	if (c && mac)
		c->mac = EVP_MAC_CTX_new(mac); /* holds its own reference */
	EVP_MAC_free(mac);
	if (!c || !c->mac)
		return ossl_error(ERR_NOMEM, "HMAC");
	c->alg = alg;
	/* A NULL key would mean "the one before"; the empty key is a key too. */
	if (EVP_MAC_init(c->mac, key.p ? key.p : (const uint8_t *)"", key.n, params) != 1)
		return ossl_error(ERR_CRYPTO, "HMAC");
	*ret_ctx = TAKE(c);
	return OK;
}

RESULT hmac_update(struct hmac_ctx *c, struct bytes data)
{
	if (EVP_MAC_update(c->mac, data.p, data.n) != 1)
		return ossl_error(ERR_CRYPTO, "HMAC");
	return OK;
}

RESULT hmac_final(struct hmac_ctx *c, struct digest_value *ret_mac)
{
	struct digest_value d = { .alg = c->alg };

	if (EVP_MAC_final(c->mac, d.v, &d.n, sizeof(d.v)) != 1)
		return ossl_error(ERR_CRYPTO, "HMAC");
	*ret_mac = d;
	return OK;
}

void hmac_freep(struct hmac_ctx **c)
{
	if (!*c)
		return;
	EVP_MAC_CTX_free((*c)->mac);
	free(*c);
}

RESULT hmac(enum digest_alg alg, struct bytes key, struct bytes data, struct digest_value *ret_mac)
{
	AUTO(hmac_freep) struct hmac_ctx *c = NULL;

	TRY(hmac_new(alg, key, &c));
	TRY(hmac_update(c, data));
	return hmac_final(c, ret_mac);
}
