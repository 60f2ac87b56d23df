/* Where the standard streams of a process go, as engines name it. */
#pragma once

#include <base/json.h>

enum stdio_kind {
	STDIO_NONE,  /* "" */
	STDIO_FIFO,  /* a path, or "fifo://PATH" */
	STDIO_FILE,  /* "file:///PATH": appended to */
	STDIO_BINARY /* "binary:///PATH?KEY=VALUE": a logger process */
};

enum {
	STDIO_URI_MAX = 4096,
	STDIO_ARGS_MAX = 64
};

/* Owned; stdio_uri_done(). */
struct stdio_uri {
	enum stdio_kind kind;
	bool must_say_ready; /* binary-v2: the end of file is not enough */
	char *path;	     /* absolute, decoded */
	struct strv args;    /* STDIO_BINARY: keys and values in their order */
};
void stdio_uri_done(struct stdio_uri *u);

/* ERR_UNSUPPORTED: streaming and other schemes, with what to use instead. ERR_FORMAT names `what`
 * ("stdout"). */
RESULT stdio_uri_parse(const char *text, const char *what, struct stdio_uri *ret_uri);
