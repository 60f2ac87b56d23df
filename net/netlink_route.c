#include "netlink_address.h"
#include "netlink_socket.h"

#include <errno.h>
#include <stdio.h>

#include <base/auto.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/netlink.h>

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

static void put_metrics(struct nlmsghdr *h, const struct nl_route *r)
{
	struct nlattr *metrics;

	if (r->mtu == 0)
		return;
	metrics = mnl_attr_nest_start(h, RTA_METRICS);
	mnl_attr_put_u32(h, RTAX_MTU, r->mtu);
	mnl_attr_nest_end(h, metrics);
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
	m->rtm_protocol = r->protocol ? r->protocol : RTPROT_BOOT;
	m->rtm_scope = r->scope;
	/* The kernel refuses an IPv4 route on the link that claims to reach further. */
	if (p.gateway.n == 0 && !r->ipv6 && r->scope < RT_SCOPE_LINK)
		m->rtm_scope = RT_SCOPE_LINK;
	m->rtm_flags = r->flags & RTNH_F_ONLINK;
	m->rtm_type = RTN_UNICAST;
	if (p.dest.n > 0 && p.dest.prefix > 0)
		nl_put_address(h, RTA_DST, &p.dest);
	if (p.gateway.n > 0)
		nl_put_address(h, RTA_GATEWAY, &p.gateway);
	if (p.source.n > 0)
		nl_put_address(h, RTA_PREFSRC, &p.source);
	mnl_attr_put_u32(h, RTA_OIF, (uint32_t)r->index);
	put_metrics(h, r);
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

RESULT nl_local_route_set(int index, const char *ip, bool present)
{
	struct nl_request r;
	struct nlmsghdr *h = nl_begin(&r, present ? RTM_NEWROUTE : RTM_DELROUTE,
		(uint16_t)(NLM_F_ACK | (present ? NLM_F_CREATE | NLM_F_REPLACE : 0)));
	struct rtmsg *m = nl_fixed_part(h, sizeof(*m));
	struct ip_address a;
	struct err e;

	TRY(ip_parse(ip, &a));
	m->rtm_family = (uint8_t)a.family;
	m->rtm_dst_len = a.prefix;
	m->rtm_table = RT_TABLE_LOCAL;
	m->rtm_protocol = RTPROT_KERNEL;
	m->rtm_scope = RT_SCOPE_HOST;
	m->rtm_type = RTN_LOCAL;
	nl_put_address(h, RTA_DST, &a);
	nl_put_address(h, RTA_PREFSRC, &a);
	mnl_attr_put_u32(h, RTA_OIF, (uint32_t)index);
	e = nl_exchange(h, NULL, NULL);
	if (failed(e) && !present && err_errno() == ESRCH)
		return OK;
	return failed(e) ? err_add(e, "local route of %s", ip) : OK;
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
	const struct nlattr *oif, *metrics;
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
	*v = (struct nl_route){ .ipv6 = m->rtm_family == AF_INET6,
		.scope = m->rtm_scope,
		.protocol = m->rtm_protocol,
		.flags = m->rtm_flags & RTNH_F_ONLINK };
	read_address(h, RTA_DST, m->rtm_family, dest, sizeof(dest));
	if (dest[0] != '\0')
		(void)snprintf(v->dest, sizeof(v->dest), "%s/%u", dest, m->rtm_dst_len);
	read_address(h, RTA_GATEWAY, m->rtm_family, v->gateway, sizeof(v->gateway));
	read_address(h, RTA_PREFSRC, m->rtm_family, v->source, sizeof(v->source));
	oif = nl_attribute(h, sizeof(*m), RTA_OIF);
	v->index = (int)nl_u32(oif);
	metrics = nl_attribute(h, sizeof(*m), RTA_METRICS);
	v->mtu = nl_u32(nl_nested(metrics, RTAX_MTU));
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
