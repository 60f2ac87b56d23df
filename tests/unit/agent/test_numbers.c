/* Statistics and metrics out of the kernel's texts. */
#include "cgroup.h"
#include "metrics_text.h"
#include "stats_parts.h"
#include "util.h"

#include <base/file.h>

static void test_io_stat(void **state)
{
	(void)state;
	struct stats_blkio s = { 0 };

	stats_blkio_parse("8:0 rbytes=10 wbytes=20 rios=1 wios=2 dbytes=3 dios=4\n"
			  "\n"
			  "garbage rbytes=7\n"
			  "253:1 wbytes=99\n"
			  "9:",
		&s);
	assert_int_equal(s.msg.n_io_service_bytes_recursive, 6);
	assert_int_equal(s.msg.n_io_serviced_recursive, 6);
	assert_int_equal(s.bytes[0].value, 10);
	assert_string_equal(s.bytes[1].op, "Write");
	assert_int_equal(s.bytes[1].value, 20);
	assert_int_equal(s.counts[2].value, 4);
	assert_int_equal(s.bytes[3].value, 0);
	assert_int_equal(s.bytes[4].major, 253);
	assert_int_equal(s.bytes[4].minor, 1);
	assert_int_equal(s.bytes[4].value, 99);
	stats_blkio_parse(NULL, &s);
	assert_int_equal(s.msg.n_io_serviced_recursive, 0);
}

static void test_many_devices(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf text = BUF_INIT(64 * 1024);
	struct stats_blkio s = { 0 };

	for (unsigned i = 0; i < 1000; i++)
		buf_printf(&text, "8:%u rbytes=1\n", i);
	stats_blkio_parse(buf_cstr(&text), &s);
	assert_int_equal(s.msg.n_io_serviced_recursive, STATS_DEVICES_MAX * STATS_OPS);
}

static void test_memory_stat(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf text = BUF_INIT(64 * 1024);
	Agent__MemoryStats msg = AGENT__MEMORY_STATS__INIT;
	struct stats_memory s = { 0 };

	buf_printf(&text,
		"anon 4096\nfile 8192\nbroken\n\nanother_name_that_is_much_too_long_for_it 1\n"
		"last 7");
	stats_memory(&text, &s, &msg);
	assert_int_equal(msg.n_stats, 3);
	assert_string_equal(msg.stats[1]->key, "file");
	assert_int_equal(msg.stats[1]->value, 8192);
	assert_string_equal(msg.stats[2]->key, "last");
	assert_int_equal(msg.stats[2]->value, 7);
	assert_int_equal(cgroup_keyed(&text, "file"), 8192);
	assert_int_equal(cgroup_keyed(&text, "fil"), 0);
}

static void test_page_sizes(void **state)
{
	(void)state;
	static const struct {
		const char *directory, *name; /* NULL: none */
	} cases[] = {
		{ "hugepages-2048kB", "2MB" },
		{ "hugepages-1048576kB", "1GB" },
		{ "hugepages-64kB", "64KB" },
		{ "hugepages-0kB", NULL },
		{ "hugepages-2048", NULL },
		{ "hugepages-", NULL },
		{ "other", NULL },
		{ "hugepages-18446744073709551615kB", NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char name[16] = "";

		assert_int_equal(stats_page_size(cases[i].directory, name), cases[i].name != NULL);
		if (cases[i].name)
			assert_string_equal(name, cases[i].name);
	}
}

static void test_interfaces(void **state)
{
	(void)state;
	static const char *const files[] = { "eth0/statistics/rx_bytes", "lo/statistics/rx_bytes" };
	Agent__StatsContainerResponse msg = AGENT__STATS_CONTAINER_RESPONSE__INIT;
	struct stats_network s = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		AUTO(auto_free) char *path = NULL;
		AUTO(auto_free) char *dir = NULL;

		assert_ok(path_join(test_dir(), files[i], &path));
		assert_ok(str_format(&dir, "%.*s", (int)(strrchr(path, '/') - path), path));
		assert_ok(dir_make(dir, 0755));
		assert_ok(file_write_atomic(path, bytes_str("123\n"), 0644));
	}
	stats_network(test_dir(), &s, &msg);
	assert_int_equal(msg.n_network_stats, 1);
	assert_string_equal(msg.network_stats[0]->name, "eth0");
	assert_int_equal(msg.network_stats[0]->rx_bytes, 123);
	assert_int_equal(msg.network_stats[0]->tx_bytes, 0);
}

static const char *metrics_of(void (*put)(struct buf *out, const char *text), const char *text)
{
	static struct buf out;

	buf_done(&out);
	out = BUF_INIT(64 * 1024);
	put(&out, text);
	return buf_cstr(&out) ? buf_cstr(&out) : "";
}

static void test_metrics(void **state)
{
	(void)state;
	static const struct {
		void (*put)(struct buf *out, const char *text);
		const char *text, *part;
	} cases[] = {
		{ metrics_memory, "MemTotal:  2048 kB\nHugePages_Total: 0\n",
			"\nkata_guest_meminfo{item=\"MemTotal\"} 2048\n"
			"kata_guest_meminfo{item=\"HugePages_Total\"} 0\n" },
		{ metrics_vm, "nr_free_pages 5\n",
			"kata_guest_vm_stat{item=\"nr_free_pages\"} 5\n" },
		{ metrics_load, "0.50 0.25 1 2/99 1234\n",
			"kata_guest_load{item=\"load5\"} 0.25\n" },
		{ metrics_load, "0.50 0.25 1 2/99 1234\n", "kata_guest_tasks{item=\"max\"} 99\n" },
		{ metrics_cpu, "cpu  1 2 3 4\ncpu0 5 6 7 8\nintr 9\n",
			"kata_guest_cpu_time{cpu=\"total\",item=\"system\"} 3\n" },
		{ metrics_cpu, "cpu  1 2 3 4\ncpu0 5 6 7 8\nintr 9\n",
			"kata_guest_cpu_time{cpu=\"cpu0\",item=\"idle\"} 8\n" },
		{ metrics_network,
			"Inter-|   Receive\n face |bytes\n  eth0: 11 12 0 0 0 0 0 0 21 22\n",
			"kata_guest_netdev_stat{interface=\"eth0\",item=\"sent_bytes\"} 21\n" },
		{ metrics_disks, " 254 0 vda 31 32 33 34\n",
			"kata_guest_diskstat{disk=\"vda\",item=\"merged\"} 32\n" },
		{ metrics_vm, "a\"b\\c 5\n", "kata_guest_vm_stat{item=\"a_b_c\"} 5\n" },
		{ metrics_agent_status, "Name:\tx\nThreads:\t1\n",
			"kata_agent_proc_status{item=\"Threads\"} 1\n" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *out = metrics_of(cases[i].put, cases[i].text);

		if (!strstr(out, cases[i].part))
			print_error("%zu: %s", i, out);
		assert_non_null(strstr(out, cases[i].part));
	}
	assert_null(strstr(metrics_of(metrics_agent_status, "Name:\tx\n"), "Name"));
	(void)metrics_of(metrics_load, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_io_stat),
		cmocka_unit_test(test_many_devices),
		cmocka_unit_test(test_memory_stat),
		cmocka_unit_test(test_page_sizes),
		cmocka_unit_test(test_interfaces),
		cmocka_unit_test(test_metrics),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
