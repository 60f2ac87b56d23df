#include "requests.h"

#include <base/file.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/netlink.h>

/* Of this interface; a kernel without IPv6 has no such file. */
static bool ipv6_is_off(const char *name)
{
	AUTO(buf_done) struct buf value = BUF_INIT(16);
	char path[96];

	(void)snprintf(
		path, sizeof(path), "/proc/sys/net/ipv6/conf/%.*s/disable_ipv6", IFNAMSIZ, name);
	return failed(file_read(path, &value)) || value.n == 0 || value.p[0] != '0';
}

static RESULT add_addresses(int index, const Types__Interface *i)
{
	bool no_ipv6 = ipv6_is_off(i->name);

	for (size_t k = 0; k < i->n_ipaddresses; k++) {
		char cidr[64];

		if (no_ipv6 && i->ipaddresses[k]->family == TYPES__IPFAMILY__v6)
			continue;
		(void)snprintf(cidr, sizeof(cidr), "%s/%s", i->ipaddresses[k]->address,
			i->ipaddresses[k]->mask);
		TRY(nl_address_add(index, cidr));
	}
	return OK;
}

/* Two interfaces may swap their names: whoever has the name meanwhile gets ours. */
static RESULT rename_link(const struct nl_link *link, const char *name)
{
	static const char between[] = "sealpod_temp";
	struct nl_link holder;
	struct err e;

	if (str_equal(link->name, name))
		return OK;
	e = nl_link_by_name(name, &holder);
	if (e.code == ERR_NOT_FOUND)
		return nl_link_rename(link->index, name);
	TRY(e);
	TRY(nl_link_set_up(holder.index, false));
	TRY(nl_link_rename(holder.index, between));
	TRY(nl_link_rename(link->index, name));
	TRY(nl_link_rename(holder.index, link->name));
	return nl_link_set_up(holder.index, (holder.flags & IFF_UP) != 0);
}

/* By its address; else by its name, then it gets the address. (Kata's order) */
static RESULT find_link(const Types__Interface *i, struct nl_link *ret_link)
{
	struct err e = nl_link_by_mac(i->hwaddr, ret_link);

	if (e.code != ERR_NOT_FOUND)
		return e;
	e = nl_link_by_name(i->name, ret_link);
	if (e.code == ERR_NOT_FOUND)
		return err_new(ERR_NOT_FOUND, "no network interface with address %s or name %s",
			i->hwaddr, i->name);
	TRY(e);
	TRY(nl_link_set_up(ret_link->index, false));
	return nl_link_set_mac(ret_link->index, i->hwaddr);
}

RESULT effect_interface(const Types__Interface *i)
{
	struct nl_link link;

	TRY(find_link(i, &link));
	TRY(nl_link_set_up(link.index, false));
	TRY(rename_link(&link, i->name));
	if (i->mtu > 0)
		TRY(nl_link_set_mtu(link.index, (uint32_t)i->mtu));
	if (((link.flags ^ i->raw_flags) & IFF_NOARP) != 0)
		TRY(nl_link_set_arp(link.index, (i->raw_flags & IFF_NOARP) == 0));
	TRY(add_addresses(link.index, i));
	return nl_link_set_up(link.index, true);
}

static RESULT add_route(const Types__Route *r)
{
	struct nl_link link;
	struct nl_route route = { .ipv6 = r->family == TYPES__IPFAMILY__v6,
		.scope = r->scope <= RT_SCOPE_NOWHERE ? (uint8_t)r->scope : RT_SCOPE_UNIVERSE,
		.flags = r->flags,
		.mtu = r->mtu };

	if (route.ipv6 && ipv6_is_off(r->device))
		return OK;
	TRY(nl_link_by_name(r->device, &link));
	route.index = link.index;
	(void)snprintf(route.dest, sizeof(route.dest), "%s", r->dest);
	(void)snprintf(route.gateway, sizeof(route.gateway), "%s", r->gateway);
	(void)snprintf(route.source, sizeof(route.source), "%s", r->source);
	return nl_route_add(&route);
}

/* Those on the link first, because a gateway must be reachable before it is used. */
RESULT effect_routes(const Agent__Routes *routes)
{
	for (int gateways = 0; gateways < 2; gateways++)
		for (size_t i = 0; i < routes->n_routes; i++)
			if ((routes->routes[i]->gateway[0] != '\0') == (gateways == 1))
				TRY(add_route(routes->routes[i]));
	return OK;
}

RESULT effect_neighbours(const Agent__ARPNeighbors *neighbours)
{
	for (size_t i = 0; i < neighbours->n_arpneighbors; i++) {
		const Types__ARPNeighbor *n = neighbours->arpneighbors[i];
		struct nl_link link;

		if (n->toipaddress->family == TYPES__IPFAMILY__v6 && ipv6_is_off(n->device))
			continue;
		TRY(nl_link_by_name(n->device, &link));
		TRY(nl_neighbour_add(link.index, n->toipaddress->address, n->lladdr));
	}
	return OK;
}
