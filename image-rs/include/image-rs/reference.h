/* Names of images, as Docker and Kubernetes write them ("Reference" of github.com/distribution). */
#pragma once

#include <base/err.h>

enum {
	IMG_REFERENCE_MAX = 512, /* characters of a whole reference */
	IMG_REPOSITORY_MAX = 255 /* "registry/repository" */
};

/* "busybox" is docker.io/library/busybox:latest. */
struct img_reference {
	char *registry;	  /* "docker.io", "10.0.2.2:5000", "[::1]:5000" */
	char *repository; /* "library/busybox" */
	char *tag;	  /* NULL when only a digest is given */
	char *digest;	  /* "sha256:<64 hex>" or NULL */
};

/* ERR_FORMAT says which part is wrong. */
RESULT img_reference_parse(const char *text, struct img_reference *ret);
void img_reference_done(struct img_reference *r);
RESULT img_reference_copy(const struct img_reference *from, struct img_reference *ret);
/* "registry/repository"; the caller frees. */
RESULT img_reference_name(const struct img_reference *r, char **ret);
/* "registry/repository@digest", or with ":tag" when there is no digest; the caller frees. */
RESULT img_reference_print(const struct img_reference *r, char **ret);
/* "sha256:" and 64 or "sha512:" and 128 lower-case hexadecimal digits. */
bool img_is_digest(const char *s);
/* [A-Za-z0-9_][A-Za-z0-9_.-]{0,127} */
bool img_is_tag(const char *s);
