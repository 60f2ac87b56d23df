/* UTF-8 as RFC 3629 has it: shortest forms only, no surrogates, nothing above U+10FFFF. */
#pragma once

#include <base/buf.h>

/* Bytes of the character at p (1 to 4) and its code point; 0 when it is invalid or cut. */
size_t utf8_next(const uint8_t *p, size_t n, uint32_t *ret_point);

bool utf8_is_valid(struct bytes text);

/* Appends a code point; one that is no character is written as U+FFFD. */
void utf8_put(struct buf *out, uint32_t point);
