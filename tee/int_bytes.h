/* Bytes as serde writes a Vec<u8>: an array of numbers. */
#pragma once

#include <base/json.h>

/* Appends; ERR_FORMAT names `what` and the element. */
RESULT int_bytes(const struct json *array, const char *what, struct buf *out);
/* Exactly n of them. */
RESULT int_bytes_fixed(const struct json *array, const char *what, uint8_t *to, size_t n);
