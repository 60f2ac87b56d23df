/* Quotes from their bytes: Intel TDX DCAP quoting library, appendix A.3 and A.4. */
#include "tdx/tdx.h"

#include <base/reader.h>

enum {
	VERSION_SGX = 3,
	VERSION_4 = 4,
	VERSION_5 = 5,
	KEY_ECDSA_P256 = 2,
	POINT_SIZE = 64,
	SIGNATURE_SIZE = 64,
	CERT_QE_REPORT = 6, /* certification data that holds the QE's report and more of it */
};

/* Where a reader over `whole` has come to, for messages. */
static size_t at(struct bytes whole, const struct reader *r)
{
	return (size_t)(r->p - whole.p);
}

static struct err cut(struct bytes whole, const struct reader *r, const char *field)
{
	return err_new(ERR_FORMAT, "quote: %s at offset %zu: truncated", field, at(whole, r));
}

static void read_sgx_report(struct reader *r, struct sgx_report *to)
{
	struct bytes raw = rd_take(r, SGX_REPORT_SIZE);
	struct reader in = rd_of(raw);

	to->raw = raw;
	rd_copy(&in, to->cpusvn, sizeof(to->cpusvn));
	to->miscselect = rd_le32(&in);
	rd_skip(&in, 12);
	rd_copy(&in, to->isv_ext_prod_id, sizeof(to->isv_ext_prod_id));
	rd_copy(&in, to->attributes, sizeof(to->attributes));
	rd_copy(&in, to->mr_enclave, sizeof(to->mr_enclave));
	rd_skip(&in, 32);
	rd_copy(&in, to->mr_signer, sizeof(to->mr_signer));
	rd_skip(&in, 32);
	rd_copy(&in, to->config_id, sizeof(to->config_id));
	to->isv_prod_id = rd_le16(&in);
	to->isv_svn = rd_le16(&in);
	to->config_svn = rd_le16(&in);
	rd_skip(&in, 42);
	rd_copy(&in, to->isv_family_id, sizeof(to->isv_family_id));
	rd_copy(&in, to->report_data, sizeof(to->report_data));
}

static void read_td_report(struct reader *r, bool td_15, struct td_report *to)
{
	rd_copy(r, to->tee_tcb_svn, sizeof(to->tee_tcb_svn));
	rd_copy(r, to->mr_seam, sizeof(to->mr_seam));
	rd_copy(r, to->mrsigner_seam, sizeof(to->mrsigner_seam));
	rd_copy(r, to->seam_attributes, sizeof(to->seam_attributes));
	to->td_attributes = rd_le64(r);
	to->xfam = rd_le64(r);
	rd_copy(r, to->mr_td, sizeof(to->mr_td));
	rd_copy(r, to->mr_config_id, sizeof(to->mr_config_id));
	rd_copy(r, to->mr_owner, sizeof(to->mr_owner));
	rd_copy(r, to->mr_owner_config, sizeof(to->mr_owner_config));
	for (size_t i = 0; i < TDX_RTMRS; i++)
		rd_copy(r, to->rtmr[i], sizeof(to->rtmr[i]));
	rd_copy(r, to->report_data, sizeof(to->report_data));
	if (!td_15)
		return;
	rd_copy(r, to->tee_tcb_svn2, sizeof(to->tee_tcb_svn2));
	rd_copy(r, to->mr_servicetd, sizeof(to->mr_servicetd));
}

static RESULT read_header(struct bytes whole, struct reader *r, struct tdx_quote *q)
{
	q->version = rd_le16(r);
	q->att_key_type = rd_le16(r);
	q->tee_type = rd_le32(r);
	q->header_reserved = rd_take(r, 4);
	q->qe_vendor_id = rd_take(r, 16);
	q->user_data = rd_take(r, 20);
	if (!rd_ok(r))
		return cut(whole, r, "header");
	if (q->version < VERSION_SGX || q->version > VERSION_5)
		return err_new(
			ERR_UNSUPPORTED, "quote: version %u at offset 0: not 3 to 5", q->version);
	if (q->att_key_type != KEY_ECDSA_P256)
		return err_new(ERR_UNSUPPORTED,
			"quote: attestation key type %u at offset 2: not 2 (ECDSA P-256)",
			q->att_key_type);
	if (q->tee_type != TDX_TEE_SGX && q->tee_type != TDX_TEE_TDX)
		return err_new(ERR_UNSUPPORTED,
			"quote: TEE type 0x%x at offset 4: neither SGX (0) nor TDX (0x81)",
			q->tee_type);
	if (q->version == VERSION_SGX && q->tee_type != TDX_TEE_SGX)
		return err_new(ERR_FORMAT,
			"quote: TEE type at offset 4: version 3 is of SGX only, not 0x%x",
			q->tee_type);
	return OK;
}

static uint32_t size_of_body(uint16_t type)
{
	switch (type) {
	case TDX_BODY_SGX:
		return SGX_REPORT_SIZE;
	case TDX_BODY_TD_10:
		return TD_REPORT_10_SIZE;
	case TDX_BODY_TD_15:
		return TD_REPORT_15_SIZE;
	default:
		return 0;
	}
}

/* Version 5 says what its body is; before, the TEE type did. */
static RESULT read_body_type(struct bytes whole, struct reader *r, struct tdx_quote *q)
{
	uint16_t type = q->tee_type == TDX_TEE_SGX ? TDX_BODY_SGX : TDX_BODY_TD_10;
	uint32_t size = size_of_body(type);

	if (q->version == VERSION_5) {
		type = rd_le16(r);
		size = rd_le32(r);
		if (!rd_ok(r))
			return cut(whole, r, "body type");
	}
	if (size_of_body(type) == 0)
		return err_new(
			ERR_UNSUPPORTED, "quote: body type %u at offset 48: not 1 to 3", type);
	if (size != size_of_body(type))
		return err_new(ERR_FORMAT,
			"quote: body size at offset 50: %u bytes, but body type %u has %u", size,
			type, size_of_body(type));
	q->body_type = (enum tdx_body_type)type;
	q->body_size = size;
	return OK;
}

static RESULT read_body(struct bytes whole, struct reader *r, struct tdx_quote *q)
{
	TRY(read_body_type(whole, r, q));
	struct reader start = *r;
	if (q->body_type == TDX_BODY_SGX)
		read_sgx_report(r, &q->sgx);
	else
		read_td_report(r, q->body_type == TDX_BODY_TD_15, &q->td);
	if (!rd_ok(r))
		return cut(whole, &start, "body");
	q->signed_bytes = bytes_of(whole.p, at(whole, r));
	return OK;
}

/* Type and size of certification data, and a reader over its contents. */
static RESULT read_cert_header(
	struct bytes whole, struct reader *r, uint16_t *ret_type, struct reader *ret_contents)
{
	struct reader start = *r;

	*ret_type = rd_le16(r);
	uint32_t size = rd_le32(r);
	if (!rd_ok(r))
		return cut(whole, &start, "certification data");
	if (size > r->left)
		return err_new(ERR_FORMAT,
			"quote: certification data at offset %zu: %u bytes, but %zu are left",
			at(whole, &start), size, r->left);
	*ret_contents = rd_sub(r, size);
	return OK;
}

/* Nothing may hide between the parts. */
static RESULT expect_end(struct bytes whole, const struct reader *r, const char *what)
{
	if (r->left > 0)
		return err_new(ERR_FORMAT, "quote: %s: %zu bytes too many at offset %zu", what,
			r->left, at(whole, r));
	return OK;
}

static RESULT read_qe(struct bytes whole, struct reader *r, struct tdx_quote *q)
{
	struct reader start = *r, contents;

	read_sgx_report(r, &q->qe);
	q->qe_signature = rd_take(r, SIGNATURE_SIZE);
	if (!rd_ok(r))
		return cut(whole, &start, "QE report");
	start = *r;
	uint16_t auth_size = rd_le16(r);
	q->qe_auth_data = rd_take(r, auth_size);
	if (!rd_ok(r))
		return cut(whole, &start, "QE authentication data");
	TRY(read_cert_header(whole, r, &q->cert_type, &contents));
	q->cert_data = rd_rest(&contents);
	return expect_end(whole, r, "certification data");
}

static RESULT read_signature(struct bytes whole, struct reader *r, struct tdx_quote *q)
{
	struct reader start = *r, outer;
	uint16_t type;

	q->signature = rd_take(r, SIGNATURE_SIZE);
	q->attestation_key = rd_take(r, POINT_SIZE);
	if (!rd_ok(r))
		return cut(whole, &start, "signature");
	if (q->version == VERSION_SGX)
		return read_qe(whole, r, q);
	start = *r;
	TRY(read_cert_header(whole, r, &type, &outer));
	if (type != CERT_QE_REPORT)
		return err_new(ERR_UNSUPPORTED,
			"quote: certification data type %u at offset %zu: not 6 (QE report)", type,
			at(whole, &start));
	TRY(expect_end(whole, r, "signature data"));
	return read_qe(whole, &outer, q);
}

RESULT tdx_quote_parse(struct bytes in, struct tdx_quote *ret_quote)
{
	struct reader r = rd_of(in);
	struct tdx_quote q = { 0 };

	TRY(read_header(in, &r, &q));
	TRY(read_body(in, &r, &q));
	struct reader start = r;
	uint32_t size = rd_le32(&r);
	if (!rd_ok(&r))
		return cut(in, &start, "size of the signature data");
	if (size > r.left)
		return err_new(ERR_FORMAT,
			"quote: size of the signature data at offset %zu: %u bytes, but %zu are "
			"left",
			at(in, &start), size, r.left);
	struct reader section = rd_sub(&r, size);
	TRY(read_signature(in, &section, &q));
	q.trailing = r.left;
	*ret_quote = q;
	return OK;
}
