#include "azure/azure.h"
#include "platforms.h"
#include "sev/snp.h"
#include "tdx/tdreport.h"

#include <base/reader.h>
#include <tee/fields.h>

enum {
	HARDWARE_OFFSET = 0x20,
	DATA_OFFSET = 0x4c0,
};

static RESULT describe_hardware(const struct hcl_report *h, struct fields *out)
{
	struct snp_report snp;
	struct tdreport td;

	if (h->report_type == HCL_SNP) {
		TRY(snp_report_parse(h->hardware, &snp));
		snp_report_describe(&snp, out);
	} else {
		TRY(tdreport_parse(bytes_of(h->hardware.p, TDREPORT_SIZE), &td));
		tdreport_describe(&td, out);
	}
	return OK;
}

static void describe_runtime(const struct hcl_report *h, struct fields *out)
{
	AUTO(buf_done) struct buf spki = BUF_INIT(HCL_REPORT_MAX);
	AUTO(hcl_runtime_done) struct hcl_runtime r = { 0 };
	int64_t at = (int64_t)h->runtime_offset;

	fields_fmt(out, at, h->runtime_data.n, "runtime data", "%.*s", (int)h->runtime_data.n,
		(const char *)h->runtime_data.p);
	if (failed(hcl_runtime_parse(h->runtime_data, &r))) {
		fields_str(
			out, FIELDS_NO_OFFSET, 0, "HCLAkPub", "none", "the JSON has no such key");
		return;
	}
	if (!failed(key_public_der(r.ak, &spki)))
		fields_hex(out, FIELDS_NO_OFFSET, buf_bytes(&spki), "HCLAkPub",
			"signs the vTPM's quotes");
	if (r.has_user_data)
		fields_hex(out, FIELDS_NO_OFFSET, BYTES_OF(r.user_data), "user-data",
			"written to NV index 0x01400002 by the guest");
}

static RESULT describe(struct bytes file, struct fields *out)
{
	static const char *const hashes[] = { NULL, "SHA-256", "SHA-384", "SHA-512" };
	struct digest_value d;
	struct hcl_report h;

	TRY(hcl_report_parse(file, &h));
	fields_str(out, 0, 4, "signature", "HCLA", NULL);
	fields_u64(out, 4, 4, "version", h.version, NULL);
	fields_u64(out, 8, 4, "report_size", h.report_size, NULL);
	fields_u64(out, 12, 4, "request_type", h.request_type, NULL);
	fields_u64(out, 16, 4, "status", h.status, NULL);
	fields_group(out, HARDWARE_OFFSET, HCL_HARDWARE_SIZE,
		h.report_type == HCL_SNP ? "SNP report" : "TDREPORT");
	out->base += HARDWARE_OFFSET;
	struct err e = describe_hardware(&h, out);
	out->base -= HARDWARE_OFFSET;
	fields_end(out);
	TRY(e);
	fields_u64(out, DATA_OFFSET, 4, "data_size", h.data_size, NULL);
	fields_u64(out, DATA_OFFSET + 4, 4, "data_version", h.data_version, NULL);
	fields_u64(out, DATA_OFFSET + 8, 4, "report_type", h.report_type,
		hcl_type_name(h.report_type));
	fields_u64(out, DATA_OFFSET + 12, 4, "hash_type", h.hash_type,
		h.hash_type < ARRAY_LEN(hashes) ? hashes[h.hash_type] : NULL);
	fields_u64(out, DATA_OFFSET + 16, 4, "var_size", h.runtime_data.n, NULL);
	if (!failed(hcl_runtime_digest(&h, &d)))
		fields_hex(out, FIELDS_NO_OFFSET, digest_bytes(&d), "digest of the runtime data",
			"report_data must hold it");
	describe_runtime(&h, out);
	return fields_finish(out);
}

const struct tee_format azure_formats[] = {
	{ "HCL report of an Azure guest", hcl_report_looks, describe },
	{ 0 },
};
