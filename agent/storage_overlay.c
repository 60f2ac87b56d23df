/* Overlays over what other storages have mounted (Kata's driver overlayfs). */
#include "boot.h"
#include "paths.h"
#include "storage_op.h"

#include <base/file.h>
#include <sys/mount.h>
#include <sys/stat.h>

#define WRITABLE "io.katacontainers.fs-opt.overlay-rw"
#define CREATE	 "io.katacontainers.volume.overlayfs.create_directory="

/* Upper and work directory in the container's own place, in the guest's memory. */
static RESULT add_upper(const struct storage_op *op, struct buf *data)
{
	AUTO(auto_free) char *dir = NULL;
	static const char *const names[] = { "upper", "work" };

	TRY(str_format(
		&dir, "%s/sealpod/overlays/%s-%zu", op->agent->set.run_dir, op->user, op->i));
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		AUTO(auto_free) char *path = NULL;

		TRY(path_join(dir, names[i], &path));
		TRY(dir_make(path, 0755));
		buf_printf(data, "%s%sdir=%s", data->n > 0 ? "," : "", names[i], path);
	}
	op->now->scratch = TAKE(dir);
	return OK;
}

static RESULT create_directories(const struct agent *a, const Agent__Storage *q)
{
	for (size_t i = 0; i < q->n_driver_options; i++) {
		struct storage dir = { .mount_point = q->driver_options[i] + strlen(CREATE) };
		int fd = -1;

		if (!str_starts(q->driver_options[i], CREATE))
			continue;
		TRY(path_check(dir.mount_point, "create_directory"));
		TRY(storage_point(a, &dir, &fd));
		(void)close(fd);
	}
	return OK;
}

RESULT storage_attach_overlay(struct storage_op *op, const Agent__Storage *q, struct storage *s)
{
	AUTO(mount_options_done) struct mount_options o = { 0 };
	AUTO(buf_done) struct buf data = BUF_INIT(4095);
	struct storage_mount m = { "overlay", "overlay", 0, NULL };
	bool writable = false;

	if (!op->agent->open_world)
		return err_deny(ERR_DENIED, "manifest.storages", "storages.driver", "(not listed)",
			q->driver);
	TRY(boot_overlay(op->agent));
	TRY(create_directories(op->agent, q));
	TRY(mount_options_parse(q->options, q->n_options, &o));
	for (const char *at = o.data; at; at = strchr(at, ',')) {
		size_t n;

		at += *at == ',';
		n = strcspn(at, ",");
		if (bytes_compare(bytes_of(at, n), bytes_str(WRITABLE)) == 0)
			writable = true;
		else
			buf_printf(&data, "%s%.*s", data.n > 0 ? "," : "", (int)n, at);
	}
	if (writable)
		TRY(add_upper(op, &data));
	m.flags = o.flags;
	m.data = buf_cstr(&data);
	return m.data ? storage_mount(op->agent, s, &m) : err_new(ERR_FORMAT, "overlay options");
}
