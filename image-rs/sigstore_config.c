#include "sigstore_config.h"

#include <stdlib.h>

enum {
	DEPTH_MAX = 3
};

/* The map that a line stands in: its key at each level, by indentation. */
struct path {
	size_t indent[DEPTH_MAX];
	char *key[DEPTH_MAX];
	size_t depth;
};

static void path_cut(struct path *p, size_t depth)
{
	while (p->depth > depth) {
		p->depth--;
		free(TAKE(p->key[p->depth]));
	}
}

static void path_done(struct path *p)
{
	path_cut(p, 0);
}

void sigstore_config_done(struct sigstore_config *c)
{
	for (size_t i = 0; i < c->n; i++) {
		free(c->v[i].namespace);
		free(c->v[i].url);
	}
	c->n = 0;
}

/* Cuts a comment: '#' at the start or after a blank, outside quotes. */
static void cut_comment(char *line)
{
	char quote = '\0';

	for (char *p = line; *p; p++) {
		if (quote) {
			if (*p == quote)
				quote = '\0';
			continue;
		}
		if (*p == '"' || *p == '\'')
			quote = *p;
		if (*p == '#' && (p == line || p[-1] == ' '))
			*p = '\0';
		if (*p == '\0')
			return;
	}
}

static char *trim(char *s)
{
	size_t n = strlen(s);

	while (n > 0 && strchr(" \r\t", s[n - 1]))
		s[--n] = '\0';
	return s + strspn(s, " ");
}

static RESULT unquote(char *s, char **ret)
{
	size_t n = strlen(s);

	if (n >= 2 && (s[0] == '"' || s[0] == '\'') && s[n - 1] == s[0]) {
		s[n - 1] = '\0';
		s++;
	}
	if (strpbrk(s, "\"'\\") || strchr("[{&*!|>%@`", s[0] ? s[0] : 'x'))
		return err_new(ERR_UNSUPPORTED, "value %.60s", s);
	return str_dup(s, ret);
}

/* "key: value" or "key:"; the key may hold colons (ports) but none followed by a blank. */
static RESULT split_line(char *line, char **ret_key, char **ret_value)
{
	char *colon = strstr(line, ": ");
	size_t n = strlen(line);

	if (!colon && n > 0 && line[n - 1] == ':')
		colon = line + n - 1;
	if (!colon)
		return err_new(ERR_FORMAT, "no \"key: value\": %.60s", line);
	bool has_value = colon[1] != '\0';
	*colon = '\0';
	AUTO(auto_free) char *key = NULL;
	TRY(unquote(trim(line), &key));
	if (has_value)
		TRY(unquote(trim(colon + 1), ret_value));
	*ret_key = TAKE(key);
	return OK;
}

static bool is_url_key(const char *key)
{
	return str_equal(key, "sigstore") || str_equal(key, "lookaside");
}

static RESULT add_entry(struct sigstore_config *c, const char *namespace, char **url)
{
	for (size_t i = 0; i < c->n; i++)
		if (namespace ? c->v[i].namespace && str_equal(c->v[i].namespace, namespace)
			      : !c->v[i].namespace)
			return err_new(ERR_FORMAT, "two entries for %s",
				namespace ? namespace : "default-docker");
	if (c->n == SIGSTORE_NAMESPACES_MAX)
		return err_new(ERR_LIMIT, "more than %d namespaces", SIGSTORE_NAMESPACES_MAX);
	if (!str_starts(*url, "file://") && !str_starts(*url, "https://"))
		return err_new(ERR_UNSUPPORTED, "%.100s: neither file:// nor https://", *url);
	struct sigstore_entry *e = &c->v[c->n++];
	*e = (struct sigstore_entry){ .url = TAKE(*url) };
	return namespace ? str_dup(namespace, &e->namespace) : OK;
}

static RESULT take_value(struct sigstore_config *c, const struct path *p, char **value)
{
	const char *key = p->key[p->depth - 1];

	if (!is_url_key(key))
		return OK;
	if (p->depth == 2 && str_equal(p->key[0], "default-docker"))
		return add_entry(c, NULL, value);
	if (p->depth == 3 && str_equal(p->key[0], "docker"))
		return add_entry(c, p->key[1], value);
	return err_new(ERR_FORMAT, "%s outside docker and default-docker", key);
}

static RESULT take_line(struct sigstore_config *c, struct path *p, char *line)
{
	AUTO(auto_free) char *key = NULL;
	AUTO(auto_free) char *value = NULL;

	cut_comment(line);
	size_t indent = strspn(line, " ");
	if (line[indent] == '\t')
		return err_new(ERR_FORMAT, "indented with a tab");
	line = trim(line);
	if (line[0] == '\0' || str_equal(line, "---") || str_equal(line, "{}"))
		return OK;
	TRY(split_line(line, &key, &value));
	size_t depth = 0;
	while (depth < p->depth && p->indent[depth] < indent)
		depth++;
	path_cut(p, depth);
	if (depth == DEPTH_MAX)
		return err_new(ERR_FORMAT, "nested too deeply");
	p->indent[depth] = indent;
	p->key[depth] = TAKE(key);
	p->depth = depth + 1;
	return value && value[0] ? take_value(c, p, &value) : OK;
}

RESULT sigstore_config_parse(struct bytes text, struct sigstore_config *ret)
{
	AUTO(sigstore_config_done) struct sigstore_config c = { 0 };
	AUTO(path_done) struct path path = { 0 };
	AUTO(auto_free) char *copy = NULL;
	size_t number = 1;

	if (text.n > SIGSTORE_CONFIG_MAX)
		return err_new(ERR_LIMIT, "sigstore configuration: %zu bytes", text.n);
	TRY(bytes_to_str(text, &copy));
	for (char *line = copy; line; number++) {
		char *next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		struct err e = take_line(&c, &path, line);
		if (failed(e))
			return err_add(e, "sigstore configuration line %zu", number);
		line = next;
	}
	*ret = c;
	c.n = 0;
	return OK;
}

static const char *find_namespace(const struct sigstore_config *c, const char *name)
{
	for (size_t i = 0; i < c->n; i++)
		if (name ? c->v[i].namespace && str_equal(c->v[i].namespace, name)
			 : !c->v[i].namespace)
			return c->v[i].url;
	return NULL;
}

RESULT sigstore_config_find(
	const struct sigstore_config *c, const struct img_reference *image, const char **ret_url)
{
	AUTO(auto_free) char *name = NULL;
	const char *url;
	char *slash;

	TRY(img_reference_name(image, &name));
	while (!(url = find_namespace(c, name)) && (slash = strrchr(name, '/')))
		*slash = '\0';
	*ret_url = url ? url : find_namespace(c, NULL);
	return OK;
}
