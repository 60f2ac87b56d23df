/* Nodes of its own for what a process could not open otherwise. */
#pragma once

#include <base/process.h>

/*
 * In a child that nobody shares mounts with yet: each of these devices becomes a node that only
 * `u` may open, seen by this process and its children alone. Only async-signal-safe calls. errno.
 */
bool process_own_devices(const char *const *paths, const struct process_user *u);
