#include "verify.h"

RESULT verify_digest_value(const struct digest_value *actual, const char *expected,
	const char *deny_code, const char *field)
{
	char text[2 * DIGEST_MAX + 16];
	struct digest_value want;

	TRY(digest_parse_oci(expected, &want));
	if (want.alg == actual->alg && bytes_equal(digest_bytes(&want), digest_bytes(actual)))
		return OK;
	digest_print_oci(actual, text);
	return err_deny(ERR_UNVERIFIED, deny_code, field, expected, text);
}

RESULT verify_digest(
	struct bytes data, const char *expected, const char *deny_code, const char *field)
{
	struct digest_value want, actual;

	TRY(digest_parse_oci(expected, &want));
	TRY(digest(want.alg, data, &actual));
	return verify_digest_value(&actual, expected, deny_code, field);
}
