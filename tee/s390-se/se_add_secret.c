/* Add-secret requests (pvsecret): a secret for one guest, encrypted to its hosts' keys. */
#include "s390-se/se_parse.h"

enum {
	USER_DATA = 512,
	RESERVED = 256,
	EXTENSION_SECRET = 32,
	SECRET_NULL = 1,
	MAGIC_SIZE = 6,
};

static const char magic[] = "asrcbM";

static RESULT read_start(
	struct reader *r, size_t n, struct se_add_secret *s, size_t *ret_slots, size_t *ret_area)
{
	struct bytes start = rd_take(r, MAGIC_SIZE);
	if (!bytes_equal(start, bytes_str(magic)))
		return err_new(ERR_FORMAT, "add-secret request: magic at 0x00");
	s->user_data_kind = rd_be16(r);
	uint32_t version = rd_be32(r);
	if (rd_ok(r) && version != SE_VERSION)
		return err_new(ERR_FORMAT, "add-secret request: version at 0x08 is 0x%x", version);
	uint32_t size = rd_be32(r);
	if (rd_ok(r) && size != n)
		return err_new(ERR_FORMAT, "add-secret request: size at 0x0c is %u, there are %zu",
			size, n);
	s->iv = rd_take(r, SE_IV_SIZE);
	rd_skip_zero(r, 11);
	*ret_slots = rd_u8(r);
	rd_skip_zero(r, 4);
	*ret_area = rd_be32(r);
	s->flags = rd_be64(r);
	return OK;
}

static void read_binding(struct reader *r, struct se_add_secret *s)
{
	s->pld = rd_take(r, SE_PAGE_DIGEST);
	s->ald = rd_take(r, SE_PAGE_DIGEST);
	s->tld = rd_take(r, SE_PAGE_DIGEST);
	s->tag = rd_take(r, SE_TAG_SIZE);
	s->cuid = rd_take(r, SE_CUID_SIZE);
	rd_skip_zero(r, RESERVED);
	s->user_data = rd_take(r, USER_DATA);
	s->customer_key = rd_take(r, SE_PUBLIC_KEY);
}

static void read_secret_header(struct reader *r, struct se_add_secret *s)
{
	rd_skip_zero(r, 2);
	s->type = rd_be16(r);
	s->secret_size = rd_be32(r);
	rd_skip_zero(r, 8);
	if (s->type != SECRET_NULL)
		s->id = rd_take(r, 32);
}

RESULT se_add_secret_parse(struct bytes in, struct se_add_secret *ret_request)
{
	struct reader r = rd_of(in);
	struct se_add_secret s = { 0 };
	size_t slots, area;

	TRY(read_start(&r, in.n, &s, &slots, &area));
	read_binding(&r, &s);
	if (rd_ok(&r) && (slots == 0 || slots > SE_SLOTS_MAX))
		return err_new(ERR_FORMAT, "add-secret request: %zu key slots at 0x27", slots);
	s.n_slots = slots;
	se_read_slots(&r, slots, s.slots);
	read_secret_header(&r, &s);
	if (rd_ok(&r) && area != (size_t)s.secret_size + EXTENSION_SECRET)
		return err_new(ERR_FORMAT,
			"add-secret request: encrypted area at 0x2c is %zu bytes for a secret of "
			"%u",
			area, s.secret_size);
	s.encrypted = rd_take(&r, area);
	s.gcm_tag = rd_take(&r, SE_TAG_SIZE);
	TRY(rd_end(&r, "add-secret request"));
	s.aad = bytes_of(in.p, (size_t)(s.encrypted.p - in.p));
	*ret_request = s;
	return OK;
}
