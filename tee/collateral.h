/* Private to tee/: how collateral's files put what they find into the set. */
#pragma once

#include <tee/collateral.h>

/* What is found in one file: added to the set as a whole, or not at all. */
struct collateral_batch {
	struct collateral found;
	const char *origin;
};

/* Each takes a copy of the bytes. */
RESULT batch_cert(struct collateral_batch *b, const struct x509 *cert);
RESULT batch_certs(struct collateral_batch *b, struct bytes pem_or_der);
RESULT batch_crl(struct collateral_batch *b, struct bytes pem_or_der);
/* JSON as a PCS sends it: "tcbInfo" or "enclaveIdentity" beside "signature". */
RESULT batch_signed_json(struct collateral_batch *b, struct bytes body);
RESULT batch_binary(struct collateral_batch *b, enum collateral_kind kind, const char *subject,
	struct bytes raw);

/* A JSON file of any of the known forms (collateral_json.c). */
RESULT batch_json(struct collateral_batch *b, struct bytes file);
/* Binary certificates of AMD SEV and Hygon CSV, one after another (collateral_sev.c). ERR_FORMAT
 * when it is none. */
RESULT batch_sev(struct collateral_batch *b, struct bytes file);

/*
 * The exact text of member `name` of a JSON object, as it was received: an object from its '{' to
 * the matching '}', or a string with its quotes. For signatures, which cover these bytes. The
 * object must be valid JSON.
 */
RESULT json_member_text(struct bytes object, const char *name, struct bytes *ret_text);
