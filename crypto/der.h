/* Private to crypto/: the outer form of DER, which OpenSSL's decoders take more loosely. */
#pragma once

#include <base/reader.h>

/* The next element, tag and length included; its form is checked all the way down. */
RESULT der_next(struct reader *r, struct bytes *ret_element);
/* Exactly one element and nothing after it. */
RESULT der_check(struct bytes in);
