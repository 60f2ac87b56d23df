/* The confidential data hub's services (spec: guest-components 3.1, 3.5). */
#include "hub.h"

#include <confidential_data_hub.pb-c.h>
#include <keyprovider.pb-c.h>

enum {
	PACKET_MAX = 64 * 1024,
	PATH_LIMIT = 4096
};

#define BUNDLES "/run/kata-containers/"

static RESULT resource(struct hub *h, struct bytes payload, struct secret **ret)
{
	AUTO(pb_free_any) Cdh__GetResourceRequest *in = NULL;

	TRY(PB_UNPACK(cdh__get_resource_request, payload, &in));
	return hub_resource(h, in->resourcepath, ret);
}

static void get_resource(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	Cdh__GetResourceResponse out = CDH__GET_RESOURCE_RESPONSE__INIT;
	AUTO(secret_freep) struct secret *value = NULL;
	struct err e = resource(arg, payload, &value);

	if (failed(e)) {
		ttrpc_fail(call, err_add(e, "[CDH] [ERROR]: Get Resource failed"));
		return;
	}
	out.resource =
		(ProtobufCBinaryData){ .data = secret_data(value), .len = secret_size(value) };
	hub_answer(call, &out.base);
}

static RESULT unseal(struct hub *h, struct bytes payload, struct secret **ret)
{
	AUTO(pb_free_any) Cdh__UnsealSecretInput *in = NULL;

	TRY(PB_UNPACK(cdh__unseal_secret_input, payload, &in));
	return hub_unseal(h, bytes_of(in->secret.data, in->secret.len), ret);
}

static void unseal_secret(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	Cdh__UnsealSecretOutput out = CDH__UNSEAL_SECRET_OUTPUT__INIT;
	AUTO(secret_freep) struct secret *plain = NULL;
	struct err e = unseal(arg, payload, &plain);

	if (failed(e)) {
		ttrpc_fail(call, err_add(e, "[CDH] [ERROR]: Unseal Secret failed"));
		return;
	}
	out.plaintext =
		(ProtobufCBinaryData){ .data = secret_data(plain), .len = secret_size(plain) };
	hub_answer(call, &out.base);
}

/* Where a bundle may be: nothing but the agent's own directories. */
static RESULT check_bundle(const char *path)
{
	if (!str_starts(path, BUNDLES) || strstr(path, "/../") || str_ends(path, "/..") ||
		strlen(path) > PATH_LIMIT)
		return err_new(ERR_FORMAT, "bundle_path '%.64s' is not below " BUNDLES, path);
	return OK;
}

static RESULT pull(struct hub *h, struct bytes payload, struct ttrpc_call *call)
{
	AUTO(pb_free_any) Cdh__ImagePullRequest *in = NULL;

	TRY(PB_UNPACK(cdh__image_pull_request, payload, &in));
	TRY(check_bundle(in->bundle_path));
	return hub_pull(h, in->image_url, in->bundle_path, call);
}

static void pull_image(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	struct err e = pull(arg, payload, call);

	if (failed(e))
		ttrpc_fail(call, err_add(e, "[CDH] [ERROR]: Image Pull error"));
}

static void secure_mount(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	struct err e = hub_secure_mount(arg, payload, call);

	if (failed(e))
		ttrpc_fail(call, err_add(e, "[CDH] [ERROR]: Secure Mount failed"));
}

struct unwrap_params {
	const struct json *dc;
	struct buf annotation;
};
struct unwrap_request {
	char *op;
	const struct json *keywrapparams;
	struct unwrap_params keyunwrapparams;
};
static const struct json_field unwrap_params_fields[] = {
	JSON_FIELD(struct unwrap_params, dc, FIELD_JSON, FIELD_NULLABLE, 0),
	JSON_FIELD(struct unwrap_params, annotation, FIELD_BASE64, FIELD_REQUIRED, PACKET_MAX),
};
static const struct json_table unwrap_params_table = {
	.what = "keyunwrapparams",
	.size = sizeof(struct unwrap_params),
	.fields = unwrap_params_fields,
	.n = ARRAY_LEN(unwrap_params_fields),
};
static const struct json_field unwrap_fields[] = {
	JSON_FIELD(struct unwrap_request, op, FIELD_STR, FIELD_REQUIRED, 32),
	JSON_FIELD(struct unwrap_request, keywrapparams, FIELD_JSON, FIELD_NULLABLE, 0),
	JSON_FIELD_SUB(struct unwrap_request, keyunwrapparams, "keyunwrapparams", FIELD_OBJECT,
		FIELD_REQUIRED, 0, &unwrap_params_table),
};
static const struct json_table unwrap_table = {
	.what = "key unwrap request",
	.size = sizeof(struct unwrap_request),
	.fields = unwrap_fields,
	.n = ARRAY_LEN(unwrap_fields),
};
static void unwrap_done(struct unwrap_request *r)
{
	json_release(&unwrap_table, r);
}

/* The options as an array of integers: the only form that Rust clients read. */
static RESULT write_unwrapped(const struct secret *options, struct buf *out)
{
	struct bytes b = secret_bytes(options);
	struct json_writer w = jw_of(out);

	jw_object(&w);
	jw_key(&w, "keyunwrapresults");
	jw_object(&w);
	jw_key(&w, "optsdata");
	jw_array(&w);
	for (size_t i = 0; i < b.n; i++)
		jw_u64(&w, b.p[i]);
	jw_array_end(&w);
	jw_object_end(&w);
	jw_object_end(&w);
	return buf_end(out, "unwrapped key");
}

static RESULT unwrap(struct hub *h, struct bytes payload, struct buf *out)
{
	AUTO(pb_free_any) Keyprovider__KeyWrapInput *in = NULL;
	AUTO(unwrap_done) struct unwrap_request r = { 0 };
	AUTO(json_freep) struct json *tree = NULL;
	AUTO(secret_freep) struct secret *options = NULL;

	TRY(PB_UNPACK(keyprovider__key_wrap_input, payload, &in));
	TRY(json_parse(bytes_of(in->input.data, in->input.len), &tree));
	TRY(json_decode(tree, &unwrap_table, &r));
	if (!str_equal(r.op, "keyunwrap"))
		return err_new(ERR_UNSUPPORTED, "op '%.32s'", r.op);
	TRY(hub_unwrap(h, buf_bytes(&r.keyunwrapparams.annotation), &options));
	return write_unwrapped(options, out);
}

static void unwrap_key(void *arg, struct ttrpc_call *call, struct bytes payload)
{
	Keyprovider__KeyWrapOutput out = KEYPROVIDER__KEY_WRAP_OUTPUT__INIT;
	AUTO(buf_done) struct buf json = BUF_INIT(HUB_ANSWER_MAX);
	struct err e = unwrap(arg, payload, &json);

	if (failed(e)) {
		ttrpc_fail(call, err_add(e, "[CDH] [ERROR]: Decrypt Image (UnwrapKey) failed"));
		return;
	}
	out.output = (ProtobufCBinaryData){ .data = json.p, .len = json.n };
	hub_answer(call, &out.base);
	bytes_wipe(json.p, json.n);
}

const struct ttrpc_method cdh_methods[] = {
	{ "api.GetResourceService", "GetResource", get_resource },
	{ "api.ImagePullService", "PullImage", pull_image },
	{ "api.SecureMountService", "SecureMount", secure_mount },
	{ "api.SealedSecretService", "UnsealSecret", unseal_secret },
	{ "keyprovider.KeyProviderService", "UnWrapKey", unwrap_key },
};
const size_t cdh_methods_n = ARRAY_LEN(cdh_methods);
