/* sealpod policy diff and explain. */
#include "policy.h"

#include <base/file.h>
#include <runtime/policy_explain.h>

enum {
	EXIT_DIFFERENT = 1,
	SHOWN_MAX = 400 /* characters of one value for people */
};

struct show_options {
	const char *pod;
};

static const struct cli_option show_table[] = {
	{ .name = "pod",
		.kind = CLI_STRING,
		.offset = offsetof(struct show_options, pod),
		.value = "NAME",
		.help = "which pod, if FILE is YAML with several" },
	{ 0 },
};

static RESULT print(struct buf *out)
{
	TRY(buf_end(out, "output"));
	return fd_write_all(STDOUT_FILENO, buf_bytes(out));
}

/* ---- diff ---- */

static void put_text(const char *text, struct buf *out)
{
	if (!text)
		buf_puts(out, "(none)");
	else if (strlen(text) > SHOWN_MAX)
		buf_printf(out, "%.*s...", SHOWN_MAX, text);
	else
		buf_puts(out, text);
}

static void changes_text(const struct policy_changes *c, struct buf *out)
{
	for (size_t i = 0; i < c->n; i++) {
		const struct policy_change *v = &c->v[i];

		buf_printf(out, "%c %s: ", !v->before ? '+' : v->after ? '!' : '-', v->field);
		if (v->before)
			put_text(v->before, out);
		buf_puts(out, v->before && v->after ? " -> " : "");
		if (v->after)
			put_text(v->after, out);
		buf_puts(out, "\n");
	}
	if (c->n == 0)
		buf_puts(out, "no difference\n");
}

static void put_member(struct json_writer *w, const char *name, const char *value)
{
	jw_key(w, name);
	if (value)
		jw_str(w, value);
	else
		jw_null(w);
}

static void changes_json(const struct policy_changes *c, struct buf *out)
{
	struct json_writer w = jw_of(out);

	jw_array(&w);
	for (size_t i = 0; i < c->n; i++) {
		jw_object(&w);
		jw_kstr(&w, "field", c->v[i].field);
		put_member(&w, "before", c->v[i].before);
		put_member(&w, "after", c->v[i].after);
		jw_object_end(&w);
	}
	jw_array_end(&w);
	buf_puts(out, "\n");
}

static RESULT diff(const void *options, const struct cli_args *args, int *ret_exit)
{
	const struct show_options *o = options;
	AUTO(manifest_done) struct manifest before = { 0 };
	AUTO(manifest_done) struct manifest after = { 0 };
	AUTO(policy_changes_done) struct policy_changes changes = { 0 };
	AUTO(buf_done) struct buf text = BUF_INIT(POLICY_MANIFEST_MAX);
	AUTO(buf_done) struct buf out = BUF_INIT(POLICY_OUT_MAX);

	TRY(policy_load_manifest(args->v[0], o->pod, &text, &before));
	buf_clear(&text);
	TRY(policy_load_manifest(args->v[1], o->pod, &text, &after));
	TRY(policy_diff(before.tree, after.tree, &changes));
	if (args->json)
		changes_json(&changes, &out);
	else
		changes_text(&changes, &out);
	*ret_exit = changes.n > 0 ? EXIT_DIFFERENT : 0;
	return print(&out);
}

const struct cli_command cmd_policy_diff = {
	.name = "diff",
	.summary = "what changed between two manifests",
	.operands = "OLD NEW",
	.min_operands = 2,
	.max_operands = 2,
	.options = show_table,
	.options_size = sizeof(struct show_options),
	.run = diff,
	.notes = "OLD and NEW are manifests, initdata in any form, or YAML with the annotation.\n\n"
		 "Exit status: 0 no difference, 1 differences, 2 usage or system error, 3 "
		 "malformed.",
};

/* ---- explain ---- */

static RESULT explain_code(const struct policy_hint *h, bool json, struct buf *out)
{
	struct json_writer w = jw_of(out);

	if (json) {
		jw_object(&w);
		jw_kstr(&w, "code", h->code);
		jw_kstr(&w, "meaning", h->meaning);
		jw_kstr(&w, "advice", h->advice);
		jw_object_end(&w);
		buf_puts(out, "\n");
	} else {
		buf_printf(out, "%s\n  %s\n  %s\n", h->code, h->meaning, h->advice);
	}
	return print(out);
}

static RESULT explain(const void *options, const struct cli_args *args, int *ret_exit)
{
	const struct show_options *o = options; /* none from `sealpod explain CODE` */
	const struct policy_hint *hint = policy_hint_find(args->v[0]);
	AUTO(manifest_done) struct manifest m = { 0 };
	AUTO(buf_done) struct buf text = BUF_INIT(POLICY_MANIFEST_MAX);
	AUTO(buf_done) struct buf out = BUF_INIT(POLICY_OUT_MAX);

	(void)ret_exit;
	if (hint)
		return explain_code(hint, args->json, &out);
	TRY(policy_load_manifest(args->v[0], o->pod, &text, &m));
	if (args->json) {
		json_print(m.tree, &out);
		buf_puts(&out, "\n");
	} else {
		policy_explain(&m, &out);
	}
	return print(&out);
}

const struct cli_command cmd_policy_explain = {
	.name = "explain",
	.summary = "a manifest or the code of a refusal in plain words",
	.operands = "FILE|CODE",
	.min_operands = 1,
	.max_operands = 1,
	.options = show_table,
	.options_size = sizeof(struct show_options),
	.run = explain,
	.notes = "FILE is a manifest, initdata in any form, or YAML with the annotation; CODE is "
		 "that of a refusal, such as manifest.argv.",
};
