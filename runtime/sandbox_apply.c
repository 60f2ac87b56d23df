#include "host_mount.h"
#include "message.h"
#include "sandbox_container.h"

#include <fcntl.h>

#include <base/encode.h>
#include <base/file.h>
#include <base/random.h>
#include <net/pb.h>
#include <sys/stat.h>

enum {
	NAME_DIGITS = 16,
	BASENAME_MAX = 100,
	BLOCK_MAX = 4096
};

static const uint64_t mib = 1024 * 1024;

/* "<container>-<16 hex>-<name>": unique in the directory that all containers share. */
static RESULT unique_name(const struct create *k, const Oci__Mount *m, char **ret_name)
{
	char digits[NAME_DIGITS + 1];

	TRY(random_hex(digits, NAME_DIGITS));
	return str_format(ret_name, "%s-%s-%.*s", k->box->id, digits, BASENAME_MAX,
		volume_basename(m->destination));
}

/* The container binds what is at `source` in the guest; how (ro, rbind) stays as it is. */
static RESULT point_to(Oci__Mount *m, const char *source)
{
	TRY(message_set(&m->type, "bind"));
	TRY(message_set(&m->source, source));
	if (volume_has_option(m, "bind") || volume_has_option(m, "rbind"))
		return OK;
	return message_add_text(&m->options, &m->n_options, "rbind");
}

static RESULT add_storage(struct create *k, const struct message_storage *from)
{
	return message_add_storage(&k->request->storages, &k->request->n_storages, from);
}

static RESULT use_shm(Oci__Mount *m)
{
	message_clear_texts(&m->options, &m->n_options);
	return point_to(m, GUEST_SHM);
}

/* ---- memory of the guest ---- */

static RESULT use_memory(struct create *k, Oci__Mount *m, const struct volume_facts *f)
{
	AUTO(auto_free) char *at = NULL;
	AUTO(auto_free) char *gid = NULL;
	AUTO(auto_free) char *size = NULL;
	const char *options[2];
	struct message_storage storage = {
		.driver = "ephemeral", .source = "tmpfs", .fstype = "tmpfs", .options = options
	};

	TRY(str_format(&at, GUEST_EPHEMERAL "/%s", volume_basename(m->source)));
	TRY(str_format(&gid, "fsgid=%u", f->gid));
	TRY(str_format(&size, "size=%llu", (unsigned long long)f->fs_size));
	if (f->gid)
		options[storage.n_options++] = gid;
	/* sizeLimit; a tmpfs without one says half of the host's memory. */
	if (f->fs_size && f->fs_size < k->s->size.memory_mib * mib)
		options[storage.n_options++] = size;
	storage.mount_point = at;
	TRY(add_storage(k, &storage));
	return point_to(m, at);
}

static RESULT use_local(struct create *k, Oci__Mount *m, const struct volume_facts *f)
{
	AUTO(auto_free) char *at = NULL;
	AUTO(auto_free) char *gid = NULL;
	const char *options[2] = { "mode=0777" };
	struct message_storage storage = {
		.driver = "local", .source = "local", .fstype = "local", .options = options
	};

	/* Kata's place would be the host's disk when that directory is shared. */
	if (k->s->shared)
		TRY(str_format(&at, GUEST_SANDBOX "/local/%s", volume_basename(m->source)));
	else
		TRY(str_format(&at, GUEST_SHARED "/%s/rootfs/local/%s", k->s->id,
			volume_basename(m->source)));
	TRY(str_format(&gid, "fsgid=%u", f->gid));
	options[1] = gid;
	storage.n_options = f->gid ? 2 : 1;
	storage.mount_point = at;
	TRY(add_storage(k, &storage));
	return point_to(m, at);
}

static RESULT use_hugepages(struct create *k, Oci__Mount *m, const struct volume_facts *f)
{
	const Oci__Linux *l = k->request->oci->linux_;
	const Oci__LinuxResources *r = l ? l->resources : NULL;
	AUTO(auto_free) char *at = NULL;
	AUTO(auto_free) char *sizes = NULL;
	uint64_t limit = 0;

	for (size_t i = 0; r && i < r->n_hugepagelimits; i++)
		limit += r->hugepagelimits[i]->limit;
	if (limit == 0 || f->page_size == 0)
		return err_new(ERR_FORMAT, "mount %s: huge pages without a limit of the container",
			m->destination);
	TRY(str_format(&at, GUEST_EPHEMERAL "/%s", volume_basename(m->source)));
	TRY(str_format(&sizes, "pagesize=%llu,size=%llu", (unsigned long long)f->page_size,
		(unsigned long long)limit));
	const char *const options[] = { sizes };
	const struct message_storage storage = { .driver = "ephemeral",
		.source = "nodev",
		.fstype = "hugetlbfs",
		.mount_point = at,
		.options = options,
		.n_options = ARRAY_LEN(options) };
	TRY(add_storage(k, &storage));
	return point_to(m, at);
}

/* ---- directories and files of the host ---- */

static RESULT make_target(const char *path, enum volume_source source)
{
	if (source == SOURCE_DIR)
		return dir_make(path, 0755);
	AUTO(auto_close) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	return fd < 0 ? err_new(ERR_SYS, "creating %s", path) : OK;
}

static RESULT use_share(struct create *k, Oci__Mount *m, const struct volume_facts *f)
{
	AUTO(auto_free) char *name = NULL;
	AUTO(auto_free) char *target = NULL;
	AUTO(auto_free) char *at = NULL;
	bool ro = volume_has_option(m, "ro");
	const char *const options[] = { volume_has_option(m, "bind") ? "bind" : "rbind",
		ro ? "ro" : "rw" };
	struct host_mount bind = { .type = "bind",
		.source = m->source,
		.options = options,
		.n_options = ARRAY_LEN(options) };

	TRY(unique_name(k, m, &name));
	TRY(path_join(k->s->share_dir, name, &target));
	TRY(str_format(&at, GUEST_SHARED "/%s", name));
	TRY(make_target(target, f->source));
	TRY(strv_add(&k->box->mounts, target));
	bind.target = target;
	TRY(host_mount(&bind));
	return point_to(m, at);
}

static RESULT use_copy(struct create *k, Oci__Mount *m, bool watch)
{
	AUTO(auto_free) char *name = NULL;
	AUTO(auto_free) char *at = NULL;

	TRY(unique_name(k, m, &name));
	TRY(str_format(&at, GUEST_SHARED "/%s%s", watch ? "watchable/" : "", name));
	if (!k->copy)
		k->copy = sandbox_copy_new();
	if (!k->copy)
		return err_new(ERR_NOMEM, "copying files");
	TRY(sandbox_copy_add(k->copy, m->source, at));
	TRY(sandbox_termination_note(k, m));
	if (watch)
		TRY(sandbox_watch_add(k->box, m->source, at));
	return point_to(m, at);
}

/* ---- disks ---- */

static RESULT storage_of_disk(const struct sandbox_disk *d, const char *fstype, const char *at,
	Agent__Storage **ret_storage)
{
	AUTO(auto_free) char *source = NULL;
	struct message_storage storage = { .driver = "scsi", .fstype = fstype, .mount_point = at };

	TRY(str_format(&source, "%u:0", d->target));
	storage.source = source;
	return message_storage(&storage, ret_storage);
}

static RESULT storage_place(const struct sandbox_disk *d, char **ret_at)
{
	AUTO(buf_done) struct buf name = BUF_INIT(64);
	AUTO(auto_free) char *source = NULL;

	TRY(str_format(&source, "%u:0", d->target));
	base64_encode(BASE64_URL_NO_PAD, bytes_str(source), &name);
	while (name.n % 4 != 0)
		buf_u8(&name, '=');
	return str_format(ret_at, GUEST_STORAGE "/%s", buf_cstr(&name));
}

static RESULT set_fs_group(Agent__Storage *s, uint32_t gid)
{
	if (gid == 0)
		return OK;
	s->fs_group = calloc(1, sizeof(*s->fs_group));
	if (!s->fs_group)
		return err_new(ERR_NOMEM, "storage");
	agent__fsgroup__init(s->fs_group);
	s->fs_group->group_id = gid;
	return OK;
}

/* A sparse file as large as the file system it lies on; what the guest puts there is encrypted with
 * a key that never leaves it. */
static RESULT make_disk_file(struct sandbox *s, const char *path, uint64_t size)
{
	if (file_exists(path))
		return OK;
	AUTO(auto_close) int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_new(ERR_SYS, "creating %s", path);
	TRY(strv_add(&s->pod.state.files, path));
	TRY(pod_save(&s->pod));
	if (ftruncate(fd, (off_t)(size / BLOCK_MAX * BLOCK_MAX)) < 0)
		return err_new(ERR_SYS, "size of %s", path);
	return OK;
}

static RESULT use_disk(struct create *k, Oci__Mount *m, const struct volume_facts *f)
{
	AUTO(pb_free_any) Agent__Storage *storage = NULL;
	AUTO(auto_free) char *path = NULL;
	AUTO(auto_free) char *at = NULL;
	struct sandbox_disk *d = NULL;

	TRY(path_join(m->source, "disk.img", &path));
	TRY(make_disk_file(k->s, path, f->fs_size));
	TRY(sandbox_disk_get(k->s, path, false, &d));
	TRY(storage_place(d, &at));
	TRY(storage_of_disk(d, "ext4", at, &storage));
	storage->shared = true;
	TRY(message_add_text(
		&storage->driver_options, &storage->n_driver_options, "encryption_key=ephemeral"));
	TRY(message_add_text(
		&storage->driver_options, &storage->n_driver_options, "create_filesystem"));
	TRY(set_fs_group(storage, f->gid));
	TRY(MESSAGE_ADD(&k->request->storages, &k->request->n_storages, storage));
	storage = NULL;
	return point_to(m, at);
}

/* The container sees the device itself. */
static RESULT use_block(struct create *k, Oci__Mount *m)
{
	AUTO(pb_free_any) Agent__Storage *storage = NULL;
	AUTO(auto_free) char *name = NULL;
	AUTO(auto_free) char *at = NULL;
	struct sandbox_disk *d = NULL;

	TRY(unique_name(k, m, &name));
	TRY(sandbox_disk_get(k->s, m->source, volume_has_option(m, "ro"), &d));
	/* A guest with a manifest makes a volume of it, which a restarted container finds again. */
	if (k->s->shared)
		TRY(str_format(&at, GUEST_SANDBOX "/block/%s", name));
	else
		TRY(storage_place(d, &at));
	TRY(storage_of_disk(d, "bind", at, &storage));
	TRY(message_add_text(&storage->options, &storage->n_options, "bind"));
	TRY(MESSAGE_ADD(&k->request->storages, &k->request->n_storages, storage));
	storage = NULL;
	return point_to(m, at);
}

static RESULT use_direct(struct create *k, Oci__Mount *m)
{
	AUTO(direct_volume_done) struct direct_volume v = { 0 };
	AUTO(pb_free_any) Agent__Storage *storage = NULL;
	AUTO(auto_free) char *at = NULL;
	struct sandbox_disk *d = NULL;

	TRY(direct_volume_load(m->source, &v));
	TRY(sandbox_disk_get(k->s, v.device, volume_has_option(m, "ro"), &d));
	TRY(storage_place(d, &at));
	TRY(storage_of_disk(d, v.fstype, at, &storage));
	for (size_t i = 0; i < v.options.n; i++)
		TRY(message_add_text(&storage->options, &storage->n_options, v.options.v[i]));
	if (v.encrypted)
		TRY(message_add_text(&storage->driver_options, &storage->n_driver_options,
			"encryption_key=ephemeral"));
	if (v.create)
		TRY(message_add_text(
			&storage->driver_options, &storage->n_driver_options, "create_filesystem"));
	TRY(set_fs_group(storage, v.fs_group));
	storage->shared = true;
	TRY(MESSAGE_ADD(&k->request->storages, &k->request->n_storages, storage));
	storage = NULL;
	return point_to(m, at);
}

/* ---- all of them ---- */

static RESULT apply(struct create *k, Oci__Mount *m, bool *ret_drop)
{
	const struct volume_rules rules = { .shared = k->s->shared,
		.empty_dir = k->s->c.runtime->empty_dir };
	struct volume_facts f = volume_facts(m);
	enum volume_kind kind = VOLUME_KEEP;

	TRY(volume_decide(m, &f, &rules, &kind));
	switch (kind) {
	case VOLUME_SHM:
		return use_shm(m);
	case VOLUME_MEMORY:
		return use_memory(k, m, &f);
	case VOLUME_LOCAL:
		return use_local(k, m, &f);
	case VOLUME_DISK:
		return use_disk(k, m, &f);
	case VOLUME_BLOCK:
		return use_block(k, m);
	case VOLUME_DIRECT:
		return use_direct(k, m);
	case VOLUME_HUGEPAGES:
		return use_hugepages(k, m, &f);
	case VOLUME_SHARE:
		return use_share(k, m, &f);
	case VOLUME_COPY:
	case VOLUME_WATCH:
		return use_copy(k, m, kind == VOLUME_WATCH);
	case VOLUME_SKIP:
		*ret_drop = true;
		return OK;
	case VOLUME_KEEP:
		break;
	}
	return OK;
}

RESULT sandbox_volumes(struct create *k)
{
	Oci__Spec *spec = k->request->oci;
	size_t kept = 0;
	struct err e = OK;

	for (size_t i = 0; i < spec->n_mounts; i++) {
		Oci__Mount *m = spec->mounts[i];
		bool drop = false;

		if (!failed(e))
			e = apply(k, m, &drop);
		if (drop)
			pb_free(&m->base);
		else
			spec->mounts[kept++] = m;
	}
	spec->n_mounts = kept;
	return e;
}
