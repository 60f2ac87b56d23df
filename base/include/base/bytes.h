/* A borrowed view of bytes, passed by value; who made it owns them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
	const uint8_t *p;
	size_t n;
};

#define BYTES_NONE ((struct bytes){ 0 })

/* View of an array (not of a pointer). */
#define BYTES_OF(array) ((struct bytes){ .p = (const uint8_t *)(array), .n = sizeof(array) })

static inline struct bytes bytes_of(const void *p, size_t n)
{
	return (struct bytes){ .p = p, .n = n };
}

/* The characters of a C string, without its end. */
static inline struct bytes bytes_str(const char *s)
{
	return (struct bytes){ .p = (const uint8_t *)s, .n = strlen(s) };
}

/* In time that depends on the lengths only; different lengths are never equal. */
bool bytes_equal(struct bytes a, struct bytes b);

/* For sorting and searching public data: memcmp() order, shorter first on a tie. */
int bytes_compare(struct bytes a, struct bytes b);

bool bytes_is_zero(struct bytes b);

/* The bytes as a C string; ERR_FORMAT when they hold a NUL. The caller frees. */
struct err bytes_to_str(struct bytes b, char **ret_str) __attribute__((warn_unused_result));

/* Overwrites memory in a way that the compiler keeps. */
void bytes_wipe(void *p, size_t n);
