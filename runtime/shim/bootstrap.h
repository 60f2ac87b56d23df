/*
 * What "start" is told on its standard input and answers on its standard output, in the three forms
 * that engines know: a bare address (containerd up to 1.6, CRI-O), JSON (containerd 1.7 to 2.2) and
 * protobuf (containerd 2.3).
 */
#pragma once

#include "flags.h"

#include <base/buf.h>

#define SHIM_SOCKET_DIR "/run/containerd/s"

enum bootstrap_form {
	BOOTSTRAP_ADDRESS,
	BOOTSTRAP_JSON,
	BOOTSTRAP_PROTOBUF
};

enum {
	BOOTSTRAP_INPUT_MAX = 1024 * 1024,
	BOOTSTRAP_ADDRESS_MAX = 106, /* characters of a socket's path */
	TASK_API_MAX = 3	     /* containerd's number of the newest task service */
};

/* Owned; bootstrap_done(). */
struct bootstrap {
	enum bootstrap_form form;
	unsigned version; /* of the task service that is answered: 2 or 3 */
	bool debug;
	char *config_path;   /* of the runtime options; NULL: none */
	char *socket_dir;    /* NULL: SHIM_SOCKET_DIR */
	char *ttrpc_address; /* NULL: by the environment */
};
void bootstrap_done(struct bootstrap *b);

/*
 * `input` is standard input, whole: nothing, runtime options as google.protobuf.Any, or
 * BootstrapParams, known by their instance id. `max_version`: MAX_SHIM_VERSION of the environment;
 * NULL: an engine that wants a bare address. ERR_FORMAT. Options of other runtimes are ignored.
 */
RESULT bootstrap_parse(struct bytes input, const char *id, const char *max_version,
	struct bootstrap *ret_bootstrap);
/* Appends the answer. */
RESULT bootstrap_answer(const struct bootstrap *b, const char *address, struct buf *out);

/*
 * "unix://DIR/<hex of SHA-256 of ADDRESS/NAMESPACE/ID>"; the caller frees. ERR_LIMIT when the path
 * is too long for a socket.
 */
RESULT bootstrap_address(
	const char *dir, const char *engine, const char *ns, const char *id, char **ret_address);

/* config_path of runtimeoptions.v1.Options; NULL when there is none. The caller frees. */
RESULT runtime_options_path(const char *type_url, struct bytes value, char **ret_path);
