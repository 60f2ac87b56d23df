/* Codes of refusals: AMD SEV-SNP and SEV. Included by tee/denials.h. */
#pragma once

#define TEE_DENIALS_SEV(X) X(DENY_SNP_SIGNATURE, "snp.signature")
