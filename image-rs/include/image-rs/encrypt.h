/* Making encrypted images, on the tenant's build machine. */
#pragma once

#include <image-rs/ocicrypt.h>
#include <image-rs/store.h>

struct img_encrypt {
	struct img_store *from;
	const char *from_name; /* tag or digest */
	struct img_store *to;
	const char *to_tag;
	struct bytes key;	  /* key-encryption key, 32 bytes */
	const char *key_id;	  /* kbs:///repo/type/tag under which the broker has it */
	const char *architecture; /* taken out of an index; "amd64" */
};
/*
 * Copies the image with every layer encrypted under a fresh key of its own, wrapped for `key_id`;
 * nothing else changes. Encrypted layers are refused. *ret_digest: the new manifest's, the caller
 * frees. One layer at a time, through a temporary file.
 */
RESULT img_encrypt(const struct img_encrypt *e, char **ret_digest);
