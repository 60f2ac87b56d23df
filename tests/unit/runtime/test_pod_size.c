/* What a pod's YAML says of its machine. */
#include "util.h"

#include <runtime/pod_size.h>
#include <runtime/vm.h>

static void test_quantities(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		uint64_t milli;
	} good[] = {
		{ "0", 0 },
		{ "1", 1000 },
		{ "500m", 500 },
		{ "1.5", 1500 },
		{ ".5", 500 },
		{ "2.", 2000 },
		{ "0.0001", 1 }, /* rounded up */
		{ "2e3", 2000000 },
		{ "1E2", 100000 },
		{ "1k", 1000000 },
		{ "1Ki", 1024000 },
		{ "1.5Gi", UINT64_C(1610612736) * 1000 },
		{ "512Mi", UINT64_C(536870912) * 1000 },
		{ "100M", UINT64_C(100000000) * 1000 },
		{ "3T", UINT64_C(3000000000000) * 1000 },
		{ "1Pi", (UINT64_C(1) << 50) * 1000 },
	};
	static const char *const bad[] = { "", ".", "m", "-1", "+1", "1.2.3", "1 ", " 1", "1mi",
		"1K", "0x10", "1e", "1e-3", "1e99", "1Gib", "1234567890123456" };
	uint64_t v = 0;

	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_ok(pod_quantity(good[i].text, "cpu", &v));
		assert_int_equal(v, good[i].milli);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_err(pod_quantity(bad[i], "cpu", &v), ERR_FORMAT);
	assert_err_text("cpu: ");
	assert_err(pod_quantity("99999Pi", "memory", &v), ERR_LIMIT);
}

static RESULT size_of(const char *yaml, struct pod_size *ret)
{
	AUTO(json_freep) struct json *documents = NULL;
	struct err e = pod_yaml_parse(bytes_str(yaml), &documents);

	if (failed(e))
		return e;
	e = pod_size_of(documents, NULL, ret);
	ret->initdata = NULL; /* of the tree */
	return e;
}

#define POD(spec)	    "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n" spec
#define LIMITS(cpu, memory) "{resources: {limits: {cpu: " cpu ", memory: " memory "}}}"

static void test_sizes(void **state)
{
	(void)state;
	/* Kata: vCPUs are 0.4 + the whole limit, at least 1, rounded up; 128 MiB + an even number
	 * of whole MiB. */
	static const struct {
		const char *yaml;
		uint64_t vcpus, memory_mib;
	} rows[] = {
		{ POD(" containers: [{name: a}]"), 1, 2048 },
		{ POD(" containers: [" LIMITS("1", "512Mi") "]"), 2, 640 },
		{ POD(" containers: [" LIMITS("500m", "511Mi") "]"), 2, 640 },
		{ POD(" containers: [" LIMITS("1500m", "1Gi") "]"), 3, 1152 },
		{ POD(" containers: [{resources: {limits: {cpu: 2}}}]"), 3, 2048 },
		{ POD(" containers: [{resources: {limits: {memory: 300M}}}]"), 1, 128 + 286 },
		{ POD(" containers: [" LIMITS("1", "1Gi") ", " LIMITS("1", "1Gi") "]"), 3, 2176 },
		/* What initialises alone counts if it is more; sidecars stay. */
		{ POD(" containers: [" LIMITS("1", "1Gi") "]\n initContainers: [" LIMITS(
			  "4", "512Mi") "]"),
			5, 1152 },
		{ POD(" containers: [" LIMITS(
			  "1", "1Gi") "]\n"
				      " initContainers:\n"
				      " - restartPolicy: Always\n"
				      "   resources: {limits: {cpu: 1, memory: 1Gi}}\n"
				      " - " LIMITS("2", "3Gi")),
			4, 128 + 4096 },
		/* Limits of the pod take the place of the sum. */
		{ POD(" resources: {limits: {cpu: 8}}\n containers: [" LIMITS("1", "1Gi") "]"), 9,
			1152 },
		{ "kind: Deployment\nspec:\n template:\n  metadata:\n   annotations:\n"
		  "    io.katacontainers.config.hypervisor.default_vcpus: \"4\"\n"
		  "    io.katacontainers.config.hypervisor.default_memory: \"4096\"\n"
		  "  spec:\n   containers: [{name: a}]\n",
			4, 4096 },
		{ "kind: ConfigMap\ndata: {}\n---\nkind: CronJob\nspec:\n jobTemplate:\n  spec:\n"
		  "   template:\n    spec:\n     containers: [" LIMITS("1", "2Mi") "]\n---\n",
			2, VM_MEMORY_MIB_MIN },
		{ "{\"spec\": {\"containers\": [" LIMITS("\"1\"", "\"2Mi\"") "]}}", 2,
			VM_MEMORY_MIB_MIN },
	};
	struct pod_size s = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		print_message("  row %zu\n", i);
		assert_ok(size_of(rows[i].yaml, &s));
		assert_int_equal(s.vcpus, rows[i].vcpus);
		assert_int_equal(s.memory_mib, rows[i].memory_mib);
	}
}

/* As a handler's configuration has it. */
static void test_sizing(void **state)
{
	static const struct pod_sizing sizing = {
		.vcpus = 2,
		.memory_mib = 4096,
		.overhead_vcpus_milli = 0,
		.overhead_memory_mib = 64,
	};
	AUTO(json_freep) struct json *none = NULL;
	AUTO(json_freep) struct json *limited = NULL;
	struct pod_size s = { 0 };

	(void)state;
	assert_ok(pod_yaml_parse(bytes_str(POD(" containers: [{name: a}]")), &none));
	assert_ok(pod_size_of(none, &sizing, &s));
	assert_int_equal(s.vcpus, 2);
	assert_int_equal(s.memory_mib, 4096);
	assert_ok(pod_yaml_parse(
		bytes_str(POD(" containers: [" LIMITS("1", "512Mi") "]")), &limited));
	assert_ok(pod_size_of(limited, &sizing, &s));
	assert_int_equal(s.vcpus, 1);
	assert_int_equal(s.memory_mib, 576);
}

static void test_initdata(void **state)
{
	(void)state;
	AUTO(json_freep) struct json *documents = NULL;
	struct pod_size s = { 0 };

	assert_ok(pod_yaml_parse(
		bytes_str("metadata:\n annotations:\n"
			  "  io.katacontainers.config.hypervisor.cc_init_data: H4sI=\n"
			  "spec: {containers: [{}]}\n"),
		&documents));
	assert_ok(pod_size_of(documents, NULL, &s));
	assert_string_equal(s.initdata, "H4sI=");
}

static void test_refused(void **state)
{
	(void)state;
	static const struct {
		const char *yaml;
		enum err_code code;
		const char *text;
	} rows[] = {
		{ "", ERR_NOT_FOUND, "no pod" },
		{ "kind: Pod", ERR_NOT_FOUND, "no pod" },
		{ "- spec", ERR_NOT_FOUND, "no pod" },
		{ POD(" containers: []"), ERR_FORMAT, "no containers" },
		{ POD(" containers: [{}]\n---\n") POD(" containers: [{}]"), ERR_USAGE, "several" },
		{ POD(" containers: [{}]\n containers: [{}]"), ERR_FORMAT, "twice" },
		{ POD(" containers: [&a {x: *a}]"), ERR_LIMIT, "line 5: nested too deeply" },
		{ "kind: Pod\nx: {<<: 1}", ERR_FORMAT, "line 2: what is merged" },
		{ "a: !!binary aGk=", ERR_UNSUPPORTED, "line 1" },
		{ "[*a]", ERR_FORMAT, "line 1" },
		{ POD(" containers: [" LIMITS("one", "1") "]"), ERR_FORMAT, "'one'" },
		{ POD(" containers: [" LIMITS("[1]", "1") "]"), ERR_FORMAT, "cpu" },
		{ "a: [1\nb", ERR_FORMAT, "line" },
		{ "\ta: 1", ERR_FORMAT, "line 1" },
		{ "? [a]\n: b", ERR_UNSUPPORTED, "line 1" },
		{ "? {a: b}\n: b", ERR_UNSUPPORTED, "line 1" },
		{ "a: \"\\0\"", ERR_FORMAT, "NUL" },
		{ "kind: Pod\na: [[[[[[[[[[[[[[1]]]]]]]]]]]]]]", ERR_LIMIT, "deeply" },
		{ "a: \"\xff\"", ERR_FORMAT, "line" },
	};
	struct pod_size s = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		print_message("  row %zu\n", i);
		assert_err(size_of(rows[i].yaml, &s), rows[i].code);
		assert_err_text(rows[i].text);
	}
}

static RESULT parse(void *arg, struct bytes in)
{
	AUTO(json_freep) struct json *documents = NULL;
	struct pod_size s = { 0 };

	(void)arg;
	TRY(pod_yaml_parse(in, &documents));
	return pod_size_of(documents, NULL, &s);
}

static void test_survives(void **state)
{
	(void)state;
	static const char yaml[] =
		POD(" containers:\n - name: a\n   resources:\n    limits: {cpu: 1, "
		    "memory: 1Gi}\n   command: ['sh', \"-c\", |\n    text\n   ]\n");

	each_prefix_survives(bytes_str(yaml), parse, NULL);
	each_flip_survives(bytes_str(yaml), parse, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quantities),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_sizing),
		cmocka_unit_test(test_initdata),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_survives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
