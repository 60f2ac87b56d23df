#include "util.h"

#include <image-rs/policy.h>

#define HEX64  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define SIGNED "{\"type\":\"sigstoreSigned\",\"keyPath\":\"/k\""

static const char scopes[] =
	"{\"default\":[{\"type\":\"reject\"}],\"transports\":{\"dir\":{\"\":[]},\"docker\":{"
	"\"r.io/a/b:tag\":[{\"type\":\"sigstoreSigned\",\"keyPath\":\"tag\"}],"
	"\"r.io/a/b@sha256:" HEX64 "\":[{\"type\":\"sigstoreSigned\",\"keyPath\":\"digest\"}],"
	"\"r.io/a/b\":[{\"type\":\"sigstoreSigned\",\"keyPath\":\"repository\"}],"
	"\"r.io/a\":[{\"type\":\"sigstoreSigned\",\"keyPath\":\"parent\"}],"
	"\"r.io\":[{\"type\":\"sigstoreSigned\",\"keyPath\":\"registry\"}],"
	"\"*.example.com\":[{\"type\":\"sigstoreSigned\",\"keyPath\":\"wildcard\"}],"
	"\"docker.io\":[{\"type\":\"insecureAcceptAnything\"}]}}}";

static const char with_empty_scope[] =
	"{\"default\":[{\"type\":\"reject\"}],\"transports\":{\"docker\":{\"\":"
	"[{\"type\":\"sigstoreSigned\",\"keyPath\":\"empty\"}]}}}";

static void check_scope(const char *policy, const char *image, const char *want)
{
	AUTO(img_reference_done) struct img_reference r = { 0 };
	AUTO(img_policy_freep) struct img_policy *p = NULL;
	struct img_rules rules;

	print_message("%s\n", image);
	assert_ok(img_policy_parse(bytes_str(policy), &p));
	assert_ok(img_reference_parse(image, &r));
	assert_ok(img_policy_select(p, &r, &rules));
	assert_int_equal(rules.n, 1);
	if (rules.v[0].type == IMG_RULE_SIGSTORE_SIGNED)
		assert_string_equal(rules.v[0].key_path, want);
	else
		assert_string_equal(rules.v[0].type == IMG_RULE_REJECT ? "reject" : "accept", want);
}

static void test_scopes(void **state)
{
	(void)state;

	check_scope(scopes, "r.io/a/b:tag", "tag");
	check_scope(scopes, "r.io/a/b@sha256:" HEX64, "digest");
	check_scope(scopes, "r.io/a/b:other", "repository");
	check_scope(scopes, "r.io/a/bc", "parent");
	check_scope(scopes, "r.io/a/b/c", "repository");
	check_scope(scopes, "r.io/ab", "registry");
	check_scope(scopes, "r.io:5000/a", "reject");
	check_scope(scopes, "x.y.example.com:443/a", "wildcard");
	check_scope(scopes, "example.com/a", "reject");
	check_scope(scopes, "notexample.com/a", "reject");
	check_scope(scopes, "busybox", "accept");
	check_scope(with_empty_scope, "r.io/x", "empty");
}

static RESULT parse(void *arg, struct bytes in)
{
	AUTO(img_policy_freep) struct img_policy *p = NULL;

	(void)arg;
	return img_policy_parse(in, &p);
}

#define DOCKER(rule)                                                                               \
	"{\"default\":[{\"type\":\"reject\"}],\"transports\":{\"docker\":{\"x\":[" rule "]}}}"

static void test_bad(void **state)
{
	static const struct {
		const char *text;
		enum err_code code;
		const char *error;
	} cases[] = {
		{ "[]", ERR_FORMAT, "no object" },
		{ "{}", ERR_FORMAT, "scope \"default\"" },
		{ "{\"default\":[]}", ERR_FORMAT, "scope \"default\"" },
		{ "{\"default\":[{\"type\":\"reject\"}],\"defaults\":[]}", ERR_FORMAT,
			"unknown member defaults" },
		{ "{\"default\":[{\"type\":\"reject\"}],\"transports\":{\"docker\":{\"x\":[]}}}",
			ERR_FORMAT, "scope \"x\"" },
		{ "{\"default\":[{\"type\":\"reject\"}],\"transports\":[]}", ERR_FORMAT,
			"transports" },
		{ "{\"default\":[{\"type\":\"reject\"}],\"transports\":{\"docker\":1}}", ERR_FORMAT,
			"docker is no object" },
		{ DOCKER("{\"type\":\"acceptAnything\"}"), ERR_UNSUPPORTED, "acceptAnything" },
		{ DOCKER("{\"type\":\"reject\",\"keyPath\":\"/k\"}"), ERR_FORMAT,
			"no other members" },
		{ DOCKER("{\"type\":\"sigstoreSigned\"}"), ERR_FORMAT, "exactly one" },
		{ DOCKER(SIGNED ",\"keyData\":\"x\"}"), ERR_FORMAT, "exactly one" },
		{ DOCKER(SIGNED ",\"keyType\":\"GPGKeys\"}"), ERR_FORMAT, "keyType" },
		{ DOCKER(SIGNED ",\"rekorPublicKeyPath\":\"x\"}"), ERR_FORMAT,
			"rekorPublicKeyPath" },
		{ DOCKER("{\"type\":\"signedBy\",\"keyPath\":\"/k\"}"), ERR_FORMAT, "keyType" },
		{ DOCKER(SIGNED ",\"signedIdentity\":{\"type\":\"any\"}}"), ERR_UNSUPPORTED,
			"signedIdentity type any" },
		{ DOCKER(SIGNED ",\"signedIdentity\":{\"type\":\"exactReference\"}}"), ERR_FORMAT,
			"wrong members" },
		{ DOCKER(SIGNED
			  ",\"signedIdentity\":{\"type\":\"remapIdentity\",\"prefix\":\"a\"}}"),
			ERR_FORMAT, "wrong members" },
		{ DOCKER(SIGNED ",\"signedIdentity\":{\"type\":\"matchExact\",\"prefix\":\"a\"}}"),
			ERR_FORMAT, "wrong members" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		print_message("%s\n", cases[i].text);
		assert_err(parse(NULL, bytes_str(cases[i].text)), cases[i].code);
		assert_err_text("image policy");
		assert_err_text(cases[i].error);
	}
	each_prefix(bytes_str(scopes), parse, NULL);
	each_flip_survives(bytes_str(scopes), parse, NULL);
}

static void test_identity(void **state)
{
	const struct {
		struct img_identity identity;
		const char *image, *is_signed;
		bool ok;
	} cases[] = {
		{ { .type = IMG_MATCH_EXACT }, "r.io/a:1", "r.io/a:1", true },
		{ { .type = IMG_MATCH_EXACT }, "r.io/a:1", "r.io/a:2", false },
		{ { .type = IMG_MATCH_EXACT }, "r.io/a:1@sha256:" HEX64, "r.io/a:1", false },
		{ { .type = IMG_MATCH_REPO_DIGEST_OR_EXACT }, "r.io/a:1", "r.io/a:2", false },
		{ { .type = IMG_MATCH_REPO_DIGEST_OR_EXACT }, "r.io/a@sha256:" HEX64, "r.io/a:2",
			true },
		{ { .type = IMG_MATCH_REPO_DIGEST_OR_EXACT }, "r.io/a@sha256:" HEX64, "r.io/b:2",
			false },
		{ { .type = IMG_MATCH_REPOSITORY }, "r.io/a:1", "r.io/a", true },
		{ { .type = IMG_MATCH_REPOSITORY }, "r.io/a:1", "s.io/a", false },
		{ { .type = IMG_MATCH_REPOSITORY }, "r.io/a:1", "not a reference", false },
		{ { IMG_EXACT_REFERENCE, (char[]){ "s.io/x:3" }, NULL }, "r.io/a:1", "s.io/x:3",
			true },
		{ { IMG_EXACT_REFERENCE, (char[]){ "s.io/x:3" }, NULL }, "s.io/x:4", "s.io/x:4",
			false },
		{ { IMG_EXACT_REPOSITORY, (char[]){ "s.io/x" }, NULL }, "r.io/a:1", "s.io/x:9",
			true },
		{ { IMG_EXACT_REPOSITORY, (char[]){ "s.io/x" }, NULL }, "r.io/a:1", "r.io/a:1",
			false },
		{ { IMG_REMAP_IDENTITY, (char[]){ "mirror.io/m" }, (char[]){ "r.io" } },
			"mirror.io/m/a:1", "r.io/a:1", true },
		{ { IMG_REMAP_IDENTITY, (char[]){ "mirror.io/m" }, (char[]){ "r.io" } },
			"mirror.io/m/a:1", "mirror.io/m/a:1", false },
		{ { IMG_REMAP_IDENTITY, (char[]){ "mirror.io/m" }, (char[]){ "r.io" } },
			"mirror.io/mother/a:1", "mirror.io/mother/a:1", true },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(img_reference_done) struct img_reference r = { 0 };
		print_message("%zu: %s %s\n", i, cases[i].image, cases[i].is_signed);
		assert_ok(img_reference_parse(cases[i].image, &r));
		struct err e = img_identity_check(&cases[i].identity, &r, cases[i].is_signed);
		assert_int_equal(failed(e), !cases[i].ok);
		if (!cases[i].ok)
			assert_string_equal(err_denial()->code, "image.signature-identity");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scopes),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_identity),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
