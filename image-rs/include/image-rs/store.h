/* Where images live: a repository of a registry, or a directory in OCI image layout. */
#pragma once

#include <base/json.h>

struct img_store; /* one repository or directory */

/* Receives a blob piece by piece; a failure ends the transfer and is what is returned. */
typedef struct err img_sink_fn(void *arg, struct bytes data);

struct img_blob {
	const char *digest; /* "sha256:..." */
	uint64_t size;	    /* bytes; a longer answer is cut off with ERR_UNVERIFIED */
};

/*
 * Manifest or index named by a tag or digest. The bytes are appended to `out`; nothing is verified
 * but that a digest asked for is the digest of the bytes ("image.manifest-digest").
 * ERR_NOT_FOUND when there is none.
 */
RESULT img_store_manifest(struct img_store *s, const char *tag_or_digest, struct buf *out);
/* Streams a blob into the sink; the digest is the caller's to check. */
RESULT img_store_stream(
	struct img_store *s, const struct img_blob *blob, img_sink_fn *sink, void *arg);
/* A small blob (up to out->max), verified against its digest. */
RESULT img_store_blob(struct img_store *s, const struct img_blob *blob, struct buf *out);
/* Stores a blob unless it is there already. The digest is what the caller computed. */
RESULT img_store_put_blob(struct img_store *s, const char *digest, struct bytes data);
/* `tag` NULL: reachable by its digest only. */
RESULT img_store_put_manifest(
	struct img_store *s, const char *tag, const char *media_type, struct bytes data);
void img_store_free(struct img_store *s);
void img_store_freep(struct img_store **s);

struct img_registry_options {
	struct bytes ca_pem;	/* extra roots; may be none */
	struct bytes auth_json; /* {"auths":{...}}; may be none */
	const char *https_proxy, *http_proxy, *no_proxy;
	bool plain_http; /* only for registries that the configuration calls insecure */
};
struct img_reference;
/* Does not connect yet. */
RESULT img_registry_open(const struct img_registry_options *options,
	const struct img_reference *reference, struct img_store **ret_store);
/* OCI image-layout 1.0; `create` makes an empty one. */
RESULT img_layout_open(const char *dir, bool create, struct img_store **ret_store);
/* The only manifest of a layout, for "oci:DIR" without a tag. The caller frees. */
RESULT img_layout_only_digest(const char *dir, char **ret_digest);
