#include "layer.h"

#include "decompress.h"
#include "verify.h"

#include <stdlib.h>
#include <unistd.h>

#include <base/auto.h>
#include <image-rs/manifest.h>

enum {
	CHUNK = 64 * 1024
};

struct layer {
	const struct layer_job *job;
	struct digest_ctx *blob_digest, *diff_digest;
	struct img_cipher *cipher;
	struct decompress *decompress;
	struct untar *untar;
	uint64_t done;
	bool broken; /* unpacking failed; the digest goes on */
	struct err_saved why;
	uint8_t plain[CHUNK];
};

static void layer_freep(struct layer **l)
{
	if (!*l)
		return;
	digest_freep(&(*l)->blob_digest);
	digest_freep(&(*l)->diff_digest);
	img_cipher_freep(&(*l)->cipher);
	decompress_freep(&(*l)->decompress);
	untar_freep(&(*l)->untar);
	bytes_wipe((*l)->plain, sizeof((*l)->plain));
	free(*l);
	*l = NULL;
}

static RESULT take_tar(void *arg, struct bytes data)
{
	struct layer *l = arg;

	TRY(digest_update(l->diff_digest, data));
	return untar_feed(l->untar, data);
}

static RESULT take_cipher(struct layer *l, struct bytes in)
{
	while (in.n > 0) {
		size_t n = in.n < CHUNK ? in.n : CHUNK;
		memcpy(l->plain, in.p, n);
		TRY(img_cipher_update(l->cipher, l->plain, n));
		if (!l->broken) {
			struct err e = decompress_feed(l->decompress, bytes_of(l->plain, n));
			l->broken = failed(e);
			if (l->broken)
				err_save(e, &l->why);
		}
		in = bytes_of(in.p + n, in.n - n);
	}
	return OK;
}

static RESULT take_plain(struct layer *l, struct bytes in)
{
	if (l->broken)
		return OK;
	struct err e = decompress_feed(l->decompress, in);
	l->broken = failed(e);
	if (l->broken)
		err_save(e, &l->why);
	return OK;
}

/* Running out of space or of the budget must not wait for the end of the stream. */
static bool is_final(const struct err_saved *why)
{
	return why->code == ERR_SYS || why->code == ERR_NOMEM || why->code == ERR_LIMIT ||
	       (why->denied && str_equal(why->denial.code, "image.bomb"));
}

static RESULT take_blob(void *arg, struct bytes data)
{
	struct layer *l = arg;

	TRY(digest_update(l->blob_digest, data));
	TRY(l->cipher ? take_cipher(l, data) : take_plain(l, data));
	if (l->broken && is_final(&l->why))
		return err_restore(&l->why);
	l->done += data.n;
	if (l->job->progress)
		l->job->progress(l->job->arg, l->done);
	return OK;
}

static RESULT check_size(const struct layer *l)
{
	char expected[32], actual[32];

	if (l->done == l->job->blob.size)
		return OK;
	(void)snprintf(
		expected, sizeof(expected), "%llu bytes", (unsigned long long)l->job->blob.size);
	(void)snprintf(actual, sizeof(actual), "%llu bytes", (unsigned long long)l->done);
	return err_deny(ERR_UNVERIFIED, "image.layer-digest", "size", expected, actual);
}

static RESULT check_hmac(struct layer *l)
{
	uint8_t mac[DIGEST_SHA256_SIZE];

	if (!l->cipher)
		return OK;
	TRY(img_cipher_final(l->cipher, mac));
	if (bytes_equal(BYTES_OF(mac), bytes_of(l->job->hmac, sizeof(mac))))
		return OK;
	return err_deny(ERR_UNVERIFIED, "image.layer-hmac", "hmac", NULL, NULL);
}

static RESULT finish(struct layer *l)
{
	struct digest_value d;

	TRY(check_size(l));
	TRY(digest_final(l->blob_digest, &d));
	TRY(verify_digest_value(&d, l->job->blob.digest, "image.layer-digest", "digest"));
	TRY(check_hmac(l));
	if (l->broken)
		return err_restore(&l->why);
	TRY(decompress_end(l->decompress));
	TRY(digest_final(l->diff_digest, &d));
	TRY(verify_digest_value(&d, l->job->diff_id, "image.diff-id", "diff_id"));
	return untar_end(l->untar);
}

static enum compression compression_of(int kind)
{
	return kind == IMG_TAR_GZIP   ? COMPRESSION_GZIP
	       : kind == IMG_TAR_ZSTD ? COMPRESSION_ZSTD
				      : COMPRESSION_NONE;
}

static RESULT prepare(struct layer *l)
{
	const struct layer_job *job = l->job;
	struct digest_value blob, diff;

	TRY(digest_parse_oci(job->blob.digest, &blob));
	TRY(digest_parse_oci(job->diff_id, &diff));
	TRY(digest_new(blob.alg, &l->blob_digest));
	TRY(digest_new(diff.alg, &l->diff_digest));
	if (job->key)
		TRY(img_cipher_new(job->key, false, &l->cipher));
	return decompress_new(compression_of(job->compression), take_tar, l, &l->decompress);
}

RESULT layer_unpack(struct img_store *store, const struct layer_job *job, int root)
{
	AUTO(layer_freep) struct layer *l = calloc(1, sizeof(*l));

	if (!l) {
		(void)close(root);
		return err_new(ERR_NOMEM, "layer");
	}
	l->job = job;
	TRY(untar_new(root, job->budget, &l->untar));
	TRY(prepare(l));
	TRY(img_store_stream(store, &job->blob, take_blob, l));
	return finish(l);
}
