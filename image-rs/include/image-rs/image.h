/*
 * Images, in the process that parses hostile bytes (sealpod-unpack): fetch, check the signature
 * policy, decrypt, verify, unpack, mount. Keys come one by one through a callback.
 */
#pragma once

#include <base/json.h>
#include <base/secret.h>
#include <image-rs/manifest.h>

enum {
	IMG_PARALLEL = 3 /* layers at once */
};

struct img_callbacks {
	/* Opens one ocicrypt annotation packet (base64 decoded): plaintext private options. */
	RESULT (*unwrap_key)(void *arg, struct bytes packet, struct secret **ret_options);
	/* kbs:// resources that the policy or configuration names (keys, auth). */
	RESULT (*resource)(void *arg, const char *uri, struct buf *ret);
	/* bytes of compressed layers done / known in total; layer index of layers */
	void (*progress)(void *arg, size_t layer, size_t layers, uint64_t done, uint64_t total);
	void *arg;
};

struct img_pull_request {
	const char *reference;	      /* "10.0.2.2:5000/app@sha256:..." or with a tag */
	const char *work_dir;	      /* absolute; layers and overlay directories live here */
	const char *bundle;	      /* absolute; rootfs is mounted at <bundle>/rootfs */
	struct bytes policy_json;     /* containers-policy.json; none: everything is refused */
	struct bytes auth_json;	      /* {"auths":{...}}; may be none */
	struct bytes ca_pem;	      /* extra roots for registries */
	struct bytes sigstore_config; /* YAML subset for GPG signatures; may be none */
	struct bytes registry_config; /* TOML of containers-registries.conf(5); may be none */
	const char *architecture;     /* "amd64"; NULL: this machine's */
	const char *https_proxy, *http_proxy, *no_proxy; /* may be NULL */
	uint64_t max_unpacked; /* bytes of all layers; 0: what work_dir has room for, 8 GiB at most
				*/
	const struct img_callbacks *callbacks;
};

struct img_pulled {
	char *manifest_digest; /* "sha256:..." of the platform's manifest */
	struct buf config;     /* OCI image configuration, verified */
};
/*
 * For a process of its own (sealpod-unpack): it confines itself for good before it reads the first
 * byte from the network. The signature policy is checked before anything of the image is fetched
 * beyond its manifests; the overlay is mounted by a process that was forked before and needs
 * CAP_SYS_ADMIN. On failure nothing is mounted and no partly unpacked layer stays.
 *
 * ERR_UNVERIFIED and ERR_DENIED carry "image.*" denials (docs/images.md lists them).
 */
RESULT img_pull(const struct img_pull_request *r, struct img_pulled *ret);
void img_pulled_done(struct img_pulled *p);
