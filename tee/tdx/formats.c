/* Files that `sealpod inspect` knows by their bytes. */
#include "platforms.h"
#include "tdx/evidence.h"
#include "tdx/quote_internal.h"
#include "tdx/tdreport.h"

#include <base/reader.h>

enum {
	CCEL_TABLE_SIZE = 56,
	CC_TYPE_TDX = 2,
};

static bool is_quote(struct bytes file)
{
	uint32_t type;

	return tdx_quote_looks(file, &type);
}

static RESULT describe_quote(struct bytes file, struct fields *out)
{
	struct tdx_quote q;

	TRY(tdx_quote_parse(file, &q));
	tdx_quote_describe(&q, out);
	return fields_finish(out);
}

static bool is_tdreport(struct bytes file)
{
	return file.n == TDREPORT_SIZE && file.p[0] == TDX_TEE_TDX && file.p[1] == 0 &&
	       file.p[2] <= 1;
}

static RESULT describe_tdreport(struct bytes file, struct fields *out)
{
	struct tdreport r;

	TRY(tdreport_parse(file, &r));
	tdreport_describe(&r, out);
	return fields_finish(out);
}

static bool is_ccel_table(struct bytes file)
{
	return file.n >= CCEL_TABLE_SIZE && bytes_equal(bytes_of(file.p, 4), bytes_str("CCEL"));
}

/* ACPI 6.5, 5.2.34: where the firmware keeps the log. */
static RESULT describe_ccel_table(struct bytes file, struct fields *out)
{
	struct reader r = rd_of(file);
	uint8_t sum = 0;

	rd_skip(&r, 4);
	uint32_t length = rd_le32(&r);
	if (length != file.n || length < CCEL_TABLE_SIZE)
		return err_new(ERR_FORMAT, "CCEL table: length %u at offset 4, but %zu bytes",
			length, file.n);
	for (size_t i = 0; i < file.n; i++)
		sum = (uint8_t)(sum + file.p[i]);
	uint8_t revision = rd_u8(&r);
	uint8_t checksum = rd_u8(&r);
	struct bytes oem = rd_take(&r, 6);
	rd_skip(&r, 8 + 4 + 4 + 4);
	uint8_t type = rd_u8(&r);
	uint8_t subtype = rd_u8(&r);
	rd_skip(&r, 2);
	uint64_t size = rd_le64(&r);
	uint64_t address = rd_le64(&r);
	fields_u64(out, 4, 4, "Length", length, NULL);
	fields_u64(out, 8, 1, "Revision", revision, NULL);
	fields_u64(out, 9, 1, "Checksum", checksum, sum == 0 ? "right" : "wrong");
	fields_hex(out, 10, oem, "OEMID", NULL);
	fields_u64(out, 36, 1, "CC Type", type, type == CC_TYPE_TDX ? "TDX" : NULL);
	fields_u64(out, 37, 1, "CC Subtype", subtype, NULL);
	fields_u64(out, 40, 8, "Log Area Minimum Length", size, "bytes");
	fields_fmt(out, 48, 8, "Log Area Start Address", "0x%llx", (unsigned long long)address);
	return fields_finish(out);
}

const struct tee_format tdx_formats[] = {
	{ "TDX or SGX quote", is_quote, describe_quote },
	{ "TDREPORT", is_tdreport, describe_tdreport },
	{ "CCEL ACPI table", is_ccel_table, describe_ccel_table },
	{ 0 },
};
