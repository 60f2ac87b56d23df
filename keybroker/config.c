#include "config.h"

#include <base/file.h>

enum {
	CONFIG_MAX = 64 * 1024,
	PATH_LIMIT = 4096,
	FILES_MAX = 32,
	DAY_S = 24 * 3600,
	STALENESS_MAX_S = 366 * DAY_S,
	PORT_MAX = 65535,
	DEFAULT_PORT = 8080,
	DEFAULT_BODY = 2 * 1024 * 1024,
	DEFAULT_LIFETIME_S = 300
};

static const struct json_field server_fields[] = {
	JSON_FIELD(struct kbs_server_config, address, FIELD_STR, 0, 64),
	JSON_FIELD(struct kbs_server_config, port, FIELD_U64, 0, PORT_MAX),
	JSON_FIELD(struct kbs_server_config, tls_cert, FIELD_STR, 0, PATH_LIMIT),
	JSON_FIELD(struct kbs_server_config, tls_key, FIELD_STR, 0, PATH_LIMIT),
	JSON_FIELD(struct kbs_server_config, max_body, FIELD_U64, 0, 64 * 1024 * 1024),
};
static const struct json_table server_table = {
	.what = "server",
	.size = sizeof(struct kbs_server_config),
	.fields = server_fields,
	.n = ARRAY_LEN(server_fields),
};

static const struct json_field attestation_fields[] = {
	JSON_FIELD(struct kbs_attestation_config, ear_key, FIELD_STR, FIELD_REQUIRED, PATH_LIMIT),
	JSON_FIELD(struct kbs_attestation_config, hardware_roots, FIELD_STRV, 0, FILES_MAX),
	JSON_FIELD(struct kbs_attestation_config, software_roots, FIELD_STRV, 0, FILES_MAX),
	JSON_FIELD(struct kbs_attestation_config, vendor_roots, FIELD_STRV, 0, FILES_MAX),
	JSON_FIELD(struct kbs_attestation_config, se_header, FIELD_STR, 0, PATH_LIMIT),
	JSON_FIELD(struct kbs_attestation_config, token_lifetime_s, FIELD_U64, 0, DAY_S),
	JSON_FIELD(struct kbs_attestation_config, session_lifetime_s, FIELD_U64, 0, DAY_S),
};
static const struct json_table attestation_table = {
	.what = "attestation",
	.size = sizeof(struct kbs_attestation_config),
	.fields = attestation_fields,
	.n = ARRAY_LEN(attestation_fields),
};

static const struct json_field admin_fields[] = {
	JSON_FIELD(struct kbs_admin_config, public_keys, FIELD_STRV, 0, FILES_MAX),
};
static const struct json_table admin_table = {
	.what = "admin",
	.size = sizeof(struct kbs_admin_config),
	.fields = admin_fields,
	.n = ARRAY_LEN(admin_fields),
};

static const struct json_field store_fields[] = {
	JSON_FIELD(struct kbs_store_config, path, FIELD_STR, FIELD_REQUIRED, PATH_LIMIT),
	JSON_FIELD(struct kbs_store_config, key_file, FIELD_STR, FIELD_REQUIRED, PATH_LIMIT),
};
static const struct json_table store_table = {
	.what = "store",
	.size = sizeof(struct kbs_store_config),
	.fields = store_fields,
	.n = ARRAY_LEN(store_fields),
};

static const struct json_field collateral_fields[] = {
	JSON_FIELD(struct kbs_collateral_config, store, FIELD_STR, FIELD_REQUIRED, PATH_LIMIT),
	JSON_FIELD(struct kbs_collateral_config, max_staleness_s, FIELD_U64, 0, STALENESS_MAX_S),
};
static const struct json_table collateral_table = {
	.what = "collateral",
	.size = sizeof(struct kbs_collateral_config),
	.fields = collateral_fields,
	.n = ARRAY_LEN(collateral_fields),
};

static const struct json_field reference_fields[] = {
	JSON_FIELD(struct kbs_reference_config, signers, FIELD_STRV, FIELD_REQUIRED, FILES_MAX),
};
static const struct json_table reference_table = {
	.what = "reference_values",
	.size = sizeof(struct kbs_reference_config),
	.fields = reference_fields,
	.n = ARRAY_LEN(reference_fields),
};

static const struct json_field config_fields[] = {
	JSON_FIELD_SUB(struct kbs_config, server, "server", FIELD_OBJECT, 0, 0, &server_table),
	JSON_FIELD_SUB(
		struct kbs_config, store, "store", FIELD_OBJECT, FIELD_REQUIRED, 0, &store_table),
	JSON_FIELD_SUB(struct kbs_config, attestation, "attestation", FIELD_OBJECT, FIELD_REQUIRED,
		0, &attestation_table),
	JSON_FIELD_SUB(struct kbs_config, admin, "admin", FIELD_OBJECT, 0, 0, &admin_table),
	JSON_FIELD_SUB(
		struct kbs_config, collateral, "collateral", FIELD_OBJECT, 0, 0, &collateral_table),
	JSON_FIELD_SUB(struct kbs_config, reference_values, "reference_values", FIELD_OBJECT, 0, 0,
		&reference_table),
	JSON_FIELD(struct kbs_config, audit, FIELD_STR, 0, PATH_LIMIT),
};
static const struct json_table config_table = {
	.what = "broker configuration",
	.size = sizeof(struct kbs_config),
	.fields = config_fields,
	.n = ARRAY_LEN(config_fields),
};

static RESULT set_defaults(struct kbs_config *c)
{
	if (!c->server.address)
		TRY(str_dup("127.0.0.1", &c->server.address));
	if (c->server.port == 0)
		c->server.port = DEFAULT_PORT;
	if (c->server.max_body == 0)
		c->server.max_body = DEFAULT_BODY;
	if (c->attestation.token_lifetime_s == 0)
		c->attestation.token_lifetime_s = DEFAULT_LIFETIME_S;
	if (c->attestation.session_lifetime_s == 0)
		c->attestation.session_lifetime_s = DEFAULT_LIFETIME_S;
	if (!c->server.tls_cert != !c->server.tls_key)
		return err_new(ERR_FORMAT, "server: tls_cert and tls_key go together");
	return OK;
}

RESULT kbs_config_parse(struct bytes toml, struct kbs_config *ret)
{
	AUTO(json_freep) struct json *tree = NULL;
	AUTO(kbs_config_done) struct kbs_config c = { 0 };

	TRY(toml_parse(toml, &tree));
	TRY(json_decode(tree, &config_table, &c));
	/* An empty list would let every key sign. */
	if (json_get(tree, "reference_values") && c.reference_values.signers.n == 0)
		return err_new(ERR_FORMAT, "reference_values: 'signers' is empty");
	TRY(set_defaults(&c));
	*ret = c;
	c = (struct kbs_config){ 0 };
	return OK;
}

RESULT kbs_config_load(const char *path, struct kbs_config *ret)
{
	AUTO(buf_done) struct buf text = BUF_INIT(CONFIG_MAX);

	TRY(file_read(path, &text));
	struct err e = kbs_config_parse(buf_bytes(&text), ret);
	return failed(e) ? err_add(e, "%s", path) : OK;
}

void kbs_config_done(struct kbs_config *c)
{
	json_release(&config_table, c);
}
