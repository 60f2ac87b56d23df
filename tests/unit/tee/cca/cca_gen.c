#include "cca_gen.h"

#include "cca/cca.h"
#include "util.h"

static struct bytes text(const char *s)
{
	return bytes_str(s);
}

void cca_gen_init(struct cca_gen *g, enum key_type curve)
{
	*g = (struct cca_gen){
		.cpak_pem = BUF_INIT(4096),
		.platform_profile = "http://arm.com/CCA-SSD/1.0.0",
		.rak_hash_alg = "sha-256",
		.lifecycle = 0x3003,
		.n_components = 1,
	};
	memset(g->challenge, 0xc1, sizeof(g->challenge));
	memset(g->personalization, 0xd2, sizeof(g->personalization));
	memset(g->rim, 0xe3, sizeof(g->rim));
	assert_ok(key_generate(curve, &g->cpak));
	assert_ok(key_generate(curve, &g->rak));
	assert_ok(key_public_pem(g->cpak, &g->cpak_pem));
	g->anchors.vendor_other[0] = buf_bytes(&g->cpak_pem);
	g->anchors.n_vendor_other = 1;
}

void cca_gen_done(struct cca_gen *g)
{
	key_free(g->cpak);
	key_free(g->rak);
	buf_done(&g->cpak_pem);
}

/* ---- claims: a map whose head is written when its size is known ---- */
struct map {
	struct buf body;
	uint64_t pairs;
	int64_t leave_out, wrong;
};

static bool key_of(struct map *m, int64_t key)
{
	if (key == m->leave_out)
		return false;
	cbor_put_int(&m->body, key);
	m->pairs++;
	if (key == m->wrong)
		cbor_put_int(&m->body, -1);
	return key != m->wrong;
}

static void put_bytes(struct map *m, int64_t key, struct bytes v)
{
	if (key_of(m, key))
		cbor_put_bytes(&m->body, v);
}

static void put_text(struct map *m, int64_t key, const char *v)
{
	if (v && key_of(m, key))
		cbor_put_text(&m->body, v);
}

static void put_map(struct map *m, struct buf *out)
{
	cbor_put_head(out, CBOR_MAP, m->pairs);
	buf_put(out, buf_bytes(&m->body));
	buf_done(&m->body);
}

static void rak_bytes(const struct key *k, bool cose_key, struct buf *out)
{
	AUTO(buf_done) struct buf x = BUF_INIT(128), y = BUF_INIT(128);

	assert_ok(key_ec_point(k, &x, &y));
	if (!cose_key) {
		buf_u8(out, 0x04);
		buf_put(out, buf_bytes(&x));
		buf_put(out, buf_bytes(&y));
		return;
	}
	struct map m = { .body = BUF_INIT(512) };
	assert_true(key_of(&m, 1));
	cbor_put_int(&m.body, 2);
	assert_true(key_of(&m, -1));
	cbor_put_int(&m.body, key_type(k) == KEY_P256 ? 1 : key_type(k) == KEY_P384 ? 2 : 3);
	put_bytes(&m, -2, buf_bytes(&x));
	put_bytes(&m, -3, buf_bytes(&y));
	put_map(&m, out);
}

static void realm_claims(const struct cca_gen *g, struct buf *out)
{
	AUTO(buf_done) struct buf rak = BUF_INIT(512);
	struct map m = { .body = BUF_INIT(4096), .leave_out = g->leave_out, .wrong = g->wrong };
	static const uint8_t rem[32] = { 0 };

	rak_bytes(g->rak, g->cose_key, &rak);
	put_bytes(&m, CCA_CHALLENGE, BYTES_OF(g->challenge));
	put_text(&m, CCA_PROFILE, g->realm_profile);
	put_text(&m, CCA_REALM_HASH_ALG, "sha-256");
	put_text(&m, CCA_RAK_HASH_ALG, g->rak_hash_alg);
	put_bytes(&m, CCA_PERSONALIZATION, BYTES_OF(g->personalization));
	put_bytes(&m, CCA_RAK, buf_bytes(&rak));
	put_bytes(&m, CCA_RIM, BYTES_OF(g->rim));
	if (key_of(&m, CCA_REM)) {
		cbor_put_head(&m.body, CBOR_ARRAY, CCA_REMS);
		for (size_t i = 0; i < CCA_REMS; i++)
			cbor_put_bytes(&m.body, BYTES_OF(rem));
	}
	put_map(&m, out);
}

static void components(struct map *m, unsigned n)
{
	static const uint8_t measurement[32] = { 3 }, signer[32] = { 4 };

	if (!key_of(m, CCA_COMPONENTS))
		return;
	cbor_put_head(&m->body, CBOR_ARRAY, n);
	for (unsigned i = 0; i < n; i++) {
		struct map one = {
			.body = BUF_INIT(512), .leave_out = m->leave_out, .wrong = m->wrong
		};

		put_text(&one, CCA_COMPONENT_TYPE, "BL");
		put_bytes(&one, CCA_COMPONENT_MEASUREMENT, BYTES_OF(measurement));
		put_text(&one, CCA_COMPONENT_VERSION, "3.4.2");
		put_bytes(&one, CCA_COMPONENT_SIGNER, BYTES_OF(signer));
		put_map(&one, &m->body);
	}
}

static void platform_claims(const struct cca_gen *g, struct buf *out)
{
	static const uint8_t implementation[32] = { 0x7f }, instance[33] = { 0x01, 0x02 };
	AUTO(buf_done) struct buf rak = BUF_INIT(512);
	struct map m = { .body = BUF_INIT(4096), .leave_out = g->leave_out, .wrong = g->wrong };
	struct digest_value d;

	rak_bytes(g->vouched_for ? g->vouched_for : g->rak, g->cose_key, &rak);
	assert_ok(digest(str_equal(g->rak_hash_alg, "sha-512") ? DIGEST_SHA512 : DIGEST_SHA256,
		buf_bytes(&rak), &d));
	put_text(&m, CCA_PROFILE, g->platform_profile);
	put_bytes(&m, CCA_CHALLENGE, digest_bytes(&d));
	put_bytes(&m, CCA_IMPLEMENTATION_ID, BYTES_OF(implementation));
	put_bytes(&m, CCA_INSTANCE_ID, BYTES_OF(instance));
	put_bytes(&m, CCA_CONFIG, text("\1\2\3"));
	if (key_of(&m, CCA_LIFECYCLE))
		cbor_put_int(&m.body, (int64_t)g->lifecycle);
	put_text(&m, CCA_HASH_ALG, "sha-256");
	components(&m, g->n_components);
	put_text(&m, CCA_SERVICE, "https://verifier.example");
	put_map(&m, out);
}

static void sign1(
	const struct cca_gen *g, const struct key *k, struct bytes payload, struct buf *out)
{
	static const struct {
		enum key_type curve;
		enum sig_alg sig;
		int64_t cose;
		size_t width;
	} algs[] = {
		{ KEY_P256, SIG_ECDSA_SHA256, COSE_ES256, 32 },
		{ KEY_P384, SIG_ECDSA_SHA384, COSE_ES384, 48 },
		{ KEY_P521, SIG_ECDSA_SHA512, COSE_ES512, 66 },
	};
	AUTO(buf_done) struct buf header = BUF_INIT(64), input = BUF_INIT(16384);
	AUTO(buf_done) struct buf der = BUF_INIT(512), raw = BUF_INIT(512);
	size_t a = 0;

	while (algs[a].curve != key_type(k))
		a++;
	cbor_put_head(&header, CBOR_MAP, 1);
	cbor_put_int(&header, 1);
	cbor_put_int(&header, algs[a].cose);
	cose_sign1_input(buf_bytes(&header), payload, &input);
	assert_ok(key_sign(k, algs[a].sig, buf_bytes(&input), &der));
	assert_ok(ecdsa_der_to_raw(buf_bytes(&der), algs[a].width, &raw));
	if (!g->untagged)
		cbor_put_head(out, CBOR_TAG, 18);
	cbor_put_head(out, CBOR_ARRAY, 4);
	cbor_put_bytes(out, buf_bytes(&header));
	cbor_put_head(out, CBOR_MAP, 0);
	cbor_put_bytes(out, payload);
	cbor_put_bytes(out, buf_bytes(&raw));
}

void cca_gen_token(const struct cca_gen *g, struct buf *out)
{
	AUTO(buf_done) struct buf claims = BUF_INIT(8192), signed_claims = BUF_INIT(16384);

	cbor_put_head(out, CBOR_TAG, 399);
	cbor_put_head(out, CBOR_MAP, 2);
	cbor_put_int(out, CCA_PLATFORM_TOKEN);
	platform_claims(g, &claims);
	sign1(g, g->cpak, buf_bytes(&claims), &signed_claims);
	cbor_put_bytes(out, buf_bytes(&signed_claims));
	buf_clear(&claims);
	buf_clear(&signed_claims);
	cbor_put_int(out, CCA_REALM_TOKEN);
	realm_claims(g, &claims);
	sign1(g, g->rak, buf_bytes(&claims), &signed_claims);
	cbor_put_bytes(out, buf_bytes(&signed_claims));
	assert_ok(buf_end(out, "CCA token"));
}

void cca_gen_json(struct bytes token, struct buf *out)
{
	struct json_writer w = jw_of(out);

	jw_object(&w);
	jw_key(&w, "token");
	jw_array(&w);
	for (size_t i = 0; i < token.n; i++)
		jw_u64(&w, token.p[i]);
	jw_array_end(&w);
	jw_object_end(&w);
	assert_ok(buf_end(out, "CCA evidence"));
}
