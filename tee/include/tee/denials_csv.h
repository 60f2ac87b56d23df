/* Codes of refusals: Hygon CSV. Included by tee/denials.h. */
#pragma once

#define TEE_DENIALS_CSV(X) X(DENY_CSV_SIGNATURE, "csv.signature")
