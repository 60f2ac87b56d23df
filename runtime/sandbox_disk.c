#include "sandbox_container.h"

#include <errno.h>
#include <fcntl.h>

#include <base/file.h>
#include <sys/stat.h>

enum {
	ARGUMENTS_MAX = 2048,
	FDSET_FIRST = 100
};

struct waiter {
	struct waiter *next;
	sandbox_copy_fn *fn;
	void *arg;
};

/* One disk on its way: file, block node, device. */
struct adding {
	struct sandbox *s;
	struct sandbox_disk *disk;
	unsigned step;
	bool host_device;
	struct waiter *waiters;
};

void sandbox_disks_free(struct sandbox *s)
{
	while (s->disks) {
		struct sandbox_disk *d = s->disks;

		s->disks = d->next;
		free(d->path);
		free(d);
	}
	s->n_disks = 0;
}

RESULT sandbox_disk_get(
	struct sandbox *s, const char *path, bool read_only, struct sandbox_disk **ret_disk)
{
	struct sandbox_disk *d;

	for (d = s->disks; d; d = d->next) {
		if (!str_equal(d->path, path))
			continue;
		if (d->read_only && !read_only)
			return err_new(
				ERR_STATE, "disk %s: the pod has it read-only already", path);
		*ret_disk = d;
		return OK;
	}
	if (s->n_disks == SANDBOX_DISKS_MAX)
		return err_new(ERR_LIMIT, "disk %s: a pod has at most %d", path, SANDBOX_DISKS_MAX);
	d = calloc(1, sizeof(*d));
	if (!d)
		return err_new(ERR_NOMEM, "disk");
	struct err e = str_dup(path, &d->path);
	if (failed(e)) {
		free(d);
		return e;
	}
	d->target = s->n_disks++;
	d->read_only = read_only;
	d->next = s->disks;
	s->disks = d;
	*ret_disk = d;
	return OK;
}

struct sandbox_disk *sandbox_disk_next(struct sandbox *s)
{
	struct sandbox_disk *found = NULL;

	for (struct sandbox_disk *d = s->disks; d; d = d->next) {
		if (!d->added)
			found = d; /* the list begins with the last: the first one is wanted */
	}
	return found;
}

static void finish(struct adding *a, struct err e)
{
	struct err_saved why;
	struct waiter *w = a->waiters;

	err_save(e, &why);
	a->disk->adding = NULL;
	a->disk->added = why.code == ERR_OK;
	free(a);
	while (w) {
		struct waiter *next = w->next;

		w->fn(w->arg, why.code == ERR_OK ? OK : err_restore(&why));
		free(w);
		w = next;
	}
}

/* QEMU is handed the open file, so it needs no right to the path. */
static RESULT open_disk(const struct adding *a, int *ret_fd, bool *ret_host_device)
{
	const struct sandbox_disk *d = a->disk;
	struct stat st;

	AUTO(auto_close) int fd =
		open(d->path, (d->read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_new(ERR_SYS, "opening disk %s", d->path);
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return err_new(ERR_FORMAT, "disk %s: neither a file nor a block device", d->path);
	*ret_host_device = S_ISBLK(st.st_mode);
	*ret_fd = TAKE_FD(fd);
	return OK;
}

static void put_file(const struct adding *a, struct json_writer *w)
{
	jw_ku64(w, "fdset-id", FDSET_FIRST + a->disk->target);
}

static void put_open_file(const struct adding *a, struct json_writer *w)
{
	char text[64];

	(void)snprintf(text, sizeof(text), "/dev/fdset/%u", FDSET_FIRST + a->disk->target);
	jw_kstr(w, "driver", a->host_device ? "host_device" : "file");
	jw_kstr(w, "filename", text);
}

static void put_node(const struct adding *a, struct json_writer *w)
{
	const struct runtime_config *c = a->s->c.runtime;
	char text[64];

	if (c->disk_bytes_per_s || c->disk_ops_per_s) {
		jw_kstr(w, "driver", "throttle");
		jw_kstr(w, "throttle-group", VM_DISK_LIMITS);
		jw_key(w, "file");
		jw_object(w);
		put_open_file(a, w);
		jw_kbool(w, "read-only", a->disk->read_only);
		jw_kstr(w, "discard", "unmap");
		jw_object_end(w);
	} else {
		put_open_file(a, w);
	}
	(void)snprintf(text, sizeof(text), "scsi-disk%u", a->disk->target);
	jw_kstr(w, "node-name", text);
	jw_kbool(w, "read-only", a->disk->read_only);
	jw_kstr(w, "discard", "unmap");
}

static void put_device(const struct adding *a, struct json_writer *w)
{
	char text[64];

	jw_kstr(w, "driver", "scsi-hd");
	jw_kstr(w, "bus", "scsi0.0");
	jw_ku64(w, "scsi-id", a->disk->target);
	jw_ku64(w, "lun", 0);
	(void)snprintf(text, sizeof(text), "scsi-disk%u", a->disk->target);
	jw_kstr(w, "drive", text);
	jw_kstr(w, "serial", text);
	(void)snprintf(text, sizeof(text), "disk-%u", a->disk->target);
	jw_kstr(w, "id", text);
}

static const struct {
	const char *command;
	void (*put)(const struct adding *a, struct json_writer *w);
} commands[] = {
	{ "add-fd", put_file },
	{ "blockdev-add", put_node },
	{ "device_add", put_device },
};

static RESULT next_command(struct adding *a);

static void on_answer(void *arg, struct err e, const struct json *value)
{
	struct adding *a = arg;

	(void)value;
	a->step++;
	if (!failed(e) && a->step < ARRAY_LEN(commands))
		e = next_command(a);
	else if (!failed(e)) {
		finish(a, OK);
		return;
	}
	if (failed(e))
		finish(a, err_add(e, "disk %s", a->disk->path));
}

static RESULT next_command(struct adding *a)
{
	AUTO(buf_done) struct buf text = BUF_INIT(ARGUMENTS_MAX);
	AUTO(auto_close) int fd = -1;
	struct json_writer w = jw_of(&text);

	if (a->step == 0)
		TRY(open_disk(a, &fd, &a->host_device));
	jw_object(&w);
	commands[a->step].put(a, &w);
	jw_object_end(&w);
	TRY(buf_end(&text, "QMP command"));
	const struct qmp_command c = {
		.name = commands[a->step].command, .arguments = buf_bytes(&text), .fd = fd
	};
	return qmp_execute(&a->s->machine.qmp, &c, on_answer, a);
}

static RESULT wait_for(struct adding *a, sandbox_copy_fn *fn, void *arg)
{
	struct waiter *w = calloc(1, sizeof(*w));

	if (!w)
		return err_new(ERR_NOMEM, "disk");
	*w = (struct waiter){ .next = a->waiters, .fn = fn, .arg = arg };
	a->waiters = w;
	return OK;
}

RESULT sandbox_disk_add(struct sandbox *s, struct sandbox_disk *d, sandbox_copy_fn *fn, void *arg)
{
	if (d->adding)
		return wait_for(d->adding, fn, arg);
	struct adding *a = calloc(1, sizeof(*a));
	if (!a)
		return err_new(ERR_NOMEM, "disk");
	a->s = s;
	a->disk = d;
	struct err e = wait_for(a, fn, arg);
	if (!failed(e))
		e = next_command(a);
	if (failed(e)) {
		free(a->waiters);
		free(a);
		return e;
	}
	d->adding = a;
	return OK;
}
