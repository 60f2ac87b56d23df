/* The JSON lines of the port `sealpod.log`: what the programs in the guest say. */
#pragma once

#include <base/json.h>

enum {
	GUEST_LINE_MAX = 16 * 1024,	 /* longer ones are cut to nothing */
	GUEST_LOG_MAX = 16 * 1024 * 1024 /* bytes kept of one pod */
};

enum guest_event_kind {
	GUEST_OTHER,
	GUEST_STAGE,
	GUEST_PROGRESS,
	GUEST_FAILURE
};

struct guest_event {
	enum guest_event_kind kind;
	uint64_t ms; /* CLOCK_BOOTTIME of the guest */
	char *program, *event, *level;
	/* GUEST_STAGE */
	char *stage;
	uint64_t took_ms;
	/* GUEST_PROGRESS; numbers the guest chose, for display only */
	uint64_t layer, layers, done, total;
	/* GUEST_FAILURE */
	char *text, *request_id;
};
/* One line without its end. ERR_FORMAT. Unknown members are ignored, numbers may be strings. */
RESULT guest_event_parse(struct bytes line, struct guest_event *ret_event);
void guest_event_done(struct guest_event *e);

/* Cuts a stream into lines. */
struct guest_lines {
	struct buf pending; /* BUF_INIT(GUEST_LINE_MAX) */
	bool skip;	    /* the rest of a line that is too long */
};
#define GUEST_LINES_INIT ((struct guest_lines){ .pending = BUF_INIT(GUEST_LINE_MAX) })
void guest_lines_feed(struct guest_lines *l, struct bytes data,
	void (*line)(void *arg, struct bytes text), void *arg);
void guest_lines_done(struct guest_lines *l);

/* The text without control characters, for terminals; appends. */
void guest_text_clean(struct bytes text, struct buf *out);
