#include <errno.h>

#include <base/encode.h>
#include <base/random.h>
#include <sys/random.h>

RESULT random_fill(uint8_t *to, size_t n)
{
	while (n > 0) {
		ssize_t got = getrandom(to, n, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return err_new(ERR_SYS, "random bytes from the kernel");
		to += got;
		n -= (size_t)got;
	}
	return OK;
}

RESULT random_hex(char *to, size_t n)
{
	uint8_t b;
	char two[3];

	for (size_t i = 0; i < n; i++) {
		TRY(random_fill(&b, 1));
		hex_to(bytes_of(&b, 1), two);
		to[i] = two[1];
	}
	to[n] = '\0';
	return OK;
}
