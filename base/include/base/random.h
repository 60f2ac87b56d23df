#pragma once

#include <base/bytes.h>
#include <base/err.h>

/* From the kernel (getrandom); cannot be short. */
RESULT random_fill(uint8_t *to, size_t n);
/* n hexadecimal characters and a NUL into to[n + 1]. */
RESULT random_hex(char *to, size_t n);
