/* Block devices: found when they appear, encrypted or given a file system when asked, mounted. */
#include "block_wait.h"
#include "boot.h"
#include "storage_op.h"

#include <fcntl.h>

#include <base/file.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>

enum {
	ANSWER_MAX = 4096,
	SCRATCH_MODE = 0777 /* as kubelet makes an emptyDir */
};

struct work {
	struct storage_op *op;
	const Agent__Storage *q;
	struct storage *s;
	struct block_wait *wait;
	bool create, encrypt;
	char *device;
	int answer; /* what the helper writes: where the volume is, or why not */
};

static void work_free(struct work *w)
{
	block_wait_cancel(w->wait);
	if (w->answer >= 0)
		(void)close(w->answer);
	free(w->device);
	free(w);
}

/* A helper that still runs goes with the agent. */
static void cancel(struct storage_op *op)
{
	work_free(TAKE(op->work));
}

static void work_end(struct work *w, struct err e)
{
	struct storage_op *op = w->op;
	struct err_saved why;

	err_save(e, &why);
	op->work = NULL;
	work_free(w);
	storage_step_done(op, failed(e) ? err_restore(&why) : OK);
}

/* ---- the mount ---- */

/* mke2fs leaves a directory that an application would find in its empty volume. */
static RESULT make_scratch(const struct storage *s)
{
	char path[48];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d/lost+found", s->fd);
	(void)rmdir(path);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", s->fd);
	return chmod(path, SCRATCH_MODE) == 0 ? OK : err_new(ERR_SYS, "mode of the volume");
}

/* The device itself, for a container that wants no file system (Kata: fstype "bind"). */
static RESULT bind_device(const struct work *w)
{
	const struct storage_mount m = { w->device, NULL, MS_BIND, NULL };

	TRY(storage_make_file(w->op->agent, w->s));
	return storage_mount(w->op->agent, w->s, &m);
}

static RESULT mount_device(struct work *w)
{
	AUTO(mount_options_done) struct mount_options o = { 0 };
	const struct agent *a = w->op->agent;
	struct storage_mount m = { w->device, w->create ? "ext4" : w->q->fstype, 0, NULL };

	TRY(mount_options_parse(w->q->options, w->q->n_options, &o));
	if (o.flags & MS_BIND)
		return bind_device(w);
	m.flags = o.flags;
	m.data = o.data;
	/* Volumes, not root file systems: nothing on them may raise privileges. */
	if (!a->open_world || w->create)
		m.flags |= MS_NOSUID | MS_NODEV;
	TRY(storage_mount(a, w->s, &m));
	w->s->kind = w->encrypt ? STORAGE_ENCRYPTED : STORAGE_HOST;
	return w->create ? make_scratch(w->s) : OK;
}

/* ---- the helper ---- */

static RESULT read_answer(const struct work *w, struct buf *answer)
{
	if (lseek(w->answer, 0, SEEK_SET) != 0)
		return err_new(ERR_SYS, "answer of sealpod-volume");
	TRY(file_read_fd(w->answer, "answer of sealpod-volume", answer));
	while (answer->n > 0 && answer->p[answer->n - 1] == '\n')
		answer->n--;
	return OK;
}

static RESULT take_device(struct work *w, int status)
{
	AUTO(buf_done) struct buf answer = BUF_INIT(ANSWER_MAX);
	const char *text;
	char *device;

	TRY(read_answer(w, &answer));
	text = buf_cstr(&answer);
	if (status != 0 || !text || !str_starts(text, "/dev/"))
		return err_new(
			ERR_PEER, "sealpod-volume: status %d: %.300s", status, text ? text : "");
	TRY(str_dup(text, &device));
	free(w->device);
	w->device = device;
	return OK;
}

static void on_helper(void *arg, int status)
{
	struct work *w = arg;
	struct err e = take_device(w, status);

	work_end(w, failed(e) ? e : mount_device(w));
}

static RESULT run_helper(struct work *w)
{
	static const char *const environment[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL };
	struct agent *a = w->op->agent;
	const char *argv[8] = { a->set.volume, "make" };
	struct process_spec spec;
	size_t n = 2;

	if (w->encrypt) {
		TRY(str_format(&w->s->mapping, "sealpod-volume-%u", a->n_mappings++));
		argv[n++] = "--encrypt";
		argv[n++] = w->s->mapping;
	}
	argv[n++] = w->device;
	w->answer = memfd_create("answer", MFD_CLOEXEC);
	if (w->answer < 0)
		return err_new(ERR_SYS, "sealpod-volume");
	spec = PROCESS_SPEC(argv);
	spec.envp = environment;
	spec.stdin_fd = -1;
	spec.stdout_fd = spec.stderr_fd = w->answer;
	spec.new_session = true;
	spec.die_with_parent = true;
	if (a->set.init)
		TRY(boot_modules(BOOT_MODULES_FILE, "storage", false));
	return a->effects->run(a, &spec, on_helper, w);
}

void storage_unmap(const struct agent *a, const char *mapping)
{
	const char *argv[] = { a->set.volume, "close", mapping, NULL };
	int status = 0;

	/* What stays mapped is unreadable without its key, and gone with the guest. */
	err_ignore(process_run(argv, BYTES_NONE, NULL, NULL, &status));
}

/* ---- the device ---- */

static void on_found(void *arg, struct err e, const char *device)
{
	struct work *w = arg;
	bool helped = w->create;

	w->wait = NULL;
	if (!failed(e))
		e = str_dup(device, &w->device);
	if (!failed(e))
		e = helped ? run_helper(w) : mount_device(w);
	/* The helper's end may have been told already. */
	if (failed(e) || !helped)
		work_end(w, e);
}

static RESULT read_options(struct work *w)
{
	for (size_t i = 0; i < w->q->n_driver_options; i++) {
		const char *option = w->q->driver_options[i];

		if (str_equal(option, "create_filesystem"))
			w->create = true;
		else if (str_equal(option, "encryption_key=ephemeral"))
			w->encrypt = true;
		else
			return err_new(ERR_UNSUPPORTED, "driver option %.64s", option);
	}
	if (w->encrypt && !w->create)
		return err_new(ERR_FORMAT, "encryption_key without create_filesystem");
	if (w->create && !str_equal(w->q->fstype, "ext4"))
		return err_new(
			ERR_UNSUPPORTED, "create_filesystem: %.64s is not ext4", w->q->fstype);
	return OK;
}

RESULT storage_attach_block(struct storage_op *op, const Agent__Storage *q, struct storage *s)
{
	struct work *w = calloc(1, sizeof(*w));
	struct err e;

	if (!w)
		return err_new(ERR_NOMEM, "block device");
	*w = (struct work){ .op = op, .q = q, .s = s, .answer = -1 };
	e = read_options(w);
	if (!failed(e))
		e = block_wait_start(
			&(struct block_ask){ op->agent, q->driver, q->source, on_found, w },
			&w->wait);
	if (failed(e)) {
		work_free(w);
		return e;
	}
	op->work = w;
	op->cancel = cancel;
	op->waiting = true;
	return OK;
}
