/* az-snp-vtpm and az-tdx-vtpm: swtpm, paravisor, metadata service, test AMD and test Intel. */
#include "fake_azure.h"
#include "path.h"
#include "util.h"

#include <stdio.h>
#include <stdlib.h>

#include <base/clock.h>
#include <base/encode.h>

enum {
	STORE_CERTS_MAX = 16,
	HOUR = 3600,
};

struct machine {
	struct azure_gen g;
	struct fake_azure azure;
	struct snp_report snp; /* good ones */
	struct td_report td;
	struct collateral *published;
};

static struct machine *of(const struct path *p)
{
	return p->machine;
}

static const char no_pcr11[] = "0000000000000000000000000000000000000000000000000000000000000000";

static void start(struct path *p, bool tdx)
{
	struct machine *m = calloc(1, sizeof(*m));

	assert_non_null(m);
	p->machine = m;
	snp_gen_at(clock_now());
	tdx_gen_at(clock_now());
	azure_gen_init(&m->g, tdx);
	fake_azure_start(&m->azure, tdx ? "az-tdx" : "az-snp", &m->g);
	m->snp = m->g.snp.report;
	m->td = m->g.td.td;
	path_trust(p, m->g.anchors.vendor.v[0]);
	p->config = (struct tee_guest_config){
		.tcti = m->azure.tcti, .imds = m->azure.imds, .imds_ops = &imds_http
	};
}

static void stop(struct path *p)
{
	fake_azure_stop(&of(p)->azure);
	azure_gen_done(&of(p)->g);
	collateral_freep(&of(p)->published);
	free(of(p));
}

/* ---- SNP ---- */
/* The chip's own certificate comes from the metadata service, by way of the guest. */
static void publish_snp(struct path *p)
{
	struct machine *m = of(p);
	const struct x509_list ask = { .v = { m->g.snp.ask }, .n = 1 };

	collateral_freep(&m->published);
	assert_ok(collateral_new(&m->published));
	assert_ok(collateral_add_certs(m->published, &ask, "test AMD"));
	assert_ok(collateral_add(m->published, buf_bytes(&m->g.snp.crl), "test AMD"));
	p->collateral = m->published;
}

static void remake_snp(struct path *p)
{
	struct machine *m = of(p);

	snp_gen_certs(&m->g.snp);
	publish_snp(p);
	fake_azure_restart(&m->azure, &m->g);
}

static void repair_snp(struct path *p)
{
	struct snp_gen *g = &of(p)->g.snp;

	g->report = of(p)->snp;
	g->vek_times = g->crl_times = g->ask_times;
	g->revoked = false;
	remake_snp(p);
}

static void start_snp(struct path *p, const struct digest_value *initdata)
{
	AUTO(buf_done) struct buf measurement = BUF_INIT(128);
	const struct snp_report *r;

	(void)initdata;
	start(p, false);
	publish_snp(p);
	r = &of(p)->snp;
	base64_encode(BASE64_STD, BYTES_OF(r->measurement), &measurement);
	buf_printf(&p->references,
		"{\"measurement\":[\"%s\"],\"snp_pcr11\":[\"%s\"],\"tcb_bootloader\":[\"%u\"],"
		"\"tcb_tee\":[\"%u\"],\"tcb_snp\":[\"%u\"],\"tcb_microcode\":[\"%u\"],",
		buf_cstr(&measurement), no_pcr11, r->reported_tcb.bootloader, r->reported_tcb.tee,
		r->reported_tcb.snp, r->reported_tcb.microcode);
	buf_puts(&p->references,
		"\"smt_enabled\":[\"true\",\"false\"],\"tsme_enabled\":[\"true\",\"false\"],"
		"\"abi_major\":[\"0\",\"1\"],\"abi_minor\":[\"0\",\"31\"],\"single_socket\":["
		"\"false\"],"
		"\"smt_allowed\":[\"true\"]}");
}

static void debug_snp(struct path *p)
{
	of(p)->g.snp.report.policy |= 1ull << SNP_POLICY_DEBUG;
	remake_snp(p);
}

static void other_firmware(struct path *p)
{
	of(p)->g.snp.report.measurement[0] ^= 1;
	remake_snp(p);
}

static void revoke_ask(struct path *p)
{
	of(p)->g.snp.revoked = true;
	remake_snp(p);
}

static void old_crl(struct path *p)
{
	of(p)->g.snp.crl_times.to = clock_now() - HOUR;
	remake_snp(p);
}

static void old_vcek(struct path *p)
{
	of(p)->g.snp.vek_times.to = clock_now() - HOUR;
	remake_snp(p);
}

const struct path_platform path_az_snp_vtpm = {
	.platform = "az-snp-vtpm",
	.unknown_code = "reference.unknown",
	.unknown_field = "az-snp-vtpm.measurement",
	.start = start_snp,
	.stop = stop,
	.repair = repair_snp,
	.refused = {
		{ "other initdata", NULL, true, "vtpm.initdata-mismatch", "initdata: PCR 8" },
		{ "debug", debug_snp, false, "evidence.debug", "guest policy: debug" },
		{ "other firmware", other_firmware, false, "reference.unknown",
			"az-snp-vtpm.measurement" },
		{ "ASK revoked", revoke_ask, false, "certificate.revoked", "ASK: not revoked: CN=SEV-Milan" },
		{ "CRL ran out", old_crl, false, "crl.expired", "ASK: not revoked: CN=ARK-Milan" },
		{ "VCEK ran out", old_vcek, false, "certificate.expired", "VCEK: chain to the root given: CN=SEV-VCEK" },
	},
};

/* ---- TDX ---- */
static void publish_tdx(struct path *p, const struct tdx_gen_collateral *want)
{
	struct machine *m = of(p);

	collateral_freep(&m->published);
	assert_ok(collateral_new(&m->published));
	tdx_gen_collateral_add(&m->g.intel, want, m->published);
	p->collateral = m->published;
}

static void repair_tdx(struct path *p)
{
	const struct tdx_gen_collateral good = tdx_gen_collateral(true);

	of(p)->g.td.td = of(p)->td;
	publish_tdx(p, &good);
	fake_azure_restart(&of(p)->azure, &of(p)->g);
}

static void start_tdx(struct path *p, const struct digest_value *initdata)
{
	char mr_td[2 * 48 + 1], xfam[17];
	uint8_t le[8];

	(void)initdata;
	start(p, true);
	const struct tdx_gen_collateral good = tdx_gen_collateral(true);
	publish_tdx(p, &good);
	hex_to(BYTES_OF(of(p)->td.mr_td), mr_td);
	for (size_t i = 0; i < sizeof(le); i++)
		le[i] = (uint8_t)(of(p)->td.xfam >> (8 * i));
	hex_to(BYTES_OF(le), xfam);
	buf_printf(&p->references, "{\"mr_td\":[\"%s\"],\"xfam\":[\"%s\"],\"tdx_pcr11\":[\"%s\"]}",
		mr_td, xfam, no_pcr11);
}

static void debug_tdx(struct path *p)
{
	of(p)->g.td.td.td_attributes |= 1;
	fake_azure_restart(&of(p)->azure, &of(p)->g);
}

static void revoke_pck(struct path *p)
{
	struct tdx_gen_collateral want = tdx_gen_collateral(true);

	want.revoke_pck = true;
	publish_tdx(p, &want);
}

static void old_collateral(struct path *p)
{
	struct tdx_gen_collateral want = tdx_gen_collateral(true);

	want.issued -= 30 * 86400;
	want.next_update = clock_now() - HOUR;
	publish_tdx(p, &want);
}

static void out_of_date(struct path *p)
{
	struct tdx_gen_collateral want = tdx_gen_collateral(true);

	want.status = "OutOfDate";
	publish_tdx(p, &want);
}

const struct path_platform path_az_tdx_vtpm = {
	.platform = "az-tdx-vtpm",
	.unknown_code = "reference.unknown",
	.unknown_field = "az-tdx-vtpm.tpm.pcr11",
	.start = start_tdx,
	.stop = stop,
	.repair = repair_tdx,
	.refused = {
		{ "other initdata", NULL, true, "vtpm.initdata-mismatch", "initdata: PCR 8" },
		{ "debug", debug_tdx, false, "evidence.debug", "td_attributes: DEBUG" },
		{ "PCK certificate revoked", revoke_pck, false, "certificate.revoked", "PCK certificate: not revoked: CN=Intel SGX PCK Certificate" },
		{ "collateral ran out", old_collateral, false, "crl.expired", "PCK certificate: not revoked: CN=Intel SGX PCK Platform CA" },
		{ "out of date", out_of_date, false, "tdx.tcb-status", "TCB status" },
	},
};
