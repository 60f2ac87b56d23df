/* Command line of a containerd shim, in the form of Go's "flag" package: "-id X", "-id=X", "--id".
 */
#pragma once

#include <base/err.h>

enum shim_action {
	SHIM_SERVE, /* no word: the server, started by "start" */
	SHIM_START,
	SHIM_DELETE
};

struct shim_flags {
	enum shim_action action;
	const char *ns;	     /* -namespace */
	const char *id;	     /* -id: of the container; of the sandbox when serving */
	const char *address; /* -address: the engine's socket; "": none */
	const char *publish; /* -publish-binary; "": none */
	const char *bundle;  /* -bundle; "": the working directory */
	const char *handler; /* -handler, of ours: "start" tells the server; "": by argv[0] */
	const char *config;  /* -config, of ours: the configuration file "start" was told; "": none
			      */
	bool debug, version, info, help;
};

enum {
	SHIM_ID_MAX = 76 /* containerd's limit of identifiers */
};

/*
 * The strings are argv's. ERR_USAGE: unknown flags, missing values, more than one word, and names
 * that are no identifiers. `ret_flags` is complete: absent strings are "".
 */
RESULT shim_flags_parse(int argc, char *const *argv, struct shim_flags *ret_flags);
/* Every flag with its meaning. */
extern const char shim_usage[];
/* containerd's identifiers: [A-Za-z0-9] with single [._-] between, 1 to 76. ERR_USAGE names `what`.
 */
RESULT shim_id_check(const char *id, const char *what);
/* "…/containerd-shim-NAME-v2" is NAME; ERR_USAGE for another form. `to` has SHIM_ID_MAX + 1. */
RESULT shim_handler_of(const char *argv0, char to[static SHIM_ID_MAX + 1]);
