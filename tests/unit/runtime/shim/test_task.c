/* The task service over a sandbox of records: states, orders of calls, events. */
#include "shim_peer.h"

#include <fcntl.h>
#include <signal.h>
#include <task.pb-c.h>

#include <base/log.h>
#include <net/pb.h>
#include <sys/socket.h>

static void create_and_start(struct peer *p)
{
	assert_ok(peer_create(p, "c1"));
	assert_ok(peer_start(p, "c1", NULL));
}

static void test_life(void **state)
{
	AUTO(peer_done) struct peer p;
	unsigned status = 0;

	(void)state;
	peer_open(&p);
	assert_ok(peer_create(&p, "c1"));
	assert_int_equal(peer_state(&p, "c1", NULL), CONTAINERD__STATUS__CREATED);
	assert_ok(peer_start(&p, "c1", NULL));
	assert_int_equal(peer_state(&p, "c1", NULL), CONTAINERD__STATUS__RUNNING);
	fake_exit("c1", "", 7);
	assert_ok(peer_wait(&p, "c1", NULL, &status));
	assert_int_equal(status, 7);
	assert_int_equal(peer_state(&p, "c1", NULL), CONTAINERD__STATUS__STOPPED);
	/* A second time it is the same, and once more after a while. */
	assert_ok(peer_wait(&p, "c1", NULL, &status));
	assert_int_equal(status, 7);
	assert_ok(peer_delete(&p, "c1", NULL, &status));
	assert_int_equal(status, 7);
	assert_err(peer_wait(&p, "c1", NULL, &status), ERR_NOT_FOUND);
	assert_err(peer_delete(&p, "c1", NULL, &status), ERR_NOT_FOUND);
	peer_expect(&p, "create:c1 start:c1 exit:c1=7 delete:c1 ");
	assert_non_null(strstr(buf_cstr(&fake.seen), "new(c1//run/netns/x) start(c1) create(c1)"));
	assert_non_null(strstr(buf_cstr(&fake.seen), "stop(c1)"));
	assert_false(p.ended);
	assert_ok(peer_simple(&p, "Shutdown", "c1"));
	assert_true(p.ended);
}

/* The network comes between Create and Start. */
static void test_network_later(void **state)
{
	AUTO(peer_done) struct peer p;

	(void)state;
	peer_open(&p);
	p.fills_network = true;
	peer_bundle(&p, NULL);
	create_and_start(&p);
	assert_non_null(strstr(buf_cstr(&fake.seen), "new(c1/empty) start(c1) create(c1)"));
	assert_non_null(strstr(buf_cstr(&fake.seen), "network(c1) run(c1)"));
	assert_int_equal(peer_state(&p, "c1", NULL), CONTAINERD__STATUS__RUNNING);
	fake_exit("c1", "", 0);
	peer_expect(&p, "create:c1 start:c1 exit:c1=0 ");
}

static void test_network_fails(void **state)
{
	AUTO(peer_done) struct peer p;
	unsigned status = 0;

	(void)state;
	peer_open(&p);
	p.fills_network = true;
	peer_bundle(&p, NULL);
	fake.fail = "network";
	assert_ok(peer_create(&p, "c1"));
	assert_err(peer_start(&p, "c1", NULL), ERR_PEER);
	assert_err_text("no place for eth0");
	peer_run(&p);
	assert_non_null(strstr(buf_cstr(&fake.seen), "stop(c1)"));
	assert_null(strstr(buf_cstr(&fake.seen), "run(c1)"));
	assert_ok(peer_delete(&p, "c1", NULL, &status));
	assert_int_equal(status, 137);
	assert_ok(peer_simple(&p, "Shutdown", "c1"));
	assert_true(p.ended);
}

static void end_it(void *arg)
{
	struct peer *p = arg;

	pod_stop_soon(p->shim);
}

/* Whoever ends the pod meanwhile ends the wait. */
static void test_network_aborted(void **state)
{
	AUTO(peer_done) struct peer p;
	struct loop_source *timer = NULL;

	(void)state;
	peer_open(&p);
	p.fills_network = true;
	peer_bundle(&p, NULL);
	fake.network_ms = 8000;
	assert_ok(peer_create(&p, "c1"));
	assert_ok(loop_add_timer(p.loop, 50, 0, end_it, &p, &timer));
	assert_err(peer_start(&p, "c1", NULL), ERR_STATE);
	loop_remove(timer);
	peer_run(&p);
	assert_non_null(strstr(buf_cstr(&fake.seen), "stop(c1)"));
	assert_ok(peer_delete(&p, "c1", NULL, NULL));
}

static void test_exec(void **state)
{
	AUTO(peer_done) struct peer p;
	unsigned status = 0;

	(void)state;
	peer_open(&p);
	create_and_start(&p);
	assert_ok(peer_exec(&p, "c1", "e1"));
	assert_err(peer_exec(&p, "c1", "e1"), ERR_STATE);
	assert_err_text("exists already");
	assert_int_equal(peer_state(&p, "c1", "e1"), CONTAINERD__STATUS__CREATED);
	assert_err(peer_kill(&p, "c1", "e1", SIGHUP), ERR_STATE);
	assert_ok(peer_start(&p, "c1", "e1"));
	assert_err(peer_start(&p, "c1", "e1"), ERR_STATE);
	assert_err(peer_delete(&p, "c1", "e1", NULL), ERR_STATE);
	fake_exit("c1", "e1", 3);
	assert_ok(peer_wait(&p, "c1", "e1", &status));
	assert_int_equal(status, 3);
	assert_ok(peer_delete(&p, "c1", "e1", &status));
	assert_int_equal(status, 3);
	assert_err(peer_wait(&p, "c1", "e1", &status), ERR_NOT_FOUND);
	peer_expect(&p, "create:c1 start:c1 exec-added:c1/e1 exec-started:c1/e1 exit:c1/e1=3 ");
	/* Never started: deleted without a trace of an exit. */
	assert_ok(peer_exec(&p, "c1", "e2"));
	assert_ok(peer_delete(&p, "c1", "e2", &status));
	peer_expect(&p, "exec-added:c1/e2 ");
}

static void test_exec_fails(void **state)
{
	AUTO(peer_done) struct peer p;
	unsigned status = 0;

	(void)state;
	peer_open(&p);
	create_and_start(&p);
	assert_ok(peer_exec(&p, "c1", "e1"));
	fake.fail = "exec";
	assert_err(peer_start(&p, "c1", "e1"), ERR_PEER);
	assert_err_text("exec failed");
	assert_ok(peer_wait(&p, "c1", "e1", &status));
	assert_int_equal(status, 255);
	assert_ok(peer_delete(&p, "c1", "e1", NULL));
	peer_expect(&p, "create:c1 start:c1 exec-added:c1/e1 ");
}

/* Wrong requests in every state, and what they answer. */
static void test_wrong_states(void **state)
{
	AUTO(peer_done) struct peer p;
	static const char *const methods[] = { "Pause", "Resume", "Stats", "Start", "Exec" };

	(void)state;
	peer_open(&p);
	for (size_t i = 0; i < ARRAY_LEN(methods); i++)
		assert_err(peer_simple(&p, methods[i], "c1"), ERR_NOT_FOUND);
	assert_err(peer_kill(&p, "c1", NULL, SIGKILL), ERR_NOT_FOUND);
	assert_err(peer_create(&p, "../c1"), ERR_FORMAT);
	assert_ok(peer_create(&p, "c1"));
	assert_err(peer_create(&p, "c1"), ERR_STATE);
	assert_err_text("exists already");
	assert_err(peer_simple(&p, "Pause", "c1"), ERR_STATE);
	assert_err(peer_simple(&p, "Resume", "c1"), ERR_STATE);
	assert_ok(peer_start(&p, "c1", NULL));
	assert_err(peer_start(&p, "c1", NULL), ERR_STATE);
	assert_err(peer_simple(&p, "Resume", "c1"), ERR_STATE);
	assert_err(peer_kill(&p, "c1", NULL, 65), ERR_FORMAT);
	assert_err(peer_simple(&p, "Checkpoint", "c1"), ERR_UNSUPPORTED);
	assert_err(peer_simple(&p, "Nothing", "c1"), ERR_UNSUPPORTED);
	fake_exit("c1", "", 0);
	peer_run(&p);
	assert_err(peer_start(&p, "c1", NULL), ERR_STATE);
	assert_err(peer_simple(&p, "Pause", "c1"), ERR_STATE);
	assert_err(peer_simple(&p, "Stats", "c1"), ERR_NOT_FOUND);
	assert_err(peer_exec(&p, "c1", "e1"), ERR_STATE);
	assert_ok(peer_kill(&p, "c1", NULL, SIGKILL));
	assert_ok(peer_kill(&p, "c1", NULL, SIGTERM));
	assert_err(peer_kill(&p, "c1", NULL, 0), ERR_NOT_FOUND);
	assert_err(peer_kill(&p, "c1", NULL, SIGUSR1), ERR_NOT_FOUND);
}

static void test_kill_and_pause(void **state)
{
	AUTO(peer_done) struct peer p;
	unsigned status = 0;

	(void)state;
	peer_open(&p);
	create_and_start(&p);
	assert_ok(peer_kill(&p, "c1", NULL, 0));
	assert_ok(peer_kill(&p, "c1", NULL, SIGUSR1));
	assert_ok(peer_simple(&p, "Pause", "c1"));
	assert_int_equal(peer_state(&p, "c1", NULL), CONTAINERD__STATUS__PAUSED);
	assert_ok(peer_exec(&p, "c1", "e1"));
	assert_err(peer_start(&p, "c1", "e1"), ERR_STATE);
	assert_ok(peer_simple(&p, "Resume", "c1"));
	assert_int_equal(peer_state(&p, "c1", NULL), CONTAINERD__STATUS__RUNNING);
	fake.fail = "pause";
	assert_err(peer_simple(&p, "Pause", "c1"), ERR_PEER);
	assert_int_equal(peer_state(&p, "c1", NULL), CONTAINERD__STATUS__RUNNING);
	fake.fail = NULL;
	assert_ok(peer_simple(&p, "Stats", "c1"));
	assert_ok(peer_kill(&p, "c1", NULL, SIGKILL));
	assert_ok(peer_wait(&p, "c1", NULL, &status));
	assert_int_equal(status, 137);
	peer_expect(&p, "create:c1 start:c1 paused:c1 exec-added:c1/e1 resumed:c1 exit:c1=137 ");
}

static void test_delete_while_running(void **state)
{
	AUTO(peer_done) struct peer p;
	unsigned status = 0;

	(void)state;
	peer_open(&p);
	create_and_start(&p);
	assert_ok(peer_simple(&p, "Pause", "c1"));
	assert_ok(peer_delete(&p, "c1", NULL, &status));
	assert_int_equal(status, 137);
	peer_expect(&p, "create:c1 start:c1 paused:c1 exit:c1=137 delete:c1 ");
	assert_non_null(strstr(buf_cstr(&fake.seen), "resume(c1) signal(c1,9)"));
	assert_int_equal(p.shim->n_containers, 0);
}

static void test_delete_created(void **state)
{
	AUTO(peer_done) struct peer p;

	(void)state;
	peer_open(&p);
	assert_ok(peer_create(&p, "c1"));
	assert_ok(peer_delete(&p, "c1", NULL, NULL));
	peer_expect(&p, "create:c1 exit:c1=137 delete:c1 ");
}

/* A process that ends before its start is answered: nobody hears of its end first. */
static void test_short_life(void **state)
{
	AUTO(peer_done) struct peer p;

	(void)state;
	peer_open(&p);
	assert_ok(peer_create(&p, "c1"));
	fake.ends_at_once = true;
	assert_ok(peer_start(&p, "c1", NULL));
	peer_expect(&p, "create:c1 start:c1 exit:c1=0 ");
}

/* One that ends before anybody started it. */
static void test_ends_when_created(void **state)
{
	AUTO(peer_done) struct peer p;

	(void)state;
	peer_open(&p);
	assert_ok(peer_create(&p, "c1"));
	fake_exit("c1", "", 2);
	peer_run(&p);
	assert_err(peer_start(&p, "c1", NULL), ERR_STATE);
	peer_expect(&p, "create:c1 exit:c1=2 ");
}

static void test_failures(void **state)
{
	static const struct {
		const char *fail;
		enum err_code error;
	} cases[] = {
		{ "new", ERR_DENIED },
		{ "start", ERR_TIMEOUT },
		{ "create", ERR_PEER },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(peer_done) struct peer p;

		peer_open(&p);
		fake.fail = cases[i].fail;
		assert_err(peer_create(&p, "c1"), cases[i].error);
		assert_int_equal(peer_state(&p, "c1", NULL), 0);
		peer_run(&p);
		assert_true(!fake.sandbox || p.shim->pod == POD_STOPPED);
		assert_ok(peer_simple(&p, "Shutdown", "c1"));
		assert_true(p.ended);
		peer_expect(&p, "");
	}
}

/* ---- while the machine boots ---- */

struct answers {
	unsigned n;
	enum err_code last;
};

static void on_answer(void *arg, struct err e, struct bytes payload)
{
	struct answers *a = arg;

	(void)payload;
	a->n++;
	a->last = e.code;
}

static void begin_call(
	struct peer *p, const char *method, const ProtobufCMessage *q, struct answers *a)
{
	AUTO(buf_done) struct buf payload = BUF_INIT(4096);

	assert_ok(pb_pack(q, &payload));
	assert_ok(ttrpc_start(p->client,
		&(struct ttrpc_request){ .service = "containerd.task.v3.Task",
			.method = method,
			.payload = buf_bytes(&payload) },
		on_answer, a));
}

static void begin_create(struct peer *p, struct answers *a)
{
	Task__CreateTaskRequest q = TASK__CREATE_TASK_REQUEST__INIT;

	q.id = text_of("c1");
	q.bundle = p->bundle;
	begin_call(p, "Create", &q.base, a);
}

struct interruption {
	struct peer *peer;
	const char *what;
	struct loop_source *timer;
	struct answers deleted;
};

/* From within the start, as an engine would. */
static void on_timer(void *arg)
{
	struct interruption *i = arg;
	struct peer *p = i->peer;

	if (!fake.sandbox || !i->timer)
		return;
	loop_remove(TAKE(i->timer));
	assert_int_equal(peer_state(p, "c1", NULL), CONTAINERD__STATUS__CREATED);
	assert_ok(peer_simple(p, "Connect", "c1"));
	if (str_equal(i->what, "kill"))
		assert_ok(peer_kill(p, "c1", NULL, SIGKILL));
	if (str_equal(i->what, "delete")) {
		Task__DeleteRequest q = TASK__DELETE_REQUEST__INIT;

		q.id = text_of("c1");
		begin_call(p, "Delete", &q.base, &i->deleted);
	}
	if (str_equal(i->what, "create"))
		assert_err(peer_create(p, "c1"), ERR_STATE);
	if (str_equal(i->what, "shutdown"))
		assert_ok(peer_simple(p, "Shutdown", "c1"));
}

static void test_requests_while_booting(void **state)
{
	static const struct {
		const char *what;
		enum err_code result;
	} cases[] = { { "kill", ERR_STATE }, { "delete", ERR_STATE }, { "create", ERR_OK },
		{ "shutdown", ERR_OK } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(peer_done) struct peer p;
		struct answers a = { 0 };
		struct interruption in = { .peer = &p, .what = cases[i].what };

		peer_open(&p);
		fake.boot_ms = 500;
		begin_create(&p, &a);
		assert_ok(loop_add_timer(p.loop, 20, 20, on_timer, &in, &in.timer));
		while (a.n == 0)
			assert_ok(loop_once(p.loop, 10));
		peer_run(&p);
		assert_null(in.timer);
		assert_int_equal(a.last, cases[i].result);
		assert_int_equal(a.n, 1);
		assert_int_equal(in.deleted.n, str_equal(cases[i].what, "delete"));
		assert_int_equal(in.deleted.last, ERR_OK);
		peer_expect(&p, a.last == ERR_OK ? "create:c1 " : "");
		assert_int_equal(p.shim->n_containers, a.last == ERR_OK ? 1 : 0);
		assert_false(p.ended);
	}
}

/* ---- pods ---- */

static void start_pod(struct peer *p)
{
	peer_bundle(p, "container");
	assert_err(peer_create(p, "app"), ERR_STATE);
	peer_bundle(p, "sandbox");
	create_and_start(p);
	peer_bundle(p, "container");
	assert_ok(peer_create(p, "app"));
	assert_ok(peer_start(p, "app", NULL));
}

static void test_pod(void **state)
{
	AUTO(peer_done) struct peer p;
	unsigned status = 0;

	(void)state;
	peer_open(&p);
	start_pod(&p);
	/* Not while a container is there. */
	assert_ok(peer_simple(&p, "Shutdown", "app"));
	assert_false(p.ended);
	fake_exit("app", "", 1);
	assert_ok(peer_wait(&p, "app", NULL, &status));
	assert_ok(peer_delete(&p, "app", NULL, NULL));
	assert_null(strstr(buf_cstr(&fake.seen), "stop("));
	assert_ok(peer_kill(&p, "c1", NULL, SIGTERM));
	assert_ok(peer_wait(&p, "c1", NULL, &status));
	assert_ok(peer_delete(&p, "c1", NULL, NULL));
	assert_ok(peer_simple(&p, "Shutdown", "c1"));
	assert_true(p.ended);
	assert_non_null(strstr(buf_cstr(&fake.seen), "create(c1/pause)"));
	assert_non_null(strstr(buf_cstr(&fake.seen), "stop(c1)"));
	peer_expect(&p, "create:c1 start:c1 create:app start:app exit:app=1 delete:app "
			"exit:c1=143 delete:c1 ");
}

/* The end of the placeholder ends the pod, with everything in it. */
static void test_pod_ends(void **state)
{
	AUTO(peer_done) struct peer p;
	unsigned status = 0;

	(void)state;
	peer_open(&p);
	start_pod(&p);
	assert_ok(peer_kill(&p, "c1", NULL, SIGKILL));
	assert_ok(peer_wait(&p, "app", NULL, &status));
	assert_int_equal(status, 137);
	assert_ok(peer_delete(&p, "app", NULL, NULL));
	assert_ok(peer_delete(&p, "c1", NULL, NULL));
	peer_expect(&p, "create:c1 start:c1 create:app start:app exit:c1=137 exit:app=137 "
			"delete:app delete:c1 ");
}

static void test_machine_dies(void **state)
{
	AUTO(peer_done) struct peer p;
	unsigned status = 0;

	(void)state;
	peer_open(&p);
	start_pod(&p);
	assert_ok(peer_exec(&p, "app", "e1"));
	assert_ok(peer_start(&p, "app", "e1"));
	peer_expect(&p, "create:c1 start:c1 create:app start:app exec-added:app/e1 "
			"exec-started:app/e1 ");
	fake_die();
	assert_ok(peer_wait(&p, "app", NULL, &status));
	assert_int_equal(status, 255);
	assert_ok(peer_wait(&p, "app", "e1", &status));
	assert_int_equal(status, 255);
	assert_ok(peer_wait(&p, "c1", NULL, &status));
	assert_int_equal(status, 255);
	peer_run(&p);
	assert_non_null(strstr(buf_cstr(&p.seen), "exit:app/e1=255"));
	assert_non_null(strstr(buf_cstr(&p.seen), "exit:app=255"));
	assert_non_null(strstr(buf_cstr(&p.seen), "exit:c1=255"));
	buf_clear(&p.seen);
	/* It stays until it is told to go. */
	assert_false(p.ended);
	assert_ok(peer_delete(&p, "app", NULL, NULL));
	assert_ok(peer_delete(&p, "c1", NULL, NULL));
	peer_expect(&p, "delete:app delete:c1 ");
	assert_ok(peer_simple(&p, "Shutdown", "c1"));
	assert_true(p.ended);
}

static void reconnect(struct peer *p)
{
	int fds[2];

	ttrpc_client_free(TAKE(p->client));
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
	assert_ok(ttrpc_server_add(p->server, fds[0], false));
	assert_ok(ttrpc_client_new(p->loop, fds[1], &p->client));
}

/* An engine that is restarted again and again waits each time. */
static void test_engine_restarts(void **state)
{
	AUTO(peer_done) struct peer p;
	Task__WaitRequest q = TASK__WAIT_REQUEST__INIT;
	struct answers a = { 0 }, lost = { 0 };

	(void)state;
	peer_open(&p);
	create_and_start(&p);
	q.id = text_of("c1");
	for (unsigned i = 0; i < 2 * SHIM_WAITERS_MAX; i++) {
		begin_call(&p, "Wait", &q.base, &lost);
		assert_int_equal(peer_state(&p, "c1", NULL), CONTAINERD__STATUS__RUNNING);
		reconnect(&p);
	}
	assert_int_equal(lost.n, 2 * SHIM_WAITERS_MAX);
	assert_int_equal(lost.last, ERR_PEER);
	begin_call(&p, "Wait", &q.base, &a);
	peer_run(&p);
	assert_int_equal(a.n, 0);
	fake_exit("c1", "", 0);
	peer_run(&p);
	assert_int_equal(a.n, 1);
	assert_int_equal(a.last, ERR_OK);
}

static void test_shutdown_now(void **state)
{
	AUTO(peer_done) struct peer p;
	Task__ShutdownRequest q = TASK__SHUTDOWN_REQUEST__INIT;

	(void)state;
	peer_open(&p);
	create_and_start(&p);
	q.now = true;
	assert_ok(peer_call(&p, "Shutdown", &q.base, NULL));
	assert_true(p.ended);
	peer_expect(&p, "create:c1 start:c1 exit:c1=137 ");
}

/* The program ends under a pod that runs: what is told meanwhile finds no machine to stop. */
static void test_end_while_running(void **state)
{
	AUTO(peer_done) struct peer p;

	(void)state;
	peer_open(&p);
	peer_bundle(&p, NULL);
	assert_ok(peer_create(&p, "c1"));
	assert_ok(peer_start(&p, "c1", NULL));
	fake_exit("c1", "", 0);
	shim_freep(&p.shim);
	assert_null(fake.sandbox);
}

static void test_oom(void **state)
{
	AUTO(peer_done) struct peer p;
	AUTO(auto_free) char *path = NULL;

	(void)state;
	peer_open(&p);
	create_and_start(&p);
	fake_oom("c1");
	fake_oom("../../etc");
	peer_expect(&p, "create:c1 start:c1 oom:c1 ");
	assert_ok(str_format(&path, "%s/oom", p.bundle));
	assert_int_equal(access(path, F_OK), 0);
}

static void test_window(void **state)
{
	AUTO(peer_done) struct peer p;
	Task__ResizePtyRequest q = TASK__RESIZE_PTY_REQUEST__INIT;

	(void)state;
	peer_open(&p);
	assert_ok(peer_create(&p, "c1"));
	q.id = text_of("c1");
	q.width = 80;
	q.height = 24;
	assert_ok(peer_call(&p, "ResizePty", &q.base, NULL));
	assert_null(strstr(buf_cstr(&fake.seen), "resize"));
	assert_ok(peer_start(&p, "c1", NULL));
	peer_run(&p);
	assert_non_null(strstr(buf_cstr(&fake.seen), "run(c1) resize(c1,24x80)"));
	q.width = 100;
	assert_ok(peer_call(&p, "ResizePty", &q.base, NULL));
	assert_non_null(strstr(buf_cstr(&fake.seen), "resize(c1,24x100)"));
}

static void test_pids_and_connect(void **state)
{
	AUTO(peer_done) struct peer p;
	AUTO(buf_done) struct buf out = BUF_INIT(4096), out2 = BUF_INIT(4096);
	AUTO(pb_free_any) Task__PidsResponse *pids = NULL;
	AUTO(pb_free_any) Task__ConnectResponse *connect = NULL;
	Task__PidsRequest q = TASK__PIDS_REQUEST__INIT;

	(void)state;
	peer_open(&p);
	create_and_start(&p);
	q.id = text_of("c1");
	assert_ok(peer_call(&p, "Pids", &q.base, &out));
	assert_ok(PB_UNPACK(task__pids_response, buf_bytes(&out), &pids));
	assert_int_equal(pids->n_processes, 1);
	assert_int_equal(pids->processes[0]->pid, FAKE_PID);
	assert_ok(peer_call(&p, "Connect", &q.base, &out2));
	assert_ok(PB_UNPACK(task__connect_response, buf_bytes(&out2), &connect));
	assert_int_equal(connect->shim_pid, getpid());
	assert_int_equal(connect->task_pid, FAKE_PID);
}

/* Every order of two dozen requests: nothing crashes, hangs or leaks. */
static void test_any_order(void **state)
{
	uint32_t seed = 1;

	(void)state;
	for (unsigned round = 0; round < 60; round++) {
		AUTO(peer_done) struct peer p;

		peer_open(&p);
		for (unsigned i = 0; i < 24; i++) {
			static const char *const ids[] = { "c1", "app" };
			static const char *const execs[] = { NULL, "e1" };
			const char *id, *exec;

			seed = seed * 1664525 + 1013904223;
			id = ids[(seed >> 8) % 2];
			exec = execs[(seed >> 12) % 2];
			peer_bundle(&p, (seed >> 20) % 2 ? "sandbox" : "container");
			switch ((seed >> 24) % 10) {
			case 0:
			case 1:
				err_ignore(peer_create(&p, id));
				break;
			case 2:
			case 3:
				err_ignore(peer_start(&p, id, exec));
				break;
			case 4:
				err_ignore(peer_exec(&p, id, "e1"));
				break;
			case 5:
				err_ignore(peer_kill(&p, id, exec, SIGKILL));
				break;
			case 6:
				err_ignore(peer_delete(&p, id, exec, NULL));
				break;
			case 7:
				fake_exit(id, exec ? exec : "", 0);
				break;
			case 8:
				err_ignore(peer_simple(&p, "Pause", id));
				break;
			default:
				err_ignore(peer_simple(&p, "Resume", id));
				break;
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_life),
		cmocka_unit_test(test_network_later),
		cmocka_unit_test(test_network_fails),
		cmocka_unit_test(test_network_aborted),
		cmocka_unit_test(test_exec),
		cmocka_unit_test(test_exec_fails),
		cmocka_unit_test(test_wrong_states),
		cmocka_unit_test(test_kill_and_pause),
		cmocka_unit_test(test_delete_while_running),
		cmocka_unit_test(test_delete_created),
		cmocka_unit_test(test_short_life),
		cmocka_unit_test(test_ends_when_created),
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_requests_while_booting),
		cmocka_unit_test(test_pod),
		cmocka_unit_test(test_pod_ends),
		cmocka_unit_test(test_machine_dies),
		cmocka_unit_test(test_engine_restarts),
		cmocka_unit_test(test_shutdown_now),
		cmocka_unit_test(test_end_while_running),
		cmocka_unit_test(test_oom),
		cmocka_unit_test(test_window),
		cmocka_unit_test(test_pids_and_connect),
		cmocka_unit_test(test_any_order),
	};

	log_init("test", LOG_ERROR, LOG_TEXT, open("/dev/null", O_WRONLY | O_CLOEXEC));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
