/* Trustee's evidence from what firmware and host gave. */
#include "sev/snp_internal.h"

#include <base/encode.h>

enum {
	VERSION_CPUID = 3,
	VERSION_MITIGATION = 5,
	GUID_TEXT = 37,
};

static void put_octets(struct json_writer *w, const char *name, struct bytes b)
{
	jw_key(w, name);
	jw_array(w);
	for (size_t i = 0; i < b.n; i++)
		jw_u64(w, b.p[i]);
	jw_array_end(w);
}

static void put_optional(struct json_writer *w, const char *name, bool has, uint64_t v)
{
	jw_key(w, name);
	if (has)
		jw_u64(w, v);
	else
		jw_null(w);
}

static void put_number(struct json_writer *w, const char *name, uint64_t v)
{
	put_optional(w, name, true, v);
}

static void put_tcb(struct json_writer *w, const char *name, const struct snp_tcb *t)
{
	jw_key(w, name);
	jw_object(w);
	put_optional(w, "fmc", t->has_fmc, t->fmc);
	put_number(w, "bootloader", t->bootloader);
	put_number(w, "tee", t->tee);
	put_number(w, "snp", t->snp);
	put_number(w, "microcode", t->microcode);
	jw_object_end(w);
}

static void put_version(struct json_writer *w, const char *name, const struct snp_version *v)
{
	jw_key(w, name);
	jw_object(w);
	put_number(w, "major", v->major);
	put_number(w, "minor", v->minor);
	put_number(w, "build", v->build);
	jw_object_end(w);
}

/* Members in the order of Trustee's guests. */
static void put_identity(struct json_writer *w, const struct snp_report *r)
{
	put_number(w, "version", r->version);
	put_number(w, "guest_svn", r->guest_svn);
	put_number(w, "policy", r->policy);
	put_octets(w, "family_id", BYTES_OF(r->family_id));
	put_octets(w, "image_id", BYTES_OF(r->image_id));
	put_number(w, "vmpl", r->vmpl);
	put_number(w, "sig_algo", r->signature_algo);
	put_tcb(w, "current_tcb", &r->current_tcb);
	put_number(w, "plat_info", r->platform_info);
	put_number(w, "key_info", r->key_info);
	put_octets(w, "report_data", BYTES_OF(r->report_data));
	put_octets(w, "measurement", BYTES_OF(r->measurement));
	put_octets(w, "host_data", BYTES_OF(r->host_data));
	put_octets(w, "id_key_digest", BYTES_OF(r->id_key_digest));
	put_octets(w, "author_key_digest", BYTES_OF(r->author_key_digest));
	put_octets(w, "report_id", BYTES_OF(r->report_id));
	put_octets(w, "report_id_ma", BYTES_OF(r->report_id_ma));
}

static void put_processor(struct json_writer *w, const struct snp_report *r)
{
	bool cpuid = r->version >= VERSION_CPUID, vectors = r->version >= VERSION_MITIGATION;

	put_tcb(w, "reported_tcb", &r->reported_tcb);
	put_optional(w, "cpuid_fam_id", cpuid, r->cpuid_family);
	put_optional(w, "cpuid_mod_id", cpuid, r->cpuid_model);
	put_optional(w, "cpuid_step", cpuid, r->cpuid_stepping);
	put_octets(w, "chip_id", BYTES_OF(r->chip_id));
	put_tcb(w, "committed_tcb", &r->committed_tcb);
	put_version(w, "current", &r->current);
	put_version(w, "committed", &r->committed);
	put_tcb(w, "launch_tcb", &r->launch_tcb);
	put_optional(w, "launch_mit_vector", vectors, r->launch_mit_vector);
	put_optional(w, "current_mit_vector", vectors, r->current_mit_vector);
	jw_key(w, "signature");
	jw_object(w);
	put_octets(w, "r", r->r);
	put_octets(w, "s", r->s);
	jw_object_end(w);
}

/* 8-4-4-4-12 digits, in the order of the bytes. */
static void guid_text(struct bytes guid, char to[static GUID_TEXT])
{
	static const uint8_t parts[] = { 4, 2, 2, 2, 6 };

	for (size_t i = 0; i < sizeof(parts); i++) {
		if (i > 0)
			*to++ = '-';
		hex_to(bytes_of(guid.p, parts[i]), to);
		to += (size_t)2 * parts[i];
		guid = bytes_of(guid.p + parts[i], guid.n - parts[i]);
	}
}

static void put_cert(struct json_writer *w, const struct snp_cert_entry *e)
{
	bool known = e->kind != SNP_CERT_PLATFORM_INFO && e->kind != SNP_CERT_OTHER;
	char guid[GUID_TEXT];

	jw_object(w);
	jw_key(w, "cert_type");
	if (known) {
		jw_str(w, snp_cert_kind_name(e->kind));
	} else {
		guid_text(e->guid, guid);
		jw_object(w);
		jw_kstr(w, "OTHER", guid);
		jw_object_end(w);
	}
	put_octets(w, "data", e->data);
	jw_object_end(w);
}

static RESULT put_chain(struct json_writer *w, struct bytes table)
{
	struct snp_cert_entry v[SNP_CERT_TABLE_MAX];
	size_t n = 0;

	if (table.n > 0)
		TRY(snp_cert_table_parse(table, v, &n));
	jw_key(w, "cert_chain");
	if (n == 0) {
		jw_null(w);
		return OK;
	}
	jw_array(w);
	for (size_t i = 0; i < n; i++)
		put_cert(w, &v[i]);
	jw_array_end(w);
	return OK;
}

RESULT snp_evidence_print(const struct snp_report *report, struct bytes table, struct buf *ret_json)
{
	struct json_writer w = jw_of(ret_json);

	jw_object(&w);
	jw_key(&w, "attestation_report");
	jw_object(&w);
	put_identity(&w, report);
	put_processor(&w, report);
	jw_object_end(&w);
	TRY(put_chain(&w, table));
	jw_object_end(&w);
	return buf_end(ret_json, "SNP evidence");
}
