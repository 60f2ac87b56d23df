#include "holder.h"

#include "holder_root.h"
#include "relay.h"
#include "state.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <termios.h>

#include <base/file.h>
#include <net/pb.h>
#include <net/transport.h>
#include <sys/ioctl.h>

enum {
	ARGS = 9,
	READY_FD = 3,
	STATUS_LOST = 255, /* the shim went before it told the exit status */
	CLOSE_AGAIN_MS = 200
};

struct holder {
	struct loop *loop;
	struct ttrpc_client *client;
	const char *dir, *state_dir, *id, *exec_id;
	bool terminal;
	struct relay_in in;
	struct relay_out out, err;
	struct loop_source *again;
	int status;
	bool over;
};

static char *text(const char *s)
{
	return (char *)(uintptr_t)s;
}

static void ignore_reply(void *arg, struct err e, struct bytes payload)
{
	(void)arg;
	(void)e;
	(void)payload;
}

static RESULT send(
	struct holder *h, const char *method, const ProtobufCMessage *q, ttrpc_reply_fn *fn)
{
	AUTO(buf_done) struct buf packed = BUF_INIT(4096);
	struct ttrpc_request r = { .service = SHIM_TASK, .method = method };

	TRY(pb_pack(q, &packed));
	r.payload = buf_bytes(&packed);
	return ttrpc_start(h->client, &r, fn, h);
}

/* ---- while it runs ---- */

static void resize(struct holder *h)
{
	Task__ResizePtyRequest q = TASK__RESIZE_PTY_REQUEST__INIT;
	struct winsize size = { 0 };

	if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0)
		return;
	q.id = text(h->id);
	q.exec_id = text(h->exec_id);
	q.width = size.ws_col;
	q.height = size.ws_row;
	/* A size that does not arrive is followed by the next. */
	err_ignore(send(h, "ResizePty", &q.base, ignore_reply));
}

static void close_input(void *arg);

/* Before the process was started there is nothing to close yet. */
static void closed(void *arg, struct err e, struct bytes payload)
{
	struct holder *h = arg;

	(void)payload;
	if (e.code == ERR_STATE && !h->over && !h->again)
		err_ignore(loop_add_timer(h->loop, CLOSE_AGAIN_MS, 0, close_input, h, &h->again));
}

static void close_input(void *arg)
{
	struct holder *h = arg;
	Task__CloseIORequest q = TASK__CLOSE_IOREQUEST__INIT;

	loop_remove(h->again);
	h->again = NULL;
	if (h->terminal || !h->client)
		return;
	q.id = text(h->id);
	q.exec_id = text(h->exec_id);
	q.stdin = true;
	err_ignore(send(h, "CloseIO", &q.base, closed)); /* Wait tells when the shim is gone */
}

static void on_signal(void *arg, int signo)
{
	struct holder *h = arg;
	Task__KillRequest q = TASK__KILL_REQUEST__INIT;

	if (!h->client) {
		if (signo != SIGWINCH)
			loop_stop(h->loop, 128 + signo);
		return;
	}
	if (signo == SIGWINCH) {
		resize(h);
		return;
	}
	q.id = text(h->id);
	q.exec_id = text(h->exec_id);
	q.signal = (uint32_t)signo;
	err_ignore(send(h, "Kill", &q.base, ignore_reply));
}

static void finish(struct holder *h, int status)
{
	h->over = true;
	h->status = status;
	relay_out_drain(&h->out);
	relay_out_drain(&h->err);
	loop_stop(h->loop, status);
}

static void deleted(void *arg, struct err e, struct bytes payload)
{
	struct holder *h = arg;

	(void)e;
	(void)payload;
	finish(h, h->status);
}

static void ended(void *arg, struct err e, struct bytes payload)
{
	struct holder *h = arg;
	AUTO(pb_free_any) Task__WaitResponse *r = NULL;
	Task__DeleteRequest q = TASK__DELETE_REQUEST__INIT;

	h->status = STATUS_LOST;
	if (!failed(e) && !failed(PB_UNPACK(task__wait_response, payload, &r)))
		h->status = (int)(r->exit_status & 0xff);
	/* A further process is ours alone, so nobody else would remove it. */
	q.id = text(h->id);
	q.exec_id = text(h->exec_id);
	if (failed(e) || !h->exec_id[0] || failed(send(h, "Delete", &q.base, deleted)))
		finish(h, h->status);
}

/* ---- from SIGUSR1 on ---- */

static RESULT connect_shim(struct holder *h, struct oci_state *s)
{
	AUTO(buf_done) struct buf state = BUF_INIT(OCI_STATE_MAX);
	AUTO(auto_free) char *path = NULL;
	int fd = -1;

	TRY(path_join(h->state_dir, POD_STATE, &path));
	TRY(file_read(path, &state));
	TRY(oci_state_parse(buf_bytes(&state), s));
	TRY(transport_connect(s->address, 0, &fd));
	return ttrpc_client_new(h->loop, fd, &h->client);
}

static RESULT go(struct holder *h)
{
	Task__WaitRequest q = TASK__WAIT_REQUEST__INIT;
	AUTO(oci_state_done) struct oci_state s = { 0 };
	struct holder_streams paths;
	AUTO(auto_free) char *fifo = NULL;

	TRY(connect_shim(h, &s));
	q.id = text(h->id);
	q.exec_id = text(h->exec_id);
	TRY(send(h, "Wait", &q.base, ended));
	holder_paths(getpid(), h->dir, &paths);
	TRY(path_join(h->dir, "stdin", &fifo));
	if (paths.in[0])
		TRY(relay_in_start(&h->in, h->loop, STDIN_FILENO, fifo));
	if (h->terminal)
		resize(h);
	/* Of what comes after this, nothing needs a path; a further process only removes its own.
	 */
	return h->exec_id[0] ? OK : holder_enter_root(h->state_dir, &s);
}

static void on_go(void *arg, int signo)
{
	struct holder *h = arg;

	if (h->client) {
		on_signal(arg, signo);
		return;
	}
	struct err e = go(h);
	if (failed(e)) {
		(void)fprintf(stderr, "sealpod-oci: %s\n", err_text());
		finish(h, STATUS_LOST);
	}
}

/* ---- its own beginnings ---- */

static RESULT enter_network(const char *netns)
{
	AUTO(auto_close) int fd = -1;

	if (!netns[0])
		return OK;
	if (str_equal(netns, "new"))
		return unshare(CLONE_NEWNET) == 0 ? OK : err_new(ERR_SYS, "new network namespace");
	fd = open(netns, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET) != 0)
		return err_new(ERR_SYS, "network namespace %s", netns);
	return OK;
}

/* The guest's terminal does what terminals do; this one only carries it. */
static RESULT raw_terminal(bool session)
{
	struct termios t;

	if (tcgetattr(STDIN_FILENO, &t) != 0)
		return err_new(ERR_SYS, "terminal");
	cfmakeraw(&t);
	if (tcsetattr(STDIN_FILENO, TCSANOW, &t) != 0)
		return err_new(ERR_SYS, "terminal");
	/* SIGWINCH comes to the session whose terminal it is. */
	if (session)
		(void)ioctl(STDIN_FILENO, TIOCSCTTY, 0);
	return OK;
}

static RESULT start_output(struct holder *h)
{
	AUTO(auto_free) char *out = NULL;
	AUTO(auto_free) char *err = NULL;
	struct holder_streams paths;

	holder_paths(getpid(), h->dir, &paths);
	TRY(path_join(h->dir, "stdout", &out));
	TRY(path_join(h->dir, "stderr", &err));
	if (str_equal(paths.out, out))
		TRY(relay_out_start(&h->out, h->loop, out, STDOUT_FILENO));
	if (str_equal(paths.err, err) && !h->terminal)
		TRY(relay_out_start(&h->err, h->loop, err, STDERR_FILENO));
	return OK;
}

static RESULT prepare(struct holder *h, char **argv)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR2, SIGWINCH };
	bool session = str_equal(argv[7], "session");

	h->terminal = str_equal(argv[8], "terminal");
	h->in.end = close_input;
	h->in.arg = h;
	TRY(loop_new(&h->loop));
	TRY(loop_add_signal(h->loop, SIGUSR1, on_go, h));
	for (size_t i = 0; i < ARRAY_LEN(signals); i++)
		TRY(loop_add_signal(h->loop, signals[i], on_signal, h));
	TRY(enter_network(argv[6]));
	if (h->terminal)
		TRY(raw_terminal(session));
	return start_output(h);
}

static void say_ready(struct err e)
{
	const char *said = failed(e) ? err_text() : "R";
	ssize_t n = write(READY_FD, said, strlen(said));

	(void)n; /* the parent sees the end of the pipe instead */
	(void)close(READY_FD);
}

int holder_main(int argc, char **argv)
{
	struct holder h = { .out = { .fifo = -1 }, .err = { .fifo = -1 }, .in = { .fifo = -1 } };
	int status = STATUS_LOST;

	if (argc != ARGS)
		return STATUS_LOST;
	h.dir = argv[2];
	h.state_dir = argv[3];
	h.id = argv[4];
	h.exec_id = argv[5];
	struct err e = prepare(&h, argv);
	say_ready(e);
	if (!failed(e))
		err_ignore(loop_run(h.loop, &status)); /* then the status is "lost" */
	relay_in_stop(&h.in);
	relay_out_stop(&h.out);
	relay_out_stop(&h.err);
	h.over = true;
	ttrpc_client_free(h.client);
	loop_free(h.loop);
	if (h.exec_id[0])
		err_ignore(dir_remove_tree(h.dir)); /* `delete` takes what stays */
	return status;
}
