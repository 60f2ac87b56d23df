/* Sums of the timeline, its file, and the guest's log lines it comes from. */
#include "util.h"

#include <stdio.h>

#include <base/file.h>
#include <runtime/guest_log.h>
#include <runtime/pod.h>
#include <runtime/timeline.h>

static void test_stages(void **state)
{
	struct timeline t;

	(void)state;
	timeline_begin(&t, 1000);
	timeline_vm_started(&t, 1700);
	timeline_contact(&t, 10700, 1900);
	timeline_contact(&t, 99999, 1); /* only the first counts */
	timeline_guest_stage(&t, "agent", 40);
	timeline_guest_stage(&t, "pull", 300);
	timeline_guest_stage(&t, "pull", 200); /* a second image */
	timeline_guest_stage(&t, "launch", 5); /* the guest has no say in this */
	timeline_guest_stage(&t, "nonsense", 5);
	timeline_guest_stage(&t, "pull", UINT64_MAX); /* does not fit: ignored */
	timeline_guest_stage(&t, "evidence", 60);
	timeline_guest_stage(&t, "broker", 30);
	timeline_guest_stage(&t, "pull", 100); /* proof and keys lay inside: 10 are its own */
	timeline_guest_stage(&t, "pull", 5);
	timeline_ready(&t, 12000);
	assert_int_equal(t.ms[TIMELINE_PULL], 515);
	assert_int_equal(t.ms[TIMELINE_LAUNCH], 700);
	assert_int_equal(t.ms[TIMELINE_FIRMWARE], 7100);
	assert_int_equal(t.ms[TIMELINE_KERNEL], 1900);
	assert_int_equal(t.ms[TIMELINE_AGENT], 40);
	assert_int_equal(t.ready, 11000);
	assert_false(t.known[TIMELINE_START]);
	assert_true(t.known[TIMELINE_PULL]);
}

/* A guest whose clock says more than passed here. */
static void test_lying_guest(void **state)
{
	struct timeline t;

	(void)state;
	timeline_begin(&t, 0);
	timeline_vm_started(&t, 100);
	timeline_contact(&t, 600, UINT64_MAX);
	assert_int_equal(t.ms[TIMELINE_FIRMWARE], 0);
	assert_int_equal(t.ms[TIMELINE_KERNEL], 500);
}

static const char good[] =
	"{\"version\":1,\"id\":\"a\",\"image\":\"i\",\"platform\":\"vtpm\",\"created\":5,"
	"\"ended\":true,\"exit_status\":3,\"ready_ms\":900,"
	"\"stages\":[{\"stage\":\"launch\",\"ms\":10},{\"stage\":\"pull\",\"ms\":20}]}";

static struct err parse(void *arg, struct bytes in)
{
	AUTO(timeline_record_done) struct timeline_record r = { 0 };

	(void)arg;
	return timeline_parse(in, &r);
}

static void test_file_format(void **state)
{
	AUTO(timeline_record_done) struct timeline_record r = { 0 };
	AUTO(buf_done) struct buf again = BUF_INIT(TIMELINE_TEXT_MAX);
	static const char *const bad[] = {
		"{}",
		"{\"version\":1,\"id\":\"a\",\"image\":\"i\",\"platform\":\"p\",\"created\":5,"
		"\"ended\":true,\"exit_status\":3,\"ready_ms\":900,"
		"\"stages\":[{\"stage\":\"pull\",\"ms\":1},{\"stage\":\"pull\",\"ms\":20}]}",
		"{\"version\":1,\"id\":\"a\",\"image\":\"i\",\"platform\":\"p\",\"created\":5,"
		"\"ended\":true,\"exit_status\":3,\"ready_ms\":900,"
		"\"stages\":[{\"stage\":\"lunch\",\"ms\":1}]}",
	};

	(void)state;
	assert_ok(timeline_parse(bytes_str(good), &r));
	assert_int_equal(r.exit_status, 3);
	assert_int_equal(r.t.ms[TIMELINE_PULL], 20);
	assert_false(r.t.known[TIMELINE_AGENT]);
	assert_ok(timeline_print(&r, &again));
	assert_bytes_equal(buf_bytes(&again), bytes_str(good));
	each_prefix(bytes_str(good), parse, NULL);
	each_flip_survives(bytes_str(good), parse, NULL);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_err(parse(NULL, bytes_str(bad[i])), ERR_FORMAT);
}

static void keep(const char *dir, const char *id, uint64_t created)
{
	AUTO(timeline_record_done) struct timeline_record r = { .created = created };

	assert_ok(str_dup(id, &r.id));
	assert_ok(str_dup("i", &r.image));
	assert_ok(str_dup("none", &r.platform));
	assert_ok(timeline_keep(dir, &r));
}

static void assert_found(const char *dir, const char *id, uint64_t created)
{
	AUTO(timeline_record_done) struct timeline_record r = { 0 };

	assert_ok(timeline_find("/nonexistent", dir, id, &r));
	assert_int_equal(r.created, created);
}

static void test_kept(void **state)
{
	AUTO(timeline_record_done) struct timeline_record r = { 0 };
	AUTO(auto_free) char *dir = NULL;
	char id[32];

	(void)state;
	assert_ok(path_join(test_dir(), "state", &dir));
	assert_err(timeline_find("/nonexistent", dir, NULL, &r), ERR_NOT_FOUND);
	for (int i = 1; i <= TIMELINE_KEPT + 5; i++) {
		(void)snprintf(id, sizeof(id), "pod-%d", i);
		keep(dir, id, (uint64_t)(1000 + i));
	}
	keep(dir, "pod-40", 5000); /* a name used again: the newer one is meant */
	assert_found(dir, "pod-40", 5000);
	assert_found(dir, "pod-55", 1055);
	assert_found(dir, "pod-7", 1007);
	assert_found(dir, NULL, 5000);
	assert_err(timeline_find("/nonexistent", dir, "pod-6", &r), ERR_NOT_FOUND);
	assert_err(timeline_find("/nonexistent", dir, "od-55", &r), ERR_NOT_FOUND);
	assert_err(timeline_find("/nonexistent", dir, "../state", &r), ERR_USAGE);
}

static void test_log_lines(void **state)
{
	static const struct {
		const char *line;
		enum guest_event_kind kind;
		uint64_t ms, took, done;
	} cases[] = {
		{ "{\"ms\":1900,\"event\":\"stage\",\"stage\":\"agent\",\"took_ms\":\"40\"}",
			GUEST_STAGE, 1900, 40, 0 },
		{ "{\"ms\":\"5\",\"event\":\"progress\",\"layer\":\"1\",\"done\":77}",
			GUEST_PROGRESS, 5, 0, 77 },
		{ "{\"event\":\"failure\",\"text\":\"x\"}", GUEST_FAILURE, 0, 0, 0 },
		{ "{\"ms\":-4,\"took_ms\":\"1e9\",\"done\":\"99999999999999999999\"}", GUEST_OTHER,
			0, 0, 0 },
		{ "{}", GUEST_OTHER, 0, 0, 0 },
	};
	struct guest_event none = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(guest_event_done) struct guest_event e = { 0 };

		assert_ok(guest_event_parse(bytes_str(cases[i].line), &e));
		assert_int_equal(e.kind, cases[i].kind);
		assert_int_equal(e.ms, cases[i].ms);
		assert_int_equal(e.took_ms, cases[i].took);
		assert_int_equal(e.done, cases[i].done);
	}
	assert_err(guest_event_parse(bytes_str("[1]"), &none), ERR_FORMAT);
	assert_err(guest_event_parse(bytes_str("boot: hello"), &none), ERR_FORMAT);
}

static void count_line(void *arg, struct bytes text)
{
	struct buf *seen = arg;

	buf_printf(seen, "%zu;", text.n);
}

/* The stream arrives in any pieces; what is too long costs only itself. */
static void test_line_splitting(void **state)
{
	AUTO(buf_done) struct buf in = BUF_INIT(1 << 20);
	char want[64];

	(void)state;
	buf_puts(&in, "ab\n\ncdef\n");
	for (int i = 0; i < GUEST_LINE_MAX + 1; i++)
		buf_u8(&in, 'x');
	buf_puts(&in, "\ngh\n");
	for (int i = 0; i < GUEST_LINE_MAX; i++)
		buf_u8(&in, 'y');
	buf_puts(&in, "\nrest");
	(void)snprintf(want, sizeof(want), "2;4;2;%d;", GUEST_LINE_MAX);
	for (size_t piece = 1; piece < 4000; piece += 997) {
		AUTO(guest_lines_done) struct guest_lines l = GUEST_LINES_INIT;
		AUTO(buf_done) struct buf seen = BUF_INIT(1024);

		for (size_t at = 0; at < in.n; at += piece) {
			size_t n = in.n - at < piece ? in.n - at : piece;

			guest_lines_feed(&l, bytes_of(in.p + at, n), count_line, &seen);
		}
		assert_string_equal(buf_cstr(&seen), want);
	}
}

static void test_clean_text(void **state)
{
	AUTO(buf_done) struct buf out = BUF_INIT(64);

	(void)state;
	guest_text_clean(bytes_str("a\x1b[2Jb\tc\x07\x7f"), &out);
	assert_string_equal(buf_cstr(&out), "a?[2Jb c??");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stages),
		cmocka_unit_test(test_lying_guest),
		cmocka_unit_test(test_file_format),
		cmocka_unit_test(test_kept),
		cmocka_unit_test(test_log_lines),
		cmocka_unit_test(test_line_splitting),
		cmocka_unit_test(test_clean_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
