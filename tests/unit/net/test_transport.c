#include "transport_address.h"
#include "util.h"

#include <fcntl.h>
#include <stdio.h>

#include <base/clock.h>
#include <base/file.h>
#include <net/transport.h>
#include <sys/stat.h>

static void test_address_bad(void **state)
{
	(void)state;
	static const struct {
		const char *text, *why;
	} bad[] = {
		{ "", "not unix://, vsock:// or virtio-port://" },
		{ "/run/x.sock", "not unix://, vsock:// or virtio-port://" },
		{ "unix://", "neither absolute path nor @name" },
		{ "unix://x", "neither absolute path nor @name" },
		{ "unix:///", "neither absolute path nor @name" },
		{ "unix:///0123456789012345678901234567890123456789012345678901234567890123456789"
		  "0123456789012345678901234567890123456789",
			"longer than 107 characters" },
		{ "vsock://", "not CID:PORT" },
		{ "vsock://3", "not CID:PORT" },
		{ "vsock://3:", "not CID:PORT" },
		{ "vsock://:1024", "not CID:PORT" },
		{ "vsock://-2:1024", "not CID:PORT" },
		{ "vsock://3:10x", "not CID:PORT" },
		{ "vsock://3:4294967296", "number too large" },
		{ "vsock://99999999999:1", "not CID:PORT" },
		{ "virtio-port://", "no port name" },
		{ "virtio-port://a/b", "no port name" },
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct transport_address a = { 0 };

		assert_err(transport_address_parse(bad[i].text, &a), ERR_FORMAT);
		assert_err_text(bad[i].why);
		assert_int_equal(a.n, 0);
	}
}

static void test_address_good(void **state)
{
	(void)state;
	struct transport_address a;

	assert_ok(transport_address_parse("vsock://-1:1024", &a));
	assert_int_equal(a.kind, TRANSPORT_VSOCK);
	assert_int_equal(a.socket.vm.svm_cid, VMADDR_CID_ANY);
	assert_int_equal(a.socket.vm.svm_port, 1024);
	assert_ok(transport_address_parse("vsock://4294967295:4294967295", &a));
	assert_int_equal(a.socket.vm.svm_cid, UINT32_MAX);
	assert_ok(transport_address_parse("unix://@abc", &a));
	assert_int_equal(a.n, sizeof(sa_family_t) + 4);
	assert_int_equal(a.socket.un.sun_path[0], 0);
	assert_ok(transport_address_parse("unix:///abc", &a));
	assert_int_equal(a.n, sizeof(sa_family_t) + 5);
	assert_ok(transport_address_parse("virtio-port://sealpod.agent", &a));
	assert_string_equal(a.port_name, "sealpod.agent");
	assert_true(transport_is_virtio_port("virtio-port://x"));
	assert_false(transport_is_virtio_port("unix:///x"));
}

static char *address_in(const char *name)
{
	static char text[256];

	(void)snprintf(text, sizeof(text), "unix://%s/%s", test_dir(), name);
	return text;
}

static void test_unix(void **state)
{
	(void)state;
	const char *address = address_in("a.sock");
	AUTO(auto_close) int server = -1, client = -1, again = -1;
	struct stat st;

	assert_ok(transport_listen(address, &server));
	assert_int_equal(stat(address + strlen("unix://"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_ok(transport_connect(address, 0, &client));
	assert_int_not_equal(fcntl(client, F_GETFL) & O_NONBLOCK, 0);
	assert_int_not_equal(fcntl(client, F_GETFD) & FD_CLOEXEC, 0);
	/* A server that lives keeps its socket, one that died loses it. */
	assert_err(transport_listen(address, &again), ERR_STATE);
	assert_err_text("in use");
	(void)close(server);
	server = -1;
	assert_ok(transport_listen(address, &again));
}

/* Pods have names of 64 digits, below directories that people choose. */
static void test_long_path(void **state)
{
	AUTO(auto_close) int server = -1;
	AUTO(auto_close) int client = -1;
	AUTO(auto_free) char *dir = NULL;
	AUTO(auto_free) char *address = NULL;
	AUTO(auto_free) char *missing = NULL;
	int again = -1;

	(void)state;
	assert_ok(str_format(&dir, "%s/%0100d", test_dir(), 7));
	assert_ok(str_format(&address, "unix://%s/agent.sock", dir));
	assert_err(transport_listen(address, &server), ERR_PEER);
	assert_ok(dir_make(dir, 0700));
	assert_err(transport_connect(address, 0, &client), ERR_PEER);
	assert_ok(transport_listen(address, &server));
	assert_ok(transport_connect(address, 0, &client));
	assert_err(transport_listen(address, &again), ERR_STATE);
	assert_ok(str_format(&missing, "unix://%s/%0120d", dir, 7));
	assert_err(transport_listen(missing, &again), ERR_FORMAT);
}

static void test_not_a_socket(void **state)
{
	(void)state;
	const char *address = address_in("file");
	int fd = -1;

	assert_ok(file_write_atomic(address + strlen("unix://"), bytes_str("precious"), 0600));
	assert_err(transport_listen(address, &fd), ERR_STATE);
	assert_err_text("exists and is no socket");
	assert_true(file_exists(address + strlen("unix://")));
}

static void test_nobody_there(void **state)
{
	(void)state;
	uint64_t before = clock_monotonic_ms();
	int fd = -1;

	assert_err(transport_connect(address_in("none"), 0, &fd), ERR_PEER);
	assert_err(transport_connect(address_in("none"), 120, &fd), ERR_TIMEOUT);
	assert_in_range(clock_monotonic_ms() - before, 80, 2000);
	assert_err(transport_connect("virtio-port://no.such.port", 0, &fd), ERR_NOT_FOUND);
	assert_err(transport_listen("virtio-port://x", &fd), ERR_UNSUPPORTED);
	assert_int_equal(fd, -1);
}

static void make_port(const char *device, const char *name)
{
	char path[512];

	(void)snprintf(path, sizeof(path), "%s/ports/%s", test_dir(), device);
	assert_ok(dir_make(path, 0700));
	(void)snprintf(path, sizeof(path), "%s/ports/%s/name", test_dir(), device);
	assert_ok(file_write_atomic(path, bytes_str(name), 0600));
}

static void test_port_lookup(void **state)
{
	(void)state;
	AUTO(auto_free) char *device = NULL;
	char directory[512];

	(void)snprintf(directory, sizeof(directory), "%s/ports", test_dir());
	assert_err(virtio_port_find(directory, "sealpod.agent", &device), ERR_NOT_FOUND);
	make_port("vport1p1", "sealpod.log\n");
	make_port("vport1p2", "sealpod.agent\n");
	make_port("vport1p3", "sealpod.agent2\n");
	make_port("vport1p4", "");
	assert_ok(virtio_port_find(directory, "sealpod.agent", &device));
	assert_string_equal(device, "vport1p2");
	free(TAKE(device));
	assert_err(virtio_port_find(directory, "sealpod", &device), ERR_NOT_FOUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_address_bad),
		cmocka_unit_test(test_address_good),
		cmocka_unit_test(test_unix),
		cmocka_unit_test(test_long_path),
		cmocka_unit_test(test_not_a_socket),
		cmocka_unit_test(test_nobody_there),
		cmocka_unit_test(test_port_lookup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
