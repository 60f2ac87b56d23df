/* TD attributes: Intel TDX module ABI, ATTRIBUTES and XFAM; enclaves: Intel SDM 3D, 35.7. */
#include "tdx/quote_internal.h"

#include <stdio.h>

#include <base/auto.h>
#include <base/reader.h>

enum {
	TD_DEBUG = 0,
	TD_SEPT_VE_DISABLE = 28,
	TD_MIGRATABLE = 29,
	SGX_INIT = 0,
	SGX_DEBUG = 1,
	SGX_PROVISION_KEY = 4,
	SGX_ATTRIBUTES_AT = 48,
};

#define BIT(n)	     (UINT64_C(1) << (n))
#define TD_TUD	     UINT64_C(0xff) /* "TD under debug" group */
#define XFAM_FIXED_1 UINT64_C(3)    /* x87 and SSE state */

static const struct field_bit td_bits[] = {
	{ TD_DEBUG, "DEBUG", "the host may read the TD's memory" },
	{ 16, "ICSSD", "no indirect branch context of other TDs" },
	{ 27, "LASS", "linear address space separation" },
	{ TD_SEPT_VE_DISABLE, "SEPT_VE_DISABLE", "no #VE on pages that the host took away" },
	{ TD_MIGRATABLE, "MIGRATABLE", "a service TD may migrate it" },
	{ 30, "PKS", "supervisor protection keys" },
	{ 31, "KL", "Key Locker" },
	{ 62, "TPA", "takes devices (TDX Connect)" },
	{ 63, "PERFMON", "performance monitoring" },
};

static const struct field_bit sgx_bits[] = {
	{ SGX_INIT, "INIT", "initialised by EINIT" },
	{ SGX_DEBUG, "DEBUG", "the host may read the enclave's memory" },
	{ 2, "MODE64BIT", "64-bit code" },
	{ SGX_PROVISION_KEY, "PROVISION_KEY", "may derive the platform's provisioning key" },
	{ 5, "EINITTOKEN_KEY", "may derive the launch key" },
	{ 6, "CET", "control flow enforcement" },
	{ 7, "KSS", "key separation and sharing: CONFIGID is set" },
	{ 10, "AEXNOTIFY", "told of interrupts" },
};

static const struct field_bit xfam_bits[] = {
	{ 0, "x87", NULL },
	{ 1, "SSE", NULL },
	{ 2, "AVX", NULL },
	{ 5, "AVX-512 opmask", NULL },
	{ 6, "AVX-512 ZMM_Hi256", NULL },
	{ 7, "AVX-512 Hi16_ZMM", NULL },
	{ 8, "PT", "processor trace" },
	{ 9, "PKRU", "user protection keys" },
	{ 11, "CET_U", NULL },
	{ 12, "CET_S", NULL },
	{ 14, "UINTR", "user interrupts" },
	{ 15, "LBR", "last branch records" },
	{ 17, "AMX XTILECFG", NULL },
	{ 18, "AMX XTILEDATA", NULL },
	{ 19, "APX", NULL },
};

static uint64_t word(const uint8_t *p)
{
	struct reader r = rd_of(bytes_of(p, 8));

	return rd_le64(&r);
}

static uint64_t sgx_flags(const struct sgx_report *s)
{
	return word(s->attributes);
}

bool tdx_quote_debug(const struct tdx_quote *q)
{
	if (q->body_type == TDX_BODY_SGX)
		return sgx_flags(&q->sgx) & BIT(SGX_DEBUG);
	return q->td.td_attributes & BIT(TD_DEBUG);
}

static void check_debug(
	const struct tee_verify_input *in, bool debug, const char *what, struct checks *checks)
{
	bool allowed = tee_policy_of(in)->allow_debug;

	(void)check_that(checks, !debug || allowed, DENY_DEBUG, what, allowed ? "any" : "off",
		debug ? "on" : "off");
}

static uint64_t unknown_bits(uint64_t v, const struct field_bit *bits, size_t n)
{
	for (size_t i = 0; i < n; i++)
		v &= ~BIT(bits[i].bit);
	return v;
}

static void check_zero(struct checks *checks, uint64_t v, const char *what)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "0x%llx", (unsigned long long)v);
	(void)check_that(checks, v == 0, DENY_TDX_ATTRIBUTES, what, "0x0", text);
}

static void check_td(
	const struct tee_verify_input *in, const struct td_report *td, struct checks *checks)
{
	uint64_t unknown = unknown_bits(td->td_attributes, td_bits, ARRAY_LEN(td_bits));
	char xfam[24];

	check_debug(in, td->td_attributes & BIT(TD_DEBUG), "td_attributes: DEBUG", checks);
	check_zero(checks, td->td_attributes & TD_TUD & ~BIT(TD_DEBUG),
		"td_attributes: other bits of debugging");
	check_zero(checks, unknown & ~TD_TUD, "td_attributes: reserved bits");
	if (td->td_attributes & BIT(TD_SEPT_VE_DISABLE))
		check_pass(checks, "td_attributes: SEPT_VE_DISABLE", "on");
	else
		check_skip(checks, "td_attributes: SEPT_VE_DISABLE",
			"off: the guest's kernel must do without, as a paravisor does");
	if (td->td_attributes & BIT(TD_MIGRATABLE))
		check_skip(checks, "td_attributes: MIGRATABLE",
			"on: what migrates it is not compared");
	else
		check_pass(checks, "td_attributes: MIGRATABLE", "off");
	(void)snprintf(xfam, sizeof(xfam), "0x%llx", (unsigned long long)td->xfam);
	(void)check_that(checks, (td->xfam & XFAM_FIXED_1) == XFAM_FIXED_1, DENY_TDX_ATTRIBUTES,
		"xfam: bits that are always set", "x87 and SSE", xfam);
}

static void check_sgx(
	const struct tee_verify_input *in, const struct sgx_report *s, struct checks *checks)
{
	uint64_t flags = sgx_flags(s);

	check_debug(in, flags & BIT(SGX_DEBUG), "attributes: DEBUG", checks);
	(void)check_that(checks, flags & BIT(SGX_INIT), DENY_TDX_ATTRIBUTES, "attributes: INIT",
		"on", flags & BIT(SGX_INIT) ? "on" : "off");
	check_zero(checks, unknown_bits(flags, sgx_bits, ARRAY_LEN(sgx_bits)),
		"attributes: reserved bits");
	if (flags & BIT(SGX_PROVISION_KEY))
		check_skip(checks, "attributes: PROVISION_KEY",
			"on: the enclave can recognise the platform; nothing demands otherwise");
	else
		check_pass(checks, "attributes: PROVISION_KEY", "off");
}

void tdx_check_attributes(
	const struct tee_verify_input *in, const struct tdx_quote *q, struct checks *checks)
{
	if (q->body_type == TDX_BODY_SGX)
		check_sgx(in, &q->sgx, checks);
	else
		check_td(in, &q->td, checks);
}

void tdx_attributes_describe(uint64_t attributes, uint64_t xfam, int64_t offset, struct fields *out)
{
	fields_bits(out, offset, 8, "td_attributes", attributes, td_bits, ARRAY_LEN(td_bits));
	fields_bits(out, offset + 8, 8, "xfam", xfam, xfam_bits, ARRAY_LEN(xfam_bits));
}

void sgx_attributes_describe(struct bytes report, int64_t offset, struct fields *out)
{
	const uint8_t *p = report.p + SGX_ATTRIBUTES_AT;

	fields_bits(out, offset, 8, "attributes.flags", word(p), sgx_bits, ARRAY_LEN(sgx_bits));
	fields_bits(out, offset + 8, 8, "attributes.xfrm", word(p + 8), xfam_bits,
		ARRAY_LEN(xfam_bits));
}
