/* What the commands about Secure Execution images share. */
#pragma once

#include <base/json.h>
#include <base/secret.h>
#include <measured-boot/se_hosts.h>

/* Whole file; ERR_LIMIT beyond SE_IMAGE_MAX. The caller gives BUF_INIT(SE_IMAGE_MAX). */
RESULT se_read(const char *path, const char *option, struct buf *ret_file);
/* A key of exactly that size. path NULL: none, *ret_key stays NULL. */
RESULT se_read_key(const char *path, const char *option, size_t size, struct secret **ret_key);
/* A private or a public key of P-521: PEM, DER, or the key of a certificate. */
RESULT se_read_private(const char *path, const char *option, struct key **ret_key);
RESULT se_read_public(const char *path, const char *option, struct key **ret_key);

/* Members of an object, or lines of text. */
void se_measurement_json(const struct se_image_measurement *m, struct json_writer *w);
void se_measurement_text(const struct se_image_measurement *m, struct buf *out);
