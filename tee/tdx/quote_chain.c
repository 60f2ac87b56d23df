/* From the PCK certificate to Intel's root. */
#include "tdx/quote_internal.h"

#include <stdatomic.h>
#include <stdio.h>

enum {
	CERT_PCK_LEAF = 4,
	CERT_PCK_CHAIN = 5,
	CHAIN_LENGTH = 3, /* PCK, its CA, the root */
	NAME_SIZE = 160,
	EXTENSION_MAX = 4096,
};

static const char sgx_extension[] = "1.2.840.113741.1.13.1";

void tdx_chain_done(struct tdx_chain *c)
{
	x509_list_done(&c->own);
}

static bool has_sgx_extension(const struct x509 *c)
{
	AUTO(buf_done) struct buf value = BUF_INIT(EXTENSION_MAX);

	return !failed(x509_extension(c, sgx_extension, &value));
}

/* The leaf comes first as a rule; Intel's sample has it last. */
const struct x509 *tdx_pck_of(const struct x509_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		if (has_sgx_extension(list->v[i]))
			return list->v[i];
	return list->v[0];
}

/* The certificate that a file beside the quote holds instead: its key signed the QE's report. */
static const struct x509 *pck_of_collateral(
	const struct tee_verify_input *in, const struct tdx_quote *q)
{
	AUTO(buf_done) struct buf sig = BUF_INIT(128);

	if (!in->collateral || failed(ecdsa_raw_to_der(q->qe_signature, &sig)))
		return NULL;
	for (size_t i = 0; i < in->collateral->n; i++) {
		const struct collateral_item *item = in->collateral->v[i];
		AUTO(key_freep) struct key *key = NULL;

		if (item->kind == COLLATERAL_CERT && has_sgx_extension(item->cert) &&
			!failed(x509_public_key(item->cert, &key)) &&
			!failed(key_verify(key, SIG_ECDSA_SHA256, q->qe.raw, buf_bytes(&sig))))
			return item->cert;
	}
	return NULL;
}

/* Only the leaf as long as that is enough: the collateral has the others parsed already. */
static RESULT parse_own(
	const struct tee_verify_input *in, const struct tdx_quote *q, struct tdx_chain *chain)
{
	const struct x509_memo *memo = collateral_memo(in->collateral);

	TRY(x509_parse_first_memo(memo, q->cert_data, &chain->own.v[0]));
	chain->own.n = 1;
	if (has_sgx_extension(chain->own.v[0])) {
		chain->rest = q->cert_data;
		return OK;
	}
	x509_list_done(&chain->own);
	return x509_list_parse_memo(memo, q->cert_data, &chain->own);
}

static const struct x509 *find_pck(const struct tee_verify_input *in, const struct tdx_quote *q,
	struct checks *checks, struct tdx_chain *chain)
{
	static const char what[] = "PCK certificate";
	bool inside = q->cert_type == CERT_PCK_CHAIN || q->cert_type == CERT_PCK_LEAF;
	char type[48];

	if (inside && !failed(parse_own(in, q, chain)))
		return tdx_pck_of(&chain->own);
	const struct x509 *beside = pck_of_collateral(in, q);
	if (beside) {
		check_pass(checks, what, "from the collateral");
		return beside;
	}
	(void)snprintf(type, sizeof(type), "certification data of type %u%s", q->cert_type,
		inside ? ", not parsed" : "");
	check_fail(checks, DENY_COLLATERAL_MISSING, what, "in the quote or the collateral", type);
	return NULL;
}

/* The quote's certificates and those of the collateral that may stand above the PCK's. */
static void gather(const struct tee_verify_input *in, const struct tdx_chain *chain,
	const struct x509 *pck, struct x509_list *ret_untrusted)
{
	struct x509_list beside = { 0 };
	struct x509_list all = chain->own;

	if (in->collateral)
		collateral_issuers(in->collateral, pck, &beside);
	for (size_t i = 0; i < beside.n && all.n < X509_CERTS_MAX; i++)
		all.v[all.n++] = beside.v[i];
	*ret_untrusted = all;
}

/* Decoded once a process and never freed; nothing that was found out about it is kept. */
static RESULT intel_root(struct x509 **ret_borrowed)
{
	static struct x509 *_Atomic decoded;
	struct x509 *have = atomic_load(&decoded);

	if (!have) {
		AUTO(x509_freep) struct x509 *fresh = NULL;
		TRY(x509_parse_der(tdx_intel_root(), &fresh));
		if (atomic_compare_exchange_strong(&decoded, &have, fresh))
			have = TAKE(fresh);
	}
	*ret_borrowed = have;
	return OK;
}

/* Intel's root unless the operator names others; then the roots of simulated platforms. */
static RESULT verify_with(const struct tee_verify_input *in, struct tdx_chain *chain,
	const struct x509 *pck, struct x509_list *ret_path)
{
	struct x509_list untrusted, builtin = { .n = 1 };
	struct x509_verify v = { .leaf = pck,
		.untrusted = &untrusted,
		.now = in->now,
		.memo = collateral_memo(in->collateral) };
	struct err_saved first;

	gather(in, chain, pck, &untrusted);
	if (in->anchors && in->anchors->vendor.n > 0) {
		v.anchors = &in->anchors->vendor;
	} else {
		TRY(intel_root(&builtin.v[0]));
		v.anchors = &builtin;
	}
	struct err e = x509_verify_chain(&v, ret_path);
	if (!failed(e) || !in->anchors || in->anchors->software.n == 0)
		return e;
	err_save(e, &first);
	v.anchors = &in->anchors->software;
	if (failed(x509_verify_chain(&v, ret_path)))
		return err_restore(&first);
	chain->simulated = true;
	return OK;
}

static RESULT verify(const struct tee_verify_input *in, struct tdx_chain *chain,
	const struct x509 *pck, struct x509_list *ret_path)
{
	struct err e = verify_with(in, chain, pck, ret_path);

	if (!failed(e) || chain->rest.n == 0)
		return e;
	TRY(x509_list_parse_memo(collateral_memo(in->collateral), chain->rest, &chain->own));
	return verify_with(in, chain, pck, ret_path);
}

/* Intel's root has issued more than PCK CAs. */
static bool check_issuer(const struct x509_list *path, struct checks *checks)
{
	char name[NAME_SIZE];
	bool known = false;

	x509_subject(path->v[path->n > 1 ? 1 : 0], name, sizeof(name));
	known = path->n == CHAIN_LENGTH && (strstr(name, "CN=Intel SGX PCK Platform CA") ||
						   strstr(name, "CN=Intel SGX PCK Processor CA"));
	return check_that(checks, known, DENY_TDX_PCK_UNTRUSTED, "PCK certificate: issuer",
		"Intel SGX PCK Platform CA or Processor CA", name);
}

RESULT tdx_check_chain(const struct tee_verify_input *in, const struct tdx_quote *q,
	struct checks *checks, struct tdx_chain *ret_chain)
{
	const struct x509 *pck = find_pck(in, q, checks, ret_chain);
	struct x509_list path;

	if (!pck)
		return OK;
	struct err e = verify(in, ret_chain, pck, &path);
	if (e.code == ERR_NOMEM || e.code == ERR_SYS)
		return e;
	if (!check_result(checks, e, DENY_TDX_PCK_UNTRUSTED, "PCK certificate: chain to the root"))
		return OK;
	if (!check_issuer(&path, checks))
		return OK;
	check_revocation(in, checks, path.v[0], path.v[1], "PCK certificate: not revoked");
	check_revocation(in, checks, path.v[1], path.v[2], "PCK CA: not revoked");
	ret_chain->pck = path.v[0];
	ret_chain->ca = path.v[1];
	ret_chain->root = path.v[2];
	return OK;
}
