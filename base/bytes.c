#include <stdlib.h>
#include <string.h>

#include <base/bytes.h>
#include <base/err.h>

bool bytes_equal(struct bytes a, struct bytes b)
{
	unsigned diff = 0;

	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		diff |= (unsigned)(a.p[i] ^ b.p[i]);
	return diff == 0;
}

int bytes_compare(struct bytes a, struct bytes b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int order = n ? memcmp(a.p, b.p, n) : 0;

	if (order != 0)
		return order;
	return (a.n > b.n) - (a.n < b.n);
}

bool bytes_is_zero(struct bytes b)
{
	unsigned any = 0;

	for (size_t i = 0; i < b.n; i++)
		any |= b.p[i];
	return any == 0;
}

RESULT bytes_to_str(struct bytes b, char **ret_str)
{
	char *s;

	if (b.n && memchr(b.p, 0, b.n))
		return err_new(ERR_FORMAT, "text holds a NUL byte");
	s = malloc(b.n + 1);
	if (!s)
		return err_new(ERR_NOMEM, "%zu bytes of text", b.n);
	if (b.n)
		memcpy(s, b.p, b.n);
	s[b.n] = '\0';
	*ret_str = s;
	return OK;
}

void bytes_wipe(void *p, size_t n)
{
	if (n > 0)
		explicit_bzero(p, n);
}
