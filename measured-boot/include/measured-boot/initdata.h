/*
 * Initdata (CoCo): a TOML document bound to the launch by its digest.
 *   version = "0.1.0"   algorithm = "sha256"|"sha384"|"sha512"   [data] "name" = '''text'''
 * Known names: "aa.toml", "cdh.toml" (guest-components configuration), "policy.rego" (stored only),
 * "pod-manifest.json" (ours: what may run in the pod).
 */
#pragma once

#include <base/json.h>
#include <crypto/digest.h>

enum {
	INITDATA_MAX = 1024 * 1024,	  /* bytes of TOML after decompression */
	INITDATA_IMAGE_MAX = 1056 * 1024, /* what carries it: gzip adds a little to random bytes */
};

#define INITDATA_VERSION "0.1.0"

#define INITDATA_MANIFEST "pod-manifest.json"
#define INITDATA_CDH	  "cdh.toml"
#define INITDATA_AA	  "aa.toml"

struct initdata {
	char *version;
	enum digest_alg algorithm;
	struct json_map data;
};
/* Unknown members are ERR_FORMAT; unknown versions and algorithms are ERR_UNSUPPORTED; nothing is
 * trusted by this. */
RESULT initdata_parse(struct bytes toml, struct initdata *ret);
void initdata_done(struct initdata *d);
/* The digest that is bound: algorithm of the document over its exact bytes. */
RESULT initdata_digest(struct bytes toml, struct digest_value *ret_digest);
/* A document from its entries, appended to `toml`; the order of the entries does not matter. */
RESULT initdata_make(enum digest_alg alg, const struct json_map *data, struct buf *toml);

/* ---- in a measured command line ---- */
/* What binds initdata where a launch has no field for it but measures the command line. */
#define INITDATA_PARAMETER "sealpod.initdata=" /* then "sha256:HEX" */
/* The command line with the parameter at its end; the caller frees. */
RESULT initdata_append(const char *append, const struct digest_value *digest, char **ret_append);
/*
 * The guest's side: every such parameter of its command line must name this digest. ERR_DENIED
 * ("initdata.mismatch") otherwise. *ret_bound: there was one.
 */
RESULT initdata_check_append(
	struct bytes cmdline, const struct digest_value *digest, bool *ret_bound);

/* ---- carriers ---- */
/* Block device image: "initdata", u64 LE length, gzip, zero padding to 512 (spec kata 3.6). */
RESULT initdata_image_make(struct bytes toml, struct buf *image);
/* Does a device that starts with these bytes (at least 8) carry initdata? */
bool initdata_image_is(struct bytes start);
/* A whole device or its first INITDATA_IMAGE_MAX bytes. ERR_LIMIT beyond INITDATA_MAX of TOML. */
RESULT initdata_image_parse(struct bytes image, struct buf *toml);
/* base64(gzip(toml)): the annotation io.katacontainers.config.hypervisor.cc_init_data. */
RESULT initdata_annotation_make(struct bytes toml, struct buf *text);
RESULT initdata_annotation_parse(struct bytes text, struct buf *toml);
/* Any of them, or the document itself, told apart by the first bytes. White space after an
 * annotation is ignored. */
RESULT initdata_any_parse(struct bytes in, struct buf *toml);
