#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <base/err.h>

static _Thread_local struct err_saved last;

struct code_info {
	const char *name;
	int http;
	int exit;
};

static const struct code_info codes[] = {
#define X(code, name, http, exit) [code] = { name, http, exit },
	ERR_CODES(X)
#undef X
};

static void append_errno(void)
{
	size_t n = strlen(last.text);
	char text[128];

	/* The GNU strerror_r() may return a constant instead of filling the buffer. */
	(void)snprintf(last.text + n, sizeof(last.text) - n, ": %s",
		strerror_r(last.sys, text, sizeof(text)));
}

struct err err_new(enum err_code code, const char *fmt, ...)
{
	int sys = errno;
	char text[sizeof(last.text)];
	va_list ap;

	/* The text of the last failure may be among the arguments. */
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	memcpy(last.text, text, strlen(text) + 1);
	last.code = code;
	last.sys = code == ERR_SYS ? sys : 0;
	last.denied = false;
	if (code == ERR_SYS)
		append_errno();
	return (struct err){ code };
}

static void copy_value(char *to, size_t size, const char *from)
{
	(void)snprintf(to, size, "%s", from ? from : "");
}

struct err err_deny(enum err_code code, const char *deny_code, const char *field,
	const char *expected, const char *actual)
{
	struct denial d = { 0 };

	/* The inputs may point into the record that is about to be replaced. */
	copy_value(d.code, sizeof(d.code), deny_code);
	copy_value(d.field, sizeof(d.field), field);
	copy_value(d.expected, sizeof(d.expected), expected);
	copy_value(d.actual, sizeof(d.actual), actual);
	struct err e = err_new(code, "%s: %s%s%s%s%s", d.code, d.field,
		d.expected[0] ? ": expected " : "", d.expected,
		!d.actual[0]	? ""
		: d.expected[0] ? ", got "
				: ": got ",
		d.actual);
	last.denied = true;
	last.denial = d;
	return e;
}

struct err err_add(struct err e, const char *fmt, ...)
{
	char head[sizeof(last.text)];
	size_t n, tail = strlen(last.text);
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(head, sizeof(head) - 2, fmt, ap);
	va_end(ap);
	n = strlen(head);
	memcpy(head + n, ": ", 2); /* NOLINT(bugprone-not-null-terminated-result): ended below */
	n += 2;
	if (tail > sizeof(last.text) - 1 - n)
		tail = sizeof(last.text) - 1 - n;
	memmove(last.text + n, last.text, tail);
	memcpy(last.text, head, n);
	last.text[n + tail] = '\0';
	return e;
}

void err_set_denial_id(const char *id)
{
	size_t n = strlen(last.text);

	if (!last.denied || last.denial.id[0] != '\0')
		return;
	copy_value(last.denial.id, sizeof(last.denial.id), id);
	(void)snprintf(last.text + n, sizeof(last.text) - n, " [%s]", last.denial.id);
}

const char *err_text(void)
{
	return last.text;
}

const struct denial *err_denial(void)
{
	return last.denied ? &last.denial : NULL;
}

int err_errno(void)
{
	return last.sys;
}

void err_save(struct err e, struct err_saved *to)
{
	*to = last;
	to->code = e.code;
}

struct err err_restore(const struct err_saved *from)
{
	last = *from;
	return (struct err){ from->code };
}

const char *err_code_name(enum err_code code)
{
	return codes[code].name;
}

int err_http_status(enum err_code code)
{
	return codes[code].http;
}

int err_exit_status(enum err_code code)
{
	return codes[code].exit;
}
