/* Indexes, manifests and configurations (OCI image-spec 1.1, Docker schema 2): parsed, not trusted.
 */
#pragma once

#include <base/json.h>

#define IMG_TYPE_INDEX		 "application/vnd.oci.image.index.v1+json"
#define IMG_TYPE_MANIFEST	 "application/vnd.oci.image.manifest.v1+json"
#define IMG_TYPE_CONFIG		 "application/vnd.oci.image.config.v1+json"
#define IMG_TYPE_DOCKER_LIST	 "application/vnd.docker.distribution.manifest.list.v2+json"
#define IMG_TYPE_DOCKER_MANIFEST "application/vnd.docker.distribution.manifest.v2+json"

enum {
	IMG_LAYERS_MAX = 256,
	IMG_INDEX_MAX = 256, /* manifests of an index */
	IMG_MANIFEST_MAX = 4 * 1024 * 1024,
	IMG_ANNOTATION_MAX = 64 * 1024
};

struct img_descriptor {
	char *media_type;
	char *digest; /* "sha256:..." or "sha512:...", checked */
	uint64_t size;
	struct json_map annotations;
};
extern const struct json_table img_descriptor_table;

struct img_manifest {
	uint64_t schema_version; /* 2 */
	char *media_type;	 /* NULL when absent */
	struct img_descriptor config;
	struct json_list layers; /* struct img_descriptor, base layer first */
	struct json_map annotations;
};

struct img_platform {
	char *architecture, *os, *variant;
};
struct img_index_entry {
	struct img_descriptor descriptor;
	struct img_platform platform; /* strings may be NULL */
};
struct img_index {
	struct img_index_entry *v;
	size_t n;
};

/* Either of the two; a document with members of both is refused. */
struct img_document {
	bool is_index;
	struct img_manifest manifest;
	struct img_index index;
};

/* ERR_UNVERIFIED "image.manifest-limit" for too many layers or entries; ERR_FORMAT else. */
RESULT img_document_parse(struct bytes text, struct img_document *ret);
void img_document_done(struct img_document *d);

/* The entry for linux and this architecture ("amd64"); ERR_NOT_FOUND lists what there is. */
RESULT img_index_select(const struct img_index *index, const char *architecture,
	const struct img_index_entry **ret_entry);

static inline const struct img_descriptor *img_layer(const struct img_manifest *m, size_t i)
{
	return (const struct img_descriptor *)m->layers.items + i;
}

struct img_config {
	char *architecture, *os;
	struct strv diff_ids; /* digests of the uncompressed layers, base layer first; checked */
};
RESULT img_config_parse(struct bytes text, struct img_config *ret);
void img_config_done(struct img_config *c);

/* What a layer's media type says about its bytes. */
struct img_layer_kind {
	const char *media_type;
	int compression; /* enum img_compression */
	bool encrypted;
};
enum img_compression {
	IMG_TAR,
	IMG_TAR_GZIP,
	IMG_TAR_ZSTD
};
/* ERR_UNSUPPORTED names the media type. */
RESULT img_layer_kind(const char *media_type, const struct img_layer_kind **ret_kind);
/* The media type of the same layer, encrypted; ERR_UNSUPPORTED when there is none. */
RESULT img_layer_encrypted_type(const char *media_type, const char **ret_media_type);
