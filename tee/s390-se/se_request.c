#include "s390-se/se_parse.h"

#include <string.h>

#include <crypto/cipher.h>

enum {
	REQUEST_FIXED = 0xe0,
	MAI_HMAC_SHA512 = 1
};

static RESULT read_fixed(
	struct reader *r, struct se_request *q, size_t *ret_slots, size_t *ret_area)
{
	uint64_t magic = rd_be64(r);
	if (rd_ok(r) && magic != 0)
		return err_new(ERR_FORMAT, "attestation request: magic at 0x00");
	uint32_t version = rd_be32(r);
	if (rd_ok(r) && version != SE_VERSION)
		return err_new(ERR_FORMAT, "attestation request: version at 0x08 is 0x%x", version);
	uint32_t size = rd_be32(r);
	if (rd_ok(r) && size != r->left + 16)
		return err_new(ERR_FORMAT, "attestation request: size at 0x0c is %u, there are %zu",
			size, r->left + 16);
	q->iv = rd_take(r, SE_IV_SIZE);
	rd_skip_zero(r, 11);
	*ret_slots = rd_u8(r);
	rd_skip_zero(r, 4);
	*ret_area = rd_be32(r);
	q->flags = rd_be64(r);
	uint32_t mai = rd_be32(r);
	if (rd_ok(r) && mai != MAI_HMAC_SHA512)
		return err_new(ERR_FORMAT,
			"attestation request: measurement algorithm at 0x38 is %u, known is 1",
			mai);
	rd_skip_zero(r, 4);
	q->customer_key = rd_take(r, SE_PUBLIC_KEY);
	return OK;
}

RESULT se_request_parse(struct bytes in, struct se_request *ret_request)
{
	struct reader r = rd_of(in);
	struct se_request q = { 0 };
	size_t slots, area;

	if (in.n > SE_REQUEST_MAX)
		return err_new(
			ERR_FORMAT, "attestation request: more than %d bytes", SE_REQUEST_MAX);
	TRY(read_fixed(&r, &q, &slots, &area));
	if (rd_ok(&r) && (slots == 0 || slots > SE_SLOTS_MAX))
		return err_new(ERR_FORMAT, "attestation request: %zu key slots at 0x27", slots);
	q.n_slots = slots;
	se_read_slots(&r, slots, q.slots);
	size_t want = SE_MEASUREMENT_KEY + (se_flag(q.flags, SE_FLAG_NONCE) ? SE_NONCE_SIZE : 0);
	if (rd_ok(&r) && area != want)
		return err_new(ERR_FORMAT,
			"attestation request: encrypted area at 0x2c is %zu bytes instead of %zu",
			area, want);
	q.encrypted = rd_take(&r, area);
	q.tag = rd_take(&r, SE_TAG_SIZE);
	TRY(rd_end(&r, "attestation request"));
	q.aad = bytes_of(in.p, (size_t)(q.encrypted.p - in.p));
	*ret_request = q;
	return OK;
}

void se_request_secrets_done(struct se_request_secrets *s)
{
	secret_free(s->measurement_key);
	bytes_wipe(s->nonce, sizeof(s->nonce));
	*s = (struct se_request_secrets){ 0 };
}

RESULT se_request_open(const struct se_request *r, struct bytes protection_key,
	struct se_request_secrets *ret_secrets)
{
	AUTO(secret_freep) struct secret *area = NULL;
	AUTO(se_request_secrets_done) struct se_request_secrets s = { 0 };

	if (protection_key.n != SE_KEY_SIZE)
		return err_new(ERR_FORMAT, "request protection key: %zu bytes instead of %d",
			protection_key.n, SE_KEY_SIZE);
	TRY(aes_gcm_open(protection_key, r->iv, r->aad, r->encrypted, r->tag, &area));
	struct reader in = rd_of(secret_bytes(area));
	struct bytes key = rd_take(&in, SE_MEASUREMENT_KEY);
	s.has_nonce = se_flag(r->flags, SE_FLAG_NONCE);
	if (s.has_nonce)
		rd_copy(&in, s.nonce, sizeof(s.nonce));
	TRY(rd_end(&in, "attestation request: encrypted area"));
	TRY(secret_of(key, &s.measurement_key));
	*ret_secrets = s;
	s = (struct se_request_secrets){ 0 };
	return OK;
}

static RESULT check_make(const struct se_request_make *m)
{
	if (m->n_hosts == 0 || m->n_hosts > SE_SLOTS_MAX)
		return err_new(
			ERR_USAGE, "attestation request: for 1 to %d host keys", SE_SLOTS_MAX);
	if (m->measurement_key.n != SE_MEASUREMENT_KEY || m->iv.n != SE_IV_SIZE ||
		(m->nonce.n != 0 && m->nonce.n != SE_NONCE_SIZE) ||
		se_flag(m->flags, SE_FLAG_NONCE) != (m->nonce.n > 0))
		return err_new(ERR_STATE, "attestation request: sizes of key, IV and nonce");
	return OK;
}

RESULT se_request_make(const struct se_request_make *m, struct buf *ret_request)
{
	AUTO(buf_done) struct buf area = BUF_INIT(SE_MEASUREMENT_KEY + SE_NONCE_SIZE);
	uint8_t customer[SE_PUBLIC_KEY], tag[GCM_TAG];
	size_t start = ret_request->n;

	TRY(check_make(m));
	size_t n_area = SE_MEASUREMENT_KEY + m->nonce.n;
	TRY(se_public_key(m->customer, customer));
	buf_be64(ret_request, 0);
	buf_be32(ret_request, SE_VERSION);
	buf_be32(ret_request, REQUEST_FIXED + m->n_hosts * SE_SLOT_SIZE + n_area + SE_TAG_SIZE);
	buf_put(ret_request, m->iv);
	buf_zero(ret_request, 11);
	buf_u8(ret_request, m->n_hosts);
	buf_zero(ret_request, 4);
	buf_be32(ret_request, n_area);
	buf_be64(ret_request, m->flags);
	buf_be32(ret_request, MAI_HMAC_SHA512);
	buf_zero(ret_request, 4);
	buf_put(ret_request, BYTES_OF(customer));
	for (size_t i = 0; i < m->n_hosts; i++)
		TRY(se_slot_make(m->customer, m->hosts[i], m->protection_key, ret_request));
	TRY(buf_end(ret_request, "attestation request"));
	buf_put(&area, m->measurement_key);
	buf_put(&area, m->nonce);
	struct bytes aad = bytes_of(ret_request->p + start, ret_request->n - start);
	/* The buffer moves when it grows: the ciphertext is made apart. */
	AUTO(buf_done) struct buf cipher = BUF_INIT(SE_MEASUREMENT_KEY + SE_NONCE_SIZE);
	struct err e = aes_gcm_seal(m->protection_key, m->iv, aad, buf_bytes(&area), &cipher, tag);
	bytes_wipe(area.p, area.n);
	TRY(e);
	buf_put(ret_request, buf_bytes(&cipher));
	buf_put(ret_request, BYTES_OF(tag));
	return buf_end(ret_request, "attestation request");
}

/* ---- measurement ---- */

RESULT se_measure(
	const struct se_measured *m, struct bytes measurement_key, struct digest_value *ret_mac)
{
	AUTO(buf_done) struct buf in = BUF_INIT(64 * 1024);

	if (m->user_data.n > SE_USER_DATA_MAX || m->additional.n > SE_ADDITIONAL_MAX)
		return err_new(ERR_FORMAT, "user data of %zu or additional data of %zu bytes",
			m->user_data.n, m->additional.n);
	buf_put(&in, m->pld);
	buf_put(&in, m->ald);
	buf_put(&in, m->tld);
	buf_put(&in, m->tag);
	buf_put(&in, m->cuid);
	buf_be16(&in, m->user_data.n);
	buf_be16(&in, 0);
	buf_be32(&in, m->additional.n);
	buf_put(&in, m->user_data);
	buf_put(&in, m->nonce);
	buf_put(&in, m->additional);
	TRY(buf_end(&in, "measurement"));
	return hmac(DIGEST_SHA512, measurement_key, buf_bytes(&in), ret_mac);
}

RESULT se_additional_parse(struct bytes in, uint64_t flags, struct se_additional *ret_additional)
{
	struct se_additional a = { 0 };
	struct reader r = rd_of(in);
	const struct {
		unsigned bit;
		size_t size;
		struct bytes *to;
	} parts[] = {
		{ SE_FLAG_IMAGE_PHKH, SE_PHKH_SIZE, &a.image_phkh },
		{ SE_FLAG_ATTESTATION_PHKH, SE_PHKH_SIZE, &a.attestation_phkh },
		{ SE_FLAG_SECRET_STORE_HASH, 64, &a.secret_store_hash },
		{ SE_FLAG_FIRMWARE_STATE, 320, &a.firmware_state },
	};

	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		if (se_flag(flags, parts[i].bit))
			*parts[i].to = rd_take(&r, parts[i].size);
	TRY(rd_end(&r, "additional data"));
	*ret_additional = a;
	return OK;
}
