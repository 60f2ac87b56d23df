#include "nvgpu_gen.h"
#include "util.h"

#include <string.h>

#include <base/encode.h>
#include <tee/denials.h>

struct world {
	struct nvgpu_gen g;
	struct buf report, text;
	struct json *evidence;
	struct tee_policy policy;
	struct tee_verify_input in;
};

static void world_start(struct world *w)
{
	*w = (struct world){ .report = BUF_INIT(SPDM_REPORT_MAX), .text = BUF_INIT(1024 * 1024) };
	nvgpu_gen_init(&w->g);
	w->in = (struct tee_verify_input){
		.report_data = BYTES_OF(w->g.nonce),
		.anchors = &w->g.anchors,
		.policy = &w->policy,
		.now = NVGPU_GEN_NOW,
	};
}

static void world_raw(struct world *w)
{
	buf_clear(&w->report);
	nvgpu_gen_report(&w->g, &w->report);
	w->in.evidence = NULL;
	w->in.raw = buf_bytes(&w->report);
	w->in.parts[0] = (struct tee_part){ "certificates", buf_bytes(&w->g.chain) };
	w->in.n_parts = 1;
}

static void world_json(struct world *w, unsigned n, bool hex)
{
	buf_clear(&w->text);
	json_freep(&w->evidence);
	w->evidence = NULL;
	nvgpu_gen_json(&w->g, n, hex, &w->text);
	assert_ok(json_parse(buf_bytes(&w->text), &w->evidence));
	w->in.evidence = w->evidence;
	w->in.n_parts = 0;
}

static void world_finish(struct world *w)
{
	nvgpu_gen_done(&w->g);
	buf_done(&w->report);
	buf_done(&w->text);
	json_freep(&w->evidence);
}

static struct err verdict(const struct tee_verify_input *in)
{
	AUTO(claims_done) struct claims c = { 0 };

	return tee_verify(tee_by_platform("nvgpu"), in, &c);
}

static void assert_denial(const struct tee_verify_input *in, enum tee_denial want)
{
	assert_err(verdict(in), ERR_UNVERIFIED);
	assert_string_equal(err_denial()->code, tee_denial_code(want));
}

static const char *text_of(const struct claims *c, const char *name)
{
	return claim_text(claims_get(c, name));
}

/* ---- good evidence ---- */
static void check_claims(const struct claims *c)
{
	assert_string_equal(text_of(c, "nvidia.config.driver_version"), "550.90.07");
	assert_string_equal(text_of(c, "nvidia.config.vbios_version"), "96.00.9f.00.01");
	assert_string_equal(text_of(c, "nvidia.config.chip_sku"), "882");
	assert_string_equal(text_of(c, "nvidia.config.board_id"), "b1030000");
	assert_string_equal(
		text_of(c, "nvidia.config.switch_pdi"), "3132333435363738,6162636465666768");
	assert_string_equal(text_of(c, "nvidia.config.opaque_data_version"), "1");
	assert_string_equal(text_of(c, "nvidia.config.feature_flag"), "PPCIE");
	assert_string_equal(text_of(c, "nvidia.config.type_99"), "0102");
	assert_string_equal(text_of(c, "nvidia.config.measurement_count.4"), "3");
	assert_int_equal(strlen(text_of(c, "nvidia.measurements.4")), 96);
	assert_string_equal(text_of(c, "simulated"), "false");
	assert_string_equal(text_of(c, "nvidia.simulated"), "false");
	assert_string_equal(text_of(c, "debug"), "false");
	assert_int_equal(strlen(text_of(c, "report_data")), 64);
	assert_null(claims_get(c, "init_data"));
}

static void test_json(void **state)
{
	(void)state;
	for (unsigned hex = 0; hex < 2; hex++) {
		AUTO(claims_done) struct claims c = { 0 };
		struct world w;

		world_start(&w);
		world_json(&w, 1, hex);
		assert_ptr_equal(tee_recognise(&w.in), tee_by_kbs_name("nvidia"));
		assert_ok(tee_verify(tee_by_platform("nvgpu"), &w.in, &c));
		check_claims(&c);
		assert_string_equal(text_of(&c, "nvidia.arch"), "Hopper");
		assert_string_equal(text_of(&c, "nvidia.uuid"), "GPU-1111");
		world_finish(&w);
	}
}

static void test_raw(void **state)
{
	AUTO(buf_done) struct buf hex = BUF_INIT(65536);
	AUTO(claims_done) struct claims c = { 0 };
	struct world w;

	(void)state;
	world_start(&w);
	w.g.trailing = 1; /* as some drivers have it */
	world_raw(&w);
	assert_ptr_equal(tee_recognise(&w.in), tee_by_kbs_name("nvidia"));
	assert_ok(tee_verify(tee_by_platform("nvgpu"), &w.in, &c));
	check_claims(&c);
	assert_string_equal(text_of(&c, "nvidia.arch"), "unknown");
	hex_encode(w.in.raw, &hex);
	buf_puts(&hex, "\r\n");
	w.in.raw = buf_bytes(&hex);
	assert_ptr_equal(tee_recognise(&w.in), tee_by_kbs_name("nvidia"));
	assert_ok(verdict(&w.in));
	world_finish(&w);
}

/* The device's certificate and its issuers among others. */
static void test_collateral(void **state)
{
	AUTO(collateral_freep) struct collateral *collateral = NULL;
	struct nvgpu_gen other;
	struct world w;

	(void)state;
	world_start(&w);
	nvgpu_gen_init(&other);
	memset(other.fwid, 0, sizeof(other.fwid));
	nvgpu_gen_certs(&other, BYTES_OF(other.fwid));
	world_raw(&w);
	w.in.n_parts = 0;
	assert_denial(&w.in, DENY_COLLATERAL_MISSING);
	assert_ok(collateral_new(&collateral));
	w.in.collateral = collateral;
	assert_denial(&w.in, DENY_COLLATERAL_MISSING);
	assert_ok(collateral_add(collateral, buf_bytes(&other.chain), "other"));
	assert_denial(&w.in, DENY_COLLATERAL_MISSING);
	assert_ok(collateral_add(collateral, buf_bytes(&w.g.chain), "own"));
	assert_ok(verdict(&w.in));
	nvgpu_gen_done(&other);
	world_finish(&w);
}

static void test_several(void **state)
{
	AUTO(claims_done) struct claims c = { 0 };
	AUTO(buf_done) struct buf text = BUF_INIT(1024 * 1024);
	struct world w;

	(void)state;
	world_start(&w);
	w.g.n_blocks = 64;
	world_json(&w, 12, true); /* a board of eight GPUs and four switches */
	assert_ok(tee_verify(tee_by_platform("nvgpu"), &w.in, &c));
	assert_string_equal(text_of(&c, "nvidia.gpu0.uuid"), "GPU-1111");
	assert_string_equal(text_of(&c, "nvidia.gpu11.uuid"), "unknown");
	assert_non_null(claims_get(&c, "nvidia.gpu11.measurements.64"));
	assert_null(claims_get(&c, "nvidia.arch"));
	assert_ok(claims_print(&c, &text));
	world_json(&w, NVGPU_DEVICES_MAX + 1, true);
	assert_err(verdict(&w.in), ERR_FORMAT);
	world_finish(&w);
}

/* ---- bad evidence ---- */
static void bend_signer(struct world *w)
{
	w->g.signer = w->g.ca_key;
}
static void bend_fwid(struct world *w)
{
	w->g.fwid[47] ^= 1;
}
static void bend_no_fwid(struct world *w)
{
	w->g.leave_out = NVGPU_FWID;
}
static void bend_certificate_without_fwid(struct world *w)
{
	nvgpu_gen_certs(&w->g, BYTES_NONE);
}
static void bend_short_fwid(struct world *w)
{
	nvgpu_gen_certs(&w->g, bytes_of(w->g.fwid, 47));
}
static void bend_driver(struct world *w)
{
	w->g.leave_out = NVGPU_DRIVER_VERSION;
}
static void bend_vbios(struct world *w)
{
	w->g.leave_out = NVGPU_VBIOS_VERSION;
}
static void bend_root(struct world *w)
{
	w->in.anchors = NULL; /* NVIDIA's own then */
}
static void bend_time(struct world *w)
{
	w->in.now = 2000000000;
}
static void bend_chain(struct world *w)
{
	const char *second = strstr((const char *)w->g.chain.p + 1, "-----BEGIN");

	assert_non_null(second);
	w->g.chain.n = (size_t)((const uint8_t *)second - w->g.chain.p);
}
static void bend_index(struct world *w)
{
	w->g.same_index = true;
}
static void bend_nonce(struct world *w)
{
	w->in.report_data = bytes_of(w->g.nonce, 31);
}
static void bend_measurement(struct world *w)
{
	w->policy.measurement = BYTES_OF(w->g.fwid);
}

static void test_refused(void **state)
{
	static const struct {
		void (*bend)(struct world *w);
		enum tee_denial want;
	} cases[] = {
		{ bend_signer, DENY_NVGPU_SIGNATURE },
		{ bend_fwid, DENY_NVGPU_FWID },
		{ bend_no_fwid, DENY_NVGPU_FWID },
		{ bend_certificate_without_fwid, DENY_NVGPU_FWID },
		{ bend_short_fwid, DENY_NVGPU_FWID },
		{ bend_driver, DENY_NVGPU_VERSIONS },
		{ bend_vbios, DENY_NVGPU_VERSIONS },
		{ bend_index, DENY_EVIDENCE_MALFORMED },
		{ bend_nonce, DENY_EVIDENCE_REPORT_DATA },
		{ bend_measurement, DENY_MEASUREMENT },
	};
	static void (*const chains[])(struct world * w) = { bend_root, bend_time, bend_chain };

	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_LEN(cases); i++) {
		struct world w;

		world_start(&w);
		cases[i / 2].bend(&w);
		if (i % 2)
			world_json(&w, 2, false);
		else
			world_raw(&w);
		assert_denial(&w.in, cases[i / 2].want);
		world_finish(&w);
	}
	for (size_t i = 0; i < ARRAY_LEN(chains); i++) {
		struct world w;

		world_start(&w);
		chains[i](&w);
		world_json(&w, 1, true);
		assert_err(verdict(&w.in), ERR_UNVERIFIED);
		assert_true(str_starts(err_denial()->code, "certificate."));
		assert_true(str_starts(err_denial()->field, "certificate chain"));
		world_finish(&w);
	}
}

static void test_policy(void **state)
{
	static const uint8_t longer[64] = { 0x4e };
	AUTO(claims_done) struct claims c = { 0 };
	struct digest_value d;
	struct spdm_report r;
	uint8_t both[64];
	struct world w;

	(void)state;
	world_start(&w);
	world_raw(&w);
	assert_ok(spdm_report_parse(w.in.raw, &r));
	assert_ok(digest(DIGEST_SHA384, r.record, &d));
	w.policy.measurement = digest_bytes(&d);
	assert_ok(verdict(&w.in));
	/* of a longer report_data the first 32 bytes count, as Trustee's guest does it */
	memcpy(both, w.g.nonce, 32);
	memcpy(both + 32, longer, 32);
	w.in.report_data = BYTES_OF(both);
	assert_ok(verdict(&w.in));
	both[0] ^= 1;
	assert_denial(&w.in, DENY_EVIDENCE_REPORT_DATA);
	/* a root that is trusted for simulation */
	struct tee_anchors software = { .software = w.g.anchors.vendor };
	w.in.anchors = &software;
	w.in.report_data = BYTES_OF(w.g.nonce);
	w.in.initdata_digest = BYTES_OF(both);
	assert_ok(tee_verify(tee_by_platform("nvgpu"), &w.in, &c));
	assert_string_equal(text_of(&c, "simulated"), "true");
	assert_null(claims_get(&c, "init_data"));
	world_finish(&w);
}

/* Lists are not asked for, but one that is there counts. */
static void test_revoked(void **state)
{
	AUTO(collateral_freep) struct collateral *collateral = NULL;
	AUTO(buf_done) struct buf good = BUF_INIT(4096), bad = BUF_INIT(4096);
	struct x509_list certs = { 0 }, revoked = { 0 };
	struct world w;

	(void)state;
	world_start(&w);
	world_json(&w, 1, true);
	assert_ok(collateral_new(&collateral));
	w.in.collateral = collateral;
	assert_ok(x509_list_parse(buf_bytes(&w.g.chain), &certs));
	struct x509_crl_make list = { .issuer = certs.v[1],
		.issuer_key = w.g.ca_key,
		.this_update = NVGPU_GEN_NOW - 86400,
		.next_update = NVGPU_GEN_NOW + 86400,
		.number = 1 };
	assert_ok(x509_crl_make(&list, &good));
	assert_ok(collateral_add(collateral, buf_bytes(&good), "good.crl"));
	assert_ok(verdict(&w.in));
	revoked.v[0] = certs.v[0];
	revoked.n = 1;
	list.revoked = &revoked;
	list.this_update++;
	list.number = 2;
	assert_ok(x509_crl_make(&list, &bad));
	assert_ok(collateral_add(collateral, buf_bytes(&bad), "bad.crl"));
	assert_err(verdict(&w.in), ERR_UNVERIFIED);
	assert_string_equal(err_denial()->code, "certificate.revoked");
	assert_true(str_starts(err_denial()->field, "revocation"));
	x509_list_done(&certs);
	world_finish(&w);
}

/* ---- a real H100 ---- */
static void load_vector(struct world *w, struct buf *file, struct buf *chain)
{
	static uint8_t nonce[SPDM_NONCE_SIZE];

	world_start(w);
	*file = test_file(test_vector("nvgpu/trustee/hopperAttestationReport.txt"));
	*chain = test_file(test_vector("nvgpu/trustee/hopper_cert_chain_case1.txt"));
	assert_ok(hex_decode_fixed(
		bytes_str("931d8dd0add203ac3d8b4fbde75e115278eefcdceac5b87671a748f32364dfcb"),
		"nonce", nonce, sizeof(nonce)));
	w->in = (struct tee_verify_input){ .raw = buf_bytes(file),
		.report_data = BYTES_OF(nonce),
		.parts = { { "certificates", buf_bytes(chain) } },
		.n_parts = 1,
		.now = NVGPU_GEN_NOW };
}

static void test_vector_report(void **state)
{
	AUTO(buf_done) struct buf file = { 0 }, chain = { 0 };
	struct world w;

	(void)state;
	load_vector(&w, &file, &chain);
	assert_ptr_equal(tee_recognise(&w.in), tee_by_kbs_name("nvidia"));
	assert_ok(verdict(&w.in));
	file.p[0xc8] ^= 0x01; /* one digit of the second measurement's index */
	assert_denial(&w.in, DENY_NVGPU_SIGNATURE);
	file.p[0xc8] ^= 0x01;
	/* the chain of case 2 is the root alone */
	AUTO(buf_done)
	struct buf root = test_file(test_vector("nvgpu/trustee/hopper_cert_chain_case2.txt"));
	w.in.parts[0].v = buf_bytes(&root);
	assert_denial(&w.in, DENY_NVGPU_FWID);
	/* the device's certificate without its issuers */
	AUTO(buf_done)
	struct buf leaf = test_file(test_vector("nvgpu/trustee/hopper_signing_cert.pem"));
	w.in.parts[0].v = buf_bytes(&leaf);
	assert_err(verdict(&w.in), ERR_UNVERIFIED);
	assert_string_equal(err_denial()->code, "certificate.untrusted");
	world_finish(&w);
}

static void same_json(const struct json *want, const struct json *got)
{
	AUTO(buf_done) struct buf a = BUF_INIT(65536), b = BUF_INIT(65536);

	assert_non_null(got);
	assert_ok(json_print_canonical(want, &a));
	assert_ok(json_print_canonical(got, &b));
	assert_string_equal(buf_cstr(&b), buf_cstr(&a));
}

static void test_vector_claims(void **state)
{
	AUTO(buf_done) struct buf file = { 0 }, chain = { 0 }, text = BUF_INIT(65536);
	AUTO(buf_done)
	struct buf want_text =
		test_file(test_vector("nvgpu/trustee/hopperAttestationReport-claims.txt"));
	AUTO(buf_done) struct buf evidence_text = BUF_INIT(65536);
	AUTO(json_freep) struct json *evidence = NULL, *want = NULL, *got = NULL;
	AUTO(claims_done) struct claims c = { 0 };
	struct json_writer j = jw_of(&evidence_text);
	struct world w;

	(void)state;
	load_vector(&w, &file, &chain);
	jw_object(&j);
	jw_key(&j, "device_evidence_list");
	jw_array(&j);
	jw_object(&j);
	jw_kstr(&j, "arch", "HOPPER");
	jw_kstr(&j, "uuid", "1111-2222-33333-444444-555555");
	jw_key(&j, "evidence");
	jw_bytes_str(&j, buf_bytes(&file));
	jw_kbase64(&j, "certificate", buf_bytes(&chain));
	jw_object_end(&j);
	jw_array_end(&j);
	jw_object_end(&j);
	assert_ok(json_parse(buf_bytes(&evidence_text), &evidence));
	w.in.evidence = evidence;
	w.in.n_parts = 0;
	assert_ok(tee_verify(tee_by_platform("nvgpu"), &w.in, &c));
	assert_ok(claims_print(&c, &text));
	assert_ok(json_parse(buf_bytes(&text), &got));
	assert_ok(json_parse(buf_bytes(&want_text), &want));
	assert_int_equal(json_count(want), 4);
	for (size_t i = 0; i < json_count(want); i++)
		same_json(
			json_at(want, i), json_get(json_get(got, "nvidia"), json_name_at(want, i)));
	world_finish(&w);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_raw),
		cmocka_unit_test(test_collateral),
		cmocka_unit_test(test_several),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_policy),
		cmocka_unit_test(test_revoked),
		cmocka_unit_test(test_vector_report),
		cmocka_unit_test(test_vector_claims),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
