#include "rcar.h"

#include <stdint.h>

#include <keybroker-client/refusal.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever a broker may answer. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(rcar_challenge_done) struct rcar_challenge c = { 0 };
	AUTO(buf_done) struct buf token = BUF_INIT(RCAR_TOKEN_MAX);
	struct bytes in = bytes_of(data, size);

	err_ignore(rcar_challenge_parse(tee_by_platform("vtpm"), in, &c));
	err_ignore(rcar_token_parse(in, &token));
	err_ignore(kbs_refusal(403, in));
	return 0;
}
