/* Messages in the forms that engines read: runc's text and JSON lines. */
#include "oci.h"

#include <fcntl.h>

#include <base/clock.h>
#include <base/file.h>

enum {
	TEXT_MAX = 1024,
	LINE_MAX_BYTES = 8192
};

static void as_json(const char *level, const char *msg, const char *now, struct buf *out)
{
	struct json_writer w = jw_of(out);

	jw_object(&w);
	jw_kstr(&w, "level", level);
	jw_kstr(&w, "msg", msg);
	jw_kstr(&w, "time", now);
	jw_object_end(&w);
}

/* One line a message, whatever its text holds. */
static void as_text(const char *level, const char *msg, const char *now, struct buf *out)
{
	buf_printf(out, "time=\"%s\" level=%s msg=\"", now, level);
	for (const char *c = msg; *c; c++) {
		if (*c == '"' || *c == '\\')
			buf_printf(out, "\\%c", *c);
		else if ((unsigned char)*c < ' ' || *c == 0x7f)
			buf_printf(out, "\\x%02x", (unsigned)(unsigned char)*c);
		else
			buf_u8(out, *c);
	}
	buf_puts(out, "\"");
}

static void put(int fd, const struct buf *line)
{
	if (fd >= 0)
		err_ignore(fd_write_all(fd, buf_bytes(line))); /* there is nowhere else to say it */
}

void oci_say(const char *level, const char *fmt, ...)
{
	AUTO(buf_done) struct buf line = BUF_INIT(LINE_MAX_BYTES);
	AUTO(buf_done) struct buf plain = BUF_INIT(LINE_MAX_BYTES);
	AUTO(auto_close) int log = -1;
	char text[TEXT_MAX], now[RFC3339_SIZE];
	va_list args;

	if (str_equal(level, "debug") && !globals.debug)
		return;
	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	clock_format(clock_now(), now);
	if (globals.log_format && str_equal(globals.log_format, "json"))
		as_json(level, text, now, &line);
	else
		as_text(level, text, now, &line);
	buf_puts(&line, "\n");
	if (globals.log)
		log = open(globals.log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (!globals.log || log < 0) {
		put(STDERR_FILENO, &line);
		return;
	}
	put(log, &line);
	/* Engines show what comes on standard error, people look there first. */
	buf_printf(&plain, "sealpod-oci: %s\n", text);
	if (str_equal(level, "error") || str_equal(level, "warning"))
		put(STDERR_FILENO, &plain);
}
