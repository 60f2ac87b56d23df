/*
 * DER (X.690): a strict reader for the values of certificate extensions. Definite and minimal
 * lengths, one-octet tags; everything else is ERR_FORMAT.
 */
#pragma once

#include <base/reader.h>

enum der_tag {
	DER_BOOLEAN = 0x01,
	DER_INTEGER = 0x02,
	DER_BIT_STRING = 0x03,
	DER_OCTET_STRING = 0x04,
	DER_NULL = 0x05,
	DER_OID = 0x06,
	DER_ENUMERATED = 0x0a,
	DER_UTF8_STRING = 0x0c,
	DER_SEQUENCE = 0x30,
	DER_SET = 0x31,
};

enum {
	DER_OID_TEXT_MAX = 128
};

/* The next element, tag and length included; its form is checked all the way down. */
RESULT der_next(struct reader *r, struct bytes *ret_element);
/* Exactly one element and nothing after it. */
RESULT der_check(struct bytes in);
/* The next element must have that tag; the reader is over its contents. */
RESULT der_enter(struct reader *r, uint8_t tag, struct reader *ret_contents);
/* The next element of any tag: contents only. */
RESULT der_any(struct reader *r, uint8_t *ret_tag, struct bytes *ret_contents);
/* The next element: an INTEGER or ENUMERATED of 0 to 2^64-1, encoded minimally. */
RESULT der_u64(struct reader *r, uint64_t *ret_v);
/* The next element: an OBJECT IDENTIFIER in dotted form. */
RESULT der_oid(struct reader *r, char to[static DER_OID_TEXT_MAX]);
