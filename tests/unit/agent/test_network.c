#include "requests.h"
#include "util.h"

static char *text(const char *s)
{
	return (char *)(uintptr_t)s;
}

static void test_dns(void **state)
{
	(void)state;
	static const char *const good[] = { "", "# comment", "nameserver 10.0.2.3",
		"nameserver fd00::1", "search a.example b.example", "options ndots:5" };
	static const char *const bad[] = { "nameserver", "nameserver host", "nameserver 1.2.3",
		"nameserver 1.1.1.1 x", "bogus 1", "search \x1b[2J", "search \xc3\xa4",
		"nameserver 1.1.1.1\noptions x" };
	char longest[AGENT_DNS_LINE_MAX + 2];

	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_ok(sandbox_check_dns_line(good[i]));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (!failed(sandbox_check_dns_line(bad[i])))
			fail_msg("accepted: %s", bad[i]);
	memset(longest, '#', sizeof(longest));
	longest[AGENT_DNS_LINE_MAX] = '\0';
	assert_ok(sandbox_check_dns_line(longest));
	longest[AGENT_DNS_LINE_MAX] = '#';
	longest[AGENT_DNS_LINE_MAX + 1] = '\0';
	assert_err(sandbox_check_dns_line(longest), ERR_FORMAT);
}

static void test_interface(void **state)
{
	(void)state;
	static const struct {
		const char *name, *mac, *address, *mask;
		uint64_t mtu;
		uint32_t flags;
		bool v6, ok;
	} cases[] = {
		{ "eth0", "02:00:00:00:00:01", "10.0.2.15", "24", 1500, 0, false, true },
		{ "eth0", "02:00:00:00:00:01", "fd00::2", "64", 0, 0x80, true, true },
		{ "lo", "02:00:00:00:00:01", "10.0.2.15", "24", 1500, 0, false, false },
		{ "", "02:00:00:00:00:01", "10.0.2.15", "24", 1500, 0, false, false },
		{ "..", "02:00:00:00:00:01", "10.0.2.15", "24", 1500, 0, false, false },
		{ "a/b", "02:00:00:00:00:01", "10.0.2.15", "24", 1500, 0, false, false },
		{ "e%d", "02:00:00:00:00:01", "10.0.2.15", "24", 1500, 0, false, false },
		{ "0123456789abcdef", "02:00:00:00:00:01", "10.0.2.15", "24", 0, 0, false, false },
		{ "eth0", "00:00:00:00:00:00", "10.0.2.15", "24", 1500, 0, false, false },
		{ "eth0", "02-00-00-00-00-01", "10.0.2.15", "24", 1500, 0, false, false },
		{ "eth0", "02:00:00:00:00:0g", "10.0.2.15", "24", 1500, 0, false, false },
		{ "eth0", "02:00:00:00:00:01", "10.0.2", "24", 1500, 0, false, false },
		{ "eth0", "02:00:00:00:00:01", "fd00::2", "64", 1500, 0, false, false },
		{ "eth0", "02:00:00:00:00:01", "10.0.2.15", "33", 1500, 0, false, false },
		{ "eth0", "02:00:00:00:00:01", "10.0.2.15", "", 1500, 0, false, false },
		{ "eth0", "02:00:00:00:00:01", "10.0.2.15", "24", 70000, 0, false, false },
		{ "eth0", "02:00:00:00:00:01", "10.0.2.15", "24", 60, 0, false, false },
		{ "eth0", "02:00:00:00:00:01", "10.0.2.15", "24", 1500, 0x100, false, false },
	};

	assert_err(network_check_interface(NULL), ERR_FORMAT);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		Types__Interface x = TYPES__INTERFACE__INIT;
		Types__IPAddress ip = TYPES__IPADDRESS__INIT;
		Types__IPAddress *ips[] = { &ip };

		x.name = text(cases[i].name);
		x.hwaddr = text(cases[i].mac);
		x.mtu = cases[i].mtu;
		x.raw_flags = cases[i].flags;
		x.ipaddresses = ips;
		x.n_ipaddresses = 1;
		ip.address = text(cases[i].address);
		ip.mask = text(cases[i].mask);
		ip.family = cases[i].v6 ? TYPES__IPFAMILY__v6 : TYPES__IPFAMILY__v4;
		if (failed(network_check_interface(&x)) == cases[i].ok)
			fail_msg("case %zu", i);
	}
}

static void test_route(void **state)
{
	(void)state;
	static const struct {
		const char *device, *dest, *gateway, *source;
		bool ok;
	} cases[] = {
		{ "eth0", "", "10.0.2.2", "", true },
		{ "eth0", "10.0.0.0/8", "", "10.0.2.15", true },
		{ "lo", "", "10.0.2.2", "", false },
		{ "eth0", "10.0.0.0", "", "", false },
		{ "eth0", "10.0.0.0/33", "", "", false },
		{ "eth0", "10.0.0.0/8/8", "", "", false },
		{ "eth0", "example.com/8", "", "", false },
		{ "eth0", "", "gateway", "", false },
		{ "eth0", "", "", "::1", false },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		Types__Route r = TYPES__ROUTE__INIT;

		r.device = text(cases[i].device);
		r.dest = text(cases[i].dest);
		r.gateway = text(cases[i].gateway);
		r.source = text(cases[i].source);
		if (failed(network_check_route(&r)) == cases[i].ok)
			fail_msg("case %zu", i);
	}
}

static void test_neighbour(void **state)
{
	(void)state;
	Types__ARPNeighbor n = TYPES__ARPNEIGHBOR__INIT;
	Types__IPAddress ip = TYPES__IPADDRESS__INIT;

	n.device = text("eth0");
	n.lladdr = text("02:00:00:00:00:01");
	assert_err(network_check_neighbour(&n), ERR_FORMAT);
	n.toipaddress = &ip;
	assert_err(network_check_neighbour(&n), ERR_FORMAT);
	ip.address = text("10.0.2.2");
	assert_ok(network_check_neighbour(&n));
	n.device = text("lo");
	assert_err(network_check_neighbour(&n), ERR_FORMAT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dns),
		cmocka_unit_test(test_interface),
		cmocka_unit_test(test_route),
		cmocka_unit_test(test_neighbour),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
