#include "base64.h"

#include <stdlib.h>

#include <base/auto.h>
#include <base/secret.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

struct secret {
	uint8_t *map; /* guard page, data pages, guard page */
	size_t map_size;
	uint8_t *data; /* ends where the second guard page begins */
	size_t n;
	size_t size; /* n at birth */
};

static struct err map_guarded(struct secret *s)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t inner = (s->n + page - 1) / page * page;
	struct rlimit limit = { 0 };
	void *map = mmap(NULL, inner + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (map == MAP_FAILED)
		return err_new(ERR_SYS, "mapping secret memory");
	s->map = map;
	s->map_size = inner + 2 * page;
	if (mprotect(s->map + page, inner, PROT_READ | PROT_WRITE) != 0)
		return err_new(ERR_SYS, "opening secret memory");
	/* mlock2() because AddressSanitizer turns mlock() into nothing. */
	if (mlock2(s->map + page, inner, 0) != 0) {
		struct err e = err_new(ERR_SYS, "locking %zu bytes of secret memory", inner);
		(void)getrlimit(RLIMIT_MEMLOCK, &limit);
		return err_add(
			e, "RLIMIT_MEMLOCK is %llu bytes", (unsigned long long)limit.rlim_cur);
	}
	if (madvise(s->map + page, inner, MADV_DONTDUMP) != 0 ||
		madvise(s->map + page, inner, MADV_WIPEONFORK) != 0)
		return err_new(ERR_SYS, "protecting secret memory");
	s->data = s->map + page + inner - s->n;
	return OK;
}

RESULT secret_new(size_t n, struct secret **ret_secret)
{
	AUTO(secret_freep) struct secret *s = NULL;

	if (n == 0 || n > SECRET_MAX)
		return err_new(ERR_LIMIT, "a secret of %zu bytes", n);
	s = calloc(1, sizeof(*s));
	if (!s)
		return err_new(ERR_NOMEM, "secret");
	s->n = s->size = n;
	TRY(map_guarded(s));
	*ret_secret = TAKE(s);
	return OK;
}

RESULT secret_of(struct bytes from, struct secret **ret_secret)
{
	struct secret *s = NULL;

	TRY(secret_new(from.n, &s));
	memcpy(s->data, from.p, from.n);
	*ret_secret = s;
	return OK;
}

void secret_free(struct secret *s)
{
	if (!s)
		return;
	if (s->data)
		bytes_wipe(s->data, s->size);
	if (s->map)
		(void)munmap(s->map, s->map_size);
	free(s);
}

void secret_freep(struct secret **s)
{
	secret_free(*s);
	*s = NULL;
}

struct bytes secret_bytes(const struct secret *s)
{
	return bytes_of(s->data, s->n);
}

uint8_t *secret_data(struct secret *s)
{
	return s->data;
}

size_t secret_size(const struct secret *s)
{
	return s->n;
}

void secret_truncate(struct secret *s, size_t n)
{
	if (n >= s->n)
		return;
	bytes_wipe(s->data + n, s->n - n);
	s->n = n;
}

RESULT secret_from_base64(bool url, struct bytes text, const char *what, struct secret **ret_secret)
{
	enum base64_kind kind = url ? BASE64_URL_NO_PAD : BASE64_STD;
	AUTO(secret_freep) struct secret *s = NULL;
	struct err e = secret_new(base64_decoded_size(kind, text), &s);

	if (failed(e))
		return err_add(e, "%s", what);
	TRY(base64_decode_into(kind, text, what, s->data));
	*ret_secret = TAKE(s);
	return OK;
}

RESULT secret_harden_process(void)
{
	const struct rlimit none = { 0 };

	if (setrlimit(RLIMIT_CORE, &none) != 0)
		return err_new(ERR_SYS, "forbidding core dumps");
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		return err_new(ERR_SYS, "making the process undumpable");
	return OK;
}
