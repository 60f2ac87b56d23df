#include "tdx_collateral_gen.h"

#include "util.h"

#include <stdio.h>

#include <base/clock.h>
#include <base/encode.h>

enum {
	TEXT_MAX = 64 * 1024,
	QE_MR_SIGNER = 0x42, /* each byte, as tdx_gen_quote() has it */
	COMPONENTS = 16,
	HEX_MAX = 129,
	CRL_NUMBER = 7,
};

static const char next_date[] = "2023-01-01T00:00:00Z", date[] = "2025-01-01T00:00:00Z";

struct tdx_gen_collateral tdx_gen_collateral(bool tdx)
{
	return (struct tdx_gen_collateral){
		.tdx = tdx,
		.issued = tdx_gen_time() - 3600,
		.next_update = tdx_gen_time() + 30 * 86400,
		.eval_num = 17,
		.status = "UpToDate",
		.module_status = "UpToDate",
		.qe_status = "UpToDate",
		.sgx_svn = 5,
		.tdx_svn = 5,
		.module_svn = 5,
		.qe_svn = 4,
		.pcesvn = 11,
		.module_major = 1,
	};
}

/* ---- TCB info ---- */
static void put_components(struct buf *out, const char *name, uint8_t svn, bool two)
{
	buf_printf(out, "\"%s\":[", name);
	for (size_t i = 0; i < COMPONENTS; i++)
		/* Three words of TEE_TCB_SVN are in use. */
		buf_printf(
			out, "%s{\"svn\":%u}", i > 0 ? "," : "", two && i > 2 ? 0u : (unsigned)svn);
	buf_puts(out, "]");
}

static void put_tcb_level(struct buf *out, const struct tdx_gen_collateral *w, bool highest)
{
	buf_puts(out, "{\"tcb\":{");
	put_components(out, "sgxtcbcomponents", highest ? w->sgx_svn : 1, false);
	buf_printf(out, ",\"pcesvn\":%u", highest ? w->pcesvn : 1u);
	if (w->tdx) {
		buf_puts(out, ",");
		put_components(out, "tdxtcbcomponents", highest ? w->tdx_svn : 1, true);
	}
	buf_printf(out, "},\"tcbDate\":\"%s\",\"tcbStatus\":\"%s\"", highest ? date : next_date,
		highest ? w->status : "OutOfDate");
	if (highest && w->advisory)
		buf_printf(out, ",\"advisoryIDs\":[\"%s\"]", w->advisory);
	buf_puts(out, "}");
}

static void put_isv_levels(struct buf *out, uint8_t svn, const char *status, bool one)
{
	buf_printf(out,
		"\"tcbLevels\":[{\"tcb\":{\"isvsvn\":%u},\"tcbDate\":\"%s\",\"tcbStatus\":\"%s\"}",
		svn, date, status);
	if (!one)
		buf_printf(out,
			",{\"tcb\":{\"isvsvn\":1},\"tcbDate\":\"%s\",\"tcbStatus\":\"OutOfDate\"}",
			next_date);
	buf_puts(out, "]");
}

static void put_zero_module(struct buf *out)
{
	buf_printf(
		out, "\"mrsigner\":\"%0*d\",\"attributes\":\"%016d\",", 2 * TDX_MEASUREMENT, 0, 0);
	buf_puts(out, "\"attributesMask\":\"FFFFFFFFFFFFFFFF\"");
}

static void put_modules(struct buf *out, const struct tdx_gen_collateral *w)
{
	buf_puts(out, "\"tdxModule\":{");
	put_zero_module(out);
	buf_printf(out, "},\"tdxModuleIdentities\":[{\"id\":\"TDX_%02X\",", w->module_major);
	put_zero_module(out);
	buf_puts(out, ",");
	put_isv_levels(out, w->module_svn, w->module_status, w->one_level);
	buf_puts(out, "}],");
}

static void put_times(struct buf *out, const struct tdx_gen_collateral *w)
{
	char from[RFC3339_SIZE], to[RFC3339_SIZE];

	clock_format(w->issued, from);
	clock_format(w->next_update, to);
	buf_printf(out, "\"issueDate\":\"%s\",\"nextUpdate\":\"%s\",", from, to);
	buf_printf(out, "\"tcbEvaluationDataNumber\":%llu,", (unsigned long long)w->eval_num);
}

static void put_tcb_info(
	const struct tdx_gen *g, const struct tdx_gen_collateral *w, struct buf *out)
{
	char fmspc[HEX_MAX], pce_id[HEX_MAX];

	hex_to(bytes_of(w->fmspc ? w->fmspc : g->info.fmspc, sizeof(g->info.fmspc)), fmspc);
	hex_to(BYTES_OF(g->info.pce_id), pce_id);
	buf_printf(out, "{\"id\":\"%s\",\"version\":3,", w->tdx ? "TDX" : "SGX");
	put_times(out, w);
	buf_printf(out, "\"fmspc\":\"%s\",\"pceId\":\"%s\",\"tcbType\":0,", fmspc, pce_id);
	if (w->tdx)
		put_modules(out, w);
	buf_puts(out, "\"tcbLevels\":[");
	put_tcb_level(out, w, true);
	if (!w->one_level) {
		buf_puts(out, ",");
		put_tcb_level(out, w, false);
	}
	buf_puts(out, "]}");
}

/* ---- QE identity ---- */
static void put_identity(const struct tdx_gen_collateral *w, struct buf *out)
{
	uint8_t usual[32];
	char signer[HEX_MAX];

	memset(usual, QE_MR_SIGNER, sizeof(usual));
	hex_to(bytes_of(w->qe_mr_signer ? w->qe_mr_signer : usual, sizeof(usual)), signer);
	buf_printf(out, "{\"id\":\"%s\",\"version\":2,", w->tdx ? "TD_QE" : "QE");
	put_times(out, w);
	buf_puts(out, "\"miscselect\":\"00000000\",\"miscselectMask\":\"FFFFFFFF\","
		      "\"attributes\":\"05000000000000000000000000000000\","
		      "\"attributesMask\":\"FBFFFFFFFFFFFFFF0000000000000000\",");
	buf_printf(out, "\"mrsigner\":\"%s\",\"isvprodid\":0,", signer);
	put_isv_levels(out, w->qe_svn, w->qe_status, w->one_level);
	buf_puts(out, "}");
}

/* ---- signed, and into the collateral ---- */
static void add_signed(
	struct collateral *to, const char *name, struct bytes object, const struct key *key)
{
	AUTO(buf_done) struct buf text = BUF_INIT(TEXT_MAX), der = BUF_INIT(256);
	AUTO(buf_done) struct buf raw = BUF_INIT(256);
	char hex[HEX_MAX];

	assert_ok(key_sign(key, SIG_ECDSA_SHA256, object, &der));
	assert_ok(ecdsa_der_to_raw(buf_bytes(&der), 32, &raw));
	hex_to(buf_bytes(&raw), hex);
	buf_printf(&text, "{\"%s\":", name);
	buf_put(&text, object);
	buf_printf(&text, ",\"signature\":\"%s\"}", hex);
	assert_ok(buf_end(&text, name));
	assert_ok(collateral_add(to, buf_bytes(&text), name));
}

static void add_cert(struct collateral *to, const struct x509 *cert)
{
	AUTO(buf_done) struct buf der = BUF_INIT(TEXT_MAX);

	assert_ok(x509_der(cert, &der));
	assert_ok(collateral_add(to, buf_bytes(&der), "certificate"));
}

static void add_crl(struct collateral *to, const struct tdx_gen_collateral *w,
	const struct x509 *issuer, const struct key *key, const struct x509_list *revoked)
{
	AUTO(buf_done) struct buf der = BUF_INIT(TEXT_MAX);
	const struct x509_crl_make m = {
		.issuer = issuer,
		.issuer_key = key,
		.this_update = w->issued,
		.next_update = w->next_update,
		.number = CRL_NUMBER,
		.revoked = revoked,
	};

	assert_ok(x509_crl_make(&m, &der));
	assert_ok(collateral_add(to, buf_bytes(&der), "revocation list"));
}

static void add_if(struct x509_list *list, bool yes, const struct x509 *cert)
{
	if (yes)
		list->v[list->n++] = (struct x509 *)(uintptr_t)cert;
}

static void add_crls(
	const struct tdx_gen *g, const struct tdx_gen_collateral *w, struct collateral *to)
{
	struct x509_list by_root = { 0 }, by_ca = { 0 };

	add_if(&by_root, w->revoke_ca, tdx_gen_ca(g));
	add_if(&by_root, w->revoke_signing, g->tcb_signing);
	add_if(&by_ca, w->revoke_pck, g->pck);
	if (!w->no_root_crl)
		add_crl(to, w, g->root, g->root_key, &by_root);
	if (!w->no_pck_crl)
		add_crl(to, w, tdx_gen_ca(g), g->processor ? g->processor_key : g->platform_key,
			&by_ca);
}

void tdx_gen_collateral_add(
	const struct tdx_gen *g, const struct tdx_gen_collateral *want, struct collateral *to)
{
	AUTO(buf_done) struct buf info = BUF_INIT(TEXT_MAX), identity = BUF_INIT(TEXT_MAX);

	put_tcb_info(g, want, &info);
	put_identity(want, &identity);
	assert_ok(buf_end(&info, "TCB info"));
	assert_ok(buf_end(&identity, "QE identity"));
	if (!want->no_signing)
		add_cert(to, g->tcb_signing);
	if (!want->no_info)
		add_signed(to, "tcbInfo", buf_bytes(&info),
			want->sign_info ? want->sign_info : g->tcb_key);
	if (!want->no_identity)
		add_signed(to, "enclaveIdentity", buf_bytes(&identity),
			want->sign_identity ? want->sign_identity : g->tcb_key);
	add_crls(g, want, to);
}
