#include "snp_gen.h"

#include "util.h"

#include <stdio.h>
#include <stdlib.h>

#include <crypto/der.h>

#define AMD_ARC "1.3.6.1.4.1.3704.1"

enum {
	PEM_MAX = 16 * 1024,
	DER_MAX = 8 * 1024,
	EXTENSIONS_MAX = 12,
	EXTENSION_MAX = 80,
	TURIN_HWID = 8,
	RSA_BITS = 2048,
	TAG_IA5_STRING = 0x16,
};

/* ---- keys: of the program, for RSA keys take long to find ---- */

enum rsa {
	RSA_ARK,
	RSA_ASK,
	RSA_OTHER, /* forges */
	RSA_KEYS
};

static struct key *rsa_keys[RSA_KEYS];
static unsigned rsa_bits = RSA_BITS;

static void free_rsa(void)
{
	for (size_t i = 0; i < RSA_KEYS; i++)
		key_freep(&rsa_keys[i]);
}

void snp_gen_rsa_bits(unsigned bits)
{
	free_rsa();
	for (size_t i = 0; i < RSA_KEYS; i++)
		rsa_keys[i] = NULL;
	rsa_bits = bits;
}

static const struct key *rsa(enum rsa which)
{
	static bool registered;

	if (!registered)
		assert_int_equal(atexit(free_rsa), 0);
	registered = true;
	if (!rsa_keys[which])
		assert_ok(key_generate_rsa(rsa_bits, &rsa_keys[which]));
	return rsa_keys[which];
}

/* ---- TCB ---- */

struct snp_tcb snp_gen_tcb(enum snp_product product, const uint8_t parts[static 5])
{
	struct snp_tcb t = {
		.has_fmc = product == SNP_TURIN,
		.fmc = product == SNP_TURIN ? parts[0] : 0,
		.bootloader = parts[1],
		.tee = parts[2],
		.snp = parts[3],
		.microcode = parts[4],
	};

	t.raw = snp_gen_tcb_raw(&t);
	return t;
}

uint64_t snp_gen_tcb_raw(const struct snp_tcb *t)
{
	uint64_t microcode = (uint64_t)t->microcode << 56;

	if (t->has_fmc)
		return microcode | (uint64_t)t->snp << 24 | (uint64_t)t->tee << 16 |
		       (uint64_t)t->bootloader << 8 | t->fmc;
	return microcode | (uint64_t)t->snp << 48 | (uint64_t)t->tee << 8 | t->bootloader;
}

/* ---- AMD's extensions ---- */

struct extensions {
	struct x509_make_extension v[EXTENSIONS_MAX];
	uint8_t values[EXTENSIONS_MAX][EXTENSION_MAX];
	size_t n;
};

static void add(struct extensions *e, const struct snp_gen *g, const char *oid, struct bytes value)
{
	uint8_t *to = e->values[e->n];

	if (g->without && str_equal(g->without, oid))
		return;
	assert_true(e->n < EXTENSIONS_MAX && value.n <= EXTENSION_MAX);
	memcpy(to, value.p, value.n);
	if (g->broken && str_equal(g->broken, oid))
		to[0] = DER_NULL;
	e->v[e->n++] = (struct x509_make_extension){ .oid = oid, .value = bytes_of(to, value.n) };
}

/* From 128 on a zero in front keeps it positive. */
static void add_spl(struct extensions *e, const struct snp_gen *g, const char *oid, uint8_t v)
{
	const uint8_t small[] = { DER_INTEGER, 1, v }, large[] = { DER_INTEGER, 2, 0, v };

	add(e, g, oid, v < 0x80 ? BYTES_OF(small) : BYTES_OF(large));
}

static void add_text(struct extensions *e, const struct snp_gen *g, const char *oid, const char *s)
{
	uint8_t der[EXTENSION_MAX] = { TAG_IA5_STRING, (uint8_t)strlen(s) };

	assert_true(strlen(s) + 2 <= sizeof(der));
	memcpy(der + 2, s, strlen(s));
	add(e, g, oid, bytes_of(der, strlen(s) + 2));
}

static void add_hwid(struct extensions *e, const struct snp_gen *g)
{
	uint8_t der[EXTENSION_MAX] = { DER_OCTET_STRING, (uint8_t)g->hwid_n };

	memcpy(der + 2, g->hwid, g->hwid_n);
	add(e, g, AMD_ARC ".4",
		g->hwid_tagged ? bytes_of(der, g->hwid_n + 2) : bytes_of(g->hwid, g->hwid_n));
}

static void add_all(struct extensions *e, const struct snp_gen *g)
{
	const struct snp_tcb *t = &g->vek_tcb;
	char product[16];

	/* steppings stand after a '-' */
	(void)snprintf(product, sizeof(product), "%s%s", snp_product_name(g->product),
		g->product == SNP_MILAN && !g->vlek ? "-B0" : "");
	add_spl(e, g, AMD_ARC ".1", g->product == SNP_TURIN ? 1 : 0);
	add_text(e, g, AMD_ARC ".2", product);
	add_spl(e, g, AMD_ARC ".3.1", t->bootloader);
	add_spl(e, g, AMD_ARC ".3.2", t->tee);
	add_spl(e, g, AMD_ARC ".3.3", t->snp);
	add_spl(e, g, AMD_ARC ".3.8", t->microcode);
	if (t->has_fmc)
		add_spl(e, g, AMD_ARC ".3.9", t->fmc);
	if (g->vlek)
		add_text(e, g, AMD_ARC ".5", g->csp_id);
	else
		add_hwid(e, g);
}

/* ---- certificates ---- */

static struct x509 *make(const struct x509_make *m)
{
	AUTO(buf_done) struct buf pem = BUF_INIT(PEM_MAX);
	struct x509_list made = { 0 };

	assert_ok(x509_make(m, &pem));
	assert_ok(x509_list_parse(buf_bytes(&pem), &made));
	return made.v[0];
}

/* As in AMD's: of which key the issuer is can only be told by the signature. */
static const uint8_t no_key_id[] = { DER_SEQUENCE, 0 };
static const struct x509_make_extension authority = {
	.oid = "2.5.29.35",
	.value = { .p = no_key_id, .n = sizeof(no_key_id) },
};

static struct x509 *make_ca(const char *name, const struct key *key, const struct x509 *issuer,
	const struct key *issuer_key, struct snp_gen_times times)
{
	return make(&(struct x509_make){
		.common_name = name,
		.ca = true,
		.not_before = times.from,
		.not_after = times.to,
		.subject_key = key,
		.issuer = issuer,
		.issuer_key = issuer_key,
		.extensions = &authority,
		.n_extensions = 1,
		.rsa_pss = true,
	});
}

static void make_vek(struct snp_gen *g, const struct x509 *issuer, const struct key *issuer_key)
{
	struct extensions e = { 0 };

	e.v[e.n++] = authority;
	add_all(&e, g);
	g->vek = make(&(struct x509_make){
		.common_name = g->vek_name ? g->vek_name
			       : g->vlek   ? "SEV-VLEK"
					   : "SEV-VCEK",
		.not_before = g->vek_times.from,
		.not_after = g->vek_times.to,
		.subject_key = g->vek_key,
		.issuer = issuer,
		.issuer_key = issuer_key,
		.extensions = e.v,
		.n_extensions = e.n,
		.rsa_pss = true,
		.zero_serial = true,
	});
}

static void make_crl(struct snp_gen *g, const struct x509 *issuer, const struct key *issuer_key)
{
	const struct x509_list revoked = { .v = { g->ask }, .n = 1 };

	buf_clear(&g->crl);
	assert_ok(x509_crl_make(
		&(struct x509_crl_make){
			.issuer = issuer,
			.issuer_key = issuer_key,
			.this_update = g->crl_times.from,
			.next_update = g->crl_times.to,
			.number = 7,
			.revoked = g->revoked ? &revoked : NULL,
			.rsa_pss = true,
		},
		&g->crl));
}

static void free_certs(struct snp_gen *g)
{
	x509_freep(&g->ark);
	x509_freep(&g->ask);
	x509_freep(&g->vek);
	g->ark = g->ask = g->vek = NULL;
	x509_list_done(&g->anchors.vendor);
	g->anchors.vendor.n = 0;
	collateral_freep(&g->collateral);
	g->collateral = NULL;
}

static void trust(struct snp_gen *g)
{
	struct x509_list certs = { .v = { g->ask, g->vek }, .n = 2 };

	assert_ok(x509_copy(g->ark, &g->anchors.vendor.v[0]));
	g->anchors.vendor.n = 1;
	assert_ok(collateral_new(&g->collateral));
	assert_ok(collateral_add_certs(g->collateral, &certs, "test AMD"));
	assert_ok(collateral_add(g->collateral, buf_bytes(&g->crl), "test AMD"));
}

void snp_gen_certs(struct snp_gen *g)
{
	const char *product = snp_product_name(g->product);
	const struct key *other = rsa(RSA_OTHER);
	char ark[32], ask[32];

	(void)snprintf(ark, sizeof(ark), "ARK-%s", product);
	(void)snprintf(ask, sizeof(ask), "SEV-%s%s", g->vlek ? "VLEK-" : "", product);
	const char *name = g->ask_name ? g->ask_name : ask;
	free_certs(g);
	g->ark_key = rsa(RSA_ARK);
	g->ask_key = rsa(RSA_ASK);
	g->ark = make_ca(ark, g->ark_key, NULL, g->ark_key, g->ark_times);
	AUTO(x509_freep) struct x509 *false_ark = make_ca(ark, other, NULL, other, g->ark_times);
	g->ask = g->forged_ask ? make_ca(name, g->ask_key, false_ark, other, g->ask_times)
			       : make_ca(name, g->ask_key, g->ark, g->ark_key, g->ask_times);
	AUTO(x509_freep) struct x509 *false_ask = make_ca(name, other, NULL, other, g->ask_times);
	if (g->forged_vek)
		make_vek(g, false_ask, other);
	else
		make_vek(g, g->ask, g->ask_key);
	if (g->forged_crl)
		make_crl(g, false_ark, other);
	else
		make_crl(g, g->ark, g->ark_key);
	trust(g);
}

/* ---- good values ---- */

static void good_report(struct snp_gen *g, unsigned version)
{
	static const uint8_t cpus[][2] = { { 0, 0 }, { 0x19, 0x01 }, { 0x19, 0x11 },
		{ 0x1a, 0x02 } };
	static const uint8_t newer[] = { 2, 5, 1, 25, 220 };
	struct snp_report *r = &g->report;

	r->version = version;
	r->guest_svn = 3;
	r->policy = 0x3001f;
	r->signature_algo = 1;
	r->platform_info = 0x25;
	r->key_info = (uint32_t)g->vlek << SNP_KEY_SIGNING_SHIFT;
	r->current_tcb = snp_gen_tcb(g->product, newer);
	r->committed_tcb = r->current_tcb;
	r->launch_tcb = r->current_tcb;
	r->reported_tcb = g->vek_tcb;
	r->current = (struct snp_version){ 1, 55, 40 };
	r->committed = r->current;
	memset(r->family_id, 0xf1, sizeof(r->family_id));
	memset(r->image_id, 0x1d, sizeof(r->image_id));
	memset(r->report_data, 0xda, sizeof(r->report_data));
	memset(r->measurement, 0x3e, sizeof(r->measurement));
	memset(r->host_data, 0x40, sizeof(r->host_data));
	memset(r->id_key_digest, 0x1b, sizeof(r->id_key_digest));
	memset(r->report_id, 0x4e, sizeof(r->report_id));
	memset(r->report_id_ma, 0xff, sizeof(r->report_id_ma));
	if (!g->vlek)
		memcpy(r->chip_id, g->hwid, g->hwid_n);
	if (version >= 3) {
		r->cpuid_family = cpus[g->product][0];
		r->cpuid_model = cpus[g->product][1];
		r->cpuid_stepping = 1;
	}
	if (version >= 5) {
		r->launch_mit_vector = 0x1;
		r->current_mit_vector = 0x3;
	}
}

static int64_t valid_at = SNP_GEN_NOW;

void snp_gen_at(int64_t now)
{
	valid_at = now;
}

void snp_gen_init(struct snp_gen *g, unsigned version, enum snp_product product, bool vlek)
{
	static const uint8_t parts[] = { 1, 4, 0, 24, 219 };
	const struct snp_gen_times year = { valid_at - SNP_GEN_YEAR, valid_at + SNP_GEN_YEAR };

	*g = (struct snp_gen){
		.crl = BUF_INIT(DER_MAX),
		.product = product,
		.vlek = vlek,
		.vek_tcb = snp_gen_tcb(product, parts),
		.hwid_n = product == SNP_TURIN ? TURIN_HWID : SNP_CHIP_ID_SIZE,
		.csp_id = "Test Cloud",
		.ark_times = year,
		.ask_times = year,
		.vek_times = year,
		.crl_times = year,
	};
	for (size_t i = 0; i < g->hwid_n; i++)
		g->hwid[i] = (uint8_t)(0xc0 + i);
	assert_ok(key_generate(KEY_P384, &g->vek_key));
	good_report(g, version);
	snp_gen_certs(g);
}

void snp_gen_done(struct snp_gen *g)
{
	free_certs(g);
	key_freep(&g->vek_key);
	buf_done(&g->crl);
}

struct tee_verify_input snp_gen_input(const struct snp_gen *g)
{
	return (struct tee_verify_input){
		.collateral = g->collateral,
		.report_data = BYTES_OF(g->report.report_data),
		.anchors = &g->anchors,
		.now = SNP_GEN_NOW,
	};
}
