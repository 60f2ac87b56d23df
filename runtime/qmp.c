#include "qmp.h"

#include <fcntl.h>

#include <base/file.h>
#include <sys/socket.h>

enum {
	COMMAND_MAX = 4 * 1024, /* QMP_PENDING_MAX of them fit any socket buffer */
	ERROR_SHOWN = 200
};

struct qmp_pending {
	struct qmp_pending *next;
	uint64_t id;
	struct buf text; /* until it is sent */
	int fd;
	bool sent;
	qmp_reply_fn *fn;
	void *arg;
};

void qmp_init(struct qmp *q, int fd)
{
	*q = (struct qmp){ .fd = fd, .lines = GUEST_LINES_INIT, .next_id = 1 };
}

static void pending_free(struct qmp_pending *p)
{
	buf_done(&p->text);
	auto_close(&p->fd);
	free(p);
}

static void pending_freep(struct qmp_pending **p)
{
	if (*p)
		pending_free(*p);
}

void qmp_end(struct qmp *q)
{
	q->ended = true;
	while (q->pending) {
		struct qmp_pending *p = q->pending;

		q->pending = p->next;
		p->fn(p->arg, err_new(ERR_PEER, "QEMU ended before it answered"), NULL);
		pending_free(p);
	}
}

void qmp_done(struct qmp *q)
{
	qmp_end(q);
	guest_lines_done(&q->lines);
}

/* ---- commands ---- */

/* One message, so that the descriptor arrives with its command. */
static RESULT send_with_fd(int to, struct bytes text, int fd)
{
	union {
		const uint8_t *in;
		void *out;
	} bytes = { .in = text.p }; /* sendmsg() reads only */
	struct iovec part = { .iov_base = bytes.out, .iov_len = text.n };
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct msghdr m = { .msg_iov = &part, .msg_iovlen = 1 };

	m.msg_control = control.space;
	m.msg_controllen = sizeof(control.space);
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	ssize_t n = sendmsg(to, &m, MSG_NOSIGNAL);
	if (n < 0 || (size_t)n != text.n)
		return err_new(ERR_SYS, "handing a file to QEMU");
	return OK;
}

static RESULT send_command(struct qmp *q, struct qmp_pending *p)
{
	p->sent = true;
	if (p->fd >= 0)
		TRY(send_with_fd(q->fd, buf_bytes(&p->text), p->fd));
	else
		TRY(fd_write_all(q->fd, buf_bytes(&p->text)));
	buf_done(&p->text);
	auto_close(&p->fd);
	p->fd = -1;
	return OK;
}

static RESULT make_command(const struct qmp_command *c, uint64_t id, struct buf *out)
{
	struct json_writer w = jw_of(out);

	jw_object(&w);
	jw_kstr(&w, "execute", c->name);
	if (c->arguments.n > 0) {
		jw_key(&w, "arguments");
		jw_raw(&w, c->arguments);
	}
	jw_ku64(&w, "id", id);
	jw_object_end(&w);
	buf_u8(out, '\n');
	return buf_end(out, "QMP command");
}

RESULT qmp_execute(struct qmp *q, const struct qmp_command *c, qmp_reply_fn *fn, void *arg)
{
	AUTO(pending_freep) struct qmp_pending *p = calloc(1, sizeof(*p));
	struct qmp_pending **at = &q->pending;
	size_t n = 0;

	if (!p)
		return err_new(ERR_NOMEM, "QMP command");
	*p = (struct qmp_pending){
		.id = q->next_id++, .text = BUF_INIT(COMMAND_MAX), .fd = -1, .fn = fn, .arg = arg
	};
	if (q->ended)
		return err_new(ERR_PEER, "%s: QEMU has ended", c->name);
	for (; *at; at = &(*at)->next)
		n++;
	if (n == QMP_PENDING_MAX)
		return err_new(ERR_LIMIT, "%s: QEMU answers nothing", c->name);
	if (c->fd >= 0) {
		p->fd = fcntl(c->fd, F_DUPFD_CLOEXEC, 0);
		if (p->fd < 0)
			return err_new(ERR_SYS, "%s: copying a descriptor", c->name);
	}
	TRY(make_command(c, p->id, &p->text));
	if (q->ready)
		TRY(send_command(q, p));
	*at = TAKE(p);
	return OK;
}

/* ---- what QEMU says ---- */

static void on_greeting(struct qmp *q)
{
	static const char capabilities[] = "{\"execute\":\"qmp_capabilities\"}\n";

	/* Without events the end is only less well explained. */
	err_ignore(fd_write_all(q->fd, bytes_str(capabilities)));
	q->ready = true;
	for (struct qmp_pending *p = q->pending; p; p = p->next) {
		if (!p->sent)
			err_ignore(send_command(q, p)); /* its end is news of its own */
	}
}

static struct qmp_pending *take_pending(struct qmp *q, uint64_t id)
{
	for (struct qmp_pending **at = &q->pending; *at; at = &(*at)->next) {
		struct qmp_pending *p = *at;

		if (p->id == id && p->sent) {
			*at = p->next;
			return p;
		}
	}
	return NULL;
}

static struct err refusal(const struct json *error)
{
	AUTO(buf_done) struct buf clean = BUF_INIT(ERROR_SHOWN);
	const char *text = json_string(json_get(error, "desc"));
	size_t n = text ? strnlen(text, ERROR_SHOWN) : 0;

	if (n > 0)
		guest_text_clean(bytes_of(text, n), &clean);
	return err_new(ERR_PEER, "QEMU: %s", clean.n ? buf_cstr(&clean) : "no reason given");
}

static void on_answer(struct qmp *q, const struct json *j)
{
	const struct json *error = json_get(j, "error");
	uint64_t id = 0;

	if (!json_u64(json_get(j, "id"), &id) || (!error && !json_get(j, "return")))
		return;
	AUTO(pending_freep) struct qmp_pending *p = take_pending(q, id);
	if (p)
		p->fn(p->arg, error ? refusal(error) : OK, json_get(j, "return"));
}

static void on_line(void *arg, struct bytes text)
{
	struct qmp *q = arg;
	AUTO(json_freep) struct json *j = NULL;

	if (failed(json_parse(text, &j)))
		return;
	if (json_get(j, "QMP") && !q->ready)
		on_greeting(q);
	const char *event = json_string(json_get(j, "event"));
	const char *reason = json_string(json_pointer(j, "/data/reason"));
	if (event && reason && str_equal(event, "SHUTDOWN"))
		(void)snprintf(q->reason, sizeof(q->reason), "%s", reason);
	on_answer(q, j);
}

void qmp_feed(struct qmp *q, struct bytes data)
{
	guest_lines_feed(&q->lines, data, on_line, q);
}
