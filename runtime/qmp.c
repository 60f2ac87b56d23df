#include "qmp.h"

#include <base/file.h>

void qmp_init(struct qmp *q, int fd)
{
	*q = (struct qmp){ .fd = fd, .lines = GUEST_LINES_INIT };
}

void qmp_done(struct qmp *q)
{
	guest_lines_done(&q->lines);
}

static void on_line(void *arg, struct bytes text)
{
	static const char capabilities[] = "{\"execute\":\"qmp_capabilities\"}\n";
	struct qmp *q = arg;
	AUTO(json_freep) struct json *j = NULL;

	if (failed(json_parse(text, &j)))
		return;
	if (json_get(j, "QMP")) /* without events the end is only less well explained */
		err_ignore(fd_write_all(q->fd, bytes_str(capabilities)));
	const char *event = json_string(json_get(j, "event"));
	const char *reason = json_string(json_pointer(j, "/data/reason"));
	if (event && reason && str_equal(event, "SHUTDOWN"))
		(void)snprintf(q->reason, sizeof(q->reason), "%s", reason);
}

void qmp_feed(struct qmp *q, struct bytes data)
{
	guest_lines_feed(&q->lines, data, on_line, q);
}
