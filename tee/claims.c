#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <base/encode.h>
#include <tee/claims.h>

void claims_done(struct claims *c)
{
	for (size_t i = 0; i < c->n; i++) {
		free(c->v[i].name);
		free(c->v[i].s);
		strv_done(&c->v[i].list);
	}
	free(c->v);
	*c = (struct claims){ 0 };
}

static void fail(struct claims *c, enum err_code code)
{
	if (c->bad == ERR_OK)
		c->bad = code;
}

const struct claim *claims_get(const struct claims *c, const char *name)
{
	for (size_t i = 0; i < c->n; i++)
		if (strcmp(c->v[i].name, name) == 0)
			return &c->v[i];
	return NULL;
}

/* The new claim takes `text`, which may be NULL after a failed allocation. */
static struct claim *add(struct claims *c, const char *name, enum claim_type type, char *text)
{
	AUTO(auto_free) char *s = text;
	AUTO(auto_free) char *own_name = NULL;

	if (c->bad != ERR_OK)
		return NULL;
	if (!s || failed(str_dup(name, &own_name))) {
		fail(c, ERR_NOMEM);
		return NULL;
	}
	if (c->n == CLAIMS_MAX || claims_get(c, name)) {
		fail(c, c->n == CLAIMS_MAX ? ERR_LIMIT : ERR_STATE);
		return NULL;
	}
	struct claim *v = reallocarray(c->v, c->n + 1, sizeof(*v));
	if (!v) {
		fail(c, ERR_NOMEM);
		return NULL;
	}
	c->v = v;
	v[c->n] = (struct claim){ .name = TAKE(own_name), .type = type, .s = TAKE(s) };
	return &v[c->n++];
}

void claims_str(struct claims *c, const char *name, const char *value)
{
	(void)add(c, name, CLAIM_STR, strdup(value));
}

void claims_u64(struct claims *c, const char *name, uint64_t value)
{
	char *text = NULL;

	err_ignore(str_format(&text, "%llu", (unsigned long long)value)); /* add() sees the NULL */
	struct claim *n = add(c, name, CLAIM_U64, text);
	if (n)
		n->u = value;
}

void claims_bool(struct claims *c, const char *name, bool value)
{
	struct claim *n = add(c, name, CLAIM_BOOL, strdup(value ? "true" : "false"));

	if (n)
		n->u = value;
}

void claims_flag(struct claims *c, const char *prefix, const char *name, bool value)
{
	char full[96];

	(void)snprintf(full, sizeof(full), "%s.%s", prefix, name);
	claims_bool(c, full, value);
	claims_bool(c, name, value);
}

void claims_hex(struct claims *c, const char *name, struct bytes value)
{
	char *text = malloc(2 * value.n + 1);

	if (text)
		hex_to(value, text);
	(void)add(c, name, CLAIM_HEX, text);
}

void claims_json(struct claims *c, const char *name, struct bytes json)
{
	char *text = NULL;

	err_ignore(bytes_to_str(json, &text)); /* add() sees the NULL */
	(void)add(c, name, CLAIM_JSON, text);
}

/* The joined text is kept beside the list, so that claim_text() allocates nothing. */
static struct err extend_list(struct claim *l, const char *value)
{
	char *joined;

	TRY(strv_add(&l->list, value));
	TRY(str_format(&joined, "%s%s%s", l->s, l->list.n > 1 ? "," : "", value));
	free(l->s);
	l->s = joined;
	return OK;
}

void claims_list_add(struct claims *c, const char *name, const char *value)
{
	struct claim *l = NULL;

	for (size_t i = 0; i < c->n && !l; i++)
		if (strcmp(c->v[i].name, name) == 0)
			l = &c->v[i];
	if (!l)
		l = add(c, name, CLAIM_LIST, strdup(""));
	if (!l || c->bad != ERR_OK)
		return;
	if (l->type != CLAIM_LIST)
		fail(c, ERR_STATE);
	else if (value && failed(extend_list(l, value)))
		fail(c, ERR_NOMEM);
}

RESULT claims_end(const struct claims *c)
{
	if (c->bad == ERR_OK)
		return OK;
	if (c->bad == ERR_LIMIT)
		return err_new(ERR_LIMIT, "claims: more than %d", CLAIMS_MAX);
	if (c->bad == ERR_STATE)
		return err_new(ERR_STATE, "claims: a name was used twice");
	return err_new(c->bad, "claims");
}

RESULT claims_take(struct claims *c, struct claims *ret_claims)
{
	TRY(claims_end(c));
	*ret_claims = *c;
	*c = (struct claims){ 0 };
	return OK;
}

const char *claim_text(const struct claim *c)
{
	return c ? c->s : "";
}

static void print_value(const struct claim *c, struct json_writer *w)
{
	switch (c->type) {
	case CLAIM_STR:
	case CLAIM_HEX:
		jw_str(w, c->s);
		break;
	case CLAIM_U64:
		jw_u64(w, c->u);
		break;
	case CLAIM_BOOL:
		jw_bool(w, c->u != 0);
		break;
	case CLAIM_LIST:
		jw_array(w);
		for (size_t i = 0; i < c->list.n; i++)
			jw_str(w, c->list.v[i]);
		jw_array_end(w);
		break;
	case CLAIM_JSON:
		jw_raw(w, bytes_str(c->s));
		break;
	}
}

/* Length of the first part of a name; a dot behind a backslash belongs to it. */
static size_t part_length(const char *name)
{
	size_t n = strcspn(name, ".");

	while (n > 0 && name[n] && name[n - 1] == '\\')
		n += 1 + strcspn(name + n + 1, ".");
	return n;
}

static void drop_backslashes(char *s)
{
	char *to = s;

	for (; *s; s++)
		if (*s != '\\')
			*to++ = *s;
	*to = '\0';
}

/* Length of the first n dotted parts of a name, and 0 when it has fewer. */
static size_t parts_length(const char *name, size_t n)
{
	size_t at = 0;

	for (size_t i = 0; i < n; i++) {
		if (i > 0) {
			if (name[at] != '.')
				return 0;
			at++;
		}
		at += part_length(name + at);
	}
	return at;
}

static bool same_parts(const struct claim *a, const struct claim *b, size_t n)
{
	size_t length = parts_length(a->name, n);

	return length == parts_length(b->name, n) && strncmp(a->name, b->name, length) == 0;
}

/* An earlier claim was the first of this member. */
static bool seen_before(const struct claims *c, size_t i, size_t parts)
{
	for (size_t j = 0; j < i; j++)
		if (same_parts(&c->v[j], &c->v[i], parts))
			return true;
	return false;
}

static struct err print_level(
	const struct claims *c, const struct claim *of, size_t depth, struct json_writer *w);

static struct err print_member(
	const struct claims *c, const struct claim *m, size_t depth, struct json_writer *w)
{
	size_t start = depth ? parts_length(m->name, depth) + 1 : 0;
	size_t end = parts_length(m->name, depth + 1);
	AUTO(auto_free) char *key = strndup(m->name + start, end - start);

	if (!key)
		return err_new(ERR_NOMEM, "claims");
	drop_backslashes(key);
	jw_key(w, key);
	if (m->name[end] == '\0') {
		print_value(m, w);
		return OK;
	}
	jw_object(w);
	TRY(print_level(c, m, depth + 1, w));
	jw_object_end(w);
	return OK;
}

/*
 * The members of the object that claim `of` stands in at `depth` parts. Members of one object need
 * not be neighbours, so each is written when its first claim is met.
 */
static struct err print_level(
	const struct claims *c, const struct claim *of, size_t depth, struct json_writer *w)
{
	for (size_t i = 0; i < c->n; i++) {
		const struct claim *m = &c->v[i];

		if ((depth && !same_parts(of, m, depth)) || seen_before(c, i, depth + 1))
			continue;
		TRY(print_member(c, m, depth, w));
	}
	return OK;
}

/* "a" beside "a.b" would be a value and an object at once. */
static bool names_nest(const struct claims *c)
{
	for (size_t i = 0; i < c->n; i++) {
		size_t n = strlen(c->v[i].name);

		for (size_t j = 0; j < c->n; j++)
			if (strncmp(c->v[j].name, c->v[i].name, n) == 0 && c->v[j].name[n] == '.')
				return false;
	}
	return true;
}

RESULT claims_write(const struct claims *c, struct json_writer *w)
{
	TRY(claims_end(c));
	if (!names_nest(c))
		return err_new(ERR_STATE, "claims: a name is a value and an object");
	return print_level(c, NULL, 0, w);
}

RESULT claims_print(const struct claims *c, struct buf *out)
{
	struct json_writer w = jw_of(out);

	jw_object(&w);
	TRY(claims_write(c, &w));
	jw_object_end(&w);
	return buf_end(out, "claims");
}
