/* Tap devices of the current network namespace: frames of a virtual machine. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <base/err.h>

struct tap_spec {
	const char *name;
	size_t queues;
	bool existing; /* opened, not made; ERR_NOT_FOUND */
};
/*
 * One descriptor a queue, into fds[queues], with virtio-net headers. A tap that was made lives as
 * long as one of them is open anywhere. ERR_STATE: `name` is taken. CAP_NET_ADMIN.
 */
RESULT tap_open(const struct tap_spec *t, int *ret_fds);
