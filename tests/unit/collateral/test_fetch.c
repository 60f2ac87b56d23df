/* AMD's and Intel's servers, played by a process that can be told to misbehave. */
#include "certs.h"

#include <ctype.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include <base/file.h>
#include <collateral/fetch.h>
#include <net/http_server.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

enum manner {
	GOOD,
	BUSY,	     /* 429 and Retry-After: 2, `times` times */
	BUSY_LONG,   /* 503 and Retry-After: 900 */
	BUSY_SILENT, /* 503 alone, `times` times */
	BROKEN,	     /* 500, `times` times */
	GONE,	     /* 404 */
	OTHER,	     /* 200 with a page of text */
	CUT,	     /* 200 with half a certificate */
	ESCAPES,     /* issuer chain with a wrong escape */
};

struct server {
	enum manner manner;
	unsigned times, hits;
	char last[512]; /* path and query last asked for */
};

static struct server *srv; /* shared with its process */
static pid_t pid;
static char url[64];

/* ---- the server ---- */

static void answer_good(struct http_exchange *x)
{
	char name[64];
	(void)snprintf(name, sizeof(name), "%.20s %u", http_x_path(x) + 1, srv->hits);
	AUTO(buf_done) struct buf body = cert_make(name, 30), chain = BUF_INIT(64 * 1024);

	if (strstr(http_x_path(x), "/tcb")) {
		AUTO(buf_done) struct buf issuer = cert_make("issuer", 30);
		for (size_t i = 0; i < issuer.n; i++)
			if (isalnum(issuer.p[i]))
				buf_u8(&chain, issuer.p[i]);
			else
				buf_printf(&chain, "%%%02X", issuer.p[i]);
		if (srv->manner == ESCAPES)
			buf_puts(&chain, "%zz");
		http_x_add_header(x, "TCB-Info-Issuer-Chain", buf_cstr(&chain));
	}
	http_x_answer(x, 200, NULL, bytes_of(body.p, srv->manner == CUT ? body.n / 2 : body.n));
}

static void answer_later(struct http_exchange *x, int status, const char *seconds)
{
	if (seconds)
		http_x_add_header(x, "Retry-After", seconds);
	http_x_answer(x, status, NULL, BYTES_NONE);
}

static void handle(void *arg, struct http_exchange *x)
{
	const char *fmspc = http_x_query(x, "fmspc");
	bool again = srv->times > 0;

	(void)arg;
	srv->hits++;
	srv->times -= again;
	(void)snprintf(srv->last, sizeof(srv->last), "%s%s%s", http_x_path(x),
		fmspc ? "?fmspc=" : "", fmspc ? fmspc : "");
	if (srv->manner == BUSY && again)
		answer_later(x, 429, "2");
	else if (srv->manner == BUSY_LONG)
		answer_later(x, 503, "900");
	else if (srv->manner == BUSY_SILENT && again)
		answer_later(x, 503, NULL);
	else if (srv->manner == BROKEN && again)
		answer_later(x, 500, NULL);
	else if (srv->manner == GONE)
		answer_later(x, 404, NULL);
	else if (srv->manner == OTHER)
		http_x_answer(x, 200, NULL, bytes_str("<html>maintenance</html>"));
	else
		answer_good(x);
}

static void serve(int port_fd)
{
	struct http_server *s = NULL;
	struct loop *l = NULL;
	int value;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (failed(loop_new(&l)) ||
		failed(http_server_new(l,
			&(struct http_server_config){ .address = "127.0.0.1", .handle = handle },
			&s)))
		_exit(1);
	uint16_t port = http_server_port(s);
	if (write(port_fd, &port, sizeof(port)) != sizeof(port))
		_exit(1);
	err_ignore(loop_run(l, &value)); /* killed here */
	_exit(1);
}

static int start(void **state)
{
	int fds[2];
	uint16_t port;

	(void)state;
	srv = mmap(NULL, sizeof(*srv), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(srv != MAP_FAILED);
	assert_int_equal(pipe(fds), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		serve(fds[1]);
	(void)close(fds[1]);
	assert_int_equal(read(fds[0], &port, sizeof(port)), sizeof(port));
	(void)close(fds[0]);
	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u", port);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	return 0;
}

/* ---- what is asked of it ---- */

struct run {
	struct cstore *s;
	struct fetch_config c;
	struct fetch_count n;
	unsigned slept_ms;
	char *path;
};

static void sleep_not(void *arg, unsigned ms)
{
	struct run *r = arg;

	r->slept_ms += ms;
}

static struct run *begin(const char *name, enum manner manner, unsigned times)
{
	static struct run r;

	r = (struct run){ .c = { .kds_url = url,
				  .pcs_url = url,
				  .refresh_after_s = 3600,
				  .now = CERT_NOW,
				  .sleep = sleep_not,
				  .progress_arg = &r } };
	assert_ok(str_format(&r.path, "%s/%s", test_dir(), name));
	assert_ok(cstore_open(r.path, true, &r.s));
	srv->manner = manner;
	srv->times = times;
	srv->hits = 0;
	return &r;
}

static void end(struct run *r)
{
	cstore_freep(&r->s);
	free(r->path);
}

static void tcb_info(struct run *r)
{
	assert_ok(fetch_tcb_info(r->s, &r->c, "50806F000000", true, &r->n));
}

static void expect(const struct run *r, unsigned fetched, unsigned fresh, unsigned bad)
{
	assert_int_equal(r->n.fetched, fetched);
	assert_int_equal(r->n.fresh, fresh);
	assert_int_equal(r->n.failed, bad);
}

static void test_addresses(void **state)
{
	struct run *r = begin("addresses", GOOD, 0);
	char source[256];

	(void)state;
	assert_ok(fetch_amd_product(r->s, &r->c, "milan", &r->n));
	expect(r, 4, 0, 0);
	static const char *const paths[] = { "vcek/v1/Milan/cert_chain", "vcek/v1/Milan/crl",
		"vlek/v1/Milan/cert_chain", "vlek/v1/Milan/crl" };
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		(void)snprintf(source, sizeof(source), "%s/%s", url, paths[i]);
		assert_non_null(cstore_of_source(r->s, source));
	}
	tcb_info(r);
	assert_string_equal(srv->last, "/tdx/certification/v4/tcb?fmspc=50806F000000");
	(void)snprintf(source, sizeof(source),
		"%s/tdx/certification/v4/tcb?fmspc=50806F000000#tcb-info-issuer-chain", url);
	assert_non_null(cstore_of_source(r->s, source));
	assert_non_null(strstr(cstore_of_source(r->s, source)->subject, "issuer"));
	assert_ok(fetch_intel_common(r->s, &r->c, &r->n));
	expect(r, 10, 0, 0);
	assert_string_equal(srv->last, "/sgx/certification/v4/rootcacrl");
	assert_ok(fetch_vcek(r->s, &r->c, "Milan/00?blSPL=03", &r->n));
	assert_string_equal(srv->last, "/vcek/v1/Milan/00");
	end(r);
}

static void test_wrong_names(void **state)
{
	struct run *r = begin("names", GOOD, 0);

	(void)state;
	assert_err(fetch_amd_product(r->s, &r->c, "Rome", &r->n), ERR_USAGE);
	assert_err(fetch_tcb_info(r->s, &r->c, "50806F", true, &r->n), ERR_USAGE);
	assert_err(fetch_tcb_info(r->s, &r->c, "50806F00000&", true, &r->n), ERR_USAGE);
	assert_int_equal(srv->hits, 0);
	end(r);
}

static void test_fresh_is_left_alone(void **state)
{
	struct run *r = begin("fresh", GOOD, 0);

	(void)state;
	tcb_info(r);
	r->c.now += 3599;
	tcb_info(r);
	expect(r, 1, 1, 0);
	r->c.now += 1;
	tcb_info(r);
	expect(r, 2, 1, 0);
	assert_int_equal(r->s->n_items, 2); /* and its chain */
	/* Young but expired. */
	r->c.refresh_after_s = 365 * (int64_t)CERT_DAY;
	r->c.now = CERT_NOW + 31 * (int64_t)CERT_DAY;
	tcb_info(r);
	expect(r, 3, 1, 0);
	end(r);
}

static void test_trouble_passes(void **state)
{
	static const struct {
		enum manner manner;
		unsigned times, hits, at_least_ms;
	} table[] = {
		{ BUSY, 1, 2, 2000 },
		{ BUSY, 2, 3, 4000 },
		{ BUSY_SILENT, 1, 2, 1000 },
		{ BROKEN, 2, 3, 1500 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		char name[32];
		(void)snprintf(name, sizeof(name), "trouble-%zu", i);
		struct run *r = begin(name, table[i].manner, table[i].times);
		tcb_info(r);
		expect(r, 1, 0, 0);
		assert_int_equal(srv->hits, table[i].hits);
		assert_true(r->slept_ms >= table[i].at_least_ms);
		end(r);
	}
}

/* Whatever comes instead, what the store has stays. */
static void test_trouble_stays(void **state)
{
	static const struct {
		enum manner manner;
		unsigned hits;
	} table[] = {
		{ BROKEN, 3 },
		{ GONE, 1 },
		{ OTHER, 1 },
		{ CUT, 1 },
		{ BUSY_LONG, 1 },
		{ BUSY, 3 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		char name[32];
		(void)snprintf(name, sizeof(name), "stays-%zu", i);
		struct run *r = begin(name, GOOD, 0);
		tcb_info(r);
		AUTO(auto_free) char *before = NULL;
		assert_ok(str_dup(r->s->items[0].sha256, &before));
		srv->manner = table[i].manner;
		srv->times = 1000;
		srv->hits = 0;
		r->c.now += 7200;
		tcb_info(r);
		expect(r, 1, 0, 1);
		assert_int_equal(srv->hits, table[i].hits);
		assert_int_equal(r->s->n_items, 2);
		assert_string_equal(r->s->items[0].sha256, before);
		end(r);
	}
}

static void test_bad_chain_keeps_the_old_pair(void **state)
{
	struct run *r = begin("chain", GOOD, 0);

	(void)state;
	tcb_info(r);
	AUTO(auto_free) char *before = NULL;
	assert_ok(str_dup(r->s->items[0].sha256, &before));
	srv->manner = ESCAPES;
	r->c.now += 7200;
	tcb_info(r);
	expect(r, 1, 0, 1);
	assert_string_equal(r->s->items[0].sha256, before);
	end(r);
}

/* A server that wants to be left alone is, also by the next process. */
static void test_limit_is_remembered(void **state)
{
	struct run *r = begin("limit", BUSY_LONG, 0);

	(void)state;
	tcb_info(r);
	assert_int_equal(srv->hits, 1);
	assert_ok(cstore_commit(r->s));
	cstore_freep(&r->s);
	assert_ok(cstore_open(r->path, true, &r->s));
	srv->manner = GOOD;
	r->c.now += 60;
	tcb_info(r);
	assert_int_equal(srv->hits, 1);
	expect(r, 0, 0, 2);
	r->c.now += 840;
	tcb_info(r);
	expect(r, 1, 0, 2);
	end(r);
}

static void test_nobody_there(void **state)
{
	struct run *r = begin("nobody", GOOD, 0);

	(void)state;
	r->c.pcs_url = "http://127.0.0.1:1";
	tcb_info(r);
	expect(r, 0, 0, 1);
	assert_int_equal(r->s->n_items, 0);
	end(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_wrong_names),
		cmocka_unit_test(test_fresh_is_left_alone),
		cmocka_unit_test(test_trouble_passes),
		cmocka_unit_test(test_trouble_stays),
		cmocka_unit_test(test_bad_chain_keeps_the_old_pair),
		cmocka_unit_test(test_limit_is_remembered),
		cmocka_unit_test(test_nobody_there),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
