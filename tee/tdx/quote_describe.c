/* A quote for people. */
#include "tdx/quote_internal.h"

#include <base/auto.h>

enum {
	BODY_AT = 48,
	BODY_AT_5 = 54,
	VERSION_5 = 5,
	PEM_CHAIN = 5,
	PEM_LEAF = 4,
	NAME_SIZE = 160,
};

static int64_t offset_in(const struct tdx_quote *q, struct bytes part)
{
	return part.p - q->signed_bytes.p;
}

static const char *meaning(const struct tdx_quote *q, const char *name)
{
	static const struct {
		const char *name, *text;
	} known[] = {
		{ "tcb_svn", "TDX module minor, major; SEAM loader; ..." },
		{ "mr_seam", "measurement of the TDX module" },
		{ "mrsigner_seam", "signer of the TDX module; zero: Intel" },
		{ "mr_td", "build of the TD: firmware" },
		{ "mr_config_id", "configuration given at launch: initdata" },
		{ "rtmr_0", "virtual firmware's configuration: PCRs 1 and 7" },
		{ "rtmr_1", "kernel and boot loader: PCRs 2 to 6" },
		{ "rtmr_2", "command line and initrd: PCRs 8 to 15" },
		{ "rtmr_3", "run time" },
		{ "mr_enclave", "build of the enclave" },
		{ "att_key_data_0", "TEE type: SGX" },
		{ "config_id", "configuration given at launch: initdata" },
	};

	if (str_equal(name, "tee_type"))
		return q->tee_type == TDX_TEE_TDX ? "TDX" : "SGX";
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (str_equal(known[i].name, name))
			return known[i].text;
	return NULL;
}

static void put_members(const struct tdx_quote *q, const struct tdx_member *m, struct bytes from,
	int64_t base, struct fields *out)
{
	for (; m->name && (size_t)m->offset + m->size <= from.n; m++) {
		if (str_equal(m->name, "xfam") || str_equal(m->name, "attributes\\.xfrm"))
			continue; /* with the attributes before */
		if (str_equal(m->name, "td_attributes"))
			tdx_attributes_describe(
				q->td.td_attributes, q->td.xfam, base + m->offset, out);
		else if (str_equal(m->name, "attributes\\.flags"))
			sgx_attributes_describe(from, base + m->offset, out);
		else
			fields_hex(out, base + m->offset, bytes_of(from.p + m->offset, m->size),
				m->name, meaning(q, m->name));
	}
}

static void put_machine(const struct x509 *pck, struct fields *out)
{
	struct pck_info info;

	if (failed(pck_info_parse(pck, &info)))
		return;
	fields_hex(out, FIELDS_NO_OFFSET, BYTES_OF(info.ppid), "PPID", "of the machine");
	fields_hex(out, FIELDS_NO_OFFSET, BYTES_OF(info.fmspc), "FMSPC", "family of machines");
	fields_hex(out, FIELDS_NO_OFFSET, BYTES_OF(info.pce_id), "PCE-ID", NULL);
	fields_hex(out, FIELDS_NO_OFFSET, BYTES_OF(info.tcb_components), "TCB components",
		"SVN of each");
	fields_hex(out, FIELDS_NO_OFFSET, BYTES_OF(info.cpusvn), "CPUSVN", NULL);
	fields_u64(out, FIELDS_NO_OFFSET, 0, "PCESVN", info.pcesvn, NULL);
	fields_u64(out, FIELDS_NO_OFFSET, 0, "SGX type", info.sgx_type,
		info.sgx_type == 0   ? "standard"
		: info.sgx_type == 1 ? "scalable"
				     : "scalable with integrity");
}

static void put_certs(const struct tdx_quote *q, struct fields *out)
{
	AUTO(x509_list_done) struct x509_list certs = { 0 };
	char name[NAME_SIZE];

	if ((q->cert_type != PEM_CHAIN && q->cert_type != PEM_LEAF) ||
		failed(x509_list_parse(q->cert_data, &certs))) {
		fields_hex(out, offset_in(q, q->cert_data), q->cert_data, "data", "not a chain");
		return;
	}
	for (size_t i = 0; i < certs.n; i++) {
		x509_subject(certs.v[i], name, sizeof(name));
		fields_str(out, FIELDS_NO_OFFSET, 0, "certificate", name, NULL);
	}
	put_machine(tdx_pck_of(&certs), out);
}

static void put_signature(const struct tdx_quote *q, struct fields *out)
{
	int64_t at = offset_in(q, q->signature);

	fields_group(out, at, (size_t)(offset_in(q, q->cert_data) - at) + q->cert_data.n,
		"signature data");
	fields_hex(out, at, q->signature, "signature", "r, s of ECDSA P-256");
	fields_hex(out, offset_in(q, q->attestation_key), q->attestation_key, "attestation key",
		"x, y");
	fields_group(out, offset_in(q, q->qe.raw), q->qe.raw.n, "QE report");
	put_members(q, sgx_members, q->qe.raw, offset_in(q, q->qe.raw), out);
	fields_end(out);
	fields_hex(out, offset_in(q, q->qe_signature), q->qe_signature, "QE report signature",
		"by the PCK");
	if (q->qe_auth_data.n > 0)
		fields_hex(out, offset_in(q, q->qe_auth_data), q->qe_auth_data,
			"QE authentication data", NULL);
	fields_group(out, offset_in(q, q->cert_data), q->cert_data.n, "certification data");
	fields_u64(out, offset_in(q, q->cert_data) - 6, 2, "type", q->cert_type,
		q->cert_type == PEM_CHAIN ? "PCK certificate chain" : NULL);
	put_certs(q, out);
	fields_end(out);
	fields_end(out);
}

void tdx_quote_describe(const struct tdx_quote *q, struct fields *out)
{
	bool sgx = q->body_type == TDX_BODY_SGX;
	int64_t body_at = q->version == VERSION_5 ? BODY_AT_5 : BODY_AT;

	fields_group(out, 0, BODY_AT, "header");
	put_members(q, sgx ? sgx_header_members : tdx_header_members, q->signed_bytes, 0, out);
	fields_end(out);
	if (q->version == VERSION_5)
		fields_u64(out, BODY_AT, 2, "body type", q->body_type,
			sgx				 ? "enclave"
			: q->body_type == TDX_BODY_TD_10 ? "TD 1.0"
							 : "TD 1.5");
	fields_group(out, body_at, q->body_size, "body");
	put_members(q, sgx ? sgx_members : td_members, tdx_quote_body(q), body_at, out);
	fields_end(out);
	put_signature(q, out);
	if (q->trailing > 0)
		fields_u64(out, FIELDS_NO_OFFSET, 0, "trailing bytes", q->trailing, "ignored");
}
