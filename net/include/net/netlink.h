/* Links, addresses, routes, neighbours of the current network namespace through rtnetlink (libmnl).
 * Every call opens its own socket; CAP_NET_ADMIN where something changes (ERR_SYS). */
#pragma once

#include <base/buf.h>

enum {
	NL_NAME_MAX = 16,
	NL_MAC_TEXT = 18,
	NL_KIND_MAX = 16,
	NL_BUS_MAX = 32,
	NL_LIST_MAX = 4096 /* links, addresses or routes listed; ERR_LIMIT beyond */
};

struct nl_link {
	int index;
	char name[NL_NAME_MAX];
	char mac[NL_MAC_TEXT]; /* "02:00:00:00:00:01" */
	uint32_t mtu;
	uint32_t flags; /* IFF_* */
	/* "veth", "macvlan", ...; "" when it is no virtual one. "tun" with `tap` is a tap device.
	 */
	char kind[NL_KIND_MAX];
	bool tap;
};
struct nl_links {
	struct nl_link *v;
	size_t n;
};
void nl_links_done(struct nl_links *l);
RESULT nl_link_list(struct nl_links *ret_links);
RESULT nl_link_by_mac(const char *mac, struct nl_link *ret_link); /* ERR_NOT_FOUND */
RESULT nl_link_by_name(const char *name, struct nl_link *ret_link);
RESULT nl_link_set_up(int index, bool up);
RESULT nl_link_set_mtu(int index, uint32_t mtu);
RESULT nl_link_rename(int index, const char *name);
/* Whether it takes part in ARP (IFF_NOARP). */
RESULT nl_link_set_arp(int index, bool arp);
RESULT nl_link_set_mac(int index, const char *mac);
/* "0000:00:03.0" for a device of a bus, "" for others (ethtool). */
RESULT nl_link_bus(const char *name, char ret_bus[static NL_BUS_MAX]);
/* address "10.0.2.15/24" or "fd00::2/64"; already there is fine. */
RESULT nl_address_add(int index, const char *cidr);
struct nl_route {
	char dest[64];	  /* CIDR, "" is the default route */
	char gateway[48]; /* "" for on-link */
	char source[48];  /* "" */
	int index;	  /* of the link */
	bool ipv6;
	uint8_t scope;	  /* RT_SCOPE_*; of an IPv4 route without a gateway at least "link" */
	uint8_t protocol; /* RTPROT_*; 0: boot */
	uint32_t flags;	  /* RTNH_F_ONLINK; others are not set */
	uint32_t mtu;	  /* 0: the link's */
};
RESULT nl_route_add(const struct nl_route *r); /* replaces; already there is fine */
/* The route by which the kernel takes packets for an IPv4 address of its own: without it they are
 * routed like those for others. Removing one that is not there is fine, and so is adding again. */
RESULT nl_local_route_set(int index, const char *ip, bool present);
struct nl_routes {
	struct nl_route *v;
	size_t n;
};
RESULT nl_route_list(struct nl_routes *ret_routes); /* main table */
void nl_routes_done(struct nl_routes *r);
/* Permanent; replaces. */
RESULT nl_neighbour_add(int index, const char *ip, const char *mac);
struct nl_neighbour {
	int index;
	char ip[48];
	char mac[NL_MAC_TEXT];
};
struct nl_neighbours {
	struct nl_neighbour *v;
	size_t n;
};
/* The permanent ones that have a MAC address. */
RESULT nl_neighbour_list(struct nl_neighbours *ret_neighbours);
void nl_neighbours_done(struct nl_neighbours *n);
struct nl_addresses {
	char (*v)[64]; /* CIDR */
	size_t n;
};
RESULT nl_address_list(int index, struct nl_addresses *ret_addresses);
void nl_addresses_done(struct nl_addresses *a);
