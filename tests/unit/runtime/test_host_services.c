/* What surrounds guests: servers that answer, refuse or say nothing, and engines' configuration. */
#include "util.h"

#include <signal.h>
#include <stdio.h>

#include <base/clock.h>
#include <base/file.h>
#include <net/transport.h>
#include <netinet/in.h>
#include <runtime/host_services.h>
#include <sys/socket.h>
#include <sys/wait.h>

static char *root;

static int make_root(void **state)
{
	(void)state;
	assert_ok(path_join(test_dir(), "root", &root));
	assert_ok(dir_make(root, 0755));
	return 0;
}

static int drop_root(void **state)
{
	(void)state;
	assert_ok(dir_remove_tree(root));
	free(root);
	root = NULL;
	return 0;
}

static void put_file(const char *path, const char *text)
{
	AUTO(auto_free) char *full = NULL;
	AUTO(auto_free) char *dir = NULL;

	assert_ok(str_format(&full, "%s%s", root, path));
	assert_ok(str_dup(full, &dir));
	*strrchr(dir, '/') = '\0';
	assert_ok(dir_make(dir, 0755));
	assert_ok(file_write_atomic(full, bytes_str(text), 0755));
}

static const struct host_check *row(const struct host_checks *c, const char *what)
{
	for (size_t i = 0; i < c->n; i++) {
		if (strcmp(c->v[i].what, what) == 0)
			return &c->v[i];
	}
	fail_msg("no row '%s'", what);
	return NULL;
}

/* ---- engines ---- */
static void assert_engine(const char *name, enum host_status status, const char *part)
{
	const struct host_facts f = { .root = root };
	struct host_checks c;

	host_engines(&f, &c);
	assert_int_equal(c.n, 4);
	assert_int_equal(row(&c, name)->status, status);
	assert_non_null(strstr(row(&c, name)->found, part));
	assert_true(status == HOST_OK || status == HOST_SKIPPED || row(&c, name)->fix[0]);
}

static void test_engines(void **state)
{
	static const struct {
		const char *name, *program, *file, *other, *text, *needs;
	} cases[] = {
		{ "containerd", "/usr/bin/containerd", "/etc/containerd/config.toml",
			"version = 2\n# runtime_type = \"io.containerd.sealpod.v2\"\n",
			"version = 2\n  runtime_type = \"io.containerd.sealpod.v2\" # ours\n",
			"/usr/bin/containerd-shim-sealpod-v2" },
		{ "containerd", "/usr/local/bin/containerd", "/etc/containerd/conf.d/50-x.toml",
			"runtime_type = \"io.containerd.kata.v2\"",
			"runtime_type = 'io.containerd.sealpod.v2'",
			"/usr/local/bin/containerd-shim-sealpod-v2" },
		{ "CRI-O", "/usr/bin/crio", "/etc/crio/crio.conf.d/sealpod.conf", "",
			"runtime_path = \"/usr/bin/containerd-shim-sealpod-v2\"",
			"/usr/bin/containerd-shim-sealpod-v2" },
		{ "Docker", "/usr/sbin/dockerd", "/etc/docker/daemon.json", "{\"runtimes\":{}}",
			"{\"runtimes\":{\"s\":{\"runtimeType\":\"io.containerd.sealpod.v2\"}}}",
			"/usr/bin/containerd-shim-sealpod-v2" },
		{ "Podman", "/usr/bin/podman", "/usr/share/containers/containers.conf",
			"[engine.runtimes]\n#sealpod-oci\ncrun = []\n",
			"[engine.runtimes]\nsealpod = [\"/usr/bin/sealpod-oci\"]\n",
			"/usr/bin/sealpod-oci" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_engine(cases[i].name, HOST_SKIPPED, "not installed");
		put_file(cases[i].program, "");
		assert_engine(cases[i].name, HOST_WARN, "does not know Sealpod");
		put_file(cases[i].file, cases[i].other);
		assert_engine(cases[i].name, HOST_WARN, "does not know Sealpod");
		put_file(cases[i].file, cases[i].text);
		assert_engine(cases[i].name, HOST_WARN, "is not installed");
		put_file(cases[i].needs, "");
		assert_engine(cases[i].name, HOST_OK, "knows Sealpod");
		(void)drop_root(state);
		(void)make_root(state);
	}
}

/* ---- servers ---- */
struct server {
	int fd;
	uint16_t port;
	pid_t pid;
};

static void server_end(struct server *s)
{
	if (s->pid > 0) {
		(void)kill(s->pid, SIGKILL);
		(void)waitpid(s->pid, NULL, 0);
	}
	if (s->fd >= 0)
		assert_int_equal(close(s->fd), 0);
}

/* Answers each connection with a text; NULL: takes none and says nothing. */
static void server_start(const char *answer, struct server *ret_server)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(at);
	struct server s = { .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) };

	assert_int_equal(bind(s.fd, (struct sockaddr *)&at, n), 0);
	assert_int_equal(listen(s.fd, 4), 0);
	assert_int_equal(getsockname(s.fd, (struct sockaddr *)&at, &n), 0);
	s.port = ntohs(at.sin_port);
	s.pid = answer ? fork() : 0;
	while (answer && s.pid == 0) {
		char request[4096];
		int fd = accept(s.fd, NULL, NULL);

		if (fd < 0 || read(fd, request, sizeof(request)) <= 0 ||
			write(fd, answer, strlen(answer)) < 0)
			_exit(1);
		(void)close(fd);
	}
	*ret_server = s;
}

static void test_servers_answer(void **state)
{
	AUTO(server_end) struct server kds, pccs;
	AUTO(auto_free) char *kds_url = NULL;
	AUTO(auto_free) char *conf = NULL;
	const struct host_facts f = { .root = root };
	struct host_network n = { 0 };
	struct host_checks c;

	(void)state;
	server_start("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", &kds);
	server_start("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", &pccs);
	assert_ok(str_format(&kds_url, "http://127.0.0.1:%u", kds.port));
	assert_ok(str_format(&conf,
		"{\n  // the cache\n  \"pccs_url\": \"http://127.0.0.1:%u/sgx/\",\n}\n",
		pccs.port));
	put_file("/etc/sgx_default_qcnl.conf", conf);
	n.kds_url = kds_url;
	host_services(&f, NULL, &n, &c);
	assert_int_equal(row(&c, "AMD KDS")->status, HOST_OK);
	assert_non_null(strstr(row(&c, "AMD KDS")->found, "answers (HTTP 200)"));
	assert_int_equal(row(&c, "Intel PCCS")->status, HOST_OK);
	assert_non_null(strstr(row(&c, "Intel PCCS")->found, "/sgx/ answers (HTTP 404)"));
}

/* A server that never answers costs its timeout and no more. */
static void test_servers_are_silent(void **state)
{
	AUTO(server_end) struct server silent;
	AUTO(auto_free) char *url = NULL;
	const struct host_facts f = { .root = root };
	struct host_network n = { .timeout_ms = 300 };
	struct host_checks c;
	uint64_t begun = clock_monotonic_ms();

	(void)state;
	server_start(NULL, &silent);
	assert_ok(str_format(&url, "http://127.0.0.1:%u", silent.port));
	n.kds_url = url;
	n.pccs_url = url;
	n.quote_socket = "unix:///nonexistent/qgs.socket";
	host_services(&f, NULL, &n, &c);
	assert_true(clock_monotonic_ms() - begun < 5000);
	assert_int_equal(row(&c, "AMD KDS")->status, HOST_WARN);
	assert_int_equal(row(&c, "Intel PCCS")->status, HOST_WARN);
	assert_int_equal(row(&c, "QGS")->status, HOST_WARN);
	assert_true(row(&c, "AMD KDS")->fix[0] && row(&c, "Intel PCCS")->fix[0]);
	assert_non_null(strstr(row(&c, "QGS")->found, "/nonexistent/qgs.socket"));
	/* Warnings keep nothing from starting. */
	assert_true(host_checks_pass(&c));
}

static void test_offline(void **state)
{
	const struct host_facts f = { .root = root };
	const struct host_network n = { .offline = true, .kds_url = "http://127.0.0.1:1" };
	struct host_checks c;

	(void)state;
	host_services(&f, NULL, &n, &c);
	assert_int_equal(row(&c, "AMD KDS")->status, HOST_SKIPPED);
	assert_int_equal(row(&c, "Intel PCCS")->status, HOST_SKIPPED);
	assert_int_equal(row(&c, "QGS")->status, HOST_SKIPPED);
	assert_int_equal(row(&c, "vsock")->status, HOST_WARN);
	put_file("/dev/vhost-vsock", "");
	host_services(&f, &vm_snp, &n, &c);
	assert_int_equal(row(&c, "vsock")->status, HOST_OK);
	assert_int_equal(c.n, 2); /* nothing of Intel's */
	host_services(&f, &vm_vtpm, &n, &c);
	assert_int_equal(c.n, 1);
}

static void test_quote_socket(void **state)
{
	AUTO(auto_free) char *address = NULL;
	AUTO(auto_close) int fd = -1;
	const struct host_facts f = { .root = root };
	struct host_network n = { .timeout_ms = 300, .pccs_url = "http://127.0.0.1:1/" };
	struct host_checks c;

	(void)state;
	assert_ok(str_format(&address, "unix://%s/qgs", test_dir()));
	assert_ok(transport_listen(address, &fd));
	n.quote_socket = address;
	host_services(&f, &vm_tdx, &n, &c);
	assert_int_equal(row(&c, "QGS")->status, HOST_OK);
	assert_non_null(strstr(row(&c, "QGS")->found, "takes connections"));
}

static void test_qcnl(void **state)
{
	static const struct {
		const char *text, *url; /* NULL: none */
	} cases[] = {
		{ "{\"pccs_url\": \"https://a:8081/v4/\"}",
			NULL }, /* one line: not as it is shipped */
		{ "{\n\"pccs_url\": \"https://a:8081/v4/\"\n}", "https://a:8081/v4/" },
		{ "  \"pccs_url\":\"https://b\",\n", "https://b" },
		{ "PCCS_URL=https://c/x\n", "https://c/x" },
		{ "#PCCS_URL=https://c/x\n", NULL },
		{ "// \"pccs_url\": \"https://d\"\n", NULL },
		{ "PCCS_URL=\nPCCS_URL=https://e", "https://e" },
		{ "pccs_url", NULL },
		{ "", NULL },
		{ "\n\n\n", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(buf_done) struct buf url = BUF_INIT(256);
		struct err e = host_qcnl_url(bytes_str(cases[i].text), &url);

		assert_int_equal(failed(e), cases[i].url == NULL);
		if (cases[i].url)
			assert_string_equal(buf_cstr(&url), cases[i].url);
	}
}

static struct err read_qcnl(void *arg, struct bytes in)
{
	AUTO(buf_done) struct buf url = BUF_INIT(32);

	(void)arg;
	return host_qcnl_url(in, &url);
}

static void test_qcnl_damaged(void **state)
{
	static const char text[] =
		"{\n  \"use_secure_cert\": false,\n  \"pccs_url\": \"https://a\"\n}";

	(void)state;
	each_prefix_survives(bytes_str(text), read_qcnl, NULL);
	each_flip_survives(bytes_str(text), read_qcnl, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_engines, make_root, drop_root),
		cmocka_unit_test_setup_teardown(test_servers_answer, make_root, drop_root),
		cmocka_unit_test_setup_teardown(test_servers_are_silent, make_root, drop_root),
		cmocka_unit_test_setup_teardown(test_offline, make_root, drop_root),
		cmocka_unit_test_setup_teardown(test_quote_socket, make_root, drop_root),
		cmocka_unit_test(test_qcnl),
		cmocka_unit_test(test_qcnl_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
