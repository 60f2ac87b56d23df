/*
 * The hub's end of sealpod-unpack: one process a pull, started here, asked over a socket pair on
 * its descriptor 3, gone afterwards. What it asks for is answered by the callbacks; it never learns
 * more than the private options of the layers it unpacks and the resources the policy names.
 */
#pragma once

#include <base/loop.h>
#include <image-rs/image.h>

struct unpack; /* one running pull */

/* Once, at the end: OK and what was pulled, or the failure with its denial. */
typedef void unpack_done_fn(void *arg, struct err e, const struct img_pulled *pulled);

struct unpack_start {
	const char *program;		     /* "/usr/bin/sealpod-unpack" */
	const struct img_pull_request *pull; /* copied; .callbacks are called in this process */
	unpack_done_fn *done;
	void *arg;
};
/* A child that dies or breaks the protocol ends in done() with ERR_PEER. */
RESULT unpack_start(struct loop *l, const struct unpack_start *s, struct unpack **ret_unpack);
/* Kills a running child; done() is not called any more. */
void unpack_free(struct unpack *u);
