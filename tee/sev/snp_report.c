/* SNP firmware ABI 1.55 and later, ATTESTATION_REPORT (table 23) and TCB_VERSION (table 3). */
#include "sev/snp.h"

#include <string.h>

#include <base/reader.h>

enum {
	SIGNATURE_NUMBER = 72, /* R and S, P-384 in the low 48 bytes */
	SIGNATURE_USED = 48,
	SIGNATURE_TAIL = 368,
	VERSION_FIRST = 2,
	VERSION_CPUID = 3,
	VERSION_MIT = 5,
	VERSION_LAST = 5,
	FAMILY_19 = 0x19,
	FAMILY_1A = 0x1a,
	TURIN_CHIP_ID = 8,
};

/* Models of the combined family: processor programming references, CPUID Fn0000_0001. */
static enum snp_product product_of(uint8_t family, uint8_t model)
{
	static const struct {
		uint8_t family, first, last;
		enum snp_product product;
	} models[] = {
		{ FAMILY_19, 0x00, 0x0f, SNP_MILAN },
		{ FAMILY_19, 0x10, 0x1f, SNP_GENOA },
		{ FAMILY_19, 0xa0, 0xaf, SNP_GENOA }, /* Bergamo and Siena: same keys */
		{ FAMILY_1A, 0x00, 0x11, SNP_TURIN },
	};

	for (size_t i = 0; i < ARRAY_LEN(models); i++)
		if (models[i].family == family && model >= models[i].first &&
			model <= models[i].last)
			return models[i].product;
	return SNP_UNKNOWN;
}

const char *snp_product_name(enum snp_product p)
{
	static const char *const names[] = { "unknown", "Milan", "Genoa", "Turin" };

	return names[p];
}

struct snp_tcb snp_tcb_of(uint64_t raw, enum snp_product product)
{
	struct snp_tcb t = { .raw = raw, .microcode = (uint8_t)(raw >> 56) };

	if (product == SNP_TURIN) {
		t.has_fmc = true;
		t.fmc = (uint8_t)raw;
		t.bootloader = (uint8_t)(raw >> 8);
		t.tee = (uint8_t)(raw >> 16);
		t.snp = (uint8_t)(raw >> 24);
	} else {
		t.bootloader = (uint8_t)raw;
		t.tee = (uint8_t)(raw >> 8);
		t.snp = (uint8_t)(raw >> 48);
	}
	return t;
}

/* Where a failure is: the offset of what is read next. */
static size_t offset(const struct reader *r)
{
	return SNP_REPORT_SIZE - r->left;
}

static RESULT zero(struct reader *r, size_t n, const char *what)
{
	size_t at = offset(r);
	struct bytes b = rd_take(r, n);

	if (!bytes_is_zero(b))
		return err_new(ERR_FORMAT, "SNP report: %s at 0x%zx is not zero", what, at);
	return OK;
}

static struct snp_version version_of(struct reader *r)
{
	struct snp_version v;

	v.build = rd_u8(r);
	v.minor = rd_u8(r);
	v.major = rd_u8(r);
	return v;
}

static RESULT parse_identity(struct reader *r, struct snp_report *s)
{
	s->version = rd_le32(r);
	if (s->version < VERSION_FIRST || s->version > VERSION_LAST)
		return err_new(ERR_FORMAT, "SNP report: VERSION at 0x0 is %u, known are %d to %d",
			s->version, VERSION_FIRST, VERSION_LAST);
	s->guest_svn = rd_le32(r);
	s->policy = rd_le64(r);
	rd_copy(r, s->family_id, sizeof(s->family_id));
	rd_copy(r, s->image_id, sizeof(s->image_id));
	s->vmpl = rd_le32(r);
	s->signature_algo = rd_le32(r);
	s->current_tcb.raw = rd_le64(r);
	s->platform_info = rd_le64(r);
	s->key_info = rd_le32(r);
	if (s->key_info >> 5)
		return err_new(ERR_FORMAT, "SNP report: KEY_INFO at 0x48 has reserved bits 0x%x",
			s->key_info);
	return zero(r, 4, "reserved word");
}

static void parse_measurements(struct reader *r, struct snp_report *s)
{
	rd_copy(r, s->report_data, sizeof(s->report_data));
	rd_copy(r, s->measurement, sizeof(s->measurement));
	rd_copy(r, s->host_data, sizeof(s->host_data));
	rd_copy(r, s->id_key_digest, sizeof(s->id_key_digest));
	rd_copy(r, s->author_key_digest, sizeof(s->author_key_digest));
	rd_copy(r, s->report_id, sizeof(s->report_id));
	rd_copy(r, s->report_id_ma, sizeof(s->report_id_ma));
	s->reported_tcb.raw = rd_le64(r);
}

static RESULT parse_processor(struct reader *r, struct snp_report *s)
{
	s->cpuid_family = rd_u8(r);
	s->cpuid_model = rd_u8(r);
	s->cpuid_stepping = rd_u8(r);
	if (s->version < VERSION_CPUID && (s->cpuid_family || s->cpuid_model || s->cpuid_stepping))
		return err_new(ERR_FORMAT, "SNP report: CPUID at 0x188 is not zero in version %u",
			s->version);
	TRY(zero(r, 21, "reserved bytes"));
	rd_copy(r, s->chip_id, sizeof(s->chip_id));
	s->committed_tcb.raw = rd_le64(r);
	s->current = version_of(r);
	TRY(zero(r, 1, "reserved byte"));
	s->committed = version_of(r);
	TRY(zero(r, 1, "reserved byte"));
	s->launch_tcb.raw = rd_le64(r);
	s->launch_mit_vector = rd_le64(r);
	s->current_mit_vector = rd_le64(r);
	if (s->version < VERSION_MIT && (s->launch_mit_vector || s->current_mit_vector))
		return err_new(ERR_FORMAT,
			"SNP report: mitigation vectors at 0x1f8 are not zero in version %u",
			s->version);
	return zero(r, 152, "reserved bytes");
}

static RESULT parse_signature(struct reader *r, struct snp_report *s)
{
	struct bytes *numbers[] = { &s->r, &s->s };

	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		size_t at = offset(r);
		*numbers[i] = rd_take(r, SIGNATURE_NUMBER);
		if (rd_ok(r) && !bytes_is_zero(bytes_of(numbers[i]->p + SIGNATURE_USED,
					SIGNATURE_NUMBER - SIGNATURE_USED)))
			return err_new(ERR_FORMAT,
				"SNP report: signature at 0x%zx is longer than P-384", at);
	}
	return zero(r, SIGNATURE_TAIL, "reserved tail of the signature");
}

/* Version 2 does not say; only Turin has chip ids of 8 bytes. */
static enum snp_product infer_product(const struct snp_report *s)
{
	struct bytes tail = bytes_of(s->chip_id + TURIN_CHIP_ID, SNP_CHIP_ID_SIZE - TURIN_CHIP_ID);

	if (s->version >= VERSION_CPUID)
		return product_of(s->cpuid_family, s->cpuid_model);
	return bytes_is_zero(tail) && !bytes_is_zero(BYTES_OF(s->chip_id)) ? SNP_TURIN
									   : SNP_UNKNOWN;
}

void snp_report_set_product(struct snp_report *report, enum snp_product product)
{
	struct snp_tcb *tcbs[] = { &report->current_tcb, &report->reported_tcb,
		&report->committed_tcb, &report->launch_tcb };

	report->product = product;
	for (size_t i = 0; i < ARRAY_LEN(tcbs); i++)
		*tcbs[i] = snp_tcb_of(tcbs[i]->raw, product);
}

RESULT snp_report_parse(struct bytes in, struct snp_report *ret_report)
{
	struct reader r = rd_of(in);
	struct snp_report s = { 0 };

	if (in.n != SNP_REPORT_SIZE)
		return err_new(
			ERR_FORMAT, "SNP report: %zu bytes instead of %d", in.n, SNP_REPORT_SIZE);
	TRY(parse_identity(&r, &s));
	parse_measurements(&r, &s);
	TRY(parse_processor(&r, &s));
	TRY(parse_signature(&r, &s));
	TRY(rd_end(&r, "SNP report"));
	s.signed_bytes = bytes_of(in.p, SNP_SIGNED_SIZE);
	snp_report_set_product(&s, infer_product(&s));
	*ret_report = s;
	return OK;
}
