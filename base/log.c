#include "json_quote.h"

#include <errno.h>
#include <stdio.h>

#include <base/clock.h>
#include <base/log.h>
#include <base/utf8.h>

enum {
	LINE_MAX_BYTES = 8 * 1024,
	BODY_MAX = 4 * 1024,
	FIELDS_MAX = 8,
	KEY_SIZE = 32,
	VALUE_SIZE = 160,
	QUOTE_CHARS = 200,
	QUOTE_SIZE = 6 * QUOTE_CHARS + 3, /* every character \u00xx, the quotes, NUL */
	QUOTE_SLOTS = 8
};

struct log_state {
	char program[KEY_SIZE];
	enum log_level level;
	enum log_format format;
	int fd;
	bool colour;
	struct {
		char key[KEY_SIZE];
		char value[VALUE_SIZE];
	} fields[FIELDS_MAX];
};

static struct log_state state = { .program = "-", .level = LOG_INFO, .fd = STDERR_FILENO };

static const char *const level_names[] = { "error", "warn", "info", "debug" };
static const char *const level_colours[] = { "\033[31m", "\033[33m", "\033[32m", "\033[2m" };

void log_init(const char *program, enum log_level level, enum log_format format, int fd)
{
	(void)snprintf(state.program, sizeof(state.program), "%s", program);
	state.level = level;
	state.format = format;
	state.fd = fd;
	state.colour = format == LOG_TEXT && isatty(fd);
}

void log_set_level(enum log_level level)
{
	state.level = level;
}

RESULT log_level_parse(const char *name, enum log_level *ret_level)
{
	for (size_t i = 0; i < ARRAY_LEN(level_names); i++) {
		if (str_equal(name, level_names[i])) {
			*ret_level = (enum log_level)i;
			return OK;
		}
	}
	return err_new(ERR_USAGE, "log level '%.32s': not one of error, warn, info, debug", name);
}

void log_field(const char *key, const char *value)
{
	size_t at = FIELDS_MAX;

	for (size_t i = FIELDS_MAX; i > 0; i--) {
		if (str_equal(state.fields[i - 1].key, key))
			at = i - 1;
	}
	for (size_t i = FIELDS_MAX; value && at == FIELDS_MAX && i > 0; i--) {
		if (!state.fields[FIELDS_MAX - i].key[0])
			at = FIELDS_MAX - i;
	}
	if (at == FIELDS_MAX)
		return;
	(void)snprintf(state.fields[at].key, KEY_SIZE, "%s", value ? key : "");
	(void)snprintf(state.fields[at].value, VALUE_SIZE, "%s", value ? value : "");
}

static bool needs_quotes(struct bytes text)
{
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] <= ' ' || text.p[i] >= 0x7f || text.p[i] == '"' || text.p[i] == '\\')
			return true;
	}
	return text.n == 0;
}

static bool is_hex(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

/* Length of the escape at the start of `s`, a backslash; 0 when log_quote() makes none such. */
static size_t escape_length(struct bytes s)
{
	if (s.n >= 6 && memcmp(s.p, "\\u00", 4) == 0 && is_hex(s.p[4]) && is_hex(s.p[5]))
		return 6;
	return s.n >= 2 && s.p[1] && strchr("btnfr\"\\", s.p[1]) ? 2 : 0;
}

/* Length of a string literal at the start of `s` as log_quote() makes them; 0 when there is none.
 * Text from outside may only look like one, so nothing is taken on trust. */
static size_t literal_length(struct bytes s)
{
	uint32_t point;
	size_t width;

	if (s.n < 2 || s.p[0] != '"')
		return 0;
	for (size_t i = 1; i < s.n; i += width) {
		width = utf8_next(s.p + i, s.n - i, &point);
		if (s.p[i] == '"')
			return i + 1;
		if (s.p[i] == '\\')
			width = escape_length((struct bytes){ s.p + i, s.n - i });
		if (width == 0 || point < 0x20)
			return 0;
	}
	return 0;
}

static void put_word(struct buf *line, struct bytes word)
{
	bool is_literal = word.n > 0 && literal_length(word) == word.n;

	if (is_literal || (state.format == LOG_TEXT && !needs_quotes(word)))
		buf_put(line, word);
	else
		json_quote(line, word);
}

static void put_pair(struct buf *line, struct bytes key, struct bytes value)
{
	buf_u8(line, state.format == LOG_JSON ? ',' : ' ');
	put_word(line, key);
	buf_u8(line, state.format == LOG_JSON ? ':' : '=');
	put_word(line, value);
}

static void put_text(struct buf *line, const char *key, const char *value)
{
	put_pair(line, bytes_str(key), bytes_str(value));
}

static void put_head(struct buf *line, enum log_level level, const char *module, const char *event)
{
	char now[RFC3339_SIZE];

	clock_format(clock_now(), now);
	if (state.format == LOG_JSON)
		buf_printf(line,
			"{\"time\":\"%s\",\"ms\":%llu,\"level\":\"%s\",\"program\":\"%s\","
			"\"module\":\"%s\",\"event\":",
			now, (unsigned long long)clock_boottime_ms(), level_names[level],
			state.program, module);
	else
		buf_printf(line, "%s %s%-5s%s %s/%s: ", now,
			state.colour ? level_colours[level] : "", level_names[level],
			state.colour ? "\033[0m" : "", state.program, module);
	if (state.format == LOG_JSON)
		json_quote(line, bytes_str(event));
	else
		buf_puts(line, event);
	for (size_t i = 0; i < FIELDS_MAX; i++) {
		if (state.fields[i].key[0])
			put_text(line, state.fields[i].key, state.fields[i].value);
	}
}

/* One write() for a line, so that lines of several processes do not mix. Nobody is left to tell
 * when the log itself cannot be written. */
static void finish(struct buf *line)
{
	static const char lost_text[] = "log line lost\n";
	static const char lost_json[] = "{\"level\":\"error\",\"event\":\"log-line-lost\"}\n";
	struct bytes out;

	buf_puts(line, state.format == LOG_JSON ? "}\n" : "\n");
	out = line->bad == ERR_OK	 ? buf_bytes(line)
	      : state.format == LOG_JSON ? bytes_str(lost_json)
					 : bytes_str(lost_text);
	ssize_t n = write(state.fd, out.p, out.n);
	(void)n;
}

/* "key=value key=\"quoted value\"": what does not look like that becomes one field "text". */
static void put_body(struct buf *line, struct bytes body)
{
	while (body.n > 0) {
		const uint8_t *equals = memchr(body.p, '=', body.n);
		const uint8_t *blank = memchr(body.p, ' ', body.n);
		if (blank == body.p) {
			body = bytes_of(body.p + 1, body.n - 1);
			continue;
		}
		if (!equals || (blank && blank < equals)) {
			put_pair(line, bytes_str("text"), body);
			return;
		}
		struct bytes key = bytes_of(body.p, (size_t)(equals - body.p));
		body = bytes_of(equals + 1, body.n - key.n - 1);
		size_t n = literal_length(body);
		if (n == 0) {
			blank = body.n ? memchr(body.p, ' ', body.n) : NULL;
			n = blank ? (size_t)(blank - body.p) : body.n;
		}
		put_pair(line, key, bytes_of(body.p, n));
		body = bytes_of(body.p + n, body.n - n);
	}
}

void log_write(enum log_level level, const char *module, const char *event, const char *fmt, ...)
{
	AUTO(buf_done) struct buf line = BUF_INIT(LINE_MAX_BYTES);
	char body[BODY_MAX];
	int saved = errno;
	va_list ap;

	if (level > state.level)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(body, sizeof(body), fmt, ap);
	va_end(ap);
	put_head(&line, level, module, event);
	put_body(&line, bytes_str(body));
	finish(&line);
	errno = saved;
}

const char *log_quote(const char *s)
{
	static _Thread_local char slots[QUOTE_SLOTS][QUOTE_SIZE];
	static _Thread_local unsigned next;
	AUTO(buf_done) struct buf b = BUF_INIT(QUOTE_SIZE);
	char *slot = slots[next++ % QUOTE_SLOTS];
	const char *quoted;
	size_t n = strnlen(s, QUOTE_CHARS);

	/* The cut must not go through a character. */
	while (s[n] != '\0' && n > 0 && ((uint8_t)s[n] & 0xc0) == 0x80)
		n--;
	json_quote(&b, bytes_of(s, n));
	quoted = buf_cstr(&b);
	(void)snprintf(slot, QUOTE_SIZE, "%s", quoted ? quoted : "\"\"");
	return slot;
}

void log_failure(const char *module, const char *event, struct err e)
{
	AUTO(buf_done) struct buf line = BUF_INIT(LINE_MAX_BYTES);
	const struct denial *d = err_denial();
	int saved = errno;

	put_head(&line, LOG_ERROR, module, event);
	put_text(&line, "code", err_code_name(e.code));
	put_text(&line, "text", err_text());
	if (d) {
		put_text(&line, "deny_code", d->code);
		put_text(&line, "field", d->field);
		put_text(&line, "expected", d->expected);
		put_text(&line, "actual", d->actual);
		put_text(&line, "request_id", d->id);
	}
	finish(&line);
	errno = saved;
}

void log_failure_of(const char *module, const char *event, const char *container, struct err e)
{
	log_field("container", container);
	log_failure(module, event, e);
	log_field("container", NULL);
}
