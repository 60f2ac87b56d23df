/* What a shim is told: flags, standard input of "start", addresses, stream URIs. */
#include "bootstrap.h"
#include "flags.h"
#include "stdio_uri.h"
#include "util.h"

#include <containerd.pb-c.h>
#include <wellknown.pb-c.h>

#include <net/pb.h>

enum {
	ARGS_MAX = 16
};

#define TEXT(s) ((char *)(uintptr_t)(s)) /* protobuf-c and main() have no const */

static void test_flags(void **state)
{
	static const struct {
		const char *argv[ARGS_MAX];
		enum err_code error;
		enum shim_action action;
		bool debug;
	} cases[] = {
		{ { "s", "-namespace", "k8s.io", "-address", "/a", "-publish-binary", "/b", "-id",
			  "c1", "start" },
			ERR_OK, SHIM_START, false },
		{ { "s", "-namespace=k8s.io", "--address=/a", "--publish-binary", "/b", "-id=c1",
			  "-debug", "start" },
			ERR_OK, SHIM_START, true },
		{ { "s", "-namespace", "k8s.io", "-address", "/a", "-publish-binary", "/b", "-id",
			  "c1", "-bundle", "/x", "-debug=true", "delete" },
			ERR_OK, SHIM_DELETE, true },
		{ { "s", "-namespace", "k8s.io", "-address", "/a", "-publish-binary", "/b", "-id",
			  "c1", "-debug=false" },
			ERR_OK, SHIM_SERVE, false },
		{ { "s", "-address=/a", "-publish-binary=/b", "-namespace=k8s.io", "-id=c1", "--",
			  "start" },
			ERR_OK, SHIM_START, false },
		{ { "s", "-id", "c1", "start" }, ERR_USAGE },
		{ { "s", "-namespace", "n", "start" }, ERR_USAGE },
		{ { "s", "-namespace", "n", "-id", "c1", "restart" }, ERR_USAGE },
		{ { "s", "-namespace", "n", "-id", "c1", "start", "-debug" }, ERR_USAGE },
		{ { "s", "-namespace", "n", "-id", "c1", "-what", "start" }, ERR_USAGE },
		{ { "s", "-namespace", "n", "-debug=perhaps", "-id", "c1" }, ERR_USAGE },
		{ { "s", "-namespace", "n", "-id" }, ERR_USAGE },
		{ { "s", "-namespace", "../n", "-id", "c1" }, ERR_USAGE },
		{ { "s", "-namespace", "n", "-id", "a/b" }, ERR_USAGE },
		{ { "s", "-namespace", "n", "-id", "" }, ERR_USAGE },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct shim_flags f;
		char *argv[ARGS_MAX];
		int n = 0;

		while (cases[i].argv[n]) {
			argv[n] = (char *)(uintptr_t)cases[i].argv[n];
			n++;
		}
		assert_err(shim_flags_parse(n, argv, &f), cases[i].error);
		if (cases[i].error != ERR_OK)
			continue;
		assert_int_equal(f.action, cases[i].action);
		assert_int_equal(f.debug, cases[i].debug);
		assert_string_equal(f.ns, "k8s.io");
		assert_string_equal(f.id, "c1");
		assert_string_equal(f.address, "/a");
		assert_string_equal(f.publish, "/b");
	}
}

static void test_crio_has_no_address(void **state)
{
	static const char *const argv[] = { "s", "-namespace", "default", "-address", "",
		"-publish-binary", "/usr/bin/crio", "-id", "0123abcd", "start" };
	struct shim_flags f;

	(void)state;
	assert_ok(shim_flags_parse(ARRAY_LEN(argv), (char *const *)(uintptr_t)argv, &f));
	assert_string_equal(f.address, "");
}

static void test_information_needs_no_id(void **state)
{
	char *const version[] = { TEXT("s"), TEXT("-v") };
	char *const info[] = { TEXT("s"), TEXT("--info") };
	struct shim_flags f;

	(void)state;
	assert_ok(shim_flags_parse(2, version, &f));
	assert_true(f.version);
	assert_ok(shim_flags_parse(2, info, &f));
	assert_true(f.info);
}

static void test_identifiers(void **state)
{
	static const char *const good[] = { "a", "0", "a-b.c_d", "A1",
		"0123456789012345678901234567890123456789012345678901234567890123456789012345" };
	static const char *const bad[] = { "", "-a", "a-", ".", "a..b", "a/b", "a b", "\xc3\xa4",
		"01234567890123456789012345678901234567890123456789012345678901234567890123456" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_ok(shim_id_check(good[i], "id"));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_err(shim_id_check(bad[i], "id"), ERR_USAGE);
}

static void test_handlers(void **state)
{
	static const struct {
		const char *argv0, *handler;
	} cases[] = {
		{ "containerd-shim-sealpod-v2", "sealpod" },
		{ "/usr/local/bin/containerd-shim-sealpod-vtpm-v2", "sealpod-vtpm" },
		{ "./containerd-shim-x-v2", "x" },
		{ "containerd-shim--v2", NULL },
		{ "containerd-shim-v2", NULL },
		{ "containerd-shim-sealpod-v1", NULL },
		{ "sealpod", NULL },
		{ "", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char to[SHIM_ID_MAX + 1];

		if (!cases[i].handler) {
			assert_err(shim_handler_of(cases[i].argv0, to), ERR_USAGE);
			continue;
		}
		assert_ok(shim_handler_of(cases[i].argv0, to));
		assert_string_equal(to, cases[i].handler);
	}
}

/* ---- standard input and answer of "start" ---- */

static void pack_options(const char *type, const char *path, struct buf *out)
{
	Containerd__RuntimeOptions o = CONTAINERD__RUNTIME_OPTIONS__INIT;
	Pb__Any any = PB__ANY__INIT;
	AUTO(buf_done) struct buf value = BUF_INIT(4096);

	o.config_path = (char *)(uintptr_t)path;
	assert_ok(pb_pack(&o.base, &value));
	any.type_url = (char *)(uintptr_t)type;
	any.value.data = value.p;
	any.value.len = value.n;
	assert_ok(pb_pack(&any.base, out));
}

static void test_three_forms(void **state)
{
	static const struct {
		const char *max_version;
		enum err_code error;
		const char *answer;
	} cases[] = {
		{ NULL, ERR_OK, "unix:///s/x" },
		{ "2", ERR_OK,
			"{\"version\":2,\"address\":\"unix:///s/x\",\"protocol\":\"ttrpc\"}" },
		{ "3", ERR_OK,
			"{\"version\":3,\"address\":\"unix:///s/x\",\"protocol\":\"ttrpc\"}" },
		{ "9", ERR_OK,
			"{\"version\":3,\"address\":\"unix:///s/x\",\"protocol\":\"ttrpc\"}" },
		{ "1", ERR_OK,
			"{\"version\":2,\"address\":\"unix:///s/x\",\"protocol\":\"ttrpc\"}" },
		{ "two", ERR_FORMAT, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(buf_done) struct buf out = BUF_INIT(4096);
		AUTO(bootstrap_done) struct bootstrap b = { 0 };

		assert_err(bootstrap_parse(BYTES_NONE, "c1", cases[i].max_version, &b),
			cases[i].error);
		if (cases[i].error != ERR_OK)
			continue;
		assert_ok(bootstrap_answer(&b, "unix:///s/x", &out));
		assert_bytes_equal(buf_bytes(&out), bytes_str(cases[i].answer));
	}
}

static void test_options_on_stdin(void **state)
{
	static const struct {
		const char *type, *path, *found;
		enum err_code error;
	} cases[] = {
		{ "runtimeoptions.v1.Options", "/etc/x.toml", "/etc/x.toml", ERR_OK },
		{ "type.googleapis.com/runtimeoptions.v1.Options", "/x", "/x", ERR_OK },
		{ "runtimeoptions.v1.Options", "", NULL, ERR_OK },
		{ "containerd.runc.v1.Options", "/etc/x.toml", NULL, ERR_OK },
		{ "runtimeoptions.v1.Options", "x.toml", NULL, ERR_FORMAT },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(buf_done) struct buf in = BUF_INIT(4096);
		AUTO(bootstrap_done) struct bootstrap b = { 0 };

		pack_options(cases[i].type, cases[i].path, &in);
		assert_err(bootstrap_parse(buf_bytes(&in), "c1", NULL, &b), cases[i].error);
		assert_int_equal(!b.config_path, !cases[i].found);
		if (b.config_path)
			assert_string_equal(b.config_path, cases[i].found);
	}
}

static struct buf make_params(void)
{
	Containerd__BootstrapParams p = CONTAINERD__BOOTSTRAP_PARAMS__INIT;
	Containerd__Extension extension = CONTAINERD__EXTENSION__INIT;
	Containerd__Extension *extensions[] = { &extension };
	AUTO(buf_done) struct buf packed = BUF_INIT(4096);
	AUTO(pb_free_any) Pb__Any *any = NULL;
	struct buf out = BUF_INIT(4096);

	pack_options("runtimeoptions.v1.Options", "/etc/x.toml", &packed);
	assert_ok(PB_UNPACK(pb__any, buf_bytes(&packed), &any));
	p.instance_id = TEXT("c1");
	p.namespace_ = TEXT("k8s.io");
	p.log_level = CONTAINERD__LOG_LEVEL__LOG_LEVEL_DEBUG;
	p.containerd_version = TEXT("2.3.0");
	p.containerd_ttrpc_address = TEXT("/run/c.ttrpc");
	p.socket_dir = TEXT("/run/sockets");
	extension.value = any;
	p.extensions = extensions;
	p.n_extensions = 1;
	assert_ok(pb_pack(&p.base, &out));
	return out;
}

static void test_bootstrap_params(void **state)
{
	AUTO(buf_done) struct buf in = make_params();
	AUTO(buf_done) struct buf out = BUF_INIT(4096);
	AUTO(bootstrap_done) struct bootstrap b = { 0 };
	AUTO(pb_free_any) Containerd__BootstrapResult *r = NULL;

	(void)state;
	assert_ok(bootstrap_parse(buf_bytes(&in), "c1", "2", &b));
	assert_string_equal(b.config_path, "/etc/x.toml");
	assert_string_equal(b.socket_dir, "/run/sockets");
	assert_string_equal(b.ttrpc_address, "/run/c.ttrpc");
	assert_true(b.debug);
	assert_ok(bootstrap_answer(&b, "unix:///s/x", &out));
	assert_ok(PB_UNPACK(containerd__bootstrap_result, buf_bytes(&out), &r));
	assert_int_equal(r->version, 3);
	assert_string_equal(r->address, "unix:///s/x");
	assert_string_equal(r->protocol, "ttrpc");
}

/* containerd tries protobuf first: the other forms must not look like it. */
static void test_forms_are_distinct(void **state)
{
	Containerd__BootstrapResult *r = NULL;

	(void)state;
	assert_err(PB_UNPACK(containerd__bootstrap_result, bytes_str("unix:///run/containerd/s/ab"),
			   &r),
		ERR_FORMAT);
	assert_err(PB_UNPACK(containerd__bootstrap_result,
			   bytes_str("{\"version\":2,\"address\":\"unix:///s/x\"}"), &r),
		ERR_FORMAT);
}

static struct err parse_stdin(void *arg, struct bytes in)
{
	AUTO(bootstrap_done) struct bootstrap b = { 0 };

	return bootstrap_parse(in, arg, "3", &b);
}

static void test_hostile_stdin(void **state)
{
	AUTO(buf_done) struct buf in = make_params();
	char id[] = "c1";

	(void)state;
	each_prefix_survives(buf_bytes(&in), parse_stdin, id);
	each_flip_survives(buf_bytes(&in), parse_stdin, id);
}

static void test_addresses(void **state)
{
	/* sha256 of "/run/containerd/containerd.sock/k8s.io/c1" and of "default/c1" */
	static const struct {
		const char *dir, *engine, *ns, *address;
		enum err_code error;
	} cases[] = {
		{ SHIM_SOCKET_DIR, "/run/containerd/containerd.sock", "k8s.io",
			"unix:///run/containerd/s/"
			"ccd9e484aa63698a22b33f8964a2eb3d2a5c6e843ccac78fda28f084794782cd",
			ERR_OK },
		{ "/s", "", "default",
			"unix:///s/"
			"3a4ba0ad328f407b30cccb555302fc1c4c73e1d92d16d2583787f9faddf320ca",
			ERR_OK },
		{ "/a/directory/whose/name/is/much/too/long/for/a/socket", "", "default", NULL,
			ERR_LIMIT },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(auto_free) char *address = NULL;

		assert_err(bootstrap_address(
				   cases[i].dir, cases[i].engine, cases[i].ns, "c1", &address),
			cases[i].error);
		if (cases[i].address)
			assert_string_equal(address, cases[i].address);
	}
}

/* ---- streams ---- */

static void test_streams(void **state)
{
	static const struct {
		const char *text;
		enum err_code error;
		enum stdio_kind kind;
		const char *path, *args;
	} cases[] = {
		{ "", ERR_OK, STDIO_NONE, NULL, "" },
		{ "/run/fifo/x-stdout", ERR_OK, STDIO_FIFO, "/run/fifo/x-stdout", "" },
		{ "/odd/a://b", ERR_OK, STDIO_FIFO, "/odd/a://b", "" },
		{ "fifo:///run/x", ERR_OK, STDIO_FIFO, "/run/x", "" },
		{ "file:///var/log/a%20b.log", ERR_OK, STDIO_FILE, "/var/log/a b.log", "" },
		{ "binary:///bin/logger", ERR_OK, STDIO_BINARY, "/bin/logger", "" },
		{ "binary:///bin/l?a=b&c=d+e&a=z&f", ERR_OK, STDIO_BINARY, "/bin/l",
			"a|b|c|d e|f||" },
		{ "binary-v2:///bin/l?k=%2Fv", ERR_OK, STDIO_BINARY, "/bin/l", "k|/v|" },
		{ "streaming://x", ERR_UNSUPPORTED },
		{ "ttrpc+unix:///run/x?streaming_id=1", ERR_UNSUPPORTED },
		{ "http://x", ERR_UNSUPPORTED },
		{ "relative", ERR_FORMAT },
		{ "fifo://relative", ERR_FORMAT },
		{ "file://", ERR_FORMAT },
		{ "file:///a%2", ERR_FORMAT },
		{ "file:///a%zz", ERR_FORMAT },
		{ "file:///a%00b", ERR_FORMAT },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(stdio_uri_done) struct stdio_uri u = { 0 };
		AUTO(buf_done) struct buf args = BUF_INIT(4096);

		assert_err(stdio_uri_parse(cases[i].text, "stdout", &u), cases[i].error);
		if (cases[i].error != ERR_OK)
			continue;
		assert_int_equal(u.kind, cases[i].kind);
		if (cases[i].path)
			assert_string_equal(u.path, cases[i].path);
		for (size_t k = 0; k < u.args.n; k++)
			buf_printf(&args, "%s|", u.args.v[k]);
		assert_bytes_equal(buf_bytes(&args), bytes_str(cases[i].args));
		assert_int_equal(u.must_say_ready, str_starts(cases[i].text, "binary-v2"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_crio_has_no_address),
		cmocka_unit_test(test_information_needs_no_id),
		cmocka_unit_test(test_identifiers),
		cmocka_unit_test(test_handlers),
		cmocka_unit_test(test_three_forms),
		cmocka_unit_test(test_options_on_stdin),
		cmocka_unit_test(test_bootstrap_params),
		cmocka_unit_test(test_forms_are_distinct),
		cmocka_unit_test(test_hostile_stdin),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_streams),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
