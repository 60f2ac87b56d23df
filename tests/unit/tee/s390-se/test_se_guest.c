/* A broker's challenge, the guest driver before a fake ultravisor, the verdict over its answer. */
#include "fake_se.h"
#include "s390-se/se_guest.h"
#include "util.h"

#include <errno.h>

#include <base/encode.h>
#include <tee/denials.h>
#include <tee/tee.h>

enum {
	TEXT_MAX = 64 * 1024
};

/* One machine, one handshake. */
struct guest {
	struct fake_se f;
	struct tee_guest *guest;
	struct digest_value initdata, report_data;
	struct buf nonce, state, text;
	struct json *challenge, *evidence;
	struct tee_verify_input in;
};

static const struct tee *se(void)
{
	return tee_by_platform("se");
}

static const struct tee_guest_ops *ops(void)
{
	return tee_guest_ops(se());
}

static struct err challenge(struct guest *g)
{
	buf_clear(&g->nonce);
	buf_clear(&g->state);
	json_free(g->challenge);
	g->challenge = NULL;
	g->in.parts[0] = (struct tee_part){ "se-header", buf_bytes(&g->f.header) };
	TRY(se()->verify->nonce(&g->in, &g->nonce, &g->state));
	return json_parse(buf_bytes(&g->nonce), &g->challenge);
}

static void open_guest(struct guest *g, const struct digest_value *initdata)
{
	struct tee_guest_config c = fake_tsm_config(&g->f.tsm);

	c.initdata = initdata;
	assert_ptr_equal(tee_detect(&c), se());
	if (g->guest)
		ops()->close(g->guest);
	assert_ok(ops()->open(&c, &g->guest));
}

static void start(struct guest *g)
{
	*g = (struct guest){
		.nonce.max = TEXT_MAX, .state.max = TEXT_MAX, .text.max = JSON_SIZE_MAX
	};
	assert_ok(digest(DIGEST_SHA256, bytes_str("initdata"), &g->initdata));
	assert_ok(digest(tee_runtime_digest(se()), bytes_str("runtime data"), &g->report_data));
	fake_se_start(&g->f, "se");
	g->in = (struct tee_verify_input){
		.n_parts = 1,
		.collateral = g->f.collateral,
		.anchors = &g->f.anchors,
		.report_data = digest_bytes(&g->report_data),
		.initdata_digest = digest_bytes(&g->initdata),
		.now = FAKE_SE_NOW,
	};
	open_guest(g, &g->initdata);
	assert_ok(challenge(g));
}

static void end(struct guest *g)
{
	ops()->close(g->guest);
	json_free(g->challenge);
	json_free(g->evidence);
	buf_done(&g->nonce);
	buf_done(&g->state);
	buf_done(&g->text);
	fake_se_stop(&g->f);
}

static struct err prove(struct guest *g)
{
	buf_clear(&g->text);
	json_free(g->evidence);
	g->evidence = NULL;
	TRY(ops()->evidence(g->guest, digest_bytes(&g->report_data), g->challenge, &g->text));
	return json_parse(buf_bytes(&g->text), &g->evidence);
}

/* As the broker does: from the session alone. */
static struct err verify(struct guest *g)
{
	AUTO(claims_done) struct claims claims = { 0 };
	struct tee_verify_input in = g->in;

	in.n_parts = 0;
	in.evidence = g->evidence;
	in.state = buf_bytes(&g->state);
	return tee_verify(se(), &in, &claims);
}

static void assert_refused(struct guest *g, enum tee_denial why)
{
	assert_err(verify(g), ERR_UNVERIFIED);
	assert_non_null(err_denial());
	assert_string_equal(err_denial()->code, tee_denial_code(why));
}

static void good(void **state)
{
	AUTO(end) struct guest g;

	(void)state;
	start(&g);
	assert_ok(ops()->bind_initdata(g.guest, &g.initdata));
	assert_int_equal(g.report_data.n, 64);
	assert_ok(prove(&g));
	assert_ok(verify(&g));
	/* A pod without initdata. */
	g.in.initdata_digest = BYTES_NONE;
	open_guest(&g, NULL);
	assert_ok(prove(&g));
	assert_ok(verify(&g));
}

/* The nonce is what Trustee's guests read. */
static void trustee_challenge(void **state)
{
	static const struct {
		const char *name;
		size_t size;
	} members[] = {
		{ "request_blob", 0xe0 + SE_SLOT_SIZE + 64 + 16 + 16 },
		{ "encr_measurement_key", SE_HANDLE_SIZE },
		{ "encr_request_nonce", SE_HANDLE_SIZE },
		{ "image_hdr_tags", 208 },
	};
	AUTO(end) struct guest g;
	uint64_t n;

	(void)state;
	start(&g);
	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		AUTO(buf_done) struct buf out = BUF_INIT(TEXT_MAX);
		const char *text = json_string(json_get(g.challenge, members[i].name));
		assert_non_null(text);
		assert_ok(base64_decode(BASE64_STD, bytes_str(text), members[i].name, &out));
		assert_int_equal(out.n, members[i].size);
	}
	assert_true(json_u64(json_get(g.challenge, "measurement_size"), &n) && n == 64);
	assert_true(json_u64(json_get(g.challenge, "additional_size"), &n) && n == 64);
}

static void selects_digest(void **state)
{
	static const struct {
		const char *hello, *want;
	} cases[] = {
		{ "{}", "{}" },
		{ "{\"supported-hash-algorithms\":[\"sha256\",\"SHA512\"]}",
			"{\"selected-hash-algorithm\":\"sha512\"}" },
		{ "{\"supported-hash-algorithms\":[\"sha384\",1]}", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(json_freep) struct json *hello = NULL;
		AUTO(buf_done) struct buf out = BUF_INIT(256), none = BUF_INIT(256);
		struct json_writer w = jw_of(&out);

		assert_ok(json_parse(bytes_str(cases[i].hello), &hello));
		jw_object(&w);
		struct err e = se()->verify->challenge(hello, NULL, 0, &w, &none);
		jw_object_end(&w);
		assert_int_equal(e.code, cases[i].want ? ERR_OK : ERR_UNSUPPORTED);
		if (cases[i].want)
			assert_bytes_equal(buf_bytes(&out), bytes_str(cases[i].want));
	}
}

/* Who must not get a request made for him. */
static void no_host(void **state)
{
	AUTO(end) struct guest g;
	AUTO(collateral_freep) struct collateral *some = NULL;

	(void)state;
	start(&g);
	assert_ok(collateral_new(&some));
	g.in.collateral = some;
	assert_err(challenge(&g), ERR_UNSUPPORTED);
	assert_err_text("no host key document at hand");
	/* Revocation lists missing: never skipped. */
	assert_ok(collateral_add(some, buf_bytes(&g.f.certificates), "IBM"));
	assert_err(challenge(&g), ERR_UNVERIFIED);
	assert_err_text("no host key document is good");
	g.in.collateral = g.f.collateral;
	g.in.now += (int64_t)4000 * 86400;
	assert_err(challenge(&g), ERR_UNVERIFIED);
	g.in.now = FAKE_SE_NOW;
	g.in.anchors = &(const struct tee_anchors){ 0 };
	assert_err(challenge(&g), ERR_UNVERIFIED);
	g.in.anchors = &g.f.anchors;
	assert_ok(challenge(&g));
	g.in.n_parts = 0;
	assert_err(challenge(&g), ERR_UNSUPPORTED);
	assert_err_text("se_header");
}

/* Answers of another session, image, pod, machine. */
static void other_answers(void **state)
{
	AUTO(end) struct guest g;
	struct digest_value other;

	(void)state;
	start(&g);
	assert_ok(prove(&g));
	assert_ok(challenge(&g));
	assert_refused(&g, DENY_SE_REQUEST_KEY);
	assert_ok(prove(&g));
	assert_ok(verify(&g));
	assert_ok(digest(DIGEST_SHA256, bytes_str("other initdata"), &other));
	g.in.initdata_digest = digest_bytes(&other);
	assert_refused(&g, DENY_INITDATA_MISMATCH);
	/* The host leaves initdata out before the broker, or the guest does not bind it. */
	g.in.initdata_digest = BYTES_NONE;
	assert_refused(&g, DENY_EVIDENCE_REPORT_DATA);
	g.in.initdata_digest = digest_bytes(&g.initdata);
	open_guest(&g, NULL);
	assert_ok(prove(&g));
	assert_refused(&g, DENY_INITDATA_MISMATCH);
	open_guest(&g, &g.initdata);
	g.f.other_image = 1;
	assert_ok(prove(&g));
	assert_refused(&g, DENY_SE_MEASUREMENT);
	g.f.other_image = 0;
	assert_ok(prove(&g));
	g.in.report_data = digest_bytes(&other);
	assert_refused(&g, DENY_EVIDENCE_REPORT_DATA);
}

/* A forger knows everything that travels, but not the measurement key. */
static void forged(void **state)
{
	AUTO(end) struct guest g;
	static const uint8_t key[SE_MEASUREMENT_KEY] = { 1 };

	(void)state;
	start(&g);
	assert_ok(prove(&g));
	for (size_t i = 0; i < g.state.n; i++) {
		g.state.p[i] ^= 0x40;
		assert_err(verify(&g), ERR_UNVERIFIED);
		g.state.p[i] ^= 0x40;
	}
	assert_ok(verify(&g));
	memcpy(g.state.p, key, sizeof(key));
	assert_refused(&g, DENY_SE_MEASUREMENT);
	g.state.n--;
	assert_err(verify(&g), ERR_FORMAT);
}

static void other_machine(void **state)
{
	AUTO(end) struct guest g;
	AUTO(key_freep) struct key *other = NULL;

	(void)state;
	start(&g);
	assert_ok(key_generate(KEY_P521, &other));
	g.f.other_host = other;
	assert_err(prove(&g), ERR_PEER);
	assert_err_text("rc 0x108");
	assert_err_text("this host's key");
}

static void device_fails(void **state)
{
	AUTO(end) struct guest g;

	(void)state;
	start(&g);
	g.f.rc = 0x3;
	assert_err(prove(&g), ERR_PEER);
	assert_err_text("invalid state");
	g.f.with = EIO;
	assert_err(prove(&g), ERR_PEER);
	assert_err_text("invalid state");
	g.f.rc = 0;
	assert_err(prove(&g), ERR_SYS);
	g.f.with = 0;
	g.f.less = SE_ADDITIONAL_SIZE + 1; /* more than there is room for */
	assert_err(prove(&g), ERR_FORMAT);
	g.f.less = 10; /* cut: measured so, but not what was asked for */
	assert_ok(prove(&g));
	assert_err(verify(&g), ERR_FORMAT);
	g.f.less = 0;
	g.f.tsm.control = NULL;
	assert_err(prove(&g), ERR_NOT_FOUND);
	assert_err_text("uvdevice");
}

static void no_challenge(void **state)
{
	static const char *const bad[] = { "{}", "{\"request_blob\":\"AA==\"}", "\"\"", "[]" };
	AUTO(end) struct guest g;
	struct tee_guest_config c;

	(void)state;
	start(&g);
	assert_err(ops()->evidence(g.guest, BYTES_NONE, NULL, &g.text), ERR_STATE);
	assert_err_text("challenge");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		AUTO(json_freep) struct json *j = NULL;
		assert_ok(json_parse(bytes_str(bad[i]), &j));
		assert_true(failed(ops()->evidence(g.guest, BYTES_NONE, j, &g.text)));
	}
	fake_tsm_file(&g.f.tsm, SE_UV_GUEST, bytes_str("0\n"));
	c = fake_tsm_config(&g.f.tsm);
	assert_null(tee_detect(&c));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good),
		cmocka_unit_test(trustee_challenge),
		cmocka_unit_test(selects_digest),
		cmocka_unit_test(no_host),
		cmocka_unit_test(other_answers),
		cmocka_unit_test(forged),
		cmocka_unit_test(other_machine),
		cmocka_unit_test(device_fails),
		cmocka_unit_test(no_challenge),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
