/*
 * Checks: what a verifier looked at, one row each, so that a person sees all of them and not only
 * the first that failed. The verdict is checks_end() and nothing else: success needs at least one
 * passed check and no failed one.
 */
#pragma once

#include <tee/denials.h>

enum {
	CHECKS_MAX = 160
};

enum check_verdict {
	CHECK_PASSED,
	CHECK_FAILED,
	CHECK_NOT_DONE /* nothing to compare with, and the policy does not demand it */
};

struct check {
	enum check_verdict verdict;
	/* code: "" unless failed; field: what was looked at; expected and actual may be empty.
	 * CHECK_NOT_DONE: actual says why. */
	struct denial d;
};

/* 72 KiB: on the heap, by checks_new(). */
struct checks {
	struct check v[CHECKS_MAX];
	size_t n;
	enum err_code bad; /* sticky: ERR_NOMEM, ERR_SYS, ERR_LIMIT */
};

RESULT checks_new(struct checks **ret_checks);
void checks_freep(struct checks **c);

/* `what` names the thing as a person would ("VCEK: signature by ASK"); values may be NULL. */
void check_pass(struct checks *c, const char *what, const char *actual);
void check_fail(struct checks *c, enum tee_denial d, const char *what, const char *expected,
	const char *actual);
void check_skip(struct checks *c, const char *what, const char *why);

/* One comparison; returns whether it passed. */
bool check_that(struct checks *c, bool passed, enum tee_denial d, const char *what,
	const char *expected, const char *actual);
/* Equal bytes, shown as hex (cut to what fits). */
bool check_bytes(struct checks *c, enum tee_denial d, const char *what, struct bytes expected,
	struct bytes actual);
/* As check_bytes(); nothing expected (n = 0): not done, `why` "no value given". */
bool check_bytes_if_given(struct checks *c, enum tee_denial d, const char *what,
	struct bytes expected, struct bytes actual);
/*
 * The outcome of a call as a check. A denial keeps its own code, field, expected and actual (the
 * field is put after `what`, which may be empty); another failure becomes `d` with the error's
 * text; ERR_NOMEM and ERR_SYS say nothing about the evidence and stick. Returns whether it passed.
 */
bool check_result(struct checks *c, struct err e, enum tee_denial d, const char *what);

/* OK, or ERR_UNVERIFIED with the denial of the first failed check, or what stuck; ERR_UNVERIFIED
 * "evidence.unchecked" when nothing passed. */
RESULT checks_end(const struct checks *c);
