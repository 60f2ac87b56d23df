#include "tdx_gen.h"

#include "util.h"

#include <crypto/der.h>

enum {
	DER_MAX = 4096,
	PEM_MAX = 16 * 1024,
};

#define OID_SGX "\x2a\x86\x48\x86\xf8\x4d\x01\x0d\x01" /* 1.2.840.113741.1.13.1 */

static int64_t valid_at = TDX_GEN_NOW;

void tdx_gen_at(int64_t now)
{
	valid_at = now;
}

int64_t tdx_gen_time(void)
{
	return valid_at;
}

/* ---- the extension of the PCK certificate ---- */
static void put_der(struct buf *out, uint8_t tag, struct bytes contents)
{
	buf_u8(out, tag);
	if (contents.n >= 256) {
		buf_u8(out, 0x82);
		buf_be16(out, contents.n);
	} else if (contents.n >= 128) {
		buf_u8(out, 0x81);
		buf_u8(out, contents.n);
	} else {
		buf_u8(out, contents.n);
	}
	buf_put(out, contents);
}

/* SEQUENCE { OID .a or .a.b, value }; b = 0: none. */
static void put_item(struct buf *out, uint8_t a, uint8_t b, uint8_t tag, struct bytes contents)
{
	AUTO(buf_done) struct buf pair = BUF_INIT(DER_MAX);
	uint8_t oid[sizeof(OID_SGX) + 1] = OID_SGX;
	size_t n = sizeof(OID_SGX) - 1;

	oid[n++] = a;
	if (b > 0)
		oid[n++] = b;
	put_der(&pair, DER_OID, bytes_of(oid, n));
	put_der(&pair, tag, contents);
	put_der(out, DER_SEQUENCE, buf_bytes(&pair));
}

static void put_item_int(struct buf *out, uint8_t a, uint8_t b, uint16_t v)
{
	uint8_t be[3] = { 0, (uint8_t)(v >> 8), (uint8_t)v };
	size_t skip = v < 0x80 ? 2 : v < 0x8000 ? 1 : 0;

	if (v >= 0x80 && v < 0x100)
		be[1] = 0; /* a leading zero keeps it positive */
	put_item(out, a, b, DER_INTEGER, bytes_of(be + skip, sizeof(be) - skip));
}

static void put_item_bool(struct buf *out, uint8_t a, uint8_t b, bool v)
{
	uint8_t der = v ? 0xff : 0;

	put_item(out, a, b, DER_BOOLEAN, bytes_of(&der, 1));
}

static void put_tcb(struct buf *out, const struct pck_info *info)
{
	AUTO(buf_done) struct buf tcb = BUF_INIT(DER_MAX);

	for (uint8_t i = 0; i < 16; i++)
		put_item_int(&tcb, 2, (uint8_t)(i + 1), info->tcb_components[i]);
	put_item_int(&tcb, 2, 17, info->pcesvn);
	put_item(&tcb, 2, 18, DER_OCTET_STRING, BYTES_OF(info->cpusvn));
	put_item(out, 2, 0, DER_SEQUENCE, buf_bytes(&tcb));
}

void tdx_gen_pck_extension(const struct pck_info *info, struct buf *ret_der)
{
	AUTO(buf_done) struct buf items = BUF_INIT(DER_MAX), conf = BUF_INIT(DER_MAX);

	put_item(&items, 1, 0, DER_OCTET_STRING, BYTES_OF(info->ppid));
	put_tcb(&items, info);
	put_item(&items, 3, 0, DER_OCTET_STRING, BYTES_OF(info->pce_id));
	put_item(&items, 4, 0, DER_OCTET_STRING, BYTES_OF(info->fmspc));
	put_item(&items, 5, 0, DER_ENUMERATED, bytes_of(&info->sgx_type, 1));
	if (info->has_platform_instance_id)
		put_item(&items, 6, 0, DER_OCTET_STRING, BYTES_OF(info->platform_instance_id));
	if (info->has_configuration) {
		put_item_bool(&conf, 7, 1, info->dynamic_platform);
		put_item_bool(&conf, 7, 2, info->cached_keys);
		put_item_bool(&conf, 7, 3, info->smt_enabled);
		put_item(&items, 7, 0, DER_SEQUENCE, buf_bytes(&conf));
	}
	put_der(ret_der, DER_SEQUENCE, buf_bytes(&items));
	assert_ok(buf_end(ret_der, "PCK extension"));
}

/* ---- keys and certificates ---- */
struct pck_info tdx_gen_info(void)
{
	struct pck_info info = {
		.fmspc = { 0x11, 0x22, 0x33, 0x44, 0x55, 0x66 },
		.pcesvn = 11,
		.sgx_type = 1,
		.has_platform_instance_id = true,
		.has_configuration = true,
		.dynamic_platform = true,
		.smt_enabled = true,
	};

	memset(info.ppid, 0xaa, sizeof(info.ppid));
	memset(info.cpusvn, 5, sizeof(info.cpusvn));
	memset(info.tcb_components, 5, sizeof(info.tcb_components));
	memset(info.platform_instance_id, 0xbb, sizeof(info.platform_instance_id));
	return info;
}

static struct x509 *make(struct x509_make m)
{
	AUTO(buf_done) struct buf pem = BUF_INIT(PEM_MAX);
	struct x509_list made = { 0 };

	if (m.not_after == 0) {
		m.not_before = tdx_gen_time() - TDX_GEN_YEAR;
		m.not_after = tdx_gen_time() + TDX_GEN_YEAR;
	}
	assert_ok(x509_make(&m, &pem));
	assert_ok(x509_list_parse(buf_bytes(&pem), &made));
	return made.v[0];
}

static struct x509 *make_ca(const struct tdx_gen *g, const char *name, const struct key *key)
{
	return make((struct x509_make){
		.common_name = name,
		.ca = true,
		.subject_key = key,
		.issuer = g->root,
		.issuer_key = g->root_key,
	});
}

const struct x509 *tdx_gen_ca(const struct tdx_gen *g)
{
	return g->processor ? g->processor_ca : g->platform_ca;
}

void tdx_gen_pck(struct tdx_gen *g, int64_t not_before, int64_t not_after)
{
	AUTO(buf_done) struct buf sgx = BUF_INIT(DER_MAX);

	tdx_gen_pck_extension(&g->info, &sgx);
	const struct x509_make_extension extension = {
		.oid = "1.2.840.113741.1.13.1",
		.value = buf_bytes(&sgx),
	};
	x509_free(g->pck);
	g->pck = make((struct x509_make){
		.common_name = "Intel SGX PCK Certificate",
		.not_before = not_before,
		.not_after = not_after,
		.subject_key = g->pck_key,
		.issuer = tdx_gen_ca(g),
		.issuer_key = g->processor ? g->processor_key : g->platform_key,
		.extensions = &extension,
		.n_extensions = 1,
	});
}

void tdx_gen_init(struct tdx_gen *g)
{
	struct key **keys[] = { &g->root_key, &g->platform_key, &g->processor_key, &g->tcb_key,
		&g->pck_key, &g->attestation_key };

	*g = (struct tdx_gen){ .info = tdx_gen_info() };
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		assert_ok(key_generate(KEY_P256, keys[i]));
	g->root = make((struct x509_make){
		.common_name = "Intel SGX Root CA",
		.ca = true,
		.subject_key = g->root_key,
		.issuer_key = g->root_key,
	});
	g->platform_ca = make_ca(g, "Intel SGX PCK Platform CA", g->platform_key);
	g->processor_ca = make_ca(g, "Intel SGX PCK Processor CA", g->processor_key);
	g->tcb_signing = make((struct x509_make){
		.common_name = "Intel SGX TCB Signing",
		.subject_key = g->tcb_key,
		.issuer = g->root,
		.issuer_key = g->root_key,
	});
	tdx_gen_pck(g, tdx_gen_time() - TDX_GEN_YEAR, tdx_gen_time() + TDX_GEN_YEAR);
	assert_ok(x509_copy(g->root, &g->anchors.vendor.v[0]));
	g->anchors.vendor.n = 1;
}

void tdx_gen_done(struct tdx_gen *g)
{
	struct key *keys[] = { g->root_key, g->platform_key, g->processor_key, g->tcb_key,
		g->pck_key, g->attestation_key };
	struct x509 *certs[] = { g->root, g->platform_ca, g->processor_ca, g->tcb_signing, g->pck };

	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		key_free(keys[i]);
	for (size_t i = 0; i < ARRAY_LEN(certs); i++)
		x509_free(certs[i]);
	x509_list_done(&g->anchors.vendor);
	x509_list_done(&g->anchors.software);
	*g = (struct tdx_gen){ 0 };
}
