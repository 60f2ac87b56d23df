/* Requests against a manifest: which image is meant, what waits for what, users and groups. */
#include "util.h"

#include <fcntl.h>

#include <policy/admit.h>

static void test_image(void **state)
{
	(void)state;
#define DIGEST "sha256:0d5f"
	static const struct {
		const char *rule, *asked;
		bool same;
	} rows[] = {
		{ "r.example/app:1", "r.example/app:1", true },
		{ "r.example/app:1@" DIGEST, "r.example/app:1@" DIGEST, true },
		{ "r.example/app:1@" DIGEST, "r.example/app:1", true },
		{ "r.example/app:1@" DIGEST, "r.example/app@" DIGEST, true },
		{ "r.example/app:1@" DIGEST, "r.example/app:2@" DIGEST, true },
		{ "r.example/app:1@" DIGEST, "r.example/app:2", false },
		{ "r.example/app:1@" DIGEST, "r.example/app", false },
		{ "r.example/app:1@" DIGEST, "r.example/app:1@sha256:0d5e", false },
		{ "r.example/app:1@" DIGEST, "r.example/apps:1", false },
		{ "r.example/app@" DIGEST, "r.example/app:1", false },
		{ "r.example/app@" DIGEST, "r.example/app", false },
		{ "r.example/app:1", "r.example/app@" DIGEST, false },
		{ "r.example:5000/app:1", "r.example:5000/app:1", true },
		{ "r.example:5000/app", "r.example:5000/app:latest", true },
		{ "docker.io/library/nginx:1", "nginx:1", true },
		{ "nginx", "docker.io/library/nginx:latest", true },
		{ "docker.io/me/app:1", "me/app:1", true },
		{ "docker.io/r.example/app:1", "r.example/app:1", false },
		{ "localhost/app:1", "app:1", false },
		{ "library/nginx:1", "nginx:1", true },
		{ "r.example/library/nginx:1", "r.example/nginx:1", false },
		{ "~r[.]example/app:[0-9]+", "r.example/app:12", true },
		{ "~r[.]example/app:[0-9]+", "r.example/app:x", false },
		{ "r.example/app:1", "", false },
		{ "r.example/app:1", ":", false },
		{ "r.example/app:1", "@", false },
		{ "@", "/", false },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (manifest_image_matches(rows[i].rule, rows[i].asked) != rows[i].same)
			fail_msg("%s asked for as %s", rows[i].rule, rows[i].asked);
	assert_string_equal(manifest_image_to_pull("a:1@" DIGEST, "a:1"), "a:1@" DIGEST);
	assert_string_equal(manifest_image_to_pull("a:1", "docker.io/a:1"), "docker.io/a:1");
	assert_string_equal(manifest_image_to_pull("~a@b", "a@b"), "a@b");
}

#define POD(more)                                                                                  \
	"{\"version\":1,\"containers\":["                                                          \
	"{\"name\":\"init\",\"image\":\"r/i:1\"},"                                                 \
	"{\"name\":\"side\",\"image\":\"r/s:1\",\"completed\":[\"init\"]},"                        \
	"{\"name\":\"app\",\"image\":\"r/a:1\",\"completed\":[\"init\"],\"after\":[\"side\"],"     \
	"\"user\":\"7\",\"groups\":[\"1000\",\"2000\"],\"readonly_rootfs\":true,"                  \
	"\"env_also\":[\"~[A-Z_]+_SERVICE_HOST=[0-9.]+\",\"TERM=xterm\"]}]" more "}"

static struct manifest pod_of(const char *text)
{
	struct manifest m = { 0 };

	assert_ok(manifest_parse(bytes_str(text), &m));
	return m;
}

static void test_order(void **state)
{
	(void)state;
	AUTO(manifest_done) struct manifest m = pod_of(POD(""));
	bool started[MANIFEST_CONTAINERS_MAX] = { 0 }, completed[MANIFEST_CONTAINERS_MAX] = { 0 };

	assert_ok(admit_start(&m, 0, started, completed));
	started[0] = true;
	assert_err(admit_start(&m, 1, started, completed), ERR_DENIED);
	assert_err_text("manifest.order: side: expected init, got not ended with success");
	completed[0] = true;
	assert_ok(admit_start(&m, 1, started, completed));
	assert_err(admit_start(&m, 2, started, completed), ERR_DENIED);
	assert_err_text("manifest.order: app: expected side, got not started");
	started[1] = true;
	assert_ok(admit_start(&m, 2, started, completed));
}

struct request {
	Agent__CreateContainerRequest q;
	Agent__Storage storage, *storages[1];
	Oci__Spec spec;
	Oci__Root root;
	Oci__Spec__AnnotationsEntry name, *annotations[1];
};

static void request_init(struct request *r, const char *name, const char *image)
{
	*r = (struct request){
		.q = AGENT__CREATE_CONTAINER_REQUEST__INIT,
		.storage = AGENT__STORAGE__INIT,
		.spec = OCI__SPEC__INIT,
		.root = OCI__ROOT__INIT,
		.name = OCI__SPEC__ANNOTATIONS_ENTRY__INIT,
	};
	r->storage.driver = (char *)(uintptr_t) "image_guest_pull";
	r->storage.source = (char *)(uintptr_t)image;
	r->storages[0] = &r->storage;
	r->q.storages = r->storages;
	r->q.n_storages = 1;
	r->q.oci = &r->spec;
	r->spec.root = &r->root;
	r->name.key = (char *)(uintptr_t) "io.kubernetes.cri.container-name";
	r->name.value = (char *)(uintptr_t)name;
	r->annotations[0] = &r->name;
	r->spec.annotations = r->annotations;
	r->spec.n_annotations = 1;
}

static void test_container(void **state)
{
	(void)state;
	AUTO(manifest_done) struct manifest m = pod_of(POD(""));
	AUTO(manifest_done) struct manifest shared = pod_of(POD(",\"shared_pid\":true"));
	bool in_use[MANIFEST_CONTAINERS_MAX] = { 0 };
	struct request r;
	size_t row = 99;

	request_init(&r, "app", "r/a:1");
	assert_err(admit_container(&m, &r.q, in_use, &row), ERR_DENIED);
	assert_err_text("manifest.rootfs: containers[app].readonly_rootfs: expected read-only");
	r.root.readonly = true;
	assert_ok(admit_container(&m, &r.q, in_use, &row));
	assert_int_equal(row, 2);
	in_use[2] = true;
	assert_err(admit_container(&m, &r.q, in_use, &row), ERR_DENIED);
	assert_err_text("a second one");
	in_use[2] = false;
	r.q.sandbox_pidns = true;
	assert_err(admit_container(&m, &r.q, in_use, &row), ERR_DENIED);
	assert_err_text("manifest.namespaces");
	assert_ok(admit_container(&shared, &r.q, in_use, &row));
	request_init(&r, "app", "r/b:1");
	assert_err(admit_container(&m, &r.q, in_use, &row), ERR_DENIED);
	assert_err_text("manifest.image");
	request_init(&r, "other", "r/a:1");
	assert_err(admit_container(&m, &r.q, in_use, &row), ERR_DENIED);
	assert_err_text("manifest.container");
}

static void test_sysctls(void **state)
{
	(void)state;
	AUTO(manifest_done)
	struct manifest m = pod_of(POD(",\"sysctls\":{\"net.core.somaxconn\":\"1024\"}"));
	static const struct {
		const char *key, *value, *error;
	} rows[] = {
		{ "net.core.somaxconn", "1024", NULL },
		{ "net.core.somaxconn", "1", "sysctls.net.core.somaxconn: expected 1024, got 1" },
		{ "net.ipv4.ip_unprivileged_port_start", "0", NULL },
		{ "kernel.core_pattern", "|/x", "manifest.sysctl: sysctls.kernel.core_pattern" },
	};
	bool in_use[MANIFEST_CONTAINERS_MAX] = { 0 };
	size_t row;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		Oci__Linux__SysctlEntry entry = OCI__LINUX__SYSCTL_ENTRY__INIT, *entries = &entry;
		Oci__Linux linux_ = OCI__LINUX__INIT;
		struct request r;

		request_init(&r, "app", "r/a:1");
		r.root.readonly = true;
		r.spec.linux_ = &linux_;
		linux_.sysctl = &entries;
		linux_.n_sysctl = 1;
		entry.key = (char *)(uintptr_t)rows[i].key;
		entry.value = (char *)(uintptr_t)rows[i].value;
		if (!rows[i].error) {
			assert_ok(admit_container(&m, &r.q, in_use, &row));
			continue;
		}
		assert_err(admit_container(&m, &r.q, in_use, &row), ERR_DENIED);
		assert_err_text(rows[i].error);
	}
}

static struct err plan_it(const struct manifest *m, Oci__Process *p, struct plan *plan)
{
	AUTO(image_config_done) struct image_config image = { 0 };
	AUTO(auto_close) int rootfs = -1;
	const struct plan_sources s = {
		.rule = manifest_container_at(m, 2),
		.image = &image,
		.process = p,
		.rootfs_fd = (rootfs = open("/sys", O_PATH | O_DIRECTORY | O_CLOEXEC)),
	};
	struct err e;

	assert_ok(image_config_parse(
		bytes_str("{\"config\":{\"Cmd\":[\"/a\"],\"Env\":[\"B_SERVICE_HOST=x\"]}}"),
		&image));
	e = plan_make(&s, plan);
	return failed(e) ? e : manifest_check_plan(s.rule, &image, plan);
}

static void test_user(void **state)
{
	(void)state;
	AUTO(manifest_done) struct manifest m = pod_of(POD(""));
	static const struct {
		uint32_t uid, gid, group;
		const char *code;
	} rows[] = {
		{ 7, 0, 1000, NULL }, /* the image knows no user 7, so its group is 0 */
		{ 7, 0, 0, NULL },
		{ 7, 1, 1000, "manifest.user" },
		{ 8, 0, 1000, "manifest.user" },
		{ 7, 0, 3000, "manifest.user" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO(plan_done) struct plan plan = { 0 };
		Oci__Process p = OCI__PROCESS__INIT;
		Oci__User user = OCI__USER__INIT;
		uint32_t group = rows[i].group;
		struct err e;

		p.user = &user;
		user.uid = rows[i].uid;
		user.gid = rows[i].gid;
		user.additionalgids = &group;
		user.n_additionalgids = 1;
		e = plan_it(&m, &p, &plan);
		if (!rows[i].code) {
			assert_ok(e);
			assert_int_equal(plan.user.n_groups, 2);
			assert_int_equal(plan.user.groups[1], 2000);
		} else {
			assert_err(e, ERR_DENIED);
			assert_string_equal(err_denial()->code, rows[i].code);
		}
	}
}

static void test_env_also(void **state)
{
	(void)state;
	AUTO(manifest_done) struct manifest m = pod_of(POD(""));
	static const struct {
		const char *variable;
		bool allowed;
	} rows[] = {
		{ "A_SERVICE_HOST=10.0.0.1", true },
		{ "A_SERVICE_HOST=example", false },
		{ "B_SERVICE_HOST=10.0.0.1", false }, /* the image's own stays */
		{ "TERM=xterm", true },
		{ "TERM=dumb", false },
		{ "LD_PRELOAD=/x", false },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO(plan_done) struct plan plan = { 0 };
		Oci__Process p = OCI__PROCESS__INIT;
		char *env = (char *)(uintptr_t)rows[i].variable;
		struct err e;

		p.env = &env;
		p.n_env = 1;
		e = plan_it(&m, &p, &plan);
		if (failed(e) == rows[i].allowed)
			fail_msg("%s: %s", rows[i].variable, failed(e) ? err_text() : "allowed");
	}
}

static void test_bad(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"\"groups\":[\"wheel\"]",
		"\"groups\":[\"-1\"]",
		"\"env_also\":[\"A\"]",
		"\"env_also\":[\"~(\"]",
		"\"completed\":[\"b\"]",
		"\"user\":\"root\"",
		"\"privileged\":\"yes\"",
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		AUTO(manifest_done) struct manifest m = { 0 };
		char text[256];

		(void)snprintf(text, sizeof(text),
			"{\"version\":1,\"containers\":[{\"name\":\"a\",\"image\":\"i\",%s},"
			"{\"name\":\"b\",\"image\":\"i\"}]}",
			bad[i]);
		assert_err(manifest_parse(bytes_str(text), &m), ERR_FORMAT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_image),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_container),
		cmocka_unit_test(test_sysctls),
		cmocka_unit_test(test_user),
		cmocka_unit_test(test_env_also),
		cmocka_unit_test(test_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
