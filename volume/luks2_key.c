/* Key slots: the volume key, spread over many sectors (anti-forensic split) and encrypted. */
#include "luks2.h"

#include <base/random.h>
#include <crypto/cipher.h>

enum {
	AREA_SECTOR = 512,
	AREA_ALIGN = 4096,
	AREAS_OFFSET = 32 * 1024, /* after both headers */
	STRIPES = 4000,
	/* What opens a volume is a key of the broker with 32 bytes or more, no word that somebody
	 * remembers; still nothing that is tried in no time. */
	SLOT_ITERATIONS = 100 * 1000,
	DIGEST_ITERATIONS = 1000,
	SALT = 32
};

static enum digest_alg alg_of(bool sha512)
{
	return sha512 ? DIGEST_SHA512 : DIGEST_SHA256;
}

static RESULT derive(
	const struct luks2_kdf *k, struct bytes from, size_t n, struct secret **ret_key)
{
	return pbkdf2(&(struct pbkdf2_input){ .alg = alg_of(k->sha512),
			      .password = from,
			      .salt = bytes_of(k->salt, k->salt_n),
			      .iterations = k->iterations },
		n, ret_key);
}

/* Each digest-sized piece becomes the digest of its number and itself. */
static RESULT diffuse(enum digest_alg alg, uint8_t *data, size_t n)
{
	size_t piece = digest_size(alg);

	for (size_t at = 0; at < n; at += piece) {
		size_t part = n - at < piece ? n - at : piece;
		uint32_t i = (uint32_t)(at / piece);
		const uint8_t number[4] = { (uint8_t)(i >> 24), (uint8_t)(i >> 16),
			(uint8_t)(i >> 8), (uint8_t)i };
		struct digest_value d;

		TRY(digest2(alg, bytes_of(number, 4), bytes_of(data + at, part), &d));
		memcpy(data + at, d.v, part);
		bytes_wipe(d.v, sizeof(d.v));
	}
	return OK;
}

static void mix(uint8_t *to, const uint8_t *with, size_t n)
{
	for (size_t i = 0; i < n; i++)
		to[i] ^= with[i];
}

/* All but the last stripe, folded into `to`, which begins as zeros. */
static RESULT fold(const struct luks2_slot *s, const uint8_t *stripes, uint8_t *to, size_t n)
{
	for (size_t i = 0; i + 1 < s->stripes; i++) {
		mix(to, stripes + i * n, n);
		TRY(diffuse(alg_of(s->sha512), to, n));
	}
	return OK;
}

/* aes-xts-plain64 over sectors of 512 bytes that are counted from the area's begin. */
static RESULT crypt_area(bool encrypt, struct bytes key, uint8_t *data, size_t n)
{
	AUTO(xts_freep) struct xts_ctx *c = NULL;

	TRY(xts_new(encrypt, key, &c));
	for (size_t at = 0; at < n; at += AREA_SECTOR) {
		uint8_t tweak[XTS_TWEAK] = { 0 };

		for (size_t i = 0; i < 8; i++)
			tweak[i] = (uint8_t)((uint64_t)(at / AREA_SECTOR) >> (8 * i));
		TRY(xts_unit(c, tweak, bytes_of(data + at, AREA_SECTOR), data + at));
	}
	return OK;
}

static size_t round_up(size_t n, size_t to)
{
	return (n + to - 1) / to * to;
}

RESULT luks2_slot_open(const struct luks2 *l, const struct luks2_slot *s, struct bytes passphrase,
	struct bytes area, struct secret **ret_key)
{
	AUTO(secret_freep) struct secret *key = NULL;
	AUTO(secret_freep) struct secret *plain = NULL;
	AUTO(secret_freep) struct secret *volume = NULL;
	AUTO(secret_freep) struct secret *digest = NULL;
	size_t n = (size_t)s->stripes * l->key_n;

	if (area.n < round_up(n, AREA_SECTOR))
		return err_new(ERR_FORMAT, "LUKS2: key slot: truncated");
	TRY(secret_of(bytes_of(area.p, round_up(n, AREA_SECTOR)), &plain));
	TRY(derive(&s->kdf, passphrase, LUKS2_KEY_XTS, &key));
	TRY(crypt_area(false, secret_bytes(key), secret_data(plain), secret_size(plain)));
	TRY(secret_new(l->key_n, &volume));
	TRY(fold(s, secret_data(plain), secret_data(volume), l->key_n));
	mix(secret_data(volume), secret_data(plain) + n - l->key_n, l->key_n);
	TRY(derive(&l->digest_kdf, secret_bytes(volume), l->digest_n, &digest));
	if (!bytes_equal(secret_bytes(digest), bytes_of(l->digest, l->digest_n)))
		return err_new(ERR_UNVERIFIED, "LUKS2: this key opens no slot of the volume");
	*ret_key = TAKE(volume);
	return OK;
}

static RESULT new_kdf(unsigned iterations, struct luks2_kdf *ret_kdf)
{
	ret_kdf->iterations = iterations;
	ret_kdf->salt_n = SALT;
	ret_kdf->sha512 = false;
	return random_fill(ret_kdf->salt, SALT);
}

static RESULT split(const struct luks2_slot *s, const struct secret *key, struct secret *stripes)
{
	AUTO(secret_freep) struct secret *folded = NULL;
	size_t n = secret_size(key), last = (s->stripes - 1) * n;

	TRY(secret_new(n, &folded));
	TRY(random_fill(secret_data(stripes), last));
	TRY(fold(s, secret_data(stripes), secret_data(folded), n));
	memcpy(secret_data(stripes) + last, secret_data(folded), n);
	mix(secret_data(stripes) + last, secret_bytes(key).p, n);
	return OK;
}

static RESULT put_digest(struct luks2 *l, const struct secret *key)
{
	AUTO(secret_freep) struct secret *digest = NULL;

	TRY(new_kdf(DIGEST_ITERATIONS, &l->digest_kdf));
	l->digest_n = DIGEST_SHA256_SIZE;
	TRY(derive(&l->digest_kdf, secret_bytes(key), l->digest_n, &digest));
	memcpy(l->digest, secret_bytes(digest).p, l->digest_n);
	return OK;
}

RESULT luks2_slot_make(
	struct luks2 *l, struct bytes passphrase, const struct secret *key, struct buf *area)
{
	AUTO(secret_freep) struct secret *stripes = NULL;
	AUTO(secret_freep) struct secret *slot_key = NULL;
	struct luks2_slot *s = &l->slots[0];
	size_t n = STRIPES * l->key_n;

	*s = (struct luks2_slot){
		.offset = AREAS_OFFSET, .size = round_up(n, AREA_ALIGN), .stripes = STRIPES
	};
	l->n_slots = 1;
	TRY(new_kdf(SLOT_ITERATIONS, &s->kdf));
	TRY(put_digest(l, key));
	TRY(secret_new(round_up(n, AREA_SECTOR), &stripes));
	TRY(split(s, key, stripes));
	TRY(derive(&s->kdf, passphrase, LUKS2_KEY_XTS, &slot_key));
	TRY(crypt_area(true, secret_bytes(slot_key), secret_data(stripes), secret_size(stripes)));
	buf_put(area, secret_bytes(stripes));
	return buf_end(area, "LUKS2 key slot");
}
