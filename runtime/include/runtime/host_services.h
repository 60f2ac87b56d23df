/* What guests are served by: sockets, servers of vendors, container engines. Nothing here keeps a
 * guest from starting, so the worst row is a warning. */
#pragma once

#include "runtime/host_probe.h"

#define HOST_KDS_URL "https://kdsintf.amd.com"
#define HOST_PCS_URL "https://api.trustedservices.intel.com/sgx/certification/v4/"

enum {
	HOST_TIMEOUT_MS = 3000
};

struct host_network {
	bool offline;		  /* servers are not asked: HOST_SKIPPED */
	unsigned timeout_ms;	  /* of each; 0: HOST_TIMEOUT_MS */
	const char *kds_url;	  /* AMD's certificates; NULL: HOST_KDS_URL */
	const char *pccs_url;	  /* Intel's; NULL: what quote providers are configured with, else
				     HOST_PCS_URL */
	const char *quote_socket; /* NULL: the usual ones */
};
/* Those that matter to a platform; NULL: all. */
void host_services(const struct host_facts *f, const struct vm_platform *p,
	const struct host_network *n, struct host_checks *ret_checks);

/* containerd, CRI-O, Docker, Podman: installed, and told of Sealpod by their configuration. */
void host_engines(const struct host_facts *f, struct host_checks *ret_checks);

/* The address in Intel's sgx_default_qcnl.conf (JSON with comments, or NAME=value), appended to
 * `url`. ERR_NOT_FOUND. */
RESULT host_qcnl_url(struct bytes text, struct buf *url);
