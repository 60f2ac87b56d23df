/* sealpod policy import: manifests from Kata's genpolicy. */
#include "policy.h"

#include <base/file.h>
#include <runtime/policy_import.h>

struct import_options {
	const char *pod, *output;
};

static const struct cli_option import_table[] = {
	{ .name = "pod",
		.kind = CLI_STRING,
		.offset = offsetof(struct import_options, pod),
		.value = "NAME",
		.help = "which pod, if FILE is YAML with several" },
	{ .name = "output",
		.letter = 'o',
		.kind = CLI_STRING,
		.offset = offsetof(struct import_options, output),
		.value = "FILE",
		.help = "where the manifest is written (standard output)" },
	{ 0 },
};

/* The Rego itself, or what carries it. */
static RESULT read_rego(const char *path, const char *pod, struct buf *rego)
{
	struct bytes json;

	TRY(file_read(path, rego));
	if (!failed(policy_data_find(buf_bytes(rego), &json)))
		return OK;
	buf_clear(rego);
	return policy_load(path, pod, "policy.rego", rego);
}

static RESULT import(const void *options, const struct cli_args *args, int *ret_exit)
{
	const struct import_options *o = options;
	AUTO(buf_done) struct buf rego = BUF_INIT(POLICY_OUT_MAX);
	AUTO(buf_done) struct buf manifest = BUF_INIT(POLICY_MANIFEST_MAX);
	AUTO(strv_done) struct strv notes = { 0 };
	struct err e;

	(void)ret_exit;
	TRY(read_rego(args->v[0], o->pod, &rego));
	e = policy_import(buf_bytes(&rego), &manifest, &notes);
	if (failed(e))
		return err_add(e, "%s", args->v[0]);
	for (size_t i = 0; i < notes.n; i++)
		(void)fprintf(stderr, "note: %s\n", notes.v[i]);
	if (o->output)
		return file_write_atomic(o->output, buf_bytes(&manifest), 0644);
	return fd_write_all(STDOUT_FILENO, buf_bytes(&manifest));
}

const struct cli_command cmd_policy_import = {
	.name = "import",
	.summary = "a manifest from a policy of Kata's genpolicy",
	.operands = "FILE",
	.min_operands = 1,
	.max_operands = 1,
	.options = import_table,
	.options_size = sizeof(struct import_options),
	.run = import,
	.notes = "FILE is the Rego with its policy_data, initdata that has it as policy.rego, or "
		 "YAML "
		 "with the\nannotation. What cannot be carried over is printed as notes.",
};
