/* Collateral with one byte changed, and collateral of others: nothing of it leads to a status that
 * is accepted. */
#include "tdx/tcb_info.h"
#include "tdx_collateral_gen.h"
#include "util.h"

#include <stdlib.h>
#include <string.h>

#include <tee/check.h>

enum {
	SIGNATURE_TEXT = 128 + 2, /* with its last quote and the brace */
	ITEMS = 5
};

struct world {
	struct tdx_gen g;
	struct tdx_gen_quote q;
	struct collateral *made;
	struct tee_policy policy;
	struct tee_verify_input in;
	struct tdx_tcb_input tcb;
	size_t changed; /* item that a test replaces */
};

static int setup(void **state)
{
	struct tdx_gen_collateral want = tdx_gen_collateral(true);
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	tdx_gen_init(&w->g);
	w->q = tdx_gen_quote(TDX_BODY_TD_15);
	assert_ok(collateral_new(&w->made));
	tdx_gen_collateral_add(&w->g, &want, w->made);
	assert_int_equal(w->made->n, ITEMS);
	w->in = (struct tee_verify_input){ .policy = &w->policy, .now = TDX_GEN_NOW };
	w->tcb = (struct tdx_tcb_input){
		.pck = &w->g.info,
		.tdx = true,
		.td_15 = true,
		.tee_tcb_svn = w->q.td.tee_tcb_svn,
		.tee_tcb_svn2 = w->q.td.tee_tcb_svn2,
		.mrsigner_seam = w->q.td.mrsigner_seam,
		.seam_attributes = w->q.td.seam_attributes,
		.qe_miscselect = w->q.qe.miscselect,
		.qe_attributes = w->q.qe.attributes,
		.qe_mr_signer = w->q.qe.mr_signer,
		.qe_isv_prod_id = w->q.qe.isv_prod_id,
		.qe_isv_svn = w->q.qe.isv_svn,
		.root = w->g.root,
	};
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	collateral_freep(&w->made);
	tdx_gen_done(&w->g);
	free(w);
	return 0;
}

static struct err judge(struct world *w, const struct collateral *beside)
{
	AUTO(checks_freep) struct checks *c = NULL;
	AUTO(tdx_tcb_result_done) struct tdx_tcb_result got = { 0 };

	assert_ok(checks_new(&c));
	w->in.collateral = beside;
	assert_ok(tdx_check_tcb(&w->in, &w->tcb, c, &got));
	return checks_end(c);
}

/* Everything, but `bytes` in the place of one item. */
static struct err judge_with(struct world *w, struct bytes bytes)
{
	AUTO(collateral_freep) struct collateral *c = NULL;

	assert_ok(collateral_new(&c));
	for (size_t i = 0; i < w->made->n; i++) {
		bool other = i == w->changed;
		struct err e = collateral_add(
			c, other ? bytes : buf_bytes(&w->made->v[i]->bytes), "changed");
		if (other)
			TRY(e);
		else
			assert_ok(e);
	}
	return judge(w, c);
}

static void find(struct world *w, enum collateral_kind kind)
{
	for (size_t i = 0; i < w->made->n; i++)
		if (w->made->v[i]->kind == kind)
			w->changed = i;
	assert_int_equal(w->made->v[w->changed]->kind, kind);
}

/* `first` and `end`: the bytes that must not change. */
static void flip_range(struct world *w, size_t first, size_t end)
{
	AUTO(buf_done) struct buf b = BUF_INIT(64 * 1024);

	buf_put(&b, buf_bytes(&w->made->v[w->changed]->bytes));
	assert_ok(judge_with(w, buf_bytes(&b)));
	for (size_t i = first; i < end; i++) {
		uint8_t kept = b.p[i];
		b.p[i] ^= (uint8_t)(1u << i % 8);
		if (!failed(judge_with(w, buf_bytes(&b)))) {
			print_error("byte %zu of %zu may be changed\n", i, b.n);
			fail();
		}
		b.p[i] = kept;
	}
}

static void flip_object(struct world *w, enum collateral_kind kind)
{
	find(w, kind);
	flip_range(w, 0, w->made->v[w->changed]->bytes.n - SIGNATURE_TEXT);
}

static void test_flips_info(void **state)
{
	flip_object(*state, COLLATERAL_TCB_INFO);
}

static void test_flips_identity(void **state)
{
	flip_object(*state, COLLATERAL_QE_IDENTITY);
}

/* Of hex digits the case is free; another digit is another signature. */
static void test_flips_signature(void **state)
{
	static const enum collateral_kind kinds[] = { COLLATERAL_TCB_INFO, COLLATERAL_QE_IDENTITY };
	struct world *w = *state;

	for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
		AUTO(buf_done) struct buf b = BUF_INIT(64 * 1024);

		find(w, kinds[k]);
		buf_put(&b, buf_bytes(&w->made->v[w->changed]->bytes));
		for (size_t i = b.n - SIGNATURE_TEXT; i < b.n - 2; i++) {
			uint8_t kept = b.p[i];
			b.p[i] = kept == '7' ? '8' : '7';
			assert_true(failed(judge_with(w, buf_bytes(&b))));
			b.p[i] = kept;
		}
		assert_ok(judge_with(w, buf_bytes(&b)));
	}
}

static void test_flips_list(void **state)
{
	struct world *w = *state;

	for (size_t i = 0; i < w->made->n; i++)
		if (w->made->v[i]->kind == COLLATERAL_CRL &&
			x509_crl_names_issuer(w->made->v[i]->crl, w->g.root))
			w->changed = i;
	flip_range(w, 0, w->made->v[w->changed]->bytes.n);
}

static void test_flips_signing(void **state)
{
	struct world *w = *state;

	find(w, COLLATERAL_CERT);
	flip_range(w, 0, w->made->v[w->changed]->bytes.n);
}

static struct err parse_whole(void *arg, struct bytes in)
{
	return judge_with(arg, in);
}

static void test_cut(void **state)
{
	struct world *w = *state;

	for (w->changed = 0; w->changed < w->made->n; w->changed++)
		/* The PCK CA's list is not looked at here. */
		if (w->made->v[w->changed]->kind != COLLATERAL_CRL)
			each_prefix(buf_bytes(&w->made->v[w->changed]->bytes), parse_whole, w);
}

/* What stands around the signed object may not pose as it. */
static void test_around(void **state)
{
	static const struct {
		const char *before, *behind;
		bool good;
	} cases[] = {
		{ " \n", "\n ", true },
		{ "", "x", false },
		{ "", "{}", false },
		{ "[", "]", false },
		{ "{\"tcbInfo\":{},\"a\":", "}", false },
	};
	struct world *w = *state;

	find(w, COLLATERAL_TCB_INFO);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(buf_done) struct buf b = BUF_INIT(64 * 1024);

		buf_puts(&b, cases[i].before);
		buf_put(&b, buf_bytes(&w->made->v[w->changed]->bytes));
		buf_puts(&b, cases[i].behind);
		bool passed = !failed(judge_with(w, buf_bytes(&b)));
		if (passed != cases[i].good)
			print_error("case %zu\n", i);
		assert_true(passed == cases[i].good);
	}
}

/* Members beside the object: the second object of that name, spelt with an escape or not. */
static void test_second_object(void **state)
{
	static const char *const names[] = { "tcbInfo", "tcbInf\\u006f", "\\u0074cbInfo" };
	static const char better[] =
		"{\"id\":\"TDX\",\"fmspc\":\"112233445566\",\"issueDate\":\"2025-10-09T00:00:00Z\","
		"\"nextUpdate\":\"2026-01-01T00:00:00Z\"}";
	struct world *w = *state;

	find(w, COLLATERAL_TCB_INFO);
	struct bytes good = buf_bytes(&w->made->v[w->changed]->bytes);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		AUTO(buf_done) struct buf b = BUF_INIT(64 * 1024);

		buf_printf(&b, "{\"%s\":%s,", names[i], better);
		buf_put(&b, bytes_of(good.p + 1, good.n - 1));
		assert_err(judge_with(w, buf_bytes(&b)), ERR_FORMAT);
	}
}

/* ---- several sets at hand ---- */
static struct err judge_both(
	struct world *w, const struct tdx_gen_collateral *a, const struct tdx_gen_collateral *b)
{
	AUTO(collateral_freep) struct collateral *c = NULL;

	assert_ok(collateral_new(&c));
	tdx_gen_collateral_add(&w->g, a, c);
	tdx_gen_collateral_add(&w->g, b, c);
	return judge(w, c);
}

/* The later evaluation counts, whatever its place and however fresh the other is. */
static void test_later_evaluation(void **state)
{
	struct tdx_gen_collateral old = tdx_gen_collateral(true), late = old;
	struct world *w = *state;

	old.issued += 600;
	late.eval_num = old.eval_num + 1;
	late.status = "OutOfDate";
	assert_err(judge_both(w, &old, &late), ERR_UNVERIFIED);
	assert_string_equal(err_denial()->code, "tdx.tcb-status");
	assert_err(judge_both(w, &late, &old), ERR_UNVERIFIED);
	assert_string_equal(err_denial()->code, "tdx.tcb-status");
	late.issued = TDX_GEN_NOW + 3600; /* not yet: the other one is used */
	assert_ok(judge_both(w, &old, &late));
	assert_ok(judge_both(w, &late, &old));
}

/* Of one evaluation the newer; one that ended is not used beside one that holds. */
static void test_newer(void **state)
{
	struct tdx_gen_collateral old = tdx_gen_collateral(true), newer = old;
	struct world *w = *state;

	old.issued -= 86400;
	old.status = "OutOfDate";
	assert_ok(judge_both(w, &old, &newer));
	assert_ok(judge_both(w, &newer, &old));
	old.eval_num++;
	old.next_update = TDX_GEN_NOW - 1;
	assert_ok(judge_both(w, &old, &newer));
}

/* Dates, to the second. */
static void test_dates(void **state)
{
	static const struct {
		int64_t issued, next, stale;
		bool good;
	} cases[] = {
		{ 0, 0, 0, true },
		{ -1, 1, 0, true },
		{ 1, 10, 0, false },
		{ -10, -1, 0, false },
		{ -10, -1, 1, true },
		{ -10, -2, 1, false },
	};
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(collateral_freep) struct collateral *c = NULL;
		struct tdx_gen_collateral want = tdx_gen_collateral(true);

		want.issued = TDX_GEN_NOW + cases[i].issued;
		want.next_update = TDX_GEN_NOW + cases[i].next;
		w->policy.max_staleness_s = cases[i].stale;
		assert_ok(collateral_new(&c));
		tdx_gen_collateral_add(&w->g, &want, c);
		bool passed = !failed(judge(w, c));
		if (passed != cases[i].good)
			print_error("case %zu\n", i);
		assert_true(passed == cases[i].good);
	}
	w->policy.max_staleness_s = 0;
}

/* The TCB signing certificate must be of the root that certified the machine. */
static void test_other_root(void **state)
{
	struct world *w = *state;
	struct tdx_gen other;

	tdx_gen_init(&other);
	w->tcb.root = other.root;
	assert_err(judge(w, w->made), ERR_UNVERIFIED);
	assert_string_equal(err_denial()->code, "certificate.untrusted");
	w->tcb.root = w->g.root;
	tdx_gen_done(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flips_info),
		cmocka_unit_test(test_flips_identity),
		cmocka_unit_test(test_flips_signature),
		cmocka_unit_test(test_flips_list),
		cmocka_unit_test(test_flips_signing),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_around),
		cmocka_unit_test(test_second_object),
		cmocka_unit_test(test_later_evaluation),
		cmocka_unit_test(test_newer),
		cmocka_unit_test(test_dates),
		cmocka_unit_test(test_other_root),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
