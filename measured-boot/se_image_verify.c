#include "se_pages.h"

#include <stdio.h>

#include <base/encode.h>

static const char magic[] = "IBMSecEx";

/* ---- digests over pages ---- */

RESULT se_pages_init(struct se_pages *p)
{
	AUTO(se_pages_done) struct se_pages q = { 0 };

	TRY(digest_new(DIGEST_SHA512, &q.pld));
	TRY(digest_new(DIGEST_SHA512, &q.ald));
	TRY(digest_new(DIGEST_SHA512, &q.tld));
	*p = q;
	q = (struct se_pages){ 0 };
	return OK;
}

void se_pages_done(struct se_pages *p)
{
	digest_freep(&p->pld);
	digest_freep(&p->ald);
	digest_freep(&p->tld);
	*p = (struct se_pages){ 0 };
}

static void put_be64(uint64_t v, uint8_t *to)
{
	for (unsigned i = 0; i < 8; i++)
		to[i] = (uint8_t)(v >> (56 - 8 * i));
}

void se_page_tweak(uint64_t prefix, size_t i, uint8_t to[static 16])
{
	put_be64(prefix, to);
	put_be64((uint64_t)i * SE_PAGE, to + 8);
}

RESULT se_pages_add(struct se_pages *p, const struct se_component *c)
{
	size_t n = c->content.n / SE_PAGE;
	uint8_t address[8], tweak[16];

	TRY(digest_update(p->pld, c->content));
	for (size_t i = 0; i < n; i++) {
		put_be64(c->address + (uint64_t)i * SE_PAGE, address);
		se_page_tweak(c->tweak_prefix, i, tweak);
		TRY(digest_update(p->ald, BYTES_OF(address)));
		TRY(digest_update(p->tld, BYTES_OF(tweak)));
	}
	p->n += n;
	return OK;
}

RESULT se_pages_end(struct se_pages *p, struct se_page_digests *ret_digests)
{
	struct se_page_digests d = { .pages = p->n };

	TRY(digest_final(p->pld, &d.pld));
	TRY(digest_final(p->ald, &d.ald));
	TRY(digest_final(p->tld, &d.tld));
	*ret_digests = d;
	return OK;
}

/* ---- an image against its header ---- */

static RESULT same(const char *field, struct bytes want, struct bytes got)
{
	char expected[2 * SE_PAGE_DIGEST + 1], actual[2 * SE_PAGE_DIGEST + 1];

	if (bytes_equal(want, got))
		return OK;
	hex_to(want, expected);
	hex_to(got, actual);
	return tee_deny(DENY_SE_IMAGE, field, expected, actual);
}

static RESULT compare(const struct se_page_digests *d, const struct se_header *h)
{
	char expected[24], actual[24];

	(void)snprintf(expected, sizeof(expected), "%llu", (unsigned long long)h->encrypted_pages);
	(void)snprintf(actual, sizeof(actual), "%llu", (unsigned long long)d->pages);
	if (d->pages != h->encrypted_pages)
		return tee_deny(DENY_SE_IMAGE, "number of pages", expected, actual);
	TRY(same("address list digest", h->ald, digest_bytes(&d->ald)));
	TRY(same("tweak list digest", h->tld, digest_bytes(&d->tld)));
	return same("page list digest", h->pld, digest_bytes(&d->pld));
}

RESULT se_image_verify(const struct se_header *h, const struct se_layout *l)
{
	AUTO(se_pages_done) struct se_pages p = { 0 };
	struct se_page_digests d;

	TRY(se_pages_init(&p));
	for (size_t i = 0; i < l->n_components; i++)
		TRY(se_pages_add(&p, &l->components[i]));
	TRY(se_pages_end(&p, &d));
	return compare(&d, h);
}

/* ---- what attestation says of it ---- */

static bool is_header(struct bytes file)
{
	return file.n >= strlen(magic) &&
	       bytes_equal(bytes_of(file.p, strlen(magic)), bytes_str(magic));
}

static RESULT parse_file(struct bytes file, struct se_header *h)
{
	AUTO(auto_free) struct se_layout *l = NULL;

	if (is_header(file))
		return se_header_parse(file, h);
	l = calloc(1, sizeof(*l));
	if (!l)
		return err_new(ERR_NOMEM, "SE image");
	TRY(se_layout_parse(file, l));
	TRY(se_header_parse(l->header, h));
	return se_image_verify(h, l);
}

RESULT se_image_measure(struct bytes file, struct se_image_measurement *ret_measurement)
{
	struct se_image_measurement m = { .version = 1 };
	struct se_header h;

	TRY(parse_file(file, &h));
	memcpy(m.tag, h.tag.p, sizeof(m.tag));
	memcpy(m.pld, h.pld.p, sizeof(m.pld));
	memcpy(m.ald, h.ald.p, sizeof(m.ald));
	memcpy(m.tld, h.tld.p, sizeof(m.tld));
	m.pages = h.encrypted_pages;
	m.plain_flags = h.control_flags;
	m.n_phkh = h.n_slots;
	for (size_t i = 0; i < h.n_slots; i++)
		memcpy(m.phkh[i], h.slots[i].phkh.p, SE_PHKH_SIZE);
	*ret_measurement = m;
	return OK;
}
