#include "engine_parts.h"
#include "util.h"

#include <base/file.h>
#include <sys/stat.h>

static char sealpod[] = "sealpod", snp[] = "sealpod-snp", mine[] = "mine";
static char *both[] = { sealpod, snp };
static char *other[] = { mine };
static const struct strv handlers = { both, 2 }, others = { other, 1 }, nobody = { 0 };

static struct engine_text text_of(const struct strv *names, unsigned version)
{
	return (struct engine_text){ .handlers = names, .bin_dir = "/usr/bin", .version = version };
}

static const struct {
	enum engine_kind engine;
	unsigned version;
	const char *old, *has;
} adds[] = {
	{ ENGINE_CONTAINERD, 1, "", "version = 2\n# BEGIN" },
	{ ENGINE_CONTAINERD, 2, "", "version = 3\n# BEGIN" },
	{ ENGINE_CONTAINERD, 1, "version = 2",
		"[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.sealpod-snp]\n"
		"runtime_type = \"io.containerd.sealpod-snp.v2\"\n"
		"runtime_path = \"/usr/bin/containerd-shim-sealpod-snp-v2\"\n" },
	{ ENGINE_CONTAINERD, 1, "version = 3\n[plugins.\"io.containerd.cri.v1.runtime\"]\n",
		"[plugins.\"io.containerd.cri.v1.runtime\".containerd.runtimes.sealpod]\n" },
	{ ENGINE_CONTAINERD, 1,
		"version = 2\n[plugins.\"io.containerd.gc.v1.scheduler\"]\n"
		"pause_threshold = 0.02\n",
		"pause_threshold = 0.02\n# BEGIN" },
	{ ENGINE_CRIO, 1, "",
		"[crio.runtime.runtimes.sealpod]\nruntime_path = "
		"\"/usr/bin/containerd-shim-sealpod-v2\"\nruntime_type = \"vm\"" },
	{ ENGINE_PODMAN, 4, "",
		"[engine.runtimes]\nsealpod = [\"/usr/bin/sealpod-oci\"]\nsealpod-oci = "
		"[\"/usr/bin/sealpod-oci\"]\n"
		"sealpod-snp = [\"/usr/bin/sealpod-oci-snp\"]\n" },
	{ ENGINE_DOCKER, 28, "",
		"\"sealpod\": {\n            \"runtimeType\": "
		"\"io.containerd.sealpod.v2\"\n" },
	{ ENGINE_DOCKER, 20, "{\"debug\": true}", "\"path\": \"/usr/bin/sealpod-oci\"" },
	{ ENGINE_DOCKER, 28, "{\"runtimes\":{\"kata\":{\"path\":\"/k\"}},\"x\":[1,{}]}",
		"\"kata\": {\n            \"path\": \"/k\"\n" },
};

static void test_add(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(adds); i++) {
		AUTO(buf_done) struct buf out = BUF_INIT(ENGINE_CONFIG_MAX);
		AUTO(buf_done) struct buf again = BUF_INIT(ENGINE_CONFIG_MAX);
		const struct engine_text t = text_of(&handlers, adds[i].version);
		assert_ok(engine_add(adds[i].engine, bytes_str(adds[i].old), &t, &out));
		if (!strstr(buf_cstr(&out), adds[i].has))
			print_message("%s\n", buf_cstr(&out));
		assert_non_null(strstr(buf_cstr(&out), adds[i].has));
		/* Once more changes nothing. */
		assert_ok(engine_add(adds[i].engine, buf_bytes(&out), &t, &again));
		assert_string_equal(buf_cstr(&out), buf_cstr(&again));
	}
}

static const struct {
	enum engine_kind engine;
	const char *old;
	enum err_code code;
	const char *says;
} refused[] = {
	{ ENGINE_CONTAINERD, "disabled_plugins = []", ERR_UNSUPPORTED, "config migrate" },
	{ ENGINE_CONTAINERD, "version = 1", ERR_UNSUPPORTED, "version: 2 or later" },
	{ ENGINE_CONTAINERD, "version = 2\n[plugins", ERR_FORMAT, "TOML line 2" },
	{ ENGINE_CONTAINERD,
		"version = "
		"2\n[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.sealpod]\n",
		ERR_STATE, "put there by somebody else" },
	{ ENGINE_CONTAINERD, "version = 2\nplugins = {}\n", ERR_FORMAT, "with the handlers added" },
	{ ENGINE_CONTAINERD,
		"version = 2\n# BEGIN sealpod (sealpod install; sealpod uninstall "
		"removes it)\n",
		ERR_FORMAT, "without 'END sealpod'" },
	{ ENGINE_DOCKER, "[]", ERR_FORMAT, "no object" },
	{ ENGINE_DOCKER, "{\"runtimes\": []}", ERR_FORMAT, "runtimes is none" },
	{ ENGINE_DOCKER, "{\"runtimes\": {\"sealpod\": {\"path\": \"/bin/runc\"}}}", ERR_STATE,
		"runtime sealpod is in the file already" },
	{ ENGINE_DOCKER, "{", ERR_FORMAT, "" },
};

static void test_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		AUTO(buf_done) struct buf out = BUF_INIT(ENGINE_CONFIG_MAX);
		const struct engine_text t = text_of(&handlers, 1);
		assert_err(engine_add(refused[i].engine, bytes_str(refused[i].old), &t, &out),
			refused[i].code);
		assert_err_text(refused[i].says);
	}
}

/* Podman knows a handler by the name of its program only. */
static void test_podman_names(void **state)
{
	AUTO(buf_done) struct buf out = BUF_INIT(ENGINE_CONFIG_MAX);
	const struct engine_text t = text_of(&others, 4);

	(void)state;
	assert_err(engine_add(ENGINE_PODMAN, BYTES_NONE, &t, &out), ERR_USAGE);
}

static void test_options(void **state)
{
	AUTO(buf_done) struct buf out = BUF_INIT(ENGINE_CONFIG_MAX);
	AUTO(buf_done) struct buf docker = BUF_INIT(ENGINE_CONFIG_MAX);
	struct engine_text t = text_of(&others, 28);

	(void)state;
	t.config = "/etc/it's \"here\".toml";
	assert_ok(engine_add(ENGINE_CONTAINERD, bytes_str("version = 2\n"), &t, &out));
	assert_non_null(strstr(buf_cstr(&out), "runtimes.mine.options]\n"
					       "ConfigPath = \"/etc/it's \\\"here\\\".toml\"\n"));
	assert_ok(engine_add(ENGINE_DOCKER, BYTES_NONE, &t, &docker));
	assert_non_null(strstr(buf_cstr(&docker), "\"TypeUrl\": \"runtimeoptions.v1.Options\""));
}

static void test_remove(void **state)
{
	static const char *const olds[] = { "version = 2\n", "version = 3\n[a]\nb = 1\n" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(olds); i++) {
		AUTO(buf_done) struct buf with = BUF_INIT(ENGINE_CONFIG_MAX);
		AUTO(buf_done) struct buf without = BUF_INIT(ENGINE_CONFIG_MAX);
		const struct engine_text t = text_of(&handlers, 2);
		assert_ok(engine_add(ENGINE_CONTAINERD, bytes_str(olds[i]), &t, &with));
		/* What people add after the block stays. */
		buf_puts(&with, "[later]\n");
		assert_ok(engine_remove(ENGINE_CONTAINERD, buf_bytes(&with), &handlers, &without));
		assert_true(str_starts(buf_cstr(&without), olds[i]));
		assert_string_equal(buf_cstr(&without) + strlen(olds[i]), "[later]\n");
	}
	for (enum engine_kind e = ENGINE_CRIO; e < ENGINES; e++) {
		AUTO(buf_done) struct buf with = BUF_INIT(ENGINE_CONFIG_MAX);
		AUTO(buf_done) struct buf without = BUF_INIT(ENGINE_CONFIG_MAX);
		const struct engine_text t = text_of(&handlers, 28);
		assert_ok(engine_add(e, BYTES_NONE, &t, &with));
		assert_ok(engine_remove(e, buf_bytes(&with), &handlers, &without));
		assert_int_equal(without.n, 0);
	}
}

static void test_runtime_class(void **state)
{
	AUTO(runtime_config_done) struct runtime_config c = { 0 };
	AUTO(buf_done) struct buf out = BUF_INIT(4096);

	(void)state;
	assert_ok(config_defaults("sealpod-vtpm", &vm_vtpm, &c));
	engine_runtime_class(&c, &out);
	assert_string_equal(buf_cstr(&out),
		"---\napiVersion: node.k8s.io/v1\nkind: RuntimeClass\nmetadata:\n"
		"  name: sealpod-vtpm\nhandler: sealpod-vtpm\noverhead:\n  podFixed:\n"
		"    cpu: 400m\n    memory: 212Mi\n");
}

/* ---- on disk ---- */

static char *below(const char *root, const char *path)
{
	static char full[512];

	(void)snprintf(full, sizeof(full), "%s%s", root, path);
	return full;
}

static void put(const char *root, const char *path, const char *text)
{
	AUTO(auto_free) char *dir = NULL;

	assert_ok(str_dup(below(root, path), &dir));
	*strrchr(dir, '/') = '\0';
	assert_ok(dir_make(dir, 0700));
	assert_ok(file_write_atomic(below(root, path), bytes_str(text), 0640));
}

static void assert_file(const char *root, const char *path, const char *text)
{
	AUTO(buf_done) struct buf got = BUF_INIT(ENGINE_CONFIG_MAX);

	assert_ok(file_read(below(root, path), &got));
	assert_string_equal(buf_cstr(&got), text);
}

static const char crio[] = "/etc/crio/crio.conf.d/50-sealpod.conf";
static const char journal[] = "/var/lib/sealpod/install/crio/journal.json";
static const char shim_snp[] = "/opt/bin/containerd-shim-sealpod-snp-v2";

static struct engine_change change_of(const char *name, char root[static 256])
{
	(void)snprintf(root, 256, "%s/%s", test_dir(), name);
	put(root, "/opt/bin/containerd-shim-sealpod-v2", "");
	return (struct engine_change){
		.engine = ENGINE_CRIO,
		.root = root,
		.bin_dir = "/opt/bin",
		.handlers = &handlers,
	};
}

static void test_install(void **state)
{
	char root[256];
	struct engine_change c = change_of("install", root);
	AUTO(engine_result_done) struct engine_result r = { 0 };

	(void)state;
	c.dry_run = true;
	assert_ok(engine_install(&c, &r));
	assert_true(r.changed);
	assert_non_null(strstr(buf_cstr(&r.diff), "+[crio.runtime.runtimes.sealpod]"));
	assert_false(file_exists(below(root, crio)));
	assert_false(file_exists(below(root, "/var/lib")));
	engine_result_done(&r);
	c.dry_run = false;
	assert_ok(engine_install(&c, &r));
	assert_true(r.changed);
	assert_true(file_exists(below(root, crio)));
	assert_true(file_exists(below(root, shim_snp)));
	engine_result_done(&r);
	assert_ok(engine_install(&c, &r));
	assert_false(r.changed);
	engine_result_done(&r);
	assert_ok(engine_uninstall(&c, &r));
	assert_true(r.changed);
	assert_false(file_exists(below(root, crio)));
	assert_false(file_exists(below(root, shim_snp)));
	assert_false(file_exists(below(root, "/var/lib/sealpod/install/crio")));
	engine_result_done(&r);
	assert_ok(engine_uninstall(&c, &r));
	assert_false(r.changed);
}

/* Killed after the journal was written, before or after the file was put in place. */
static void test_interrupted(void **state)
{
	char root[256];
	struct engine_change c = change_of("interrupted", root);
	AUTO(engine_result_done) struct engine_result r = { 0 };
	AUTO(auto_free) char *text = NULL;

	(void)state;
	put(root, crio, "half of it");
	put(root, "/var/lib/sealpod/install/crio/before", "# as it was\n");
	put(root, "/var/lib/sealpod/install/crio/first", "# as it was\n");
	assert_ok(str_format(&text,
		"{\"file\":\"%s%s\",\"existed\":true,\"changing\":true,\"existed_first\":true,"
		"\"handlers\":[]}",
		root, crio));
	put(root, journal, text);
	assert_ok(engine_uninstall(&c, &r));
	assert_false(r.changed);
	assert_file(root, crio, "# as it was\n");
	assert_false(file_exists(below(root, journal)));
	engine_result_done(&r);
	put(root, journal, "{\"file\":");
	assert_err(engine_install(&c, &r), ERR_FORMAT);
}

static void test_not_there(void **state)
{
	char root[256];
	struct engine_change c = change_of("not-there", root);
	AUTO(engine_result_done) struct engine_result r = { 0 };

	(void)state;
	c.bin_dir = "/elsewhere";
	assert_err(engine_install(&c, &r), ERR_NOT_FOUND);
	assert_err_text("containerd-shim-sealpod-v2 is not there");
	c.handlers = &nobody;
	assert_err(engine_install(&c, &r), ERR_USAGE);
	assert_false(file_exists(below(root, crio)));
	enum engine_kind e;
	assert_err(engine_find("rkt", &e), ERR_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_add),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_podman_names),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_remove),
		cmocka_unit_test(test_runtime_class),
		cmocka_unit_test(test_install),
		cmocka_unit_test(test_interrupted),
		cmocka_unit_test(test_not_there),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
