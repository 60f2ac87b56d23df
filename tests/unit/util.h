/* Helpers for the unit tests. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <base/buf.h>
#include <base/err.h>

/* Fails the test with err_text() unless it succeeded. */
#define assert_ok(expr) assert_ok_((expr), #expr, __FILE__, __LINE__)
void assert_ok_(struct err e, const char *expr, const char *file, int line);
/* Fails the test unless it failed with that code. */
#define assert_err(expr, want) assert_err_((expr), (want), #expr, __FILE__, __LINE__)
void assert_err_(struct err e, enum err_code want, const char *expr, const char *file, int line);
/* The text of the last failure holds this. */
#define assert_err_text(part) assert_err_text_((part), __FILE__, __LINE__)
void assert_err_text_(const char *part, const char *file, int line);
#define assert_bytes_equal(a, b) assert_bytes_equal_((a), (b), __FILE__, __LINE__)
void assert_bytes_equal_(struct bytes a, struct bytes b, const char *file, int line);

typedef struct err test_parse_fn(void *arg, struct bytes in);
/* Every proper prefix of `good` must fail. Each is parsed from its own exact-size allocation, so
 * that AddressSanitizer sees a read beyond it. */
void each_prefix(struct bytes good, test_parse_fn *parse, void *arg);
/* Parses each prefix and only demands that nothing crashes (formats whose prefixes may be valid).
 */
void each_prefix_survives(struct bytes good, test_parse_fn *parse, void *arg);
/* Flips each byte, by one of three patterns in turn; `verify` must fail for every one. In the
 * environment: SEALPOD_EXHAUSTIVE, all three for each byte; SEALPOD_FLIP_STEP=n, every n-th byte,
 * which is for emulated processors and is printed. */
void each_flip(struct bytes good, test_parse_fn *verify, void *arg);
/* The same for verifications that take milliseconds. Wherever a signature covers the bytes, all
 * changes end at the same check: between two bytes, eight apart, that are refused as ERR_UNVERIFIED
 * with the same text, none is tried; wherever the answers differ, all are. Test what reads the
 * bytes before that check by each_flip_survives(). With SEALPOD_EXHAUSTIVE this is each_flip(). */
void each_flip_signed(struct bytes good, test_parse_fn *verify, void *arg);
void each_flip_survives(struct bytes good, test_parse_fn *parse, void *arg);

/* Directory for temporary files of this test, removed at exit; ends without '/'. */
const char *test_dir(void);
/* Path below the source tree. */
const char *test_source(const char *path);
/* Path below the shared vectors (SEALPOD_VECTORS or ../shared/vectors), or skips the test. */
const char *test_vector(const char *path);
/* Whole file or failure; the caller frees with buf_done(). */
struct buf test_file(const char *path);
/* "00ff.." into memory that lives until exit. */
struct bytes test_hex(const char *hex);
