#include <stdlib.h>

#include <image-rs/policy.h>

enum {
	SCOPES_MAX = 1024,
	RULES_MAX = 16, /* of one scope */
	KEY_MAX = 256 * 1024
};

struct scope {
	char *name;
	struct img_rule *rules;
	size_t n;
};

struct img_policy {
	struct scope fallback; /* "default" */
	struct scope *scopes;
	size_t n;
};

/* ---- decoding ---- */

struct identity_json {
	char *type, *reference, *repository, *prefix, *signed_prefix;
};
static const struct json_field identity_fields[] = {
	JSON_FIELD(struct identity_json, type, FIELD_STR, FIELD_REQUIRED, 64),
	JSON_FIELD_AS(struct identity_json, reference, "dockerReference", FIELD_STR, 0, 512),
	JSON_FIELD_AS(struct identity_json, repository, "dockerRepository", FIELD_STR, 0, 512),
	JSON_FIELD(struct identity_json, prefix, FIELD_STR, 0, 512),
	JSON_FIELD_AS(struct identity_json, signed_prefix, "signedPrefix", FIELD_STR, 0, 512),
};
static const struct json_table identity_table = {
	.what = "signedIdentity",
	.size = sizeof(struct identity_json),
	.fields = identity_fields,
	.n = ARRAY_LEN(identity_fields),
};

struct rule_json {
	char *type, *key_type, *key_path, *key_data;
	const struct json *identity;
};
static const struct json_field rule_fields[] = {
	JSON_FIELD(struct rule_json, type, FIELD_STR, FIELD_REQUIRED, 64),
	JSON_FIELD_AS(struct rule_json, key_type, "keyType", FIELD_STR, 0, 64),
	JSON_FIELD_AS(struct rule_json, key_path, "keyPath", FIELD_STR, 0, 4096),
	JSON_FIELD_AS(struct rule_json, key_data, "keyData", FIELD_STR, 0, KEY_MAX),
	JSON_FIELD_AS(struct rule_json, identity, "signedIdentity", FIELD_JSON, 0, 0),
};
static const struct json_table rule_table = {
	.what = "policy requirement",
	.size = sizeof(struct rule_json),
	.fields = rule_fields,
	.n = ARRAY_LEN(rule_fields),
};

/* Which members each type of identity needs; the others must be absent. */
struct identity_shape {
	const char *name;
	enum img_identity_type type;
	bool reference, repository, prefixes;
};
static const struct identity_shape identity_shapes[] = {
	{ "matchExact", IMG_MATCH_EXACT, false, false, false },
	{ "matchRepoDigestOrExact", IMG_MATCH_REPO_DIGEST_OR_EXACT, false, false, false },
	{ "matchRepository", IMG_MATCH_REPOSITORY, false, false, false },
	{ "exactReference", IMG_EXACT_REFERENCE, true, false, false },
	{ "exactRepository", IMG_EXACT_REPOSITORY, false, true, false },
	{ "remapIdentity", IMG_REMAP_IDENTITY, false, false, true },
};

static RESULT take_identity(struct identity_json *j, struct img_identity *to)
{
	for (size_t i = 0; i < ARRAY_LEN(identity_shapes); i++) {
		const struct identity_shape *s = &identity_shapes[i];
		if (!str_equal(j->type, s->name))
			continue;
		if (s->reference != !!j->reference || s->repository != !!j->repository ||
			s->prefixes != !!j->prefix || s->prefixes != !!j->signed_prefix)
			return err_new(ERR_FORMAT, "signedIdentity %s: wrong members", s->name);
		to->type = s->type;
		to->a = j->reference	? TAKE(j->reference)
			: j->repository ? TAKE(j->repository)
					: TAKE(j->prefix);
		to->b = TAKE(j->signed_prefix);
		return OK;
	}
	return err_new(ERR_UNSUPPORTED, "signedIdentity type %.60s", j->type);
}

static RESULT decode_identity(const struct json *j, struct img_identity *to)
{
	struct identity_json d = { 0 };

	TRY(json_decode(j, &identity_table, &d));
	struct err e = take_identity(&d, to);
	json_release(&identity_table, &d);
	return e;
}

struct rule_shape {
	const char *name;
	enum img_rule_type type;
	bool key;
	const char *key_type; /* the member's only value; NULL: must be absent */
	enum img_identity_type identity;
};
/* A cosign signature names the repository without a tag; so that is what its default compares. */
static const struct rule_shape rule_shapes[] = {
	{ "reject", IMG_RULE_REJECT, false, NULL, IMG_MATCH_EXACT },
	{ "insecureAcceptAnything", IMG_RULE_ACCEPT_ANYTHING, false, NULL, IMG_MATCH_EXACT },
	{ "sigstoreSigned", IMG_RULE_SIGSTORE_SIGNED, true, NULL, IMG_MATCH_REPOSITORY },
	{ "signedBy", IMG_RULE_SIGNED_BY, true, "GPGKeys", IMG_MATCH_REPO_DIGEST_OR_EXACT },
};

static RESULT take_rule(struct rule_json *j, struct img_rule *to)
{
	for (size_t i = 0; i < ARRAY_LEN(rule_shapes); i++) {
		const struct rule_shape *s = &rule_shapes[i];
		if (!str_equal(j->type, s->name))
			continue;
		if (s->key ? !j->key_path == !j->key_data
			   : j->key_path || j->key_data || j->identity)
			return err_new(ERR_FORMAT, "%s: needs %s", s->name,
				s->key ? "exactly one of keyPath and keyData" : "no other members");
		if (s->key_type ? !j->key_type || !str_equal(j->key_type, s->key_type)
				: j->key_type != NULL)
			return err_new(ERR_FORMAT, "%s: keyType", s->name);
		to->type = s->type;
		to->key_path = TAKE(j->key_path);
		to->key_data = TAKE(j->key_data);
		to->identity.type = s->identity;
		return j->identity ? decode_identity(j->identity, &to->identity) : OK;
	}
	return err_new(ERR_UNSUPPORTED, "policy requirement type %.60s", j->type);
}

static RESULT decode_rule(const struct json *j, struct img_rule *to)
{
	struct rule_json d = { 0 };

	TRY(json_decode(j, &rule_table, &d));
	struct err e = take_rule(&d, to);
	json_release(&rule_table, &d);
	return e;
}

static void scope_done(struct scope *s)
{
	for (size_t i = 0; i < s->n; i++) {
		free(s->rules[i].key_path);
		free(s->rules[i].key_data);
		free(s->rules[i].identity.a);
		free(s->rules[i].identity.b);
	}
	free(s->rules);
	free(s->name);
}

static RESULT decode_scope(const char *name, const struct json *list, struct scope *to)
{
	size_t n = json_count(list);

	TRY(str_dup(name, &to->name));
	if (!list || json_type(list) != JSON_ARRAY || n == 0 || n > RULES_MAX)
		return err_new(
			ERR_FORMAT, "scope \"%.100s\": not 1 to %d requirements", name, RULES_MAX);
	to->rules = calloc(n, sizeof(*to->rules));
	if (!to->rules)
		return err_new(ERR_NOMEM, "policy");
	to->n = n;
	for (size_t i = 0; i < n; i++) {
		struct err e = decode_rule(json_at(list, i), &to->rules[i]);
		if (failed(e))
			return err_add(e, "scope \"%.100s\"", name);
	}
	return OK;
}

static RESULT decode_docker(const struct json *docker, struct img_policy *p)
{
	size_t n = json_count(docker);

	if (json_type(docker) != JSON_OBJECT)
		return err_new(ERR_FORMAT, "transport docker is no object");
	if (n > SCOPES_MAX)
		return err_new(ERR_LIMIT, "%zu scopes", n);
	p->scopes = calloc(n + 1, sizeof(*p->scopes));
	if (!p->scopes)
		return err_new(ERR_NOMEM, "policy");
	for (size_t i = 0; i < n; i++) {
		p->n = i + 1;
		TRY(decode_scope(json_name_at(docker, i), json_at(docker, i), &p->scopes[i]));
	}
	return OK;
}

/* Other transports cannot occur here; their rules are left alone. */
static RESULT decode_policy(const struct json *root, struct img_policy *p)
{
	const struct json *transports = json_get(root, "transports");

	if (json_type(root) != JSON_OBJECT)
		return err_new(ERR_FORMAT, "no object");
	for (size_t i = 0; i < json_count(root); i++)
		if (!str_equal(json_name_at(root, i), "default") &&
			!str_equal(json_name_at(root, i), "transports"))
			return err_new(ERR_FORMAT, "unknown member %.60s", json_name_at(root, i));
	TRY(decode_scope("default", json_get(root, "default"), &p->fallback));
	if (transports && json_type(transports) != JSON_OBJECT)
		return err_new(ERR_FORMAT, "transports is no object");
	return json_get(transports, "docker") ? decode_docker(json_get(transports, "docker"), p)
					      : OK;
}

RESULT img_policy_parse(struct bytes text, struct img_policy **ret_policy)
{
	AUTO(img_policy_freep) struct img_policy *p = calloc(1, sizeof(*p));
	AUTO(json_freep) struct json *root = NULL;

	if (!p)
		return err_new(ERR_NOMEM, "policy");
	if (text.n > IMG_POLICY_MAX)
		return err_new(ERR_LIMIT, "image policy: %zu bytes", text.n);
	struct err e = json_parse(text, &root);
	if (!failed(e))
		e = decode_policy(root, p);
	if (failed(e))
		return err_add(e, "image policy");
	*ret_policy = TAKE(p);
	return OK;
}

void img_policy_free(struct img_policy *p)
{
	if (!p)
		return;
	scope_done(&p->fallback);
	for (size_t i = 0; i < p->n; i++)
		scope_done(&p->scopes[i]);
	free(p->scopes);
	free(p);
}

void img_policy_freep(struct img_policy **p)
{
	img_policy_free(*p);
	*p = NULL;
}

static bool scope_uses_gpg(const struct scope *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->rules[i].type == IMG_RULE_SIGNED_BY)
			return true;
	return false;
}

bool img_policy_uses_gpg(const struct img_policy *p)
{
	bool any = scope_uses_gpg(&p->fallback);

	for (size_t i = 0; i < p->n; i++)
		any |= scope_uses_gpg(&p->scopes[i]);
	return any;
}

/* ---- choosing the scope ---- */

static const struct scope *find_scope(const struct img_policy *p, const char *name)
{
	for (size_t i = 0; i < p->n; i++)
		if (str_equal(p->scopes[i].name, name))
			return &p->scopes[i];
	return NULL;
}

/* "a.example.com:5000" -> "*.example.com", "*.com" */
static RESULT find_wildcard(
	const struct img_policy *p, const char *registry, const struct scope **ret)
{
	AUTO(auto_free) char *host = NULL;

	TRY(str_dup(registry, &host));
	host[strcspn(host, ":")] = '\0';
	for (const char *dot = strchr(host, '.'); dot && !*ret; dot = strchr(dot + 1, '.')) {
		AUTO(auto_free) char *name = NULL;
		TRY(str_format(&name, "*%s", dot));
		*ret = find_scope(p, name);
	}
	return OK;
}

static RESULT find_by_name(
	const struct img_policy *p, const struct img_reference *image, const struct scope **ret)
{
	AUTO(auto_free) char *name = NULL;

	TRY(img_reference_print(image, &name));
	*ret = find_scope(p, name);
	free(TAKE(name));
	TRY(img_reference_name(image, &name));
	while (!*ret) {
		*ret = find_scope(p, name);
		char *slash = strrchr(name, '/');
		if (!slash)
			return OK;
		*slash = '\0';
	}
	return OK;
}

RESULT img_policy_select(
	const struct img_policy *p, const struct img_reference *image, struct img_rules *ret_rules)
{
	const struct scope *s = NULL;

	TRY(find_by_name(p, image, &s));
	if (!s)
		TRY(find_wildcard(p, image->registry, &s));
	if (!s)
		s = find_scope(p, "");
	if (!s)
		s = &p->fallback;
	*ret_rules = (struct img_rules){ .v = s->rules, .n = s->n, .scope = s->name };
	return OK;
}
