#include "policy_regex.h"

#include <regex.h>

enum {
	REGEX_MAX = 4096,
	DEPTH_MAX = 8
};

/* Classes of RE2 that POSIX writes otherwise. */
static const struct {
	char letter;
	const char *outside, *inside; /* of brackets */
} classes[] = {
	{ 'd', "[0-9]", "0-9" },
	{ 'w', "[0-9A-Za-z_]", "0-9A-Za-z_" },
	{ 's', "[ \t\n\f\r]", " \t\n\f\r" },
};

struct translation {
	const struct json_map *vars;
	struct buf out;
	bool bracket, dash; /* within one, which shall end with a dash */
	unsigned depth;
};

static RESULT translate(struct translation *t, const char *re2);

static bool is_word(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* In brackets of POSIX a backslash is itself, and a dash stands at their end. */
static RESULT escape_in_bracket(struct translation *t, char c)
{
	if (c == ']' || c == '^')
		return err_new(ERR_UNSUPPORTED, "[\\%c]", c);
	if (c == '-')
		t->dash = true;
	else
		buf_u8(&t->out, c);
	return OK;
}

/* After a backslash. */
static RESULT escape(struct translation *t, char c)
{
	for (size_t i = 0; i < ARRAY_LEN(classes); i++)
		if (classes[i].letter == c) {
			buf_puts(&t->out, t->bracket ? classes[i].inside : classes[i].outside);
			return OK;
		}
	/* Both libraries have the edge of a word. */
	if (c == '\0' || (is_word(c) && (c != 'b' || t->bracket)))
		return err_new(ERR_UNSUPPORTED, "\\%c", c ? c : ' ');
	if (t->bracket)
		return escape_in_bracket(t, c);
	buf_printf(&t->out, "\\%c", c);
	return OK;
}

static RESULT variable(struct translation *t, const char *at, const char **ret_end)
{
	AUTO(auto_free) char *name = NULL;
	const char *end = strchr(at, ')'), *value;
	struct err e;

	if (!end)
		return err_new(ERR_UNSUPPORTED, "$(");
	TRY(bytes_to_str(bytes_of(at + 2, (size_t)(end - at) - 2), &name));
	value = json_map_get(t->vars, name);
	if (!value || t->depth == DEPTH_MAX)
		return err_new(ERR_UNSUPPORTED, "$(%s)", name);
	t->depth++;
	buf_puts(&t->out, "(");
	e = translate(t, value);
	buf_puts(&t->out, ")");
	t->depth--;
	*ret_end = end;
	return e;
}

/* One piece at *at, which moves to its last character. */
static RESULT piece(struct translation *t, const char **at)
{
	const char *p = *at;

	if (*p == '\\') {
		++*at;
		return escape(t, p[1]);
	}
	if (t->bracket) {
		t->bracket = *p != ']';
		if (!t->bracket && t->dash)
			buf_puts(&t->out, "-");
		t->dash = t->dash && t->bracket;
		buf_u8(&t->out, *p);
		return OK;
	}
	if (p[0] == '$' && p[1] == '(')
		return variable(t, p, at);
	if (str_starts(p, "(?:")) {
		*at += 2;
		buf_puts(&t->out, "(");
		return OK;
	}
	if (str_starts(p, "(?") || str_starts(p, "*?") || str_starts(p, "+?") ||
		str_starts(p, "??"))
		return err_new(ERR_UNSUPPORTED, "%.2s", p);
	t->bracket = *p == '[';
	/* Anchors stand at the ends, and manifests have them. */
	if (*p != '^' && *p != '$')
		buf_u8(&t->out, *p);
	return OK;
}

static RESULT translate(struct translation *t, const char *re2)
{
	for (const char *p = re2; *p; p++)
		TRY(piece(t, &p));
	return OK;
}

static void translation_done(struct translation *t)
{
	buf_done(&t->out);
}

RESULT policy_regex(const char *re2, const struct json_map *vars, char **ret_regex)
{
	AUTO(translation_done)
	struct translation t = { .vars = vars, .out = BUF_INIT(REGEX_MAX) };
	size_t n = strlen(re2);
	regex_t regex;
	const char *text;

	/* Without anchors anything may stand around it. */
	if (n > 0 && re2[0] != '^')
		buf_puts(&t.out, ".*");
	TRY(translate(&t, re2));
	if (n > 0 && (re2[n - 1] != '$' || (n > 1 && re2[n - 2] == '\\')))
		buf_puts(&t.out, ".*");
	text = buf_cstr(&t.out);
	TRY(buf_end(&t.out, "expression"));
	if (regcomp(&regex, text, REG_EXTENDED | REG_NOSUB) != 0)
		return err_new(ERR_UNSUPPORTED, "not an expression");
	regfree(&regex);
	return str_dup(text, ret_regex);
}
