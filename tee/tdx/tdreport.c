#include "tdx/tdreport.h"

#include "tdx/quote_internal.h"

#include <base/auto.h>
#include <base/reader.h>

enum {
	TEE_TCB_INFO_AT = 256,
	TEE_TCB_INFO_SIZE = 239,
	TD_INFO_AT = 512,
	TD_INFO_SIZE = 512,
	TYPE_TDX = 0x81,
};

static void read_mac_struct(struct reader *r, struct tdreport *to)
{
	to->type = rd_u8(r);
	to->subtype = rd_u8(r);
	to->version = rd_u8(r);
	rd_skip(r, 1 + 12);
	rd_copy(r, to->cpusvn, sizeof(to->cpusvn));
	rd_copy(r, to->tee_tcb_info_hash, sizeof(to->tee_tcb_info_hash));
	rd_copy(r, to->tee_info_hash, sizeof(to->tee_info_hash));
	rd_copy(r, to->report_data, sizeof(to->report_data));
	rd_skip(r, 32);
	rd_copy(r, to->mac, sizeof(to->mac));
	memcpy(to->td.report_data, to->report_data, sizeof(to->report_data));
}

static void read_tcb_info(struct reader r, struct tdreport *to)
{
	to->valid = rd_le64(&r);
	rd_copy(&r, to->td.tee_tcb_svn, sizeof(to->td.tee_tcb_svn));
	rd_copy(&r, to->td.mr_seam, sizeof(to->td.mr_seam));
	rd_copy(&r, to->td.mrsigner_seam, sizeof(to->td.mrsigner_seam));
	rd_copy(&r, to->td.seam_attributes, sizeof(to->td.seam_attributes));
	rd_copy(&r, to->td.tee_tcb_svn2, sizeof(to->td.tee_tcb_svn2));
}

static void read_td_info(struct reader r, struct td_report *to)
{
	to->td_attributes = rd_le64(&r);
	to->xfam = rd_le64(&r);
	rd_copy(&r, to->mr_td, sizeof(to->mr_td));
	rd_copy(&r, to->mr_config_id, sizeof(to->mr_config_id));
	rd_copy(&r, to->mr_owner, sizeof(to->mr_owner));
	rd_copy(&r, to->mr_owner_config, sizeof(to->mr_owner_config));
	for (size_t i = 0; i < TDX_RTMRS; i++)
		rd_copy(&r, to->rtmr[i], sizeof(to->rtmr[i]));
	rd_copy(&r, to->mr_servicetd, sizeof(to->mr_servicetd));
}

RESULT tdreport_parse(struct bytes in, struct tdreport *ret_report)
{
	struct tdreport r = { 0 };
	struct reader rd = rd_of(in);

	if (in.n != TDREPORT_SIZE)
		return err_new(ERR_FORMAT, "TDREPORT: %zu bytes, not %d", in.n, TDREPORT_SIZE);
	read_mac_struct(&rd, &r);
	if (r.type != TYPE_TDX)
		return err_new(
			ERR_FORMAT, "TDREPORT: type 0x%x at offset 0: not TDX (0x81)", r.type);
	if (r.subtype != 0)
		return err_new(ERR_FORMAT, "TDREPORT: subtype %u at offset 1: not 0", r.subtype);
	r.tee_tcb_info = bytes_of(in.p + TEE_TCB_INFO_AT, TEE_TCB_INFO_SIZE);
	r.td_info = bytes_of(in.p + TD_INFO_AT, TD_INFO_SIZE);
	read_tcb_info(rd_of(r.tee_tcb_info), &r);
	read_td_info(rd_of(r.td_info), &r.td);
	*ret_report = r;
	return OK;
}

RESULT tdreport_check(const struct tdreport *r, struct checks *checks)
{
	struct digest_value tcb, info;

	TRY(digest(DIGEST_SHA384, r->tee_tcb_info, &tcb));
	TRY(digest(DIGEST_SHA384, r->td_info, &info));
	(void)check_bytes(checks, DENY_EVIDENCE_MALFORMED, "TDREPORT: hash of TEE_TCB_INFO",
		digest_bytes(&tcb), BYTES_OF(r->tee_tcb_info_hash));
	(void)check_bytes(checks, DENY_EVIDENCE_MALFORMED, "TDREPORT: hash of TDINFO",
		digest_bytes(&info), BYTES_OF(r->tee_info_hash));
	return OK;
}

struct row {
	uint16_t offset, size;
	const char *name, *meaning;
};

static void put_rows(const struct row *row, size_t n, struct bytes whole, struct fields *out)
{
	for (size_t i = 0; i < n; i++)
		fields_hex(out, row[i].offset, bytes_of(whole.p + row[i].offset, row[i].size),
			row[i].name, row[i].meaning);
}

static void put_hashes(const struct tdreport *r, struct fields *out)
{
	struct digest_value d;

	if (!failed(digest(DIGEST_SHA384, r->tee_tcb_info, &d)))
		fields_hex(out, 32, BYTES_OF(r->tee_tcb_info_hash), "TEE_TCB_INFO_HASH",
			bytes_equal(digest_bytes(&d), BYTES_OF(r->tee_tcb_info_hash))
				? "matches"
				: "does not match TEE_TCB_INFO");
	if (!failed(digest(DIGEST_SHA384, r->td_info, &d)))
		fields_hex(out, 80, BYTES_OF(r->tee_info_hash), "TEE_INFO_HASH",
			bytes_equal(digest_bytes(&d), BYTES_OF(r->tee_info_hash))
				? "matches"
				: "does not match TDINFO");
}

void tdreport_describe(const struct tdreport *r, struct fields *out)
{
	static const struct row mac[] = { { 128, 64, "REPORTDATA", NULL },
		{ 224, 32, "MAC", "checked by the same machine only" } };
	static const struct row tcb[] = {
		{ 256, 8, "VALID", "members that are set" },
		{ 264, 16, "TEE_TCB_SVN", "TDX module minor, major; SEAM loader; ..." },
		{ 280, 48, "MRSEAM", "measurement of the TDX module" },
		{ 328, 48, "MRSIGNERSEAM", "signer of the TDX module; zero: Intel" },
		{ 376, 8, "ATTRIBUTES", "of the TDX module" },
		{ 384, 16, "TEE_TCB_SVN2", "of the module running now" },
	};
	static const struct row info[] = {
		{ 528, 48, "MRTD", "build of the TD: firmware" },
		{ 576, 48, "MRCONFIGID", "configuration given at launch: initdata" },
		{ 624, 48, "MROWNER", NULL },
		{ 672, 48, "MROWNERCONFIG", NULL },
		{ 720, 48, "RTMR0", "virtual firmware's configuration" },
		{ 768, 48, "RTMR1", "kernel and boot loader" },
		{ 816, 48, "RTMR2", "command line and initrd" },
		{ 864, 48, "RTMR3", "run time" },
		{ 912, 48, "SERVTD_HASH", "service TDs" },
	};
	struct bytes whole = bytes_of(r->tee_tcb_info.p - TEE_TCB_INFO_AT, TDREPORT_SIZE);

	fields_group(out, 0, TEE_TCB_INFO_AT, "REPORTMACSTRUCT");
	fields_fmt(out, 0, 4, "REPORTTYPE", "TDX, version %u", r->version);
	fields_hex(out, 16, BYTES_OF(r->cpusvn), "CPUSVN", NULL);
	put_hashes(r, out);
	put_rows(mac, ARRAY_LEN(mac), whole, out);
	fields_end(out);
	fields_group(out, TEE_TCB_INFO_AT, TEE_TCB_INFO_SIZE, "TEE_TCB_INFO");
	put_rows(tcb, ARRAY_LEN(tcb), whole, out);
	fields_end(out);
	fields_group(out, TD_INFO_AT, TD_INFO_SIZE, "TDINFO");
	tdx_attributes_describe(r->td.td_attributes, r->td.xfam, TD_INFO_AT, out);
	put_rows(info, ARRAY_LEN(info), whole, out);
	fields_end(out);
}
