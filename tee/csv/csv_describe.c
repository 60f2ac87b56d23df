#include "csv.h"
#include "platforms.h"

#include <stdio.h>

enum {
	PUBLISHED_CHAIN_SIZE = CSV_CA_CERT_SIZE + CSV_CERT_SIZE
};

static const struct field_bit policy_bits[] = {
	{ 0, "NODBG", "the host may not read the guest's memory" },
	{ 1, "NOKS", "no key is shared with other guests" },
	{ 2, "ES", "registers are encrypted" },
	{ 3, "NOSEND", "the guest may not be sent to another machine" },
	{ 4, "DOMAIN", NULL },
	{ 5, "CSV", NULL },
	{ 6, "CSV3", "memory is isolated by the secure processor" },
	{ 7, "ASID_REUSE", NULL },
};

static int64_t offset_in(struct bytes file, struct bytes part)
{
	return part.n > 0 ? (int64_t)(part.p - file.p) : FIELDS_NO_OFFSET;
}

static void add_part(struct fields *f, struct bytes file, struct bytes part, const char *name)
{
	fields_hex(f, offset_in(file, part), part, name, NULL);
}

/* ---- certificates ---- */
static struct err describe_cert(struct fields *f, struct bytes file)
{
	struct csv_cert c;
	char uid[256];

	TRY(csv_cert_parse(file, &c));
	(void)snprintf(uid, sizeof(uid), "%.*s", (int)c.user_id.n, (const char *)c.user_id.p);
	fields_group(f, 0, file.n, csv_usage_name(c.usage));
	fields_u64(f, 0, 4, "version", c.version, NULL);
	if (!c.is_ca)
		fields_fmt(f, 4, 2, "firmware", "%u.%u", c.firmware_major, c.firmware_minor);
	fields_u64(f, c.is_ca ? 36 : 8, 4, "usage", c.usage, csv_usage_name(c.usage));
	add_part(f, file, c.kid, "key id");
	add_part(f, file, c.sid, "key id of the signer");
	add_part(f, file, c.x, "x");
	add_part(f, file, c.y, "y");
	fields_str(f, offset_in(file, c.user_id), c.user_id.n, "user id", uid, NULL);
	for (size_t i = 0; i < c.n_sigs; i++) {
		const struct csv_signature *s = &c.sigs[i];

		fields_group(f, offset_in(file, s->r), 0, "signature");
		if (!c.is_ca)
			fields_u64(f, offset_in(file, s->r) - 8, 4, "usage", s->usage,
				csv_usage_name(s->usage));
		add_part(f, file, s->r, "r");
		add_part(f, file, s->s, "s");
		fields_end(f);
	}
	fields_end(f);
	return OK;
}

static bool is_cert(struct bytes file)
{
	if (file.n == PUBLISHED_CHAIN_SIZE)
		return csv_cert_is(bytes_of(file.p, CSV_CA_CERT_SIZE)) &&
		       csv_cert_is(bytes_of(file.p + CSV_CA_CERT_SIZE, CSV_CERT_SIZE));
	return csv_cert_is(file);
}

static struct err describe_certs(struct bytes file, struct fields *out)
{
	if (file.n == PUBLISHED_CHAIN_SIZE) {
		TRY(describe_cert(out, bytes_of(file.p, CSV_CA_CERT_SIZE)));
		out->base += CSV_CA_CERT_SIZE;
		struct err e =
			describe_cert(out, bytes_of(file.p + CSV_CA_CERT_SIZE, CSV_CERT_SIZE));
		out->base -= CSV_CA_CERT_SIZE;
		TRY(e);
	} else {
		TRY(describe_cert(out, file));
	}
	return fields_finish(out);
}

/* ---- reports ---- */
static void add_v2(struct fields *f, struct bytes data, const struct csv_report *r)
{
	char name[16];

	fields_u64(f, 188, 4, "build", r->build, NULL);
	fields_u64(f, 192, 2, "RTMR version", r->rtmr_version, NULL);
	for (size_t i = 0; i < CSV_RTMRS; i++) {
		(void)snprintf(name, sizeof(name), "RTMR%zu", i);
		add_part(f, data, r->rtmr[i], name);
	}
}

static void add_report(struct fields *f, struct bytes data, const struct csv_report *r)
{
	const char *masked = r->version == 1 ? "unmasked" : NULL;

	fields_u64(f, FIELDS_NO_OFFSET, 0, "version", r->version, NULL);
	fields_hex(f, 0, BYTES_OF(r->user_pubkey_digest), "user public key digest", masked);
	fields_hex(f, 32, BYTES_OF(r->vm_id), "VM id", masked);
	fields_hex(f, 48, BYTES_OF(r->vm_version), "VM version", masked);
	fields_hex(f, 64, BYTES_OF(r->report_data), "report data", masked);
	fields_hex(f, 128, BYTES_OF(r->mnonce), "mnonce", masked);
	fields_hex(f, 144, BYTES_OF(r->measure), "measurement", masked);
	fields_bits(f, 176, 4, "policy", r->policy & 0xff, policy_bits, ARRAY_LEN(policy_bits));
	fields_fmt(f, 177, 1, "HSK and CEK version", "%u, %u", r->policy >> 8 & 15,
		r->policy >> 12 & 15);
	fields_fmt(f, 178, 2, "least API version", "%u.%u", r->policy >> 16 & 255, r->policy >> 24);
	fields_u64(f, 180, 4, "signed by", r->sig_usage, csv_usage_name(r->sig_usage));
	fields_u64(f, 184, 4, "algorithm", r->sig_algo,
		r->sig_algo == CSV_ALGO_SM2 ? "SM2 with SM3" : "unknown");
	if (r->version == 1)
		fields_u64(f, 188, 4, "anonce", r->anonce, "the mask");
	else
		add_v2(f, data, r);
	add_part(f, data, r->r, "r");
	add_part(f, data, r->s, "s");
}

static struct err describe_report(struct bytes file, struct fields *out)
{
	AUTO(csv_evidence_done) struct csv_evidence e = { 0 };
	size_t wrapper = file.n == CSV_WRAPPER_SIZE ? CSV_WRAPPER_SIZE - CSV_DATA_SIZE : 0;
	struct csv_report r;

	TRY(csv_evidence_parse(file, &e));
	TRY(csv_report_parse(buf_bytes(&e.data), e.version, &r));
	size_t size = e.version == 1 ? CSV_REPORT_V1_SIZE : CSV_REPORT_V2_SIZE;
	out->base += (int64_t)wrapper;
	fields_group(out, 0, size, "report");
	add_report(out, buf_bytes(&e.data), &r);
	fields_end(out);
	out->base += (int64_t)size;
	struct err described = describe_cert(out, buf_bytes(&e.pek));
	fields_str(out, CSV_CERT_SIZE, CSV_SERIAL_SIZE, "serial number", e.serial, NULL);
	out->base -= (int64_t)(wrapper + size);
	TRY(described);
	return fields_finish(out);
}

const struct tee_format csv_formats[] = {
	{ .name = "CSV report", .is = csv_evidence_is, .describe = describe_report },
	{ .name = "CSV certificate", .is = is_cert, .describe = describe_certs },
	{ .name = NULL },
};
