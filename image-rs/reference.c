#include <stdlib.h>
#include <string.h>

#include <base/auto.h>
#include <base/buf.h>
#include <image-rs/reference.h>

#define DEFAULT_REGISTRY "docker.io"
#define OLD_REGISTRY	 "index.docker.io"
#define OFFICIAL_PREFIX	 "library/"
#define DEFAULT_TAG	 "latest"

enum {
	TAG_MAX = 128,
	PORT_DIGITS_MAX = 5
};

static bool is_lower_or_digit(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_alnum(char c)
{
	return is_lower_or_digit(c) || (c >= 'A' && c <= 'Z');
}

bool img_is_tag(const char *s)
{
	size_t n = strlen(s);

	if (n == 0 || n > TAG_MAX || (!is_alnum(s[0]) && s[0] != '_'))
		return false;
	for (size_t i = 1; i < n; i++)
		if (!is_alnum(s[i]) && !strchr("_.-", s[i]))
			return false;
	return true;
}

bool img_is_digest(const char *s)
{
	size_t digits = str_starts(s, "sha256:") ? 64 : str_starts(s, "sha512:") ? 128 : 0;
	const char *hex = s + strlen("sha256:");

	return digits && strlen(hex) == digits && strspn(hex, "0123456789abcdef") == digits;
}

/* Separators inside a component: one '.', one or two '_', any number of '-'. */
static size_t separator_length(const char *s, size_t n)
{
	size_t run = 1;

	if (s[0] == '.')
		return 1;
	while (run < n && s[run] == s[0])
		run++;
	if (s[0] == '-')
		return run;
	return s[0] == '_' && run <= 2 ? run : 0;
}

static bool is_component(const char *s, size_t n)
{
	size_t i = 0;

	while (i < n && is_lower_or_digit(s[i])) {
		i++;
		if (i == n)
			return true;
		if (is_lower_or_digit(s[i]))
			continue;
		size_t skip = separator_length(s + i, n - i);
		if (skip == 0)
			return false;
		i += skip;
	}
	return false;
}

static bool is_repository(const char *s)
{
	for (;;) {
		size_t n = strcspn(s, "/");
		if (!is_component(s, n))
			return false;
		if (s[n] == '\0')
			return true;
		s += n + 1;
	}
}

static bool is_port(const char *s)
{
	size_t n = strlen(s);

	return n > 0 && n <= PORT_DIGITS_MAX && strspn(s, "0123456789") == n;
}

static bool is_host_label(const char *s, size_t n)
{
	if (n == 0 || s[0] == '-' || s[n - 1] == '-')
		return false;
	for (size_t i = 0; i < n; i++)
		if (!is_alnum(s[i]) && s[i] != '-')
			return false;
	return true;
}

static bool is_registry(const char *s)
{
	if (s[0] == '[') {
		size_t n = strspn(s + 1, "0123456789abcdefABCDEF:.");
		const char *end = s + 1 + n;
		return n >= 2 && *end == ']' &&
		       (end[1] == '\0' || (end[1] == ':' && is_port(end + 2)));
	}
	for (;;) {
		size_t n = strcspn(s, ".:");
		if (!is_host_label(s, n))
			return false;
		if (s[n] == ':')
			return is_port(s + n + 1);
		if (s[n] == '\0')
			return true;
		s += n + 1;
	}
}

/* The first component is a host when it could not be part of a repository. */
static bool names_registry(const char *s, size_t n)
{
	if (n == strlen("localhost") && strncmp(s, "localhost", n) == 0)
		return true;
	for (size_t i = 0; i < n; i++)
		if (strchr(".:[", s[i]) || (s[i] >= 'A' && s[i] <= 'Z'))
			return true;
	return false;
}

void img_reference_done(struct img_reference *r)
{
	free(r->registry);
	free(r->repository);
	free(r->tag);
	free(r->digest);
	*r = (struct img_reference){ 0 };
}

/* Cuts "@digest" and ":tag" off the end of `name`. */
static RESULT split_version(char *name, struct img_reference *r)
{
	char *at = strchr(name, '@');

	if (at) {
		*at = '\0';
		if (!img_is_digest(at + 1))
			return err_new(ERR_FORMAT, "digest");
		TRY(str_dup(at + 1, &r->digest));
	}
	char *slash = strrchr(name, '/'), *colon = strrchr(name, ':');
	if (!colon || (slash && colon < slash))
		return at ? OK : str_dup(DEFAULT_TAG, &r->tag);
	/* A port without a repository reads as a tag, as everywhere. */
	*colon = '\0';
	if (!img_is_tag(colon + 1))
		return err_new(ERR_FORMAT, "tag");
	return str_dup(colon + 1, &r->tag);
}

static RESULT split_name(const char *name, struct img_reference *r)
{
	const char *slash = strchr(name, '/');

	if (!slash || !names_registry(name, (size_t)(slash - name))) {
		TRY(str_dup(DEFAULT_REGISTRY, &r->registry));
		return str_format(&r->repository, "%s%s", slash ? "" : OFFICIAL_PREFIX, name);
	}
	TRY(bytes_to_str(bytes_of(name, (size_t)(slash - name)), &r->registry));
	if (str_equal(r->registry, OLD_REGISTRY)) {
		free(TAKE(r->registry));
		TRY(str_dup(DEFAULT_REGISTRY, &r->registry));
	}
	bool official = str_equal(r->registry, DEFAULT_REGISTRY) && !strchr(slash + 1, '/');
	return str_format(&r->repository, "%s%s", official ? OFFICIAL_PREFIX : "", slash + 1);
}

static RESULT parse(const char *text, struct img_reference *r)
{
	AUTO(auto_free) char *name = NULL;

	if (strlen(text) > IMG_REFERENCE_MAX)
		return err_new(ERR_LIMIT, "longer than %d characters", IMG_REFERENCE_MAX);
	TRY(str_dup(text, &name));
	TRY(split_version(name, r));
	TRY(split_name(name, r));
	if (!is_registry(r->registry))
		return err_new(ERR_FORMAT, "registry");
	if (!is_repository(r->repository))
		return err_new(ERR_FORMAT, "repository");
	if (strlen(r->registry) + 1 + strlen(r->repository) > IMG_REPOSITORY_MAX)
		return err_new(ERR_LIMIT, "name longer than %d characters", IMG_REPOSITORY_MAX);
	return OK;
}

RESULT img_reference_parse(const char *text, struct img_reference *ret)
{
	AUTO(img_reference_done) struct img_reference r = { 0 };
	struct err e = parse(text, &r);

	if (failed(e))
		return err_add(e, "image reference %.200s", text);
	*ret = r;
	r = (struct img_reference){ 0 };
	return OK;
}

RESULT img_reference_copy(const struct img_reference *from, struct img_reference *ret)
{
	AUTO(img_reference_done) struct img_reference r = { 0 };

	TRY(str_dup(from->registry, &r.registry));
	TRY(str_dup(from->repository, &r.repository));
	if (from->tag)
		TRY(str_dup(from->tag, &r.tag));
	if (from->digest)
		TRY(str_dup(from->digest, &r.digest));
	*ret = r;
	r = (struct img_reference){ 0 };
	return OK;
}

RESULT img_reference_name(const struct img_reference *r, char **ret)
{
	return str_format(ret, "%s/%s", r->registry, r->repository);
}

RESULT img_reference_print(const struct img_reference *r, char **ret)
{
	return str_format(ret, "%s/%s%s%s", r->registry, r->repository, r->digest ? "@" : ":",
		r->digest ? r->digest : r->tag);
}
