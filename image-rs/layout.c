/* OCI image-layout 1.0: oci-layout, index.json, blobs/ALGORITHM/HEX. */
#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include <base/file.h>
#include <image-rs/manifest.h>
#include <image-rs/reference.h>

#define REF_NAME "org.opencontainers.image.ref.name"
#define MARKER	 "{\"imageLayoutVersion\":\"1.0.0\"}"

enum {
	CHUNK = 64 * 1024,
	BLOB_MODE = 0644
};

struct layout {
	struct img_store store;
	char *dir;
};

static void layout_free(struct img_store *s)
{
	struct layout *l = (struct layout *)s;

	free(l->dir);
	free(l);
}

static void layout_freep(struct layout **l)
{
	if (*l)
		layout_free(&(*l)->store);
}

static RESULT blob_path(const struct layout *l, const char *digest, char **ret)
{
	const char *hex = strchr(digest, ':');

	if (!img_is_digest(digest))
		return err_new(ERR_FORMAT, "blob digest \"%.80s\"", digest);
	return str_format(ret, "%s/blobs/%.*s/%s", l->dir, (int)(hex - digest), digest, hex + 1);
}

static RESULT read_json(const char *dir, const char *name, struct json **ret_root)
{
	AUTO(buf_done) struct buf text = BUF_INIT(IMG_MANIFEST_MAX);
	AUTO(auto_free) char *path = NULL;

	TRY(path_join(dir, name, &path));
	TRY(file_read(path, &text));
	struct err e = json_parse(buf_bytes(&text), ret_root);
	return failed(e) ? err_add(e, "%s", path) : OK;
}

static const char *ref_name(const struct json *entry)
{
	return json_string(json_get(json_get(entry, "annotations"), REF_NAME));
}

static RESULT find_tag(const struct json *index, const char *tag, const char **ret_digest)
{
	const struct json *list = json_get(index, "manifests");

	for (size_t i = 0; i < json_count(list); i++) {
		const struct json *entry = json_at(list, i);
		const char *name = ref_name(entry);
		if (name && str_equal(name, tag))
			return json_need_string(entry, "digest", ret_digest);
	}
	return err_new(ERR_NOT_FOUND, "no image tagged %s", tag);
}

static RESULT layout_manifest(struct img_store *s, const char *tag_or_digest, struct buf *out)
{
	struct layout *l = (struct layout *)s;
	AUTO(json_freep) struct json *index = NULL;
	AUTO(auto_free) char *path = NULL;
	const char *digest = tag_or_digest;

	if (!img_is_digest(tag_or_digest)) {
		TRY(read_json(l->dir, "index.json", &index));
		TRY(find_tag(index, tag_or_digest, &digest));
	}
	TRY(blob_path(l, digest, &path));
	return file_read(path, out);
}

static RESULT layout_stream(
	struct img_store *s, const struct img_blob *blob, img_sink_fn *sink, void *arg)
{
	struct layout *l = (struct layout *)s;
	AUTO(auto_free) char *path = NULL;
	AUTO(auto_close) int fd = -1;
	uint8_t chunk[CHUNK];
	ssize_t n;

	TRY(blob_path(l, blob->digest, &path));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_new(errno == ENOENT ? ERR_NOT_FOUND : ERR_SYS, "%s", path);
	while ((n = read(fd, chunk, sizeof(chunk))) > 0)
		TRY(sink(arg, bytes_of(chunk, (size_t)n)));
	return n < 0 ? err_new(ERR_SYS, "%s", path) : OK;
}

static RESULT layout_put_blob(struct img_store *s, const char *digest, struct bytes data)
{
	AUTO(auto_free) char *path = NULL;

	TRY(blob_path((struct layout *)s, digest, &path));
	return file_exists(path) ? OK : file_write_atomic(path, data, BLOB_MODE);
}

static void write_entry(struct json_writer *w, const char *tag, const char *media_type,
	const char *digest, size_t n)
{
	jw_object(w);
	jw_kstr(w, "mediaType", media_type);
	jw_kstr(w, "digest", digest);
	jw_ku64(w, "size", n);
	jw_key(w, "annotations");
	jw_object(w);
	jw_kstr(w, REF_NAME, tag);
	jw_object_end(w);
	jw_object_end(w);
}

/* index.json with the entry of that tag replaced or added. */
static RESULT layout_put_manifest(struct img_store *s, const char *tag, const char *media_type,
	const char *digest, struct bytes data)
{
	struct layout *l = (struct layout *)s;
	AUTO(buf_done) struct buf text = BUF_INIT(IMG_MANIFEST_MAX);
	AUTO(json_freep) struct json *index = NULL;
	AUTO(auto_free) char *path = NULL;
	struct json_writer w = jw_of(&text);

	TRY(layout_put_blob(s, digest, data));
	if (!tag)
		return OK;
	TRY(read_json(l->dir, "index.json", &index));
	const struct json *list = json_get(index, "manifests");
	jw_object(&w);
	jw_ku64(&w, "schemaVersion", 2);
	jw_key(&w, "manifests");
	jw_array(&w);
	for (size_t i = 0; i < json_count(list); i++) {
		const char *name = ref_name(json_at(list, i));
		if (!name || !str_equal(name, tag))
			jw_json(&w, json_at(list, i));
	}
	write_entry(&w, tag, media_type, digest, data.n);
	jw_array_end(&w);
	jw_object_end(&w);
	TRY(buf_end(&text, "index.json"));
	TRY(path_join(l->dir, "index.json", &path));
	return file_write_atomic(path, buf_bytes(&text), BLOB_MODE);
}

static const struct img_store_ops layout_ops = {
	.manifest = layout_manifest,
	.stream = layout_stream,
	.put_blob = layout_put_blob,
	.put_manifest = layout_put_manifest,
	.free = layout_free,
};

static RESULT create_layout(const char *dir)
{
	AUTO(auto_free) char *blobs = NULL;
	AUTO(auto_free) char *marker = NULL;
	AUTO(auto_free) char *index = NULL;

	TRY(path_join(dir, "blobs/sha256", &blobs));
	TRY(path_join(dir, "oci-layout", &marker));
	TRY(path_join(dir, "index.json", &index));
	TRY(dir_make(blobs, 0755));
	if (!file_exists(index))
		TRY(file_write_atomic(
			index, bytes_str("{\"schemaVersion\":2,\"manifests\":[]}"), BLOB_MODE));
	return file_exists(marker) ? OK : file_write_atomic(marker, bytes_str(MARKER), BLOB_MODE);
}

RESULT img_layout_open(const char *dir, bool create, struct img_store **ret_store)
{
	AUTO(layout_freep) struct layout *l = calloc(1, sizeof(*l));
	AUTO(json_freep) struct json *marker = NULL;
	const char *version;

	if (!l)
		return err_new(ERR_NOMEM, "image layout");
	l->store.ops = &layout_ops;
	TRY(str_dup(dir, &l->dir));
	if (create)
		TRY(create_layout(dir));
	TRY(read_json(dir, "oci-layout", &marker));
	TRY(json_need_string(marker, "imageLayoutVersion", &version));
	if (!str_equal(version, "1.0.0"))
		return err_new(ERR_UNSUPPORTED, "%s: imageLayoutVersion %.20s", dir, version);
	*ret_store = &TAKE(l)->store;
	return OK;
}

RESULT img_layout_only_digest(const char *dir, char **ret_digest)
{
	AUTO(json_freep) struct json *index = NULL;
	const char *digest;

	TRY(read_json(dir, "index.json", &index));
	const struct json *list = json_get(index, "manifests");
	if (json_count(list) != 1)
		return err_new(ERR_USAGE, "%s holds %zu images: name one as oci:%s:TAG", dir,
			json_count(list), dir);
	TRY(json_need_string(json_at(list, 0), "digest", &digest));
	return str_dup(digest, ret_digest);
}
