/* A manifest in whatever carries it: itself, initdata in its three forms, YAML with the annotation.
 */
#include "policy.h"

#include <base/file.h>
#include <measured-boot/initdata.h>
#include <runtime/pod_size.h>

static RESULT from_toml(struct bytes toml, const char *entry, struct buf *text)
{
	AUTO(initdata_done) struct initdata d = { 0 };
	const char *value;

	TRY(initdata_parse(toml, &d));
	value = json_map_get(&d.data, entry);
	if (!value)
		return err_new(ERR_NOT_FOUND, "initdata has no %s", entry);
	buf_puts(text, value);
	return buf_end(text, entry);
}

static RESULT from_carrier(struct bytes in, const char *entry, struct buf *text)
{
	AUTO(buf_done) struct buf toml = BUF_INIT(INITDATA_MAX);

	TRY(initdata_any_parse(in, &toml));
	return from_toml(buf_bytes(&toml), entry, text);
}

static bool is_pod(const struct policy_workload *w, const char *pod)
{
	return !pod || (w->name && str_equal(w->name, pod));
}

static RESULT from_yaml(struct bytes in, const char *pod, const char *entry, struct buf *text)
{
	AUTO(json_freep) struct json *documents = NULL;
	const char *annotation = NULL;
	struct policy_workload w;
	size_t at = 0, n = 0;

	TRY(pod_yaml_parse(in, &documents));
	while (policy_workload_next(documents, &at, &w)) {
		const struct json *all = json_pointer(w.pod, "/metadata/annotations");
		const char *value = json_string(json_get(all, POD_ANNOTATION "cc_init_data"));

		if (!value || !is_pod(&w, pod))
			continue;
		annotation = value;
		n++;
	}
	if (n == 0)
		return err_new(ERR_NOT_FOUND, "no pod with the annotation cc_init_data%s%s",
			pod ? " is called " : "", pod ? pod : "");
	if (n > 1)
		return err_new(ERR_USAGE, "several pods: name one with --pod");
	return from_carrier(bytes_str(annotation), entry, text);
}

static bool is_manifest(struct bytes in)
{
	AUTO(json_freep) struct json *j = NULL;

	return !failed(json_parse(in, &j)) && json_get(j, "containers") && json_get(j, "version");
}

static RESULT load(struct bytes in, const char *pod, const char *entry, struct buf *text)
{
	struct err e;

	if (is_manifest(in)) {
		buf_put(text, in);
		return buf_end(text, "manifest");
	}
	e = from_carrier(in, entry, text);
	if (!failed(e) || e.code == ERR_NOT_FOUND)
		return e;
	buf_clear(text);
	return from_yaml(in, pod, entry, text);
}

RESULT policy_load(const char *path, const char *pod, const char *entry, struct buf *text)
{
	AUTO(buf_done) struct buf in = BUF_INIT(POLICY_OUT_MAX);
	struct err e = file_read(path, &in);

	if (!failed(e))
		e = load(buf_bytes(&in), pod, entry, text);
	return failed(e) ? err_add(e, "%s", path) : OK;
}

RESULT policy_load_manifest(
	const char *path, const char *pod, struct buf *text, struct manifest *ret_manifest)
{
	struct err e;

	TRY(policy_load(path, pod, INITDATA_MANIFEST, text));
	e = manifest_parse(buf_bytes(text), ret_manifest);
	return failed(e) ? err_add(e, "%s", path) : OK;
}
