/* A Secure Execution header out of its parts. */
#pragma once

#include "se_pages.h"

enum {
	SE_HEADER_FIXED = 0x1a0,
	SE_AREA_SIZE = 128 /* without optional items */
};
static inline size_t se_header_size(size_t n_hosts)
{
	return SE_HEADER_FIXED + n_hosts * SE_SLOT_SIZE + SE_AREA_SIZE + SE_TAG_SIZE;
}

struct se_header_make {
	const struct se_image_keys *keys; /* all of them given */
	const struct key *const *hosts;
	size_t n_hosts;
	uint64_t plain_flags, secret_flags, psw_mask, psw_address;
	struct se_page_digests digests;
};
RESULT se_header_make(const struct se_header_make *m, struct buf *ret_header);
