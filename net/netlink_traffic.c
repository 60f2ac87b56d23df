#include "netlink_socket.h"

#include <errno.h>
#include <time.h>

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/tc_act/tc_mirred.h>
#include <net/traffic.h>

enum {
	/* By these ours are recognised, also by whoever cleans up after us. Lower ones are first.
	 */
	PRIORITY_EXCEPT = 0x5ea0,
	PRIORITY_REDIRECT = 0x5ea1,
	BUSY_TRIES = 5,
	BUSY_MS = 10,
	IPV4_DESTINATION = 16 /* offset in its header */
};
static const uint32_t ingress_handle = 0xffff0000u;

static struct tcmsg *begin(
	struct nl_request *r, uint16_t type, uint16_t flags, int index, struct nlmsghdr **ret_h)
{
	struct nlmsghdr *h = nl_begin(r, type, flags);
	struct tcmsg *m = nl_fixed_part(h, sizeof(*m));

	m->tcm_family = AF_UNSPEC;
	m->tcm_ifindex = index;
	*ret_h = h;
	return m;
}

/* The kernel answers so while the interface is being reconfigured. */
static RESULT exchange_busy(struct nlmsghdr *h)
{
	struct err e = nl_exchange(h, NULL, NULL);

	for (int i = 1; i < BUSY_TRIES && failed(e) && err_errno() == EBUSY; i++) {
		const struct timespec pause = { .tv_nsec = (long)i * BUSY_MS * 1000 * 1000 };

		(void)nanosleep(&pause, NULL);
		e = nl_exchange(h, NULL, NULL);
	}
	return e;
}

static RESULT add_ingress(int index)
{
	struct nl_request r;
	struct nlmsghdr *h;
	struct tcmsg *m = begin(&r, RTM_NEWQDISC, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, index, &h);
	struct err e;

	m->tcm_parent = TC_H_INGRESS;
	m->tcm_handle = ingress_handle;
	mnl_attr_put_strz(h, TCA_KIND, "ingress");
	e = exchange_busy(h);
	/* Somebody's, "ingress" or "clsact": filters of several stand side by side. */
	if (failed(e) && err_errno() == EEXIST)
		return OK;
	return failed(e) ? err_add(e, "ingress of interface %d", index) : OK;
}

static struct tcmsg *begin_filter(
	struct nl_request *r, int index, uint32_t priority, uint16_t protocol, struct nlmsghdr **h)
{
	struct tcmsg *m = begin(r, RTM_NEWTFILTER, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, index, h);

	m->tcm_parent = ingress_handle;
	m->tcm_info = TC_H_MAKE(priority << 16, htons(protocol));
	return m;
}

static void put_mirred(struct nlmsghdr *h, uint16_t type, int to)
{
	struct tc_mirred parameters = {
		.action = TC_ACT_STOLEN, .eaction = TCA_EGRESS_REDIR, .ifindex = (uint32_t)to
	};
	struct nlattr *actions = mnl_attr_nest_start(h, type);
	struct nlattr *first = mnl_attr_nest_start(h, 1);
	struct nlattr *options;

	mnl_attr_put_strz(h, TCA_ACT_KIND, "mirred");
	options = mnl_attr_nest_start(h, TCA_ACT_OPTIONS);
	mnl_attr_put(h, TCA_MIRRED_PARMS, sizeof(parameters), &parameters);
	mnl_attr_nest_end(h, options);
	mnl_attr_nest_end(h, first);
	mnl_attr_nest_end(h, actions);
}

/* One comparison of a word of the network header; mask 0 matches everything. */
static void put_u32_key(struct nlmsghdr *h, const struct tc_u32_key *key)
{
	uint8_t room[sizeof(struct tc_u32_sel) + sizeof(struct tc_u32_key)] = { 0 };
	const struct tc_u32_sel select = { .flags = TC_U32_TERMINAL, .nkeys = 1 };

	memcpy(room, &select, sizeof(select));
	memcpy(room + sizeof(select), key, sizeof(*key));
	mnl_attr_put(h, TCA_U32_SEL, sizeof(room), room);
}

static RESULT add_u32(int from, int to)
{
	static const struct tc_u32_key everything = { 0 };
	struct nl_request r;
	struct nlmsghdr *h;
	struct nlattr *options;

	(void)begin_filter(&r, from, PRIORITY_REDIRECT, ETH_P_ALL, &h);
	mnl_attr_put_strz(h, TCA_KIND, "u32");
	options = mnl_attr_nest_start(h, TCA_OPTIONS);
	put_u32_key(h, &everything);
	put_mirred(h, TCA_U32_ACT, to);
	mnl_attr_nest_end(h, options);
	return exchange_busy(h);
}

static RESULT add_matchall(int from, int to)
{
	struct nl_request r;
	struct nlmsghdr *h;
	struct nlattr *options;

	(void)begin_filter(&r, from, PRIORITY_REDIRECT, ETH_P_ALL, &h);
	mnl_attr_put_strz(h, TCA_KIND, "matchall");
	options = mnl_attr_nest_start(h, TCA_OPTIONS);
	put_mirred(h, TCA_MATCHALL_ACT, to);
	mnl_attr_nest_end(h, options);
	return exchange_busy(h);
}

RESULT nl_redirect_add(int from, int to)
{
	struct err e;

	TRY(nl_redirect_remove(from));
	TRY(add_ingress(from));
	e = add_u32(from, to);
	if (failed(e) && err_errno() == ENOENT)
		e = add_matchall(from, to);
	if (failed(e) && err_errno() == ENOENT)
		return err_new(ERR_UNSUPPORTED,
			"this kernel has no traffic filter: load cls_u32 or cls_matchall, and "
			"act_mirred");
	return failed(e) ? err_add(e, "redirecting interface %d to %d", from, to) : OK;
}

RESULT nl_redirect_except(int from, const char *ip)
{
	struct tc_u32_key key = { .mask = 0xffffffff, .off = IPV4_DESTINATION };
	struct nl_request r;
	struct nlmsghdr *h;
	struct nlattr *options;
	struct ip_address a;
	struct err e;

	TRY(ip_parse(ip, &a));
	if (a.family != AF_INET)
		return err_new(ERR_FORMAT, "\"%s\" is no IPv4 address", ip);
	memcpy(&key.val, a.bytes, sizeof(key.val));
	(void)begin_filter(&r, from, PRIORITY_EXCEPT, ETH_P_IP, &h);
	mnl_attr_put_strz(h, TCA_KIND, "u32");
	options = mnl_attr_nest_start(h, TCA_OPTIONS);
	put_u32_key(h, &key);
	/* A class, but no action: what matches goes on as if there were no filters. */
	mnl_attr_put_u32(h, TCA_U32_CLASSID, TC_H_MAKE(1u << 16, 1));
	mnl_attr_nest_end(h, options);
	e = exchange_busy(h);
	return failed(e) ? err_add(e, "address %s on interface %d", ip, from) : OK;
}

/* ---- what is there ---- */

struct filters {
	int index;
	bool redirect, except, others;
	int to;
};

static int target(const struct nlattr *options, uint16_t type)
{
	const struct nlattr *action = nl_nested(nl_nested(options, type), 1);
	const struct nlattr *p = nl_nested(nl_nested(action, TCA_ACT_OPTIONS), TCA_MIRRED_PARMS);
	struct tc_mirred mirred;

	if (!p || mnl_attr_get_payload_len(p) < sizeof(mirred))
		return 0;
	memcpy(&mirred, mnl_attr_get_payload(p), sizeof(mirred));
	return (int)mirred.ifindex;
}

/* A u32 filter is listed several times: its hash tables have no action. */
static struct err see_filter(const struct nlmsghdr *h, void *arg)
{
	const struct tcmsg *m = mnl_nlmsg_get_payload(h);
	const struct nlattr *options = nl_attribute(h, sizeof(*m), TCA_OPTIONS);
	struct filters *f = arg;
	int to;

	if (h->nlmsg_type != RTM_NEWTFILTER || m->tcm_ifindex != f->index)
		return OK;
	switch (TC_H_MAJ(m->tcm_info) >> 16) {
	case PRIORITY_REDIRECT:
		f->redirect = true;
		to = target(options, TCA_U32_ACT);
		if (to == 0)
			to = target(options, TCA_MATCHALL_ACT);
		if (to != 0)
			f->to = to;
		break;
	case PRIORITY_EXCEPT:
		f->except = true;
		break;
	default:
		f->others = true;
	}
	return OK;
}

static RESULT list_filters(int index, struct filters *ret)
{
	struct filters f = { .index = index };
	struct nl_request r;
	struct nlmsghdr *h;
	struct tcmsg *m = begin(&r, RTM_GETTFILTER, NLM_F_DUMP, index, &h);
	struct err e;

	m->tcm_parent = ingress_handle;
	e = nl_exchange(h, see_filter, &f);
	if (failed(e))
		return err_add(e, "filters of interface %d", index);
	*ret = f;
	return OK;
}

RESULT nl_redirect_find(int from, bool *ret_found, int *ret_to)
{
	struct filters f;

	TRY(list_filters(from, &f));
	*ret_found = f.redirect;
	*ret_to = f.to;
	return OK;
}

static RESULT remove_filter(int index, uint32_t priority, uint16_t protocol)
{
	struct nl_request r;
	struct nlmsghdr *h;
	struct tcmsg *m = begin(&r, RTM_DELTFILTER, NLM_F_ACK, index, &h);

	m->tcm_parent = ingress_handle;
	m->tcm_info = TC_H_MAKE(priority << 16, htons(protocol));
	return exchange_busy(h);
}

static RESULT remove_ingress(int index)
{
	struct nl_request r;
	struct nlmsghdr *h;
	struct tcmsg *m = begin(&r, RTM_DELQDISC, NLM_F_ACK, index, &h);

	m->tcm_parent = TC_H_INGRESS;
	m->tcm_handle = ingress_handle;
	mnl_attr_put_strz(h, TCA_KIND, "ingress");
	struct err e = exchange_busy(h);
	/* "clsact" is somebody else's and stays. */
	return failed(e) && (err_errno() == EINVAL || err_errno() == ENOENT) ? OK : e;
}

RESULT nl_redirect_remove(int from)
{
	struct filters f;

	TRY(list_filters(from, &f));
	if (f.redirect)
		TRY(remove_filter(from, PRIORITY_REDIRECT, ETH_P_ALL));
	if (f.except)
		TRY(remove_filter(from, PRIORITY_EXCEPT, ETH_P_IP));
	if (!(f.redirect || f.except) || f.others)
		return OK;
	return remove_ingress(from);
}
