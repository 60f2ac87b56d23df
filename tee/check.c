#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <base/auto.h>
#include <base/encode.h>
#include <tee/check.h>

enum {
	SHOWN_BYTES_MAX = (DENIAL_VALUE_MAX - 8) / 2
};

RESULT checks_new(struct checks **ret_checks)
{
	struct checks *c = calloc(1, sizeof(*c));

	if (!c)
		return err_new(ERR_NOMEM, "checks");
	*ret_checks = c;
	return OK;
}

void checks_freep(struct checks **c)
{
	free(*c);
	*c = NULL;
}

static void set(char *to, size_t size, const char *text)
{
	(void)snprintf(to, size, "%s", text ? text : "");
}

/* NULL when the table is full, which sticks: a verdict with checks left out would be none. */
static struct check *add(struct checks *c, enum check_verdict verdict, const char *what)
{
	if (c->n == CHECKS_MAX) {
		c->bad = ERR_LIMIT;
		return NULL;
	}
	struct check *k = &c->v[c->n++];
	*k = (struct check){ .verdict = verdict };
	set(k->d.field, sizeof(k->d.field), what);
	return k;
}

void check_pass(struct checks *c, const char *what, const char *actual)
{
	struct check *k = add(c, CHECK_PASSED, what);

	if (k)
		set(k->d.actual, sizeof(k->d.actual), actual);
}

void check_fail(struct checks *c, enum tee_denial d, const char *what, const char *expected,
	const char *actual)
{
	struct check *k = add(c, CHECK_FAILED, what);

	if (!k)
		return;
	set(k->d.code, sizeof(k->d.code), tee_denial_code(d));
	set(k->d.expected, sizeof(k->d.expected), expected);
	set(k->d.actual, sizeof(k->d.actual), actual);
}

void check_skip(struct checks *c, const char *what, const char *why)
{
	struct check *k = add(c, CHECK_NOT_DONE, what);

	if (k)
		set(k->d.actual, sizeof(k->d.actual), why);
}

bool check_that(struct checks *c, bool passed, enum tee_denial d, const char *what,
	const char *expected, const char *actual)
{
	if (!passed) {
		check_fail(c, d, what, expected, actual);
		return false;
	}
	struct check *k = add(c, CHECK_PASSED, what);
	if (k) {
		set(k->d.expected, sizeof(k->d.expected), expected);
		set(k->d.actual, sizeof(k->d.actual), actual);
	}
	return true;
}

/* Long values are cut where the record ends, and say so. */
static void hex_shown(struct bytes b, char to[static DENIAL_VALUE_MAX])
{
	bool cut = b.n > SHOWN_BYTES_MAX;

	hex_to(bytes_of(b.p, cut ? SHOWN_BYTES_MAX : b.n), to);
	if (cut)
		memcpy(to + (size_t)2 * SHOWN_BYTES_MAX, "...", sizeof("..."));
}

bool check_bytes(struct checks *c, enum tee_denial d, const char *what, struct bytes expected,
	struct bytes actual)
{
	char want[DENIAL_VALUE_MAX], got[DENIAL_VALUE_MAX];

	hex_shown(expected, want);
	hex_shown(actual, got);
	return check_that(c, bytes_equal(expected, actual), d, what, want, got);
}

bool check_bytes_if_given(struct checks *c, enum tee_denial d, const char *what,
	struct bytes expected, struct bytes actual)
{
	if (expected.n > 0)
		return check_bytes(c, d, what, expected, actual);
	check_skip(c, what, "no value given to compare with");
	return true;
}

static void fail_as_denied(struct checks *c, const struct denial *d, const char *what)
{
	struct check *k = add(c, CHECK_FAILED, what);

	if (!k)
		return;
	k->d = *d;
	(void)snprintf(k->d.field, sizeof(k->d.field), "%s%s%s", what,
		what[0] && d->field[0] ? ": " : "", d->field);
}

bool check_result(struct checks *c, struct err e, enum tee_denial d, const char *what)
{
	if (!failed(e)) {
		check_pass(c, what, NULL);
		return true;
	}
	if (e.code == ERR_NOMEM || e.code == ERR_SYS) {
		c->bad = e.code;
		return false;
	}
	const struct denial *own = err_denial();
	if (own) {
		struct denial copy = *own;
		fail_as_denied(c, &copy, what);
	} else {
		char text[ERR_TEXT_MAX];
		set(text, sizeof(text), err_text());
		check_fail(c, d, what, NULL, text);
	}
	return false;
}

RESULT checks_end(const struct checks *c)
{
	bool passed = false;

	if (c->bad != ERR_OK)
		return err_new(c->bad, "verification");
	for (size_t i = 0; i < c->n; i++) {
		const struct denial *d = &c->v[i].d;
		if (c->v[i].verdict == CHECK_FAILED)
			return err_deny(ERR_UNVERIFIED, d->code, d->field,
				d->expected[0] ? d->expected : NULL,
				d->actual[0] ? d->actual : NULL);
		passed = passed || c->v[i].verdict == CHECK_PASSED;
	}
	return passed ? OK : tee_deny(DENY_EVIDENCE_UNCHECKED, "evidence", "checks", "none");
}
