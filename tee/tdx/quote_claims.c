/* Claims in Trustee's names and forms: bytes in hex as they stand in the quote. */
#include "tdx/quote_internal.h"

#include <stdio.h>

#include <base/auto.h>
#include <base/clock.h>

enum {
	NAME_SIZE = 96,
	VERSION_5 = 5,
};

struct out {
	struct claims *claims;
	const char *prefix;
	char name[NAME_SIZE];
};

static const char *named(struct out *o, const char *group, const char *name)
{
	(void)snprintf(o->name, sizeof(o->name), "%s.%s%s", o->prefix, group, name);
	return o->name;
}

static void put_members(
	struct out *o, const char *group, const struct tdx_member *m, struct bytes from)
{
	for (; m->name && (size_t)m->offset + m->size <= from.n; m++)
		claims_hex(
			o->claims, named(o, group, m->name), bytes_of(from.p + m->offset, m->size));
}

static void put_td_attributes(struct out *o, uint64_t v)
{
	static const struct {
		const char *name;
		unsigned bit;
	} bits[] = {
		{ "debug", 0 },
		{ "septve_disable", 28 },
		{ "protection_keys", 30 },
		{ "key_locker", 31 },
		{ "perfmon", 63 },
	};

	for (size_t i = 0; i < ARRAY_LEN(bits); i++)
		claims_bool(
			o->claims, named(o, "td_attributes.", bits[i].name), v >> bits[i].bit & 1);
}

static void put_quote(struct out *o, const struct tdx_quote *q)
{
	struct bytes all = q->signed_bytes, body = tdx_quote_body(q);

	if (q->body_type == TDX_BODY_SGX) {
		put_members(o, "header.", sgx_header_members, all);
		put_members(o, "body.", sgx_members, body);
		return;
	}
	put_members(o, "quote.header.", tdx_header_members, all);
	put_members(o, "quote.body.", td_members, body);
	if (q->version == VERSION_5) {
		claims_hex(o->claims, named(o, "quote.", "type"), bytes_of(all.p + 48, 2));
		claims_hex(o->claims, named(o, "quote.", "size"), bytes_of(all.p + 50, 4));
	}
	put_td_attributes(o, q->td.td_attributes);
}

/* Trustee prints these bytes, and only these, from the last to the first. */
static void put_instance(struct out *o, const struct pck_info *pck)
{
	uint8_t v[sizeof(pck->platform_instance_id)];

	for (size_t i = 0; i < sizeof(v); i++)
		v[i] = pck->platform_instance_id[sizeof(v) - 1 - i];
	claims_hex(o->claims, named(o, "", "platform_instance_id"), BYTES_OF(v));
}

static void put_machine(struct out *o, const struct pck_info *pck)
{
	static const char *const types[] = { "Standard", "Scalable", "Scalable with Integrity" };
	struct claims *c = o->claims;

	claims_hex(c, named(o, "", "platform_provider_id"), BYTES_OF(pck->ppid));
	claims_hex(c, named(o, "", "fmspc"), BYTES_OF(pck->fmspc));
	claims_u64(c, named(o, "", "pcesvn"), pck->pcesvn);
	if (pck->has_platform_instance_id)
		put_instance(o, pck);
	if (pck->sgx_type < ARRAY_LEN(types))
		claims_str(c, named(o, "", "sgx_type"), types[pck->sgx_type]);
	if (!pck->has_configuration)
		return;
	claims_bool(c, named(o, "", "is_dynamic_platform"), pck->dynamic_platform);
	claims_bool(c, named(o, "", "is_cached_keys"), pck->cached_keys);
	claims_bool(c, named(o, "", "is_smt_enabled"), pck->smt_enabled);
}

static void put_date(struct out *o, const char *name, int64_t t)
{
	char text[RFC3339_SIZE];

	clock_format(t, text);
	claims_str(o->claims, named(o, "", name), text);
}

static void put_tcb(struct out *o, const struct tdx_tcb_result *t)
{
	struct claims *c = o->claims;

	claims_str(c, named(o, "", "tcb_status"), tcb_status_name(t->status));
	claims_str(c, named(o, "", "collateral_expiration_status"), t->expired ? "1" : "0");
	claims_list_add(c, named(o, "", "advisory_ids"), NULL);
	for (size_t i = 0; i < t->advisory_ids.n; i++)
		claims_list_add(c, named(o, "", "advisory_ids"), t->advisory_ids.v[i]);
	put_date(o, "earliest_issue_date", t->earliest_issue);
	put_date(o, "latest_issue_date", t->latest_issue);
	put_date(o, "earliest_expiration_date", t->earliest_expiration);
	put_date(o, "tcb_date", t->tcb_date);
	claims_u64(c, named(o, "", "pck_crl_num"), t->pck_crl_num);
	claims_u64(c, named(o, "", "root_ca_crl_num"), t->root_ca_crl_num);
	claims_u64(c, named(o, "", "tcb_eval_num"), t->tcb_eval_num);
	if (t->module_id[0])
		claims_str(c, named(o, "", "tdx_module_id"), t->module_id);
}

void tdx_quote_claims(const struct tdx_verified *v, const char *prefix, struct claims *claims)
{
	struct out o = { .claims = claims, .prefix = prefix };

	put_quote(&o, &v->quote);
	put_machine(&o, &v->pck);
	put_tcb(&o, &v->tcb);
	claims_hex(claims, named(&o, "", "root_key_id"), BYTES_OF(v->root_key_id));
}
