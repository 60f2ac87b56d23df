/* Reports of real machines, with certificates as AMD issued them. */
#include "snp_gen.h"
#include "util.h"

#include <base/clock.h>
#include <base/encode.h>
#include <tee/denials.h>

enum {
	FILES_MAX = 4
};

struct vector {
	const char *report;
	const char *collateral[FILES_MAX];
	const char *at;
	const char *code, *field; /* of the first failed row; NULL: verifies */
	const char *claims[8][2]; /* names below "snp." and values */
	bool lists;		  /* the revocation list is there */
	uint32_t vmpl;
	bool allow_debug;
	size_t flip_at;
	bool flip;
};

#define MILAN_V2  "snp/trustee/milan-v2/"
#define VLEK	  "snp/trustee/milan-v3-vlek/"
#define MS_MILAN  "snp/ms-tee-attestation/ms-milan-v3/"
#define MS_TURIN  "snp/ms-tee-attestation/ms-turin-v5/"
#define OAK	  "snp/oak/"
#define DEBUGGED  "snp/go-sev-guest/milan-v2-debug/"
#define UTILS	  "snp/sev-snp-utils/"
#define CA	  "snp/attestation-rs/ca/"
#define GENOA_CRL "snp/openpcc/crl/amd_genoa_crl.pem"

static const struct vector vectors[] = {
	{ .report = DEBUGGED "report.bin",
		.collateral = { DEBUGGED "vcek.testcer" },
		.at = "2023-01-01T00:00:00Z",
		.code = "evidence.debug",
		.field = "guest policy: debug" },
	{ .report = DEBUGGED "report.bin",
		.collateral = { DEBUGGED "vcek.testcer" },
		.at = "2023-01-01T00:00:00Z",
		.allow_debug = true,
		.claims = { { "policy_debug_allowed", "true" }, { "version", "2" },
			{ "product", "Milan" } } },
	{ .report = MILAN_V2 "report.bin",
		.collateral = { MILAN_V2 "test-vcek.der" },
		.at = "2024-01-01T00:00:00Z",
		.claims = { { "guest_svn", "4" }, { "policy_abi_minor", "31" },
			{ "policy_smt_allowed", "true" }, { "vmpl", "0" },
			{ "policy_debug_allowed", "false" }, { "product", "Milan" } } },
	{ .report = MILAN_V2 "report.bin",
		.collateral = { MILAN_V2 "test-vcek-invalid-legacy.der" },
		.at = "2024-01-01T00:00:00Z",
		.code = "certificate.signature",
		.field = "VCEK: chain to AMD's root: CN=SEV-VCEK" },
	{ .report = VLEK "report.bin",
		.collateral = { VLEK "test-vlek.der" },
		.at = "2025-06-01T00:00:00Z",
		.vmpl = 1,
		.claims = { { "vmpl", "1" }, { "reported_tcb_snp", "24" },
			{ "reported_tcb_microcode", "217" }, { "product", "Milan" } } },
	{ .report = VLEK "report.bin",
		.collateral = { VLEK "test-vlek.der" },
		.at = "2025-06-01T00:00:00Z",
		.code = "snp.vmpl",
		.field = "VMPL" },
	{ .report = VLEK "report.bin",
		.collateral = { VLEK "test-vlek.der", CA "milan-ark.der", CA "milan-asvk.der" },
		.at = "2026-06-01T00:00:00Z",
		.vmpl = 1,
		.code = "certificate.expired",
		.field = "VLEK: chain to AMD's root: CN=SEV-VLEK" },
	{ .report = VLEK "report.bin",
		.collateral = { VLEK "test-vlek.der" },
		.at = "2024-12-01T00:00:00Z",
		.vmpl = 1,
		.code = "certificate.not-yet-valid",
		.field = "VLEK: chain to AMD's root: CN=SEV-VLEK" },
	{ .report = MS_MILAN "report.bin",
		.collateral = { MS_MILAN "milan_vcek.pem" },
		.at = "2026-03-01T00:00:00Z",
		.claims = { { "version", "3" }, { "guest_svn", "2" } } },
	{ .report = MS_MILAN "report.bin",
		.collateral = { MS_MILAN "milan_vcek_reissued.pem" },
		.at = "2026-03-01T00:00:00Z",
		.claims = { { "version", "3" } } },
	{ .report = MS_MILAN "report.bin", /* among those of other chips */
		.collateral = { MILAN_V2 "test-vcek.der", OAK "oak-milan-v3-a/vcek.der",
			MS_MILAN "milan_vcek.pem", MS_MILAN "milan_vcek_reissued.pem" },
		.at = "2026-03-01T00:00:00Z",
		.claims = { { "version", "3" } } },
	{ .report = MS_MILAN "report.bin",
		.collateral = { MILAN_V2 "test-vcek.der" },
		.at = "2026-03-01T00:00:00Z",
		.code = "snp.tcb-mismatch" },
	{ .report = MS_TURIN "report.bin",
		.collateral = { MS_TURIN "turin_vcek.pem" },
		.at = "2026-03-01T00:00:00Z",
		.claims = { { "version", "5" }, { "product", "Turin" } } },
	{ .report = MS_TURIN "report.bin",
		.collateral = { "snp/virtee-sev/virtee-turin/vcek_turin.der" },
		.at = "2026-03-01T00:00:00Z",
		.code = "snp.tcb-mismatch" },
	{ .report = OAK "oak-milan-v3-a/report.bin",
		.collateral = { OAK "oak-milan-v3-a/vcek.der" },
		.at = "2026-01-01T00:00:00Z",
		.claims = { { "policy_abi_minor", "0" }, { "product", "Milan" } } },
	{ .report = OAK "oak-milan-v3-c/report.bin",
		.collateral = { OAK "oak-milan-v3-c/vcek.der" },
		.at = "2026-01-01T00:00:00Z",
		.claims = { { "version", "3" }, { "product", "Milan" } } },
	{ .report = OAK "oak-genoa-v5/report.bin",
		.collateral = { OAK "oak-genoa-v5/vcek.der" },
		.at = "2026-01-01T00:00:00Z",
		.claims = { { "version", "5" }, { "product", "Genoa" } } },
	/* The list names the ASK that Genoa's took the place of, not this one. */
	{ .report = OAK "oak-genoa-v5/report.bin",
		.collateral = { OAK "oak-genoa-v5/vcek.der", GENOA_CRL,
			"snp/openpcc/crl/genoa_ask_ark.pem" },
		.at = "2025-10-20T00:00:00Z",
		.lists = true,
		.claims = { { "product", "Genoa" } } },
	{ .report = OAK "oak-genoa-v5/report.bin",
		.collateral = { OAK "oak-genoa-v5/vcek.der", GENOA_CRL },
		.at = "2026-01-01T00:00:00Z",
		.code = "crl.expired",
		.field = "ASK: not revoked" },
	/* ---- nobody has the certificates of these ---- */
	{ .report = UTILS "guest_report.bin",
		.at = "2024-01-01T00:00:00Z",
		.code = "collateral.missing",
		.field = "certificate of the report's key" },
	{ .report = UTILS "snp_report_msg_resp.bin",
		.at = "2024-01-01T00:00:00Z",
		.code = "collateral.missing" },
	{ .report = "snp/cocos/ext-report-certtable/attestation.bin",
		.at = "2024-01-01T00:00:00Z",
		.code = "collateral.missing" },
	{ .report = "snp/openpcc/gce-milan-v4/report.bin",
		.at = "2025-01-01T00:00:00Z",
		.code = "collateral.missing" },
	{ .report = UTILS "guest_report_bad_sig.bin",
		.at = "2024-01-01T00:00:00Z",
		.code = "malformed" },
	/* ---- one byte changed ---- */
	{ .report = MILAN_V2 "report.bin",
		.collateral = { MILAN_V2 "test-vcek.der" },
		.at = "2024-01-01T00:00:00Z",
		.flip = true,
		.flip_at = 0x90,
		.code = "snp.signature" },
	{ .report = MILAN_V2 "report.bin",
		.collateral = { MILAN_V2 "test-vcek.der" },
		.at = "2024-01-01T00:00:00Z",
		.flip = true,
		.flip_at = 0x180,
		.code = "snp.tcb-mismatch",
		.field = "reported TCB: bootloader" },
	{ .report = MS_TURIN "report.bin",
		.collateral = { MS_TURIN "turin_vcek.pem" },
		.at = "2026-03-01T00:00:00Z",
		.flip = true,
		.flip_at = 0x2a0,
		.code = "snp.signature" },
	{ .report = MS_TURIN "report.bin",
		.collateral = { MS_TURIN "turin_vcek.pem" },
		.at = "2026-03-01T00:00:00Z",
		.flip = true,
		.flip_at = 0x330,
		.code = "malformed" },
	{ .report = OAK "oak-genoa-v5/report.bin",
		.collateral = { OAK "oak-genoa-v5/vcek.der" },
		.at = "2026-01-01T00:00:00Z",
		.flip = true,
		.flip_at = 0x4c,
		.code = "malformed" },
};

static void read_collateral(const struct vector *v, struct collateral *c)
{
	for (size_t i = 0; i < FILES_MAX && v->collateral[i]; i++) {
		AUTO(buf_done) struct buf b = test_file(test_vector(v->collateral[i]));

		assert_ok(collateral_add(c, buf_bytes(&b), v->collateral[i]));
	}
}

static void wrong(const struct vector *v, struct err e)
{
	const struct denial *d = err_denial();

	print_error("%s at %s: %s: %s (%s)\n", v->report, v->at, err_code_name(e.code),
		failed(e) ? err_text() : "", d ? d->field : "");
	fail();
}

static void check_verdict(const struct vector *v, struct err e, const struct claims *claims)
{
	const struct denial *d = err_denial();
	char name[64];

	if (v->code && str_equal(v->code, "malformed")) {
		if (e.code != ERR_FORMAT)
			wrong(v, e);
		return;
	}
	if (v->code) {
		if (e.code != ERR_UNVERIFIED || !d || !str_equal(d->code, v->code) ||
			(v->field && !str_starts(d->field, v->field)))
			wrong(v, e);
		return;
	}
	if (failed(e))
		wrong(v, e);
	for (size_t i = 0; i < ARRAY_LEN(v->claims) && v->claims[i][0]; i++) {
		(void)snprintf(name, sizeof(name), "snp.%s", v->claims[i][0]);
		assert_string_equal(claim_text(claims_get(claims, name)), v->claims[i][1]);
	}
	assert_string_equal(claim_text(claims_get(claims, "simulated")), "false");
}

static void check_vector(const struct vector *v)
{
	AUTO(buf_done) struct buf report = test_file(test_vector(v->report));
	AUTO(collateral_freep) struct collateral *collateral = NULL;
	AUTO(claims_done) struct claims claims = { 0 };
	const struct tee_policy policy = {
		.crl_optional = !v->lists,
		.vmpl = v->vmpl,
		.allow_debug = v->allow_debug,
	};
	const struct tee_anchors anchors = { 0 };
	struct tee_verify_input in = {
		.raw = buf_bytes(&report), .policy = &policy, .anchors = &anchors
	};

	assert_ok(clock_parse(v->at, &in.now));
	assert_ok(collateral_new(&collateral));
	read_collateral(v, collateral);
	in.collateral = collateral;
	if (v->flip)
		report.p[v->flip_at] ^= 1;
	else
		assert_ptr_equal(tee_recognise(&in), tee_by_platform("snp"));
	check_verdict(v, tee_verify(tee_by_platform("snp"), &in, &claims), &claims);
}

static void test_reports(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++)
		check_vector(&vectors[i]);
}

/* Azure hands reports out with 20 bytes of its own behind. */
static void test_azure_trailer(void **state)
{
	AUTO(buf_done) struct buf report = test_file(test_vector(MILAN_V2 "report.bin"));
	AUTO(buf_done) struct buf vcek = test_file(test_vector(MILAN_V2 "test-vcek.der"));
	AUTO(buf_done) struct buf longer = BUF_INIT(SNP_REPORT_SIZE + 21);
	AUTO(collateral_freep) struct collateral *c = NULL;
	const struct tee_policy policy = { .crl_optional = true };
	const struct tee_anchors anchors = { 0 };

	(void)state;
	assert_ok(collateral_new(&c));
	assert_ok(collateral_add(c, buf_bytes(&vcek), "VCEK"));
	struct tee_verify_input in = { .policy = &policy, .anchors = &anchors, .collateral = c };
	assert_ok(clock_parse("2024-01-01T00:00:00Z", &in.now));
	buf_put(&longer, bytes_of(report.p, SNP_REPORT_SIZE));
	for (size_t n = 1; n <= 21; n++) {
		AUTO(claims_done) struct claims claims = { 0 };

		buf_u8(&longer, n);
		in.raw = buf_bytes(&longer);
		struct err e = tee_verify(tee_by_platform("snp"), &in, &claims);
		assert_int_equal(e.code, n == 20 ? ERR_OK : ERR_FORMAT);
	}
}

/* ---- AMD's certificates ---- */

static const struct ca {
	const char *name, *digest; /* the beginning of its SHA-256 */
	enum snp_product product;
	enum {
		ARK,
		ASK,
		ASVK
	} kind;
} cas[] = {
	{ "milan-ark", "69d063b45344d26a2e94e1f4210de49ef555308287d4c174445c95639a540bcd",
		SNP_MILAN, ARK },
	{ "milan-ask", "67d303bd3905fd38", SNP_MILAN, ASK },
	{ "milan-asvk", "", SNP_MILAN, ASVK },
	{ "genoa-ark", "4c6598d19c18719c5dfd4a7d335f674e5bfe1d8f800cea2cf270c10d103db2f1",
		SNP_GENOA, ARK },
	{ "genoa-ask", "5464738c1546aed5", SNP_GENOA, ASK },
	{ "genoa-asvk", "", SNP_GENOA, ASVK },
	{ "turin-ark", "1f084161a44bb6d93778a904877d4819cafa5d05ef4193b2ded9dd9c73dd3f6a",
		SNP_TURIN, ARK },
	{ "turin-ask", "5b77ef5fe7a7a004", SNP_TURIN, ASK },
	{ "turin-asvk", "", SNP_TURIN, ASVK },
};

static void builtin(const struct ca *ca, struct x509_list *ret)
{
	if (ca->kind == ARK)
		assert_ok(snp_builtin_root(ca->product, ret));
	else
		assert_ok(snp_builtin_signer(ca->product, ca->kind == ASVK, ret));
	assert_true(ret->n >= 1);
}

/* Without any vector: those built in are the ones that AMD published. */
static void test_pinned(void **state)
{
	char hex[2 * DIGEST_MAX + 1];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cas); i++) {
		AUTO(x509_list_done) struct x509_list l = { 0 };
		AUTO(x509_list_done) struct x509_list root = { 0 };
		AUTO(buf_done) struct buf der = BUF_INIT(8192);
		struct digest_value d;

		builtin(&cas[i], &l);
		assert_ok(x509_der(l.v[0], &der));
		assert_int_equal(snp_is_builtin_signer(buf_bytes(&der)), cas[i].kind != ARK);
		der.p[der.n - 1] ^= 1;
		assert_false(snp_is_builtin_signer(buf_bytes(&der)));
		assert_ok(x509_digest(l.v[0], DIGEST_SHA256, &d));
		hex_to(digest_bytes(&d), hex);
		assert_true(str_starts(hex, cas[i].digest));
		assert_ok(snp_builtin_root(cas[i].product, &root));
		assert_ok(x509_verify(&(struct x509_verify){
			.leaf = l.v[0], .anchors = &root, .now = SNP_GEN_NOW }));
	}
	struct x509_list none = { 0 };
	assert_ok(snp_builtin_root(SNP_UNKNOWN, &none));
	assert_int_equal(none.n, 0);
}

static void test_as_published(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cas); i++) {
		AUTO(x509_list_done) struct x509_list l = { 0 };
		AUTO(buf_done) struct buf der = BUF_INIT(8192);
		char path[96];

		(void)snprintf(path, sizeof(path), CA "%s.der", cas[i].name);
		AUTO(buf_done) struct buf file = test_file(test_vector(path));
		builtin(&cas[i], &l);
		assert_ok(x509_der(l.v[0], &der));
		assert_bytes_equal(buf_bytes(&der), buf_bytes(&file));
	}
}

/* Bodies of the KDS; either order. */
static void test_chain_files(void **state)
{
	static const char *const files[] = { "snp/go-sev-guest/ca/ask_ark_turin_vcek.pem",
		"snp/go-sev-guest/ca/ask_ark_milan_vlek.pem", "snp/openpcc/crl/genoa_ask_ark.pem" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		AUTO(buf_done) struct buf b = test_file(test_vector(files[i]));
		AUTO(collateral_freep) struct collateral *c = NULL;

		assert_ok(collateral_new(&c));
		assert_ok(collateral_add(c, buf_bytes(&b), files[i]));
		assert_int_equal(c->n, 2);
	}
}

static void test_veks(void **state)
{
	static const struct {
		const char *path;
		enum snp_product product;
		bool vlek;
		size_t hwid_n;
		int microcode;
	} files[] = {
		{ MILAN_V2 "test-vcek.der", SNP_MILAN, false, 64, 115 },
		{ MILAN_V2 "test-vcek-invalid-legacy.der", SNP_MILAN, false, 64, -1 },
		{ VLEK "test-vlek.der", SNP_MILAN, true, 0, 217 },
		{ "snp/virtee-sev/virtee-turin/vcek_turin.der", SNP_TURIN, false, 8, -1 },
		{ "az-snp-vtpm/openpcc/genoa/vcek.pem", SNP_GENOA, false, 64, 84 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		AUTO(buf_done) struct buf b = test_file(test_vector(files[i].path));
		AUTO(x509_list_done) struct x509_list l = { 0 };
		struct snp_vek v;

		assert_ok(x509_list_parse(buf_bytes(&b), &l));
		assert_ok(snp_vek_parse(l.v[0], &v));
		assert_int_equal(v.product, files[i].product);
		assert_int_equal(v.vlek, files[i].vlek);
		assert_int_equal(v.hwid_n, files[i].hwid_n);
		assert_int_equal(v.has_fmc, files[i].product == SNP_TURIN);
		if (files[i].microcode >= 0)
			assert_int_equal(v.microcode, files[i].microcode);
		assert_int_equal(v.csp_id[0] != '\0', files[i].vlek);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pinned),
		cmocka_unit_test(test_as_published),
		cmocka_unit_test(test_chain_files),
		cmocka_unit_test(test_veks),
		cmocka_unit_test(test_reports),
		cmocka_unit_test(test_azure_trailer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
