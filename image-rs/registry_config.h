/* containers-registries.conf(5), version 2: where an image really comes from. */
#pragma once

#include <base/bytes.h>
#include <image-rs/reference.h>

enum {
	REGISTRY_SOURCES_MAX = 8
};

struct registry_source {
	struct img_reference reference;
	bool plain_http; /* "insecure" */
};
struct registry_sources {
	struct registry_source v[REGISTRY_SOURCES_MAX];
	size_t n;
};
/*
 * Mirrors in their order, then the location of the rule with the longest prefix. Without a rule the
 * reference itself, over TLS. ERR_DENIED "image.policy-reject" for a blocked registry.
 */
RESULT registry_sources_of(
	struct bytes toml, const struct img_reference *image, struct registry_sources *ret);
void registry_sources_done(struct registry_sources *s);
