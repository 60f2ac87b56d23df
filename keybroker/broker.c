#include "broker.h"

#include <stdlib.h>

#include <base/file.h>

enum {
	PEM_MAX = 256 * 1024,
	SE_HEADER_FILE_MAX = 8192
};

#define POLICY_NAME "resource-policy"

static RESULT load_roots(const struct strv *files, struct x509_list *list)
{
	for (size_t i = 0; i < files->n; i++) {
		AUTO(buf_done) struct buf pem = BUF_INIT(PEM_MAX);
		TRY(file_read(files->v[i], &pem));
		struct err e = x509_list_parse(buf_bytes(&pem), list);
		if (failed(e))
			return err_add(e, "%s", files->v[i]);
	}
	return OK;
}

static RESULT load_public(const char *file, struct key **ret_key)
{
	AUTO(buf_done) struct buf pem = BUF_INIT(PEM_MAX);

	TRY(file_read(file, &pem));
	struct err e = key_parse_public(buf_bytes(&pem), ret_key);
	return failed(e) ? err_add(e, "%s", file) : OK;
}

static RESULT load_signers(struct broker *b)
{
	const struct strv *files = &b->config.reference_values.signers;

	for (size_t i = 0; i < files->n && i < SIGNERS_MAX; i++) {
		TRY(load_public(files->v[i], &b->signers[i]));
		b->n_signers++;
	}
	return OK;
}

static RESULT load_admin_keys(struct broker *b)
{
	const struct strv *files = &b->config.admin.public_keys;

	for (size_t i = 0; i < files->n && i < ADMIN_KEYS_MAX; i++) {
		TRY(load_public(files->v[i], &b->admin_keys[i]));
		b->n_admin_keys++;
		if (key_type(b->admin_keys[i]) != KEY_ED25519)
			return err_new(ERR_UNSUPPORTED, "%s: not an Ed25519 key", files->v[i]);
	}
	return OK;
}

static RESULT load_ear_key(struct broker *b)
{
	AUTO(buf_done) struct buf pem = BUF_INIT(PEM_MAX);

	TRY(file_read(b->config.attestation.ear_key, &pem));
	struct err e = key_parse_private(buf_bytes(&pem), &b->ear_key);
	bytes_wipe(pem.p, pem.n);
	if (failed(e))
		return err_add(e, "%s", b->config.attestation.ear_key);
	if (key_type(b->ear_key) != KEY_P256)
		return err_new(ERR_UNSUPPORTED, "%s: tokens are signed with P-256 keys only",
			b->config.attestation.ear_key);
	return OK;
}

static RESULT load_se_header(struct broker *b)
{
	const char *file = b->config.attestation.se_header;

	b->se_header = BUF_INIT(SE_HEADER_FILE_MAX);
	return file ? file_read(file, &b->se_header) : OK;
}

static RESULT open_store(struct broker *b)
{
	AUTO(buf_done) struct buf key = BUF_INIT(PEM_MAX);

	TRY(file_read(b->config.store.key_file, &key));
	struct err e = store_open(b->config.store.path, buf_bytes(&key), &b->store);
	bytes_wipe(key.p, key.n);
	return e;
}

RESULT broker_load_policy(struct broker *b)
{
	AUTO(secret_freep) struct secret *text = NULL;
	AUTO(policy_freep) struct policy *p = NULL;
	struct err e = store_get(b->store, STORE_POLICY, POLICY_NAME, &text);

	if (e.code == ERR_NOT_FOUND)
		TRY(policy_default(&p));
	else if (failed(e))
		return e;
	else
		TRY(policy_parse(secret_bytes(text), &p));
	policy_freep(&b->policy);
	b->policy = TAKE(p);
	return OK;
}

static RESULT open_parts(struct broker *b)
{
	TRY(load_ear_key(b));
	TRY(load_admin_keys(b));
	TRY(load_signers(b));
	TRY(load_roots(&b->config.attestation.hardware_roots, &b->anchors.hardware));
	TRY(load_roots(&b->config.attestation.software_roots, &b->anchors.software));
	TRY(load_roots(&b->config.attestation.vendor_roots, &b->anchors.vendor));
	TRY(load_se_header(b));
	b->tee_policy.max_staleness_s = (int64_t)b->config.collateral.max_staleness_s;
	TRY(broker_collateral_open(b->config.collateral.store, &b->collateral));
	TRY(open_store(b));
	TRY(broker_load_policy(b));
	TRY(broker_load_references(b));
	TRY(sessions_new(&b->sessions));
	return audit_open(b->config.audit, &b->audit);
}

RESULT broker_open(struct kbs_config *config, struct broker **ret_broker)
{
	AUTO(broker_freep) struct broker *b = calloc(1, sizeof(*b));

	if (!b)
		return err_new(ERR_NOMEM, "broker");
	b->config = *config;
	struct err e = open_parts(b);
	if (failed(e)) {
		b->config = (struct kbs_config){ 0 }; /* still the caller's */
		return e;
	}
	*config = (struct kbs_config){ 0 };
	*ret_broker = TAKE(b);
	return OK;
}

void broker_freep(struct broker **ref)
{
	struct broker *b = *ref;

	if (!b)
		return;
	audit_freep(&b->audit);
	sessions_freep(&b->sessions);
	policy_freep(&b->policy);
	reference_freep(&b->refs);
	reference_freep(&b->added);
	imports_freep(&b->imports);
	store_free(b->store);
	key_free(b->ear_key);
	for (size_t i = 0; i < ADMIN_KEYS_MAX; i++)
		key_free(b->admin_keys[i]);
	for (size_t i = 0; i < SIGNERS_MAX; i++)
		key_free(b->signers[i]);
	x509_list_done(&b->anchors.hardware);
	x509_list_done(&b->anchors.software);
	x509_list_done(&b->anchors.vendor);
	broker_collateral_done(&b->collateral);
	buf_done(&b->se_header);
	kbs_config_done(&b->config);
	free(b);
	*ref = NULL;
}
