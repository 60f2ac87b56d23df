/*
 * TPM 2.0 structures (TPM 2.0 library, part 2), all integers big-endian. Parsed structs hold views
 * into the bytes they came from; nothing here is trusted by being parsed.
 */
#pragma once

#include <crypto/key.h>

enum tpm_alg_id {
	TPM_ALG_RSA = 0x0001,
	TPM_ALG_SHA1 = 0x0004,
	TPM_ALG_AES = 0x0006,
	TPM_ALG_SHA256 = 0x000b,
	TPM_ALG_SHA384 = 0x000c,
	TPM_ALG_SHA512 = 0x000d,
	TPM_ALG_NULL = 0x0010,
	TPM_ALG_SM3_256 = 0x0012,
	TPM_ALG_RSASSA = 0x0014,
	TPM_ALG_RSAES = 0x0015,
	TPM_ALG_RSAPSS = 0x0016,
	TPM_ALG_OAEP = 0x0017,
	TPM_ALG_ECDSA = 0x0018,
	TPM_ALG_ECDAA = 0x001a,
	TPM_ALG_ECC = 0x0023,
	TPM_ALG_CFB = 0x0043,
};

enum tpm_ecc_curve {
	TPM_ECC_NIST_P256 = 0x0003,
	TPM_ECC_NIST_P384 = 0x0004,
	TPM_ECC_NIST_P521 = 0x0005,
};

/* TPMA_OBJECT */
enum {
	TPMA_FIXED_TPM = 1u << 1,
	TPMA_FIXED_PARENT = 1u << 4,
	TPMA_SENSITIVE_DATA_ORIGIN = 1u << 5,
	TPMA_USER_WITH_AUTH = 1u << 6,
	TPMA_ADMIN_WITH_POLICY = 1u << 7,
	TPMA_RESTRICTED = 1u << 16,
	TPMA_DECRYPT = 1u << 17,
	TPMA_SIGN_ENCRYPT = 1u << 18,
};

enum {
	TPM_PCRS = 24,
	TPM2_SELECTIONS_MAX = 16, /* HASH_COUNT of the reference implementation */
	TPM2_NAME_MAX = 2 + DIGEST_MAX,
};

/* TPMS_PCR_SELECTION */
struct tpm2_pcr_selection {
	uint16_t hash;
	uint32_t pcrs; /* bit n: PCR n */
};

/* TPMS_ATTEST of type TPM_ST_ATTEST_QUOTE */
struct tpm2_quote {
	struct bytes qualified_signer;
	struct bytes extra_data;
	uint64_t clock; /* ms */
	uint32_t reset_count, restart_count;
	uint8_t safe;
	uint64_t firmware_version;
	struct tpm2_pcr_selection selections[TPM2_SELECTIONS_MAX];
	size_t n_selections;
	struct bytes pcr_digest;
};
/* ERR_FORMAT also when the magic is not TPM_GENERATED_VALUE or the type is no quote. */
RESULT tpm2_quote_parse(struct bytes in, struct tpm2_quote *ret_quote);

/* TPMT_SIGNATURE: RSASSA, RSAPSS or ECDSA; ERR_UNSUPPORTED for others. */
struct tpm2_signature {
	uint16_t scheme, hash;
	struct bytes rsa;  /* RSA schemes */
	struct bytes r, s; /* ECDSA */
};
RESULT tpm2_signature_parse(struct bytes in, struct tpm2_signature *ret_sig);
/* ERR_UNSUPPORTED for SHA-1 and for a scheme that is not the key's; ERR_UNVERIFIED. */
RESULT tpm2_signature_verify(
	const struct tpm2_signature *sig, const struct key *key, struct bytes message);
/*
 * Any form in which a signature is kept: TPMT_SIGNATURE, or the bytes alone (RSA; ECDSA as DER or
 * r || s), which do not say scheme and hash: whichever fits. *ret_hash: the signature's hash, also
 * that of pcrDigest. ERR_UNVERIFIED, ERR_UNSUPPORTED, ERR_FORMAT.
 */
RESULT tpm2_any_signature_verify(
	struct bytes sig, const struct key *key, struct bytes message, enum digest_alg *ret_hash);

/* TPMT_PUBLIC of an RSA or ECC key */
struct tpm2_public {
	struct bytes area; /* the TPMT_PUBLIC: what the name is the digest of */
	uint16_t type, name_alg;
	uint32_t attributes;
	struct bytes auth_policy;
	uint16_t symmetric, symmetric_bits, symmetric_mode; /* TPM_ALG_NULL: none */
	uint16_t scheme, scheme_hash;
	uint16_t key_bits; /* RSA */
	uint32_t exponent; /* RSA; 0 stands for 65537 */
	struct bytes modulus;
	uint16_t curve; /* ECC */
	struct bytes x, y;
};
/* From a TPM2B_PUBLIC, nothing after it. */
RESULT tpm2_public_parse(struct bytes tpm2b, struct tpm2_public *ret_pub);
/* Likewise from a TPMT_PUBLIC, without the size before it. */
RESULT tpm2_public_area_parse(struct bytes area, struct tpm2_public *ret_pub);
RESULT tpm2_public_key(const struct tpm2_public *pub, struct key **ret_key);
/* Name: name_alg, then the digest of the public area. Appends to `out`. */
RESULT tpm2_name(const struct tpm2_public *pub, struct buf *out);

/* SHA-256, SHA-384 and SHA-512; ERR_UNSUPPORTED for others, among them SHA-1. */
RESULT tpm2_digest_alg(uint16_t tpm_alg, enum digest_alg *ret_alg);

/*
 * TPM2_MakeCredential in software (part 1, section 24): only the TPM that holds both the EK and an
 * object of that name recovers the secret. EK: RSA, P-256 or P-384 storage key with AES-CFB.
 */
struct tpm2_credential {
	struct buf blob;   /* TPM2B_ID_OBJECT */
	struct buf secret; /* TPM2B_ENCRYPTED_SECRET */
};
#define TPM2_CREDENTIAL_INIT ((struct tpm2_credential){ .blob.max = 1024, .secret.max = 1024 })
void tpm2_credential_done(struct tpm2_credential *c);
/* The file of tpm2_makecredential and tpm2_activatecredential: magic, version, both blobs with
 * their sizes. Reading: views; nothing may follow. */
RESULT tpm2_credential_file_parse(
	struct bytes file, struct bytes *ret_blob, struct bytes *ret_secret);
RESULT tpm2_credential_file_write(const struct tpm2_credential *c, struct buf *out);
RESULT tpm2_make_credential(const struct tpm2_public *ek, struct bytes ak_name, struct bytes secret,
	struct tpm2_credential *ret_credential);
