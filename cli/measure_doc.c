#include "measure.h"

#include <inttypes.h>

#include <base/encode.h>
#include <base/file.h>
#include <tee/eventlog.h>

void measure_doc_done(struct measure_doc *d)
{
	for (size_t i = 0; i < d->n_inputs; i++)
		free(d->inputs[i].text);
	for (size_t i = 0; i < d->n_open; i++)
		free(d->open[i].why);
	free(d->steps);
	*d = (struct measure_doc){ 0 };
}

RESULT measure_add_value(struct measure_doc *d, const char *name, const struct digest_value *v)
{
	if (d->n_values == MEASURE_VALUES_MAX)
		return err_new(ERR_LIMIT, "values of a measurement");
	struct measure_value *to = &d->values[d->n_values++];
	to->v = *v;
	(void)snprintf(to->name, sizeof(to->name), "%s", name);
	return OK;
}

RESULT measure_add_open(struct measure_doc *d, const char *name, const char *why)
{
	struct measure_open o = { .name = name };

	if (d->n_open == MEASURE_OPEN_MAX)
		return err_new(ERR_LIMIT, "open values of a measurement");
	TRY(str_dup(why, &o.why));
	d->open[d->n_open++] = o;
	return OK;
}

static RESULT add_input(struct measure_doc *d, struct measure_input in)
{
	if (d->n_inputs == MEASURE_INPUTS_MAX) {
		free(in.text);
		return err_new(ERR_LIMIT, "inputs of a measurement");
	}
	d->inputs[d->n_inputs++] = in;
	return OK;
}

RESULT measure_add_text(struct measure_doc *d, const char *name, const char *text)
{
	struct measure_input in = { .name = name };

	TRY(str_dup(text, &in.text));
	return add_input(d, in);
}

RESULT measure_add_number(struct measure_doc *d, const char *name, uint64_t v)
{
	struct measure_input in = { .name = name };

	TRY(str_format(&in.text, "%" PRIu64, v));
	return add_input(d, in);
}

RESULT measure_add_file(
	struct measure_doc *d, const char *name, const char *path, struct bytes contents)
{
	struct measure_input in = { .name = name, .size = contents.n };

	TRY(digest(DIGEST_SHA256, contents, &in.digest));
	TRY(str_dup(path, &in.text));
	return add_input(d, in);
}

RESULT measure_add_step(struct measure_doc *d, const struct measure_step *s)
{
	if (!d->explain)
		return OK;
	if (d->n_steps == MEASURE_STEPS_MAX)
		return err_new(ERR_LIMIT, "a measurement of more than %d steps", MEASURE_STEPS_MAX);
	if (d->n_steps == d->room) {
		size_t room = d->room ? 2 * d->room : 64;
		struct measure_step *more = reallocarray(d->steps, room, sizeof(*more));
		if (!more)
			return err_new(ERR_NOMEM, "steps of a measurement");
		d->steps = more;
		d->room = room;
	}
	d->steps[d->n_steps++] = *s;
	return OK;
}

RESULT measure_add_event(struct measure_doc *d, const struct measure_event *e)
{
	const struct measure_step step = { .register_of = e->register_of,
		.pcr = e->number,
		.s = { .what = e->what,
			.input = e->input,
			.type = event_type_name(e->type),
			.contents = *e->digest,
			.after = *e->after } };

	return measure_add_step(d, &step);
}

RESULT measure_launch_step(void *arg, const struct launch_step *s)
{
	struct measure_step step = { .s = *s };

	return measure_add_step(arg, &step);
}

/* ---- JSON ---- */

static void put_input(struct json_writer *w, const struct measure_input *in)
{
	jw_key(w, in->name);
	if (in->digest.n == 0) {
		jw_str(w, in->text);
		return;
	}
	jw_object(w);
	jw_kstr(w, "path", in->text);
	jw_ku64(w, "size", in->size);
	jw_khex(w, "sha256", digest_bytes(&in->digest));
	jw_object_end(w);
}

static void put_address(struct json_writer *w, const char *name, uint64_t v)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "0x%" PRIx64, v);
	jw_kstr(w, name, text);
}

static void put_step(struct json_writer *w, const struct measure_step *step)
{
	const struct launch_step *s = &step->s;

	jw_object(w);
	if (step->register_of)
		jw_ku64(w, str_equal(step->register_of, "PCR") ? "pcr" : "rtmr", step->pcr);
	if (*s->type)
		jw_kstr(w, "type", s->type);
	jw_kstr(w, "what", s->what);
	jw_kstr(w, "input", s->input);
	if (s->size > 0) {
		put_address(w, "gpa", s->gpa);
		jw_ku64(w, "size", s->size);
	}
	if (s->contents.n > 0)
		jw_khex(w, "contents", digest_bytes(&s->contents));
	if (s->after.n > 0)
		jw_khex(w, "after", digest_bytes(&s->after));
	jw_object_end(w);
}

static void put_json(const struct measure_doc *d, struct buf *out)
{
	struct json_writer w = jw_of(out);

	jw_object(&w);
	jw_kstr(&w, "platform", d->platform);
	jw_key(&w, "values");
	jw_object(&w);
	for (size_t i = 0; i < d->n_values; i++)
		jw_khex(&w, d->values[i].name, digest_bytes(&d->values[i].v));
	jw_object_end(&w);
	jw_key(&w, "inputs");
	jw_object(&w);
	for (size_t i = 0; i < d->n_inputs; i++)
		put_input(&w, &d->inputs[i]);
	jw_object_end(&w);
	if (d->n_open > 0) {
		jw_key(&w, "open");
		jw_object(&w);
		for (size_t i = 0; i < d->n_open; i++)
			jw_kstr(&w, d->open[i].name, d->open[i].why);
		jw_object_end(&w);
	}
	if (d->explain) {
		jw_key(&w, "steps");
		jw_array(&w);
		for (size_t i = 0; i < d->n_steps; i++)
			put_step(&w, &d->steps[i]);
		jw_array_end(&w);
	}
	jw_object_end(&w);
	buf_puts(out, "\n");
}

/* ---- text ---- */

static void put_line(struct buf *out, const char *name, const struct digest_value *v)
{
	buf_printf(out, "%-16s ", name);
	hex_encode(digest_bytes(v), out);
	buf_puts(out, "\n");
}

static void put_inputs(const struct measure_doc *d, struct buf *out)
{
	buf_puts(out, "\ninputs\n");
	for (size_t i = 0; i < d->n_inputs; i++) {
		const struct measure_input *in = &d->inputs[i];
		buf_printf(out, "  %-16s %s", in->name, in->text);
		if (in->digest.n > 0) {
			buf_printf(out, " (%" PRIu64 " bytes, sha256 ", in->size);
			hex_encode(digest_bytes(&in->digest), out);
			buf_puts(out, ")");
		}
		buf_puts(out, "\n");
	}
}

/* Pages that follow each other and are of one kind. */
static size_t run_of(const struct measure_doc *d, size_t from)
{
	const struct launch_step *first = &d->steps[from].s;
	uint64_t next = first->gpa + first->size;
	size_t n = 1;

	while (first->size > 0 && from + n < d->n_steps) {
		const struct launch_step *s = &d->steps[from + n].s;
		if (s->gpa != next || !str_equal(s->what, first->what) ||
			!str_equal(s->type, first->type))
			break;
		next += s->size;
		n++;
	}
	return n;
}

static void put_run(const struct measure_doc *d, size_t from, size_t n, struct buf *out)
{
	const struct measure_step *first = &d->steps[from], *last = &d->steps[from + n - 1];

	if (first->register_of)
		buf_printf(out, "  %s %u ", first->register_of, first->pcr);
	else
		buf_printf(out, "  0x%" PRIx64 "-0x%" PRIx64 " ", first->s.gpa,
			last->s.gpa + last->s.size);
	buf_printf(out, "%s%s%s", first->s.type, *first->s.type ? " " : "", first->s.what);
	if (n > 1)
		buf_printf(out, ", %zu pages", n);
	buf_puts(out, "\n");
	if (n == 1 && first->s.contents.n > 0) {
		buf_puts(out, "    contents ");
		hex_encode(digest_bytes(&first->s.contents), out);
		buf_puts(out, "\n");
	}
	if (first->register_of && first->s.contents.n == 0)
		buf_puts(out, "    contents not known\n");
	if (last->s.after.n > 0) {
		buf_puts(out, "    after    ");
		hex_encode(digest_bytes(&last->s.after), out);
		buf_puts(out, "\n");
	}
}

static void put_text(const struct measure_doc *d, struct buf *out)
{
	for (size_t i = 0; i < d->n_values; i++)
		put_line(out, d->values[i].name, &d->values[i].v);
	for (size_t i = 0; i < d->n_open; i++)
		buf_printf(out, "%-16s not determined: %s\n", d->open[i].name, d->open[i].why);
	if (!d->explain)
		return;
	put_inputs(d, out);
	buf_puts(out, "\nsteps\n");
	for (size_t i = 0, n = 0; i < d->n_steps; i += n) {
		n = run_of(d, i);
		put_run(d, i, n, out);
	}
}

RESULT measure_print(const struct measure_doc *d, bool json)
{
	AUTO(buf_done) struct buf out = BUF_INIT(MEASURE_DOCUMENT_MAX);

	if (json)
		put_json(d, &out);
	else
		put_text(d, &out);
	TRY(buf_end(&out, "output"));
	return fd_write_all(STDOUT_FILENO, buf_bytes(&out));
}
