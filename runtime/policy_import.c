#include "runtime/policy_import.h"

#include "policy_import.h"
#include "policy_pretty.h"
#include "policy_regex.h"
#include "runtime/policy_make.h"

#include <policy/manifest.h>

/* ---- the data in the text ---- */

/* The end of a JSON object, by its braces. */
static RESULT object_end(struct bytes text, size_t from, size_t *ret_end)
{
	bool string = false;
	size_t depth = 0;

	for (size_t i = from; i < text.n; i++) {
		uint8_t c = text.p[i];

		if (string && c == '\\')
			i++;
		else if (c == '"')
			string = !string;
		else if (!string && c == '{')
			depth++;
		else if (!string && c == '}' && --depth == 0) {
			*ret_end = i + 1;
			return OK;
		}
	}
	return err_new(ERR_FORMAT, "policy_data: no end");
}

RESULT policy_data_find(struct bytes rego, struct bytes *ret_json)
{
	static const char word[] = "policy_data";
	size_t end = 0;

	for (size_t i = 0; i + sizeof(word) < rego.n; i++) {
		size_t at = i + sizeof(word) - 1;

		if ((i > 0 && rego.p[i - 1] != '\n') ||
			bytes_compare(bytes_of(rego.p + i, sizeof(word) - 1), bytes_str(word)) != 0)
			continue;
		while (at < rego.n && strchr(" \t\r\n:=", rego.p[at]) && rego.p[at])
			at++;
		if (at == rego.n || rego.p[at] != '{')
			continue;
		TRY(object_end(rego, at, &end));
		*ret_json = bytes_of(rego.p + at, end - at);
		return OK;
	}
	return err_new(ERR_NOT_FOUND, "no policy_data := {...}: not a policy of genpolicy");
}

/* ---- names that stand for values of the cluster ---- */

/* The pod's own name and namespace, where the policy has them: a text, or an expression where the
 * name is generated. */
static RESULT set_from_annotation(struct import *im, const char *name)
{
	const struct json *first = json_at(json_get(im->data, "containers"), 0);
	AUTO(auto_free) char *key = NULL;
	AUTO(auto_free) char *regex = NULL;
	AUTO(auto_free) char *rule = NULL;
	const char *text;

	TRY(str_format(&key, "io.kubernetes.cri.%s", name));
	text = json_string(json_get(json_pointer(first, "/OCI/Annotations"), key));
	if (!text || !text[0] || strstr(text, "$("))
		return OK;
	if (text[0] != '^') {
		TRY(policy_rule_of(text, &rule));
		return policy_vars_set(&im->values, name, rule);
	}
	if (failed(policy_regex(text, &im->patterns, &regex)))
		return OK; /* any name, as set before */
	TRY(str_format(&rule, "~%s", regex));
	return policy_vars_set(&im->values, name, rule);
}

static RESULT set_vars(struct import *im)
{
	static const char *const fixed[][2] = {
		{ "sandbox-name", "~[-a-z0-9.]+" },
		{ "sandbox-namespace", "~[-a-z0-9.]+" },
		{ "node-name", "~[-a-z0-9.]+" },
		{ "host-name", "~[-a-z0-9.]+" },
		{ "pod-uid", "~[-0-9a-fA-F]+" },
		{ "pod-ip", "~[0-9a-fA-F.:]+" },
		{ "host-ip", "~[0-9a-fA-F.:]+" },
		{ "resource-field", "~[0-9]+" },
		{ "todo-annotation", "~.*" },
	};
	const struct json *common = json_get(im->data, "common");

	for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
		TRY(policy_vars_set(&im->values, fixed[i][0], fixed[i][1]));
	for (size_t i = 0; i < json_members(common); i++)
		if (json_string(json_at(common, i)))
			TRY(policy_vars_set(&im->patterns, json_name_at(common, i),
				json_string(json_at(common, i))));
	TRY(set_from_annotation(im, "sandbox-name"));
	return set_from_annotation(im, "sandbox-namespace");
}

RESULT import_note(struct import *im, const char *fmt, ...)
{
	char text[1024];
	va_list args;

	if (im->notes->n == IMPORT_NOTES_MAX)
		return err_new(ERR_LIMIT, "more than %d notes", IMPORT_NOTES_MAX);
	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	for (size_t i = 0; i < im->notes->n; i++)
		if (str_equal(im->notes->v[i], text))
			return OK;
	return strv_add(im->notes, text);
}

/* ---- requests ---- */

static bool is_on(const struct import *im, const char *request)
{
	bool on = false;

	return json_bool(json_get(json_get(im->data, "request_defaults"), request), &on) && on;
}

static void put_allow(const struct import *im, struct json_writer *w)
{
	jw_key(w, "allow");
	jw_array(w);
	if (is_on(im, "ReadStreamRequest"))
		jw_str(w, "logs");
	jw_str(w, "signal");
	jw_str(w, "stats");
	if (is_on(im, "WriteStreamRequest"))
		jw_str(w, "stdin");
	if (is_on(im, "GetDiagnosticDataRequest"))
		jw_str(w, "diagnostics");
	jw_array_end(w);
}

static RESULT note_requests(struct import *im)
{
	const struct json *exec =
		json_pointer(im->data, "/request_defaults/ExecProcessRequest/regex");

	for (size_t i = 0; i < json_count(exec); i++)
		TRY(import_note(im,
			"ExecProcessRequest.regex %s: expressions over a joined command line are "
			"not "
			"carried over; list commands under `exec`",
			json_string(json_at(exec, i)) ? json_string(json_at(exec, i)) : "?"));
	if (is_on(im, "UpdateEphemeralMountsRequest"))
		TRY(import_note(im, "UpdateEphemeralMountsRequest: not carried over"));
	TRY(import_unknown_data(im));
	return import_note(im,
		"start order: Kata's policies know none; add `completed` and `after` "
		"where init containers or sidecars come first");
}

/* ---- the pod ---- */

static bool is_sandbox(const struct json *container)
{
	const struct json *all = json_pointer(container, "/OCI/Annotations");
	const char *cri = json_string(json_get(all, "io.kubernetes.cri.container-type"));
	const char *kata = json_string(json_get(all, "io.katacontainers.pkg.oci.container_type"));

	return (cri && str_equal(cri, "sandbox")) || (kata && str_equal(kata, "pod_sandbox"));
}

static RESULT put_sysctls(const struct import *im, struct json_writer *w)
{
	const struct json *all = json_get(im->data, "containers");
	AUTO(policy_vars_done) struct json_map sysctls = { 0 };

	for (size_t i = 0; i < json_count(all); i++) {
		const struct json *own = json_pointer(json_at(all, i), "/OCI/Linux/Sysctl");

		for (size_t k = 0; k < json_members(own); k++)
			if (json_string(json_at(own, k)))
				TRY(policy_vars_set(&sysctls, json_name_at(own, k),
					json_string(json_at(own, k))));
	}
	if (sysctls.n == 0)
		return OK;
	jw_key(w, "sysctls");
	jw_object(w);
	for (size_t i = 0; i < sysctls.n; i++)
		jw_kstr(w, sysctls.v[i].name, sysctls.v[i].value);
	jw_object_end(w);
	return OK;
}

static bool shares_processes(const struct import *im)
{
	const struct json *all = json_get(im->data, "containers");
	bool shared = false;

	for (size_t i = 0; i < json_count(all) && !shared; i++)
		if (!is_sandbox(json_at(all, i)))
			(void)json_bool(json_get(json_at(all, i), "sandbox_pidns"), &shared);
	return shared;
}

static RESULT write_manifest(struct import *im, struct buf *text)
{
	const struct json *all = json_get(im->data, "containers");
	struct json_writer w = jw_of(text);

	if (json_type(all) != JSON_ARRAY)
		return err_new(ERR_FORMAT, "policy_data: no containers");
	jw_object(&w);
	jw_ku64(&w, "version", MANIFEST_VERSION);
	jw_key(&w, "containers");
	jw_array(&w);
	for (size_t i = 0; i < json_count(all); i++)
		if (!is_sandbox(json_at(all, i)))
			TRY(import_container(im, json_at(all, i), i, &w));
	jw_array_end(&w);
	put_allow(im, &w);
	if (shares_processes(im))
		jw_kbool(&w, "shared_pid", true);
	TRY(put_sysctls(im, &w));
	jw_object_end(&w);
	return buf_end(text, "pod manifest");
}

static void import_done(struct import *im)
{
	policy_vars_done(&im->values);
	policy_vars_done(&im->patterns);
}

RESULT policy_import(struct bytes rego, struct buf *manifest, struct strv *notes)
{
	AUTO(import_done) struct import im = { .notes = notes };
	AUTO(json_freep) struct json *data = NULL;
	AUTO(json_freep) struct json *tree = NULL;
	AUTO(buf_done) struct buf text = BUF_INIT(POLICY_MANIFEST_MAX);
	AUTO(manifest_done) struct manifest parsed = { 0 };
	struct bytes json;
	struct err e;

	TRY(policy_data_find(rego, &json));
	if (failed(e = json_parse(json, &data)))
		return err_add(e, "policy_data");
	im.data = data;
	TRY(set_vars(&im));
	TRY(write_manifest(&im, &text));
	TRY(note_requests(&im));
	TRY(json_parse(buf_bytes(&text), &tree));
	policy_pretty(tree, manifest);
	TRY(buf_end(manifest, "pod manifest"));
	return manifest_parse(buf_bytes(manifest), &parsed);
}
