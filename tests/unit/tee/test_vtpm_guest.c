/* The guest driver on a real swtpm, its evidence before the real verifier. */
#include "fake_azure.h"
#include "swtpm.h"
#include "util.h"
#include "vtpm/vtpm_tpm.h"
#include "vtpm_gen.h"

#include <stdio.h>

#include <base/clock.h>
#include <base/encode.h>
#include <base/file.h>
#include <tee/denials.h>
#include <tee/tee.h>

/* One boot of one TPM. */
struct boot {
	struct swtpm tpm;
	char root[512];
	struct digest_value initdata;
	struct tee_guest *guest;
};

struct proof {
	struct buf extra_text, state, evidence_text;
	struct json *extra, *evidence;
	struct digest_value report_data;
};

static const struct tee *vtpm(void)
{
	return tee_by_platform("vtpm");
}

static const struct tee_guest_ops *ops(void)
{
	return tee_guest_ops(vtpm());
}

/* Firmware's part: the log where Linux shows it, its digests in the registers. */
static void measure(struct boot *b)
{
	char path[640];
	AUTO(eventlog_done) struct eventlog l = { 0 };
	struct vtpm_gen g = { .log.max = 65536 };
	struct vtpm_tpm *t;

	for (size_t i = 0; i < TPM_PCRS; i++)
		g.pcr[i] = (struct digest_value){ .alg = DIGEST_SHA256, .n = 32 };
	vtpm_gen_boot(&g, &vtpm_gen_usual);
	(void)snprintf(path, sizeof(path), "%s/sys/kernel/security/tpm0", b->root);
	assert_ok(dir_make(path, 0755));
	(void)snprintf(path, sizeof(path), "%s/sys/kernel/security/tpm0/binary_bios_measurements",
		b->root);
	assert_ok(file_write_atomic(path, buf_bytes(&g.log), 0644));
	assert_ok(eventlog_parse(buf_bytes(&g.log), EVENTLOG_EXACT, &l));
	assert_ok(vtpm_tpm_open(b->tpm.tcti, &t));
	for (size_t i = 0; i < l.n; i++)
		assert_ok(
			vtpm_tpm_pcr_extend(t, l.v[i].pcr, event_digest(&l.v[i], DIGEST_SHA256).p));
	vtpm_tpm_free(t);
	buf_done(&g.log);
}

static void boot(struct boot *b, const char *name, const char *ca)
{
	struct tee_guest_config c;

	*b = (struct boot){ 0 };
	swtpm_start(&b->tpm, name, ca);
	(void)snprintf(b->root, sizeof(b->root), "%s/%s-root", test_dir(), name);
	measure(b);
	c = (struct tee_guest_config){ .root = b->root, .tcti = b->tpm.tcti };
	assert_ptr_equal(tee_detect(&c), vtpm());
	assert_ok(ops()->open(&c, &b->guest));
	assert_ok(digest(DIGEST_SHA256, bytes_str("initdata"), &b->initdata));
	assert_ok(ops()->bind_initdata(b->guest, &b->initdata));
}

static void halt(struct boot *b)
{
	ops()->close(b->guest);
	swtpm_stop(&b->tpm);
}

static struct tee_anchors anchors_of(const struct boot *b)
{
	return (struct tee_anchors){ .software = b->tpm.ca };
}

static struct err hello(struct boot *b, const struct tee_anchors *anchors, struct proof *p)
{
	AUTO(buf_done) struct buf text = BUF_INIT(65536);
	AUTO(json_freep) struct json *tree = NULL;
	struct json_writer w = jw_of(&text);

	*p = (struct proof){
		.extra_text.max = 65536, .state.max = 4096, .evidence_text.max = JSON_SIZE_MAX
	};
	jw_object(&w);
	assert_ok(ops()->hello(b->guest, &w));
	jw_object_end(&w);
	assert_ok(json_parse(buf_bytes(&text), &tree));
	w = jw_of(&p->extra_text);
	jw_object(&w);
	TRY(vtpm()->verify->challenge(tree, anchors, clock_now(), &w, &p->state));
	jw_object_end(&w);
	return json_parse(buf_bytes(&p->extra_text), &p->extra);
}

static void prove(struct boot *b, const char *runtime_data, struct proof *p)
{
	assert_ok(digest(DIGEST_SHA384, bytes_str(runtime_data), &p->report_data));
	buf_clear(&p->evidence_text);
	json_freep(&p->evidence);
	assert_ok(ops()->evidence(
		b->guest, digest_bytes(&p->report_data), p->extra, &p->evidence_text));
	assert_ok(json_parse(buf_bytes(&p->evidence_text), &p->evidence));
}

static void proof_done(struct proof *p)
{
	buf_done(&p->extra_text);
	buf_done(&p->state);
	buf_done(&p->evidence_text);
	json_freep(&p->extra);
	json_freep(&p->evidence);
}

static struct err verify(
	const struct boot *b, const struct proof *p, struct tee_anchors anchors, struct claims *c)
{
	struct tee_verify_input in = {
		.evidence = p->evidence,
		.report_data = digest_bytes(&p->report_data),
		.initdata_digest = digest_bytes(&b->initdata),
		.state = buf_bytes(&p->state),
		.anchors = &anchors,
		.now = clock_now(),
	};

	return tee_verify(vtpm(), &in, c);
}

static void assert_denied(struct err e, enum tee_denial want)
{
	assert_err(e, ERR_UNVERIFIED);
	assert_non_null(err_denial());
	assert_string_equal(err_denial()->code, tee_denial_code(want));
}

static void test_good(void **state)
{
	AUTO(claims_done) struct claims c = { 0 };
	struct boot b;
	struct proof p;
	char hex[65];

	(void)state;
	boot(&b, "good", "ca-good");
	struct tee_anchors anchors = anchors_of(&b);
	assert_ok(hello(&b, &anchors, &p));
	prove(&b, "runtime data", &p);
	assert_ok(verify(&b, &p, anchors, &c));
	assert_string_equal(claim_text(claims_get(&c, "tpm.ak_trusted")), "true");
	assert_string_equal(claim_text(claims_get(&c, "simulated")), "true");
	vtpm_gen_hex(vtpm_gen_usual.kernel, hex);
	assert_string_equal(claim_text(claims_get(&c, "tpm.kernel")), hex);

	/* A second handshake over the same connection, and one without activation. */
	proof_done(&p);
	claims_done(&c);
	assert_ok(hello(&b, &anchors, &p));
	prove(&b, "other runtime data", &p);
	assert_ok(verify(&b, &p, anchors, &c));
	claims_done(&c);
	json_freep(&p.extra);
	prove(&b, "stock broker", &p);
	assert_ok(verify(&b, &p, anchors, &c));
	assert_string_equal(claim_text(claims_get(&c, "tpm.ak_trusted")), "false");
	proof_done(&p);
	halt(&b);
}

static void test_bind_once(void **state)
{
	struct boot b;

	(void)state;
	boot(&b, "once", "ca-once");
	assert_err(ops()->bind_initdata(b.guest, &b.initdata), ERR_STATE);
	assert_err_text("PCR 8 was extended before");
	halt(&b);
}

static void test_extend(void **state)
{
	uint8_t before[32], after[32];
	struct vtpm_tpm *t;
	struct boot b;

	(void)state;
	boot(&b, "extend", "ca-extend");
	assert_err(ops()->extend(b.guest, 8, &b.initdata), ERR_USAGE);
	assert_err(ops()->extend(b.guest, 0, &b.initdata), ERR_USAGE);
	assert_err(ops()->extend(b.guest, 24, &b.initdata), ERR_USAGE);
	struct digest_value sha384 = { .alg = DIGEST_SHA384, .n = 48 };
	assert_err(ops()->extend(b.guest, 23, &sha384), ERR_USAGE);
	assert_ok(ops()->extend(b.guest, 23, &b.initdata));
	ops()->close(b.guest);
	b.guest = NULL;
	assert_ok(vtpm_tpm_open(b.tpm.tcti, &t));
	assert_ok(vtpm_tpm_pcr_read(t, 23, before));
	assert_false(bytes_is_zero(BYTES_OF(before)));
	assert_ok(vtpm_tpm_pcr_extend(t, 23, before));
	assert_ok(vtpm_tpm_pcr_read(t, 23, after));
	assert_false(bytes_equal(BYTES_OF(before), BYTES_OF(after)));
	vtpm_tpm_free(t);
	halt(&b);
}

/* ---- Trustee's verifier of "tpm", in its own few steps (trustee 4.6.7, 4.4) ---- */
static void text_member(const struct json *j, const char *name, struct buf *ret)
{
	const char *text;

	assert_ok(json_need_string(j, name, &text));
	assert_ok(base64_decode(BASE64_STD, bytes_str(text), name, ret));
}

static void check_pcrs(const struct json *list, struct bytes pcr_digest, struct bytes initdata)
{
	AUTO(buf_done) struct buf all = BUF_INIT(TPM_PCRS * 32);
	struct digest_value of_all, bound = { .alg = DIGEST_SHA256, .n = 32 };

	assert_int_equal(json_count(list), TPM_PCRS);
	for (size_t i = 0; i < TPM_PCRS; i++)
		assert_ok(hex_decode(bytes_str(json_string(json_at(list, i))), "PCR", &all));
	assert_ok(digest(DIGEST_SHA256, buf_bytes(&all), &of_all));
	assert_bytes_equal(digest_bytes(&of_all), pcr_digest);
	assert_ok(pcr_extend(&bound, initdata));
	assert_bytes_equal(bytes_of(all.p + 8 * 32, 32), digest_bytes(&bound));
}

static void check_as_trustee(const struct boot *b, const struct proof *p, const struct key *ak)
{
	AUTO(buf_done) struct buf spki = BUF_INIT(1024), message = BUF_INIT(4096);
	AUTO(buf_done) struct buf signature = BUF_INIT(4096);
	const struct json *quote = json_get(p->evidence, "tpm_quote");
	AUTO(key_freep) struct key *key = NULL;
	struct tpm2_signature s;
	struct tpm2_quote q;

	text_member(p->evidence, "ak_public", &spki);
	text_member(quote, "message", &message);
	text_member(quote, "signature", &signature);
	assert_ok(key_parse_public(buf_bytes(&spki), &key));
	if (ak)
		assert_true(key_equal(key, ak));
	assert_ok(tpm2_signature_parse(buf_bytes(&signature), &s));
	assert_int_equal(s.scheme, TPM_ALG_RSASSA);
	assert_ok(key_verify(key, SIG_RSA_PKCS1_SHA256, buf_bytes(&message), s.rsa));
	assert_ok(tpm2_quote_parse(buf_bytes(&message), &q));
	assert_bytes_equal(q.extra_data, bytes_of(p->report_data.v, 32));
	check_pcrs(json_get(quote, "pcrs"), q.pcr_digest, digest_bytes(&b->initdata));
}

/* With a key of its own, then with one that somebody enrolled where guest-components look. */
static void test_trustee(void **state)
{
	AUTO(key_freep) struct key *enrolled = NULL;
	AUTO(claims_done) struct claims c = { 0 };
	struct proof p = { .evidence_text.max = JSON_SIZE_MAX };
	struct boot b;

	(void)state;
	boot(&b, "trustee", "ca-trustee");
	const struct tee_guest_config config = { .root = b.root, .tcti = b.tpm.tcti };
	prove(&b, "runtime data", &p);
	check_as_trustee(&b, &p, NULL);
	ops()->close(b.guest);
	enrolled = fake_paravisor_make_ak(b.tpm.tcti, 0x81010002);
	assert_ok(ops()->open(&config, &b.guest));
	prove(&b, "runtime data", &p);
	check_as_trustee(&b, &p, enrolled);
	proof_done(&p);
	/* It can be activated like any other. */
	struct tee_anchors anchors = anchors_of(&b);
	assert_ok(hello(&b, &anchors, &p));
	prove(&b, "runtime data", &p);
	assert_ok(verify(&b, &p, anchors, &c));
	assert_string_equal(claim_text(claims_get(&c, "tpm.ak_trusted")), "true");
	proof_done(&p);
	halt(&b);
}

/* Nothing is left in the TPM, however often a driver is opened: swtpm has room for three keys. */
static void test_no_leaks(void **state)
{
	struct tee_guest_config c;
	struct proof p;
	struct boot b;

	(void)state;
	boot(&b, "leaks", "ca-leaks");
	struct tee_anchors anchors = anchors_of(&b);
	c = (struct tee_guest_config){ .root = b.root, .tcti = b.tpm.tcti };
	for (int i = 0; i < 5; i++) {
		assert_ok(hello(&b, &anchors, &p));
		prove(&b, "runtime data", &p);
		proof_done(&p);
		ops()->close(b.guest);
		assert_ok(ops()->open(&c, &b.guest));
	}
	halt(&b);
}

/* ---- a host that owns TPMs and the network ---- */
static void test_replayed(void **state)
{
	AUTO(claims_done) struct claims c = { 0 };
	struct proof p, fresh;
	struct boot b;

	(void)state;
	boot(&b, "replay", "ca-replay");
	struct tee_anchors anchors = anchors_of(&b);
	assert_ok(hello(&b, &anchors, &p));
	prove(&b, "first handshake", &p);
	/* Another handshake or another guest's key: other report_data, other challenge. */
	assert_ok(digest(DIGEST_SHA384, bytes_str("second handshake"), &p.report_data));
	assert_denied(verify(&b, &p, anchors, &c), DENY_VTPM_NONCE_MISMATCH);
	assert_ok(digest(DIGEST_SHA384, bytes_str("first handshake"), &p.report_data));
	assert_ok(hello(&b, &anchors, &fresh));
	struct proof mixed = p;
	mixed.state = fresh.state;
	assert_denied(verify(&b, &mixed, anchors, &c), DENY_VTPM_ACTIVATION);
	proof_done(&p);
	proof_done(&fresh);
	halt(&b);
}

static void test_other_tpm(void **state)
{
	AUTO(claims_done) struct claims c = { 0 };
	struct boot victim, neighbour, stranger;
	struct proof p, q, r;

	(void)state;
	boot(&victim, "victim", "ca-shared");
	boot(&neighbour, "neighbour", "ca-shared");
	boot(&stranger, "stranger", "ca-own");
	struct tee_anchors anchors = anchors_of(&victim);
	/* A TPM of a CA that nobody configured. */
	assert_denied(hello(&stranger, &anchors, &r), DENY_VTPM_EK_UNTRUSTED);
	proof_done(&r);
	/* One TPM answers the challenge that was made for another. */
	assert_ok(hello(&victim, &anchors, &p));
	assert_ok(hello(&neighbour, &anchors, &q));
	prove(&neighbour, "runtime data", &q);
	struct proof mixed = q;
	mixed.state = p.state;
	assert_denied(verify(&neighbour, &mixed, anchors, &c), DENY_VTPM_EK_MISMATCH);
	/* The TPM itself refuses to open what was made for another. */
	struct buf scratch = BUF_INIT(JSON_SIZE_MAX);
	assert_err(
		ops()->evidence(neighbour.guest, digest_bytes(&q.report_data), p.extra, &scratch),
		ERR_PEER);
	assert_err_text("TPM2_ActivateCredential");
	buf_done(&scratch);
	proof_done(&p);
	proof_done(&q);
	halt(&victim);
	halt(&neighbour);
	halt(&stranger);
}

static void test_changed_after_boot(void **state)
{
	AUTO(claims_done) struct claims c = { 0 };
	struct vtpm_tpm *t;
	struct proof p;
	struct boot b;
	static const uint8_t extra[32] = { 7 };
	static const struct {
		unsigned pcr;
		enum tee_denial want;
	} cases[] = {
		{ 9, DENY_VTPM_EVENT_LOG_REPLAY }, /* each is found before the ones above it */
		{ 14, DENY_VTPM_PCR_UNEXPECTED },
		{ 8, DENY_VTPM_INITDATA_MISMATCH },
	};

	(void)state;
	boot(&b, "changed", "ca-changed");
	struct tee_anchors anchors = anchors_of(&b);
	struct tee_guest_config config = { .root = b.root, .tcti = b.tpm.tcti };
	/* Other initdata than the one bound. */
	assert_ok(hello(&b, &anchors, &p));
	prove(&b, "runtime data", &p);
	b.initdata.v[0] ^= 1;
	assert_denied(verify(&b, &p, anchors, &c), DENY_VTPM_INITDATA_MISMATCH);
	b.initdata.v[0] ^= 1;
	proof_done(&p);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		ops()->close(b.guest);
		assert_ok(vtpm_tpm_open(b.tpm.tcti, &t));
		assert_ok(vtpm_tpm_pcr_extend(t, cases[i].pcr, extra));
		vtpm_tpm_free(t);
		assert_ok(ops()->open(&config, &b.guest));
		assert_ok(hello(&b, &anchors, &p));
		prove(&b, "runtime data", &p);
		assert_denied(verify(&b, &p, anchors, &c), cases[i].want);
		proof_done(&p);
	}
	halt(&b);
}

static void test_bad_transport(void **state)
{
	struct tee_guest_config c = { .root = "/nonexistent" };
	struct tee_guest *g = NULL;

	(void)state;
	assert_null(tee_detect(&c));
	assert_err(ops()->open(&c, &g), ERR_PEER);
	c.tcti = "mssim:host=localhost";
	assert_err(ops()->open(&c, &g), ERR_UNSUPPORTED);
	c.tcti = "swtpm:host=127.0.0.1,port=1";
	assert_err(ops()->open(&c, &g), ERR_PEER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bind_once),
		cmocka_unit_test(test_extend),
		cmocka_unit_test(test_trustee),
		cmocka_unit_test(test_no_leaks),
		cmocka_unit_test(test_replayed),
		cmocka_unit_test(test_other_tpm),
		cmocka_unit_test(test_changed_after_boot),
		cmocka_unit_test(test_bad_transport),
	};

	return cmocka_run_group_tests_name("tee vtpm guest", tests, NULL, NULL);
}
