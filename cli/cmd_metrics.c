/* sealpod metrics: the pods of this host for Prometheus. */
#include "commands.h"

#include <signal.h>
#include <stdio.h>

#include <base/file.h>
#include <base/loop.h>
#include <net/http_server.h>
#include <runtime/pod_metrics.h>

#define DEFAULT_LISTEN "127.0.0.1:9464"
#define CONTENT_TYPE   "text/plain; version=0.0.4; charset=utf-8"

enum {
	PORT_MAX = 65535,
	BODY_MAX = 4096
};

struct metrics_options {
	const char *run_dir, *state_dir, *listen;
	bool once;
};

#define OPTION(text, member, k)                                                                    \
	.name = (text), .kind = (k), .offset = offsetof(struct metrics_options, member)

static const struct cli_option options[] = {
	{ OPTION("listen", listen, CLI_STRING), .value = "ADDRESS:PORT",
		.help = "where to serve (" DEFAULT_LISTEN ")" },
	{ OPTION("once", once, CLI_FLAG), .help = "print them once and end" },
	{ OPTION("run-dir", run_dir, CLI_STRING), .value = "DIR",
		.help = "running pods (" POD_RUN_DIR ")" },
	{ OPTION("state-dir", state_dir, CLI_STRING), .value = "DIR",
		.help = "how long starts took (" POD_STATE_DIR ")" },
	{ 0 },
};

static const char *run_dir(const struct metrics_options *o)
{
	return o->run_dir ? o->run_dir : POD_RUN_DIR;
}

static void answer_metrics(struct pod_metrics *m, struct http_exchange *x)
{
	AUTO(buf_done) struct buf out = BUF_INIT(POD_METRICS_MAX);

	if (failed(pod_metrics_read(m, &out)))
		http_x_answer(x, 500, "text/plain", bytes_str(err_text()));
	else
		http_x_answer(x, 200, CONTENT_TYPE, buf_bytes(&out));
}

static void handle(void *arg, struct http_exchange *x)
{
	const char *path = http_x_path(x);

	if (!str_equal(http_x_method(x), "GET"))
		http_x_answer(x, 405, "text/plain", bytes_str("GET only\n"));
	else if (str_equal(path, "/metrics"))
		answer_metrics(arg, x);
	else if (str_equal(path, "/healthz"))
		http_x_answer(x, 200, "text/plain", bytes_str("ok\n"));
	else
		http_x_answer(x, 404, "text/plain", bytes_str("/metrics or /healthz\n"));
}

/* "127.0.0.1:9464", "[::1]:9464" */
static RESULT split(const char *listen, char **ret_address, uint16_t *ret_port)
{
	const char *colon = strrchr(listen, ':');
	bool brackets = listen[0] == '[';
	uint64_t port = 0;
	size_t n;

	if (!colon || colon == listen || (brackets && colon[-1] != ']'))
		return err_new(ERR_USAGE, "--listen %s: ADDRESS:PORT", listen);
	if (failed(str_to_u64(colon + 1, PORT_MAX, "port", &port)))
		return err_new(ERR_USAGE, "--listen %s: no port at its end", listen);
	n = (size_t)(colon - listen) - (brackets ? 2 : 0);
	TRY(str_format(ret_address, "%.*s", (int)n, listen + brackets));
	*ret_port = (uint16_t)port;
	return OK;
}

static void on_signal(void *arg, int signo)
{
	(void)signo;
	*(bool *)arg = true;
}

static RESULT serve(const struct metrics_options *o, struct pod_metrics *m)
{
	AUTO(loop_freep) struct loop *loop = NULL;
	AUTO(http_server_freep) struct http_server *server = NULL;
	AUTO(auto_free) char *address = NULL;
	struct http_server_config c = { .max_body = BODY_MAX, .handle = handle, .arg = m };
	bool stop = false;

	TRY(split(o->listen ? o->listen : DEFAULT_LISTEN, &address, &c.port));
	c.address = address;
	TRY(loop_new(&loop));
	TRY(loop_add_signal(loop, SIGTERM, on_signal, &stop));
	TRY(loop_add_signal(loop, SIGINT, on_signal, &stop));
	TRY(http_server_new(loop, &c, &server));
	(void)fprintf(
		stderr, "metrics at http://%s:%u/metrics\n", address, http_server_port(server));
	while (!stop)
		TRY(loop_once(loop, -1));
	return OK;
}

static RESULT run(const void *opaque, const struct cli_args *args, int *ret_exit)
{
	const struct metrics_options *o = opaque;
	AUTO(pod_metrics_freep) struct pod_metrics *m = NULL;
	AUTO(buf_done) struct buf out = BUF_INIT(POD_METRICS_MAX);

	(void)args;
	(void)ret_exit;
	TRY(pod_metrics_new(run_dir(o), o->state_dir ? o->state_dir : POD_STATE_DIR, &m));
	if (!o->once)
		return serve(o, m);
	TRY(pod_metrics_read(m, &out));
	return fd_write_all(STDOUT_FILENO, buf_bytes(&out));
}

const struct cli_command cmd_metrics = {
	.name = "metrics",
	.summary = "the pods of this host for Prometheus: stages, memory, processors, denials",
	.options = options,
	.options_size = sizeof(struct metrics_options),
	.run = run,
	.notes = "GET /metrics; GET /healthz. It serves this host only unless --listen says else.",
};
