/* The engine's bundle, and config.json as the shim gets it. */
#pragma once

#include <limits.h>

#include <base/json.h>

enum bundle_network {
	BUNDLE_NETWORK_HOST,  /* none listed: the host's */
	BUNDLE_NETWORK_EMPTY, /* a new one, which this runtime makes */
	BUNDLE_NETWORK_PATH
};

/* Owned; bundle_done(). Strings are of the tree unless said otherwise. */
struct bundle {
	struct json *spec;
	char *dir, *rootfs;  /* absolute, owned */
	const char *sandbox; /* the annotations name the pod's sandbox; NULL: none */
	bool terminal;
	enum bundle_network network;
	const char *netns; /* BUNDLE_NETWORK_PATH */
	/* The engine may fill the network after `create`: a new network namespace, and nobody who
	 * is known to have filled it before (Podman, but with user namespaces). */
	bool network_later;
	struct json_map annotations; /* owned */
};
void bundle_done(struct bundle *b);

/* dir NULL: here; config NULL: "config.json". ERR_FORMAT names the member and what to do. */
RESULT bundle_load(const char *dir, const char *config, struct bundle *ret_bundle);

struct bundle_rewrite {
	const char *sandbox; /* the container joins this one's machine; NULL: its own */
	const char *netns;   /* the network namespace's path; NULL: no network */
};
/* config.json for the shim: root.path absolute, no hooks, the network namespace by its path. */
RESULT bundle_print(const struct bundle *b, const struct bundle_rewrite *how, struct buf *out);
