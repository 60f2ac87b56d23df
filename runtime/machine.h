/* A virtual machine as its owner sees it: what the guest says on its log port and its console, QMP,
 * and how it ended. Everything it says is bounded, on disk and in memory. */
#pragma once

#include "qmp.h"
#include "runtime/run.h"
#include "runtime/vm.h"

#include <base/loop.h>

enum {
	MACHINE_CONSOLE_MAX = 4 * 1024 * 1024, /* bytes of console.log */
	/* Stages and progress that the guest tells: so many at once, then one in so many ms. */
	MACHINE_EVENTS_MAX = 256,
	MACHINE_EVENT_MS = 200
};

struct machine_config {
	struct loop *loop;
	const char *dir; /* of the pod: logs */
	/* A log line of the guest; stages and progress within bounds. */
	void (*event)(void *arg, const struct guest_event *e);
	/* A program of the machine ended; once. May be NULL. */
	void (*ended)(void *arg);
	void *arg;
};

struct machine {
	struct machine_config config;
	struct vm vm;
	struct qmp qmp;
	struct guest_lines log_lines;
	struct loop_source *log_source, *console_source, *qmp_source;
	struct loop_source *qemu_source, *tpm_source, *share_source;
	int log_file, console_file;
	uint64_t log_bytes, console_bytes;
	char tail[RUN_CONSOLE_TAIL]; /* last bytes of the console */
	size_t tail_n;
	uint64_t heard;	     /* monotonic ms of the last log line; 0: none */
	uint64_t told_until; /* monotonic ms that told events stand for */
	const char *dead;    /* the program that ended: "QEMU", "swtpm", "virtiofsd" */
	int dead_status;
};

void machine_init(struct machine *m);
/* Log files in c->dir, whose string must live on. */
RESULT machine_open_logs(struct machine *m, const struct machine_config *c);
/* After machine_open_logs() and vm_start() into m->vm. */
RESULT machine_watch(struct machine *m);
/* Looks whether a program ended, without waiting for the loop to say so. */
void machine_settle(struct machine *m);
/* Ends what still runs. */
void machine_done(struct machine *m);

/* ERR_PEER: who ended, how, what it said; a live one is not asked. */
struct err machine_death(const struct machine *m, const char *stage);
/* The end of the console, printable, whole lines. */
void machine_console(const struct machine *m, struct buf *out);
