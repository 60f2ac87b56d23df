#include "cca.h"
#include "int_bytes.h"
#include "platforms.h"

#include <stdio.h>

#include <base/encode.h>
#include <crypto/jose.h>

/* The profile fixes what the claims mean, so another one is refused instead of guessed at. The RMM
 * of the first profile writes no claim for the realm's. */
static const struct profiles {
	const char *platform, *realm; /* realm NULL: its token has no profile claim */
} profiles[] = {
	{ "http://arm.com/CCA-SSD/1.0.0", NULL },
	{ "tag:arm.com,2023:cca_platform#1.0.0", "tag:arm.com,2023:realm#1.0.0" },
};

static bool text_is(struct bytes b, const char *s)
{
	return bytes_equal(b, bytes_str(s));
}

static void text_shown(struct bytes b, char to[static DENIAL_VALUE_MAX])
{
	(void)snprintf(to, DENIAL_VALUE_MAX, "%.*s", (int)b.n, (const char *)b.p);
}

static void check_profile(const struct cca_token *t, struct checks *checks)
{
	char shown[DENIAL_VALUE_MAX];
	bool platform = false, realm = t->realm.profile.n == 0;

	for (size_t i = 0; i < ARRAY_LEN(profiles); i++) {
		if (text_is(t->platform.profile, profiles[i].platform))
			platform = true;
		if (profiles[i].realm && text_is(t->realm.profile, profiles[i].realm))
			realm = true;
	}
	text_shown(t->platform.profile, shown);
	(void)check_that(checks, platform, DENY_CCA_PROFILE, "platform token: profile is known",
		NULL, shown);
	text_shown(t->realm.profile, shown);
	(void)check_that(checks, realm, DENY_CCA_PROFILE, "realm token: profile is known", NULL,
		t->realm.profile.n > 0 ? shown : "none, as in the first profile");
}

/* ---- the realm's key, and the platform that vouches for it ---- */
/* What makes the realm token the platform's word: whoever has the key that signs realm tokens would
 * else sign any. */
static struct err check_binding(const struct cca_token *t, struct checks *checks)
{
	static const char what[] = "platform token: challenge is the hash of the realm's key";
	static const struct {
		const char *name;
		enum digest_alg alg;
	} algs[] = {
		{ "sha-256", DIGEST_SHA256 },
		{ "sha-384", DIGEST_SHA384 },
		{ "sha-512", DIGEST_SHA512 },
	};
	char shown[DENIAL_VALUE_MAX];
	struct digest_value d;

	for (size_t i = 0; i < ARRAY_LEN(algs); i++) {
		if (!text_is(t->realm.rak_hash_alg, algs[i].name))
			continue;
		TRY(digest(algs[i].alg, t->realm.rak, &d));
		(void)check_bytes(
			checks, DENY_CCA_BINDING, what, digest_bytes(&d), t->platform.challenge);
		return OK;
	}
	text_shown(t->realm.rak_hash_alg, shown);
	check_fail(checks, DENY_CCA_BINDING, what, "sha-256, sha-384 or sha-512", shown);
	return OK;
}

static struct err realm_signature(const struct cca_token *t)
{
	AUTO(key_freep) struct key *rak = NULL;

	TRY(cose_key_parse(t->realm.rak, "realm token: public key", &rak));
	return cose_sign1_verify(&t->realm_sign1, rak);
}

/* A PEM or DER public key, or a JWK, as the operator gives them. */
static struct err parse_platform_key(struct bytes file, struct key **ret_key)
{
	AUTO(json_freep) struct json *j = NULL;

	if (!failed(key_parse_public(file, ret_key)))
		return OK;
	TRY(json_parse(file, &j));
	return jwk_parse(j, ret_key);
}

/* Which of several keys it is, is found out by trying: tokens do not name it. */
static bool signed_by(const struct cca_token *t, const struct key *key)
{
	return !failed(cose_sign1_verify(&t->platform_sign1, key));
}

static bool signed_by_file(const struct cca_token *t, struct bytes file)
{
	AUTO(key_freep) struct key *key = NULL;

	return !failed(parse_platform_key(file, &key)) && signed_by(t, key);
}

static bool signed_by_any(const struct cca_token *t, const struct x509_list *certs)
{
	for (size_t i = 0; i < certs->n; i++) {
		AUTO(key_freep) struct key *key = NULL;

		if (!failed(x509_public_key(certs->v[i], &key)) && signed_by(t, key))
			return true;
	}
	return false;
}

/*
 * Arm publishes no root: the platform's key (CPAK) is one that the operator was told by the
 * machine's maker. Keys among the collateral came from anywhere and are no such key.
 */
static bool check_platform_signature(
	const struct cca_token *t, const struct tee_anchors *anchors, struct checks *checks)
{
	static const char what[] = "platform token: signed by a trusted platform key (CPAK)";
	size_t n = 0;

	if (anchors) {
		for (size_t i = 0; i < anchors->n_vendor_other; i++)
			if (signed_by_file(t, anchors->vendor_other[i])) {
				check_pass(checks, what, cose_alg_name(t->platform_sign1.alg));
				return false;
			}
		if (signed_by_any(t, &anchors->vendor)) {
			check_pass(checks, what, cose_alg_name(t->platform_sign1.alg));
			return false;
		}
		if (signed_by_any(t, &anchors->software)) {
			check_pass(checks, what, "a simulated platform's");
			return true;
		}
		n = anchors->n_vendor_other + anchors->vendor.n + anchors->software.n;
	}
	if (n == 0)
		check_fail(checks, DENY_CCA_PLATFORM_KEY, what,
			"a platform key as anchor: no root is built in", "none given");
	else
		check_fail(checks, DENY_CCA_SIGNATURE, what, NULL, "none of the keys given fits");
	return false;
}

/* Debug of the platform's own software or of others' shows the memory of realms. */
static void check_lifecycle(
	const struct cca_token *t, const struct tee_policy *policy, struct checks *checks)
{
	static const char what[] = "platform lifecycle";
	uint64_t lifecycle = t->platform.lifecycle;
	char shown[64];

	(void)snprintf(shown, sizeof(shown), "0x%04llx: %s", (unsigned long long)lifecycle,
		cca_lifecycle_name(lifecycle));
	if (cca_lifecycle_is_debug(lifecycle))
		(void)check_that(checks, policy->allow_debug, DENY_DEBUG, what, "secured", shown);
	else
		(void)check_that(checks, cca_lifecycle_is_secured(lifecycle), DENY_CCA_LIFECYCLE,
			what, "secured", shown);
}

static void check_values(
	const struct tee_verify_input *in, const struct cca_token *t, struct checks *checks)
{
	check_report_data(in, checks, "report_data", t->realm.challenge);
	/* Not fitted: a realm's personalization value is all 64 bytes of a SHA-512. */
	(void)check_bytes_if_given(checks, DENY_INITDATA_MISMATCH,
		"initdata: personalization value", in->initdata_digest, t->realm.personalization);
	(void)check_bytes_if_given(checks, DENY_MEASUREMENT, "realm initial measurement (RIM)",
		tee_policy_of(in)->measurement, t->realm.rim);
}

/* ---- the row ---- */
static struct err token_bytes(const struct tee_verify_input *in, struct buf *out)
{
	if (!in->evidence) {
		buf_put(out, in->raw);
		return buf_end(out, "CCA token");
	}
	return int_bytes(json_get(in->evidence, "token"), "CCA evidence: token", out);
}

static struct err verify(
	const struct tee_verify_input *in, struct checks *checks, struct claims *ret_claims)
{
	AUTO(buf_done) struct buf bytes = BUF_INIT(CCA_TOKEN_MAX);
	AUTO(claims_done) struct claims c = { 0 };
	struct cca_token t;

	TRY(token_bytes(in, &bytes));
	TRY(cca_token_parse(buf_bytes(&bytes), &t));
	check_profile(&t, checks);
	(void)check_result(checks, realm_signature(&t), DENY_CCA_SIGNATURE,
		"realm token: signed by the realm's key");
	TRY(check_binding(&t, checks));
	bool simulated = check_platform_signature(&t, in->anchors, checks);
	check_lifecycle(&t, tee_policy_of(in), checks);
	check_values(in, &t, checks);
	TRY(checks_end(checks));

	bool debug = cca_lifecycle_is_debug(t.platform.lifecycle);
	cca_claims(&t, &c);
	claims_flag(&c, "cca", "simulated", simulated);
	claims_flag(&c, "cca", "debug", debug);
	claims_hex(&c, "report_data", t.realm.challenge);
	claims_hex(&c, "init_data", t.realm.personalization);
	return claims_take(&c, ret_claims);
}

static bool recognise(const struct tee_verify_input *in)
{
	if (!in->evidence)
		return cca_is_token(in->raw);
	return json_count(json_get(in->evidence, "token")) > 0;
}

static const struct tee_verify_ops cca_verify_ops = {
	.verify = verify,
	.recognise = recognise,
};

const struct tee tee_cca = {
	.platform = "cca",
	.kbs_name = "cca",
	.verify = &cca_verify_ops,
};
