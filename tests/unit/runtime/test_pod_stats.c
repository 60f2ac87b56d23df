#include "util.h"

#include <agent.pb-c.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include <base/file.h>
#include <base/loop.h>
#include <net/pb.h>
#include <net/transport.h>
#include <net/ttrpc.h>
#include <runtime/pod_metrics.h>
#include <runtime/timeline.h>
#include <sys/wait.h>

/* ---- /proc ---- */

static void test_process(void **state)
{
	const uint64_t ticks = (uint64_t)sysconf(_SC_CLK_TCK),
		       page = (uint64_t)sysconf(_SC_PAGESIZE);
	struct pod_process_stats s = { 0 };
	char line[256];

	(void)state;
	(void)snprintf(line, sizeof(line),
		"77 (a ) 9 name) S 1 77 77 0 -1 4194304 1 2 3 4 %llu %llu 0 0 20 0 1 0 5 6 7\n",
		(unsigned long long)(2 * ticks), (unsigned long long)ticks);
	assert_ok(pod_process_stats_parse(bytes_str(line), bytes_str("100 25 3 4 5 6 7\n"), &s));
	assert_int_equal(s.user_ns, 2000000000);
	assert_int_equal(s.system_ns, 1000000000);
	assert_int_equal(s.resident, 25 * page);
	assert_err(pod_process_stats_parse(bytes_str("1 (x"), bytes_str("1 2"), &s), ERR_FORMAT);
	assert_err(
		pod_process_stats_parse(bytes_str("1 (x) S 1"), bytes_str("1 2"), &s), ERR_FORMAT);
	assert_err(pod_process_stats_parse(bytes_str(line), bytes_str("x"), &s), ERR_FORMAT);
	assert_err(pod_process_stats_parse(BYTES_NONE, BYTES_NONE, &s), ERR_FORMAT);
}

static struct err parse_both(void *arg, struct bytes in)
{
	struct pod_process_stats s;

	(void)arg;
	return pod_process_stats_parse(in, in, &s);
}

static void test_process_cut(void **state)
{
	const char *line = "77 (name) S 1 77 77 0 -1 4194304 1 2 3 4 5 6 0 0 20 0 1 0 5 6 7\n";

	(void)state;
	each_prefix_survives(bytes_str(line), parse_both, NULL);
	each_flip_survives(bytes_str(line), parse_both, NULL);
}

/* ---- containers of a pod ---- */

static char pause_id[] = "pause-1", app_id[] = "app-1", side_id[] = "app-2";

static void test_find(void **state)
{
	char *ids[] = { pause_id, app_id, side_id };
	struct pod_state s = { .id = pause_id, .container = pause_id };
	const char *id = NULL;

	(void)state;
	assert_ok(pod_container_find(&s, NULL, &id));
	assert_string_equal(id, pause_id);
	assert_err(pod_container_find(&s, "other", &id), ERR_NOT_FOUND);
	s.containers = (struct strv){ ids, 1 };
	assert_ok(pod_container_find(&s, NULL, &id));
	s.containers.n = 2;
	assert_ok(pod_container_find(&s, NULL, &id));
	assert_string_equal(id, app_id);
	assert_ok(pod_container_find(&s, "pau", &id));
	assert_string_equal(id, pause_id);
	s.containers.n = 3;
	assert_err(pod_container_find(&s, NULL, &id), ERR_USAGE);
	assert_err_text("there are pause-1, app-1, app-2");
	assert_err(pod_container_find(&s, "app", &id), ERR_USAGE);
	assert_ok(pod_container_find(&s, "app-2", &id));
	assert_string_equal(id, side_id);
	assert_err(pod_container_find(&s, "x", &id), ERR_NOT_FOUND);
}

/* ---- codes ---- */

static void test_codes(void **state)
{
	static const struct {
		const char *text, *code;
	} cases[] = {
		{ "manifest.volumes: /data: expected none", "manifest.volumes" },
		{ "CreateContainer: container app: image.digest: x: expected a", "image.digest" },
		{ "loading x.y, that is: no", NULL },
		{ "File.name: no", NULL },
		{ "word: no dot", NULL },
		{ ".a: b", NULL },
		{ "a.: b", NULL },
		{ "", NULL },
	};
	char code[DENIAL_CODE_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (!cases[i].code) {
			assert_err(pod_denial_code(cases[i].text, code), ERR_NOT_FOUND);
			continue;
		}
		assert_ok(pod_denial_code(cases[i].text, code));
		assert_string_equal(code, cases[i].code);
	}
}

/* ---- a guest that answers ---- */

static void on_stats(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	Agent__StatsContainerResponse r = AGENT__STATS_CONTAINER_RESPONSE__INIT;
	Agent__CgroupStats g = AGENT__CGROUP_STATS__INIT;
	Agent__CpuStats cpu = AGENT__CPU_STATS__INIT;
	Agent__CpuUsage usage = AGENT__CPU_USAGE__INIT;
	Agent__MemoryStats memory = AGENT__MEMORY_STATS__INIT;
	Agent__MemoryData data = AGENT__MEMORY_DATA__INIT;
	Agent__NetworkStats lo = AGENT__NETWORK_STATS__INIT, eth = AGENT__NETWORK_STATS__INIT;
	Agent__NetworkStats *nets[] = { &lo, &eth };
	char lo_name[] = "lo", eth_name[] = "eth0";
	AUTO(buf_done) struct buf out = BUF_INIT(TTRPC_MESSAGE_MAX);

	(void)arg;
	(void)payload;
	usage.total_usage = 1500000000;
	cpu.cpu_usage = &usage;
	data.usage = 4096;
	data.limit = 8192;
	memory.usage = &data;
	g.cpu_stats = &cpu;
	g.memory_stats = &memory;
	r.cgroup_stats = &g;
	lo.name = lo_name;
	lo.rx_bytes = 1000;
	eth.name = eth_name;
	eth.rx_bytes = 10;
	eth.tx_bytes = 20;
	r.network_stats = nets;
	r.n_network_stats = 2;
	if (failed(pb_pack(&r.base, &out)))
		_exit(1);
	ttrpc_answer(call, buf_bytes(&out));
}

/* In a process of its own, because the reader pumps a loop of its own. */
static pid_t serve(const char *dir)
{
	static const struct ttrpc_method methods[] = {
		{ "grpc.AgentService", "StatsContainer", on_stats },
	};
	const struct ttrpc_server_config c = { .methods = methods, .n_methods = 1 };
	struct loop *loop = NULL;
	struct ttrpc_server *server = NULL;
	AUTO(auto_free) char *address = NULL;
	int fd = -1, status;
	pid_t pid;

	assert_ok(str_format(&address, "unix://%s/" POD_SOCKET, dir));
	assert_ok(transport_listen(address, &fd));
	pid = fork();
	assert_true(pid >= 0);
	if (pid > 0) {
		(void)close(fd);
		return pid;
	}
	if (failed(loop_new(&loop)) || failed(ttrpc_server_new(loop, &c, &server)) ||
		failed(ttrpc_server_listen(server, fd)))
		_exit(1);
	err_ignore(loop_run(loop, &status));
	_exit(0);
}

static struct pod make_pod(const char *run_dir, const char *name)
{
	struct pod p = { 0 };

	assert_ok(pod_create(run_dir, name, &p));
	assert_ok(strv_add(&p.state.containers, "first"));
	assert_ok(strv_add(&p.state.containers, "sec\"ond"));
	p.state.creations = 3;
	assert_ok(pod_save(&p));
	return p;
}

static void put(const struct pod *p, const char *name, const char *text)
{
	AUTO(auto_free) char *path = NULL;

	assert_ok(path_join(p->dir, name, &path));
	assert_ok(file_write_atomic(path, bytes_str(text), 0600));
}

static void assert_has(struct buf *text, const char *part)
{
	if (!strstr(buf_cstr(text), part))
		print_message("%s\nhas no %s\n", buf_cstr(text), part);
	assert_non_null(strstr(buf_cstr(text), part));
}

static void test_stats(void **state)
{
	AUTO(auto_free) char *run_dir = NULL;
	AUTO(auto_free) struct pod_stats *s = calloc(1, sizeof(*s));
	AUTO(pod_metrics_freep) struct pod_metrics *m = NULL;
	AUTO(buf_done) struct buf out = BUF_INIT(POD_METRICS_MAX);

	(void)state;
	assert_ok(path_join(test_dir(), "answers", &run_dir));
	struct pod p = make_pod(run_dir, "talks");
	pid_t pid = serve(p.dir);
	assert_ok(pod_stats_read(&p, NULL, s));
	assert_int_equal(s->n_containers, 2);
	assert_true(s->containers[1].known);
	assert_int_equal(s->containers[1].memory, 4096);
	assert_int_equal(s->containers[1].rx_bytes, 10);
	assert_int_equal(s->host.n_processes, 1);
	assert_string_equal(s->host.processes[0].name, "owner");
	assert_int_equal(s->host.processes[0].pid, getpid());
	assert_true(s->host.processes[0].resident > 0);
	assert_ok(pod_metrics_new(run_dir, run_dir, &m));
	assert_ok(pod_metrics_read(m, &out));
	assert_has(&out, "\nsealpod_container_cpu_seconds_total{pod=\"talks\",container=\"first\"} "
			 "1.500000000\n");
	assert_has(&out, "\nsealpod_container_memory_limit_bytes{pod=\"talks\","
			 "container=\"sec\\\"ond\"} 8192\n");
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	pod_remove(&p);
	pod_done(&p);
}

static void test_metrics(void **state)
{
	AUTO(auto_free) char *run_dir = NULL;
	AUTO(pod_metrics_freep) struct pod_metrics *m = NULL;
	AUTO(buf_done) struct buf out = BUF_INIT(POD_METRICS_MAX);

	(void)state;
	assert_ok(path_join(test_dir(), "silent", &run_dir));
	assert_ok(pod_metrics_new(run_dir, run_dir, &m));
	assert_ok(pod_metrics_read(m, &out));
	assert_has(&out, "\nsealpod_pods 0\n");
	struct pod p = make_pod(run_dir, "silent");
	put(&p, POD_LOG,
		"{\"event\":\"failure\",\"text\":\"manifest.volumes: /x: no\"}\n"
		"not JSON\n{\"event\":\"failure\",\"text\":\"no code\"}\n"
		"{\"event\":\"failure\",\"text\":\"manifest.volumes: /y: no\"}\n{\"event\":\"fai");
	for (int i = 0; i < 2; i++) {
		buf_clear(&out);
		assert_ok(pod_metrics_read(m, &out));
	}
	assert_has(&out, "\nsealpod_pods 1\n");
	assert_has(&out, "sealpod_denials_total{code=\"manifest.volumes\"} 2\n");
	assert_has(&out, "sealpod_container_creations_total{pod=\"silent\"} 3\n");
	assert_has(&out, "sealpod_process_resident_memory_bytes{pod=\"silent\",process=\"owner\"}");
	assert_has(&out, "sealpod_readings_total 3\n");
	assert_null(strstr(buf_cstr(&out), "sealpod_container_memory_bytes{"));
	pod_remove(&p);
	pod_done(&p);
	buf_clear(&out);
	assert_ok(pod_metrics_read(m, &out));
	assert_has(&out, "\nsealpod_pods 0\n");
	/* What was counted stays counted. */
	assert_has(&out, "sealpod_denials_total{code=\"manifest.volumes\"} 2\n");
}

/* Guests choose what they log: no more than so many codes are kept apart. */
static void test_many_codes(void **state)
{
	AUTO(auto_free) char *run_dir = NULL;
	AUTO(pod_metrics_freep) struct pod_metrics *m = NULL;
	AUTO(buf_done) struct buf out = BUF_INIT(POD_METRICS_MAX);
	AUTO(buf_done) struct buf log = BUF_INIT(POD_METRICS_MAX);

	(void)state;
	assert_ok(path_join(test_dir(), "many", &run_dir));
	struct pod p = make_pod(run_dir, "many");
	for (int i = 0; i < 3 * POD_METRICS_CODES_MAX; i++)
		buf_printf(&log, "{\"event\":\"failure\",\"text\":\"a.c%d: x\"}\n", i);
	put(&p, POD_LOG, buf_cstr(&log));
	assert_ok(pod_metrics_new(run_dir, run_dir, &m));
	assert_ok(pod_metrics_read(m, &out));
	assert_has(&out, "{code=\"a.c62\"} 1\n");
	assert_has(&out, "{code=\"other\"} 129\n");
	assert_null(strstr(buf_cstr(&out), "a.c63\""));
	pod_remove(&p);
	pod_done(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_process),
		cmocka_unit_test(test_process_cut),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_codes),
		cmocka_unit_test(test_stats),
		cmocka_unit_test(test_metrics),
		cmocka_unit_test(test_many_codes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
