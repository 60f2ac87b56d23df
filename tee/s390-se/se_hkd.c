/*
 * Host key documents (IBM: Introducing IBM Secure Execution, "Verifying the host key document"):
 * certificates of hosts' keys, signed by a key that is not a CA's but whose certificate chains to a
 * public root. IBM's names differ in their locality (Armonk, Poughkeepsie) and in the order of
 * their attributes; everything else must be equal.
 */
#include "s390-se/se.h"

#include <string.h>

#include <crypto/der.h>

enum {
	SIGNER_ATTRIBUTES = 6,
	KEY_ID_MAX = 64,
	EXTENSION_MAX = 1024,
	AKID_TAG = 0x80, /* [0] keyIdentifier */
};

struct name {
	struct x509_attribute v[X509_ATTRIBUTES_MAX];
	size_t n;
};

static const char *attribute(const struct name *name, const char *type)
{
	for (size_t i = 0; i < name->n; i++)
		if (str_equal(name->v[i].type, type))
			return name->v[i].value;
	return "";
}

static bool is_locality(const char *value)
{
	return str_equal(value, "Armonk") || str_equal(value, "Poughkeepsie");
}

static bool is_signer_name(const struct name *n)
{
	static const char ibm[] = "International Business Machines Corporation";

	return n->n == SIGNER_ATTRIBUTES && str_equal(attribute(n, "C"), "US") &&
	       str_equal(attribute(n, "ST"), "New York") && is_locality(attribute(n, "L")) &&
	       str_equal(attribute(n, "O"), ibm) && str_equal(attribute(n, "CN"), ibm) &&
	       str_ends(attribute(n, "OU"), "Key Signing Service");
}

/* In any order; localities of IBM count as one. */
static bool same_name(const struct name *a, const struct name *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++) {
		const struct x509_attribute *x = &a->v[i];
		const char *y = attribute(b, x->type);
		bool both_ibm = str_equal(x->type, "L") && is_locality(x->value) && is_locality(y);
		if (!str_equal(x->value, y) && !both_ibm)
			return false;
	}
	return true;
}

/* ---- key identifiers ---- */

static bool key_id(const struct x509 *c, const char *oid, uint8_t tag, struct buf *out)
{
	AUTO(buf_done) struct buf ext = BUF_INIT(EXTENSION_MAX);
	struct reader inner;

	if (failed(x509_extension(c, oid, &ext)))
		return false;
	struct reader r = rd_of(buf_bytes(&ext));
	if (tag == AKID_TAG) {
		struct reader seq;
		if (failed(der_enter(&r, DER_SEQUENCE, &seq)))
			return false;
		r = seq;
	}
	if (failed(der_enter(&r, tag, &inner)))
		return false;
	buf_put(out, rd_rest(&inner));
	return !failed(buf_end(out, "key identifier"));
}

/* RFC 5280 4.2.1.1: when both are there they must be equal. */
static bool key_ids_fit(const struct x509 *hkd, const struct x509 *signer)
{
	AUTO(buf_done) struct buf authority = BUF_INIT(KEY_ID_MAX), subject = BUF_INIT(KEY_ID_MAX);

	if (!key_id(hkd, "2.5.29.35", AKID_TAG, &authority) ||
		!key_id(signer, "2.5.29.14", DER_OCTET_STRING, &subject))
		return true;
	return bytes_equal(buf_bytes(&authority), buf_bytes(&subject));
}

bool se_is_hkd(const struct x509 *cert)
{
	AUTO(key_freep) struct key *key = NULL;

	return !x509_is_self_issued(cert) && !failed(x509_public_key(cert, &key)) &&
	       key_type(key) == KEY_P521;
}

/* ---- the signing certificate ---- */

static bool signs(const struct x509 *cert, const struct name *hkd_issuer, const struct x509 *hkd)
{
	struct name subject;

	return !failed(x509_name_attributes(cert, false, subject.v, &subject.n)) &&
	       is_signer_name(&subject) && same_name(&subject, hkd_issuer) &&
	       key_ids_fit(hkd, cert);
}

static bool valid_at(const struct x509 *c, int64_t now)
{
	return x509_not_before(c) <= now && now <= x509_not_after(c);
}

/* Of several (an expired one that was renewed), one of now. */
static const struct x509 *find_signer(const struct tee_verify_input *in, const struct x509 *hkd)
{
	const struct x509 *found = NULL;
	struct name issuer;

	if (failed(x509_name_attributes(hkd, true, issuer.v, &issuer.n)))
		return NULL;
	for (size_t i = 0; in->collateral && i < in->collateral->n; i++) {
		const struct x509 *cert = in->collateral->v[i]->cert;
		if (cert && signs(cert, &issuer, hkd) && (!found || valid_at(cert, in->now)))
			found = cert;
	}
	return found;
}

static RESULT verify_chain(
	const struct tee_verify_input *in, const struct x509 *signer, struct x509_list *ret_path)
{
	AUTO(x509_list_done) struct x509_list builtin = { 0 };
	struct x509_list untrusted;
	struct x509_verify v = { .leaf = signer, .untrusted = &untrusted, .now = in->now };

	collateral_issuers(in->collateral, signer, &untrusted);
	if (in->anchors->vendor.n > 0) {
		v.anchors = &in->anchors->vendor;
		return x509_verify_chain(&v, ret_path);
	}
	TRY(x509_list_parse(se_builtin_root(), &builtin));
	v.anchors = &builtin;
	TRY(x509_verify_chain(&v, ret_path));
	/* The root is not revoked by anybody, and goes away with this list. */
	while (ret_path->n > 0 && ret_path->v[ret_path->n - 1] == builtin.v[0])
		ret_path->n--;
	return OK;
}

static const struct x509 *issuer_among(
	const struct x509_list *path, size_t i, const struct tee_verify_input *in)
{
	if (i + 1 < path->n)
		return path->v[i + 1];
	for (size_t k = 0; k < in->anchors->vendor.n; k++)
		if (x509_names_issuer(path->v[i], in->anchors->vendor.v[k]))
			return in->anchors->vendor.v[k];
	return NULL;
}

static void check_chain_revoked(
	const struct tee_verify_input *in, const struct x509_list *path, struct checks *c)
{
	for (size_t i = 0; i < path->n; i++) {
		const struct x509 *issuer = issuer_among(path, i, in);
		const char *what = i == 0 ? "signing certificate: not revoked"
					  : "CA of the signing certificate: not revoked";
		if (x509_is_self_issued(path->v[i]))
			continue;
		if (issuer)
			check_revocation(in, c, path->v[i], issuer, what);
		else
			check_skip(c, what, "issued by the root built in, whose list is not asked");
	}
}

/* ---- revocation of the document itself: its list is of the signer's name but for the locality
 * ---- */

static const struct x509_crl *find_list(const struct tee_verify_input *in,
	const struct x509 *signer, const struct key *key, struct err *ret_why)
{
	struct name subject, issuer;

	*ret_why = OK;
	if (failed(x509_name_attributes(signer, false, subject.v, &subject.n)))
		return NULL;
	for (size_t i = 0; in->collateral && i < in->collateral->n; i++) {
		const struct x509_crl *crl = in->collateral->v[i]->crl;
		if (!crl || failed(x509_crl_issuer_attributes(crl, issuer.v, &issuer.n)) ||
			!same_name(&subject, &issuer))
			continue;
		struct err e = x509_crl_verify_key(crl, key, in->now);
		if (!failed(e))
			return crl;
		*ret_why = e;
	}
	return NULL;
}

static void check_document_revoked(const struct tee_verify_input *in, const struct x509 *hkd,
	const struct x509 *signer, const struct key *key, struct checks *c)
{
	static const char what[] = "host key document: not revoked";
	struct err why;
	const struct x509_crl *crl = find_list(in, signer, key, &why);

	if (crl)
		(void)check_that(c, !x509_crl_lists(crl, hkd), DENY_SE_HKD, what, "not listed",
			x509_crl_lists(crl, hkd) ? "listed" : "not listed");
	else if (failed(why))
		(void)check_result(c, why, DENY_CRL_MISSING, what);
	else if (tee_policy_of(in)->crl_optional)
		check_skip(c, what, "no revocation list of its signer at hand");
	else
		check_fail(c, DENY_CRL_MISSING, what, "a list of its signer", "none at hand");
}

static RESULT check_document(const struct tee_verify_input *in, const struct x509 *hkd,
	const struct x509 *signer, struct checks *c)
{
	AUTO(key_freep) struct key *key = NULL;

	TRY(x509_public_key(signer, &key));
	(void)check_result(
		c, x509_signed_by(hkd, key), DENY_SE_HKD, "host key document: signed by IBM's key");
	(void)check_that(c, valid_at(hkd, in->now), DENY_SE_HKD, "host key document: of now",
		"valid at the time of the verdict",
		valid_at(hkd, in->now) ? "valid" : "expired, or not yet valid");
	check_document_revoked(in, hkd, signer, key, c);
	return OK;
}

RESULT se_check_hkd(const struct tee_verify_input *in, const struct x509 *hkd, struct checks *c)
{
	const struct x509 *signer = find_signer(in, hkd);
	struct x509_list path = { 0 };
	char issuer[DENIAL_VALUE_MAX];

	if (!signer) {
		x509_issuer(hkd, issuer, sizeof(issuer));
		check_fail(c, DENY_SE_HKD_SIGNER, "host key document: signing certificate", issuer,
			"no certificate of IBM's key signing service with that name at hand");
		return OK;
	}
	if (check_result(c, verify_chain(in, signer, &path), DENY_SE_HKD_SIGNER,
		    "signing certificate: chain to the root"))
		check_chain_revoked(in, &path, c);
	return check_document(in, hkd, signer, c);
}
