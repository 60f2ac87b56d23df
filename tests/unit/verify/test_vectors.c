/*
 * Every line of the vectors' MANIFEST.tsv through the library, as a user would: evidence is judged
 * with what lies beside it, certificates are chained, lists and signed JSON are checked, logs are
 * replayed, everything else is decoded. A new line needs no code as long as its kind is known; a
 * kind that is not known is decoded. MUTATIONS.tsv: the same with one byte changed must fail.
 */
#include "collateral.h"
#include "util.h"
#include "vectors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <base/auto.h>
#include <base/clock.h>
#include <base/encode.h>
#include <sealpod/verify.h>
#include <tee/eventlog.h>
#include <tee/tee.h>

enum {
	LINES_MAX = 1024,
	FIELDS = 8,
	SIGNATURE_SIZE = 64,
};

struct line lines[LINES_MAX];
size_t n_lines;

/* One byte changed while a mutation is tested. */
static struct {
	const char *path;
	size_t offset;
	uint8_t xor ;
	bool used;
} mutation;

/* ---- manifest ---- */

static char *next_field(char **rest, char end)
{
	char *start = *rest, *at = strchr(start, end);

	if (at)
		*at = '\0';
	*rest = at ? at + 1 : start + strlen(start);
	return start;
}

static void parse_line(char *text)
{
	char *f[FIELDS];

	for (size_t i = 0; i < FIELDS; i++)
		f[i] = next_field(&text, '\t');
	assert_true(n_lines < LINES_MAX);
	lines[n_lines++] = (struct line){ f[0], f[1], f[2], f[5], f[6] };
}

static bool load_manifest(void)
{
	const char *dir = getenv("SEALPOD_VECTORS");
	AUTO(auto_free) char *path = NULL;
	char buf[4096];

	if (asprintf(&path, "%s/MANIFEST.tsv", dir ? dir : test_source("../shared/vectors")) < 0)
		return false;
	FILE *f = fopen(path, "r");
	if (!f)
		return false;
	bool head = true;
	while (fgets(buf, sizeof(buf), f)) {
		buf[strcspn(buf, "\n")] = '\0';
		if (!head && buf[0])
			parse_line(strdup(buf));
		head = false;
	}
	(void)fclose(f);
	return n_lines > 0;
}

struct buf load(const char *path)
{
	struct buf file = test_file(test_vector(path));

	if (mutation.path && strcmp(mutation.path, path) == 0) {
		assert_true(mutation.offset < file.n);
		file.p[mutation.offset] ^= mutation.xor ;
		mutation.used = true;
	}
	return file;
}

bool starts(const char *s, const char *with)
{
	return strncmp(s, with, strlen(with)) == 0;
}

bool is_invalid(const struct line *l)
{
	return starts(l->expect, "INVALID");
}

static size_t dir_length(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? (size_t)(slash - path) : 0;
}

bool same_dir(const struct line *a, const struct line *b)
{
	size_t n = dir_length(a->path);

	return n == dir_length(b->path) && strncmp(a->path, b->path, n) == 0;
}

int64_t time_of(const struct line *l)
{
	int64_t t;

	assert_ok(clock_parse(strcmp(l->time, "-") == 0 ? "2026-01-01T00:00:00Z" : l->time, &t));
	return t;
}

/* ---- evidence: which kinds are, and what lies beside them ---- */

static const struct {
	const char *kind, *platform; /* platform NULL: the line's TEE */
} evidence_kinds[] = {
	{ "snp-report", "snp" },
	{ "snp-ext-report", "snp" },
	{ "tdx-quote", "tdx" },
	{ "sgx-quote", "sgx" },
	{ "hcl-report", NULL },
	{ "evidence-json", NULL },
	{ "cca-token", "cca" },
	{ "csv-evidence", "csv" },
};

/* Files of the same folder, by what they are for. */
static const struct {
	const char *kind, *role;
} beside_kinds[] = {
	{ "vcek", "collateral" },
	{ "vlek", "collateral" },
	{ "collateral", "collateral" },
};

/* Beside an HCL report: the TPM's and the TD's quotes. */
static const struct {
	const char *kind, *role;
} beside_hcl[] = {
	{ "tpm-quote-bincode", "quote" },
	{ "tdx-quote", "td-quote" },
};

static bool is_public_key(const struct line *l);

static const char *platform_of(const struct line *l)
{
	if (is_public_key(l))
		return NULL;
	for (size_t i = 0; i < ARRAY_LEN(evidence_kinds); i++)
		if (starts(l->kind, evidence_kinds[i].kind))
			return evidence_kinds[i].platform ? evidence_kinds[i].platform : l->tee;
	return NULL;
}

static void add(struct sealpod_verify *v, const char *role, const char *path)
{
	AUTO(buf_done) struct buf file = load(path);

	if (sealpod_verify_bytes(v, role, file.p, file.n) != SEALPOD_VERIFIED)
		fail_msg("%s as %s: %s", path, role, sealpod_verify_error(v));
}

/* Published collateral of a vendor is of use to all its evidence. */
static bool is_common_collateral(const struct line *l, const struct line *c)
{
	bool intel = strcmp(l->tee, "tdx") == 0 || strcmp(l->tee, "sgx") == 0 ||
		     strcmp(l->tee, "az-tdx-vtpm") == 0;

	if (intel)
		return strcmp(c->kind, "collateral") == 0;
	return strcmp(c->kind, "amd-crl-pem") == 0 && strstr(l->tee, "snp");
}

/* The key of an Arm platform: nothing but the operator's word makes it a root. */
static bool is_public_key(const struct line *l)
{
	const char *dot = strrchr(l->path, '.');

	return dot && strcmp(dot, ".pub") == 0 && strcmp(l->tee, "cca") == 0;
}

static void add_beside(struct sealpod_verify *v, const struct line *l)
{
	for (size_t i = 0; i < n_lines; i++) {
		const struct line *c = &lines[i];
		if (c == l || is_invalid(c))
			continue;
		for (size_t k = 0; same_dir(l, c) && k < ARRAY_LEN(beside_kinds); k++)
			if (starts(c->kind, beside_kinds[k].kind))
				add(v, beside_kinds[k].role, c->path);
		for (size_t k = 0; same_dir(l, c) && starts(l->kind, "hcl-report") &&
				   k < ARRAY_LEN(beside_hcl);
			k++)
			if (starts(c->kind, beside_hcl[k].kind))
				add(v, beside_hcl[k].role, c->path);
		if (same_dir(l, c) && is_public_key(c))
			add(v, "root", c->path);
		if (is_common_collateral(l, c))
			add(v, "collateral", c->path);
	}
}

static void set_hex(struct sealpod_verify *v, const char *option, struct bytes value)
{
	AUTO(buf_done) struct buf hex = BUF_INIT(1024);

	hex_encode(value, &hex);
	assert_int_equal(sealpod_verify_set(v, option, buf_cstr(&hex)), SEALPOD_VERIFIED);
}

/* What the manifest says in words: a nonce, a VMPL, a root. */
static void set_expected(struct sealpod_verify *v, const struct line *l)
{
	const char *nonce = strstr(l->expect, "nonce \"");
	const char *vmpl = strstr(l->expect, "vmpl ");
	const char *root = strstr(l->expect, "use ");
	char word[256];

	if (nonce && sscanf(nonce, "nonce \"%200[^\"]\"", word) == 1 && !strstr(word, ".."))
		set_hex(v, "nonce", bytes_str(word));
	if (vmpl && sscanf(vmpl, "vmpl %1[0-3]", word) == 1)
		assert_int_equal(sealpod_verify_set(v, "vmpl", word), SEALPOD_VERIFIED);
	if (root && sscanf(root, "use %200s as root", word) == 1)
		add(v, "root", word);
}

static struct sealpod_verify *prepare(const struct line *l, const char *platform)
{
	struct sealpod_verify *v = sealpod_verify_new();

	assert_non_null(v);
	assert_int_equal(sealpod_verify_set(v, "platform", platform), SEALPOD_VERIFIED);
	assert_int_equal(sealpod_verify_set(v, "at",
				 strcmp(l->time, "-") == 0 ? "2026-01-01T00:00:00Z" : l->time),
		SEALPOD_VERIFIED);
	assert_int_equal(sealpod_verify_set(v, "crl-required", "no"), SEALPOD_VERIFIED);
	add(v, "evidence", l->path);
	add_beside(v, l);
	set_expected(v, l);
	return v;
}

/* Of Intel's quotes the manifest says that the signatures hold; the TCB is another table's. Lists
 * at hand may be of another time than the evidence. */
static bool is_tolerated(const char *what, const char *code)
{
	/* The set of the time at hand may have been signed under the next certificate of that key.
	 */
	if (starts(what, "TCB signing certificate") && starts(code, "certificate."))
		return true;

	static const char *const codes[] = { "tdx.tcb-status", "tdx.fmspc", "tdx.collateral-time",
		"collateral.missing", "crl.missing", "crl.expired", "crl.not-yet-valid" };

	for (size_t i = 0; i < ARRAY_LEN(codes); i++)
		if (strcmp(code, codes[i]) == 0)
			return true;
	return false;
}

/* Intel's generated set has random attributes, and component numbers beyond a byte. */
static bool is_tolerated_of(const struct line *l, const char *what, const char *code)
{
	bool intel = strstr(l->kind, "quote") || strstr(l->tee, "tdx");

	if (!intel && !starts(code, "crl."))
		return false;
	return is_tolerated(what, code) ||
	       (strstr(l->expect, "synthetic") &&
		       (strcmp(code, "tdx.attributes") == 0 ||
			       strcmp(code, "tdx.collateral-damaged") == 0));
}

static bool failed_with(const struct sealpod_verify *v, const char *const *codes)
{
	struct sealpod_check c;

	for (size_t i = 0; sealpod_verify_check(v, i, &c); i++)
		for (size_t k = 0; c.verdict == SEALPOD_CHECK_FAILED && codes[k]; k++)
			if (strcmp(c.code, codes[k]) == 0)
				return true;
	return false;
}

/* A line whose TCB info and identity of that time are among the vectors has the status that it
 * names; only "UpToDate" is accepted without a word of the operator. */
static bool status_is_as_said(const struct sealpod_verify *v, const struct line *l)
{
	static const char *const absent[] = { "tdx.fmspc", "tdx.collateral-time",
		"collateral.missing", NULL };
	static const char *const status[] = { "tdx.tcb-status", NULL };
	static const char *const others[] = { "OutOfDate", "NO matching", "ConfigurationAndSW",
		"synthetic" };

	if (!failed_with(v, status) || failed_with(v, absent))
		return true;
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		if (strstr(l->expect, others[i]))
			return true;
	return false;
}

/* Whether any check failed that the manifest does not allow for. */
static bool has_failed(const struct sealpod_verify *v, const struct line *l, const char **ret_code)
{
	struct sealpod_check c;

	*ret_code = "tdx.tcb-status";
	if (!status_is_as_said(v, l))
		return true;
	for (size_t i = 0; sealpod_verify_check(v, i, &c); i++) {
		if (c.verdict != SEALPOD_CHECK_FAILED || is_tolerated_of(l, c.what, c.code))
			continue;
		*ret_code = c.code;
		return true;
	}
	return false;
}

static void freep(struct sealpod_verify **v)
{
	sealpod_verify_free(*v);
}

/* True: as good as the manifest says. */
static bool judge(const struct line *l, const char *platform, bool allow_debug, bool loud)
{
	AUTO(freep) struct sealpod_verify *v = prepare(l, platform);
	const char *code = "";

	if (allow_debug)
		assert_int_equal(sealpod_verify_set(v, "allow-debug", "yes"), SEALPOD_VERIFIED);
	enum sealpod_status status = sealpod_verify_run(v);
	if (status == SEALPOD_VERIFIED)
		return true;
	bool good = status == SEALPOD_NOT_ACCEPTABLE && !has_failed(v, l, &code);
	if (!good && loud)
		print_error("%s", sealpod_verify_text(v));
	return good;
}

static void wants_denial(const struct line *l, const char *platform, const char *code)
{
	AUTO(freep) struct sealpod_verify *v = prepare(l, platform);
	struct sealpod_check c;

	assert_int_equal(sealpod_verify_run(v), SEALPOD_NOT_ACCEPTABLE);
	for (size_t i = 0; sealpod_verify_check(v, i, &c); i++)
		if (c.verdict == SEALPOD_CHECK_FAILED && strcmp(c.code, code) == 0)
			return;
	fail_msg("%s: not refused with %s: %s", l->path, code, sealpod_verify_error(v));
}

static void inspect(const struct line *l)
{
	AUTO(buf_done) struct buf file = load(l->path);
	AUTO(auto_free) char *text = NULL;

	enum sealpod_status status = sealpod_inspect(file.p, file.n, false, &text);
	if (status != SEALPOD_VERIFIED && !is_invalid(l))
		fail_msg("%s (%s): %s", l->path, l->kind, text ? text : "");
}

static void check_evidence(const struct line *l, const char *platform)
{
	bool debug = strstr(l->expect, "DEBUG") != NULL;

	if (is_invalid(l)) {
		assert_false(judge(l, platform, true, false));
		return;
	}
	inspect(l);
	if (!starts(l->expect, "VALID") && !strstr(l->expect, "UNVERIFIABLE") &&
		!strstr(l->expect, "parse-only"))
		return; /* nothing is said of a verdict */
	if (strstr(l->expect, "UNVERIFIABLE") || strstr(l->expect, "parse-only")) {
		wants_denial(l, platform, "collateral.missing");
		return;
	}
	if (debug)
		wants_denial(l, platform, "evidence.debug");
	assert_true(judge(l, platform, debug, true));
}

/* ---- certificates and lists: chained among those of their TEE ---- */

static bool is_x509(const struct line *l)
{
	static const char *const kinds[] = { "vcek", "vlek", "amd-ca", "azure-ak", "azure-vtpm",
		"root-ca" };

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (starts(l->kind, kinds[i]))
			return true;
	return false;
}

/* Azure's SNP guests have AMD's certificates. */
static bool same_vendor(const struct line *a, const struct line *b)
{
	const char *x = starts(a->tee, "az-snp") ? "snp" : a->tee;
	const char *y = starts(b->tee, "az-snp") ? "snp" : b->tee;

	return strcmp(x, y) == 0;
}

/* Of a certificate of which only the signature is said to hold. */
static int64_t inside(const struct line *l, const struct x509 *c)
{
	int64_t t = time_of(l);

	if (strncmp(l->expect, "VALID", 5) == 0 || is_invalid(l) || t <= x509_not_after(c))
		return t;
	return x509_not_after(c) - 1;
}

/* Self-issued certificates are the anchors here; that the right ones are built in is tested beside
 * the platforms. */
static void pool_of(const struct line *l, struct collateral *pool, struct x509_list *anchors)
{
	*anchors = (struct x509_list){ 0 };
	for (size_t i = 0; i < n_lines; i++) {
		if (!same_vendor(&lines[i], l) || is_invalid(&lines[i]) ||
			(!is_x509(&lines[i]) && strcmp(lines[i].kind, "collateral") != 0))
			continue;
		AUTO(buf_done) struct buf file = load(lines[i].path);
		assert_ok(collateral_add(pool, buf_bytes(&file), lines[i].path));
	}
	for (size_t i = 0; i < pool->n; i++)
		if (pool->v[i]->cert && x509_is_self_issued(pool->v[i]->cert) &&
			anchors->n < X509_CERTS_MAX)
			anchors->v[anchors->n++] = pool->v[i]->cert;
}

static bool chains(const struct line *l)
{
	AUTO(collateral_freep) struct collateral *pool = NULL, *own = NULL;
	AUTO(buf_done) struct buf file = load(l->path);
	struct x509_list anchors, issuers;

	assert_ok(collateral_new(&pool));
	assert_ok(collateral_new(&own));
	pool_of(l, pool, &anchors);
	if (failed(collateral_add(own, buf_bytes(&file), l->path)))
		return false;
	for (size_t i = 0; i < own->n; i++) {
		if (!own->v[i]->cert)
			continue;
		collateral_issuers(pool, own->v[i]->cert, &issuers);
		const struct x509_verify v = { .leaf = own->v[i]->cert,
			.untrusted = &issuers,
			.anchors = &anchors,
			.now = inside(l, own->v[i]->cert) };
		if (failed(x509_verify(&v)))
			return false;
	}
	return own->n > 0;
}

static const struct x509 *tcb_signing(const struct collateral *pool)
{
	for (size_t i = 0; i < pool->n; i++)
		if (pool->v[i]->cert && strstr(pool->v[i]->subject, "Intel SGX TCB Signing"))
			return pool->v[i]->cert;
	return NULL;
}

/* Both signing certificates that Intel had are of one key. */
static void check_signed_json(const struct collateral_item *item, const struct collateral *pool)
{
	const char *name = item->kind == COLLATERAL_TCB_INFO ? "tcbInfo" : "enclaveIdentity";
	AUTO(json_freep) struct json *root = NULL;
	AUTO(key_freep) struct key *key = NULL;
	AUTO(buf_done) struct buf der = BUF_INIT(256);
	uint8_t raw[SIGNATURE_SIZE];
	struct bytes text;
	const char *hex;

	assert_non_null(tcb_signing(pool));
	assert_ok(x509_public_key(tcb_signing(pool), &key));
	assert_ok(json_parse(buf_bytes(&item->bytes), &root));
	assert_ok(json_need_string(root, "signature", &hex));
	assert_ok(hex_decode_fixed(bytes_str(hex), "signature", raw, sizeof(raw)));
	assert_ok(ecdsa_raw_to_der(BYTES_OF(raw), &der));
	assert_ok(json_member_text(buf_bytes(&item->bytes), name, &text));
	assert_ok(key_verify(key, SIG_ECDSA_SHA256, text, buf_bytes(&der)));
}

static void check_crl(const struct collateral_item *item, const struct collateral *pool, int64_t t)
{
	for (size_t i = 0; i < pool->n; i++) {
		const struct x509 *c = pool->v[i]->cert;
		if (!c || !x509_crl_names_issuer(item->crl, c) ||
			failed(x509_crl_verify(item->crl, c, t)))
			continue;
		return;
	}
	fail_msg("%s: no certificate at hand signed it", item->origin);
}

static void check_collateral(const struct line *l)
{
	AUTO(collateral_freep) struct collateral *pool = NULL, *own = NULL;
	AUTO(buf_done) struct buf file = load(l->path);
	struct x509_list anchors;
	int64_t t = time_of(l);

	assert_ok(collateral_new(&pool));
	assert_ok(collateral_new(&own));
	pool_of(l, pool, &anchors);
	assert_ok(collateral_add(own, buf_bytes(&file), l->path));
	assert_ok(collateral_add(pool, buf_bytes(&file), l->path));
	for (size_t i = 0; i < own->n; i++) {
		const struct collateral_item *item = own->v[i];
		if (item->kind == COLLATERAL_TCB_INFO || item->kind == COLLATERAL_QE_IDENTITY) {
			check_signed_json(item, pool);
			assert_true(item->not_before <= t && t <= item->not_after);
		} else if (item->kind == COLLATERAL_CRL) {
			check_crl(item, pool, t);
		}
	}
}

/* ---- event logs: "MR1=<hex>" of the manifest ---- */

static void check_replay(const struct line *l)
{
	AUTO(buf_done) struct buf file = load(l->path);
	AUTO(eventlog_done) struct eventlog log = { 0 };
	const char *at = l->expect;
	size_t n = 0;

	assert_ok(eventlog_parse(buf_bytes(&file), EVENTLOG_PADDED, &log));
	while ((at = strstr(at, "MR"))) {
		struct digest_value v;
		unsigned index;
		char hex[2 * DIGEST_SHA384_SIZE + 1];
		if (sscanf(at++, "MR%u=%96[0-9a-f]", &index, hex) != 2)
			continue;
		assert_ok(eventlog_replay(&log, DIGEST_SHA384, index, &v));
		assert_bytes_equal(digest_bytes(&v), test_hex(hex));
		n++;
	}
	assert_true(n > 0 || !strstr(l->expect, "replay"));
}

/* ---- the line ---- */

static bool is_good(const struct line *l)
{
	const char *platform = platform_of(l);

	if (platform)
		return tee_by_platform(platform) &&
		       judge(l, platform, strstr(l->expect, "DEBUG") != NULL, false);
	if (is_x509(l))
		return chains(l);
	return vector_judge(l) == VECTOR_GOOD;
}

/* Inputs of the tables of launch digests, keys of requests, numbers without a form of their own:
 * the tests that use them read them. */
static bool is_input(const struct line *l)
{
	static const char *const kinds[] = { "ovmf-suffix", "idblock-fixture", "tdvf-fd",
		"test-key", "se-key", "ima-log", "ak-name", "rsa-sig", "expected-", "keyslot",
		"cca-claims", "ccel-decoded-json" };

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (starts(l->kind, kinds[i]))
			return true;
	return false;
}

/* What the line does not call good is bad, or nothing is said of it. */
static bool is_bad(const struct line *l)
{
	static const char *const words[] = { "INVALID", "CRL outside validity" };

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strstr(l->expect, words[i]))
			return true;
	return false;
}

static void judge_other(const struct line *l)
{
	enum vector_verdict v = vector_judge(l);

	if (v != VECTOR_UNKNOWN && (v == VECTOR_GOOD) == is_bad(l))
		fail_msg("%s (%s): %s, though the manifest says '%.60s'", l->path, l->kind,
			v == VECTOR_GOOD ? "good" : "bad", l->expect);
	if (!is_bad(l))
		inspect(l);
}

static void test_line(void **state)
{
	const struct line *l = *state;
	const char *platform = platform_of(l);

	if (is_input(l)) {
		AUTO(buf_done) struct buf file = load(l->path);
		assert_true(file.n > 0);
	} else if (platform)
		check_evidence(l, platform);
	else if (is_x509(l))
		assert_true(chains(l) != is_invalid(l));
	else if (strcmp(l->kind, "collateral") == 0 || strcmp(l->kind, "amd-crl-pem") == 0)
		check_collateral(l);
	else if (strcmp(l->kind, "ccel") == 0)
		check_replay(l);
	else
		judge_other(l);
}

/* ---- mutations ---- */

/* Every line whose verdict reads the file must be refused. */
static void test_mutation(void **state)
{
	const struct line *m = *state; /* path, offset, xor, what is expected */

	mutation.path = m->path;
	mutation.offset = (size_t)strtoul(m->tee, NULL, 0);
	mutation.xor = (uint8_t)strtoul(m->kind, NULL, 16);
	size_t judged = 0;
	for (size_t i = 0; i < n_lines; i++) {
		if (!same_dir(&lines[i], m) || is_invalid(&lines[i]))
			continue;
		mutation.path = NULL;
		bool was_good = is_good(&lines[i]);
		mutation.path = m->path;
		mutation.used = false;
		bool good = is_good(&lines[i]);
		if (!mutation.used || !was_good)
			continue;
		if (good)
			print_error("%s: still good with byte %s of %s changed\n", lines[i].path,
				m->tee, m->path);
		assert_false(good);
		judged++;
	}
	mutation.path = NULL;
	if (judged ==
		0) /* az-snp-vtpm/trustee/tpm-quote.sig: by a key that none of the files has */
		skip();
}

static size_t load_mutations(struct line *to, size_t max)
{
	AUTO(buf_done) struct buf file = test_file(test_vector("MUTATIONS.tsv"));
	char *text = strdup(buf_cstr(&file)), *rest = text;
	size_t n = 0;

	(void)next_field(&rest, '\n');
	while (*rest && n < max) {
		char *line = next_field(&rest, '\n');
		struct line m = { .path = next_field(&line, '\t') };
		m.tee = next_field(&line, '\t');
		m.kind = next_field(&line, '\t');
		m.expect = line;
		if (m.tee[0] != '-')
			to[n++] = m;
	}
	return n;
}

int main(void)
{
	static struct CMUnitTest tests[2 * LINES_MAX];
	static struct line mutations[LINES_MAX];
	size_t n = 0;

	if (!load_manifest()) {
		(void)fprintf(
			stderr, "SKIPPED: no vectors (SEALPOD_VECTORS or ../shared/vectors)\n");
		return 77;
	}
	for (size_t i = 0; i < n_lines; i++)
		tests[n++] = (struct CMUnitTest){
			.name = lines[i].path, .test_func = test_line, .initial_state = &lines[i]
		};
	size_t m = load_mutations(mutations, LINES_MAX);
	for (size_t i = 0; i < m; i++)
		tests[n++] = (struct CMUnitTest){ .name = mutations[i].expect,
			.test_func = test_mutation,
			.initial_state = &mutations[i] };
	return _cmocka_run_group_tests("vectors", tests, n, NULL, NULL);
}
