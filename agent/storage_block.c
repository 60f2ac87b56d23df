/* Block devices: found when they appear, encrypted or given a file system when asked, mounted. */
#include "block_wait.h"
#include "boot.h"
#include "hub.h"
#include "storage_op.h"

#include <fcntl.h>

#include <base/file.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>

enum {
	ANSWER_MAX = 4096,
	ARGUMENTS_MAX = 8,
	SCRATCH_MODE = 0777, /* as kubelet makes an emptyDir */
	IMAGES_MODE = 0700
};

struct work {
	struct storage_op *op;
	const Agent__Storage *q;
	struct storage *s;
	const struct manifest_volume *rule; /* what becomes of it; NULL: as the host says */
	struct block_wait *wait;
	bool create, encrypt;
	bool asked; /* the hub, whose answer cannot be called off: then `op` is NULL */
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
	struct work *w = TAKE(op->work);

	w->op = NULL;
	if (!w->asked)
		work_free(w);
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
	return chmod(path, s->for_images ? IMAGES_MODE : SCRATCH_MODE) == 0
		       ? OK
		       : err_new(ERR_SYS, "mode of the volume");
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

static RESULT load_modules(const struct agent *a)
{
	return a->set.init ? boot_modules(BOOT_MODULES_FILE, "storage", false) : OK;
}

static RESULT name_mapping(struct work *w)
{
	return str_format(&w->s->mapping, "sealpod-volume-%u", w->op->agent->n_mappings++);
}

static RESULT run_helper(struct work *w)
{
	static const char *const environment[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL };
	struct agent *a = w->op->agent;
	AUTO(auto_free) char *size = NULL;
	const char *argv[ARGUMENTS_MAX] = { a->set.volume, "make" };
	struct process_spec spec;
	size_t n = 2;

	if (w->encrypt) {
		TRY(name_mapping(w));
		argv[n++] = "--encrypt";
		argv[n++] = w->s->mapping;
	}
	if (w->s->size > 0) {
		TRY(str_format(&size, "%llu", (unsigned long long)w->s->size));
		argv[n++] = "--size";
		argv[n++] = size;
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
	TRY(load_modules(a));
	return a->effects->run(a, &spec, on_helper, w);
}

void storage_unmap(const struct agent *a, const char *mapping)
{
	const char *argv[] = { a->set.volume, "close", mapping, NULL };
	int status = 0;

	/* What stays mapped is unreadable without its key, and gone with the guest. */
	err_ignore(process_run(argv, BYTES_NONE, NULL, NULL, &status));
}

/* ---- a key of the broker ---- */

static RESULT take_mounted(const struct work *w)
{
	struct storage *s = w->s;

	s->mounted = true;
	s->kind = STORAGE_ENCRYPTED;
	if (s->fd >= 0)
		(void)close(TAKE_FD(s->fd));
	/* Through the mount point again: now it is the root of what was mounted. */
	return storage_point(w->op->agent, s, &s->fd);
}

static void on_secured(void *arg, struct err e)
{
	struct work *w = arg;

	if (!w->op) { /* given up meanwhile */
		work_free(w);
		return;
	}
	if (!failed(e))
		e = take_mounted(w);
	work_end(w, e);
}

/* The hub has the key, so it opens the volume. With a manifest nobody can put a link in the way. */
static RESULT ask_hub(struct work *w)
{
	struct agent *a = w->op->agent;
	struct hub_volume v = { .device = w->device, .key = w->rule->key };
	struct err e;

	TRY(storage_point(a, w->s, &w->s->fd));
	TRY(str_dup(w->rule->key, &w->s->key));
	TRY(name_mapping(w));
	TRY(load_modules(a));
	v.mapping = w->s->mapping;
	v.mount_point = w->s->mount_point;
	v.authentic = manifest_volume_authentic(w->rule);
	v.create = w->rule->create;
	w->asked = true;
	e = a->effects->secure_mount(a, &v, on_secured, w);
	if (failed(e))
		w->asked = false;
	return e;
}

/* ---- the device ---- */

static bool has_key(const struct work *w)
{
	return w->rule && w->rule->key;
}

static RESULT begin(struct work *w)
{
	if (has_key(w))
		return ask_hub(w);
	return w->create ? run_helper(w) : mount_device(w);
}

static void on_found(void *arg, struct err e, const char *device)
{
	struct work *w = arg;
	bool helped = w->create || has_key(w);

	w->wait = NULL;
	if (!failed(e))
		e = str_dup(device, &w->device);
	if (!failed(e))
		e = begin(w);
	/* The helper's end may have been told already. */
	if (failed(e) || !helped)
		work_end(w, e);
}

/* What the manifest says of the place where it goes; which that is the host says, and each place is
 * compared with what was made when it is bound. */
static const struct manifest_volume *find_rule(const struct storage_op *op, const struct storage *s)
{
	const struct container *c = op->container;
	const Oci__Spec *spec = c && c->rule ? c->request->oci : NULL;

	for (size_t i = 0; spec && i < spec->n_mounts; i++) {
		const struct manifest_volume *v =
			manifest_volume_at(c->rule, spec->mounts[i]->destination);

		if (v && str_equal(spec->mounts[i]->source, s->mount_point))
			return v;
	}
	return NULL;
}

static RESULT read_options(struct work *w)
{
	/* Then nothing but the manifest says what it is. */
	if (has_key(w))
		return OK;
	if (w->rule && manifest_volume_kind(w->rule) == MANIFEST_VOLUME_ENCRYPTED)
		w->s->size = w->rule->size;
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
	w->rule = find_rule(op, s);
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
