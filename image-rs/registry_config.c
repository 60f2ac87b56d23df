#include "registry_config.h"

#include <stdlib.h>

#include <base/json.h>

enum {
	CONFIG_MAX = 256 * 1024
};

void registry_sources_done(struct registry_sources *s)
{
	for (size_t i = 0; i < s->n; i++)
		img_reference_done(&s->v[i].reference);
	s->n = 0;
}

/* Length of what a prefix matches of a name, 0 for none. It ends where a name, port, path element,
 * tag or digest ends; "*.example.com" matches the host's beginning too. */
static size_t match_length(const char *prefix, const char *name)
{
	size_t n = strlen(prefix);

	if (str_starts(prefix, "*.")) {
		size_t host = strcspn(name, ":/");
		if (host <= n - 1 || strncmp(name + host - (n - 1), prefix + 1, n - 1) != 0)
			return 0;
		return host;
	}
	return n > 0 && str_starts(name, prefix) && strchr(":/@", name[n]) ? n : 0;
}

static bool flag(const struct json *j, const char *name)
{
	bool v = false;

	return json_bool(json_get(j, name), &v) && v;
}

static const char *prefix_of(const struct json *rule)
{
	const char *prefix = json_string(json_get(rule, "prefix"));

	return prefix && *prefix ? prefix : json_string(json_get(rule, "location"));
}

static const struct json *find_rule(const struct json *root, const char *name, size_t *ret_length)
{
	const struct json *list = json_get(root, "registry"), *best = NULL;
	size_t longest = 0;

	for (size_t i = 0; i < json_count(list); i++) {
		const char *prefix = prefix_of(json_at(list, i));
		size_t n = prefix ? match_length(prefix, name) : 0;
		if (n == 0 || (best && strlen(prefix) <= longest))
			continue;
		best = json_at(list, i);
		longest = strlen(prefix);
		*ret_length = n;
	}
	return best;
}

static RESULT add_source(
	struct registry_sources *s, const struct img_reference *reference, bool plain_http)
{
	if (s->n == REGISTRY_SOURCES_MAX)
		return err_new(ERR_LIMIT, "more than %d mirrors", REGISTRY_SOURCES_MAX - 1);
	TRY(img_reference_copy(reference, &s->v[s->n].reference));
	s->v[s->n++].plain_http = plain_http;
	return OK;
}

static RESULT add_location(
	struct registry_sources *s, const char *location, const char *rest, bool plain_http)
{
	AUTO(img_reference_done) struct img_reference r = { 0 };
	AUTO(auto_free) char *text = NULL;

	TRY(str_format(&text, "%s%s", location, rest));
	TRY(img_reference_parse(text, &r));
	return add_source(s, &r, plain_http);
}

static RESULT apply_rule(const struct json *rule, const struct img_reference *image,
	const char *rest, struct registry_sources *s)
{
	const struct json *mirrors = json_get(rule, "mirror");
	const char *location = json_string(json_get(rule, "location"));

	for (size_t i = 0; i < json_count(mirrors); i++) {
		const struct json *mirror = json_at(mirrors, i);
		const char *at;
		TRY(json_need_string(mirror, "location", &at));
		TRY(add_location(s, at, rest, flag(mirror, "insecure")));
	}
	return location ? add_location(s, location, rest, flag(rule, "insecure"))
			: add_source(s, image, flag(rule, "insecure"));
}

static RESULT find_sources(
	const struct json *root, const struct img_reference *image, struct registry_sources *s)
{
	AUTO(auto_free) char *name = NULL;
	size_t length = 0;

	TRY(img_reference_print(image, &name));
	const struct json *rule = find_rule(root, name, &length);
	if (!rule)
		return add_source(s, image, false);
	if (flag(rule, "blocked"))
		return err_deny(ERR_DENIED, "image.policy-reject", "registry",
			"one that is not blocked", name);
	return apply_rule(rule, image, name + length, s);
}

RESULT registry_sources_of(
	struct bytes toml, const struct img_reference *image, struct registry_sources *ret)
{
	AUTO(registry_sources_done) struct registry_sources s = { 0 };
	AUTO(json_freep) struct json *root = NULL;

	if (toml.n > CONFIG_MAX)
		return err_new(ERR_LIMIT, "registry configuration: %zu bytes", toml.n);
	struct err e = toml.n ? toml_parse(toml, &root) : OK;
	if (!failed(e))
		e = find_sources(root, image, &s);
	if (failed(e))
		return err_add(e, "registry configuration");
	*ret = s;
	s.n = 0;
	return OK;
}
