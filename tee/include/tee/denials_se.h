/* Codes of refusals: IBM Secure Execution. Included by tee/denials.h. */
#pragma once

#define TEE_DENIALS_SE(X) X(DENY_SE_MEASUREMENT, "se.measurement")
