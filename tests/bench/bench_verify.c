/*
 * Verification of evidence against the bare signature checks that it contains: the same
 * certificates, keys and messages, through the same OpenSSL calls, without parsing, policy or rows.
 * Synthetic evidence with AMD's and Intel's key sizes. Revocation lists are of a collateral that is
 * kept, as a broker does: their signatures were checked once, on both sides.
 */
#include "collateral.h"
#include "snp_gen.h"
#include "tdx_collateral_gen.h"
#include "util.h"

#include <stdio.h>
#include <time.h>

#include <tee/tee.h>

enum {
	ROUNDS = 400,
	BLOCKS = 9,
};

static double now_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* A signature by a known key. */
struct bare {
	const struct x509 *cert; /* NULL: `message` and `sig` */
	struct key *key;
	enum sig_alg alg;
	struct bytes message;
	struct buf sig;
};

struct workload {
	const char *name;
	const struct tee *tee;
	struct tee_verify_input in;
	struct bare bare[12];
	size_t n;
};

static void add_cert(struct workload *w, const struct x509 *cert, const struct x509 *issuer)
{
	struct bare *b = &w->bare[w->n++];

	*b = (struct bare){ .cert = cert };
	assert_ok(x509_public_key(issuer, &b->key));
}

static struct bare *add_signature(
	struct workload *w, struct bytes message, struct bytes raw, enum sig_alg alg)
{
	struct bare *b = &w->bare[w->n++];

	*b = (struct bare){ .alg = alg, .message = message, .sig = BUF_INIT(256) };
	assert_ok(ecdsa_raw_to_der(raw, &b->sig));
	return b;
}

static void add_raw(struct workload *w, const struct x509 *signer, struct bytes message,
	struct bytes raw, enum sig_alg alg)
{
	assert_ok(x509_public_key(signer, &add_signature(w, message, raw, alg)->key));
}

static void run_bare(const struct workload *w)
{
	for (size_t i = 0; i < w->n; i++) {
		const struct bare *b = &w->bare[i];
		if (b->cert)
			assert_ok(x509_signed_by(b->cert, b->key));
		else
			assert_ok(key_verify(b->key, b->alg, b->message, buf_bytes(&b->sig)));
	}
}

static void run_verify(const struct workload *w)
{
	AUTO(claims_done) struct claims c = { 0 };

	assert_ok(tee_verify(w->tee, &w->in, &c));
}

static double per_round(const struct workload *w, void (*run)(const struct workload *w))
{
	double start = now_us();

	for (int i = 0; i < ROUNDS / BLOCKS; i++)
		run(w);
	return (now_us() - start) / (ROUNDS / BLOCKS);
}

/* Alternating blocks, so that both see the same machine; the smallest of each. */
static void measure(const struct workload *w)
{
	double verify = 1e12, bare = 1e12;

	run_verify(w);
	for (int i = 0; i < BLOCKS; i++) {
		double a = per_round(w, run_verify), b = per_round(w, run_bare);
		verify = a < verify ? a : verify;
		bare = b < bare ? b : bare;
	}
	double ratio = verify / bare;
	printf("verify.%s\t%.2f\tx bare checks\t<= 1.20\t%s\n", w->name, ratio,
		ratio <= 1.2 ? "ok" : "short");
	printf("verify.%s-cpu\t%.0f\tus (bare %.0f us, %zu signatures)\t\t\n", w->name, verify,
		bare, w->n);
}

static void snp(void)
{
	struct workload w = { .name = "snp", .tee = tee_by_platform("snp") };
	AUTO(buf_done) struct buf report = BUF_INIT(SNP_REPORT_SIZE);
	uint8_t raw[96];
	struct snp_report r;
	struct snp_gen g;

	snp_gen_rsa_bits(4096);
	snp_gen_init(&g, 5, SNP_GENOA, false);
	snp_gen_report(&g, &report);
	w.in = snp_gen_input(&g);
	w.in.raw = buf_bytes(&report);
	assert_ok(snp_report_parse(buf_bytes(&report), &r));
	for (size_t i = 0; i < 48; i++) {
		raw[i] = r.r.p[47 - i];
		raw[48 + i] = r.s.p[47 - i];
	}
	add_cert(&w, g.vek, g.ask);
	add_cert(&w, g.ask, g.ark);
	add_raw(&w, g.vek, r.signed_bytes, BYTES_OF(raw), SIG_ECDSA_SHA384);
	measure(&w);
}

/* TCB info and QE identity, whose signatures are members of their bodies. */
static void add_json(
	struct workload *w, const struct tdx_gen *g, const struct collateral_item *item)
{
	const char *name = item->kind == COLLATERAL_TCB_INFO ? "tcbInfo" : "enclaveIdentity";
	AUTO(json_freep) struct json *root = NULL;
	struct bytes text;

	assert_ok(json_parse(buf_bytes(&item->bytes), &root));
	assert_ok(json_member_text(buf_bytes(&item->bytes), name, &text));
	add_raw(w, g->tcb_signing, text, test_hex(json_string(json_get(root, "signature"))),
		SIG_ECDSA_SHA256);
}

static void add_quote(struct workload *w, const struct tdx_gen *g, const struct tdx_quote *q)
{
	struct bytes x = bytes_of(q->attestation_key.p, 32);
	struct bytes y = bytes_of(q->attestation_key.p + 32, 32);

	add_cert(w, g->pck, tdx_gen_ca(g));
	add_cert(w, tdx_gen_ca(g), g->root);
	add_cert(w, g->tcb_signing, g->root);
	add_raw(w, g->pck, q->qe.raw, q->qe_signature, SIG_ECDSA_SHA256);
	assert_ok(key_from_ec_point(KEY_P256, x, y,
		&add_signature(w, q->signed_bytes, q->signature, SIG_ECDSA_SHA256)->key));
}

static void tdx(void)
{
	struct workload w = { .name = "tdx", .tee = tee_by_platform("tdx") };
	const struct tdx_gen_quote want = tdx_gen_quote(TDX_BODY_TD_10);
	const struct tdx_gen_collateral all = tdx_gen_collateral(true);
	struct collateral *collateral;
	struct tdx_quote q;
	struct tdx_gen g;
	struct buf quote;

	tdx_gen_init(&g);
	tdx_gen_quote_make(&g, &want, &quote);
	assert_ok(collateral_new(&collateral));
	tdx_gen_collateral_add(&g, &all, collateral);
	assert_ok(tdx_quote_parse(buf_bytes(&quote), &q));
	w.in = (struct tee_verify_input){ .raw = buf_bytes(&quote),
		.collateral = collateral,
		.anchors = &g.anchors,
		.now = TDX_GEN_NOW };
	add_quote(&w, &g, &q);
	for (size_t i = 0; i < collateral->n; i++)
		if (collateral->v[i]->kind == COLLATERAL_TCB_INFO ||
			collateral->v[i]->kind == COLLATERAL_QE_IDENTITY)
			add_json(&w, &g, collateral->v[i]);
	measure(&w);
}

int main(void)
{
	snp();
	tdx();
	return 0;
}
