#include "netlink_socket.h"

#include <errno.h>
#include <time.h>

#include <base/auto.h>
#include <linux/rtnetlink.h>

enum {
	RECEIVE_SIZE = 32 * 1024
};

static void auto_socket(struct mnl_socket **s)
{
	if (*s)
		(void)mnl_socket_close(*s);
}

struct nlmsghdr *nl_begin(struct nl_request *r, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(r->bytes);

	h->nlmsg_type = type;
	h->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	h->nlmsg_seq = (uint32_t)time(NULL);
	return h;
}

void *nl_fixed_part(struct nlmsghdr *h, size_t n)
{
	return mnl_nlmsg_put_extra_header(h, n);
}

struct dump {
	nl_message_fn *fn;
	void *arg;
	struct err e;
};

static int on_message(const struct nlmsghdr *h, void *arg)
{
	struct dump *d = arg;

	if (!d->fn)
		return MNL_CB_OK;
	d->e = d->fn(h, d->arg);
	return failed(d->e) ? MNL_CB_ERROR : MNL_CB_OK;
}

static RESULT read_answers(
	const struct mnl_socket *s, const struct nlmsghdr *request, struct dump *d)
{
	static const size_t size = RECEIVE_SIZE;
	AUTO(auto_free) uint8_t *in = malloc(size);
	int more = MNL_CB_OK;

	if (!in)
		return err_new(ERR_NOMEM, "netlink");
	while (more > MNL_CB_STOP) {
		ssize_t n = mnl_socket_recvfrom(s, in, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_new(ERR_SYS, "netlink");
		more = mnl_cb_run(
			in, (size_t)n, request->nlmsg_seq, mnl_socket_get_portid(s), on_message, d);
	}
	if (failed(d->e))
		return d->e;
	return more < 0 ? err_new(ERR_SYS, "netlink") : OK;
}

RESULT nl_exchange(struct nlmsghdr *h, nl_message_fn *fn, void *arg)
{
	AUTO(auto_socket) struct mnl_socket *s = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	struct dump d = { .fn = fn, .arg = arg, .e = OK };

	if (!s || mnl_socket_bind(s, 0, MNL_SOCKET_AUTOPID) < 0)
		return err_new(ERR_SYS, "netlink socket");
	if (mnl_socket_sendto(s, h, h->nlmsg_len) < 0)
		return err_new(ERR_SYS, "netlink");
	return read_answers(s, h, &d);
}

struct wanted {
	uint16_t type;
	const struct nlattr *found;
};

static int match(const struct nlattr *a, void *arg)
{
	struct wanted *w = arg;

	if (mnl_attr_get_type(a) != w->type)
		return MNL_CB_OK;
	w->found = a;
	return MNL_CB_STOP;
}

const struct nlattr *nl_attribute(const struct nlmsghdr *h, size_t fixed_part, uint16_t type)
{
	struct wanted w = { .type = type };

	(void)mnl_attr_parse(h, (unsigned)fixed_part, match, &w);
	return w.found;
}

const struct nlattr *nl_nested(const struct nlattr *nest, uint16_t type)
{
	struct wanted w = { .type = type };

	if (nest)
		(void)mnl_attr_parse_nested(nest, match, &w);
	return w.found;
}

uint32_t nl_u32(const struct nlattr *a)
{
	return a && mnl_attr_validate(a, MNL_TYPE_U32) == 0 ? mnl_attr_get_u32(a) : 0;
}

void nl_put_address(struct nlmsghdr *h, uint16_t type, const struct ip_address *a)
{
	mnl_attr_put(h, type, a->n, a->bytes);
}
