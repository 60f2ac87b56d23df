/* Requests about volumes that are there: their fill, their size, their mounts. */
#include "paths.h"
#include "reply.h"
#include "requests.h"
#include "storage_op.h"

#include <csi.pb-c.h>

#include <base/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

enum {
	MOUNTS_MAX = 1024 * 1024, /* of /proc/self/mounts */
	ANSWER_MAX = 4096
};

/* With a manifest the host hears only of volumes, and only when statistics are allowed. */
static RESULT check_path(const struct agent *a, const char *path)
{
	TRY(path_check(path, "volume_guest_path"));
	if (a->open_world)
		return OK;
	if (!a->has_manifest)
		return err_restore(&a->manifest_error);
	TRY(manifest_check_allowed(&a->manifest, "stats"));
	if (storage_at(a, path))
		return OK;
	return err_deny(ERR_DENIED, "manifest.request", "volume_guest_path", "a volume", path);
}

static RESULT send_stats(struct ttrpc_call *call, const struct statvfs *fs)
{
	Csi__VolumeStatsResponse msg = CSI__VOLUME_STATS_RESPONSE__INIT;
	Csi__VolumeCondition condition = CSI__VOLUME_CONDITION__INIT;
	Csi__VolumeUsage bytes = CSI__VOLUME_USAGE__INIT;
	Csi__VolumeUsage inodes = CSI__VOLUME_USAGE__INIT;
	Csi__VolumeUsage *list[] = { &bytes, &inodes };

	bytes.unit = CSI__VOLUME_USAGE__UNIT__BYTES;
	bytes.available = fs->f_bavail * fs->f_frsize;
	bytes.total = fs->f_blocks * fs->f_frsize;
	bytes.used = (fs->f_blocks - fs->f_bfree) * fs->f_frsize;
	inodes.unit = CSI__VOLUME_USAGE__UNIT__INODES;
	inodes.available = fs->f_favail;
	inodes.total = fs->f_files;
	inodes.used = fs->f_files - fs->f_ffree;
	msg.usage = list;
	msg.n_usage = ARRAY_LEN(list);
	msg.volume_condition = &condition;
	reply(call, &msg.base);
	return OK;
}

static RESULT get_stats(const struct agent *a, struct ttrpc_call *call, struct bytes payload)
{
	AUTO(pb_free_any) Agent__VolumeStatsRequest *q = NULL;
	struct statvfs fs;

	TRY(PB_UNPACK(agent__volume_stats_request, payload, &q));
	TRY(check_path(a, q->volume_guest_path));
	if (statvfs(q->volume_guest_path, &fs) != 0)
		return err_new(ERR_SYS, "volume_guest_path %s", q->volume_guest_path);
	return send_stats(call, &fs);
}

void volume_stats(struct agent *a, struct ttrpc_call *call, struct bytes payload)
{
	struct err e = get_stats(a, call, payload);

	if (failed(e))
		reply_failure(call, e);
}

/* Kata's agent cannot do it either: its file systems are made for the size of their device. */
void volume_resize(struct agent *a, struct ttrpc_call *call, struct bytes payload)
{
	(void)a;
	(void)payload;
	reply_failure(call, err_new(ERR_UNSUPPORTED, "ResizeVolume: volumes keep their size"));
}

/* ---- memory volumes ---- */

static RESULT update_one(const struct agent *a, const Agent__Storage *q)
{
	AUTO(mount_options_done) struct mount_options o = { 0 };
	struct storage_mount m = { "tmpfs", NULL, MS_REMOUNT, NULL };
	const struct storage *s = storage_at(a, q->mount_point);
	char target[32];

	if (!str_equal(q->driver, "ephemeral"))
		return err_new(ERR_UNSUPPORTED, "storage driver %.64s: only ephemeral ones change",
			q->driver);
	if (!s || !s->mounted || !str_equal(s->driver->name, "ephemeral"))
		return err_new(ERR_NOT_FOUND, "%s: no ephemeral storage", q->mount_point);
	if (s->size_fixed)
		return err_deny(
			ERR_DENIED, "manifest.volumes", "size", "the manifest's", q->mount_point);
	TRY(mount_options_parse(q->options, q->n_options, &o));
	m.flags |= o.flags;
	m.data = o.data;
	(void)snprintf(target, sizeof(target), "/proc/self/fd/%d", s->fd);
	return a->effects->mount(&m, target);
}

static RESULT update(const struct agent *a, struct bytes payload)
{
	AUTO(pb_free_any) Agent__UpdateEphemeralMountsRequest *q = NULL;

	TRY(PB_UNPACK(agent__update_ephemeral_mounts_request, payload, &q));
	if (!a->open_world)
		TRY(spec_check_pod_storages(q->storages, q->n_storages));
	for (size_t i = 0; i < q->n_storages; i++)
		TRY(update_one(a, q->storages[i]));
	return OK;
}

void volume_update_ephemeral(struct agent *a, struct ttrpc_call *call, struct bytes payload)
{
	reply_result(call, update(a, payload));
}

/* ---- shared directories ---- */

/* Looking at a mount whose directory on the host is gone makes the kernel drop what it kept. */
static void look_at(const char *mounts, const char *below)
{
	for (const char *line = mounts; line; line = strchr(line, '\n')) {
		AUTO(auto_free) char *path = NULL;
		const char *at;
		struct stat st;

		line += *line == '\n';
		at = strchr(line, ' ');
		if (!at || !str_starts(at + 1, below) ||
			failed(bytes_to_str(bytes_of(at + 1, strcspn(at + 1, " \n")), &path)))
			continue;
		(void)stat(path, &st);
	}
}

static RESULT look_at_shares(const struct agent *a)
{
	AUTO(buf_done) struct buf text = BUF_INIT(MOUNTS_MAX);
	AUTO(auto_free) char *below = NULL;
	const char *mounts;

	TRY(str_format(&below, "%s/kata-containers/shared/containers/", a->set.run_dir));
	TRY(file_read("/proc/self/mounts", &text));
	mounts = buf_cstr(&text);
	if (mounts)
		look_at(mounts, below);
	return OK;
}

void volume_remove_stale(struct agent *a, struct ttrpc_call *call, struct bytes payload)
{
	(void)payload;
	reply_result(call, look_at_shares(a));
}
