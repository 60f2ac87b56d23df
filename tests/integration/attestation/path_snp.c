/* snp: configfs-tsm of a test AMD's machine, whose host has the chip's certificate. */
#include "fake_snp.h"
#include "path.h"
#include "util.h"

#include <stdlib.h>

#include <base/clock.h>
#include <base/encode.h>

enum {
	HOUR = 3600
};

struct machine {
	struct fake_snp fake;
	struct snp_report good;
	struct collateral *published;
};

static struct machine *of(const struct path *p)
{
	return p->machine;
}

/* The chip's own certificate comes from its host, by way of the guest. */
static void remake(struct path *p)
{
	struct machine *m = of(p);
	struct snp_gen *g = &m->fake.gen;

	snp_gen_certs(g);
	buf_clear(&m->fake.table);
	snp_gen_table(g, &m->fake.table);
	buf_zero(&m->fake.table, FAKE_SNP_PAGES - m->fake.table.n % FAKE_SNP_PAGES);
	const struct x509_list ask = { .v = { g->ask }, .n = 1 };
	collateral_freep(&m->published);
	assert_ok(collateral_new(&m->published));
	assert_ok(collateral_add_certs(m->published, &ask, "test AMD"));
	assert_ok(collateral_add(m->published, buf_bytes(&g->crl), "test AMD"));
	p->collateral = m->published;
}

static void repair(struct path *p)
{
	struct snp_gen *g = &of(p)->fake.gen;

	g->report = of(p)->good;
	g->vek_times = g->crl_times = g->ask_times;
	g->revoked = g->forged_vek = false;
	of(p)->fake.certificates = true;
	remake(p);
}

static void start(struct path *p, const struct digest_value *initdata)
{
	struct machine *m = calloc(1, sizeof(*m));
	char measurement[2 * 48 + 1];

	assert_non_null(m);
	p->machine = m;
	snp_gen_at(clock_now());
	fake_snp_start(&m->fake, "snp", digest_bytes(initdata));
	m->good = m->fake.gen.report;
	path_trust(p, m->fake.gen.ark);
	remake(p);
	p->config = fake_tsm_config(&m->fake.tsm);
	hex_to(BYTES_OF(m->good.measurement), measurement);
	buf_printf(&p->references,
		"{\"snp_launch_measurement\":[\"%s\"],\"snp_bootloader\":[\"%u\"],"
		"\"snp_tee_svn\":[\"%u\"],\"snp_snp_svn\":[\"%u\"],\"snp_microcode\":[\"%u\"]}",
		measurement, m->good.reported_tcb.bootloader, m->good.reported_tcb.tee,
		m->good.reported_tcb.snp, m->good.reported_tcb.microcode);
}

static void stop(struct path *p)
{
	fake_snp_stop(&of(p)->fake);
	collateral_freep(&of(p)->published);
	free(of(p));
}

/* ---- wrong on purpose ---- */
static void debug(struct path *p)
{
	of(p)->fake.gen.report.policy |= 1ull << SNP_POLICY_DEBUG;
}

static void other_image(struct path *p)
{
	of(p)->fake.gen.report.measurement[0] ^= 1;
}

static void revoke_ask(struct path *p)
{
	of(p)->fake.gen.revoked = true;
	remake(p);
}

static void old_crl(struct path *p)
{
	of(p)->fake.gen.crl_times.to = clock_now() - HOUR;
	remake(p);
}

static void old_vcek(struct path *p)
{
	of(p)->fake.gen.vek_times.to = clock_now() - HOUR;
	remake(p);
}

static void forged_vcek(struct path *p)
{
	of(p)->fake.gen.forged_vek = true;
	remake(p);
}

/* Neither the host nor the broker's store has it. */
static void no_vcek(struct path *p)
{
	of(p)->fake.certificates = false;
}

const struct path_platform path_snp = {
	.platform = "snp",
	.algorithm = "sha384", /* longer than HOST_DATA, and shorter in a TD's register */
	.unknown_code = "reference.unknown",
	.unknown_field = "snp.measurement",
	.start = start,
	.stop = stop,
	.repair = repair,
	.refused = {
		{ "other initdata", NULL, true, "initdata.mismatch", "HOST_DATA: initdata" },
		{ "debug", debug, false, "evidence.debug", "guest policy: debug" },
		{ "other image", other_image, false, "reference.unknown", "snp.measurement" },
		{ "ASK revoked", revoke_ask, false, "certificate.revoked",
			"ASK: not revoked: CN=SEV-Milan" },
		{ "CRL ran out", old_crl, false, "crl.expired", "ASK: not revoked: CN=ARK-Milan" },
		{ "VCEK ran out", old_vcek, false, "certificate.expired",
			"VCEK: chain to the root given: CN=SEV-VCEK" },
		{ "VCEK of another ASK", forged_vcek, false, "certificate.signature", "VCEK: chain to the root given: CN=SEV-VCEK" },
		{ "no VCEK", no_vcek, false, "collateral.missing", "certificate of the report's key" },
	},
};
