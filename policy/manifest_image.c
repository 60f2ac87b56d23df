/* References of images: what engines ask for is what people wrote, shorter or longer. */
#include "policy/manifest.h"

struct name {
	bool docker;	   /* of the registry that needs no name */
	struct bytes path; /* with the registry, unless .docker */
	struct bytes tag, digest;
};

static bool same(struct bytes a, struct bytes b)
{
	return bytes_compare(a, b) == 0;
}

static bool starts(struct bytes text, const char *prefix)
{
	size_t n = strlen(prefix);

	return text.n > n && same(bytes_of(text.p, n), bytes_of(prefix, n));
}

static void skip(struct bytes *text, size_t n)
{
	*text = bytes_of(text->p + n, text->n - n);
}

/* The last such character and what follows it are cut off. */
static struct bytes cut_off(struct bytes *text, uint8_t mark, size_t from)
{
	for (size_t i = text->n; i > from; i--)
		if (text->p[i - 1] == mark) {
			struct bytes tail = bytes_of(text->p + i, text->n - i);

			*text = bytes_of(text->p, i - 1);
			return tail;
		}
	return BYTES_NONE;
}

static size_t first_of(struct bytes text, uint8_t mark)
{
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] == mark)
			return i;
	return text.n;
}

/* A registry has a dot or a port, or is this machine (github.com/distribution/reference). */
static bool has_registry(struct bytes path)
{
	struct bytes first = bytes_of(path.p, first_of(path, '/'));

	return first.n < path.n &&
	       (first_of(first, '.') < first.n || first_of(first, ':') < first.n ||
		       same(first, bytes_str("localhost")));
}

static struct name split(const char *text)
{
	struct name n = { .path = bytes_str(text) };
	size_t last_slash = n.path.n;

	n.digest = cut_off(&n.path, '@', 0);
	last_slash = n.path.n;
	while (last_slash > 0 && n.path.p[last_slash - 1] != '/')
		last_slash--;
	n.tag = cut_off(&n.path, ':', last_slash);
	n.docker = !has_registry(n.path);
	if (starts(n.path, "docker.io/")) {
		skip(&n.path, strlen("docker.io/"));
		n.docker = true;
	}
	if (n.docker && starts(n.path, "library/"))
		skip(&n.path, strlen("library/"));
	if (n.tag.n == 0 && n.digest.n == 0)
		n.tag = bytes_str("latest");
	return n;
}

bool manifest_image_matches(const char *rule, const char *asked)
{
	struct name r, a;

	if (manifest_is_pattern(rule))
		return manifest_matches(rule, asked);
	if (str_equal(rule, asked))
		return true;
	r = split(rule);
	a = split(asked);
	if (r.docker != a.docker || !same(r.path, a.path))
		return false;
	if (a.digest.n > 0)
		return same(r.digest, a.digest);
	return r.tag.n > 0 && same(r.tag, a.tag);
}

const char *manifest_image_to_pull(const char *rule, const char *asked)
{
	return !manifest_is_pattern(rule) && strchr(rule, '@') ? rule : asked;
}
