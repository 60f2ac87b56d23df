/* QEMU's machine protocol (QMP, docs/interop/qmp-spec.txt): commands with their answers, and why a
 * machine ended. What QEMU says is bounded; answers nobody asked for are ignored. */
#pragma once

#include "runtime/guest_log.h"

enum {
	QMP_REASON_MAX = 32,
	QMP_PENDING_MAX = 16 /* commands without an answer */
};

/* e: failed(e) with QEMU's words as err_text(), or OK and the value of "return", valid during the
 * call. */
typedef void qmp_reply_fn(void *arg, struct err e, const struct json *value);

struct qmp_command {
	const char *name;
	struct bytes arguments; /* a JSON object; empty: none */
	int fd;			/* goes with the command; < 0: none. Stays the caller's. */
};

struct qmp_pending;

struct qmp {
	int fd; /* borrowed */
	struct guest_lines lines;
	bool ready; /* the greeting was answered */
	bool ended;
	uint64_t next_id;
	struct qmp_pending *pending; /* in the order of their ids */
	char reason[QMP_REASON_MAX]; /* "guest-reset", ...; empty: not told */
};
void qmp_init(struct qmp *q, int fd);
/* Commands without an answer fail with ERR_PEER. */
void qmp_done(struct qmp *q);
/* Bytes that arrived; answers the greeting. */
void qmp_feed(struct qmp *q, struct bytes data);
/* QEMU closed its end: as qmp_done(), and every later command is refused. */
void qmp_end(struct qmp *q);
/* `fn` is called once, never from within this call. ERR_LIMIT: too many without an answer;
 * ERR_PEER: the machine is gone. Before the greeting commands wait. */
RESULT qmp_execute(struct qmp *q, const struct qmp_command *c, qmp_reply_fn *fn, void *arg);
