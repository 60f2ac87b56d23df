/* Heap of this program, libcrypto's own left out: its allocations are told apart by its hooks. */
#pragma once

#include <stddef.h>

/* Before the first call into libcrypto. */
void heap_start(void);
/* Bytes in use by us, the C library and json-c, as the allocator rounds them. */
size_t heap_now(void);
/* The most since the last heap_mark(), above what was in use then. */
void heap_mark(void);
size_t heap_peak(void);
/* The same of libcrypto. */
size_t heap_peak_libcrypto(void);
