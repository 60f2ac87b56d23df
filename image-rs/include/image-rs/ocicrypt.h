/*
 * Encrypted layers as ocicrypt makes them: AES-256-CTR, HMAC-SHA-256 over the ciphertext with the
 * same key; the key wrapped in annotation packets of the layer's descriptor. The descriptor's
 * digest is that of the ciphertext.
 */
#pragma once

#include <base/json.h>
#include <base/secret.h>
#include <crypto/cipher.h>

#define IMG_ENC_KEYS_PREFIX "org.opencontainers.image.enc.keys.provider."
#define IMG_ENC_PROVIDER    "attestation-agent"
#define IMG_ENC_PUBOPTS	    "org.opencontainers.image.enc.pubopts"
#define IMG_ENC_CIPHER	    "AES_256_CTR_HMAC_SHA256"

enum {
	IMG_PACKETS_MAX = 16, /* of one layer: one for each recipient */
	IMG_PACKET_MAX = 16 * 1024,
	IMG_OPTIONS_MAX = 4096 /* private options in clear */
};

/* ---- annotation packet: one wrapped set of private options ---- */

/*
 * {"kid","wrapped_data","iv","wrap_type"} and, in version 2, "version", "provider",
 * "provider_settings", "annotations"; only provider "kbs" is known.
 */
struct img_packet {
	char *kid;	 /* kbs:///repo/type/tag of the key-encryption key */
	char *wrap_type; /* "A256GCM" or "A256CTR" */
	struct buf wrapped_data, iv;
};
RESULT img_packet_parse(struct bytes json, struct img_packet *ret);
void img_packet_done(struct img_packet *p);
/*
 * Private options in clear. `kek` has 32 bytes. A wrong key is ERR_UNVERIFIED "image.key-wrap" with
 * A256GCM; A256CTR is not authenticated.
 */
RESULT img_packet_open(const struct img_packet *p, struct bytes kek, struct secret **ret_options);
/* Version 1 packet, A256GCM, random IV; appends the JSON text. */
RESULT img_packet_seal(const char *kid, struct bytes kek, struct bytes options, struct buf *out);

/* The packets of a layer's annotations, base64 decoded, in the order to try. */
struct img_packets {
	struct buf v[IMG_PACKETS_MAX];
	size_t n;
};
/* ERR_NOT_FOUND when no annotation of a key provider is there. */
RESULT img_packets_of(const struct json_map *annotations, struct img_packets *ret);
void img_packets_done(struct img_packets *p);

/* ---- private and public options ---- */

struct img_layer_key {
	struct secret *symkey; /* 32 bytes */
	uint8_t nonce[CTR_NONCE];
};
/* {"symkey","digest","cipheroptions":{"nonce"}}: read without leaving copies outside the secret. */
RESULT img_layer_key_parse(struct bytes options, struct img_layer_key *ret);
void img_layer_key_done(struct img_layer_key *k);
/* The same in the form above; `digest` is that of the layer before encryption. */
RESULT img_layer_key_print(
	const struct img_layer_key *k, const char *digest, struct secret **ret_options);

struct img_pubopts {
	uint8_t hmac[DIGEST_SHA256_SIZE];
	bool has_nonce; /* public cipher options win over private ones */
	uint8_t nonce[CTR_NONCE];
};
/* The annotation's base64 text. */
RESULT img_pubopts_parse(const char *annotation, struct img_pubopts *ret);
/* base64 text for the annotation. */
RESULT img_pubopts_print(const uint8_t hmac[static DIGEST_SHA256_SIZE], struct buf *out);

/* ---- the stream ---- */

struct img_cipher;
RESULT img_cipher_new(const struct img_layer_key *key, bool encrypt, struct img_cipher **ret);
/* In place; the MAC is over what is ciphertext. */
RESULT img_cipher_update(struct img_cipher *c, uint8_t *data, size_t n);
/* The MAC of everything; compare with bytes_equal(). */
RESULT img_cipher_final(struct img_cipher *c, uint8_t ret_hmac[static DIGEST_SHA256_SIZE]);
void img_cipher_freep(struct img_cipher **c);
