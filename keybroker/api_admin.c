/* Release policy and reference values: for the admin only. */
#include "admin.h"
#include "api.h"

#include <string.h>

#include <base/encode.h>

enum {
	POLICY_MAX = 256 * 1024,
	REFERENCES_MAX = JSON_SIZE_MAX,
	NAME_LIMIT = 128
};

#define POLICY_NAME "resource-policy"

struct set_policy {
	struct buf policy;
	char *type;
};
static const struct json_field set_policy_fields[] = {
	JSON_FIELD(struct set_policy, policy, FIELD_BASE64URL, FIELD_REQUIRED, POLICY_MAX),
	JSON_FIELD(struct set_policy, type, FIELD_STR, 0, NAME_LIMIT),
};
static const struct json_table set_policy_table = {
	.what = "policy",
	.size = sizeof(struct set_policy),
	.fields = set_policy_fields,
	.n = ARRAY_LEN(set_policy_fields),
};
static void set_policy_done(struct set_policy *s)
{
	json_release(&set_policy_table, s);
}

/* RVPS message (trustee 4.8); type "sample": id -> value or list; "sealpod": a whole file. */
struct rvps_message {
	char *version, *type;
	struct buf payload;
};
static const struct json_field rvps_fields[] = {
	JSON_FIELD(struct rvps_message, version, FIELD_STR, FIELD_REQUIRED, NAME_LIMIT),
	JSON_FIELD(struct rvps_message, type, FIELD_STR, FIELD_REQUIRED, NAME_LIMIT),
	JSON_FIELD(struct rvps_message, payload, FIELD_BASE64, FIELD_REQUIRED, REFERENCES_MAX),
};
static const struct json_table rvps_table = {
	.what = "reference value message",
	.size = sizeof(struct rvps_message),
	.fields = rvps_fields,
	.n = ARRAY_LEN(rvps_fields),
};
static void rvps_done(struct rvps_message *m)
{
	json_release(&rvps_table, m);
}

RESULT api_need_admin(struct request *r, const char **ret_variant)
{
	*ret_variant = KBS_ADMIN;
	api_set_subject(r, "admin");
	r->durable = true;
	return admin_check(r->b, http_x_header(r->x, "Authorization"), r->now);
}

static RESULT set_policy(struct request *r)
{
	AUTO(set_policy_done) struct set_policy s = { 0 };
	AUTO(policy_freep) struct policy *checked = NULL;

	TRY(json_decode_text(http_x_body(r->x), &set_policy_table, &s));
	TRY(policy_parse(buf_bytes(&s.policy), &checked));
	TRY(store_put(r->b->store, STORE_POLICY, POLICY_NAME, buf_bytes(&s.policy)));
	policy_freep(&r->b->policy);
	r->b->policy = TAKE(checked);
	api_answer(r, NULL, BYTES_NONE);
	return OK;
}

static RESULT get_policy(struct request *r)
{
	AUTO(secret_freep) struct secret *text = NULL;

	if (r->rest[0] == '\0') {
		api_answer(r, "application/json", bytes_str("[\"" POLICY_NAME "\"]"));
		return OK;
	}
	TRY(store_get(r->b->store, STORE_POLICY, r->rest, &text));
	api_answer(r, "application/toml", secret_bytes(text));
	return OK;
}

RESULT api_policy(struct request *r, const char **ret_variant)
{
	TRY(api_need_admin(r, ret_variant));
	*ret_variant = KBS_SET_RULES;
	if (str_equal(http_x_method(r->x), "POST") && r->rest[0] == '\0')
		return set_policy(r);
	if (str_equal(http_x_method(r->x), "GET"))
		return get_policy(r);
	return err_new(ERR_USAGE, "the policy knows GET and POST");
}

/* A copy is changed and stored; only then it is in force. */
static RESULT copy_references(const struct broker *b, struct reference_values **ret)
{
	AUTO(buf_done) struct buf text = BUF_INIT(REFERENCES_MAX);
	AUTO(reference_freep) struct reference_values *copy = NULL;

	TRY(reference_print(b->added, &text));
	TRY(reference_new(&copy));
	TRY(reference_import(copy, buf_bytes(&text)));
	*ret = TAKE(copy);
	return OK;
}

static RESULT import_sample(struct bytes payload, struct reference_values *refs)
{
	AUTO(json_freep) struct json *tree = NULL;

	TRY(json_parse(payload, &tree));
	if (json_type(tree) != JSON_OBJECT)
		return err_new(ERR_FORMAT, "payload is not an object");
	for (size_t i = 0; i < json_count(tree); i++)
		TRY(reference_set(refs, json_name_at(tree, i), json_at(tree, i)));
	return OK;
}

static RESULT add_references(struct request *r)
{
	AUTO(rvps_done) struct rvps_message m = { 0 };
	AUTO(reference_freep) struct reference_values *refs = NULL;

	TRY(json_decode_text(http_x_body(r->x), &rvps_table, &m));
	TRY(copy_references(r->b, &refs));
	if (str_equal(m.type, "sample"))
		TRY(import_sample(buf_bytes(&m.payload), refs));
	else if (str_equal(m.type, "sealpod"))
		TRY(reference_import(refs, buf_bytes(&m.payload)));
	else
		return err_new(ERR_UNSUPPORTED, "reference values of type '%.32s'", m.type);
	TRY(broker_put_added(r->b, &refs, r->now));
	api_answer(r, "application/json", BYTES_NONE);
	return OK;
}

static RESULT get_reference(struct request *r)
{
	AUTO(buf_done) struct buf text = BUF_INIT(REFERENCES_MAX);
	AUTO(buf_done) struct buf out = BUF_INIT(REFERENCES_MAX);
	AUTO(json_freep) struct json *tree = NULL;
	const struct json *value;

	TRY(reference_print(r->b->refs, &text));
	if (r->rest[0] == '\0') {
		api_answer(r, "application/json", buf_bytes(&text));
		return OK;
	}
	TRY(json_parse(buf_bytes(&text), &tree));
	value = json_get(json_get(tree, "reference_values"), r->rest);
	if (!value)
		return err_new(ERR_NOT_FOUND, "No reference value found for the given id");
	json_print(value, &out);
	TRY(buf_end(&out, "reference value"));
	api_answer(r, "application/json", buf_bytes(&out));
	return OK;
}

/* An empty list stays: it accepts nothing, which is what deleting means. */
static RESULT delete_reference(struct request *r)
{
	AUTO(reference_freep) struct reference_values *refs = NULL;
	AUTO(json_freep) struct json *none = NULL;

	TRY(copy_references(r->b, &refs));
	TRY(json_parse(bytes_str("[]"), &none));
	TRY(reference_set(refs, r->rest, none));
	TRY(broker_put_added(r->b, &refs, r->now));
	api_answer(r, "application/json", BYTES_NONE);
	return OK;
}

RESULT api_reference(struct request *r, const char **ret_variant)
{
	const char *method = http_x_method(r->x);

	TRY(api_need_admin(r, ret_variant));
	*ret_variant = KBS_RVPS;
	if (str_equal(method, "POST") && r->rest[0] == '\0')
		return add_references(r);
	if (str_equal(method, "GET"))
		return get_reference(r);
	if (str_equal(method, "DELETE") && r->rest[0] != '\0')
		return delete_reference(r);
	return err_new(ERR_USAGE, "reference values know GET, POST and DELETE");
}
