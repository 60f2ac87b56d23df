#include "volumes.h"

#include "paths.h"
#include "storage_op.h"

#include <fcntl.h>

#include <base/file.h>
#include <sys/mount.h>
#include <sys/stat.h>

#define SHARED "kata-containers/shared/containers"
#define SHM    "/dev/shm"

static struct err deny(const char *field, const char *expected, const char *actual)
{
	return err_deny(ERR_DENIED, "manifest.volumes", field, expected, actual);
}

/* A file or directory that the host has copied here: below the shared directory, in no storage. */
static RESULT open_files(const struct agent *a, const Oci__Mount *m, int *ret_fd)
{
	AUTO(auto_free) char *root = NULL;
	AUTO(auto_close) int root_fd = -1;
	size_t n;

	TRY(path_join(a->set.run_dir, SHARED, &root));
	n = strlen(root);
	if (!str_starts(m->source, root) || m->source[n] != '/' || storage_over(a, m->source) ||
		storage_under(a, m->source))
		return deny(m->destination, "files below " SHARED, m->source);
	root_fd = open(root, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (root_fd < 0)
		return err_new(ERR_SYS, "%s", root);
	return path_open(root_fd, m->source + n + 1, O_PATH, PATH_NO_LINKS, ret_fd);
}

static bool kind_fits(enum manifest_volume_kind asked, enum storage_kind is)
{
	return (asked == MANIFEST_VOLUME_MEMORY && is == STORAGE_MEMORY) ||
	       (asked == MANIFEST_VOLUME_ENCRYPTED && is == STORAGE_ENCRYPTED) ||
	       (asked == MANIFEST_VOLUME_DISK && is == STORAGE_HOST);
}

/* The pod's volume by its name; one without belongs to this place of this container. */
static RESULT claim_name(
	const struct container *c, const struct manifest_volume *v, char **ret_name)
{
	if (v->name)
		return str_format(ret_name, "name %s", v->name);
	return str_format(ret_name, "%s of container %s", v->at, c->rule->name);
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? str_equal(a, b) : a == b;
}

/* What it was made with: another container's entry may be of another volume. */
static RESULT check_made(
	const Oci__Mount *m, const struct manifest_volume *v, const struct storage *s)
{
	if (s->for_images)
		return deny(m->destination, "a volume of the pod", m->source);
	if (!kind_fits(manifest_volume_kind(v), s->kind))
		return deny(m->destination, v->kind, s->driver->name);
	if (!same_text(v->key, s->key))
		return deny(m->destination, v->key ? v->key : "no key of the broker",
			s->key ? s->key : "no key of the broker");
	if (s->kind == STORAGE_ENCRYPTED && v->size != s->size)
		return deny(m->destination, "a volume of the listed size", "another");
	return OK;
}

static RESULT limit_size(const struct agent *a, struct storage *s, uint64_t size)
{
	AUTO(auto_free) char *data = NULL;
	char target[32];
	struct storage_mount m = { "tmpfs", NULL, MS_REMOUNT | MS_NOSUID | MS_NODEV, NULL };

	TRY(str_format(&data, "size=%llu", (unsigned long long)size));
	m.data = data;
	(void)snprintf(target, sizeof(target), "/proc/self/fd/%d", s->fd);
	s->size_fixed = true;
	return a->effects->mount(&m, target);
}

static RESULT open_storage(const struct container *c, const Oci__Mount *m,
	const struct manifest_volume *v, int *ret_fd)
{
	AUTO(auto_free) char *name = NULL;
	struct storage *s = storage_at(c->agent, m->source);

	if (!s || s->fd < 0)
		return deny(m->destination, "a storage of the pod", m->source);
	TRY(check_made(m, v, s));
	TRY(claim_name(c, v, &name));
	TRY(storage_claim(c->agent, s, name));
	if (v->size > 0 && s->kind == STORAGE_MEMORY)
		TRY(limit_size(c->agent, s, v->size));
	*ret_fd = fcntl(s->fd, F_DUPFD_CLOEXEC, 0);
	return *ret_fd >= 0 ? OK : err_new(ERR_SYS, "volume");
}

/* c->dir/volumes/<i>: an empty file or directory, whichever the volume is. */
static RESULT make_place(const struct container *c, size_t i, int fd, char **ret_path)
{
	AUTO(auto_free) char *dir = NULL;
	AUTO(auto_free) char *path = NULL;
	struct stat st;

	TRY(path_join(c->dir, "volumes", &dir));
	TRY(dir_make(dir, 0700));
	TRY(str_format(&path, "%s/%zu", dir, i));
	if (fstat(fd, &st) != 0)
		return err_new(ERR_SYS, "volume");
	if (S_ISDIR(st.st_mode))
		TRY(dir_make(path, 0700));
	else
		TRY(file_write_atomic(path, BYTES_NONE, 0600));
	*ret_path = TAKE(path);
	return OK;
}

static RESULT bind_here(struct container *c, size_t i, int fd)
{
	AUTO(auto_free) char *path = NULL;
	char source[32];
	const struct storage_mount m = { source, NULL, MS_BIND | MS_REC, NULL };

	(void)snprintf(source, sizeof(source), "/proc/self/fd/%d", fd);
	TRY(make_place(c, i, fd, &path));
	TRY(c->agent->effects->mount(&m, path));
	c->mount_sources[i] = TAKE(path);
	return OK;
}

static RESULT prepare_listed(struct container *c, size_t i)
{
	const Oci__Mount *m = c->request->oci->mounts[i];
	const struct manifest_volume *v = manifest_volume_at(c->rule, m->destination);
	AUTO(auto_close) int fd = -1;

	if (!v || manifest_volume_kind(v) == MANIFEST_VOLUME_IMAGE)
		return OK;
	if (manifest_volume_kind(v) == MANIFEST_VOLUME_FILES)
		TRY(open_files(c->agent, m, &fd));
	else
		TRY(open_storage(c, m, v, &fd));
	return bind_here(c, i, fd);
}

/* The pod's shared memory, when the host has asked for it at the sandbox's start. */
static RESULT prepare_shm(struct container *c, size_t i)
{
	const Oci__Mount *m = c->request->oci->mounts[i];
	struct storage *s = storage_at(c->agent, m->source);

	if (!s || s->fd < 0 || s->kind != STORAGE_MEMORY || !spec_is_bind(m))
		return OK;
	TRY(storage_claim(c->agent, s, "shared memory"));
	return bind_here(c, i, s->fd);
}

RESULT volumes_prepare(struct container *c)
{
	const Oci__Spec *spec = c->request->oci;

	if (!c->rule || spec->n_mounts == 0)
		return OK;
	c->mount_sources = calloc(spec->n_mounts, sizeof(*c->mount_sources));
	if (!c->mount_sources)
		return err_new(ERR_NOMEM, "volumes");
	c->n_mount_sources = spec->n_mounts;
	for (size_t i = 0; i < spec->n_mounts; i++) {
		bool shm = str_equal(spec->mounts[i]->destination, SHM);

		TRY(shm ? prepare_shm(c, i) : prepare_listed(c, i));
	}
	return OK;
}

void volumes_done(struct container *c)
{
	for (size_t i = 0; i < c->n_mount_sources; i++) {
		/* What is still in use goes with its last user. */
		if (c->mount_sources[i])
			err_ignore(c->agent->effects->unmount(c->mount_sources[i]));
		free(c->mount_sources[i]);
	}
	free(c->mount_sources);
	c->mount_sources = NULL;
	c->n_mount_sources = 0;
}

void volumes_replace(struct container *c, size_t i, char *path)
{
	err_ignore(c->agent->effects->unmount(c->mount_sources[i]));
	free(c->mount_sources[i]);
	c->mount_sources[i] = path;
}
