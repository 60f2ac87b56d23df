/* AMD's built-in certificates. Nothing is added for SNP_UNKNOWN. */
#pragma once

#include "sev/snp.h"

/* ARK. */
RESULT snp_builtin_root(enum snp_product product, struct x509_list *anchors);
/* ASK, or ASVK for VLEKs. */
RESULT snp_builtin_signer(enum snp_product product, bool vlek, struct x509_list *untrusted);
/* One of these signers, by its bytes: guests send it along, and parsing it again is expensive. */
bool snp_is_builtin_signer(struct bytes der);
