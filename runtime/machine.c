#include "machine.h"

#include "runtime/pod.h"

#include <errno.h>
#include <fcntl.h>

#include <base/clock.h>
#include <base/file.h>

enum {
	CHUNK = 16 * 1024,
	SAID_MAX = 64 * 1024
};

void machine_init(struct machine *m)
{
	*m = (struct machine){
		.vm = VM_NONE,
		.log_lines = GUEST_LINES_INIT,
		.log_file = -1,
		.console_file = -1,
	};
	qmp_init(&m->qmp, -1);
}

static RESULT open_file(const char *dir, const char *name, int *ret_fd)
{
	AUTO(auto_free) char *path = NULL;

	TRY(path_join(dir, name, &path));
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_new(ERR_SYS, "creating %s", path);
	*ret_fd = fd;
	return OK;
}

RESULT machine_open_logs(struct machine *m, const struct machine_config *c)
{
	m->config = *c;
	TRY(open_file(c->dir, POD_LOG, &m->log_file));
	return open_file(c->dir, POD_CONSOLE, &m->console_file);
}

void machine_done(struct machine *m)
{
	struct loop_source **sources[] = { &m->log_source, &m->console_source, &m->qmp_source,
		&m->qemu_source, &m->tpm_source, &m->share_source };

	for (size_t i = 0; i < ARRAY_LEN(sources); i++) {
		loop_remove(*sources[i]);
		*sources[i] = NULL;
	}
	vm_end(&m->vm);
	qmp_done(&m->qmp);
	guest_lines_done(&m->log_lines);
	auto_close(&m->log_file);
	auto_close(&m->console_file);
	m->log_file = m->console_file = -1;
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

/* Behind each stage or progress are a file and a log of this host, which a guest that talks without
 * end would fill and keep busy. */
static bool may_tell(struct machine *m, const struct guest_event *e)
{
	if (e->kind == GUEST_OTHER)
		return true;
	if (m->told_until < m->heard)
		m->told_until = m->heard;
	if (m->told_until - m->heard >= MACHINE_EVENTS_MAX * MACHINE_EVENT_MS)
		return false;
	m->told_until += MACHINE_EVENT_MS;
	return true;
}

static void on_log_line(void *arg, struct bytes text)
{
	AUTO(guest_event_done) struct guest_event e = { 0 };
	struct machine *m = arg;

	keep(m->log_file, &m->log_bytes, GUEST_LOG_MAX, text);
	keep(m->log_file, &m->log_bytes, GUEST_LOG_MAX, bytes_str("\n"));
	if (failed(guest_event_parse(text, &e)))
		return;
	m->heard = clock_monotonic_ms();
	if (may_tell(m, &e))
		m->config.event(m->config.arg, &e);
}

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
	struct machine *m = arg;
	uint8_t chunk[CHUNK];

	(void)events;
	guest_lines_feed(
		&m->log_lines, read_some(fd, chunk, sizeof(chunk), &m->log_source), on_log_line, m);
}

static void on_console(void *arg, int fd, unsigned events)
{
	struct machine *m = arg;
	uint8_t chunk[CHUNK];
	struct bytes data = read_some(fd, chunk, sizeof(chunk), &m->console_source);

	(void)events;
	keep(m->console_file, &m->console_bytes, MACHINE_CONSOLE_MAX, data);
	if (data.n > sizeof(m->tail))
		data = bytes_of(data.p + data.n - sizeof(m->tail), sizeof(m->tail));
	size_t stay = sizeof(m->tail) - data.n;
	if (m->tail_n > stay) {
		memmove(m->tail, m->tail + m->tail_n - stay, stay);
		m->tail_n = stay;
	}
	if (data.n > 0)
		memcpy(m->tail + m->tail_n, data.p, data.n);
	m->tail_n += data.n;
}

static void on_qmp(void *arg, int fd, unsigned events)
{
	struct machine *m = arg;
	uint8_t chunk[CHUNK];

	(void)events;
	qmp_feed(&m->qmp, read_some(fd, chunk, sizeof(chunk), &m->qmp_source));
	if (!m->qmp_source)
		qmp_end(&m->qmp);
}

static void on_end(
	struct machine *m, struct process *p, struct loop_source **source, const char *name)
{
	int status = 0;

	if (failed(process_wait(p, 0, &status)))
		return;
	loop_remove(*source);
	*source = NULL;
	/* The helpers leave in peace when QEMU did, and their news may be here first. */
	if (p != &m->vm.qemu && status == 0)
		return;
	if (m->dead)
		return;
	m->dead = name;
	m->dead_status = status;
	if (m->config.ended)
		m->config.ended(m->config.arg);
}

static void on_qemu_end(void *arg, int fd, unsigned events)
{
	struct machine *m = arg;

	(void)fd;
	(void)events;
	on_end(m, &m->vm.qemu, &m->qemu_source, "QEMU");
}

static void on_tpm_end(void *arg, int fd, unsigned events)
{
	struct machine *m = arg;

	(void)fd;
	(void)events;
	on_end(m, &m->vm.tpm, &m->tpm_source, "swtpm");
}

static void on_share_end(void *arg, int fd, unsigned events)
{
	struct machine *m = arg;

	(void)fd;
	(void)events;
	on_end(m, &m->vm.share, &m->share_source, "virtiofsd");
}

void machine_settle(struct machine *m)
{
	if (m->qemu_source)
		on_qemu_end(m, -1, 0);
}

RESULT machine_watch(struct machine *m)
{
	struct loop *l = m->config.loop;
	const struct {
		int fd;
		loop_fd_fn *fn;
		struct loop_source **source;
	} sources[] = {
		{ m->vm.log_fd, on_log, &m->log_source },
		{ m->vm.console_fd, on_console, &m->console_source },
		{ m->vm.qmp_fd, on_qmp, &m->qmp_source },
		{ m->vm.qemu.pidfd, on_qemu_end, &m->qemu_source },
		{ m->vm.tpm.pidfd, on_tpm_end, &m->tpm_source },
		{ m->vm.share.pidfd, on_share_end, &m->share_source },
	};

	m->qmp.fd = m->vm.qmp_fd;
	for (size_t i = 0; i < ARRAY_LEN(sources); i++) {
		if (sources[i].fd >= 0)
			TRY(loop_add_fd(
				l, sources[i].fd, EPOLLIN, sources[i].fn, m, sources[i].source));
	}
	return OK;
}

/* The first line of what a program said before it ended, "" when nothing. */
static void said(const struct machine *m, char *to, size_t size)
{
	AUTO(buf_done) struct buf text = BUF_INIT(SAID_MAX);
	AUTO(buf_done) struct buf clean = BUF_INIT(SAID_MAX);
	AUTO(auto_free) char *name = NULL;
	AUTO(auto_free) char *path = NULL;

	to[0] = '\0';
	if (m->dead_status == 0 ||
		failed(str_format(
			&name, "%s.log", str_equal(m->dead, "QEMU") ? "qemu" : m->dead)) ||
		failed(path_join(m->config.dir, name, &path)) || failed(file_read(path, &text)))
		return;
	const uint8_t *end = text.n ? memchr(text.p, '\n', text.n) : NULL;
	guest_text_clean(bytes_of(text.p, end ? (size_t)(end - text.p) : text.n), &clean);
	(void)snprintf(to, size, "; %s", clean.n ? buf_cstr(&clean) : "it said nothing");
}

struct err machine_death(const struct machine *m, const char *stage)
{
	char words[200];

	said(m, words, sizeof(words));
	return err_new(ERR_PEER, "the virtual machine ended at stage '%s' (%s status %d%s%s%s)",
		stage, m->dead, m->dead_status, m->qmp.reason[0] ? ", " : "", m->qmp.reason, words);
}

void machine_console(const struct machine *m, struct buf *out)
{
	size_t at = 0;

	/* Line by line, so that their ends stay. */
	while (at < m->tail_n) {
		const char *end = memchr(m->tail + at, '\n', m->tail_n - at);
		size_t n = end ? (size_t)(end - (m->tail + at)) : m->tail_n - at;

		while (n > 0 && m->tail[at + n - 1] == '\r')
			n--;
		guest_text_clean(bytes_of(m->tail + at, n), out);
		buf_u8(out, '\n');
		at = end ? (size_t)(end - m->tail) + 1 : m->tail_n;
	}
}
