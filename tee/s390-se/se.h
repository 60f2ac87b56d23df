/*
 * IBM Secure Execution: image headers, attestation requests and their answers, add-secret requests
 * (s390-tools' pv formats, version 1). All integers are big-endian; all structs hold views into the
 * bytes they came from. Private to tee/.
 */
#pragma once

#include <base/secret.h>
#include <tee/tee.h>

enum {
	SE_KEY_SIZE = 32, /* header key, attestation request protection key */
	SE_PHKH_SIZE = 32,
	SE_SLOT_SIZE = 80,
	SE_COORDINATE = 80, /* P-521, zero-extended on the left */
	SE_PUBLIC_KEY = 2 * SE_COORDINATE,
	SE_PAGE_DIGEST = 64,
	SE_TAG_SIZE = 16,
	SE_IV_SIZE = 12,
	SE_CUID_SIZE = 16,
	SE_NONCE_SIZE = 16,
	SE_MEASUREMENT_KEY = 64,
	SE_MEASUREMENT = 64,
	SE_USER_DATA_MAX = 256,
	SE_ADDITIONAL_MAX = 32 * 1024,
	SE_SLOTS_MAX = 100,
	SE_HEADER_MAX = 2 * 4096,
	SE_REQUEST_MAX = 1024 * 1024,
	SE_VERSION = 0x100,
};

/* ---- key slots: a key wrapped for a host (ECDH P-521, SHA-256, AES-256-GCM) ---- */
struct se_slot {
	struct bytes phkh, wrapped, tag;
};
/* Digest of a host key's coordinates, as slots and additional data name it. */
RESULT se_phkh(const struct key *host, uint8_t to[static SE_PHKH_SIZE]);
/* x || y, 80 bytes each. */
RESULT se_public_key(const struct key *key, uint8_t to[static SE_PUBLIC_KEY]);
RESULT se_public_key_parse(struct bytes xy, struct key **ret_key);
/* Appends 80 bytes. `customer` is private, `host` public. */
RESULT se_slot_make(const struct key *customer, const struct key *host, struct bytes protected_key,
	struct buf *out);
/* One key private, the other public: either side may open. */
RESULT se_slot_open(const struct se_slot *slot, const struct key *own, const struct key *peer,
	struct secret **ret_key);

/* ---- image header ---- */
struct se_header {
	uint32_t size; /* phs */
	struct bytes iv;
	uint64_t encrypted_pages, control_flags; /* nep, pcf */
	struct bytes customer_key, pld, ald, tld;
	struct se_slot slots[SE_SLOTS_MAX];
	size_t n_slots;
	struct bytes aad, encrypted, tag;
};
/* Nothing may follow it. ERR_FORMAT names field and offset. */
RESULT se_header_parse(struct bytes in, struct se_header *ret_header);
/* The header inside an image file, by its metadata or its magic. ERR_NOT_FOUND. */
RESULT se_header_find(struct bytes image, struct bytes *ret_header);
/* Decrypted area; ERR_UNVERIFIED when the key is another. */
RESULT se_header_open(const struct se_header *h, struct bytes header_key, struct secret **ret_area);

/* ---- attestation request (ARCB) ---- */
enum { /* flags, IBM counts from the left: bit n is 1 << (63 - n) */
	SE_FLAG_NONCE = 1,
	SE_FLAG_IMAGE_PHKH = 2,
	SE_FLAG_ATTESTATION_PHKH = 3,
	SE_FLAG_SECRET_STORE_HASH = 4,
	SE_FLAG_FIRMWARE_STATE = 5,
};
static inline bool se_flag(uint64_t flags, unsigned bit)
{
	return flags >> (63 - bit) & 1;
}

struct se_request {
	uint64_t flags;
	struct bytes iv, customer_key;
	struct se_slot slots[SE_SLOTS_MAX];
	size_t n_slots;
	struct bytes aad, encrypted, tag;
};
RESULT se_request_parse(struct bytes in, struct se_request *ret_request);
struct se_request_secrets {
	struct secret *measurement_key;
	uint8_t nonce[SE_NONCE_SIZE];
	bool has_nonce;
};
void se_request_secrets_done(struct se_request_secrets *s);
/* protection_key: the 32 bytes that the slots wrap. */
RESULT se_request_open(const struct se_request *r, struct bytes protection_key,
	struct se_request_secrets *ret_secrets);

struct se_request_make {
	const struct key *customer;	/* private, P-521 */
	const struct key *const *hosts; /* public */
	size_t n_hosts;
	uint64_t flags; /* the nonce's bit is needed iff nonce.n > 0 */
	struct bytes iv, protection_key, measurement_key, nonce;
};
RESULT se_request_make(const struct se_request_make *m, struct buf *ret_request);

/* ---- measurement ---- */
struct se_measured {
	struct bytes pld, ald, tld, tag; /* of the image's header */
	struct bytes cuid, user_data, nonce, additional;
};
/* HMAC-SHA-512 as the ultravisor computes it. */
RESULT se_measure(
	const struct se_measured *m, struct bytes measurement_key, struct digest_value *ret_mac);

/* Parts of the additional data in the order of the request's flags; n = 0: not asked for. */
struct se_additional {
	struct bytes image_phkh, attestation_phkh, secret_store_hash, firmware_state;
};
RESULT se_additional_parse(struct bytes in, uint64_t flags, struct se_additional *ret_additional);

/* ---- pvattest exchange file ---- */
struct se_exchange {
	struct bytes arcb, measurement, additional, user_data, cuid; /* n = 0: absent */
	uint32_t measurement_size, additional_size; /* of a request: what is expected */
};
RESULT se_exchange_parse(struct bytes in, struct se_exchange *ret_exchange);
RESULT se_exchange_write(const struct se_exchange *x, struct buf *out);

/* ---- host key documents ---- */
/* One row each step: signing certificate, chain, revocation, signature. `hkd` is trusted iff no
 * failed row was added. */
RESULT se_check_hkd(const struct tee_verify_input *in, const struct x509 *hkd, struct checks *c);
/* An IBM host key document by its key: P-521, not a CA. */
bool se_is_hkd(const struct x509 *cert);
/* DigiCert's root of IBM's signing certificates. */
struct bytes se_builtin_root(void);

/* ---- add-secret request ---- */
struct se_add_secret {
	uint16_t user_data_kind;
	uint64_t flags;
	struct bytes pld, ald, tld, tag, cuid, user_data, customer_key;
	struct se_slot slots[SE_SLOTS_MAX];
	size_t n_slots;
	uint16_t type;
	uint32_t secret_size;
	struct bytes id; /* 32 bytes; n = 0: the null secret has none */
	struct bytes iv, aad, encrypted, gcm_tag;
};
RESULT se_add_secret_parse(struct bytes in, struct se_add_secret *ret_request);
