/* The three walls of a sandbox. */
#pragma once

#include <base/sandbox.h>

RESULT sandbox_drop_caps(const int *keep);
RESULT sandbox_landlock(const struct sandbox *s);
RESULT sandbox_seccomp(const char *const *syscalls);
