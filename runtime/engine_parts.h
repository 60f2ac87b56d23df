/* What the parts of an engine's installation share. */
#pragma once

#include "config_parts.h"
#include "runtime/engine.h"

struct engine_info {
	const char *name, *program, *file;
	const char *unit;   /* of systemd; NULL: nothing runs */
	const char *action; /* of systemctl */
	const char *needs;  /* our program that it starts */
};
const struct engine_info *engine_info(enum engine_kind e);

/* Of its program, major number; 0 when it does not tell. ERR_NOT_FOUND: not installed. */
RESULT engine_version(enum engine_kind e, unsigned *ret_major);
/* The engine itself reads `text`, and knows the handlers afterwards. ERR_PEER with its words. */
RESULT engine_validate(enum engine_kind e, struct bytes text, const struct strv *handlers);
/* systemd runs the engine. */
bool engine_is_running(enum engine_kind e);
/* Restarts or reloads it and waits until it is up. ERR_PEER, ERR_TIMEOUT. */
RESULT engine_restart(enum engine_kind e);

/* As indented text, which people edit. */
void json_pretty(const struct json *j, struct buf *out);

/* The name of the program that runs a handler; ERR_USAGE: it cannot have one. */
RESULT engine_program(enum engine_kind e, const char *handler, char **ret_name);

/* ---- engine_journal.c: what is being done, so that an interruption can be repaired ---- */
struct engine_journal {
	char *file;
	bool existed;	    /* before the change under way */
	bool changing;	    /* else installed */
	bool existed_first; /* before the first installation */
	struct strv handlers;
};
void engine_journal_done(struct engine_journal *j);
/* ERR_NOT_FOUND: nothing was installed. */
RESULT engine_journal_read(const char *dir, struct engine_journal *ret_journal);
RESULT engine_journal_remove(const char *dir); /* absent is fine */
RESULT engine_journal_write(const char *dir, const struct engine_journal *j);
