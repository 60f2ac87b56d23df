#include "imports.h"
#include "manifest_gen.h"
#include "util.h"

#include <base/encode.h>

static const uint8_t key[STORE_KEY_SIZE] = { 1 };

enum {
	NOW = 1000000
};

#define NORMAL	 "0202020202020202020202020202020202020202020202020202020202020202"
#define DEBUG	 "d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2"
#define REPLACED "e0e0"

static struct store *open_store(const char *name)
{
	AUTO(auto_free) char *path = NULL;
	struct store *s = NULL;

	assert_ok(str_format(&path, "%s/%s.db", test_dir(), name));
	assert_ok(store_open(path, BYTES_OF(key), &s));
	return s;
}

static struct import_origin origin(uint8_t file)
{
	struct import_origin o = { .form = "JSON", .now = NOW };

	o.sha256[0] = file;
	return o;
}

/* The record that import_make() gives, and what is accepted with it alone. */
static struct imports *with_record(struct store *s, struct bytes record)
{
	struct imports *i = NULL;

	assert_ok(imports_load(s, "sealpod-guest", record, &i));
	return i;
}

static bool accepts(const struct imports *i, int64_t now, const char *id, const char *value)
{
	AUTO(reference_freep) struct reference_values *refs = NULL;
	int64_t until;

	assert_ok(reference_new(&refs));
	assert_ok(imports_merge(i, now, refs, &until));
	return reference_has(refs, id, value);
}

static int64_t until_of(const struct imports *i, int64_t now)
{
	AUTO(reference_freep) struct reference_values *refs = NULL;
	int64_t until;

	assert_ok(reference_new(&refs));
	assert_ok(imports_merge(i, now, refs, &until));
	return until;
}

static void test_debug(void **state)
{
	AUTO(store_freep) struct store *s = open_store("debug");
	AUTO(ref_manifest_done) struct manifest m = { 0 };

	(void)state;
	manifest_make(&m);
	for (unsigned debug = 0; debug < 2; debug++) {
		AUTO(buf_done) struct buf record = BUF_INIT(STORE_VALUE_MAX);
		AUTO(imports_freep) struct imports *i = NULL;
		struct import_origin o = origin(1);

		o.debug_variant = debug;
		assert_ok(import_make(&m, &o, NULL, &record));
		i = with_record(s, buf_bytes(&record));
		assert_true(accepts(i, NOW, "vtpm.cmdline", NORMAL));
		assert_int_equal(accepts(i, NOW, "vtpm.cmdline", DEBUG), debug);
		assert_false(accepts(i, NOW, "vtpm.kernel", NORMAL));
		assert_true(until_of(i, NOW) == INT64_MAX);
	}
}

static void add_value(struct manifest *m, const char *id, const char *hex)
{
	const struct manifest_entry e = { .id = id, .v = test_hex(hex) };

	assert_ok(manifest_add_value(m, &e));
}

static void test_overlap(void **state)
{
	AUTO(store_freep) struct store *s = open_store("overlap");
	AUTO(ref_manifest_done) struct manifest old = { 0 }, new = { 0 };
	AUTO(buf_done) struct buf first = BUF_INIT(STORE_VALUE_MAX);
	AUTO(buf_done) struct buf second = BUF_INIT(STORE_VALUE_MAX);
	AUTO(imports_freep) struct imports *before = NULL, *after = NULL;
	struct import_origin o = origin(1);

	(void)state;
	manifest_make(&old);
	manifest_make(&new);
	new.version++;
	add_value(&old, "vtpm.kernel", REPLACED);
	o.debug_variant = true;
	assert_ok(import_make(&old, &o, NULL, &first));
	before = with_record(s, buf_bytes(&first));
	assert_true(accepts(before, NOW, "vtpm.kernel", REPLACED));

	o = origin(2);
	o.overlap_s = 60;
	assert_ok(import_make(&new, &o, imports_get(before, "sealpod-guest"), &second));
	after = with_record(s, buf_bytes(&second));
	assert_true(until_of(after, NOW) == NOW + 60);
	assert_true(accepts(after, NOW + 59, "vtpm.kernel", REPLACED));
	assert_false(accepts(after, NOW + 60, "vtpm.kernel", REPLACED));
	assert_true(until_of(after, NOW + 60) == INT64_MAX);
	/* The debug variant of what was replaced ends at once. */
	assert_false(accepts(after, NOW, "vtpm.cmdline", DEBUG));

	buf_clear(&second);
	o.overlap_s = 0;
	assert_ok(import_make(&new, &o, imports_get(before, "sealpod-guest"), &second));
	imports_freep(&after);
	after = with_record(s, buf_bytes(&second));
	assert_false(accepts(after, NOW, "vtpm.kernel", REPLACED));

	buf_clear(&second);
	o.overlap_s = OVERLAP_MAX_S + 1;
	assert_err(import_make(&new, &o, NULL, &second), ERR_LIMIT);
}

static void test_same_and_older(void **state)
{
	AUTO(store_freep) struct store *s = open_store("same");
	AUTO(ref_manifest_done) struct manifest m = { 0 };
	AUTO(buf_done) struct buf first = BUF_INIT(STORE_VALUE_MAX);
	AUTO(buf_done) struct buf again = BUF_INIT(STORE_VALUE_MAX);
	AUTO(imports_freep) struct imports *i = NULL;
	struct import_origin o = origin(1);

	(void)state;
	manifest_make(&m);
	assert_ok(import_make(&m, &o, NULL, &first));
	i = with_record(s, buf_bytes(&first));
	const struct json *present = imports_get(i, "sealpod-guest");
	assert_ok(import_make(&m, &o, present, &again));
	assert_int_equal(again.n, 0);
	/* Another signer, another file or the debug variant do change it. */
	o.signer[0] = 1;
	assert_ok(import_make(&m, &o, present, &again));
	assert_true(again.n > 0);
	buf_clear(&again);
	o = origin(1);
	o.debug_variant = true;
	assert_ok(import_make(&m, &o, present, &again));
	assert_true(again.n > 0);
	buf_clear(&again);
	o = origin(2);
	m.version--;
	assert_err(import_make(&m, &o, present, &again), ERR_DENIED);
	assert_string_equal(err_denial()->code, "reference.rollback");
	assert_string_equal(err_denial()->expected, "7 or higher");
	assert_string_equal(err_denial()->actual, "6");
	assert_int_equal(again.n, 0);
}

static void test_store(void **state)
{
	AUTO(store_freep) struct store *s = open_store("store");
	AUTO(ref_manifest_done) struct manifest m = { 0 };
	AUTO(buf_done) struct buf record = BUF_INIT(STORE_VALUE_MAX), list = BUF_INIT(65536);
	AUTO(imports_freep) struct imports *i = NULL;
	AUTO(json_freep) struct json *j = NULL;
	struct import_origin o = origin(1);

	(void)state;
	manifest_make(&m);
	assert_ok(import_make(&m, &o, NULL, &record));
	assert_ok(store_put(s, STORE_MANIFEST, "one", buf_bytes(&record)));
	assert_ok(store_put(s, STORE_MANIFEST, "two", buf_bytes(&record)));
	/* one is gone and three is there, but the store is as it was */
	assert_ok(imports_load(s, "three", buf_bytes(&record), &i));
	assert_non_null(imports_get(i, "one"));
	assert_non_null(imports_get(i, "three"));
	imports_freep(&i);
	assert_ok(imports_load(s, "one", BYTES_NONE, &i));
	assert_null(imports_get(i, "one"));
	assert_non_null(imports_get(i, "two"));
	assert_null(imports_get(i, "three"));
	assert_ok(imports_list(i, &list));
	assert_ok(json_parse(buf_bytes(&list), &j));
	assert_int_equal(json_count(j), 1);
	assert_string_equal(json_string(json_pointer(j, "/0/name")), "two");
	/* a record that is damaged is told */
	imports_freep(&i);
	assert_ok(store_put(s, STORE_MANIFEST, "bad", bytes_str("{")));
	assert_err(imports_load(s, NULL, BYTES_NONE, &i), ERR_FORMAT);
	assert_err_text("manifest of bad");
	assert_null(i);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_debug),
		cmocka_unit_test(test_overlap),
		cmocka_unit_test(test_same_and_older),
		cmocka_unit_test(test_store),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
