/* Private to crypto/ and its tests: what jwe_seal() chooses at random. */
#pragma once

#include <crypto/jose.h>

struct jwe_choice {
	const struct key *ephemeral; /* EC recipients only */
	struct bytes cek, iv;
};
RESULT jwe_seal_with(const struct key *recipient, const struct jwe_choice *choice,
	struct bytes plain, struct buf *out);
