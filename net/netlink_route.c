#include "netlink_address.h"
#include "netlink_socket.h"

#include <stdio.h>

#include <base/auto.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/netlink.h>

/* ---- addresses ---- */

static void put_address(struct nlmsghdr *h, uint16_t type, const struct ip_address *a)
{
	mnl_attr_put(h, type, a->n, a->bytes);
}

RESULT nl_address_add(int index, const char *cidr)
{
	struct nl_request r;
	struct nlmsghdr *h = nl_begin(&r, RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE);
	struct ifaddrmsg *m = nl_fixed_part(h, sizeof(*m));
	struct ip_address a;
	struct err e;

	TRY(cidr_parse(cidr, &a));
	m->ifa_family = (uint8_t)a.family;
	m->ifa_prefixlen = a.prefix;
	m->ifa_index = (uint32_t)index;
	/* Duplicate address detection would make the address unusable for a second. */
	if (a.family == AF_INET6)
		m->ifa_flags = IFA_F_NODAD;
	put_address(h, IFA_LOCAL, &a);
	put_address(h, IFA_ADDRESS, &a);
	e = nl_exchange(h, NULL, NULL);
	return failed(e) ? err_add(e, "address %s on interface %d", cidr, index) : e;
}

struct address_dump {
	int index;
	struct nl_addresses list;
};

static struct err add_address(const struct nlmsghdr *h, void *arg)
{
	const struct ifaddrmsg *m = mnl_nlmsg_get_payload(h);
	struct address_dump *d = arg;
	const struct nlattr *a;
	char text[48];
	char(*v)[64];

	if (h->nlmsg_type != RTM_NEWADDR || (int)m->ifa_index != d->index)
		return OK;
	a = nl_attribute(h, sizeof(*m), IFA_LOCAL);
	if (!a)
		a = nl_attribute(h, sizeof(*m), IFA_ADDRESS);
	if (!a || (m->ifa_family != AF_INET && m->ifa_family != AF_INET6))
		return OK;
	if (d->list.n == NL_LIST_MAX)
		return err_new(ERR_LIMIT, "more than %d addresses", NL_LIST_MAX);
	v = realloc(d->list.v, (d->list.n + 1) * sizeof(*v));
	if (!v)
		return err_new(ERR_NOMEM, "addresses");
	d->list.v = v;
	ip_format(m->ifa_family, bytes_of(mnl_attr_get_payload(a), mnl_attr_get_payload_len(a)),
		text, sizeof(text));
	(void)snprintf(v[d->list.n++], sizeof(*v), "%s/%u", text, m->ifa_prefixlen);
	return OK;
}

RESULT nl_address_list(int index, struct nl_addresses *ret_addresses)
{
	struct address_dump d = { .index = index };
	struct nl_request r;
	struct nlmsghdr *h = nl_begin(&r, RTM_GETADDR, NLM_F_DUMP);
	struct ifaddrmsg *m = nl_fixed_part(h, sizeof(*m));
	struct err e;

	m->ifa_family = AF_UNSPEC;
	e = nl_exchange(h, add_address, &d);
	if (failed(e)) {
		nl_addresses_done(&d.list);
		return e;
	}
	*ret_addresses = d.list;
	return OK;
}

void nl_addresses_done(struct nl_addresses *a)
{
	free(a->v);
	*a = (struct nl_addresses){ 0 };
}

/* ---- routes ---- */

/* RFC 4291 and RFC 4632: bits behind the prefix must be zero; the kernel insists. */
static void clear_host_bits(struct ip_address *a)
{
	for (size_t bit = a->prefix; bit < a->n * 8; bit++)
		a->bytes[bit / 8] &= (uint8_t) ~(0x80u >> (bit % 8));
}

struct parsed_route {
	struct ip_address dest, gateway, source;
	int family;
};

static RESULT parse_optional(const char *text, int family, struct ip_address *ret)
{
	if (text[0] == '\0')
		return OK;
	TRY(ip_parse(text, ret));
	if (ret->family != family)
		return err_new(ERR_FORMAT, "\"%s\" is of another address family", text);
	return OK;
}

static RESULT parse_route(const struct nl_route *r, struct parsed_route *ret)
{
	struct parsed_route p = { .family = r->ipv6 ? AF_INET6 : AF_INET };

	if (r->dest[0] != '\0') {
		TRY(cidr_parse(r->dest, &p.dest));
		if (p.dest.family != p.family)
			return err_new(ERR_FORMAT, "\"%s\" is of another address family", r->dest);
		clear_host_bits(&p.dest);
	}
	TRY(parse_optional(r->gateway, p.family, &p.gateway));
	TRY(parse_optional(r->source, p.family, &p.source));
	*ret = p;
	return OK;
}

static RESULT send_route(const struct nl_route *r)
{
	struct nl_request request;
	struct nlmsghdr *h =
		nl_begin(&request, RTM_NEWROUTE, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE);
	struct rtmsg *m = nl_fixed_part(h, sizeof(*m));
	struct parsed_route p;

	TRY(parse_route(r, &p));
	m->rtm_family = (uint8_t)p.family;
	m->rtm_dst_len = p.dest.prefix;
	m->rtm_table = RT_TABLE_MAIN;
	m->rtm_protocol = RTPROT_STATIC;
	m->rtm_scope = p.gateway.n > 0 || r->ipv6 ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
	m->rtm_type = RTN_UNICAST;
	if (p.dest.n > 0 && p.dest.prefix > 0)
		put_address(h, RTA_DST, &p.dest);
	if (p.gateway.n > 0)
		put_address(h, RTA_GATEWAY, &p.gateway);
	if (p.source.n > 0)
		put_address(h, RTA_PREFSRC, &p.source);
	mnl_attr_put_u32(h, RTA_OIF, (uint32_t)r->index);
	return nl_exchange(h, NULL, NULL);
}

RESULT nl_route_add(const struct nl_route *r)
{
	struct err e = send_route(r);

	return failed(e) ? err_add(e, "route %s via %s on interface %d",
				   r->dest[0] ? r->dest : "default",
				   r->gateway[0] ? r->gateway : "link", r->index)
			 : e;
}

static void read_address(const struct nlmsghdr *h, uint16_t type, int family, char *to, size_t size)
{
	const struct nlattr *a = nl_attribute(h, sizeof(struct rtmsg), type);

	to[0] = '\0';
	if (a)
		ip_format(family, bytes_of(mnl_attr_get_payload(a), mnl_attr_get_payload_len(a)),
			to, size);
}

static struct err add_route(const struct nlmsghdr *h, void *arg)
{
	const struct rtmsg *m = mnl_nlmsg_get_payload(h);
	struct nl_routes *routes = arg;
	const struct nlattr *oif;
	struct nl_route *v;
	char dest[48];

	if (h->nlmsg_type != RTM_NEWROUTE || m->rtm_table != RT_TABLE_MAIN ||
		m->rtm_type != RTN_UNICAST ||
		(m->rtm_family != AF_INET && m->rtm_family != AF_INET6))
		return OK;
	if (routes->n == NL_LIST_MAX)
		return err_new(ERR_LIMIT, "more than %d routes", NL_LIST_MAX);
	v = realloc(routes->v, (routes->n + 1) * sizeof(*v));
	if (!v)
		return err_new(ERR_NOMEM, "routes");
	routes->v = v;
	v += routes->n++;
	*v = (struct nl_route){ .ipv6 = m->rtm_family == AF_INET6 };
	read_address(h, RTA_DST, m->rtm_family, dest, sizeof(dest));
	if (dest[0] != '\0')
		(void)snprintf(v->dest, sizeof(v->dest), "%s/%u", dest, m->rtm_dst_len);
	read_address(h, RTA_GATEWAY, m->rtm_family, v->gateway, sizeof(v->gateway));
	read_address(h, RTA_PREFSRC, m->rtm_family, v->source, sizeof(v->source));
	oif = nl_attribute(h, sizeof(*m), RTA_OIF);
	if (oif && mnl_attr_validate(oif, MNL_TYPE_U32) == 0)
		v->index = (int)mnl_attr_get_u32(oif);
	return OK;
}

RESULT nl_route_list(struct nl_routes *ret_routes)
{
	AUTO(nl_routes_done) struct nl_routes routes = { 0 };
	struct nl_request r;
	struct nlmsghdr *h = nl_begin(&r, RTM_GETROUTE, NLM_F_DUMP);
	struct rtmsg *m = nl_fixed_part(h, sizeof(*m));

	m->rtm_family = AF_UNSPEC;
	TRY(nl_exchange(h, add_route, &routes));
	*ret_routes = routes;
	routes = (struct nl_routes){ 0 };
	return OK;
}

void nl_routes_done(struct nl_routes *r)
{
	free(r->v);
	*r = (struct nl_routes){ 0 };
}

/* ---- neighbours ---- */

static RESULT send_neighbour(int index, const char *ip, const char *mac)
{
	struct nl_request r;
	struct nlmsghdr *h = nl_begin(&r, RTM_NEWNEIGH, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE);
	struct ndmsg *m = nl_fixed_part(h, sizeof(*m));
	struct ip_address a;
	uint8_t lladdr[6];

	TRY(ip_parse(ip, &a));
	TRY(mac_parse(mac, lladdr));
	m->ndm_family = (uint8_t)a.family;
	m->ndm_ifindex = index;
	m->ndm_state = NUD_PERMANENT;
	put_address(h, NDA_DST, &a);
	mnl_attr_put(h, NDA_LLADDR, sizeof(lladdr), lladdr);
	return nl_exchange(h, NULL, NULL);
}

RESULT nl_neighbour_add(int index, const char *ip, const char *mac)
{
	struct err e = send_neighbour(index, ip, mac);

	return failed(e) ? err_add(e, "neighbour %s on interface %d", ip, index) : e;
}
