#include "util.h"

#include <attestation/attestation.h>
#include <base/encode.h>
#include <tee/denials.h>

enum {
	NOW = 1760000000,
	YEAR = 365 * 86400,
	TOKEN_MAX = 65536,
};

static const char toml[] =
	"version = \"0.1.0\"\nalgorithm = \"sha256\"\n[data]\n"
	"\"policy.rego\" = '''\npolicy_data := {\"containers\":[{\"OCI\":{\"Annotations\":"
	"{\"io.kubernetes.cri.image-name\":\"busybox\"},\"Process\":{\"User\":{\"UID\":7}}}}]}\n'''"
	"\n";

struct signer {
	struct key *key, *ca_key;
	struct x509_list chain, anchors;
};

static void certificate(const struct x509_make *m, struct x509_list *list)
{
	AUTO(buf_done) struct buf pem = BUF_INIT(8192);

	assert_ok(x509_make(m, &pem));
	assert_ok(x509_list_parse(buf_bytes(&pem), list));
}

static void signer_init(struct signer *s)
{
	*s = (struct signer){ 0 };
	assert_ok(key_generate(KEY_P256, &s->key));
	assert_ok(key_generate(KEY_P256, &s->ca_key));
	certificate(&(struct x509_make){ .common_name = "token CA",
			    .ca = true,
			    .not_before = NOW - YEAR,
			    .not_after = NOW + YEAR,
			    .subject_key = s->ca_key,
			    .issuer_key = s->ca_key },
		&s->anchors);
	certificate(&(struct x509_make){ .common_name = "token signer",
			    .not_before = NOW - YEAR,
			    .not_after = NOW + YEAR,
			    .subject_key = s->key,
			    .issuer = s->anchors.v[0],
			    .issuer_key = s->ca_key },
		&s->chain);
}

static void signer_done(struct signer *s)
{
	key_free(s->key);
	key_free(s->ca_key);
	x509_list_done(&s->chain);
	x509_list_done(&s->anchors);
}

static struct buf make(const struct signer *s, bool with_chain, const struct key *tee_key)
{
	AUTO(buf_done) struct buf jwk = BUF_INIT(1024), text = BUF_INIT(4096);
	AUTO(json_freep) struct json *runtime = NULL;
	AUTO(claims_done) struct claims claims = { 0 };
	struct buf token = BUF_INIT(TOKEN_MAX);
	struct ear_config c = { .key = s->key, .chain = with_chain ? &s->chain : NULL };
	struct attestation_result r = { .tee = tee_by_kbs_name("tpm"),
		.appraisal = { .status = "affirming",
			.vector = { [AR4SI_EXECUTABLES] = 3, [AR4SI_HARDWARE] = 2 } } };

	assert_ok(jwk_print(tee_key, "ECDH-ES+A256KW", &jwk));
	buf_printf(&text, "{\"nonce\":\"n\",\"tee-pubkey\":%s,\"additional-evidence\":\"\"}",
		buf_cstr(&jwk));
	assert_ok(json_parse(buf_bytes(&text), &runtime));
	claims_str(&claims, "tpm.kernel", "k");
	claims_bool(&claims, "tpm.simulated", true);
	claims_str(&claims, "init_data", "d");
	claims_str(&claims, "report_data", "r");
	r.claims = claims;
	struct ear_input in = {
		.result = &r, .runtime_data = runtime, .initdata = bytes_str(toml), .now = NOW
	};
	assert_ok(ear_make(&c, &in, &token));
	return token;
}

static const char *string_at(const struct json *j, const char *pointer)
{
	const char *s = json_string(json_pointer(j, pointer));

	if (!s)
		print_error("no string at %s\n", pointer);
	assert_non_null(s);
	return s;
}

static int64_t number_at(const struct json *j, const char *pointer)
{
	int64_t v;

	assert_true(json_i64(json_pointer(j, pointer), &v));
	return v;
}

#define SUB	 "/submods/cpu0"
#define EVIDENCE SUB "/ear.veraison.annotated-evidence"

static void test_members(void **state)
{
	AUTO(key_freep) struct key *tee_key = NULL;
	AUTO(key_freep) struct key *back = NULL;
	AUTO(json_freep) struct json *claims = NULL;
	struct signer s;

	(void)state;
	signer_init(&s);
	assert_ok(key_generate(KEY_P256, &tee_key));
	AUTO(buf_done) struct buf token = make(&s, false, tee_key);
	const struct key *const keys[] = { s.key };
	struct ear_check check = { .keys = keys, .n_keys = 1, .now = NOW };
	assert_ok(ear_verify(buf_bytes(&token), &check, &claims));
	assert_string_equal(string_at(claims, "/eat_profile"),
		"tag:github.com,2024:confidential-containers/Trustee");
	assert_string_equal(string_at(claims, "/iss"), "CoCo-Attestation-Service");
	assert_int_equal(number_at(claims, "/iat"), NOW);
	assert_int_equal(number_at(claims, "/exp"), NOW + 300);
	assert_string_equal(string_at(claims, "/ear.verifier-id/developer"),
		"https://confidentialcontainers.org");
	assert_string_equal(string_at(claims, SUB "/ear.status"), "affirming");
	assert_string_equal(string_at(claims, SUB "/ear.appraisal-policy-id"), "default");
	assert_int_equal(number_at(claims, SUB "/ear.trustworthiness-vector/executables"), 3);
	assert_int_equal(number_at(claims, SUB "/ear.trustworthiness-vector/sourced-data"), 0);
	assert_int_equal(json_count(json_pointer(claims, SUB "/ear.trustworthiness-vector")), 8);
	assert_string_equal(string_at(claims, EVIDENCE "/tpm/kernel"), "k");
	assert_string_equal(string_at(claims, EVIDENCE "/init_data"), "d");
	assert_string_equal(string_at(claims, EVIDENCE "/report_data"), "r");
	assert_string_equal(string_at(claims, EVIDENCE "/runtime_data_claims/nonce"), "n");
	assert_string_equal(
		string_at(claims, SUB "/ear.trustee.identifiers/validated/container_images/0"),
		"busybox");
	assert_int_equal(
		number_at(claims, SUB "/ear.trustee.identifiers/validated/container_uids/0"), 7);
	assert_ok(ear_tee_key(claims, &back));
	assert_true(key_equal(back, tee_key));
	signer_done(&s);
}

static void assert_refused(struct bytes token, const struct ear_check *check, enum tee_denial want)
{
	AUTO(json_freep) struct json *claims = NULL;

	assert_err(ear_verify(token, check, &claims), ERR_UNVERIFIED);
	assert_non_null(err_denial());
	assert_string_equal(err_denial()->code, tee_denial_code(want));
	assert_null(claims);
}

static void test_signers(void **state)
{
	AUTO(key_freep) struct key *tee_key = NULL;
	AUTO(json_freep) struct json *claims = NULL;
	struct signer s, other;

	(void)state;
	signer_init(&s);
	signer_init(&other);
	assert_ok(key_generate(KEY_P256, &tee_key));
	AUTO(buf_done) struct buf bare = make(&s, false, tee_key);
	AUTO(buf_done) struct buf chained = make(&s, true, tee_key);
	const struct key *const other_keys[] = { other.key };
	struct ear_check check = { .now = NOW };

	/* No anchor at all, a foreign key, a foreign root. */
	assert_refused(buf_bytes(&bare), &check, DENY_TOKEN_SIGNER);
	assert_refused(buf_bytes(&chained), &check, DENY_TOKEN_SIGNER);
	check.keys = other_keys;
	check.n_keys = 1;
	assert_refused(buf_bytes(&bare), &check, DENY_TOKEN_SIGNER);
	check.anchors = &other.anchors;
	assert_refused(buf_bytes(&bare), &check, DENY_TOKEN_SIGNER);
	assert_refused(buf_bytes(&chained), &check, DENY_TOKEN_SIGNER);
	check.anchors = &s.anchors;
	assert_ok(ear_verify(buf_bytes(&chained), &check, &claims));
	json_freep(&claims);

	/* The right chain around another key. */
	struct signer thief = { .key = other.key, .chain = s.chain };
	AUTO(buf_done) struct buf stolen = make(&thief, true, tee_key);
	check.n_keys = 0;
	assert_refused(buf_bytes(&stolen), &check, DENY_TOKEN_SIGNER);

	/* Time and issuer. */
	check.now = NOW + 300 + 61;
	assert_refused(buf_bytes(&chained), &check, DENY_TOKEN_TIME);
	check.now = NOW + 300 + 30;
	assert_ok(ear_verify(buf_bytes(&chained), &check, &claims));
	json_freep(&claims);
	check.issuer = "somebody else";
	assert_refused(buf_bytes(&chained), &check, DENY_TOKEN_SIGNER);
	signer_done(&s);
	signer_done(&other);
}

static struct err verify_bytes(void *arg, struct bytes token)
{
	AUTO(json_freep) struct json *claims = NULL;

	return ear_verify(token, arg, &claims);
}

static void test_flips(void **state)
{
	AUTO(key_freep) struct key *tee_key = NULL;
	struct signer s;

	(void)state;
	signer_init(&s);
	assert_ok(key_generate(KEY_P256, &tee_key));
	AUTO(buf_done) struct buf token = make(&s, false, tee_key);
	const struct key *const keys[] = { s.key };
	struct ear_check check = { .keys = keys, .n_keys = 1, .now = NOW };
	assert_ok(verify_bytes(&check, buf_bytes(&token)));
	each_flip_signed(buf_bytes(&token), verify_bytes, &check);
	each_prefix(buf_bytes(&token), verify_bytes, &check);
	signer_done(&s);
}

static void test_signing_key(void **state)
{
	AUTO(key_freep) struct key *p384 = NULL;
	AUTO(buf_done) struct buf token = BUF_INIT(TOKEN_MAX);
	struct attestation_result r = { .appraisal.status = "none" };
	struct ear_input in = { .result = &r, .now = NOW };

	(void)state;
	assert_ok(key_generate(KEY_P384, &p384));
	assert_err(ear_make(&(struct ear_config){ .key = p384 }, &in, &token), ERR_UNSUPPORTED);
}

/* A well signed token of a form that is not ours. */
static void test_other_tokens(void **state)
{
	static const struct {
		const char *header, *payload;
		enum tee_denial want;
	} cases[] = {
		{ "{\"alg\":\"ES256\"}", "{\"exp\":1860000000}", DENY_TOKEN_SIGNER },
		{ "{\"alg\":\"ES256\",\"jwk\":{}}", "{\"exp\":1860000000}", DENY_TOKEN_MALFORMED },
		{ "{\"alg\":\"ES256\",\"jwk\":%s}", "{}", DENY_TOKEN_TIME },
		{ "{\"alg\":\"ES256\",\"jwk\":%s}", "nonsense", DENY_TOKEN_MALFORMED },
	};
	AUTO(buf_done) struct buf jwk = BUF_INIT(1024);
	struct signer s;

	(void)state;
	signer_init(&s);
	assert_ok(jwk_print(s.key, NULL, &jwk));
	const struct key *const keys[] = { s.key };
	struct ear_check check = { .keys = keys, .n_keys = 1, .now = NOW };
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(buf_done) struct buf header = BUF_INIT(2048), token = BUF_INIT(TOKEN_MAX);
		const char *at = strstr(cases[i].header, "%s");
		size_t n = at ? (size_t)(at - cases[i].header) : strlen(cases[i].header);

		buf_put(&header, bytes_of(cases[i].header, n));
		if (at) {
			buf_put(&header, buf_bytes(&jwk));
			buf_puts(&header, at + 2);
		}
		assert_ok(jws_sign(s.key, JOSE_ES256, buf_bytes(&header),
			bytes_str(cases[i].payload), &token));
		assert_refused(buf_bytes(&token), &check, cases[i].want);
	}
	assert_refused(bytes_str("a.b"), &check, DENY_TOKEN_MALFORMED);
	signer_done(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_members),
		cmocka_unit_test(test_signers),
		cmocka_unit_test(test_flips),
		cmocka_unit_test(test_signing_key),
		cmocka_unit_test(test_other_tokens),
	};

	return cmocka_run_group_tests_name("attestation ear", tests, NULL, NULL);
}
