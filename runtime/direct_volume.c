#include "direct_volume.h"

#include "sandbox_volume.h"

#include <base/file.h>

enum {
	TEXT_MAX = 64 * 1024,
	MEMBERS_MAX = 64,
	PATH_LIMIT = 4096,
	TYPE_MAX = 64
};

struct mount_info {
	char *volume_type, *device, *fstype;
	struct json_map metadata;
	struct strv options;
};

static const struct json_field fields[] = {
	JSON_FIELD_AS(
		struct mount_info, volume_type, "volume-type", FIELD_STR, FIELD_REQUIRED, TYPE_MAX),
	JSON_FIELD(struct mount_info, device, FIELD_STR, FIELD_REQUIRED, PATH_LIMIT),
	JSON_FIELD(struct mount_info, fstype, FIELD_STR, FIELD_NULLABLE, TYPE_MAX),
	JSON_FIELD(struct mount_info, metadata, FIELD_MAP, FIELD_NULLABLE, MEMBERS_MAX),
	JSON_FIELD(struct mount_info, options, FIELD_STRV, FIELD_NULLABLE, MEMBERS_MAX),
};
static const struct json_table table = {
	.what = "mountInfo.json",
	.size = sizeof(struct mount_info),
	.fields = fields,
	.n = ARRAY_LEN(fields),
	.open = true,
};

static void info_done(struct mount_info *i)
{
	json_release(&table, i);
}

void direct_volume_done(struct direct_volume *v)
{
	free(v->device);
	free(v->fstype);
	strv_done(&v->options);
	*v = (struct direct_volume){ 0 };
}

/* The device is opened here by its name: nothing relative, and no option of QEMU's can be meant. */
static RESULT check(const struct mount_info *i)
{
	if (!str_equal(i->volume_type, "directvol") && !str_equal(i->volume_type, "blk"))
		return err_new(ERR_UNSUPPORTED,
			"mountInfo.json: volume-type '%s': directvol or blk", i->volume_type);
	if (i->device[0] != '/')
		return err_new(
			ERR_FORMAT, "mountInfo.json: device '%s': no absolute path", i->device);
	return OK;
}

static RESULT take_metadata(const struct json_map *m, struct direct_volume *v)
{
	const char *create = json_map_get(m, "createFilesystem");
	const char *key = json_map_get(m, "encryptionKey");
	const char *group = json_map_get(m, "fsGroup");
	uint64_t gid = 0;

	v->create = create && str_equal(create, "true");
	if (key && !str_equal(key, "ephemeral"))
		return err_new(
			ERR_UNSUPPORTED, "mountInfo.json: encryptionKey '%s': ephemeral", key);
	v->encrypted = key != NULL;
	if (group)
		TRY(str_to_u64(group, UINT32_MAX, "mountInfo.json: fsGroup", &gid));
	v->fs_group = (uint32_t)gid;
	return OK;
}

RESULT direct_volume_parse(struct bytes text, struct direct_volume *ret_volume)
{
	AUTO(direct_volume_done) struct direct_volume v = { 0 };
	AUTO(info_done) struct mount_info i = { 0 };

	TRY(json_decode_text(text, &table, &i));
	TRY(check(&i));
	TRY(take_metadata(&i.metadata, &v));
	v.device = TAKE(i.device);
	v.fstype = TAKE(i.fstype);
	if (!v.fstype || !v.fstype[0]) {
		free(v.fstype);
		v.fstype = NULL;
		TRY(str_dup("ext4", &v.fstype));
	}
	v.options = i.options;
	i.options = (struct strv){ 0 };
	*ret_volume = v;
	v = (struct direct_volume){ 0 };
	return OK;
}

RESULT direct_volume_load(const char *source, struct direct_volume *ret_volume)
{
	AUTO(buf_done) struct buf text = BUF_INIT(TEXT_MAX);
	AUTO(auto_free) char *dir = NULL;
	AUTO(auto_free) char *path = NULL;

	TRY(volume_direct_dir(source, &dir));
	TRY(path_join(dir, "mountInfo.json", &path));
	TRY(file_read(path, &text));
	struct err e = direct_volume_parse(buf_bytes(&text), ret_volume);
	return failed(e) ? err_add(e, "%s", path) : OK;
}
