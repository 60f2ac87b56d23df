#include "image_list.h"

static const struct {
	const char *word;
	unsigned words;
} kinds[] = {
	[IMAGE_DIR] = { "dir", 2 },
	[IMAGE_LINK] = { "link", 2 },
	[IMAGE_NODE] = { "node", 5 },
	[IMAGE_FILE] = { "file", 3 },
	[IMAGE_LIBDIR] = { "libdir", 1 },
	[IMAGE_PROGRAM] = { "program", 2 },
	[IMAGE_LIBRARY] = { "library", 1 },
	[IMAGE_MODULE] = { "module", 2 },
};

static void line_done(struct image_line *l)
{
	for (size_t i = 0; i < ARRAY_LEN(l->words); i++)
		free(l->words[i]);
	*l = (struct image_line){ 0 };
}

void image_list_done(struct image_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		line_done(&l->v[i]);
	free(l->v);
	*l = (struct image_list){ 0 };
}

RESULT image_mode_parse(const char *word, unsigned *ret_mode)
{
	size_t digits = strspn(word, "01234567");

	if (digits == 0 || digits > 5 || word[digits])
		return err_new(ERR_FORMAT, "'%s' is not an octal mode", word);
	unsigned long mode = strtoul(word, NULL, 8);
	if (mode > 07777)
		return err_new(ERR_FORMAT, "mode %s is too large", word);
	*ret_mode = (unsigned)mode;
	return OK;
}

/* "@bin@/x" with the variable's value in place of its name. */
static RESULT expand(const char *word, const struct json_map *variables, char **ret)
{
	AUTO(auto_free) char *name = NULL;
	const char *start = strchr(word, '@');
	const char *end = start ? strchr(start + 1, '@') : NULL;

	if (!start)
		return str_dup(word, ret);
	if (!end)
		return err_new(ERR_FORMAT, "'%s': '@' without an end", word);
	TRY(str_format(&name, "%.*s", (int)(end - start - 1), start + 1));
	const char *value = json_map_get(variables, name);
	if (!value)
		return err_new(ERR_NOT_FOUND, "variable @%s@ is not set", name);
	return str_format(ret, "%.*s%s%s", (int)(start - word), word, value, end + 1);
}

static RESULT parse_line(char *text, const struct json_map *variables, struct image_line *ret)
{
	AUTO(line_done) struct image_line l = { 0 };
	char *rest = NULL;
	char *first = strtok_r(text, " \t", &rest);
	size_t kind = 0;
	unsigned n = 0;

	while (kind < ARRAY_LEN(kinds) && !str_equal(kinds[kind].word, first))
		kind++;
	if (kind == ARRAY_LEN(kinds))
		return err_new(ERR_FORMAT, "'%s' is not a kind of entry", first);
	l.kind = (enum image_kind)kind;
	for (char *word = strtok_r(NULL, " \t", &rest); word; word = strtok_r(NULL, " \t", &rest)) {
		if (n >= kinds[kind].words)
			return err_new(ERR_FORMAT, "more than %u words after '%s'",
				kinds[kind].words, first);
		TRY(expand(word, variables, &l.words[n++]));
	}
	if (n < kinds[kind].words)
		return err_new(ERR_FORMAT, "'%s' wants %u words", first, kinds[kind].words);
	*ret = l;
	l = (struct image_line){ 0 };
	return OK;
}

static RESULT append(struct image_list *list, struct image_line *take)
{
	if (list->n >= IMAGE_LINES_MAX)
		return err_new(ERR_LIMIT, "more than %d entries", IMAGE_LINES_MAX);
	struct image_line *v = realloc(list->v, (list->n + 1) * sizeof(struct image_line));
	if (!v)
		return err_new(ERR_NOMEM, "out of memory");
	list->v = v;
	list->v[list->n++] = *take;
	*take = (struct image_line){ 0 };
	return OK;
}

static RESULT add_line(char *text, const struct json_map *variables, const char *name,
	unsigned number, struct image_list *list)
{
	AUTO(line_done) struct image_line l = { 0 };

	text[strcspn(text, "#")] = '\0';
	if (text[strspn(text, " \t")] == '\0')
		return OK;
	TRY(parse_line(text, variables, &l));
	l.list = name;
	l.number = number;
	return append(list, &l);
}

RESULT image_list_parse(struct bytes text, const char *name, const struct json_map *variables,
	struct image_list *list)
{
	AUTO(auto_free) char *copy = NULL;
	unsigned number = 1;

	TRY(bytes_to_str(text, &copy));
	for (char *line = copy; line; number++) {
		char *end = strchr(line, '\n');
		if (end)
			*end = '\0';
		struct err e = add_line(line, variables, name, number, list);
		if (failed(e))
			return err_add(e, "%s:%u", name, number);
		line = end ? end + 1 : NULL;
	}
	return OK;
}
