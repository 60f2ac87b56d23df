#include "csv.h"

#include <stdio.h>

static void add_policy(uint32_t policy, struct claims *c)
{
	static const struct {
		const char *name;
		unsigned shift, bits;
	} parts[] = {
		{ "csv.policy.nodbg", 0, 1 },
		{ "csv.policy.noks", 1, 1 },
		{ "csv.policy.es", 2, 1 },
		{ "csv.policy.nosend", 3, 1 },
		{ "csv.policy.domain", 4, 1 },
		{ "csv.policy.csv", 5, 1 },
		{ "csv.policy.csv3", 6, 1 },
		{ "csv.policy.asid_reuse", 7, 1 },
		{ "csv.policy.hsk_version", 8, 4 },
		{ "csv.policy.cek_version", 12, 4 },
		{ "csv.policy.api_major", 16, 8 },
		{ "csv.policy.api_minor", 24, 8 },
	};

	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		claims_u64(
			c, parts[i].name, policy >> parts[i].shift & ((1u << parts[i].bits) - 1));
}

/* Trustee prints these numbers as the bytes they are made of. */
static void add_le32(struct claims *c, const char *name, uint32_t v)
{
	uint8_t b[4];

	for (size_t i = 0; i < sizeof(b); i++)
		b[i] = (uint8_t)(v >> (8 * i));
	claims_hex(c, name, BYTES_OF(b));
}

static void add_v2(const struct csv_report *r, struct claims *c)
{
	char name[16];

	claims_u64(c, "csv.build", r->build);
	claims_u64(c, "csv.rtmr_version", r->rtmr_version);
	claims_hex(c, "csv.reserved0", r->reserved0);
	for (size_t i = 0; i < CSV_RTMRS; i++) {
		(void)snprintf(name, sizeof(name), "csv.rtmr%zu", i);
		claims_hex(c, name, r->rtmr[i]);
	}
	claims_hex(c, "csv.reserved1", r->reserved1);
}

void csv_claims(const struct csv_evidence *e, const struct csv_report *r, struct claims *c)
{
	claims_str(c, "csv.version", r->version == 1 ? "1" : "2");
	add_policy(r->policy, c);
	claims_hex(c, "csv.user_pubkey_digest", BYTES_OF(r->user_pubkey_digest));
	claims_hex(c, "csv.vm_id", BYTES_OF(r->vm_id));
	claims_hex(c, "csv.vm_version", BYTES_OF(r->vm_version));
	claims_hex(c, "csv.report_data", BYTES_OF(r->report_data));
	claims_hex(c, "csv.mnonce", BYTES_OF(r->mnonce));
	claims_hex(c, "csv.measure", BYTES_OF(r->measure));
	add_le32(c, "csv.sig_usage", r->sig_usage);
	add_le32(c, "csv.sig_algo", r->sig_algo);
	if (r->version == 1)
		add_le32(c, "csv.anonce", r->anonce);
	else
		add_v2(r, c);
	claims_str(c, "csv.serial_number", e->serial);
}
