/* containers-registries.d(5): where the signatures of simple signing are kept. */
#pragma once

#include <base/buf.h>
#include <image-rs/reference.h>

enum {
	SIGSTORE_NAMESPACES_MAX = 256,
	SIGSTORE_CONFIG_MAX = 64 * 1024
};

struct sigstore_entry {
	char *namespace; /* "registry/path"; NULL: default-docker */
	char *url;	 /* file:// or https:// */
};
struct sigstore_config {
	struct sigstore_entry v[SIGSTORE_NAMESPACES_MAX];
	size_t n;
};

/*
 * The YAML that such files consist of: nested maps by indentation with blanks, plain or quoted
 * scalars, comments. "sigstore" and "lookaside" are taken, the -staging forms are for writing.
 */
RESULT sigstore_config_parse(struct bytes text, struct sigstore_config *ret);
void sigstore_config_done(struct sigstore_config *c);
/* The most specific namespace, or NULL. */
RESULT sigstore_config_find(
	const struct sigstore_config *c, const struct img_reference *image, const char **ret_url);
