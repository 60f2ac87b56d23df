/* The hub's configuration: guest-components' cdh.toml and aa.toml, as initdata brings them. */
#pragma once

#include <base/json.h>

struct hub_kbc {    /* [kbc] of cdh.toml */
	char *name; /* "cc_kbc"; others have no broker */
	char *url, *kbs_cert;
};

struct hub_proxy { /* [image.image_pull_proxy] */
	char *https_proxy, *http_proxy, *no_proxy;
};

struct hub_image { /* [image] of cdh.toml */
	char *work_dir;
	char *image_security_policy_uri, *image_security_policy; /* the URI wins */
	char *sigstore_config_uri, *sigstore_config;
	char *authenticated_registry_credentials_uri, *registry_configuration_uri;
	struct strv extra_root_certificates; /* PEM */
	struct hub_proxy image_pull_proxy;
};

struct hub_cdh {
	char *socket;
	struct hub_kbc kbc;
	struct hub_image image;
};

struct hub_aa_token { /* [token_configs.kbs] of aa.toml */
	char *url, *cert;
};
struct hub_aa_tokens {
	struct hub_aa_token kbs;
};
struct hub_aa {
	struct hub_aa_tokens token_configs;
};

struct hub_config {
	struct hub_cdh cdh;
	struct hub_aa aa;
};

/* Either path may be NULL or absent: defaults. Unknown members are ignored, as guest-components do:
 * one document serves both. */
RESULT hub_config_load(const char *cdh_path, const char *aa_path, struct hub_config *ret);
RESULT hub_config_parse(struct bytes cdh_toml, struct bytes aa_toml, struct hub_config *ret);
void hub_config_done(struct hub_config *c);
/* The broker: [kbc] when it names one, else [token_configs.kbs]; NULL: none. */
const char *hub_config_kbs_url(const struct hub_config *c);
const char *hub_config_kbs_cert(const struct hub_config *c); /* PEM or NULL */
