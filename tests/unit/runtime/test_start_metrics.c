/* Histograms of starts, and the whole text of the metrics by the rules of Prometheus' readers. */
#include "util.h"

#include <ctype.h>
#include <signal.h>
#include <stdio.h>

#include <base/file.h>
#include <runtime/pod_metrics.h>
#include <runtime/start_metrics.h>
#include <sys/wait.h>

/* ---- the format: HELP and TYPE once and before, no sample twice, buckets that add up ---- */

enum {
	FAMILIES_MAX = 64,
	LINES_MAX = 512
};

struct text_check {
	struct {
		char name[96], type[16];
	} families[FAMILIES_MAX];
	size_t n_families;
	char samples[LINES_MAX][256]; /* name and labels */
	size_t n_samples;
	/* Of the histogram under way. */
	uint64_t bucket;
	bool infinite;
};

static void on_comment(struct text_check *c, const char *line)
{
	char name[96], type[16];

	if (sscanf(line, "# HELP %95s", name) == 1) {
		for (size_t i = 0; i < c->n_families; i++)
			assert_string_not_equal(c->families[i].name, name);
		assert_true(c->n_families < FAMILIES_MAX);
		(void)snprintf(c->families[c->n_families++].name, sizeof(name), "%s", name);
		return;
	}
	assert_int_equal(sscanf(line, "# TYPE %95s %15s", name, type), 2);
	assert_true(c->n_families > 0);
	assert_string_equal(c->families[c->n_families - 1].name, name);
	assert_string_equal(c->families[c->n_families - 1].type, "");
	assert_true(str_equal(type, "gauge") || str_equal(type, "counter") ||
		    str_equal(type, "histogram"));
	(void)snprintf(c->families[c->n_families - 1].type, sizeof(type), "%s", type);
}

static void on_histogram(struct text_check *c, const char *suffix, const char *labels, double v)
{
	const uint64_t n = (uint64_t)v;

	if (str_equal(suffix, "_bucket")) {
		assert_non_null(strstr(labels, "le=\""));
		if (c->infinite)
			c->bucket = 0;
		assert_true(n >= c->bucket);
		c->bucket = n;
		c->infinite = strstr(labels, "le=\"+Inf\"") != NULL;
	} else if (str_equal(suffix, "_count")) {
		assert_true(c->infinite);
		assert_int_equal(n, c->bucket);
	} else {
		assert_string_equal(suffix, "_sum");
		assert_true(c->infinite);
	}
}

static void on_sample(struct text_check *c, const char *line)
{
	const char *blank = strrchr(line, ' ');
	const size_t name = strcspn(line, "{ ");
	const char *family, *type;
	char *end;

	assert_non_null(blank);
	assert_true(c->n_families > 0);
	family = c->families[c->n_families - 1].name;
	type = c->families[c->n_families - 1].type;
	assert_true(strncmp(line, family, strlen(family)) == 0);
	for (size_t i = 0; i < name; i++)
		assert_true(isalnum((unsigned char)line[i]) || line[i] == '_');
	const double v = strtod(blank + 1, &end);
	assert_true(end != blank + 1 && *end == '\0');
	char *key = c->samples[c->n_samples++];
	assert_true(c->n_samples < LINES_MAX);
	(void)snprintf(key, sizeof(c->samples[0]), "%.*s", (int)(blank - line), line);
	for (size_t i = 0; i + 1 < c->n_samples; i++)
		assert_string_not_equal(c->samples[i], key);
	if (str_equal(type, "histogram")) {
		char suffix[16] = "";
		(void)snprintf(suffix, sizeof(suffix), "%.*s", (int)(name - strlen(family)),
			line + strlen(family));
		on_histogram(c, suffix, key + name, v);
		return;
	}
	assert_int_equal(name, strlen(family));
	if (str_equal(type, "counter"))
		assert_true(str_ends(family, "_total"));
}

static void check_text(const char *whole)
{
	AUTO(auto_free) struct text_check *c = calloc(1, sizeof(*c));
	AUTO(auto_free) char *text = strdup(whole);
	char *rest = text;

	assert_non_null(c);
	assert_non_null(text);
	assert_true(str_ends(text, "\n"));
	for (char *line = strsep(&rest, "\n"); line && rest; line = strsep(&rest, "\n")) {
		if (line[0] == '#')
			on_comment(c, line);
		else
			on_sample(c, line);
	}
}

/* ---- starts ---- */

static void state_dir(const char *name, char **ret_dir)
{
	assert_ok(path_join(test_dir(), name, ret_dir));
}

static void read_all(const char *dir, struct buf *out)
{
	AUTO(auto_free) struct start_metrics *m = calloc(1, sizeof(*m));

	assert_non_null(m);
	assert_ok(start_metrics_read(dir, m));
	start_metrics_put(m, out);
	buf_cstr(out);
}

static void assert_line(struct buf *text, const char *line)
{
	if (!strstr(buf_cstr(text), line))
		fail_msg("no %s in\n%s", line, buf_cstr(text));
}

static const struct timeline example = {
	.ms = { [TIMELINE_LAUNCH] = 60, [TIMELINE_KERNEL] = 900, [TIMELINE_PULL] = 400000 },
	.known = { [TIMELINE_LAUNCH] = true, [TIMELINE_KERNEL] = true, [TIMELINE_PULL] = true },
	.ready = 7000,
};

static void test_histograms(void **state)
{
	(void)state;
	AUTO(auto_free) char *dir = NULL;
	AUTO(buf_done) struct buf out = BUF_INIT(1024 * 1024);

	state_dir("histograms", &dir);
	read_all(dir, &out);
	assert_int_equal(out.n, 0);
	for (int i = 0; i < 3; i++)
		assert_ok(start_metrics_add(dir, "vtpm", &example));
	assert_ok(start_metrics_add(dir, "none", &example));
	assert_ok(start_metrics_add_image(dir, "vtpm", 2500));
	assert_ok(start_metrics_add_image(dir, "vtpm", UINT64_MAX)); /* not believed */
	assert_err(start_metrics_add(dir, "other", &example), ERR_NOT_FOUND);
	read_all(dir, &out);
	assert_line(&out, "\nsealpod_start_stage_seconds_bucket{platform=\"vtpm\",stage=\"launch\","
			  "le=\"0.050\"} 0\n");
	assert_line(&out, "{platform=\"vtpm\",stage=\"launch\",le=\"0.100\"} 3\n");
	assert_line(&out, "{platform=\"vtpm\",stage=\"pull\",le=\"300.000\"} 0\n");
	assert_line(&out, "{platform=\"vtpm\",stage=\"pull\",le=\"+Inf\"} 3\n");
	assert_line(&out, "\nsealpod_start_seconds_sum{platform=\"vtpm\"} 21.000\n");
	assert_line(&out, "\nsealpod_start_seconds_count{platform=\"none\"} 1\n");
	assert_line(
		&out, "\nsealpod_image_pull_seconds_bucket{platform=\"vtpm\",le=\"2.500\"} 1\n");
	assert_line(&out, "\nsealpod_image_pull_seconds_count{platform=\"vtpm\"} 1\n");
	check_text(buf_cstr(&out));
}

/* A file that is cut, of another layout or a link is not taken for numbers. */
static void test_damaged(void **state)
{
	(void)state;
	AUTO(auto_free) char *dir = NULL;
	AUTO(auto_free) char *path = NULL;
	AUTO(buf_done) struct buf file = BUF_INIT(1024 * 1024);

	state_dir("damaged", &dir);
	assert_ok(path_join(dir, START_METRICS_FILE, &path));
	assert_ok(start_metrics_add(dir, "none", &example));
	assert_ok(file_read(path, &file));
	for (size_t n = 0; n < file.n; n += n < 200 ? 1 : 97) {
		AUTO(buf_done) struct buf out = BUF_INIT(1024 * 1024);

		assert_ok(file_write(path, bytes_of(file.p, n)));
		assert_int_equal(truncate(path, (off_t)n), 0);
		read_all(dir, &out);
		assert_int_equal(out.n, 0);
	}
	for (size_t i = 0; i < 16; i++) {
		AUTO(buf_done) struct buf out = BUF_INIT(1024 * 1024);

		file.p[i] ^= 1;
		assert_ok(file_write(path, buf_bytes(&file)));
		file.p[i] ^= 1;
		assert_ok(start_metrics_add(dir, "none", &example)); /* begins anew */
		read_all(dir, &out);
		assert_line(&out, "sealpod_start_seconds_count{platform=\"none\"} 1\n");
	}
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("/dev/null", path), 0);
	assert_err(start_metrics_add(dir, "none", &example), ERR_SYS);
}

/* Many owners at once, one of which is killed in the middle of it again and again. */
static void test_owners(void **state)
{
	enum {
		OWNERS = 4,
		STARTS = 100
	};
	(void)state;
	AUTO(auto_free) char *dir = NULL;
	AUTO(buf_done) struct buf out = BUF_INIT(1024 * 1024);
	pid_t pids[OWNERS];

	state_dir("owners", &dir);
	assert_ok(start_metrics_add(dir, "vtpm", &example));
	for (size_t i = 0; i < OWNERS; i++) {
		pids[i] = fork();
		assert_true(pids[i] >= 0);
		for (int k = 0; pids[i] == 0 && (k < STARTS || i == 0); k++) {
			const char *platform = i == 0 ? "none" : "vtpm";

			while (failed(start_metrics_add(dir, platform, &example)))
				; /* the lock was busy for long */
		}
		if (pids[i] == 0)
			_exit(0);
	}
	for (size_t i = 1; i < OWNERS; i++)
		assert_int_equal(waitpid(pids[i], NULL, 0), pids[i]);
	assert_int_equal(kill(pids[0], SIGKILL), 0);
	assert_int_equal(waitpid(pids[0], NULL, 0), pids[0]);
	read_all(dir, &out);
	assert_line(&out, "sealpod_start_seconds_count{platform=\"vtpm\"} 301\n");
	check_text(buf_cstr(&out));
	assert_ok(start_metrics_add(dir, "none", &example)); /* its lock went with it */
}

/* Everything that `sealpod metrics` says, with a pod. */
static void test_whole_text(void **state)
{
	(void)state;
	AUTO(auto_free) char *dir = NULL;
	AUTO(pod_metrics_freep) struct pod_metrics *m = NULL;
	AUTO(buf_done) struct buf out = BUF_INIT(POD_METRICS_MAX);
	struct pod p = { 0 };

	state_dir("text", &dir);
	assert_ok(pod_create(dir, "one", &p));
	assert_ok(strv_add(&p.state.containers, "a\"b\\c"));
	assert_ok(pod_save(&p));
	assert_ok(start_metrics_add(dir, "vtpm", &example));
	assert_ok(pod_metrics_new(dir, dir, &m));
	assert_ok(pod_metrics_read(m, &out));
	assert_line(&out, "\nsealpod_pod_host_processes{pod=\"one\"} 1\n");
	assert_line(&out, "\nsealpod_pod_host_memory_bytes{pod=\"one\"} ");
	assert_line(&out, "\n# TYPE sealpod_start_seconds histogram\n");
	check_text(buf_cstr(&out));
	pod_remove(&p);
	pod_done(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_histograms),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_owners),
		cmocka_unit_test(test_whole_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
