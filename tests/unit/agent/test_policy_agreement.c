/*
 * The judgement of `sealpod policy test` and that of the agent, over the same requests: the agent's
 * own handlers behind a real ttrpc stream; only what they do to the machine is replaced.
 */
#include "start.h"
#include "util.h"

#include <fcntl.h>

#include <base/file.h>
#include <base/log.h>
#include <net/pb.h>
#include <net/ttrpc.h>
#include <runtime/oci_json.h>
#include <runtime/policy_test.h>
#include <sys/socket.h>

static const char manifest[] =
	"{\"version\":1,\"containers\":["
	"{\"name\":\"init\",\"image\":\"r/init:1\",\"argv\":[\"/i\"],\"user\":\"0:0\"},"
	"{\"name\":\"app\",\"image\":\"r/app:1@sha256:bb\",\"argv\":[\"/app\",\"~[0-9]+\"],"
	"\"env\":{\"MODE\":\"safe\",\"X\":\"~[a-z]*\"},\"env_also\":[\"~[A-Z]+_SERVICE_HOST=[0-9.]+"
	"\"],"
	"\"user\":\"7:8\",\"groups\":[\"9\"],\"cwd\":\"/srv\",\"capabilities\":[\"CAP_KILL\"],"
	"\"mounts\":[\"/etc/resolv.conf\",\"/scratch\"],\"readonly_rootfs\":true,"
	"\"volumes\":[{\"at\":\"/v\",\"kind\":\"image\"}],\"completed\":[\"init\"]},"
	"{\"name\":\"own\",\"image\":\"r/own:1\"}],"
	"\"sysctls\":{\"net.core.somaxconn\":\"1024\"},\"allow\":[\"signal\"]}";

/* What the image of every container says. */
static const char image_json[] =
	"{\"config\":{\"Entrypoint\":[\"/own\"],\"Cmd\":[\"run\"],\"Env\":[\"HOME=/root\"],"
	"\"WorkingDir\":\"/own\",\"User\":\"3:4\"}}";

/* ---- an agent that touches nothing ---- */

static RESULT no_run(struct agent *a, const struct process_spec *spec, command_fn *fn, void *arg)
{
	(void)a;
	(void)spec;
	fn(arg, 1);
	return OK;
}

static RESULT pull(struct agent *a, const char *image, const char *bundle, pull_fn *fn, void *arg)
{
	AUTO(auto_free) char *config = NULL;
	AUTO(auto_free) char *rootfs = NULL;

	(void)a;
	(void)image;
	TRY(path_join(bundle, "rootfs", &rootfs));
	TRY(path_join(bundle, "image.json", &config));
	TRY(dir_make(rootfs, 0755));
	TRY(file_write_atomic(config, bytes_str(image_json), 0600));
	fn(arg, OK);
	return OK;
}

static RESULT no_namespaces(struct agent *a, const char *hostname)
{
	(void)a;
	(void)hostname;
	return OK;
}

static RESULT no_sysctl(struct agent *a, const char *name, const char *value)
{
	(void)a;
	(void)name;
	(void)value;
	return OK;
}

static RESULT no_unmount(const char *target)
{
	(void)target;
	return OK;
}

struct world {
	struct agent agent;
	struct effects effects;
	struct ttrpc_client *client;
};

static struct err call(struct world *w, const char *method, const ProtobufCMessage *message)
{
	AUTO(buf_done) struct buf payload = BUF_INIT(PB_SIZE_MAX);
	AUTO(buf_done) struct buf answer = BUF_INIT(PB_SIZE_MAX);

	TRY(pb_pack(message, &payload));
	const struct ttrpc_request r = { .service = "grpc.AgentService",
		.method = method,
		.payload = buf_bytes(&payload),
		.timeout_ms = 20 * 1000 };
	return ttrpc_call_sync(w->client, &r, &answer);
}

static void world_init(struct world *w)
{
	static char run_dir[512];
	const struct settings set = { .run_dir = run_dir,
		.crun = "/bin/true",
		.cgroup_manager = "disabled",
		.cgroup_dir = "/nonexistent" };
	Agent__CreateSandboxRequest sandbox = AGENT__CREATE_SANDBOX_REQUEST__INIT;
	AUTO(auto_free) char *toml = NULL;
	int fds[2];

	(void)snprintf(run_dir, sizeof(run_dir), "%s/run", test_dir());
	assert_ok(str_format(&toml,
		"version = \"0.1.0\"\nalgorithm = \"sha256\"\n[data]\n\"pod-manifest.json\" = '''\n"
		"%s'''\n",
		manifest));
	assert_ok(agent_init(&w->agent, &set));
	assert_ok(agent_load_initdata(&w->agent, bytes_str(toml)));
	w->effects = effects_real;
	w->effects.run = no_run;
	w->effects.pull = pull;
	w->effects.namespaces = no_namespaces;
	w->effects.sysctl_set = no_sysctl;
	w->effects.unmount = no_unmount;
	w->agent.effects = &w->effects;
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	assert_ok(ttrpc_server_add(w->agent.server, fds[0], false));
	assert_ok(ttrpc_client_new(w->agent.loop, fds[1], &w->client));
	sandbox.hostname = (char *)(uintptr_t) "pod";
	assert_ok(call(w, "CreateSandbox", &sandbox.base));
}

static void world_done(struct world *w)
{
	ttrpc_client_free(w->client);
	agent_done(&w->agent);
}

/* ---- the same image for the tester ---- */

static struct err find_image(void *arg, const char *reference, struct policy_image *ret)
{
	(void)arg;
	TRY(str_dup(reference, &ret->reference));
	ret->known = true;
	return image_config_parse(bytes_str(image_json), &ret->config);
}

/* ---- both judgements ---- */

/* The code of the refusal; "" when it was none. What is malformed has no code of its own. */
static void code_of(struct err e, char code[static DENIAL_CODE_MAX])
{
	const struct denial *d = err_denial();

	if (!failed(e) || (e.code != ERR_DENIED && e.code != ERR_FORMAT && e.code != ERR_LIMIT &&
				  e.code != ERR_UNSUPPORTED))
		(void)snprintf(code, DENIAL_CODE_MAX, "%s", "");
	else
		(void)snprintf(code, DENIAL_CODE_MAX, "%s", d ? d->code : "malformed");
}

static void ask_agent(const struct json *request, char code[static DENIAL_CODE_MAX])
{
	AUTO(pb_freep) ProtobufCMessage *message = NULL;
	struct world w = { 0 };

	assert_ok(oci_json_message(json_get(request, "request"),
		&agent__create_container_request__descriptor, &message));
	world_init(&w);
	code_of(call(&w, "CreateContainer", message), code);
	world_done(&w);
}

static void ask_tester(const struct json *request, char code[static DENIAL_CODE_MAX])
{
	AUTO(manifest_done) struct manifest m = { 0 };
	AUTO(auto_close) int rootfs = open("/sys", O_PATH | O_DIRECTORY | O_CLOEXEC);
	AUTO(policy_tester_freep) struct policy_tester *t = NULL;
	const struct policy_test_options o = { .image = find_image, .rootfs_fd = rootfs };

	assert_ok(manifest_parse(bytes_str(manifest), &m));
	assert_ok(policy_tester_new(&m, &o, &t));
	code_of(policy_tester_ask(t, request), code);
}

#define REQUEST(name, image, more, spec, process)                                                  \
	"{\"kind\":\"CreateContainerRequest\",\"request\":{\"container_id\":\"c1\",\"storages\":[" \
	"{\"driver\":\"image_guest_pull\",\"source\":\"" image "\"}]" more                         \
	",\"OCI\":{\"Version\":"                                                                   \
	"\"1.1.0\",\"Annotations\":{\"io.kubernetes.cri.container-name\":\"" name "\"}" spec       \
	",\"Process\":{" process "}}}}"
#define ROOT	     ",\"Root\":{\"Path\":\"/x\",\"Readonly\":true}"
#define ARGS	     "\"Args\":[\"/app\",\"5\"]"
#define USER	     ",\"User\":{\"UID\":7,\"GID\":8}"
#define APP(process) REQUEST("app", "r/app:1", "", ROOT, process)
#define SPEC(spec)   REQUEST("app", "r/app:1", "", ROOT spec, ARGS USER)
#define MOUNT(at, type, source, options)                                                           \
	SPEC(",\"Mounts\":[{\"destination\":\"" at "\",\"type_\":\"" type                          \
	     "\",\"source\":\"" source "\",\"options\":[" options "]}]")

static const struct {
	const char *request, *code; /* "": allowed */
} cases[] = {
	{ APP(ARGS USER), "" },
	{ APP(""),
		"manifest.argv" }, /* a pattern cannot be run, and the image has another command */
	{ APP(ARGS ",\"User\":{\"UID\":7,\"GID\":8,\"AdditionalGids\":[8,9]}"), "" },
	{ APP(ARGS ",\"User\":{\"UID\":7,\"GID\":8,\"AdditionalGids\":[10]}"), "manifest.user" },
	{ APP(ARGS ",\"User\":{\"UID\":0,\"GID\":8}"), "manifest.user" },
	{ APP(ARGS ",\"User\":{\"UID\":7,\"GID\":8,\"Username\":\"root\"}"), "malformed" },
	{ APP("\"Args\":[\"/app\",\"x\"]" USER), "manifest.argv" },
	{ APP("\"Args\":[\"/app\"]" USER), "manifest.argv" },
	{ APP(ARGS USER ",\"Env\":[\"MODE=safe\",\"X=abc\",\"HOME=/root\"]"), "" },
	{ APP(ARGS USER ",\"Env\":[\"MODE=fast\"]"), "manifest.env" },
	{ APP(ARGS USER ",\"Env\":[\"X=1\"]"), "manifest.env" },
	{ APP(ARGS USER ",\"Env\":[\"HOME=/tmp\"]"), "manifest.env" },
	{ APP(ARGS USER ",\"Env\":[\"LD_PRELOAD=/x\"]"), "manifest.env" },
	{ APP(ARGS USER ",\"Env\":[\"DB_SERVICE_HOST=10.0.0.1\"]"), "" },
	{ APP(ARGS USER ",\"Env\":[\"DB_SERVICE_HOST=x\"]"), "manifest.env" },
	{ APP(ARGS USER ",\"Env\":[\"=x\"]"), "malformed" },
	{ APP(ARGS USER ",\"Cwd\":\"/srv\""), "" },
	{ APP(ARGS USER ",\"Cwd\":\"/etc\""), "manifest.cwd" },
	{ APP(ARGS USER ",\"Capabilities\":{\"Bounding\":[\"CAP_KILL\"]}"), "" },
	{ APP(ARGS USER ",\"Capabilities\":{\"Ambient\":[\"CAP_SYS_ADMIN\"]}"),
		"manifest.capabilities" },
	{ REQUEST("app", "r/app:1", "", "", ARGS USER), "manifest.rootfs" },
	{ REQUEST("app", "r/app:2", "", ROOT, ARGS USER), "manifest.image" },
	{ REQUEST("app", "r/app@sha256:bb", "", ROOT, ARGS USER), "" },
	{ REQUEST("db", "r/app:1", "", ROOT, ARGS USER), "manifest.container" },
	{ REQUEST("app", "r/app:1", ",\"sandbox_pidns\":true", ROOT, ARGS USER),
		"manifest.namespaces" },
	{ REQUEST("app", "r/app:1", ",\"devices\":[{\"container_path\":\"/dev/x\"}]", ROOT,
		  ARGS USER),
		"manifest.devices" },
	{ REQUEST("own", "r/own:1", "", "", "\"Args\":[\"/own\",\"run\"],\"Cwd\":\"/own\""), "" },
	{ REQUEST("own", "r/own:1", "", "", "\"Args\":[\"/own\"]"), "manifest.argv" },
	{ REQUEST("own", "r/own:1", "", "", "\"User\":{\"UID\":3,\"GID\":4}"), "" },
	{ REQUEST("own", "r/own:1", "", "", "\"User\":{\"UID\":3,\"GID\":0}"), "manifest.user" },
	{ REQUEST("own", "r/own:1", "", "", "\"Cwd\":\"/\""), "manifest.cwd" },
	{ MOUNT("/proc", "proc", "proc", "\"nosuid\""), "" },
	{ MOUNT("/scratch", "tmpfs", "tmpfs", "\"size=1k\""), "" },
	{ MOUNT("/scratch", "bind", "/etc", "\"rbind\""), "manifest.mounts" },
	{ MOUNT("/etc", "tmpfs", "tmpfs", ""), "manifest.mounts" },
	{ MOUNT("/sys", "sysfs", "sysfs", "\"rw\""), "manifest.mounts" },
	{ MOUNT("/v", "bind", "/x", "\"rbind\""), "" },
	{ SPEC(",\"Hooks\":{\"StartContainer\":[{\"Path\":\"/x\"}]}"), "manifest.hooks" },
	{ SPEC(",\"Linux\":{\"Sysctl\":{\"net.core.somaxconn\":\"1024\"}}"), "" },
	{ SPEC(",\"Linux\":{\"Sysctl\":{\"kernel.panic\":\"1\"}}"), "manifest.sysctl" },
	{ SPEC(",\"Linux\":{\"Namespaces\":[{\"Type\":\"user\"}]}"), "manifest.namespaces" },
	{ SPEC(",\"Linux\":{\"Namespaces\":[{\"Type\":\"ipc\",\"Path\":\"/x\"}]}"),
		"manifest.namespaces" },
	{ SPEC(",\"Linux\":{\"Devices\":[{\"Path\":\"/dev/mem\",\"Type\":\"c\"}]}"),
		"manifest.devices" },
	{ SPEC(",\"Linux\":{\"Seccomp\":{\"DefaultAction\":\"SCMP_ACT_TRACE\"}}"),
		"manifest.seccomp" },
};

static void test_agreement(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(json_freep) struct json *request = NULL;
		char agent[DENIAL_CODE_MAX] = "?", tester[DENIAL_CODE_MAX] = "?";

		print_message("  case %zu\n", i);
		assert_ok(json_parse(bytes_str(cases[i].request), &request));
		ask_tester(request, tester);
		assert_string_equal(tester, cases[i].code);
		ask_agent(request, agent);
		assert_string_equal(agent, cases[i].code);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_agreement),
	};

	log_init("test", LOG_ERROR, LOG_TEXT, open("/dev/null", O_WRONLY | O_CLOEXEC));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
