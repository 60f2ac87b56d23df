#include "vtpm/vtpm.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void public_area(struct bytes in)
{
	AUTO(buf_done) struct buf name = BUF_INIT(TPM2_NAME_MAX);
	AUTO(key_freep) struct key *k = NULL;
	struct tpm2_public p;

	if (failed(tpm2_public_parse(in, &p)))
		return;
	err_ignore(tpm2_name(&p, &name)); /* any verdict, no crash */
	err_ignore(tpm2_public_key(&p, &k));
	err_ignore(vtpm_ak_attributes(&p));
}

/* The first byte picks the structure. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tpm2_signature s;
	struct vtpm_state state;
	struct tpm2_quote q;

	if (size == 0)
		return 0;
	struct bytes in = bytes_of(data + 1, size - 1);
	switch (data[0] % 4) {
	case 0:
		err_ignore(tpm2_quote_parse(in, &q));
		break;
	case 1:
		err_ignore(tpm2_signature_parse(in, &s));
		break;
	case 2:
		public_area(in);
		break;
	default:
		err_ignore(vtpm_state_parse(in, &state));
		break;
	}
	return 0;
}
