/* Devices and limits of containers in the open world: numbers of another machine, rules, sets. */
#include "open.h"
#include "util.h"

#include <base/file.h>
#include <base/json.h>
#include <sys/sysmacros.h>

static char *text(const char *s)
{
	return (char *)(uintptr_t)s;
}

enum {
	RULES_MAX = 8
};

/* Linux with the given devices and rules; rules are on the heap, because some are taken away. */
struct lists {
	Oci__Linux l;
	Oci__LinuxResources r;
	Oci__LinuxDevice device[2], *devices[2];
	Oci__LinuxDeviceCgroup *rules[RULES_MAX];
};

static void lists_init(struct lists *s)
{
	oci__linux__init(&s->l);
	oci__linux_resources__init(&s->r);
	s->l.resources = &s->r;
	s->l.devices = s->devices;
	s->r.devices = s->rules;
}

static void add_device(
	struct lists *s, const char *path, const char *type, int64_t major, int64_t minor)
{
	Oci__LinuxDevice *d = &s->device[s->l.n_devices];

	oci__linux_device__init(d);
	d->path = text(path);
	d->type = text(type);
	d->major = major;
	d->minor = minor;
	s->devices[s->l.n_devices++] = d;
}

static void add_rule(struct lists *s, bool allow, const char *type, int64_t major, int64_t minor,
	const char *access)
{
	Oci__LinuxDeviceCgroup *d = calloc(1, sizeof(*d));

	assert_non_null(d);
	oci__linux_device_cgroup__init(d);
	d->allow = allow;
	assert_ok(str_dup(type, &d->type));
	assert_ok(str_dup(access, &d->access));
	d->major = major;
	d->minor = minor;
	assert_true(s->r.n_devices < RULES_MAX);
	s->rules[s->r.n_devices++] = d;
}

static void lists_done(struct lists *s)
{
	for (size_t i = 0; i < s->r.n_devices; i++)
		oci__linux_device_cgroup__free_unpacked(s->rules[i], NULL);
}

static void expect_rules(const struct lists *s, const char *want)
{
	AUTO(buf_done) struct buf out = BUF_INIT(4096);
	struct json_writer w = jw_of(&out);

	jw_object(&w);
	spec_open_put_device_rules(&w, &s->l);
	jw_object_end(&w);
	assert_string_equal(buf_cstr(&out), want);
}

#define RULES(list)  "{\"devices\":[{\"allow\":false,\"type\":\"a\",\"access\":\"rwm\"}" list "]}"
#define ALLOW(type)  ",{\"allow\":true,\"type\":\"" type "\""
#define AT(maj, min) ",\"major\":" #maj ",\"minor\":" #min

static void test_given_device(void **state)
{
	(void)state;
	AUTO(device_map_done) struct device_map m = { 0 };
	struct lists s = { 0 };

	lists_init(&s);
	add_device(&s, "/dev/null", "c", 200, 201);
	add_device(&s, "/dev/disk", "b", 8, 0);
	const struct device_found found = { &s.device[1], makedev(254, 16) };

	assert_ok(device_map_make(&s.l, &found, 1, &m));
	assert_int_equal(s.device[0].major, 1);
	assert_int_equal(s.device[0].minor, 3);
	assert_int_equal(s.device[1].major, 254);
	assert_int_equal(s.device[1].minor, 16);
	/* Runtimes that send no rules leave them to the agent. */
	expect_rules(&s, RULES(ALLOW("c") AT(1, 3) ",\"access\":\"rwm\"}" ALLOW("b")
					 AT(254, 16) ",\"access\":\"rwm\"}"));
}

static void test_rules(void **state)
{
	(void)state;
	AUTO(device_map_done) struct device_map m = { 0 };
	struct lists s = { 0 };

	lists_init(&s);
	add_device(&s, "/dev/null", "c", 200, 201);
	add_device(&s, "/dev/absent", "b", 8, 0);
	add_rule(&s, false, "", -1, -1, "rwm");
	add_rule(&s, true, "c", 200, 201, "r");	 /* given: by its number here */
	add_rule(&s, true, "c", 200, 202, "rw"); /* a static driver */
	add_rule(&s, true, "c", 136, -1, "rwm");
	add_rule(&s, true, "c", 240, 1, "rwm"); /* whatever driver had that number there */
	add_rule(&s, true, "b", 8, 16, "rwm");	/* a disk of the host */
	add_rule(&s, false, "b", 8, 16, "");
	const struct device_found found = { &s.device[1], makedev(254, 16) };

	assert_ok(device_map_make(&s.l, &found, 1, &m));
	device_map_apply(&m, true, &s.r);
	expect_rules(&s, RULES(ALLOW("b") AT(254,
				 16) ",\"access\":\"rwm\"}"
				     ",{\"allow\":false,\"type\":\"a\",\"access\":\"rwm\"}" ALLOW(
					     "c") AT(1, 3) ",\"access\":\"r\"}" ALLOW("c")
					     AT(200, 202) ",\"access\":\"rw\"}" ALLOW(
						     "c") ",\"major\":136,\"access\":\"rwm\"}"
							  ",{\"allow\":false,\"type\":\"b\"" AT(
								  8, 16) ",\"access\":\"rwm\"}"));
	lists_done(&s);
}

/* Two devices that stand where the other one stood: each is moved once. */
static void test_swapped(void **state)
{
	(void)state;
	AUTO(device_map_done) struct device_map m = { 0 };
	struct lists s = { 0 };

	lists_init(&s);
	add_device(&s, "/dev/a", "b", 8, 0);
	add_device(&s, "/dev/b", "b", 8, 16);
	add_rule(&s, true, "b", 8, 0, "r");
	add_rule(&s, true, "b", 8, 16, "w");
	const struct device_found found[] = { { &s.device[0], makedev(8, 16) },
		{ &s.device[1], makedev(8, 0) } };

	assert_ok(device_map_make(&s.l, found, 2, &m));
	device_map_apply(&m, true, &s.r);
	assert_int_equal(s.rules[0]->minor, 16);
	assert_int_equal(s.rules[1]->minor, 0);
	lists_done(&s);
}

/* On a plain host the numbers are right as they are. */
static void test_plain_host(void **state)
{
	(void)state;
	const struct device_map none = { 0 };
	struct lists s = { 0 };

	lists_init(&s);
	add_rule(&s, true, "b", 8, 16, "rwm");
	device_map_apply(&none, false, &s.r);
	assert_int_equal(s.r.n_devices, 1);
	device_map_apply(&none, true, &s.r);
	assert_int_equal(s.r.n_devices, 0);
	device_map_apply(&none, true, NULL);
}

static void test_bad_rules(void **state)
{
	(void)state;
	static const struct {
		const char *type, *access;
		bool ok;
	} rows[] = {
		{ "", "", true },
		{ "a", "rwm", true },
		{ "c", "m", true },
		{ "x", "r", false },
		{ "cc", "r", false },
		{ "b", "rx", false },
		{ "b", "rwmr", false },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct lists s = { 0 };

		lists_init(&s);
		add_rule(&s, true, rows[i].type, 1, 3, rows[i].access);
		if (rows[i].ok)
			assert_ok(spec_open_check_device_rules(&s.r));
		else
			assert_err(spec_open_check_device_rules(&s.r), ERR_FORMAT);
		lists_done(&s);
	}
}

/* ---- limits ---- */

static void test_sets(void **state)
{
	(void)state;
	static const struct {
		const char *asked, *here;
		bool within;
	} rows[] = {
		{ "0", "0-1\n", true },
		{ "0-1", "0-1\n", true },
		{ "1,0", "0,1\n", true },
		{ "2", "0-1\n", false },
		{ "0-2", "0-1\n", false },
		{ "0-8191", "0-8191", true },
		{ "8192", "0-8192", false },
		{ "1-0", "0-1", false },
		{ "0,", "0", true },
		{ "x", "0", false },
		{ "0-", "0", false },
		{ "-1", "0", false },
		{ "99999999999999999999", "0", false },
		{ "0", "", false },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (limits_set_within(rows[i].asked, rows[i].here) != rows[i].within)
			fail_msg("%s in %s", rows[i].asked, rows[i].here);
}

static void touch(const char *name, const char *content)
{
	char path[512];

	(void)snprintf(path, sizeof(path), "%s/%s", test_dir(), name);
	assert_ok(file_write_atomic(path, bytes_str(content), 0644));
}

static void expect_limits(const struct agent *a, const Oci__LinuxResources *r, const char *want)
{
	AUTO(buf_done) struct buf out = BUF_INIT(4096);
	struct json_writer w = jw_of(&out);

	jw_object(&w);
	spec_open_put_limits(&w, a, r);
	jw_object_end(&w);
	assert_string_equal(buf_cstr(&out), want);
}

/* What the kernel has no file for is left out, and the rest gets across. */
static void test_limits(void **state)
{
	(void)state;
	struct agent a = { .set = { .cgroup_dir = test_dir() } };
	Oci__LinuxResources r = OCI__LINUX_RESOURCES__INIT;
	Oci__LinuxMemory memory = OCI__LINUX_MEMORY__INIT;
	Oci__LinuxCPU cpu = OCI__LINUX_CPU__INIT;
	Oci__LinuxBlockIO io = OCI__LINUX_BLOCK_IO__INIT;
	Oci__LinuxThrottleDevice t = OCI__LINUX_THROTTLE_DEVICE__INIT, *throttles[] = { &t };
	Oci__LinuxHugepageLimit h = OCI__LINUX_HUGEPAGE_LIMIT__INIT, *pages[] = { &h };

	r.memory = &memory;
	memory.limit = 4096;
	memory.swap = 8192;
	memory.swappiness = 10; /* no such thing in cgroup v2, as kernel and kernelTCP */
	r.cpu = &cpu;
	cpu.cpus = text("0");
	cpu.mems = text("7");
	r.blockio = &io;
	io.weight = 50;
	io.throttlewriteiopsdevice = throttles;
	io.n_throttlewriteiopsdevice = 1;
	t.major = 254;
	t.rate = 9;
	r.hugepagelimits = pages;
	r.n_hugepagelimits = 1;
	h.pagesize = text("2MB");
	h.limit = 4;
	expect_limits(&a, &r,
		"{\"memory\":{\"limit\":4096},\"cpu\":{},\"blockIO\":{},"
		"\"hugepageLimits\":[]}");
	touch("memory.swap.max", "max\n");
	touch("cpuset.cpus.effective", "0-1\n");
	touch("cpuset.mems.effective", "0\n");
	touch("io.weight", "default 100\n");
	touch("io.max", "");
	touch("hugetlb.2MB.max", "max\n");
	expect_limits(&a, &r,
		"{\"memory\":{\"limit\":4096,\"swap\":8192},\"cpu\":{\"cpus\":\"0\"},"
		"\"blockIO\":{\"weight\":50,\"throttleWriteIOPSDevice\":[{\"major\":254,"
		"\"minor\":0,\"rate\":9}]},\"hugepageLimits\":[{\"pageSize\":\"2MB\",\"limit\":4}]"
		"}");
	h.pagesize = text("../x");
	r.memory = NULL;
	r.cpu = NULL;
	r.blockio = NULL;
	expect_limits(&a, &r, "{\"hugepageLimits\":[]}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_given_device),
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_swapped),
		cmocka_unit_test(test_plain_host),
		cmocka_unit_test(test_bad_rules),
		cmocka_unit_test(test_sets),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
