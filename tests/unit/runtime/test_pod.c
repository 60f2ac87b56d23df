/* state.json, ownership by start time, and cleaning up after killed owners. */
#include "util.h"

#include <signal.h>
#include <stdio.h>

#include <base/file.h>
#include <runtime/pod.h>
#include <sys/stat.h>
#include <sys/wait.h>

static const char good[] =
	"{\"version\":1,\"id\":\"calm-otter\",\"image\":\"r/app\",\"platform\":\"vtpm\","
	"\"boot_id\":\"b\",\"stage\":\"pull\",\"container\":\"calm-otter\",\"created\":1700000000,"
	"\"owner\":{\"name\":\"owner\",\"pid\":4711,\"start\":99},"
	"\"processes\":[{\"name\":\"qemu\",\"pid\":4712,\"start\":100}]}";

static struct err parse(void *arg, struct bytes in)
{
	AUTO(pod_state_done) struct pod_state s = { 0 };

	(void)arg;
	return pod_state_parse(in, &s);
}

static void test_state_good(void **state)
{
	AUTO(pod_state_done) struct pod_state s = { 0 };
	AUTO(buf_done) struct buf again = BUF_INIT(POD_STATE_MAX);

	(void)state;
	assert_ok(pod_state_parse(bytes_str(good), &s));
	assert_string_equal(s.id, "calm-otter");
	assert_string_equal(s.stage, "pull");
	assert_int_equal(s.owner.pid, 4711);
	assert_int_equal(s.processes.n, 1);
	assert_int_equal(((struct pod_process *)s.processes.items)[0].start, 100);
	assert_ok(pod_state_print(&s, &again));
	assert_bytes_equal(buf_bytes(&again), bytes_str(good));
	each_prefix(bytes_str(good), parse, NULL);
	each_flip_survives(bytes_str(good), parse, NULL);
}

static void test_state_bad(void **state)
{
	static const struct {
		const char *from, *to, *text;
	} cases[] = {
		{ "\"version\":1", "\"version\":2", "version" },
		{ "\"version\":1", "\"version\":0", "version 0" },
		{ "\"id\":\"calm-otter\"", "\"id\":\"../x\"", "id" },
		{ "\"id\":\"calm-otter\"", "\"id\":\"\"", "id" },
		{ "\"pid\":4711", "\"pid\":1", "process 'owner': pid 1" },
		{ "\"pid\":4712", "\"pid\":0", "process 'qemu': pid 0" },
		{ "\"pid\":4712", "\"pid\":4294967296", "pid" },
		{ "\"pid\":4712", "\"pid\":-1", "pid" },
		{ "\"start\":100", "\"start\":0", "process 'qemu'" },
		{ "\"created\"", "\"creatd\"", "creat" },
		{ "\"stage\":\"pull\",", "", "stage" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(auto_free) char *text = NULL;
		const char *at = strstr(good, cases[i].from);

		assert_non_null(at);
		assert_ok(str_format(&text, "%.*s%s%s", (int)(at - good), good, cases[i].to,
			at + strlen(cases[i].from)));
		assert_true(failed(parse(NULL, bytes_str(text))));
		assert_err_text(cases[i].text);
	}
}

static void test_names(void **state)
{
	static const struct {
		const char *name;
		bool good;
	} cases[] = {
		{ "a", true },
		{ "calm-otter", true },
		{ "0-9", true },
		{ "", false },
		{ "-a", false },
		{ ".new.1.2", false },
		{ "..", false },
		{ "a/b", false },
		{ "A", true },
		{ "a_b.c", true },
		{ "_a", false },
		{ "a b", false },
		{ "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
		  "0123456789ab",
			true },
		{ "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
		  "0123456789abc",
			false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(!failed(pod_name_check(cases[i].name)), cases[i].good);
}

static struct err parse_stat(void *arg, struct bytes in)
{
	uint64_t start = 0;

	(void)arg;
	return pod_stat_parse(in, &start);
}

static void test_stat_line(void **state)
{
	static const char line[] = "77 (a) b (S 1) S 1 77 77 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 "
				   "123456 9 10\n";
	static const char *const bad[] = { "", "77", "77 (x", "77 (x) S 1 2 3",
		"77 (x) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19",
		"77 (x) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 y 20",
		"77 (x) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 99999999999999999999 1" };
	uint64_t start = 0;

	(void)state;
	assert_ok(pod_stat_parse(bytes_str(line), &start));
	assert_int_equal(start, 123456);
	each_prefix_survives(bytes_str(line), parse_stat, NULL);
	each_flip_survives(bytes_str(line), parse_stat, NULL);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_err(pod_stat_parse(bytes_str(bad[i]), &start), ERR_FORMAT);
	assert_ok(pod_process_start_time((uint64_t)getpid(), &start));
	assert_true(start > 0);
}

static const char *run_dir(const char *name)
{
	static char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", test_dir(), name);
	return path;
}

static void test_create_load_list(void **state)
{
	AUTO(pod_done) struct pod a = { 0 };
	AUTO(pod_done) struct pod b = { 0 };
	AUTO(pod_done) struct pod again = { 0 };
	AUTO(strv_done) struct strv ids = { 0 };
	const char *run = run_dir("list");

	(void)state;
	assert_ok(pod_list(run, &ids)); /* no directory yet */
	assert_int_equal(ids.n, 0);
	assert_ok(pod_create(run, "b-pod", &a));
	assert_ok(pod_create(run, NULL, &b));
	assert_err(pod_create(run, "b-pod", &again), ERR_STATE);
	assert_err_text("'b-pod' runs already");
	assert_err(pod_create(run, "-B", &again), ERR_USAGE);
	assert_ok(pod_list(run, &ids));
	assert_int_equal(ids.n, 2);
	assert_ok(pod_load(run, "b-pod", &again));
	assert_int_equal(again.state.owner.pid, getpid());
	assert_int_equal(pod_reap(run), 0); /* the owner lives */
	pod_remove(&a);
	pod_remove(&b);
	assert_false(file_exists(a.dir));
	pod_done(&again);
	assert_err(pod_load(run, "b-pod", &again), ERR_NOT_FOUND);
}

/* A child that sleeps under the name of a program of ours. */
static pid_t sleeper(const char *argv0, const char *argument)
{
	pid_t pid = fork();

	if (pid == 0) {
		/* busybox-like: the name is only argv[0] */
		(void)execl("/usr/bin/perl", argv0, "-e", "$0 = $0; sleep 300", argument, NULL);
		_exit(127);
	}
	return pid;
}

static bool ends_soon(pid_t pid)
{
	for (int i = 0; i < 200; i++) {
		int status = 0;

		if (waitpid(pid, &status, WNOHANG) == pid)
			return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
		(void)usleep(10000);
	}
	return false;
}

static void wait_for_exec(pid_t pid, const char *want)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	for (int i = 0; i < 500; i++) {
		AUTO(buf_done) struct buf text = BUF_INIT(4096);

		if (!failed(file_read(path, &text)) && text.n > strlen(want) &&
			strncmp((const char *)text.p, want, strlen(want)) == 0)
			return;
		(void)usleep(10000);
	}
	fail_msg("process %d did not become %s", (int)pid, want);
}

/* A pod whose owner is `owner` with that start time, written as a killed run leaves it. */
static void abandon(struct pod *p, uint64_t owner, uint64_t start)
{
	p->state.owner.pid = owner;
	p->state.owner.start = start;
	assert_ok(pod_save(p));
}

static void test_reap_kills_recorded(void **state)
{
	AUTO(pod_done) struct pod p = { 0 };
	const char *run = run_dir("recorded");
	pid_t child = sleeper("anything", "x");

	(void)state;
	assert_ok(pod_create(run, "a", &p));
	assert_ok(pod_state_add_process(&p.state, "qemu", child));
	abandon(&p, (uint64_t)getpid(), p.state.owner.start + 1); /* the number, but another one */
	assert_int_equal(pod_reap(run), 1);
	assert_true(ends_soon(child));
	assert_false(file_exists(p.dir));
}

/* An engine gives a dead pod's name again: only that pod goes, and no living one. */
static void test_reap_one(void **state)
{
	AUTO(pod_done) struct pod a = { 0 };
	AUTO(pod_done) struct pod b = { 0 };
	const char *run = run_dir("one");

	(void)state;
	assert_true(pod_reap_one(run, "a")); /* nothing is there */
	assert_ok(pod_create(run, "a", &a));
	assert_false(pod_reap_one(run, "a"));
	assert_true(file_exists(a.dir));
	assert_ok(pod_create(run, "b", &b));
	abandon(&a, 4194300, 1);
	abandon(&b, 4194300, 1);
	assert_true(pod_reap_one(run, "a"));
	assert_false(file_exists(a.dir));
	assert_true(file_exists(b.dir));
	assert_false(pod_reap_one(run, "../pods/b"));
	assert_true(file_exists(b.dir));
}

static void test_reap_spares_reused_number(void **state)
{
	AUTO(pod_done) struct pod p = { 0 };
	const char *run = run_dir("reused");
	pid_t child = sleeper("anything", "x");
	int status = 0;

	(void)state;
	assert_ok(pod_create(run, "a", &p));
	assert_ok(pod_state_add_process(&p.state, "qemu", child));
	((struct pod_process *)p.state.processes.items)[0].start++;
	abandon(&p, 4194300, 1);
	assert_int_equal(pod_reap(run), 1);
	assert_int_equal(waitpid(child, &status, WNOHANG), 0);
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_false(file_exists(p.dir));
}

static void test_reap_ignores_other_boot(void **state)
{
	AUTO(pod_done) struct pod p = { 0 };
	const char *run = run_dir("boot");
	pid_t child = sleeper("anything", "x");
	int status = 0;

	(void)state;
	assert_ok(pod_create(run, "a", &p));
	assert_ok(pod_state_add_process(&p.state, "qemu", child));
	p.state.boot_id[0] ^= 1;
	assert_ok(pod_save(&p)); /* owner and child run, but the numbers are of another boot */
	assert_int_equal(pod_reap(run), 1);
	assert_int_equal(waitpid(child, &status, WNOHANG), 0);
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
}

/* Started before its number could be recorded: found by the directory on its command line. */
static void test_reap_finds_users(void **state)
{
	AUTO(pod_done) struct pod p = { 0 };
	AUTO(auto_free) char *tpm = NULL;
	AUTO(auto_free) char *other = NULL;
	const char *run = run_dir("users");
	int status = 0;

	(void)state;
	assert_ok(pod_create(run, "a", &p));
	assert_ok(str_format(&tpm, "dir=%s/tpm", p.dir));
	assert_ok(str_format(&other, "dir=%s-2/tpm", p.dir));
	pid_t ours = sleeper("swtpm", tpm);
	pid_t neighbour = sleeper("swtpm", other);
	pid_t reader = sleeper("less", tpm);
	wait_for_exec(ours, "swtpm");
	wait_for_exec(neighbour, "swtpm");
	wait_for_exec(reader, "less");
	abandon(&p, 4194300, 1);
	assert_int_equal(pod_reap(run), 1);
	assert_true(ends_soon(ours));
	assert_int_equal(waitpid(neighbour, &status, WNOHANG), 0);
	assert_int_equal(waitpid(reader, &status, WNOHANG), 0);
	(void)kill(neighbour, SIGKILL);
	(void)kill(reader, SIGKILL);
	(void)waitpid(neighbour, &status, 0);
	(void)waitpid(reader, &status, 0);
}

static void test_reap_broken_and_hidden(void **state)
{
	AUTO(pod_done) struct pod p = { 0 };
	AUTO(auto_free) char *file = NULL;
	AUTO(auto_free) char *dead = NULL;
	AUTO(auto_free) char *mine = NULL;
	AUTO(auto_free) char *pods = NULL;
	const char *run = run_dir("broken");

	(void)state;
	assert_ok(pod_create(run, "torn", &p));
	assert_ok(path_join(p.dir, POD_STATE, &file));
	assert_ok(file_write_atomic(file, bytes_str("{\"version\":1,"), 0600));
	assert_ok(path_join(run, "pods", &pods));
	assert_ok(str_format(&dead, "%s/.new.4194300.1", pods));
	assert_ok(str_format(&mine, "%s/.new.%d.%llu", pods, (int)getpid(),
		(unsigned long long)p.state.owner.start));
	assert_ok(dir_make(dead, 0700));
	assert_ok(dir_make(mine, 0700));
	assert_int_equal(pod_reap(run), 2);
	assert_false(file_exists(p.dir));
	assert_false(file_exists(dead));
	assert_true(file_exists(mine));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_state_good),
		cmocka_unit_test(test_state_bad),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_stat_line),
		cmocka_unit_test(test_create_load_list),
		cmocka_unit_test(test_reap_kills_recorded),
		cmocka_unit_test(test_reap_one),
		cmocka_unit_test(test_reap_spares_reused_number),
		cmocka_unit_test(test_reap_ignores_other_boot),
		cmocka_unit_test(test_reap_finds_users),
		cmocka_unit_test(test_reap_broken_and_hidden),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
