/* JSON Web Keys, RFC 7517, 7518 section 6 and 8037. */
#include "key_internal.h"

#include <base/encode.h>
#include <crypto/jose.h>

enum {
	ED25519_SIZE = 32,
	RSA_BYTES_MAX = RSA_BITS_MAX / 8 + 1
};

static const struct {
	enum key_type type;
	const char *kty, *crv;
} types[] = {
	{ KEY_P256, "EC", "P-256" },
	{ KEY_P384, "EC", "P-384" },
	{ KEY_P521, "EC", "P-521" },
	{ KEY_ED25519, "OKP", "Ed25519" },
};

static const char *crv_of(enum key_type type)
{
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		if (types[i].type == type)
			return types[i].crv;
	}
	return "";
}

/* ---- printing ---- */
static void put_member(struct buf *out, const char *name, const struct buf *value)
{
	buf_printf(out, ",\"%s\":\"", name);
	base64_encode(BASE64_URL_NO_PAD, buf_bytes(value), out);
	buf_puts(out, "\"");
}

static RESULT print_rsa(const struct key *k, struct buf *out)
{
	AUTO(buf_done) struct buf n = BUF_INIT(RSA_BYTES_MAX), e = BUF_INIT(RSA_BYTES_MAX);

	TRY(key_rsa_numbers(k, &n, &e));
	put_member(out, "e", &e);
	buf_puts(out, ",\"kty\":\"RSA\"");
	put_member(out, "n", &n);
	return OK;
}

static RESULT print_ed25519(const struct key *k, struct buf *out)
{
	AUTO(buf_done) struct buf x = BUF_INIT(ED25519_SIZE);

	TRY(key_ed25519_raw(k, &x));
	buf_puts(out, ",\"crv\":\"Ed25519\",\"kty\":\"OKP\"");
	put_member(out, "x", &x);
	return OK;
}

static RESULT print_ec(const struct key *k, struct buf *out)
{
	AUTO(buf_done) struct buf x = BUF_INIT(EC_WIDTH_MAX), y = BUF_INIT(EC_WIDTH_MAX);

	TRY(key_ec_point(k, &x, &y));
	buf_printf(out, ",\"crv\":\"%s\",\"kty\":\"EC\"", crv_of(key_type(k)));
	put_member(out, "x", &x);
	put_member(out, "y", &y);
	return OK;
}

RESULT jwk_print(const struct key *k, const char *alg, struct buf *out)
{
	AUTO(buf_done) struct buf members = BUF_INIT(4096);
	/* "alg" sorts before every other member, so the order is also that of RFC 8785. */
	if (alg)
		buf_printf(&members, ",\"alg\":\"%s\"", alg);
	if (key_type(k) == KEY_RSA)
		TRY(print_rsa(k, &members));
	else if (key_type(k) == KEY_ED25519)
		TRY(print_ed25519(k, &members));
	else if (key_type(k) == KEY_SM2)
		return err_new(ERR_UNSUPPORTED, "JWK: SM2 key");
	else
		TRY(print_ec(k, &members));
	TRY(buf_end(&members, "JWK"));
	members.p[0] = '{';
	buf_put(out, buf_bytes(&members));
	buf_puts(out, "}");
	return buf_end(out, "JWK");
}

RESULT jwk_thumbprint(const struct key *k, struct digest_value *ret_sha256)
{
	AUTO(buf_done) struct buf text = BUF_INIT(4096);

	TRY(jwk_print(k, NULL, &text));
	return digest(DIGEST_SHA256, buf_bytes(&text), ret_sha256);
}

/* ---- parsing ---- */
static RESULT member(const struct json *jwk, const char *name, struct buf *out)
{
	const char *text;

	TRY(json_need_string(jwk, name, &text));
	return base64_decode(BASE64_URL_NO_PAD, bytes_str(text), name, out);
}

static RESULT parse_rsa(const struct json *jwk, struct key **ret_key)
{
	AUTO(buf_done) struct buf n = BUF_INIT(RSA_BYTES_MAX), e = BUF_INIT(RSA_BYTES_MAX);

	if (json_get(jwk, "d"))
		return err_new(ERR_UNSUPPORTED, "d: private RSA keys are read as PEM only");
	TRY(member(jwk, "n", &n));
	TRY(member(jwk, "e", &e));
	return key_from_rsa(buf_bytes(&n), buf_bytes(&e), ret_key);
}

/* The private part must belong to the public one that stands beside it. */
static RESULT with_private(const struct json *jwk, struct key *public_part, struct key **ret_key)
{
	AUTO(key_freep) struct key *pub = public_part;
	AUTO(key_freep) struct key *priv = NULL;
	AUTO(secret_freep) struct secret *d = NULL;
	const char *text;

	if (!json_get(jwk, "d")) {
		*ret_key = TAKE(pub);
		return OK;
	}
	TRY(json_need_string(jwk, "d", &text));
	TRY(secret_from_base64(true, bytes_str(text), "d", &d));
	if (key_type(pub) == KEY_ED25519)
		TRY(key_from_ed25519_seed(secret_bytes(d), &priv));
	else
		TRY(key_from_ec_scalar(key_type(pub), secret_bytes(d), &priv));
	if (!key_equal(pub, priv))
		return err_new(ERR_FORMAT, "d: not the key of the public members");
	*ret_key = TAKE(priv);
	return OK;
}

static RESULT parse_curve(const struct json *jwk, enum key_type type, struct key **ret_key)
{
	AUTO(buf_done) struct buf x = BUF_INIT(EC_WIDTH_MAX), y = BUF_INIT(EC_WIDTH_MAX);
	struct key *pub = NULL;

	TRY(member(jwk, "x", &x));
	if (type == KEY_ED25519) {
		TRY(key_from_ed25519(buf_bytes(&x), &pub));
	} else {
		TRY(member(jwk, "y", &y));
		TRY(key_from_ec_point(type, buf_bytes(&x), buf_bytes(&y), &pub));
	}
	return with_private(jwk, pub, ret_key);
}

static RESULT parse(const struct json *jwk, struct key **ret_key)
{
	const char *kty, *crv;

	TRY(json_need_string(jwk, "kty", &kty));
	if (str_equal(kty, "RSA"))
		return parse_rsa(jwk, ret_key);
	if (!str_equal(kty, "EC") && !str_equal(kty, "OKP"))
		return err_new(ERR_UNSUPPORTED, "kty: '%.16s'", kty);
	TRY(json_need_string(jwk, "crv", &crv));
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		if (str_equal(kty, types[i].kty) && str_equal(crv, types[i].crv))
			return parse_curve(jwk, types[i].type, ret_key);
	}
	return err_new(ERR_UNSUPPORTED, "crv: '%.16s'", crv);
}

RESULT jwk_parse(const struct json *jwk, struct key **ret_key)
{
	if (!jwk || json_type(jwk) != JSON_OBJECT)
		return err_new(ERR_FORMAT, "JWK: not an object");
	struct err e = parse(jwk, ret_key);
	return failed(e) ? err_add(e, "JWK") : OK;
}
