/* Where an image is, as people write it: oci:DIR[:TAG] or docker://REFERENCE. */
#pragma once

#include <base/cli.h>
#include <image-rs/reference.h>
#include <image-rs/store.h>

struct image_place_options {
	const char *ca;	      /* file of extra roots, or NULL */
	const char *authfile; /* {"auths":...}, or NULL */
	bool plain_http;
};

struct image_place {
	struct img_store *store;
	struct img_reference reference; /* of registries; registry NULL for a directory */
	char *name;			/* tag or digest */
	struct buf ca, auth;		/* what the store looks into */
};

/* `create`: a directory may be new. The name is a tag or digest; of a directory with one image it
 * may be left out. */
RESULT image_place_open(const char *text, const struct image_place_options *options, bool create,
	struct image_place *ret);
void image_place_done(struct image_place *p);
