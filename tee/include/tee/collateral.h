/*
 * Collateral: what vendors publish that evidence is judged by - certificates, revocation lists,
 * TDX and SGX TCB info, QE identities - gathered from files of any of the usual forms, recognised
 * by content. Nothing is trusted by being here: every signature and date is checked at use.
 */
#pragma once

#include <base/json.h>
#include <crypto/x509.h>

enum {
	COLLATERAL_ITEMS_MAX = 4096,
	COLLATERAL_FILE_MAX = 4 * 1024 * 1024
};

enum collateral_kind {
	COLLATERAL_CERT,	/* X.509 */
	COLLATERAL_CRL,		/* X.509 CRL */
	COLLATERAL_TCB_INFO,	/* {"tcbInfo":{...},"signature":"<hex>"}, bytes as received */
	COLLATERAL_QE_IDENTITY, /* {"enclaveIdentity":{...},"signature":"<hex>"}, likewise */
	COLLATERAL_SEV_CERT,	/* AMD SEV binary certificate, CA or platform: one each */
	COLLATERAL_CSV_CERT,	/* Hygon CSV binary certificate: one each */
	COLLATERAL_PUBLIC_KEY,	/* SubjectPublicKeyInfo DER or a JWK: CCA platform keys */
};

struct collateral_item {
	enum collateral_kind kind;
	char *origin;	  /* file name or address, for messages */
	char *subject;	  /* "CN=SEV-VCEK", a CRL's issuer, "TDX 50806F000000", "TD_QE" */
	struct buf bytes; /* DER; JSON as above; binary */
	struct x509 *cert;
	struct x509_crl *crl;
	struct json *json;	       /* of `bytes`, for TCB infos and identities */
	int64_t not_before, not_after; /* notAfter or nextUpdate; both 0: has no times */
	uint64_t eval_num;   /* tcbEvaluationDataNumber of signed JSON, unverified; or 0 */
	struct x509 *signer; /* whose signature over signed JSON holds; NULL: not known yet */
};

/* Verifying remembers in it which signatures hold: not for two threads at once. */
struct collateral {
	struct collateral_item **v;
	size_t n;
	struct x509_memo *memo; /* may be NULL */
};

RESULT collateral_new(struct collateral **ret_collateral);
void collateral_freep(struct collateral **c);
/*
 * Adds everything in a file: PEM or DER certificates and CRLs (CRLs also as hex text), several in
 * one file, NUL or newline padding after PEM and DER; PCS and PCCS bodies; bundles (JSON of
 * go-tdx-guest and dcap-qvl with tcb_info, qe_identity, pck_crl, root_ca_crl and issuer chains as
 * members; PcsClientTool's "collaterals"; Azure THIM); SEV certificates alone or as an exported
 * chain; CSV certificates; public keys. An item that is there already is not added twice.
 * ERR_FORMAT when nothing in it is known; then nothing is added.
 */
RESULT collateral_add(struct collateral *c, struct bytes file, const char *origin);
/* Certificates already parsed (of evidence): copies. */
RESULT collateral_add_certs(
	struct collateral *c, const struct x509_list *certs, const char *origin);

/* Borrowed certificates that may stand between `leaf` and a root, by names alone: its issuer, that
 * one's issuer and so on. For x509_verify(.untrusted); must not be given to x509_list_done(). */
void collateral_issuers(
	const struct collateral *c, const struct x509 *leaf, struct x509_list *ret_borrowed);
/* What verifications remember of certificates; NULL: nothing (also without collateral). */
struct x509_memo *collateral_memo(const struct collateral *c);
/* "certificate", "revocation list", "TCB info", ... */
const char *collateral_kind_name(enum collateral_kind kind);
