/* Private to tee/tdx/: the steps of judging a quote. */
#pragma once

#include "tdx/tdx.h"

#include <tee/fields.h>

/* DER of the root of Intel's SGX and TDX certificates. */
struct bytes tdx_intel_root(void);

/* The certificates of a quote's machine. */
struct tdx_chain {
	struct x509_list own;		    /* of the quote */
	struct bytes rest;		    /* of the quote and not parsed but for the leaf */
	const struct x509 *pck, *ca, *root; /* borrowed; NULL when not trusted */
	bool simulated;
};
void tdx_chain_done(struct tdx_chain *c);
/* The one with the SGX extension, or the first; borrowed. */
const struct x509 *tdx_pck_of(const struct x509_list *list);
/* Rows for the chain and its revocation. `ret_chain` is for tdx_chain_done() also on failure, which
 * is of the machine and not of the quote. */
RESULT tdx_check_chain(const struct tee_verify_input *in, const struct tdx_quote *q,
	struct checks *checks, struct tdx_chain *ret_chain);

/* Debug, reserved and dangerous attributes of the body. */
void tdx_check_attributes(
	const struct tee_verify_input *in, const struct tdx_quote *q, struct checks *checks);
/* Rows for the two words at `offset`. */
void tdx_attributes_describe(
	uint64_t attributes, uint64_t xfam, int64_t offset, struct fields *out);
void sgx_attributes_describe(struct bytes report, int64_t offset, struct fields *out);

/* ERR_USAGE: the policy names a component that this kind of quote does not have. */
RESULT tdx_min_tcb_known(const struct tee_policy *p, bool tdx);
/* One row for each minimum of the policy. pck NULL: pcesvn is not done. */
void tdx_check_min_tcb(const struct tee_policy *p, const struct tdx_quote *q,
	const struct pck_info *pck, struct checks *checks);

/* Members of the header and the bodies as claims and people call them. */
struct tdx_member {
	const char *name;
	uint16_t offset, size;
};
extern const struct tdx_member tdx_header_members[], sgx_header_members[]; /* ended by name NULL */
extern const struct tdx_member td_members[], sgx_members[];
/* The body's own bytes. */
struct bytes tdx_quote_body(const struct tdx_quote *q);
