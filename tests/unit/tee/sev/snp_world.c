#include "snp_world.h"

#include "util.h"

enum {
	RAW_MAX = SNP_REPORT_SIZE + SNP_GEN_TABLE_MAX,
};

void world_start(struct world *w, unsigned version, enum snp_product product, bool vlek)
{
	*w = (struct world){ .raw = BUF_INIT(RAW_MAX) };
	snp_gen_init(&w->g, version, product, vlek);
	w->in = snp_gen_input(&w->g);
	w->in.policy = &w->policy;
}

void world_make(struct world *w)
{
	snp_gen_certs(&w->g);
	buf_clear(&w->raw);
	snp_gen_report(&w->g, &w->raw);
	w->in.raw = buf_bytes(&w->raw);
	w->in.collateral = w->in.collateral ? w->g.collateral : NULL;
}

void world_finish(struct world *w)
{
	snp_gen_done(&w->g);
	buf_done(&w->raw);
	strv_done(&w->policy.min_tcb);
	key_freep(&w->other);
}

struct err verdict(const struct tee_verify_input *in)
{
	AUTO(claims_done) struct claims c = { 0 };

	return tee_verify(tee_by_platform("snp"), in, &c);
}

/* The row of that name; NULL: there is none. */
static const struct check *row(const struct checks *c, const char *what)
{
	for (size_t i = 0; i < c->n; i++)
		if (str_starts(c->v[i].d.field, what))
			return &c->v[i];
	return NULL;
}

void assert_row(const struct tee_verify_input *in, const char *what, enum check_verdict want)
{
	AUTO(checks_freep) struct checks *c = NULL;
	AUTO(claims_done) struct claims claims = { 0 };

	assert_ok(checks_new(&c));
	struct err e = tee_by_platform("snp")->verify->verify(in, c, &claims);
	assert_true(!failed(e) || e.code == ERR_UNVERIFIED);
	const struct check *k = row(c, what);
	if (!k || k->verdict != want) {
		print_error("'%s': %d\n", what, k ? (int)k->verdict : -1);
		fail();
	}
}
