/* Codes of refusals: Intel TDX and SGX. Included by tee/denials.h. */
#pragma once

#define TEE_DENIALS_TDX(X)                                                                         \
	X(DENY_TDX_SIGNATURE, "tdx.signature")                                                     \
	X(DENY_TDX_QUOTE_TYPE, "tdx.quote-type")                                                   \
	X(DENY_TDX_QE_VENDOR, "tdx.qe-vendor")                                                     \
	X(DENY_TDX_QE_BINDING, "tdx.qe-binding")                                                   \
	X(DENY_TDX_PCK_UNTRUSTED, "tdx.pck-untrusted")                                             \
	X(DENY_TDX_PCK_MALFORMED, "tdx.pck-malformed")                                             \
	X(DENY_TDX_ATTRIBUTES, "tdx.attributes")                                                   \
	X(DENY_TDX_EVENT_LOG_MALFORMED, "tdx.event-log-malformed")                                 \
	X(DENY_TDX_EVENT_LOG_REPLAY, "tdx.event-log-replay")                                       \
	X(DENY_TDX_TCB_SIGNATURE, "tdx.tcb-signature")                                             \
	X(DENY_TDX_COLLATERAL_TIME, "tdx.collateral-time")                                         \
	X(DENY_TDX_COLLATERAL_MALFORMED, "tdx.collateral-damaged")                                 \
	X(DENY_TDX_FMSPC, "tdx.fmspc")                                                             \
	X(DENY_TDX_QE_IDENTITY, "tdx.qe-identity")                                                 \
	X(DENY_TDX_MODULE, "tdx.module")                                                           \
	X(DENY_TDX_TCB_STATUS, "tdx.tcb-status")
