#include "session.h"
#include "util.h"

#include <stdio.h>
#include <string.h>

enum {
	NOW = 1000,
	LIFETIME = 300
};

static void test_life(void **state)
{
	AUTO(sessions_freep) struct sessions *s = NULL;
	const struct tee *tee = tee_by_kbs_name("tpm");
	struct session *a = NULL, *b = NULL;
	char id[33];

	(void)state;
	assert_ok(sessions_new(&s));
	assert_ok(sessions_add(s, tee, NOW, LIFETIME, &a));
	assert_ok(sessions_add(s, tee, NOW, LIFETIME, &b));
	assert_string_not_equal(a->id, b->id);
	assert_string_not_equal(a->nonce, b->nonce);
	assert_int_equal(strlen(a->id), 32);
	assert_int_equal(strlen(a->nonce), 44);
	assert_false(a->attested);
	(void)snprintf(id, sizeof(id), "%s", a->id);
	assert_ptr_equal(sessions_find(s, id, NOW + LIFETIME - 1), a);
	assert_null(sessions_find(s, id, NOW + LIFETIME));
	assert_null(sessions_find(s, "", NOW));
	id[31] = id[31] == '0' ? '1' : '0';
	assert_null(sessions_find(s, id, NOW));
}

static void test_limit(void **state)
{
	AUTO(sessions_freep) struct sessions *s = NULL;
	const struct tee *tee = tee_by_kbs_name("tpm");
	struct session *x = NULL;

	(void)state;
	assert_ok(sessions_new(&s));
	for (int i = 0; i < SESSIONS_MAX; i++)
		assert_ok(sessions_add(s, tee, NOW, LIFETIME, &x));
	assert_err(sessions_add(s, tee, NOW + 1, LIFETIME, &x), ERR_LIMIT);
	/* The expired make room, one by one. */
	assert_ok(sessions_add(s, tee, NOW + LIFETIME, LIFETIME, &x));
	assert_ptr_equal(sessions_find(s, x->id, NOW + LIFETIME), x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_life),
		cmocka_unit_test(test_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
