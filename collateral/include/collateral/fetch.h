/*
 * Collateral from its vendors' servers into a store: AMD KDS (publication 57230), Intel PCS or a
 * PCCS (API v4). A server that is down or says "later" leaves what the store has.
 */
#pragma once

#include <collateral/store.h>
#include <net/http_client.h>

/* When the last server was asked, for fetch_config.interval_ms. All zero at first. */
struct fetch_pace {
	char host[256];
	int64_t last_ms;
};

struct fetch_config {
	const char *kds_url;	  /* https://kdsintf.amd.com */
	const char *pcs_url;	  /* https://api.trustedservices.intel.com, or a PCCS */
	const char *root_crl_url; /* Intel's; NULL: <pcs_url>/sgx/certification/v4/rootcacrl */
	struct bytes ca_pem;	  /* extra root for TLS */
	int64_t refresh_after_s;  /* younger objects are not fetched again */
	int64_t now;
	unsigned retries; /* of one address; 0: 3 */
	/* Least time between two requests to one host, kept over calls in *pace (NULL: none). */
	unsigned interval_ms;
	struct fetch_pace *pace;
	/* Told about each address: what became of it. May be NULL. */
	void (*progress)(void *arg, const char *url, const char *outcome);
	void *progress_arg;
	void (*sleep)(void *arg, unsigned ms); /* NULL: real time */
};

struct fetch_count {
	unsigned fetched, fresh, failed; /* failed: the store keeps what it has */
};

/* Certificate chains and revocation lists of a product line, VCEK and VLEK: "Milan". */
RESULT fetch_amd_product(struct cstore *s, const struct fetch_config *c, const char *product,
	struct fetch_count *count);
/* A chip's certificate: path and query of struct tee_needs. */
RESULT fetch_vcek(struct cstore *s, const struct fetch_config *c, const char *path,
	struct fetch_count *count);
/* TCB info of an FMSPC (12 hex digits) for TDX or SGX, with its issuer chain. */
RESULT fetch_tcb_info(struct cstore *s, const struct fetch_config *c, const char *fmspc, bool tdx,
	struct fetch_count *count);
/* QE identities, revocation lists of both PCK CAs and of the root. */
RESULT fetch_intel_common(
	struct cstore *s, const struct fetch_config *c, struct fetch_count *count);
