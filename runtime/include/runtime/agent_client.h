/*
 * The host's side of the Kata agent API (grpc.AgentService, grpc.Health) over one stream. Calls
 * look synchronous and pump the loop; reading and writing of stdio runs beside them.
 */
#pragma once

#include <base/json.h>
#include <base/loop.h>
#include <net/ttrpc.h>

struct agent_client;

struct agent_client_config {
	struct loop *loop;
	int fd; /* becomes the client's, also on failure */
	/* Asked while a call waits; a failure abandons the call and is its result. May be NULL. */
	struct err (*watch)(void *arg);
	void *arg;
};
RESULT agent_client_new(const struct agent_client_config *c, struct agent_client **ret_agent);
void agent_client_free(struct agent_client *a);
void agent_client_freep(struct agent_client **a);
/* For ttrpc_proxy_new(). */
struct ttrpc_client *agent_client_ttrpc(struct agent_client *a);

/* Health.Check; ERR_STATE unless SERVING. */
RESULT agent_check(struct agent_client *a);

struct agent_sandbox {
	const char *id, *hostname;
	const struct strv *dns; /* addresses; lines of resolv.conf are made from them */
};
RESULT agent_create_sandbox(struct agent_client *a, const struct agent_sandbox *s);

struct agent_network {
	const char *device, *mac, *address, *mask, *gateway;
	uint64_t mtu;
};
/* UpdateInterface, then UpdateRoutes with a default route. */
RESULT agent_configure_network(struct agent_client *a, const struct agent_network *n);

struct agent_process {
	char *const *argv; /* none: the image's entry point and command */
	size_t n_argv;
	const struct strv *env; /* NULL: none */
	const char *cwd;	/* "": the image's */
	bool terminal;
};
struct agent_container {
	const char *id, *hostname;
	const char *name;  /* of the manifest's entry; NULL: found by the image */
	const char *image; /* pulled inside the guest */
	struct agent_process process;
};
RESULT agent_create_container(struct agent_client *a, const struct agent_container *c);
RESULT agent_start_container(struct agent_client *a, const char *container_id);
RESULT agent_exec(struct agent_client *a, const char *container_id, const char *exec_id,
	const struct agent_process *p);
/* exec_id "" is the container's first process. */
RESULT agent_signal(
	struct agent_client *a, const char *container_id, const char *exec_id, int signo);
RESULT agent_wait_process(
	struct agent_client *a, const char *container_id, const char *exec_id, int *ret_status);
RESULT agent_resize(struct agent_client *a, const char *container_id, const char *exec_id,
	uint32_t rows, uint32_t columns);
/* The answer may never come: the guest powers off. */
RESULT agent_destroy_sandbox(struct agent_client *a);

/* ---- standard input and output of one process ---- */
struct agent_stdio;

struct agent_stdio_config {
	const char *container_id, *exec_id;
	int stdin_fd;		  /* < 0: nothing is sent, the process sees the end at once */
	int stdout_fd, stderr_fd; /* < 0: read and thrown away */
	bool terminal;		  /* there is no standard error */
	/* Both outputs ended and were written, or cannot be read any more; once. May be NULL. */
	void (*ended)(void *arg);
	void *arg;
};
/* The descriptors stay the caller's and must live until agent_stdio_free(). */
RESULT agent_stdio_new(
	struct agent_client *a, const struct agent_stdio_config *c, struct agent_stdio **ret_stdio);
void agent_stdio_freep(struct agent_stdio **s);
/* What stdin_fd holds now is still sent, then the process sees the end. fn is called when that is
 * done or cannot be done, at the latest by agent_stdio_freep(); one at a time. */
void agent_stdio_close_stdin(struct agent_stdio *s, void (*fn)(void *arg), void *arg);
bool agent_stdio_has_ended(const struct agent_stdio *s);
/* Bytes of output written so far: tells a slow reader from none. */
uint64_t agent_stdio_written(const struct agent_stdio *s);
/* Pumps until both outputs ended, at most timeout_ms. */
void agent_stdio_drain(struct agent_stdio *s, uint64_t timeout_ms);
/* Why standard input could not be forwarded; NULL when it could. */
const char *agent_stdio_stdin_failure(const struct agent_stdio *s);
