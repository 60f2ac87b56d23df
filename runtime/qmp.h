/* QEMU's machine protocol, as far as learning why a machine ended. */
#pragma once

#include "runtime/guest_log.h"

enum {
	QMP_REASON_MAX = 32
};

struct qmp {
	int fd; /* borrowed */
	struct guest_lines lines;
	char reason[QMP_REASON_MAX]; /* "guest-reset", ...; empty: not told */
};
void qmp_init(struct qmp *q, int fd);
void qmp_done(struct qmp *q);
/* Bytes that arrived; answers the greeting. */
void qmp_feed(struct qmp *q, struct bytes data);
