/*
 * The guest's TPM through ESYS: one connection, its endorsement key and one attestation key: the
 * one enrolled at handle 0x81010002, or else an RSA-2048 key made for this process. Errors are
 * ERR_PEER "TPM2_Quote: <the TPM's reason>". Numbers in the byte strings are big-endian as the TPM
 * marshals them.
 */
#pragma once

#include <base/buf.h>
#include <base/secret.h>

enum {
	VTPM_TPM_PCRS = 24,
	VTPM_TPM_PCR_SIZE = 32 /* SHA-256 bank */
};

struct vtpm_tpm;
/* "device:PATH" or "swtpm:host=HOST,port=PORT". */
RESULT vtpm_tpm_open(const char *tcti, struct vtpm_tpm **ret_tpm);
void vtpm_tpm_free(struct vtpm_tpm *t);
void vtpm_tpm_freep(struct vtpm_tpm **t);

/* DER of the RSA-2048 EK certificate, without the padding of its NV index; ERR_NOT_FOUND. Read from
 * the TPM once. */
RESULT vtpm_tpm_ek_cert(struct vtpm_tpm *t, struct buf *ret_der);
/* The persistent key at this handle as AK, before another one was needed. ERR_NOT_FOUND. */
RESULT vtpm_tpm_use_ak(struct vtpm_tpm *t, uint32_t handle);
/* TPM2B_PUBLIC. The keys are found or made at the first call that needs them. */
RESULT vtpm_tpm_ek_public(struct vtpm_tpm *t, struct buf *ret_public);
RESULT vtpm_tpm_ak_public(struct vtpm_tpm *t, struct buf *ret_public);
/* TPM2_ActivateCredential with the AK: TPM2B_ID_OBJECT and TPM2B_ENCRYPTED_SECRET to the secret. */
RESULT vtpm_tpm_activate(struct vtpm_tpm *t, struct bytes credential_blob,
	struct bytes encrypted_secret, struct secret **ret_secret);
/* Quote by the AK over these PCRs (bit n: PCR n) of the SHA-256 bank. */
RESULT vtpm_tpm_quote(struct vtpm_tpm *t, struct bytes extra_data, uint32_t pcrs,
	struct buf *ret_attest, struct buf *ret_signature);
RESULT vtpm_tpm_pcr_read(
	struct vtpm_tpm *t, unsigned pcr, uint8_t ret_value[static VTPM_TPM_PCR_SIZE]);
/* PCRs 0-23 with as few commands as the TPM allows. */
RESULT vtpm_tpm_pcr_read_all(
	struct vtpm_tpm *t, uint8_t ret_values[static VTPM_TPM_PCRS][VTPM_TPM_PCR_SIZE]);
RESULT vtpm_tpm_pcr_extend(
	struct vtpm_tpm *t, unsigned pcr, const uint8_t value[static VTPM_TPM_PCR_SIZE]);

/* NV indices by the owner's empty authorization. The whole index; ERR_NOT_FOUND. */
RESULT vtpm_tpm_nv_read(struct vtpm_tpm *t, uint32_t index, struct buf *ret_data);
/* The index holds `data` then and nothing else: one of another size is defined anew. */
RESULT vtpm_tpm_nv_write(struct vtpm_tpm *t, uint32_t index, struct bytes data);
