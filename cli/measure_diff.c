/* sealpod measure diff: where two measurements part. */
#include "measure.h"

#include <base/encode.h>
#include <base/file.h>
#include <measured-boot/manifest.h>

enum {
	EXIT_DIFFERENT = 1
};

struct side {
	const char *path;
	struct json *root;
	struct manifest manifest; /* of an image, instead: values of many machines */
};

static void side_done(struct side *s)
{
	json_freep(&s->root);
	ref_manifest_done(&s->manifest);
}

static bool is_manifest(const struct side *s)
{
	return s->manifest.values.n > 0;
}

static RESULT read_side(const char *path, struct side *s)
{
	AUTO(buf_done) struct buf text = BUF_INIT(MEASURE_DOCUMENT_MAX);

	s->path = path;
	TRY(file_read(path, &text));
	struct err e = json_parse(buf_bytes(&text), &s->root);
	if (failed(e))
		return err_add(e, "%s", path);
	if (json_get(s->root, "reference_values")) {
		e = ref_manifest_parse(buf_bytes(&text), &s->manifest);
		return failed(e) ? err_add(e, "%s", path) : OK;
	}
	if (!json_string(json_get(s->root, "platform")) ||
		json_type(json_get(s->root, "values")) != JSON_OBJECT ||
		json_type(json_get(s->root, "inputs")) != JSON_OBJECT)
		return err_new(ERR_FORMAT,
			"%s: no platform, values and inputs: not what `sealpod measure --json` "
			"prints, and no manifest",
			path);
	return OK;
}

/* A member as a person would read it: a file by its digest. */
static RESULT text_of(const struct json *v, char **ret)
{
	const struct json *sha = json_get(v, "sha256");
	AUTO(buf_done) struct buf out = BUF_INIT(MEASURE_DOCUMENT_MAX);

	if (!v)
		return str_dup("nothing", ret);
	if (json_string(v))
		return str_dup(json_string(v), ret);
	if (sha)
		return str_format(ret, "sha256 %s", json_string(sha) ? json_string(sha) : "?");
	struct json_writer w = jw_of(&out);
	jw_json(&w, v);
	TRY(buf_end(&out, "value"));
	return bytes_to_str(buf_bytes(&out), ret);
}

/* One place where A and B part. */
struct difference {
	bool found;
	size_t at;	   /* of a step: its number from 1 */
	const char *name;  /* of a value or input; of a step: what it is */
	const char *input; /* of a step: what it depends on */
	char *a, *b;
};
static void difference_done(struct difference *d)
{
	free(d->a);
	free(d->b);
}

static RESULT same(const struct json *a, const struct json *b, struct difference *d)
{
	AUTO(auto_free) char *left = NULL;
	AUTO(auto_free) char *right = NULL;

	TRY(text_of(a, &left));
	TRY(text_of(b, &right));
	if (str_equal(left, right))
		return OK;
	d->found = true;
	d->a = TAKE(left);
	d->b = TAKE(right);
	return OK;
}

/* The first member of either object that the other has not, or has otherwise. */
static RESULT compare_members(const struct json *a, const struct json *b, struct difference *d)
{
	for (size_t i = 0; i < json_members(a) && !d->found; i++) {
		d->name = json_name_at(a, i);
		TRY(same(json_at(a, i), json_get(b, d->name), d));
	}
	for (size_t i = 0; i < json_members(b) && !d->found; i++) {
		d->name = json_name_at(b, i);
		TRY(same(json_get(a, d->name), json_at(b, i), d));
	}
	return OK;
}

/* Of a step the running digest is left out: it differs for ever after. */
static RESULT compare_step(const struct json *a, const struct json *b, struct difference *d)
{
	static const char *const members[] = { "what", "type", "pcr", "rtmr", "gpa", "size",
		"contents" };
	const struct json *some = a ? a : b;

	if (!a || !b)
		TRY(same(json_get(a, "what"), json_get(b, "what"), d));
	for (size_t i = 0; i < ARRAY_LEN(members) && !d->found; i++)
		TRY(same(json_get(a, members[i]), json_get(b, members[i]), d));
	d->name = json_string(json_get(some, "what"));
	d->input = json_string(json_get(some, "input"));
	/* What was taken from a log says nothing of what made it. */
	if (b && d->input && str_equal(d->input, "event-log"))
		d->input = json_string(json_get(b, "input"));
	return OK;
}

static RESULT compare_steps(const struct json *a, const struct json *b, struct difference *d)
{
	for (size_t i = 0; i < json_count(a) || i < json_count(b); i++) {
		TRY(compare_step(json_at(a, i), json_at(b, i), d));
		if (!d->found)
			continue;
		d->at = i + 1;
		return OK;
	}
	return OK;
}

struct findings {
	struct difference value, input, step;
	bool no_steps; /* one of the two was not explained */
};
static void findings_done(struct findings *f)
{
	difference_done(&f->value);
	difference_done(&f->input);
	difference_done(&f->step);
}

/* ---- a measurement and a manifest ---- */

/* Of which reference value is a value, where the names are not the same. */
static RESULT reference_id(const char *platform, const char *name, char **ret_id)
{
	static const struct {
		const char *platform, *name, *id;
	} names[] = {
		{ "snp", "measurement", "snp_launch_measurement" },
		{ "sev", "launch_digest", "sev_launch_measurement" },
		{ "sev-es", "launch_digest", "sev_launch_measurement" },
		{ "se", "pld", "se_pld" },
		{ "se", "ald", "se_ald" },
		{ "se", "tld", "se_tld" },
		{ "initdata", "digest", "initdata" },
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_equal(platform, names[i].platform) && str_equal(name, names[i].name))
			return str_dup(names[i].id, ret_id);
	return str_format(ret_id, "%s%s", str_equal(platform, "vtpm") ? "vtpm." : "", name);
}

/* How many values there are, and whether `hex` is one. */
static size_t count_values(
	const struct manifest *m, const char *id, const char *hex, bool *ret_listed)
{
	size_t n = 0;

	*ret_listed = false;
	for (size_t i = 0; i < m->values.n; i++) {
		const struct manifest_item *item = &m->values.v[i];
		char text[2 * DIGEST_MAX + 1];
		if (!str_equal(item->id, id))
			continue;
		hex_to(manifest_bytes(item), text);
		*ret_listed = *ret_listed || str_equal(text, hex);
		n++;
	}
	return n;
}

/* The first value that the manifest has others of. Those it has none of are not the image's. */
static RESULT compare_values(
	const struct side *doc, const struct manifest *m, size_t *known, struct difference *d)
{
	const struct json *values = json_get(doc->root, "values");
	const char *platform = json_string(json_get(doc->root, "platform"));

	for (size_t i = 0; i < json_count(values) && !d->found; i++) {
		const char *hex = json_string(json_at(values, i));
		AUTO(auto_free) char *id = NULL;
		bool listed = false;
		TRY(reference_id(platform, json_name_at(values, i), &id));
		size_t n = count_values(m, id, hex ? hex : "", &listed);
		*known += n > 0;
		if (n == 0 || listed)
			continue;
		d->found = true;
		d->name = json_name_at(values, i);
		TRY(str_dup(hex ? hex : "?", &d->a));
		TRY(str_format(&d->b, "none of the %zu values of %s", n, id));
	}
	return OK;
}

static const struct manifest_item *find_input(
	const struct manifest *m, const char *platform, const char *name)
{
	AUTO(auto_free) char *own = NULL;

	if (failed(str_format(&own, "%s-%s", platform, name)))
		return NULL;
	for (size_t i = 0; i < m->inputs.n; i++)
		if (str_equal(m->inputs.v[i].id, own))
			return &m->inputs.v[i];
	for (size_t i = 0; i < m->inputs.n; i++)
		if (str_equal(m->inputs.v[i].id, name))
			return &m->inputs.v[i];
	return NULL;
}

/* Files by their digest; the manifest's own command lines by their text. */
static RESULT compare_inputs(const struct side *doc, const struct manifest *m, struct difference *d)
{
	const struct json *inputs = json_get(doc->root, "inputs");
	const char *platform = json_string(json_get(doc->root, "platform"));

	for (size_t i = 0; i < json_count(inputs) && !d->found; i++) {
		const char *name = json_name_at(inputs, i);
		const char *sha = json_string(json_get(json_at(inputs, i), "sha256"));
		const struct manifest_item *item = find_input(m, platform, name);
		char text[2 * DIGEST_MAX + 1];
		if (!item || !sha)
			continue;
		hex_to(manifest_bytes(item), text);
		if (str_equal(text, sha))
			continue;
		d->found = true;
		d->name = name;
		TRY(str_format(&d->a, "sha256 %s", sha));
		TRY(str_format(&d->b, "sha256 %s", text));
	}
	return OK;
}

static void exchange(struct difference *d)
{
	char *a = d->a;

	d->a = d->b;
	d->b = a;
}

static RESULT compare_manifest(const struct side *a, const struct side *b, struct findings *f)
{
	const struct side *doc = is_manifest(a) ? b : a, *of = is_manifest(a) ? a : b;
	size_t known = 0;

	if (is_manifest(doc))
		return err_new(ERR_USAGE, "%s and %s are manifests: one must be a measurement",
			a->path, b->path);
	TRY(compare_values(doc, &of->manifest, &known, &f->value));
	if (known == 0)
		return err_new(ERR_USAGE, "%s has no values of %s", of->path,
			json_string(json_get(doc->root, "platform")));
	if (f->value.found)
		TRY(compare_inputs(doc, &of->manifest, &f->input));
	if (of == a) {
		exchange(&f->value);
		exchange(&f->input);
	}
	return OK;
}

static RESULT compare(const struct side *a, const struct side *b, struct findings *f)
{
	const struct json *left = json_get(a->root, "steps"), *right = json_get(b->root, "steps");
	const char *p = json_string(json_get(a->root, "platform"));
	const char *q = json_string(json_get(b->root, "platform"));

	if (is_manifest(a) || is_manifest(b))
		return compare_manifest(a, b, f);
	if (!str_equal(p, q))
		return err_new(ERR_USAGE, "%s is of platform %s, %s of %s", a->path, p, b->path, q);
	TRY(compare_members(json_get(a->root, "values"), json_get(b->root, "values"), &f->value));
	TRY(compare_members(json_get(a->root, "inputs"), json_get(b->root, "inputs"), &f->input));
	f->no_steps = !left || !right;
	return f->no_steps ? OK : compare_steps(left, right, &f->step);
}

static void put_difference(struct json_writer *w, const char *key, const struct difference *d)
{
	if (!d->found)
		return;
	jw_key(w, key);
	jw_object(w);
	if (d->at > 0)
		jw_ku64(w, "number", d->at);
	jw_kstr(w, "name", d->name ? d->name : "");
	if (d->input)
		jw_kstr(w, "input", d->input);
	jw_kstr(w, "a", d->a);
	jw_kstr(w, "b", d->b);
	jw_object_end(w);
}

static void put_json(const struct findings *f, struct buf *out)
{
	struct json_writer w = jw_of(out);

	jw_object(&w);
	jw_kbool(&w, "equal", !f->value.found);
	put_difference(&w, "value", &f->value);
	put_difference(&w, "input", &f->input);
	put_difference(&w, "step", &f->step);
	jw_object_end(&w);
	buf_puts(out, "\n");
}

static void put_text(const struct findings *f, struct buf *out)
{
	const struct difference *v = &f->value, *i = &f->input, *s = &f->step;

	if (!v->found) {
		buf_puts(out, "equal: every value is the same\n");
		return;
	}
	buf_printf(out, "different: %s is %s in A, %s in B\n", v->name, v->a, v->b);
	if (i->found)
		buf_printf(out, "first input that differs: %s is '%s' in A, '%s' in B\n", i->name,
			i->a, i->b);
	if (s->found)
		buf_printf(out,
			"first step that differs: %zu, %s; it depends on: %s; it is %s in A, %s in "
			"B\n",
			s->at, s->name ? s->name : "?",
			s->input && *s->input ? s->input : "nothing", s->a, s->b);
	else if (f->no_steps)
		buf_puts(out, "measure both with --explain to see the first step that differs\n");
}

RESULT measure_diff_run(const void *options, const struct cli_args *args, int *ret_exit)
{
	AUTO(side_done) struct side a = { 0 };
	AUTO(side_done) struct side b = { 0 };
	AUTO(findings_done) struct findings f = { 0 };
	AUTO(buf_done) struct buf out = BUF_INIT(MEASURE_DOCUMENT_MAX);

	(void)options;
	TRY(read_side(args->v[0], &a));
	TRY(read_side(args->v[1], &b));
	TRY(compare(&a, &b, &f));
	if (args->json)
		put_json(&f, &out);
	else
		put_text(&f, &out);
	TRY(buf_end(&out, "output"));
	*ret_exit = f.value.found ? EXIT_DIFFERENT : 0;
	return fd_write_all(STDOUT_FILENO, buf_bytes(&out));
}
