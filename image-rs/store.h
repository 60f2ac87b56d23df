/* What a kind of store implements; the checks are common (store.c). */
#pragma once

#include <image-rs/store.h>

struct img_store_ops {
	RESULT (*manifest)(struct img_store *s, const char *tag_or_digest, struct buf *out);
	RESULT(*stream)
	(struct img_store *s, const struct img_blob *blob, img_sink_fn *sink, void *arg);
	RESULT (*put_blob)(struct img_store *s, const char *digest, struct bytes data);
	RESULT(*put_manifest)
	(struct img_store *s, const char *tag, const char *media_type, const char *digest,
		struct bytes data);
	void (*free)(struct img_store *s);
};

/* First member of every implementation. */
struct img_store {
	const struct img_store_ops *ops;
};
