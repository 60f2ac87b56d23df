/* Codes of refusals: Arm CCA. Included by tee/denials.h. */
#pragma once

#define TEE_DENIALS_CCA(X) X(DENY_CCA_SIGNATURE, "cca.signature")
