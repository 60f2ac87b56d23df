#include "policy.h"
#include "util.h"

#include <base/json.h>

#define INITDATA "aa11"
#define RULE	 "version = 1\n[[rule]]\nresources = [\"default/key/*\"]\nplatforms = [\"vtpm\"]\n"

struct token_spec {
	const char *simulated, *debug; /* JSON values; NULL: absent */
	int executables;
	const char *init_data;
	const char *tee;
};

static struct json *token_of(const struct token_spec *t)
{
	AUTO(buf_done) struct buf b = BUF_INIT(4096);
	struct json *j = NULL;

	buf_printf(&b,
		"{\"submods\":{\"cpu0\":{\"ear.trustworthiness-vector\":{\"executables\":%d},"
		"\"ear.veraison.annotated-evidence\":{\"%s\":{\"pcr14\":\"00\",\"svn\":7",
		t->executables, t->tee ? t->tee : "tpm");
	if (t->simulated)
		buf_printf(&b, ",\"simulated\":%s", t->simulated);
	if (t->debug)
		buf_printf(&b, ",\"debug\":%s", t->debug);
	buf_puts(&b, "}");
	if (t->init_data)
		buf_printf(&b, ",\"init_data\":\"%s\"", t->init_data);
	buf_puts(&b, "}}}}");
	assert_ok(buf_end(&b, "token"));
	assert_ok(json_parse(buf_bytes(&b), &j));
	return j;
}

static struct err evaluate(const char *toml, const struct token_spec *t, const char *path,
	const struct appraisal *appraisal)
{
	AUTO(policy_freep) struct policy *p = NULL;
	AUTO(reference_freep) struct reference_values *refs = NULL;
	AUTO(json_freep) struct json *token = token_of(t);
	struct policy_input in = { .path = path, .token = token, .appraisal = appraisal };

	assert_ok(policy_parse(bytes_str(toml), &p));
	assert_ok(reference_new(&refs));
	assert_ok(reference_import(refs,
		bytes_str(
			"{\"version\":1,\"reference_values\":{\"initdata\":[\"" INITDATA "\"]}}")));
	in.refs = refs;
	return policy_evaluate(p, &in);
}

static const struct token_spec good = {
	.simulated = "false",
	.debug = "false",
	.executables = 3,
	.init_data = INITDATA,
};

static void test_allows(void **state)
{
	struct token_spec simulated = good;

	(void)state;
	simulated.simulated = "true";
	assert_ok(evaluate(RULE, &good, "default/key/app", NULL));
	assert_ok(evaluate(RULE "simulated = true\n", &simulated, "default/key/app", NULL));
	assert_ok(evaluate(RULE "initdata = [\"bb\", \"aa11\"]\n", &good, "default/key/a", NULL));
	assert_ok(evaluate(RULE "claims = { \"tpm.pcr14\" = \"00\", \"tpm.svn\" = \"7\", "
				"\"tpm.debug\" = \"false\" }\n",
		&good, "default/key/a", NULL));
}

struct denied {
	const char *toml;
	struct token_spec token;
	const char *path, *code, *field, *expected, *actual;
};

static void test_denies(void **state)
{
	static const struct denied table[] = {
		{ RULE, { "false", "false", 3, INITDATA, NULL }, "default/cert/app",
			"policy.no-rule", "resource", "a rule for it", "default/cert/app" },
		{ "version = 1\n", { "false", "false", 3, INITDATA, NULL }, "default/key/app",
			"policy.no-rule", "resource", "a rule for it", "default/key/app" },
		{ RULE, { "true", "false", 3, INITDATA, NULL }, "default/key/app",
			"policy.simulated", "simulated", "false", "true" },
		/* a claim that was not made is no promise */
		{ RULE, { NULL, "false", 3, INITDATA, NULL }, "default/key/app", "policy.simulated",
			"simulated", "false", "true" },
		{ RULE, { "false", "true", 3, INITDATA, NULL }, "default/key/app", "policy.debug",
			"debug", "false", "true" },
		{ RULE, { "false", NULL, 3, INITDATA, NULL }, "default/key/app", "policy.debug",
			"debug", "false", "true" },
		{ RULE, { "false", "false", 33, INITDATA, NULL }, "default/key/app",
			"policy.executables", "executables", "a reference value", "33" },
		{ RULE, { "false", "false", 0, INITDATA, NULL }, "default/key/app",
			"policy.executables", "executables", "a reference value", "0" },
		{ RULE, { "false", "false", 3, "cc", NULL }, "default/key/app", "initdata.unknown",
			"init_data", INITDATA, "cc" },
		{ RULE, { "false", "false", 3, NULL, NULL }, "default/key/app", "initdata.unknown",
			"init_data", INITDATA, "none" },
		{ RULE "initdata = [\"dd\"]\n", { "false", "false", 3, INITDATA, NULL },
			"default/key/app", "policy.initdata", "init_data", "dd", INITDATA },
		{ RULE "initdata = []\n", { "false", "false", 3, INITDATA, NULL },
			"default/key/app", "policy.initdata", "init_data", "nothing", INITDATA },
		{ RULE "claims = { \"tpm.pcr14\" = \"01\" }\n",
			{ "false", "false", 3, INITDATA, NULL }, "default/key/app", "policy.claim",
			"tpm.pcr14", "01", "00" },
		{ RULE "claims = { \"tpm.none\" = \"01\" }\n",
			{ "false", "false", 3, INITDATA, NULL }, "default/key/app", "policy.claim",
			"tpm.none", "01", "absent" },
		{ RULE, { "false", "false", 3, INITDATA, "unknown" }, "default/key/app",
			"policy.no-evidence", "token.submods.cpu0", "evidence of a platform",
			"none" },
		{ RULE, { "false", "false", 3, INITDATA, "sample" }, "default/key/app",
			"policy.platform", "platform", "vtpm", "sample" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		const struct denied *d = &table[i];
		assert_err(evaluate(d->toml, &d->token, d->path, NULL), ERR_DENIED);
		assert_non_null(err_denial());
		assert_string_equal(err_denial()->code, d->code);
		assert_string_equal(err_denial()->field, d->field);
		assert_string_equal(err_denial()->expected, d->expected);
		assert_string_equal(err_denial()->actual, d->actual);
	}
}

/* The rule that got furthest explains, and the appraisal's own finding is what it says. */
static void test_explains(void **state)
{
	static const char two[] = "version = 1\n"
				  "[[rule]]\nresources = [\"*/*/*\"]\nplatforms = [\"sample\"]\n"
				  "[[rule]]\nresources = [\"*/*/*\"]\nplatforms = [\"vtpm\"]\n";
	struct appraisal appraisal = {
		.n_findings = 2,
		.findings = { { .code = "initdata.unknown", .field = "init_data" },
			{ .code = "vtpm.cmdline-unknown",
				.field = "cmdline",
				.expected = "e",
				.actual = "a" } },
	};
	struct token_spec bad = good;

	(void)state;
	bad.executables = 33;
	assert_err(evaluate(two, &bad, "default/key/app", &appraisal), ERR_DENIED);
	assert_string_equal(err_denial()->code, "vtpm.cmdline-unknown");
	assert_string_equal(err_denial()->actual, "a");
}

static void test_default_refuses_simulated(void **state)
{
	AUTO(policy_freep) struct policy *p = NULL;
	AUTO(reference_freep) struct reference_values *refs = NULL;
	struct token_spec t = good;
	struct policy_input in = { .path = "default/key/app" };

	(void)state;
	t.simulated = "true";
	AUTO(json_freep) struct json *token = token_of(&t);
	assert_ok(policy_default(&p));
	assert_ok(reference_new(&refs));
	in.token = token;
	in.refs = refs;
	assert_err(policy_evaluate(p, &in), ERR_DENIED);
	assert_string_equal(err_denial()->code, "policy.simulated");
}

static void test_parse_refuses(void **state)
{
	static const struct {
		const char *toml, *says;
	} table[] = {
		{ "", "version" },
		{ "version = 2\n", "version" },
		{ "version = 1\nrules = []\n", "rules" },
		{ "version = 1\n[[rule]]\nplatforms = [\"vtpm\"]\n", "resources" },
		{ "version = 1\n[[rule]]\nresources = [\"a/b/c\"]\n", "platforms" },
		{ "version = 1\n[[rule]]\nresources = [\"a/b\"]\nplatforms = [\"vtpm\"]\n",
			"three segments" },
		{ "version = 1\n[[rule]]\nresources = [\"a/*b/c\"]\nplatforms = [\"vtpm\"]\n",
			"ends a segment" },
		{ "version = 1\n[[rule]]\nresources = [\"a/b/c\"]\nplatforms = [\"pdp11\"]\n",
			"pdp11" },
		{ RULE "executables = \"most\"\n", "executables" },
		{ RULE "initdata = \"some\"\n", "initdata" },
		{ RULE "initdata = [1]\n", "initdata" },
		{ RULE "initdata = 7\n", "initdata" },
		{ RULE "unknown = true\n", "unknown" },
		{ RULE "simulated = \"yes\"\n", "simulated" },
	};
	AUTO(policy_freep) struct policy *p = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		assert_true(failed(policy_parse(bytes_str(table[i].toml), &p)));
		assert_null(p);
		assert_err_text(table[i].says);
	}
}

static struct err parse_one(void *arg, struct bytes in)
{
	AUTO(policy_freep) struct policy *p = NULL;

	(void)arg;
	return policy_parse(in, &p);
}

static void test_survives(void **state)
{
	static const char text[] = RULE "initdata = [\"aa\"]\nclaims = { \"a.b\" = \"c\" }\n";

	(void)state;
	assert_ok(parse_one(NULL, bytes_str(text)));
	each_prefix_survives(bytes_str(text), parse_one, NULL);
	each_flip_survives(bytes_str(text), parse_one, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_allows),
		cmocka_unit_test(test_denies),
		cmocka_unit_test(test_explains),
		cmocka_unit_test(test_default_refuses_simulated),
		cmocka_unit_test(test_parse_refuses),
		cmocka_unit_test(test_survives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
