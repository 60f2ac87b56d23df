/* The pure parts of sealpod-oci: bundles, processes of exec, signals, addresses, statistics. */
#include "bundle.h"
#include "exec_process.h"
#include "metrics.h"
#include "oci.h"
#include "shim.h"
#include "util.h"

#include <cgroups1.pb-c.h>
#include <signal.h>

#include <base/file.h>
#include <net/pb.h>

struct oci_globals globals; /* main() has them elsewhere */

const char *oci_root(void)
{
	return test_dir();
}

const char *oci_handler(void)
{
	return "sealpod";
}

RESULT oci_print(struct buf *out)
{
	return buf_end(out, "output");
}

/* ---- bundles ---- */

#define SPEC(rest)                                                                                 \
	"{\"ociVersion\":\"1.0.2\",\"process\":{\"args\":[\"sh\"],\"cwd\":\"/\"},"                 \
	"\"root\":{\"readonly\":true,\"path\":\"rootfs\"}" rest "}"

static struct err load(const char *text, struct bundle *ret_bundle)
{
	AUTO(auto_free) char *path = NULL;
	AUTO(auto_free) char *rootfs = NULL;

	TRY(path_join(test_dir(), "rootfs", &rootfs));
	TRY(dir_make(rootfs, 0700));
	TRY(path_join(test_dir(), "config.json", &path));
	TRY(file_write_atomic(path, bytes_str(text), 0600));
	return bundle_load(test_dir(), NULL, ret_bundle);
}

static void test_network(void **state)
{
	static const struct {
		const char *spec;
		enum bundle_network network;
		bool later;
	} cases[] = {
		{ SPEC(""), BUNDLE_NETWORK_HOST, false },
		{ SPEC(",\"linux\":{\"namespaces\":[{\"type\":\"pid\"}]}"), BUNDLE_NETWORK_HOST,
			false },
		{ SPEC(",\"linux\":{\"namespaces\":[{\"type\":\"network\"}]}"),
			BUNDLE_NETWORK_EMPTY, true },
		{ SPEC(",\"linux\":{\"namespaces\":[{\"type\":\"network\",\"path\":\"\"}]}"),
			BUNDLE_NETWORK_EMPTY, true },
		{ SPEC(",\"annotations\":{\"io.container.manager\":\"libpod\"},"
		       "\"linux\":{\"namespaces\":[{\"type\":\"network\"}]}"),
			BUNDLE_NETWORK_EMPTY, false },
		{ SPEC(",\"annotations\":{\"io.container.manager\":\"libpod\"},"
		       "\"linux\":{\"namespaces\":[{\"type\":\"user\"},{\"type\":\"network\"}]}"),
			BUNDLE_NETWORK_EMPTY, true },
		{ SPEC(",\"linux\":{\"namespaces\":[{\"type\":\"network\",\"path\":\"/n\"}]}"),
			BUNDLE_NETWORK_PATH, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(bundle_done) struct bundle b = { 0 };

		assert_ok(load(cases[i].spec, &b));
		assert_int_equal(b.network, cases[i].network);
		assert_int_equal(b.network_later, cases[i].later);
	}
}

static void test_rewrite(void **state)
{
	AUTO(bundle_done) struct bundle b = { 0 };
	AUTO(buf_done) struct buf out = BUF_INIT(JSON_SIZE_MAX);
	AUTO(json_freep) struct json *j = NULL;
	const struct bundle_rewrite how = { .sandbox = "pod", .netns = "/run/netns/x" };
	bool readonly = false;

	(void)state;
	assert_ok(load(SPEC(",\"annotations\":{\"a\":\"b\"},\"hooks\":{\"prestart\":[]},"
			    "\"hostname\":\"h\",\"linux\":{"
			    "\"cgroupsPath\":\"/c\",\"namespaces\":[{\"type\":\"network\"},"
			    "{\"type\":\"ipc\",\"path\":\"/proc/7/ns/ipc\"}]}"),
		&b));
	struct json_map taken = b.annotations; /* as life_create() does */
	b.annotations = (struct json_map){ 0 };
	assert_ok(bundle_print(&b, &how, &out));
	b.annotations = taken;
	assert_ok(json_parse(buf_bytes(&out), &j));
	assert_null(json_get(j, "hooks"));
	assert_string_equal(json_string(json_get(j, "hostname")), "h");
	assert_string_equal(json_string(json_pointer(j, "/root/path")), b.rootfs);
	assert_int_equal(b.rootfs[0], '/');
	assert_true(json_bool(json_pointer(j, "/root/readonly"), &readonly) && readonly);
	assert_string_equal(json_string(json_pointer(j, "/linux/cgroupsPath")), "/c");
	assert_string_equal(
		json_string(json_pointer(j, "/linux/namespaces/0/path")), "/run/netns/x");
	assert_null(json_pointer(j, "/linux/namespaces/1/path"));
	const struct json *annotations = json_get(j, "annotations");
	assert_string_equal(json_string(json_get(annotations, "a")), "b");
	assert_string_equal(
		json_string(json_get(annotations, "io.kubernetes.cri-o.SandboxID")), "pod");
}

static void test_roles(void **state)
{
	AUTO(bundle_done) struct bundle b = { 0 };

	(void)state;
	assert_ok(load(SPEC(",\"annotations\":{\"io.kubernetes.cri.container-type\":\"container\","
			    "\"io.kubernetes.cri.sandbox-id\":\"box\"}"),
		&b));
	assert_string_equal(b.sandbox, "box");
	bundle_done(&b);
	assert_ok(load(
		SPEC(",\"annotations\":{\"io.kubernetes.cri.container-type\":\"sandbox\"}"), &b));
	assert_null(b.sandbox);
	bundle_done(&b);
	assert_err(load(SPEC(",\"annotations\":{\"io.kubernetes.cri.container-type\":"
			     "\"container\"}"),
			   &b),
		ERR_FORMAT);
	assert_err_text("without the id of its sandbox");
}

static void test_bad_bundles(void **state)
{
	static const struct {
		const char *spec, *text;
	} cases[] = {
		{ "", "config.json" },
		{ "[]", "process is missing" },
		{ "{}", "process is missing" },
		{ "{\"process\":{\"args\":[],\"cwd\":\"/\"}}", "process.args is empty" },
		{ "{\"process\":{\"args\":[\"a\"],\"cwd\":\"x\"}}", "process.cwd 'x'" },
		{ "{\"process\":{\"args\":[\"a\"],\"cwd\":\"/\"}}", "root.path is missing" },
		{ "{\"process\":{\"args\":[\"a\"],\"cwd\":\"/\"},\"root\":{\"path\":\"none\"}}",
			"none" },
		{ "{\"process\":{\"args\":[\"a\"],\"cwd\":\"/\"},"
		  "\"root\":{\"path\":\"config.json\"}}",
			"is no directory" },
		{ SPEC(",\"annotations\":{\"a\":1}"), "annotations" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(bundle_done) struct bundle b = { 0 };

		assert_true(failed(load(cases[i].spec, &b)));
		assert_err_text(cases[i].text);
	}
}

/* ---- exec ---- */

static void test_exec_process(void **state)
{
	static const char spec[] =
		"{\"process\":{\"terminal\":true,\"args\":[\"sh\"],\"env\":[\"A=1\"],\"cwd\":\"/"
		"w\","
		"\"user\":{\"uid\":5,\"gid\":6,\"additionalGids\":[7]},\"oomScoreAdj\":9,"
		"\"capabilities\":{\"bounding\":[\"CAP_KILL\"]},\"noNewPrivileges\":true}}";
	char arg[] = "ls", env_text[] = "B=2", cap[] = "CAP_CHOWN", gid[] = "8";
	char *argv[] = { arg }, *env[] = { env_text }, *caps[] = { cap }, *groups[] = { gid };
	const struct strv none = { 0 }, one_env = { .v = env, .n = 1 },
			  one_cap = { .v = caps, .n = 1 }, one_group = { .v = groups, .n = 1 };
	struct exec_change x = {
		.argv = argv, .n_argv = 1, .env = &none, .caps = &none, .groups = &none
	};
	AUTO(json_freep) struct json *j = NULL;
	AUTO(buf_done) struct buf out = BUF_INIT(65536);

	(void)state;
	assert_ok(json_parse(bytes_str(spec), &j));
	assert_ok(exec_process_print(j, &x, &out));
	assert_string_equal(buf_cstr(&out),
		"{\"oomScoreAdj\":9,\"terminal\":false,\"noNewPrivileges\":true,\"cwd\":\"/w\","
		"\"args\":[\"ls\"],\"env\":[\"A=1\"],"
		"\"user\":{\"uid\":5,\"gid\":6,\"additionalGids\":[7]},"
		"\"capabilities\":{\"bounding\":[\"CAP_KILL\"],\"effective\":[],"
		"\"inheritable\":[],\"permitted\":[],\"ambient\":[]}}");
	buf_clear(&out);
	x.user = "10:11";
	x.env = &one_env;
	x.caps = &one_cap;
	x.groups = &one_group;
	x.cwd = "/x";
	x.tty = true;
	assert_ok(exec_process_print(j, &x, &out));
	assert_non_null(
		strstr(buf_cstr(&out), "\"user\":{\"uid\":10,\"gid\":11,\"additionalGids\":[8]}"));
	assert_non_null(strstr(buf_cstr(&out), "\"bounding\":[\"CAP_KILL\",\"CAP_CHOWN\"]"));
	assert_non_null(strstr(buf_cstr(&out), "[\"A=1\",\"B=2\"]"));
	x.user = "root";
	assert_err(exec_process_print(j, &x, &out), ERR_USAGE);
	x.user = "1:";
	assert_err(exec_process_print(j, &x, &out), ERR_USAGE);
	x.user = NULL;
	x.cwd = "y";
	assert_err(exec_process_print(j, &x, &out), ERR_USAGE);
}

/* ---- small ones ---- */

static void test_signals(void **state)
{
	static const struct {
		const char *text;
		int signo;
	} cases[] = { { "9", 9 }, { "KILL", SIGKILL }, { "SIGTERM", SIGTERM },
		{ "sigusr1", SIGUSR1 }, { "0", 0 }, { "64", 64 }, { "winch", SIGWINCH } };
	static const char *const bad[] = { "", "65", "-1", "SIG", "NOPE", "9x", "RTMIN-1",
		"RTMIN+99", "RTMAX+1" };
	int signo = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_ok(oci_signal_parse(cases[i].text, &signo));
		assert_int_equal(signo, cases[i].signo);
	}
	assert_ok(oci_signal_parse("SIGRTMIN+3", &signo));
	assert_int_equal(signo, SIGRTMIN + 3);
	assert_ok(oci_signal_parse("RTMAX-2", &signo));
	assert_int_equal(signo, SIGRTMAX - 2);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_true(failed(oci_signal_parse(bad[i], &signo)));
}

static struct err parse_address(void *arg, struct bytes in)
{
	AUTO(auto_free) char *address = NULL;

	(void)arg;
	return shim_address_parse(in, &address);
}

static void test_addresses(void **state)
{
	static const char json[] =
		"{\"version\":3,\"address\":\"unix:///run/a\",\"protocol\":\"ttrpc\"}";
	static const char *const good[] = { "unix:///run/a", "unix:///run/a\n", json };
	static const char *const bad[] = { "", "x", "http://a", "{}", "{\"address\":\"x\"}",
		"{\"address\":\"unix:///a\",\"protocol\":\"grpc\"}", "\nunix:///a" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		AUTO(auto_free) char *address = NULL;

		assert_ok(shim_address_parse(bytes_str(good[i]), &address));
		assert_string_equal(address, "unix:///run/a");
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_true(failed(parse_address(NULL, bytes_str(bad[i]))));
	each_prefix(bytes_str(json), parse_address, NULL);
	each_flip_survives(bytes_str(json), parse_address, NULL);
}

static void test_metrics(void **state)
{
	Cgroups1__Metrics m = CGROUPS1__METRICS__INIT;
	Cgroups1__MemoryOomControl oom = CGROUPS1__MEMORY_OOM_CONTROL__INIT;
	Pb__Any any = PB__ANY__INIT;
	AUTO(buf_done) struct buf packed = BUF_INIT(4096), out = BUF_INIT(4096);
	struct json_writer w = jw_of(&out);
	char v1[] = "type.googleapis.com/io.containerd.cgroups.v1.Metrics", other[] = "x";
	uint64_t kills = 0;

	(void)state;
	oom.oom_kill = 4;
	m.memory_oom_control = &oom;
	assert_ok(pb_pack(&m.base, &packed));
	any.type_url = v1;
	any.value.data = packed.p;
	any.value.len = packed.n;
	assert_ok(metrics_print(&any, &w, &kills));
	assert_int_equal(kills, 4);
	any.type_url = other;
	assert_err(metrics_print(&any, &w, &kills), ERR_UNSUPPORTED);
	assert_err(metrics_print(NULL, &w, &kills), ERR_UNSUPPORTED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_network),
		cmocka_unit_test(test_rewrite),
		cmocka_unit_test(test_roles),
		cmocka_unit_test(test_bad_bundles),
		cmocka_unit_test(test_exec_process),
		cmocka_unit_test(test_signals),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_metrics),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
