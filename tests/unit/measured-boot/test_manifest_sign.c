#include "manifest_gen.h"
#include "util.h"

#include <base/json.h>
#include <crypto/cose.h>

struct opened {
	const struct key *key;
	struct bytes data; /* when the signature is what is changed */
	struct bytes signature;
};

static struct err open_file(const struct opened *o, struct bytes data, struct bytes signature)
{
	AUTO(ref_manifest_done) struct manifest m = { 0 };
	const struct manifest_file f = { .data = data, .signature = signature, .key = o->key };
	enum manifest_form form;

	return manifest_open(&f, &form, &m);
}

static struct err open_data(void *arg, struct bytes in)
{
	const struct opened *o = arg;

	return open_file(o, in, o->signature);
}

static struct err open_signature(void *arg, struct bytes in)
{
	const struct opened *o = arg;

	return open_file(o, o->data, in);
}

static const enum key_type types[] = { KEY_ED25519, KEY_P256, KEY_P384 };

static void test_json(void **state)
{
	AUTO(ref_manifest_done) struct manifest m = { 0 };
	AUTO(buf_done) struct buf json = BUF_INIT(MANIFEST_FILE_MAX);

	(void)state;
	manifest_make(&m);
	assert_ok(manifest_print(&m, &json));
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		AUTO(key_freep) struct key *key = NULL, *other = NULL;
		AUTO(buf_done) struct buf sig = BUF_INIT(MANIFEST_SIGNATURE_MAX);

		assert_ok(key_generate(types[i], &key));
		assert_ok(key_generate(types[i], &other));
		assert_ok(manifest_sign_json(buf_bytes(&json), key, &sig));
		struct opened o = { key, buf_bytes(&json), buf_bytes(&sig) };
		assert_ok(open_data(&o, o.data));
		if (types[i] == KEY_ED25519) { /* what is signed is not a matter of the key */
			each_prefix(o.data, open_data, &o);
			each_flip_signed(o.data, open_data, &o);
		}
		each_prefix(o.signature, open_signature, &o);
		each_flip_signed(o.signature, open_signature, &o);
		o.key = other;
		assert_err(open_data(&o, o.data), ERR_UNVERIFIED);
		assert_string_equal(err_denial()->code, "reference.signature-wrong");
		o.key = key;
		o.signature = BYTES_NONE;
		assert_err(open_data(&o, o.data), ERR_UNVERIFIED);
		assert_string_equal(err_denial()->code, "reference.signature-missing");
	}
}

/* What is no manifest at all is refused for its signature first: nothing was read. */
static void test_order(void **state)
{
	AUTO(key_freep) struct key *key = NULL;
	AUTO(buf_done) struct buf sig = BUF_INIT(MANIFEST_SIGNATURE_MAX);
	struct opened o = { 0 };

	(void)state;
	assert_ok(key_generate(KEY_ED25519, &key));
	o.key = key;
	o.signature = bytes_str("none");
	assert_err(open_data(&o, bytes_str("{\"version\":")), ERR_UNVERIFIED);
	assert_err(open_data(&o, BYTES_NONE), ERR_UNVERIFIED);
	assert_ok(manifest_sign_json(bytes_str("{\"version\":"), key, &sig));
	o.signature = buf_bytes(&sig);
	assert_err(open_data(&o, bytes_str("{\"version\":")), ERR_FORMAT);
}

static void test_corim(void **state)
{
	AUTO(ref_manifest_done) struct manifest m = { 0 };

	(void)state;
	manifest_make(&m);
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		AUTO(key_freep) struct key *key = NULL, *other = NULL;
		AUTO(buf_done) struct buf cose = BUF_INIT(MANIFEST_FILE_MAX);
		AUTO(buf_done) struct buf again = BUF_INIT(MANIFEST_FILE_MAX);

		assert_ok(key_generate(types[i], &key));
		assert_ok(key_generate(types[i], &other));
		assert_ok(manifest_sign_corim(&m, key, "tests", &cose));
		assert_ok(manifest_sign_corim(&m, key, "tests", &again));
		assert_int_equal(
			bytes_equal(buf_bytes(&cose), buf_bytes(&again)), types[i] == KEY_ED25519);
		struct opened o = { .key = key };
		assert_ok(open_data(&o, buf_bytes(&cose)));
		if (types[i] == KEY_ED25519) {
			each_prefix(buf_bytes(&cose), open_data, &o);
			each_flip_signed(buf_bytes(&cose), open_data, &o);
		}
		o.key = other;
		assert_err(open_data(&o, buf_bytes(&cose)), ERR_UNVERIFIED);
		assert_string_equal(err_denial()->code, "reference.signature-wrong");
		buf_u8(&cose, 0);
		o.key = key;
		assert_err(open_data(&o, buf_bytes(&cose)), ERR_FORMAT);
	}
}

static void test_corim_unsigned(void **state)
{
	AUTO(ref_manifest_done) struct manifest m = { 0 };
	AUTO(key_freep) struct key *key = NULL;
	AUTO(buf_done) struct buf cbor = BUF_INIT(MANIFEST_FILE_MAX);
	struct opened o = { 0 };

	(void)state;
	manifest_make(&m);
	assert_ok(key_generate(KEY_ED25519, &key));
	o.key = key;
	assert_ok(manifest_to_corim(&m, &cbor));
	assert_err(open_data(&o, buf_bytes(&cbor)), ERR_UNVERIFIED);
	assert_string_equal(err_denial()->code, "reference.signature-missing");
	/* a signature beside it does not help */
	o.signature = bytes_str("signature");
	assert_err(open_data(&o, buf_bytes(&cbor)), ERR_UNVERIFIED);
}

/* Signed by the right key, but for something else. */
static void test_corim_other_content(void **state)
{
	static const struct cose_header none = { 0 };
	AUTO(ref_manifest_done) struct manifest m = { 0 };
	AUTO(key_freep) struct key *key = NULL;
	AUTO(buf_done) struct buf cbor = BUF_INIT(MANIFEST_FILE_MAX);
	AUTO(buf_done) struct buf cose = BUF_INIT(MANIFEST_FILE_MAX);
	struct opened o = { 0 };

	(void)state;
	manifest_make(&m);
	assert_ok(key_generate(KEY_ED25519, &key));
	assert_ok(manifest_to_corim(&m, &cbor));
	assert_ok(cose_sign1_make(key, &none, buf_bytes(&cbor), &cose));
	o.key = key;
	assert_err(open_data(&o, buf_bytes(&cose)), ERR_UNSUPPORTED);
}

static void test_trustee(void **state)
{
	AUTO(ref_manifest_done) struct manifest m = { 0 }, got = { 0 };
	AUTO(key_freep) struct key *key = NULL;
	AUTO(buf_done) struct buf json = BUF_INIT(MANIFEST_FILE_MAX);
	AUTO(buf_done) struct buf sig = BUF_INIT(MANIFEST_SIGNATURE_MAX);
	enum manifest_form form;

	(void)state;
	manifest_make(&m);
	assert_ok(key_generate(KEY_P256, &key));
	assert_ok(manifest_print_trustee(&m, &json));
	assert_ok(manifest_sign_json(buf_bytes(&json), key, &sig));
	struct manifest_file f = { buf_bytes(&json), buf_bytes(&sig), key, NULL };
	assert_err(manifest_open(&f, &form, &got), ERR_USAGE);
	f.name = "theirs";
	assert_ok(manifest_open(&f, &form, &got));
	assert_int_equal(form, MANIFEST_TRUSTEE);
	assert_string_equal(got.name, "theirs");
}

static void test_keys(void **state)
{
	static const enum key_type others[] = { KEY_RSA, KEY_P521, KEY_SM2 };
	AUTO(ref_manifest_done) struct manifest m = { 0 };

	(void)state;
	manifest_make(&m);
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		AUTO(key_freep) struct key *key = NULL;
		AUTO(buf_done) struct buf out = BUF_INIT(MANIFEST_FILE_MAX);

		assert_ok(key_generate(others[i], &key));
		assert_err(manifest_sign_json(bytes_str("{}"), key, &out), ERR_UNSUPPORTED);
		assert_err(manifest_sign_corim(&m, key, "x", &out), ERR_UNSUPPORTED);
		assert_int_equal(out.n, 0);
	}
}

static void assert_peek(struct bytes file, enum manifest_form want)
{
	AUTO(ref_manifest_done) struct manifest m = { 0 };
	enum manifest_form form;

	assert_ok(manifest_peek(file, &form, &m));
	assert_int_equal(form, want);
	assert_true(m.values.n > 0);
}

static void test_peek(void **state)
{
	AUTO(ref_manifest_done) struct manifest m = { 0 };
	AUTO(key_freep) struct key *key = NULL;
	AUTO(buf_done) struct buf file = BUF_INIT(MANIFEST_FILE_MAX);

	(void)state;
	manifest_make(&m);
	assert_ok(key_generate(KEY_ED25519, &key));
	assert_ok(manifest_print(&m, &file));
	assert_peek(buf_bytes(&file), MANIFEST_JSON);
	buf_clear(&file);
	assert_ok(manifest_print_trustee(&m, &file));
	assert_peek(buf_bytes(&file), MANIFEST_TRUSTEE);
	buf_clear(&file);
	assert_ok(manifest_to_corim(&m, &file));
	assert_peek(buf_bytes(&file), MANIFEST_CORIM);
	buf_clear(&file);
	assert_ok(manifest_sign_corim(&m, key, "tests", &file));
	assert_peek(buf_bytes(&file), MANIFEST_CORIM);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_corim),
		cmocka_unit_test(test_corim_unsigned),
		cmocka_unit_test(test_corim_other_content),
		cmocka_unit_test(test_trustee),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_peek),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
