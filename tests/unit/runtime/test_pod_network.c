/* Namespaces as CNI plugins make them, and a machine that is this test reading the tap. */
#include "netns_peers.h"
#include "pod_network_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>

#include <arpa/inet.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <sys/wait.h>

static struct netns_pair pair;

static struct runtime_config config(void)
{
	return (struct runtime_config){ .network = NETWORK_TCFILTER, .network_queues = 1 };
}

static int make_pair(void **state)
{
	(void)state;
	netns_pair_make(&pair);
	return 0;
}

static int remove_pair(void **state)
{
	(void)state;
	netns_pair_remove(&pair);
	return 0;
}

static bool shows(const char *const *argv, const char *text)
{
	AUTO(buf_done) struct buf out = netns_says(pair.pod, argv);

	return strstr(buf_cstr(&out), text) != NULL;
}

static const char *const show_links[] = { "ip", "-d", "link", "show", NULL };
static const char *const show_qdiscs[] = { "tc", "qdisc", "show", NULL };

/* From outside through the veth and the tap, and back. */
static void check_traffic(int tap, const char *from, const char *to)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(7) };
	AUTO(auto_close) int fd = netns_udp(pair.outside_path, from, 7777);
	struct tap_frame f;
	char answer[16] = "";

	assert_int_equal(inet_pton(AF_INET, to, &address.sin_addr), 1);
	assert_int_equal(
		sendto(fd, "hello", 5, 0, (const struct sockaddr *)&address, sizeof(address)), 5);
	tap_read_udp(tap, &f);
	tap_echo(tap, &f);
	const struct timeval patience = { .tv_sec = 5 };
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
	assert_int_equal(recv(fd, answer, sizeof(answer), 0), 5);
	assert_string_equal(answer, "hello");
}

static void test_veth(void **state)
{
	(void)state;
	AUTO(pod_network_freep) struct pod_network *n = NULL;
	struct runtime_config c = config();
	struct vm_config vm = { 0 };
	const struct network_nic *nic;
	size_t found = 7;

	assert_ok(pod_network_attach(pair.pod_path, &c, &n));
	pod_network_nics(n, &vm);
	assert_int_equal(vm.n_nics, 1);
	assert_string_equal(vm.nics[0].mac, "02:00:00:88:00:05");
	assert_int_equal(vm.nics[0].mtu, 1400);
	assert_int_equal(vm.nics[0].n_fds, 1);
	nic = &n->facts.nics[0];
	assert_string_equal(nic->link.name, "eth0");
	assert_string_equal(nic->link.kind, "veth");
	assert_string_equal(nic->tap, "tap0_kata");
	assert_string_equal(nic->addresses[0], "10.88.0.5/24");
	assert_true(nic->n_addresses >= 2); /* of IPv6, also that of the link */
	assert_true(shows(show_links, "tap0_kata: "));
	check_traffic(vm.nics[0].fds[0], "10.88.0.1", "10.88.0.5");
	assert_ok(pod_network_rescan(n, &found));
	assert_int_equal(found, 0);
	pod_network_detach(n);
	assert_false(shows(show_links, "tap0_kata"));
	assert_false(shows(show_qdiscs, "ingress"));
}

static const struct nl_route *find_route(const struct network_facts *f, const char *dest, bool ipv6)
{
	for (size_t i = 0; i < f->n_routes; i++)
		if (str_equal(f->routes[i].dest, dest) && f->routes[i].ipv6 == ipv6)
			return &f->routes[i];
	fail_msg("no route [%s]", dest);
	return NULL;
}

static void test_facts(void **state)
{
	(void)state;
	AUTO(pod_network_freep) struct pod_network *n = NULL;
	struct runtime_config c = config();
	const struct nl_route *r;

	assert_ok(pod_network_attach(pair.pod_path, &c, &n));
	assert_int_equal(n->facts.n_routes, 3);
	r = find_route(&n->facts, "", false);
	assert_string_equal(r->gateway, "10.88.0.1");
	assert_int_equal(r->mtu, 1300);
	r = find_route(&n->facts, "10.99.0.0/16", false);
	assert_string_equal(r->source, "10.88.0.5");
	assert_int_equal(r->scope, RT_SCOPE_LINK);
	assert_string_equal(find_route(&n->facts, "", true)->gateway, "fd88::1");
	assert_int_equal(n->facts.n_neighbours, 1);
	assert_string_equal(n->facts.neighbours[0].ip, "10.88.0.9");
	assert_string_equal(n->facts.neighbours[0].mac, "02:00:00:88:00:09");
}

static void test_taken(void **state)
{
	(void)state;
	AUTO(pod_network_freep) struct pod_network *n = NULL, *second = NULL;
	struct runtime_config c = config();
	struct vm_config vm = { 0 };

	assert_ok(pod_network_attach(pair.pod_path, &c, &n));
	assert_err(pod_network_attach(pair.pod_path, &c, &second), ERR_STATE);
	assert_err_text("another machine has it");
	pod_network_nics(n, &vm);
	check_traffic(vm.nics[0].fds[0], "10.88.0.1", "10.88.0.5");
}

static void attach_and_die(void)
{
	struct runtime_config c = config();
	struct pod_network *n = NULL;

	if (failed(pod_network_attach(pair.pod_path, &c, &n)))
		_exit(1);
	(void)raise(SIGKILL);
}

static void kill_owner(void)
{
	int status = 0;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		attach_and_die();
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
}

static void test_killed(void **state)
{
	(void)state;
	AUTO(pod_network_freep) struct pod_network *n = NULL;
	struct runtime_config c = config();
	struct vm_config vm = { 0 };

	kill_owner();
	assert_false(shows(show_links, "tap0_kata")); /* closed with the owner */
	assert_true(shows(show_qdiscs, "ingress"));
	assert_ok(pod_network_clean(pair.pod_path));
	assert_false(shows(show_qdiscs, "ingress"));
	assert_ok(pod_network_clean(pair.pod_path));
	assert_ok(pod_network_clean("/run/netns/sealpod-never-was"));
	kill_owner();
	/* What is dead is in nobody's way. */
	assert_ok(pod_network_attach(pair.pod_path, &c, &n));
	pod_network_nics(n, &vm);
	check_traffic(vm.nics[0].fds[0], "10.88.0.1", "10.88.0.5");
}

static void test_rescan(void **state)
{
	(void)state;
	AUTO(pod_network_freep) struct pod_network *n = NULL;
	struct runtime_config c = config();
	struct vm_config vm = { 0 };
	size_t found = 0;

	assert_ok(pod_network_attach(pair.pod_path, &c, &n));
	if (!netns_ip(pair.pod, "link add eth1 type veth peer name out1 address 02:00:00:89:00:05\n"
				"address add 10.89.0.5/24 dev out1\nlink set out1 up\n"))
		skip();
	assert_ok(pod_network_rescan(n, &found));
	assert_int_equal(found, 1);
	pod_network_nics(n, &vm);
	assert_int_equal(vm.n_nics, 2);
	assert_string_equal(vm.nics[1].mac, "02:00:00:89:00:05");
	assert_true(shows(show_links, "tap1_kata: "));
	assert_true(netns_ip(pair.pod, "link delete out1\n"));
	check_traffic(vm.nics[0].fds[0], "10.88.0.1", "10.88.0.5");
}

/* A macvlan of an interface outside, as the plugin of that name makes it. */
static void test_macvlan(void **state)
{
	(void)state;
	AUTO(pod_network_freep) struct pod_network *n = NULL;
	struct runtime_config c = config();
	struct vm_config vm = { 0 };
	char commands[512];

	(void)snprintf(commands, sizeof(commands),
		"link add base type veth peer name base1\nlink set base up\nlink set base1 up\n"
		"link add mine link base type macvlan mode bridge\n"
		"address add 10.90.0.1/24 dev mine\nlink set mine up\n"
		"link add link base mac0 address 02:00:00:90:00:05 type macvlan mode bridge\n"
		"link set mac0 netns %s\n"
		"neighbour add 10.90.0.5 lladdr 02:00:00:90:00:05 nud permanent dev mine\n",
		pair.pod);
	if (!netns_ip(pair.outside, commands))
		skip();
	assert_true(netns_ip(pair.pod,
		"link delete eth0\naddress add 10.90.0.5/24 dev mac0\nlink set mac0 up\n"));
	assert_ok(pod_network_attach(pair.pod_path, &c, &n));
	pod_network_nics(n, &vm);
	assert_int_equal(vm.n_nics, 1);
	assert_string_equal(n->facts.nics[0].link.kind, "macvlan");
	check_traffic(vm.nics[0].fds[0], "10.90.0.1", "10.90.0.5");
}

static void test_ipvlan(void **state)
{
	(void)state;
	AUTO(pod_network_freep) struct pod_network *n = NULL;
	struct runtime_config c = config();
	char commands[256];

	(void)snprintf(commands, sizeof(commands),
		"link add base type veth peer name base1\nlink set base up\nlink set base1 up\n"
		"link add link base ipv0 type ipvlan mode l2\nlink set ipv0 netns %s\n",
		pair.pod);
	if (!netns_ip(pair.outside, commands)) {
		print_message("this kernel has no ipvlan\n");
		skip();
	}
	assert_true(netns_ip(pair.pod, "address add 10.91.0.5/24 dev ipv0\nlink set ipv0 up\n"));
	assert_ok(pod_network_attach(pair.pod_path, &c, &n));
	assert_int_equal(n->facts.n_nics, 2);
	assert_string_equal(n->facts.nics[1].link.kind, "ipvlan");
}

static void test_existing_tap(void **state)
{
	(void)state;
	AUTO(pod_network_freep) struct pod_network *n = NULL;
	struct runtime_config c = config();
	struct vm_config vm = { 0 };

	if (!netns_ip(pair.pod, "link delete eth0\ntuntap add mytap mode tap vnet_hdr\n"
				"address add 10.92.0.1/24 dev mytap\nlink set mytap up\n"))
		skip();
	assert_ok(pod_network_attach(pair.pod_path, &c, &n));
	pod_network_nics(n, &vm);
	assert_int_equal(vm.n_nics, 1);
	assert_string_equal(n->facts.nics[0].tap, "mytap");
	assert_false(shows(show_qdiscs, "ingress"));
	pod_network_detach(n);
	assert_true(shows(show_links, "mytap"));
}

/* What kubectl port-forward makes an engine do: 127.0.0.1 in the namespace is the guest. */
static void test_forward(void **state)
{
	(void)state;
	static const uint8_t guest[] = { 10, 88, 0, 5 }, from[] = { 169, 254, 94, 161 };
	static const uint8_t mac[] = { 2, 0, 0, 0x88, 0, 5 };
	static const char *const local[] = { "ip", "route", "show", "table", "local", NULL };
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(8080) };
	AUTO(pod_network_freep) struct pod_network *n = NULL;
	AUTO(auto_close) int fd = netns_tcp(pair.pod_path);
	struct runtime_config c = config();
	struct vm_config vm = { 0 };
	struct tap_frame f;

	assert_ok(pod_network_attach(pair.pod_path, &c, &n));
	if (pod_network_forward_failure(n)[0] != '\0') {
		print_message("%s\n", pod_network_forward_failure(n));
		skip();
	}
	pod_network_nics(n, &vm);
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof(to)), -1);
	assert_int_equal(errno, EINPROGRESS);
	tap_refuse_tcp(vm.nics[0].fds[0], &f);
	assert_memory_equal(f.bytes + 10, mac, sizeof(mac));
	assert_memory_equal(f.bytes + 10 + 14 + 12, from, sizeof(from));
	assert_memory_equal(f.bytes + 10 + 14 + 16, guest, sizeof(guest));
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	assert_int_equal(poll(&p, 1, 5000), 1);
	int error = 0;
	socklen_t size = sizeof(error);
	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size), 0);
	assert_int_equal(error, ECONNREFUSED);
	/* Everything else still goes to the network. */
	check_traffic(vm.nics[0].fds[0], "10.88.0.1", "10.88.0.5");
	assert_false(shows(local, "local 10.88.0.5"));
	pod_network_detach(n);
	assert_true(shows(local, "local 10.88.0.5"));
	kill_owner();
	assert_false(shows(local, "local 10.88.0.5"));
	assert_ok(pod_network_clean(pair.pod_path));
	assert_true(shows(local, "local 10.88.0.5"));
}

static void test_queues_and_rates(void **state)
{
	(void)state;
	AUTO(pod_network_freep) struct pod_network *n = NULL;
	struct runtime_config c = config();
	struct vm_config vm = { 0 };

	c.network_queues = 9;
	c.vcpus = 3;
	c.rx_bytes_per_s = 10 * 1000 * 1000;
	c.tx_bytes_per_s = 6000ull * 1000 * 1000;
	assert_ok(pod_network_attach(pair.pod_path, &c, &n));
	pod_network_nics(n, &vm);
	assert_int_equal(vm.nics[0].n_fds, 3);
	assert_true(shows(show_links, "numqueues 3"));
	assert_true(shows(show_qdiscs, "rate 80Mbit"));
	assert_true(shows(show_qdiscs, "rate 48Gbit"));
	pod_network_detach(n);
	assert_false(shows(show_qdiscs, "tbf"));
}

static void test_none(void **state)
{
	(void)state;
	AUTO(pod_network_freep) struct pod_network *n = NULL;
	struct runtime_config c = config();
	struct vm_config vm = { .n_nics = 9 };
	size_t found = 7;

	assert_ok(pod_network_attach(NULL, &c, &n));
	pod_network_nics(n, &vm);
	assert_int_equal(vm.n_nics, 0);
	assert_ok(pod_network_rescan(n, &found));
	assert_int_equal(found, 0);
	pod_network_freep(&n);
	assert_err(pod_network_attach("/run/netns/sealpod-never-was", &c, &n), ERR_NOT_FOUND);
	assert_err(pod_network_attach("/dev/null", &c, &n), ERR_NOT_FOUND);
	assert_null(n);
	c.network = NETWORK_NONE;
	assert_ok(pod_network_attach("/run/netns/sealpod-never-was", &c, &n));
}

static void test_too_many(void **state)
{
	(void)state;
	AUTO(pod_network_freep) struct pod_network *n = NULL;
	struct runtime_config c = config();
	char commands[512];

	for (unsigned i = 1; i <= VM_NICS_MAX; i++) {
		(void)snprintf(commands, sizeof(commands),
			"link add a%u type veth peer name b%u\naddress add 10.93.%u.5/24 dev a%u\n",
			i, i, i, i);
		if (!netns_ip(pair.pod, commands))
			skip();
	}
	assert_err(pod_network_attach(pair.pod_path, &c, &n), ERR_LIMIT);
	assert_err_text("a machine has at most 8");
	assert_false(shows(show_links, "tap0_kata"));
	/* A bridge is nothing to join; what was joined before it is parted again. */
	assert_true(netns_ip(pair.pod, "link delete a8\nlink delete a7\nlink add br9 type bridge\n"
				       "address add 10.94.0.1/24 dev br9\n"));
	assert_err(pod_network_attach(pair.pod_path, &c, &n), ERR_UNSUPPORTED);
	assert_err_text("interface br9 is a bridge");
	assert_false(shows(show_qdiscs, "ingress"));
}

static void test_classify(void **state)
{
	(void)state;
	static const struct {
		const char *kind, *bus, *mac;
		bool tap, ok;
	} cases[] = {
		{ "veth", "", "02:00:00:00:00:01", false, true },
		{ "macvlan", "", "02:00:00:00:00:01", false, true },
		{ "ipvlan", "", "02:00:00:00:00:01", false, true },
		{ "vlan", "0000:00:03.0", "02:00:00:00:00:01", false, true },
		{ "", "mlx5_core.sf.4", "02:00:00:00:00:01", false, true },
		{ "", "", "02:00:00:00:00:01", false, true },
		{ "", "0000:00:03.0", "02:00:00:00:00:01", false, false },
		{ "", "0000:00:03.g", "02:00:00:00:00:01", false, true },
		{ "tun", "tap", "02:00:00:00:00:01", true, true },
		{ "tun", "tun", "", false, false },
		{ "tun", "tun", "02:00:00:00:00:01", false, false },
		{ "bridge", "N/A", "02:00:00:00:00:01", false, false },
		{ "wireguard", "", "", false, false },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct nl_link link = { .name = "x0", .tap = cases[i].tap };

		(void)snprintf(link.kind, sizeof(link.kind), "%s", cases[i].kind);
		(void)snprintf(link.mac, sizeof(link.mac), "%s", cases[i].mac);
		if (cases[i].ok)
			assert_ok(network_classify(&link, cases[i].bus));
		else
			assert_err(network_classify(&link, cases[i].bus), ERR_UNSUPPORTED);
	}
}

#define IN_PAIR(test) cmocka_unit_test_setup_teardown(test, make_pair, remove_pair)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_PAIR(test_veth),
		IN_PAIR(test_facts),
		IN_PAIR(test_taken),
		IN_PAIR(test_killed),
		IN_PAIR(test_rescan),
		IN_PAIR(test_macvlan),
		IN_PAIR(test_ipvlan),
		IN_PAIR(test_existing_tap),
		IN_PAIR(test_forward),
		IN_PAIR(test_queues_and_rates),
		IN_PAIR(test_too_many),
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_classify),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
