/*
 * One layer, streamed: blob -> digest -> decrypt and HMAC -> decompress -> diff-id -> untar, in
 * memory that does not depend on the layer's size. The directory may be used only on success.
 */
#pragma once

#include "untar.h"

#include <image-rs/ocicrypt.h>
#include <image-rs/store.h>

struct layer_job {
	struct img_blob blob;
	int compression; /* enum img_compression */
	const char *diff_id;
	const struct img_layer_key *key; /* NULL: not encrypted */
	const uint8_t *hmac;		 /* 32 bytes when encrypted */
	struct untar_budget *budget;
	void (*progress)(void *arg, uint64_t done); /* compressed bytes so far; may be NULL */
	void *arg;
};
/*
 * `root`: an open empty directory, becomes the call's. ERR_UNVERIFIED "image.layer-digest",
 * "image.layer-hmac", "image.diff-id"; those of untar.h. A wrong digest or HMAC is reported even
 * when its bytes broke a later stage first.
 */
RESULT layer_unpack(struct img_store *store, const struct layer_job *job, int root);
