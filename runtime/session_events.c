#include "agent_internal.h"
#include "session.h"

#include <agent.pb-c.h>
#include <errno.h>
#include <signal.h>

#include <base/clock.h>
#include <base/file.h>

enum {
	CHUNK = 16 * 1024,
	DEATH_NEWS_MS = 2000,
	ROUND_MS = 50
};

void session_stage(struct session *s, const char *stage)
{
	if (s->stage != stage && s->pod.dir) {
		s->stage = stage;
		err_ignore(session_save(s)); /* `pod ps` is a little behind then */
	}
	s->stage = stage;
	if (s->config->progress) {
		struct run_progress p = { .stage = stage,
			.elapsed_ms = clock_monotonic_ms() - s->timeline->begun };

		s->config->progress(s->config->arg, &p);
	}
}

static void extend_deadline(struct session *s)
{
	if (s->deadline)
		s->deadline = clock_monotonic_ms() + s->config->timeout_s * 1000;
}

/* Bounded on disk: a guest that talks without end fills nothing. */
static void keep(int fd, uint64_t *used, uint64_t max, struct bytes data)
{
	uint64_t left = *used < max ? max - *used : 0;
	struct bytes fits = bytes_of(data.p, data.n < left ? data.n : (size_t)left);

	*used += fits.n;
	if (fd >= 0 && fits.n > 0)
		err_ignore(fd_write_all(fd, fits)); /* a full disk costs the log, not the pod */
}

/* ---- log lines of the guest ---- */

static void on_stage(struct session *s, const struct guest_event *e)
{
	timeline_guest_stage(s->timeline, e->stage, e->took_ms);
	/* A stage is told when it has ended: what is under way is the one after it. */
	for (int i = TIMELINE_AGENT; i + 1 < TIMELINE_COUNT && !s->started; i++) {
		if (str_equal(e->stage, timeline_name((enum timeline_stage)i)))
			session_stage(s, timeline_name((enum timeline_stage)(i + 1)));
	}
}

static void on_progress(struct session *s, const struct guest_event *e)
{
	struct run_progress p = {
		.stage = timeline_name(TIMELINE_PULL),
		.layer = e->layer,
		.layers = e->layers,
		.done = e->done,
		.total = e->total,
		.elapsed_ms = clock_monotonic_ms() - s->timeline->begun,
	};

	s->stage = p.stage;
	if (s->config->progress && !s->started)
		s->config->progress(s->config->arg, &p);
}

static void on_log_line(void *arg, struct bytes text)
{
	AUTO(guest_event_done) struct guest_event e = { 0 };
	struct session *s = arg;

	keep(s->log_file, &s->log_bytes, GUEST_LOG_MAX, text);
	keep(s->log_file, &s->log_bytes, GUEST_LOG_MAX, bytes_str("\n"));
	if (failed(guest_event_parse(text, &e)))
		return;
	if (!s->timeline->contact && e.ms > 0) {
		timeline_contact(s->timeline, clock_monotonic_ms(), e.ms);
		session_stage(s, timeline_name(TIMELINE_AGENT));
	}
	extend_deadline(s);
	if (e.kind == GUEST_STAGE)
		on_stage(s, &e);
	else if (e.kind == GUEST_PROGRESS)
		on_progress(s, &e);
}

/* ---- descriptors ---- */

/* What is there now; nothing when it would block or ended. */
static struct bytes read_some(int fd, uint8_t *to, size_t size, struct loop_source **source)
{
	ssize_t n = read(fd, to, size);

	if (n > 0)
		return bytes_of(to, (size_t)n);
	if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		loop_remove(*source);
		*source = NULL;
	}
	return BYTES_NONE;
}

static void on_log(void *arg, int fd, unsigned events)
{
	struct session *s = arg;
	uint8_t chunk[CHUNK];

	(void)events;
	guest_lines_feed(
		&s->log_lines, read_some(fd, chunk, sizeof(chunk), &s->log_source), on_log_line, s);
}

static void on_console(void *arg, int fd, unsigned events)
{
	struct session *s = arg;
	uint8_t chunk[CHUNK];
	struct bytes data = read_some(fd, chunk, sizeof(chunk), &s->console_source);

	(void)events;
	keep(s->console_file, &s->console_bytes, SESSION_CONSOLE_MAX, data);
	if (data.n > sizeof(s->tail))
		data = bytes_of(data.p + data.n - sizeof(s->tail), sizeof(s->tail));
	size_t stay = sizeof(s->tail) - data.n;
	if (s->tail_n > stay) {
		memmove(s->tail, s->tail + s->tail_n - stay, stay);
		s->tail_n = stay;
	}
	if (data.n > 0)
		memcpy(s->tail + s->tail_n, data.p, data.n);
	s->tail_n += data.n;
}

static void on_qmp(void *arg, int fd, unsigned events)
{
	struct session *s = arg;
	uint8_t chunk[CHUNK];

	(void)events;
	qmp_feed(&s->qmp, read_some(fd, chunk, sizeof(chunk), &s->qmp_source));
}

static void on_end(
	struct session *s, struct process *p, struct loop_source **source, const char *name)
{
	int status = 0;

	if (failed(process_wait(p, 0, &status)))
		return;
	loop_remove(*source);
	*source = NULL;
	/* swtpm leaves in peace when QEMU did, and its news may be here first. */
	if (p == &s->vm.tpm && status == 0)
		return;
	if (!s->dead) {
		s->dead = name;
		s->dead_status = status;
	}
}

static void on_qemu_end(void *arg, int fd, unsigned events)
{
	struct session *s = arg;

	(void)fd;
	(void)events;
	on_end(s, &s->vm.qemu, &s->qemu_source, "QEMU");
}

static void on_tpm_end(void *arg, int fd, unsigned events)
{
	struct session *s = arg;

	(void)fd;
	(void)events;
	on_end(s, &s->vm.tpm, &s->tpm_source, "swtpm");
}

RESULT session_watch(struct session *s)
{
	struct loop *l = s->loop;

	qmp_init(&s->qmp, s->vm.qmp_fd);
	TRY(loop_add_fd(l, s->vm.log_fd, EPOLLIN, on_log, s, &s->log_source));
	TRY(loop_add_fd(l, s->vm.console_fd, EPOLLIN, on_console, s, &s->console_source));
	TRY(loop_add_fd(l, s->vm.qmp_fd, EPOLLIN, on_qmp, s, &s->qmp_source));
	TRY(loop_add_fd(l, s->vm.qemu.pidfd, EPOLLIN, on_qemu_end, s, &s->qemu_source));
	if (s->vm.tpm.pid > 0)
		TRY(loop_add_fd(l, s->vm.tpm.pidfd, EPOLLIN, on_tpm_end, s, &s->tpm_source));
	return OK;
}

/* ---- signals ---- */

static void on_signal_sent(void *arg, struct err e, struct bytes payload)
{
	(void)arg;
	(void)e; /* a container that has just ended is fine */
	(void)payload;
}

static void forward(struct session *s, int signo)
{
	Agent__SignalProcessRequest request = AGENT__SIGNAL_PROCESS_REQUEST__INIT;
	struct agent_call c = {
		.service = AGENT_SERVICE, .method = "SignalProcess", .request = &request.base
	};

	request.container_id = s->pod.state.container;
	request.signal = (uint32_t)signo;
	/* If it cannot be sent, the second signal ends the machine. */
	err_ignore(agent_call_start(s->agent, &c, on_signal_sent, NULL));
}

static void on_signal(void *arg, int signo)
{
	struct session *s = arg;

	s->signals++;
	if (s->signals == 1) {
		s->signo = signo;
		if (s->started)
			forward(s, signo);
	}
}

RESULT session_signals(struct session *s)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };

	for (size_t i = 0; i < ARRAY_LEN(signals); i++)
		TRY(loop_add_signal(s->loop, signals[i], on_signal, s));
	return OK;
}

/* ---- judgement ---- */

/* The first line of what a program said before it ended, "" when nothing. */
static void said(const struct session *s, char *to, size_t size)
{
	AUTO(buf_done) struct buf text = BUF_INIT(64 * 1024);
	AUTO(buf_done) struct buf clean = BUF_INIT(64 * 1024);
	AUTO(auto_free) char *path = NULL;
	const char *file = str_equal(s->dead, "QEMU") ? "qemu.log" : "swtpm.log";

	to[0] = '\0';
	if (s->dead_status == 0 || failed(path_join(s->pod.dir, file, &path)) ||
		failed(file_read(path, &text)))
		return;
	const uint8_t *end = text.n ? memchr(text.p, '\n', text.n) : NULL;
	guest_text_clean(bytes_of(text.p, end ? (size_t)(end - text.p) : text.n), &clean);
	(void)snprintf(to, size, "; %s", clean.n ? buf_cstr(&clean) : "it said nothing");
}

static struct err death(struct session *s)
{
	AUTO(buf_done) struct buf clean = BUF_INIT(2 * RUN_CONSOLE_TAIL);
	char words[200];
	size_t at = 0;

	said(s, words, sizeof(words));
	/* Whole lines, each cleaned by itself so that their ends stay. */
	while (at < s->tail_n) {
		const char *end = memchr(s->tail + at, '\n', s->tail_n - at);
		size_t n = end ? (size_t)(end - (s->tail + at)) : s->tail_n - at;

		while (n > 0 && s->tail[at + n - 1] == '\r')
			n--;
		guest_text_clean(bytes_of(s->tail + at, n), &clean);
		buf_u8(&clean, '\n');
		at = end ? (size_t)(end - s->tail) + 1 : s->tail_n;
	}
	(void)snprintf(s->result->console, sizeof(s->result->console), "%s",
		clean.n ? buf_cstr(&clean) : "");
	return err_new(ERR_PEER, "the virtual machine ended at stage '%s' (%s status %d%s%s%s)",
		s->stage, s->dead, s->dead_status, s->qmp.reason[0] ? ", " : "", s->qmp.reason,
		words);
}

struct err session_check(void *session)
{
	struct session *s = session;

	if (s->dead)
		return death(s);
	if (s->signals > 1 || (s->signals == 1 && !s->started))
		return err_new(
			ERR_STATE, "interrupted by signal %d at stage '%s'", s->signo, s->stage);
	if (s->deadline && clock_monotonic_ms() > s->deadline)
		return err_new(ERR_TIMEOUT, "nothing happened for %llu s at stage '%s'",
			(unsigned long long)s->config->timeout_s, s->stage);
	return OK;
}

struct err session_explain(struct session *s, struct err e)
{
	uint64_t end = clock_monotonic_ms() + DEATH_NEWS_MS;
	struct err_saved first;

	if (e.code != ERR_PEER)
		return e;
	err_save(e, &first);
	while (!s->dead && clock_monotonic_ms() < end) {
		if (failed(loop_once(s->loop, ROUND_MS)))
			break;
	}
	return s->dead ? death(s) : err_restore(&first);
}
