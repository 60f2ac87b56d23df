/* Codes of refusals: AMD SEV-SNP and SEV. Included by tee/denials.h. */
#pragma once

#define TEE_DENIALS_SEV(X)                                                                         \
	X(DENY_SNP_SIGNATURE, "snp.signature")                                                     \
	X(DENY_SNP_KEY_KIND, "snp.key-kind")                                                       \
	X(DENY_SNP_CERTIFICATE, "snp.certificate")                                                 \
	X(DENY_SNP_PRODUCT, "snp.product")                                                         \
	X(DENY_SNP_TCB_MISMATCH, "snp.tcb-mismatch")                                               \
	X(DENY_SNP_CHIP_ID, "snp.chip-id")                                                         \
	X(DENY_SNP_TCB_ORDER, "snp.tcb-order")                                                     \
	X(DENY_SNP_POLICY, "snp.policy")                                                           \
	X(DENY_SNP_VMPL, "snp.vmpl")                                                               \
	X(DENY_SEV_SIGNATURE, "sev.signature")                                                     \
	X(DENY_SEV_CHAIN, "sev.chain")                                                             \
	X(DENY_SEV_LAUNCH, "sev.launch")
