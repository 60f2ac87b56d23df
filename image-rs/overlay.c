#include "overlay.h"

#include <errno.h>
#include <fcntl.h>

#include <base/file.h>
#include <base/random.h>
#include <sys/mount.h>

enum {
	NAME_DIGITS = 16,
	OPTIONS_MAX = 4096 /* one page: what mount(2) takes */
};

struct dirs {
	char *upper, *work, *empty;
};

static void dirs_done(struct dirs *d)
{
	free(d->upper);
	free(d->work);
	free(d->empty);
}

static RESULT make_dirs(const char *overlay_dir, struct dirs *d)
{
	char name[NAME_DIGITS + 1];

	TRY(random_hex(name, NAME_DIGITS));
	TRY(str_format(&d->upper, "%s/%s/upper", overlay_dir, name));
	TRY(str_format(&d->work, "%s/%s/work", overlay_dir, name));
	TRY(str_format(&d->empty, "%s/%s/empty", overlay_dir, name));
	TRY(dir_make(d->upper, 0755));
	TRY(dir_make(d->work, 0700));
	return dir_make(d->empty, 0755);
}

static RESULT set(int fs, const char *key, const char *value)
{
	unsigned command = value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG;

	if (fsconfig(fs, command, key, value, 0) < 0)
		return err_new(ERR_SYS, "overlay: %s", key);
	return OK;
}

static bool seen_above(const struct strv *layers, size_t i)
{
	for (size_t k = i + 1; k < layers->n; k++)
		if (str_equal(layers->v[k], layers->v[i]))
			return true;
	return false;
}

/* Top layer first. Of equal layers the topmost alone shows the same files, and overlayfs refuses
 * the same directory twice. */
static RESULT set_layers(int fs, const struct overlay *o, const char *empty)
{
	if (o->layers->n == 0)
		return set(fs, "lowerdir+", empty);
	for (size_t i = o->layers->n; i-- > 0;) {
		AUTO(auto_free) char *path = NULL;
		if (seen_above(o->layers, i))
			continue;
		TRY(path_join(o->layers_dir, o->layers->v[i], &path));
		TRY(set(fs, "lowerdir+", path));
	}
	return OK;
}

/* Linux before 6.5 has no lowerdir+. */
static RESULT mount_at_once(const struct overlay *o, const struct dirs *d)
{
	AUTO(buf_done) struct buf options = BUF_INIT(OPTIONS_MAX - 1);
	AUTO(auto_close) int here = open(".", O_PATH | O_CLOEXEC);
	bool first = true;

	buf_puts(&options, "userxattr,lowerdir=");
	if (o->layers->n == 0)
		buf_puts(&options, d->empty);
	for (size_t i = o->layers->n; i-- > 0;) {
		if (seen_above(o->layers, i))
			continue;
		buf_printf(&options, "%s%s", first ? "" : ":", o->layers->v[i]);
		first = false;
	}
	buf_printf(&options, ",upperdir=%s,workdir=%s", d->upper, d->work);
	const char *text = buf_cstr(&options);
	if (!text)
		return err_new(ERR_LIMIT, "%zu layers are too many for this kernel", o->layers->n);
	if (here < 0 || chdir(o->layers_dir) < 0)
		return err_new(ERR_SYS, "%s", o->layers_dir);
	int rc = mount("overlay", o->target, "overlay", MS_NODEV, text);
	struct err e = rc < 0 ? err_new(ERR_SYS, "overlay on %s", o->target) : OK;
	return fchdir(here) < 0 ? err_new(ERR_SYS, "working directory") : e;
}

static RESULT mount_by_steps(const struct overlay *o, const struct dirs *d)
{
	AUTO(auto_close) int fs = fsopen("overlay", FSOPEN_CLOEXEC);
	AUTO(auto_close) int mounted = -1;

	if (fs < 0)
		return err_new(ERR_SYS, "overlay");
	TRY(set(fs, "source", "overlay"));
	TRY(set_layers(fs, o, d->empty));
	TRY(set(fs, "upperdir", d->upper));
	TRY(set(fs, "workdir", d->work));
	TRY(set(fs, "userxattr", NULL));
	if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return err_new(ERR_SYS, "overlay of %zu layers", o->layers->n);
	mounted = fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NODEV);
	if (mounted < 0)
		return err_new(ERR_SYS, "overlay");
	if (move_mount(mounted, "", AT_FDCWD, o->target, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return err_new(ERR_SYS, "overlay on %s", o->target);
	return OK;
}

RESULT overlay_mount(const struct overlay *o)
{
	AUTO(dirs_done) struct dirs d = { 0 };

	TRY(make_dirs(o->overlay_dir, &d));
	TRY(dir_make(o->target, 0755));
	struct err e = mount_by_steps(o, &d);
	if (e.code == ERR_SYS && (err_errno() == EINVAL || err_errno() == ENOSYS))
		return mount_at_once(o, &d);
	return e;
}
