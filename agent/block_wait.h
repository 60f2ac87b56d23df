/* Waiting for a block device that the host has just plugged in, or is about to. */
#pragma once

#include "agent.h"

struct block_wait;
/* `device` is "/dev/sda"; valid during the call. */
typedef void block_fn(void *arg, struct err e, const char *device);
/* The strings must live until `fn` is called, which is once and later. */
struct block_ask {
	struct agent *agent;
	const char *driver, *source; /* as block_find() takes them */
	block_fn *fn;
	void *arg;
};
RESULT block_wait_start(const struct block_ask *ask, struct block_wait **ret_wait);
/* Instead of `fn`. NULL is fine. */
void block_wait_cancel(struct block_wait *w);

/* struct effects.block_prepare and .block_find */
RESULT effect_block_prepare(const struct agent *a, const char *driver, const char *source);
RESULT effect_block_find(
	const struct agent *a, const char *driver, const char *source, char **ret_device);
