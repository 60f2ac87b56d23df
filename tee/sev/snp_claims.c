/* Names are Trustee's (trustee 4.6.4); what Trustee leaves out has the ABI's own names. */
#include "sev/snp.h"

#include <stdio.h>

enum {
	CLAIM_NAME_MAX = 96
};

struct out {
	struct claims *claims;
	const char *prefix;
	char name[CLAIM_NAME_MAX];
};

static const char *name(struct out *o, const char *a, const char *b)
{
	(void)snprintf(o->name, sizeof(o->name), "%s.%s%s", o->prefix, a, b);
	return o->name;
}

static void put_tcb(struct out *o, const char *which, const struct snp_tcb *t)
{
	const struct {
		const char *part;
		uint8_t v;
	} parts[] = {
		{ "_bootloader", t->bootloader },
		{ "_tee", t->tee },
		{ "_snp", t->snp },
		{ "_microcode", t->microcode },
	};

	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		claims_u64(o->claims, name(o, which, parts[i].part), parts[i].v);
	if (t->has_fmc)
		claims_u64(o->claims, name(o, which, "_fmc"), t->fmc);
}

static void put_policy(struct out *o, uint64_t policy)
{
	static const struct {
		const char *name;
		unsigned bit;
	} bits[] = {
		{ "policy_smt_allowed", SNP_POLICY_SMT },
		{ "policy_migrate_ma", SNP_POLICY_MIGRATE_MA },
		{ "policy_debug_allowed", SNP_POLICY_DEBUG },
		{ "policy_single_socket", SNP_POLICY_SINGLE_SOCKET },
		{ "policy_cxl_allowed", SNP_POLICY_CXL },
		{ "policy_mem_aes_256_xts", SNP_POLICY_AES_256_XTS },
		{ "policy_rapl_dis", SNP_POLICY_RAPL_DIS },
		{ "policy_ciphertext_hiding", SNP_POLICY_CIPHERTEXT_HIDING },
		{ "policy_page_swap_disable", SNP_POLICY_PAGE_SWAP_DIS },
	};

	claims_u64(o->claims, name(o, "policy_abi_major", ""), policy >> 8 & 0xff);
	claims_u64(o->claims, name(o, "policy_abi_minor", ""), policy & 0xff);
	for (size_t i = 0; i < ARRAY_LEN(bits); i++)
		claims_bool(o->claims, name(o, bits[i].name, ""), policy >> bits[i].bit & 1);
}

static void put_platform(struct out *o, uint64_t info)
{
	static const struct {
		const char *name;
		unsigned bit;
	} bits[] = {
		{ "platform_smt_enabled", 0 },
		{ "platform_tsme_enabled", 1 },
		{ "platform_ecc_enabled", 2 },
		{ "platform_rapl_disabled", 3 },
		{ "platform_ciphertext_hiding_enabled", 4 },
		{ "platform_alias_check_complete", 5 },
		{ "platform_tio_enabled", 7 },
	};

	for (size_t i = 0; i < ARRAY_LEN(bits); i++)
		claims_bool(o->claims, name(o, bits[i].name, ""), info >> bits[i].bit & 1);
	claims_u64(o->claims, name(o, "platform_info", ""), info);
}

static void put_version(struct out *o, const char *which, const struct snp_version *v)
{
	char text[16];

	(void)snprintf(text, sizeof(text), "%u.%u.%u", v->major, v->minor, v->build);
	claims_str(o->claims, name(o, which, "_version"), text);
}

static void put_identity(struct out *o, const struct snp_report *r)
{
	claims_u64(o->claims, name(o, "version", ""), r->version);
	claims_u64(o->claims, name(o, "guest_svn", ""), r->guest_svn);
	claims_u64(o->claims, name(o, "vmpl", ""), r->vmpl);
	claims_str(o->claims, name(o, "product", ""), snp_product_name(r->product));
	if (r->csp_id[0])
		claims_str(o->claims, name(o, "csp_id", ""), r->csp_id);
	claims_hex(o->claims, name(o, "measurement", ""), BYTES_OF(r->measurement));
	claims_hex(o->claims, name(o, "chip_id", ""), BYTES_OF(r->chip_id));
	claims_hex(o->claims, name(o, "family_id", ""), BYTES_OF(r->family_id));
	claims_hex(o->claims, name(o, "image_id", ""), BYTES_OF(r->image_id));
	claims_hex(o->claims, name(o, "id_key_digest", ""), BYTES_OF(r->id_key_digest));
	claims_hex(o->claims, name(o, "author_key_digest", ""), BYTES_OF(r->author_key_digest));
	claims_hex(o->claims, name(o, "report_id", ""), BYTES_OF(r->report_id));
	claims_hex(o->claims, name(o, "report_id_ma", ""), BYTES_OF(r->report_id_ma));
}

void snp_report_claims(const struct snp_report *report, const char *prefix, struct claims *claims)
{
	struct out o = { .claims = claims, .prefix = prefix };

	put_identity(&o, report);
	put_policy(&o, report->policy);
	put_platform(&o, report->platform_info);
	put_tcb(&o, "reported_tcb", &report->reported_tcb);
	put_tcb(&o, "current_tcb", &report->current_tcb);
	put_tcb(&o, "committed_tcb", &report->committed_tcb);
	put_tcb(&o, "launch_tcb", &report->launch_tcb);
	put_version(&o, "current", &report->current);
	put_version(&o, "committed", &report->committed);
	claims_bool(claims, name(&o, "debug", ""), report->policy >> SNP_POLICY_DEBUG & 1);
	if (report->version >= 5) {
		claims_u64(claims, name(&o, "launch_mit_vector", ""), report->launch_mit_vector);
		claims_u64(claims, name(&o, "current_mit_vector", ""), report->current_mit_vector);
	}
}
