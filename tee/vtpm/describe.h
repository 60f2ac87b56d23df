/* Private to tee/vtpm/ and tee/azure/: rows for `inspect`. */
#pragma once

#include "vtpm/tpm2.h"

#include <tee/fields.h>

/* Structures are parsed again; `base` is where they stand in the file. */
RESULT tpm2_quote_describe(struct bytes in, struct fields *out);
RESULT tpm2_signature_describe(struct bytes in, struct fields *out);
/* TPM2B_PUBLIC or TPMT_PUBLIC. */
RESULT tpm2_public_describe(struct bytes in, struct fields *out);
/* The TCG event log: events with type, digests and the start of their data. */
RESULT eventlog_describe(struct bytes in, struct fields *out);
bool eventlog_looks(struct bytes in);
/* "sha256", or "0x0042". */
void tpm2_hash_name(uint16_t tpm_alg, char to[static 16]);
