#include "appraisal.h"

#include <stdio.h>

#define EAR_PROFILE   "tag:github.com,2024:confidential-containers/Trustee"
#define EAR_ISSUER    "CoCo-Attestation-Service"
#define EAR_DEVELOPER "https://confidentialcontainers.org"
#define EAR_BUILD     "attestation-service 0.1.0"
#define EAR_POLICY    "default"

enum {
	EAR_LIFETIME_S = 300,
	EAR_MAX = JSON_SIZE_MAX / 2,
	CERT_MAX = 16 * 1024,
};

static const char *or_default(const char *s, const char *otherwise)
{
	return s ? s : otherwise;
}

static struct err write_x5c(struct json_writer *w, const struct x509_list *chain)
{
	jw_key(w, "x5c");
	jw_array(w);
	for (size_t i = 0; i < chain->n; i++) {
		AUTO(buf_done) struct buf der = BUF_INIT(CERT_MAX);

		TRY(x509_der(chain->v[i], &der));
		jw_base64(w, buf_bytes(&der));
	}
	jw_array_end(w);
	return OK;
}

static struct err make_header(const struct ear_config *c, struct buf *out)
{
	AUTO(buf_done) struct buf text = BUF_INIT(1024);
	AUTO(json_freep) struct json *jwk = NULL;
	struct json_writer w = jw_of(out);

	TRY(jwk_print(c->key, jose_alg_name(JOSE_ES256), &text));
	TRY(json_parse(buf_bytes(&text), &jwk));
	jw_object(&w);
	jw_kstr(&w, "typ", "JWT");
	jw_kstr(&w, "alg", jose_alg_name(JOSE_ES256));
	jw_key(&w, "jwk");
	jw_object(&w);
	for (size_t i = 0; i < json_members(jwk); i++) {
		jw_key(&w, json_name_at(jwk, i));
		jw_json(&w, json_at(jwk, i));
	}
	if (c->chain && c->chain->n > 0)
		TRY(write_x5c(&w, c->chain));
	jw_object_end(&w);
	jw_object_end(&w);
	return buf_end(out, "EAR header");
}

static void write_vector(struct json_writer *w, const struct appraisal *a)
{
	static const char *const names[AR4SI_N] = {
		[AR4SI_INSTANCE_IDENTITY] = "instance-identity",
		[AR4SI_CONFIGURATION] = "configuration",
		[AR4SI_EXECUTABLES] = "executables",
		[AR4SI_FILE_SYSTEM] = "file-system",
		[AR4SI_HARDWARE] = "hardware",
		[AR4SI_RUNTIME_OPAQUE] = "runtime-opaque",
		[AR4SI_STORAGE_OPAQUE] = "storage-opaque",
		[AR4SI_SOURCED_DATA] = "sourced-data",
	};

	jw_key(w, "ear.trustworthiness-vector");
	jw_object(w);
	for (size_t i = 0; i < AR4SI_N; i++) {
		jw_key(w, names[i]);
		jw_i64(w, a->vector[i]);
	}
	jw_object_end(w);
}

static struct err write_evidence(
	struct json_writer *w, const struct ear_input *in, struct bytes initdata)
{
	jw_key(w, "ear.veraison.annotated-evidence");
	jw_object(w);
	TRY(claims_write(&in->result->claims, w));
	jw_key(w, "init_data_claims");
	if (initdata.n > 0)
		jw_raw(w, initdata);
	else
		jw_null(w);
	jw_key(w, "runtime_data_claims");
	if (in->runtime_data)
		jw_json(w, in->runtime_data);
	else
		jw_null(w);
	jw_object_end(w);
	return OK;
}

/* One member per container of the agent policy; nothing at all when none has the member. */
static void write_identifiers_of(
	struct json_writer *w, const struct json *containers, const char *name, const char *pointer)
{
	bool begun = false;

	for (size_t i = 0; i < json_count(containers); i++) {
		const struct json *value = json_pointer(json_at(containers, i), pointer);

		if (!value)
			continue;
		if (!begun) {
			jw_key(w, name);
			jw_array(w);
		}
		begun = true;
		jw_json(w, value);
	}
	if (begun)
		jw_array_end(w);
}

/* Extension of Trustee's default policy (trustee 4.7). */
static void write_identifiers(struct json_writer *w, const struct json *initdata)
{
	const struct json *containers = json_pointer(initdata, "/agent_policy_claims/containers");

	jw_key(w, "ear.trustee.identifiers");
	jw_object(w);
	jw_key(w, "validated");
	jw_object(w);
	if (json_type(containers) == JSON_ARRAY) {
		write_identifiers_of(w, containers, "container_images",
			"/OCI/Annotations/io.kubernetes.cri.image-name");
		write_identifiers_of(w, containers, "container_uids", "/OCI/Process/User/UID");
	}
	jw_object_end(w);
	jw_object_end(w);
}

static struct err write_submod(struct json_writer *w, const struct ear_input *in)
{
	AUTO(buf_done) struct buf text = BUF_INIT(EAR_MAX);
	AUTO(json_freep) struct json *initdata = NULL;

	if (in->initdata.n > 0) {
		TRY(initdata_claims(in->initdata, &text));
		TRY(json_parse(buf_bytes(&text), &initdata));
	}
	jw_kstr(w, "ear.status", in->result->appraisal.status);
	write_vector(w, &in->result->appraisal);
	jw_kstr(w, "ear.appraisal-policy-id", EAR_POLICY);
	TRY(write_evidence(w, in, buf_bytes(&text)));
	write_identifiers(w, initdata);
	return OK;
}

static struct err make_payload(
	const struct ear_config *c, const struct ear_input *in, struct buf *out)
{
	int64_t lifetime = c->lifetime_s ? c->lifetime_s : EAR_LIFETIME_S;
	struct json_writer w = jw_of(out);

	jw_object(&w);
	jw_kstr(&w, "eat_profile", EAR_PROFILE);
	jw_key(&w, "iat");
	jw_i64(&w, in->now);
	jw_key(&w, "exp");
	jw_i64(&w, in->now + lifetime);
	jw_kstr(&w, "iss", or_default(c->issuer, EAR_ISSUER));
	jw_key(&w, "ear.verifier-id");
	jw_object(&w);
	jw_kstr(&w, "developer", or_default(c->developer, EAR_DEVELOPER));
	jw_kstr(&w, "build", or_default(c->build, EAR_BUILD));
	jw_object_end(&w);
	jw_key(&w, "submods");
	jw_object(&w);
	jw_key(&w, "cpu0");
	jw_object(&w);
	TRY(write_submod(&w, in));
	jw_object_end(&w);
	jw_object_end(&w);
	jw_object_end(&w);
	return buf_end(out, "EAR token");
}

RESULT ear_make(const struct ear_config *c, const struct ear_input *in, struct buf *token)
{
	AUTO(buf_done) struct buf header = BUF_INIT(EAR_MAX);
	AUTO(buf_done) struct buf payload = BUF_INIT(EAR_MAX);

	if (key_type(c->key) != KEY_P256)
		return err_new(ERR_UNSUPPORTED, "EAR tokens are signed with P-256 keys only");
	TRY(make_header(c, &header));
	TRY(make_payload(c, in, &payload));
	return jws_sign(c->key, JOSE_ES256, buf_bytes(&header), buf_bytes(&payload), token);
}
