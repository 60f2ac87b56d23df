/* RFC 8259 to the letter, before a parser that is more forgiving builds the tree. */
#pragma once

#include <base/json.h>

enum {
	JSON_VALUES_MAX = 100000, /* a value of two bytes costs hundreds in a tree */
	JSON_OBJECTS_MAX = 40000  /* an empty object costs eight hundred */
};

/*
 * Checks grammar, UTF-8, depth, that integers fit 64 bits, and that strings hold neither control
 * characters, nor NUL, nor half a surrogate pair. Counts the values, so that a tree with fewer of
 * them shows that a member name came twice.
 */
RESULT json_scan(struct bytes text, size_t *ret_values);
