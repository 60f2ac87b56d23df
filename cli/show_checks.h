/* Checks of a host or a configuration, as people and programs read them. */
#pragma once

#include <runtime/host_probe.h>

/* A line each, and one with what to do for those that need it. */
void show_checks(const struct host_checks *c, bool colour, struct buf *out);
/* A member of the object that is being written. */
void show_checks_json(struct json_writer *w, const char *name, const struct host_checks *c);
