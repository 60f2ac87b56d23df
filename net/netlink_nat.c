#include "netlink_address.h"

#include <errno.h>
#include <time.h>

#include <libmnl/libmnl.h>

#include <arpa/inet.h>
#include <base/auto.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <net/nat.h>

enum {
	BATCH_MAX = 8192,
	REGISTER = NFT_REG_1,
	IPV4_DESTINATION = 16, /* offset in its header */
	/* Where iptables' nat table has its hooks. */
	PRIORITY_OUTPUT = -100,
	PRIORITY_POSTROUTING = 100,
	RECEIVE_SIZE = 8192
};

/* Messages that the kernel takes all or not at all. */
struct batch {
	_Alignas(8) uint8_t bytes[BATCH_MAX];
	struct mnl_nlmsg_batch *b;
	uint32_t first, seq; /* of the messages that are acknowledged, up to before seq */
};

static void batch_done(struct batch *b)
{
	if (b->b)
		mnl_nlmsg_batch_stop(b->b);
}

static void auto_socket(struct mnl_socket **s)
{
	if (*s)
		(void)mnl_socket_close(*s);
}

static struct nlmsghdr *put_header(struct batch *b, uint16_t type, uint16_t flags, uint16_t id)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(mnl_nlmsg_batch_current(b->b));
	struct nfgenmsg *m;

	h->nlmsg_type = type;
	h->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	h->nlmsg_seq = b->seq++;
	m = mnl_nlmsg_put_extra_header(h, sizeof(*m));
	m->nfgen_family = id ? AF_UNSPEC : NFPROTO_IPV4;
	m->version = NFNETLINK_V0;
	m->res_id = htons(id);
	return h;
}

static struct nlmsghdr *put_message(struct batch *b, uint16_t message, uint16_t flags)
{
	return put_header(b, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | message),
		(uint16_t)(NLM_F_ACK | flags), 0);
}

/* The limit is far above what the messages of this file need. */
static void next(struct batch *b)
{
	(void)mnl_nlmsg_batch_next(b->b);
}

static void begin(struct batch *b)
{
	b->b = mnl_nlmsg_batch_start(b->bytes, BATCH_MAX);
	b->seq = (uint32_t)time(NULL);
	if (!b->b)
		return;
	(void)put_header(b, NFNL_MSG_BATCH_BEGIN, 0, NFNL_SUBSYS_NFTABLES);
	next(b);
	b->first = b->seq;
}

/* One acknowledgement a message, in order; the first refusal is why nothing was done. */
static RESULT read_answers(const struct mnl_socket *s, const struct batch *b, uint32_t end)
{
	_Alignas(8) uint8_t in[RECEIVE_SIZE];

	for (uint32_t seen = b->first; seen != end;) {
		ssize_t n = mnl_socket_recvfrom(s, in, sizeof(in));
		int left = (int)n;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_new(ERR_SYS, "nftables");
		for (struct nlmsghdr *h = (void *)in; mnl_nlmsg_ok(h, left);
			h = mnl_nlmsg_next(h, &left)) {
			const struct nlmsgerr *e = mnl_nlmsg_get_payload(h);

			if (h->nlmsg_type != NLMSG_ERROR)
				continue;
			errno = -e->error;
			if (e->error != 0)
				return err_new(ERR_SYS, "nftables");
			seen++;
		}
	}
	return OK;
}

static RESULT commit(struct batch *b)
{
	AUTO(auto_socket)
	struct mnl_socket *s = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	uint32_t end = b->seq;

	(void)put_header(b, NFNL_MSG_BATCH_END, 0, NFNL_SUBSYS_NFTABLES);
	next(b);
	if (!s || mnl_socket_bind(s, 0, MNL_SOCKET_AUTOPID) < 0)
		return err_new(ERR_SYS, "netfilter socket");
	if (mnl_socket_sendto(s, mnl_nlmsg_batch_head(b->b), mnl_nlmsg_batch_size(b->b)) < 0)
		return err_new(ERR_SYS, "nftables");
	return read_answers(s, b, end);
}

/* ---- expressions of a rule ---- */

static void put_be32(struct nlmsghdr *h, uint16_t type, uint32_t v)
{
	mnl_attr_put_u32(h, type, htonl(v));
}

struct nest {
	struct nlattr *element, *data;
};

static struct nest begin_expression(struct nlmsghdr *h, const char *name)
{
	struct nest n;

	n.element = mnl_attr_nest_start(h, NFTA_LIST_ELEM);
	mnl_attr_put_strz(h, NFTA_EXPR_NAME, name);
	n.data = mnl_attr_nest_start(h, NFTA_EXPR_DATA);
	return n;
}

static void end_expression(struct nlmsghdr *h, struct nest n)
{
	mnl_attr_nest_end(h, n.data);
	mnl_attr_nest_end(h, n.element);
}

static void put_value(struct nlmsghdr *h, uint16_t type, struct bytes value)
{
	struct nlattr *nest = mnl_attr_nest_start(h, type);

	mnl_attr_put(h, NFTA_DATA_VALUE, value.n, value.p);
	mnl_attr_nest_end(h, nest);
}

static void put_equal(struct nlmsghdr *h, struct bytes value)
{
	struct nest n = begin_expression(h, "cmp");

	put_be32(h, NFTA_CMP_SREG, REGISTER);
	put_be32(h, NFTA_CMP_OP, NFT_CMP_EQ);
	put_value(h, NFTA_CMP_DATA, value);
	end_expression(h, n);
}

static void put_meta(struct nlmsghdr *h, uint32_t key, struct bytes equal)
{
	struct nest n = begin_expression(h, "meta");

	put_be32(h, NFTA_META_KEY, key);
	put_be32(h, NFTA_META_DREG, REGISTER);
	end_expression(h, n);
	put_equal(h, equal);
}

static void put_destination(struct nlmsghdr *h, struct bytes equal)
{
	struct nest n = begin_expression(h, "payload");

	put_be32(h, NFTA_PAYLOAD_DREG, REGISTER);
	put_be32(h, NFTA_PAYLOAD_BASE, NFT_PAYLOAD_NETWORK_HEADER);
	put_be32(h, NFTA_PAYLOAD_OFFSET, IPV4_DESTINATION);
	put_be32(h, NFTA_PAYLOAD_LEN, (uint32_t)equal.n);
	end_expression(h, n);
	put_equal(h, equal);
}

static void put_nat(struct nlmsghdr *h, uint32_t type, const struct ip_address *to)
{
	struct nest n = begin_expression(h, "immediate");

	put_be32(h, NFTA_IMMEDIATE_DREG, REGISTER);
	put_value(h, NFTA_IMMEDIATE_DATA, bytes_of(to->bytes, to->n));
	end_expression(h, n);
	n = begin_expression(h, "nat");
	put_be32(h, NFTA_NAT_TYPE, type);
	put_be32(h, NFTA_NAT_FAMILY, NFPROTO_IPV4);
	put_be32(h, NFTA_NAT_REG_ADDR_MIN, REGISTER);
	end_expression(h, n);
}

/* ---- tables and chains ---- */

static void put_table(struct batch *b, uint16_t message, const char *table)
{
	struct nlmsghdr *h =
		put_message(b, message, message == NFT_MSG_NEWTABLE ? NLM_F_CREATE : 0);

	mnl_attr_put_strz(h, NFTA_TABLE_NAME, table);
	next(b);
}

static void put_chain(
	struct batch *b, const char *table, const char *name, uint32_t hook, int priority)
{
	struct nlmsghdr *h = put_message(b, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
	struct nlattr *nest;

	mnl_attr_put_strz(h, NFTA_CHAIN_TABLE, table);
	mnl_attr_put_strz(h, NFTA_CHAIN_NAME, name);
	mnl_attr_put_strz(h, NFTA_CHAIN_TYPE, "nat");
	nest = mnl_attr_nest_start(h, NFTA_CHAIN_HOOK);
	put_be32(h, NFTA_HOOK_HOOKNUM, hook);
	put_be32(h, NFTA_HOOK_PRIORITY, (uint32_t)priority);
	mnl_attr_nest_end(h, nest);
	next(b);
}

static struct nlmsghdr *begin_rule(
	struct batch *b, const char *table, const char *chain, struct nlattr **ret_list)
{
	struct nlmsghdr *h = put_message(b, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);

	mnl_attr_put_strz(h, NFTA_RULE_TABLE, table);
	mnl_attr_put_strz(h, NFTA_RULE_CHAIN, chain);
	*ret_list = mnl_attr_nest_start(h, NFTA_RULE_EXPRESSIONS);
	return h;
}

static RESULT parse_ipv4(const char *text, struct ip_address *ret)
{
	struct ip_address a;

	TRY(ip_parse(text, &a));
	if (a.family != AF_INET)
		return err_new(ERR_FORMAT, "\"%s\" is no IPv4 address", text);
	*ret = a;
	return OK;
}

RESULT nat_add_loopback(const struct nat_loopback *n)
{
	static const uint8_t loopback[] = { 127, 0, 0, 1 }, tcp[] = { IPPROTO_TCP };
	AUTO(batch_done) struct batch b = { 0 };
	const uint32_t index = (uint32_t)n->index;
	struct ip_address to, from;
	struct nlattr *list;
	struct nlmsghdr *h;

	TRY(parse_ipv4(n->to, &to));
	TRY(parse_ipv4(n->from, &from));
	TRY(nat_remove(n->table));
	begin(&b);
	if (!b.b)
		return err_new(ERR_NOMEM, "nftables");
	put_table(&b, NFT_MSG_NEWTABLE, n->table);
	put_chain(&b, n->table, "output", NF_INET_LOCAL_OUT, PRIORITY_OUTPUT);
	put_chain(&b, n->table, "postrouting", NF_INET_POST_ROUTING, PRIORITY_POSTROUTING);
	h = begin_rule(&b, n->table, "output", &list);
	put_meta(h, NFT_META_L4PROTO, BYTES_OF(tcp));
	put_destination(h, BYTES_OF(loopback));
	put_nat(h, NFT_NAT_DNAT, &to);
	mnl_attr_nest_end(h, list);
	next(&b);
	h = begin_rule(&b, n->table, "postrouting", &list);
	put_meta(h, NFT_META_OIF, bytes_of(&index, sizeof(index)));
	put_nat(h, NFT_NAT_SNAT, &from);
	mnl_attr_nest_end(h, list);
	next(&b);
	struct err e = commit(&b);
	if (failed(e) && (err_errno() == ENOENT || err_errno() == EOPNOTSUPP))
		return err_new(ERR_UNSUPPORTED, "this kernel has no nftables NAT: load nft_nat");
	return e;
}

RESULT nat_remove(const char *table)
{
	AUTO(batch_done) struct batch b = { 0 };

	begin(&b);
	if (!b.b)
		return err_new(ERR_NOMEM, "nftables");
	put_table(&b, NFT_MSG_DELTABLE, table);
	struct err e = commit(&b);
	/* EOPNOTSUPP, EINVAL: a kernel without nftables has no table either. */
	if (failed(e) && (err_errno() == ENOENT || err_errno() == EOPNOTSUPP ||
				 err_errno() == EINVAL || err_errno() == EPROTONOSUPPORT))
		return OK;
	return e;
}
