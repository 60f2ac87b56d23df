/* One exchange with rtnetlink. */
#pragma once

#include "netlink_address.h"

#include <libmnl/libmnl.h>

#include <base/err.h>

enum {
	NL_MESSAGE_MAX = 1024 /* of what we send */
};

struct nl_request {
	uint8_t bytes[NL_MESSAGE_MAX] __attribute__((aligned(8)));
};

/* Called with every message of a dump; a failure ends it and is what is returned. */
typedef struct err nl_message_fn(const struct nlmsghdr *h, void *arg);

/* Header and fixed part (zeroed) of a request. */
struct nlmsghdr *nl_begin(struct nl_request *r, uint16_t type, uint16_t flags);
void *nl_fixed_part(struct nlmsghdr *h, size_t n);
/* Sends and reads answers up to the acknowledgement or the end of the dump. fn may be NULL. */
RESULT nl_exchange(struct nlmsghdr *h, nl_message_fn *fn, void *arg);
/* The first attribute of that type, NULL when there is none. */
const struct nlattr *nl_attribute(const struct nlmsghdr *h, size_t fixed_part, uint16_t type);
/* The same inside a nested attribute, which may be NULL. */
const struct nlattr *nl_nested(const struct nlattr *nest, uint16_t type);
/* 0 when there is none, or of another size. */
uint32_t nl_u32(const struct nlattr *a);
void nl_put_address(struct nlmsghdr *h, uint16_t type, const struct ip_address *a);
