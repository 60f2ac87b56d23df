/* Lines of the vectors' MANIFEST.tsv, for the files that judge them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <base/buf.h>

struct line {
	const char *path, *tee, *kind, *expect, *time;
};
extern struct line lines[];
extern size_t n_lines;

/* The file, with the byte of a mutation that is tested changed. */
struct buf load(const char *path);
bool starts(const char *s, const char *with);
bool is_invalid(const struct line *l);
bool same_dir(const struct line *a, const struct line *b);
int64_t time_of(const struct line *l);

/* Kinds of which the library has a verdict though they are no evidence that stands alone. */
enum vector_verdict {
	VECTOR_UNKNOWN, /* none of these kinds */
	VECTOR_GOOD,
	VECTOR_BAD
};
enum vector_verdict vector_judge(const struct line *l);
