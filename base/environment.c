#include <stdlib.h>

#include <base/environment.h>

const char *environment_get(const char *name)
{
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): nobody here changes the environment */
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}
