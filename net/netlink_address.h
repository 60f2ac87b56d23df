/* Text forms of addresses. */
#pragma once

#include <base/bytes.h>
#include <base/err.h>

struct ip_address {
	int family; /* AF_INET, AF_INET6 */
	uint8_t bytes[16];
	size_t n;	/* 4 or 16 */
	uint8_t prefix; /* bits */
};

/* "10.0.2.15" or "fd00::2"; the prefix is all bits. */
RESULT ip_parse(const char *text, struct ip_address *ret);
/* "10.0.2.15/24". */
RESULT cidr_parse(const char *text, struct ip_address *ret);
/* Into to[size]; "" when the bytes are no address of that family. */
void ip_format(int family, struct bytes address, char *to, size_t size);
/* "02:00:00:00:00:01", either case. */
RESULT mac_parse(const char *text, uint8_t ret[static 6]);
void mac_format(const uint8_t mac[static 6], char to[static 18]);
