/* Codes of refusals: IBM Secure Execution. Included by tee/denials.h. */
#pragma once

#define TEE_DENIALS_SE(X)                                                                          \
	X(DENY_SE_MEASUREMENT, "se.measurement")                                                   \
	X(DENY_SE_REQUEST_KEY, "se.request-key")                                                   \
	X(DENY_SE_HEADER, "se.header")                                                             \
	X(DENY_SE_IMAGE, "se.image")                                                               \
	X(DENY_SE_ADDITIONAL, "se.additional-data")                                                \
	X(DENY_SE_HKD_SIGNER, "se.hkd-signer")                                                     \
	X(DENY_SE_HKD, "se.hkd")                                                                   \
	X(DENY_SE_HOST_KEY, "se.host-key")
