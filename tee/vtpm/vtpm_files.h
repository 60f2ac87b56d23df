/* Private to tee/vtpm/: what files of tools hold, before anything of it is judged. */
#pragma once

#include "vtpm/vtpm.h"

enum {
	VTPM_FILE_QUOTES_MAX = 5 /* one a bank */
};

/* Views into the input but for `ak` and `certs`. */
struct vtpm_files {
	struct key *ak;
	bool has_area; /* the AK is given as TPM object */
	struct tpm2_public area;
	struct vtpm_shown_quote quotes[VTPM_FILE_QUOTES_MAX];
	char names[VTPM_FILE_QUOTES_MAX][16];
	struct pcrs pcrs[VTPM_FILE_QUOTES_MAX];
	size_t n;
	struct bytes event_log;
	struct x509_list certs; /* of the AK first */
	bool certs_inside;	/* not given beside the evidence */
};

void vtpm_files_done(struct vtpm_files *f);
/* PEM or DER key or certificate, TPM2B_PUBLIC or TPMT_PUBLIC. */
RESULT vtpm_files_ak(struct vtpm_files *f, struct bytes ak);
/* "attest.Attestation" of go-tpm-tools, a protobuf message. ERR_FORMAT names the field's number. */
RESULT vtpm_attestation_parse(struct bytes pb, struct vtpm_files *f);
/* Quote of Azure's CoCo guests: bincode of signature, message and 24 SHA-256 values. */
RESULT vtpm_bincode_parse(struct bytes in, struct vtpm_files *f);
bool vtpm_is_bincode(struct bytes in);
