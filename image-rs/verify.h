/* Comparing what was promised with what came. */
#pragma once

#include <crypto/digest.h>

/* ERR_UNVERIFIED with `deny_code`, both digests and the name of the field. */
RESULT verify_digest(
	struct bytes data, const char *expected, const char *deny_code, const char *field);
RESULT verify_digest_value(const struct digest_value *actual, const char *expected,
	const char *deny_code, const char *field);
