/* A pod's life with a stand-in for the machine: what the guest is asked, and what is left when the
 * machine dies, hangs, lies or talks without end at any step. */
#include "util.h"

#include <signal.h>
#include <stdio.h>

#include <base/clock.h>
#include <base/file.h>
#include <runtime/pod_requests.h>
#include <runtime/sandbox.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum {
	ROUND_MS = 20,
	PATIENCE_MS = 15 * 1000,
	LOG_MAX = 1024 * 1024,
	BIG_FILE = 2 * 1024 * 1024 + 5
};

static char *run_dir, *kernel, *bundle, *log_file;
static char *volumes[3]; /* directory, configmap, emptyDir */

struct pod_under_test {
	struct loop *loop;
	struct runtime_config runtime;
	struct sandbox *sandbox;
	int answered, died, ooms, told, status;
	bool exited;
	struct err_saved last, death;
};

static void pod_under_test_done(struct pod_under_test *t)
{
	sandbox_freep(&t->sandbox);
	loop_freep(&t->loop);
}

static void on_died(void *arg, struct err why)
{
	struct pod_under_test *t = arg;

	t->died++;
	err_save(why, &t->death);
}

static void on_done(void *arg, struct err e)
{
	struct pod_under_test *t = arg;

	t->answered++;
	err_save(e, &t->last);
}

static void on_exit_of(void *arg, struct err e, int status)
{
	struct pod_under_test *t = arg;

	t->exited = true;
	t->status = status;
	err_save(e, &t->last);
}

static void on_oom(void *arg, const char *container_id);

static void on_progress(void *arg, const struct run_progress *p)
{
	struct pod_under_test *t = arg;

	(void)p;
	t->told++;
}

/* A guest that does: what it is late with is the test machine's business. */
static bool answers(const char *mode)
{
	return str_equal(mode, "good") || str_equal(mode, "flood") || str_equal(mode, "chatter") ||
	       str_equal(mode, "oom");
}

static RESULT make(const char *mode, struct pod_under_test *t)
{
	static char annotation[] = "cc_init_data";
	static char *allowed[] = { annotation };
	static char cmdline[64], user[] = "root"; /* others need not reach the fake */

	*t = (struct pod_under_test){ .runtime = { .run_dir = run_dir,
					      .state_dir = run_dir,
					      .qemu_user = user,
					      .platform = &vm_none,
					      .arch = VM_ARCH_X86_64,
					      .kernel = kernel,
					      .initrd = kernel,
					      .cmdline = cmdline,
					      .vcpus = 1,
					      .memory_mib = 256,
					      .empty_dir = EMPTY_DIR_ENCRYPTED,
					      .annotations = { .v = allowed, .n = 1 },
					      .timeout_s = answers(mode) ? 60 : 1 } };
	(void)snprintf(cmdline, sizeof(cmdline), "%s", mode);
	(void)unlink(log_file);
	assert_ok(loop_new(&t->loop));
	const struct sandbox_config c = { .loop = t->loop,
		.runtime = &t->runtime,
		.id = "Pod_1.x",
		.bundle = bundle,
		.died = on_died,
		.oom = on_oom,
		.progress = on_progress,
		.arg = t };
	return sandbox_new(&c, &t->sandbox);
}

static void settle(struct pod_under_test *t, const int *flag, int want)
{
	uint64_t until = clock_monotonic_ms() + PATIENCE_MS;

	while (*flag < want) {
		assert_true(clock_monotonic_ms() < until);
		assert_ok(loop_once(t->loop, ROUND_MS));
	}
}

static void done(struct pod_under_test *t)
{
	settle(t, &t->answered, t->answered + 1);
}

static RESULT result(struct pod_under_test *t, struct err e)
{
	if (failed(e))
		return e;
	done(t);
	return t->last.code == ERR_OK ? OK : err_restore(&t->last);
}

static RESULT create(struct pod_under_test *t)
{
	const struct sandbox_container c = { .id = "c1", .bundle = bundle };

	return result(t, sandbox_container_create(t->sandbox, &c, on_done, t));
}

static void assert_nothing_left(void)
{
	AUTO(strv_done) struct strv ids = { 0 };
	AUTO(auto_free) char *image = NULL;

	assert_ok(pod_list(run_dir, &ids));
	assert_int_equal(ids.n, 0);
	assert_int_equal(pod_reap(run_dir), 0);
	assert_ok(path_join(volumes[2], "disk.img", &image));
	assert_false(file_exists(image));
}

static void assert_log(const char *part)
{
	AUTO(buf_done) struct buf text = BUF_INIT(LOG_MAX);

	assert_ok(file_read(log_file, &text));
	if (!strstr(buf_cstr(&text), part))
		fail_msg("'%s' is not in:\n%s", part, buf_cstr(&text));
}

static struct err add_kind(void *arg, const struct json *request, size_t number)
{
	const struct json *body = json_get(request, "request");
	uint64_t status = 0;

	(void)number;
	(void)json_u64(json_get(body, "status"), &status);
	buf_printf(arg, "%s(%s%s) ", json_string(json_get(request, "kind")),
		json_get(body, "spec")	    ? "spec"
		: json_get(body, "process") ? "process"
					    : "",
		status == 137 ? "137" : "");
	assert_string_equal(json_string(json_get(body, "container_id")), "c1");
	return OK;
}

static void assert_recorded(const char *want)
{
	AUTO(buf_done) struct buf kinds = BUF_INIT(LOG_MAX);
	AUTO(auto_free) char *dir = NULL;

	assert_ok(path_join(run_dir, "pods/Pod_1.x", &dir));
	assert_ok(pod_requests_read(dir, add_kind, &kinds));
	assert_string_equal(buf_cstr(&kinds), want);
}

/* ---- what a pod asks of its guest ---- */

static void test_life(void **state)
{
	AUTO(pod_under_test_done) struct pod_under_test t;

	(void)state;
	assert_ok(make("good", &t));
	assert_int_equal(sandbox_pid(t.sandbox), 0);
	assert_ok(sandbox_start(t.sandbox));
	assert_true(sandbox_pid(t.sandbox) > 0);
	assert_ok(create(&t));
	assert_err(create(&t), ERR_STATE);
	assert_ok(result(&t, sandbox_container_start(t.sandbox, "c1", on_done, &t)));
	assert_ok(sandbox_wait(t.sandbox, "c1", "", on_exit_of, &t));
	assert_ok(result(&t, sandbox_pause(t.sandbox, "c1", true, on_done, &t)));
	assert_ok(result(&t, sandbox_resize(t.sandbox, "c1", "", 24, 80, on_done, &t)));
	assert_ok(result(
		&t, sandbox_update(t.sandbox, "c1", bytes_str("{\"pids\":{}}"), on_done, &t)));
	assert_err(sandbox_update(t.sandbox, "c1", bytes_str("{\"pids\":1}"), on_done, &t),
		ERR_FORMAT);
	assert_err(sandbox_exec(t.sandbox, "c1", "e", bytes_str("[]"), on_done, &t), ERR_FORMAT);
	assert_ok(result(&t,
		sandbox_exec(t.sandbox, "c1", "e", bytes_str("{\"args\":[\"a\"]}"), on_done, &t)));
	assert_ok(result(&t, sandbox_signal(t.sandbox, "c1", "", 9, true, on_done, &t)));
	while (!t.exited)
		assert_ok(loop_once(t.loop, ROUND_MS));
	assert_int_equal(t.status, 137);
	assert_ok(result(&t, sandbox_container_remove(t.sandbox, "c1", on_done, &t)));
	assert_err(sandbox_container_remove(t.sandbox, "c1", on_done, &t), ERR_NOT_FOUND);
	assert_recorded("CreateContainer(spec) StartContainer() PauseContainer() "
			"ExecProcess(process) Exit(137) RemoveContainer() ");
	sandbox_stop(t.sandbox);
	assert_int_equal(t.died, 0);
	assert_nothing_left();
	assert_log("CreateSandbox Pod_1.x web 'nameserver 10.0.0.1' 'search a.b'");
	assert_log("[ephemeral shm tmpfs /run/kata-containers/sandbox/shm noexec nosuid nodev "
		   "mode=1777 size=");
	assert_log("CreateContainer c1 /run/kata-containers/c1/rootfs");
	assert_log("[image_guest_pull r/app overlay /run/kata-containers/c1/rootfs");
	assert_log("[scsi 0:0 ext4 /run/kata-containers/sandbox/storage/MDow");
	assert_log("\"driver\":\"scsi-hd\",\"bus\":\"scsi0.0\",\"scsi-id\":0");
	assert_log("mount /dev/shm bind /run/kata-containers/sandbox/shm");
	assert_log("mount /proc proc proc");
	assert_log("RemoveContainer");
}

/* Pieces, links, directories, and the names that stay. */
static void test_copies(void **state)
{
	AUTO(pod_under_test_done) struct pod_under_test t;

	(void)state;
	assert_ok(make("good", &t));
	assert_ok(sandbox_start(t.sandbox));
	assert_ok(create(&t));
	assert_log("-data mode 40755 offset 0 of 0 data 0");
	assert_log("-data/big mode 100640 offset 0 of 2097157 data 1048576");
	assert_log("-data/big mode 100640 offset 1048576 of 2097157 data 1048576");
	assert_log("-data/big mode 100640 offset 2097152 of 2097157 data 5");
	assert_log("-data/empty mode 100600 offset 0 of 0 data 0");
	assert_log("-data/link mode 120000 offset 0 of 3 data 3 'big'");
	assert_log("mount /data bind /run/kata-containers/shared/containers/c1-");
	assert_log("mount /etc/app bind /run/kata-containers/shared/containers/watchable/c1-");
}

/* Kubernetes reads what the container wrote, and its exit status in any case. */
static void test_termination_message(void **state)
{
	static const char *const modes[] = { "good", "deny-GetDiagnosticData",
		"die-GetDiagnosticData" };
	AUTO(auto_free) char *path = NULL;

	(void)state;
	assert_ok(path_join(bundle, "termination", &path));
	for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
		AUTO(pod_under_test_done) struct pod_under_test t;
		AUTO(buf_done) struct buf text = BUF_INIT(LOG_MAX);

		assert_ok(file_write_atomic(path, bytes_str("old"), 0600));
		assert_ok(make(modes[i], &t));
		assert_ok(sandbox_start(t.sandbox));
		assert_ok(create(&t));
		assert_ok(sandbox_wait(t.sandbox, "c1", "", on_exit_of, &t));
		assert_ok(result(&t, sandbox_signal(t.sandbox, "c1", "", 15, false, on_done, &t)));
		while (!t.exited)
			assert_ok(loop_once(t.loop, ROUND_MS));
		assert_int_equal(t.status, 143);
		assert_ok(file_read(path, &text));
		assert_string_equal(buf_cstr(&text), i == 0 ? "the last words" : "old");
	}
}

static void wait_log(struct pod_under_test *t, const char *part)
{
	uint64_t until = clock_monotonic_ms() + PATIENCE_MS;

	for (;;) {
		AUTO(buf_done) struct buf text = BUF_INIT(LOG_MAX);

		assert_ok(file_read(log_file, &text));
		if (strstr(buf_cstr(&text), part))
			return;
		assert_true(clock_monotonic_ms() < until);
		assert_ok(loop_once(t->loop, ROUND_MS));
	}
}

static void test_watched(void **state)
{
	AUTO(pod_under_test_done) struct pod_under_test t;
	AUTO(auto_free) char *key = NULL;
	AUTO(auto_free) char *other = NULL;

	(void)state;
	assert_ok(path_join(volumes[1], "key", &key));
	assert_ok(path_join(volumes[1], "other", &other));
	assert_ok(make("good", &t));
	assert_ok(sandbox_start(t.sandbox));
	assert_ok(create(&t));
	assert_log("-app/key mode 100644 offset 0 of 3 data 3 'old'");
	assert_ok(file_write_atomic(key, bytes_str("new!"), 0644));
	wait_log(&t, "-app/key mode 100644 offset 0 of 4 data 4 'new!'");
	assert_ok(file_write_atomic(other, bytes_str("x"), 0644));
	wait_log(&t, "-app/other mode 100644");
	assert_int_equal(unlink(other), 0);
	wait_log(&t, "data 4 'key'"); /* with its end: the names that stay */
	assert_ok(file_write_atomic(key, bytes_str("old"), 0644));
}

/* ---- a machine that dies, hangs, lies ---- */

static void test_start_fails(void **state)
{
	static const struct {
		const char *mode, *text;
	} cases[] = {
		{ "die-Check", "the virtual machine ended at stage" },
		{ "stuck-Check", "nothing happened for 1 s at stage" },
		{ "garbage-Check", "starting sandbox Pod_1.x" },
		{ "die-CreateSandbox", "the virtual machine ended at stage" },
		{ "stuck-CreateSandbox", "nothing happened for 1 s" },
		{ "garbage-CreateSandbox", "at stage" },
		{ "deny-CreateSandbox", "CreateSandbox" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(pod_under_test_done) struct pod_under_test t;

		assert_ok(make(cases[i].mode, &t));
		assert_true(failed(sandbox_start(t.sandbox)));
		assert_err_text(cases[i].text);
		assert_int_equal(sandbox_pid(t.sandbox), 0);
		assert_int_equal(t.died, 0);
		assert_nothing_left();
	}
}

static void test_create_fails(void **state)
{
	static const struct {
		const char *mode, *text;
	} cases[] = {
		{ "die-CreateContainer", "the virtual machine ended" },
		{ "stuck-CreateContainer", "the guest said nothing for 1 s" },
		{ "garbage-CreateContainer", "creating container c1" },
		{ "deny-CreateContainer", "manifest.test" },
		{ "die-CopyFile", "the virtual machine ended" },
		{ "stuck-CopyFile", "the guest said nothing for 1 s" },
		{ "deny-CopyFile", "copying " },
		{ "die-add-fd", "the virtual machine ended" },
		{ "stuck-blockdev-add", "the guest said nothing for 1 s" },
		{ "deny-device_add", "QEMU: no? such" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(pod_under_test_done) struct pod_under_test t;

		assert_ok(make(cases[i].mode, &t));
		assert_ok(sandbox_start(t.sandbox));
		assert_true(failed(create(&t)));
		if (!strstr(t.last.text, cases[i].text))
			fail_msg("%s: %s", cases[i].mode, t.last.text);
		sandbox_stop(t.sandbox);
		assert_nothing_left();
	}
}

/* Answers that nobody asked for change nothing. */
static void test_qmp_noise(void **state)
{
	AUTO(pod_under_test_done) struct pod_under_test t;

	(void)state;
	assert_ok(make("garbage-blockdev-add", &t));
	assert_ok(sandbox_start(t.sandbox));
	assert_ok(create(&t));
}

static void test_death_while_waiting(void **state)
{
	AUTO(pod_under_test_done) struct pod_under_test t;

	(void)state;
	assert_ok(make("good", &t));
	assert_ok(sandbox_start(t.sandbox));
	assert_ok(create(&t));
	assert_ok(sandbox_wait(t.sandbox, "c1", "", on_exit_of, &t));
	assert_int_equal(kill(sandbox_pid(t.sandbox), SIGKILL), 0);
	settle(&t, &t.died, 1);
	while (!t.exited)
		assert_ok(loop_once(t.loop, ROUND_MS));
	assert_int_equal(t.status, 255);
	assert_int_equal(t.last.code, ERR_PEER);
	assert_non_null(strstr(t.death.text, "QEMU status 137"));
	assert_ok(result(&t, sandbox_container_remove(t.sandbox, "c1", on_done, &t)));
	sandbox_stop(t.sandbox);
	assert_int_equal(t.died, 1);
	assert_nothing_left();
}

/* Milliseconds until three calls have failed. */
static uint64_t three_failures(struct pod_under_test *t, const char *mode)
{
	assert_ok(make(mode, t));
	assert_ok(sandbox_start(t->sandbox));
	assert_ok(create(t));
	uint64_t begin = clock_monotonic_ms();
	int before = t->answered;
	for (int i = 0; i < 3; i++)
		assert_ok(sandbox_container_start(t->sandbox, "c1", on_done, t));
	settle(t, &t->answered, before + 3);
	assert_int_equal(t->last.code, ERR_PEER);
	return clock_monotonic_ms() - begin;
}

/* Whether the machine ended is waited for when the guest left, and once: the loop stands still
 * meanwhile, for all of the pod. */
static void test_refused_calls(void **state)
{
	AUTO(pod_under_test_done) struct pod_under_test refused, left;

	(void)state;
	assert_true(three_failures(&refused, "fail-StartContainer") < 900);
	pod_under_test_done(&refused);
	assert_true(three_failures(&left, "leave-StartContainer") < 1900);
}

/* What waits is answered when the pod is stopped. */
static void test_stop_answers(void **state)
{
	AUTO(pod_under_test_done) struct pod_under_test t;

	(void)state;
	assert_ok(make("stuck-StartContainer", &t));
	assert_ok(sandbox_start(t.sandbox));
	assert_ok(create(&t));
	assert_ok(sandbox_wait(t.sandbox, "c1", "", on_exit_of, &t));
	assert_ok(sandbox_container_start(t.sandbox, "c1", on_done, &t));
	int before = t.answered;
	sandbox_stop(t.sandbox);
	assert_int_equal(t.answered, before + 1);
	assert_true(t.exited);
	assert_err(sandbox_container_start(t.sandbox, "c1", on_done, &t), ERR_STATE);
	assert_nothing_left();
}

static void test_flood(void **state)
{
	AUTO(pod_under_test_done) struct pod_under_test t;

	(void)state;
	assert_ok(make("flood", &t));
	assert_ok(sandbox_start(t.sandbox));
	assert_ok(create(&t));
	assert_ok(result(&t, sandbox_container_start(t.sandbox, "c1", on_done, &t)));
	sandbox_stop(t.sandbox);
	assert_nothing_left();
}

/* Of what the guest tells about its progress, so much reaches the engine's log and no more. */
static void test_chatter(void **state)
{
	AUTO(pod_under_test_done) struct pod_under_test t;

	(void)state;
	assert_ok(make("chatter", &t));
	assert_ok(sandbox_start(t.sandbox));
	uint64_t begin = clock_monotonic_ms(), took = 0;
	for (; took < 500 || (t.told < 100 && took < PATIENCE_MS);
		took = clock_monotonic_ms() - begin)
		assert_ok(loop_once(t.loop, ROUND_MS));
	assert_in_range(t.told, 100, 300);
}

/* Talking is no answer. */
static void test_chatter_without_answer(void **state)
{
	AUTO(pod_under_test_done) struct pod_under_test t;

	(void)state;
	assert_ok(make("chatter-StartContainer", &t));
	assert_ok(sandbox_start(t.sandbox));
	assert_ok(create(&t));
	assert_err(result(&t, sandbox_container_start(t.sandbox, "c1", on_done, &t)), ERR_TIMEOUT);
}

static void on_oom(void *arg, const char *container_id)
{
	struct pod_under_test *t = arg;

	assert_string_equal(container_id, "c1");
	t->ooms++;
}

/* A guest that says it without end is heard, but not without end. */
static void test_oom_flood(void **state)
{
	AUTO(pod_under_test_done) struct pod_under_test t;
	uint64_t begin;

	(void)state;
	assert_ok(make("oom", &t));
	assert_ok(sandbox_start(t.sandbox));
	settle(&t, &t.ooms, 1);
	begin = clock_monotonic_ms();
	settle(&t, &t.ooms, 5);
	assert_true(clock_monotonic_ms() - begin >= 150);
}

static void on_abort(void *arg)
{
	struct pod_under_test *t = arg;

	sandbox_abort(t->sandbox);
}

static void test_abort(void **state)
{
	AUTO(pod_under_test_done) struct pod_under_test t;
	struct loop_source *timer = NULL;

	(void)state;
	assert_ok(make("stuck-CreateSandbox", &t));
	assert_ok(loop_add_timer(t.loop, 100, 0, on_abort, &t, &timer));
	assert_err(sandbox_start(t.sandbox), ERR_STATE);
	assert_err_text("aborted");
	loop_remove(timer);
	assert_nothing_left();
}

/* ---- owners that are killed ---- */

static void killed_owner(const char *mode, bool with_container)
{
	int ready[2];
	char byte = 0;

	assert_int_equal(pipe(ready), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct pod_under_test t;

		if (failed(make(mode, &t)) || failed(sandbox_start(t.sandbox)) ||
			(with_container && failed(create(&t))) || write(ready[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			(void)pause();
	}
	assert_int_equal(close(ready[1]), 0);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(close(ready[0]), 0);
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_ok(sandbox_clean(run_dir, "Pod_1.x"));
	assert_nothing_left();
	assert_ok(sandbox_clean(run_dir, "Pod_1.x"));
}

static void test_killed_owner(void **state)
{
	(void)state;
	killed_owner("good", false);
	killed_owner("good", true);
}

/* A shim that hangs is ended by who cleans up. */
static void test_clean_ends_owner(void **state)
{
	int ready[2];
	char byte = 0;
	int status = 0;

	(void)state;
	assert_int_equal(pipe(ready), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct pod_under_test t;

		if (failed(make("good", &t)) || failed(sandbox_start(t.sandbox)) ||
			write(ready[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			(void)pause();
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(close(ready[0]) + close(ready[1]), 0);
	assert_ok(sandbox_clean(run_dir, "Pod_1.x"));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	assert_nothing_left();
	assert_err(sandbox_clean(run_dir, "../x"), ERR_USAGE);
}

/* ---- what is refused before anything is done ---- */

static void test_refusals(void **state)
{
	AUTO(pod_under_test_done) struct pod_under_test t;
	AUTO(auto_free) char *config = NULL;
	AUTO(buf_done) struct buf good = BUF_INIT(LOG_MAX);
	static const struct {
		const char *json;
		enum err_code code;
		const char *text;
	} cases[] = {
		{ "{", ERR_FORMAT, "config.json" },
		{ "{\"annotations\":{\"io.katacontainers.config.hypervisor.cc_init_data\":\"!\"}}",
			ERR_FORMAT, "cc_init_data" },
		{ "{\"annotations\":{\"io.kubernetes.cri.container-type\":\"sandbox\","
		  "\"io.kubernetes.cri.sandbox-memory\":\"much\"}}",
			ERR_FORMAT, "sandbox-memory" },
	};

	(void)state;
	assert_ok(path_join(bundle, "config.json", &config));
	assert_ok(file_read(config, &good));
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_ok(file_write_atomic(config, bytes_str(cases[i].json), 0600));
		assert_err(make("good", &t), cases[i].code);
		assert_err_text(cases[i].text);
		pod_under_test_done(&t);
	}
	assert_ok(file_write_atomic(config, buf_bytes(&good), 0600));
	assert_ok(make("good", &t));
	t.runtime.kernel = volumes[2];
	t.runtime.kernel = NULL;
	assert_err(sandbox_start(t.sandbox), ERR_NOT_FOUND);
	assert_err_text("guest kernel");
	assert_nothing_left();
}

/* ---- */

static void write_bundle(void)
{
	AUTO(auto_free) char *config = NULL;
	AUTO(auto_free) char *resolv = NULL;
	AUTO(auto_free) char *message = NULL;
	AUTO(auto_free) char *json = NULL;

	assert_ok(path_join(bundle, "config.json", &config));
	assert_ok(path_join(bundle, "resolv.conf", &resolv));
	assert_ok(path_join(bundle, "termination", &message));
	assert_ok(file_write_atomic(message, BYTES_NONE, 0644));
	assert_ok(file_write_atomic(resolv, bytes_str("nameserver 10.0.0.1\nsearch a.b\n"), 0644));
	assert_ok(str_format(&json,
		"{\"ociVersion\":\"1.0.2\",\"hostname\":\"web\",\"process\":{\"args\":[\"sh\"]},"
		"\"root\":{\"path\":\"rootfs\"},\"annotations\":{\"io.kubernetes.cri.image-name\":"
		"\"r/app\",\"io.kubernetes.container.terminationMessagePath\":\"/dev/end\"},"
		"\"mounts\":[{\"destination\":\"/dev/end\",\"type\":\"bind\",\"source\":\"%s\"},"
		"{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":"
		"\"proc\"},{\"destination\":\"/dev/shm\",\"type\":\"tmpfs\",\"source\":\"shm\"},"
		"{\"destination\":\"/etc/resolv.conf\",\"type\":\"bind\",\"source\":\"%s\"},"
		"{\"destination\":\"/data\",\"type\":\"bind\",\"source\":\"%s\"},"
		"{\"destination\":\"/etc/app\",\"type\":\"bind\",\"source\":\"%s\"},"
		"{\"destination\":\"/scratch\",\"type\":\"bind\",\"source\":\"%s\"}]}",
		message, resolv, volumes[0], volumes[1], volumes[2]));
	assert_ok(file_write_atomic(config, bytes_str(json), 0600));
}

static void write_volumes(void)
{
	static const char *const names[] = { "data", "kubernetes.io~configmap/app",
		"kubernetes.io~empty-dir/scratch" };
	static uint8_t big[BIG_FILE];
	AUTO(auto_free) char *path = NULL;
	AUTO(auto_free) char *none = NULL;
	AUTO(auto_free) char *link = NULL;
	AUTO(auto_free) char *key = NULL;

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		assert_ok(path_join(test_dir(), names[i], &volumes[i]));
		assert_ok(dir_make(volumes[i], 0755));
	}
	assert_ok(path_join(volumes[0], "big", &path));
	assert_ok(path_join(volumes[0], "empty", &none));
	assert_ok(path_join(volumes[0], "link", &link));
	assert_ok(path_join(volumes[1], "key", &key));
	assert_ok(file_write_atomic(path, BYTES_OF(big), 0640));
	assert_ok(file_write_atomic(none, BYTES_NONE, 0600));
	assert_ok(file_write_atomic(key, bytes_str("old"), 0644));
	assert_int_equal(symlink("big", link), 0);
}

static int set_up(void **state)
{
	AUTO(auto_free) char *bin = NULL;
	AUTO(auto_free) char *fake = NULL;
	AUTO(auto_free) char *qemu = NULL;

	(void)state;
	(void)umask(022);
	assert_ok(path_join(test_dir(), "run", &run_dir));
	assert_ok(path_join(test_dir(), "kernel", &kernel));
	assert_ok(path_join(test_dir(), "log", &log_file));
	assert_ok(path_join(test_dir(), "bundle", &bundle));
	assert_ok(path_join(test_dir(), "bin", &bin));
	assert_ok(path_join(bin, "qemu-system-x86_64", &qemu));
	assert_ok(str_format(&fake, "%s/fake_machine", getenv("SEALPOD_BIN")));
	assert_ok(dir_make(bin, 0700));
	assert_ok(dir_make(bundle, 0700));
	assert_ok(file_write_atomic(kernel, bytes_str("kernel"), 0600));
	assert_int_equal(symlink(fake, qemu), 0);
	assert_int_equal(setenv("PATH", bin, 1), 0);
	assert_int_equal(setenv("FAKE_LOG", log_file, 1), 0);
	write_volumes();
	write_bundle();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	free(run_dir);
	free(kernel);
	free(log_file);
	free(bundle);
	for (size_t i = 0; i < ARRAY_LEN(volumes); i++)
		free(volumes[i]);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_life),
		cmocka_unit_test(test_copies),
		cmocka_unit_test(test_termination_message),
		cmocka_unit_test(test_watched),
		cmocka_unit_test(test_start_fails),
		cmocka_unit_test(test_create_fails),
		cmocka_unit_test(test_qmp_noise),
		cmocka_unit_test(test_death_while_waiting),
		cmocka_unit_test(test_refused_calls),
		cmocka_unit_test(test_stop_answers),
		cmocka_unit_test(test_flood),
		cmocka_unit_test(test_chatter),
		cmocka_unit_test(test_chatter_without_answer),
		cmocka_unit_test(test_oom_flood),
		cmocka_unit_test(test_abort),
		cmocka_unit_test(test_killed_owner),
		cmocka_unit_test(test_clean_ends_owner),
		cmocka_unit_test(test_refusals),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
