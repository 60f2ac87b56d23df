#include <stdlib.h>

#include <image-rs/manifest.h>
#include <image-rs/reference.h>

static const struct json_field descriptor_fields[] = {
	JSON_FIELD_AS(
		struct img_descriptor, media_type, "mediaType", FIELD_STR, FIELD_REQUIRED, 256),
	JSON_FIELD(struct img_descriptor, digest, FIELD_STR, FIELD_REQUIRED, 256),
	JSON_FIELD(struct img_descriptor, size, FIELD_U64, FIELD_REQUIRED, INT64_MAX),
	JSON_FIELD(struct img_descriptor, annotations, FIELD_MAP, FIELD_NULLABLE, 64),
};
const struct json_table img_descriptor_table = {
	.what = "descriptor",
	.size = sizeof(struct img_descriptor),
	.fields = descriptor_fields,
	.n = ARRAY_LEN(descriptor_fields),
	.open = true,
};

static const struct json_field manifest_fields[] = {
	JSON_FIELD_AS(
		struct img_manifest, schema_version, "schemaVersion", FIELD_U64, FIELD_REQUIRED, 2),
	JSON_FIELD_AS(struct img_manifest, media_type, "mediaType", FIELD_STR, 0, 256),
	JSON_FIELD_SUB(struct img_manifest, config, "config", FIELD_OBJECT, FIELD_REQUIRED, 0,
		&img_descriptor_table),
	JSON_FIELD_SUB(struct img_manifest, layers, "layers", FIELD_LIST, FIELD_REQUIRED,
		IMG_LAYERS_MAX, &img_descriptor_table),
	JSON_FIELD(struct img_manifest, annotations, FIELD_MAP, FIELD_NULLABLE, 256),
};
static const struct json_table manifest_table = {
	.what = "image manifest",
	.size = sizeof(struct img_manifest),
	.fields = manifest_fields,
	.n = ARRAY_LEN(manifest_fields),
	.open = true,
};

static const struct json_field platform_fields[] = {
	JSON_FIELD(struct img_platform, architecture, FIELD_STR, 0, 64),
	JSON_FIELD(struct img_platform, os, FIELD_STR, 0, 64),
	JSON_FIELD(struct img_platform, variant, FIELD_STR, 0, 64),
};
static const struct json_table platform_table = {
	.what = "platform",
	.size = sizeof(struct img_platform),
	.fields = platform_fields,
	.n = ARRAY_LEN(platform_fields),
	.open = true,
};

struct rootfs {
	struct strv diff_ids;
};
struct config_document {
	char *architecture, *os;
	struct rootfs rootfs;
};

static const struct json_field rootfs_fields[] = {
	JSON_FIELD(struct rootfs, diff_ids, FIELD_STRV, FIELD_REQUIRED, IMG_LAYERS_MAX),
};
static const struct json_table rootfs_table = {
	.what = "rootfs",
	.size = sizeof(struct rootfs),
	.fields = rootfs_fields,
	.n = ARRAY_LEN(rootfs_fields),
	.open = true,
};
static const struct json_field config_fields[] = {
	JSON_FIELD(struct config_document, architecture, FIELD_STR, FIELD_REQUIRED, 64),
	JSON_FIELD(struct config_document, os, FIELD_STR, FIELD_REQUIRED, 64),
	JSON_FIELD_SUB(struct config_document, rootfs, "rootfs", FIELD_OBJECT, FIELD_REQUIRED, 0,
		&rootfs_table),
};
static const struct json_table config_table = {
	.what = "image configuration",
	.size = sizeof(struct config_document),
	.fields = config_fields,
	.n = ARRAY_LEN(config_fields),
	.open = true,
};

static void entry_done(struct img_index_entry *e)
{
	json_release(&img_descriptor_table, &e->descriptor);
	json_release(&platform_table, &e->platform);
}

static void index_done(struct img_index *index)
{
	for (size_t i = 0; i < index->n; i++)
		entry_done(&index->v[i]);
	free(index->v);
	*index = (struct img_index){ 0 };
}

void img_document_done(struct img_document *d)
{
	json_release(&manifest_table, &d->manifest);
	index_done(&d->index);
}

static RESULT check_digest(const char *digest, const char *what)
{
	return img_is_digest(digest) ? OK
				     : err_new(ERR_FORMAT, "%s: digest \"%.80s\"", what, digest);
}

static RESULT limit_count(const struct json *list, const char *what, size_t max)
{
	char expected[32], actual[32];
	size_t n = json_count(list);

	if (n <= max)
		return OK;
	(void)snprintf(expected, sizeof(expected), "at most %zu", max);
	(void)snprintf(actual, sizeof(actual), "%zu", n);
	return err_deny(ERR_UNVERIFIED, "image.manifest-limit", what, expected, actual);
}

static RESULT decode_entry(const struct json *j, struct img_index_entry *e)
{
	const struct json *platform = json_get(j, "platform");

	TRY(json_decode(j, &img_descriptor_table, &e->descriptor));
	if (platform && json_type(platform) != JSON_NULL)
		TRY(json_decode(platform, &platform_table, &e->platform));
	return check_digest(e->descriptor.digest, "image index");
}

static RESULT decode_index(const struct json *root, struct img_index *index)
{
	const struct json *list = json_get(root, "manifests");
	size_t n = json_count(list);

	if (json_type(list) != JSON_ARRAY)
		return err_new(ERR_FORMAT, "image index: manifests is no array");
	TRY(limit_count(list, "manifests", IMG_INDEX_MAX));
	index->v = calloc(n + 1, sizeof(*index->v));
	if (!index->v)
		return err_new(ERR_NOMEM, "image index");
	for (size_t i = 0; i < n; i++) {
		index->n = i + 1;
		struct err e = decode_entry(json_at(list, i), &index->v[i]);
		if (failed(e))
			return err_add(e, "image index");
	}
	return OK;
}

static RESULT decode_manifest(const struct json *root, struct img_manifest *m)
{
	TRY(limit_count(json_get(root, "layers"), "layers", IMG_LAYERS_MAX));
	TRY(json_decode(root, &manifest_table, m));
	TRY(check_digest(m->config.digest, "config"));
	for (size_t i = 0; i < m->layers.n; i++)
		TRY(check_digest(img_layer(m, i)->digest, "layer"));
	return OK;
}

static bool index_type(const char *type)
{
	return str_equal(type, IMG_TYPE_INDEX) || str_equal(type, IMG_TYPE_DOCKER_LIST);
}

static bool manifest_type(const char *type)
{
	return str_equal(type, IMG_TYPE_MANIFEST) || str_equal(type, IMG_TYPE_DOCKER_MANIFEST);
}

/* One digest must not mean an index to one reader and a manifest to another (OCI image-spec
 * considerations; CVE-2021-41190). */
static RESULT decide_kind(const struct json *root, bool *ret_index)
{
	const char *type = json_string(json_get(root, "mediaType"));
	bool index = json_get(root, "manifests") != NULL;
	bool manifest = json_get(root, "layers") || json_get(root, "config");
	uint64_t version;

	if (json_type(root) != JSON_OBJECT)
		return err_new(ERR_FORMAT, "image manifest: no object");
	if (!json_u64(json_get(root, "schemaVersion"), &version) || version != 2)
		return err_new(ERR_UNSUPPORTED, "image manifest: schemaVersion is not 2");
	if (index == manifest)
		return err_new(ERR_FORMAT, "image manifest: %s",
			index ? "both an index and a manifest" : "neither index nor manifest");
	if (type && !(index ? index_type(type) : manifest_type(type)))
		return err_new(ERR_UNSUPPORTED, "image manifest: mediaType %.100s", type);
	*ret_index = index;
	return OK;
}

RESULT img_document_parse(struct bytes text, struct img_document *ret)
{
	AUTO(img_document_done) struct img_document d = { 0 };
	AUTO(json_freep) struct json *root = NULL;

	if (text.n > IMG_MANIFEST_MAX)
		return err_new(ERR_LIMIT, "image manifest: %zu bytes", text.n);
	struct err e = json_parse(text, &root);
	if (failed(e))
		return err_add(e, "image manifest");
	TRY(decide_kind(root, &d.is_index));
	if (d.is_index)
		TRY(decode_index(root, &d.index));
	else
		TRY(decode_manifest(root, &d.manifest));
	*ret = d;
	d = (struct img_document){ 0 };
	return OK;
}

RESULT img_index_select(const struct img_index *index, const char *architecture,
	const struct img_index_entry **ret_entry)
{
	AUTO(buf_done) struct buf seen = BUF_INIT(256);

	for (size_t i = 0; i < index->n; i++) {
		const struct img_index_entry *e = &index->v[i];
		const char *os = e->platform.os ? e->platform.os : "?";
		const char *arch = e->platform.architecture ? e->platform.architecture : "?";
		if (str_equal(os, "linux") && str_equal(arch, architecture) &&
			manifest_type(e->descriptor.media_type)) {
			*ret_entry = e;
			return OK;
		}
		buf_printf(&seen, " %s/%s", os, arch);
	}
	const char *list = buf_cstr(&seen);
	return err_new(ERR_NOT_FOUND, "image index: nothing for linux/%s; it has%s", architecture,
		list && *list ? list : " no or too many platforms");
}

void img_config_done(struct img_config *c)
{
	free(c->architecture);
	free(c->os);
	strv_done(&c->diff_ids);
	*c = (struct img_config){ 0 };
}

RESULT img_config_parse(struct bytes text, struct img_config *ret)
{
	struct config_document d = { 0 };

	TRY(json_decode_text(text, &config_table, &d));
	for (size_t i = 0; i < d.rootfs.diff_ids.n; i++) {
		struct err e = check_digest(d.rootfs.diff_ids.v[i], "diff_id");
		if (failed(e)) {
			json_release(&config_table, &d);
			return err_add(e, "image configuration");
		}
	}
	*ret = (struct img_config){
		.architecture = d.architecture, .os = d.os, .diff_ids = d.rootfs.diff_ids
	};
	return OK;
}

#define OCI    "application/vnd.oci.image.layer.v1.tar"
#define OCI_ND "application/vnd.oci.image.layer.nondistributable.v1.tar"
#define DOCKER "application/vnd.docker.image.rootfs.diff.tar"

static const struct img_layer_kind kinds[] = {
	{ OCI, IMG_TAR, false },
	{ OCI "+gzip", IMG_TAR_GZIP, false },
	{ OCI "+zstd", IMG_TAR_ZSTD, false },
	{ OCI_ND, IMG_TAR, false },
	{ OCI_ND "+gzip", IMG_TAR_GZIP, false },
	{ OCI_ND "+zstd", IMG_TAR_ZSTD, false },
	{ DOCKER, IMG_TAR, false },
	{ DOCKER ".gzip", IMG_TAR_GZIP, false },
	{ DOCKER ".gz", IMG_TAR_GZIP, false },
	{ DOCKER ".zstd", IMG_TAR_ZSTD, false },
	{ OCI "+encrypted", IMG_TAR, true },
	{ OCI "+gzip+encrypted", IMG_TAR_GZIP, true },
	{ OCI "+zstd+encrypted", IMG_TAR_ZSTD, true },
	{ OCI_ND "+encrypted", IMG_TAR, true },
	{ OCI_ND "+gzip+encrypted", IMG_TAR_GZIP, true },
	{ OCI_ND "+zstd+encrypted", IMG_TAR_ZSTD, true },
	{ DOCKER "+encrypted", IMG_TAR, true },
	{ DOCKER ".gzip+encrypted", IMG_TAR_GZIP, true },
	{ DOCKER ".gz+encrypted", IMG_TAR_GZIP, true },
	{ DOCKER ".zstd+encrypted", IMG_TAR_ZSTD, true },
};

RESULT img_layer_kind(const char *media_type, const struct img_layer_kind **ret_kind)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (!str_equal(media_type, kinds[i].media_type))
			continue;
		*ret_kind = &kinds[i];
		return OK;
	}
	return err_new(ERR_UNSUPPORTED, "layer media type %.150s", media_type);
}

/* What is written is always OCI. */
RESULT img_layer_encrypted_type(const char *media_type, const char **ret_media_type)
{
	static const char *const types[] = {
		[IMG_TAR] = OCI "+encrypted",
		[IMG_TAR_GZIP] = OCI "+gzip+encrypted",
		[IMG_TAR_ZSTD] = OCI "+zstd+encrypted",
	};
	const struct img_layer_kind *kind;

	TRY(img_layer_kind(media_type, &kind));
	if (kind->encrypted)
		return err_new(ERR_STATE, "the layer is encrypted already");
	*ret_media_type = types[kind->compression];
	return OK;
}
