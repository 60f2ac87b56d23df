#include "netlink_address.h"
#include "netlink_socket.h"

#include <stdio.h>

#include <base/auto.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/netlink.h>

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
	nl_put_address(h, IFA_LOCAL, &a);
	nl_put_address(h, IFA_ADDRESS, &a);
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
