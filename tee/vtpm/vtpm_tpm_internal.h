/* One TPM connection, as the files of vtpm_tpm.h share it. */
#pragma once

#include "vtpm/vtpm_tpm.h"

#include <tss2/tss2_esys.h>

struct vtpm_tpm {
	TSS2_TCTI_CONTEXT *tcti;
	ESYS_CONTEXT *esys;
	ESYS_TR ek, ak;
	bool own_ek, own_ak; /* made by us: must be flushed; else persistent */
	TPM2B_PUBLIC ek_public, ak_public;
	struct buf ek_cert; /* empty until it was read */
};

/* For AUTO() on what ESYS allocated. */
void esys_freep(void *p);
/* ERR_PEER "<call>: <the TPM's reason>". */
RESULT tpm_result(TSS2_RC rc, const char *call);
/* Whether a persistent object or NV index of that handle exists. */
RESULT vtpm_tpm_has(struct vtpm_tpm *t, TPM2_HANDLE handle, bool *ret_exists);
