/*
 * A guest driver on a real swtpm, with the log of a real boot, before a real broker over HTTPS:
 * what it gets when all is known, and the reason it is given when one thing is not.
 */
#include "swtpm.h"
#include "util.h"
#include "vtpm/vtpm_tpm.h"

#include <stdio.h>

#include <arpa/inet.h>
#include <base/auto.h>
#include <base/encode.h>
#include <base/file.h>
#include <keybroker-client/kbs_client.h>
#include <measured-boot/initdata.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <tee/eventlog.h>

enum {
	PATH_SIZE = 512,
	START_TRIES = 500,
};

#define RESOURCE "default/key/app"

static const char initdata_text[] = "version = \"0.1.0\"\nalgorithm = \"sha384\"\n[data]\n";
static const char policy[] = "version = 1\n[[rule]]\nresources = [\"" RESOURCE "\"]\n"
			     "platforms = [\"vtpm\"]\nsimulated = true\n";

static struct stack {
	struct swtpm tpm;
	struct process kbs;
	char kbs_dir[PATH_SIZE], root[PATH_SIZE], url[64];
	struct buf ca;
	struct tee_guest *guest;
	struct kbs_client *client;
} s;

static const char *program(const char *name)
{
	static char path[PATH_SIZE];

	(void)snprintf(path, sizeof(path), "%s/%s", getenv("SEALPOD_BIN"), name);
	return path;
}

static void write_file(const char *path, struct bytes data)
{
	assert_ok(file_write_atomic(path, data, 0600));
}

/* sealpod kbs ARGS... --dir DIR */
static void admin(const char *const *args)
{
	AUTO(buf_done) struct buf out = BUF_INIT(65536);
	const char *argv[16] = { program("sealpod"), "kbs" };
	size_t n = 2;

	while (*args)
		argv[n++] = *args++;
	argv[n++] = "--dir";
	argv[n] = s.kbs_dir;
	assert_ok(process_run_ok(argv, BYTES_NONE, &out));
}

#define ADMIN(...) admin((const char *const[]){ __VA_ARGS__, NULL })

static bool connects(unsigned port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool ok = connect(fd, (const struct sockaddr *)&a, sizeof(a)) == 0;

	(void)close(fd);
	return ok;
}

static void start_broker(void)
{
	char root_ca[PATH_SIZE], config[PATH_SIZE + 16], port_text[8], tls_ca[PATH_SIZE + 16];
	unsigned port = 30000u + (unsigned)getpid() % 20000u;
	AUTO(buf_done) struct buf out = BUF_INIT(65536);

	(void)snprintf(s.kbs_dir, sizeof(s.kbs_dir), "%s/kbs", test_dir());
	(void)snprintf(root_ca, sizeof(root_ca), "%s/ca/issuercert.pem", test_dir());
	(void)snprintf(port_text, sizeof(port_text), "%u", port);
	const char *const init[] = { program("sealpod"), "kbs", "init", s.kbs_dir, "--host",
		"127.0.0.1", "--port", port_text, "--software-root", root_ca, NULL };
	assert_ok(process_run_ok(init, BYTES_NONE, &out));
	(void)snprintf(config, sizeof(config), "%s/kbs.toml", s.kbs_dir);
	const char *const argv[] = { program("sealpod-kbs"), "--config", config, NULL };
	struct process_spec spec = PROCESS_SPEC(argv);
	spec.die_with_parent = true;
	assert_ok(process_start(&spec, &s.kbs));
	for (int i = 0; i < START_TRIES && !connects(port); i++)
		(void)usleep(20000);
	(void)snprintf(s.url, sizeof(s.url), "https://127.0.0.1:%u", port);
	(void)snprintf(tls_ca, sizeof(tls_ca), "%s/tls-ca.pem", s.kbs_dir);
	s.ca = test_file(tls_ca);
}

/* Firmware's part, from the log of a real boot. */
static void boot(void)
{
	AUTO(buf_done) struct buf log =
		test_file(test_source("tests/unit/tee/data/ovmf-direct-boot.bin"));
	AUTO(eventlog_done) struct eventlog l = { 0 };
	char path[PATH_SIZE + 64];
	struct vtpm_tpm *t;

	(void)snprintf(s.root, sizeof(s.root), "%s/root", test_dir());
	(void)snprintf(path, sizeof(path), "%s/sys/kernel/security/tpm0", s.root);
	assert_ok(dir_make(path, 0755));
	(void)snprintf(
		path, sizeof(path), "%s/sys/kernel/security/tpm0/binary_bios_measurements", s.root);
	write_file(path, buf_bytes(&log));
	assert_ok(eventlog_parse(buf_bytes(&log), EVENTLOG_EXACT, &l));
	assert_ok(vtpm_tpm_open(s.tpm.tcti, &t));
	for (size_t i = 0; i < l.n; i++)
		assert_ok(
			vtpm_tpm_pcr_extend(t, l.v[i].pcr, event_digest(&l.v[i], DIGEST_SHA256).p));
	vtpm_tpm_free(t);
}

static void add_reference(const char *id, const struct event *e)
{
	char hex[2 * DIGEST_MAX + 1];

	hex_to(event_digest(e, DIGEST_SHA256), hex);
	ADMIN("reference", "add", id, hex);
}

/* Everything that this boot measured, but not its kernel. */
static void add_references(struct event *ret_kernel)
{
	static const struct {
		enum event_kind kind;
		const char *id;
	} ids[] = {
		{ EVENT_CRTM_VERSION, "vtpm.crtm" },
		{ EVENT_FIRMWARE_BLOB, "vtpm.firmware" },
		{ EVENT_LOAD_OPTIONS, "vtpm.cmdline" },
		{ EVENT_INITRD, "vtpm.initrd" },
	};
	static struct buf log;
	AUTO(eventlog_done) struct eventlog l = { 0 };
	struct digest_value initdata;
	char hex[2 * DIGEST_MAX + 1];

	log = test_file(test_source("tests/unit/tee/data/ovmf-direct-boot.bin"));
	assert_ok(eventlog_parse(buf_bytes(&log), EVENTLOG_EXACT, &l));
	for (size_t i = 0; i < l.n; i++) {
		enum event_kind kind = event_kind(&l.v[i], DIGEST_SHA256);

		if (kind == EVENT_BOOT_APPLICATION)
			*ret_kernel = l.v[i];
		for (size_t k = 0; k < ARRAY_LEN(ids); k++)
			if (ids[k].kind == kind)
				add_reference(ids[k].id, &l.v[i]);
	}
	assert_ok(initdata_digest(bytes_str(initdata_text), &initdata));
	hex_to(digest_bytes(&initdata), hex);
	ADMIN("reference", "add", "initdata", hex);
}

static void reconnect(const char *initdata)
{
	struct kbs_client_config c = {
		.url = s.url,
		.ca_pem = buf_bytes(&s.ca),
		.tee = tee_by_platform("vtpm"),
		.guest = s.guest,
		.initdata = bytes_str(initdata),
	};

	kbs_client_freep(&s.client);
	s.client = NULL;
	assert_ok(kbs_client_new(&c, &s.client));
}

static void assert_refused(const char *code, const char *field)
{
	AUTO(secret_freep) struct secret *secret = NULL;

	assert_true(failed(kbs_client_get(s.client, RESOURCE, &secret)));
	if (!err_denial())
		print_error("no denial: %s\n", err_text());
	assert_non_null(err_denial());
	assert_string_equal(err_denial()->code, code);
	assert_string_equal(err_denial()->field, field);
	assert_true(err_denial()->id[0] != '\0');
}

/* A signed manifest whose kernel is this, put in force. */
static void import_kernel(unsigned version, const char *kernel)
{
	char json[PATH_SIZE], key[PATH_SIZE + 16], public[PATH_SIZE + 16], text[1024];
	AUTO(buf_done) struct buf out = BUF_INIT(4096);

	(void)snprintf(json, sizeof(json), "%s/reference-values.json", test_dir());
	(void)snprintf(key, sizeof(key), "%s/admin.key", s.kbs_dir);
	(void)snprintf(public, sizeof(public), "%s/admin.pub", s.kbs_dir);
	(void)snprintf(text, sizeof(text),
		"{\"version\":1,\"image\":{\"name\":\"guest\",\"version\":%u},"
		"\"reference_values\":{\"vtpm.kernel\":[\"%s\"]},\"labels\":{},\"inputs\":{}}",
		version, kernel);
	write_file(json, bytes_str(text));
	const char *const sign[] = { program("sealpod"), "kbs", "reference-values", "sign", json,
		"--key", key, NULL };
	assert_ok(process_run_ok(sign, BYTES_NONE, &out));
	ADMIN("reference-values", "import", json, "--key", public);
}

/* Evidence before a broker that knows the kernel from manifests alone. */
static void assert_kernel_by_manifest(const struct event *kernel)
{
	AUTO(secret_freep) struct secret *secret = NULL;
	char hex[2 * DIGEST_MAX + 1], other[2 * DIGEST_MAX + 1];

	hex_to(event_digest(kernel, DIGEST_SHA256), hex);
	(void)snprintf(other, sizeof(other), "%s", hex);
	other[0] = other[0] == '0' ? '1' : '0';
	import_kernel(1, other);
	reconnect(initdata_text);
	assert_refused("vtpm.kernel-unknown", "tpm.kernel");
	assert_string_equal(err_denial()->expected, other);
	assert_string_equal(err_denial()->actual, hex);
	import_kernel(2, hex);
	reconnect(initdata_text);
	assert_ok(kbs_client_get(s.client, RESOURCE, &secret));
	import_kernel(3, other);
	reconnect(initdata_text);
	assert_refused("vtpm.kernel-unknown", "tpm.kernel");
	ADMIN("reference-values", "remove", "guest");
}

static void test_broker(void **state)
{
	AUTO(secret_freep) struct secret *secret = NULL;
	char value[PATH_SIZE], rules[PATH_SIZE];
	struct digest_value initdata;
	struct event kernel = { 0 };

	(void)state;
	swtpm_start(&s.tpm, "tpm", "ca");
	start_broker();
	boot();
	struct tee_guest_config config = { .root = s.root, .tcti = s.tpm.tcti };
	const struct tee_guest_ops *ops = tee_guest_ops(tee_by_platform("vtpm"));
	assert_ok(ops->open(&config, &s.guest));
	assert_ok(initdata_digest(bytes_str(initdata_text), &initdata));
	assert_ok(ops->bind_initdata(s.guest, &initdata));
	(void)snprintf(value, sizeof(value), "%s/value", test_dir());
	(void)snprintf(rules, sizeof(rules), "%s/policy.toml", test_dir());
	write_file(value, bytes_str("the image key"));
	write_file(rules, bytes_str(policy));
	ADMIN("resource", "set", RESOURCE, value);

	/* The policy in force from the start accepts no software root. */
	reconnect(initdata_text);
	assert_refused("policy.simulated", "simulated");
	ADMIN("policy", "set", rules);
	assert_refused("vtpm.crtm-unknown", "tpm.crtm");
	add_references(&kernel);
	reconnect(initdata_text);
	assert_refused("vtpm.kernel-unknown", "tpm.kernel");
	assert_kernel_by_manifest(&kernel);
	add_reference("vtpm.kernel", &kernel);
	reconnect(initdata_text);
	assert_ok(kbs_client_get(s.client, RESOURCE, &secret));
	assert_bytes_equal(secret_bytes(secret), bytes_str("the image key"));

	/* Initdata that the registers do not hold. */
	reconnect("version = \"0.1.0\"\nalgorithm = \"sha384\"\n[data]\n\"a\" = \"b\"\n");
	assert_refused("vtpm.initdata-mismatch", "initdata: PCR 8");
	kbs_client_freep(&s.client);
	ops->close(s.guest);
	buf_done(&s.ca);
	process_end(&s.kbs);
	swtpm_stop(&s.tpm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_broker),
	};

	return cmocka_run_group_tests_name("attestation broker", tests, NULL, NULL);
}
