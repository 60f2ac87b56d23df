#include "cca/cca.h"
#include "cca_gen.h"
#include "util.h"

#include <stdio.h>

#include <base/encode.h>
#include <crypto/jose.h>
#include <tee/denials.h>

struct world {
	struct cca_gen g;
	struct buf token;
	struct tee_policy policy;
	struct tee_verify_input in;
};

static void world_start(struct world *w, enum key_type curve)
{
	*w = (struct world){ .token = BUF_INIT(16384) };
	cca_gen_init(&w->g, curve);
	w->in = (struct tee_verify_input){
		.report_data = BYTES_OF(w->g.challenge),
		.initdata_digest = BYTES_OF(w->g.personalization),
		.anchors = &w->g.anchors,
		.policy = &w->policy,
	};
}

static void world_token(struct world *w)
{
	buf_clear(&w->token);
	cca_gen_token(&w->g, &w->token);
	w->in.raw = buf_bytes(&w->token);
}

static void world_finish(struct world *w)
{
	cca_gen_done(&w->g);
	buf_done(&w->token);
}

static struct err verdict(const struct tee_verify_input *in)
{
	AUTO(claims_done) struct claims c = { 0 };

	return tee_verify(tee_by_platform("cca"), in, &c);
}

static void assert_denial(const struct tee_verify_input *in, enum tee_denial want)
{
	assert_err(verdict(in), ERR_UNVERIFIED);
	assert_string_equal(err_denial()->code, tee_denial_code(want));
}

/* ---- good tokens ---- */
static void test_good(void **state)
{
	static const enum key_type curves[] = { KEY_P256, KEY_P384, KEY_P521 };

	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_LEN(curves); i++) {
		AUTO(claims_done) struct claims c = { 0 };
		struct world w;

		world_start(&w, curves[i / 2]);
		if (i % 2) {
			w.g.platform_profile = "tag:arm.com,2023:cca_platform#1.0.0";
			w.g.realm_profile = "tag:arm.com,2023:realm#1.0.0";
			w.g.cose_key = true;
			w.g.untagged = true;
			w.g.rak_hash_alg = "sha-512";
		}
		world_token(&w);
		w.policy.measurement = BYTES_OF(w.g.rim);
		assert_ptr_equal(tee_recognise(&w.in), tee_by_kbs_name("cca"));
		assert_ok(tee_verify(tee_by_platform("cca"), &w.in, &c));
		assert_string_equal(claim_text(claims_get(&c, "simulated")), "false");
		assert_string_equal(claim_text(claims_get(&c, "cca.debug")), "false");
		assert_string_equal(
			claim_text(claims_get(&c, "cca.realm.cca-realm-hash-algo-id")), "sha-256");
		world_finish(&w);
	}
}

static void test_claims(void **state)
{
	AUTO(claims_done) struct claims c = { 0 };
	AUTO(buf_done) struct buf text = BUF_INIT(16384), json_text = BUF_INIT(65536);
	AUTO(buf_done) struct buf challenge = BUF_INIT(128);
	AUTO(json_freep) struct json *evidence = NULL;
	AUTO(json_freep) struct json *j = NULL;
	struct world w;

	(void)state;
	world_start(&w, KEY_P384);
	world_token(&w);
	cca_gen_json(buf_bytes(&w.token), &json_text);
	assert_ok(json_parse(buf_bytes(&json_text), &evidence));
	w.in.raw = BYTES_NONE;
	w.in.evidence = evidence;
	assert_ptr_equal(tee_recognise(&w.in), tee_by_kbs_name("cca"));
	assert_ok(tee_verify(tee_by_platform("cca"), &w.in, &c));
	assert_ok(claims_print(&c, &text));
	base64_encode(BASE64_STD, BYTES_OF(w.g.challenge), &challenge);
	assert_ok(json_parse(buf_bytes(&text), &j));
	assert_string_equal(json_string(json_pointer(j, "/cca/realm/cca-realm-challenge")),
		buf_cstr(&challenge));
	assert_int_equal(
		json_count(json_pointer(j, "/cca/realm/cca-realm-extensible-measurements")), 4);
	assert_string_equal(json_string(json_pointer(j, "/cca/platform/cca-platform-instance-id")),
		"AQIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
	assert_string_equal(json_string(json_pointer(j,
				    "/cca/platform/cca-platform-sw-components/0/measurement-type")),
		"BL");
	assert_non_null(json_pointer(j, "/report_data"));
	assert_non_null(json_pointer(j, "/init_data"));
	world_finish(&w);
}

/* Every member of Trustee's example is there and has its type; software components are members by
 * number instead of a list. */
static void test_trustee_claims(void **state)
{
	AUTO(buf_done) struct buf want_text = test_file(test_vector("cca/trustee/cca-claims.json"));
	AUTO(buf_done) struct buf text = BUF_INIT(16384);
	AUTO(claims_done) struct claims c = { 0 };
	AUTO(json_freep) struct json *want = NULL;
	AUTO(json_freep) struct json *got = NULL;
	static const char *const parts[] = { "realm", "platform" };
	struct world w;

	(void)state;
	world_start(&w, KEY_P256);
	world_token(&w);
	assert_ok(tee_verify(tee_by_platform("cca"), &w.in, &c));
	assert_ok(claims_print(&c, &text));
	assert_ok(json_parse(buf_bytes(&text), &got));
	assert_ok(json_parse(buf_bytes(&want_text), &want));
	for (size_t p = 0; p < ARRAY_LEN(parts); p++) {
		const struct json *members = json_get(want, parts[p]);
		const struct json *mine = json_get(json_get(got, "cca"), parts[p]);

		assert_true(json_count(members) >= 7);
		for (size_t i = 0; i < json_count(members); i++) {
			const struct json *m = json_get(mine, json_name_at(members, i));

			assert_non_null(m);
			assert_true(
				json_type(m) == json_type(json_at(members, i)) ||
				str_equal(json_name_at(members, i), "cca-platform-sw-components"));
		}
	}
	world_finish(&w);
}

static void test_bad_json(void **state)
{
	static const char *const cases[] = {
		"{}",
		"[]",
		"{\"token\":\"2QGP\"}",
		"{\"token\":[217,1,256]}",
		"{\"token\":[217,1,-1]}",
		"{\"token\":[217,1,1.5]}",
		"{\"token\":[]}",
		"{\"token\":[217,1,143]}",
	};
	struct tee_verify_input in = { .report_data = bytes_str("x") };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(json_freep) struct json *j = NULL;

		assert_ok(json_parse(bytes_str(cases[i]), &j));
		in.evidence = j;
		assert_err(verdict(&in), ERR_FORMAT);
	}
}

/* ---- bad tokens ---- */
struct bad {
	const char *what;
	void (*bend)(struct world *w);
	enum tee_denial want;
};

static void bend_challenge(struct world *w)
{
	w->g.challenge[63] ^= 1;
	memcpy(w->g.rim, w->g.challenge, sizeof(w->g.rim));
}
static void bend_lifecycle(struct world *w)
{
	w->g.lifecycle = 0x6000;
}
static void bend_debug(struct world *w)
{
	w->g.lifecycle = 0x5001;
}
static void bend_unknown_lifecycle(struct world *w)
{
	w->g.lifecycle = 0x3100;
}
static void bend_platform_profile(struct world *w)
{
	w->g.platform_profile = "http://arm.com/CCA-SSD/2.0.0";
}
static void bend_realm_profile(struct world *w)
{
	w->g.realm_profile = "tag:arm.com,2023:realm#2.0.0";
}
static void bend_binding(struct world *w)
{
	w->g.vouched_for = w->g.cpak;
}
static void bend_hash(struct world *w)
{
	w->g.rak_hash_alg = "md5";
}
static void bend_anchor(struct world *w)
{
	buf_clear(&w->g.cpak_pem);
	assert_ok(key_public_pem(w->g.rak, &w->g.cpak_pem));
	w->g.anchors.vendor_other[0] = buf_bytes(&w->g.cpak_pem);
}
static void bend_no_anchor(struct world *w)
{
	w->g.anchors.n_vendor_other = 0;
}
static void bend_null_anchors(struct world *w)
{
	w->in.anchors = NULL;
}
static void bend_initdata_short(struct world *w)
{
	memset(w->g.personalization + 32, 0, 32);
	w->in.initdata_digest = bytes_of(w->g.personalization, 32);
}
static void bend_report_data_long(struct world *w)
{
	static const uint8_t longer[65] = { 0 };

	memset(w->g.challenge, 0, sizeof(w->g.challenge));
	w->in.report_data = BYTES_OF(longer);
}
static void bend_measurement(struct world *w)
{
	w->policy.measurement = BYTES_OF(w->g.personalization);
}

static void test_refused(void **state)
{
	static const uint8_t expected[64] = { 1, 2, 3 };
	static const struct bad cases[] = {
		{ "lifecycle", bend_lifecycle, DENY_CCA_LIFECYCLE },
		{ "unknown lifecycle", bend_unknown_lifecycle, DENY_CCA_LIFECYCLE },
		{ "debug", bend_debug, DENY_DEBUG },
		{ "platform profile", bend_platform_profile, DENY_CCA_PROFILE },
		{ "realm profile", bend_realm_profile, DENY_CCA_PROFILE },
		{ "binding", bend_binding, DENY_CCA_BINDING },
		{ "hash", bend_hash, DENY_CCA_BINDING },
		{ "another platform key", bend_anchor, DENY_CCA_SIGNATURE },
		{ "no platform key", bend_no_anchor, DENY_CCA_PLATFORM_KEY },
		{ "no anchors", bend_null_anchors, DENY_CCA_PLATFORM_KEY },
		{ "short initdata", bend_initdata_short, DENY_INITDATA_MISMATCH },
		{ "long report_data", bend_report_data_long, DENY_EVIDENCE_REPORT_DATA },
		{ "measurement", bend_measurement, DENY_MEASUREMENT },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct world w;

		world_start(&w, KEY_P256);
		cases[i].bend(&w);
		world_token(&w);
		struct err e = verdict(&w.in);
		if (e.code != ERR_UNVERIFIED)
			print_error("%s was taken\n", cases[i].what);
		assert_denial(&w.in, cases[i].want);
		world_finish(&w);
	}
	struct world w;
	world_start(&w, KEY_P256);
	bend_challenge(&w);
	world_token(&w);
	w.in.report_data = BYTES_OF(expected);
	assert_denial(&w.in, DENY_EVIDENCE_REPORT_DATA);
	w.in.report_data = bytes_of(w.g.challenge, 63); /* padded, not cut */
	assert_denial(&w.in, DENY_EVIDENCE_REPORT_DATA);
	w.in.report_data = BYTES_OF(w.g.challenge);
	w.in.initdata_digest = BYTES_OF(expected);
	assert_denial(&w.in, DENY_INITDATA_MISMATCH);
	world_finish(&w);
}

static void test_allowed(void **state)
{
	AUTO(claims_done) struct claims c = { 0 };
	struct world w;

	(void)state;
	world_start(&w, KEY_P256);
	bend_debug(&w);
	world_token(&w);
	w.policy.allow_debug = true;
	assert_ok(tee_verify(tee_by_platform("cca"), &w.in, &c));
	assert_string_equal(claim_text(claims_get(&c, "debug")), "true");
	world_finish(&w);
}

/* A key in the collateral is not trusted; as DER or JWK among the anchors it is, and one in a
 * certificate of the software roots makes the platform a simulated one. */
static void test_anchor_forms(void **state)
{
	AUTO(buf_done) struct buf der = BUF_INIT(1024), jwk = BUF_INIT(1024), pem = BUF_INIT(8192);
	AUTO(claims_done) struct claims c = { 0 };
	struct tee_anchors software = { 0 };
	struct world w;

	(void)state;
	world_start(&w, KEY_P384);
	world_token(&w);
	assert_ok(key_public_der(w.g.cpak, &der));
	w.g.anchors.vendor_other[0] = buf_bytes(&der);
	assert_ok(verdict(&w.in));
	assert_ok(jwk_print(w.g.cpak, NULL, &jwk));
	w.g.anchors.vendor_other[0] = buf_bytes(&jwk);
	assert_ok(verdict(&w.in));
	w.g.anchors.vendor_other[0] = bytes_str("no key at all");
	assert_denial(&w.in, DENY_CCA_SIGNATURE);

	assert_ok(x509_make(&(struct x509_make){ .common_name = "CPAK",
				    .ca = true,
				    .not_after = 2000000000,
				    .subject_key = w.g.cpak,
				    .issuer_key = w.g.cpak },
		&pem));
	assert_ok(x509_list_parse(buf_bytes(&pem), &software.software));
	w.in.anchors = &software;
	assert_ok(tee_verify(tee_by_platform("cca"), &w.in, &c));
	assert_string_equal(claim_text(claims_get(&c, "simulated")), "true");
	assert_string_equal(claim_text(claims_get(&c, "cca.simulated")), "true");
	x509_list_done(&software.software);
	world_finish(&w);
}

static void test_missing_claims(void **state)
{
	static const int64_t keys[] = { CCA_CHALLENGE, CCA_INSTANCE_ID, CCA_PROFILE, CCA_LIFECYCLE,
		CCA_IMPLEMENTATION_ID, CCA_COMPONENTS, CCA_CONFIG, CCA_HASH_ALG,
		CCA_PERSONALIZATION, CCA_REALM_HASH_ALG, CCA_RAK, CCA_RIM, CCA_REM,
		CCA_RAK_HASH_ALG };
	struct world w;

	(void)state;
	world_start(&w, KEY_P256);
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		char text[24];

		w.g.leave_out = keys[i];
		world_token(&w);
		assert_err(verdict(&w.in), ERR_FORMAT);
		if (keys[i] != CCA_CHALLENGE) {
			(void)snprintf(text, sizeof(text), "(%lld)", (long long)keys[i]);
			assert_err_text(text);
		}
	}
	w.g.leave_out = CCA_SERVICE;
	world_token(&w);
	assert_ok(verdict(&w.in));
	world_finish(&w);
}

static void test_wrong_claims(void **state)
{
	static const int64_t keys[] = { CCA_CHALLENGE, CCA_INSTANCE_ID, CCA_PROFILE, CCA_LIFECYCLE,
		CCA_IMPLEMENTATION_ID, CCA_COMPONENTS, CCA_SERVICE, CCA_CONFIG, CCA_HASH_ALG,
		CCA_PERSONALIZATION, CCA_REALM_HASH_ALG, CCA_RAK, CCA_RIM, CCA_REM,
		CCA_RAK_HASH_ALG, CCA_COMPONENT_TYPE, CCA_COMPONENT_MEASUREMENT,
		CCA_COMPONENT_VERSION, CCA_COMPONENT_SIGNER };
	struct world w;

	(void)state;
	world_start(&w, KEY_P256);
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		w.g.wrong = keys[i];
		world_token(&w);
		assert_err(verdict(&w.in), ERR_FORMAT);
	}
	w.g.wrong = 0;
	w.g.lifecycle = 0x10000;
	world_token(&w);
	assert_err(verdict(&w.in), ERR_FORMAT);
	w.g.lifecycle = 0x3003;
	w.g.n_components = CCA_COMPONENTS_MAX;
	world_token(&w);
	assert_ok(verdict(&w.in));
	w.g.n_components++;
	world_token(&w);
	assert_err(verdict(&w.in), ERR_FORMAT);
	world_finish(&w);
}

static void test_lifecycles(void **state)
{
	(void)state;
	assert_string_equal(cca_lifecycle_name(0x00ff), "unknown");
	assert_string_equal(cca_lifecycle_name(0x3000), "secured");
	assert_string_equal(cca_lifecycle_name(0x30ff), "secured");
	assert_string_equal(cca_lifecycle_name(0x3100), "invalid");
	assert_string_equal(cca_lifecycle_name(0x6001), "decommissioned");
	assert_string_equal(cca_lifecycle_name(0x7000), "invalid");
	assert_true(cca_lifecycle_is_secured(0x30ff));
	assert_false(cca_lifecycle_is_secured(0x2fff));
	assert_false(cca_lifecycle_is_secured(0x3100));
	assert_true(cca_lifecycle_is_debug(0x4000));
	assert_true(cca_lifecycle_is_debug(0x50ff));
	assert_false(cca_lifecycle_is_debug(0x3000));
}

static void test_not_tokens(void **state)
{
	static const char *const cases[] = {
		"00",
		"d9018f00",
		"d9018fa0",
		"d9018ea0",
		"d9018fa119acca40",
		"d9018fa219acca4019acd140", /* no COSE_Sign1 inside */
		"d9018fa219acca0019acd100",
		"d9018f8219acca19acd1",
	};
	struct tee_verify_input in = { .report_data = bytes_str("x") };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		in.raw = test_hex(cases[i]);
		assert_err(verdict(&in), ERR_FORMAT);
	}
}

/* ---- each byte ---- */
static struct err parse(void *arg, struct bytes in)
{
	struct cca_token t;

	(void)arg;
	return cca_token_parse(in, &t);
}

static struct err verify_raw(void *arg, struct bytes in)
{
	struct tee_verify_input *input = arg;

	input->raw = in;
	return verdict(input);
}

static void test_each_byte(void **state)
{
	struct world w;

	(void)state;
	world_start(&w, KEY_P256);
	world_token(&w);
	each_prefix(buf_bytes(&w.token), parse, NULL);
	each_flip_survives(buf_bytes(&w.token), parse, NULL);
	each_flip_signed(buf_bytes(&w.token), verify_raw, &w.in);
	world_finish(&w);
}

static void test_describe(void **state)
{
	AUTO(fields_done) struct fields f = { 0 };
	AUTO(buf_done) struct buf text = BUF_INIT(65536);
	struct world w;

	(void)state;
	world_start(&w, KEY_P384);
	world_token(&w);
	assert_true(cca_is_token(buf_bytes(&w.token)));
	assert_ok(cca_describe(buf_bytes(&w.token), &f));
	fields_print(&f, &text);
	assert_non_null(strstr(buf_cstr(&text), "ES384"));
	assert_non_null(strstr(buf_cstr(&text), "secured"));
	for (size_t i = 0; i < f.n; i++)
		assert_true(f.v[i].offset == FIELDS_NO_OFFSET ||
			    f.v[i].offset + (int64_t)f.v[i].size <= (int64_t)w.token.n);
	world_finish(&w);
}

/* ---- tokens of others ---- */
static void test_vector_token(void **state)
{
	AUTO(buf_done) struct buf token = test_file(test_vector("cca/ccatoken/cca_token.cbor"));
	AUTO(buf_done) struct buf key = test_file(test_vector("cca/ccatoken/cca_platform.pub"));
	AUTO(claims_done) struct claims c = { 0 };
	struct tee_anchors anchors = { .vendor_other = { buf_bytes(&key) }, .n_vendor_other = 1 };
	uint8_t nonce[64];
	struct tee_verify_input in = {
		.raw = buf_bytes(&token), .anchors = &anchors, .report_data = BYTES_OF(nonce)
	};

	(void)state;
	memset(nonce, 0xab, sizeof(nonce));
	assert_ok(tee_verify(tee_by_platform("cca"), &in, &c));
	/* from the comment of the library that made it */
	assert_string_equal(
		claim_text(claims_get(&c, "cca.platform.cca-platform-implementation-id")),
		"f0VMRgIBAQAAAAAAAAAAAAMAPgABAAAAUFgAAAAAAAA=");
	assert_string_equal(
		claim_text(claims_get(&c, "cca.platform.cca-platform-lifecycle")), "12291");
	assert_string_equal(claim_text(claims_get(&c, "cca.realm.cca-realm-initial-measurement")),
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");

	in.anchors = NULL;
	assert_denial(&in, DENY_CCA_PLATFORM_KEY);
	in.anchors = &anchors;
	token.p[0x2b2] ^= 0x01;
	assert_denial(&in, DENY_CCA_SIGNATURE);
	assert_string_equal(err_denial()->field, "realm token: signed by the realm's key");
	token.p[0x2b2] ^= 0x01;
	token.p[0x2] ^= 0x01;
	assert_err(verdict(&in), ERR_FORMAT);
	assert_null(tee_recognise(&in));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_claims),
		cmocka_unit_test(test_trustee_claims),
		cmocka_unit_test(test_bad_json),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_allowed),
		cmocka_unit_test(test_anchor_forms),
		cmocka_unit_test(test_missing_claims),
		cmocka_unit_test(test_wrong_claims),
		cmocka_unit_test(test_lifecycles),
		cmocka_unit_test(test_not_tokens),
		cmocka_unit_test(test_each_byte),
		cmocka_unit_test(test_describe),
		cmocka_unit_test(test_vector_token),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
