/* tdx: configfs-tsm of a test Intel's machine, with the firmware's event log. */
#include "fake_tdx.h"
#include "path.h"
#include "util.h"

#include <stdlib.h>

#include <base/clock.h>
#include <base/encode.h>

enum {
	HOUR = 3600
};

struct machine {
	struct fake_tdx fake;
	struct td_report good;
	struct collateral *published;
};

static struct machine *of(const struct path *p)
{
	return p->machine;
}

static void publish(struct path *p, const struct tdx_gen_collateral *want)
{
	struct machine *m = of(p);

	collateral_freep(&m->published);
	assert_ok(collateral_new(&m->published));
	tdx_gen_collateral_add(&m->fake.gen, want, m->published);
	p->collateral = m->published;
}

static void repair(struct path *p)
{
	const struct tdx_gen_collateral good = tdx_gen_collateral(true);

	of(p)->fake.quote.td = of(p)->good;
	of(p)->fake.quote.sign_quote = NULL;
	publish(p, &good);
}

static void put_hex(struct buf *out, const char *id, struct bytes v, const char *end)
{
	buf_printf(out, "\"%s\":[\"", id);
	hex_encode(v, out);
	buf_printf(out, "\"]%s", end);
}

static void start(struct path *p, const struct digest_value *initdata)
{
	struct machine *m = calloc(1, sizeof(*m));
	uint8_t xfam[8];

	assert_non_null(m);
	p->machine = m;
	tdx_gen_at(clock_now());
	fake_tdx_start(&m->fake, "tdx", digest_bytes(initdata));
	m->good = m->fake.quote.td;
	path_trust(p, m->fake.gen.root);
	repair(p);
	p->config = fake_tdx_config(&m->fake);
	for (size_t i = 0; i < sizeof(xfam); i++)
		xfam[i] = (uint8_t)(m->good.xfam >> (8 * i));
	buf_puts(&p->references, "{");
	put_hex(&p->references, "rtmr_1", BYTES_OF(m->good.rtmr[1]), ",");
	put_hex(&p->references, "rtmr_2", BYTES_OF(m->good.rtmr[2]), ",");
	put_hex(&p->references, "mr_td", BYTES_OF(m->good.mr_td), ",");
	put_hex(&p->references, "xfam", BYTES_OF(xfam), "}");
}

static void stop(struct path *p)
{
	fake_tdx_stop(&of(p)->fake);
	collateral_freep(&of(p)->published);
	free(of(p));
}

/* ---- wrong on purpose ---- */
static void debug(struct path *p)
{
	of(p)->fake.quote.td.td_attributes |= 1;
}

/* The registers are not what the log leads to. */
static void other_kernel(struct path *p)
{
	of(p)->fake.quote.td.rtmr[1][0] ^= 1;
}

static void other_machine(struct path *p)
{
	of(p)->fake.quote.sign_quote = of(p)->fake.gen.pck_key;
}

static void revoke_pck(struct path *p)
{
	struct tdx_gen_collateral want = tdx_gen_collateral(true);

	want.revoke_pck = true;
	publish(p, &want);
}

static void old_collateral(struct path *p)
{
	struct tdx_gen_collateral want = tdx_gen_collateral(true);

	want.issued -= 30 * 24 * HOUR;
	want.next_update = clock_now() - HOUR;
	publish(p, &want);
}

static void out_of_date(struct path *p)
{
	struct tdx_gen_collateral want = tdx_gen_collateral(true);

	want.status = "OutOfDate";
	publish(p, &want);
}

const struct path_platform path_tdx = {
	.platform = "tdx",
	.unknown_code = "reference.unknown",
	.unknown_field = "tdx.quote.body.rtmr_1",
	.start = start,
	.stop = stop,
	.repair = repair,
	.refused = {
		{ "other initdata", NULL, true, "initdata.mismatch", "initdata: mr_config_id" },
		{ "debug", debug, false, "evidence.debug", "td_attributes: DEBUG" },
		{ "other kernel than the log's", other_kernel, false, "tdx.event-log-replay", "event log: RTMR1" },
		{ "signed by another key", other_machine, false, "tdx.signature", "quote: signed by the attestation key" },
		{ "PCK certificate revoked", revoke_pck, false, "certificate.revoked",
			"PCK certificate: not revoked: CN=Intel SGX PCK Certificate" },
		{ "collateral ran out", old_collateral, false, "crl.expired",
			"PCK certificate: not revoked: CN=Intel SGX PCK Platform CA" },
		{ "out of date", out_of_date, false, "tdx.tcb-status", "TCB status" },
	},
};
