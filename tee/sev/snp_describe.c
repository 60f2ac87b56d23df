/* SNP structures for people: report, certificate table, answers of the guest's firmware calls. */
#include "platforms.h"
#include "sev/snp_internal.h"

#include <stdio.h>

#include <base/clock.h>
#include <base/reader.h>
#include <tee/fields.h>

enum {
	NAME_MAX_LEN = 256,
	VERSION_CPUID = 3,
	VERSION_MIT = 5,
	RSP_HEADER = 0x20, /* status, size, reserved: MSG_REPORT_RSP and MSG_KEY_RSP */
	RSP_SIZE = 4000,   /* as the kernel hands it out */
	KEY_RSP_SIZE = 64,
	KEY_SIZE = 32,
	AZURE_TRAILER = 20,
	TABLE_HEADER = 24,
	TABLE_FILE_MAX = 64 * 1024,
	STATUS_INVALID_PARAM = 0x16,
	STATUS_INVALID_KEY = 0x27,
};

/* ---- words of bits ---- */

static const struct field_bit policy_bits[] = {
	{ SNP_POLICY_SMT, "SMT", "allowed: two threads may share a core" },
	{ SNP_POLICY_MUST_BE_ONE, "reserved", "must be one" },
	{ SNP_POLICY_MIGRATE_MA, "MIGRATE_MA", "allowed: a migration agent may move the guest" },
	{ SNP_POLICY_DEBUG, "DEBUG", "allowed: the host may read the guest's memory" },
	{ SNP_POLICY_SINGLE_SOCKET, "SINGLE_SOCKET", "required" },
	{ SNP_POLICY_CXL, "CXL_ALLOW", "allowed: memory or devices behind CXL" },
	{ SNP_POLICY_AES_256_XTS, "MEM_AES_256_XTS", "required" },
	{ SNP_POLICY_RAPL_DIS, "RAPL_DIS", "required: power is not metered" },
	{ SNP_POLICY_CIPHERTEXT_HIDING, "CIPHERTEXT_HIDING_DRAM", "required" },
	{ SNP_POLICY_PAGE_SWAP_DIS, "PAGE_SWAP_DISABLE", "required" },
};

static const struct field_bit platform_bits[] = {
	{ 0, "SMT_EN", "two threads may share a core" },
	{ 1, "TSME_EN", "all memory is encrypted" },
	{ 2, "ECC_EN", "memory corrects errors" },
	{ 3, "RAPL_DIS", "power is not metered" },
	{ 4, "CIPHERTEXT_HIDING_DRAM_EN", "the host cannot read ciphertext" },
	{ 5, "ALIAS_CHECK_COMPLETE", "no address is an alias of another" },
	{ 7, "TIO_EN", "trusted devices" },
};

static void put_policy(uint64_t policy, struct fields *out)
{
	const uint64_t abi = 0xffff;

	fields_fmt(out, 0x008, 8, "POLICY", "0x%llx", (unsigned long long)policy);
	fields_fmt(out, 0x008, 2, "POLICY: least ABI", "%u.%u", (unsigned)(policy >> 8 & 0xff),
		(unsigned)(policy & 0xff));
	fields_bits(
		out, 0x008, 8, "POLICY: bits", policy & ~abi, policy_bits, ARRAY_LEN(policy_bits));
}

static void put_key_info(uint32_t v, struct fields *out)
{
	static const struct field_bit bits[] = {
		{ 0, "AUTHOR_KEY_EN", "the ID key is signed by an author key" },
		{ 1, "MASK_CHIP_KEY", "the host keeps chip id and VCEK to itself" },
	};
	unsigned signing = v >> SNP_KEY_SIGNING_SHIFT & SNP_KEY_SIGNING_MASK;

	fields_bits(out, 0x048, 4, "KEY_INFO", v & (SNP_KEY_AUTHOR | SNP_KEY_MASK_CHIP), bits,
		ARRAY_LEN(bits));
	fields_u64(out, 0x048, 4, "KEY_INFO: SIGNING_KEY", signing,
		signing == SNP_KEY_VCEK	  ? "VCEK, the chip's"
		: signing == SNP_KEY_VLEK ? "VLEK, the provider's"
		: signing == SNP_KEY_NONE ? "none: not signed"
					  : "not known");
}

/* ---- the report: rows without a group, as `inspect` has one for the file ---- */

static void put_tcb(const char *name, int64_t at, const struct snp_tcb *t, struct fields *out)
{
	static const uint8_t plain[] = { 0, 1, 6 }, turin[] = { 1, 2, 3 };
	const uint8_t *place = t->has_fmc ? turin : plain;

	fields_group(out, at, 8, name);
	if (t->has_fmc)
		fields_u64(out, at, 1, "fmc", t->fmc, NULL);
	fields_u64(out, at + place[0], 1, "bootloader", t->bootloader, NULL);
	fields_u64(out, at + place[1], 1, "tee", t->tee, NULL);
	fields_u64(out, at + place[2], 1, "snp", t->snp, NULL);
	fields_u64(out, at + 7, 1, "microcode", t->microcode, NULL);
	fields_end(out);
}

static void put_version(
	const char *name, int64_t at, const struct snp_version *v, struct fields *out)
{
	fields_fmt(out, at, 3, name, "%u.%u.%u", v->major, v->minor, v->build);
}

static void put_identity(const struct snp_report *r, struct fields *out)
{
	fields_u64(out, 0x000, 4, "VERSION", r->version, NULL);
	fields_u64(out, 0x004, 4, "GUEST_SVN", r->guest_svn, "of the ID block");
	put_policy(r->policy, out);
	fields_hex(out, 0x010, BYTES_OF(r->family_id), "FAMILY_ID", "of the ID block");
	fields_hex(out, 0x020, BYTES_OF(r->image_id), "IMAGE_ID", "of the ID block");
	if (r->vmpl == SNP_VMPL_HOST)
		fields_str(out, 0x030, 4, "VMPL", "0xffffffff", "asked for by the host");
	else
		fields_u64(out, 0x030, 4, "VMPL", r->vmpl, NULL);
	fields_u64(out, 0x034, 4, "SIGNATURE_ALGO", r->signature_algo,
		r->signature_algo == 1 ? "ECDSA P-384 with SHA-384" : "not known");
	put_tcb("CURRENT_TCB", 0x038, &r->current_tcb, out);
	fields_bits(out, 0x040, 8, "PLATFORM_INFO", r->platform_info, platform_bits,
		ARRAY_LEN(platform_bits));
	put_key_info(r->key_info, out);
}

static void put_measurements(const struct snp_report *r, struct fields *out)
{
	fields_hex(out, 0x050, BYTES_OF(r->report_data), "REPORT_DATA", "what the guest bound");
	fields_hex(out, 0x090, BYTES_OF(r->measurement), "MEASUREMENT", "launch digest");
	fields_hex(out, 0x0c0, BYTES_OF(r->host_data), "HOST_DATA", "given at launch: initdata");
	fields_hex(out, 0x0e0, BYTES_OF(r->id_key_digest), "ID_KEY_DIGEST", NULL);
	fields_hex(out, 0x110, BYTES_OF(r->author_key_digest), "AUTHOR_KEY_DIGEST", NULL);
	fields_hex(out, 0x140, BYTES_OF(r->report_id), "REPORT_ID", NULL);
	fields_hex(out, 0x160, BYTES_OF(r->report_id_ma), "REPORT_ID_MA",
		"of the migration agent; all ff: none");
	put_tcb("REPORTED_TCB", 0x180, &r->reported_tcb, out);
}

static void put_processor(const struct snp_report *r, struct fields *out)
{
	if (r->version >= VERSION_CPUID) {
		fields_u64(out, 0x188, 1, "CPUID family", r->cpuid_family, NULL);
		fields_u64(out, 0x189, 1, "CPUID model", r->cpuid_model, NULL);
		fields_u64(out, 0x18a, 1, "CPUID stepping", r->cpuid_stepping, NULL);
	}
	if (r->product != SNP_UNKNOWN)
		fields_str(out, FIELDS_NO_OFFSET, 0, "product", snp_product_name(r->product), NULL);
	fields_hex(out, 0x1a0, BYTES_OF(r->chip_id), "CHIP_ID",
		bytes_is_zero(BYTES_OF(r->chip_id)) ? "masked, or signed by a VLEK" : NULL);
	put_tcb("COMMITTED_TCB", 0x1e0, &r->committed_tcb, out);
	put_version("CURRENT version", 0x1e8, &r->current, out);
	put_version("COMMITTED version", 0x1ec, &r->committed, out);
	put_tcb("LAUNCH_TCB", 0x1f0, &r->launch_tcb, out);
	if (r->version >= VERSION_MIT) {
		fields_hex(out, 0x1f8, bytes_of(r->signed_bytes.p + 0x1f8, 8), "LAUNCH_MIT_VECTOR",
			"mitigations at launch, little-endian");
		fields_hex(out, 0x200, bytes_of(r->signed_bytes.p + 0x200, 8), "CURRENT_MIT_VECTOR",
			"mitigations now, little-endian");
	}
}

void snp_report_describe(const struct snp_report *report, struct fields *out)
{
	put_identity(report, out);
	put_measurements(report, out);
	put_processor(report, out);
	fields_hex(out, 0x2a0, report->r, "signature R", "little-endian");
	fields_hex(out, 0x2e8, report->s, "signature S", "little-endian");
}

/* ---- certificate table ---- */

static void put_vek(const struct x509 *cert, struct fields *out)
{
	struct snp_vek v;

	if (!snp_is_vek(cert) || failed(snp_vek_parse(cert, &v)))
		return;
	if (v.has_fmc)
		fields_u64(out, FIELDS_NO_OFFSET, 0, "fmc", v.fmc, NULL);
	fields_u64(out, FIELDS_NO_OFFSET, 0, "bootloader", v.bootloader, NULL);
	fields_u64(out, FIELDS_NO_OFFSET, 0, "tee", v.tee, NULL);
	fields_u64(out, FIELDS_NO_OFFSET, 0, "snp", v.snp, NULL);
	fields_u64(out, FIELDS_NO_OFFSET, 0, "microcode", v.microcode, NULL);
	if (v.vlek)
		fields_str(out, FIELDS_NO_OFFSET, 0, "CSP_ID", v.csp_id, "provider");
	else
		fields_hex(out, FIELDS_NO_OFFSET, bytes_of(v.hwid, v.hwid_n), "HWID", "chip id");
}

/* Row for row what the table holds; what is no certificate stays hex. */
static void put_cert(struct bytes der, struct fields *out)
{
	AUTO(x509_list_done) struct x509_list certs = { 0 };
	char text[NAME_MAX_LEN], when[RFC3339_SIZE];

	if (failed(x509_list_parse(der, &certs)) || certs.n == 0)
		return;
	x509_subject(certs.v[0], text, sizeof(text));
	fields_str(out, FIELDS_NO_OFFSET, 0, "subject", text, NULL);
	x509_issuer(certs.v[0], text, sizeof(text));
	fields_str(out, FIELDS_NO_OFFSET, 0, "issuer", text, NULL);
	clock_format(x509_not_before(certs.v[0]), when);
	fields_str(out, FIELDS_NO_OFFSET, 0, "not before", when, NULL);
	clock_format(x509_not_after(certs.v[0]), when);
	fields_str(out, FIELDS_NO_OFFSET, 0, "not after", when, NULL);
	put_vek(certs.v[0], out);
}

static RESULT put_table(struct bytes table, struct fields *out)
{
	struct snp_cert_entry v[SNP_CERT_TABLE_MAX];
	size_t n;

	TRY(snp_cert_table_parse(table, v, &n));
	for (size_t i = 0; i < n; i++) {
		fields_group(out, (int64_t)v[i].offset, v[i].data.n, snp_cert_kind_name(v[i].kind));
		fields_hex(out, (int64_t)(i * TABLE_HEADER), v[i].guid, "GUID", NULL);
		if (v[i].kind <= SNP_CERT_VLEK)
			put_cert(v[i].data, out);
		else
			fields_hex(out, (int64_t)v[i].offset, v[i].data, "data", NULL);
		fields_end(out);
	}
	return OK;
}

static bool is_table(struct bytes file)
{
	return file.n >= 2 * TABLE_HEADER && file.n <= TABLE_FILE_MAX &&
	       snp_cert_kind_of(bytes_of(file.p, 16)) != SNP_CERT_OTHER;
}

static RESULT describe_table(struct bytes file, struct fields *out)
{
	TRY(put_table(file, out));
	return fields_finish(out);
}

/* ---- files ---- */

static RESULT put_report(struct bytes report, struct fields *out)
{
	struct snp_report r;

	TRY(snp_report_parse(report, &r));
	snp_report_describe(&r, out);
	return OK;
}

static bool is_report(struct bytes file)
{
	return file.n != RSP_SIZE && snp_evidence_is_raw(file);
}

static RESULT describe_report(struct bytes file, struct fields *out)
{
	if (file.n < SNP_REPORT_SIZE)
		return err_new(ERR_FORMAT, "SNP report: %zu bytes", file.n);
	struct bytes rest = bytes_of(file.p + SNP_REPORT_SIZE, file.n - SNP_REPORT_SIZE);
	TRY(put_report(bytes_of(file.p, SNP_REPORT_SIZE), out));
	if (rest.n == AZURE_TRAILER) {
		fields_hex(out, SNP_REPORT_SIZE, rest, "trailer", "Azure's");
	} else if (rest.n > 0) {
		fields_group(out, SNP_REPORT_SIZE, rest.n, "certificate table");
		out->base += SNP_REPORT_SIZE;
		struct err e = put_table(rest, out);
		out->base -= SNP_REPORT_SIZE;
		fields_end(out);
		TRY(e);
	}
	return fields_finish(out);
}

static const char *status_meaning(uint32_t status)
{
	switch (status) {
	case 0:
		return "success";
	case STATUS_INVALID_PARAM:
		return "invalid parameter";
	case STATUS_INVALID_KEY:
		return "the key asked for is not there";
	default:
		return "not known";
	}
}

static bool known_status(uint32_t status)
{
	return status == 0 || status == STATUS_INVALID_PARAM || status == STATUS_INVALID_KEY;
}

static bool is_response(struct bytes file)
{
	struct reader r = rd_of(file);
	uint32_t status = rd_le32(&r);
	uint32_t size = rd_le32(&r);
	struct bytes reserved = rd_take(&r, RSP_HEADER - 8);

	return file.n == RSP_SIZE && known_status(status) &&
	       size == (status == 0 ? SNP_REPORT_SIZE : 0) && bytes_is_zero(reserved);
}

static RESULT describe_response(struct bytes file, struct fields *out)
{
	struct reader r = rd_of(file);
	uint32_t status = rd_le32(&r);
	uint32_t size = rd_le32(&r);

	rd_skip(&r, RSP_HEADER - 8);
	struct bytes report = rd_take(&r, SNP_REPORT_SIZE);
	if (!rd_ok(&r))
		return err_new(ERR_FORMAT, "MSG_REPORT_RSP: %zu bytes", file.n);
	fields_u64(out, 0, 4, "STATUS", status, status_meaning(status));
	fields_u64(out, 4, 4, "REPORT_SIZE", size, NULL);
	if (status == 0) {
		fields_group(out, RSP_HEADER, report.n, "SNP report");
		out->base += RSP_HEADER;
		struct err e = put_report(report, out);
		out->base -= RSP_HEADER;
		fields_end(out);
		TRY(e);
	}
	return fields_finish(out);
}

static bool is_key(struct bytes file)
{
	struct reader r = rd_of(file);
	uint32_t status = rd_le32(&r);
	struct bytes reserved = rd_take(&r, RSP_HEADER - 4);
	struct bytes key = rd_take(&r, KEY_SIZE);

	return file.n == KEY_RSP_SIZE && known_status(status) && bytes_is_zero(reserved) &&
	       bytes_is_zero(key) == (status != 0);
}

/* The key is a secret of the guest: it is not shown. */
static RESULT describe_key(struct bytes file, struct fields *out)
{
	struct reader r = rd_of(file);
	uint32_t status = rd_le32(&r);

	if (file.n != KEY_RSP_SIZE)
		return err_new(ERR_FORMAT, "MSG_KEY_RSP: %zu bytes", file.n);
	fields_u64(out, 0, 4, "STATUS", status, status_meaning(status));
	fields_str(out, RSP_HEADER, KEY_SIZE, "DERIVED_KEY", status == 0 ? "(secret)" : "none",
		status == 0 ? "not shown" : NULL);
	return fields_finish(out);
}

const struct tee_format snp_formats[] = {
	{ .name = "SNP report", .is = is_report, .describe = describe_report },
	{ .name = "SNP report response", .is = is_response, .describe = describe_response },
	{ .name = "SNP certificate table", .is = is_table, .describe = describe_table },
	{ .name = "SNP derived key response", .is = is_key, .describe = describe_key },
	{ .name = NULL },
};
