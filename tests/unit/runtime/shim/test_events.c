/* Events reach the engine in order, over ttrpc or by its program, also when it comes back late. */
#include "events.h"
#include "util.h"

#include <events.pb-c.h>
#include <fcntl.h>
#include <stdio.h>
#include <wellknown.pb-c.h>

#include <base/clock.h>
#include <base/file.h>
#include <base/log.h>
#include <net/pb.h>
#include <net/transport.h>
#include <net/ttrpc.h>
#include <sys/stat.h>

struct engine {
	struct loop *loop;
	struct ttrpc_server *server;
	struct buf seen;
	unsigned refuse; /* so many times */
};

static void on_forward(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	struct engine *g = arg;
	AUTO(pb_free_any) Containerd__ForwardRequest *r = NULL;
	AUTO(pb_free_any) Events__TaskStart *event = NULL;

	assert_ok(PB_UNPACK(containerd__forward_request, payload, &r));
	assert_string_equal(r->envelope->namespace_, "k8s.io");
	assert_true(r->envelope->timestamp->seconds > 0);
	assert_ok(PB_UNPACK(events__task_start,
		bytes_of(r->envelope->event->value.data, r->envelope->event->value.len), &event));
	if (g->refuse > 0) {
		g->refuse--;
		ttrpc_fail_as(call, TTRPC_UNAVAILABLE, "not now");
		return;
	}
	buf_printf(&g->seen, "%s %s %s;", r->envelope->topic, r->envelope->event->type_url,
		event->container_id);
	ttrpc_answer(call, BYTES_NONE);
}

static const struct ttrpc_method methods[] = {
	{ "containerd.services.events.ttrpc.v1.Events", "Forward", on_forward },
};

static void serve(struct engine *g, const char *address)
{
	struct ttrpc_server_config c = { .methods = methods, .n_methods = 1, .arg = g };
	int fd;

	assert_ok(transport_listen(address, &fd));
	assert_ok(ttrpc_server_new(g->loop, &c, &g->server));
	assert_ok(ttrpc_server_listen(g->server, fd));
}

static void publish(struct events *e, const char *id)
{
	Events__TaskStart event = EVENTS__TASK_START__INIT;

	event.container_id = (char *)(uintptr_t)id;
	event.pid = 7;
	events_publish(e, "/tasks/start", "containerd.events.TaskStart", &event.base);
}

static void run_until_idle(struct engine *g, struct events *e, uint64_t ms)
{
	uint64_t end = clock_monotonic_ms() + ms;

	while (!events_idle(e) && clock_monotonic_ms() < end)
		assert_ok(loop_once(g->loop, 20));
}

static void engine_done(struct engine *g)
{
	ttrpc_server_freep(&g->server);
	loop_freep(&g->loop);
	buf_done(&g->seen);
}

static void test_order_and_retry(void **state)
{
	AUTO(engine_done) struct engine g = { .seen = BUF_INIT(4096), .refuse = 1 };
	AUTO(events_freep) struct events *e = NULL;
	AUTO(auto_free) char *address = NULL;

	(void)state;
	assert_ok(loop_new(&g.loop));
	assert_ok(str_format(&address, "unix://%s/ttrpc", test_dir()));
	assert_ok(events_new(&(struct events_config){ .loop = g.loop,
				     .ns = "k8s.io",
				     .ttrpc_address = address + strlen("unix://"),
				     .address = "",
				     .publish = "" },
		&e));
	publish(e, "a"); /* nobody listens yet */
	publish(e, "b");
	assert_false(events_idle(e));
	serve(&g, address);
	run_until_idle(&g, e, 10000);
	assert_string_equal(buf_cstr(&g.seen), "/tasks/start containerd.events.TaskStart a;"
					       "/tasks/start containerd.events.TaskStart b;");
	/* The engine is restarted. */
	ttrpc_server_freep(&g.server);
	g.server = NULL;
	assert_ok(loop_once(g.loop, 0));
	buf_clear(&g.seen);
	serve(&g, address);
	publish(e, "c");
	run_until_idle(&g, e, 10000);
	assert_string_equal(buf_cstr(&g.seen), "/tasks/start containerd.events.TaskStart c;");
	events_freep(&e);
}

static void test_by_program(void **state)
{
	AUTO(engine_done) struct engine g = { .seen = BUF_INIT(4096) };
	AUTO(events_freep) struct events *e = NULL;
	AUTO(auto_free) char *program = NULL;
	AUTO(buf_done) struct buf script = BUF_INIT(4096);
	AUTO(auto_free) char *out = NULL;
	AUTO(buf_done) struct buf seen = BUF_INIT(4096);

	(void)state;
	assert_ok(loop_new(&g.loop));
	assert_ok(str_format(&program, "%s/engine", test_dir()));
	assert_ok(str_format(&out, "%s/published", test_dir()));
	buf_printf(
		&script, "#!/bin/sh\necho \"$@ $(head -c 30 | tr -d '\\000-\\037')\" >>%s\n", out);
	assert_ok(file_write_atomic(program, buf_bytes(&script), 0700));
	assert_ok(events_new(&(struct events_config){ .loop = g.loop,
				     .ns = "moby",
				     .address = "/run/c.sock",
				     .publish = program },
		&e));
	publish(e, "a");
	publish(e, "b");
	run_until_idle(&g, e, 20000);
	assert_ok(file_read(out, &seen));
	assert_string_equal(buf_cstr(&seen),
		"--address /run/c.sock publish --topic /tasks/start --namespace moby "
		"containerd.events.TaskStart\n"
		"--address /run/c.sock publish --topic /tasks/start --namespace moby "
		"containerd.events.TaskStart\n");
	events_freep(&e);
}

/* CRI-O takes no events; an engine that is gone does not cost memory without end. */
static void test_nobody(void **state)
{
	AUTO(engine_done) struct engine g = { .seen = BUF_INIT(4096) };
	AUTO(events_freep) struct events *e = NULL;
	AUTO(auto_free) char *address = NULL;

	(void)state;
	assert_ok(loop_new(&g.loop));
	assert_ok(events_new(&(struct events_config){ .loop = g.loop,
				     .ns = "default",
				     .address = "",
				     .publish = "/usr/bin/crio" },
		&e));
	publish(e, "a");
	assert_true(events_idle(e));
	events_freep(&e);
	assert_ok(str_format(&address, "%s/nobody", test_dir()));
	assert_ok(events_new(&(struct events_config){ .loop = g.loop,
				     .ns = "k8s.io",
				     .ttrpc_address = address,
				     .address = "",
				     .publish = "" },
		&e));
	for (unsigned i = 0; i < 2 * EVENTS_MAX; i++)
		publish(e, "a");
	events_freep(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order_and_retry),
		cmocka_unit_test(test_by_program),
		cmocka_unit_test(test_nobody),
	};

	log_init("test", LOG_ERROR, LOG_TEXT, open("/dev/null", O_WRONLY | O_CLOEXEC));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
