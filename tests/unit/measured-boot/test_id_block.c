#include "util.h"

#include <base/encode.h>
#include <base/json.h>
#include <measured-boot/id_block.h>

struct world {
	struct key *id, *author;
	struct buf block, auth, auth_alone;
};

static const struct id_block block = { .launch_digest = { 1, 2, 3 },
	.family_id = "family",
	.image_id = "image",
	.guest_svn = 0x01020304,
	.policy = 0x30000 };

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->block = BUF_INIT(ID_BLOCK_SIZE);
	w->auth = BUF_INIT(ID_AUTH_SIZE);
	w->auth_alone = BUF_INIT(ID_AUTH_SIZE);
	assert_ok(key_generate(KEY_P384, &w->id));
	assert_ok(key_generate(KEY_P384, &w->author));
	assert_ok(id_block_write(&block, &w->block));
	assert_ok(id_auth_make(buf_bytes(&w->block), w->id, w->author, &w->auth));
	assert_ok(id_auth_make(buf_bytes(&w->block), w->id, NULL, &w->auth_alone));
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	key_free(w->id);
	key_free(w->author);
	buf_done(&w->block);
	buf_done(&w->auth);
	buf_done(&w->auth_alone);
	free(w);
	return 0;
}

static RESULT check_auth(void *arg, struct bytes in)
{
	const struct world *w = arg;
	struct id_auth_keys keys = { 0 };

	return id_auth_check(buf_bytes(&w->block), in, &keys);
}

static RESULT check_block(void *arg, struct bytes in)
{
	const struct world *w = arg;
	struct id_auth_keys keys = { 0 };

	return id_auth_check(in, buf_bytes(&w->auth_alone), &keys);
}

static void test_round_trip(void **state)
{
	const struct world *w = *state;
	struct id_block read = { 0 };
	struct id_auth_keys keys = { 0 };
	struct digest_value id = { 0 }, author = { 0 };

	assert_int_equal(w->block.n, ID_BLOCK_SIZE);
	assert_int_equal(w->auth.n, ID_AUTH_SIZE);
	assert_int_equal(w->auth_alone.n, ID_AUTH_SIZE);
	assert_ok(id_block_parse(buf_bytes(&w->block), &read));
	assert_memory_equal(&read, &block, sizeof(read));
	assert_ok(id_key_digest(w->id, &id));
	assert_ok(id_key_digest(w->author, &author));

	assert_ok(id_auth_check(buf_bytes(&w->block), buf_bytes(&w->auth), &keys));
	assert_bytes_equal(digest_bytes(&keys.id), digest_bytes(&id));
	assert_true(keys.has_author);
	assert_bytes_equal(digest_bytes(&keys.author), digest_bytes(&author));

	keys = (struct id_auth_keys){ 0 };
	assert_ok(id_auth_check(buf_bytes(&w->block), buf_bytes(&w->auth_alone), &keys));
	assert_bytes_equal(digest_bytes(&keys.id), digest_bytes(&id));
	assert_false(keys.has_author);
}

static void test_damaged(void **state)
{
	struct world *w = *state;

	each_prefix(buf_bytes(&w->block), check_block, w);
	each_flip(buf_bytes(&w->block), check_block, w);
	each_prefix(buf_bytes(&w->auth), check_auth, w);
	each_flip_signed(buf_bytes(&w->auth), check_auth, w);
	each_flip_signed(buf_bytes(&w->auth_alone), check_auth, w);
}

static void test_refused(void **state)
{
	struct world *w = *state;
	static const struct {
		size_t at;
		uint8_t value;
		enum err_code code;
		const char *text;
	} cases[] = {
		{ 0x000, 2, ERR_UNSUPPORTED, "algorithms 2 and 1" },
		{ 0x004, 2, ERR_UNSUPPORTED, "algorithms 1 and 2" },
		{ 0x004, 0, ERR_FORMAT, "author's key without" },
		{ 0x008, 1, ERR_FORMAT, "reserved" },
		{ 0x070, 1, ERR_FORMAT, "signature of the block: a number" },
		{ 0x0d0, 1, ERR_FORMAT, "signature of the block: reserved" },
		{ 0x240, 1, ERR_UNSUPPORTED, "ID key: curve 1" },
		{ 0x274, 1, ERR_FORMAT, "ID key: a number" },
		{ 0x2d4, 1, ERR_FORMAT, "ID key: reserved" },
		{ 0x644, 1, ERR_FORMAT, "reserved" },
		{ 0x6b0, 1, ERR_FORMAT, "signature of the ID key: a number" },
		{ 0x880, 1, ERR_UNSUPPORTED, "author key: curve 1" },
		{ 0xfff, 1, ERR_FORMAT, "reserved" },
	};
	AUTO(buf_done) struct buf other = BUF_INIT(ID_AUTH_SIZE);
	AUTO(key_freep) struct key *p256 = NULL;
	AUTO(buf_done) struct buf der = BUF_INIT(1024);
	AUTO(key_freep) struct key *public = NULL;
	struct digest_value d = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		buf_clear(&other);
		buf_put(&other, buf_bytes(&w->auth));
		other.p[cases[i].at] = cases[i].value;
		assert_err(check_auth(w, buf_bytes(&other)), cases[i].code);
		assert_err_text(cases[i].text);
	}
	buf_clear(&other);
	assert_ok(key_generate(KEY_P256, &p256));
	assert_err(id_key_digest(p256, &d), ERR_USAGE);
	assert_err(id_auth_make(buf_bytes(&w->block), p256, NULL, &other), ERR_USAGE);
	assert_ok(key_public_der(w->id, &der));
	assert_ok(key_parse_public(buf_bytes(&der), &public));
	assert_err(id_auth_make(buf_bytes(&w->block), public, NULL, &other), ERR_USAGE);
	assert_err_text("private");
	assert_err(id_auth_make(bytes_of(w->block.p, 95), w->id, NULL, &other), ERR_FORMAT);

	/* Another's signature: the parts are good, but not of each other. */
	buf_clear(&other);
	assert_ok(id_auth_make(buf_bytes(&w->block), w->author, w->id, &other));
	memcpy(other.p + 0x240, w->auth.p + 0x240, 0x404);
	assert_err(check_auth(w, buf_bytes(&other)), ERR_UNVERIFIED);
	assert_err_text("signature of the block");
}

/* ---- a published block, its keys, and its authentication ---- */

static struct buf read_vector(const char *name)
{
	AUTO(auto_free) char *path = NULL;

	assert_ok(str_format(&path, "snp/virtee-sev/%s", name));
	return test_file(test_vector(path));
}

static struct buf member(const struct json *root, const char *name)
{
	struct buf out = BUF_INIT(1024);
	const char *text = NULL;

	assert_ok(json_need_string(root, name, &text));
	assert_ok(base64_decode(BASE64_STD, bytes_str(text), name, &out));
	return out;
}

static void assert_key_digest(const struct json *root, const char *key, const char *member_name)
{
	const char *file = NULL;
	AUTO(key_freep) struct key *k = NULL;
	AUTO(buf_done) struct buf want = member(root, member_name);
	struct digest_value d = { 0 };

	assert_ok(json_need_string(root, key, &file));
	AUTO(buf_done) struct buf pem = read_vector(file);
	assert_ok(key_parse_private(buf_bytes(&pem), &k));
	assert_ok(id_key_digest(k, &d));
	assert_bytes_equal(digest_bytes(&d), buf_bytes(&want));
}

static void test_published(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf text = test_file(test_vector("snp/expected/idblock.json"));
	AUTO(buf_done) struct buf auth = read_vector("idblock/test_auth_block.bin");
	AUTO(buf_done) struct buf made = BUF_INIT(ID_BLOCK_SIZE);
	AUTO(json_freep) struct json *root = NULL;
	const char *digest = NULL, *policy = NULL;
	struct id_block b = { 0 };
	struct id_auth_keys keys = { 0 };

	assert_ok(json_parse(buf_bytes(&text), &root));
	assert_ok(json_need_string(root, "launch_digest_hex", &digest));
	assert_ok(json_need_string(root, "policy", &policy));
	assert_ok(hex_decode_fixed(
		bytes_str(digest), "digest", b.launch_digest, sizeof(b.launch_digest)));
	b.policy = strtoull(policy, NULL, 16);
	assert_ok(id_block_write(&b, &made));
	AUTO(buf_done) struct buf want = member(root, "id_block_b64");
	assert_bytes_equal(buf_bytes(&made), buf_bytes(&want));
	assert_key_digest(root, "id_key", "id_key_digest_b64");
	assert_key_digest(root, "author_key", "author_key_digest_b64");

	assert_ok(id_auth_check(buf_bytes(&made), buf_bytes(&auth), &keys));
	AUTO(buf_done) struct buf id = member(root, "id_key_digest_b64");
	AUTO(buf_done) struct buf author = member(root, "author_key_digest_b64");
	assert_bytes_equal(digest_bytes(&keys.id), buf_bytes(&id));
	assert_true(keys.has_author);
	assert_bytes_equal(digest_bytes(&keys.author), buf_bytes(&author));
	made.p[0] ^= 1;
	assert_err(id_auth_check(buf_bytes(&made), buf_bytes(&auth), &keys), ERR_UNVERIFIED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_published),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
