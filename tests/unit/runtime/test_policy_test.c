/* Requests asked of a manifest one after another. */
#include "util.h"

#include <fcntl.h>

#include <runtime/policy_explain.h>
#include <runtime/policy_test.h>

static const char pod[] =
	"{\"version\":1,\"containers\":["
	"{\"name\":\"init\",\"image\":\"r/i:1@sha256:aa\",\"argv\":[\"/init\"],\"user\":\"0:0\"},"
	"{\"name\":\"app\",\"image\":\"r/a:1@sha256:bb\",\"argv\":[\"/app\",\"~[0-9]+\"],"
	"\"user\":\"7:8\",\"env\":{\"A\":\"b\"},\"exec\":[[\"/ping\"]],\"completed\":[\"init\"]}],"
	"\"allow\":[\"signal\"]}";

#define CREATE(name, image, process)                                                               \
	"{\"kind\":\"CreateContainerRequest\",\"request\":{\"container_id\":\"" name "\","         \
	"\"storages\":[{\"driver\":\"image_guest_pull\",\"source\":\"" image "\"}],"               \
	"\"OCI\":{\"Version\":\"1.1.0\",\"Annotations\":{\"io.kubernetes.cri.container-name\":"    \
	"\"" name "\"},\"Root\":{\"Path\":\"/x\"},\"Process\":{" process "}}}}"
#define INIT	       CREATE("init", "r/i:1", "\"Args\":[\"/init\"],\"User\":{\"UID\":0,\"GID\":0}")
#define USER	       "\"User\":{\"UID\":7,\"GID\":8}"
#define APP	       CREATE("app", "r/a:1", "\"Args\":[\"/app\",\"5\"]," USER)
#define ON(kind, name) "{\"kind\":\"" kind "\",\"request\":{\"container_id\":\"" name "\"}}"
#define EXEC(args)                                                                                 \
	"{\"kind\":\"ExecProcessRequest\",\"request\":{\"container_id\":\"app\",\"process\":{"     \
	"\"Args\":[" args "]}}}"
#define EXIT(name, status)                                                                         \
	"{\"kind\":\"Exit\",\"request\":{\"container_id\":\"" name "\",\"status\":" status "}}"

struct step {
	const char *request, *code; /* NULL: allowed */
};

static struct policy_tester *tester_of(struct manifest *m, int rootfs_fd)
{
	struct policy_tester *t = NULL;
	const struct policy_test_options o = { .rootfs_fd = rootfs_fd };

	assert_ok(manifest_parse(bytes_str(pod), m));
	assert_ok(policy_tester_new(m, &o, &t));
	return t;
}

static struct err ask(struct policy_tester *t, const char *text)
{
	AUTO(json_freep) struct json *j = NULL;

	TRY(json_parse(bytes_str(text), &j));
	return policy_tester_ask(t, j);
}

static void walk(const struct step *steps, size_t n)
{
	AUTO(manifest_done) struct manifest m = { 0 };
	AUTO(auto_close) int rootfs = open("/sys", O_PATH | O_DIRECTORY | O_CLOEXEC);
	AUTO(policy_tester_freep) struct policy_tester *t = tester_of(&m, rootfs);

	for (size_t i = 0; i < n; i++) {
		struct err e = ask(t, steps[i].request);

		print_message("  step %zu\n", i);
		if (!steps[i].code) {
			assert_ok(e);
			continue;
		}
		assert_err(e, ERR_DENIED);
		assert_string_equal(err_denial()->code, steps[i].code);
		assert_non_null(policy_hint_find(err_denial()->code));
	}
}

static void test_life(void **state)
{
	(void)state;
	static const struct step steps[] = {
		{ "{\"kind\":\"CreateSandboxRequest\",\"request\":{}}", NULL },
		{ INIT, NULL },
		{ INIT, "manifest.container" },
		{ APP, NULL },
		{ ON("StartContainerRequest", "app"), "manifest.order" },
		{ ON("StartContainer", "init"), NULL },
		{ ON("StartContainer", "app"), "manifest.order" },
		{ EXIT("init", "1"), NULL },
		{ ON("StartContainer", "app"), "manifest.order" },
		{ ON("RemoveContainerRequest", "init"), NULL },
		{ INIT, NULL },
		{ EXIT("init", "0"), NULL },
		{ ON("StartContainer", "app"), NULL },
		{ EXEC("\"/ping\""), NULL },
		{ EXEC("\"/ping\",\"x\""), "manifest.exec" },
		{ EXEC("\"sh\""), "manifest.exec" },
		{ ON("ReadStreamRequest", "app"), "manifest.request" },
		{ ON("ReadStdout", "app"), "manifest.request" },
		{ ON("WriteStreamRequest", "app"), "manifest.request" },
		{ ON("StatsContainerRequest", "app"), "manifest.request" },
		{ ON("WaitProcessRequest", "app"), NULL },
		{ "{\"kind\":\"SignalProcessRequest\",\"request\":{\"container_id\":\"app\","
		  "\"signal\":15}}",
			NULL },
	};

	walk(steps, ARRAY_LEN(steps));
}

static void test_containers(void **state)
{
	(void)state;
	static const struct step steps[] = {
		{ CREATE("app", "r/a:2", "\"Args\":[\"/app\",\"5\"]," USER), "manifest.image" },
		{ CREATE("db", "r/a:1", "\"Args\":[]"), "manifest.container" },
		{ CREATE("app", "r/a:1", "\"Args\":[\"/app\",\"x\"]," USER), "manifest.argv" },
		{ CREATE("app", "r/a:1", "\"Args\":[\"/app\",\"5\"],\"User\":{\"UID\":7}"),
			"manifest.user" },
		{ CREATE("app", "r/a@sha256:bb",
			  "\"Args\":[\"/app\",\"5\"],\"Env\":[\"A=c\"]," USER),
			"manifest.env" },
		{ CREATE("app", "r/a@sha256:bb",
			  "\"Args\":[\"/app\",\"5\"],\"Env\":[\"A=b\"]," USER),
			NULL },
	};

	walk(steps, ARRAY_LEN(steps));
}

/* As containerd writes it; what a runtime drops or changes is not held against it. */
static void test_spec(void **state)
{
	(void)state;
#define SPEC(args)                                                                                 \
	"{\"ociVersion\":\"1.0.2-dev\",\"process\":{\"args\":[\"/app\",\"" args "\"],\"env\":["    \
	"\"PATH=/bin\",\"A=b\"],\"cwd\":\"/\",\"user\":{\"uid\":7,\"gid\":8,\"additionalGids\":["  \
	"8]},\"noNewPrivileges\":true},\"root\":{\"path\":\"rootfs\"},\"mounts\":[{"               \
	"\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\",\"options\":[\"nosuid\"]" \
	"}],\"annotations\":{\"io.kubernetes.cri.container-name\":\"app\","                        \
	"\"io.kubernetes.cri.container-type\":\"container\","                                      \
	"\"io.kubernetes.cri.sandbox-id\":\"s\",\"io.kubernetes.cri.image-name\":\"r/a:1\"},"      \
	"\"linux\":{\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"ipc\",\"path\":\"/proc/1/ns/"   \
	"ipc\"},{\"type\":\"network\",\"path\":\"/var/run/netns/x\"}],\"resources\":{\"devices\":" \
	"[{\"allow\":false,\"access\":\"rwm\"}]}}}"
	static const struct step steps[] = {
		{ SPEC("x"), "manifest.argv" },
		{ SPEC("5"), NULL },
	};

	walk(steps, ARRAY_LEN(steps));
}

static void test_malformed(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		enum err_code code;
	} rows[] = {
		{ "{}", ERR_FORMAT },
		{ "[]", ERR_FORMAT },
		{ "{\"kind\":\"CreateContainerRequest\"}", ERR_FORMAT },
		{ "{\"kind\":\"CreateContainerRequest\",\"request\":{}}", ERR_FORMAT },
		{ "{\"kind\":\"CreateContainerRequest\",\"request\":{\"OCI\":7}}", ERR_FORMAT },
		{ "{\"kind\":\"Exit\",\"request\":{}}", ERR_FORMAT },
		{ "{\"kind\":\"SetPolicyRequest\",\"request\":{}}", ERR_UNSUPPORTED },
		{ "{\"ociVersion\":\"1\",\"process\":{},\"root\":{}}", ERR_FORMAT },
		{ ON("StartContainer", "app"), ERR_NOT_FOUND },
	};
	AUTO(manifest_done) struct manifest m = { 0 };
	AUTO(policy_tester_freep) struct policy_tester *t = tester_of(&m, -1);

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_err(ask(t, rows[i].text), rows[i].code);
}

static struct err survive(void *arg, struct bytes in)
{
	AUTO(json_freep) struct json *j = NULL;
	AUTO(manifest_done) struct manifest m = { 0 };
	AUTO(auto_close) int rootfs = open("/sys", O_PATH | O_DIRECTORY | O_CLOEXEC);
	AUTO(policy_tester_freep) struct policy_tester *t = tester_of(&m, rootfs);

	(void)arg;
	TRY(json_parse(in, &j));
	return policy_tester_ask(t, j);
}

static void test_survives(void **state)
{
	(void)state;

	each_prefix_survives(bytes_str(APP), survive, NULL);
	each_flip_survives(bytes_str(APP), survive, NULL);
	each_flip_survives(bytes_str(SPEC("5")), survive, NULL);
}

/* ---- differences and words ---- */

static void test_diff(void **state)
{
	(void)state;
#define M(members) "{\"version\":1,\"containers\":[{\"name\":\"a\",\"image\":\"i\"" members "}]}"
	static const struct {
		const char *before, *after, *field, *old, *new; /* field NULL: none */
	} rows[] = {
		{ M(""), M(""), NULL, NULL, NULL },
		{ M(",\"exec\":[]"), M(""), NULL, NULL, NULL },
		{ M(",\"capabilities\":[\"CAP_A\",\"CAP_B\"]"),
			M(",\"capabilities\":[\"CAP_B\",\"CAP_A\"]"), NULL, NULL, NULL },
		{ M(",\"capabilities\":[\"CAP_A\"]"), M(""), "containers[a].capabilities", "CAP_A",
			NULL },
		{ M(",\"argv\":[\"a\",\"b\"]"), M(",\"argv\":[\"b\",\"a\"]"), "containers[a].argv",
			"[\"a\",\"b\"]", "[\"b\",\"a\"]" },
		{ M(",\"env\":{\"A\":\"1\"}"), M(",\"env\":{\"A\":\"2\"}"), "containers[a].env.A",
			"1", "2" },
		{ M(",\"env\":{\"A\":\"1\"}"), M(""), "containers[a].env.A", "1", NULL },
		{ M(""), M(",\"env\":{\"A\":\"1\"}"), "containers[a].env.A", NULL, "1" },
		{ M(",\"exec\":[[\"a\"]]"), M(",\"exec\":[[\"a\"],[\"b\"]]"), "containers[a].exec",
			NULL, "[\"b\"]" },
		{ M(",\"volumes\":[{\"at\":\"/v\",\"kind\":\"files\"}]"),
			M(",\"volumes\":[{\"at\":\"/v\",\"kind\":\"disk\"}]"),
			"containers[a].volumes[/v].kind", "files", "disk" },
		{ "{\"version\":1,\"containers\":[]}", M(""), "containers[a]", NULL,
			"{\"name\":\"a\",\"image\":\"i\"}" },
		{ M(""),
			"{\"version\":1,\"containers\":[{\"name\":\"a\",\"image\":\"i\"}],"
			"\"allow\":[\"logs\"]}",
			"allow", NULL, "logs" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO(json_freep) struct json *before = NULL;
		AUTO(json_freep) struct json *after = NULL;
		AUTO(policy_changes_done) struct policy_changes c = { 0 };

		print_message("  row %zu\n", i);
		assert_ok(json_parse(bytes_str(rows[i].before), &before));
		assert_ok(json_parse(bytes_str(rows[i].after), &after));
		assert_ok(policy_diff(before, after, &c));
		assert_int_equal(c.n, rows[i].field != NULL);
		if (!rows[i].field)
			continue;
		assert_string_equal(c.v[0].field, rows[i].field);
		assert_true(rows[i].old ? str_equal(rows[i].old, c.v[0].before) : !c.v[0].before);
		assert_true(rows[i].new ? str_equal(rows[i].new, c.v[0].after) : !c.v[0].after);
	}
}

static void test_explain(void **state)
{
	(void)state;
	static const char *const parts[] = {
		"container init\n  image       r/i:1@sha256:aa\n  runs        /init\n",
		"  as          user and group 7:8\n",
		"  runs        /app <[0-9]+>\n",
		"  has set     A=b\n",
		"  host runs   /ping\n",
		"  waits for   success of init\n",
		"  may NOT read what containers print\n",
		"  may     send signals",
	};
	AUTO(manifest_done) struct manifest m = { 0 };
	AUTO(buf_done) struct buf text = BUF_INIT(POLICY_MANIFEST_MAX);

	assert_ok(manifest_parse(bytes_str(pod), &m));
	policy_explain(&m, &text);
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		if (!strstr(buf_cstr(&text), parts[i]))
			fail_msg("no %s in %s", parts[i], buf_cstr(&text));
	assert_null(policy_hint_find("manifest.nothing"));
	assert_null(policy_hint_find("nginx.yaml"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_life),
		cmocka_unit_test(test_containers),
		cmocka_unit_test(test_spec),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_survives),
		cmocka_unit_test(test_diff),
		cmocka_unit_test(test_explain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
