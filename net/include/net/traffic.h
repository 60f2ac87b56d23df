/*
 * Traffic control in the current network namespace through rtnetlink: all frames that arrive on
 * one interface leave by another (ingress queueing discipline, filter, mirred), and limits of what
 * leaves. CAP_NET_ADMIN. Ours are known by their priority and handle; those of others stay.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <base/err.h>

/* Replaces a redirect of ours. ERR_UNSUPPORTED: the kernel has neither u32 nor matchall. */
RESULT nl_redirect_add(int from, int to);
/* IPv4 packets that arrive on `from` for this address are not redirected but received here. */
RESULT nl_redirect_except(int from, const char *ip);
/* ret_to is 0 when the other interface is gone. */
RESULT nl_redirect_find(int from, bool *ret_found, int *ret_to);
/* Redirect and exceptions; the queueing discipline too, unless others have filters there. None is
 * fine. */
RESULT nl_redirect_remove(int from);

/* Token bucket for what leaves by this interface; 0: none. ERR_STATE: somebody else limits it. */
RESULT nl_rate_set(int index, uint64_t bytes_per_s);
/* Only one of ours. */
RESULT nl_rate_remove(int index);
