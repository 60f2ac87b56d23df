/* One process for one layer. */
#pragma once

#include "layers.h"
#include "untar.h"

#include <image-rs/ocicrypt.h>
#include <sys/types.h>

enum {
	CHILD_KEY = 1,	    /* to the child: u8 encrypted, then symkey, nonce, HMAC */
	CHILD_PROGRESS = 2, /* from the child: u64 compressed bytes so far */
	CHILD_DONE = 3,
	CHILD_FAILED = 4 /* failure.h */
};

struct layer_child {
	pid_t pid; /* 0: none */
	int fd;
	size_t layer;
	char *staging;
};

struct layer_secret {
	bool encrypted;
	struct img_layer_key key;
	uint8_t hmac[DIGEST_SHA256_SIZE];
};
void layer_secret_done(struct layer_secret *s);
/* Asks for the key of an encrypted layer: "image.key-refused" unless the broker gave a reason. */
RESULT layer_secret_get(
	const struct layers_job *job, const struct img_descriptor *layer, struct layer_secret *ret);

/* Makes the staging directory, forks, hands over the key. */
RESULT layer_child_start(const struct layers_job *job, size_t layer, struct untar_budget *budget,
	struct layer_child *ret_child);
/* Kills it if it still runs and removes the staging directory if there is one. */
void layer_child_done(struct layer_child *c);
