/*
 * Verification of evidence against the bare signature checks that it contains when nothing is
 * remembered: the same certificates, lists, keys and messages through the same OpenSSL calls, keys
 * at hand, without parsing, dates, policy or rows. Synthetic evidence with AMD's and Intel's key
 * sizes; the collateral is kept decoded, as a broker does.
 *
 *   cold          the collateral was just loaded: nothing is remembered of any signature
 *   new machine   the collateral was used before, the machine's certificate never seen
 *   warm          the same machine again: its chain and the collateral's signatures are remembered
 *
 * OpenSSL 3 takes longer to decode a certificate than to verify two signatures, and evidence brings
 * one that nobody has seen: the cold figure is shown against the checks alone, and against the
 * checks and that one decoding.
 */
#include "collateral.h"
#include "heap.h"
#include "snp_gen.h"
#include "tdx_collateral_gen.h"
#include "util.h"

#include <stdio.h>
#include <time.h>

#include <tee/tee.h>

enum {
	ROUNDS = 44,
	BLOCKS = 9,
	MACHINES = 80, /* more than are remembered */
	BARE_MAX = 16,
	MEMORY_MAX_KIB = 4096,
};

static double now_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* A signature by a known key: of a certificate, of a list, or `sig` of `message`. */
struct bare {
	const struct x509 *cert;
	const struct x509_crl *crl;
	struct key *key;
	enum sig_alg alg;
	struct bytes message;
	struct buf sig;
};

struct workload {
	const char *name;
	const struct tee *tee;
	struct tee_verify_input in;
	struct collateral *collateral; /* in.collateral */
	struct bare bare[BARE_MAX];
	size_t n;
	struct buf leaf;	       /* DER of the machine's certificate */
	struct buf machines[MACHINES]; /* evidence of others */
};

/* ---- the bare side ---- */

static struct bare *add_bare(struct workload *w, struct bare b, const struct x509 *signer)
{
	assert_true(w->n < BARE_MAX);
	w->bare[w->n] = b;
	if (signer)
		assert_ok(x509_public_key(signer, &w->bare[w->n].key));
	return &w->bare[w->n++];
}

static void add_cert(struct workload *w, const struct x509 *cert, const struct x509 *issuer)
{
	(void)add_bare(w, (struct bare){ .cert = cert }, issuer);
}

static void add_crls(struct workload *w, const struct x509 *const *issuers, size_t n)
{
	for (size_t i = 0; i < w->collateral->n; i++) {
		const struct x509_crl *crl = w->collateral->v[i]->crl;
		for (size_t k = 0; crl && k < n; k++)
			if (x509_crl_names_issuer(crl, issuers[k]))
				(void)add_bare(w, (struct bare){ .crl = crl }, issuers[k]);
	}
}

static struct bare *add_raw(struct workload *w, const struct x509 *signer, struct bytes message,
	struct bytes raw, enum sig_alg alg)
{
	struct bare *b = add_bare(
		w, (struct bare){ .alg = alg, .message = message, .sig = BUF_INIT(256) }, signer);

	assert_ok(ecdsa_raw_to_der(raw, &b->sig));
	return b;
}

static void run_bare(const struct workload *w)
{
	for (size_t i = 0; i < w->n; i++) {
		const struct bare *b = &w->bare[i];
		if (b->cert)
			assert_ok(x509_signed_by(b->cert, b->key));
		else if (b->crl)
			assert_ok(x509_crl_verify_key(b->crl, b->key, w->in.now));
		else
			assert_ok(key_verify(b->key, b->alg, b->message, buf_bytes(&b->sig)));
	}
}

static void run_bare_decoding(const struct workload *w)
{
	AUTO(x509_freep) struct x509 *cert = NULL;

	run_bare(w);
	assert_ok(x509_parse_der(buf_bytes(&w->leaf), &cert));
}

/* ---- ours ---- */

static void run_verify(const struct workload *w)
{
	AUTO(claims_done) struct claims c = { 0 };

	assert_ok(tee_verify(w->tee, &w->in, &c));
}

/* The same collateral as if it had just been loaded. */
static void forget(struct workload *w)
{
	struct collateral *fresh;

	assert_ok(collateral_new(&fresh));
	for (size_t i = 0; i < w->collateral->n; i++)
		assert_ok(collateral_add(
			fresh, buf_bytes(&w->collateral->v[i]->bytes), "collateral"));
	collateral_freep(&w->collateral);
	w->in.collateral = w->collateral = fresh;
}

static void next_machine(struct workload *w)
{
	static size_t next;

	w->in.raw = buf_bytes(&w->machines[next++ % MACHINES]);
}

/* ---- measuring ---- */

struct side {
	void (*before)(struct workload *w); /* not measured; may be NULL */
	void (*run)(const struct workload *w);
	double us; /* the smallest of the blocks */
};

static void one_block(struct workload *w, struct side *s)
{
	double sum = 0;

	for (int i = 0; i < ROUNDS; i++) {
		if (s->before)
			s->before(w);
		double start = now_us();
		s->run(w);
		sum += now_us() - start;
	}
	if (s->us <= 0 || sum / ROUNDS < s->us)
		s->us = sum / ROUNDS;
}

/* Only what a broker does all day has a goal. */
static void print_cold(const struct workload *w, const char *how, double us, double bare)
{
	printf("verify.%s-%s\t%.2f\tx bare checks\t\t\n", w->name, how, us / bare);
}

static void print_ratio(const struct workload *w, const char *how, double us, double bare)
{
	double ratio = us / bare;

	printf("verify.%s-%s\t%.2f\tx bare checks\t<= 1.20\t%s\n", w->name, how, ratio,
		ratio <= 1.2 ? "ok" : "short");
	printf("verify.%s-%s-cpu\t%.0f\tus\t\t\n", w->name, how, us);
}

/* Alternating blocks, so that all see the same machine. */
static void measure(struct workload *w)
{
	struct bytes own = w->in.raw;
	struct side bare = { .run = run_bare }, decoding = { .run = run_bare_decoding };
	struct side cold = { .before = forget, .run = run_verify };
	struct side other = { .before = next_machine, .run = run_verify };
	struct side warm = { .run = run_verify };

	for (int i = 0; i < BLOCKS; i++) {
		one_block(w, &bare);
		one_block(w, &decoding);
		if (w->machines[0].p)
			one_block(w, &other);
		w->in.raw = own;
		run_verify(w);
		one_block(w, &warm);
	}
	/* its lists are other ones from here on than those of the bare side */
	for (int i = 0; i < BLOCKS; i++)
		one_block(w, &cold);
	printf("verify.%s-bare-cpu\t%.0f\tus, %zu signatures\t\t\n", w->name, bare.us, w->n);
	print_ratio(w, "warm", warm.us, bare.us);
	if (w->machines[0].p)
		print_ratio(w, "new-machine", other.us, bare.us);
	print_cold(w, "cold", cold.us, bare.us);
	print_cold(w, "cold-decoding-on-both-sides", cold.us, decoding.us);
	printf("verify.%s-cold-cpu\t%.0f\tus\t\t\n", w->name, cold.us);
}

/* The first verification with fresh collateral, which remembers the most. */
static void measure_memory(struct workload *w)
{
	forget(w);
	heap_mark();
	run_verify(w);
	size_t kib = heap_peak() / 1024;
	printf("verify.%s-heap\t%zu\tKiB peak beside libcrypto\t<= %d\t%s\n", w->name, kib,
		MEMORY_MAX_KIB, kib <= MEMORY_MAX_KIB ? "ok" : "short");
	printf("verify.%s-heap-libcrypto\t%zu\tKiB peak\t\t\n", w->name,
		heap_peak_libcrypto() / 1024);
}

/* ---- what is verified ---- */

static void snp(void)
{
	struct workload w = {
		.name = "snp", .tee = tee_by_platform("snp"), .leaf = BUF_INIT(8192)
	};
	AUTO(buf_done) struct buf report = BUF_INIT(SNP_REPORT_SIZE);
	uint8_t raw[96];
	struct snp_report r;
	struct snp_gen g;

	snp_gen_rsa_bits(4096);
	snp_gen_init(&g, 5, SNP_GENOA, false);
	snp_gen_report(&g, &report);
	w.in = snp_gen_input(&g);
	w.in.raw = buf_bytes(&report);
	w.collateral = g.collateral;
	assert_ok(snp_report_parse(buf_bytes(&report), &r));
	for (size_t i = 0; i < 48; i++) {
		raw[i] = r.r.p[47 - i];
		raw[48 + i] = r.s.p[47 - i];
	}
	add_cert(&w, g.vek, g.ask);
	add_cert(&w, g.ask, g.ark);
	add_crls(&w, (const struct x509 *[]){ g.ark }, 1);
	(void)add_raw(&w, g.vek, r.signed_bytes, BYTES_OF(raw), SIG_ECDSA_SHA384);
	assert_ok(x509_der(g.vek, &w.leaf));
	measure(&w);
	measure_memory(&w);
}

/* TCB info and QE identity, whose signatures are members of their bodies. */
static void add_json(
	struct workload *w, const struct tdx_gen *g, const struct collateral_item *item)
{
	const char *name = item->kind == COLLATERAL_TCB_INFO ? "tcbInfo" : "enclaveIdentity";
	AUTO(json_freep) struct json *root = NULL;
	struct bytes member;

	assert_ok(json_parse(buf_bytes(&item->bytes), &root));
	assert_ok(json_member_text(buf_bytes(&item->bytes), name, &member));
	(void)add_raw(w, g->tcb_signing, member, test_hex(json_string(json_get(root, "signature"))),
		SIG_ECDSA_SHA256);
}

static void add_quote(struct workload *w, const struct tdx_gen *g, const struct tdx_quote *q)
{
	struct bytes x = bytes_of(q->attestation_key.p, 32);
	struct bytes y = bytes_of(q->attestation_key.p + 32, 32);
	const struct x509 *const issuers[] = { tdx_gen_ca(g), g->root };

	add_cert(w, g->pck, tdx_gen_ca(g));
	add_cert(w, tdx_gen_ca(g), g->root);
	add_cert(w, g->tcb_signing, g->root);
	add_crls(w, issuers, ARRAY_LEN(issuers));
	(void)add_raw(w, g->pck, q->qe.raw, q->qe_signature, SIG_ECDSA_SHA256);
	struct bare *b = add_raw(w, NULL, q->signed_bytes, q->signature, SIG_ECDSA_SHA256);
	assert_ok(key_from_ec_point(KEY_P256, x, y, &b->key));
}

/* As a provisioning service sends it: with the chains of the issuers. */
static void add_chains(struct workload *w, const struct tdx_gen *g)
{
	struct x509_list chains = { 0 };

	assert_ok(x509_copy(tdx_gen_ca(g), &chains.v[chains.n++]));
	assert_ok(x509_copy(g->root, &chains.v[chains.n++]));
	assert_ok(collateral_add_certs(w->collateral, &chains, "issuer chains"));
	x509_list_done(&chains);
}

static void add_machines(struct workload *w, struct tdx_gen *g, const struct tdx_gen_quote *want)
{
	for (size_t i = 0; i < MACHINES; i++) {
		tdx_gen_pck(g, TDX_GEN_NOW - TDX_GEN_YEAR, TDX_GEN_NOW + TDX_GEN_YEAR);
		tdx_gen_quote_make(g, want, &w->machines[i]);
	}
}

static void tdx(void)
{
	struct workload w = {
		.name = "tdx", .tee = tee_by_platform("tdx"), .leaf = BUF_INIT(8192)
	};
	const struct tdx_gen_quote want = tdx_gen_quote(TDX_BODY_TD_10);
	const struct tdx_gen_collateral all = tdx_gen_collateral(true);
	struct tdx_quote q;
	struct tdx_gen g;
	struct buf quote;

	tdx_gen_init(&g);
	add_machines(&w, &g, &want);
	tdx_gen_quote_make(&g, &want, &quote);
	assert_ok(collateral_new(&w.collateral));
	tdx_gen_collateral_add(&g, &all, w.collateral);
	add_chains(&w, &g);
	assert_ok(tdx_quote_parse(buf_bytes(&quote), &q));
	w.in = (struct tee_verify_input){ .raw = buf_bytes(&quote),
		.collateral = w.collateral,
		.anchors = &g.anchors,
		.now = TDX_GEN_NOW };
	add_quote(&w, &g, &q);
	for (size_t i = 0; i < w.collateral->n; i++)
		if (w.collateral->v[i]->kind == COLLATERAL_TCB_INFO ||
			w.collateral->v[i]->kind == COLLATERAL_QE_IDENTITY)
			add_json(&w, &g, w.collateral->v[i]);
	assert_ok(x509_der(g.pck, &w.leaf));
	measure(&w);
	measure_memory(&w);
}

int main(void)
{
	heap_start();
	snp();
	tdx();
	return 0;
}
