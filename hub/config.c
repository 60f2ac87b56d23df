#include "config.h"

#include <base/file.h>

enum {
	CONFIG_MAX = 1024 * 1024,
	PEM_MAX = 64 * 1024,
	URI_MAX = 2048,
	POLICY_MAX = 256 * 1024,
	CERTS_MAX = 32
};

#define WORK_DIR "/run/kata-containers/image/"
#define SOCKET	 "unix:///run/confidential-containers/cdh.sock"

static const struct json_field kbc_fields[] = {
	JSON_FIELD(struct hub_kbc, name, FIELD_STR, 0, 64),
	JSON_FIELD(struct hub_kbc, url, FIELD_STR, 0, URI_MAX),
	JSON_FIELD(struct hub_kbc, kbs_cert, FIELD_STR, 0, PEM_MAX),
};
static const struct json_table kbc_table = {
	.what = "kbc",
	.size = sizeof(struct hub_kbc),
	.fields = kbc_fields,
	.n = ARRAY_LEN(kbc_fields),
	.open = true,
};

static const struct json_field proxy_fields[] = {
	JSON_FIELD(struct hub_proxy, https_proxy, FIELD_STR, 0, URI_MAX),
	JSON_FIELD(struct hub_proxy, http_proxy, FIELD_STR, 0, URI_MAX),
	JSON_FIELD(struct hub_proxy, no_proxy, FIELD_STR, 0, URI_MAX),
};
static const struct json_table proxy_table = {
	.what = "image_pull_proxy",
	.size = sizeof(struct hub_proxy),
	.fields = proxy_fields,
	.n = ARRAY_LEN(proxy_fields),
	.open = true,
};

static const struct json_field image_fields[] = {
	JSON_FIELD(struct hub_image, work_dir, FIELD_STR, 0, 256),
	JSON_FIELD(struct hub_image, image_security_policy_uri, FIELD_STR, 0, URI_MAX),
	JSON_FIELD(struct hub_image, image_security_policy, FIELD_STR, 0, POLICY_MAX),
	JSON_FIELD(struct hub_image, sigstore_config_uri, FIELD_STR, 0, URI_MAX),
	JSON_FIELD(struct hub_image, sigstore_config, FIELD_STR, 0, POLICY_MAX),
	JSON_FIELD(struct hub_image, authenticated_registry_credentials_uri, FIELD_STR, 0, URI_MAX),
	JSON_FIELD(struct hub_image, registry_configuration_uri, FIELD_STR, 0, URI_MAX),
	JSON_FIELD(struct hub_image, extra_root_certificates, FIELD_STRV, 0, CERTS_MAX),
	JSON_FIELD_SUB(struct hub_image, image_pull_proxy, "image_pull_proxy", FIELD_OBJECT, 0, 0,
		&proxy_table),
};
static const struct json_table image_table = {
	.what = "image",
	.size = sizeof(struct hub_image),
	.fields = image_fields,
	.n = ARRAY_LEN(image_fields),
	.open = true,
};

static const struct json_field cdh_fields[] = {
	JSON_FIELD(struct hub_cdh, socket, FIELD_STR, 0, 256),
	JSON_FIELD_SUB(struct hub_cdh, kbc, "kbc", FIELD_OBJECT, 0, 0, &kbc_table),
	JSON_FIELD_SUB(struct hub_cdh, image, "image", FIELD_OBJECT, 0, 0, &image_table),
};
static const struct json_table cdh_table = {
	.what = "cdh.toml",
	.size = sizeof(struct hub_cdh),
	.fields = cdh_fields,
	.n = ARRAY_LEN(cdh_fields),
	.open = true,
};

static const struct json_field token_fields[] = {
	JSON_FIELD(struct hub_aa_token, url, FIELD_STR, 0, URI_MAX),
	JSON_FIELD(struct hub_aa_token, cert, FIELD_STR, 0, PEM_MAX),
};
static const struct json_table token_table = {
	.what = "kbs",
	.size = sizeof(struct hub_aa_token),
	.fields = token_fields,
	.n = ARRAY_LEN(token_fields),
	.open = true,
};
static const struct json_field tokens_fields[] = {
	JSON_FIELD_SUB(struct hub_aa_tokens, kbs, "kbs", FIELD_OBJECT, 0, 0, &token_table),
};
static const struct json_table tokens_table = {
	.what = "token_configs",
	.size = sizeof(struct hub_aa_tokens),
	.fields = tokens_fields,
	.n = ARRAY_LEN(tokens_fields),
	.open = true,
};
static const struct json_field aa_fields[] = {
	JSON_FIELD_SUB(
		struct hub_aa, token_configs, "token_configs", FIELD_OBJECT, 0, 0, &tokens_table),
};
static const struct json_table aa_table = {
	.what = "aa.toml",
	.size = sizeof(struct hub_aa),
	.fields = aa_fields,
	.n = ARRAY_LEN(aa_fields),
	.open = true,
};

static RESULT decode(struct bytes toml, const struct json_table *table, void *ret)
{
	AUTO(json_freep) struct json *tree = NULL;

	TRY(toml_parse(toml, &tree));
	return json_decode(tree, table, ret);
}

RESULT hub_config_parse(struct bytes cdh_toml, struct bytes aa_toml, struct hub_config *ret)
{
	AUTO(hub_config_done) struct hub_config c = { 0 };

	TRY(decode(cdh_toml, &cdh_table, &c.cdh));
	TRY(decode(aa_toml, &aa_table, &c.aa));
	if (!c.cdh.socket)
		TRY(str_dup(SOCKET, &c.cdh.socket));
	if (!c.cdh.image.work_dir)
		TRY(str_dup(WORK_DIR, &c.cdh.image.work_dir));
	*ret = c;
	c = (struct hub_config){ 0 };
	return OK;
}

static RESULT read_optional(const char *path, struct buf *out)
{
	if (!path || !file_exists(path))
		return OK;
	return file_read(path, out);
}

RESULT hub_config_load(const char *cdh_path, const char *aa_path, struct hub_config *ret)
{
	AUTO(buf_done) struct buf cdh = BUF_INIT(CONFIG_MAX);
	AUTO(buf_done) struct buf aa = BUF_INIT(CONFIG_MAX);

	TRY(read_optional(cdh_path, &cdh));
	TRY(read_optional(aa_path, &aa));
	return hub_config_parse(buf_bytes(&cdh), buf_bytes(&aa), ret);
}

void hub_config_done(struct hub_config *c)
{
	json_release(&cdh_table, &c->cdh);
	json_release(&aa_table, &c->aa);
}

static bool has_broker(const struct hub_kbc *kbc)
{
	return kbc->name && str_equal(kbc->name, "cc_kbc") && kbc->url;
}

const char *hub_config_kbs_url(const struct hub_config *c)
{
	return has_broker(&c->cdh.kbc) ? c->cdh.kbc.url : c->aa.token_configs.kbs.url;
}

const char *hub_config_kbs_cert(const struct hub_config *c)
{
	return has_broker(&c->cdh.kbc) ? c->cdh.kbc.kbs_cert : c->aa.token_configs.kbs.cert;
}
