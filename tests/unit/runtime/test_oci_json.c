/* config.json as the agent's messages. */
#include "util.h"

#include <net/pb.h>
#include <runtime/oci_json.h>

static const char full[] =
	"{\"ociVersion\":\"1.1.0\",\"process\":{\"terminal\":true,"
	"\"consoleSize\":{\"height\":24,\"width\":80},"
	"\"user\":{\"uid\":1000,\"gid\":100,\"additionalGids\":[1,2]},\"args\":[\"sh\",\"-c\"],"
	"\"env\":[\"PATH=/bin\"],\"cwd\":\"/\",\"capabilities\":{\"bounding\":[\"CAP_KILL\"]},"
	"\"rlimits\":[{\"type\":\"RLIMIT_NOFILE\",\"hard\":18446744073709551615,\"soft\":1024}],"
	"\"noNewPrivileges\":true,\"oomScoreAdj\":-998},"
	"\"root\":{\"path\":\"rootfs\",\"readonly\":true},\"hostname\":\"h\","
	"\"mounts\":[{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\","
	"\"options\":null},{\"destination\":\"/x\",\"options\":[\"ro\",\"rbind\"]}],"
	"\"hooks\":{\"createRuntime\":[{\"path\":\"/h\",\"timeout\":3}]},"
	"\"annotations\":{\"a.b\":\"c\",\"\":\"\"},"
	"\"linux\":{\"sysctl\":{\"net.x\":\"1\"},\"uidMappings\":[{\"hostID\":1,\"size\":2}],"
	"\"resources\":{\"devices\":[{\"allow\":false,\"access\":\"rwm\"}],"
	"\"memory\":{\"limit\":-1,\"swappiness\":60,\"disableOOMKiller\":true},"
	"\"cpu\":{\"shares\":1024,\"quota\":-1,\"period\":100000,\"cpus\":\"0-1\"},"
	"\"pids\":{\"limit\":10},\"unified\":{\"memory.high\":\"1\"}},"
	"\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"network\",\"path\":\"/n\"}],"
	"\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"bpf\"],"
	"\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":38,\"args\":[{\"index\":1,\"value\":2,"
	"\"valueTwo\":3,\"op\":\"SCMP_CMP_EQ\"}]}]},\"maskedPaths\":[\"/proc/kcore\"]},"
	"\"unknown\":[1.5,{}]}";

static void test_full(void **state)
{
	AUTO(pb_free_any) Oci__Spec *s = NULL;

	(void)state;
	assert_ok(oci_json_spec(bytes_str(full), &s));
	assert_string_equal(s->version, "1.1.0");
	assert_true(s->process->terminal);
	assert_int_equal(s->process->consolesize->width, 80);
	assert_int_equal(s->process->user->n_additionalgids, 2);
	assert_int_equal(s->process->user->additionalgids[1], 2);
	assert_string_equal(s->process->args[1], "-c");
	assert_true(s->process->rlimits[0]->hard == UINT64_MAX);
	assert_int_equal(s->process->oomscoreadj, -998);
	assert_true(s->root->readonly);
	assert_int_equal(s->n_mounts, 2);
	assert_int_equal(s->mounts[0]->n_options, 0);
	assert_string_equal(s->mounts[1]->options[1], "rbind");
	assert_string_equal(s->mounts[1]->type, "");
	assert_int_equal(s->hooks->createruntime[0]->timeout, 3);
	assert_string_equal(oci_annotation(s, "a.b"), "c");
	assert_string_equal(oci_annotation(s, ""), "");
	assert_null(oci_annotation(s, "b"));
	assert_string_equal(s->linux_->sysctl[0]->key, "net.x");
	assert_int_equal(s->linux_->uidmappings[0]->hostid, 1);
	assert_int_equal(s->linux_->resources->memory->limit, -1);
	assert_int_equal(s->linux_->resources->cpu->quota, -1);
	assert_string_equal(s->linux_->namespaces[1]->path, "/n");
	const Oci__LinuxSyscall *call = s->linux_->seccomp->syscalls[0];
	assert_int_equal(call->errno_set_case, OCI__LINUX_SYSCALL__ERRNO_SET_ERRNORET);
	assert_int_equal(call->errnoret, 38);
	assert_int_equal(call->args[0]->valuetwo, 3);
}

/* What the agent gets is what was read. */
static void test_round_trip(void **state)
{
	AUTO(pb_free_any) Oci__Spec *s = NULL;
	AUTO(pb_freep) ProtobufCMessage *again = NULL;
	AUTO(buf_done) struct buf packed = BUF_INIT(64 * 1024);
	AUTO(buf_done) struct buf twice = BUF_INIT(64 * 1024);

	(void)state;
	assert_ok(oci_json_spec(bytes_str(full), &s));
	assert_ok(pb_pack(&s->base, &packed));
	assert_ok(pb_unpack(&oci__spec__descriptor, buf_bytes(&packed), &again));
	assert_ok(pb_pack(again, &twice));
	assert_bytes_equal(buf_bytes(&packed), buf_bytes(&twice));
}

static void test_refusals(void **state)
{
	static const struct {
		const char *json, *text;
	} cases[] = {
		{ "[]", "config.json: not an object" },
		{ "{\"process\":1}", "process: not an object" },
		{ "{\"root\":{},\"Root\":{}}", "Root: is there twice" },
		{ "{\"process\":{\"args\":\"sh\"}}", "process.args: not a list" },
		{ "{\"process\":{\"args\":[\"a\",1]}}", "process.args.1: not a text" },
		{ "{\"process\":{\"user\":{\"uid\":-1}}}", "process.user.uid: not an integer" },
		{ "{\"process\":{\"user\":{\"uid\":4294967296}}}", "process.user.uid: more than" },
		{ "{\"process\":{\"terminal\":1}}", "process.terminal: neither" },
		{ "{\"linux\":{\"resources\":{\"cpu\":{\"quota\":1.5}}}}",
			"linux.resources.cpu.quota: not an integer" },
		{ "{\"annotations\":{\"a\":1}}", "annotations.a: not a text" },
		{ "{\"annotations\":[]}", "annotations: not an object" },
		{ "{\"mounts\":[null]}", "mounts.0: not an object" },
		{ "{\"linux\":{\"namespaces\":[{\"type\":\"network\"},{\"type\":\"pid\"},"
		  "{\"type\":\"network\",\"path\":\"/n\"}]}}",
			"config.json: linux.namespaces.2: 'network' a second time" },
		{ "{\"hostname\":\"\\u0000\"}", "config.json" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(pb_free_any) Oci__Spec *s = NULL;
		struct err e = oci_json_spec(bytes_str(cases[i].json), &s);

		assert_true(failed(e));
		assert_err_text(cases[i].text);
	}
}

static void test_parts(void **state)
{
	AUTO(pb_free_any) Oci__Process *p = NULL;
	AUTO(pb_free_any) Oci__LinuxResources *r = NULL;

	(void)state;
	assert_ok(oci_json_process(bytes_str("{\"args\":[\"x\"],\"cwd\":\"/\"}"), &p));
	assert_string_equal(p->args[0], "x");
	assert_ok(oci_json_resources(bytes_str("{\"pids\":{\"limit\":-1}}"), &r));
	assert_int_equal(r->pids->limit, -1);
	Oci__LinuxResources *none = NULL;
	assert_err(oci_json_resources(BYTES_NONE, &none), ERR_FORMAT);
	assert_null(none);
}

static void test_roles(void **state)
{
	static const struct {
		const char *annotations;
		enum oci_role role;
		const char *sandbox;
	} cases[] = {
		{ "", OCI_SINGLE, NULL },
		{ "\"io.kubernetes.cri.container-type\":\"sandbox\","
		  "\"io.kubernetes.cri.sandbox-id\":\"s\"",
			OCI_SANDBOX, NULL },
		{ "\"io.kubernetes.cri.container-type\":\"container\","
		  "\"io.kubernetes.cri.sandbox-id\":\"s\"",
			OCI_CONTAINER, "s" },
		{ "\"io.kubernetes.cri-o.ContainerType\":\"container\","
		  "\"io.kubernetes.cri-o.SandboxID\":\"t\"",
			OCI_CONTAINER, "t" },
		{ "\"io.kubernetes.docker.type\":\"podsandbox\"", OCI_SANDBOX, NULL },
		{ "\"io.kubernetes.docker.type\":\"container\"", OCI_CONTAINER, NULL },
		{ "\"io.kubernetes.cri.container-type\":\"other\"", OCI_SINGLE, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(pb_free_any) Oci__Spec *s = NULL;
		AUTO(auto_free) char *json = NULL;
		const char *id = "x";

		assert_ok(str_format(&json, "{\"annotations\":{%s}}", cases[i].annotations));
		assert_ok(oci_json_spec(bytes_str(json), &s));
		assert_int_equal(oci_role(s, &id), cases[i].role);
		if (cases[i].sandbox)
			assert_string_equal(id, cases[i].sandbox);
		else
			assert_null(id);
	}
}

static struct err parse(void *arg, struct bytes in)
{
	AUTO(pb_free_any) Oci__Spec *s = NULL;

	(void)arg;
	return oci_json_spec(in, &s);
}

static void test_broken(void **state)
{
	(void)state;
	each_prefix(bytes_str(full), parse, NULL);
	each_flip_survives(bytes_str(full), parse, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_roles),
		cmocka_unit_test(test_broken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
