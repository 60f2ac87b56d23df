/* sealpod measure diff: where two measurements part. */
#include "measure.h"

#include <base/file.h>

enum {
	EXIT_DIFFERENT = 1
};

struct side {
	const char *path;
	struct json *root;
};

static void side_done(struct side *s)
{
	json_freep(&s->root);
}

static RESULT read_side(const char *path, struct side *s)
{
	AUTO(buf_done) struct buf text = BUF_INIT(MEASURE_DOCUMENT_MAX);

	s->path = path;
	TRY(file_read(path, &text));
	struct err e = json_parse(buf_bytes(&text), &s->root);
	if (failed(e))
		return err_add(e, "%s", path);
	if (!json_string(json_get(s->root, "platform")) ||
		json_type(json_get(s->root, "values")) != JSON_OBJECT ||
		json_type(json_get(s->root, "inputs")) != JSON_OBJECT)
		return err_new(ERR_FORMAT,
			"%s: no platform, values and inputs: not what `sealpod measure --json` "
			"prints",
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

static RESULT compare(const struct side *a, const struct side *b, struct findings *f)
{
	const struct json *left = json_get(a->root, "steps"), *right = json_get(b->root, "steps");
	const char *p = json_string(json_get(a->root, "platform"));
	const char *q = json_string(json_get(b->root, "platform"));

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
	buf_printf(out, "different: %s is\n  A %s\n  B %s\n", v->name, v->a, v->b);
	if (i->found)
		buf_printf(
			out, "first input that differs: %s\n  A %s\n  B %s\n", i->name, i->a, i->b);
	if (s->found)
		buf_printf(out,
			"first step that differs: %zu, %s; it depends on: %s\n  A %s\n  B %s\n",
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
