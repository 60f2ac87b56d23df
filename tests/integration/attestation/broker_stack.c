#include "broker_stack.h"

#include "util.h"

#include <stdio.h>

#include <arpa/inet.h>
#include <base/auto.h>
#include <base/clock.h>
#include <base/encode.h>
#include <base/file.h>
#include <collateral/store.h>
#include <measured-boot/manifest.h>
#include <netinet/in.h>
#include <sys/socket.h>

enum {
	START_TRIES = 500,
	TEXT_MAX = 65536,
	REFERENCE_ARGS = 12,
	MEASURED_MIN = 32, /* digits */
};

static const char *program(const char *name)
{
	static char path[STACK_PATH];

	(void)snprintf(path, sizeof(path), "%s/%s", getenv("SEALPOD_BIN"), name);
	return path;
}

static void put(
	const struct broker *b, const char *name, struct bytes data, char path[static STACK_PATH])
{
	(void)snprintf(path, STACK_PATH, "%s/%.64s", b->dir, name);
	assert_ok(file_write_atomic(path, data, 0600));
}

/* ---- administration ---- */
void broker_admin(const struct broker *b, const char *const *args)
{
	AUTO(buf_done) struct buf out = BUF_INIT(TEXT_MAX);
	const char *argv[16] = { program("sealpod"), "kbs" };
	size_t n = 2;

	while (*args)
		argv[n++] = *args++;
	argv[n++] = "--dir";
	argv[n] = b->dir;
	assert_ok(process_run_ok(argv, BYTES_NONE, &out));
}

void broker_set_resource(const struct broker *b, const char *path, const char *value)
{
	char file[STACK_PATH];

	put(b, "value", bytes_str(value), file);
	BROKER_ADMIN(b, "resource", "set", path, file);
}

void broker_set_policy(const struct broker *b, const char *toml)
{
	char file[STACK_PATH];

	put(b, "policy.toml", bytes_str(toml), file);
	BROKER_ADMIN(b, "policy", "set", file);
}

static void add_reference(const struct broker *b, const char *id, const struct json *values)
{
	const char *args[REFERENCE_ARGS] = { "reference", "add", id };

	assert_true(json_count(values) <= REFERENCE_ARGS - 4);
	for (size_t i = 0; i < json_count(values); i++) {
		args[3 + i] = json_string(json_at(values, i));
		assert_non_null(args[3 + i]);
	}
	broker_admin(b, args);
}

/* What an image measures, as its publisher would say it: the rest is the administrator's to know.
 */
static bool is_measured(const struct json *value)
{
	const char *hex = json_string(value);

	return hex && strlen(hex) >= MEASURED_MIN && strspn(hex, "0123456789abcdef") == strlen(hex);
}

static void add_measured(struct manifest *m, const char *id, const struct json *values)
{
	for (size_t i = 0; i < json_count(values); i++) {
		AUTO(buf_done) struct buf raw = BUF_INIT(DIGEST_MAX);
		const char *hex = json_string(json_at(values, i));

		assert_ok(hex_decode(bytes_str(hex), id, &raw));
		const struct manifest_entry e = { .id = id, .v = buf_bytes(&raw) };
		assert_ok(manifest_add_value(m, &e));
	}
}

/* Signed by a publisher whose key the administrator has. */
static void import_manifest(const struct broker *b, const struct manifest *m)
{
	AUTO(key_freep) struct key *publisher = NULL;
	AUTO(buf_done) struct buf pem = BUF_INIT(4096), corim = BUF_INIT(MANIFEST_FILE_MAX);
	char key[STACK_PATH], file[STACK_PATH];

	assert_ok(key_generate(KEY_P384, &publisher));
	assert_ok(key_public_pem(publisher, &pem));
	assert_ok(manifest_sign_corim(m, publisher, "publisher", &corim));
	put(b, "publisher.pub", buf_bytes(&pem), key);
	put(b, "image.corim", buf_bytes(&corim), file);
	BROKER_ADMIN(b, "reference-values", "import", file, "--key", key);
}

void broker_add_references(const struct broker *b, const char *json)
{
	static unsigned images;
	AUTO(ref_manifest_done) struct manifest m = { 0 };
	AUTO(json_freep) struct json *ids = NULL;

	assert_ok(json_parse(bytes_str(json), &ids));
	assert_ok(str_format(&m.name, "image-%u", ++images));
	for (size_t i = 0; i < json_count(ids); i++) {
		const char *id = json_name_at(ids, i);
		if (is_measured(json_at(json_at(ids, i), 0)) && !str_equal(id, "initdata"))
			add_measured(&m, id, json_at(ids, i));
		else
			add_reference(b, id, json_at(ids, i));
	}
	if (m.values.n > 0)
		import_manifest(b, &m);
}

void broker_set_collateral(const struct broker *b, const struct collateral *c)
{
	AUTO(cstore_freep) struct cstore *s = NULL;
	int64_t now = clock_now();

	assert_ok(cstore_open(b->store, false, &s));
	for (size_t i = 0; i < c->n; i++) {
		char source[32];

		(void)snprintf(source, sizeof(source), "item-%zu", i);
		assert_ok(cstore_add(s, buf_bytes(&c->v[i]->bytes), source, now));
	}
	assert_ok(cstore_commit(s));
}

/* ---- the program ---- */
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

/* What `sealpod kbs init` wrote, with these members more. */
static void configure(const struct broker *b, const struct broker_roots *roots)
{
	static const char section[] = "[attestation]\n";
	char path[STACK_PATH], file[STACK_PATH];
	AUTO(buf_done) struct buf config = BUF_INIT(TEXT_MAX);

	(void)snprintf(path, sizeof(path), "%s/kbs.toml", b->dir);
	AUTO(buf_done) struct buf old = test_file(path);
	const char *at = strstr(buf_cstr(&old), section);
	assert_non_null(at);
	at += strlen(section);
	buf_put(&config, bytes_of(old.p, (size_t)(at - (const char *)old.p)));
	if (roots->vendor.n > 0) {
		put(b, "vendor-roots.pem", roots->vendor, file);
		buf_printf(&config, "vendor_roots = [\"%s\"]\n", file);
	}
	if (roots->se_header.n > 0) {
		put(b, "se-header.bin", roots->se_header, file);
		buf_printf(&config, "se_header = \"%s\"\n", file);
	}
	buf_puts(&config, at);
	buf_printf(&config, "\n[collateral]\nstore = \"%s\"\n", b->store);
	put(b, "kbs.toml", buf_bytes(&config), path);
}

static void initialise(struct broker *b, const char *name, unsigned port, const char *software)
{
	AUTO(cstore_freep) struct cstore *s = NULL;
	AUTO(buf_done) struct buf out = BUF_INIT(TEXT_MAX);
	char port_text[8];

	(void)snprintf(b->dir, sizeof(b->dir), "%s/%s", test_dir(), name);
	(void)snprintf(b->store, sizeof(b->store), "%s/%s-store", test_dir(), name);
	(void)snprintf(port_text, sizeof(port_text), "%u", port);
	const char *const init[] = { program("sealpod"), "kbs", "init", b->dir, "--host",
		"127.0.0.1", "--port", port_text, software ? "--software-root" : NULL, software,
		NULL };
	assert_ok(process_run_ok(init, BYTES_NONE, &out));
	assert_ok(cstore_open(b->store, true, &s));
	assert_ok(cstore_commit(s));
}

void broker_start(struct broker *b, const char *name, const struct broker_roots *roots)
{
	static unsigned number;
	unsigned port = 30000u + ((unsigned)getpid() * 16 + number++) % 20000u;
	char path[STACK_PATH];

	*b = (struct broker){ .process = PROCESS_NONE };
	initialise(b, name, port, roots->software);
	configure(b, roots);
	(void)snprintf(path, sizeof(path), "%s/kbs.toml", b->dir);
	const char *const argv[] = { program("sealpod-kbs"), "--config", path, NULL };
	struct process_spec spec = PROCESS_SPEC(argv);
	spec.die_with_parent = true;
	assert_ok(process_start(&spec, &b->process));
	for (int i = 0; i < START_TRIES && !connects(port); i++)
		(void)usleep(20000);
	(void)snprintf(b->url, sizeof(b->url), "https://127.0.0.1:%u", port);
	(void)snprintf(path, sizeof(path), "%s/tls-ca.pem", b->dir);
	b->ca = test_file(path);
}

void broker_stop(struct broker *b)
{
	process_end(&b->process);
	buf_done(&b->ca);
}
