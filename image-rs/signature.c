#include "signature.h"

#include <base/encode.h>
#include <base/file.h>

static RESULT read_key_path(const char *path, const struct signature_check *c, struct buf *out)
{
	if (str_starts(path, "kbs://") || str_starts(path, "kbs+")) {
		if (!c->callbacks || !c->callbacks->resource)
			return err_new(ERR_STATE, "%.200s: no broker", path);
		return c->callbacks->resource(c->callbacks->arg, path, out);
	}
	return file_read(str_starts(path, "file://") ? path + strlen("file://") : path, out);
}

RESULT signature_key_bytes(
	const struct img_rule *rule, bool pem, const struct signature_check *c, struct buf *out)
{
	if (rule->key_path) {
		struct err e = read_key_path(rule->key_path, c, out);
		return failed(e) ? err_add(e, "policy key %.200s", rule->key_path) : OK;
	}
	/* containers-policy.json(5) says base64; guest-components takes the PEM text as it is. */
	if (pem && str_starts(rule->key_data, "-----BEGIN")) {
		buf_puts(out, rule->key_data);
		return buf_end(out, "keyData");
	}
	return base64_decode(BASE64_STD, bytes_str(rule->key_data), "keyData", out);
}

static int rank_of(const struct err_saved *s)
{
	static const char *const order[] = { "image.signature-key", "image.signature-digest",
		"image.signature-identity" };

	for (int i = 0; s->denied && i < (int)ARRAY_LEN(order); i++)
		if (str_equal(s->denial.code, order[i]))
			return i + 2;
	return 1;
}

void signature_note(struct signature_verdict *v, struct err e)
{
	struct err_saved s;

	err_save(e, &s);
	if (rank_of(&s) <= v->rank)
		return;
	v->rank = rank_of(&s);
	v->worst = s;
}

struct err signature_refuse(
	const struct signature_verdict *v, const struct signature_check *c, const char *where)
{
	if (v->rank > 0)
		return err_restore(&v->worst);
	char actual[96];
	(void)snprintf(actual, sizeof(actual), "none for %s", c->digests[0]);
	return err_deny(ERR_UNVERIFIED, "image.unsigned", "signature", where, actual);
}

/* ---- the signed JSON ---- */

static RESULT check_digest(const char *signed_digest, const struct signature_check *c)
{
	for (size_t i = 0; i < ARRAY_LEN(c->digests); i++)
		if (c->digests[i] && str_equal(c->digests[i], signed_digest))
			return OK;
	return err_deny(ERR_UNVERIFIED, "image.signature-digest", "docker-manifest-digest",
		c->digests[0], signed_digest);
}

RESULT signature_payload_check(struct bytes payload, const char *type, const struct img_rule *rule,
	const struct signature_check *c)
{
	AUTO(json_freep) struct json *root = NULL;
	const char *is_type, *digest, *reference;

	struct err e = json_parse(payload, &root);
	if (failed(e))
		return err_add(e, "signature payload");
	const struct json *critical = json_get(root, "critical");
	TRY(json_need_string(critical, "type", &is_type));
	if (!str_equal(is_type, type))
		return err_new(ERR_UNVERIFIED, "signature payload of type %.60s", is_type);
	TRY(json_need_string(json_get(critical, "image"), "docker-manifest-digest", &digest));
	TRY(json_need_string(json_get(critical, "identity"), "docker-reference", &reference));
	TRY(check_digest(digest, c));
	return img_identity_check(&rule->identity, c->image, reference);
}

/* ---- rules ---- */

static RESULT deny_scope(const char *scope, const struct img_reference *image)
{
	AUTO(auto_free) char *name = NULL;
	char expected[128];

	TRY(img_reference_print(image, &name));
	(void)snprintf(expected, sizeof(expected), "an image that scope \"%.60s\" accepts", scope);
	return err_deny(ERR_DENIED, "image.policy-reject", "image", expected, name);
}

static RESULT select_rules(
	const struct img_policy *policy, const struct img_reference *image, struct img_rules *ret)
{
	if (!policy)
		return err_deny(ERR_DENIED, "image.policy-reject", "policy", "a policy", "none");
	TRY(img_policy_select(policy, image, ret));
	for (size_t i = 0; i < ret->n; i++)
		if (ret->v[i].type == IMG_RULE_REJECT)
			return deny_scope(ret->scope, image);
	return OK;
}

static RESULT check_rule(const struct img_rule *rule, const struct signature_check *c)
{
	switch (rule->type) {
	case IMG_RULE_ACCEPT_ANYTHING:
		return OK;
	case IMG_RULE_SIGSTORE_SIGNED:
		return cosign_check(rule, c);
	case IMG_RULE_SIGNED_BY:
		return simple_signing_check(rule, c);
	case IMG_RULE_REJECT:
		break;
	}
	return deny_scope("", c->image);
}

static RESULT check_all(const struct img_policy *policy, const struct signature_check *c)
{
	struct img_rules rules;

	TRY(select_rules(policy, c->image, &rules));
	for (size_t i = 0; i < rules.n; i++)
		TRY(check_rule(&rules.v[i], c));
	return OK;
}

static struct err rejected(struct err e)
{
	return failed(e) ? err_add(e, "Image policy rejected: Denied by policy") : OK;
}

RESULT signature_early_check(const struct img_policy *policy, const struct img_reference *image)
{
	struct img_rules rules;

	return rejected(select_rules(policy, image, &rules));
}

RESULT signature_check(const struct img_policy *policy, const struct signature_check *c)
{
	return rejected(check_all(policy, c));
}
