/* The CPU models that QEMU knows of AMD's servers. */
#pragma once

#include <stddef.h>

struct launch_cpu {
	const char *name;
	unsigned family, model, stepping;
};
extern const struct launch_cpu launch_cpus[];
extern const size_t launch_cpus_n;
