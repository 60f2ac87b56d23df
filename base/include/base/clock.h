/* Time. Verification takes the time as a parameter; only programs ask the clock. */
#pragma once

#include <stdint.h>

#include <base/err.h>

int64_t clock_now(void);	   /* seconds since 1970, UTC */
uint64_t clock_monotonic_ms(void); /* CLOCK_MONOTONIC */
uint64_t clock_boottime_ms(void);  /* CLOCK_BOOTTIME */

enum {
	RFC3339_SIZE = 32
};
/* "2026-03-01T12:00:00Z" into to[RFC3339_SIZE]. */
void clock_format(int64_t t, char *to);
/* RFC 3339 with Z or an offset; fractions are cut. */
RESULT clock_parse(const char *s, int64_t *ret_t);
