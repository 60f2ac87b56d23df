/*
 * VCEK and VLEK certificates (AMD publication 57230, Versioned Chip Endorsement Key Certificate and
 * KDS Interface, chapter 3): TCB parts and chip id are extensions under 1.3.6.1.4.1.3704.1.
 */
#include "sev/snp_internal.h"

#include <stdio.h>
#include <string.h>

#include <crypto/der.h>

#define AMD_ARC "1.3.6.1.4.1.3704.1"

enum {
	DN_MAX = 256,
	EXTENSION_MAX = 256,
	TURIN_HWID = 8
};

static bool has_cn(const char *name, const char *cn)
{
	const char *at = strstr(name, "CN=");

	return at && str_starts(at + 3, cn) &&
	       (at[3 + strlen(cn)] == '\0' || at[3 + strlen(cn)] == ',');
}

bool snp_is_vek(const struct x509 *cert)
{
	char subject[DN_MAX];

	x509_subject(cert, subject, sizeof(subject));
	return has_cn(subject, "SEV-VCEK") || has_cn(subject, "SEV-VLEK");
}

static enum snp_product product_of_issuer(const char *issuer, bool vlek)
{
	char cn[32];

	for (enum snp_product p = SNP_MILAN; p <= SNP_TURIN; p++) {
		(void)snprintf(
			cn, sizeof(cn), "SEV-%s%s", vlek ? "VLEK-" : "", snp_product_name(p));
		if (has_cn(issuer, cn))
			return p;
	}
	return SNP_UNKNOWN;
}

/* An INTEGER of one byte's value. */
static RESULT spl(const struct x509 *cert, const char *oid, uint8_t *ret_spl)
{
	AUTO(buf_done) struct buf ext = BUF_INIT(EXTENSION_MAX);
	uint64_t v;

	TRY(x509_extension(cert, oid, &ext));
	struct reader r = rd_of(buf_bytes(&ext));
	TRY(der_u64(&r, &v));
	TRY(rd_end(&r, oid));
	if (v > UINT8_MAX)
		return err_new(ERR_FORMAT, "%s: %llu", oid, (unsigned long long)v);
	*ret_spl = (uint8_t)v;
	return OK;
}

static RESULT parse_spls(const struct x509 *cert, struct snp_vek *v)
{
	const struct {
		const char *oid;
		uint8_t *to;
	} parts[] = {
		{ AMD_ARC ".3.1", &v->bootloader },
		{ AMD_ARC ".3.2", &v->tee },
		{ AMD_ARC ".3.3", &v->snp },
		{ AMD_ARC ".3.8", &v->microcode },
	};

	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		TRY(spl(cert, parts[i].oid, parts[i].to));
	struct err e = spl(cert, AMD_ARC ".3.9", &v->fmc);
	v->has_fmc = !failed(e);
	return e.code == ERR_NOT_FOUND ? OK : e;
}

/* The chip's id stands there as it is, or, in newer ones, as an OCTET STRING. */
static RESULT parse_hwid(const struct x509 *cert, struct snp_vek *v)
{
	AUTO(buf_done) struct buf ext = BUF_INIT(EXTENSION_MAX);

	TRY(x509_extension(cert, AMD_ARC ".4", &ext));
	struct bytes id = buf_bytes(&ext);
	if (id.n != SNP_CHIP_ID_SIZE && id.n != TURIN_HWID) {
		struct reader outer = rd_of(id), inner;
		TRY(der_enter(&outer, DER_OCTET_STRING, &inner));
		TRY(rd_end(&outer, AMD_ARC ".4"));
		id = rd_rest(&inner);
	}
	if (id.n != SNP_CHIP_ID_SIZE && id.n != TURIN_HWID)
		return err_new(ERR_FORMAT, AMD_ARC ".4: a chip id of %zu bytes", id.n);
	memcpy(v->hwid, id.p, id.n);
	v->hwid_n = id.n;
	return OK;
}

static RESULT parse_csp_id(const struct x509 *cert, struct snp_vek *v)
{
	enum {
		TAG_IA5_STRING = 0x16
	};
	AUTO(buf_done) struct buf ext = BUF_INIT(EXTENSION_MAX);
	struct reader inner;

	TRY(x509_extension(cert, AMD_ARC ".5", &ext));
	struct reader outer = rd_of(buf_bytes(&ext));
	TRY(der_enter(&outer, TAG_IA5_STRING, &inner));
	TRY(rd_end(&outer, AMD_ARC ".5"));
	struct bytes id = rd_rest(&inner);
	if (id.n >= sizeof(v->csp_id) || (id.n > 0 && memchr(id.p, 0, id.n)))
		return err_new(ERR_FORMAT, AMD_ARC ".5: a provider's name of %zu bytes", id.n);
	if (id.n > 0)
		memcpy(v->csp_id, id.p, id.n);
	v->csp_id[id.n] = '\0';
	return OK;
}

RESULT snp_vek_parse(const struct x509 *cert, struct snp_vek *ret_vek)
{
	struct snp_vek v = { .cert = cert };
	char subject[DN_MAX], issuer[DN_MAX];

	x509_subject(cert, subject, sizeof(subject));
	x509_issuer(cert, issuer, sizeof(issuer));
	v.vlek = has_cn(subject, "SEV-VLEK");
	if (!v.vlek && !has_cn(subject, "SEV-VCEK"))
		return err_new(ERR_FORMAT, "subject %s is neither SEV-VCEK nor SEV-VLEK", subject);
	v.product = product_of_issuer(issuer, v.vlek);
	TRY(parse_spls(cert, &v));
	TRY(v.vlek ? parse_csp_id(cert, &v) : parse_hwid(cert, &v));
	*ret_vek = v;
	return OK;
}

static bool chip_fits(const struct snp_vek *vek, const struct snp_report *report)
{
	struct bytes rest = bytes_of(report->chip_id + vek->hwid_n, SNP_CHIP_ID_SIZE - vek->hwid_n);

	return vek->vlek || report->key_info & SNP_KEY_MASK_CHIP ||
	       (bytes_equal(
			bytes_of(vek->hwid, vek->hwid_n), bytes_of(report->chip_id, vek->hwid_n)) &&
		       bytes_is_zero(rest));
}

bool snp_vek_fits(const struct snp_vek *vek, const struct snp_report *report)
{
	struct snp_tcb t = snp_tcb_of(report->reported_tcb.raw, vek->product);

	return vek->bootloader == t.bootloader && vek->tee == t.tee && vek->snp == t.snp &&
	       vek->microcode == t.microcode && vek->has_fmc == t.has_fmc &&
	       (!t.has_fmc || vek->fmc == t.fmc) && chip_fits(vek, report);
}

/* ---- certificate table of an extended report (GHCB 2.01, 4.1.8.1) ---- */

enum {
	GUID_SIZE = 16,
	ENTRY_SIZE = 24,
};

/* In the order of their text, not as EFI writes them. */
static const struct {
	uint8_t guid[GUID_SIZE];
	enum snp_cert_kind kind;
} guids[] = {
	{ { 0xc0, 0xb4, 0x06, 0xa4, 0xa8, 0x03, 0x49, 0x52, 0x97, 0x43, 0x3f, 0xb6, 0x01, 0x4c,
		  0xd0, 0xae },
		SNP_CERT_ARK },
	{ { 0x4a, 0xb7, 0xb3, 0x79, 0xbb, 0xac, 0x4f, 0xe4, 0xa0, 0x2f, 0x05, 0xae, 0xf3, 0x27,
		  0xc7, 0x82 },
		SNP_CERT_ASK },
	{ { 0x63, 0xda, 0x75, 0x8d, 0xe6, 0x64, 0x45, 0x64, 0xad, 0xc5, 0xf4, 0xb9, 0x3b, 0xe8,
		  0xac, 0xcd },
		SNP_CERT_VCEK },
	{ { 0xa8, 0x07, 0x4b, 0xc2, 0xa2, 0x5a, 0x48, 0x3e, 0xaa, 0xe6, 0x39, 0xc0, 0x45, 0xa0,
		  0xb8, 0xa1 },
		SNP_CERT_VLEK },
	{ { 0x92, 0xf8, 0x1b, 0xc3, 0x58, 0x11, 0x4d, 0x3d, 0x97, 0xff, 0xd1, 0x9f, 0x88, 0xdc,
		  0x67, 0xea },
		SNP_CERT_CRL },
	{ { 0xec, 0xae, 0x0c, 0x0f, 0x95, 0x02, 0x43, 0xb1, 0xaf, 0xa2, 0x0a, 0xe2, 0xe0, 0xd5,
		  0x65, 0xb6 },
		SNP_CERT_PLATFORM_INFO },
};

const char *snp_cert_kind_name(enum snp_cert_kind kind)
{
	static const char *const names[] = { "ARK", "ASK", "VCEK", "VLEK", "CRL",
		"extra platform information", "unknown" };

	return names[kind];
}

enum snp_cert_kind snp_cert_kind_of(struct bytes guid)
{
	for (size_t i = 0; i < ARRAY_LEN(guids); i++)
		if (bytes_equal(guid, BYTES_OF(guids[i].guid)))
			return guids[i].kind;
	return SNP_CERT_OTHER;
}

static bool listed(const struct snp_cert_entry *v, size_t n, struct bytes guid)
{
	for (size_t i = 0; i < n; i++)
		if (bytes_equal(v[i].guid, guid))
			return true;
	return false;
}

/* Entries, the zero entry at their end, and only then data. */
static RESULT place(struct bytes table, size_t header, struct snp_cert_entry *e, size_t length)
{
	if (e->offset < header || e->offset > table.n || length > table.n - e->offset)
		return err_new(ERR_FORMAT, "certificate table: %s: 0x%zx bytes at 0x%zx of 0x%zx",
			snp_cert_kind_name(e->kind), length, e->offset, table.n);
	e->data = bytes_of(table.p + e->offset, length);
	return OK;
}

RESULT snp_cert_table_parse(
	struct bytes table, struct snp_cert_entry v[SNP_CERT_TABLE_MAX], size_t *ret_n)
{
	struct reader r = rd_of(table);
	size_t lengths[SNP_CERT_TABLE_MAX], n = 0;

	for (;; n++) {
		struct bytes guid = rd_take(&r, GUID_SIZE);
		size_t offset = rd_le32(&r);
		size_t length = rd_le32(&r);
		if (!rd_ok(&r))
			return err_new(ERR_FORMAT, "certificate table: without its end");
		if (bytes_is_zero(guid) && offset == 0 && length == 0)
			break;
		if (n == SNP_CERT_TABLE_MAX || listed(v, n, guid))
			return err_new(ERR_FORMAT, "certificate table: entry %zu is %s", n,
				n == SNP_CERT_TABLE_MAX ? "one too many" : "there twice");
		v[n] = (struct snp_cert_entry){
			.kind = snp_cert_kind_of(guid), .guid = guid, .offset = offset
		};
		lengths[n] = length;
	}
	for (size_t i = 0; i < n; i++)
		TRY(place(table, (n + 1) * ENTRY_SIZE, &v[i], lengths[i]));
	*ret_n = n;
	return OK;
}
