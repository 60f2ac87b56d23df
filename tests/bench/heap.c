#include "heap.h"

#include <malloc.h>
#include <stdlib.h>

#include <openssl/crypto.h>

/* glibc's own names for what is defined here. */
void *__libc_malloc(size_t n);		      /* NOLINT(bugprone-reserved-identifier) */
void *__libc_calloc(size_t n, size_t size);   /* NOLINT(bugprone-reserved-identifier) */
void *__libc_realloc(void *old, size_t size); /* NOLINT(bugprone-reserved-identifier) */
void __libc_free(void *p);		      /* NOLINT(bugprone-reserved-identifier) */

struct counter {
	size_t now, mark, peak;
};

static struct counter ours, libcrypto;

static void *count(struct counter *c, void *p)
{
	c->now += p ? malloc_usable_size(p) : 0;
	c->peak = c->now > c->peak ? c->now : c->peak;
	return p;
}

static void uncount(struct counter *c, void *p)
{
	c->now -= p ? malloc_usable_size(p) : 0;
}

static void *again(struct counter *c, void *old, size_t n)
{
	size_t before = old ? malloc_usable_size(old) : 0;
	void *p = __libc_realloc(old, n);

	if (p || n == 0)
		c->now -= before;
	return count(c, p);
}

void *malloc(size_t n)
{
	return count(&ours, __libc_malloc(n));
}

void *calloc(size_t n, size_t size)
{
	return count(&ours, __libc_calloc(n, size));
}

void *realloc(void *old, size_t n)
{
	return again(&ours, old, n);
}

void free(void *p)
{
	uncount(&ours, p);
	__libc_free(p);
}

static void *crypto_malloc(size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	return count(&libcrypto, __libc_malloc(n));
}

static void *crypto_realloc(void *old, size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	return again(&libcrypto, old, n);
}

static void crypto_free(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	uncount(&libcrypto, p);
	__libc_free(p);
}

void heap_start(void)
{
	if (CRYPTO_set_mem_functions(crypto_malloc, crypto_realloc, crypto_free) != 1)
		abort(); /* what libcrypto uses could not be told apart any more */
}

size_t heap_now(void)
{
	return ours.now;
}

void heap_mark(void)
{
	ours.mark = ours.peak = ours.now;
	libcrypto.mark = libcrypto.peak = libcrypto.now;
}

size_t heap_peak(void)
{
	return ours.peak - ours.mark;
}

size_t heap_peak_libcrypto(void)
{
	return libcrypto.peak - libcrypto.mark;
}
