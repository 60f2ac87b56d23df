#include "store.h"

#include "verify.h"

#include <crypto/digest.h>
#include <image-rs/reference.h>

RESULT img_store_manifest(struct img_store *s, const char *tag_or_digest, struct buf *out)
{
	size_t before = out->n;

	TRY(s->ops->manifest(s, tag_or_digest, out));
	if (!img_is_digest(tag_or_digest))
		return OK;
	struct bytes got = bytes_of(out->p + before, out->n - before);
	return verify_digest(got, tag_or_digest, "image.manifest-digest", "manifest");
}

struct bounded {
	uint64_t left;
	img_sink_fn *sink;
	void *arg;
};

static RESULT take_bounded(void *arg, struct bytes data)
{
	struct bounded *b = arg;

	if (data.n > b->left)
		return err_deny(ERR_UNVERIFIED, "image.layer-digest", "size", "the descriptor's",
			"more bytes");
	b->left -= data.n;
	return b->sink(b->arg, data);
}

RESULT img_store_stream(
	struct img_store *s, const struct img_blob *blob, img_sink_fn *sink, void *arg)
{
	struct bounded b = { .left = blob->size, .sink = sink, .arg = arg };

	if (!img_is_digest(blob->digest))
		return err_new(ERR_FORMAT, "blob digest \"%.80s\"", blob->digest);
	return s->ops->stream(s, blob, take_bounded, &b);
}

static RESULT append(void *arg, struct bytes data)
{
	struct buf *out = arg;

	buf_put(out, data);
	return buf_end(out, "blob");
}

RESULT img_store_blob(struct img_store *s, const struct img_blob *blob, struct buf *out)
{
	size_t before = out->n;

	TRY(img_store_stream(s, blob, append, out));
	return verify_digest(bytes_of(out->p + before, out->n - before), blob->digest,
		"image.blob-digest", "blob");
}

RESULT img_store_put_blob(struct img_store *s, const char *digest, struct bytes data)
{
	return s->ops->put_blob(s, digest, data);
}

RESULT img_store_put_manifest(
	struct img_store *s, const char *tag, const char *media_type, struct bytes data)
{
	char digest_text[2 * DIGEST_MAX + 16];
	struct digest_value d;

	TRY(digest(DIGEST_SHA256, data, &d));
	digest_print_oci(&d, digest_text);
	return s->ops->put_manifest(s, tag, media_type, digest_text, data);
}

void img_store_free(struct img_store *s)
{
	if (s)
		s->ops->free(s);
}

void img_store_freep(struct img_store **s)
{
	img_store_free(*s);
	*s = NULL;
}
