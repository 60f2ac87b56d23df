#include "runtime/pod.h"

#include <signal.h>

#include <base/file.h>
#include <sys/syscall.h>

enum {
	STAT_MAX = 4096,
	STAT_STATE = 3, /* first field after the name, proc(5) */
	STAT_START = 22
};

/* One field of digits that ends at a blank or at the end. */
static bool take_number(struct bytes line, size_t at, uint64_t *ret_v)
{
	uint64_t v = 0;
	size_t i = at;

	for (; i < line.n && line.p[i] >= '0' && line.p[i] <= '9'; i++) {
		if (__builtin_mul_overflow(v, (uint64_t)10, &v) ||
			__builtin_add_overflow(v, (uint64_t)(line.p[i] - '0'), &v))
			return false;
	}
	if (i == at || i == line.n || line.p[i] != ' ')
		return false;
	*ret_v = v;
	return true;
}

RESULT pod_stat_parse(struct bytes line, uint64_t *ret_start)
{
	const uint8_t *close = line.n ? memrchr(line.p, ')', line.n) : NULL;
	size_t at = close ? (size_t)(close - line.p) + 1 : line.n;
	uint64_t start = 0;

	for (int field = STAT_STATE; field <= STAT_START && at < line.n; field++) {
		const uint8_t *blank = memchr(line.p + at, ' ', line.n - at);

		at = blank && field > STAT_STATE ? (size_t)(blank - line.p) + 1 : at + 1;
		if (!blank)
			at = line.n;
	}
	if (!take_number(line, at, &start))
		return err_new(ERR_FORMAT, "process status: no start time");
	*ret_start = start;
	return OK;
}

RESULT pod_process_start_time(uint64_t pid, uint64_t *ret_start)
{
	AUTO(buf_done) struct buf line = BUF_INIT(STAT_MAX);
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%llu/stat", (unsigned long long)pid);
	struct err e = file_read(path, &line);
	if (failed(e))
		return err_new(ERR_NOT_FOUND, "no process %llu", (unsigned long long)pid);
	return pod_stat_parse(buf_bytes(&line), ret_start);
}

bool pod_process_alive(const struct pod_process *p)
{
	uint64_t start = 0;

	return !failed(pod_process_start_time(p->pid, &start)) && start == p->start;
}

void pod_process_kill(const struct pod_process *p, int signo)
{
	/* First the handle, then the check: the number cannot change hands in between. */
	AUTO(auto_close) int fd = (int)syscall(SYS_pidfd_open, (pid_t)p->pid, 0);

	if (fd >= 0 && pod_process_alive(p))
		(void)syscall(SYS_pidfd_send_signal, fd, signo, NULL, 0);
}
