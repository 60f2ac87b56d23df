/*
 * What each hardware platform's claims must equal. Ids of reference values are those of Trustee's
 * default policies where it has one (trustee 4.7), so that its values can be imported as they are.
 */
#include "appraisal_rules.h"

enum {
	RULES_MAX = 8
};

/* One member of the trust vector: its value when every rule holds, and otherwise. */
struct judgement {
	enum ar4si member;
	int8_t good, bad;
	struct rule rules[RULES_MAX];
	/* When these hold too, the value is `best`; nobody is told when they do not. */
	int8_t best;
	struct rule wanted[RULES_MAX];
};

enum {
	JUDGEMENTS_MAX = 3
};

struct profile {
	const char *platform;
	struct judgement v[JUDGEMENTS_MAX];
	bool no_initdata; /* nothing of this platform binds initdata */
};

/* As a quote's header has them. */
#define TEE_TYPE_TDX "81000000"
#define VENDOR_INTEL "939a7233f79c4ca9940a0db3957f0607"

#define KNOWN(claim, id)                                                                           \
	{                                                                                          \
		(claim), (id), NULL, DENY_REFERENCE_UNKNOWN                                        \
	}
#define EQUALS(claim, value)                                                                       \
	{                                                                                          \
		(claim), NULL, (value), DENY_REFERENCE_UNKNOWN                                     \
	}
#define EXECUTABLES(...)                                                                           \
	{                                                                                          \
		AR4SI_EXECUTABLES, APPROVED_BOOT, UNRECOGNIZED_RUNTIME,                            \
		{                                                                                  \
			__VA_ARGS__                                                                \
		}                                                                                  \
	}
#define HARDWARE(...)                                                                              \
	{                                                                                          \
		AR4SI_HARDWARE, GENUINE_HARDWARE, UNRECOGNIZED_HARDWARE,                           \
		{                                                                                  \
			__VA_ARGS__                                                                \
		}                                                                                  \
	}
#define CONFIGURATION(...)                                                                         \
	{                                                                                          \
		AR4SI_CONFIGURATION, APPROVED_CONFIG, UNAVAILABLE_CONFIG,                          \
		{                                                                                  \
			__VA_ARGS__                                                                \
		}                                                                                  \
	}

/* clang-format off */
static const struct profile profiles[] = {
	{ .platform = "snp", .v = {
		EXECUTABLES(KNOWN("snp.measurement", "snp_launch_measurement")),
		HARDWARE(KNOWN("snp.reported_tcb_bootloader", "snp_bootloader"),
			KNOWN("snp.reported_tcb_tee", "snp_tee_svn"),
			KNOWN("snp.reported_tcb_snp", "snp_snp_svn"),
			KNOWN("snp.reported_tcb_microcode", "snp_microcode")),
		{ .member = AR4SI_CONFIGURATION, .good = NO_CONFIG_VULNERABILITIES,
			.bad = UNAVAILABLE_CONFIG, .best = APPROVED_CONFIG,
			.rules = { EQUALS("snp.policy_debug_allowed", "false"),
				EQUALS("snp.policy_migrate_ma", "false") },
			.wanted = { KNOWN("snp.platform_smt_enabled", "snp_smt_enabled"),
				KNOWN("snp.platform_tsme_enabled", "snp_tsme_enabled"),
				KNOWN("snp.policy_abi_major", "snp_guest_abi_major"),
				KNOWN("snp.policy_abi_minor", "snp_guest_abi_minor"),
				KNOWN("snp.policy_single_socket", "snp_single_socket"),
				KNOWN("snp.policy_smt_allowed", "snp_smt_allowed") } } } },
	{ .platform = "sev", .no_initdata = true, .v = {
		EXECUTABLES(KNOWN("sev.measurement", "sev_launch_measurement")),
		HARDWARE(KNOWN("sev.api_version", "sev_api_version")),
		CONFIGURATION(EQUALS("sev.policy_debug_allowed", "false")) } },
	{ .platform = "tdx", .v = {
		EXECUTABLES(KNOWN("tdx.quote.body.rtmr_1", "rtmr_1"),
			KNOWN("tdx.quote.body.rtmr_2", "rtmr_2")),
		HARDWARE(EQUALS("tdx.quote.header.tee_type", TEE_TYPE_TDX),
			EQUALS("tdx.quote.header.vendor_id", VENDOR_INTEL),
			KNOWN("tdx.quote.body.mr_td", "mr_td"),
			EQUALS("tdx.tcb_status", "UpToDate"),
			EQUALS("tdx.collateral_expiration_status", "0")),
		CONFIGURATION(EQUALS("tdx.td_attributes.debug", "false"),
			KNOWN("tdx.quote.body.xfam", "xfam")) } },
	{ .platform = "sgx", .v = {
		EXECUTABLES(KNOWN("sgx.body.mr_enclave", "sgx_mr_enclave")),
		HARDWARE(KNOWN("sgx.body.mr_signer", "sgx_mr_signer"),
			EQUALS("sgx.tcb_status", "UpToDate"),
			EQUALS("sgx.collateral_expiration_status", "0")),
		CONFIGURATION(EQUALS("sgx.debug", "false")) } },
	{ .platform = "az-snp-vtpm", .v = {
		EXECUTABLES(KNOWN("az-snp-vtpm.measurement", "measurement"),
			KNOWN("az-snp-vtpm.tpm.pcr11", "snp_pcr11")),
		HARDWARE(KNOWN("az-snp-vtpm.reported_tcb_bootloader", "tcb_bootloader"),
			KNOWN("az-snp-vtpm.reported_tcb_tee", "tcb_tee"),
			KNOWN("az-snp-vtpm.reported_tcb_snp", "tcb_snp"),
			KNOWN("az-snp-vtpm.reported_tcb_microcode", "tcb_microcode")),
		CONFIGURATION(KNOWN("az-snp-vtpm.platform_smt_enabled", "smt_enabled"),
			KNOWN("az-snp-vtpm.platform_tsme_enabled", "tsme_enabled"),
			KNOWN("az-snp-vtpm.policy_abi_major", "abi_major"),
			KNOWN("az-snp-vtpm.policy_abi_minor", "abi_minor"),
			KNOWN("az-snp-vtpm.policy_single_socket", "single_socket"),
			KNOWN("az-snp-vtpm.policy_smt_allowed", "smt_allowed")) } },
	{ .platform = "az-tdx-vtpm", .v = {
		EXECUTABLES(KNOWN("az-tdx-vtpm.tpm.pcr11", "tdx_pcr11")),
		HARDWARE(EQUALS("az-tdx-vtpm.quote.header.tee_type", TEE_TYPE_TDX),
			EQUALS("az-tdx-vtpm.quote.header.vendor_id", VENDOR_INTEL),
			KNOWN("az-tdx-vtpm.quote.body.mr_td", "mr_td"),
			EQUALS("az-tdx-vtpm.tcb_status", "UpToDate")),
		CONFIGURATION(KNOWN("az-tdx-vtpm.quote.body.xfam", "xfam")) } },
	{ .platform = "se", .no_initdata = true, .v = {
		EXECUTABLES(KNOWN("se.tag", "se_tag")),
		HARDWARE(KNOWN("se.attestation_phkh", "se_attestation_phkh")),
		CONFIGURATION(KNOWN("se.image_phkh", "se_image_phkh")) } },
	{ .platform = "cca", .v = {
		EXECUTABLES(KNOWN("cca.realm.cca-realm-initial-measurement", "cca_rim")),
		HARDWARE(KNOWN("cca.platform.cca-platform-implementation-id",
			"cca_implementation_id")),
		CONFIGURATION(EQUALS("cca.debug", "false")) } },
	{ .platform = "csv", .no_initdata = true, .v = {
		EXECUTABLES(KNOWN("csv.measure", "csv_measure")),
		HARDWARE(KNOWN("csv.serial_number", "csv_serial_number")),
		CONFIGURATION(EQUALS("csv.debug", "false")) } },
};
/* clang-format on */

static size_t count(const struct rule rules[static RULES_MAX])
{
	size_t n = 0;

	while (n < RULES_MAX && rules[n].claim)
		n++;
	return n;
}

static int8_t judge(const struct appraise_input *in, const struct judgement *j, struct appraisal *a)
{
	size_t wanted = count(j->wanted);

	if (!appraise_rules(in, j->rules, count(j->rules), a))
		return j->bad;
	return wanted > 0 && rules_hold(in, j->wanted, wanted) ? j->best : j->good;
}

static const struct profile *profile_of(const struct tee *tee)
{
	for (size_t i = 0; i < ARRAY_LEN(profiles); i++)
		if (str_equal(profiles[i].platform, tee->platform))
			return &profiles[i];
	return NULL;
}

bool platform_binds_initdata(const struct tee *tee)
{
	const struct profile *p = profile_of(tee);

	return !p || !p->no_initdata;
}

void appraise_platform(const struct appraise_input *in, struct appraisal *a)
{
	const struct profile *p = profile_of(in->tee);

	for (size_t i = 0; p && i < JUDGEMENTS_MAX; i++) {
		a->vector[p->v[i].member] = judge(in, &p->v[i], a);
	}
}
