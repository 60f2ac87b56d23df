/* Quotes, logs and certificates of real machines. */
#include "handshake.h"
#include "util.h"
#include "vtpm/vtpm.h"

#include <stdio.h>
#include <stdlib.h>

#include <base/encode.h>

static const char keylime_nonce[] = "db1db298db6d60e6385b7231743e9c3056a18003";

struct files {
	struct buf raw;
	struct buf part[TEE_PARTS_MAX];
	struct tee_verify_input in;
	struct tee_anchors anchors;
	struct checks *checks;
	struct claims claims;
};

static void files_start(struct files *f, const char *raw)
{
	*f = (struct files){ .raw = test_file(test_vector(raw)) };
	f->in.raw = buf_bytes(&f->raw);
	f->in.anchors = &f->anchors;
	f->in.now = GEN_NOW;
}

static void files_add(struct files *f, const char *name, const char *path)
{
	struct buf *b = &f->part[f->in.n_parts];

	*b = test_file(test_vector(path));
	f->in.parts[f->in.n_parts++] = (struct tee_part){ .name = name, .v = buf_bytes(b) };
}

static struct err files_verify(struct files *f)
{
	checks_freep(&f->checks);
	claims_done(&f->claims);
	assert_ok(checks_new(&f->checks));
	return tee_by_platform("vtpm")->verify->verify(&f->in, f->checks, &f->claims);
}

static void files_done(struct files *f)
{
	checks_freep(&f->checks);
	claims_done(&f->claims);
	x509_list_done(&f->anchors.hardware);
	buf_done(&f->raw);
	for (size_t i = 0; i < f->in.n_parts; i++)
		buf_done(&f->part[i]);
}

static enum check_verdict verdict_of(const struct files *f, const char *what)
{
	for (size_t i = 0; i < f->checks->n; i++)
		if (str_equal(f->checks->v[i].d.field, what))
			return f->checks->v[i].verdict;
	fail_msg("no check '%s'", what);
	return CHECK_FAILED;
}

static void keylime_start(struct files *f, const char *ak)
{
	files_start(f, "vtpm/keylime/quote.out");
	files_add(f, "signature", "vtpm/keylime/quotesig.out");
	files_add(f, "pcrs", "vtpm/keylime/quotepcr.out");
	files_add(f, "ak", ak);
	f->in.report_data = test_hex(keylime_nonce);
}

static void test_keylime(void **state)
{
	struct files f;

	(void)state;
	keylime_start(&f, "vtpm/keylime/akpub.pem");
	assert_ptr_equal(tee_recognise(&f.in), tee_by_platform("vtpm"));
	assert_ok(files_verify(&f));
	assert_string_equal(text_of(&f.claims, "report_data"), keylime_nonce);
	assert_string_equal(text_of(&f.claims, "simulated"), "true"); /* nothing vouches for it */
	assert_int_equal(strlen(text_of(&f.claims, "tpm.pcr16")), 64);
	assert_string_equal(text_of(&f.claims, "tpm.pcr22"),
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff");
	assert_null(claims_get(&f.claims, "tpm.pcr00"));
	assert_int_equal(verdict_of(&f, "ak_public.objectAttributes"), CHECK_NOT_DONE);
	f.in.report_data = test_hex("db1db298db6d60e6385b7231743e9c3056a1800300");
	assert_denied(files_verify(&f), DENY_VTPM_NONCE_MISMATCH);
	files_done(&f);
}

static void test_keylime_object(void **state)
{
	struct files f;

	(void)state;
	keylime_start(&f, "vtpm/keylime/ak.pub");
	assert_ok(files_verify(&f));
	assert_int_equal(verdict_of(&f, "ak_public.objectAttributes"), CHECK_PASSED);
	f.in.parts[2].v = bytes_of(f.part[2].p + 2, f.part[2].n - 2); /* TPMT_PUBLIC */
	assert_ok(files_verify(&f));
	f.part[2].p[5] ^= 2; /* fixedParent and so on are the lower byte: 0x72 of 00050072 */
	struct tpm2_public area;
	assert_ok(tpm2_public_parse(buf_bytes(&f.part[2]), &area));
	f.part[2].p[9] ^= 2; /* fixedTPM */
	assert_denied(files_verify(&f), DENY_VTPM_AK_ATTRIBUTES);
	files_done(&f);
}

static void test_keylime_name(void **state)
{
	AUTO(buf_done) struct buf pub = test_file(test_vector("vtpm/keylime/ak.pub"));
	AUTO(buf_done) struct buf want = test_file(test_vector("vtpm/keylime/ak.name"));
	AUTO(buf_done) struct buf name = BUF_INIT(TPM2_NAME_MAX);
	struct tpm2_public p;

	(void)state;
	assert_ok(tpm2_public_parse(buf_bytes(&pub), &p));
	assert_ok(tpm2_name(&p, &name));
	assert_bytes_equal(buf_bytes(&name), buf_bytes(&want));
}

static struct err verify_raw(void *arg, struct bytes in)
{
	struct files *f = arg;

	f->in.raw = in;
	return files_verify(f);
}

static struct err verify_signature(void *arg, struct bytes in)
{
	struct files *f = arg;

	f->in.parts[0].v = in;
	return files_verify(f);
}

static struct err verify_pcrs(void *arg, struct bytes in)
{
	struct files *f = arg;

	f->in.parts[1].v = in;
	return files_verify(f);
}

static void test_keylime_flips(void **state)
{
	struct files f;

	(void)state;
	keylime_start(&f, "vtpm/keylime/akpub.pem");
	each_flip_signed(buf_bytes(&f.raw), verify_raw, &f);
	each_prefix(buf_bytes(&f.raw), verify_raw, &f);
	f.in.raw = buf_bytes(&f.raw);
	each_flip_signed(buf_bytes(&f.part[0]), verify_signature, &f);
	each_prefix(buf_bytes(&f.part[0]), verify_signature, &f);
	f.in.parts[0].v = buf_bytes(&f.part[0]);
	each_flip_survives(buf_bytes(&f.part[1]), verify_pcrs, &f);
	f.in.parts[1].v = buf_bytes(&f.part[1]);
	assert_ok(files_verify(&f));
	/* MUTATIONS.tsv: another type of attestation */
	f.raw.p[4] ^= 1;
	assert_denied(files_verify(&f), DENY_VTPM_QUOTE_SIGNATURE);
	assert_int_equal(verdict_of(&f, "tpm_quote.message"), CHECK_FAILED);
	files_done(&f);
}

/* The other forms of the same values. */
static void test_pcr_forms(void **state)
{
	AUTO(buf_done) struct buf text = BUF_INIT(4096), values = BUF_INIT(4096);
	static const unsigned quoted[] = { 15, 16, 22 };
	struct tpm2_quote q;
	struct files f;
	struct pcrs p;
	char line[160], hex[65];

	(void)state;
	keylime_start(&f, "vtpm/keylime/akpub.pem");
	assert_ok(tpm2_quote_parse(f.in.raw, &q));
	assert_ok(pcrs_parse(buf_bytes(&f.part[1]), &q, &p));
	buf_puts(&text, "quoted: ff544347\nsignature:\n  alg: rsassa\npcrs:\n  sha256:\n");
	for (size_t i = 0; i < ARRAY_LEN(quoted); i++) {
		hex_to(pcr_value(&p.bank[0], quoted[i]), hex);
		(void)snprintf(line, sizeof(line), "    %u: 0x%s\r\n", quoted[i], hex);
		buf_puts(&text, line);
		buf_put(&values, pcr_value(&p.bank[0], quoted[i]));
	}
	assert_ok(verify_pcrs(&f, buf_bytes(&text)));
	assert_ok(verify_pcrs(&f, buf_bytes(&values)));
	assert_err(verify_pcrs(&f, bytes_of(values.p, values.n - 1)), ERR_FORMAT);
	assert_err(verify_pcrs(&f, bytes_of(values.p, 1)), ERR_FORMAT);
	text.p[text.n - 4] = 'e';
	assert_denied(verify_pcrs(&f, buf_bytes(&text)), DENY_VTPM_PCR_DIGEST);
	/* No values: the quote is good, and proves no register. */
	f.in.parts[1].v = BYTES_NONE;
	assert_ok(files_verify(&f));
	assert_int_equal(verdict_of(&f, "tpm_quote.pcrs"), CHECK_NOT_DONE);
	assert_null(claims_get(&f.claims, "tpm.pcr16"));
	files_done(&f);
}

/* SHA-1, SHA-256 and SHA-384 banks, each with a quote, and the log that leads to them. */
static void test_gce(void **state)
{
	struct files f;

	(void)state;
	files_start(&f, "vtpm/go-tpm-tools/gce-cos-85-no-nonce.pb");
	assert_ptr_equal(tee_recognise(&f.in), tee_by_platform("vtpm"));
	assert_ok(files_verify(&f));
	assert_int_equal(verdict_of(&f, "quotes[2].pcrs"), CHECK_PASSED);
	assert_int_equal(verdict_of(&f, "event_log: sha1 registers"), CHECK_PASSED);
	assert_int_equal(verdict_of(&f, "event_log: sha256 registers"), CHECK_PASSED);
	assert_int_equal(verdict_of(&f, "event_log: sha384 registers"), CHECK_PASSED);
	assert_int_equal(verdict_of(&f, "AK certificate: chain"), CHECK_NOT_DONE);
	assert_int_equal(strlen(text_of(&f.claims, "tpm.pcr00")), 64);
	assert_int_equal(strlen(text_of(&f.claims, "tpm.sha384.pcr00")), 96);
	f.in.report_data = test_hex("00");
	assert_denied(files_verify(&f), DENY_VTPM_NONCE_MISMATCH);
	f.in.report_data = BYTES_NONE;
	each_prefix_survives(bytes_of(f.raw.p, 4500), verify_raw, &f);
	files_done(&f);
}

static void test_azure_quote(void **state)
{
	struct files f;

	(void)state;
	files_start(&f, "az-snp-vtpm/azure-cvm-tooling/quote.bin");
	files_add(&f, "ak", "az-snp-vtpm/azure-cvm-tooling/akpub.pem");
	f.in.report_data = bytes_str("challenge");
	assert_ptr_equal(tee_recognise(&f.in), tee_by_platform("vtpm"));
	assert_ok(files_verify(&f));
	assert_int_equal(strlen(text_of(&f.claims, "tpm.pcr23")), 64);
	each_flip_signed(buf_bytes(&f.raw), verify_raw, &f);
	each_prefix(buf_bytes(&f.raw), verify_raw, &f);
	f.in.raw = buf_bytes(&f.raw);
	f.in.report_data = bytes_str("Challenge");
	assert_denied(files_verify(&f), DENY_VTPM_NONCE_MISMATCH);
	f.in.report_data = bytes_str("challenge");
	buf_done(&f.part[0]);
	f.part[0] = test_file(test_vector("vtpm/keylime/akpub.pem"));
	f.in.parts[0].v = buf_bytes(&f.part[0]);
	assert_denied(files_verify(&f), DENY_VTPM_QUOTE_SIGNATURE);
	files_done(&f);
}

static void test_trustee(void **state)
{
	AUTO(buf_done) struct buf text = test_file(test_vector("vtpm/trustee/tpm_evidence.json"));
	AUTO(json_freep) struct json *j = NULL;
	AUTO(claims_done) struct claims c = { 0 };
	struct tee_anchors none = { 0 };

	(void)state;
	assert_ok(json_parse(buf_bytes(&text), &j));
	struct tee_verify_input in = { .evidence = j, .anchors = &none, .now = GEN_NOW };
	assert_ptr_equal(tee_recognise(&in), tee_by_platform("vtpm"));
	assert_ok(tee_verify(tee_by_platform("vtpm"), &in, &c));
	assert_int_equal(strlen(text_of(&c, "tpm.pcr23")), 64);
	assert_string_equal(text_of(&c, "tpm.ak_trusted"), "false");
}

/* ---- event logs ---- */
static enum digest_alg bank_named(const char *name)
{
	static const struct {
		const char *name;
		enum digest_alg alg;
	} names[] = {
		{ "SHA1", DIGEST_SHA1 },
		{ "SHA256", DIGEST_SHA256 },
		{ "SHA384", DIGEST_SHA384 },
		{ "SHA512", DIGEST_SHA512 },
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_equal(names[i].name, name))
			return names[i].alg;
	fail_msg("bank '%s'", name);
	return DIGEST_SHA256;
}

static size_t check_registers(
	const struct eventlog *l, enum digest_alg alg, const struct json *expected)
{
	for (size_t i = 0; i < json_count(expected); i++) {
		const char *want = json_string(json_at(expected, i));
		unsigned pcr = (unsigned)strtoul(json_name_at(expected, i), NULL, 10);
		struct digest_value v;

		assert_non_null(want);
		assert_ok(eventlog_replay(l, alg, pcr, &v));
		assert_bytes_equal(digest_bytes(&v), test_hex(want));
	}
	return json_count(expected);
}

static void load_log(const char *path, struct buf *file, struct eventlog *l)
{
	*file = test_file(test_vector(path));
	assert_ok(eventlog_parse(buf_bytes(file), EVENTLOG_EXACT, l));
}

/* Every log, bank and register that the table names. */
static void test_replays(void **state)
{
	AUTO(buf_done) struct buf text = test_file(test_vector("vtpm/expected/pcrs.json"));
	AUTO(json_freep) struct json *table = NULL;
	size_t n = 0;

	(void)state;
	assert_ok(json_parse(buf_bytes(&text), &table));
	for (size_t i = 0; i < json_count(table); i++) {
		AUTO(eventlog_done) struct eventlog l = { 0 };
		AUTO(buf_done) struct buf file = { 0 };
		const struct json *banks = json_get(json_at(table, i), "pcrs");
		char path[128];

		(void)snprintf(path, sizeof(path), "vtpm/go-tpm-tools/eventlogs/%s",
			json_name_at(table, i));
		load_log(path, &file, &l);
		for (size_t b = 0; b < json_count(banks); b++)
			n += check_registers(
				&l, bank_named(json_name_at(banks, b)), json_at(banks, b));
	}
	assert_true(n > 100);
}

static void test_gce_log(void **state)
{
	AUTO(buf_done) struct buf text =
		test_file(test_vector("vtpm/openpcc/gce-log/replay_sha256.json"));
	AUTO(json_freep) struct json *expected = NULL;
	AUTO(eventlog_done) struct eventlog l = { 0 }, changed = { 0 };
	AUTO(buf_done) struct buf file = { 0 };
	struct digest_value v;

	(void)state;
	assert_ok(json_parse(buf_bytes(&text), &expected));
	load_log("vtpm/openpcc/gce-log/tcg_event_log.bin", &file, &l);
	assert_int_equal(l.n, 100); /* the Spec ID event not counted */
	assert_true(check_registers(&l, DIGEST_SHA256, expected) >= 10);
	file.p[0x321] ^= 1; /* MUTATIONS.tsv */
	assert_ok(eventlog_parse(buf_bytes(&file), EVENTLOG_EXACT, &changed));
	assert_ok(eventlog_replay(&changed, DIGEST_SHA256, 0, &v));
	assert_false(bytes_equal(digest_bytes(&v), test_hex(json_string(json_get(expected, "0")))));
}

static void test_logs(void **state)
{
	static const struct {
		const char *path;
		bool agile;
	} logs[] = {
		{ "vtpm/tpm2-tools/eventlogs/event-bootorder.bin", true },
		{ "vtpm/tpm2-tools/eventlogs/event-moklisttrusted.bin", true },
		{ "vtpm/tpm2-tools/eventlogs/event-sd-boot-fedora37.bin", true },
		{ "vtpm/tpm2-tools/eventlogs/event-uefiaction.bin", true },
		{ "vtpm/tpm2-tools/eventlogs/event-uefiservices.bin", true },
		{ "vtpm/tpm2-tools/eventlogs/event-uefivar.bin", true },
		{ "vtpm/tpm2-tools/eventlogs/event.bin", true },
		{ "vtpm/go-attestation/eventlogs/option_rom_eventlog", false },
		{ "vtpm/go-attestation/eventlogs/crypto_agile_eventlog", true },
		{ "vtpm/keylime/eventlogs/binary_bios_measurements", true },
	};
	static const char *const bad[] = {
		"vtpm/keylime/eventlogs/binary_bios_measurements-bogus"
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(logs); i++) {
		AUTO(eventlog_done) struct eventlog l = { 0 };
		AUTO(buf_done) struct buf file = { 0 };

		load_log(logs[i].path, &file, &l);
		assert_int_equal(l.crypto_agile, logs[i].agile);
		assert_true(l.n > 0);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		AUTO(buf_done) struct buf file = test_file(test_vector(bad[i]));
		AUTO(eventlog_done) struct eventlog l = { 0 };

		assert_err(eventlog_parse(buf_bytes(&file), EVENTLOG_EXACT, &l), ERR_FORMAT);
	}
}

/* One well-formed legacy event of 32 + 17 bytes, which measures nothing: no register of a booted
 * machine follows from it. */
static void test_short_log(void **state)
{
	AUTO(eventlog_done) struct eventlog l = { 0 };
	AUTO(buf_done) struct buf file = { 0 };
	struct files f;

	(void)state;
	load_log("vtpm/go-attestation/eventlogs/short_no_action_eventlog", &file, &l);
	assert_int_equal(l.n, 1);
	assert_false(l.crypto_agile);
	files_start(&f, "vtpm/go-tpm-tools/gce-cos-85-no-nonce.pb");
	f.in.parts[f.in.n_parts++] =
		(struct tee_part){ .name = "event-log", .v = buf_bytes(&file) };
	assert_denied(files_verify(&f), DENY_VTPM_EVENT_LOG_REPLAY);
	f.in.n_parts = 0;
	files_done(&f);
}

/* ---- certificates ---- */
struct certs {
	struct x509_list leaf, others;
	struct tee_anchors anchors;
	struct checks *checks;
};

static void certs_load(const char *path, struct x509_list *to)
{
	AUTO(buf_done) struct buf file = test_file(test_vector(path));

	assert_ok(vtpm_cert_parse(buf_bytes(&file), to));
}

static struct err certs_verify(struct certs *c, bool is_ak, int64_t now)
{
	static const struct tee_policy without_lists = { .crl_optional = true };
	struct tee_verify_input in = {
		.anchors = &c->anchors, .now = now, .policy = &without_lists
	};
	const struct vtpm_cert_input cert = {
		.what = "certificate", .leaf = c->leaf.v[0], .others = &c->others, .is_ak = is_ak
	};
	bool simulated = true;

	checks_freep(&c->checks);
	assert_ok(checks_new(&c->checks));
	(void)vtpm_check_cert(&in, &cert, c->checks, &simulated);
	struct err e = checks_end(c->checks);
	if (!failed(e))
		assert_false(simulated);
	return e;
}

static void certs_done(struct certs *c)
{
	x509_list_done(&c->leaf);
	x509_list_done(&c->others);
	x509_list_done(&c->anchors.hardware);
	checks_freep(&c->checks);
}

static void test_azure_ak_certificate(void **state)
{
	struct certs good = { 0 }, bad = { 0 };

	(void)state;
	certs_load("vtpm/openpcc/azure-ak/ak_cert_a.pem", &good.leaf);
	certs_load("vtpm/openpcc/azure-ak/global_vtpm_ca_03.pem", &good.others);
	assert_ok(certs_verify(&good, true, 1767225600)); /* 2026-01-01 */
	assert_err(certs_verify(&good, false, 1767225600), ERR_UNVERIFIED);
	assert_err(certs_verify(&good, true, 1793836800), ERR_UNVERIFIED);
	assert_string_equal(err_denial()->code, "certificate.expired");
	/* Another root in place of the one built in. */
	certs_load("vtpm/go-tpm-tools/ek-ca/gcp_ek_ak_ca_root.crt", &good.anchors.vendor);
	assert_err(certs_verify(&good, true, 1767225600), ERR_UNVERIFIED);
	x509_list_done(&good.anchors.vendor);
	certs_done(&good);
	/* MUTATIONS.tsv: not its issuer */
	certs_load("vtpm/openpcc/azure-ak/ak_cert_a.pem", &bad.leaf);
	certs_load("vtpm/openpcc/azure-ak/global_vtpm_ca_01.pem", &bad.others);
	assert_err(certs_verify(&bad, true, 1767225600), ERR_UNVERIFIED);
	certs_done(&bad);
}

static void test_root_is_the_published_one(void **state)
{
	AUTO(x509_list_done) struct x509_list root = { 0 };
	AUTO(buf_done) struct buf der = BUF_INIT(4096);

	(void)state;
	certs_load("vtpm/openpcc/azure-ak/azure_vtpm_root_2023.pem", &root);
	assert_ok(x509_der(root.v[0], &der));
	assert_bytes_equal(buf_bytes(&der), azure_vtpm_root());
}

/* As NV index 0x01c101d0 holds it. */
static void test_padded_certificate(void **state)
{
	AUTO(buf_done) struct buf der = BUF_INIT(8192);
	AUTO(x509_list_done) struct x509_list list = { 0 }, again = { 0 };

	(void)state;
	certs_load("vtpm/openpcc/azure-ak/ak_cert_a.pem", &list);
	assert_ok(x509_der(list.v[0], &der));
	buf_zero(&der, 4096 - der.n);
	assert_ok(vtpm_cert_parse(buf_bytes(&der), &again));
	assert_int_equal(again.n, 1);
	der.p[der.n - 1] = 1;
	assert_err(vtpm_cert_parse(buf_bytes(&der), &again), ERR_FORMAT);
}

static void test_google_certificates(void **state)
{
	static const struct {
		const char *leaf, *between, *root;
		bool is_ak, good;
	} cases[] = {
		{ "uca_tpm_rsa_enc_cert.pem", "tpm_ek_intermediate_3.crt", "tpm_ek_root_1.cer",
			false, true },
		{ "uca_tpm_rsa_sign_cert.pem", "tpm_ek_intermediate_3.crt", "tpm_ek_root_1.cer",
			true, true },
		{ "uca_tpm_rsa_enc_cert.pem", "tpm_ek_intermediate_3.crt", "tpm_ek_root_1.cer",
			true, false },
		{ "uca_tpm_rsa_sign_cert.pem", "tpm_ek_intermediate_2.crt", "tpm_ek_root_1.cer",
			true, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct certs c = { 0 };
		char path[128];

		(void)snprintf(path, sizeof(path), "vtpm/go-tpm-tools/ek-certs/%s", cases[i].leaf);
		certs_load(path, &c.leaf);
		(void)snprintf(path, sizeof(path), "vtpm/go-tpm-tools/ek-ca/%s", cases[i].between);
		certs_load(path, &c.others);
		(void)snprintf(path, sizeof(path), "vtpm/go-tpm-tools/ek-ca/%s", cases[i].root);
		certs_load(path, &c.anchors.hardware);
		struct err e = certs_verify(&c, cases[i].is_ak, GEN_NOW);
		if (cases[i].good)
			assert_ok(e);
		else
			assert_err(e, ERR_UNVERIFIED);
		certs_done(&c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keylime),
		cmocka_unit_test(test_keylime_object),
		cmocka_unit_test(test_keylime_name),
		cmocka_unit_test(test_keylime_flips),
		cmocka_unit_test(test_pcr_forms),
		cmocka_unit_test(test_gce),
		cmocka_unit_test(test_azure_quote),
		cmocka_unit_test(test_trustee),
		cmocka_unit_test(test_replays),
		cmocka_unit_test(test_gce_log),
		cmocka_unit_test(test_logs),
		cmocka_unit_test(test_short_log),
		cmocka_unit_test(test_azure_ak_certificate),
		cmocka_unit_test(test_root_is_the_published_one),
		cmocka_unit_test(test_padded_certificate),
		cmocka_unit_test(test_google_certificates),
	};

	return cmocka_run_group_tests_name("tee vtpm vectors", tests, NULL, NULL);
}
