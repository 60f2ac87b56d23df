/*
 * Pods as people write them, and the manifests they get: policy/NAME.yaml and NAME.json. After a
 * change that is meant: sealpod policy make --format manifest --image-pull none NAME.yaml -o
 * NAME.json
 */
#include "util.h"

#include <base/file.h>
#include <runtime/pod_size.h>
#include <runtime/policy_explain.h>
#include <runtime/policy_make.h>

static const char *const names[] = { "configmap", "cronjob", "daemonset", "downward", "hardened",
	"job", "list", "mesh", "nginx", "probes", "statefulset" };

static void load(const char *name, const char *suffix, struct buf *text)
{
	AUTO(auto_free) char *path = NULL;

	assert_ok(str_format(&path, "%s/tests/unit/runtime/policy/%s.%s", getenv("SEALPOD_SOURCE"),
		name, suffix));
	assert_ok(file_read(path, text));
}

static struct err no_image(void *arg, const char *reference, struct policy_image *ret)
{
	(void)arg;
	return str_dup(reference, &ret->reference);
}

static void print_changes(const char *name, struct bytes have, struct bytes want)
{
	AUTO(json_freep) struct json *a = NULL;
	AUTO(json_freep) struct json *b = NULL;
	AUTO(policy_changes_done) struct policy_changes c = { 0 };

	assert_ok(json_parse(want, &a));
	assert_ok(json_parse(have, &b));
	assert_ok(policy_diff(a, b, &c));
	for (size_t i = 0; i < c.n; i++)
		print_message("%s: %s: %s -> %s\n", name, c.v[i].field,
			c.v[i].before ? c.v[i].before : "(none)",
			c.v[i].after ? c.v[i].after : "(none)");
}

static void test_manifests(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		AUTO(buf_done) struct buf yaml = BUF_INIT(POD_YAML_MAX);
		AUTO(buf_done) struct buf want = BUF_INIT(POLICY_MANIFEST_MAX);
		AUTO(buf_done) struct buf have = BUF_INIT(POLICY_MANIFEST_MAX);
		AUTO(json_freep) struct json *documents = NULL;
		AUTO(strv_done) struct strv notes = { 0 };
		struct policy_workload w;
		size_t at = 0;

		load(names[i], "yaml", &yaml);
		load(names[i], "json", &want);
		assert_ok(pod_yaml_parse(buf_bytes(&yaml), &documents));
		assert_true(policy_workload_next(documents, &at, &w));
		const struct json *objects[] = { documents };
		const struct policy_options o = {
			.image = no_image, .objects = objects, .n_objects = 1
		};
		assert_ok(policy_make(&o, &w, &have, &notes));
		if (!str_equal(buf_cstr(&have), buf_cstr(&want))) {
			print_changes(names[i], buf_bytes(&have), buf_bytes(&want));
			fail_msg("%s.yaml makes another manifest than %s.json", names[i], names[i]);
		}
		assert_false(policy_workload_next(documents, &at, &w));
	}
}

/* Whatever the style, the annotation gets in and nothing else changes but by lines added. */
static void test_annotations(void **state)
{
	(void)state;
	char *value = (char *)(uintptr_t) "H4sI";

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		AUTO(buf_done) struct buf yaml = BUF_INIT(POD_YAML_MAX);
		AUTO(buf_done) struct buf once = BUF_INIT(POD_YAML_MAX * 2);
		AUTO(buf_done) struct buf twice = BUF_INIT(POD_YAML_MAX * 2);
		AUTO(json_freep) struct json *documents = NULL;

		print_message("  %s\n", names[i]);
		load(names[i], "yaml", &yaml);
		assert_ok(pod_yaml_parse(buf_bytes(&yaml), &documents));
		assert_ok(policy_annotate(buf_bytes(&yaml), "x/y", &value, 1, &once));
		assert_true(once.n > yaml.n && once.n < yaml.n + 200);
		assert_ok(policy_annotate(buf_bytes(&once), "x/y", &value, 1, &twice));
		assert_true(twice.n <= once.n + 2); /* the value may get quotes */
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_manifests),
		cmocka_unit_test(test_annotations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
