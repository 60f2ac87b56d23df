/* Interfaces that come into the machine's own namespace while it runs, with a stand-in for the
 * machine: what QEMU and the guest are told, and what is left when they refuse or stay silent. */
#include "util.h"

#include <stdio.h>

#include <base/file.h>
#include <base/process.h>
#include <runtime/pod.h>
#include <runtime/sandbox.h>

enum {
	LOG_MAX = 1024 * 1024
};

static char *run_dir, *kernel, *bundle, *log_file;

struct machine_under_test {
	struct loop *loop;
	struct runtime_config runtime;
	struct sandbox *sandbox;
	char cmdline[64];
};

static void machine_under_test_done(struct machine_under_test *t)
{
	AUTO(strv_done) struct strv ids = { 0 };

	sandbox_freep(&t->sandbox);
	loop_freep(&t->loop);
	assert_ok(pod_list(run_dir, &ids));
	assert_int_equal(ids.n, 0);
}

static void start(struct machine_under_test *t, const char *mode)
{
	static char user[] = "root"; /* others need not reach the fake */

	*t = (struct machine_under_test){ .runtime = { .run_dir = run_dir,
						  .state_dir = run_dir,
						  .platform = &vm_none,
						  .qemu_user = user,
						  .arch = VM_ARCH_X86_64,
						  .kernel = kernel,
						  .initrd = kernel,
						  .network = NETWORK_TCFILTER,
						  .vcpus = 2,
						  .network_queues = 2,
						  .memory_mib = 256,
						  .timeout_s = 1 } };
	(void)snprintf(t->cmdline, sizeof(t->cmdline), "%s", mode);
	t->runtime.cmdline = t->cmdline;
	(void)unlink(log_file);
	assert_ok(loop_new(&t->loop));
	const struct sandbox_config c = { .loop = t->loop,
		.runtime = &t->runtime,
		.id = "nic",
		.bundle = bundle,
		.new_netns = true };
	assert_ok(sandbox_new(&c, &t->sandbox));
	assert_ok(sandbox_start(t->sandbox));
}

/* As an engine does it, by the process that it takes for the container's. */
static void add_interface(const struct machine_under_test *t, unsigned number)
{
	char text[512], ns[64];

	(void)snprintf(ns, sizeof(ns), "--net=/proc/%d/ns/net", (int)sandbox_pid(t->sandbox));
	(void)snprintf(text, sizeof(text),
		"link add eth%u address 02:00:00:89:00:%02x type veth peer name other%u\n"
		"address add 10.89.%u.5/24 dev eth%u\nlink set eth%u mtu 1400 up\n",
		number, number, number, number, number, number);
	const char *const argv[] = { "nsenter", ns, "ip", "-batch", "-", NULL };

	assert_ok(process_run_ok(argv, bytes_str(text), NULL));
}

static size_t times_in_log(const char *part)
{
	AUTO(buf_done) struct buf text = BUF_INIT(LOG_MAX);
	size_t n = 0;

	assert_ok(file_read(log_file, &text));
	for (const char *at = buf_cstr(&text); at && (at = strstr(at, part)); at++)
		n++;
	return n;
}

static void test_comes_later(void **state)
{
	AUTO(machine_under_test_done) struct machine_under_test t;

	(void)state;
	start(&t, "good");
	assert_ok(sandbox_network_update(t.sandbox)); /* nothing is there yet */
	assert_int_equal(times_in_log("netdev_add"), 0);
	add_interface(&t, 0);
	assert_ok(sandbox_network_update(t.sandbox));
	assert_int_equal(times_in_log("{\"fdname\":\"nic0-1\"}"), 1);
	assert_int_equal(
		times_in_log("{\"type\":\"tap\",\"id\":\"net0\",\"fds\":\"nic0-0:nic0-1\"}"), 1);
	assert_int_equal(times_in_log("{\"driver\":\"virtio-net-pci\",\"id\":\"nic0\","
				      "\"netdev\":\"net0\",\"mac\":\"02:00:00:89:00:00\","
				      "\"host_mtu\":1400,\"mq\":true,\"vectors\":6,"
				      "\"bus\":\"hot0\",\"romfile\":\"\"}"),
		1);
	assert_int_equal(times_in_log("UpdateInterface eth0 02:00:00:89:00:00"), 1);
	add_interface(&t, 1);
	assert_ok(sandbox_network_update(t.sandbox));
	assert_int_equal(times_in_log("\"bus\":\"hot1\""), 1);
	assert_int_equal(times_in_log("device_add"), 2);
	sandbox_stop(t.sandbox);
	assert_ok(sandbox_network_update(t.sandbox)); /* no namespace any more */
}

static void test_refused(void **state)
{
	static const struct {
		const char *mode;
		enum err_code code;
		const char *text;
	} cases[] = {
		{ "deny-device_add", ERR_PEER, "02:00:00:89:00:00: QEMU: no" },
		{ "deny-netdev_add", ERR_PEER, "QEMU: no" },
		{ "stuck-getfd", ERR_TIMEOUT, "nothing happened" },
		{ "die-device_add", ERR_PEER, "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(machine_under_test_done) struct machine_under_test t;

		start(&t, cases[i].mode);
		add_interface(&t, 0);
		assert_err(sandbox_network_update(t.sandbox), cases[i].code);
		assert_err_text(cases[i].text);
	}
}

static void test_too_many(void **state)
{
	AUTO(machine_under_test_done) struct machine_under_test t;

	(void)state;
	start(&t, "good");
	for (unsigned i = 0; i <= VM_HOT_NICS_MAX; i++)
		add_interface(&t, i);
	assert_err(sandbox_network_update(t.sandbox), ERR_UNSUPPORTED);
	assert_err_text("5 network interfaces came after the machine had started");
}

static void link_program(const char *bin)
{
	AUTO(auto_free) char *fake = NULL;
	AUTO(auto_free) char *qemu = NULL;
	AUTO(auto_free) char *path = NULL;

	assert_ok(path_join(bin, "qemu-system-x86_64", &qemu));
	assert_ok(str_format(&fake, "%s/fake_machine", getenv("SEALPOD_BIN")));
	assert_int_equal(symlink(fake, qemu), 0);
	assert_ok(str_format(&path, "%s:/usr/sbin:/usr/bin:/sbin:/bin", bin));
	assert_int_equal(setenv("PATH", path, 1), 0);
}

static int set_up(void **state)
{
	static const char config_json[] =
		"{\"ociVersion\":\"1.0.2\",\"hostname\":\"web\",\"process\":{\"args\":[\"sh\"]},"
		"\"root\":{\"path\":\"rootfs\"}}";
	AUTO(auto_free) char *bin = NULL;
	AUTO(auto_free) char *config = NULL;

	(void)state;
	if (getuid() != 0) {
		print_message("needs root\n");
		skip();
	}
	assert_ok(path_join(test_dir(), "run", &run_dir));
	assert_ok(path_join(test_dir(), "kernel", &kernel));
	assert_ok(path_join(test_dir(), "log", &log_file));
	assert_ok(path_join(test_dir(), "bundle", &bundle));
	assert_ok(path_join(test_dir(), "bin", &bin));
	assert_ok(path_join(bundle, "config.json", &config));
	assert_ok(dir_make(bin, 0700));
	assert_ok(dir_make(bundle, 0700));
	assert_ok(file_write_atomic(kernel, bytes_str("kernel"), 0600));
	assert_ok(file_write_atomic(config, bytes_str(config_json), 0600));
	link_program(bin);
	assert_int_equal(setenv("FAKE_LOG", log_file, 1), 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	free(run_dir);
	free(kernel);
	free(log_file);
	free(bundle);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_comes_later),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_too_many),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
