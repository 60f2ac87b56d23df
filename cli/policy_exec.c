#include "policy.h"

enum {
	EXECS_MAX = 64,
	ARGUMENTS_MAX = 64,
	NAME_MAX_LENGTH = 63 /* of a container, RFC 1123 label */
};

/* "app=ls -l": a container's name stands before the first '='. */
static size_t name_length(const char *text)
{
	size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-");

	return n > 0 && n <= NAME_MAX_LENGTH && text[n] == '=' ? n : 0;
}

static RESULT split_words(const char *text, struct strv *argv)
{
	while (*text) {
		AUTO(auto_free) char *word = NULL;
		size_t n = strcspn(text, " \t");

		if (n > 0) {
			TRY(bytes_to_str(bytes_of(text, n), &word));
			TRY(strv_add(argv, word));
		}
		text += n + (text[n] != '\0');
	}
	return OK;
}

/* As JSON, for arguments with spaces. */
static RESULT split_json(const char *text, struct strv *argv)
{
	AUTO(json_freep) struct json *list = NULL;

	TRY(json_parse(bytes_str(text), &list));
	for (size_t i = 0; i < json_count(list); i++) {
		if (!json_string(json_at(list, i)))
			return err_new(ERR_USAGE, "argument %zu is no text", i);
		TRY(strv_add(argv, json_string(json_at(list, i))));
	}
	return OK;
}

static RESULT parse(const char *text, struct policy_exec *x)
{
	size_t n = name_length(text);
	const char *command = n > 0 ? text + n + 1 : text;
	AUTO(auto_free) char *name = NULL;

	if (n > 0)
		TRY(bytes_to_str(bytes_of(text, n), &name));
	TRY(command[0] == '[' ? split_json(command, &x->argv) : split_words(command, &x->argv));
	if (x->argv.n == 0 || x->argv.n > ARGUMENTS_MAX)
		return err_new(ERR_USAGE, "no command, or more than %d arguments", ARGUMENTS_MAX);
	x->container = TAKE(name);
	return OK;
}

RESULT policy_execs_parse(const struct strv *texts, struct policy_execs *ret)
{
	AUTO(policy_execs_done) struct policy_execs x = { 0 };

	if (texts->n > EXECS_MAX)
		return err_new(ERR_LIMIT, "more than %d --allow-exec", EXECS_MAX);
	x.v = calloc(texts->n + 1, sizeof(*x.v));
	if (!x.v)
		return err_new(ERR_NOMEM, "commands");
	for (size_t i = 0; i < texts->n; i++) {
		struct err e;

		x.n = i + 1;
		e = parse(texts->v[i], &x.v[i]);
		if (failed(e))
			return err_add(e, "--allow-exec %s", texts->v[i]);
	}
	*ret = x;
	x = (struct policy_execs){ 0 };
	return OK;
}

void policy_execs_done(struct policy_execs *x)
{
	for (size_t i = 0; i < x->n; i++) {
		free((char *)(uintptr_t)x->v[i].container);
		strv_done(&x->v[i].argv);
	}
	free(x->v);
	*x = (struct policy_execs){ 0 };
}
