/* SEV and SEV-ES: chains of platforms and launch measurements. */
#include "sev/sev_evidence.h"
#include "util.h"

#include <stdio.h>
#include <string.h>

#include <base/encode.h>
#include <tee/denials.h>
#include <tee/fields.h>

enum {
	CHAIN_MAX = 16 * 1024,
	NUMBER = 72,
	WIDTH = 48,
	RSA = 256,
	CERTS = 6,
};

/* ---- a test AMD's certificates, in the order in which they are exported ---- */

enum who {
	PDH,
	PEK,
	OCA,
	CEK,
	ASK,
	ARK
};

struct world {
	struct key *keys[CERTS];
	struct buf certs[CERTS];
	struct buf chain, text;
	struct json *evidence;
	uint8_t tik[SEV_TIK], digest[SEV_DIGEST];
	struct tee_part part;
	struct tee_anchors anchors;
	struct tee_policy policy;
	struct tee_verify_input in;
};

static void put_le(struct bytes be, size_t room, struct buf *out)
{
	for (size_t i = be.n; i-- > 0;)
		buf_u8(out, be.p[i]);
	buf_zero(out, room - be.n);
}

static void make_ca(struct world *w, enum who who, enum who signer)
{
	AUTO(buf_done) struct buf n = BUF_INIT(RSA), e = BUF_INIT(RSA), sig = BUF_INIT(RSA);
	struct buf *out = &w->certs[who];

	buf_clear(out);
	buf_le32(out, 1);
	for (int i = 0; i < SEV_KEY_ID; i++)
		buf_u8(out, 0xa0 + who);
	for (int i = 0; i < SEV_KEY_ID; i++)
		buf_u8(out, 0xa0 + signer);
	buf_le32(out, who == ARK ? SEV_ARK : SEV_ASK);
	buf_zero(out, 16);
	buf_le32(out, RSA * 8);
	buf_le32(out, RSA * 8);
	assert_ok(key_rsa_numbers(w->keys[who], &n, &e));
	put_le(buf_bytes(&e), RSA, out);
	put_le(buf_bytes(&n), RSA, out);
	assert_ok(key_sign(w->keys[signer], SIG_RSA_PSS_SHA256, buf_bytes(out), &sig));
	put_le(buf_bytes(&sig), RSA, out);
	assert_ok(buf_end(out, "CA certificate"));
}

static void put_signature(struct world *w, enum who signer, struct bytes message, struct buf *out)
{
	AUTO(buf_done) struct buf sig = BUF_INIT(RSA), raw = BUF_INIT(2 * WIDTH);

	if (signer == ASK) {
		assert_ok(key_sign(w->keys[ASK], SIG_RSA_PSS_SHA256, message, &sig));
		buf_le32(out, SEV_ASK);
		buf_le32(out, 1);
		put_le(buf_bytes(&sig), 512, out);
		return;
	}
	static const uint32_t usages[] = { SEV_PDH, SEV_PEK, SEV_OCA, SEV_CEK };
	assert_ok(key_sign(w->keys[signer], SIG_ECDSA_SHA256, message, &sig));
	assert_ok(ecdsa_der_to_raw(buf_bytes(&sig), WIDTH, &raw));
	buf_le32(out, usages[signer]);
	buf_le32(out, 2);
	put_le(bytes_of(raw.p, WIDTH), NUMBER, out);
	put_le(bytes_of(raw.p + WIDTH, WIDTH), 512 - NUMBER, out);
}

static void put_no_signature(struct buf *out)
{
	buf_le32(out, SEV_NONE);
	buf_zero(out, 4 + 512);
}

static void make_platform(struct world *w, enum who who, enum who signer)
{
	static const uint32_t usages[] = { SEV_PDH, SEV_PEK, SEV_OCA, SEV_CEK };
	AUTO(buf_done) struct buf x = BUF_INIT(WIDTH), y = BUF_INIT(WIDTH), sig = BUF_INIT(2048);
	struct buf *out = &w->certs[who];

	buf_clear(out);
	buf_le32(out, 1);
	buf_u8(out, 0);
	buf_u8(out, 24);
	buf_zero(out, 2);
	buf_le32(out, usages[who]);
	buf_le32(out, who == PDH ? 3 : 2);
	buf_le32(out, 2);
	assert_ok(key_ec_point(w->keys[who], &x, &y));
	put_le(buf_bytes(&x), NUMBER, out);
	put_le(buf_bytes(&y), NUMBER, out);
	buf_zero(out, 0x404 - 4 - 2 * NUMBER);
	put_signature(w, signer, buf_bytes(out), &sig);
	if (who == PEK)
		put_signature(w, OCA, buf_bytes(out), &sig);
	else
		put_no_signature(&sig);
	buf_put(out, buf_bytes(&sig));
	assert_ok(buf_end(out, "platform certificate"));
	assert_int_equal(out->n, SEV_CERT_SIZE);
}

static void world_chain(struct world *w)
{
	buf_clear(&w->chain);
	for (int i = 0; i < CERTS; i++)
		buf_put(&w->chain, buf_bytes(&w->certs[i]));
	w->in.raw = buf_bytes(&w->chain);
	w->anchors.vendor_other[0] = buf_bytes(&w->certs[ARK]);
	w->anchors.n_vendor_other = 1;
}

static void world_start(struct world *w)
{
	*w = (struct world){ .chain = BUF_INIT(CHAIN_MAX), .text = BUF_INIT(2 * CHAIN_MAX) };
	for (int i = 0; i < CERTS; i++) {
		w->certs[i] = BUF_INIT(SEV_CERT_SIZE);
		assert_ok(key_generate(i >= ASK ? KEY_RSA : KEY_P384, &w->keys[i]));
	}
	make_ca(w, ARK, ARK);
	make_ca(w, ASK, ARK);
	make_platform(w, CEK, ASK);
	make_platform(w, OCA, OCA);
	make_platform(w, PEK, CEK);
	make_platform(w, PDH, PEK);
	w->in.anchors = &w->anchors;
	w->in.policy = &w->policy;
	world_chain(w);
}

static void world_finish(struct world *w)
{
	for (int i = 0; i < CERTS; i++) {
		key_free(w->keys[i]);
		buf_done(&w->certs[i]);
	}
	buf_done(&w->chain);
	buf_done(&w->text);
	json_freep(&w->evidence);
}

static struct err verdict(const struct tee_verify_input *in)
{
	AUTO(claims_done) struct claims c = { 0 };

	return tee_verify(tee_by_platform("sev"), in, &c);
}

static void assert_denial(const struct tee_verify_input *in, const char *code, const char *field)
{
	assert_err(verdict(in), ERR_UNVERIFIED);
	assert_string_equal(err_denial()->code, code);
	if (!str_starts(err_denial()->field, field))
		assert_string_equal(err_denial()->field, field);
}

/* ---- chains ---- */

static void test_chain(void **state)
{
	AUTO(claims_done) struct claims c = { 0 };
	AUTO(collateral_freep) struct collateral *rest = NULL;
	AUTO(buf_done) struct buf cas = BUF_INIT(CHAIN_MAX);
	struct world w;

	(void)state;
	world_start(&w);
	assert_ptr_equal(tee_recognise(&w.in), tee_by_platform("sev"));
	assert_ok(tee_verify(tee_by_platform("sev"), &w.in, &c));
	assert_string_equal(claim_text(claims_get(&c, "debug")), "false");
	assert_string_equal(claim_text(claims_get(&c, "simulated")), "false");
	w.anchors.n_vendor_other = 0; /* AMD's own then */
	assert_denial(&w.in, "sev.chain", "ARK: trusted");
	w.in.anchors = NULL;
	assert_denial(&w.in, "sev.chain", "ARK: trusted");
	w.in.anchors = &w.anchors;
	world_chain(&w);
	/* CAs from elsewhere, or not at all */
	w.in.raw.n = 4 * (size_t)SEV_CERT_SIZE;
	assert_denial(&w.in, "collateral.missing", "CEK: signed by the ASK");
	buf_put(&cas, buf_bytes(&w.certs[ASK]));
	buf_put(&cas, buf_bytes(&w.certs[ARK]));
	assert_ok(collateral_new(&rest));
	assert_ok(collateral_add(rest, buf_bytes(&cas), "AMD's file"));
	w.in.collateral = rest;
	assert_ok(verdict(&w.in));
	w.in.report_data = bytes_str("a nonce");
	assert_denial(&w.in, "evidence.report-data", "report_data");
	w.in.report_data = BYTES_NONE;
	w.in.initdata_digest = bytes_str("a digest");
	assert_denial(&w.in, "initdata.mismatch", "initdata");
	world_finish(&w);
}

static void test_wrong_links(void **state)
{
	static const struct {
		enum who who, signer;
		const char *field;
	} cases[] = {
		{ PDH, CEK, "PDH: signed by the PEK" },
		{ PEK, OCA, "PEK: signed by the CEK" },
		{ OCA, CEK, "OCA: signed by the OCA" },
		{ CEK, PEK, "CEK: signed by the ASK" },
		{ ASK, ASK, "ASK: signed by the ARK" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct world w;

		world_start(&w);
		if (cases[i].who == ASK)
			make_ca(&w, ASK, ASK);
		else
			make_platform(&w, cases[i].who, cases[i].signer);
		world_chain(&w);
		assert_denial(&w.in, "sev.signature", cases[i].field);
		world_finish(&w);
	}
}

static struct err verify_chain(void *arg, struct bytes chain)
{
	const struct world *w = arg;
	struct tee_verify_input in = w->in;

	in.raw = chain;
	return verdict(&in);
}

/* The PEK is signed twice and leaves no octet free. */
static struct err verify_pek(void *arg, struct bytes pek)
{
	const struct world *w = arg;
	AUTO(buf_done) struct buf chain = BUF_INIT(CHAIN_MAX);

	for (int i = 0; i < CERTS; i++)
		buf_put(&chain, i == PEK ? pek : buf_bytes(&w->certs[i]));
	return verify_chain(arg, buf_bytes(&chain));
}

static struct err verify_ask(void *arg, struct bytes ask)
{
	const struct world *w = arg;
	struct sev_cert ark, cert;
	struct bytes rest;

	TRY(sev_cert_parse(buf_bytes(&w->certs[ARK]), &ark, &rest));
	TRY(sev_cert_parse(ask, &cert, &rest));
	TRY(sev_cert_signed_by(&cert, &ark));
	/* a root certificate is no signer of a chip's */
	return cert.usage == SEV_ASK ? OK : err_new(ERR_UNVERIFIED, "usage");
}

static struct err parse_cert(void *arg, struct bytes in)
{
	struct sev_cert cert;
	struct bytes rest;

	(void)arg;
	return sev_cert_parse(in, &cert, &rest);
}

static void test_bytes(void **state)
{
	struct world w;

	(void)state;
	world_start(&w);
	each_prefix(buf_bytes(&w.certs[PEK]), verify_pek, &w);
	each_prefix_survives(bytes_of(w.chain.p, 2 * SEV_CERT_SIZE), verify_chain, &w);
	assert_ok(verify_pek(&w, buf_bytes(&w.certs[PEK])));
	each_flip_survives(buf_bytes(&w.certs[PEK]), parse_cert, NULL);
	each_flip_signed(buf_bytes(&w.certs[PEK]), verify_pek, &w);
	assert_ok(verify_ask(&w, buf_bytes(&w.certs[ASK])));
	each_flip_survives(buf_bytes(&w.certs[ASK]), parse_cert, NULL);
	each_flip_signed(buf_bytes(&w.certs[ASK]), verify_ask, &w);
	for (int i = 0; i < 4; i++) /* more than any chain has */
		buf_put(&w.chain, buf_bytes(&w.certs[ARK]));
	assert_err(verify_chain(&w, buf_bytes(&w.chain)), ERR_FORMAT);
	assert_err(verify_chain(&w, BYTES_NONE), ERR_FORMAT);
	world_finish(&w);
}

/* ---- launches ---- */

static void world_launch(struct world *w, uint32_t policy, const char *extra)
{
	static const uint8_t nonce[SEV_NONCE] = { 1, 2, 3 };
	uint8_t message[8 + SEV_DIGEST + SEV_NONCE] = { 4, 0, 24, 13, (uint8_t)policy };
	AUTO(buf_done) struct buf data = BUF_INIT(64), text = BUF_INIT(128);
	char numbers[128];
	struct digest_value mac;

	memset(w->tik, 0x71, sizeof(w->tik));
	memset(w->digest, 0x1d, sizeof(w->digest));
	memcpy(message + 8, w->digest, SEV_DIGEST);
	memcpy(message + 8 + SEV_DIGEST, nonce, SEV_NONCE);
	assert_ok(hmac(DIGEST_SHA256, BYTES_OF(w->tik), BYTES_OF(message), &mac));
	buf_put(&data, digest_bytes(&mac));
	buf_put(&data, BYTES_OF(nonce));
	base64_encode(BASE64_STD, buf_bytes(&data), &text);
	(void)snprintf(numbers, sizeof(numbers),
		"{\"api-major\":0,\"api-minor\":24,\"build-id\":13,\"policy\":%u,\"data\":\"",
		policy);
	buf_clear(&w->text);
	buf_puts(&w->text, numbers);
	buf_put(&w->text, buf_bytes(&text));
	buf_puts(&w->text, "\"");
	buf_puts(&w->text, extra);
	buf_puts(&w->text, "}");
	json_freep(&w->evidence);
	w->evidence = NULL;
	assert_ok(json_parse(buf_bytes(&w->text), &w->evidence));
	w->in.evidence = w->evidence;
	w->in.parts[0] = (struct tee_part){ "tik", BYTES_OF(w->tik) };
	w->in.n_parts = 1;
	w->policy.measurement = BYTES_OF(w->digest);
}

static void test_launch(void **state)
{
	AUTO(claims_done) struct claims c = { 0 };
	struct world w;

	(void)state;
	world_start(&w);
	world_launch(&w, 5, "");
	assert_ptr_equal(tee_recognise(&w.in), tee_by_platform("sev"));
	assert_ok(tee_verify(tee_by_platform("sev"), &w.in, &c));
	assert_string_equal(claim_text(claims_get(&c, "sev.policy_es")), "true");
	assert_string_equal(claim_text(claims_get(&c, "sev.policy_noks")), "false");
	assert_string_equal(claim_text(claims_get(&c, "sev.api_minor")), "24");
	assert_non_null(claims_get(&c, "sev.measurement"));
	w.digest[31] ^= 1;
	assert_denial(&w.in, "sev.launch", "launch measurement");
	w.digest[31] ^= 1;
	w.tik[0] ^= 1;
	assert_denial(&w.in, "sev.launch", "launch measurement");
	w.tik[0] ^= 1;
	w.in.parts[0].v.n--;
	assert_err(verdict(&w.in), ERR_USAGE);
	world_launch(&w, 4, "");
	assert_denial(&w.in, "evidence.debug", "guest policy: debug");
	w.policy.allow_debug = true;
	assert_ok(verdict(&w.in));
	world_finish(&w);
}

/* Nothing is passed that was not looked at. */
static void test_launch_unchecked(void **state)
{
	AUTO(claims_done) struct claims c = { 0 };
	AUTO(buf_done) struct buf extra = BUF_INIT(2 * CHAIN_MAX);
	struct world w;

	(void)state;
	world_start(&w);
	world_launch(&w, 5, "");
	w.in.n_parts = 0;
	assert_denial(&w.in, "sev.launch", "launch measurement");
	w.policy.measurement = BYTES_NONE;
	assert_denial(&w.in, "sev.launch", "launch measurement");
	/* with the chain that QEMU's query-sev-capabilities gives */
	buf_puts(&extra, ",\"pdh\":\"");
	base64_encode(BASE64_STD, buf_bytes(&w.certs[PDH]), &extra);
	buf_puts(&extra, "\",\"cert-chain\":\"");
	base64_encode(
		BASE64_STD, bytes_of(w.chain.p + SEV_CERT_SIZE, w.chain.n - SEV_CERT_SIZE), &extra);
	buf_puts(&extra, "\"");
	world_launch(&w, 5, buf_cstr(&extra));
	assert_ok(tee_verify(tee_by_platform("sev"), &w.in, &c));
	assert_string_equal(claim_text(claims_get(&c, "sev.product")), "the root given");
	world_finish(&w);
}

static void test_bad_json(void **state)
{
	static const char *const bad[] = {
		"{}",
		"{\"api-major\":256,\"api-minor\":1,\"build-id\":1,\"policy\":1,\"data\":\"\"}",
		"{\"api-major\":0,\"api-minor\":1,\"build-id\":1,\"policy\":4294967296,\"data\":"
		"\"\"}",
		"{\"api-major\":0,\"api-minor\":1,\"build-id\":1,\"policy\":1,\"data\":\"AAAA\"}",
		"{\"api-major\":0,\"api-minor\":1,\"build-id\":1,\"policy\":1,\"data\":7}",
		"{\"api-major\":0,\"api-minor\":1,\"build-id\":1,\"policy\":1,\"data\":\"?\"}",
		"{\"pdh\":\"AAAA\",\"api-major\":0}",
		"{\"pdh\":7}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		AUTO(json_freep) struct json *j = NULL;
		struct tee_verify_input in = { 0 };

		assert_ok(json_parse(bytes_str(bad[i]), &j));
		in.evidence = j;
		assert_err(verdict(&in), ERR_FORMAT);
	}
}

/* ---- inspect ---- */

static void test_describe(void **state)
{
	AUTO(fields_done) struct fields f = { 0 };
	AUTO(buf_done) struct buf text = BUF_INIT(64 * 1024);
	const struct tee_format *format = NULL;
	struct world w;

	(void)state;
	world_start(&w);
	for (size_t i = 0; (format = tee_format_at(i)); i++)
		if (format->is(w.in.raw))
			break;
	assert_non_null(format);
	assert_string_equal(format->name, "SEV certificates");
	assert_ok(format->describe(w.in.raw, &f));
	fields_print(&f, &text);
	assert_non_null(strstr(buf_cstr(&text), "PEK @0x824"));
	assert_non_null(strstr(buf_cstr(&text), "CERTIFYING_ID"));
	w.in.raw.n--;
	AUTO(fields_done) struct fields cut = { 0 };
	assert_err(format->describe(w.in.raw, &cut), ERR_FORMAT);
	world_finish(&w);
}

/* ---- AMD's ---- */

#define REAL "sev/virtee-sev/"

static void test_real_roots(void **state)
{
	static const char *const lines[][2] = { { "naples", "Naples" }, { "rome", "Rome" },
		{ "milan", "Milan" }, { "genoa", "Genoa" }, { "turin", "Turin" } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		struct sev_cert ark, ask;
		struct bytes rest;
		char path[64];

		(void)snprintf(path, sizeof(path), REAL "%s/ark.cert", lines[i][0]);
		AUTO(buf_done) struct buf a = test_file(test_vector(path));
		(void)snprintf(path, sizeof(path), REAL "%s/ask.cert", lines[i][0]);
		AUTO(buf_done) struct buf s = test_file(test_vector(path));
		assert_ok(sev_cert_parse(buf_bytes(&a), &ark, &rest));
		assert_int_equal(rest.n, 0);
		assert_ok(sev_cert_parse(buf_bytes(&s), &ask, &rest));
		assert_ok(sev_cert_signed_by(&ark, &ark));
		assert_ok(sev_cert_signed_by(&ask, &ark));
		assert_err(sev_cert_signed_by(&ark, &ask), ERR_UNVERIFIED);
		assert_string_equal(sev_root_product(buf_bytes(&a)), lines[i][1]);
		assert_null(sev_root_product(buf_bytes(&s)));
	}
}

static void test_real_chain(void **state)
{
	static const char *const names[] = { "pdh", "pek", "oca", "cek", "ask", "ark" };
	AUTO(claims_done) struct claims c = { 0 };
	AUTO(buf_done) struct buf chain = BUF_INIT(CHAIN_MAX);
	struct tee_verify_input in = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		char path[64];

		(void)snprintf(path, sizeof(path), REAL "naples/%s.cert", names[i]);
		AUTO(buf_done) struct buf b = test_file(test_vector(path));
		buf_put(&chain, buf_bytes(&b));
	}
	in.raw = buf_bytes(&chain);
	assert_ok(tee_verify(tee_by_platform("sev"), &in, &c));
	assert_string_equal(claim_text(claims_get(&c, "sev.product")), "Naples");
	chain.p[SEV_CERT_SIZE + 0x18] ^= 1; /* the PEK's key */
	assert_err(verdict(&in), ERR_UNVERIFIED);
	assert_string_equal(err_denial()->code, "sev.signature");
	AUTO(buf_done) struct buf bad = test_file(test_vector(REAL "naples/ark.cert.bad"));
	in.raw = buf_bytes(&bad);
	assert_err(verdict(&in), ERR_FORMAT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chain),
		cmocka_unit_test(test_wrong_links),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_launch),
		cmocka_unit_test(test_launch_unchecked),
		cmocka_unit_test(test_bad_json),
		cmocka_unit_test(test_describe),
		cmocka_unit_test(test_real_roots),
		cmocka_unit_test(test_real_chain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
