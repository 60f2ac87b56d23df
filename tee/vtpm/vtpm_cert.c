#include "vtpm/vtpm.h"

#include <stdio.h>

#include <crypto/der.h>

#define OID_KEY_USAGE	     "2.5.29.15"
#define OID_EXT_KEY_USAGE    "2.5.29.37"
#define OID_CRL_DISTRIBUTION "2.5.29.31"

enum {
	EXTENSION_MAX = 4096,
	ROW_NAME = 96,
};

static void add(struct x509_list *to, struct x509 *cert)
{
	if (to->n < X509_CERTS_MAX)
		to->v[to->n++] = cert;
}

static void add_all(struct x509_list *to, const struct x509_list *from)
{
	for (size_t i = 0; from && i < from->n; i++)
		add(to, from->v[i]);
}

/* Lists below are borrowed but for `azure`. */
struct trust {
	struct x509_list hardware, untrusted;
	struct x509 *azure;
	bool configured; /* the operator named roots */
};

static void trust_done(struct trust *t)
{
	x509_free(t->azure);
}

static struct err trust_of(
	const struct tee_verify_input *in, const struct vtpm_cert_input *c, struct trust *t)
{
	const struct tee_anchors *a = in->anchors;

	t->configured = a->hardware.n + a->vendor.n + a->software.n > 0;
	if (a->vendor.n == 0) {
		TRY(x509_parse_der(azure_vtpm_root(), &t->azure));
		add(&t->hardware, t->azure);
	}
	add_all(&t->hardware, &a->hardware);
	add_all(&t->hardware, &a->vendor);
	if (in->collateral)
		collateral_issuers(in->collateral, c->leaf, &t->untrusted);
	add_all(&t->untrusted, c->others);
	return OK;
}

static struct err chain_of(const struct tee_verify_input *in, const struct vtpm_cert_input *c,
	const struct trust *t, struct x509_list *ret_chain, bool *ret_simulated)
{
	struct x509_verify v = {
		.leaf = c->leaf, .untrusted = &t->untrusted, .anchors = &t->hardware, .now = in->now
	};

	*ret_simulated = false;
	struct err e = x509_verify_chain(&v, ret_chain);
	if (!failed(e) || in->anchors->software.n == 0)
		return e;
	v.anchors = &in->anchors->software;
	*ret_simulated = true;
	return x509_verify_chain(&v, ret_chain);
}

static bool has_extension(const struct x509 *cert, const char *oid)
{
	AUTO(buf_done) struct buf value = BUF_INIT(EXTENSION_MAX);

	return x509_extension(cert, oid, &value).code != ERR_NOT_FOUND;
}

static bool has_list_of(const struct tee_verify_input *in, const struct x509 *issuer)
{
	for (size_t i = 0; in->collateral && i < in->collateral->n; i++)
		if (in->collateral->v[i]->kind == COLLATERAL_CRL &&
			x509_crl_names_issuer(in->collateral->v[i]->crl, issuer))
			return true;
	return false;
}

/* A list is demanded of those authorities that say where theirs is. */
static void check_revoked(const struct tee_verify_input *in, const struct vtpm_cert_input *c,
	const struct x509_list *chain, struct checks *checks)
{
	char what[ROW_NAME];

	for (size_t i = 0; i + 1 < chain->n; i++) {
		(void)snprintf(what, sizeof(what),
			i == 0 ? "%s: not revoked" : "%s: CA not revoked", c->what);
		if (has_extension(chain->v[i], OID_CRL_DISTRIBUTION) ||
			has_list_of(in, chain->v[i + 1]))
			check_revocation(in, checks, chain->v[i], chain->v[i + 1], what);
		else
			check_skip(checks, what, "its issuer names no revocation list");
	}
}

/* RFC 5280, 4.2.1.3: digitalSignature is the first bit. */
static bool may_sign(const struct x509 *cert)
{
	AUTO(buf_done) struct buf usage = BUF_INIT(EXTENSION_MAX);
	struct bytes bits;
	uint8_t tag;

	struct err e = x509_extension(cert, OID_KEY_USAGE, &usage);
	if (e.code == ERR_NOT_FOUND)
		return true;
	struct reader r = rd_of(buf_bytes(&usage));
	return !failed(e) && !failed(der_any(&r, &tag, &bits)) && tag == DER_BIT_STRING &&
	       bits.n >= 2 && bits.p[1] & 0x80;
}

/*
 * EK Credential Profile 3.2; certificates older than it name no purpose at all. Google certifies
 * AKs with the EK's purpose, so the key usage tells them apart.
 */
static bool check_purpose(const struct vtpm_cert_input *c, struct checks *checks)
{
	bool named = has_extension(c->leaf, OID_EXT_KEY_USAGE);
	bool ek = x509_has_eku(c->leaf, OID_TCG_EK_CERTIFICATE);
	bool ak = x509_has_eku(c->leaf, OID_TCG_AIK_CERTIFICATE);
	bool good = c->is_ak ? (!named || ak || ek) && may_sign(c->leaf) : !named || ek;
	char what[ROW_NAME];

	(void)snprintf(what, sizeof(what), "%s: purpose", c->what);
	return check_that(checks, good,
		c->is_ak ? DENY_VTPM_AK_CERTIFICATE : DENY_VTPM_EK_UNTRUSTED, what,
		c->is_ak ? "attestation key that signs" : "endorsement key", NULL);
}

static bool check_key(const struct vtpm_cert_input *c, struct checks *checks)
{
	AUTO(key_freep) struct key *own = NULL;
	char what[ROW_NAME];

	(void)snprintf(what, sizeof(what), "%s: of the key that signed", c->what);
	if (!c->key) {
		check_skip(checks, what, "that key is not known otherwise");
		return true;
	}
	struct err e = x509_public_key(c->leaf, &own);
	if (failed(e))
		return check_result(checks, e, DENY_VTPM_AK_MISMATCH, what);
	return check_that(checks, key_equal(own, c->key), DENY_VTPM_AK_MISMATCH, what, NULL, NULL);
}

bool vtpm_check_cert(const struct tee_verify_input *in, const struct vtpm_cert_input *c,
	struct checks *checks, bool *ret_simulated)
{
	AUTO(trust_done) struct trust t = { 0 };
	struct x509_list chain = { 0 };
	char what[ROW_NAME], root[DENIAL_VALUE_MAX];

	(void)snprintf(what, sizeof(what), "%s: chain", c->what);
	struct err e = trust_of(in, c, &t);
	if (!failed(e))
		e = chain_of(in, c, &t, &chain, ret_simulated);
	if (failed(e) && e.code == ERR_UNVERIFIED && c->optional && !t.configured) {
		check_skip(checks, what, "no root of its issuer is configured");
		return false;
	}
	if (failed(e))
		return check_result(checks, e,
			c->is_ak ? DENY_VTPM_AK_CERTIFICATE : DENY_VTPM_EK_UNTRUSTED, what);
	x509_subject(chain.v[chain.n - 1], root, sizeof(root));
	check_pass(checks, what, root);
	check_revoked(in, c, &chain, checks);
	bool purpose = check_purpose(c, checks);
	return check_key(c, checks) && purpose;
}

RESULT vtpm_cert_parse(struct bytes file, struct x509_list *list)
{
	struct reader r = rd_of(file);
	struct bytes first;

	if (file.n > 0 && file.p[0] == DER_SEQUENCE && !failed(der_next(&r, &first)) &&
		bytes_is_zero(bytes_of(r.p, r.left)))
		return x509_list_parse(first, list);
	while (file.n > 0 && file.p[file.n - 1] == 0)
		file.n--;
	return x509_list_parse(file, list);
}
