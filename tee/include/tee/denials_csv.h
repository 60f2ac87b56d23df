/* Codes of refusals: Hygon CSV. Included by tee/denials.h. */
#pragma once

#define TEE_DENIALS_CSV(X)                                                                         \
	X(DENY_CSV_SIGNATURE, "csv.signature")                                                     \
	X(DENY_CSV_CHAIN, "csv.chain")                                                             \
	X(DENY_CSV_EVENT_LOG, "csv.event-log")
