#include "vtpm/vtpm.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Evidence or extra-params; without any trusted root nothing may come out as trusted. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct tee_anchors none;
	AUTO(json_freep) struct json *j = NULL;
	AUTO(claims_done) struct claims c = { 0 };
	AUTO(buf_done) struct buf out = BUF_INIT(65536), state = BUF_INIT(4096);
	struct json_writer w = jw_of(&out);

	if (failed(json_parse(bytes_of(data, size), &j)))
		return 0;
	struct tee_verify_input in = {
		.evidence = j,
		.report_data = bytes_str("report data"),
		.state = bytes_str("state"),
		.anchors = &none,
	};
	if (!failed(tee_verify(tee_by_platform("vtpm"), &in, &c)) &&
		!str_equal(claim_text(claims_get(&c, "tpm.ak_trusted")), "false"))
		abort();
	jw_object(&w);
	err_ignore(vtpm_challenge(j, &none, 0, &w, &state)); /* a refusal, or nothing to do */
	if (state.n > 0)
		abort();
	return 0;
}
