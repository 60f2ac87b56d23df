#include "swtpm.h"

#include "util.h"

#include <stdio.h>

#include <arpa/inet.h>
#include <base/file.h>
#include <base/random.h>
#include <netinet/in.h>
#include <sys/socket.h>

enum {
	PORT_FIRST = 20000,
	PORT_RANGE = 10000,
	START_TRIES = 200,
	PATH_SIZE = 512,
};

static bool can_bind(unsigned port)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int one = 1;
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	assert_true(fd >= 0);
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	bool ok = bind(fd, (const struct sockaddr *)&a, sizeof(a)) == 0;
	(void)close(fd);
	return ok;
}

/* The TCTI takes the port after the command port for control. */
unsigned swtpm_free_ports(void)
{
	for (;;) {
		uint8_t r[2];

		assert_ok(random_fill(r, sizeof(r)));
		unsigned port = PORT_FIRST + 2u * ((r[0] * 256u + r[1]) % (PORT_RANGE / 2));
		if (can_bind(port) && can_bind(port + 1))
			return port;
	}
}

static void write_text(const char *dir, const char *name, const char *text)
{
	char path[PATH_SIZE];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_ok(file_write_atomic(path, bytes_str(text), 0600));
}

/* A private CA: nothing of the machine's own swtpm-localca is touched. */
static void write_config(const char *dir, const char *ca)
{
	char text[4 * PATH_SIZE];

	(void)snprintf(text, sizeof(text),
		"create_certs_tool=/usr/bin/swtpm_localca\n"
		"create_certs_tool_config=%s/localca.conf\n"
		"create_certs_tool_options=%s/localca.options\n"
		"active_pcr_banks=sha256\n",
		dir, dir);
	write_text(dir, "setup.conf", text);
	(void)snprintf(text, sizeof(text),
		"statedir=%s\nsigningkey=%s/signkey.pem\nissuercert=%s/issuercert.pem\n"
		"certserial=%s/certserial\n",
		ca, ca, ca, ca);
	write_text(dir, "localca.conf", text);
	write_text(dir, "localca.options",
		"--platform-manufacturer test\n--platform-version 1\n--platform-model test\n");
}

static void load_ca(const char *ca, struct x509_list *list)
{
	static const char *const files[] = { "swtpm-localca-rootca-cert.pem", "issuercert.pem" };

	for (size_t i = 0; i < 2; i++) {
		char path[PATH_SIZE];

		(void)snprintf(path, sizeof(path), "%s/%s", ca, files[i]);
		AUTO(buf_done) struct buf pem = test_file(path);
		assert_ok(x509_list_parse(buf_bytes(&pem), list));
	}
}

static void wait_for(unsigned port)
{
	for (int i = 0; i < START_TRIES; i++) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		struct sockaddr_in a = { .sin_family = AF_INET,
			.sin_port = htons((uint16_t)(port + 1)),
			.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
		int r = connect(fd, (const struct sockaddr *)&a, sizeof(a));

		(void)close(fd);
		if (r == 0)
			return;
		(void)usleep(20000);
	}
	fail_msg("swtpm does not listen");
}

void swtpm_start(struct swtpm *t, const char *name, const char *ca_name)
{
	char dir[PATH_SIZE - 64], ca[PATH_SIZE - 64], config[PATH_SIZE], state[PATH_SIZE];
	char server[64], ctrl[64];
	AUTO(buf_done) struct buf out = BUF_INIT(65536);

	if (!file_exists("/usr/bin/swtpm") || !file_exists("/usr/bin/swtpm_setup"))
		skip();
	*t = (struct swtpm){ .process = PROCESS_NONE };
	(void)snprintf(dir, sizeof(dir), "%s/%s", test_dir(), name);
	(void)snprintf(ca, sizeof(ca), "%s/%s", test_dir(), ca_name);
	(void)snprintf(config, sizeof(config), "%s/setup.conf", dir);
	assert_ok(dir_make(dir, 0700));
	assert_ok(dir_make(ca, 0700));
	write_config(dir, ca);
	const char *const setup[] = { "swtpm_setup", "--tpm2", "--tpm-state", dir, "--config",
		config, "--create-ek-cert", "--create-platform-cert", "--overwrite", NULL };
	assert_ok(process_run_ok(setup, BYTES_NONE, &out));
	load_ca(ca, &t->ca);

	unsigned port = t->port = swtpm_free_ports();
	(void)snprintf(state, sizeof(state), "dir=%s", dir);
	(void)snprintf(server, sizeof(server), "type=tcp,port=%u,bindaddr=127.0.0.1", port);
	(void)snprintf(ctrl, sizeof(ctrl), "type=tcp,port=%u,bindaddr=127.0.0.1", port + 1);
	(void)snprintf(t->tcti, sizeof(t->tcti), "swtpm:host=127.0.0.1,port=%u", port);
	const char *const argv[] = { "swtpm", "socket", "--tpm2", "--tpmstate", state, "--server",
		server, "--ctrl", ctrl, "--flags", "not-need-init,startup-clear", NULL };
	struct process_spec spec = PROCESS_SPEC(argv);
	spec.die_with_parent = true;
	assert_ok(process_start(&spec, &t->process));
	wait_for(port);
}

void swtpm_stop(struct swtpm *t)
{
	process_end(&t->process);
	x509_list_done(&t->ca);
}
