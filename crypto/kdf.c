#include "kdf_internal.h"

#include <string.h>

static struct bytes be32(uint32_t v, uint8_t to[static 4])
{
	for (size_t i = 0; i < 4; i++)
		to[i] = (uint8_t)(v >> (24 - 8 * i));
	return bytes_of(to, 4);
}

/* Wipes on every way out: the digests below are keys. */
static void wipe_digest(struct digest_value *d)
{
	bytes_wipe(d->v, sizeof(d->v));
}

RESULT concat_kdf_for(
	struct bytes z, const struct kdf_other_info *info, size_t n, struct secret **ret_key)
{
	AUTO(digest_freep) struct digest_ctx *c = NULL;
	AUTO(wipe_digest) struct digest_value d = { 0 };
	uint8_t round[4], alg_n[4], u_n[4], v_n[4], bits[4];
	const struct bytes parts[] = {
		be32(1, round),
		z,
		be32((uint32_t)strlen(info->alg_id), alg_n),
		bytes_str(info->alg_id),
		be32((uint32_t)info->party_u.n, u_n),
		info->party_u,
		be32((uint32_t)info->party_v.n, v_n),
		info->party_v,
		be32((uint32_t)(8 * n), bits),
	};

	/* RFC 7518 4.6.2: one round of SHA-256 is enough for what is derived here. */
	if (n > DIGEST_SHA256_SIZE)
		return err_new(ERR_LIMIT, "Concat KDF: %zu bytes", n);
	TRY(digest_new(DIGEST_SHA256, &c));
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		TRY(digest_update(c, parts[i]));
	TRY(digest_final(c, &d));
	return secret_of(bytes_of(d.v, n), ret_key);
}

RESULT concat_kdf(struct bytes z, const char *alg_id, size_t n, struct secret **ret_key)
{
	return concat_kdf_for(z, &(struct kdf_other_info){ .alg_id = alg_id }, n, ret_key);
}

static RESULT kdfa_round(
	const struct kdfa_input *in, uint32_t counter, size_t n, struct digest_value *ret_block)
{
	AUTO(hmac_freep) struct hmac_ctx *c = NULL;
	uint8_t i[4], bits[4];
	const struct bytes parts[] = {
		be32(counter, i),
		bytes_of(in->label, strlen(in->label) + 1),
		in->context_u,
		in->context_v,
		be32((uint32_t)(8 * n), bits),
	};

	TRY(hmac_new(in->alg, in->key, &c));
	for (size_t k = 0; k < ARRAY_LEN(parts); k++)
		TRY(hmac_update(c, parts[k]));
	return hmac_final(c, ret_block);
}

RESULT kdfa(const struct kdfa_input *in, size_t n, struct secret **ret_key)
{
	AUTO(secret_freep) struct secret *key = NULL;
	AUTO(wipe_digest) struct digest_value block = { 0 };
	uint32_t counter = 0;
	size_t done = 0;

	TRY(secret_new(n, &key));
	while (done < n) {
		TRY(kdfa_round(in, ++counter, n, &block));
		size_t part = block.n < n - done ? block.n : n - done;
		memcpy(secret_data(key) + done, block.v, part);
		done += part;
	}
	*ret_key = TAKE(key);
	return OK;
}
