/*
 * All layers of an image: up to IMG_PARALLEL at once, each in a process of its own that knows only
 * that layer's key, writes only into that layer's staging directory and talks only to the registry.
 */
#pragma once

#include <image-rs/image.h>
#include <image-rs/store.h>

struct layers_job {
	const struct img_registry_options *registry; /* each process opens its own connection */
	const struct img_reference *source;
	const struct img_manifest *manifest;
	const struct img_config *config; /* as many diff-ids as the manifest has layers */
	const char *work_dir;
	uint64_t max_unpacked;
	const struct img_callbacks *callbacks;
};
/* Names of the verified layers, base layer first. On failure nothing new is left behind. */
RESULT layers_unpack(const struct layers_job *job, struct strv *ret_names);
