#include "verify_internal.h"

#include <stdio.h>

#include <base/clock.h>

enum {
	WHAT_WIDTH = 44,
	DAY_S = 24 * 60 * 60
};

const struct denial_hint *denial_hint(const char *code)
{
	for (const struct denial_hint *h = denial_hints; h->code; h++)
		if (str_equal(h->code, code))
			return h;
	return NULL;
}

static const char *verdict_name(enum check_verdict verdict)
{
	static const char *const names[] = {
		[CHECK_PASSED] = "passed",
		[CHECK_FAILED] = "failed",
		[CHECK_NOT_DONE] = "not done",
	};

	return names[verdict];
}

static const char *status_name(enum sealpod_status status)
{
	static const char *const names[] = {
		[SEALPOD_VERIFIED] = "verified",
		[SEALPOD_NOT_ACCEPTABLE] = "not acceptable",
		[SEALPOD_ERROR] = "error",
		[SEALPOD_MALFORMED] = "malformed",
	};

	return names[status];
}

/* The piece of collateral that ends first after the time of the verdict; NULL: none has an end. */
static const struct collateral_item *first_to_expire(const struct sealpod_verify *v)
{
	const struct collateral_item *first = NULL;

	for (size_t i = 0; i < v->collateral->n; i++) {
		const struct collateral_item *c = v->collateral->v[i];
		if (c->not_after > v->at && (!first || c->not_after < first->not_after))
			first = c;
	}
	return first;
}

static const struct check *first_failed(const struct sealpod_verify *v)
{
	for (size_t i = 0; i < v->checks->n; i++)
		if (v->checks->v[i].verdict == CHECK_FAILED)
			return &v->checks->v[i];
	return NULL;
}

/* ---- text ---- */

/* Evidence must not move the cursor of who reads about it. */
static void put_safe(struct buf *out, const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			buf_printf(out, "\\x%02x", (unsigned char)*s);
		else
			buf_u8(out, *s);
}

static void put_mark(const struct sealpod_verify *v, enum check_verdict verdict, struct buf *out)
{
	static const char *const marks[] = {
		[CHECK_PASSED] = "ok  ",
		[CHECK_FAILED] = "FAIL",
		[CHECK_NOT_DONE] = "-   ",
	};
	static const char *const colors[] = {
		[CHECK_PASSED] = "\x1b[32m",
		[CHECK_FAILED] = "\x1b[1;31m",
		[CHECK_NOT_DONE] = "\x1b[2m",
	};

	buf_printf(out, "  %s%s%s  ", v->color ? colors[verdict] : "", marks[verdict],
		v->color ? "\x1b[0m" : "");
}

static void put_padded(struct buf *out, const char *s)
{
	size_t start = out->n;

	put_safe(out, s);
	for (size_t n = out->n - start; n < WHAT_WIDTH; n++)
		buf_u8(out, ' ');
}

static void put_check(const struct sealpod_verify *v, const struct check *c, struct buf *out)
{
	static const char under[] = "\n        ";

	put_mark(v, c->verdict, out);
	if (!c->d.actual[0] && !c->d.expected[0]) {
		put_safe(out, c->d.field);
		buf_u8(out, '\n');
		return;
	}
	put_padded(out, c->d.field);
	if (c->verdict == CHECK_FAILED && c->d.expected[0]) {
		buf_printf(out, "%sexpected  ", under);
		put_safe(out, c->d.expected);
		buf_printf(out, "%sactual    ", under);
	} else {
		buf_u8(out, ' ');
	}
	put_safe(out, c->d.actual);
	buf_u8(out, '\n');
}

static void put_verdict(const struct sealpod_verify *v, struct buf *out)
{
	const struct check *c = first_failed(v);
	const struct denial_hint *hint = c ? denial_hint(c->d.code) : NULL;

	if (v->status == SEALPOD_VERIFIED) {
		buf_puts(out, "\nverified\n");
		return;
	}
	buf_printf(out, "\n%s: ", status_name(v->status));
	put_safe(out, v->error);
	buf_u8(out, '\n');
	if (!hint)
		return;
	buf_printf(out, "what it means: %s\nwhat to do: %s\n", hint->meaning, hint->todo);
}

static void put_head(const struct sealpod_verify *v, struct buf *out)
{
	const struct collateral_item *next = first_to_expire(v);
	char at[RFC3339_SIZE], end[RFC3339_SIZE];

	clock_format(v->at, at);
	buf_printf(out, "platform    %s\n", v->tee ? v->tee->platform : "not known");
	buf_printf(
		out, "evidence    %zu bytes, %s\n", v->evidence.n, v->form ? v->form : "not read");
	buf_printf(out, "at          %s%s\n", at, v->at_given ? "" : " (now)");
	buf_printf(out, "collateral  %zu items", v->collateral->n);
	if (next) {
		clock_format(next->not_after, end);
		buf_printf(out, "; first to expire: %s ", collateral_kind_name(next->kind));
		put_safe(out, next->subject ? next->subject : "");
		buf_printf(out, ", %s (%lld days)", end,
			(long long)((next->not_after - v->at) / DAY_S));
	}
	buf_puts(out, "\n\n");
}

const char *sealpod_verify_text(struct sealpod_verify *v)
{
	buf_clear(&v->text);
	put_head(v, &v->text);
	for (size_t i = 0; i < v->checks->n; i++)
		put_check(v, &v->checks->v[i], &v->text);
	put_verdict(v, &v->text);
	return buf_cstr(&v->text);
}

/* ---- JSON ---- */

static void write_check(const struct check *c, struct json_writer *w)
{
	jw_object(w);
	jw_kstr(w, "what", c->d.field);
	jw_kstr(w, "verdict", verdict_name(c->verdict));
	if (c->d.expected[0])
		jw_kstr(w, "expected", c->d.expected);
	if (c->d.actual[0])
		jw_kstr(w, c->verdict == CHECK_NOT_DONE ? "why" : "actual", c->d.actual);
	if (c->d.code[0])
		jw_kstr(w, "code", c->d.code);
	jw_object_end(w);
}

static void write_checks(const struct sealpod_verify *v, struct json_writer *w)
{
	jw_key(w, "checks");
	jw_array(w);
	for (size_t i = 0; i < v->checks->n; i++)
		write_check(&v->checks->v[i], w);
	jw_array_end(w);
}

static void write_time(struct json_writer *w, const char *name, int64_t t)
{
	char text[RFC3339_SIZE];

	clock_format(t, text);
	jw_kstr(w, name, text);
}

static void write_collateral(const struct sealpod_verify *v, struct json_writer *w)
{
	jw_key(w, "collateral");
	jw_array(w);
	for (size_t i = 0; i < v->collateral->n; i++) {
		const struct collateral_item *c = v->collateral->v[i];
		jw_object(w);
		jw_kstr(w, "kind", collateral_kind_name(c->kind));
		jw_kstr(w, "subject", c->subject ? c->subject : "");
		jw_kstr(w, "origin", c->origin ? c->origin : "");
		if (c->not_after) {
			write_time(w, "not_before", c->not_before);
			write_time(w, "not_after", c->not_after);
		}
		jw_object_end(w);
	}
	jw_array_end(w);
}

static void write_appraisal(const struct sealpod_verify *v, struct json_writer *w)
{
	static const char *const members[AR4SI_N] = { "instance-identity", "configuration",
		"executables", "file-system", "hardware", "runtime-opaque", "storage-opaque",
		"sourced-data" };

	if (!v->appraised)
		return;
	jw_key(w, "appraisal");
	jw_object(w);
	jw_kstr(w, "ear.status", v->appraisal.status);
	jw_key(w, "ear.trustworthiness-vector");
	jw_object(w);
	for (size_t i = 0; i < AR4SI_N; i++) {
		jw_key(w, members[i]);
		jw_i64(w, v->appraisal.vector[i]);
	}
	jw_object_end(w);
	jw_object_end(w);
}

static RESULT write_report(const struct sealpod_verify *v, struct json_writer *w)
{
	jw_object(w);
	jw_kstr(w, "verdict", status_name(v->status));
	jw_kstr(w, "platform", v->tee ? v->tee->platform : "");
	write_time(w, "at", v->at);
	if (v->error[0])
		jw_kstr(w, "error", v->error);
	write_checks(v, w);
	write_collateral(v, w);
	write_appraisal(v, w);
	if (v->status == SEALPOD_VERIFIED) { /* claims of evidence that failed prove nothing */
		jw_key(w, "claims");
		jw_object(w);
		TRY(claims_write(&v->claims, w));
		jw_object_end(w);
	}
	jw_object_end(w);
	return OK;
}

const char *sealpod_verify_json(struct sealpod_verify *v)
{
	struct json_writer w;

	buf_clear(&v->report);
	w = jw_of(&v->report);
	if (failed(write_report(v, &w)))
		return NULL;
	buf_puts(&v->report, "\n");
	return buf_cstr(&v->report);
}
