/* Everything a new broker needs, in one directory. */
#pragma once

#include <base/json.h>

struct kbs_init_options {
	struct strv hosts; /* names and addresses in the TLS certificate; the first is the URL's */
	const char *listen;
	uint64_t port;
	struct strv software_roots, hardware_roots; /* files, copied */
};

/*
 * Makes `dir` with kbs.toml, url, tls-ca.pem, tls-ca.key, tls.pem, tls.key, ear.key, admin.key,
 * admin.pub, store.key. ERR_STATE when it holds a kbs.toml already: nothing is overwritten.
 */
RESULT kbs_init(const char *dir, const struct kbs_init_options *o);
