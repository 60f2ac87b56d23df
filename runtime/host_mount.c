#include "host_mount.h"

#include <errno.h>
#include <fcntl.h>

#include <base/buf.h>
#include <base/mount_flags.h>
#include <sys/mount.h>

enum {
	DATA_MAX = 4095, /* the kernel takes one page with its end */
	LOWER_MAX = 128 * 1024
};

/* How it propagates is for the container, which sees it in the guest. */
static const char *const propagation[] = { "private", "rprivate", "shared", "rshared", "slave",
	"rslave", "unbindable", "runbindable" };

struct settings {
	unsigned long flags;
	struct buf data;
};

static void take_option(struct settings *s, const char *option)
{
	if (mount_flag_apply(option, &s->flags))
		return;
	for (size_t i = 0; i < ARRAY_LEN(propagation); i++)
		if (str_equal(propagation[i], option))
			return;
	/* For programs of user space only. */
	if (str_starts(option, "X-") || str_starts(option, "x-"))
		return;
	buf_printf(&s->data, "%s%s", s->data.n ? "," : "", option);
}

/* ---- overlay with many layers ---- */

/* Length of the directory that all elements of "a:b:c" are below, with its slash; 0: none. */
static size_t common_dir(const char *list)
{
	const char *slash = list;
	size_t n = strcspn(list, ":");

	for (const char *at = strchr(list, ':'); at; at = strchr(at + 1, ':')) {
		size_t i = 0;

		while (i < n && at[i + 1] && at[i + 1] == list[i])
			i++;
		n = i;
	}
	slash = n ? memrchr(list, '/', n) : NULL;
	return slash ? (size_t)(slash - list) + 1 : 0;
}

/* Option lowerdir with names relative to their common directory, which is ret_dir. */
static RESULT shorten(struct buf *data, char **ret_dir)
{
	AUTO(buf_done) struct buf shorter = BUF_INIT(LOWER_MAX);
	static const char key[] = "lowerdir=";
	const char *text = buf_cstr(data);
	const char *lower = text ? strstr(text, key) : NULL;

	if (!lower)
		return err_new(ERR_LIMIT, "mount options: more than %d characters", DATA_MAX);
	lower += sizeof(key) - 1;
	AUTO(auto_free) char *list = strndup(lower, strcspn(lower, ","));
	size_t cut = list ? common_dir(list) : 0;
	if (cut == 0)
		return err_new(ERR_LIMIT, "mount options: more than %d characters", DATA_MAX);
	buf_put(&shorter, bytes_of(text, (size_t)(lower - text)));
	for (char *at = list; at; at = strchr(at, ':') ? strchr(at, ':') + 1 : NULL)
		buf_printf(&shorter, "%s%.*s", at == list ? "" : ":", (int)strcspn(at + cut, ":"),
			at + cut);
	buf_puts(&shorter, lower + strlen(list));
	TRY(buf_end(&shorter, "mount options"));
	if (shorter.n > DATA_MAX)
		return err_new(ERR_LIMIT, "mount options: more than %d characters", DATA_MAX);
	TRY(bytes_to_str(bytes_of(list, cut), ret_dir));
	buf_clear(data);
	buf_put(data, buf_bytes(&shorter));
	return buf_end(data, "mount options");
}

static RESULT mount_there(const struct host_mount *m, struct settings *s, const char *dir)
{
	AUTO(auto_close) int back = -1;

	if (dir) {
		back = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (back < 0 || chdir(dir) < 0)
			return err_new(ERR_SYS, "directory %s", dir);
	}
	bool bind = s->flags & MS_BIND;
	const char *data = s->data.n && !bind ? buf_cstr(&s->data) : NULL;
	unsigned long now = bind ? s->flags & (MS_BIND | MS_REC) : s->flags;
	int status = mount(m->source, m->target, m->type, now, data);
	int why = errno;

	if (back >= 0 && fchdir(back) < 0)
		return err_new(ERR_SYS, "going back to the working directory");
	errno = why;
	if (status < 0)
		return err_new(ERR_SYS, "mounting %s (%s) at %s", m->source, m->type, m->target);
	return OK;
}

/* Flags of a bound mount count only when it is mounted once more. */
static RESULT finish_bind(const struct host_mount *m, unsigned long all)
{
	unsigned long rest = all & ~(unsigned long)(MS_BIND | MS_REC);

	if (mount(NULL, m->target, NULL, MS_SLAVE | MS_REC, NULL) < 0 ||
		(rest && mount(NULL, m->target, NULL, MS_REMOUNT | MS_BIND | rest, NULL) < 0)) {
		struct err_saved why;

		err_save(err_new(ERR_SYS, "settings of the mount at %s", m->target), &why);
		err_ignore(host_unmount(m->target));
		return err_restore(&why);
	}
	return OK;
}

static void settings_done(struct settings *s)
{
	buf_done(&s->data);
}

RESULT host_mount(const struct host_mount *m)
{
	AUTO(settings_done) struct settings s = { .data = BUF_INIT(LOWER_MAX) };
	AUTO(auto_free) char *dir = NULL;

	if (str_equal(m->type, "bind") || str_equal(m->type, "rbind"))
		s.flags = MS_BIND | (str_equal(m->type, "rbind") ? MS_REC : 0UL);
	for (size_t i = 0; i < m->n_options; i++)
		take_option(&s, m->options[i]);
	TRY(buf_end(&s.data, "mount options"));
	if (s.data.n > DATA_MAX)
		TRY(shorten(&s.data, &dir));
	TRY(mount_there(m, &s, dir));
	return s.flags & MS_BIND ? finish_bind(m, s.flags) : OK;
}

RESULT host_mount_shared(const char *dir)
{
	if (mount(dir, dir, NULL, MS_BIND, NULL) < 0)
		return err_new(ERR_SYS, "binding %s", dir);
	/* First away from the peers of what it was bound from. */
	if (mount(NULL, dir, NULL, MS_PRIVATE, NULL) < 0 ||
		mount(NULL, dir, NULL, MS_SHARED, NULL) < 0) {
		(void)umount2(dir, MNT_DETACH | UMOUNT_NOFOLLOW);
		return err_new(ERR_SYS, "sharing %s", dir);
	}
	return OK;
}

RESULT host_unmount(const char *target)
{
	if (umount2(target, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 && errno != EINVAL && errno != ENOENT)
		return err_new(ERR_SYS, "unmounting %s", target);
	return OK;
}
