/* TCB info and QE identity: what is not taken for one, and which status they lead to. */
#include "tdx/tcb_info.h"
#include "tdx_collateral_gen.h"
#include "util.h"

#include <string.h>

/* ---- evaluation ---- */
enum {
	LEVELS = 3,
	OLD = 1, /* below every level but the last */
	MID = 3,
	TOP = 5,
};

struct platform { /* what the machine and the TD have; levels ask for TOP, MID, OLD */
	uint8_t sgx, pcesvn, late;     /* components; PCESVN; TEE_TCB_SVN[2] */
	uint8_t major, minor;	       /* of the TDX module */
	uint8_t late2, major2, minor2; /* of the module that runs now */
	uint8_t qe;
	bool sgx_only, td_15;
};

struct rule {
	const char *what;
	struct platform have;
	enum tcb_status levels[LEVELS];
	enum tcb_status module[2], qe[2]; /* at TOP, below */
	enum tcb_status want;
};

#define CURRENT                                                                                    \
	.have = { .sgx = TOP, .pcesvn = TOP, .late = TOP, .major = 1, .minor = TOP, .qe = TOP }
#define USUAL                                                                                      \
	.levels = { TCB_UP_TO_DATE, TCB_OUT_OF_DATE, TCB_REVOKED },                                \
	.module = { TCB_UP_TO_DATE, TCB_OUT_OF_DATE }, .qe = { TCB_UP_TO_DATE, TCB_OUT_OF_DATE }

static const struct rule rules[] = {
	{ "all current", CURRENT, USUAL, .want = TCB_UP_TO_DATE },
	{ "old components", .have = { MID, TOP, TOP, 1, TOP, .qe = TOP }, USUAL,
		.want = TCB_OUT_OF_DATE },
	{ "old PCE", .have = { TOP, MID, TOP, 1, TOP, .qe = TOP }, USUAL, .want = TCB_OUT_OF_DATE },
	{ "old SEAM loader", .have = { TOP, TOP, MID, 1, TOP, .qe = TOP }, USUAL,
		.want = TCB_OUT_OF_DATE },
	{ "oldest", .have = { OLD, TOP, TOP, 1, TOP, .qe = TOP }, USUAL, .want = TCB_REVOKED },
	{ "no level", .have = { 0, TOP, TOP, 1, TOP, .qe = TOP }, USUAL,
		.want = TCB_NOT_SUPPORTED },
	{ "no level for the TD alone", .have = { TOP, TOP, 0, 1, TOP, .qe = TOP }, USUAL,
		.want = TCB_NOT_SUPPORTED },
	{ "module 1.0 is judged by components", .have = { TOP, TOP, TOP, 0, MID, .qe = TOP }, USUAL,
		.want = TCB_OUT_OF_DATE },
	{ "module 1.0, current", .have = { TOP, TOP, TOP, 0, TOP, .qe = TOP }, USUAL,
		.want = TCB_UP_TO_DATE },
	{ "old module", .have = { TOP, TOP, TOP, 1, MID, .qe = TOP }, USUAL,
		.want = TCB_OUT_OF_DATE },
	{ "module without a level", .have = { TOP, TOP, TOP, 1, 0, .qe = TOP }, USUAL,
		.want = TCB_NOT_SUPPORTED },
	{ "unknown module", .have = { TOP, TOP, TOP, 7, TOP, .qe = TOP }, USUAL,
		.want = TCB_NOT_SUPPORTED },
	{ "old QE", .have = { TOP, TOP, TOP, 1, TOP, .qe = MID }, USUAL, .want = TCB_OUT_OF_DATE },
	{ "QE without a level", .have = { TOP, TOP, TOP, 1, TOP, .qe = 0 }, USUAL,
		.want = TCB_NOT_SUPPORTED },
	{ "revoked QE", CURRENT, .module = { TCB_UP_TO_DATE }, .qe = { TCB_REVOKED },
		.want = TCB_REVOKED },
	{ "revoked module", CURRENT, .module = { TCB_REVOKED }, .want = TCB_REVOKED },
	{ "hardening stays", CURRENT, .levels = { TCB_SW_HARDENING_NEEDED },
		.want = TCB_SW_HARDENING_NEEDED },
	{ "hardening with an old QE", CURRENT, .levels = { TCB_SW_HARDENING_NEEDED },
		.qe = { TCB_OUT_OF_DATE }, .want = TCB_OUT_OF_DATE },
	{ "configuration with an old QE", CURRENT, .levels = { TCB_CONFIGURATION_NEEDED },
		.qe = { TCB_OUT_OF_DATE }, .want = TCB_OUT_OF_DATE_CONFIGURATION_NEEDED },
	{ "configuration and hardening with an old module", CURRENT,
		.levels = { TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED },
		.module = { TCB_OUT_OF_DATE }, .want = TCB_OUT_OF_DATE_CONFIGURATION_NEEDED },
	{ "old configuration with an old QE", CURRENT,
		.levels = { TCB_OUT_OF_DATE_CONFIGURATION_NEEDED }, .qe = { TCB_OUT_OF_DATE },
		.want = TCB_OUT_OF_DATE_CONFIGURATION_NEEDED },
	{ "an enclave has no module",
		.have = { .sgx = TOP, .pcesvn = TOP, .qe = TOP, .sgx_only = true }, USUAL,
		.want = TCB_UP_TO_DATE },
	{ "an enclave with old components",
		.have = { .sgx = MID, .pcesvn = TOP, .qe = TOP, .sgx_only = true }, USUAL,
		.want = TCB_OUT_OF_DATE },
	/* A TD launched on an old module of a platform that is current now. */
	{ "relaunch", .have = { TOP, TOP, TOP, 1, MID, TOP, 1, TOP, TOP, .td_15 = true }, USUAL,
		.want = TCB_TD_RELAUNCH_ADVISED },
	{ "relaunch after an old SEAM loader",
		.have = { TOP, TOP, MID, 1, MID, TOP, 1, TOP, TOP, .td_15 = true }, USUAL,
		.want = TCB_TD_RELAUNCH_ADVISED },
	{ "relaunch and configuration",
		.have = { TOP, TOP, TOP, 1, MID, TOP, 1, TOP, TOP, .td_15 = true },
		.levels = { TCB_CONFIGURATION_NEEDED },
		.module = { TCB_UP_TO_DATE, TCB_OUT_OF_DATE },
		.want = TCB_TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED },
	{ "no relaunch of TD 1.0", .have = { TOP, TOP, TOP, 1, MID, TOP, 1, TOP, TOP }, USUAL,
		.want = TCB_OUT_OF_DATE },
	{ "no relaunch on an old module",
		.have = { TOP, TOP, TOP, 1, MID, TOP, 1, MID, TOP, .td_15 = true }, USUAL,
		.want = TCB_OUT_OF_DATE },
	{ "no relaunch on an old SEAM loader",
		.have = { TOP, TOP, TOP, 1, MID, MID, 1, TOP, TOP, .td_15 = true }, USUAL,
		.want = TCB_OUT_OF_DATE },
	{ "relaunch on an unknown module",
		.have = { TOP, TOP, TOP, 1, MID, TOP, 7, TOP, TOP, .td_15 = true }, USUAL,
		.want = TCB_NOT_SUPPORTED },
	{ "relaunch on an unknown module and an old SEAM loader",
		.have = { TOP, TOP, TOP, 1, MID, MID, 7, TOP, TOP, .td_15 = true }, USUAL,
		.want = TCB_NOT_SUPPORTED },
	{ "an unknown module of now where no relaunch would help",
		.have = { MID, TOP, TOP, 1, MID, TOP, 7, TOP, TOP, .td_15 = true }, USUAL,
		.want = TCB_OUT_OF_DATE },
	{ "an unknown module of now beside a current one",
		.have = { TOP, TOP, TOP, 1, TOP, TOP, 7, TOP, TOP, .td_15 = true }, USUAL,
		.want = TCB_UP_TO_DATE },
	{ "no relaunch with an old QE",
		.have = { TOP, TOP, TOP, 1, MID, TOP, 1, TOP, MID, .td_15 = true }, USUAL,
		.want = TCB_OUT_OF_DATE },
	{ "no relaunch on old components",
		.have = { MID, TOP, TOP, 1, MID, TOP, 1, TOP, TOP, .td_15 = true }, USUAL,
		.want = TCB_OUT_OF_DATE },
	{ "no relaunch when the module is current",
		.have = { TOP, TOP, MID, 1, TOP, TOP, 1, TOP, TOP, .td_15 = true }, USUAL,
		.want = TCB_OUT_OF_DATE },
};

static void set_isv_levels(struct isv_levels *l, const enum tcb_status *status)
{
	l->n = 2;
	l->v[0] = (struct isv_level){ .isvsvn = TOP, .status = status[0] };
	l->v[1] = (struct isv_level){ .isvsvn = MID, .status = status[1] };
}

static enum tcb_status evaluate(const struct rule *r)
{
	static const uint8_t asked[LEVELS] = { TOP, MID, OLD };
	static struct tcb_module module, modules[1];
	static struct tcb_level levels[LEVELS];
	static struct qe_identity qe;
	const struct platform *p = &r->have;
	struct pck_info pck = { .pcesvn = p->pcesvn };
	uint8_t svn[16] = { p->minor, p->major, p->late };
	uint8_t svn2[16] = { p->minor2, p->major2, p->late2 };
	struct tdx_tcb_input in = {
		.pck = &pck,
		.tdx = !p->sgx_only,
		.td_15 = p->td_15,
		.tee_tcb_svn = svn,
		.tee_tcb_svn2 = svn2,
		.qe_isv_svn = p->qe,
	};
	struct tcb_info info = {
		.tdx = !p->sgx_only,
		.has_module = true,
		.module = module,
		.modules = modules,
		.n_modules = 1,
		.levels = levels,
		.n_levels = LEVELS,
	};
	struct tcb_verdict v;

	memset(pck.tcb_components, p->sgx, sizeof(pck.tcb_components));
	for (size_t i = 0; i < LEVELS; i++) {
		levels[i] = (struct tcb_level){ .pcesvn = asked[i], .status = r->levels[i] };
		memset(levels[i].sgx, asked[i], sizeof(levels[i].sgx));
		levels[i].tdx[0] = levels[i].tdx[2] = asked[i];
	}
	(void)snprintf(modules[0].id, sizeof(modules[0].id), "tdx_01");
	set_isv_levels(&modules[0].levels, r->module);
	set_isv_levels(&qe.levels, r->qe);
	tcb_evaluate(&in, &info, &qe, &v);
	return v.status;
}

static void test_rules(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
		enum tcb_status got = evaluate(&rules[i]);
		if (got != rules[i].want)
			print_error("%s: %s, not %s\n", rules[i].what, tcb_status_name(got),
				tcb_status_name(rules[i].want));
		assert_int_equal(got, rules[i].want);
	}
}

static void test_status_names(void **state)
{
	enum tcb_status s = TCB_NOT_SUPPORTED;

	(void)state;
	for (int i = TCB_UP_TO_DATE; i <= TCB_REVOKED; i++) {
		assert_ok(tcb_status_parse(tcb_status_name((enum tcb_status)i), &s));
		assert_int_equal(s, i);
	}
	assert_err(tcb_status_parse("NotSupported", &s), ERR_FORMAT);
	assert_err(tcb_status_parse("uptodate", &s), ERR_FORMAT);
	assert_err(tcb_status_parse("", &s), ERR_FORMAT);
}

/* ---- JSON ---- */
struct texts {
	struct tdx_gen g;
	struct collateral *made;
	struct bytes info, identity; /* the objects that are signed */
};

static int setup(void **state)
{
	struct texts *t = calloc(1, sizeof(*t));
	struct tdx_gen_collateral want = tdx_gen_collateral(true);

	assert_non_null(t);
	tdx_gen_init(&t->g);
	want.advisory = "INTEL-SA-00001";
	assert_ok(collateral_new(&t->made));
	tdx_gen_collateral_add(&t->g, &want, t->made);
	for (size_t i = 0; i < t->made->n; i++) {
		struct bytes b = buf_bytes(&t->made->v[i]->bytes);
		const uint8_t *at = b.n ? memchr(b.p + 1, '{', b.n - 1) : NULL;
		const uint8_t *end = b.n ? memmem(b.p, b.n, ",\"signature\"", 12) : NULL;

		if (t->made->v[i]->kind == COLLATERAL_TCB_INFO)
			t->info = bytes_of(at, (size_t)(end - at));
		else if (t->made->v[i]->kind == COLLATERAL_QE_IDENTITY)
			t->identity = bytes_of(at, (size_t)(end - at));
	}
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	struct texts *t = *state;

	collateral_freep(&t->made);
	tdx_gen_done(&t->g);
	free(t);
	return 0;
}

static struct err parse_info(void *arg, struct bytes in)
{
	AUTO(tcb_info_done) struct tcb_info i = { 0 };

	(void)arg;
	return tcb_info_parse(in, &i);
}

static struct err parse_identity(void *arg, struct bytes in)
{
	AUTO(qe_identity_done) struct qe_identity q = { 0 };

	(void)arg;
	return qe_identity_parse(in, &q);
}

static void test_json(void **state)
{
	struct texts *t = *state;
	AUTO(tcb_info_done) struct tcb_info i = { 0 };
	AUTO(qe_identity_done) struct qe_identity q = { 0 };

	assert_ok(tcb_info_parse(t->info, &i));
	assert_true(i.tdx && i.has_module);
	assert_int_equal(i.n_levels, 2);
	assert_int_equal(i.levels[0].pcesvn, 11);
	assert_int_equal(i.levels[0].status, TCB_UP_TO_DATE);
	assert_int_equal(json_count(i.levels[0].advisories), 1);
	assert_int_equal(i.n_modules, 1);
	assert_string_equal(i.modules[0].id, "TDX_01");
	assert_int_equal(i.modules[0].levels.n, 2);
	assert_int_equal(i.eval_num, 17);
	assert_ok(qe_identity_parse(t->identity, &q));
	assert_string_equal(q.id, "TD_QE");
	assert_int_equal(q.miscselect_mask, 0xffffffff);
	assert_int_equal(q.levels.v[0].isvsvn, 4);
	each_prefix(t->info, parse_info, NULL);
	each_prefix(t->identity, parse_identity, NULL);
	each_flip_survives(t->identity, parse_identity, NULL);
}

/* The first `from` becomes `to`. */
static struct err changed(struct bytes text, const char *from, const char *to, test_parse_fn *parse)
{
	AUTO(buf_done) struct buf b = BUF_INIT(64 * 1024);
	const uint8_t *at = memmem(text.p, text.n, from, strlen(from));

	assert_non_null(at);
	buf_put(&b, bytes_of(text.p, (size_t)(at - text.p)));
	buf_puts(&b, to);
	at += strlen(from);
	buf_put(&b, bytes_of(at, (size_t)(text.p + text.n - at)));
	return parse(NULL, buf_bytes(&b));
}

static void test_json_bad(void **state)
{
	static const struct {
		const char *from, *to;
	} info[] = {
		{ "\"id\":\"TDX\"", "\"id\":\"XTD\"" },
		{ "\"id\":\"TDX\"", "\"id\":7" },
		{ "\"version\":3", "\"version\":2" },
		{ "\"version\":3", "\"version\":4" },
		{ "\"issueDate\"", "\"issued\"" },
		{ "\"fmspc\":\"11", "\"fmspc\":\"1" },
		{ "\"pceId\":\"", "\"pceId\":\"00" },
		{ "\"tcbEvaluationDataNumber\":17", "\"tcbEvaluationDataNumber\":-1" },
		{ "{\"svn\":5}", "{\"svn\":256}" },
		{ "{\"svn\":5},", "" },
		{ "{\"svn\":5}", "{\"svn\":5},{\"svn\":5}" },
		{ "\"tdxtcbcomponents\"", "\"components\"" },
		{ "\"pcesvn\":11", "\"pcesvn\":65536" },
		{ "\"tcbStatus\":\"UpToDate\"", "\"tcbStatus\":\"Fine\"" },
		{ "\"tcbDate\":\"2025", "\"tcbDate\":\"never" },
		{ "\"advisoryIDs\":[", "\"advisoryIDs\":[1," },
		{ "\"id\":\"TDX_01\"", "\"id\":\"TDX_01 and a long tail\"" },
		{ "\"isvsvn\":5", "\"isvsvn\":\"5\"" },
		{ "\"attributesMask\":\"FF", "\"attributesMask\":\"F" },
		{ "\"version\":3", "\"version\":3,\"version\":3" },
	},
	  identity[] = {
		  { "\"version\":2", "\"version\":3" },
		  { "\"miscselect\":\"00", "\"miscselect\":\"" },
		  { "\"mrsigner\":\"42", "\"mrsigner\":\"4" },
		  { "\"isvprodid\":0", "\"isvprodid\":65536" },
		  { "\"attributes\":", "\"attribute\":" },
		  { "\"tcbLevels\":[", "\"tcbLevels\":[1," },
		  { "\"id\":\"TD_QE\"", "\"id\":[]" },
	  };
	struct texts *t = *state;

	assert_ok(changed(t->info, "UpToDate", "OutOfDate", parse_info));
	for (size_t i = 0; i < ARRAY_LEN(info); i++)
		if (!failed(changed(t->info, info[i].from, info[i].to, parse_info))) {
			print_error("accepted: %s\n", info[i].to);
			fail();
		}
	for (size_t i = 0; i < ARRAY_LEN(identity); i++)
		if (!failed(changed(
			    t->identity, identity[i].from, identity[i].to, parse_identity))) {
			print_error("accepted: %s\n", identity[i].to);
			fail();
		}
}

/* ---- the PCK certificate's extension ---- */
static struct err parse_pck(void *arg, struct bytes extension)
{
	const struct tdx_gen *g = arg;
	const struct x509_make_extension sgx = { .oid = "1.2.840.113741.1.13.1",
		.value = extension };
	const struct x509_make m = {
		.common_name = "Intel SGX PCK Certificate",
		.not_before = TDX_GEN_NOW,
		.not_after = TDX_GEN_NOW + 1,
		.subject_key = g->pck_key,
		.issuer = g->platform_ca,
		.issuer_key = g->platform_key,
		.extensions = &sgx,
		.n_extensions = 1,
	};
	AUTO(buf_done) struct buf pem = BUF_INIT(16 * 1024);
	AUTO(x509_freep) struct x509 *cert = NULL;
	struct pck_info info;

	assert_ok(x509_make(&m, &pem));
	TRY(x509_parse_first(buf_bytes(&pem), &cert));
	return pck_info_parse(cert, &info);
}

static void test_pck(void **state)
{
	struct texts *t = *state;
	AUTO(buf_done) struct buf der = BUF_INIT(4096);
	struct pck_info want = tdx_gen_info(), got;

	want.tcb_components[3] = 217; /* with a leading zero */
	want.pcesvn = 40000;
	want.cached_keys = true;
	t->g.info = want;
	tdx_gen_pck(&t->g, TDX_GEN_NOW, TDX_GEN_NOW + 1);
	assert_ok(pck_info_parse(t->g.pck, &got));
	assert_memory_equal(got.ppid, want.ppid, sizeof(got.ppid));
	assert_memory_equal(got.fmspc, want.fmspc, sizeof(got.fmspc));
	assert_memory_equal(got.tcb_components, want.tcb_components, sizeof(got.tcb_components));
	assert_int_equal(got.pcesvn, want.pcesvn);
	assert_int_equal(got.sgx_type, 1);
	assert_true(got.has_platform_instance_id && got.has_configuration);
	assert_true(got.dynamic_platform && got.cached_keys && got.smt_enabled);
	want.has_platform_instance_id = want.has_configuration = false; /* by the Processor CA */
	tdx_gen_pck_extension(&want, &der);
	assert_ok(parse_pck(&t->g, buf_bytes(&der)));
	/* Cut at each element's start, and each byte wrong in one way: seldom good, never a crash.
	 */
	for (size_t n = 0; n < der.n; n += 7)
		assert_true(failed(parse_pck(&t->g, bytes_of(der.p, n))));
	for (size_t i = 0; i < der.n; i++) {
		der.p[i] ^= 0x41;
		err_ignore(parse_pck(&t->g, buf_bytes(&der)));
		der.p[i] ^= 0x41;
	}
	assert_err(pck_info_parse(t->g.root, &got), ERR_NOT_FOUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_status_names),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_json_bad),
		cmocka_unit_test(test_pck),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
