#include "requests.h"

#include <net/netlink.h>

static RESULT add_addresses(int index, const Types__Interface *i)
{
	for (size_t k = 0; k < i->n_ipaddresses; k++) {
		char cidr[64];

		(void)snprintf(cidr, sizeof(cidr), "%s/%s", i->ipaddresses[k]->address,
			i->ipaddresses[k]->mask);
		TRY(nl_address_add(index, cidr));
	}
	return OK;
}

RESULT effect_interface(const Types__Interface *i)
{
	struct nl_link link;

	TRY(nl_link_by_mac(i->hwaddr, &link));
	TRY(nl_link_set_up(link.index, false));
	if (!str_equal(link.name, i->name))
		TRY(nl_link_rename(link.index, i->name));
	if (i->mtu > 0)
		TRY(nl_link_set_mtu(link.index, (uint32_t)i->mtu));
	TRY(add_addresses(link.index, i));
	return nl_link_set_up(link.index, true);
}

static RESULT add_route(const Types__Route *r)
{
	struct nl_link link;
	struct nl_route route = { .ipv6 = r->family == TYPES__IPFAMILY__v6 };

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

		TRY(nl_link_by_name(n->device, &link));
		TRY(nl_neighbour_add(link.index, n->toipaddress->address, n->lladdr));
	}
	return OK;
}
