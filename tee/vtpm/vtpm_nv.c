#include "vtpm/vtpm_tpm_internal.h"

#include <base/reader.h>

/* TCG EK Credential Profile 2.5, 2.2.1.4 */
#define EK_CERT_NV 0x01c00002u

enum {
	NV_CHUNK = 512, /* every TPM's TPM2_PT_NV_BUFFER_MAX is at least this */
};

static const TPM2B_AUTH no_auth;

RESULT vtpm_tpm_has(struct vtpm_tpm *t, TPM2_HANDLE handle, bool *ret_exists)
{
	AUTO(esys_freep) TPMS_CAPABILITY_DATA *data = NULL;
	TPMI_YES_NO more;

	TRY(tpm_result(Esys_GetCapability(t->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
			       TPM2_CAP_HANDLES, handle, 1, &more, &data),
		"TPM2_GetCapability"));
	*ret_exists = data->data.handles.count > 0 && data->data.handles.handle[0] == handle;
	return OK;
}

/* ---- one index ---- */
struct nv {
	struct vtpm_tpm *tpm;
	ESYS_TR handle;
	size_t size;
};

static void nv_close(struct nv *nv)
{
	if (nv->tpm)
		(void)Esys_TR_Close(nv->tpm->esys, &nv->handle);
}

static struct err nv_open(struct vtpm_tpm *t, uint32_t index, struct nv *ret_nv)
{
	AUTO(esys_freep) TPM2B_NV_PUBLIC *info = NULL;
	AUTO(esys_freep) TPM2B_NAME *name = NULL;
	AUTO(nv_close) struct nv nv = { 0 };
	bool exists;

	TRY(vtpm_tpm_has(t, index, &exists));
	if (!exists)
		return err_new(ERR_NOT_FOUND, "the TPM has no NV index 0x%08x", index);
	TRY(tpm_result(Esys_TR_FromTPMPublic(t->esys, index, ESYS_TR_NONE, ESYS_TR_NONE,
			       ESYS_TR_NONE, &nv.handle),
		"TPM2_NV_ReadPublic"));
	nv.tpm = t;
	TRY(tpm_result(Esys_NV_ReadPublic(t->esys, nv.handle, ESYS_TR_NONE, ESYS_TR_NONE,
			       ESYS_TR_NONE, &info, &name),
		"TPM2_NV_ReadPublic"));
	nv.size = info->nvPublic.dataSize;
	*ret_nv = nv;
	nv.tpm = NULL;
	return OK;
}

static struct err nv_get(const struct nv *nv, ESYS_TR auth, struct buf *out)
{
	for (size_t at = 0; at < nv->size;) {
		AUTO(esys_freep) TPM2B_MAX_NV_BUFFER *part = NULL;
		size_t want = nv->size - at < NV_CHUNK ? nv->size - at : NV_CHUNK;

		TRY(tpm_result(
			Esys_NV_Read(nv->tpm->esys, auth, nv->handle, ESYS_TR_PASSWORD,
				ESYS_TR_NONE, ESYS_TR_NONE, (uint16_t)want, (uint16_t)at, &part),
			"TPM2_NV_Read"));
		if (part->size != want)
			return err_new(
				ERR_PEER, "TPM2_NV_Read: %u bytes for %zu", part->size, want);
		buf_put(out, bytes_of(part->buffer, part->size));
		at += want;
	}
	return buf_end(out, "NV index");
}

RESULT vtpm_tpm_nv_read(struct vtpm_tpm *t, uint32_t index, struct buf *ret_data)
{
	AUTO(nv_close) struct nv nv = { 0 };

	TRY(nv_open(t, index, &nv));
	struct err e = nv_get(&nv, ESYS_TR_RH_OWNER, ret_data);
	return failed(e) ? err_add(e, "NV index 0x%08x", index) : OK;
}

/* ---- writing ---- */
static struct err nv_define(struct vtpm_tpm *t, uint32_t index, size_t size)
{
	const TPM2B_NV_PUBLIC what = {
		.nvPublic = {
			.nvIndex = index,
			.nameAlg = TPM2_ALG_SHA256,
			.attributes = TPMA_NV_OWNERREAD | TPMA_NV_OWNERWRITE,
			.dataSize = (uint16_t)size,
		},
	};
	ESYS_TR handle = ESYS_TR_NONE;

	TRY(tpm_result(Esys_NV_DefineSpace(t->esys, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD,
			       ESYS_TR_NONE, ESYS_TR_NONE, &no_auth, &what, &handle),
		"TPM2_NV_DefineSpace"));
	return tpm_result(Esys_TR_Close(t->esys, &handle), "TPM2_NV_DefineSpace");
}

static struct err nv_put(const struct nv *nv, struct bytes data)
{
	for (size_t at = 0; at < data.n;) {
		TPM2B_MAX_NV_BUFFER part = { 0 };

		part.size = (uint16_t)(data.n - at < NV_CHUNK ? data.n - at : NV_CHUNK);
		memcpy(part.buffer, data.p + at, part.size);
		TRY(tpm_result(
			Esys_NV_Write(nv->tpm->esys, ESYS_TR_RH_OWNER, nv->handle, ESYS_TR_PASSWORD,
				ESYS_TR_NONE, ESYS_TR_NONE, &part, (uint16_t)at),
			"TPM2_NV_Write"));
		at += part.size;
	}
	return OK;
}

/* An index of another size cannot be written as a whole. */
static struct err nv_drop(struct nv *nv)
{
	TRY(tpm_result(Esys_NV_UndefineSpace(nv->tpm->esys, ESYS_TR_RH_OWNER, nv->handle,
			       ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE),
		"TPM2_NV_UndefineSpace"));
	nv->tpm = NULL;
	return OK;
}

static struct err nv_replace(struct vtpm_tpm *t, uint32_t index, struct bytes data)
{
	AUTO(nv_close) struct nv nv = { 0 };

	struct err e = nv_open(t, index, &nv);
	if (failed(e) && e.code != ERR_NOT_FOUND)
		return e;
	if (!failed(e) && nv.size == data.n)
		return nv_put(&nv, data);
	if (!failed(e))
		TRY(nv_drop(&nv));
	TRY(nv_define(t, index, data.n));
	TRY(nv_open(t, index, &nv));
	return nv_put(&nv, data);
}

RESULT vtpm_tpm_nv_write(struct vtpm_tpm *t, uint32_t index, struct bytes data)
{
	struct err e = nv_replace(t, index, data);

	return failed(e) ? err_add(e, "NV index 0x%08x", index) : OK;
}

/* ---- EK certificate ---- */
/* The index may be larger than the certificate: the DER length decides. */
static struct err cut_to_der(struct bytes nv, struct buf *ret_der)
{
	struct reader r = rd_of(nv);

	uint16_t tag = rd_be16(&r); /* SEQUENCE, two length bytes: any certificate's size */
	uint16_t n = rd_be16(&r);
	(void)rd_take(&r, n);
	if (!rd_ok(&r) || tag != 0x3082)
		return err_new(ERR_FORMAT, "EK certificate in NV index 0x%08x: no certificate",
			EK_CERT_NV);
	buf_put(ret_der, bytes_of(nv.p, 4u + n));
	return buf_end(ret_der, "EK certificate");
}

static struct err read_ek_cert(struct vtpm_tpm *t)
{
	AUTO(buf_done) struct buf raw = BUF_INIT(UINT16_MAX);
	AUTO(nv_close) struct nv nv = { 0 };

	TRY(nv_open(t, EK_CERT_NV, &nv));
	/* By the index's own, empty authorization: the owner's may be set. */
	TRY(nv_get(&nv, nv.handle, &raw));
	return cut_to_der(buf_bytes(&raw), &t->ek_cert);
}

RESULT vtpm_tpm_ek_cert(struct vtpm_tpm *t, struct buf *ret_der)
{
	if (t->ek_cert.n == 0) {
		struct err e = read_ek_cert(t);
		if (failed(e))
			return err_add(e, "EK certificate");
	}
	buf_put(ret_der, buf_bytes(&t->ek_cert));
	return buf_end(ret_der, "EK certificate");
}
