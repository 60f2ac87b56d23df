/* Codes of refusals: Intel TDX and SGX. Included by tee/denials.h. */
#pragma once

#define TEE_DENIALS_TDX(X) X(DENY_TDX_SIGNATURE, "tdx.signature")
