/* Mounts of this host as container engines describe them (mount(8) options as texts). */
#pragma once

#include <base/err.h>

struct host_mount {
	const char *type, *source, *target;
	const char *const *options;
	size_t n_options;
};
/* ERR_SYS, ERR_LIMIT name the target. What is bound gets changes of its origin but sends none, so
 * that taking it away takes nothing away elsewhere. */
RESULT host_mount(const struct host_mount *m);
/* A directory that later mounts below are seen through by those who have it already. */
RESULT host_mount_shared(const char *dir);
/* With everything below it; what is not mounted is fine. */
RESULT host_unmount(const char *target);
