/* Source: guest-components, docs/SEALED_SECRET.md; members of a payload as its parser demands them.
 */
#include "keybroker-client/sealed_secret.h"

#include <net/url.h>

enum {
	NAME_LIMIT = 1024
};

#define VERSION "0.1.0"

struct vault {
	char *version, *type, *name, *provider;
	const struct json *provider_settings, *annotations;
};
static const struct json_field vault_fields[] = {
	JSON_FIELD(struct vault, version, FIELD_STR, FIELD_REQUIRED, 16),
	JSON_FIELD(struct vault, type, FIELD_STR, FIELD_REQUIRED, 16),
	JSON_FIELD(struct vault, name, FIELD_STR, 0, NAME_LIMIT),
	JSON_FIELD(struct vault, provider, FIELD_STR, 0, 32),
	JSON_FIELD(struct vault, provider_settings, FIELD_JSON, FIELD_NULLABLE, 0),
	JSON_FIELD(struct vault, annotations, FIELD_JSON, FIELD_NULLABLE, 0),
};
static const struct json_table vault_table = {
	.what = "sealed secret",
	.size = sizeof(struct vault),
	.fields = vault_fields,
	.n = ARRAY_LEN(vault_fields),
};
static void vault_done(struct vault *v)
{
	json_release(&vault_table, v);
}

static RESULT check_uri(const char *uri, const char *what)
{
	AUTO(kbs_uri_done) struct kbs_uri parsed = { 0 };
	struct err e = kbs_uri_parse(uri, &parsed);

	return failed(e) ? err_add(e, "sealed secret: %s '%.64s'", what, uri) : OK;
}

static RESULT read_payload(struct bytes json, char **ret_name)
{
	AUTO(json_freep) struct json *tree = NULL;
	AUTO(vault_done) struct vault v = { 0 };

	TRY(json_parse(json, &tree));
	TRY(json_decode(tree, &vault_table, &v));
	if (!str_equal(v.version, VERSION))
		return err_new(
			ERR_UNSUPPORTED, "sealed secret: version '%s', not " VERSION, v.version);
	if (!str_equal(v.type, "vault"))
		return err_new(ERR_UNSUPPORTED, "sealed secret: type '%s', not vault", v.type);
	if (!v.name || !v.provider)
		return err_new(ERR_FORMAT, "sealed secret: no %s", v.name ? "provider" : "name");
	if (!str_equal(v.provider, "kbs"))
		return err_new(
			ERR_UNSUPPORTED, "sealed secret: provider '%s', not kbs", v.provider);
	TRY(check_uri(v.name, "name"));
	*ret_name = TAKE(v.name);
	return OK;
}

RESULT sealed_secret_parse(struct bytes text, struct sealed_secret *ret_sealed)
{
	AUTO(sealed_secret_done) struct sealed_secret s = { 0 };
	size_t prefix = strlen(SEALED_SECRET_PREFIX);
	const char *kid;

	if (text.n > SEALED_SECRET_MAX)
		return err_new(ERR_LIMIT, "sealed secret: %zu bytes", text.n);
	if (text.n >= prefix &&
		bytes_equal(bytes_of(text.p, prefix), bytes_str(SEALED_SECRET_PREFIX)))
		text = bytes_of(text.p + prefix, text.n - prefix);
	TRY(jws_parse(text, &s.jws));
	if (s.jws.alg != JOSE_ES256)
		return err_new(ERR_UNSUPPORTED, "sealed secret: signed with %s, not ES256",
			jose_alg_name(s.jws.alg));
	TRY(json_need_string(s.jws.header, "kid", &kid));
	TRY(check_uri(kid, "kid"));
	TRY(str_dup(kid, &s.kid));
	TRY(read_payload(buf_bytes(&s.jws.payload), &s.name));
	*ret_sealed = s;
	s = (struct sealed_secret){ 0 };
	return OK;
}

void sealed_secret_done(struct sealed_secret *s)
{
	jws_done(&s->jws);
	free(s->kid);
	free(s->name);
	*s = (struct sealed_secret){ 0 };
}

RESULT sealed_secret_verify(const struct sealed_secret *s, struct bytes jwk)
{
	AUTO(json_freep) struct json *tree = NULL;
	AUTO(key_freep) struct key *key = NULL;

	TRY(json_parse(jwk, &tree));
	TRY(jwk_parse(tree, &key));
	if (failed(jws_verify(&s->jws, key)))
		return err_deny(
			ERR_UNVERIFIED, "secret.signature", "signature", s->kid, "another key");
	return OK;
}

static RESULT print_payload(const char *name, struct buf *out)
{
	struct json_writer w = jw_of(out);

	jw_object(&w);
	jw_kstr(&w, "version", VERSION);
	jw_kstr(&w, "type", "vault");
	jw_kstr(&w, "name", name);
	jw_kstr(&w, "provider", "kbs");
	jw_key(&w, "provider_settings");
	jw_object(&w);
	jw_object_end(&w);
	jw_key(&w, "annotations");
	jw_object(&w);
	jw_object_end(&w);
	jw_object_end(&w);
	return buf_end(out, "sealed secret");
}

RESULT sealed_secret_make(const struct key *key, const char *kid, const char *name, struct buf *out)
{
	AUTO(buf_done) struct buf header = BUF_INIT(SEALED_SECRET_MAX);
	AUTO(buf_done) struct buf payload = BUF_INIT(SEALED_SECRET_MAX);
	struct json_writer w = jw_of(&header);

	TRY(check_uri(kid, "kid"));
	TRY(check_uri(name, "name"));
	jw_object(&w);
	jw_kstr(&w, "alg", jose_alg_name(JOSE_ES256));
	jw_kstr(&w, "kid", kid);
	jw_object_end(&w);
	TRY(buf_end(&header, "sealed secret"));
	TRY(print_payload(name, &payload));
	buf_put(out, bytes_str(SEALED_SECRET_PREFIX));
	return jws_sign(key, JOSE_ES256, buf_bytes(&header), buf_bytes(&payload), out);
}
