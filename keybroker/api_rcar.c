/* The two steps of the RCAR handshake: /auth and /attest (spec: trustee 1.4-1.7). */
#include "api.h"

#include <stdio.h>
#include <string.h>

#include <base/clock.h>
#include <measured-boot/initdata.h>

#define KBS_VERSION "0.4.0"
#define EVIDENCE    "/submods/cpu0/ear.veraison.annotated-evidence"

enum {
	NAME_MAX_LENGTH = 32,
	EVIDENCE_TEXT_MAX = 1024 * 1024,
	COOKIE_SIZE = 128,
	ANSWER_MAX = 1024 * 1024
};

struct auth_request {
	char *version, *tee;
	const struct json *extra_params;
};
static const struct json_field auth_fields[] = {
	JSON_FIELD(struct auth_request, version, FIELD_STR, FIELD_REQUIRED, NAME_MAX_LENGTH),
	JSON_FIELD(struct auth_request, tee, FIELD_STR, FIELD_REQUIRED, NAME_MAX_LENGTH),
	JSON_FIELD_AS(
		struct auth_request, extra_params, "extra-params", FIELD_JSON, FIELD_REQUIRED, 0),
};
static const struct json_table auth_table = {
	.what = "auth request",
	.size = sizeof(struct auth_request),
	.fields = auth_fields,
	.n = ARRAY_LEN(auth_fields),
	.open = true,
};
static void auth_done(struct auth_request *a)
{
	json_release(&auth_table, a);
}

struct init_data {
	char *format, *body;
};
struct runtime_data {
	char *nonce;
	const struct json *tee_pubkey;
};
struct tee_evidence {
	const struct json *primary;
	char *additional;
};
struct attest_request {
	const struct json *init_data;
	struct runtime_data runtime;
	struct tee_evidence evidence;
};

static const struct json_field init_fields[] = {
	JSON_FIELD(struct init_data, format, FIELD_STR, FIELD_REQUIRED, NAME_MAX_LENGTH),
	JSON_FIELD(struct init_data, body, FIELD_STR, FIELD_REQUIRED, INITDATA_MAX),
};
static const struct json_table init_table = {
	.what = "init-data",
	.size = sizeof(struct init_data),
	.fields = init_fields,
	.n = ARRAY_LEN(init_fields),
};
static const struct json_field runtime_fields[] = {
	JSON_FIELD(struct runtime_data, nonce, FIELD_STR, FIELD_REQUIRED, SESSION_NONCE_MAX),
	JSON_FIELD_AS(struct runtime_data, tee_pubkey, "tee-pubkey", FIELD_JSON, FIELD_REQUIRED, 0),
};
static const struct json_table runtime_table = {
	.what = "runtime-data",
	.size = sizeof(struct runtime_data),
	.fields = runtime_fields,
	.n = ARRAY_LEN(runtime_fields),
};
static const struct json_field evidence_fields[] = {
	JSON_FIELD_AS(
		struct tee_evidence, primary, "primary_evidence", FIELD_JSON, FIELD_REQUIRED, 0),
	JSON_FIELD_AS(struct tee_evidence, additional, "additional_evidence", FIELD_STR, 0,
		EVIDENCE_TEXT_MAX),
};
static const struct json_table evidence_table = {
	.what = "tee-evidence",
	.size = sizeof(struct tee_evidence),
	.fields = evidence_fields,
	.n = ARRAY_LEN(evidence_fields),
};
static const struct json_field attest_fields[] = {
	JSON_FIELD_AS(struct attest_request, init_data, "init-data", FIELD_JSON, FIELD_NULLABLE, 0),
	JSON_FIELD_SUB(struct attest_request, runtime, "runtime-data", FIELD_OBJECT, FIELD_REQUIRED,
		0, &runtime_table),
	JSON_FIELD_SUB(struct attest_request, evidence, "tee-evidence", FIELD_OBJECT,
		FIELD_REQUIRED, 0, &evidence_table),
};
static const struct json_table attest_table = {
	.what = "attest request",
	.size = sizeof(struct attest_request),
	.fields = attest_fields,
	.n = ARRAY_LEN(attest_fields),
};
static void attest_done(struct attest_request *a)
{
	json_release(&attest_table, a);
}
static void init_done(struct init_data *d)
{
	json_release(&init_table, d);
}

static RESULT need_post(struct request *r)
{
	if (!str_equal(http_x_method(r->x), "POST") || *r->rest)
		return err_new(ERR_NOT_FOUND, "%s is a POST endpoint", r->endpoint);
	return OK;
}

static void set_cookie(struct request *r, const struct session *s)
{
	char cookie[COOKIE_SIZE], date[48];
	time_t t = (time_t)s->expires;
	struct tm tm;

	(void)strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&t, &tm));
	(void)snprintf(cookie, sizeof(cookie), "kbs-session-id=%s; Expires=%s", s->id, date);
	http_x_add_header(r->x, "Set-Cookie", cookie);
}

static RESULT pick_tee(const struct auth_request *a, const struct tee **ret_tee)
{
	const struct tee *t = tee_by_kbs_name(a->tee);

	/*= trustee 1.4: exactly this version */
	if (!str_equal(a->version, KBS_VERSION))
		return err_deny(
			ERR_UNVERIFIED, "kbs.protocol-version", "version", KBS_VERSION, a->version);
	if (!t || !t->verify)
		return err_deny(
			ERR_UNVERIFIED, "kbs.tee-unsupported", "tee", "a known TEE", a->tee);
	*ret_tee = t;
	return OK;
}

/* Of a platform whose challenge is the nonce. */
static RESULT replace_nonce(struct request *r, struct session *s)
{
	AUTO(buf_done) struct buf nonce = BUF_INIT(SESSION_NONCE_MAX);
	const struct tee_verify_input in = {
		.parts = { { "se-header", buf_bytes(&r->b->se_header) } },
		.n_parts = r->b->se_header.n > 0 ? 1 : 0,
		.collateral = broker_collateral_now(&r->b->collateral),
		.anchors = &r->b->anchors,
		.policy = &r->b->tee_policy,
		.now = r->now,
	};

	TRY(s->tee->verify->nonce(&in, &nonce, &s->state));
	return session_set_nonce(s, buf_bytes(&nonce));
}

/* "extra-params" is "" unless the platform has something to say (trustee 1.5). */
static RESULT write_challenge(
	struct request *r, struct session *s, const struct json *hello, struct buf *out)
{
	AUTO(buf_done) struct buf extra = BUF_INIT(ANSWER_MAX);
	struct json_writer w = jw_of(out), e = jw_of(&extra);

	if (s->tee->verify->nonce)
		TRY(replace_nonce(r, s));
	jw_object(&e);
	if (s->tee->verify->challenge)
		TRY(s->tee->verify->challenge(hello, &r->b->anchors, r->now, &e, &s->state));
	jw_object_end(&e);
	TRY(buf_end(&extra, "challenge"));
	jw_object(&w);
	jw_kstr(&w, "nonce", s->nonce);
	jw_key(&w, "extra-params");
	if (bytes_equal(buf_bytes(&extra), bytes_str("{}")))
		jw_str(&w, "");
	else
		jw_raw(&w, buf_bytes(&extra));
	jw_object_end(&w);
	return buf_end(out, "challenge");
}

RESULT api_auth(struct request *r, const char **ret_variant)
{
	AUTO(json_freep) struct json *tree = NULL;
	AUTO(auth_done) struct auth_request a = { 0 };
	AUTO(buf_done) struct buf body = BUF_INIT(ANSWER_MAX);
	const struct tee *tee = NULL;
	struct session *s = NULL;

	*ret_variant = KBS_ATTEST;
	TRY(need_post(r));
	TRY(json_parse(http_x_body(r->x), &tree));
	TRY(json_decode(tree, &auth_table, &a));
	TRY(pick_tee(&a, &tee));
	TRY(sessions_add(r->b->sessions, tee, r->now,
		(int64_t)r->b->config.attestation.session_lifetime_s, &s));
	struct err e = write_challenge(r, s, a.extra_params, &body);
	if (failed(e)) {
		s->expires = 0;
		return e;
	}
	set_cookie(r, s);
	api_answer(r, "application/json", buf_bytes(&body));
	return OK;
}

/* The canonical form hashed into report_data: only the members of the key itself. */
static RESULT canonical_jwk(const struct json *jwk, struct buf *out)
{
	AUTO(key_freep) struct key *k = NULL;
	const char *alg;

	TRY(json_need_string(jwk, "alg", &alg));
	TRY(jwk_parse(jwk, &k));
	return jwk_print(k, alg, out);
}

static RESULT report_data_of(
	const struct tee *tee, const struct attest_request *a, struct digest_value *ret)
{
	AUTO(buf_done) struct buf jwk = BUF_INIT(8192);

	TRY(canonical_jwk(a->runtime.tee_pubkey, &jwk));
	return runtime_data_digest(tee_runtime_digest(tee), a->runtime.nonce, buf_bytes(&jwk),
		a->evidence.additional ? a->evidence.additional : "", ret);
}

static RESULT decode_initdata(const struct attest_request *a, struct init_data *ret)
{
	if (!a->init_data)
		return OK;
	TRY(json_decode(a->init_data, &init_table, ret));
	if (!str_equal(ret->format, "toml"))
		return err_deny(ERR_UNVERIFIED, "kbs.initdata-format", "init-data.format", "toml",
			ret->format);
	return OK;
}

/* Runtime data as the token repeats it. */
static RESULT runtime_claims(const struct attest_request *a, struct json **ret)
{
	AUTO(buf_done) struct buf text = BUF_INIT(ANSWER_MAX);
	struct json_writer w = jw_of(&text);

	jw_object(&w);
	jw_kstr(&w, "nonce", a->runtime.nonce);
	jw_key(&w, "tee-pubkey");
	jw_json(&w, a->runtime.tee_pubkey);
	jw_kstr(&w, "additional-evidence", a->evidence.additional ? a->evidence.additional : "");
	jw_object_end(&w);
	TRY(buf_end(&text, "runtime data"));
	return json_parse(buf_bytes(&text), ret);
}

static RESULT make_token(struct request *r, struct session *s, const struct attest_request *a,
	const struct init_data *initdata, const struct attestation_result *result)
{
	AUTO(json_freep) struct json *runtime = NULL;
	AUTO(jws_done) struct jws jws = { 0 };
	struct ear_config config = {
		.key = r->b->ear_key,
		.lifetime_s = (int64_t)r->b->config.attestation.token_lifetime_s,
	};
	struct ear_input in = { .result = result, .now = r->now };

	TRY(runtime_claims(a, &runtime));
	in.runtime_data = runtime;
	if (initdata->body)
		in.initdata = bytes_str(initdata->body);
	buf_clear(&s->token);
	TRY(ear_make(&config, &in, &s->token));
	TRY(jws_parse(buf_bytes(&s->token), &jws));
	json_free(s->claims);
	s->claims = NULL;
	return json_parse(buf_bytes(&jws.payload), &s->claims);
}

static RESULT verify(struct request *r, struct session *s, const struct attest_request *a)
{
	AUTO(init_done) struct init_data initdata = { 0 };
	AUTO(attestation_result_done) struct attestation_result result = { 0 };
	struct digest_value report_data;
	struct attestation_input in = {
		.tee = s->tee,
		.evidence = a->evidence.primary,
		.state = buf_bytes(&s->state),
		.anchors = &r->b->anchors,
		.collateral = broker_collateral_now(&r->b->collateral),
		.policy = &r->b->tee_policy,
		.refs = r->b->refs,
		.now = r->now,
	};

	if (!bytes_equal(bytes_str(a->runtime.nonce), bytes_str(s->nonce)))
		return err_deny(ERR_UNVERIFIED, "kbs.nonce-mismatch", "runtime-data.nonce",
			s->nonce, a->runtime.nonce);
	TRY(decode_initdata(a, &initdata));
	TRY(report_data_of(s->tee, a, &report_data));
	in.report_data = digest_bytes(&report_data);
	if (initdata.body)
		in.initdata = bytes_str(initdata.body);
	TRY(attestation_verify(&in, &result));
	TRY(make_token(r, s, a, &initdata, &result));
	s->appraisal = result.appraisal;
	s->attested = true;
	return OK;
}

static void answer_token(struct request *r, struct session *s)
{
	AUTO(buf_done) struct buf body = BUF_INIT(ANSWER_MAX);
	struct json_writer w = jw_of(&body);

	jw_object(&w);
	jw_key(&w, "token");
	jw_bytes_str(&w, buf_bytes(&s->token));
	jw_object_end(&w);
	set_cookie(r, s);
	api_answer(r, "application/json", buf_bytes(&body));
}

RESULT api_attest(struct request *r, const char **ret_variant)
{
	AUTO(json_freep) struct json *tree = NULL;
	AUTO(attest_done) struct attest_request a = { 0 };
	struct session *s = api_session(r);

	*ret_variant = KBS_ATTEST;
	TRY(need_post(r));
	if (!s)
		return err_deny(ERR_UNVERIFIED, "kbs.no-session", "kbs-session-id",
			"the cookie of a live session", NULL);
	api_set_subject(r, s->id);
	TRY(json_parse(http_x_body(r->x), &tree));
	TRY(json_decode(tree, &attest_table, &a));
	if (!s->attested) {
		struct err e = verify(r, s, &a);
		if (failed(e))
			return err_add(e, "attestation");
	}
	r->claims = json_get(json_pointer(s->claims, EVIDENCE), s->tee->kbs_name);
	answer_token(r, s);
	return OK;
}
