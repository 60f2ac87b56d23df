#include "platforms.h"

#include <string.h>

#include <tee/denials.h>
#include <tee/tee.h>

static const struct tee *const tees[] = { &tee_vtpm, &tee_sample };

const struct tee *tee_by_platform(const char *platform)
{
	for (size_t i = 0; i < ARRAY_LEN(tees); i++)
		if (str_equal(tees[i]->platform, platform))
			return tees[i];
	return NULL;
}

const struct tee *tee_by_kbs_name(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(tees); i++)
		if (str_equal(tees[i]->kbs_name, name))
			return tees[i];
	return NULL;
}

void tee_fit_digest(struct bytes from, uint8_t *to, size_t n)
{
	size_t copy = from.n < n ? from.n : n;

	memset(to, 0, n);
	if (copy > 0)
		memcpy(to, from.p, copy);
}

const char *tee_denial_code(enum tee_denial d)
{
	static const char *const denial_codes[] = {
#define X(name, code) [name] = (code),
		TEE_DENIALS(X)
#undef X
	};

	return denial_codes[d];
}

struct err tee_deny(enum tee_denial d, const char *field, const char *expected, const char *actual)
{
	return err_deny(ERR_UNVERIFIED, tee_denial_code(d), field, expected, actual);
}

struct err tee_deny_because(struct err e, enum tee_denial d, const char *field)
{
	if (!failed(e) || e.code == ERR_NOMEM || e.code == ERR_SYS)
		return e;
	return tee_deny(d, field, NULL, err_text());
}
