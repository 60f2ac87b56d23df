/* Options of mount(8) as engines write them, turned into what mount(2) takes. */
#pragma once

#include <stdint.h>

#include <base/buf.h>

struct mount_options {
	unsigned long flags; /* MS_* */
	bool has_fsgid;	     /* "fsgid=": Kata's group of an ephemeral or local volume */
	uint32_t fsgid;
	bool has_mode; /* "mode=", also left in data */
	uint32_t mode;
	char *data; /* the rest, with commas; NULL: none */
};
/* ERR_FORMAT: a number that is none; ERR_LIMIT: more than a page, the kernel's own limit. */
RESULT mount_options_parse(char *const *options, size_t n, struct mount_options *ret_options);
void mount_options_done(struct mount_options *o);
