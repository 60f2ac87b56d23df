/* The Sandbox API: a pod without a placeholder, its configuration, its end. */
#include "pod_config.h"
#include "shim_peer.h"

#include <cri.pb-c.h>
#include <fcntl.h>
#include <sandbox.pb-c.h>

#include <base/file.h>
#include <base/log.h>
#include <net/pb.h>

static struct err api(struct peer *p, const char *method, const char *id, struct buf *out)
{
	Sandbox__StartSandboxRequest q = SANDBOX__START_SANDBOX_REQUEST__INIT;

	q.sandbox_id = text_of(id);
	return peer_sandbox_call(p, method, &q.base, out);
}

static void pack_config(struct buf *out, const char *server)
{
	Cri__PodSandboxConfig k = CRI__POD_SANDBOX_CONFIG__INIT;
	Cri__DNSConfig dns = CRI__DNSCONFIG__INIT;
	Cri__PodSandboxConfig__AnnotationsEntry a =
		CRI__POD_SANDBOX_CONFIG__ANNOTATIONS_ENTRY__INIT;
	Cri__PodSandboxConfig__AnnotationsEntry *list[] = { &a };
	char *servers[] = { text_of(server) }, *searches[] = { text_of("a.b"), text_of("b") };

	a.key = text_of("io.example/x");
	a.value = text_of("\"quoted\"");
	dns.servers = servers;
	dns.n_servers = 1;
	dns.searches = searches;
	dns.n_searches = 2;
	k.hostname = text_of("pod-1");
	k.dns_config = &dns;
	k.annotations = list;
	k.n_annotations = 1;
	assert_ok(pb_pack(&k.base, out));
}

static struct err create(struct peer *p, const char *type, const char *server)
{
	AUTO(buf_done) struct buf config = BUF_INIT(4096);
	AUTO(auto_free) char *spec = NULL;
	Sandbox__CreateSandboxRequest q = SANDBOX__CREATE_SANDBOX_REQUEST__INIT;
	Pb__Any any = PB__ANY__INIT;

	assert_ok(path_join(p->bundle, "config.json", &spec));
	if (!p->shim->planned)
		(void)unlink(spec);
	pack_config(&config, server);
	any.type_url = text_of(type);
	any.value.data = config.p;
	any.value.len = config.n;
	q.sandbox_id = text_of("c1");
	q.bundle_path = p->bundle;
	q.netns_path = text_of("/run/netns/pod");
	q.options = &any;
	return peer_sandbox_call(p, "CreateSandbox", &q.base, NULL);
}

static void expect_state(struct peer *p, const char *state)
{
	AUTO(buf_done) struct buf out = BUF_INIT(4096);
	AUTO(pb_free_any) Sandbox__SandboxStatusResponse *r = NULL;

	assert_ok(api(p, "SandboxStatus", "c1", &out));
	assert_ok(PB_UNPACK(sandbox__sandbox_status_response, buf_bytes(&out), &r));
	assert_string_equal(r->state, state);
	assert_string_equal(r->sandbox_id, "c1");
}

static void test_life(void **state)
{
	AUTO(peer_done) struct peer p;
	AUTO(buf_done) struct buf out = BUF_INIT(4096), wait = BUF_INIT(4096);
	AUTO(pb_free_any) Sandbox__StartSandboxResponse *r = NULL;
	AUTO(pb_free_any) Sandbox__WaitSandboxResponse *w = NULL;

	(void)state;
	peer_open(&p);
	assert_err(api(&p, "StartSandbox", "c1", NULL), ERR_NOT_FOUND);
	assert_ok(create(&p, POD_CONFIG_TYPE, "10.0.0.10"));
	assert_err(create(&p, POD_CONFIG_TYPE, "10.0.0.10"), ERR_STATE);
	assert_err_text("exists already");
	expect_state(&p, "SANDBOX_NOTREADY");
	assert_ok(api(&p, "StartSandbox", "c1", &out));
	assert_ok(PB_UNPACK(sandbox__start_sandbox_response, buf_bytes(&out), &r));
	assert_int_equal(r->pid, FAKE_PID);
	assert_non_null(r->created_at);
	assert_err(api(&p, "StartSandbox", "c1", NULL), ERR_STATE);
	expect_state(&p, "SANDBOX_READY");
	assert_ok(api(&p, "PingSandbox", "c1", NULL));
	assert_err(api(&p, "PingSandbox", "c2", NULL), ERR_NOT_FOUND);
	assert_non_null(strstr(buf_cstr(&fake.seen), "new(c1//run/netns/pod) start(c1)"));
	peer_bundle(&p, "container");
	assert_ok(peer_create(&p, "app"));
	assert_ok(peer_start(&p, "app", NULL));
	assert_ok(api(&p, "StopSandbox", "c1", NULL));
	assert_ok(api(&p, "WaitSandbox", "c1", &wait));
	assert_ok(PB_UNPACK(sandbox__wait_sandbox_response, buf_bytes(&wait), &w));
	assert_int_equal(w->exit_status, 0);
	expect_state(&p, "SANDBOX_NOTREADY");
	assert_ok(peer_delete(&p, "app", NULL, NULL));
	peer_expect(&p, "create:app start:app exit:app=137 delete:app ");
	assert_ok(api(&p, "ShutdownSandbox", "c1", NULL));
	assert_true(p.ended);
}

/* containerd says Shutdown after every container that it deleted; an init container is the only one
 * at that time, and the pod lives on. */
static void test_outlives_containers(void **state)
{
	AUTO(peer_done) struct peer p;
	unsigned status = 0;

	(void)state;
	peer_open(&p);
	assert_ok(create(&p, POD_CONFIG_TYPE, "10.0.0.10"));
	assert_ok(api(&p, "StartSandbox", "c1", NULL));
	peer_bundle(&p, "container");
	for (unsigned i = 0; i < 2; i++) {
		assert_ok(peer_create(&p, "init"));
		assert_ok(peer_start(&p, "init", NULL));
		fake_exit("init", "", 0);
		assert_ok(peer_wait(&p, "init", NULL, &status));
		assert_ok(peer_delete(&p, "init", NULL, NULL));
		assert_ok(peer_simple(&p, "Shutdown", "init"));
		expect_state(&p, "SANDBOX_READY");
		assert_false(p.ended);
	}
	assert_ok(api(&p, "ShutdownSandbox", "c1", NULL));
	assert_true(p.ended);
}

static void test_platform(void **state)
{
	AUTO(peer_done) struct peer p;
	AUTO(buf_done) struct buf out = BUF_INIT(4096);
	AUTO(pb_free_any) Sandbox__PlatformResponse *r = NULL;

	(void)state;
	peer_open(&p);
	assert_ok(create(&p, "runtime.v1.PodSandboxConfig", "10.0.0.10"));
	assert_ok(api(&p, "Platform", "c1", &out));
	assert_ok(PB_UNPACK(sandbox__platform_response, buf_bytes(&out), &r));
	assert_string_equal(r->platform->os, "linux");
	assert_true(strlen(r->platform->architecture) > 0);
}

static void test_written_configuration(void **state)
{
	AUTO(peer_done) struct peer p;
	AUTO(auto_free) char *spec = NULL;
	AUTO(auto_free) char *resolv = NULL;
	AUTO(auto_free) char *hostname = NULL;
	AUTO(buf_done) struct buf text = BUF_INIT(1 << 16);
	AUTO(json_freep) struct json *j = NULL;

	(void)state;
	peer_open(&p);
	assert_ok(create(&p, POD_CONFIG_TYPE, "10.0.0.10"));
	assert_ok(path_join(p.bundle, "config.json", &spec));
	assert_ok(file_read(spec, &text));
	assert_ok(json_parse(buf_bytes(&text), &j));
	assert_string_equal(json_string(json_get(j, "hostname")), "pod-1");
	assert_string_equal(
		json_string(json_get(json_get(j, "annotations"), "io.example/x")), "\"quoted\"");
	assert_string_equal(json_string(json_get(json_get(j, "annotations"),
				    "io.kubernetes.cri.container-type")),
		"sandbox");
	assert_string_equal(
		json_string(json_pointer(j, "/linux/namespaces/0/path")), "/run/netns/pod");
	assert_ok(path_join(p.bundle, "resolv.conf", &resolv));
	buf_clear(&text);
	assert_ok(file_read(resolv, &text));
	assert_string_equal(buf_cstr(&text), "nameserver 10.0.0.10\nsearch a.b b\n");
	assert_ok(path_join(p.bundle, "hostname", &hostname));
	buf_clear(&text);
	assert_ok(file_read(hostname, &text));
	assert_string_equal(buf_cstr(&text), "pod-1\n");
}

static void test_refusals(void **state)
{
	AUTO(peer_done) struct peer p;

	(void)state;
	peer_open(&p);
	assert_err(create(&p, "containerd.runc.v1.Options", "10.0.0.10"), ERR_FORMAT);
	assert_err(create(&p, POD_CONFIG_TYPE, "10.0.0.10\nnameserver 6.6.6.6"), ERR_FORMAT);
	assert_err_text("dns_config.servers");
	assert_ok(create(&p, POD_CONFIG_TYPE, "10.0.0.10"));
	fake.fail = "start";
	assert_err(api(&p, "StartSandbox", "c1", NULL), ERR_TIMEOUT);
	assert_null(fake.sandbox);
	assert_err(api(&p, "SandboxMetrics", "c1", NULL), ERR_STATE);
	assert_ok(api(&p, "ShutdownSandbox", "c1", NULL));
	assert_true(p.ended);
}

static struct err write_config(void *arg, struct bytes in)
{
	struct json_map none = { 0 };

	return pod_config_write(
		&(struct pod_config){
			.id = "c1", .netns = "", .annotations = &none, .options = in },
		arg);
}

static void test_hostile_configuration(void **state)
{
	AUTO(buf_done) struct buf config = BUF_INIT(4096);
	char dir[4096];

	(void)state;
	(void)snprintf(dir, sizeof(dir), "%s", test_dir());
	pack_config(&config, "10.0.0.10");
	each_prefix_survives(buf_bytes(&config), write_config, dir);
	each_flip_survives(buf_bytes(&config), write_config, dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_life),
		cmocka_unit_test(test_outlives_containers),
		cmocka_unit_test(test_platform),
		cmocka_unit_test(test_written_configuration),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_hostile_configuration),
	};

	log_init("test", LOG_ERROR, LOG_TEXT, open("/dev/null", O_WRONLY | O_CLOEXEC));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
