#include "runtime/start_metrics.h"

#include "runtime/vm.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <time.h>

#include <base/file.h>
#include <sys/file.h>

enum {
	LOCK_TRIES = 50,
	LOCK_PAUSE_MS = 1,
	MS_PER_S = 1000
};

/* Upper bounds; a first boot under emulation takes minutes, a stage of a warm host milliseconds. */
static const uint64_t bounds_ms[START_BUCKETS - 1] = { 50, 100, 250, 500, 1000, 2500, 5000, 10000,
	30000, 60000, 300000 };

struct head {
	char magic[8];
	uint32_t kinds, buckets;
	char platforms[START_PLATFORMS_MAX][8];
};

struct file {
	struct head head;
	struct start_metrics m;
};

/* ---- the file ---- */

/* A holder of the lock that was stopped must not stop the others. */
static RESULT lock(int fd)
{
	static const struct timespec pause = { .tv_nsec = LOCK_PAUSE_MS * 1000 * 1000 };

	for (int i = 0; flock(fd, LOCK_EX | LOCK_NB) != 0; i++) {
		if ((errno != EWOULDBLOCK && errno != EINTR) || i == LOCK_TRIES)
			return err_new(ERR_SYS, START_METRICS_FILE ": lock");
		(void)nanosleep(&pause, NULL);
	}
	return OK;
}

static struct file fresh(void)
{
	struct file f = {
		.head = { .magic = "starts1", .kinds = START_KINDS, .buckets = START_BUCKETS },
	};

	for (size_t i = 0; i < START_PLATFORMS_MAX && vm_platform_at(i); i++)
		(void)snprintf(f.head.platforms[i], sizeof(f.head.platforms[i]), "%s",
			vm_platform_at(i)->name);
	return f;
}

/* Of this layout and with these platforms, whole. */
static bool read_ours(int fd, struct file *f)
{
	const struct file want = fresh();

	return pread(fd, f, sizeof(*f), 0) == (ssize_t)sizeof(*f) &&
	       bytes_equal(bytes_of(&f->head, sizeof(f->head)),
		       bytes_of(&want.head, sizeof(want.head)));
}

static RESULT open_locked(const char *state_dir, int *ret_fd)
{
	AUTO(auto_free) char *path = NULL;
	AUTO(auto_close) int fd = -1;
	struct file f;

	TRY(dir_make(state_dir, 0700));
	TRY(path_join(state_dir, START_METRICS_FILE, &path));
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_new(ERR_SYS, "%s", path);
	TRY(lock(fd));
	if (!read_ours(fd, &f)) {
		f = fresh();
		if (pwrite(fd, &f, sizeof(f), 0) != (ssize_t)sizeof(f))
			return err_new(ERR_SYS, "%s", path);
	}
	*ret_fd = fd;
	fd = -1;
	return OK;
}

static RESULT platform_index(const char *name, size_t *ret_index)
{
	for (size_t i = 0; i < START_PLATFORMS_MAX && vm_platform_at(i); i++) {
		if (!str_equal(vm_platform_at(i)->name, name))
			continue;
		*ret_index = i;
		return OK;
	}
	return err_new(ERR_NOT_FOUND, "platform %s", name);
}

static RESULT observe(int fd, size_t platform, size_t kind, uint64_t ms)
{
	const off_t at = (off_t)(offsetof(struct file, m) +
				 (platform * START_KINDS + kind) * sizeof(struct start_histogram));
	struct start_histogram h;
	size_t b = 0;

	if (pread(fd, &h, sizeof(h), at) != (ssize_t)sizeof(h))
		return err_new(ERR_SYS, START_METRICS_FILE);
	while (b < ARRAY_LEN(bounds_ms) && ms > bounds_ms[b])
		b++;
	h.counts[b]++;
	h.sum_ms += ms;
	if (pwrite(fd, &h, sizeof(h), at) != (ssize_t)sizeof(h))
		return err_new(ERR_SYS, START_METRICS_FILE);
	return OK;
}

RESULT start_metrics_add(const char *state_dir, const char *platform, const struct timeline *t)
{
	AUTO(auto_close) int fd = -1;
	size_t p = 0;

	TRY(platform_index(platform, &p));
	TRY(open_locked(state_dir, &fd));
	for (size_t i = 0; i < TIMELINE_COUNT; i++)
		if (t->known[i])
			TRY(observe(fd, p, i, t->ms[i]));
	return observe(fd, p, START_WHOLE, t->ready);
}

RESULT start_metrics_add_image(const char *state_dir, const char *platform, uint64_t took_ms)
{
	AUTO(auto_close) int fd = -1;
	size_t p = 0;

	/* The guest says how long. */
	if (took_ms > TIMELINE_STAGE_MAX_MS)
		return OK;
	TRY(platform_index(platform, &p));
	TRY(open_locked(state_dir, &fd));
	return observe(fd, p, START_IMAGE, took_ms);
}

RESULT start_metrics_read(const char *state_dir, struct start_metrics *ret_metrics)
{
	AUTO(auto_free) char *path = NULL;
	AUTO(auto_close) int fd = -1;
	struct file f;

	TRY(path_join(state_dir, START_METRICS_FILE, &path));
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno != ENOENT)
		return err_new(ERR_SYS, "%s", path);
	/* One that is not ours counts nothing until the next start begins it anew. */
	if (fd < 0 || !read_ours(fd, &f))
		f = fresh();
	*ret_metrics = f.m;
	return OK;
}

/* ---- text ---- */

static uint64_t total(const struct start_histogram *h)
{
	uint64_t n = 0;

	for (size_t b = 0; b < START_BUCKETS; b++)
		n += h->counts[b];
	return n;
}

static void put_seconds(struct buf *out, uint64_t ms)
{
	buf_printf(out, "%" PRIu64 ".%03" PRIu64, ms / MS_PER_S, ms % MS_PER_S);
}

static void put_one(
	struct buf *out, const char *name, const char *labels, const struct start_histogram *h)
{
	uint64_t n = 0;

	for (size_t b = 0; b < START_BUCKETS; b++) {
		n += h->counts[b];
		buf_printf(out, "%s_bucket{%s,le=\"", name, labels);
		if (b < ARRAY_LEN(bounds_ms))
			put_seconds(out, bounds_ms[b]);
		else
			buf_puts(out, "+Inf");
		buf_printf(out, "\"} %" PRIu64 "\n", n);
	}
	buf_printf(out, "%s_sum{%s} ", name, labels);
	put_seconds(out, h->sum_ms);
	buf_printf(out, "\n%s_count{%s} %" PRIu64 "\n", name, labels, n);
}

static void put_family(const struct start_metrics *m, size_t first, size_t end, const char *name,
	const char *help, struct buf *out)
{
	bool begun = false;

	for (size_t p = 0; p < START_PLATFORMS_MAX && vm_platform_at(p); p++) {
		for (size_t k = first; k < end; k++) {
			const char *platform = vm_platform_at(p)->name;
			char labels[96];

			if (total(&m->of[p][k]) == 0)
				continue;
			if (!begun)
				buf_printf(out, "# HELP %s %s\n# TYPE %s histogram\n", name, help,
					name);
			begun = true;
			(void)snprintf(labels, sizeof(labels), "platform=\"%s\"%s%s%s", platform,
				k < TIMELINE_COUNT ? ",stage=\"" : "",
				k < TIMELINE_COUNT ? timeline_name((enum timeline_stage)k) : "",
				k < TIMELINE_COUNT ? "\"" : "");
			put_one(out, name, labels, &m->of[p][k]);
		}
	}
}

void start_metrics_put(const struct start_metrics *m, struct buf *out)
{
	put_family(m, 0, TIMELINE_COUNT, "sealpod_start_stage_seconds",
		"Stages of all starts on this host so far.", out);
	put_family(m, START_WHOLE, START_WHOLE + 1, "sealpod_start_seconds",
		"All starts on this host, from the request until the container ran.", out);
	put_family(m, START_IMAGE, START_IMAGE + 1, "sealpod_image_pull_seconds",
		"Images pulled in guests, with the attestation that they needed.", out);
}
