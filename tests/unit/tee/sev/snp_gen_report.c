/* Bytes and JSON of reports. */
#include "snp_gen.h"
#include "util.h"

#include <base/reader.h>

enum {
	WIDTH = 48,  /* P-384 */
	NUMBER = 72, /* as firmware writes it */
	RSP_SIZE = 4000,
	ENTRY = 24,
};

static void put_version(const struct snp_version *v, struct buf *out)
{
	buf_u8(out, v->build);
	buf_u8(out, v->minor);
	buf_u8(out, v->major);
	buf_zero(out, 1);
}

static void put_signed_part(const struct snp_report *r, struct buf *out)
{
	buf_le32(out, r->version);
	buf_le32(out, r->guest_svn);
	buf_le64(out, r->policy);
	buf_put(out, BYTES_OF(r->family_id));
	buf_put(out, BYTES_OF(r->image_id));
	buf_le32(out, r->vmpl);
	buf_le32(out, r->signature_algo);
	buf_le64(out, r->current_tcb.raw);
	buf_le64(out, r->platform_info);
	buf_le32(out, r->key_info);
	buf_zero(out, 4);
	buf_put(out, BYTES_OF(r->report_data));
	buf_put(out, BYTES_OF(r->measurement));
	buf_put(out, BYTES_OF(r->host_data));
	buf_put(out, BYTES_OF(r->id_key_digest));
	buf_put(out, BYTES_OF(r->author_key_digest));
	buf_put(out, BYTES_OF(r->report_id));
	buf_put(out, BYTES_OF(r->report_id_ma));
	buf_le64(out, r->reported_tcb.raw);
	buf_u8(out, r->cpuid_family);
	buf_u8(out, r->cpuid_model);
	buf_u8(out, r->cpuid_stepping);
	buf_zero(out, 21);
	buf_put(out, BYTES_OF(r->chip_id));
	buf_le64(out, r->committed_tcb.raw);
	put_version(&r->current, out);
	put_version(&r->committed, out);
	buf_le64(out, r->launch_tcb.raw);
	buf_le64(out, r->launch_mit_vector);
	buf_le64(out, r->current_mit_vector);
	buf_zero(out, 152);
}

static void put_number(struct bytes be, struct buf *out)
{
	for (size_t i = be.n; i-- > 0;)
		buf_u8(out, be.p[i]);
	buf_zero(out, NUMBER - be.n);
}

void snp_gen_report(const struct snp_gen *g, struct buf *ret)
{
	AUTO(buf_done) struct buf body = BUF_INIT(SNP_SIGNED_SIZE);
	AUTO(buf_done) struct buf der = BUF_INIT(128), raw = BUF_INIT(2 * WIDTH);

	put_signed_part(&g->report, &body);
	assert_int_equal(body.n, SNP_SIGNED_SIZE);
	if (g->patch_at)
		body.p[g->patch_at] ^= g->patch;
	assert_ok(key_sign(
		g->signer ? g->signer : g->vek_key, SIG_ECDSA_SHA384, buf_bytes(&body), &der));
	assert_ok(ecdsa_der_to_raw(buf_bytes(&der), WIDTH, &raw));
	buf_put(ret, buf_bytes(&body));
	put_number(bytes_of(raw.p, WIDTH), ret);
	put_number(bytes_of(raw.p + WIDTH, WIDTH), ret);
	buf_zero(ret, 368);
	assert_ok(buf_end(ret, "report"));
}

void snp_gen_response(struct bytes report, struct buf *ret)
{
	buf_le32(ret, 0);
	buf_le32(ret, SNP_REPORT_SIZE);
	buf_zero(ret, 24);
	buf_put(ret, report);
	buf_zero(ret, RSP_SIZE - 32 - SNP_REPORT_SIZE);
	assert_ok(buf_end(ret, "response"));
}

/* ---- certificate table ---- */

void snp_gen_table(const struct snp_gen *g, struct buf *ret)
{
	static const uint8_t guids[][16] = {
		{ 0x63, 0xda, 0x75, 0x8d, 0xe6, 0x64, 0x45, 0x64, 0xad, 0xc5, 0xf4, 0xb9, 0x3b,
			0xe8, 0xac, 0xcd },
		{ 0x4a, 0xb7, 0xb3, 0x79, 0xbb, 0xac, 0x4f, 0xe4, 0xa0, 0x2f, 0x05, 0xae, 0xf3,
			0x27, 0xc7, 0x82 },
		{ 0xc0, 0xb4, 0x06, 0xa4, 0xa8, 0x03, 0x49, 0x52, 0x97, 0x43, 0x3f, 0xb6, 0x01,
			0x4c, 0xd0, 0xae },
	};
	static const uint8_t vlek[16] = { 0xa8, 0x07, 0x4b, 0xc2, 0xa2, 0x5a, 0x48, 0x3e, 0xaa,
		0xe6, 0x39, 0xc0, 0x45, 0xa0, 0xb8, 0xa1 };
	const struct x509 *certs[] = { g->vek, g->ask, g->ark };
	AUTO(buf_done) struct buf data = BUF_INIT(SNP_GEN_TABLE_MAX);
	const size_t header = (ARRAY_LEN(certs) + 1) * ENTRY;

	for (size_t i = 0; i < ARRAY_LEN(certs); i++) {
		size_t at = data.n;

		assert_ok(x509_der(certs[i], &data));
		buf_put(ret, i == 0 && g->vlek ? BYTES_OF(vlek) : BYTES_OF(guids[i]));
		buf_le32(ret, header + at);
		buf_le32(ret, data.n - at);
	}
	buf_zero(ret, ENTRY);
	buf_put(ret, buf_bytes(&data));
	assert_ok(buf_end(ret, "certificate table"));
}

/* ---- Trustee's JSON ---- */

static void put_octets(struct json_writer *w, const char *name, struct bytes b)
{
	jw_key(w, name);
	jw_array(w);
	for (size_t i = 0; i < b.n; i++)
		jw_u64(w, b.p[i]);
	jw_array_end(w);
}

static void take_octets(struct json_writer *w, const char *name, struct reader *r, size_t n)
{
	put_octets(w, name, rd_take(r, n));
}

static void take_int(struct json_writer *w, const char *name, struct reader *r, size_t width)
{
	uint64_t v = rd_le(r, width);

	jw_ku64(w, name, v);
}

static void take_tcb(
	struct json_writer *w, const char *name, enum snp_product product, struct reader *r)
{
	struct snp_tcb t = snp_tcb_of(rd_le64(r), product);

	jw_key(w, name);
	jw_object(w);
	jw_key(w, "fmc");
	if (t.has_fmc)
		jw_u64(w, t.fmc);
	else
		jw_null(w);
	jw_ku64(w, "bootloader", t.bootloader);
	jw_ku64(w, "tee", t.tee);
	jw_ku64(w, "snp", t.snp);
	jw_ku64(w, "microcode", t.microcode);
	jw_object_end(w);
}

static void take_version(struct json_writer *w, const char *name, struct reader *r)
{
	struct bytes v = rd_take(r, 4);

	jw_key(w, name);
	jw_object(w);
	jw_ku64(w, "major", v.p[2]);
	jw_ku64(w, "minor", v.p[1]);
	jw_ku64(w, "build", v.p[0]);
	jw_object_end(w);
}

static void take_identity(struct json_writer *w, enum snp_product product, struct reader *r)
{
	take_int(w, "version", r, 4);
	take_int(w, "guest_svn", r, 4);
	take_int(w, "policy", r, 8);
	take_octets(w, "family_id", r, 16);
	take_octets(w, "image_id", r, 16);
	take_int(w, "vmpl", r, 4);
	take_int(w, "sig_algo", r, 4);
	take_tcb(w, "current_tcb", product, r);
	take_int(w, "plat_info", r, 8);
	take_int(w, "key_info", r, 4);
	rd_skip(r, 4);
	take_octets(w, "report_data", r, 64);
	take_octets(w, "measurement", r, 48);
	take_octets(w, "host_data", r, 32);
	take_octets(w, "id_key_digest", r, 48);
	take_octets(w, "author_key_digest", r, 48);
	take_octets(w, "report_id", r, 32);
	take_octets(w, "report_id_ma", r, 32);
	take_tcb(w, "reported_tcb", product, r);
}

/* What a version does not have is null, as Trustee's guests write it. */
static void take_optional(
	struct json_writer *w, const char *name, bool has, struct reader *r, size_t width)
{
	if (has) {
		take_int(w, name, r, width);
		return;
	}
	rd_skip(r, width);
	jw_key(w, name);
	jw_null(w);
}

static void take_processor(struct json_writer *w, const struct snp_gen *g, struct reader *r)
{
	bool cpuid = g->report.version >= 3, mit = g->report.version >= 5;

	take_optional(w, "cpuid_fam_id", cpuid, r, 1);
	take_optional(w, "cpuid_mod_id", cpuid, r, 1);
	take_optional(w, "cpuid_step", cpuid, r, 1);
	rd_skip(r, 21);
	take_octets(w, "chip_id", r, 64);
	take_tcb(w, "committed_tcb", g->product, r);
	take_version(w, "current", r);
	take_version(w, "committed", r);
	take_tcb(w, "launch_tcb", g->product, r);
	take_optional(w, "launch_mit_vector", mit, r, 8);
	take_optional(w, "current_mit_vector", mit, r, 8);
	rd_skip(r, 152);
	jw_key(w, "signature");
	jw_object(w);
	take_octets(w, "r", r, NUMBER);
	take_octets(w, "s", r, NUMBER);
	jw_object_end(w);
}

static void put_chain(struct json_writer *w, const struct snp_gen *g)
{
	const char *const names[] = { g->vlek ? "VLEK" : "VCEK", "ASK", "ARK" };
	const struct x509 *certs[] = { g->vek, g->ask, g->ark };

	jw_array(w);
	for (size_t i = 0; i < ARRAY_LEN(certs); i++) {
		AUTO(buf_done) struct buf der = BUF_INIT(SNP_GEN_TABLE_MAX);

		assert_ok(x509_der(certs[i], &der));
		jw_object(w);
		jw_kstr(w, "cert_type", names[i]);
		put_octets(w, "data", buf_bytes(&der));
		jw_object_end(w);
	}
	/* what else a host may put into its table */
	jw_raw(w, bytes_str("{\"cert_type\":\"Empty\",\"data\":[]}"));
	jw_raw(w, bytes_str("{\"cert_type\":{\"OTHER\":\"00000000-0000-0000-0000-000000000001\"},"
			    "\"data\":[1,2]}"));
	jw_array_end(w);
}

void snp_gen_json(const struct snp_gen *g, struct bytes report, bool chain, struct buf *ret)
{
	struct reader r = rd_of(report);
	struct json_writer w = jw_of(ret);

	jw_object(&w);
	jw_key(&w, "attestation_report");
	jw_object(&w);
	take_identity(&w, g->product, &r);
	take_processor(&w, g, &r);
	jw_object_end(&w);
	jw_key(&w, "cert_chain");
	if (chain)
		put_chain(&w, g);
	else
		jw_null(&w);
	jw_object_end(&w);
	assert_ok(buf_end(ret, "evidence"));
}
