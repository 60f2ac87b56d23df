/* Configuration of sealpod-kbs: one TOML file, see docs/man/sealpod-kbs.8.scd. */
#pragma once

#include <base/json.h>

struct kbs_server_config {
	char *address;
	uint64_t port;
	char *tls_cert, *tls_key; /* files; both or none */
	uint64_t max_body;
};

struct kbs_attestation_config {
	char *ear_key;		    /* file: P-256 private key */
	struct strv hardware_roots; /* files: certificates */
	struct strv software_roots; /* files: roots of simulated platforms */
	struct strv vendor_roots;   /* files: in place of the TEE vendors' roots built in */
	char *se_header;	    /* file: header of the Secure Execution image; may be absent */
	uint64_t token_lifetime_s, session_lifetime_s;
};

struct kbs_admin_config {
	struct strv public_keys; /* files: Ed25519 */
};

struct kbs_store_config {
	char *path, *key_file; /* database; 32 raw bytes */
};

struct kbs_collateral_config {
	char *store; /* directory, see collateral/store.h */
	uint64_t max_staleness_s;
};

struct kbs_reference_config {
	struct strv signers; /* files: public keys that may sign manifests */
};

struct kbs_config {
	struct kbs_server_config server;
	struct kbs_store_config store;
	struct kbs_attestation_config attestation;
	struct kbs_admin_config admin;
	struct kbs_collateral_config collateral;
	struct kbs_reference_config reference_values;
	char *audit; /* file; absent: none */
};

RESULT kbs_config_parse(struct bytes toml, struct kbs_config *ret);
RESULT kbs_config_load(const char *path, struct kbs_config *ret);
void kbs_config_done(struct kbs_config *c);
