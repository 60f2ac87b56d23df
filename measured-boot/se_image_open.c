#include "se_pages.h"

#include <base/reader.h>
#include <crypto/cipher.h>

enum {
	ARGS_SIZE = 64,
};

RESULT se_component_open(const struct se_component *c, uint64_t plain_flags, struct bytes image_key,
	struct buf *ret_plain)
{
	AUTO(xts_freep) struct xts_ctx *xts = NULL;
	uint8_t tweak[XTS_TWEAK];

	if (se_flag(plain_flags, SE_PCF_NO_COMPONENT_ENCRYPTION)) {
		buf_put(ret_plain, c->content);
		return buf_end(ret_plain, "component");
	}
	if (image_key.n != SE_IMAGE_KEY)
		return err_new(
			ERR_USAGE, "image key: %zu bytes instead of %d", image_key.n, SE_IMAGE_KEY);
	TRY(xts_new(false, image_key, &xts));
	uint8_t *to = buf_grow(ret_plain, c->content.n);
	TRY(buf_end(ret_plain, "component"));
	for (size_t at = 0; at < c->content.n; at += SE_PAGE) {
		se_page_tweak(c->tweak_prefix, at / SE_PAGE, tweak);
		TRY(xts_unit(xts, tweak, bytes_of(c->content.p + at, SE_PAGE), to + at));
	}
	return OK;
}

/* ---- what stage3b is told ---- */

static void read_blob(struct reader *r, struct se_blob *b)
{
	b->address = rd_be64(r);
	b->size = rd_be64(r);
}

/* A component at that address whose padding is less than a page; or none at all. */
static bool blob_fits(const struct se_blob *b, const struct se_layout *l)
{
	if (b->address == 0 && b->size == 0)
		return true;
	for (size_t i = 0; i < l->n_components; i++) {
		const struct se_component *c = &l->components[i];
		if (c->address == b->address)
			return b->size <= c->content.n && c->content.n - b->size < SE_PAGE;
	}
	return false;
}

static bool args_at(struct bytes in, const struct se_layout *l, struct se_stage3b_args *a)
{
	struct reader r = rd_of(in);

	read_blob(&r, &a->kernel);
	read_blob(&r, &a->cmdline);
	read_blob(&r, &a->initrd);
	a->psw_mask = rd_be64(&r);
	a->psw_address = rd_be64(&r);
	return a->kernel.address == l->components[0].address && a->kernel.size > 0 &&
	       blob_fits(&a->kernel, l) && blob_fits(&a->cmdline, l) && blob_fits(&a->initrd, l);
}

/* They are the loader's last bytes, but how long it is nobody wrote down: zeroes follow. */
RESULT se_stage3b_args_find(
	struct bytes plain, const struct se_layout *l, struct se_stage3b_args *ret_args)
{
	struct se_stage3b_args a = { 0 };

	if (l->n_components > 0 && plain.n >= ARGS_SIZE)
		for (size_t at = plain.n - ARGS_SIZE + 1; at-- > 0;)
			if (args_at(bytes_of(plain.p + at, ARGS_SIZE), l, &a)) {
				*ret_args = a;
				return OK;
			}
	return err_new(ERR_FORMAT, "stage3b: no arguments that name this image's components");
}
