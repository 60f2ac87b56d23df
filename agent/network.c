#include "boot.h"
#include "reply.h"
#include "requests.h"

#include <arpa/inet.h>
#include <net/if.h>

/* The host makes the network, before anything runs; then it stays as it is. */
static RESULT check_open(const struct agent *a, const char *what)
{
	if (a->fixed && !a->open_world)
		return err_deny(ERR_DENIED, "sandbox.network-fixed", what,
			"before the first container starts", "after it");
	return OK;
}

static RESULT check_name(const char *name)
{
	size_t n = strlen(name);

	if (n == 0 || n >= IFNAMSIZ || str_equal(name, "lo"))
		return err_new(ERR_FORMAT, "interface: name");
	for (size_t i = 0; i < n; i++)
		if (name[i] <= ' ' || name[i] > '~' || name[i] == '/' || name[i] == '%' ||
			name[i] == ':')
			return err_new(ERR_FORMAT, "interface: name");
	return str_equal(name, ".") || str_equal(name, "..")
		       ? err_new(ERR_FORMAT, "interface: name")
		       : OK;
}

static RESULT check_mac(const char *mac)
{
	bool zero = true;

	if (strlen(mac) != 17)
		return err_new(ERR_FORMAT, "interface: hardware address");
	for (size_t i = 0; i < 17; i++) {
		if (i % 3 == 2 ? mac[i] != ':' : strchr("0123456789abcdefABCDEF", mac[i]) == NULL)
			return err_new(ERR_FORMAT, "interface: hardware address");
		zero = zero && (mac[i] == '0' || mac[i] == ':');
	}
	return zero ? err_new(ERR_FORMAT, "interface: hardware address") : OK;
}

static RESULT check_ip(const char *text, Types__IPFamily family, const char *what)
{
	uint8_t address[16];

	if (inet_pton(family == TYPES__IPFAMILY__v6 ? AF_INET6 : AF_INET, text, address) != 1)
		return err_new(ERR_FORMAT, "%s: no address", what);
	return OK;
}

static RESULT check_address(const Types__IPAddress *ip)
{
	uint64_t bits;

	TRY(check_ip(ip->address, ip->family, "interface"));
	return str_to_u64(
		ip->mask, ip->family == TYPES__IPFAMILY__v6 ? 128 : 32, "interface: mask", &bits);
}

RESULT network_check_interface(const Types__Interface *i)
{
	if (!i)
		return err_new(ERR_FORMAT, "interface: none");
	TRY(check_name(i->name));
	TRY(check_mac(i->hwaddr));
	if (i->mtu > 65536 || (i->mtu > 0 && i->mtu < 576))
		return err_new(ERR_FORMAT, "interface: mtu");
	if (i->raw_flags & ~(uint32_t)IFF_NOARP)
		return err_new(ERR_FORMAT, "interface: flags");
	if (i->n_ipaddresses > AGENT_ROUTES_MAX)
		return err_new(ERR_LIMIT, "interface: addresses");
	for (size_t k = 0; k < i->n_ipaddresses; k++)
		TRY(check_address(i->ipaddresses[k]));
	return OK;
}

static RESULT set_interface(struct agent *a, const Types__Interface *i)
{
	struct err e;

	TRY(check_open(a, "interface"));
	if (a->n_interfaces_set == AGENT_INTERFACES_MAX && !a->open_world)
		return err_new(ERR_LIMIT, "more than %d interfaces", AGENT_INTERFACES_MAX);
	TRY(network_check_interface(i));
	a->n_interfaces_set += !a->open_world;
	e = a->effects->interface_set(i);
	if (e.code != ERR_NOT_FOUND || !a->set.init)
		return e;
	/* Only a machine without such a device when it started lacks the module. */
	TRY(boot_modules(BOOT_MODULES_FILE, "virtio-net", false));
	return a->effects->interface_set(i);
}

void network_interface(struct agent *a, struct ttrpc_call *call, struct bytes payload)
{
	AUTO(pb_free_any) Agent__UpdateInterfaceRequest *q = NULL;
	struct err e = PB_UNPACK(agent__update_interface_request, payload, &q);

	if (!failed(e))
		e = set_interface(a, q->interface);
	if (failed(e)) {
		reply_failure(call, e);
		return;
	}
	reply(call, &q->interface->base);
}

/* "address/bits", or "" for everything. */
static RESULT check_destination(const Types__Route *r)
{
	char address[48];
	const char *slash = strchr(r->dest, '/');
	uint64_t bits;

	if (r->dest[0] == '\0')
		return OK;
	if (!slash || (size_t)(slash - r->dest) >= sizeof(address))
		return err_new(ERR_FORMAT, "route: destination");
	(void)snprintf(address, sizeof(address), "%.*s", (int)(slash - r->dest), r->dest);
	TRY(check_ip(address, r->family, "route"));
	return str_to_u64(
		slash + 1, r->family == TYPES__IPFAMILY__v6 ? 128 : 32, "route: bits", &bits);
}

RESULT network_check_route(const Types__Route *r)
{
	TRY(check_name(r->device));
	TRY(check_destination(r));
	if (r->gateway[0] != '\0')
		TRY(check_ip(r->gateway, r->family, "route: gateway"));
	if (r->source[0] != '\0')
		TRY(check_ip(r->source, r->family, "route: source"));
	return OK;
}

static RESULT set_routes(struct agent *a, const Agent__Routes *routes)
{
	TRY(check_open(a, "routes"));
	if (!routes)
		return err_new(ERR_FORMAT, "routes: none");
	if (a->routes_set && !a->open_world)
		return err_new(ERR_STATE, "routes: already set");
	if (routes->n_routes > AGENT_ROUTES_MAX)
		return err_new(ERR_LIMIT, "more than %d routes", AGENT_ROUTES_MAX);
	for (size_t i = 0; i < routes->n_routes; i++)
		TRY(network_check_route(routes->routes[i]));
	TRY(a->effects->routes_add(routes));
	a->routes_set = true;
	return OK;
}

void network_routes(struct agent *a, struct ttrpc_call *call, struct bytes payload)
{
	AUTO(pb_free_any) Agent__UpdateRoutesRequest *q = NULL;
	struct err e = PB_UNPACK(agent__update_routes_request, payload, &q);

	if (!failed(e))
		e = set_routes(a, q->routes);
	if (failed(e)) {
		reply_failure(call, e);
		return;
	}
	network_list_routes(a, call, BYTES_NONE); /* what is true now */
}

RESULT network_check_neighbour(const Types__ARPNeighbor *n)
{
	if (!n->toipaddress)
		return err_new(ERR_FORMAT, "neighbour: no address");
	TRY(check_name(n->device));
	TRY(check_ip(n->toipaddress->address, n->toipaddress->family, "neighbour"));
	return check_mac(n->lladdr);
}

static RESULT add_neighbours(struct agent *a, struct bytes payload)
{
	AUTO(pb_free_any) Agent__AddARPNeighborsRequest *q = NULL;

	TRY(PB_UNPACK(agent__add_arpneighbors_request, payload, &q));
	TRY(check_open(a, "neighbors"));
	if (!q->neighbors)
		return OK;
	if ((a->neighbours_set && !a->open_world) ||
		q->neighbors->n_arpneighbors > AGENT_NEIGHBOURS_MAX)
		return err_new(ERR_LIMIT, "neighbours: too many, or already set");
	for (size_t i = 0; i < q->neighbors->n_arpneighbors; i++)
		TRY(network_check_neighbour(q->neighbors->arpneighbors[i]));
	TRY(a->effects->neighbours_add(q->neighbors));
	a->neighbours_set = true;
	return OK;
}

void network_neighbours(struct agent *a, struct ttrpc_call *call, struct bytes payload)
{
	reply_result(call, add_neighbours(a, payload));
}
