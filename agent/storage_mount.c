#include "storage_op.h"

#include <fcntl.h>

#include <base/file.h>
#include <sys/mount.h>
#include <sys/stat.h>

enum {
	LOCAL_MODE = 0777,
	HUGE_PAGES_MAX = 1024 * 1024
};

RESULT storage_mount(const struct agent *a, struct storage *s, const struct storage_mount *m)
{
	AUTO(auto_close) int at = -1;
	char target[32];

	TRY(storage_point(a, s, &at));
	(void)snprintf(target, sizeof(target), "/proc/self/fd/%d", at);
	TRY(a->effects->mount(m, target));
	s->mounted = true;
	if (s->fd >= 0)
		(void)close(TAKE_FD(s->fd));
	/* Through the mount point again: now it is the root of what was mounted. */
	return storage_point(a, s, &s->fd);
}

RESULT effect_mount(const struct storage_mount *m, const char *target)
{
	if (mount(m->source, target, m->type, m->flags, m->data) != 0)
		return err_new(ERR_SYS, "mounting %s (%s, %s)", m->source, m->type ? m->type : "-",
			m->data ? m->data : "no options");
	return OK;
}

RESULT effect_unmount(const char *target)
{
	if (umount2(target, MNT_DETACH) != 0)
		return err_new(ERR_SYS, "unmounting");
	return OK;
}

/* fchmod() and fchown() do not take O_PATH descriptors; the path through /proc does. */
static RESULT give_to_group(const struct storage *s, const struct mount_options *o)
{
	char path[32];
	struct stat st;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", s->fd);
	if (o->has_fsgid && chown(path, (uid_t)-1, o->fsgid) != 0)
		return err_new(ERR_SYS, "fsgid");
	if (o->has_fsgid && (stat(path, &st) != 0 || chmod(path, st.st_mode | S_ISGID) != 0))
		return err_new(ERR_SYS, "fsgid");
	return OK;
}

RESULT storage_attach_virtio_fs(struct storage_op *op, const Agent__Storage *q, struct storage *s)
{
	AUTO(mount_options_done) struct mount_options o = { 0 };
	struct storage_mount m = { q->source, "virtiofs", 0, NULL };

	TRY(mount_options_parse(q->options, q->n_options, &o));
	m.flags = o.flags;
	m.data = o.data;
	return storage_mount(op->agent, s, &m);
}

/* 0 without the option. */
static uint64_t number_option(const char *data, const char *name)
{
	for (const char *at = data; at; at = strchr(at, ',')) {
		at += *at == ',';
		if (str_starts(at, name))
			return strtoull(at + strlen(name), NULL, 10);
	}
	return 0;
}

/* Pages of the guest are reserved before the mount, so that a lack of memory is told now. */
static RESULT reserve_huge_pages(const char *data)
{
	uint64_t page = number_option(data, "pagesize="), size = number_option(data, "size=");
	AUTO(auto_free) char *path = NULL;
	AUTO(auto_free) char *text = NULL;
	AUTO(buf_done) struct buf got = BUF_INIT(64);
	uint64_t pages;

	if (page < 4096 || page % 1024 != 0 || size / page > HUGE_PAGES_MAX)
		return err_new(ERR_FORMAT, "hugetlbfs: pagesize=BYTES,size=BYTES expected");
	pages = (size + page - 1) / page;
	TRY(str_format(&path, "/sys/kernel/mm/hugepages/hugepages-%llukB/nr_hugepages",
		(unsigned long long)(page / 1024)));
	TRY(str_format(&text, "%llu", (unsigned long long)pages));
	TRY(file_write(path, bytes_str(text)));
	TRY(file_read(path, &got));
	if (number_option(buf_cstr(&got), "") < pages)
		return err_new(ERR_LIMIT, "hugetlbfs: the guest has no %s pages of %llu kB free",
			text, (unsigned long long)(page / 1024));
	return OK;
}

RESULT storage_attach_ephemeral(struct storage_op *op, const Agent__Storage *q, struct storage *s)
{
	AUTO(mount_options_done) struct mount_options o = { 0 };
	bool huge = str_equal(q->fstype, "hugetlbfs");
	struct storage_mount m = { huge ? "nodev" : "tmpfs", huge ? "hugetlbfs" : "tmpfs", 0,
		NULL };

	if (!huge && !str_equal(q->fstype, "tmpfs"))
		return err_new(
			ERR_UNSUPPORTED, "file system %s: not tmpfs or hugetlbfs", q->fstype);
	TRY(mount_options_parse(q->options, q->n_options, &o));
	if (huge)
		TRY(reserve_huge_pages(o.data));
	m.flags = o.flags;
	m.data = o.data;
	TRY(storage_mount(op->agent, s, &m));
	return give_to_group(s, &o);
}

/* A directory of the guest. With a manifest it is a file system of its own, so that nothing the
 * host may have put there before is in it. */
RESULT storage_attach_local(struct storage_op *op, const Agent__Storage *q, struct storage *s)
{
	AUTO(mount_options_done) struct mount_options o = { 0 };
	const struct storage_mount m = { "tmpfs", "tmpfs", MS_NOSUID | MS_NODEV, NULL };
	char path[32];

	TRY(mount_options_parse(q->options, q->n_options, &o));
	if (op->agent->open_world)
		TRY(storage_point(op->agent, s, &s->fd));
	else
		TRY(storage_mount(op->agent, s, &m));
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", s->fd);
	if (chmod(path, o.has_mode ? o.mode : LOCAL_MODE) != 0)
		return err_new(ERR_SYS, "mode");
	return give_to_group(s, &o);
}

RESULT storage_attach_bind(struct storage_op *op, const Agent__Storage *q, struct storage *s)
{
	AUTO(mount_options_done) struct mount_options o = { 0 };
	struct storage_mount m = { q->source, NULL, MS_BIND | MS_REC, NULL };
	struct stat st;

	TRY(mount_options_parse(q->options, q->n_options, &o));
	if (stat(q->source, &st) != 0)
		return err_new(ERR_SYS, "%s", q->source);
	if (!S_ISDIR(st.st_mode))
		TRY(storage_make_file(op->agent, s));
	TRY(storage_mount(op->agent, s, &m));
	if (!(o.flags & MS_RDONLY))
		return OK;
	m.flags = MS_BIND | MS_REMOUNT | o.flags;
	return storage_mount(op->agent, s, &m);
}
