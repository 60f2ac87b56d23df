#include "runtime/agent_client.h"
#include "runtime/pod.h"
#include "runtime/run.h"

#include <base/random.h>
#include <net/transport.h>

enum {
	DRAIN_MS = 5000, /* output after the process has ended */
	EXEC_ID_DIGITS = 8,
	EXIT_MASK = 0xff
};

struct exec {
	struct pod pod;
	struct loop *loop;
	struct agent_client *agent;
	struct agent_stdio *stdio;
	const char *container; /* of the pod's state */
	char id[16];
};

static void exec_done(struct exec *e)
{
	agent_stdio_freep(&e->stdio);
	agent_client_freep(&e->agent);
	loop_freep(&e->loop);
	pod_done(&e->pod);
}

static RESULT reach(struct exec *e, const struct run_exec *x)
{
	AUTO(auto_free) char *address = NULL;
	struct agent_client_config c = { .fd = -1 };

	TRY(pod_load(x->run_dir, x->id, &e->pod));
	TRY(pod_container_find(&e->pod.state, x->container, &e->container));
	TRY(str_format(&address, "unix://%s/" POD_SOCKET, e->pod.dir));
	TRY(loop_new(&e->loop));
	c.loop = e->loop;
	TRY(transport_connect(address, 0, &c.fd));
	return agent_client_new(&c, &e->agent);
}

static RESULT start(struct exec *e, const struct run_exec *x)
{
	char digits[EXEC_ID_DIGITS + 1];
	const struct agent_process process = {
		.argv = x->argv, .n_argv = x->n_argv, .env = x->env, .cwd = x->cwd
	};

	TRY(random_hex(digits, EXEC_ID_DIGITS));
	(void)snprintf(e->id, sizeof(e->id), "exec-%s", digits);
	TRY(agent_exec(e->agent, e->container, e->id, &process));
	const struct agent_stdio_config io = {
		.container_id = e->container,
		.exec_id = e->id,
		.stdin_fd = x->stdin_fd,
		.stdout_fd = x->stdout_fd,
		.stderr_fd = x->stderr_fd,
	};
	return agent_stdio_new(e->agent, &io, &e->stdio);
}

static RESULT steps(struct exec *e, const struct run_exec *x, int *ret_status)
{
	int status = 0;

	TRY(reach(e, x));
	TRY(start(e, x));
	TRY(agent_wait_process(e->agent, e->container, e->id, &status));
	agent_stdio_drain(e->stdio, DRAIN_MS);
	*ret_status = status & EXIT_MASK;
	return OK;
}

RESULT run_exec(const struct run_exec *x, int *ret_status)
{
	struct exec e = { 0 };
	struct err_saved result;

	err_save(steps(&e, x, ret_status), &result);
	exec_done(&e); /* fails the calls under way, which must not be what is told */
	return err_restore(&result);
}
