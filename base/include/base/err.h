/*
 * Errors. Whatever can fail returns RESULT; the text of the last failure is kept in one fixed
 * record a thread, so nothing is allocated on the failure path. Libraries return errors, programs
 * print them once.
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#define PRINTF(a, b) __attribute__((format(printf, a, b)))

/* code, name, HTTP status a server answers with, exit status a command ends with */
#define ERR_CODES(X)                                                                               \
	X(ERR_OK, "ok", 200, 0)                                                                    \
	X(ERR_NOMEM, "out-of-memory", 500, 2)                                                      \
	X(ERR_SYS, "system", 500, 2)                                                               \
	X(ERR_FORMAT, "malformed", 400, 3)                                                         \
	X(ERR_LIMIT, "limit-exceeded", 413, 3)                                                     \
	X(ERR_CRYPTO, "crypto", 500, 2)                                                            \
	X(ERR_UNVERIFIED, "unverified", 401, 1)                                                    \
	X(ERR_DENIED, "denied", 403, 1)                                                            \
	X(ERR_NOT_FOUND, "not-found", 404, 2)                                                      \
	X(ERR_UNSUPPORTED, "unsupported", 501, 2)                                                  \
	X(ERR_PEER, "peer", 502, 2)                                                                \
	X(ERR_TIMEOUT, "timeout", 504, 2)                                                          \
	X(ERR_STATE, "wrong-state", 409, 2)                                                        \
	X(ERR_USAGE, "usage", 400, 2)

enum err_code {
#define X(code, name, http, exit) code,
	ERR_CODES(X)
#undef X
};

/* A type of its own, so that `if (f())`, `bool ok = f()` and `return -1` do not compile. */
struct err {
	enum err_code code;
};

#define RESULT __attribute__((warn_unused_result)) struct err
#define OK     ((struct err){ ERR_OK })

enum {
	ERR_TEXT_MAX = 512,
	DENIAL_CODE_MAX = 48,
	DENIAL_FIELD_MAX = 96,
	DENIAL_VALUE_MAX = 144,
	DENIAL_ID_MAX = 40
};

/*
 * Why something was refused, in a form that logs, HTTP bodies and people share. `code` is stable
 * ("vtpm.cmdline-mismatch"), `field` is the first that differs, the values are printable and cut
 * to their size.
 */
struct denial {
	char code[DENIAL_CODE_MAX];
	char field[DENIAL_FIELD_MAX];
	char expected[DENIAL_VALUE_MAX];
	char actual[DENIAL_VALUE_MAX];
	char id[DENIAL_ID_MAX]; /* of the request that was refused; the same in every log */
};

static inline bool failed(struct err e)
{
	return e.code != ERR_OK;
}

/* A new failure; replaces the thread's record. For ERR_SYS the text of errno is appended. */
PRINTF(2, 3) struct err err_new(enum err_code code, const char *fmt, ...);

/*
 * Refusal with its reason: ERR_DENIED (policy said no) or ERR_UNVERIFIED (proof is wrong).
 * `expected` and `actual` may be NULL when there is nothing to compare or it must not be shown.
 */
struct err err_deny(enum err_code code, const char *deny_code, const char *field,
	const char *expected, const char *actual);

/* "loading x: parsing SNP report: truncated": puts what the caller was doing before the text. */
PRINTF(2, 3) struct err err_add(struct err e, const char *fmt, ...);

/* Names the refused request in the thread's last denial and at the end of its text. */
void err_set_denial_id(const char *id);

/* Text of the thread's last failure; valid until the next one. */
const char *err_text(void);

/* The reason of the thread's last failure when it was made by err_deny(), else NULL. */
const struct denial *err_denial(void);

/* The saved errno of the thread's last failure when it was ERR_SYS, else 0. */
int err_errno(void);

/* A failure kept for later or for another process: the thread's record, by value. */
struct err_saved {
	enum err_code code;
	int sys;
	bool denied;
	struct denial denial;
	char text[ERR_TEXT_MAX];
};
void err_save(struct err e, struct err_saved *to);
/* Makes it the thread's last failure again, word for word. */
struct err err_restore(const struct err_saved *from);

const char *err_code_name(enum err_code code);
int err_http_status(enum err_code code);
int err_exit_status(enum err_code code);

/* For the rare result that must not matter; say why beside the call. */
static inline void err_ignore(struct err e)
{
	(void)e;
}

#define TRY(expr)                                                                                  \
	do {                                                                                       \
		struct err try_err_ = (expr);                                                      \
		if (failed(try_err_))                                                              \
			return try_err_;                                                           \
	} while (0)
