#include <attestation/attestation.h>
#include <base/encode.h>
#include <tee/denials.h>

enum {
	LEEWAY_S = 60,
	CERT_MAX = 16 * 1024,
};

#define TEE_KEY "/submods/cpu0/ear.veraison.annotated-evidence/runtime_data_claims/tee-pubkey"

static bool known_key(const struct ear_check *check, const struct key *k)
{
	for (size_t i = 0; i < check->n_keys; i++)
		if (key_equal(check->keys[i], k))
			return true;
	return false;
}

static struct err parse_x5c(const struct json *x5c, struct x509_list *ret_list)
{
	if (json_count(x5c) == 0 || json_count(x5c) > X509_CERTS_MAX)
		return err_new(ERR_FORMAT, "x5c: %zu certificates", json_count(x5c));
	for (size_t i = 0; i < json_count(x5c); i++) {
		AUTO(buf_done) struct buf der = BUF_INIT(CERT_MAX);
		const char *text = json_string(json_at(x5c, i));

		if (!text)
			return err_new(ERR_FORMAT, "x5c: not a string");
		TRY(base64_decode(BASE64_STD, bytes_str(text), "x5c", &der));
		TRY(x509_parse_der(buf_bytes(&der), &ret_list->v[ret_list->n]));
		ret_list->n++;
	}
	return OK;
}

/* The certificate must be for the key that signs, and its chain must end where we trust. */
static struct err check_chain(
	const struct ear_check *check, const struct json *x5c, const struct key *signer)
{
	AUTO(x509_list_done) struct x509_list chain = { 0 };
	AUTO(key_freep) struct key *leaf = NULL;

	TRY(parse_x5c(x5c, &chain));
	TRY(x509_public_key(chain.v[0], &leaf));
	if (!key_equal(leaf, signer))
		return err_new(ERR_UNVERIFIED, "x5c: the certificate is for another key");
	struct x509_verify v = {
		.leaf = chain.v[0],
		.untrusted = &chain,
		.anchors = check->anchors,
		.now = check->now,
	};
	return x509_verify(&v);
}

static struct err find_signer(
	const struct ear_check *check, const struct jws *j, struct key **ret_signer)
{
	const struct json *jwk = json_get(j->header, "jwk");
	AUTO(key_freep) struct key *k = NULL;

	if (!jwk)
		return tee_deny(DENY_TOKEN_SIGNER, "token.header.jwk", "the signer's key", "none");
	TRY(tee_deny_because(jwk_parse(jwk, &k), DENY_TOKEN_MALFORMED, "token.header.jwk"));
	if (!known_key(check, k)) {
		const struct json *x5c = json_get(jwk, "x5c");

		if (!x5c || !check->anchors || check->anchors->n == 0)
			return tee_deny(DENY_TOKEN_SIGNER, "token.header.jwk",
				"a configured key or a chain to a configured root", "neither");
		TRY(tee_deny_because(
			check_chain(check, x5c, k), DENY_TOKEN_SIGNER, "token.header.jwk.x5c"));
	}
	*ret_signer = TAKE(k);
	return OK;
}

static struct err check_claims(const struct ear_check *check, const struct json *claims)
{
	struct jwt_check times = { .now = check->now, .leeway = LEEWAY_S, .need_exp = true };
	const char *iss = json_string(json_get(claims, "iss"));

	TRY(tee_deny_because(jwt_check(claims, &times), DENY_TOKEN_TIME, "token.exp"));
	if (check->issuer && (!iss || !str_equal(iss, check->issuer)))
		return tee_deny(DENY_TOKEN_SIGNER, "token.iss", check->issuer, iss ? iss : "none");
	return OK;
}

RESULT ear_verify(struct bytes token, const struct ear_check *check, struct json **ret_claims)
{
	AUTO(jws_done) struct jws j = { 0 };
	AUTO(key_freep) struct key *signer = NULL;
	AUTO(json_freep) struct json *claims = NULL;

	TRY(tee_deny_because(jws_parse(token, &j), DENY_TOKEN_MALFORMED, "token"));
	if (j.alg != JOSE_ES256)
		return tee_deny(DENY_TOKEN_MALFORMED, "token.header.alg", jose_alg_name(JOSE_ES256),
			jose_alg_name(j.alg));
	TRY(find_signer(check, &j, &signer));
	TRY(tee_deny_because(jws_verify(&j, signer), DENY_TOKEN_SIGNATURE, "token"));
	TRY(tee_deny_because(
		json_parse(buf_bytes(&j.payload), &claims), DENY_TOKEN_MALFORMED, "token"));
	TRY(check_claims(check, claims));
	*ret_claims = TAKE(claims);
	return OK;
}

RESULT ear_tee_key(const struct json *claims, struct key **ret_key)
{
	const struct json *jwk = json_pointer(claims, TEE_KEY);

	if (!jwk)
		return tee_deny(DENY_TOKEN_MALFORMED, TEE_KEY, "the guest's key", "none");
	return tee_deny_because(jwk_parse(jwk, ret_key), DENY_TOKEN_MALFORMED, TEE_KEY);
}
