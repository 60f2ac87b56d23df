#include "se_header_make.h"

#include <base/reader.h>
#include <crypto/cipher.h>

static void put_area(const struct se_header_make *m, struct buf *area)
{
	buf_put(area, m->keys->cck);
	buf_put(area, m->keys->image_key);
	buf_be64(area, m->psw_mask);
	buf_be64(area, m->psw_address);
	buf_be64(area, m->secret_flags);
	buf_be32(area, 0); /* optional items */
	buf_zero(area, 4);
}

static void put_plain(const struct se_header_make *m, const uint8_t *customer, struct buf *out)
{
	buf_puts(out, "IBMSecEx");
	buf_be32(out, SE_VERSION);
	buf_be32(out, se_header_size(m->n_hosts));
	buf_put(out, m->keys->iv);
	buf_zero(out, 4);
	buf_be64(out, m->n_hosts);
	buf_be64(out, SE_AREA_SIZE);
	buf_be64(out, m->digests.pages);
	buf_be64(out, m->plain_flags);
	buf_put(out, bytes_of(customer, SE_PUBLIC_KEY));
	buf_put(out, digest_bytes(&m->digests.pld));
	buf_put(out, digest_bytes(&m->digests.ald));
	buf_put(out, digest_bytes(&m->digests.tld));
}

RESULT se_header_make(const struct se_header_make *m, struct buf *ret_header)
{
	AUTO(secret_freep) struct secret *area = NULL;
	AUTO(buf_done) struct buf head = BUF_INIT(SE_HEADER_MAX), plain = BUF_INIT(SE_AREA_SIZE),
				  cipher = BUF_INIT(SE_AREA_SIZE);
	uint8_t customer[SE_PUBLIC_KEY], tag[GCM_TAG];

	TRY(se_public_key(m->keys->customer, customer));
	put_plain(m, customer, &head);
	for (size_t i = 0; i < m->n_hosts; i++)
		TRY(se_slot_make(m->keys->customer, m->hosts[i], m->keys->header_key, &head));
	put_area(m, &plain);
	TRY(buf_end(&plain, "SE header: encrypted area"));
	struct err e = secret_of(buf_bytes(&plain), &area);
	bytes_wipe(plain.p, plain.n);
	TRY(e);
	TRY(aes_gcm_seal(m->keys->header_key, m->keys->iv, buf_bytes(&head), secret_bytes(area),
		&cipher, tag));
	buf_put(&head, buf_bytes(&cipher));
	buf_put(&head, BYTES_OF(tag));
	TRY(buf_end(&head, "SE header"));
	buf_put(ret_header, buf_bytes(&head));
	return buf_end(ret_header, "SE header");
}

/* ---- opening ---- */

static RESULT find_slot(
	const struct se_header *h, const struct key *host, const struct se_slot **ret_slot)
{
	uint8_t phkh[SE_PHKH_SIZE];

	TRY(se_phkh(host, phkh));
	for (size_t i = 0; i < h->n_slots; i++)
		if (bytes_equal(h->slots[i].phkh, BYTES_OF(phkh))) {
			*ret_slot = &h->slots[i];
			return OK;
		}
	return err_new(ERR_NOT_FOUND, "SE header: none of its %zu key slots is of this host key",
		h->n_slots);
}

RESULT se_header_key_by_host(
	const struct se_header *h, const struct key *host, struct secret **ret_key)
{
	AUTO(key_freep) struct key *customer = NULL;
	const struct se_slot *slot;

	TRY(find_slot(h, host, &slot));
	TRY(se_public_key_parse(h->customer_key, &customer));
	return se_slot_open(slot, host, customer, ret_key);
}

RESULT se_header_key_by_customer(const struct se_header *h, const struct key *customer,
	const struct key *host, struct secret **ret_key)
{
	uint8_t public[SE_PUBLIC_KEY];
	const struct se_slot *slot;

	TRY(find_slot(h, host, &slot));
	TRY(se_public_key(customer, public));
	if (!bytes_equal(BYTES_OF(public), h->customer_key))
		return tee_deny(DENY_SE_IMAGE, "customer key", "the one given", "another");
	return se_slot_open(slot, customer, host, ret_key);
}

void se_area_done(struct se_area *a)
{
	secret_free(a->bytes);
	*a = (struct se_area){ 0 };
}

RESULT se_area_open(const struct se_header *h, struct bytes header_key, struct se_area *ret_area)
{
	AUTO(se_area_done) struct se_area a = { 0 };

	struct err e = se_header_open(h, header_key, &a.bytes);
	if (e.code == ERR_UNVERIFIED)
		return tee_deny(DENY_SE_IMAGE, "header tag", "of this key",
			"of another key, or the header was changed");
	TRY(e);
	struct reader r = rd_of(secret_bytes(a.bytes));
	a.cck = rd_take(&r, SE_CCK);
	a.image_key = rd_take(&r, SE_IMAGE_KEY);
	a.psw_mask = rd_be64(&r);
	a.psw_address = rd_be64(&r);
	a.secret_flags = rd_be64(&r);
	uint32_t items = rd_be32(&r);
	rd_skip_zero(&r, 4);
	/* Their format is not public: those who have some have them behind the fields known. */
	if (items > 0)
		(void)rd_rest(&r);
	TRY(rd_end(&r, "SE header: encrypted area"));
	*ret_area = a;
	a = (struct se_area){ 0 };
	return OK;
}
