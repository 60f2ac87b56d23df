/* se: an ultravisor before a test IBM's machine; the broker asks, so its store must know the host.
 */
#include "fake_se.h"
#include "path.h"
#include "util.h"

#include <stdlib.h>

#include <base/clock.h>
#include <base/encode.h>

enum {
	DAY = 86400,
	LIST_MAX = 16 * 1024,
};

struct machine {
	struct fake_se fake;
	struct collateral *published;
};

static struct machine *of(const struct path *p)
{
	return p->machine;
}

static void add_list(struct path *p, bool of_root, const struct x509_list *revoked, int64_t until)
{
	const struct fake_se *f = &of(p)->fake;
	AUTO(buf_done) struct buf der = BUF_INIT(LIST_MAX);
	const struct x509_crl_make m = {
		.issuer = of_root ? f->root : f->signing,
		.issuer_key = of_root ? f->root_key : f->signing_key,
		.this_update = clock_now() - 10 * DAY,
		.next_update = until,
		.number = 1,
		.revoked = of_root ? NULL : revoked,
	};

	assert_ok(x509_crl_make(&m, &der));
	assert_ok(collateral_add(of(p)->published, buf_bytes(&der), "IBM"));
}

static void publish(struct path *p, const struct x509_list *revoked, int64_t until)
{
	struct machine *m = of(p);

	collateral_freep(&m->published);
	assert_ok(collateral_new(&m->published));
	assert_ok(collateral_add(m->published, buf_bytes(&m->fake.certificates), "IBM"));
	add_list(p, true, NULL, until);
	add_list(p, false, revoked, until);
	p->collateral = m->published;
}

static void repair(struct path *p)
{
	of(p)->fake.other_image = 0;
	publish(p, NULL, clock_now() + DAY);
}

static void start(struct path *p, const struct digest_value *initdata)
{
	struct machine *m = calloc(1, sizeof(*m));
	char phkh[2 * SE_PHKH_SIZE + 1], tag[2 * SE_TAG_SIZE + 1];
	uint8_t digest[SE_PHKH_SIZE];
	struct se_header h;

	assert_non_null(m);
	p->machine = m;
	fake_se_start(&m->fake, "se");
	path_trust(p, m->fake.root);
	repair(p);
	p->roots.se_header = buf_bytes(&m->fake.header);
	p->config = fake_tsm_config(&m->fake.tsm);
	p->config.initdata = initdata;
	assert_ok(se_phkh(m->fake.host_key, digest));
	hex_to(BYTES_OF(digest), phkh);
	assert_ok(se_header_parse(buf_bytes(&m->fake.header), &h));
	hex_to(h.tag, tag);
	buf_printf(&p->references,
		"{\"se_tag\":[\"%s\"],\"se_attestation_phkh\":[\"%s\"],\"se_image_phkh\":[\"%s\"]}",
		tag, phkh, phkh);
}

static void stop(struct path *p)
{
	fake_se_stop(&of(p)->fake);
	collateral_freep(&of(p)->published);
	free(of(p));
}

/* ---- wrong on purpose ---- */
static void other_image(struct path *p)
{
	of(p)->fake.other_image = 1;
}

static void revoke_hkd(struct path *p)
{
	const struct x509_list hkd = { .v = { of(p)->fake.hkd }, .n = 1 };

	publish(p, &hkd, clock_now() + DAY);
}

static void old_lists(struct path *p)
{
	publish(p, NULL, clock_now() - DAY);
}

const struct path_platform path_se = {
	.platform = "se",
	.unknown_code = "reference.unknown",
	.unknown_field = "se.tag",
	.start = start,
	.stop = stop,
	.repair = repair,
	.refused = {
		{ "other initdata", NULL, true, "initdata.mismatch", "initdata" },
		{ "other image", other_image, false, "se.measurement", "measurement: HMAC by the ultravisor" },
		{ "host key document revoked", revoke_hkd, false, "se.hkd", "host key document: not revoked" },
		{ "revocation lists ran out", old_lists, false, "crl.expired", "signing certificate: not revoked: CN=Test Root" },
	},
};
