/* The three digests of a Secure Execution header over the pages of components. */
#pragma once

#include <measured-boot/se_image.h>

struct se_pages {
	struct digest_ctx *pld, *ald, *tld;
	uint64_t n;
};
struct se_page_digests {
	struct digest_value pld, ald, tld;
	uint64_t pages;
};
RESULT se_pages_init(struct se_pages *p);
void se_pages_done(struct se_pages *p);
/* In ascending order of addresses. */
RESULT se_pages_add(struct se_pages *p, const struct se_component *c);
RESULT se_pages_end(struct se_pages *p, struct se_page_digests *ret_digests);

/* The tweak of a component's i-th page. */
void se_page_tweak(uint64_t prefix, size_t i, uint8_t to[static 16]);
