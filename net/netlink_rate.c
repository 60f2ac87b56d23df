#include "netlink_socket.h"

#include <errno.h>

#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <net/traffic.h>

enum {
	OURS = 0x5ea10000, /* handle, by which ours is recognised */
	BURST_PARTS = 20,  /* of a second may leave at once ... */
	BURST_MIN = 64 * 1024,
	BURST_MAX = 64 * 1024 * 1024,
	QUEUE_PARTS = 10 /* ... and wait */
};

static struct tcmsg *begin(
	struct nl_request *r, uint16_t type, uint16_t flags, int index, struct nlmsghdr **ret_h)
{
	struct nlmsghdr *h = nl_begin(r, type, flags);
	struct tcmsg *m = nl_fixed_part(h, sizeof(*m));

	m->tcm_family = AF_UNSPEC;
	m->tcm_ifindex = index;
	m->tcm_parent = TC_H_ROOT;
	m->tcm_handle = OURS;
	*ret_h = h;
	return m;
}

static uint32_t part(uint64_t bytes_per_s, uint64_t parts)
{
	uint64_t n = bytes_per_s / parts;

	if (n < BURST_MIN)
		return BURST_MIN;
	return n > BURST_MAX ? BURST_MAX : (uint32_t)n;
}

static void put_bucket(struct nlmsghdr *h, uint64_t rate)
{
	uint32_t burst = part(rate, BURST_PARTS);
	struct tc_tbf_qopt bucket = {
		/* With a link layer the kernel computes times by itself, without a table. */
		.rate = { .linklayer = TC_LINKLAYER_ETHERNET,
			.rate = rate > UINT32_MAX ? UINT32_MAX : (uint32_t)rate },
		.limit = burst + part(rate, QUEUE_PARTS),
		.buffer = burst,
	};
	struct nlattr *options = mnl_attr_nest_start(h, TCA_OPTIONS);

	mnl_attr_put(h, TCA_TBF_PARMS, sizeof(bucket), &bucket);
	mnl_attr_put_u32(h, TCA_TBF_BURST, burst);
	if (rate > UINT32_MAX)
		mnl_attr_put_u64(h, TCA_TBF_RATE64, rate);
	mnl_attr_nest_end(h, options);
}

struct root {
	int index;
	uint32_t handle;
};

static struct err see_root(const struct nlmsghdr *h, void *arg)
{
	const struct tcmsg *m = mnl_nlmsg_get_payload(h);
	struct root *r = arg;

	if (h->nlmsg_type == RTM_NEWQDISC && m->tcm_ifindex == r->index &&
		m->tcm_parent == TC_H_ROOT)
		r->handle = m->tcm_handle;
	return OK;
}

/* 0: what the kernel gives every interface. */
static RESULT find_root(int index, uint32_t *ret_handle)
{
	struct root root = { .index = index };
	struct nl_request r;
	struct nlmsghdr *h;

	(void)begin(&r, RTM_GETQDISC, NLM_F_DUMP, index, &h);
	TRY(nl_exchange(h, see_root, &root));
	*ret_handle = root.handle;
	return OK;
}

RESULT nl_rate_set(int index, uint64_t bytes_per_s)
{
	struct nl_request r;
	struct nlmsghdr *h;
	uint32_t handle = 0;
	struct err e;

	TRY(find_root(index, &handle));
	if (bytes_per_s == 0)
		return handle == OURS ? nl_rate_remove(index) : OK;
	if (handle != 0 && handle != OURS)
		return err_new(ERR_STATE, "interface %d has a queueing discipline already", index);
	(void)begin(&r, RTM_NEWQDISC, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE, index, &h);
	mnl_attr_put_strz(h, TCA_KIND, "tbf");
	put_bucket(h, bytes_per_s);
	e = nl_exchange(h, NULL, NULL);
	if (failed(e) && err_errno() == ENOENT)
		return err_new(ERR_UNSUPPORTED, "this kernel limits no rates: load sch_tbf");
	return failed(e) ? err_add(e, "rate of interface %d", index) : OK;
}

RESULT nl_rate_remove(int index)
{
	struct nl_request r;
	struct nlmsghdr *h;
	uint32_t handle = 0;

	TRY(find_root(index, &handle));
	if (handle != OURS)
		return OK;
	(void)begin(&r, RTM_DELQDISC, NLM_F_ACK, index, &h);
	return nl_exchange(h, NULL, NULL);
}
