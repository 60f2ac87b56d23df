#include "netlink_address.h"
#include "netlink_socket.h"

#include <errno.h>
#include <stdio.h>

#include <base/auto.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/netlink.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

void nl_links_done(struct nl_links *l)
{
	free(l->v);
	*l = (struct nl_links){ 0 };
}

static void read_text(const struct nlattr *a, char *to, size_t size)
{
	size_t n = a ? mnl_attr_get_payload_len(a) : 0;

	to[0] = '\0';
	if (a)
		(void)snprintf(to, size, "%.*s", (int)n, mnl_attr_get_str(a));
}

static void read_kind(const struct nlmsghdr *h, struct nl_link *link)
{
	const struct nlattr *info = nl_attribute(h, sizeof(struct ifinfomsg), IFLA_LINKINFO);
	const struct nlattr *data, *type;

	read_text(nl_nested(info, IFLA_INFO_KIND), link->kind, sizeof(link->kind));
	if (strcmp(link->kind, "tun") != 0)
		return;
	data = nl_nested(info, IFLA_INFO_DATA);
	type = nl_nested(data, IFLA_TUN_TYPE);
	link->tap = type && mnl_attr_get_payload_len(type) == 1 && mnl_attr_get_u8(type) == IFF_TAP;
}

static struct err add_link(const struct nlmsghdr *h, void *arg)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(h);
	struct nl_links *links = arg;
	const struct nlattr *mac;
	struct nl_link *v;

	if (h->nlmsg_type != RTM_NEWLINK)
		return OK;
	if (links->n == NL_LIST_MAX)
		return err_new(ERR_LIMIT, "more than %d links", NL_LIST_MAX);
	v = realloc(links->v, (links->n + 1) * sizeof(*v));
	if (!v)
		return err_new(ERR_NOMEM, "links");
	links->v = v;
	v += links->n++;
	*v = (struct nl_link){ .index = info->ifi_index, .flags = info->ifi_flags };
	read_text(nl_attribute(h, sizeof(*info), IFLA_IFNAME), v->name, sizeof(v->name));
	v->mtu = nl_u32(nl_attribute(h, sizeof(*info), IFLA_MTU));
	mac = nl_attribute(h, sizeof(*info), IFLA_ADDRESS);
	if (mac && mnl_attr_get_payload_len(mac) == 6)
		mac_format(mnl_attr_get_payload(mac), v->mac);
	read_kind(h, v);
	return OK;
}

RESULT nl_link_list(struct nl_links *ret_links)
{
	AUTO(nl_links_done) struct nl_links links = { 0 };
	struct nl_request r;
	struct nlmsghdr *h = nl_begin(&r, RTM_GETLINK, NLM_F_DUMP);
	struct ifinfomsg *info = nl_fixed_part(h, sizeof(*info));

	info->ifi_family = AF_UNSPEC;
	TRY(nl_exchange(h, add_link, &links));
	*ret_links = links;
	links = (struct nl_links){ 0 };
	return OK;
}

RESULT nl_link_by_mac(const char *mac, struct nl_link *ret_link)
{
	AUTO(nl_links_done) struct nl_links links = { 0 };
	uint8_t bytes[6];

	TRY(mac_parse(mac, bytes));
	TRY(nl_link_list(&links));
	for (size_t i = 0; i < links.n; i++) {
		if (strcasecmp(links.v[i].mac, mac) == 0) {
			*ret_link = links.v[i];
			return OK;
		}
	}
	return err_new(ERR_NOT_FOUND, "no network interface with address %s", mac);
}

RESULT nl_link_by_name(const char *name, struct nl_link *ret_link)
{
	AUTO(nl_links_done) struct nl_links links = { 0 };

	TRY(nl_link_list(&links));
	for (size_t i = 0; i < links.n; i++) {
		if (strcmp(links.v[i].name, name) == 0) {
			*ret_link = links.v[i];
			return OK;
		}
	}
	return err_new(ERR_NOT_FOUND, "no network interface %.*s", NL_NAME_MAX, name);
}

static struct nlmsghdr *begin_change(struct nl_request *r, int index)
{
	struct nlmsghdr *h = nl_begin(r, RTM_NEWLINK, NLM_F_ACK);
	struct ifinfomsg *info = nl_fixed_part(h, sizeof(*info));

	info->ifi_family = AF_UNSPEC;
	info->ifi_index = index;
	return h;
}

RESULT nl_link_set_up(int index, bool up)
{
	struct nl_request r;
	struct nlmsghdr *h = begin_change(&r, index);
	struct ifinfomsg *info = mnl_nlmsg_get_payload(h);
	struct err e;

	info->ifi_change = IFF_UP;
	info->ifi_flags = up ? IFF_UP : 0;
	e = nl_exchange(h, NULL, NULL);
	return failed(e) ? err_add(e, "interface %d %s", index, up ? "up" : "down") : e;
}

RESULT nl_link_set_mtu(int index, uint32_t mtu)
{
	struct nl_request r;
	struct nlmsghdr *h = begin_change(&r, index);
	struct err e;

	mnl_attr_put_u32(h, IFLA_MTU, mtu);
	e = nl_exchange(h, NULL, NULL);
	return failed(e) ? err_add(e, "MTU %u of interface %d", mtu, index) : e;
}

RESULT nl_link_rename(int index, const char *name)
{
	struct nl_request r;
	struct nlmsghdr *h = begin_change(&r, index);
	struct err e;

	if (name[0] == '\0' || strlen(name) >= NL_NAME_MAX)
		return err_new(ERR_FORMAT, "\"%.40s\" is no interface name", name);
	mnl_attr_put_strz(h, IFLA_IFNAME, name);
	e = nl_exchange(h, NULL, NULL);
	return failed(e) ? err_add(e, "renaming interface %d to %s", index, name) : e;
}

RESULT nl_link_set_arp(int index, bool arp)
{
	struct nl_request r;
	struct nlmsghdr *h = begin_change(&r, index);
	struct ifinfomsg *info = mnl_nlmsg_get_payload(h);
	struct err e;

	info->ifi_change = IFF_NOARP;
	info->ifi_flags = arp ? 0 : IFF_NOARP;
	e = nl_exchange(h, NULL, NULL);
	return failed(e) ? err_add(e, "ARP of interface %d", index) : e;
}

RESULT nl_link_set_mac(int index, const char *mac)
{
	struct nl_request r;
	struct nlmsghdr *h = begin_change(&r, index);
	uint8_t bytes[6];
	struct err e;

	TRY(mac_parse(mac, bytes));
	mnl_attr_put(h, IFLA_ADDRESS, sizeof(bytes), bytes);
	e = nl_exchange(h, NULL, NULL);
	return failed(e) ? err_add(e, "address %s of interface %d", mac, index) : e;
}

RESULT nl_link_bus(const char *name, char ret_bus[static NL_BUS_MAX])
{
	AUTO(auto_close) int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ethtool_drvinfo info = { .cmd = ETHTOOL_GDRVINFO };
	struct ifreq r = { .ifr_data = (void *)&info };

	if (fd < 0)
		return err_new(ERR_SYS, "socket");
	(void)snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
	ret_bus[0] = '\0';
	if (ioctl(fd, SIOCETHTOOL, &r) == 0)
		(void)snprintf(
			ret_bus, NL_BUS_MAX, "%.*s", (int)sizeof(info.bus_info), info.bus_info);
	else if (errno != EOPNOTSUPP)
		return err_new(ERR_SYS, "driver of interface %s", name);
	return OK;
}
