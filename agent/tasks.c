#include "reply.h"
#include "requests.h"

#include <signal.h>
#include <termios.h>

#include <policy/manifest_check.h>
#include <sys/ioctl.h>

/* The placeholder has no output, no input and no handlers, so nothing of it needs permission. */
static RESULT check_allowed(const struct agent *a, const struct container *c, const char *request)
{
	return c->sandbox || a->open_world ? OK : manifest_check_allowed(&a->manifest, request);
}

static RESULT signal_task(struct agent *a, struct bytes payload)
{
	AUTO(pb_free_any) Agent__SignalProcessRequest *q = NULL;
	struct container *c;
	struct task *t;

	TRY(PB_UNPACK(agent__signal_process_request, payload, &q));
	TRY(task_find(a, q->container_id, q->exec_id, &c, &t));
	/* The host can always switch the guest off, so there is nothing to win by refusing. */
	if (q->signal != SIGKILL)
		TRY(check_allowed(a, c, "signal"));
	return q->exec_id[0] == '\0' ? task_signal_container(t, q->signal)
				     : task_signal(t, q->signal);
}

void tasks_signal(struct agent *a, struct ttrpc_call *call, struct bytes payload)
{
	reply_result(call, signal_task(a, payload));
}

static RESULT find_wait(struct agent *a, struct bytes payload, struct task **ret_task)
{
	AUTO(pb_free_any) Agent__WaitProcessRequest *q = NULL;
	struct container *c;

	TRY(PB_UNPACK(agent__wait_process_request, payload, &q));
	return task_find(a, q->container_id, q->exec_id, &c, ret_task);
}

void tasks_wait(struct agent *a, struct ttrpc_call *call, struct bytes payload)
{
	struct task *t = NULL;
	struct err e = find_wait(a, payload, &t);

	if (failed(e))
		reply_failure(call, e);
	else
		task_wait(t, call);
}

static RESULT find_write(
	struct agent *a, const Agent__WriteStreamRequest *q, struct task **ret_task)
{
	struct container *c;

	TRY(task_find(a, q->container_id, q->exec_id, &c, ret_task));
	return check_allowed(a, c, "stdin");
}

void tasks_write(struct agent *a, struct ttrpc_call *call, struct bytes payload)
{
	AUTO(pb_free_any) Agent__WriteStreamRequest *q = NULL;
	struct task *t = NULL;
	struct err e = PB_UNPACK(agent__write_stream_request, payload, &q);

	if (!failed(e))
		e = find_write(a, q, &t);
	if (failed(e)) {
		reply_failure(call, e);
		return;
	}
	if (q->data.len > 0) {
		stream_write(&t->in, call, bytes_of(q->data.data, q->data.len));
		return;
	}
	stream_close(&t->in);
	reply_empty(call);
}

static RESULT find_read(
	struct agent *a, struct bytes payload, struct task **ret_task, uint32_t *ret_len)
{
	AUTO(pb_free_any) Agent__ReadStreamRequest *q = NULL;
	struct container *c;

	TRY(PB_UNPACK(agent__read_stream_request, payload, &q));
	TRY(task_find(a, q->container_id, q->exec_id, &c, ret_task));
	*ret_len = q->len;
	return check_allowed(a, c, "logs");
}

static void read_stream(struct agent *a, struct ttrpc_call *call, struct bytes payload, bool err)
{
	struct task *t = NULL;
	uint32_t len = 0;
	struct err e = find_read(a, payload, &t, &len);

	if (failed(e))
		reply_failure(call, e);
	else
		stream_read(err ? &t->err : &t->out, call, len);
}

void tasks_read_stdout(struct agent *a, struct ttrpc_call *call, struct bytes payload)
{
	read_stream(a, call, payload, false);
}

void tasks_read_stderr(struct agent *a, struct ttrpc_call *call, struct bytes payload)
{
	read_stream(a, call, payload, true);
}

static RESULT close_stdin(struct agent *a, struct bytes payload)
{
	AUTO(pb_free_any) Agent__CloseStdinRequest *q = NULL;
	struct container *c;
	struct task *t;

	TRY(PB_UNPACK(agent__close_stdin_request, payload, &q));
	TRY(task_find(a, q->container_id, q->exec_id, &c, &t));
	stream_close(&t->in);
	return OK;
}

void tasks_close_stdin(struct agent *a, struct ttrpc_call *call, struct bytes payload)
{
	reply_result(call, close_stdin(a, payload));
}

static RESULT resize(struct agent *a, struct bytes payload, int *ret_window)
{
	AUTO(pb_free_any) Agent__TtyWinResizeRequest *q = NULL;
	struct container *c;
	struct task *t;
	struct winsize size;

	TRY(PB_UNPACK(agent__tty_win_resize_request, payload, &q));
	TRY(task_find(a, q->container_id, q->exec_id, &c, &t));
	*ret_window = t->window_fd;
	if (t->window_fd < 0)
		return OK;
	if (q->row > UINT16_MAX || q->column > UINT16_MAX)
		return err_new(ERR_FORMAT, "terminal of %u x %u", q->column, q->row);
	size = (struct winsize){ .ws_row = (uint16_t)q->row, .ws_col = (uint16_t)q->column };
	if (ioctl(t->window_fd, TIOCSWINSZ, &size) != 0)
		return err_new(ERR_SYS, "terminal size");
	return OK;
}

void tasks_resize(struct agent *a, struct ttrpc_call *call, struct bytes payload)
{
	int window = 0;
	struct err e = resize(a, payload, &window);

	/* The status by which Kata's runtimes know that there is none. */
	if (!failed(e) && window < 0)
		ttrpc_fail_as(call, TTRPC_UNAVAILABLE, "the process has no terminal");
	else
		reply_result(call, e);
}
