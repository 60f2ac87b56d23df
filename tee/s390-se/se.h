/*
 * IBM Secure Execution: attestation requests and their answers, add-secret requests (s390-tools' pv
 * formats, version 1), beside what <tee/se.h> has. All integers are big-endian; all structs hold
 * views into the bytes they came from. Private to tee/.
 */
#pragma once

#include <tee/se.h>

enum {
	SE_CUID_SIZE = 16,
	SE_NONCE_SIZE = 16,
	SE_MEASUREMENT_KEY = 64,
	SE_MEASUREMENT = 64,
	SE_USER_DATA_MAX = 256,
	SE_ADDITIONAL_MAX = 32 * 1024,
	SE_REQUEST_MAX = 1024 * 1024,
};

/* ---- attestation request (ARCB) ---- */
enum { /* flags, IBM counts from the left: bit n is 1 << (63 - n) */
	SE_FLAG_NONCE = 1,
	SE_FLAG_IMAGE_PHKH = 2,
	SE_FLAG_ATTESTATION_PHKH = 3,
	SE_FLAG_SECRET_STORE_HASH = 4,
	SE_FLAG_FIRMWARE_STATE = 5,
};

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

/* ---- a broker's challenge ---- */
enum {
	SE_HANDLE_SIZE = 32,
	SE_TAGS_SIZE = 3 * SE_PAGE_DIGEST + SE_TAG_SIZE,
	SE_ADDITIONAL_SIZE = 2 * SE_PHKH_SIZE, /* image and attestation PHKH */
};
/* Flags of the requests that Trustee makes: nonce, image and attestation PHKH. */
#define SE_TRUSTEE_FLAGS                                                                           \
	(UINT64_C(1) << (63 - SE_FLAG_NONCE) | UINT64_C(1) << (63 - SE_FLAG_IMAGE_PHKH) |          \
		UINT64_C(1) << (63 - SE_FLAG_ATTESTATION_PHKH))

/* What a broker remembers of it, and a guest's answer must be of. */
struct se_challenge {
	uint8_t measurement_key[SE_MEASUREMENT_KEY], nonce[SE_NONCE_SIZE];
	/* What stands for the two above in JSON ("encr_measurement_key", "encr_request_nonce"):
	 * random, for nobody needs to take anything out of them. */
	uint8_t key_handle[SE_HANDLE_SIZE], nonce_handle[SE_HANDLE_SIZE];
	uint8_t tags[SE_TAGS_SIZE]; /* of the image's header: PLD, ALD, TLD, tag */
};
RESULT se_challenge_parse(struct bytes state, struct se_challenge *ret_challenge);
/* tee_verify_ops.nonce and .challenge. The request is for the hosts whose documents in the
 * collateral are good; none: refused with the reason of the last. */
RESULT se_nonce(const struct tee_verify_input *in, struct buf *ret_nonce, struct buf *ret_state);
RESULT se_select_digest(const struct json *hello, const struct tee_anchors *anchors, int64_t now,
	struct json_writer *w, struct buf *ret_state);
/* The header of the part "se-header", a header or an image. ERR_NOT_FOUND: there is no such part.
 */
RESULT se_header_part(const struct tee_verify_input *in, struct se_header *ret_header);

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
