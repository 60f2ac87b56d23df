#include "vtpm/describe.h"
#include "vtpm/pcrs.h"

#include <stdio.h>

/* Where the parts stand in the file: everything parsed is a view into it. */
struct place {
	struct fields *f;
	const uint8_t *file;
};

static void add_hex(const struct place *at, const char *name, struct bytes v, const char *meaning)
{
	fields_hex(at->f, v.n > 0 ? v.p - at->file : FIELDS_NO_OFFSET, v, name, meaning);
}

void tpm2_hash_name(uint16_t tpm_alg, char to[static 16])
{
	enum digest_alg alg;

	if (failed(pcr_bank_alg(tpm_alg, &alg)))
		(void)snprintf(to, 16, "0x%04x", tpm_alg);
	else
		(void)snprintf(to, 16, "%s", digest_name(alg));
}

static const char *alg_name(uint16_t alg)
{
	static const struct {
		uint16_t alg;
		const char *name;
	} names[] = {
		{ TPM_ALG_RSA, "RSA" },
		{ TPM_ALG_AES, "AES" },
		{ TPM_ALG_NULL, "none" },
		{ TPM_ALG_RSASSA, "RSASSA" },
		{ TPM_ALG_RSAES, "RSAES" },
		{ TPM_ALG_RSAPSS, "RSAPSS" },
		{ TPM_ALG_OAEP, "OAEP" },
		{ TPM_ALG_ECDSA, "ECDSA" },
		{ TPM_ALG_ECDAA, "ECDAA" },
		{ TPM_ALG_ECC, "ECC" },
		{ TPM_ALG_CFB, "CFB" },
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (names[i].alg == alg)
			return names[i].name;
	return "unknown";
}

RESULT tpm2_quote_describe(struct bytes in, struct fields *out)
{
	const struct place at = { .f = out, .file = in.p };
	struct tpm2_quote q;
	char selected[512];

	TRY(tpm2_quote_parse(in, &q));
	fields_hex(out, 0, bytes_of(in.p, 4), "magic", "made by a TPM");
	fields_hex(out, 4, bytes_of(in.p + 4, 2), "type", "quote");
	add_hex(&at, "qualifiedSigner", q.qualified_signer, "name of the key in its hierarchy");
	add_hex(&at, "extraData", q.extra_data, "nonce");
	fields_u64(out, FIELDS_NO_OFFSET, 8, "clock", q.clock, "ms");
	fields_u64(out, FIELDS_NO_OFFSET, 4, "resetCount", q.reset_count, NULL);
	fields_u64(out, FIELDS_NO_OFFSET, 4, "restartCount", q.restart_count, NULL);
	fields_u64(out, FIELDS_NO_OFFSET, 1, "safe", q.safe, NULL);
	fields_fmt(out, FIELDS_NO_OFFSET, 8, "firmwareVersion", "%016llx",
		(unsigned long long)q.firmware_version);
	pcr_selection_text(&q, selected, sizeof(selected));
	fields_str(out, FIELDS_NO_OFFSET, 0, "pcrSelect", selected, NULL);
	add_hex(&at, "pcrDigest", q.pcr_digest, "over the selected values");
	return fields_finish(out);
}

RESULT tpm2_signature_describe(struct bytes in, struct fields *out)
{
	const struct place at = { .f = out, .file = in.p };
	struct tpm2_signature s;
	char hash[16];

	TRY(tpm2_signature_parse(in, &s));
	tpm2_hash_name(s.hash, hash);
	fields_str(out, 0, 2, "sigAlg", alg_name(s.scheme), NULL);
	fields_str(out, 2, 2, "hash", hash, NULL);
	if (s.scheme == TPM_ALG_ECDSA) {
		add_hex(&at, "signatureR", s.r, NULL);
		add_hex(&at, "signatureS", s.s, NULL);
	} else {
		add_hex(&at, "sig", s.rsa, NULL);
	}
	return fields_finish(out);
}

static void describe_attributes(uint32_t attributes, struct fields *out)
{
	static const struct field_bit bits[] = {
		{ 1, "fixedTPM", "never leaves its TPM" },
		{ 2, "stClear", "gone at the next start" },
		{ 4, "fixedParent", "never leaves its parent" },
		{ 5, "sensitiveDataOrigin", "the TPM made the secret part" },
		{ 6, "userWithAuth", "usable by authorisation value" },
		{ 7, "adminWithPolicy", "administration by policy only" },
		{ 10, "noDA", "wrong authorisations do not lock" },
		{ 11, "encryptedDuplication", NULL },
		{ 16, "restricted", "signs or decrypts only what the TPM made" },
		{ 17, "decrypt", NULL },
		{ 18, "sign", NULL },
		{ 19, "x509sign", NULL },
	};

	fields_bits(
		out, FIELDS_NO_OFFSET, 4, "objectAttributes", attributes, bits, ARRAY_LEN(bits));
}

RESULT tpm2_public_describe(struct bytes in, struct fields *out)
{
	const struct place at = { .f = out, .file = in.p };
	struct tpm2_public p;
	char hash[16];

	if (failed(tpm2_public_parse(in, &p)))
		TRY(tpm2_public_area_parse(in, &p));
	tpm2_hash_name(p.name_alg, hash);
	fields_str(out, p.area.p - in.p, 2, "type", alg_name(p.type), NULL);
	fields_str(out, p.area.p - in.p + 2, 2, "nameAlg", hash, NULL);
	describe_attributes(p.attributes, out);
	add_hex(&at, "authPolicy", p.auth_policy, NULL);
	fields_str(out, FIELDS_NO_OFFSET, 2, "symmetric", alg_name(p.symmetric), NULL);
	fields_str(out, FIELDS_NO_OFFSET, 2, "scheme", alg_name(p.scheme), NULL);
	if (p.type == TPM_ALG_RSA) {
		fields_u64(out, FIELDS_NO_OFFSET, 2, "keyBits", p.key_bits, NULL);
		fields_u64(out, FIELDS_NO_OFFSET, 4, "exponent", p.exponent,
			p.exponent == 0 ? "65537" : NULL);
		add_hex(&at, "modulus", p.modulus, NULL);
	} else {
		fields_u64(out, FIELDS_NO_OFFSET, 2, "curveID", p.curve,
			p.curve == TPM_ECC_NIST_P256   ? "P-256"
			: p.curve == TPM_ECC_NIST_P384 ? "P-384"
						       : NULL);
		add_hex(&at, "x", p.x, NULL);
		add_hex(&at, "y", p.y, NULL);
	}
	return fields_finish(out);
}
