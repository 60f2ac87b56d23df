/* JSON Web Signatures in compact form (RFC 7515) and the registered claims of JWT (RFC 7519). */
#include <string.h>

#include <base/encode.h>
#include <crypto/jose.h>

enum {
	JWS_HEADER_MAX = 64 * 1024, /* x5c chains and JWKs live there */
	JWS_SIGNATURE_MAX = 1024,
	JWS_TOKEN_MAX = 2 * JSON_SIZE_MAX
};

static const struct alg {
	const char *name;
	enum key_type key;
	enum sig_alg sig;
	size_t width; /* of r and s; 0: the signature is taken as it is */
} algs[] = {
	[JOSE_ES256] = { "ES256", KEY_P256, SIG_ECDSA_SHA256, 32 },
	[JOSE_ES384] = { "ES384", KEY_P384, SIG_ECDSA_SHA384, 48 },
	[JOSE_ES512] = { "ES512", KEY_P521, SIG_ECDSA_SHA512, 66 },
	[JOSE_EDDSA] = { "EdDSA", KEY_ED25519, SIG_ED25519, 0 },
	[JOSE_RS256] = { "RS256", KEY_RSA, SIG_RSA_PKCS1_SHA256, 0 },
	[JOSE_PS256] = { "PS256", KEY_RSA, SIG_RSA_PSS_SHA256, 0 },
};

const char *jose_alg_name(enum jose_alg alg)
{
	return algs[alg].name;
}

static RESULT check_header(const struct json *header, enum jose_alg *ret_alg)
{
	const char *name;

	if (json_type(header) != JSON_OBJECT)
		return err_new(ERR_FORMAT, "JWS header: not an object");
	TRY(json_need_string(header, "alg", &name));
	/* RFC 7515 4.1.11: extensions that are not understood make the JWS invalid. */
	if (json_get(header, "crit"))
		return err_new(ERR_UNSUPPORTED, "JWS header: critical extensions");
	for (size_t i = 0; i < ARRAY_LEN(algs); i++) {
		if (str_equal(name, algs[i].name)) {
			*ret_alg = (enum jose_alg)i;
			return OK;
		}
	}
	return err_new(ERR_UNSUPPORTED, "JWS header: algorithm '%.16s'", name);
}

/* ---- signing ---- */
static RESULT sign_raw(
	const struct key *k, const struct alg *alg, struct bytes message, struct buf *out)
{
	AUTO(buf_done) struct buf der = BUF_INIT(JWS_SIGNATURE_MAX);

	if (alg->width == 0)
		return key_sign(k, alg->sig, message, out);
	TRY(key_sign(k, alg->sig, message, &der));
	return ecdsa_der_to_raw(buf_bytes(&der), alg->width, out);
}

RESULT jws_sign(const struct key *k, enum jose_alg alg, struct bytes header, struct bytes payload,
	struct buf *out)
{
	AUTO(json_freep) struct json *parsed = NULL;
	AUTO(buf_done) struct buf token = BUF_INIT(JWS_TOKEN_MAX);
	AUTO(buf_done) struct buf sig = BUF_INIT(JWS_SIGNATURE_MAX);
	enum jose_alg said;

	if (key_type(k) != algs[alg].key)
		return err_new(ERR_STATE, "JWS: %s needs another type of key", algs[alg].name);
	TRY(json_parse(header, &parsed));
	TRY(check_header(parsed, &said));
	if (said != alg)
		return err_new(ERR_STATE, "JWS: the header says %s", algs[said].name);
	base64_encode(BASE64_URL_NO_PAD, header, &token);
	buf_puts(&token, ".");
	base64_encode(BASE64_URL_NO_PAD, payload, &token);
	TRY(buf_end(&token, "JWS"));
	TRY(sign_raw(k, &algs[alg], buf_bytes(&token), &sig));
	buf_put(out, buf_bytes(&token));
	buf_puts(out, ".");
	base64_encode(BASE64_URL_NO_PAD, buf_bytes(&sig), out);
	return buf_end(out, "JWS");
}

/* ---- parsing ---- */
void jws_done(struct jws *j)
{
	json_free(j->header);
	buf_done(&j->payload);
	buf_done(&j->signature);
	*j = (struct jws){ 0 };
}

static RESULT split(struct bytes token, struct bytes ret_parts[static 3])
{
	size_t n = 0;

	for (;;) {
		const uint8_t *dot = token.n ? memchr(token.p, '.', token.n) : NULL;
		size_t size = dot ? (size_t)(dot - token.p) : token.n;

		if (n == 3)
			return err_new(ERR_FORMAT, "JWS: more than three parts");
		ret_parts[n++] = bytes_of(token.p, size);
		if (!dot)
			break;
		token = bytes_of(dot + 1, token.n - size - 1);
	}
	return n == 3 ? OK : err_new(ERR_FORMAT, "JWS: fewer than three parts");
}

static RESULT parse_header(struct bytes text, struct jws *j)
{
	AUTO(buf_done) struct buf header = BUF_INIT(JWS_HEADER_MAX);

	TRY(base64_decode(BASE64_URL_NO_PAD, text, "JWS header", &header));
	struct err e = json_parse(buf_bytes(&header), &j->header);
	if (failed(e))
		return err_add(e, "JWS header");
	return check_header(j->header, &j->alg);
}

RESULT jws_parse(struct bytes token, struct jws *ret_jws)
{
	AUTO(jws_done)
	struct jws j = { .payload = BUF_INIT(JSON_SIZE_MAX),
		.signature = BUF_INIT(JWS_SIGNATURE_MAX) };
	struct bytes parts[3];

	if (token.n > JWS_TOKEN_MAX)
		return err_new(ERR_LIMIT, "JWS: more than %d bytes", JWS_TOKEN_MAX);
	TRY(split(token, parts));
	TRY(parse_header(parts[0], &j));
	TRY(base64_decode(BASE64_URL_NO_PAD, parts[1], "JWS payload", &j.payload));
	TRY(base64_decode(BASE64_URL_NO_PAD, parts[2], "JWS signature", &j.signature));
	j.signed_bytes = bytes_of(token.p, parts[0].n + 1 + parts[1].n);
	*ret_jws = j;
	j = (struct jws){ 0 };
	return OK;
}

RESULT jws_verify(const struct jws *j, const struct key *k)
{
	const struct alg *alg = &algs[j->alg];
	AUTO(buf_done) struct buf der = BUF_INIT(JWS_SIGNATURE_MAX);
	struct bytes sig = buf_bytes(&j->signature);

	if (key_type(k) != alg->key)
		return err_new(ERR_UNVERIFIED, "JWS: %s does not fit the key", alg->name);
	if (alg->width > 0) {
		if (sig.n != 2 * alg->width || failed(ecdsa_raw_to_der(sig, &der)))
			return err_new(ERR_UNVERIFIED, "JWS: signature");
		sig = buf_bytes(&der);
	}
	struct err e = key_verify(k, alg->sig, j->signed_bytes, sig);
	return failed(e) ? err_add(e, "JWS") : OK;
}
