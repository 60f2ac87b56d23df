/* Base64 into memory that the caller has sized, for buffers and secrets alike. */
#pragma once

#include <base/encode.h>

/* Bytes that `text` decodes to, if it is valid at all. */
size_t base64_decoded_size(enum base64_kind kind, struct bytes text);

/*
 * Writes base64_decoded_size() bytes to `out`. Which bytes were decoded does not show in the time
 * taken. ERR_FORMAT names `what`; `out` then holds nothing to be relied on.
 */
RESULT base64_decode_into(enum base64_kind kind, struct bytes text, const char *what, uint8_t *out);
