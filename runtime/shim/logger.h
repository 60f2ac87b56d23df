/* A logger process of the engine ("binary://"): it reads both outputs of one process of ours. */
#pragma once

#include "stdio_uri.h"

#include <base/loop.h>

struct logger;

struct logger_config {
	struct loop *loop;
	const struct stdio_uri *uri;
	const char *ns, *id; /* CONTAINER_NAMESPACE, CONTAINER_ID */
	/* Once: it said that it is ready, or failed to in time. */
	void (*ready)(void *arg, struct err e);
	void *arg;
};
/* Starts it. Its input pipes are out_fd and err_fd, non-blocking and owned by the logger. */
RESULT logger_new(const struct logger_config *c, struct logger **ret_logger);
int logger_out_fd(const struct logger *l);
int logger_err_fd(const struct logger *l);
/* Its input ends: it reads what is left and ends when it likes. */
void logger_end_input(struct logger *l);
/* Its input ends; it gets SIGTERM, and SIGKILL 12 s later, and is forgotten here at once. */
void logger_close(struct logger *l);
