#include "tdx_gen.h"
#include "util.h"

#include <base/encode.h>

enum {
	PEM_MAX = 16 * 1024,
	TYPE_SGX = 0,
	TYPE_TDX = 0x81,
};

static const uint8_t auth_data[32] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17,
	18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31 };

static struct sgx_report usual_enclave(uint8_t seed)
{
	struct sgx_report r = { .attributes = { 0x05, 0, 0, 0, 0, 0, 0, 0, 0xe7 } };

	memset(r.cpusvn, 5, sizeof(r.cpusvn));
	memset(r.mr_enclave, seed, sizeof(r.mr_enclave));
	memset(r.mr_signer, seed + 1, sizeof(r.mr_signer));
	memset(r.report_data, seed + 2, sizeof(r.report_data));
	r.isv_svn = 4;
	return r;
}

static struct td_report usual_td(void)
{
	struct td_report t = {
		.tee_tcb_svn = { 5, 1, 5 },
		.tee_tcb_svn2 = { 5, 1, 5 },
		.td_attributes = UINT64_C(1) << 28,
		.xfam = 0x61ae7,
	};

	memset(t.mr_seam, 0x5e, sizeof(t.mr_seam));
	memset(t.mr_td, 0x7d, sizeof(t.mr_td));
	memset(t.mr_owner, 0x0e, sizeof(t.mr_owner));
	for (size_t i = 0; i < TDX_RTMRS; i++)
		memset(t.rtmr[i], (int)(0xa0 + i), sizeof(t.rtmr[i]));
	memset(t.report_data, 0xda, sizeof(t.report_data));
	return t;
}

struct tdx_gen_quote tdx_gen_quote(enum tdx_body_type type)
{
	static const uint8_t intel[16] = { 0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9, 0x94,
		0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07 };
	struct tdx_gen_quote q = {
		.version = type == TDX_BODY_SGX	    ? 3
			   : type == TDX_BODY_TD_10 ? 4
						    : 5,
		.att_key_type = 2,
		.tee_type = type == TDX_BODY_SGX ? TYPE_SGX : TYPE_TDX,
		.body_type = (uint16_t)type,
		.body_size = type == TDX_BODY_SGX     ? SGX_REPORT_SIZE
			     : type == TDX_BODY_TD_10 ? TD_REPORT_10_SIZE
						      : TD_REPORT_15_SIZE,
		.td = usual_td(),
		.sgx = usual_enclave(0x31),
		.qe = usual_enclave(0x41),
		.auth_data = BYTES_OF(auth_data),
		.outer_cert_type = 6,
		.cert_type = 5,
	};

	memcpy(q.qe_vendor_id, intel, sizeof(intel));
	return q;
}

void tdx_gen_put_sgx_report(const struct sgx_report *s, struct buf *out)
{
	buf_put(out, BYTES_OF(s->cpusvn));
	buf_le32(out, s->miscselect);
	buf_zero(out, 12);
	buf_put(out, BYTES_OF(s->isv_ext_prod_id));
	buf_put(out, BYTES_OF(s->attributes));
	buf_put(out, BYTES_OF(s->mr_enclave));
	buf_zero(out, 32);
	buf_put(out, BYTES_OF(s->mr_signer));
	buf_zero(out, 32);
	buf_put(out, BYTES_OF(s->config_id));
	buf_le16(out, s->isv_prod_id);
	buf_le16(out, s->isv_svn);
	buf_le16(out, s->config_svn);
	buf_zero(out, 42);
	buf_put(out, BYTES_OF(s->isv_family_id));
	buf_put(out, BYTES_OF(s->report_data));
}

void tdx_gen_put_td_report(const struct td_report *t, bool td_15, struct buf *out)
{
	buf_put(out, BYTES_OF(t->tee_tcb_svn));
	buf_put(out, BYTES_OF(t->mr_seam));
	buf_put(out, BYTES_OF(t->mrsigner_seam));
	buf_put(out, BYTES_OF(t->seam_attributes));
	buf_le64(out, t->td_attributes);
	buf_le64(out, t->xfam);
	buf_put(out, BYTES_OF(t->mr_td));
	buf_put(out, BYTES_OF(t->mr_config_id));
	buf_put(out, BYTES_OF(t->mr_owner));
	buf_put(out, BYTES_OF(t->mr_owner_config));
	for (size_t i = 0; i < TDX_RTMRS; i++)
		buf_put(out, BYTES_OF(t->rtmr[i]));
	buf_put(out, BYTES_OF(t->report_data));
	if (!td_15)
		return;
	buf_put(out, BYTES_OF(t->tee_tcb_svn2));
	buf_put(out, BYTES_OF(t->mr_servicetd));
}

static void put_signed(const struct tdx_gen_quote *q, struct buf *out)
{
	buf_le16(out, q->version);
	buf_le16(out, q->att_key_type);
	buf_le32(out, q->tee_type);
	buf_zero(out, 4);
	buf_put(out, BYTES_OF(q->qe_vendor_id));
	buf_zero(out, 20);
	if (q->version == 5) {
		buf_le16(out, q->body_type);
		buf_le32(out, q->body_size);
	}
	if (q->body_type == TDX_BODY_SGX)
		tdx_gen_put_sgx_report(&q->sgx, out);
	else
		tdx_gen_put_td_report(&q->td, q->body_type == TDX_BODY_TD_15, out);
}

static void put_signature(const struct key *k, struct bytes message, struct buf *out)
{
	AUTO(buf_done) struct buf der = BUF_INIT(256);

	assert_ok(key_sign(k, SIG_ECDSA_SHA256, message, &der));
	assert_ok(ecdsa_der_to_raw(buf_bytes(&der), 32, out));
}

static void put_pem(const struct x509 *c, struct buf *out)
{
	AUTO(buf_done) struct buf der = BUF_INIT(PEM_MAX), text = BUF_INIT(PEM_MAX);

	assert_ok(x509_der(c, &der));
	base64_encode(BASE64_STD, buf_bytes(&der), &text);
	buf_puts(out, "-----BEGIN CERTIFICATE-----\n");
	for (size_t i = 0; i < text.n; i += 64) {
		buf_put(out, bytes_of(text.p + i, text.n - i < 64 ? text.n - i : 64));
		buf_puts(out, "\n");
	}
	buf_puts(out, "-----END CERTIFICATE-----\n");
}

static void put_certs(const struct tdx_gen *g, const struct tdx_gen_quote *q, struct buf *out)
{
	AUTO(buf_done) struct buf pem = BUF_INIT(PEM_MAX);

	if (q->cert_data.n > 0) {
		buf_put(&pem, q->cert_data);
	} else {
		put_pem(g->pck, &pem);
		put_pem(tdx_gen_ca(g), &pem);
		put_pem(g->root, &pem);
		buf_u8(&pem, 0);
	}
	buf_le16(out, q->cert_type);
	buf_le32(out, pem.n);
	buf_put(out, buf_bytes(&pem));
}

/* QE report, its signature, authentication data, certificates. */
static void put_qe(
	const struct tdx_gen *g, const struct tdx_gen_quote *q, struct bytes key, struct buf *out)
{
	AUTO(buf_done) struct buf report = BUF_INIT(SGX_REPORT_SIZE);
	struct sgx_report qe = q->qe;
	struct digest_value d;

	assert_ok(digest2(DIGEST_SHA256, key, q->auth_data, &d));
	memset(qe.report_data, 0, sizeof(qe.report_data));
	memcpy(qe.report_data, d.v, d.n);
	if (q->wrong_binding)
		qe.report_data[7] ^= 1;
	if (q->dirty_binding)
		qe.report_data[63] = 1;
	tdx_gen_put_sgx_report(&qe, &report);
	buf_put(out, buf_bytes(&report));
	put_signature(q->sign_qe ? q->sign_qe : g->pck_key, buf_bytes(&report), out);
	buf_le16(out, q->auth_data.n);
	buf_put(out, q->auth_data);
	put_certs(g, q, out);
}

void tdx_gen_quote_make(const struct tdx_gen *g, const struct tdx_gen_quote *q, struct buf *ret)
{
	AUTO(buf_done) struct buf key = BUF_INIT(32), y = BUF_INIT(32), point = BUF_INIT(64);
	AUTO(buf_done) struct buf section = BUF_INIT(PEM_MAX), qe = BUF_INIT(PEM_MAX);

	assert_ok(key_ec_point(g->attestation_key, &key, &y));
	buf_put(&point, buf_bytes(&key));
	buf_put(&point, buf_bytes(&y));
	*ret = BUF_INIT(TDX_GEN_QUOTE_MAX);
	put_signed(q, ret);
	put_signature(q->sign_quote ? q->sign_quote : g->attestation_key, buf_bytes(ret), &section);
	buf_put(&section, buf_bytes(&point));
	put_qe(g, q, buf_bytes(&point), &qe);
	if (q->version != 3) {
		buf_le16(&section, q->outer_cert_type);
		buf_le32(&section, qe.n);
	}
	buf_put(&section, buf_bytes(&qe));
	buf_le32(ret, section.n);
	buf_put(ret, buf_bytes(&section));
	buf_zero(ret, q->trailing);
	assert_ok(buf_end(ret, "quote"));
}
