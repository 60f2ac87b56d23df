#include "azure_gen.h"

#include "tdx/tdreport.h"
#include "util.h"

#include <base/encode.h>

enum {
	GEN_MAX = 64 * 1024,
	TDREPORT_TCB_INFO_AT = 256,
	TDREPORT_TD_INFO_AT = 512,
	HASH_SIZE = 48,
};

void azure_gen_init(struct azure_gen *g, bool tdx)
{
	*g = (struct azure_gen){
		.tdx = tdx,
		.version = 2,
		.hash_type = 1,
		.report_type = tdx ? HCL_TDX : HCL_SNP,
		.pcrs = 0xffffff,
		.bank = TPM_ALG_SHA256,
		.n_selections = 1,
	};
	assert_ok(key_generate(KEY_RSA, &g->ak));
	assert_ok(digest(DIGEST_SHA256, bytes_str("runtime data of a handshake"), &g->report_data));
	for (size_t i = 0; i < TPM_PCRS; i++)
		assert_ok(digest(DIGEST_SHA256, bytes_of(&i, 1), &g->pcr[i]));
	if (!tdx) {
		snp_gen_init(&g->snp, 3, SNP_MILAN, false);
		g->collateral = g->snp.collateral;
		g->anchors = g->snp.anchors;
		return;
	}
	const struct tdx_gen_collateral want = tdx_gen_collateral(true);
	tdx_gen_init(&g->intel);
	g->td = tdx_gen_quote(TDX_BODY_TD_10);
	assert_ok(collateral_new(&g->collateral));
	tdx_gen_collateral_add(&g->intel, &want, g->collateral);
	g->anchors = g->intel.anchors;
}

void azure_gen_done(struct azure_gen *g)
{
	if (g->tdx) {
		tdx_gen_done(&g->intel);
		collateral_freep(&g->collateral);
	} else {
		snp_gen_done(&g->snp);
	}
	key_free(g->ak);
	buf_done(&g->hcl);
	buf_done(&g->message);
	buf_done(&g->signature);
	buf_done(&g->td_quote);
}

void azure_gen_bind_initdata(struct azure_gen *g, struct bytes initdata_digest)
{
	uint8_t fitted[DIGEST_SHA256_SIZE];

	memset(g->pcr[8].v, 0, g->pcr[8].n);
	tee_fit_digest(initdata_digest, fitted, sizeof(fitted));
	assert_ok(pcr_extend(&g->pcr[8], BYTES_OF(fitted)));
}

/* ---- HCL report ---- */
static void make_runtime(const struct azure_gen *g, struct buf *out)
{
	AUTO(buf_done) struct buf n = BUF_INIT(1024), e = BUF_INIT(16);
	struct json_writer w = jw_of(out);
	uint8_t user_data[HCL_USER_DATA] = { 0 };

	assert_ok(key_rsa_numbers(g->ak, &n, &e));
	jw_object(&w);
	jw_key(&w, "keys");
	jw_array(&w);
	jw_object(&w);
	jw_kstr(&w, "kid", g->no_ak ? "HCLEkPub" : "HCLAkPub");
	jw_kstr(&w, "kty", "RSA");
	jw_kbase64url(&w, "e", buf_bytes(&e));
	jw_kbase64url(&w, "n", buf_bytes(&n));
	jw_object_end(&w);
	jw_array_end(&w);
	if (!g->foreign_user_data)
		memcpy(user_data, g->report_data.v, g->report_data.n);
	jw_khex(&w, "user-data", BYTES_OF(user_data));
	jw_object_end(&w);
	assert_ok(buf_end(out, "runtime data"));
}

static void hash_at(struct buf *report, size_t to, size_t from, size_t n)
{
	struct digest_value d;

	assert_ok(digest(DIGEST_SHA384, bytes_of(report->p + from, n), &d));
	memcpy(report->p + to, d.v, HASH_SIZE);
}

/* TDREPORT_STRUCT: REPORTMACSTRUCT 256, TEE_TCB_INFO 239 and 17 reserved, TDINFO 512. */
static void make_tdreport(const struct azure_gen *g, const uint8_t report_data[64], struct buf *out)
{
	const struct td_report *td = &g->td.td;

	buf_u8(out, TDX_TEE_TDX);
	buf_zero(out, 127);
	buf_put(out, bytes_of(report_data, 64));
	buf_zero(out, 64);
	buf_zero(out, TDREPORT_TD_INFO_AT - TDREPORT_TCB_INFO_AT);
	buf_le64(out, td->td_attributes);
	buf_le64(out, td->xfam);
	buf_put(out, BYTES_OF(td->mr_td));
	buf_zero(out, HCL_HARDWARE_SIZE - out->n);
	assert_ok(buf_end(out, "TDREPORT"));
	hash_at(out, 32, TDREPORT_TCB_INFO_AT, 239);
	hash_at(out, 80, TDREPORT_TD_INFO_AT, 512);
	if (g->foreign_tdreport)
		out->p[128] ^= 1;
	if (g->broken_tdreport)
		out->p[80] ^= 1;
}

static void make_hardware(struct azure_gen *g, struct bytes runtime, struct buf *out)
{
	static const enum digest_alg algs[] = { DIGEST_SHA256, DIGEST_SHA256, DIGEST_SHA384,
		DIGEST_SHA512 };
	uint8_t report_data[64] = { 0 };
	struct digest_value d;

	assert_ok(digest(algs[g->hash_type % ARRAY_LEN(algs)], runtime, &d));
	memcpy(report_data, d.v, d.n);
	if (g->dirty_report_data)
		report_data[63] ^= 1;
	if (g->tdx) {
		memcpy(g->td.td.report_data, report_data, sizeof(report_data));
		tdx_gen_quote_make(&g->intel, &g->td, &g->td_quote);
		make_tdreport(g, report_data, out);
		return;
	}
	memcpy(g->snp.report.report_data, report_data, sizeof(report_data));
	snp_gen_report(&g->snp, out);
}

static void make_hcl(struct azure_gen *g)
{
	AUTO(buf_done) struct buf runtime = BUF_INIT(GEN_MAX), hardware = BUF_INIT(GEN_MAX);

	make_runtime(g, &runtime);
	make_hardware(g, buf_bytes(&runtime), &hardware);
	buf_puts(&g->hcl, "HCLA");
	buf_le32(&g->hcl, 2);
	buf_le32(&g->hcl, 32 + HCL_HARDWARE_SIZE + 20 + runtime.n);
	buf_le32(&g->hcl, 2);
	buf_zero(&g->hcl, 16);
	buf_put(&g->hcl, buf_bytes(&hardware));
	buf_le32(&g->hcl, 20 + runtime.n);
	buf_le32(&g->hcl, 1);
	buf_le32(&g->hcl, g->report_type);
	buf_le32(&g->hcl, g->hash_type);
	buf_le32(&g->hcl, runtime.n);
	buf_put(&g->hcl, buf_bytes(&runtime));
	buf_zero(&g->hcl, 64);
	assert_ok(buf_end(&g->hcl, "HCL report"));
}

/* ---- quote ---- */
static void make_quote(struct azure_gen *g)
{
	struct bytes nonce = g->nonce ? bytes_str(g->nonce) : digest_bytes(&g->report_data);
	AUTO(digest_freep) struct digest_ctx *c = NULL;
	struct digest_value d;

	assert_ok(digest_new(DIGEST_SHA256, &c));
	for (size_t i = 0; i < TPM_PCRS; i++)
		if (g->pcrs >> i & 1)
			assert_ok(digest_update(c, digest_bytes(&g->pcr[i])));
	assert_ok(digest_final(c, &d));
	buf_be32(&g->message, 0xff544347);
	buf_be16(&g->message, 0x8018);
	buf_be16(&g->message, 0);
	buf_be16(&g->message, nonce.n);
	buf_put(&g->message, nonce);
	buf_zero(&g->message, 17);
	buf_be64(&g->message, 0x2020031200120003);
	buf_be32(&g->message, g->n_selections);
	for (size_t i = 0; i < g->n_selections; i++) {
		buf_be16(&g->message, g->bank);
		buf_u8(&g->message, 3);
		buf_le(&g->message, g->pcrs, 3);
	}
	buf_be16(&g->message, d.n);
	buf_put(&g->message, digest_bytes(&d));
	assert_ok(buf_end(&g->message, "quote"));
	assert_ok(key_sign(g->signer ? g->signer : g->ak, SIG_RSA_PKCS1_SHA256,
		buf_bytes(&g->message), &g->signature));
}

static void empty(struct buf *b)
{
	buf_done(b);
	*b = BUF_INIT(GEN_MAX);
}

void azure_gen_make_hcl(struct azure_gen *g)
{
	empty(&g->hcl);
	empty(&g->td_quote);
	make_hcl(g);
}

void azure_gen_make(struct azure_gen *g)
{
	azure_gen_make_hcl(g);
	empty(&g->message);
	empty(&g->signature);
	make_quote(g);
}

/* ---- JSON ---- */
static void put_numbers(struct json_writer *w, struct bytes b)
{
	jw_array(w);
	for (size_t i = 0; i < b.n; i++)
		jw_u64(w, b.p[i]);
	jw_array_end(w);
}

static void put_hex(const struct azure_gen *g, struct json_writer *w, struct bytes b)
{
	if (g->version == 0)
		put_numbers(w, b);
	else
		jw_hex(w, b);
}

static void put_base64(const struct azure_gen *g, struct json_writer *w, struct bytes b)
{
	if (g->version == 0)
		put_numbers(w, b);
	else
		jw_base64url(w, b);
}

static void put_vcek(const struct azure_gen *g, struct json_writer *w)
{
	AUTO(buf_done) struct buf der = BUF_INIT(GEN_MAX), pem = BUF_INIT(GEN_MAX);

	assert_ok(x509_der(g->snp.vek, &der));
	jw_key(w, "vcek");
	if (g->version > 0) {
		jw_base64url(w, buf_bytes(&der));
		return;
	}
	buf_puts(&pem, "-----BEGIN CERTIFICATE-----\n");
	base64_encode(BASE64_STD, buf_bytes(&der), &pem);
	buf_puts(&pem, "\n-----END CERTIFICATE-----\n");
	jw_bytes_str(w, buf_bytes(&pem));
}

void azure_gen_json(const struct azure_gen *g, struct buf *ret_json)
{
	bool old_snp = g->version == 0 && !g->tdx;
	struct json_writer w = jw_of(ret_json);

	jw_object(&w);
	if (g->version > 0)
		jw_ku64(&w, "version", g->version);
	jw_key(&w, old_snp ? "quote" : "tpm_quote");
	jw_object(&w);
	jw_key(&w, "signature");
	put_hex(g, &w, buf_bytes(&g->signature));
	jw_key(&w, "message");
	put_hex(g, &w, buf_bytes(&g->message));
	jw_key(&w, "pcrs");
	jw_array(&w);
	for (size_t i = 0; i < TPM_PCRS; i++)
		put_hex(g, &w, digest_bytes(&g->pcr[i]));
	jw_array_end(&w);
	jw_object_end(&w);
	jw_key(&w, old_snp ? "report" : "hcl_report");
	put_base64(g, &w, buf_bytes(&g->hcl));
	if (!g->tdx && !g->no_vcek)
		put_vcek(g, &w);
	if (g->tdx && !g->no_td_quote) {
		jw_key(&w, "td_quote");
		put_base64(g, &w, buf_bytes(&g->td_quote));
	}
	jw_object_end(&w);
	assert_ok(buf_end(ret_json, "evidence"));
}

struct tee_verify_input azure_gen_input(const struct azure_gen *g)
{
	struct tee_verify_input in = {
		.raw = buf_bytes(&g->hcl),
		.collateral = g->collateral,
		.report_data = digest_bytes(&g->report_data),
		.anchors = &g->anchors,
		.now = AZURE_GEN_NOW,
	};

	in.parts[in.n_parts++] = (struct tee_part){ "quote", buf_bytes(&g->message) };
	in.parts[in.n_parts++] = (struct tee_part){ "signature", buf_bytes(&g->signature) };
	if (g->tdx && !g->no_td_quote)
		in.parts[in.n_parts++] = (struct tee_part){ "td-quote", buf_bytes(&g->td_quote) };
	return in;
}
