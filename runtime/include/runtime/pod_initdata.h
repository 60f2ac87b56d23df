/*
 * Initdata made from a command line: cdh.toml and aa.toml as guest-components read them (its
 * documentation of the confidential data hub and the attestation agent), and the pod manifest.
 */
#pragma once

#include <measured-boot/initdata.h>

struct pod_initdata {
	const char *kbs;	      /* URL of the broker; NULL: none */
	struct bytes kbs_ca;	      /* PEM; empty: the public authorities */
	struct bytes manifest;	      /* pod-manifest.json; empty: none */
	struct bytes image_policy;    /* containers-policy.json; empty: none */
	const char *image_policy_uri; /* "kbs://...", instead of the text */
	struct bytes registry_ca;     /* PEM */
};

/* Deterministic. ERR_FORMAT when a text is not UTF-8 or has a NUL. */
RESULT pod_initdata_make(const struct pod_initdata *from, struct buf *toml);

/* A manifest that allows one container and nothing but what is asked for here. */
struct pod_manifest {
	const char *name, *image;
	char *const *argv; /* none: the image's own */
	size_t n_argv;
	const struct strv *env; /* "K=V"; ERR_USAGE without '=' */
	bool stdin_allowed;
};
RESULT pod_manifest_make(const struct pod_manifest *from, struct buf *json);
