/* What the guest is told of a network that was found, by an agent of our own ttrpc server. */
#include "pod_network_parts.h"
#include "util.h"

#include <agent.pb-c.h>
#include <stdio.h>

#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/pb.h>
#include <sys/socket.h>

struct fake {
	struct loop *loop;
	struct ttrpc_server *server;
	struct agent_client *client;
	struct buf seen;
	unsigned late;	       /* interface calls that fail before the device is there */
	enum err_code failure; /* with which */
};

static void answer(struct fake *f, struct ttrpc_call *call)
{
	if (f->late == 0) {
		ttrpc_answer(call, BYTES_NONE);
		return;
	}
	f->late--;
	ttrpc_fail(call, f->failure == ERR_DENIED ? err_deny(ERR_DENIED, "sandbox.network-fixed",
							    "interface", NULL, NULL)
						  : err_new(f->failure, "no network interface"));
}

static void on_interface(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	AUTO(pb_freep) ProtobufCMessage *m = NULL;
	struct fake *f = arg;

	assert_ok(pb_unpack(&agent__update_interface_request__descriptor, payload, &m));
	const Types__Interface *i =
		((const Agent__UpdateInterfaceRequest *)(const void *)m)->interface;
	buf_printf(&f->seen, "%s %s %s %llu %x", i->name, i->hwaddr, i->type,
		(unsigned long long)i->mtu, i->raw_flags);
	for (size_t k = 0; k < i->n_ipaddresses; k++)
		buf_printf(&f->seen, " %s/%s.%d", i->ipaddresses[k]->address,
			i->ipaddresses[k]->mask, (int)i->ipaddresses[k]->family);
	buf_puts(&f->seen, "\n");
	answer(f, call);
}

static void on_routes(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	AUTO(pb_freep) ProtobufCMessage *m = NULL;
	struct fake *f = arg;

	assert_ok(pb_unpack(&agent__update_routes_request__descriptor, payload, &m));
	const Agent__Routes *all = ((const Agent__UpdateRoutesRequest *)(const void *)m)->routes;
	for (size_t k = 0; k < all->n_routes; k++) {
		const Types__Route *r = all->routes[k];

		buf_printf(&f->seen, "[%s] %s %s %s %u %d %u %u\n", r->dest, r->gateway, r->device,
			r->source, r->scope, (int)r->family, r->flags, r->mtu);
	}
	answer(f, call);
}

static void on_neighbours(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	AUTO(pb_freep) ProtobufCMessage *m = NULL;
	struct fake *f = arg;

	assert_ok(pb_unpack(&agent__add_arpneighbors_request__descriptor, payload, &m));
	const Agent__ARPNeighbors *all =
		((const Agent__AddARPNeighborsRequest *)(const void *)m)->neighbors;
	for (size_t k = 0; k < all->n_arpneighbors; k++) {
		const Types__ARPNeighbor *n = all->arpneighbors[k];

		buf_printf(&f->seen, "%s.%d %s %s %x\n", n->toipaddress->address,
			(int)n->toipaddress->family, n->device, n->lladdr, (unsigned)n->state);
	}
	answer(f, call);
}

static void start(struct fake *f)
{
	static const struct ttrpc_method methods[] = {
		{ "grpc.AgentService", "UpdateInterface", on_interface },
		{ "grpc.AgentService", "UpdateRoutes", on_routes },
		{ "grpc.AgentService", "AddARPNeighbors", on_neighbours },
	};
	const struct ttrpc_server_config c = {
		.methods = methods, .n_methods = ARRAY_LEN(methods), .arg = f
	};
	int pair[2];

	*f = (struct fake){ .seen = BUF_INIT(1 << 16) };
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	assert_ok(loop_new(&f->loop));
	assert_ok(ttrpc_server_new(f->loop, &c, &f->server));
	assert_ok(ttrpc_server_add(f->server, pair[0], false));
	const struct agent_client_config client = { .loop = f->loop, .fd = pair[1] };
	assert_ok(agent_client_new(&client, &f->client));
}

static void stop(struct fake *f)
{
	agent_client_freep(&f->client);
	ttrpc_server_freep(&f->server);
	loop_freep(&f->loop);
	buf_done(&f->seen);
}

static void fill(struct network_facts *f)
{
	*f = (struct network_facts){ .n_nics = 2, .n_routes = 3, .n_neighbours = 1 };
	f->nics[0] = (struct network_nic){
		.link = { 3, "eth0", "02:00:00:00:00:01", 1450, IFF_UP, "veth", false },
		.addresses = { "10.0.0.2/24", "fd00::2/64" },
		.n_addresses = 2,
		.tap_mac = "02:00:00:00:00:aa",
	};
	f->nics[1] = (struct network_nic){
		.link = { 5, "net1", "02:00:00:00:00:02", 9000, IFF_UP | IFF_NOARP, "macvlan",
			false },
		.addresses = { "10.1.0.2/32" },
		.n_addresses = 1,
	};
	f->routes[0] = (struct nl_route){ .gateway = "10.0.0.1", .index = 3, .mtu = 1300 };
	f->routes[1] =
		(struct nl_route){ .dest = "10.1.0.1/32", .index = 5, .scope = RT_SCOPE_LINK };
	f->routes[2] = (struct nl_route){ .dest = "fd01::/64",
		.gateway = "fd00::1",
		.source = "fd00::2",
		.index = 3,
		.ipv6 = true,
		.flags = RTNH_F_ONLINK };
	f->neighbours[0] = (struct nl_neighbour){ 5, "10.1.0.1", "ee:ee:ee:ee:ee:ee" };
}

static void test_tell(void **state)
{
	(void)state;
	static const char plain[] =
		"eth0 02:00:00:00:00:01 veth 1450 0 10.0.0.2/24.0 fd00::2/64.1\n"
		"net1 02:00:00:00:00:02 macvlan 9000 80 10.1.0.2/32.0\n"
		"[] 10.0.0.1 eth0  0 0 0 1300\n"
		"[10.1.0.1/32]  net1  253 0 0 0\n"
		"[fd01::/64] fd00::1 eth0 fd00::2 0 1 4 0\n"
		"10.1.0.1.0 net1 ee:ee:ee:ee:ee:ee 80\n";
	static const char forward[] = "[169.254.94.161/32]  eth0  253 0 0 0\n"
				      "10.1.0.1.0 net1 ee:ee:ee:ee:ee:ee 80\n"
				      "169.254.94.161.0 eth0 02:00:00:00:00:aa 80\n";
	struct pod_network n = { 0 };
	struct fake f;

	start(&f);
	fill(&n.facts);
	assert_ok(pod_network_tell(&n, f.client));
	assert_string_equal(buf_cstr(&f.seen), plain);
	buf_clear(&f.seen);
	(void)snprintf(n.facts.forward_ip, sizeof(n.facts.forward_ip), "10.0.0.2");
	assert_ok(pod_network_tell(&n, f.client));
	assert_true(str_ends(buf_cstr(&f.seen), forward));
	buf_clear(&f.seen);
	n.facts = (struct network_facts){ 0 };
	assert_ok(pod_network_tell(&n, f.client)); /* nothing to say, nothing said */
	assert_int_equal(f.seen.n, 0);
	stop(&f);
}

/* A device that the guest's driver has not found yet is asked for again; a refusal is not. */
static void test_late(void **state)
{
	(void)state;
	struct pod_network n = { 0 };
	struct fake f;

	start(&f);
	fill(&n.facts);
	n.facts.n_nics = 1;
	f.late = 2;
	f.failure = ERR_NOT_FOUND;
	assert_ok(pod_network_tell(&n, f.client));
	f.late = 1;
	f.failure = ERR_DENIED;
	assert_err(pod_network_tell(&n, f.client), ERR_DENIED);
	assert_err_text("interface eth0 in the guest");
	f.late = 100;
	f.failure = ERR_NOT_FOUND;
	assert_err(pod_network_tell(&n, f.client), ERR_NOT_FOUND);
	assert_int_equal(f.late, 90);
	stop(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tell),
		cmocka_unit_test(test_late),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
