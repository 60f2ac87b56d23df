/* Annotations written into the text of YAML. */
#include "util.h"

#include <runtime/pod_size.h>
#include <runtime/policy_make.h>

static struct err annotate(const char *yaml, char *const *values, size_t n, struct buf *out)
{
	AUTO(json_freep) struct json *documents = NULL;
	struct err e = pod_yaml_parse(bytes_str(yaml), &documents);

	return failed(e) ? e : policy_annotate(bytes_str(yaml), "x/y", values, n, out);
}

#define C "spec: {containers: [{name: a}]}\n"

static void test_styles(void **state)
{
	(void)state;
	static const struct {
		const char *yaml, *want;
	} rows[] = {
		{ "metadata:\n  name: a # b\n" C,
			"metadata:\n  annotations:\n    x/y: V\n  name: a # b\n" C },
		{ "metadata:\n    annotations:\n        a: b\n    name: a\n" C,
			"metadata:\n    annotations:\n        x/y: V\n        a: b\n    name: "
			"a\n" C },
		{ "metadata:\n  annotations:\n  # none\n    x/y: old\n    b: c\n" C,
			"metadata:\n  annotations:\n  # none\n    x/y: \"V\"\n    b: c\n" C },
		{ "metadata: {annotations: {x/y: 'old'}}\n" C,
			"metadata: {annotations: {x/y: \"V\"}}\n" C },
		{ "metadata: {name: a}\n" C,
			"metadata: {\"annotations\": {\"x/y\": \"V\"}, name: a}\n" C },
		{ "metadata: {}\n" C, "metadata: {\"annotations\": {\"x/y\": \"V\"}}\n" C },
		{ "metadata:\n  annotations: {}\n" C,
			"metadata:\n  annotations: {\"x/y\": \"V\"}\n" C },
		{ C, "metadata:\n  annotations:\n    x/y: V\n" C },
		{ "{\"metadata\":{\"name\":\"a\"},\"spec\":{\"containers\":[{}]}}",
			"{\"metadata\":{\"annotations\": {\"x/y\": \"V\"}, "
			"\"name\":\"a\"},\"spec\":{"
			"\"containers\":[{}]}}" },
		{ "{\"spec\":{\"containers\":[{}]}}", "{\"metadata\": {\"annotations\": {\"x/y\": "
						      "\"V\"}}, \"spec\":{\"containers\":[{}]"
						      "}}" },
		{ "kind: Deployment\nmetadata: {name: a}\nspec:\n  template:\n    spec:\n      "
		  "containers: [{}]\n",
			"kind: Deployment\nmetadata: {name: a}\nspec:\n  template:\n    "
			"metadata:\n      "
			"annotations:\n        x/y: V\n    spec:\n      containers: [{}]\n" },
		{ "# \xc3\xa4\xe2\x82\xac\nkind: List\nitems:\n- spec:\n    containers: [{}]\n  "
		  "metadata:\n    name: \xc3\xa4\n",
			"# \xc3\xa4\xe2\x82\xac\nkind: List\nitems:\n- spec:\n    containers: "
			"[{}]\n  "
			"metadata:\n    annotations:\n      x/y: V\n    name: \xc3\xa4\n" },
		{ "kind: List\nitems:\n- spec:\n    containers: [{}]\n",
			"kind: List\nitems:\n- metadata:\n    annotations:\n      x/y: V\n  "
			"spec:\n    "
			"containers: [{}]\n" },
		{ "a: b\r\n---\r\nmetadata:\r\n  name: a\r\n" C,
			"a: b\r\n---\r\nmetadata:\r\n  annotations:\n    x/y: V\n  name: a\r\n" C },
		{ "metadata: &m\n  name: a\n" C,
			"metadata: &m\n  annotations:\n    x/y: V\n  name: a\n" C },
		{ "kind: Service\n", "kind: Service\n" },
	};
	char *value = (char *)(uintptr_t) "V";

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO(buf_done) struct buf out = BUF_INIT(POLICY_MANIFEST_MAX);

		print_message("  row %zu\n", i);
		assert_ok(annotate(rows[i].yaml, &value, 1, &out));
		assert_string_equal(buf_cstr(&out), rows[i].want);
	}
}

static void test_several(void **state)
{
	(void)state;
	char *const values[] = { (char *)(uintptr_t) "A", NULL, (char *)(uintptr_t) "B" };
	AUTO(buf_done) struct buf out = BUF_INIT(POLICY_MANIFEST_MAX);

	assert_ok(annotate("metadata:\n  name: a\n" C "---\nkind: X\n---\nmetadata:\n  name: b\n" C
			   "---\nmetadata:\n  name: c\n" C "...\n",
		values, 3, &out));
	assert_string_equal(buf_cstr(&out),
		"metadata:\n  annotations:\n    x/y: A\n  name: a\n" C
		"---\nkind: X\n---\nmetadata:\n  name: b\n" C
		"---\nmetadata:\n  annotations:\n    x/y: B\n  name: c\n" C "...\n");
}

static void test_refused(void **state)
{
	(void)state;
	static const struct {
		const char *yaml, *text;
	} rows[] = {
		{ "m: &m {name: a}\nmetadata: *m\n" C,
			NULL }, /* in the pod itself: it may be written to */
		{ "metadata:\n" C, "line 1: metadata or annotations of the pod are empty" },
		{ "metadata:\n  annotations:\n  name: a\n" C, "line 2" },
		{ "metadata:\n  annotations:\n    x/y: |\n      old\n" C, "line 3" },
		{ "metadata:\n  annotations:\n    x/y:\n" C, "line" },
		{ "metadata:\n  annotations:\n    x/y: [a]\n" C, "line 3" },
		{ "kind: Deployment\nmetadata: &m {name: a}\nspec: {template: {metadata: *m, spec: "
		  "{containers: [{}]}}}\n",
			"alias" },
	};
	char *value = (char *)(uintptr_t) "V";

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO(buf_done) struct buf out = BUF_INIT(POLICY_MANIFEST_MAX);

		print_message("  row %zu\n", i);
		if (!rows[i].text) {
			assert_ok(annotate(rows[i].yaml, &value, 1, &out));
			continue;
		}
		assert_err(annotate(rows[i].yaml, &value, 1, &out), ERR_UNSUPPORTED);
		assert_err_text(rows[i].text);
	}
	AUTO(buf_done) struct buf out = BUF_INIT(POLICY_MANIFEST_MAX);
	assert_err(annotate(C "---\n" C, &value, 1, &out), ERR_STATE);
}

static struct err survive(void *arg, struct bytes in)
{
	AUTO(auto_free) char *text = NULL;
	AUTO(buf_done) struct buf out = BUF_INIT(POLICY_MANIFEST_MAX);
	char *const values[] = { (char *)(uintptr_t) "A", (char *)(uintptr_t) "B" };

	(void)arg;
	TRY(bytes_to_str(in, &text));
	return annotate(text, values, 2, &out);
}

static void test_survives(void **state)
{
	(void)state;
	static const char yaml[] =
		"metadata: &m\n  annotations: {\"x/y\": 'old'}\n" C
		"---\nkind: List\nitems:\n- metadata:\n    annotations:\n      x/y: old\n  " C;

	each_prefix_survives(bytes_str(yaml), survive, NULL);
	each_flip_survives(bytes_str(yaml), survive, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_styles),
		cmocka_unit_test(test_several),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_survives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
