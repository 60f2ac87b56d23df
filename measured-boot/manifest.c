#include <stdlib.h>
#include <string.h>

#include <base/auto.h>
#include <measured-boot/manifest.h>

static void list_done(struct manifest_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->v[i].id);
		free(l->v[i].text);
	}
	free(l->v);
}

void ref_manifest_done(struct manifest *m)
{
	free(m->name);
	list_done(&m->values);
	list_done(&m->inputs);
	*m = (struct manifest){ 0 };
}

static RESULT append(struct manifest_list *l, const struct manifest_entry *e, size_t max)
{
	AUTO(auto_free) char *id = NULL;
	AUTO(auto_free) char *text = NULL;

	if (l->n == max)
		return err_new(ERR_LIMIT, "manifest: more than %zu values or inputs", max);
	if (e->v.n == 0 || e->v.n > DIGEST_MAX)
		return err_new(ERR_FORMAT, "manifest: '%.64s' has %zu bytes, not 1 to %d", e->id,
			e->v.n, DIGEST_MAX);
	TRY(str_dup(e->id, &id));
	if (e->text)
		TRY(str_dup(e->text, &text));
	struct manifest_item *grown = reallocarray(l->v, l->n + 1, sizeof(*grown));
	if (!grown)
		return err_new(ERR_NOMEM, "manifest");
	l->v = grown;
	struct manifest_item *to = &grown[l->n++];
	*to = (struct manifest_item){ .id = TAKE(id), .text = TAKE(text), .debug = e->debug };
	to->n = e->v.n;
	memcpy(to->v, e->v.p, e->v.n);
	return OK;
}

static struct manifest_item *find(
	const struct manifest *m, const struct manifest_entry *e, bool debug)
{
	for (size_t i = 0; i < m->values.n; i++) {
		struct manifest_item *o = &m->values.v[i];
		if (o->debug == debug && str_equal(o->id, e->id) &&
			bytes_equal(manifest_bytes(o), e->v))
			return o;
	}
	return NULL;
}

static RESULT add_text(struct manifest_item *v, const char *more)
{
	AUTO(auto_free) char *text = NULL;

	if (!more || (v->text && str_equal(v->text, more)))
		return OK;
	if (!v->text)
		return str_dup(more, &v->text);
	if (strlen(v->text) + strlen(more) > MANIFEST_TEXT_LIMIT - 2)
		return OK;
	TRY(str_format(&text, "%s; %s", v->text, more));
	free(v->text);
	v->text = TAKE(text);
	return OK;
}

RESULT manifest_add_value(struct manifest *m, const struct manifest_entry *e)
{
	struct manifest_item *same = find(m, e, e->debug);

	if (same)
		return add_text(same, e->text);
	if (e->debug && find(m, e, false))
		return OK;
	return append(&m->values, e, MANIFEST_VALUES_MAX);
}

RESULT manifest_add_input(struct manifest *m, const struct manifest_entry *e)
{
	for (size_t k = 0; k < m->inputs.n; k++)
		if (m->inputs.v[k].debug == e->debug && str_equal(m->inputs.v[k].id, e->id))
			return err_new(ERR_FORMAT, "manifest: input '%.64s' twice", e->id);
	if (e->v.n != DIGEST_SHA256_SIZE)
		return err_new(ERR_FORMAT, "manifest: input '%.64s' has no SHA-256", e->id);
	return append(&m->inputs, e, MANIFEST_INPUTS_MAX);
}

static RESULT check_word(const char *word, size_t limit, const char *what)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789._-";
	size_t n = word ? strlen(word) : 0;

	if (n == 0 || n > limit || word[0] == '.' || strspn(word, allowed) != n)
		return err_new(ERR_FORMAT,
			"manifest: %s '%.64s' is not 1 to %zu letters, digits, '.', '_', '-'", what,
			word ? word : "", limit);
	return OK;
}

static RESULT check_text(const char *text, const char *of)
{
	if (text && strlen(text) > MANIFEST_TEXT_LIMIT)
		return err_new(ERR_LIMIT, "manifest: text of '%.64s' is longer than %d", of,
			MANIFEST_TEXT_LIMIT);
	return OK;
}

static RESULT check_list(const struct manifest_list *l, const char *what)
{
	for (size_t i = 0; i < l->n; i++) {
		TRY(check_word(l->v[i].id, MANIFEST_ID_LIMIT, what));
		TRY(check_text(l->v[i].text, l->v[i].id));
	}
	return OK;
}

RESULT manifest_check(const struct manifest *m)
{
	TRY(check_word(m->name, MANIFEST_NAME_LIMIT, "image name"));
	if (m->version > INT64_MAX)
		return err_new(ERR_LIMIT, "manifest: image version beyond 63 bits");
	if (m->values.n == 0)
		return err_new(ERR_FORMAT, "manifest: no reference values");
	TRY(check_list(&m->values, "reference value"));
	for (size_t i = 0; i < m->values.n; i++)
		if (str_equal(m->values.v[i].id, "initdata"))
			return err_new(ERR_DENIED, "manifest: 'initdata' is for the pod's owner to "
						   "approve, not for the image's publisher");
	return check_list(&m->inputs, "input");
}

const char *manifest_platform(const char *id)
{
	static const struct {
		const char *prefix, *platform;
	} ids[] = {
		{ "snp_", "snp" },
		{ "sev_", "sev" },
		{ "mr_td", "tdx" },
		{ "rtmr_", "tdx" },
		{ "se_", "se" },
		{ "vtpm.", "vtpm" },
	};

	for (size_t i = 0; i < ARRAY_LEN(ids); i++)
		if (str_starts(id, ids[i].prefix))
			return ids[i].platform;
	return "guest";
}
