#include "sev/snp_internal.h"

#include <stdio.h>
#include <string.h>

#include <base/reader.h>

enum {
	MSG_RSP_SIZE = 4000, /* SNP firmware ABI, MSG_REPORT_RSP as the kernel hands it out */
	MSG_RSP_REPORT = 0x20,
	AZURE_TRAILER = 20,
	TABLE_MAX = 64 * 1024,
	CERT_MAX = 16 * 1024
};

void snp_evidence_done(struct snp_evidence *e)
{
	buf_done(&e->report);
	x509_list_done(&e->certs);
}

/* ---- files ---- */

static bool is_message(struct bytes raw)
{
	struct reader r = rd_of(raw);
	uint32_t status = rd_le32(&r);
	uint32_t size = rd_le32(&r);

	return raw.n == MSG_RSP_SIZE && status == 0 && size == SNP_REPORT_SIZE;
}

/* Firmware said no: the status, and nothing else. */
static bool is_refusal(struct bytes raw)
{
	return raw.n == MSG_RSP_SIZE && raw.p[0] != 0 &&
	       bytes_is_zero(bytes_of(raw.p + 1, raw.n - 1));
}

bool snp_evidence_is_raw(struct bytes raw)
{
	struct reader r = rd_of(raw);
	uint32_t version = rd_le32(&r);

	if (is_message(raw))
		return true;
	rd_skip(&r, 0x30);
	uint32_t algo = rd_le32(&r); /* SIGNATURE_ALGO: nothing else begins with these two */
	return raw.n >= SNP_REPORT_SIZE && raw.n <= SNP_REPORT_SIZE + TABLE_MAX && version > 0 &&
	       version < 16 && algo == 1;
}

/*
 * What a verdict may need of it. A root that comes with the evidence is trusted no more for that;
 * lists in it may be old ones, the verifier has its own.
 */
static RESULT add_cert(enum snp_cert_kind kind, struct bytes der, struct snp_evidence *e)
{
	if (der.n == 0) /* a host that has none */
		return OK;
	if (kind != SNP_CERT_VCEK && kind != SNP_CERT_VLEK &&
		(kind != SNP_CERT_ASK || snp_is_builtin_signer(der)))
		return OK;
	return x509_list_parse_memo(e->memo, der, &e->certs);
}

static RESULT add_table(struct bytes table, struct snp_evidence *e)
{
	struct snp_cert_entry v[SNP_CERT_TABLE_MAX];
	size_t n;

	TRY(snp_cert_table_parse(table, v, &n));
	for (size_t i = 0; i < n; i++) {
		struct err x = add_cert(v[i].kind, v[i].data, e);
		if (failed(x))
			return err_add(x, "certificate table: %s", snp_cert_kind_name(v[i].kind));
	}
	return OK;
}

static RESULT read_raw(struct bytes raw, struct snp_evidence *e)
{
	struct bytes report, rest;

	if (is_message(raw))
		raw = bytes_of(raw.p + MSG_RSP_REPORT, SNP_REPORT_SIZE);
	else if (is_refusal(raw))
		return err_new(
			ERR_FORMAT, "MSG_REPORT_RSP: STATUS 0x%x instead of a report", raw.p[0]);
	if (raw.n < SNP_REPORT_SIZE)
		return err_new(
			ERR_FORMAT, "SNP report: %zu bytes instead of %d", raw.n, SNP_REPORT_SIZE);
	report = bytes_of(raw.p, SNP_REPORT_SIZE);
	rest = bytes_of(raw.p + SNP_REPORT_SIZE, raw.n - SNP_REPORT_SIZE);
	if (rest.n > TABLE_MAX)
		return err_new(ERR_FORMAT, "SNP report: 0x%zx bytes after it", rest.n);
	if (rest.n > 0 && rest.n != AZURE_TRAILER) {
		struct err x = add_table(rest, e);
		if (failed(x))
			return err_add(x, "%zu bytes behind the SNP report", rest.n);
	}
	buf_put(&e->report, report);
	return buf_end(&e->report, "SNP report");
}

RESULT snp_evidence_raw(
	struct bytes raw, const struct x509_memo *memo, struct snp_evidence *ret_evidence)
{
	AUTO(snp_evidence_done) struct snp_evidence e = SNP_EVIDENCE_INIT;

	e.memo = memo;
	TRY(read_raw(raw, &e));
	*ret_evidence = e;
	e = (struct snp_evidence){ 0 };
	return OK;
}

/* ---- JSON: the report's members, put back where firmware had them ---- */

struct member {
	const char *name; /* JSON pointer below "attestation_report" */
	size_t offset, width;
};

static const struct member numbers[] = {
	{ "/version", 0x000, 4 },
	{ "/guest_svn", 0x004, 4 },
	{ "/policy", 0x008, 8 },
	{ "/vmpl", 0x030, 4 },
	{ "/sig_algo", 0x034, 4 },
	{ "/plat_info", 0x040, 8 },
	{ "/key_info", 0x048, 4 },
	{ "/current/build", 0x1e8, 1 },
	{ "/current/minor", 0x1e9, 1 },
	{ "/current/major", 0x1ea, 1 },
	{ "/committed/build", 0x1ec, 1 },
	{ "/committed/minor", 0x1ed, 1 },
	{ "/committed/major", 0x1ee, 1 },
};

/* Absent or null in versions that do not have them. */
static const struct member optional_numbers[] = {
	{ "/cpuid_fam_id", 0x188, 1 },
	{ "/cpuid_mod_id", 0x189, 1 },
	{ "/cpuid_step", 0x18a, 1 },
	{ "/launch_mit_vector", 0x1f8, 8 },
	{ "/current_mit_vector", 0x200, 8 },
};

static const struct member arrays[] = {
	{ "/family_id", 0x010, 16 },
	{ "/image_id", 0x020, 16 },
	{ "/report_data", 0x050, 64 },
	{ "/measurement", 0x090, 48 },
	{ "/host_data", 0x0c0, 32 },
	{ "/id_key_digest", 0x0e0, 48 },
	{ "/author_key_digest", 0x110, 48 },
	{ "/report_id", 0x140, 32 },
	{ "/report_id_ma", 0x160, 32 },
	{ "/chip_id", 0x1a0, 64 },
	{ "/signature/r", 0x2a0, 72 },
	{ "/signature/s", 0x2e8, 72 },
};

static const struct member tcbs[] = {
	{ "/current_tcb", 0x038, 8 },
	{ "/reported_tcb", 0x180, 8 },
	{ "/committed_tcb", 0x1e0, 8 },
	{ "/launch_tcb", 0x1f0, 8 },
};

static void put_le(uint8_t *to, uint64_t v, size_t width)
{
	for (size_t i = 0; i < width; i++)
		to[i] = (uint8_t)(v >> (8 * i));
}

static RESULT bad_member(const char *name, const char *why)
{
	return err_new(ERR_FORMAT, "attestation_report%s: %s", name, why);
}

static RESULT put_number(const struct json *j, const struct member *m, uint8_t *report)
{
	uint64_t v;

	if (!json_u64(j, &v) || (m->width < 8 && v >> (8 * m->width)))
		return bad_member(m->name, "no number of its width");
	put_le(report + m->offset, v, m->width);
	return OK;
}

static RESULT put_numbers(const struct json *r, uint8_t *report)
{
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		TRY(put_number(json_pointer(r, numbers[i].name), &numbers[i], report));
	for (size_t i = 0; i < ARRAY_LEN(optional_numbers); i++) {
		const struct json *j = json_pointer(r, optional_numbers[i].name);
		if (j && json_type(j) != JSON_NULL)
			TRY(put_number(j, &optional_numbers[i], report));
	}
	return OK;
}

static RESULT put_octets(const struct json *j, size_t n, const char *name, uint8_t *to)
{
	uint64_t v;

	if (json_type(j) != JSON_ARRAY || json_count(j) != n)
		return bad_member(name, "no array of its length");
	for (size_t i = 0; i < n; i++) {
		if (!json_u64(json_at(j, i), &v) || v > UINT8_MAX)
			return bad_member(name, "not octets");
		to[i] = (uint8_t)v;
	}
	return OK;
}

/* The parts of a TCB in the layout of the product: with fmc it is Turin's. */
static RESULT put_tcb(const struct json *j, const struct member *m, uint8_t *report)
{
	static const char *const names[] = { "fmc", "bootloader", "tee", "snp", "microcode" };
	static const uint8_t plain[] = { 0, 0, 1, 6, 7 }, turin[] = { 0, 1, 2, 3, 7 };
	const struct json *fmc = json_get(j, "fmc");
	bool has_fmc = fmc && json_type(fmc) != JSON_NULL;
	uint64_t v;

	for (size_t i = has_fmc ? 0 : 1; i < ARRAY_LEN(names); i++) {
		if (!json_u64(json_get(j, names[i]), &v) || v > UINT8_MAX)
			return bad_member(m->name, names[i]);
		report[m->offset + (has_fmc ? turin[i] : plain[i])] = (uint8_t)v;
	}
	return OK;
}

static RESULT read_report(const struct json *r, struct snp_evidence *e)
{
	uint8_t report[SNP_REPORT_SIZE] = { 0 };

	if (json_type(r) != JSON_OBJECT)
		return err_new(ERR_FORMAT, "attestation_report: missing");
	TRY(put_numbers(r, report));
	for (size_t i = 0; i < ARRAY_LEN(arrays); i++)
		TRY(put_octets(json_pointer(r, arrays[i].name), arrays[i].width, arrays[i].name,
			report + arrays[i].offset));
	for (size_t i = 0; i < ARRAY_LEN(tcbs); i++)
		TRY(put_tcb(json_pointer(r, tcbs[i].name), &tcbs[i], report));
	buf_put(&e->report, BYTES_OF(report));
	return buf_end(&e->report, "SNP report");
}

static enum snp_cert_kind kind_of(const struct json *type)
{
	static const struct {
		const char *name;
		enum snp_cert_kind kind;
	} kinds[] = {
		{ "VCEK", SNP_CERT_VCEK },
		{ "VLEK", SNP_CERT_VLEK },
		{ "ASK", SNP_CERT_ASK },
	};
	const char *name = json_string(type);

	for (size_t i = 0; name && i < ARRAY_LEN(kinds); i++)
		if (str_equal(name, kinds[i].name))
			return kinds[i].kind;
	return SNP_CERT_OTHER; /* ARK, CRL, an empty place, something of the host's */
}

static RESULT read_cert(const struct json *j, size_t i, struct snp_evidence *e)
{
	enum snp_cert_kind kind = kind_of(json_get(j, "cert_type"));
	const struct json *data = json_get(j, "data");
	size_t n = json_count(data);
	uint8_t der[CERT_MAX];
	char name[32];

	if (kind == SNP_CERT_OTHER)
		return OK;
	(void)snprintf(name, sizeof(name), "cert_chain[%zu]", i);
	if (n > sizeof(der))
		return err_new(ERR_FORMAT, "%s: %zu bytes", name, n);
	TRY(put_octets(data, n, name, der));
	struct err x = add_cert(kind, bytes_of(der, n), e);
	return failed(x) ? err_add(x, "%s", name) : OK;
}

RESULT snp_evidence_json(
	const struct json *j, const struct x509_memo *memo, struct snp_evidence *ret_evidence)
{
	AUTO(snp_evidence_done) struct snp_evidence e = SNP_EVIDENCE_INIT;
	const struct json *chain = json_get(j, "cert_chain");

	e.memo = memo;
	TRY(read_report(json_get(j, "attestation_report"), &e));
	for (size_t i = 0; i < json_count(chain); i++)
		TRY(read_cert(json_at(chain, i), i, &e));
	*ret_evidence = e;
	e = (struct snp_evidence){ 0 };
	return OK;
}
