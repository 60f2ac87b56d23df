/* Address translation in the current network namespace (nftables). CAP_NET_ADMIN. */
#pragma once

#include <base/err.h>

struct nat_loopback {
	const char *table; /* nftables' name, for nat_remove() */
	const char *to;	   /* IPv4 address that TCP connections to 127.0.0.1 go to instead */
	int index;	   /* of the interface that they leave by ... */
	const char *from;  /* ... with this source address */
};
/* Replaces the table. ERR_UNSUPPORTED: a kernel without nftables or its NAT. */
RESULT nat_add_loopback(const struct nat_loopback *n);
RESULT nat_remove(const char *table); /* none is fine */
