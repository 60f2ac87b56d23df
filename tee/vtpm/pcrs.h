/*
 * PCR values of any banks, and the files that tools keep them in. Nothing here is trusted: a quote
 * vouches for values by its pcrDigest.
 */
#pragma once

#include "vtpm/tpm2.h"

enum {
	PCR_BANKS_MAX = 5 /* SHA-1, SHA-256, SHA-384, SHA-512, SM3 */
};

struct pcr_bank {
	uint16_t hash;
	enum digest_alg alg;
	uint32_t known; /* bit n: value n is here */
	uint8_t v[TPM_PCRS][DIGEST_MAX];
};
struct pcrs {
	struct pcr_bank bank[PCR_BANKS_MAX];
	size_t n;
};

/* Hashes of banks: also SHA-1 and SM3, which sign nothing. ERR_UNSUPPORTED. */
RESULT pcr_bank_alg(uint16_t tpm_alg, enum digest_alg *ret_alg);
/* NULL: none of that hash. */
const struct pcr_bank *pcrs_bank(const struct pcrs *p, uint16_t hash);
struct bytes pcr_value(const struct pcr_bank *b, unsigned pcr);
/* Adds one value of the bank's size; ERR_FORMAT when it is there already. */
RESULT pcrs_set(struct pcrs *p, uint16_t hash, unsigned pcr, struct bytes value);
/* Values in the order of a quote's selection, one after another and nothing else. */
RESULT pcrs_parse_values(struct bytes in, const struct tpm2_quote *q, struct pcrs *ret_pcrs);
/*
 * Any form: the file of tpm2_quote (TPML_PCR_SELECTION and TPML_DIGESTs of a little-endian
 * machine), the text of tpm2_pcrread and tpm2_quote, or bare values. `q` tells the order of the
 * last. ERR_FORMAT names what is wrong.
 */
RESULT pcrs_parse(struct bytes file, const struct tpm2_quote *q, struct pcrs *ret_pcrs);
/* The file of tpm2_quote, or text that has a bank: forms that need no quote. */
bool pcrs_file_looks(struct bytes file);
/* "sha256: 0-9 14; sha1: 0" of a quote, cut to the size. */
void pcr_selection_text(const struct tpm2_quote *q, char *to, size_t size);
