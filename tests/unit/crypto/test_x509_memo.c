/* Chains that held and are not built again. */
#include "util.h"
#include "x509_internal.h"

#include <crypto/x509.h>

enum {
	NOW = 1767225600,
	DAY = 86400,
	PEM_MAX = 16 * 1024,
	MORE_THAN_KEPT = 70,
};

struct world {
	struct key *key; /* of all */
	struct x509 *root, *ca, *leaf, *other_root;
	struct x509_list untrusted, anchors; /* borrowed */
	struct x509_memo *memo;
};

static struct x509 *make(
	const struct world *w, const char *name, const struct x509 *issuer, bool ca, int64_t days)
{
	AUTO(buf_done) struct buf pem = BUF_INIT(PEM_MAX);
	struct x509_list made = { 0 };

	assert_ok(x509_make(
		&(struct x509_make){
			.common_name = name,
			.ca = ca,
			.not_before = NOW - days * DAY,
			.not_after = NOW + days * DAY,
			.subject_key = w->key,
			.issuer = issuer,
			.issuer_key = w->key,
		},
		&pem));
	assert_ok(x509_list_parse(buf_bytes(&pem), &made));
	return made.v[0];
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	assert_ok(key_generate(KEY_P256, &w->key));
	w->root = make(w, "root", NULL, true, 30);
	w->other_root = make(w, "root", NULL, true, 30);
	w->ca = make(w, "ca", w->root, true, 20);
	w->leaf = make(w, "leaf", w->ca, false, 10);
	w->untrusted = (struct x509_list){ .v = { w->ca }, .n = 1 };
	w->anchors = (struct x509_list){ .v = { w->root }, .n = 1 };
	assert_ok(x509_memo_new(&w->memo));
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	struct x509 *certs[] = { w->root, w->ca, w->leaf, w->other_root };

	for (size_t i = 0; i < ARRAY_LEN(certs); i++)
		x509_free(certs[i]);
	x509_memo_free(w->memo);
	key_free(w->key);
	free(w);
	return 0;
}

static struct x509_verify question(const struct world *w)
{
	return (struct x509_verify){ .leaf = w->leaf,
		.untrusted = &w->untrusted,
		.anchors = &w->anchors,
		.now = NOW,
		.memo = w->memo };
}

static void learn(const struct world *w)
{
	struct x509_verify v = question(w);
	struct x509_list path;

	assert_false(x509_memo_holds(&v, &path));
	assert_ok(x509_verify(&v));
	assert_true(x509_memo_holds(&v, &path));
}

static void test_same_chain(void **state)
{
	const struct world *w = *state;
	struct x509_verify v = question(w);
	struct x509_list path;

	learn(w);
	assert_ok(x509_verify_chain(&v, &path));
	assert_int_equal(path.n, 3);
	assert_ptr_equal(path.v[0], w->leaf);
	assert_ptr_equal(path.v[1], w->ca);
	assert_ptr_equal(path.v[2], w->root);
}

/* The dates of each of the three, to the second, with and without memory alike. */
static void test_dates(void **state)
{
	const struct world *w = *state;
	static const struct {
		int64_t now;
		bool good;
	} times[] = {
		{ NOW - 10 * DAY, true },
		{ NOW - 10 * DAY - 1, false },
		{ NOW + 10 * DAY - 1, true },
		{ NOW + 10 * DAY, false },
		{ NOW + 10 * DAY + 1, false },
		{ NOW + 25 * DAY, false },
		{ NOW + 31 * DAY, false },
	};

	learn(w);
	for (size_t i = 0; i < ARRAY_LEN(times); i++) {
		struct x509_verify v = question(w);
		struct x509_list path;

		v.now = times[i].now;
		assert_int_equal(x509_memo_holds(&v, &path), times[i].good);
		assert_int_equal(!failed(x509_verify(&v)), times[i].good);
		v.memo = NULL;
		assert_int_equal(!failed(x509_verify(&v)), times[i].good);
	}
}

static void test_anchor_gone(void **state)
{
	const struct world *w = *state;
	struct x509_list others = { .v = { w->other_root }, .n = 1 }, none = { 0 };
	struct x509_verify v = question(w);
	struct x509_list path;

	learn(w);
	v.anchors = &others;
	assert_false(x509_memo_holds(&v, &path));
	v.anchors = &none;
	assert_false(x509_memo_holds(&v, &path));
	assert_err(x509_verify(&v), ERR_UNVERIFIED);
}

static void test_intermediate_gone(void **state)
{
	const struct world *w = *state;
	struct x509_verify v = question(w);

	learn(w);
	v.untrusted = NULL;
	assert_err(x509_verify(&v), ERR_UNVERIFIED);
}

/* What else is demanded of a leaf is looked at, and is not remembered either. */
static void test_further_demands(void **state)
{
	const struct world *w = *state;
	struct x509_verify v = question(w);
	struct x509_list path;

	learn(w);
	v.eku = "1.3.6.1.5.5.7.3.2";
	assert_false(x509_memo_holds(&v, &path));
	assert_err(x509_verify(&v), ERR_UNVERIFIED);
}

static void test_failure_is_not_kept(void **state)
{
	const struct world *w = *state;
	struct x509_verify v = question(w);
	struct x509_list path;

	v.now = NOW + 11 * DAY;
	assert_err(x509_verify(&v), ERR_UNVERIFIED);
	v.now = NOW;
	assert_false(x509_memo_holds(&v, &path));
}

/* A certificate of a chain that held is the very same object; one byte off is another one. */
static void test_decoded_once(void **state)
{
	const struct world *w = *state;
	AUTO(buf_done) struct buf der = BUF_INIT(PEM_MAX);
	AUTO(x509_freep) struct x509 *before = NULL, *after = NULL;

	assert_ok(x509_der(w->leaf, &der));
	assert_ok(x509_parse_first_memo(w->memo, buf_bytes(&der), &before));
	assert_ptr_not_equal(before->cert, w->leaf->cert);
	learn(w);
	assert_ok(x509_parse_first_memo(w->memo, buf_bytes(&der), &after));
	assert_ptr_equal(after->cert, w->leaf->cert);
	assert_int_equal(x509_not_before(after), NOW - 10 * DAY);
	assert_int_equal(x509_not_after(after), NOW + 10 * DAY);
	assert_true(x509_equal(before, after));
	for (size_t i = 0; i < der.n; i++) {
		AUTO(x509_freep) struct x509 *bent = NULL;

		der.p[i] ^= 1;
		if (!failed(x509_parse_first_memo(w->memo, buf_bytes(&der), &bent)))
			assert_false(x509_equal(bent, w->leaf));
		der.p[i] ^= 1;
	}
}

/* The one unused for longest goes; what is asked for stays. */
static void test_bounded(void **state)
{
	const struct world *w = *state;
	struct x509 *leaves[MORE_THAN_KEPT];
	struct x509_list path;
	size_t kept = 0;

	learn(w);
	for (size_t i = 0; i < MORE_THAN_KEPT; i++) {
		struct x509_verify v = question(w);
		leaves[i] = make(w, "another leaf", w->ca, false, 10);
		v.leaf = leaves[i];
		assert_ok(x509_verify(&v));
		v = question(w);
		assert_ok(x509_verify(&v));
	}
	for (size_t i = 0; i < MORE_THAN_KEPT; i++) {
		struct x509_verify v = question(w);
		v.leaf = leaves[i];
		kept += x509_memo_holds(&v, &path);
		x509_free(leaves[i]);
	}
	assert_int_equal(kept, 63);
	struct x509_verify v = question(w);
	assert_true(x509_memo_holds(&v, &path));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_same_chain),
		TEST(test_dates),
		TEST(test_anchor_gone),
		TEST(test_intermediate_gone),
		TEST(test_further_demands),
		TEST(test_failure_is_not_kept),
		TEST(test_decoded_once),
		TEST(test_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
