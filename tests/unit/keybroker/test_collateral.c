#include "broker_collateral.h"
#include "util.h"

#include <base/file.h>
#include <collateral/store.h>
#include <crypto/x509.h>

enum {
	NOW = 1800000000
};

static char *folder(const char *name)
{
	char *path = NULL;

	assert_ok(str_format(&path, "%s/%s", test_dir(), name));
	return path;
}

static void add(const char *path, const char *name)
{
	AUTO(cstore_freep) struct cstore *s = NULL;
	AUTO(key_freep) struct key *key = NULL;
	AUTO(buf_done) struct buf pem = BUF_INIT(8192);

	assert_ok(key_generate(KEY_P256, &key));
	const struct x509_make m = { .common_name = name,
		.ca = true,
		.not_before = NOW,
		.not_after = NOW + 1000,
		.subject_key = key,
		.issuer_key = key };
	assert_ok(x509_make(&m, &pem));
	assert_ok(cstore_open(path, true, &s));
	assert_ok(cstore_add(s, buf_bytes(&pem), name, NOW));
	assert_ok(cstore_commit(s));
}

static void test_reads_again_what_changed(void **state)
{
	AUTO(auto_free) char *path = folder("changes");
	AUTO(auto_free) char *index = NULL;
	AUTO(broker_collateral_done) struct broker_collateral c = { 0 };

	(void)state;
	add(path, "one");
	assert_ok(broker_collateral_open(path, &c));
	const struct collateral *first = broker_collateral_now(&c);
	assert_int_equal(first->n, 1);
	assert_ptr_equal(broker_collateral_now(&c), first); /* not read again for nothing */
	add(path, "two");
	assert_int_equal(broker_collateral_now(&c)->n, 2);
	/* A store that broke meanwhile leaves what was read. */
	assert_ok(cstore_index_path(path, &index));
	assert_ok(file_write_atomic(index, bytes_str("{"), 0644));
	assert_int_equal(broker_collateral_now(&c)->n, 2);
	assert_ok(dir_remove_tree(path));
	assert_int_equal(broker_collateral_now(&c)->n, 2);
}

static void test_without_store(void **state)
{
	AUTO(auto_free) char *path = folder("absent");
	AUTO(broker_collateral_done) struct broker_collateral c = { 0 };

	(void)state;
	assert_ok(broker_collateral_open(NULL, &c));
	assert_null(broker_collateral_now(&c));
	assert_err(broker_collateral_open(path, &c), ERR_SYS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads_again_what_changed),
		cmocka_unit_test(test_without_store),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
