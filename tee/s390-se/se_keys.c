#include "s390-se/se.h"

#include <string.h>

#include <base/reader.h>
#include <crypto/cipher.h>

enum {
	P521_SIZE = 66,
	COORDINATE_PAD = SE_COORDINATE - P521_SIZE,
	XY_MAX = 256
};

RESULT se_public_key(const struct key *key, uint8_t to[static SE_PUBLIC_KEY])
{
	AUTO(buf_done) struct buf x = BUF_INIT(XY_MAX), y = BUF_INIT(XY_MAX);

	if (key_type(key) != KEY_P521)
		return err_new(ERR_FORMAT, "key: not on P-521");
	TRY(key_ec_point(key, &x, &y));
	memset(to, 0, SE_PUBLIC_KEY);
	memcpy(to + COORDINATE_PAD, x.p, P521_SIZE);
	memcpy(to + SE_COORDINATE + COORDINATE_PAD, y.p, P521_SIZE);
	return OK;
}

RESULT se_public_key_parse(struct bytes xy, struct key **ret_key)
{
	struct reader r = rd_of(xy);

	rd_skip_zero(&r, COORDINATE_PAD);
	struct bytes x = rd_take(&r, P521_SIZE);
	rd_skip_zero(&r, COORDINATE_PAD);
	struct bytes y = rd_take(&r, P521_SIZE);
	TRY(rd_end(&r, "customer public key"));
	return key_from_ec_point(KEY_P521, x, y, ret_key);
}

RESULT se_phkh(const struct key *host, uint8_t to[static SE_PHKH_SIZE])
{
	uint8_t xy[SE_PUBLIC_KEY];
	struct digest_value d;

	TRY(se_public_key(host, xy));
	TRY(digest(DIGEST_SHA256, BYTES_OF(xy), &d));
	memcpy(to, d.v, SE_PHKH_SIZE);
	return OK;
}

/* SHA-256 over the shared x coordinate and the counter 1. */
static RESULT key_encryption_key(
	const struct key *own, const struct key *peer, struct digest_value *ret_kek)
{
	static const uint8_t one[4] = { 0, 0, 0, 1 };
	AUTO(secret_freep) struct secret *z = NULL;

	TRY(key_ecdh(own, peer, &z));
	return digest2(DIGEST_SHA256, secret_bytes(z), BYTES_OF(one), ret_kek);
}

static const uint8_t zero_iv[SE_IV_SIZE];

RESULT se_slot_make(const struct key *customer, const struct key *host, struct bytes protected_key,
	struct buf *out)
{
	uint8_t phkh[SE_PHKH_SIZE], tag[GCM_TAG];
	struct digest_value kek;

	if (protected_key.n != SE_KEY_SIZE)
		return err_new(ERR_STATE, "key slot: a key of %zu bytes", protected_key.n);
	TRY(se_phkh(host, phkh));
	TRY(key_encryption_key(customer, host, &kek));
	buf_put(out, BYTES_OF(phkh));
	struct err e = aes_gcm_seal(
		digest_bytes(&kek), BYTES_OF(zero_iv), BYTES_NONE, protected_key, out, tag);
	bytes_wipe(kek.v, sizeof(kek.v));
	TRY(e);
	buf_put(out, BYTES_OF(tag));
	return buf_end(out, "key slot");
}

RESULT se_slot_open(const struct se_slot *slot, const struct key *own, const struct key *peer,
	struct secret **ret_key)
{
	struct digest_value kek;

	TRY(key_encryption_key(own, peer, &kek));
	struct err e = aes_gcm_open(digest_bytes(&kek), BYTES_OF(zero_iv), BYTES_NONE,
		slot->wrapped, slot->tag, ret_key);
	bytes_wipe(kek.v, sizeof(kek.v));
	return e;
}
