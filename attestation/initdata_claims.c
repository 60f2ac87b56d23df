#include "appraisal.h"

#include <string.h>

#include <tee/denials.h>

/* A Kata agent policy ends in this assignment of a JSON object (trustee 4.3). */
static const char policy_data[] = "policy_data := ";

static struct err parse_digest(struct bytes toml, struct digest_value *ret_digest)
{
	AUTO(json_freep) struct json *tree = NULL;
	enum digest_alg alg;
	const char *name;

	TRY(toml_parse(toml, &tree));
	TRY(json_need_string(tree, "algorithm", &name));
	TRY(digest_alg_parse(name, &alg));
	if (alg == DIGEST_SHA1)
		return err_new(ERR_UNSUPPORTED, "algorithm sha1");
	return digest(alg, toml, ret_digest);
}

RESULT initdata_bound_digest(struct bytes toml, struct digest_value *ret_digest)
{
	return tee_deny_because(
		parse_digest(toml, ret_digest), DENY_INITDATA_MALFORMED, "initdata");
}

/* False when the text ends in no such JSON; then it stays a string. */
static bool write_policy(struct json_writer *w, const char *rego)
{
	AUTO(json_freep) struct json *data = NULL;
	const char *at = strstr(rego, policy_data);

	if (!at)
		return false;
	at += strlen(policy_data);
	if (*at != '{' || failed(json_parse(bytes_str(at), &data)))
		return false;
	jw_key(w, "agent_policy_claims");
	jw_json(w, data);
	return true;
}

static bool write_toml(struct json_writer *w, const char *name, const char *text)
{
	AUTO(json_freep) struct json *tree = NULL;

	if (failed(toml_parse(bytes_str(text), &tree)))
		return false;
	jw_key(w, name);
	jw_json(w, tree);
	return true;
}

static void write_entry(struct json_writer *w, const char *name, const struct json *value)
{
	const char *text = json_string(value);

	if (!text)
		return;
	if (str_equal(name, "policy.rego") && write_policy(w, text))
		return;
	if ((str_equal(name, "cdh.toml") || str_equal(name, "aa.toml")) &&
		write_toml(w, name, text))
		return;
	jw_kstr(w, name, text);
}

RESULT initdata_claims(struct bytes toml, struct buf *out)
{
	AUTO(json_freep) struct json *tree = NULL;
	struct json_writer w = jw_of(out);

	TRY(toml_parse(toml, &tree));
	const struct json *data = json_get(tree, "data");
	jw_object(&w);
	for (size_t i = 0; i < json_members(data); i++)
		write_entry(&w, json_name_at(data, i), json_at(data, i));
	jw_object_end(&w);
	return buf_end(out, "initdata claims");
}
