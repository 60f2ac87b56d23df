/* Codes of refusals: Arm CCA. Included by tee/denials.h. */
#pragma once

#define TEE_DENIALS_CCA(X)                                                                         \
	X(DENY_CCA_SIGNATURE, "cca.signature")                                                     \
	X(DENY_CCA_PLATFORM_KEY, "cca.platform-key")                                               \
	X(DENY_CCA_BINDING, "cca.binding")                                                         \
	X(DENY_CCA_LIFECYCLE, "cca.lifecycle")                                                     \
	X(DENY_CCA_PROFILE, "cca.profile")
