#include "agent_internal.h"
#include "agent_network.h"
#include "pod_network_parts.h"

#include <base/clock.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

enum {
	/* Kata's: the driver in the guest may not have found the device yet. */
	INTERFACE_TRIES = 10,
	INTERFACE_PAUSE_MS = 100,
	/* One that comes while the machine runs is first heard of by its bus. */
	INTERFACE_TRIES_LATE = 100
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

static RESULT update_interface(struct agent_client *a, const Types__Interface *i, int tries)
{
	struct err e = agent_update_interface(a, i);

	for (int try = 1; try < tries && failed(e); try++) {
		if (e.code == ERR_DENIED || e.code == ERR_FORMAT || e.code == ERR_LIMIT)
			break;
		TRY(pump(a, INTERFACE_PAUSE_MS));
		e = agent_update_interface(a, i);
	}
	return failed(e) ? err_add(e, "interface %s in the guest", i->name) : OK;
}

static RESULT tell_interface(struct agent_client *a, const struct network_nic *nic, int tries)
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
	return update_interface(a, &m, tries);
}

static RESULT tell_routes(struct agent_client *a, const struct network_facts *f)
{
	Types__Route m[NETWORK_ROUTES_MAX + 1];
	Types__Route *list[NETWORK_ROUTES_MAX + 1];
	size_t n = f->n_routes;

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
	if (f->forward_ip[0] != '\0') {
		types__route__init(&m[n]);
		m[n].dest = pb_text(NETWORK_FORWARD_IP "/32");
		m[n].device = pb_text(f->nics[f->forward_nic].link.name);
		m[n].scope = RT_SCOPE_LINK;
		list[n] = &m[n];
		n++;
	}
	return n > 0 ? agent_update_routes(a, list, n) : OK;
}

struct told_neighbour {
	Types__ARPNeighbor m;
	Types__IPAddress ip;
};

static Types__ARPNeighbor *fill_neighbour(
	struct told_neighbour *to, const char *ip, const char *device, const char *mac)
{
	types__arpneighbor__init(&to->m);
	types__ipaddress__init(&to->ip);
	to->ip.address = pb_text(ip);
	to->ip.family = family_of(ip);
	to->m.toipaddress = &to->ip;
	to->m.device = pb_text(device);
	to->m.lladdr = pb_text(mac);
	to->m.state = NUD_PERMANENT;
	return &to->m;
}

static RESULT tell_neighbours(struct agent_client *a, const struct network_facts *f)
{
	struct told_neighbour told[NETWORK_NEIGHBOURS_MAX + 1];
	Types__ARPNeighbor *list[NETWORK_NEIGHBOURS_MAX + 1];
	size_t n = 0;

	for (; n < f->n_neighbours; n++) {
		const struct nl_neighbour *x = &f->neighbours[n];

		list[n] = fill_neighbour(&told[n], x->ip, name_of(f, x->index), x->mac);
	}
	if (f->forward_ip[0] != '\0') {
		const struct network_nic *nic = &f->nics[f->forward_nic];

		list[n] =
			fill_neighbour(&told[n], NETWORK_FORWARD_IP, nic->link.name, nic->tap_mac);
		n++;
	}
	return n > 0 ? agent_add_neighbours(a, list, n) : OK;
}

RESULT pod_network_tell(const struct pod_network *n, struct agent_client *a)
{
	int tries = n->grown ? INTERFACE_TRIES_LATE : INTERFACE_TRIES;

	for (size_t i = 0; i < n->facts.n_nics; i++)
		TRY(tell_interface(a, &n->facts.nics[i], tries));
	TRY(tell_routes(a, &n->facts));
	return tell_neighbours(a, &n->facts);
}
