/*
 * The image as `pvimg create` lays it out, so that its tools and loaders find everything: short
 * PSW, metadata, stage3a, header, components, parameter block.
 */
#include "se_header_make.h"

#include <stdlib.h>

#include <base/random.h>
#include <base/reader.h>
#include <crypto/cipher.h>

enum {
	KINDS = 4,
	STAGE3A_ENTRY = 0x11000,
	STAGE3A_ARGS = 24,
	STAGE3B_ARGS = 64,
	HEADER_FIRST = 0x14000, /* where extracting tools begin to search */
	KERNEL_ENTRY = 0x10000,
	KERNEL_MAGIC = 0x10008,
	KERNEL_CMDLINE_SIZE = 0x10430,
	IPIB_FIXED = 136,
	IPIB_COMPONENT = 24,
	METADATA_VERSION = 1,
};

static const uint64_t psw_64_bit = UINT64_C(0x180000000); /* EA, BA */
static const uint64_t psw_short = UINT64_C(0x0008000000000000);

struct part {
	uint16_t kind;
	struct bytes plain;
	size_t size; /* without padding; a command line has its NUL */
	struct se_component component;
};

struct plan {
	struct part parts[KINDS];
	size_t n;
	uint64_t header, ipib, end;
};

uint64_t se_plain_flags_default(void)
{
	return se_flag_mask(SE_PCF_PCKMO_DEA) | se_flag_mask(SE_PCF_PCKMO_AES) |
	       se_flag_mask(SE_PCF_PCKMO_ECC);
}

static uint64_t page_up(uint64_t v)
{
	return (v + SE_PAGE - 1) / SE_PAGE * SE_PAGE;
}

/* ---- what is given ---- */

static RESULT check_cmdline(const struct se_image_make *m)
{
	struct reader r = rd_of(m->kernel);

	rd_skip(&r, KERNEL_CMDLINE_SIZE);
	uint64_t room = rd_be64(&r);
	if (room == 0)
		room = SE_CMDLINE_LEGACY;
	if (m->append && strlen(m->append) >= room)
		return err_new(ERR_USAGE, "command line: %zu bytes, the kernel has room for %llu",
			strlen(m->append), (unsigned long long)room - 1);
	return OK;
}

static RESULT check_kernel(const struct se_image_make *m)
{
	static const char elf[] = "\x7f"
				  "ELF",
			  entry[] = "S390EP";
	struct bytes k = m->kernel;

	if (k.n >= strlen(elf) && bytes_equal(bytes_of(k.p, strlen(elf)), bytes_str(elf)))
		return err_new(ERR_FORMAT,
			"kernel: an ELF file; give the image that the boot loader loads (bzImage)");
	if (k.n < KERNEL_CMDLINE_SIZE + 8 ||
		!bytes_equal(bytes_of(k.p + KERNEL_MAGIC, strlen(entry)), bytes_str(entry)))
		return err_new(ERR_FORMAT, "kernel: no s390x kernel (\"S390EP\" at 0x10008)");
	return check_cmdline(m);
}

static RESULT check_size(const char *what, struct bytes b, size_t want)
{
	if (b.n != 0 && b.n != want)
		return err_new(ERR_USAGE, "%s: %zu bytes instead of %zu", what, b.n, want);
	return OK;
}

static RESULT check_keys(const struct se_image_keys *k)
{
	TRY(check_size("header key", k->header_key, SE_KEY_SIZE));
	TRY(check_size("image key", k->image_key, SE_IMAGE_KEY));
	TRY(check_size("customer communication key", k->cck, SE_CCK));
	TRY(check_size("initialisation vector", k->iv, SE_IV_SIZE));
	TRY(check_size("tweaks", k->tweaks, KINDS * SE_TWEAK_RANDOM));
	if (k->customer && (key_type(k->customer) != KEY_P521 || !key_is_private(k->customer)))
		return err_new(ERR_USAGE, "customer key: not a private key on P-521");
	return OK;
}

static RESULT check_make(const struct se_image_make *m, const struct buf *image)
{
	if (image->n > 0)
		return err_new(ERR_STATE, "SE image: the buffer is not empty");
	if (m->n_hosts == 0 || m->n_hosts > SE_HOSTS_MAX)
		return err_new(ERR_USAGE, "SE image: %zu host keys, 1 to %d are possible",
			m->n_hosts, SE_HOSTS_MAX);
	if (m->stage3a.n <= STAGE3A_ENTRY - SE_STAGE3A_OFFSET + STAGE3A_ARGS)
		return err_new(ERR_FORMAT, "stage3a: %zu bytes end before its entry", m->stage3a.n);
	if (m->stage3b.n <= STAGE3B_ARGS)
		return err_new(ERR_FORMAT, "stage3b: %zu bytes are only arguments", m->stage3b.n);
	TRY(check_keys(&m->keys));
	return check_kernel(m);
}

/* ---- what is not given ---- */

struct drawn {
	struct se_image_keys keys;
	struct secret *header_key, *image_key, *cck;
	struct key *customer;
	uint8_t iv[SE_IV_SIZE], tweaks[KINDS * SE_TWEAK_RANDOM];
};

static void drawn_done(struct drawn *d)
{
	secret_free(d->header_key);
	secret_free(d->image_key);
	secret_free(d->cck);
	key_free(d->customer);
	*d = (struct drawn){ 0 };
}

static RESULT draw_secret(struct bytes *key, size_t n, struct secret **own)
{
	if (key->n > 0)
		return OK;
	TRY(secret_new(n, own));
	TRY(random_fill(secret_data(*own), n));
	*key = secret_bytes(*own);
	return OK;
}

static RESULT draw_bytes(struct bytes *b, uint8_t *own, size_t n)
{
	if (b->n > 0)
		return OK;
	TRY(random_fill(own, n));
	*b = bytes_of(own, n);
	return OK;
}

/* Into memory that does not move any more: keys are views of it. */
static RESULT draw(const struct se_image_keys *given, struct drawn *d)
{
	d->keys = *given;
	TRY(draw_secret(&d->keys.header_key, SE_KEY_SIZE, &d->header_key));
	TRY(draw_secret(&d->keys.image_key, SE_IMAGE_KEY, &d->image_key));
	TRY(draw_secret(&d->keys.cck, SE_CCK, &d->cck));
	TRY(draw_bytes(&d->keys.iv, d->iv, sizeof(d->iv)));
	TRY(draw_bytes(&d->keys.tweaks, d->tweaks, sizeof(d->tweaks)));
	if (!d->keys.customer) {
		TRY(key_generate(KEY_P521, &d->customer));
		d->keys.customer = d->customer;
	}
	return OK;
}

/* ---- where everything goes ---- */

static uint64_t tweak_prefix(uint16_t kind, struct bytes tweaks, size_t i)
{
	uint64_t v = kind;

	for (size_t k = 0; k < SE_TWEAK_RANDOM; k++)
		v = v << 8 | tweaks.p[i * SE_TWEAK_RANDOM + k];
	return v;
}

static RESULT plan_parts(const struct se_image_make *m, struct bytes tweaks, struct plan *p)
{
	/* The order of addresses is that of the kinds. */
	const struct part all[KINDS] = {
		{ .kind = SE_KERNEL, .plain = m->kernel, .size = m->kernel.n },
		{ .kind = SE_RAMDISK, .plain = m->initrd, .size = m->initrd.n },
		{ .kind = SE_CMDLINE,
			.plain = m->append ? bytes_str(m->append) : BYTES_NONE,
			.size = m->append ? strlen(m->append) + 1 : 0 },
		{ .kind = SE_STAGE3B, .plain = m->stage3b, .size = m->stage3b.n },
	};
	uint64_t at = page_up(SE_STAGE3A_OFFSET + m->stage3a.n);

	p->header = at > HEADER_FIRST ? at : HEADER_FIRST;
	at = page_up(p->header + se_header_size(m->n_hosts));
	for (size_t i = 0; i < KINDS; i++) {
		if (all[i].size == 0)
			continue;
		struct part *part = &p->parts[p->n++];
		*part = all[i];
		part->component.tweak_prefix = tweak_prefix(all[i].kind, tweaks, i);
		part->component.address = at;
		if (all[i].size > SE_IMAGE_MAX)
			return err_new(ERR_LIMIT, "SE image: more than %d bytes", SE_IMAGE_MAX);
		at += page_up(all[i].size);
	}
	p->ipib = at;
	p->end = at + IPIB_FIXED + p->n * IPIB_COMPONENT;
	return OK;
}

/* ---- writing ---- */

static void put_at(struct buf *image, uint64_t at, struct bytes b)
{
	if (b.n > 0)
		memcpy(image->p + at, b.p, b.n);
}

static void put_blob(struct buf *out, const struct plan *p, uint16_t kind)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->parts[i].kind == kind) {
			buf_be64(out, p->parts[i].component.address);
			buf_be64(out, p->parts[i].size);
			return;
		}
	buf_zero(out, 16);
}

static RESULT put_stage3b_args(const struct plan *p, struct buf *image)
{
	AUTO(buf_done) struct buf args = BUF_INIT(STAGE3B_ARGS);
	const struct part *last = &p->parts[p->n - 1];

	put_blob(&args, p, SE_KERNEL);
	put_blob(&args, p, SE_CMDLINE);
	put_blob(&args, p, SE_RAMDISK);
	buf_be64(&args, psw_64_bit);
	buf_be64(&args, KERNEL_ENTRY);
	TRY(buf_end(&args, "stage3b: arguments"));
	put_at(image, last->component.address + last->size - STAGE3B_ARGS, buf_bytes(&args));
	return OK;
}

static RESULT encrypt(const struct se_component *c, struct xts_ctx *xts, uint8_t *at)
{
	uint8_t tweak[XTS_TWEAK];

	for (size_t i = 0; i < c->content.n / SE_PAGE; i++) {
		uint8_t *page = at + i * SE_PAGE;
		se_page_tweak(c->tweak_prefix, i, tweak);
		TRY(xts_unit(xts, tweak, bytes_of(page, SE_PAGE), page));
	}
	return OK;
}

static RESULT put_components(const struct se_image_make *m, struct bytes image_key, struct plan *p,
	struct buf *image, struct se_page_digests *ret_digests)
{
	AUTO(se_pages_done) struct se_pages pages = { 0 };
	AUTO(xts_freep) struct xts_ctx *xts = NULL;
	bool plain = se_flag(m->plain_flags, SE_PCF_NO_COMPONENT_ENCRYPTION);

	TRY(se_pages_init(&pages));
	TRY(xts_new(true, image_key, &xts));
	for (size_t i = 0; i < p->n; i++)
		put_at(image, p->parts[i].component.address, p->parts[i].plain);
	TRY(put_stage3b_args(p, image));
	for (size_t i = 0; i < p->n; i++) {
		struct se_component *c = &p->parts[i].component;
		c->content = bytes_of(image->p + c->address, page_up(p->parts[i].size));
		if (!plain)
			TRY(encrypt(c, xts, image->p + c->address));
		TRY(se_pages_add(&pages, c));
	}
	return se_pages_end(&pages, ret_digests);
}

static RESULT put_header(const struct se_image_make *m, const struct plan *p,
	const struct se_image_keys *keys, const struct se_page_digests *digests, struct buf *image)
{
	AUTO(buf_done) struct buf header = BUF_INIT(SE_HEADER_MAX);
	const struct se_header_make h = {
		.keys = keys,
		.hosts = m->hosts,
		.n_hosts = m->n_hosts,
		.plain_flags = m->plain_flags,
		.secret_flags = m->secret_flags,
		.psw_mask = psw_64_bit,
		.psw_address = p->parts[p->n - 1].component.address,
		.digests = *digests,
	};

	TRY(se_header_make(&h, &header));
	put_at(image, p->header, buf_bytes(&header));
	return OK;
}

/* Linux, arch/s390/include/uapi/asm/ipl.h: ipl_pl_hdr, ipl_pb0_pv. */
static RESULT put_ipib(const struct se_image_make *m, const struct plan *p, struct buf *image)
{
	size_t size = IPIB_FIXED + p->n * IPIB_COMPONENT;
	AUTO(buf_done) struct buf b = BUF_INIT(size);

	buf_be32(&b, size);
	buf_zero(&b, 3);
	buf_u8(&b, 1);
	buf_be32(&b, size - 8);
	buf_u8(&b, 5); /* IPL_PBT_PV */
	buf_zero(&b, 3 + 8 + 84 + 3);
	buf_u8(&b, 1);
	buf_zero(&b, 4);
	buf_be32(&b, p->n);
	buf_be64(&b, p->header);
	buf_be64(&b, se_header_size(m->n_hosts));
	for (size_t i = 0; i < p->n; i++) {
		const struct part *part = &p->parts[i];
		buf_be64(&b, part->component.tweak_prefix);
		buf_be64(&b, part->component.address);
		buf_be64(&b, page_up(part->size));
	}
	TRY(buf_end(&b, "IPL parameter block"));
	put_at(image, p->ipib, buf_bytes(&b));
	return OK;
}

/* What the host starts; nothing of it is measured. */
static RESULT put_start(const struct se_image_make *m, const struct plan *p, struct buf *image)
{
	AUTO(buf_done) struct buf psw = BUF_INIT(8), meta = BUF_INIT(28),
				  args = BUF_INIT(STAGE3A_ARGS);
	uint64_t args_at = SE_STAGE3A_OFFSET + m->stage3a.n - STAGE3A_ARGS;

	buf_be64(&psw, psw_short | psw_64_bit | STAGE3A_ENTRY);
	TRY(buf_end(&psw, "short PSW"));
	buf_puts(&meta, "SeImgLnx");
	buf_be64(&meta, p->header);
	buf_be32(&meta, METADATA_VERSION);
	buf_be64(&meta, p->ipib);
	TRY(buf_end(&meta, "image metadata"));
	/* Relative to the arguments, so that the loader may stand anywhere. */
	buf_be64(&args, p->header - args_at);
	buf_be64(&args, se_header_size(m->n_hosts));
	buf_be64(&args, p->ipib - args_at);
	TRY(buf_end(&args, "stage3a: arguments"));
	put_at(image, 0, buf_bytes(&psw));
	put_at(image, SE_METADATA_OFFSET, buf_bytes(&meta));
	put_at(image, SE_STAGE3A_OFFSET, m->stage3a);
	put_at(image, args_at, buf_bytes(&args));
	return OK;
}

RESULT se_image_make(const struct se_image_make *m, struct buf *ret_image)
{
	AUTO(drawn_done) struct drawn d = { 0 };
	struct plan p = { 0 };
	struct se_page_digests digests;

	TRY(check_make(m, ret_image));
	TRY(draw(&m->keys, &d));
	TRY(plan_parts(m, d.keys.tweaks, &p));
	if (p.end > SE_IMAGE_MAX)
		return err_new(ERR_LIMIT, "SE image: more than %d bytes", SE_IMAGE_MAX);
	buf_zero(ret_image, (size_t)p.end);
	TRY(buf_end(ret_image, "SE image"));
	TRY(put_components(m, d.keys.image_key, &p, ret_image, &digests));
	TRY(put_header(m, &p, &d.keys, &digests, ret_image));
	TRY(put_ipib(m, &p, ret_image));
	return put_start(m, &p, ret_image);
}
