/* TPM_RC (TPM 2.0 library, part 2, 6.6): what a TPM answers. */
#include "platforms.h"

#include <stdio.h>

#include <tee/fields.h>

enum {
	RC_FORMAT_ONE = 0x080,
	RC_VERSION = 0x100,
	RC_WARNING = 0x900,
	RC_PARAMETER = 0x040,
	RC_SESSION = 0x800,
	RC_MAX = 0xfff,
};

struct rc {
	uint8_t number;
	const char *name, *text;
};

static const struct rc version_codes[] = {
	{ 0x00, "TPM_RC_INITIALIZE", "the TPM was not started, or is started already" },
	{ 0x01, "TPM_RC_FAILURE", "the TPM is in failure mode: reset it, look at its self-test" },
	{ 0x03, "TPM_RC_SEQUENCE", "improper use of a sequence handle" },
	{ 0x20, "TPM_RC_DISABLED", "the command is disabled" },
	{ 0x21, "TPM_RC_EXCLUSIVE", "an audit session was to be exclusive and is not" },
	{ 0x24, "TPM_RC_AUTH_TYPE",
		"the authorization handle is of another kind than the command wants" },
	{ 0x25, "TPM_RC_AUTH_MISSING", "the command needs an authorization session" },
	{ 0x26, "TPM_RC_POLICY", "a policy of the object failed or is of the wrong kind" },
	{ 0x27, "TPM_RC_PCR", "the PCR check failed" },
	{ 0x28, "TPM_RC_PCR_CHANGED", "PCRs changed since the policy looked at them" },
	{ 0x2d, "TPM_RC_UPGRADE", "in field upgrade mode" },
	{ 0x2e, "TPM_RC_TOO_MANY_CONTEXTS", "the context counter is at its maximum" },
	{ 0x2f, "TPM_RC_AUTH_UNAVAILABLE",
		"authorization value or policy is not available for the object" },
	{ 0x30, "TPM_RC_REBOOT", "restart the TPM first (TPM2_Startup(CLEAR))" },
	{ 0x31, "TPM_RC_UNBALANCED", "the hash and symmetric strengths do not match" },
	{ 0x42, "TPM_RC_COMMAND_SIZE", "commandSize does not fit the bytes sent" },
	{ 0x43, "TPM_RC_COMMAND_CODE", "the TPM does not have this command" },
	{ 0x44, "TPM_RC_AUTHSIZE", "authorizationSize is out of range" },
	{ 0x45, "TPM_RC_AUTH_CONTEXT",
		"a context or sequence was used with an authorization it cannot have" },
	{ 0x46, "TPM_RC_NV_RANGE", "offset and size go beyond the NV index" },
	{ 0x47, "TPM_RC_NV_SIZE", "the requested NV size is too large" },
	{ 0x48, "TPM_RC_NV_LOCKED", "the NV index is locked against this access" },
	{ 0x49, "TPM_RC_NV_AUTHORIZATION", "no right to access the NV index" },
	{ 0x4a, "TPM_RC_NV_UNINITIALIZED", "the NV index was never written" },
	{ 0x4b, "TPM_RC_NV_SPACE", "no room for NV data" },
	{ 0x4c, "TPM_RC_NV_DEFINED", "the NV index or persistent handle exists already" },
	{ 0x50, "TPM_RC_BAD_CONTEXT", "the saved context is not valid" },
	{ 0x51, "TPM_RC_CPHASH", "cpHash is set already or wrong" },
	{ 0x52, "TPM_RC_PARENT", "the parent key is not fit for this" },
	{ 0x53, "TPM_RC_NEEDS_TEST", "the algorithm must be tested first" },
	{ 0x54, "TPM_RC_NO_RESULT", "the TPM cannot compute this" },
	{ 0x55, "TPM_RC_SENSITIVE", "the sensitive area did not decrypt well" },
};

static const struct rc format_one_codes[] = {
	{ 0x01, "TPM_RC_ASYMMETRIC", "asymmetric algorithm not supported" },
	{ 0x02, "TPM_RC_ATTRIBUTES", "inconsistent attributes" },
	{ 0x03, "TPM_RC_HASH", "hash algorithm not supported or not fit" },
	{ 0x04, "TPM_RC_VALUE", "value out of range or not fit for the context" },
	{ 0x05, "TPM_RC_HIERARCHY", "the hierarchy is disabled or wrong" },
	{ 0x07, "TPM_RC_KEY_SIZE", "key size not supported" },
	{ 0x08, "TPM_RC_MGF", "mask generation function not supported" },
	{ 0x09, "TPM_RC_MODE", "mode of operation not supported" },
	{ 0x0a, "TPM_RC_TYPE", "wrong type" },
	{ 0x0b, "TPM_RC_HANDLE",
		"the handle is not right for its use, or nothing is loaded there" },
	{ 0x0c, "TPM_RC_KDF", "key derivation function not supported" },
	{ 0x0d, "TPM_RC_RANGE", "value out of the allowed range" },
	{ 0x0e, "TPM_RC_AUTH_FAIL",
		"the authorization HMAC failed, and the dictionary attack counter rose" },
	{ 0x0f, "TPM_RC_NONCE", "invalid nonce size or value" },
	{ 0x10, "TPM_RC_PP", "physical presence is required" },
	{ 0x12, "TPM_RC_SCHEME", "scheme not supported or not fit" },
	{ 0x15, "TPM_RC_SIZE", "the structure is of another size" },
	{ 0x16, "TPM_RC_SYMMETRIC", "symmetric algorithm not supported or not fit" },
	{ 0x17, "TPM_RC_TAG", "wrong structure tag" },
	{ 0x18, "TPM_RC_SELECTOR", "the union's selector is wrong" },
	{ 0x1a, "TPM_RC_INSUFFICIENT", "fewer bytes than the value needs" },
	{ 0x1b, "TPM_RC_SIGNATURE", "the signature is not valid" },
	{ 0x1c, "TPM_RC_KEY", "the key is not fit for this use" },
	{ 0x1d, "TPM_RC_POLICY_FAIL",
		"a policy check failed: PCRs, authorizations or commands differ from those of the "
		"policy" },
	{ 0x1f, "TPM_RC_INTEGRITY",
		"the integrity check failed: the blob is of another TPM, parent or name" },
	{ 0x20, "TPM_RC_TICKET", "the ticket is not valid" },
	{ 0x21, "TPM_RC_RESERVED_BITS", "reserved bits are not zero" },
	{ 0x22, "TPM_RC_BAD_AUTH",
		"the authorization value is wrong (no dictionary attack protection)" },
	{ 0x23, "TPM_RC_EXPIRED", "the policy has expired" },
	{ 0x24, "TPM_RC_POLICY_CC", "the policy is for another command" },
	{ 0x25, "TPM_RC_BINDING", "public and sensitive parts are not of one key" },
	{ 0x26, "TPM_RC_CURVE", "curve not supported" },
	{ 0x27, "TPM_RC_ECC_POINT", "the point is not on the curve" },
};

static const struct rc warning_codes[] = {
	{ 0x01, "TPM_RC_CONTEXT_GAP", "the gap between saved contexts is too large" },
	{ 0x02, "TPM_RC_OBJECT_MEMORY", "no memory for objects: flush some (tpm2_flushcontext)" },
	{ 0x03, "TPM_RC_SESSION_MEMORY", "no memory for sessions: flush some" },
	{ 0x04, "TPM_RC_MEMORY", "no memory" },
	{ 0x05, "TPM_RC_SESSION_HANDLES", "no session handles: flush a session" },
	{ 0x06, "TPM_RC_OBJECT_HANDLES", "no object handles: flush an object" },
	{ 0x07, "TPM_RC_LOCALITY", "not allowed at this locality" },
	{ 0x08, "TPM_RC_YIELDED", "the TPM suspended the command: send it again" },
	{ 0x09, "TPM_RC_CANCELED", "the command was cancelled" },
	{ 0x0a, "TPM_RC_TESTING", "self-tests run: send it again" },
	{ 0x10, "TPM_RC_REFERENCE_H0", "the first handle refers to an object that is not loaded" },
	{ 0x11, "TPM_RC_REFERENCE_H1", "the second handle refers to an object that is not loaded" },
	{ 0x12, "TPM_RC_REFERENCE_H2", "the third handle refers to an object that is not loaded" },
	{ 0x18, "TPM_RC_REFERENCE_S0", "the first session is not loaded" },
	{ 0x19, "TPM_RC_REFERENCE_S1", "the second session is not loaded" },
	{ 0x1a, "TPM_RC_REFERENCE_S2", "the third session is not loaded" },
	{ 0x20, "TPM_RC_NV_RATE", "NV is written too often: send it again later" },
	{ 0x21, "TPM_RC_LOCKOUT",
		"locked after wrong authorizations: wait, or tpm2_dictionarylockout "
		"--clear-lockout" },
	{ 0x22, "TPM_RC_RETRY", "the TPM was busy: send it again" },
	{ 0x23, "TPM_RC_NV_UNAVAILABLE", "NV cannot be written now" },
};

static const struct rc *find(const struct rc *table, size_t n, uint64_t number)
{
	for (size_t i = 0; i < n; i++)
		if (table[i].number == number)
			return &table[i];
	return NULL;
}

/* Bits 8 to 11 count what the code is about; for a handle or a session bit 11 tells which. */
static void place_text(uint64_t code, char *to, size_t size)
{
	unsigned n = (unsigned)(code >> 8 & 0xf);

	if (code & RC_PARAMETER)
		(void)snprintf(to, size, n ? "parameter %u" : "a parameter", n);
	else if (code & RC_SESSION)
		(void)snprintf(to, size, n > 8 ? "session %u" : "a session", n - 8);
	else
		(void)snprintf(to, size, n ? "handle %u" : "not tied to a handle or parameter", n);
}

size_t tpm_rc_explain(uint64_t code, struct fields *out)
{
	const struct rc *rc;
	char place[48] = "";

	if (code > RC_MAX)
		return 0;
	if (code & RC_FORMAT_ONE) {
		rc = find(format_one_codes, ARRAY_LEN(format_one_codes), code & 0x3f);
		place_text(code, place, sizeof(place));
	} else if ((code & 0xf00) == RC_WARNING) {
		rc = find(warning_codes, ARRAY_LEN(warning_codes), code & 0x7f);
	} else {
		rc = (code & 0xf00) == RC_VERSION
			     ? find(version_codes, ARRAY_LEN(version_codes), code & 0x7f)
			     : NULL;
	}
	if (!rc)
		return 0;
	fields_fmt(out, FIELDS_NO_OFFSET, 0, "TPM", "%s%s%s: %s", rc->name, place[0] ? ", " : "",
		place, rc->text);
	return 1;
}
