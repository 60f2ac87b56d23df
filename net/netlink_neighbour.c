#include "netlink_address.h"
#include "netlink_socket.h"

#include <stdio.h>

#include <base/auto.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/netlink.h>

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
	nl_put_address(h, NDA_DST, &a);
	mnl_attr_put(h, NDA_LLADDR, sizeof(lladdr), lladdr);
	return nl_exchange(h, NULL, NULL);
}

RESULT nl_neighbour_add(int index, const char *ip, const char *mac)
{
	struct err e = send_neighbour(index, ip, mac);

	return failed(e) ? err_add(e, "neighbour %s on interface %d", ip, index) : e;
}

static struct err add_neighbour(const struct nlmsghdr *h, void *arg)
{
	const struct ndmsg *m = mnl_nlmsg_get_payload(h);
	const struct nlattr *ip = nl_attribute(h, sizeof(*m), NDA_DST);
	const struct nlattr *mac = nl_attribute(h, sizeof(*m), NDA_LLADDR);
	struct nl_neighbours *list = arg;
	struct nl_neighbour *v;

	if (h->nlmsg_type != RTM_NEWNEIGH || !(m->ndm_state & NUD_PERMANENT) || !ip || !mac ||
		mnl_attr_get_payload_len(mac) != 6 ||
		(m->ndm_family != AF_INET && m->ndm_family != AF_INET6))
		return OK;
	if (list->n == NL_LIST_MAX)
		return err_new(ERR_LIMIT, "more than %d neighbours", NL_LIST_MAX);
	v = realloc(list->v, (list->n + 1) * sizeof(*v));
	if (!v)
		return err_new(ERR_NOMEM, "neighbours");
	list->v = v;
	v += list->n++;
	v->index = m->ndm_ifindex;
	ip_format(m->ndm_family, bytes_of(mnl_attr_get_payload(ip), mnl_attr_get_payload_len(ip)),
		v->ip, sizeof(v->ip));
	mac_format(mnl_attr_get_payload(mac), v->mac);
	return OK;
}

RESULT nl_neighbour_list(struct nl_neighbours *ret_neighbours)
{
	AUTO(nl_neighbours_done) struct nl_neighbours list = { 0 };
	struct nl_request r;
	struct nlmsghdr *h = nl_begin(&r, RTM_GETNEIGH, NLM_F_DUMP);
	struct ndmsg *m = nl_fixed_part(h, sizeof(*m));

	m->ndm_family = AF_UNSPEC;
	TRY(nl_exchange(h, add_neighbour, &list));
	*ret_neighbours = list;
	list = (struct nl_neighbours){ 0 };
	return OK;
}

void nl_neighbours_done(struct nl_neighbours *n)
{
	free(n->v);
	*n = (struct nl_neighbours){ 0 };
}
