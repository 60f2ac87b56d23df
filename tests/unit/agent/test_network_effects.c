/* What the network's requests do, in a network namespace of our own. */
#include "requests.h"
#include "util.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>

#include <base/process.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/netlink.h>

#define MAC_A "02:00:00:0a:00:01"
#define MAC_B "02:00:00:0a:00:02"

static bool ready;

static char *text(const char *s)
{
	return (char *)(uintptr_t)s;
}

static bool ip(const char *commands)
{
	static const char *const argv[] = { "ip", "-batch", "-", NULL };

	return !failed(process_run_ok(argv, bytes_str(commands), NULL));
}

static int set_up(void **state)
{
	(void)state;
	ready = unshare(CLONE_NEWNET) == 0 &&
		ip("link add eth0 address " MAC_A " type veth peer name p0\n"
		   "link add eth1 address " MAC_B " type veth peer name p1\n"
		   "link set p0 up\nlink set p1 up\nlink set lo up\n");
	if (!ready)
		print_message("needs root and virtual interfaces\n");
	return 0;
}

static Types__Interface interface(const char *name, const char *mac)
{
	Types__Interface i = TYPES__INTERFACE__INIT;

	if (!ready)
		skip();
	i.name = i.device = text(name);
	i.hwaddr = text(mac);
	return i;
}

static struct nl_link link_of(const char *mac)
{
	struct nl_link link;

	assert_ok(nl_link_by_mac(mac, &link));
	return link;
}

static bool has_address(int index, const char *cidr)
{
	AUTO(nl_addresses_done) struct nl_addresses list = { 0 };

	assert_ok(nl_address_list(index, &list));
	for (size_t i = 0; i < list.n; i++)
		if (str_equal(list.v[i], cidr))
			return true;
	return false;
}

static void test_addresses(void **state)
{
	(void)state;
	Types__Interface i = interface("eth0", MAC_A);
	Types__IPAddress v4 = TYPES__IPADDRESS__INIT, v6 = TYPES__IPADDRESS__INIT;
	Types__IPAddress *list[] = { &v4, &v6 };
	struct nl_link link;

	v4.address = text("10.7.0.2");
	v4.mask = text("24");
	v6.address = text("fd07::2");
	v6.mask = text("64");
	v6.family = TYPES__IPFAMILY__v6;
	i.ipaddresses = list;
	i.n_ipaddresses = ARRAY_LEN(list);
	i.mtu = 1400;
	assert_ok(effect_interface(&i));
	link = link_of(MAC_A);
	assert_int_equal(link.mtu, 1400);
	assert_true(link.flags & IFF_UP);
	assert_true(has_address(link.index, "10.7.0.2/24"));
	assert_true(has_address(link.index, "fd07::2/64"));
	assert_ok(effect_interface(&i)); /* again is fine */
	i.raw_flags = IFF_NOARP;
	assert_ok(effect_interface(&i));
	assert_true(link_of(MAC_A).flags & IFF_NOARP);
	i.raw_flags = 0;
	assert_ok(effect_interface(&i));
	assert_false(link_of(MAC_A).flags & IFF_NOARP);
}

static void test_ipv6_off(void **state)
{
	(void)state;
	Types__Interface i = interface("eth0", MAC_A);
	Types__IPAddress v6 = TYPES__IPADDRESS__INIT;
	Types__IPAddress *list[] = { &v6 };
	Types__Route r = TYPES__ROUTE__INIT;
	Types__Route *routes[] = { &r };
	Agent__Routes all = { .n_routes = 1, .routes = routes };
	static const char *const off[] = { "sysctl", "-qw", "net.ipv6.conf.eth0.disable_ipv6=1",
		NULL };
	static const char *const on[] = { "sysctl", "-qw", "net.ipv6.conf.eth0.disable_ipv6=0",
		NULL };

	v6.address = text("fd09::2");
	v6.mask = text("64");
	v6.family = TYPES__IPFAMILY__v6;
	i.ipaddresses = list;
	i.n_ipaddresses = 1;
	r.device = text("eth0");
	r.dest = text("fd0a::/64");
	r.family = TYPES__IPFAMILY__v6;
	assert_ok(process_run_ok(off, BYTES_NONE, NULL));
	assert_ok(effect_interface(&i));
	assert_ok(effect_routes(&all));
	assert_false(has_address(link_of(MAC_A).index, "fd09::2/64"));
	assert_ok(process_run_ok(on, BYTES_NONE, NULL));
}

static void test_swap(void **state)
{
	(void)state;
	Types__Interface a = interface("eth1", MAC_A), b = interface("eth0", MAC_B);

	assert_ok(effect_interface(&a));
	assert_string_equal(link_of(MAC_A).name, "eth1");
	assert_string_equal(link_of(MAC_B).name, "eth0");
	assert_ok(effect_interface(&b));
	assert_string_equal(link_of(MAC_A).name, "eth1");
	assert_string_equal(link_of(MAC_B).name, "eth0");
	a.name = text("net1");
	assert_ok(effect_interface(&a));
	assert_string_equal(link_of(MAC_A).name, "net1");
	a.name = text("eth1");
	assert_ok(effect_interface(&a));
	a.name = text("eth0");
	b.name = text("eth1");
	assert_ok(effect_interface(&a));
	assert_ok(effect_interface(&b));
}

static void test_found_by_name(void **state)
{
	(void)state;
	Types__Interface i = interface("eth1", "02:00:00:0a:00:77");

	assert_ok(effect_interface(&i));
	assert_string_equal(link_of("02:00:00:0a:00:77").name, "eth1");
	i.hwaddr = text(MAC_B);
	assert_ok(effect_interface(&i));
	i = interface("eth7", "02:00:00:0a:00:99");
	assert_err(effect_interface(&i), ERR_NOT_FOUND);
	assert_err_text("02:00:00:0a:00:99 or name eth7");
}

static void test_routes(void **state)
{
	(void)state;
	Types__Interface i = interface("eth0", MAC_A);
	Types__IPAddress v4 = TYPES__IPADDRESS__INIT;
	Types__IPAddress *list[] = { &v4 };
	Types__Route r[4];
	Types__Route *routes[] = { &r[0], &r[1], &r[2], &r[3] };
	Agent__Routes all = { .n_routes = ARRAY_LEN(r), .routes = routes };
	AUTO(nl_routes_done) struct nl_routes seen = { 0 };
	size_t found = 0;

	v4.address = text("10.7.0.2");
	v4.mask = text("32"); /* as Calico gives it: the gateway is on no link */
	i.ipaddresses = list;
	i.n_ipaddresses = 1;
	assert_ok(effect_interface(&i));
	for (size_t k = 0; k < ARRAY_LEN(r); k++) {
		types__route__init(&r[k]);
		r[k].device = text("eth0");
	}
	r[0].gateway = text("169.254.1.1"); /* before the route that makes it reachable */
	r[0].mtu = 1300;
	r[1].dest = text("169.254.1.1/32");
	r[1].scope = RT_SCOPE_LINK;
	r[2].dest = text("10.50.0.0/16");
	r[2].gateway = text("10.51.0.1");
	r[2].flags = RTNH_F_ONLINK;
	r[3].dest = text("fd50::/32");
	r[3].family = TYPES__IPFAMILY__v6;
	assert_ok(effect_routes(&all));
	assert_ok(effect_routes(&all)); /* again is fine */
	assert_ok(nl_route_list(&seen));
	for (size_t k = 0; k < seen.n; k++) {
		const struct nl_route *x = &seen.v[k];

		found += str_equal(x->gateway, "169.254.1.1") && x->mtu == 1300;
		found += str_equal(x->dest, "169.254.1.1/32") && x->scope == RT_SCOPE_LINK &&
			 x->protocol == RTPROT_BOOT;
		found += str_equal(x->dest, "10.50.0.0/16") && x->flags == RTNH_F_ONLINK;
		found += str_equal(x->dest, "fd50::/32");
	}
	assert_int_equal(found, ARRAY_LEN(r));
	r[1].device = text("eth9");
	assert_err(effect_routes(&all), ERR_NOT_FOUND);
}

static void test_neighbours(void **state)
{
	(void)state;
	Types__Interface i = interface("eth0", MAC_A);
	Types__ARPNeighbor n[2];
	Types__IPAddress address[2];
	Types__ARPNeighbor *list[] = { &n[0], &n[1] };
	Agent__ARPNeighbors all = { .n_arpneighbors = 2, .arpneighbors = list };
	AUTO(nl_neighbours_done) struct nl_neighbours seen = { 0 };

	assert_ok(effect_interface(&i));
	for (size_t k = 0; k < 2; k++) {
		types__arpneighbor__init(&n[k]);
		types__ipaddress__init(&address[k]);
		n[k].toipaddress = &address[k];
		n[k].device = text("eth0");
		n[k].lladdr = text("ee:ee:ee:ee:ee:ee");
	}
	address[0].address = text("169.254.1.1");
	address[1].address = text("fd07::1");
	address[1].family = TYPES__IPFAMILY__v6;
	assert_ok(effect_neighbours(&all));
	assert_ok(nl_neighbour_list(&seen));
	assert_int_equal(seen.n, 2);
	assert_string_equal(seen.v[0].mac, "ee:ee:ee:ee:ee:ee");
	n[1].device = text("eth9");
	assert_ok(effect_neighbours(&all)); /* no IPv6 there */
	n[0].device = text("eth9");
	assert_err(effect_neighbours(&all), ERR_NOT_FOUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_ipv6_off),
		cmocka_unit_test(test_swap),
		cmocka_unit_test(test_found_by_name),
		cmocka_unit_test(test_routes),
		cmocka_unit_test(test_neighbours),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
