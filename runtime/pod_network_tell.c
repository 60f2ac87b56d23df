#include "agent_internal.h"
#include "agent_network.h"
#include "pod_network_parts.h"

#include <base/clock.h>
#include <linux/neighbour.h>
#include <net/if.h>

enum {
	/* Kata's: the driver in the guest may not have found the device yet. */
	INTERFACE_TRIES = 10,
	INTERFACE_PAUSE_MS = 100
};

static Types__IPFamily family_of(const char *address)
{
	return strchr(address, ':') ? TYPES__IPFAMILY__v6 : TYPES__IPFAMILY__v4;
}

static const char *name_of(const struct network_facts *f, int index)
{
	for (size_t i = 0; i < f->n_nics; i++)
		if (f->nics[i].link.index == index)
			return f->nics[i].link.name;
	return "";
}

static RESULT pump(struct agent_client *a, uint64_t ms)
{
	uint64_t end = clock_monotonic_ms() + ms;

	for (uint64_t now = clock_monotonic_ms(); now < end; now = clock_monotonic_ms())
		TRY(loop_once(agent_loop(a), (int)(end - now)));
	return OK;
}

static RESULT update_interface(struct agent_client *a, const Types__Interface *i)
{
	struct err e = agent_update_interface(a, i);

	for (int try = 1; try < INTERFACE_TRIES && failed(e); try++) {
		if (e.code == ERR_DENIED || e.code == ERR_FORMAT || e.code == ERR_LIMIT)
			break;
		TRY(pump(a, INTERFACE_PAUSE_MS));
		e = agent_update_interface(a, i);
	}
	return failed(e) ? err_add(e, "interface %s in the guest", i->name) : OK;
}

static RESULT tell_interface(struct agent_client *a, const struct network_nic *nic)
{
	Types__Interface m = TYPES__INTERFACE__INIT;
	char text[NETWORK_ADDRESSES_MAX][64];
	Types__IPAddress address[NETWORK_ADDRESSES_MAX];
	Types__IPAddress *list[NETWORK_ADDRESSES_MAX];

	for (size_t i = 0; i < nic->n_addresses; i++) {
		memcpy(text[i], nic->addresses[i], sizeof(text[i]));
		char *slash = strchr(text[i], '/');

		types__ipaddress__init(&address[i]);
		if (slash) {
			*slash = '\0';
			address[i].mask = slash + 1;
		}
		address[i].address = text[i];
		address[i].family = family_of(text[i]);
		list[i] = &address[i];
	}
	m.device = m.name = pb_text(nic->link.name);
	m.hwaddr = pb_text(nic->link.mac);
	m.type = pb_text(nic->link.kind);
	m.mtu = nic->link.mtu;
	m.raw_flags = nic->link.flags & IFF_NOARP;
	m.ipaddresses = list;
	m.n_ipaddresses = nic->n_addresses;
	return update_interface(a, &m);
}

static RESULT tell_routes(struct agent_client *a, const struct network_facts *f)
{
	Types__Route m[NETWORK_ROUTES_MAX];
	Types__Route *list[NETWORK_ROUTES_MAX];

	for (size_t i = 0; i < f->n_routes; i++) {
		const struct nl_route *r = &f->routes[i];

		types__route__init(&m[i]);
		m[i].dest = pb_text(r->dest);
		m[i].gateway = pb_text(r->gateway);
		m[i].source = pb_text(r->source);
		m[i].device = pb_text(name_of(f, r->index));
		m[i].scope = r->scope;
		m[i].family = r->ipv6 ? TYPES__IPFAMILY__v6 : TYPES__IPFAMILY__v4;
		m[i].flags = r->flags;
		m[i].mtu = r->mtu;
		list[i] = &m[i];
	}
	return f->n_routes > 0 ? agent_update_routes(a, list, f->n_routes) : OK;
}

static RESULT tell_neighbours(struct agent_client *a, const struct network_facts *f)
{
	Types__ARPNeighbor m[NETWORK_NEIGHBOURS_MAX];
	Types__IPAddress ip[NETWORK_NEIGHBOURS_MAX];
	Types__ARPNeighbor *list[NETWORK_NEIGHBOURS_MAX];

	for (size_t i = 0; i < f->n_neighbours; i++) {
		const struct nl_neighbour *n = &f->neighbours[i];

		types__arpneighbor__init(&m[i]);
		types__ipaddress__init(&ip[i]);
		ip[i].address = pb_text(n->ip);
		ip[i].family = family_of(n->ip);
		m[i].toipaddress = &ip[i];
		m[i].device = pb_text(name_of(f, n->index));
		m[i].lladdr = pb_text(n->mac);
		m[i].state = NUD_PERMANENT;
		list[i] = &m[i];
	}
	return f->n_neighbours > 0 ? agent_add_neighbours(a, list, f->n_neighbours) : OK;
}

RESULT pod_network_tell(const struct pod_network *n, struct agent_client *a)
{
	for (size_t i = 0; i < n->facts.n_nics; i++)
		TRY(tell_interface(a, &n->facts.nics[i]));
	TRY(tell_routes(a, &n->facts));
	return tell_neighbours(a, &n->facts);
}
