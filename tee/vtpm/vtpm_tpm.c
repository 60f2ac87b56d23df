#include "vtpm/vtpm_tpm_internal.h"

#include <stdlib.h>

#include <tss2/tss2_mu.h>
#include <tss2/tss2_rc.h>
#include <tss2/tss2_tcti_device.h>
#include <tss2/tss2_tcti_swtpm.h>

/* TCG EK Credential Profile 2.5, 7.8; where guest-components look for an enrolled AK */
#define EK_HANDLE 0x81010001u
#define AK_HANDLE 0x81010002u

enum {
	MARSHAL_MAX = 4096,
	RSA_BITS = 2048,
	PCR_BYTES = 3,
};

/* PolicySecret(TPM_RH_ENDORSEMENT), the policy of template L-1 (profile B.3.3). */
static const TPM2B_DIGEST ek_policy = {
	.size = 32,
	.buffer = { 0x83, 0x71, 0x97, 0x67, 0x44, 0x84, 0xb3, 0xf8, 0x1a, 0x90, 0xcc, 0x8d, 0x46,
		0xa5, 0xd7, 0x24, 0xfd, 0x52, 0xd7, 0x6e, 0x06, 0x52, 0x0b, 0x64, 0xf2, 0xa1, 0xda,
		0x1b, 0x33, 0x14, 0x69, 0xaa },
};

static const TPM2B_SENSITIVE_CREATE no_sensitive;
static const TPM2B_DATA no_outside_info;
static const TPML_PCR_SELECTION no_creation_pcrs;

void esys_freep(void *p)
{
	Esys_Free(*(void **)p);
}

struct err tpm_result(TSS2_RC rc, const char *call)
{
	if (rc == TSS2_RC_SUCCESS)
		return OK;
	return err_new(ERR_PEER, "%s: %s (0x%x)", call, Tss2_RC_Decode(rc), rc);
}

/* ---- connection ---- */
static const struct transport {
	const char *prefix;
	TSS2_RC (*init)(TSS2_TCTI_CONTEXT *context, size_t *size, const char *conf);
} transports[] = {
	{ "device:", Tss2_Tcti_Device_Init },
	{ "swtpm:", Tss2_Tcti_Swtpm_Init },
};

static struct err tcti_open(const char *conf, TSS2_TCTI_CONTEXT **ret_tcti)
{
	const struct transport *t = NULL;
	size_t size;

	for (size_t i = 0; i < ARRAY_LEN(transports) && !t; i++)
		if (str_starts(conf, transports[i].prefix))
			t = &transports[i];
	if (!t)
		return err_new(ERR_UNSUPPORTED, "TPM transport '%s'", conf);
	conf += strlen(t->prefix);
	TRY(tpm_result(t->init(NULL, &size, conf), conf));
	AUTO(auto_free) TSS2_TCTI_CONTEXT *tcti = calloc(1, size);
	if (!tcti)
		return err_new(ERR_NOMEM, "TPM transport");
	TRY(tpm_result(t->init(tcti, &size, conf), conf));
	*ret_tcti = TAKE(tcti);
	return OK;
}

RESULT vtpm_tpm_open(const char *conf, struct vtpm_tpm **ret_tpm)
{
	AUTO(vtpm_tpm_freep) struct vtpm_tpm *t = calloc(1, sizeof(*t));

	if (!t)
		return err_new(ERR_NOMEM, "TPM connection");
	/* libtss2 writes what goes wrong to standard error by itself; here errors are returned. */
	if (setenv("TSS2_LOG", "all+none", 0) != 0) /* NOLINT(concurrency-mt-unsafe): one thread */
		return err_new(ERR_SYS, "TSS2_LOG");
	t->ek = t->ak = ESYS_TR_NONE;
	t->ek_cert = BUF_INIT(UINT16_MAX);
	TRY(tcti_open(conf, &t->tcti));
	TRY(tpm_result(Esys_Initialize(&t->esys, t->tcti, NULL), "Esys_Initialize"));
	*ret_tpm = TAKE(t);
	return OK;
}

static void flush_keys(struct vtpm_tpm *t)
{
	if (t->ak != ESYS_TR_NONE && t->own_ak)
		(void)Esys_FlushContext(t->esys, t->ak);
	if (t->ek != ESYS_TR_NONE && t->own_ek)
		(void)Esys_FlushContext(t->esys, t->ek);
}

void vtpm_tpm_free(struct vtpm_tpm *t)
{
	if (!t)
		return;
	if (t->esys) {
		flush_keys(t);
		Esys_Finalize(&t->esys);
	}
	if (t->tcti) {
		Tss2_Tcti_Finalize(t->tcti);
		free(t->tcti);
	}
	buf_done(&t->ek_cert);
	free(t);
}

void vtpm_tpm_freep(struct vtpm_tpm **t)
{
	vtpm_tpm_free(*t);
}

/* ---- endorsement key ---- */
static struct err persistent_key(
	struct vtpm_tpm *t, TPM2_HANDLE handle, ESYS_TR *ret_key, TPM2B_PUBLIC *ret_public)
{
	AUTO(esys_freep) TPM2B_PUBLIC *pub = NULL;
	AUTO(esys_freep) TPM2B_NAME *name = NULL;
	AUTO(esys_freep) TPM2B_NAME *qualified = NULL;
	ESYS_TR key = ESYS_TR_NONE;

	TRY(tpm_result(Esys_TR_FromTPMPublic(
			       t->esys, handle, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &key),
		"TPM2_ReadPublic"));
	TRY(tpm_result(Esys_ReadPublic(t->esys, key, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &pub,
			       &name, &qualified),
		"TPM2_ReadPublic"));
	*ret_key = key;
	*ret_public = *pub;
	return OK;
}

/* Template L-1 (profile B.3.3): the key that the certificate of NV index 0x01c00002 is for. */
static struct err ek_create(struct vtpm_tpm *t)
{
	TPM2B_PUBLIC template = {
		.publicArea = {
			.type = TPM2_ALG_RSA,
			.nameAlg = TPM2_ALG_SHA256,
			.objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT |
				TPMA_OBJECT_SENSITIVEDATAORIGIN | TPMA_OBJECT_ADMINWITHPOLICY |
				TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT,
			.authPolicy = ek_policy,
			.parameters.rsaDetail = {
				.symmetric = { .algorithm = TPM2_ALG_AES, .keyBits.aes = 128,
					.mode.aes = TPM2_ALG_CFB },
				.scheme.scheme = TPM2_ALG_NULL,
				.keyBits = RSA_BITS,
			},
			.unique.rsa.size = RSA_BITS / 8,
		},
	};
	AUTO(esys_freep) TPM2B_PUBLIC *pub = NULL;

	TRY(tpm_result(Esys_CreatePrimary(t->esys, ESYS_TR_RH_ENDORSEMENT, ESYS_TR_PASSWORD,
			       ESYS_TR_NONE, ESYS_TR_NONE, &no_sensitive, &template,
			       &no_outside_info, &no_creation_pcrs, &t->ek, &pub, NULL, NULL, NULL),
		"TPM2_CreatePrimary of the EK"));
	t->own_ek = true;
	t->ek_public = *pub;
	return OK;
}

static struct err need_ek(struct vtpm_tpm *t)
{
	bool exists;

	if (t->ek != ESYS_TR_NONE)
		return OK;
	TRY(vtpm_tpm_has(t, EK_HANDLE, &exists));
	return exists ? persistent_key(t, EK_HANDLE, &t->ek, &t->ek_public) : ek_create(t);
}

/* ---- policy session of the EK ---- */
struct session {
	struct vtpm_tpm *tpm;
	ESYS_TR handle;
};

static void session_end(struct session *s)
{
	if (s->tpm)
		(void)Esys_FlushContext(s->tpm->esys, s->handle);
}

static struct err session_start(struct vtpm_tpm *t, struct session *ret_session)
{
	const TPMT_SYM_DEF none = { .algorithm = TPM2_ALG_NULL };
	ESYS_TR handle;

	TRY(tpm_result(Esys_StartAuthSession(t->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
			       ESYS_TR_NONE, ESYS_TR_NONE, NULL, TPM2_SE_POLICY, &none,
			       TPM2_ALG_SHA256, &handle),
		"TPM2_StartAuthSession"));
	/* From here on it must be flushed, and stays until it is. */
	*ret_session = (struct session){ .tpm = t, .handle = handle };
	TRY(tpm_result(Esys_TRSess_SetAttributes(t->esys, handle, TPMA_SESSION_CONTINUESESSION,
			       TPMA_SESSION_CONTINUESESSION),
		"session attributes"));
	return tpm_result(
		Esys_PolicySecret(t->esys, ESYS_TR_RH_ENDORSEMENT, handle, ESYS_TR_PASSWORD,
			ESYS_TR_NONE, ESYS_TR_NONE, NULL, NULL, NULL, 0, NULL, NULL),
		"TPM2_PolicySecret");
}

/* ---- attestation key ---- */
static struct err ak_create(
	struct vtpm_tpm *t, TPM2B_PRIVATE **ret_private, TPM2B_PUBLIC **ret_public)
{
	/* RSASSA with SHA-256: the one scheme that every verifier of Trustee's "tpm" knows. */
	const TPM2B_PUBLIC template = {
		.publicArea = {
			.type = TPM2_ALG_RSA,
			.nameAlg = TPM2_ALG_SHA256,
			.objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT |
				TPMA_OBJECT_SENSITIVEDATAORIGIN | TPMA_OBJECT_USERWITHAUTH |
				TPMA_OBJECT_NODA | TPMA_OBJECT_RESTRICTED |
				TPMA_OBJECT_SIGN_ENCRYPT,
			.parameters.rsaDetail = {
				.symmetric.algorithm = TPM2_ALG_NULL,
				.scheme = { .scheme = TPM2_ALG_RSASSA,
					.details.rsassa.hashAlg = TPM2_ALG_SHA256 },
				.keyBits = RSA_BITS,
			},
		},
	};
	AUTO(session_end) struct session s = { 0 };

	TRY(session_start(t, &s));
	return tpm_result(Esys_Create(t->esys, t->ek, s.handle, ESYS_TR_NONE, ESYS_TR_NONE,
				  &no_sensitive, &template, &no_outside_info, &no_creation_pcrs,
				  ret_private, ret_public, NULL, NULL, NULL),
		"TPM2_Create of the AK");
}

RESULT vtpm_tpm_use_ak(struct vtpm_tpm *t, uint32_t handle)
{
	bool exists;

	TRY(vtpm_tpm_has(t, handle, &exists));
	if (!exists)
		return err_new(ERR_NOT_FOUND, "the TPM has no key at handle 0x%08x", handle);
	return persistent_key(t, handle, &t->ak, &t->ak_public);
}

static struct err need_ak(struct vtpm_tpm *t)
{
	AUTO(esys_freep) TPM2B_PRIVATE *private_part = NULL;
	AUTO(esys_freep) TPM2B_PUBLIC *public_part = NULL;
	AUTO(session_end) struct session s = { 0 };
	bool enrolled;

	if (t->ak != ESYS_TR_NONE)
		return OK;
	TRY(vtpm_tpm_has(t, AK_HANDLE, &enrolled));
	if (enrolled)
		return vtpm_tpm_use_ak(t, AK_HANDLE);
	TRY(need_ek(t));
	TRY(ak_create(t, &private_part, &public_part));
	TRY(session_start(t, &s));
	TRY(tpm_result(Esys_Load(t->esys, t->ek, s.handle, ESYS_TR_NONE, ESYS_TR_NONE, private_part,
			       public_part, &t->ak),
		"TPM2_Load of the AK"));
	t->own_ak = true;
	t->ak_public = *public_part;
	return OK;
}

static struct err put_public(const TPM2B_PUBLIC *pub, struct buf *out)
{
	uint8_t bytes[MARSHAL_MAX];
	size_t n = 0;

	TRY(tpm_result(Tss2_MU_TPM2B_PUBLIC_Marshal(pub, bytes, sizeof(bytes), &n),
		"marshalling a public area"));
	buf_put(out, bytes_of(bytes, n));
	return buf_end(out, "TPM2B_PUBLIC");
}

RESULT vtpm_tpm_ek_public(struct vtpm_tpm *t, struct buf *ret_public)
{
	TRY(need_ek(t));
	return put_public(&t->ek_public, ret_public);
}

RESULT vtpm_tpm_ak_public(struct vtpm_tpm *t, struct buf *ret_public)
{
	TRY(need_ak(t));
	return put_public(&t->ak_public, ret_public);
}

RESULT vtpm_tpm_activate(struct vtpm_tpm *t, struct bytes credential_blob,
	struct bytes encrypted_secret, struct secret **ret_secret)
{
	AUTO(esys_freep) TPM2B_DIGEST *info = NULL;
	AUTO(session_end) struct session s = { 0 };
	TPM2B_ENCRYPTED_SECRET secret = { 0 };
	TPM2B_ID_OBJECT blob = { 0 };
	size_t at = 0;

	TRY(tpm_result(
		Tss2_MU_TPM2B_ID_OBJECT_Unmarshal(credential_blob.p, credential_blob.n, &at, &blob),
		"credential blob"));
	at = 0;
	TRY(tpm_result(Tss2_MU_TPM2B_ENCRYPTED_SECRET_Unmarshal(
			       encrypted_secret.p, encrypted_secret.n, &at, &secret),
		"encrypted secret"));
	TRY(need_ak(t));
	TRY(session_start(t, &s));
	TRY(tpm_result(Esys_ActivateCredential(t->esys, t->ak, t->ek, ESYS_TR_PASSWORD, s.handle,
			       ESYS_TR_NONE, &blob, &secret, &info),
		"TPM2_ActivateCredential"));
	struct err e = secret_of(bytes_of(info->buffer, info->size), ret_secret);
	bytes_wipe(info, sizeof(*info));
	return e;
}

/* ---- PCRs and quote ---- */
static TPML_PCR_SELECTION selection(uint32_t pcrs)
{
	TPML_PCR_SELECTION s = {
		.count = 1,
		.pcrSelections[0] = { .hash = TPM2_ALG_SHA256, .sizeofSelect = PCR_BYTES },
	};

	for (size_t i = 0; i < PCR_BYTES; i++)
		s.pcrSelections[0].pcrSelect[i] = (uint8_t)(pcrs >> (8 * i));
	return s;
}

RESULT vtpm_tpm_quote(struct vtpm_tpm *t, struct bytes extra_data, uint32_t pcrs,
	struct buf *ret_attest, struct buf *ret_signature)
{
	const TPMT_SIG_SCHEME scheme_of_key = { .scheme = TPM2_ALG_NULL };
	const TPML_PCR_SELECTION select = selection(pcrs);
	AUTO(esys_freep) TPM2B_ATTEST *attest = NULL;
	AUTO(esys_freep) TPMT_SIGNATURE *signature = NULL;
	TPM2B_DATA qualifying = { .size = (uint16_t)extra_data.n };
	uint8_t bytes[MARSHAL_MAX];
	size_t n = 0;

	if (extra_data.n > sizeof(qualifying.buffer))
		return err_new(ERR_LIMIT, "TPM2_Quote: %zu bytes of extra data", extra_data.n);
	memcpy(qualifying.buffer, extra_data.p, extra_data.n);
	TRY(need_ak(t));
	TRY(tpm_result(Esys_Quote(t->esys, t->ak, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
			       &qualifying, &scheme_of_key, &select, &attest, &signature),
		"TPM2_Quote"));
	TRY(tpm_result(Tss2_MU_TPMT_SIGNATURE_Marshal(signature, bytes, sizeof(bytes), &n),
		"marshalling the signature"));
	buf_put(ret_attest, bytes_of(attest->attestationData, attest->size));
	buf_put(ret_signature, bytes_of(bytes, n));
	TRY(buf_end(ret_attest, "TPMS_ATTEST"));
	return buf_end(ret_signature, "TPMT_SIGNATURE");
}

/* One TPM2_PCR_Read: takes what it answered from `wanted`. */
static struct err read_some(struct vtpm_tpm *t, uint32_t *wanted,
	uint8_t values[static VTPM_TPM_PCRS][VTPM_TPM_PCR_SIZE])
{
	const TPML_PCR_SELECTION select = selection(*wanted);
	AUTO(esys_freep) TPML_PCR_SELECTION *read = NULL;
	AUTO(esys_freep) TPML_DIGEST *digests = NULL;
	uint32_t counter, n = 0;

	TRY(tpm_result(Esys_PCR_Read(t->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &select,
			       &counter, &read, &digests),
		"TPM2_PCR_Read"));
	for (unsigned pcr = 0; pcr < VTPM_TPM_PCRS && n < digests->count; pcr++) {
		if (!(*wanted >> pcr & 1) ||
			!(read->pcrSelections[0].pcrSelect[pcr / 8] >> (pcr % 8) & 1))
			continue;
		if (digests->digests[n].size != VTPM_TPM_PCR_SIZE)
			break;
		memcpy(values[pcr], digests->digests[n++].buffer, VTPM_TPM_PCR_SIZE);
		*wanted &= ~(1u << pcr);
	}
	if (n == 0)
		return err_new(ERR_UNSUPPORTED, "TPM2_PCR_Read: the TPM has no SHA-256 bank");
	return OK;
}

RESULT vtpm_tpm_pcr_read_all(
	struct vtpm_tpm *t, uint8_t ret_values[static VTPM_TPM_PCRS][VTPM_TPM_PCR_SIZE])
{
	uint32_t wanted = (1u << VTPM_TPM_PCRS) - 1;

	while (wanted)
		TRY(read_some(t, &wanted, ret_values));
	return OK;
}

RESULT vtpm_tpm_pcr_read(
	struct vtpm_tpm *t, unsigned pcr, uint8_t ret_value[static VTPM_TPM_PCR_SIZE])
{
	uint8_t values[VTPM_TPM_PCRS][VTPM_TPM_PCR_SIZE];
	uint32_t wanted = 1u << pcr;

	TRY(read_some(t, &wanted, values));
	memcpy(ret_value, values[pcr], VTPM_TPM_PCR_SIZE);
	return OK;
}

RESULT vtpm_tpm_pcr_extend(
	struct vtpm_tpm *t, unsigned pcr, const uint8_t value[static VTPM_TPM_PCR_SIZE])
{
	TPML_DIGEST_VALUES v = { .count = 1, .digests[0].hashAlg = TPM2_ALG_SHA256 };

	memcpy(v.digests[0].digest.sha256, value, VTPM_TPM_PCR_SIZE);
	return tpm_result(Esys_PCR_Extend(t->esys, ESYS_TR_PCR0 + pcr, ESYS_TR_PASSWORD,
				  ESYS_TR_NONE, ESYS_TR_NONE, &v),
		"TPM2_PCR_Extend");
}
