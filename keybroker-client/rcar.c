#include "rcar.h"

#include <string.h>
#include <strings.h>

void rcar_challenge_done(struct rcar_challenge *c)
{
	json_free(c->tree);
	json_free(c->in_nonce);
	*c = (struct rcar_challenge){ 0 };
}

RESULT rcar_request_make(const struct tee *tee, struct tee_guest *guest, struct buf *out)
{
	const struct tee_guest_ops *ops = tee_guest_ops(tee);
	struct json_writer w = jw_of(out);

	if (!ops)
		return err_new(ERR_UNSUPPORTED, "platform %s gives no evidence", tee->platform);
	jw_object(&w);
	jw_kstr(&w, "version", RCAR_VERSION);
	jw_kstr(&w, "tee", tee->kbs_name);
	jw_key(&w, "extra-params");
	jw_object(&w);
	jw_key(&w, "supported-hash-algorithms");
	jw_array(&w);
	jw_str(&w, digest_name(tee_runtime_digest(tee)));
	jw_array_end(&w);
	if (ops->hello)
		TRY(ops->hello(guest, &w));
	jw_object_end(&w);
	jw_object_end(&w);
	return buf_end(out, "KBS request");
}

static RESULT check_digest(const struct tee *tee, const char *selected)
{
	const char *want = digest_name(tee_runtime_digest(tee));

	if (selected && strcasecmp(selected, want) != 0)
		return err_new(ERR_UNSUPPORTED, "the broker selected digest %.16s, not %s",
			selected, want);
	return OK;
}

RESULT rcar_challenge_parse(const struct tee *tee, struct bytes body, struct rcar_challenge *ret)
{
	AUTO(json_freep) struct json *tree = NULL;
	struct rcar_challenge c = { 0 };

	TRY(json_parse(body, &tree));
	TRY(json_need_string(tree, "nonce", &c.nonce));
	if (c.nonce[0] == '\0' || strlen(c.nonce) > RCAR_NONCE_MAX)
		return err_new(ERR_FORMAT, "nonce of %zu characters", strlen(c.nonce));
	c.extra_params = json_get(tree, "extra-params");
	if (!c.extra_params)
		return err_new(ERR_FORMAT, "challenge lacks extra-params");
	TRY(check_digest(tee, json_string(json_get(c.extra_params, "selected-hash-algorithm"))));
	if (tee->challenge_in_nonce) {
		struct err e = json_parse(bytes_str(c.nonce), &c.in_nonce);
		if (failed(e))
			return err_add(e, "nonce of a challenge for platform %s", tee->platform);
		c.extra_params = c.in_nonce;
	}
	c.tree = TAKE(tree);
	*ret = c;
	return OK;
}

RESULT rcar_attest_make(const struct rcar_attest *a, struct buf *out)
{
	struct json_writer w = jw_of(out);

	jw_object(&w);
	jw_key(&w, "init-data");
	if (a->initdata.n > 0) {
		jw_object(&w);
		jw_kstr(&w, "format", "toml");
		jw_key(&w, "body");
		jw_bytes_str(&w, a->initdata);
		jw_object_end(&w);
	} else {
		jw_null(&w);
	}
	jw_key(&w, "runtime-data");
	jw_object(&w);
	jw_kstr(&w, "nonce", a->challenge->nonce);
	jw_key(&w, "tee-pubkey");
	jw_raw(&w, a->jwk);
	jw_object_end(&w);
	jw_key(&w, "tee-evidence");
	jw_object(&w);
	jw_key(&w, "primary_evidence");
	jw_raw(&w, a->evidence);
	jw_kstr(&w, "additional_evidence", "");
	jw_object_end(&w);
	jw_object_end(&w);
	return buf_end(out, "KBS attestation");
}

RESULT rcar_token_parse(struct bytes body, struct buf *token)
{
	AUTO(json_freep) struct json *tree = NULL;
	const char *text;

	TRY(json_parse(body, &tree));
	TRY(json_need_string(tree, "token", &text));
	if (strlen(text) > RCAR_TOKEN_MAX)
		return err_new(ERR_LIMIT, "token of %zu characters", strlen(text));
	buf_puts(token, text);
	return buf_end(token, "token");
}
