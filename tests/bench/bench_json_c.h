#pragma once

#include <stddef.h>

/* Parses the text so many times with json-c alone. */
void bench_json_c(const char *text, size_t n, int turns);
