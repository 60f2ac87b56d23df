#include "queue.h"
#include "util.h"

#include <crypto/x509.h>

enum {
	PEM_MAX = 64 * 1024
};

/* 2026-01-01T00:00:00Z and a year around it */
static const int64_t now = 1767225600;
static const int64_t day = 86400;

static struct key *ca_key, *mid_key, *leaf_key;

static int make_keys(void **state)
{
	(void)state;
	assert_ok(key_generate(KEY_P384, &ca_key));
	assert_ok(key_generate(KEY_P256, &mid_key));
	assert_ok(key_generate(KEY_P256, &leaf_key));
	return 0;
}

static int free_keys(void **state)
{
	(void)state;
	key_free(ca_key);
	key_free(mid_key);
	key_free(leaf_key);
	return 0;
}

static struct x509 *make(const struct x509_make *m)
{
	AUTO(buf_done) struct buf pem = BUF_INIT(PEM_MAX);
	struct x509_list l = { 0 };

	assert_ok(x509_make(m, &pem));
	assert_ok(x509_list_parse(buf_bytes(&pem), &l));
	assert_int_equal(l.n, 1);
	return l.v[0];
}

static struct x509_make ca_spec(void)
{
	return (struct x509_make){
		.common_name = "Test CA",
		.ca = true,
		.not_before = now - day,
		.not_after = now + day,
		.subject_key = ca_key,
		.issuer_key = ca_key,
	};
}

static struct x509_make mid_spec(const struct x509 *ca)
{
	return (struct x509_make){
		.common_name = "Test intermediate",
		.ca = true,
		.not_before = now - day,
		.not_after = now + day,
		.subject_key = mid_key,
		.issuer = ca,
		.issuer_key = ca_key,
	};
}

static struct x509_make leaf_spec(const struct x509 *mid)
{
	static const char *const dns[] = { "kbs.example", "localhost", NULL };
	static const char *const ip[] = { "127.0.0.1", "::1", NULL };

	return (struct x509_make){
		.common_name = "kbs.example",
		.dns = dns,
		.ip = ip,
		.not_before = now - day,
		.not_after = now + day,
		.subject_key = leaf_key,
		.issuer = mid,
		.issuer_key = mid_key,
	};
}

/* Anchor, intermediate and leaf; each may be changed before it is made. */
struct chain {
	struct x509_list anchors, untrusted, leaf;
};

static void chain_done(struct chain *c)
{
	x509_list_done(&c->anchors);
	x509_list_done(&c->untrusted);
	x509_list_done(&c->leaf);
}

typedef void change_fn(struct x509_make *m);

static void chain_make(struct chain *c, change_fn *ca, change_fn *mid, change_fn *leaf)
{
	struct x509_make m = ca_spec();

	if (ca)
		ca(&m);
	c->anchors.v[c->anchors.n++] = make(&m);
	m = mid_spec(c->anchors.v[0]);
	if (mid)
		mid(&m);
	c->untrusted.v[c->untrusted.n++] = make(&m);
	m = leaf_spec(c->untrusted.v[0]);
	if (leaf)
		leaf(&m);
	c->leaf.v[c->leaf.n++] = make(&m);
}

static struct x509_verify request(const struct chain *c)
{
	return (struct x509_verify){
		.leaf = c->leaf.v[0],
		.untrusted = &c->untrusted,
		.anchors = &c->anchors,
		.now = now,
	};
}

/* ---- fields ---- */
static void test_fields(void **state)
{
	(void)state;
	AUTO(chain_done) struct chain c = { 0 };
	AUTO(key_freep) struct key *k = NULL;
	AUTO(buf_done) struct buf der = BUF_INIT(PEM_MAX), san = BUF_INIT(256);
	AUTO(x509_freep) struct x509 *again = NULL;
	struct digest_value a, b;
	char text[64];

	chain_make(&c, NULL, NULL, NULL);
	const struct x509 *leaf = c.leaf.v[0];
	x509_subject(leaf, text, sizeof(text));
	assert_string_equal(text, "CN=kbs.example");
	x509_issuer(leaf, text, sizeof(text));
	assert_string_equal(text, "CN=Test intermediate");
	x509_issuer(leaf, text, 8);
	assert_string_equal(text, "CN=Test");
	assert_int_equal(x509_not_before(leaf), now - day);
	assert_int_equal(x509_not_after(leaf), now + day);
	assert_ok(x509_public_key(leaf, &k));
	assert_true(key_equal(k, leaf_key));
	assert_ok(x509_der(leaf, &der));
	assert_ok(x509_parse_der(buf_bytes(&der), &again));
	assert_ok(digest(DIGEST_SHA256, buf_bytes(&der), &a));
	assert_ok(x509_digest(again, DIGEST_SHA256, &b));
	assert_bytes_equal(digest_bytes(&a), digest_bytes(&b));
	assert_true(x509_has_eku(leaf, "1.3.6.1.5.5.7.3.1"));
	assert_false(x509_has_eku(leaf, "1.3.6.1.5.5.7.3.2"));
	assert_false(x509_has_eku(c.anchors.v[0], "1.3.6.1.5.5.7.3.1"));
	/* dNSName kbs.example and localhost, iPAddress 127.0.0.1 and ::1 */
	assert_ok(x509_extension(leaf, "2.5.29.17", &san));
	assert_bytes_equal(buf_bytes(&san),
		test_hex("3030820b6b62732e6578616d706c6582096c6f63616c686f737487047f000001"
			 "871000000000000000000000000000000001"));
	assert_err(x509_extension(leaf, "1.2.3.4", &san), ERR_NOT_FOUND);
	assert_err(x509_extension(leaf, "hello", &san), ERR_FORMAT);
}

static void test_far_dates(void **state)
{
	(void)state;
	struct x509_make m = ca_spec();

	m.not_after = 253402300799; /* 9999-12-31T23:59:59Z: no expiry in practice */
	AUTO(x509_freep) struct x509 *c = make(&m);
	assert_int_equal(x509_not_after(c), m.not_after);
}

/* ---- parsing ---- */
static struct err parse_der(void *arg, struct bytes in)
{
	AUTO(x509_freep) struct x509 *c = NULL;

	(void)arg;
	return x509_parse_der(in, &c);
}

static struct err parse_list(void *arg, struct bytes in)
{
	AUTO(x509_list_done) struct x509_list l = { 0 };

	(void)arg;
	return x509_list_parse(in, &l);
}

static void test_parse_prefixes_and_flips(void **state)
{
	(void)state;
	struct x509_make m = ca_spec();
	AUTO(x509_freep) struct x509 *c = make(&m);
	AUTO(buf_done) struct buf der = BUF_INIT(PEM_MAX);

	assert_ok(x509_der(c, &der));
	each_prefix(buf_bytes(&der), parse_der, NULL);
	each_flip_survives(buf_bytes(&der), parse_der, NULL);
	each_prefix(buf_bytes(&der), parse_list, NULL);
	buf_u8(&der, 0);
	assert_err(parse_der(NULL, buf_bytes(&der)), ERR_FORMAT);
}

/* The outer length in the indefinite form, which BER allows and OpenSSL reads. */
static void test_ber_is_refused(void **state)
{
	(void)state;
	struct x509_make m = ca_spec();
	AUTO(x509_freep) struct x509 *c = make(&m);
	AUTO(buf_done) struct buf der = BUF_INIT(PEM_MAX), ber = BUF_INIT(PEM_MAX);

	assert_ok(x509_der(c, &der));
	assert_int_equal(der.p[1], 0x82);
	buf_be16(&ber, 0x3080);
	buf_put(&ber, bytes_of(der.p + 4, der.n - 4));
	buf_be16(&ber, 0);
	assert_err(parse_der(NULL, buf_bytes(&ber)), ERR_FORMAT);
	assert_err_text("certificate: DER: indefinite");
	buf_clear(&ber);
	buf_be16(&ber, 0x3083);
	buf_u8(&ber, 0);
	buf_put(&ber, bytes_of(der.p + 2, der.n - 2));
	assert_err(parse_der(NULL, buf_bytes(&ber)), ERR_FORMAT);
	assert_err_text("not minimal");
}

static void test_lists(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf pem = BUF_INIT(PEM_MAX), der = BUF_INIT(PEM_MAX);
	AUTO(x509_list_done) struct x509_list l = { 0 };
	struct x509_make m = ca_spec();

	buf_puts(&pem, "subject: some text before\n");
	assert_ok(x509_make(&m, &pem));
	buf_puts(&pem, "and between\n");
	assert_ok(x509_make(&m, &pem));
	buf_u8(&pem, 0); /* Intel's chains end with a NUL */
	assert_ok(x509_list_parse(buf_bytes(&pem), &l));
	assert_int_equal(l.n, 2);
	assert_ok(x509_der(l.v[0], &der));
	assert_ok(x509_der(l.v[1], &der));
	assert_ok(x509_list_parse(buf_bytes(&der), &l));
	assert_int_equal(l.n, 4);
	/* A failure leaves the list as it was. */
	buf_puts(&pem, "\n-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
	assert_err(x509_list_parse(buf_bytes(&pem), &l), ERR_FORMAT);
	buf_u8(&der, 0);
	assert_err(x509_list_parse(buf_bytes(&der), &l), ERR_FORMAT);
	assert_err(x509_list_parse(bytes_str("nothing"), &l), ERR_FORMAT);
	assert_err(x509_list_parse(BYTES_NONE, &l), ERR_FORMAT);
	assert_err_text("none found");
	assert_int_equal(l.n, 4);
}

static void test_list_limits(void **state)
{
	(void)state;
	AUTO(buf_done) struct buf pem = BUF_INIT(PEM_MAX);
	AUTO(x509_list_done) struct x509_list l = { 0 };
	AUTO(buf_done) struct buf key_pem = BUF_INIT(PEM_MAX);
	struct x509_make m = ca_spec();

	for (int i = 0; i < X509_CERTS_MAX; i++)
		assert_ok(x509_make(&m, &pem));
	assert_ok(x509_list_parse(buf_bytes(&pem), &l));
	assert_int_equal(l.n, X509_CERTS_MAX);
	assert_ok(x509_make(&m, &pem));
	assert_err(parse_list(NULL, buf_bytes(&pem)), ERR_LIMIT);
	buf_clear(&pem);
	assert_ok(x509_make(&m, &pem));
	assert_err(x509_list_parse(buf_bytes(&pem), &l), ERR_LIMIT);
	assert_ok(key_public_pem(ca_key, &key_pem));
	assert_err(parse_list(NULL, buf_bytes(&key_pem)), ERR_FORMAT);
	assert_err_text("block 'PUBLIC KEY'");
}

/* ---- making ---- */

/* As AMD's: RSASSA-PSS with SHA-384 and a salt of its size, and serial number 0. */
static void test_make_pss(void **state)
{
	static const uint8_t pss_sha384_salt48[] = { 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d,
		0x01, 0x01, 0x0a, 0x30, 0x34, 0xa0, 0x0f, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48,
		0x01, 0x65, 0x03, 0x04, 0x02, 0x02, 0x05, 0x00 };
	AUTO(buf_done) struct buf der = BUF_INIT(PEM_MAX), list = BUF_INIT(PEM_MAX);
	AUTO(x509_crl_freep) struct x509_crl *crl = NULL;
	AUTO(key_freep) struct key *rsa = NULL;
	struct x509_make m = ca_spec(), below = ca_spec();
	char serial[8];

	(void)state;
	assert_ok(key_generate(KEY_RSA, &rsa));
	m.subject_key = rsa;
	m.issuer_key = rsa;
	m.rsa_pss = true;
	AUTO(x509_freep) struct x509 *ca = make(&m);
	below.common_name = "Test leaf";
	below.ca = false;
	below.subject_key = leaf_key;
	below.issuer = ca;
	below.issuer_key = rsa;
	below.rsa_pss = true;
	below.zero_serial = true;
	AUTO(x509_freep) struct x509 *leaf = make(&below);
	x509_serial(leaf, serial, sizeof(serial));
	assert_string_equal(serial, "0");
	assert_ok(x509_signed_by(leaf, rsa));
	assert_err(x509_signed_by(leaf, ca_key), ERR_UNVERIFIED);
	assert_ok(x509_der(leaf, &der));
	assert_non_null(memmem(der.p, der.n, pss_sha384_salt48, sizeof(pss_sha384_salt48)));

	const struct x509_list revoked = { .v = { leaf }, .n = 1 };
	const struct x509_crl_make c = {
		.issuer = ca,
		.issuer_key = rsa,
		.this_update = now,
		.next_update = now + day,
		.revoked = &revoked,
		.rsa_pss = true,
	};
	assert_ok(x509_crl_make(&c, &list));
	assert_non_null(memmem(list.p, list.n, pss_sha384_salt48, sizeof(pss_sha384_salt48)));
	assert_ok(x509_crl_parse(buf_bytes(&list), &crl));
	assert_ok(x509_crl_verify(crl, ca, now));
	assert_err(x509_crl_check(crl, leaf), ERR_UNVERIFIED);
}

static void test_make_refuses(void **state)
{
	(void)state;
	static const char *const bad_ip[] = { "127.0.0", NULL };
	AUTO(buf_done) struct buf pem = BUF_INIT(PEM_MAX), small = BUF_INIT(10);
	AUTO(key_freep) struct key *pub = NULL;
	struct x509_make good = ca_spec(), m = good;

	AUTO(x509_freep) struct x509 *ca = make(&good);
	m.issuer = ca;
	m.issuer_key = leaf_key;
	assert_err(x509_make(&m, &pem), ERR_STATE);
	assert_ok(x509_public_key(ca, &pub));
	m.issuer_key = pub;
	assert_err(x509_make(&m, &pem), ERR_STATE);
	m = good;
	m.ip = bad_ip;
	assert_err(x509_make(&m, &pem), ERR_FORMAT);
	assert_err_text("127.0.0");
	m = good;
	m.common_name = "";
	assert_err(x509_make(&m, &pem), ERR_FORMAT);
	assert_int_equal(pem.n, 0);
	assert_err(x509_make(&good, &small), ERR_LIMIT);
}

static void test_serials_differ(void **state)
{
	(void)state;
	struct x509_make m = ca_spec();
	AUTO(x509_freep) struct x509 *a = make(&m);
	AUTO(x509_freep) struct x509 *b = make(&m);
	AUTO(buf_done) struct buf der_a = BUF_INIT(PEM_MAX), der_b = BUF_INIT(PEM_MAX);

	assert_ok(x509_der(a, &der_a));
	assert_ok(x509_der(b, &der_b));
	assert_false(bytes_equal(bytes_of(der_a.p, 40), bytes_of(der_b.p, 40)));
}

static void test_every_key_type_signs(void **state)
{
	(void)state;
	static const enum key_type types[] = { KEY_P256, KEY_P384, KEY_P521, KEY_RSA, KEY_ED25519 };

	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		AUTO(key_freep) struct key *k = NULL;
		AUTO(x509_list_done) struct x509_list anchors = { .n = 1 };

		assert_ok(key_generate(types[i], &k));
		struct x509_make m = ca_spec();
		m.subject_key = m.issuer_key = k;
		anchors.v[0] = make(&m);
		m = leaf_spec(anchors.v[0]);
		m.issuer_key = k;
		AUTO(x509_freep) struct x509 *leaf = make(&m);
		const struct x509_verify v = { .leaf = leaf, .anchors = &anchors, .now = now };
		assert_ok(x509_verify(&v));
	}
}

/* ---- verification ---- */
static void test_good_chains(void **state)
{
	(void)state;
	AUTO(chain_done) struct chain c = { 0 };
	static const struct x509_list empty;

	chain_make(&c, NULL, NULL, NULL);
	struct x509_verify v = request(&c);
	assert_ok(x509_verify(&v));
	v.eku = "1.3.6.1.5.5.7.3.1";
	assert_ok(x509_verify(&v));
	/* The intermediate as the anchor ends the chain. */
	v.anchors = &c.untrusted;
	v.untrusted = NULL;
	assert_ok(x509_verify(&v));
	/* So does the leaf itself. */
	v.anchors = &c.leaf;
	assert_ok(x509_verify(&v));
	v.anchors = &empty;
	v.untrusted = &c.untrusted;
	assert_err(x509_verify(&v), ERR_UNVERIFIED);
	v.anchors = NULL;
	assert_err(x509_verify(&v), ERR_UNVERIFIED);
}

static void expired(struct x509_make *m)
{
	m->not_after = now - 1;
}

static void future(struct x509_make *m)
{
	m->not_before = now + 1;
}

static void not_ca(struct x509_make *m)
{
	m->ca = false;
}

static void not_ca_but_signs(struct x509_make *m)
{
	static const uint8_t cert_sign[] = { 0x03, 0x02, 0x02, 0x04 };
	static const struct x509_make_extension ku = { "2.5.29.15", true, BYTES_OF(cert_sign) };

	m->ca = false;
	m->extensions = &ku;
	m->n_extensions = 1;
}

static void no_cert_sign(struct x509_make *m)
{
	static const uint8_t crl_sign[] = { 0x03, 0x02, 0x01, 0x02 };
	static const struct x509_make_extension ku = { "2.5.29.15", true, BYTES_OF(crl_sign) };

	m->extensions = &ku;
	m->n_extensions = 1;
}

static void path_length_0(struct x509_make *m)
{
	static const uint8_t ca[] = { 0x30, 0x06, 0x01, 0x01, 0xff, 0x02, 0x01, 0x00 };
	static const struct x509_make_extension bc = { "2.5.29.19", true, BYTES_OF(ca) };

	m->extensions = &bc;
	m->n_extensions = 1;
}

static void broken_extension(struct x509_make *m)
{
	static const uint8_t junk[] = { 0x05, 0x00 };
	static const struct x509_make_extension bc = { "2.5.29.19", false, BYTES_OF(junk) };

	m->extensions = &bc;
	m->n_extensions = 1;
}

static void unknown_critical(struct x509_make *m)
{
	static const uint8_t null[] = { 0x05, 0x00 };
	static const struct x509_make_extension x = { "1.3.6.1.4.1.3704.1.1", true,
		BYTES_OF(null) };

	m->extensions = &x;
	m->n_extensions = 1;
}

static void other_key(struct x509_make *m)
{
	m->subject_key = leaf_key;
}

static const struct {
	const char *name;
	change_fn *ca, *mid, *leaf;
	const char *code, *field, *text;
} bad_chains[] = {
	{ "leaf expired", NULL, NULL, expired, "certificate.expired", "CN=kbs.example",
		"expected 2025-12-31T00:00:00Z to 2025-12-31T23:59:59Z, got 2026-01-01T00:00:00Z" },
	{ "leaf in the future", NULL, NULL, future, "certificate.not-yet-valid", "CN=kbs.example",
		"expected 2026-01-01T00:00:01Z to" },
	{ "intermediate expired", NULL, expired, NULL, "certificate.expired",
		"CN=Test intermediate", "2025-12-31T23:59:59Z" },
	{ "anchor expired", expired, NULL, NULL, "certificate.expired", "CN=Test CA",
		"2025-12-31T23:59:59Z" },
	{ "intermediate is no CA", NULL, not_ca, NULL, "certificate.not-a-ca",
		"CN=Test intermediate", "expected a CA certificate, got invalid CA certificate" },
	{ "intermediate is no CA but may sign", NULL, not_ca_but_signs, NULL,
		"certificate.not-a-ca", "CN=Test intermediate", "; valid 2025-12-31T00:00:00Z to" },
	{ "intermediate may not sign", NULL, no_cert_sign, NULL, "certificate.key-usage",
		"CN=Test intermediate", "key usage does not include certificate signing" },
	{ "anchor may not sign", no_cert_sign, NULL, NULL, "certificate.key-usage", "CN=Test CA",
		"key usage does not include certificate signing" },
	{ "too many CAs below the anchor", path_length_0, NULL, NULL, "certificate.not-a-ca", NULL,
		"path length" },
	{ "broken basicConstraints", NULL, broken_extension, NULL, NULL, NULL, "certificate." },
	{ "unknown critical extension", NULL, NULL, unknown_critical,
		"certificate.critical-extension", "CN=kbs.example",
		"got 1.3.6.1.4.1.3704.1.1; valid" },
	{ "unknown critical extension in the anchor", unknown_critical, NULL, NULL,
		"certificate.critical-extension", "CN=Test CA", "1.3.6.1.4.1.3704.1.1" },
};

static void test_bad_chains(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad_chains); i++) {
		AUTO(chain_done) struct chain c = { 0 };

		print_message("  %s\n", bad_chains[i].name);
		chain_make(&c, bad_chains[i].ca, bad_chains[i].mid, bad_chains[i].leaf);
		const struct x509_verify v = request(&c);
		assert_err(x509_verify(&v), ERR_UNVERIFIED);
		assert_non_null(err_denial());
		if (bad_chains[i].code)
			assert_string_equal(err_denial()->code, bad_chains[i].code);
		if (bad_chains[i].field)
			assert_string_equal(err_denial()->field, bad_chains[i].field);
		assert_err_text(bad_chains[i].text);
	}
}

static void test_wrong_signature(void **state)
{
	(void)state;
	AUTO(chain_done) struct chain good = { 0 };
	AUTO(x509_list_done) struct x509_list fake = { .n = 1 };

	chain_make(&good, NULL, NULL, NULL);
	/* Same name and dates, another key; without key identifiers only the signature tells. */
	struct x509_make m = mid_spec(good.anchors.v[0]);
	other_key(&m);
	fake.v[0] = make(&m);
	struct x509_verify v = request(&good);
	v.untrusted = &fake;
	assert_err(x509_verify(&v), ERR_UNVERIFIED);
	assert_err_text("CN=kbs.example");
	assert_err_text("key identifier mismatch");
}

static void test_wrong_issuer(void **state)
{
	(void)state;
	AUTO(chain_done) struct chain c = { 0 };

	chain_make(&c, NULL, NULL, NULL);
	struct x509_verify v = request(&c);
	v.untrusted = NULL;
	assert_err(x509_verify(&v), ERR_UNVERIFIED);
	assert_string_equal(err_denial()->code, "certificate.untrusted");
	assert_err_text("a trusted issuer 'CN=Test intermediate', got no such certificate; valid");
	/* A self-signed certificate that nobody trusts. */
	v.leaf = c.anchors.v[0];
	v.anchors = &c.leaf;
	assert_err(x509_verify(&v), ERR_UNVERIFIED);
	assert_string_equal(err_denial()->code, "certificate.untrusted");
	assert_string_equal(err_denial()->field, "CN=Test CA");
}

static void test_critical_that_caller_handles(void **state)
{
	(void)state;
	static const char *const handled[] = { "1.2.3", "1.3.6.1.4.1.3704.1.1", NULL };
	static const char *const other[] = { "1.3.6.1.4.1.3704.1.2", NULL };
	AUTO(chain_done) struct chain c = { 0 };

	chain_make(&c, NULL, NULL, unknown_critical);
	struct x509_verify v = request(&c);
	v.critical_ok = other;
	assert_err(x509_verify(&v), ERR_UNVERIFIED);
	v.critical_ok = handled;
	assert_ok(x509_verify(&v));
	/* Handling an extension waives nothing else. */
	v.now = now + 2 * day;
	assert_err(x509_verify(&v), ERR_UNVERIFIED);
	assert_string_equal(err_denial()->code, "certificate.expired");
}

static void test_demanded_eku(void **state)
{
	(void)state;
	AUTO(chain_done) struct chain c = { 0 };

	chain_make(&c, NULL, NULL, NULL);
	struct x509_verify v = request(&c);
	v.eku = "2.23.133.8.1";
	assert_err(x509_verify(&v), ERR_UNVERIFIED);
	assert_string_equal(err_denial()->code, "certificate.key-usage");
	assert_err_text("expected 2.23.133.8.1");
}

/* TCG EK profile: empty subject, critical subjectAltName with a directoryName, EKU of the TPM. */
static void ek(struct x509_make *m)
{
	static const uint8_t san[] = { 0x30, 0x17, 0xa4, 0x15, 0x30, 0x13, 0x31, 0x11, 0x30, 0x0f,
		0x06, 0x05, 0x67, 0x81, 0x05, 0x02, 0x01, 0x0c, 0x06, 'i', 'd', ':', '1', '2',
		'3' };
	static const uint8_t eku[] = { 0x30, 0x07, 0x06, 0x05, 0x67, 0x81, 0x05, 0x08, 0x01 };
	static const uint8_t encipher[] = { 0x03, 0x02, 0x05, 0x20 };
	static const uint8_t attributes[] = { 0x30, 0x00 };
	static const struct x509_make_extension x[] = {
		{ "2.5.29.17", true, BYTES_OF(san) },
		{ "2.5.29.37", true, BYTES_OF(eku) },
		{ "2.5.29.15", true, BYTES_OF(encipher) },
		{ "2.5.29.9", false, BYTES_OF(attributes) },
	};

	m->dns = NULL;
	m->ip = NULL;
	m->extensions = x;
	m->n_extensions = ARRAY_LEN(x);
}

static void test_endorsement_key(void **state)
{
	(void)state;
	AUTO(chain_done) struct chain c = { 0 };

	chain_make(&c, NULL, NULL, ek);
	struct x509_verify v = request(&c);
	v.eku = "2.23.133.8.1";
	assert_ok(x509_verify(&v));
}

struct flip_leaf {
	struct x509_verify v;
};

static struct err verify_leaf(void *arg, struct bytes in)
{
	struct flip_leaf *f = arg;
	AUTO(x509_freep) struct x509 *c = NULL;

	TRY(x509_parse_der(in, &c));
	f->v.leaf = c;
	return x509_verify(&f->v);
}

static void test_each_flip_of_the_leaf(void **state)
{
	(void)state;
	AUTO(chain_done) struct chain c = { 0 };
	AUTO(buf_done) struct buf der = BUF_INIT(PEM_MAX);

	chain_make(&c, NULL, NULL, NULL);
	assert_ok(x509_der(c.leaf.v[0], &der));
	struct flip_leaf f = { request(&c) };
	assert_ok(verify_leaf(&f, buf_bytes(&der)));
	each_flip(buf_bytes(&der), verify_leaf, &f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_fields, queue_is_empty),
		cmocka_unit_test_teardown(test_far_dates, queue_is_empty),
		cmocka_unit_test_teardown(test_parse_prefixes_and_flips, queue_is_empty),
		cmocka_unit_test_teardown(test_ber_is_refused, queue_is_empty),
		cmocka_unit_test_teardown(test_lists, queue_is_empty),
		cmocka_unit_test_teardown(test_list_limits, queue_is_empty),
		cmocka_unit_test_teardown(test_make_pss, queue_is_empty),
		cmocka_unit_test_teardown(test_make_refuses, queue_is_empty),
		cmocka_unit_test_teardown(test_serials_differ, queue_is_empty),
		cmocka_unit_test_teardown(test_every_key_type_signs, queue_is_empty),
		cmocka_unit_test_teardown(test_good_chains, queue_is_empty),
		cmocka_unit_test_teardown(test_bad_chains, queue_is_empty),
		cmocka_unit_test_teardown(test_wrong_signature, queue_is_empty),
		cmocka_unit_test_teardown(test_wrong_issuer, queue_is_empty),
		cmocka_unit_test_teardown(test_critical_that_caller_handles, queue_is_empty),
		cmocka_unit_test_teardown(test_demanded_eku, queue_is_empty),
		cmocka_unit_test_teardown(test_endorsement_key, queue_is_empty),
		cmocka_unit_test_teardown(test_each_flip_of_the_leaf, queue_is_empty),
	};

	return cmocka_run_group_tests(tests, make_keys, free_keys);
}
