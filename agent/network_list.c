#include "reply.h"
#include "requests.h"

#include <net/if.h>
#include <net/netlink.h>

/* One interface with its addresses, in memory that lives until the answer is packed. */
struct shown {
	Types__Interface interface;
	struct nl_addresses addresses;
	Types__IPAddress *ips;
	Types__IPAddress **list;
};

static void shown_done(struct shown *s)
{
	nl_addresses_done(&s->addresses);
	free(s->ips);
	free(s->list);
}

/* Splits "address/bits" in place. */
static void show_address(char *cidr, Types__IPAddress *ip)
{
	char *slash = strchr(cidr, '/');

	types__ipaddress__init(ip);
	if (slash) {
		*slash = '\0';
		ip->mask = slash + 1;
	}
	ip->address = cidr;
	ip->family = strchr(cidr, ':') ? TYPES__IPFAMILY__v6 : TYPES__IPFAMILY__v4;
}

static RESULT show(struct nl_link *link, struct shown *s)
{
	size_t n;

	types__interface__init(&s->interface);
	TRY(nl_address_list(link->index, &s->addresses));
	n = s->addresses.n;
	s->ips = calloc(n + 1, sizeof(*s->ips));
	s->list = calloc(n + 1, sizeof(*s->list));
	if (!s->ips || !s->list)
		return err_new(ERR_NOMEM, "interfaces");
	for (size_t i = 0; i < n; i++) {
		show_address(s->addresses.v[i], &s->ips[i]);
		s->list[i] = &s->ips[i];
	}
	s->interface.device = s->interface.name = link->name;
	s->interface.hwaddr = link->mac;
	s->interface.mtu = link->mtu;
	s->interface.type = link->kind;
	s->interface.raw_flags = link->flags & IFF_NOARP;
	s->interface.ipaddresses = s->list;
	s->interface.n_ipaddresses = n;
	return OK;
}

static RESULT send_interfaces(struct ttrpc_call *call, struct nl_links *links, struct shown *shown,
	Types__Interface **list)
{
	Agent__Interfaces msg = AGENT__INTERFACES__INIT;

	for (size_t i = 0; i < links->n; i++) {
		TRY(show(&links->v[i], &shown[i]));
		list[i] = &shown[i].interface;
	}
	msg.interfaces = list;
	msg.n_interfaces = links->n;
	reply(call, &msg.base);
	return OK;
}

void network_list_interfaces(struct agent *a, struct ttrpc_call *call, struct bytes payload)
{
	AUTO(nl_links_done) struct nl_links links = { 0 };
	AUTO(auto_free) struct shown *shown = NULL;
	AUTO(auto_free) Types__Interface **list = NULL;
	struct err e = nl_link_list(&links);

	(void)a;
	(void)payload;
	if (!failed(e)) {
		shown = calloc(links.n + 1, sizeof(*shown));
		list = calloc(links.n + 1, sizeof(*list));
		e = shown && list ? send_interfaces(call, &links, shown, list)
				  : err_new(ERR_NOMEM, "interfaces");
	}
	if (failed(e))
		reply_failure(call, e);
	for (size_t i = 0; shown && i < links.n; i++)
		shown_done(&shown[i]);
}

static char *device_of(const struct nl_links *links, int index)
{
	for (size_t i = 0; i < links->n; i++)
		if (links->v[i].index == index)
			return links->v[i].name;
	return (char *)(uintptr_t) ""; /* only read */
}

static void send_routes(struct ttrpc_call *call, const struct nl_links *links,
	struct nl_routes *routes, Types__Route *shown, Types__Route **list)
{
	Agent__Routes msg = AGENT__ROUTES__INIT;

	for (size_t i = 0; i < routes->n; i++) {
		types__route__init(&shown[i]);
		shown[i].dest = routes->v[i].dest;
		shown[i].gateway = routes->v[i].gateway;
		shown[i].source = routes->v[i].source;
		shown[i].scope = routes->v[i].scope;
		shown[i].flags = routes->v[i].flags;
		shown[i].mtu = routes->v[i].mtu;
		shown[i].device = device_of(links, routes->v[i].index);
		shown[i].family = routes->v[i].ipv6 ? TYPES__IPFAMILY__v6 : TYPES__IPFAMILY__v4;
		list[i] = &shown[i];
	}
	msg.routes = list;
	msg.n_routes = routes->n;
	reply(call, &msg.base);
}

void network_list_routes(struct agent *a, struct ttrpc_call *call, struct bytes payload)
{
	AUTO(nl_links_done) struct nl_links links = { 0 };
	AUTO(nl_routes_done) struct nl_routes routes = { 0 };
	AUTO(auto_free) Types__Route *shown = NULL;
	AUTO(auto_free) Types__Route **list = NULL;
	struct err e = nl_link_list(&links);

	(void)a;
	(void)payload;
	if (!failed(e))
		e = nl_route_list(&routes);
	if (failed(e)) {
		reply_failure(call, e);
		return;
	}
	shown = calloc(routes.n + 1, sizeof(*shown));
	list = calloc(routes.n + 1, sizeof(*list));
	if (!shown || !list)
		ttrpc_fail(call, err_new(ERR_NOMEM, "routes"));
	else
		send_routes(call, &links, &routes, shown, list);
}
