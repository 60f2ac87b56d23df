#include "netlink_address.h"
#include "netlink_socket.h"
#include "util.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>

#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/netlink.h>
#include <sys/socket.h>

#define MAC "02:00:00:0a:0b:0c"

static void test_addresses(void **state)
{
	(void)state;
	static const char *const bad_cidr[] = { "", "10.0.2.15", "10.0.2.15/", "10.0.2.15/33",
		"10.0.2/24", "10.0.2.15/2x", "10.0.2.15/-1", "10.0.2.15/99999999999", "fd00::1/129",
		"/24", "10.0.2.15/24/8",
		"0000000000000000000000000000000000000000000000000000000000000000:/1" };
	static const char *const bad_mac[] = { "", "02:00:00:00:00", "02:00:00:00:00:0",
		"02-00-00-00-00-00", "0g:00:00:00:00:00", "02:00:00:00:00:000" };
	struct ip_address a;
	uint8_t mac[6];
	char text[64];

	assert_ok(cidr_parse("10.0.2.15/24", &a));
	assert_int_equal(a.family, AF_INET);
	assert_int_equal(a.prefix, 24);
	ip_format(a.family, bytes_of(a.bytes, a.n), text, sizeof(text));
	assert_string_equal(text, "10.0.2.15");
	assert_ok(cidr_parse("fd00::2/128", &a));
	assert_int_equal(a.prefix, 128);
	assert_ok(cidr_parse("0.0.0.0/0", &a));
	ip_format(AF_INET, bytes_of(a.bytes, 3), text, sizeof(text));
	assert_string_equal(text, "");
	assert_ok(mac_parse(MAC, mac));
	assert_int_equal(mac[5], 0x0c);
	for (size_t i = 0; i < ARRAY_LEN(bad_cidr); i++)
		assert_err(cidr_parse(bad_cidr[i], &a), ERR_FORMAT);
	for (size_t i = 0; i < ARRAY_LEN(bad_mac); i++)
		assert_err(mac_parse(bad_mac[i], mac), ERR_FORMAT);
}

/* An interface in a network namespace of our own. */
static int set_up(void **state)
{
	struct nl_request r;
	struct nlmsghdr *h;
	struct nlattr *info;
	uint8_t mac[6];

	(void)state;
	if (unshare(CLONE_NEWNET) != 0)
		return errno == EPERM ? 0 : -1;
	assert_ok(mac_parse(MAC, mac));
	h = nl_begin(&r, RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL);
	(void)nl_fixed_part(h, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(h, IFLA_IFNAME, "test7");
	mnl_attr_put(h, IFLA_ADDRESS, sizeof(mac), mac);
	info = mnl_attr_nest_start(h, IFLA_LINKINFO);
	mnl_attr_put_str(h, IFLA_INFO_KIND, "veth");
	mnl_attr_nest_end(h, info);
	/* A kernel without virtual interfaces skips the tests that need one. */
	err_ignore(nl_exchange(h, NULL, NULL));
	return 0;
}

static struct nl_link need_link(void)
{
	struct nl_link link = { 0 };

	if (failed(nl_link_by_mac(MAC, &link)))
		skip();
	return link;
}

static void test_links(void **state)
{
	(void)state;
	struct nl_link link = need_link(), again;
	AUTO(nl_links_done) struct nl_links links = { 0 };

	assert_string_equal(link.mac, MAC);
	assert_int_equal(link.flags & IFF_UP, 0);
	assert_ok(nl_link_rename(link.index, "eth0"));
	assert_ok(nl_link_set_mtu(link.index, 1400));
	assert_ok(nl_link_set_up(link.index, true));
	assert_ok(nl_link_by_name("eth0", &again));
	assert_int_equal(again.index, link.index);
	assert_int_equal(again.mtu, 1400);
	assert_int_not_equal(again.flags & IFF_UP, 0);
	assert_ok(nl_link_by_mac("02:00:00:0A:0B:0C", &again));
	assert_ok(nl_link_list(&links));
	assert_true(links.n >= 2);
	assert_err(nl_link_by_name("eth9", &again), ERR_NOT_FOUND);
	assert_err(nl_link_by_mac("02:00:00:00:00:99", &again), ERR_NOT_FOUND);
	assert_err(nl_link_rename(link.index, "a-name-too-long-for-it"), ERR_FORMAT);
	assert_err(nl_link_rename(link.index, ""), ERR_FORMAT);
	assert_err(nl_link_set_up(99, true), ERR_SYS);
	assert_err_text("interface 99 up: ");
}

static bool has_address(int index, const char *cidr)
{
	AUTO(nl_addresses_done) struct nl_addresses list = { 0 };

	assert_ok(nl_address_list(index, &list));
	for (size_t i = 0; i < list.n; i++) {
		if (strcmp(list.v[i], cidr) == 0)
			return true;
	}
	return false;
}

static void test_address_list(void **state)
{
	(void)state;
	struct nl_link link = need_link();

	assert_ok(nl_address_add(link.index, "10.0.2.15/24"));
	assert_ok(nl_address_add(link.index, "10.0.2.15/24")); /* again is fine */
	assert_true(has_address(link.index, "10.0.2.15/24"));
	if (!failed(nl_address_add(link.index, "fd00::2/64")))
		assert_true(has_address(link.index, "fd00::2/64"));
	assert_false(has_address(1, "10.0.2.15/24"));
	assert_err(nl_address_add(99, "10.0.2.15/24"), ERR_SYS);
	assert_err(nl_address_add(link.index, "10.0.2.15"), ERR_FORMAT);
}

static const struct nl_route *find_route(const struct nl_routes *list, const char *dest)
{
	for (size_t i = 0; i < list->n; i++) {
		if (strcmp(list->v[i].dest, dest) == 0 && !list->v[i].ipv6)
			return &list->v[i];
	}
	return NULL;
}

static void test_routes(void **state)
{
	(void)state;
	struct nl_link link = need_link();
	struct nl_route route = { .gateway = "10.0.2.2", .index = link.index };
	struct nl_route host = { .dest = "192.0.2.77/24", .index = link.index };
	AUTO(nl_routes_done) struct nl_routes list = { 0 };
	const struct nl_route *found;

	assert_ok(nl_address_add(link.index, "10.0.2.15/24"));
	assert_ok(nl_link_set_up(link.index, true));
	assert_ok(nl_route_add(&route));
	assert_ok(nl_route_add(&route)); /* again is fine */
	assert_ok(nl_route_add(&host));
	assert_ok(nl_route_list(&list));
	found = find_route(&list, "");
	assert_non_null(found);
	assert_string_equal(found->gateway, "10.0.2.2");
	assert_int_equal(found->index, link.index);
	found = find_route(&list, "192.0.2.0/24");
	assert_non_null(found);
	assert_string_equal(found->gateway, "");
}

static void test_bad_routes(void **state)
{
	(void)state;
	static const struct nl_route bad[] = {
		{ .dest = "10.0.0.0" },
		{ .dest = "fd00::/64" },
		{ .dest = "10.0.0.0/8", .ipv6 = true },
		{ .gateway = "x" },
		{ .gateway = "fd00::1" },
		{ .gateway = "10.0.2.2", .source = "fd00::1" },
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_err(nl_route_add(&bad[i]), ERR_FORMAT);
}

static void test_neighbours(void **state)
{
	(void)state;
	struct nl_link link = need_link();

	assert_ok(nl_link_set_up(link.index, true));
	assert_ok(nl_neighbour_add(link.index, "10.0.2.2", "52:55:0a:00:02:02"));
	assert_ok(nl_neighbour_add(link.index, "10.0.2.2", "52:55:0a:00:02:03"));
	assert_err(nl_neighbour_add(link.index, "10.0.2.2", "x"), ERR_FORMAT);
	assert_err(nl_neighbour_add(link.index, "x", MAC), ERR_FORMAT);
	assert_err(nl_neighbour_add(99, "10.0.2.2", MAC), ERR_SYS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_links),
		cmocka_unit_test(test_address_list),
		cmocka_unit_test(test_routes),
		cmocka_unit_test(test_bad_routes),
		cmocka_unit_test(test_neighbours),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
