/* YAML of pods: what is made of it must be a manifest, and annotations must come out as they went
 * in. */
#include <policy/manifest.h>
#include <runtime/pod_size.h>
#include <runtime/policy_make.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct err find_image(void *arg, const char *reference, struct policy_image *ret)
{
	(void)arg;
	TRY(str_dup(reference, &ret->reference));
	ret->known = true;
	return image_config_parse(
		bytes_str("{\"config\":{\"Entrypoint\":[\"/e\"],\"Volumes\":{\"/v\":{}}}}"),
		&ret->config);
}

static void make(const struct json *documents)
{
	const struct policy_options o = {
		.image = find_image, .objects = &documents, .n_objects = 1, .free_references = true
	};
	struct policy_workload w;
	size_t at = 0;

	while (policy_workload_next(documents, &at, &w)) {
		AUTO(buf_done) struct buf manifest = BUF_INIT(POLICY_MANIFEST_MAX);
		AUTO(manifest_done) struct manifest m = { 0 };
		AUTO(strv_done) struct strv notes = { 0 };

		if (!failed(policy_make(&o, &w, &manifest, &notes)) &&
			failed(manifest_parse(buf_bytes(&manifest), &m)))
			__builtin_trap();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(json_freep) struct json *documents = NULL;
	AUTO(buf_done) struct buf out = BUF_INIT(POLICY_MANIFEST_MAX * 8);
	char value[] = "V", *values[] = { value, value, value, value };

	if (failed(pod_yaml_parse(bytes_of(data, size), &documents)))
		return 0;
	make(documents);
	err_ignore(policy_annotate(
		bytes_of(data, size), "x/y", values, sizeof(values) / sizeof(values[0]), &out));
	return 0;
}
