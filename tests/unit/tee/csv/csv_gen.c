#include "csv_gen.h"

#include "util.h"

enum {
	POLICY_GOOD = CSV_POLICY_NODBG | CSV_POLICY_ES | CSV_POLICY_CSV3,
	ANONCE = 0x5dc7d726,
	V1_SIGNED = 180,
	V1_ANONCE = 188,
};

static void put_reversed(struct bytes be, struct buf *out)
{
	for (size_t i = be.n; i-- > 0;)
		buf_u8(out, be.p[i]);
	buf_zero(out, 72 - be.n);
}

static void put_key(const struct key *k, const char *uid, struct buf *out)
{
	AUTO(buf_done) struct buf x = BUF_INIT(32), y = BUF_INIT(32);

	assert_ok(key_ec_point(k, &x, &y));
	buf_le32(out, 3);
	put_reversed(buf_bytes(&x), out);
	put_reversed(buf_bytes(&y), out);
	buf_le16(out, strlen(uid));
	buf_puts(out, uid);
	buf_zero(out, 254 - strlen(uid));
}

static void put_signature(
	const struct key *k, const char *uid, struct bytes message, struct buf *out)
{
	AUTO(buf_done) struct buf der = BUF_INIT(128), raw = BUF_INIT(64);

	assert_ok(key_sign_sm2(k, bytes_str(uid), message, &der));
	assert_ok(ecdsa_der_to_raw(buf_bytes(&der), 32, &raw));
	put_reversed(bytes_of(raw.p, 32), out);
	put_reversed(bytes_of(raw.p + 32, 32), out);
}

struct ca {
	const struct key *key, *signer;
	const char *uid, *signer_uid;
	uint32_t usage;
	uint8_t kid, sid;
};

static void make_ca(const struct ca *ca, struct buf *out)
{
	buf_clear(out);
	buf_le32(out, 1);
	buf_u8(out, ca->kid);
	buf_zero(out, 15);
	buf_u8(out, ca->sid);
	buf_zero(out, 15);
	buf_le32(out, ca->usage);
	buf_zero(out, 24);
	put_key(ca->key, ca->uid, out);
	buf_zero(out, 108);
	put_signature(ca->signer, ca->signer_uid, bytes_of(out->p, 576), out);
	buf_zero(out, 112);
	assert_ok(buf_end(out, "CA certificate"));
	assert_int_equal(out->n, CSV_CA_CERT_SIZE);
}

struct slot {
	uint32_t usage;
	const struct key *signer; /* NULL: empty */
	const char *uid;
};

struct cert {
	const struct key *key;
	const char *uid;
	uint32_t usage;
	uint8_t sid;
	struct slot slots[2];
};

static void make_cert(const struct cert *c, struct buf *out)
{
	buf_clear(out);
	buf_le32(out, 1);
	buf_u8(out, 1);
	buf_u8(out, 3);
	buf_le16(out, 0);
	buf_le32(out, c->usage);
	buf_le32(out, CSV_ALGO_SM2);
	put_key(c->key, c->uid, out);
	buf_u8(out, c->sid);
	buf_zero(out, 15 + 608);
	for (size_t i = 0; i < 2; i++) {
		const struct slot *s = &c->slots[i];

		buf_le32(out, s->signer ? s->usage : CSV_NO_KEY);
		buf_le32(out, s->signer ? CSV_ALGO_SM2 : 0);
		if (s->signer)
			put_signature(s->signer, s->uid, bytes_of(out->p, 1044), out);
		else
			buf_zero(out, 144);
		buf_zero(out, 368);
	}
	assert_ok(buf_end(out, "certificate"));
	assert_int_equal(out->n, CSV_CERT_SIZE);
}

static const struct key *or_right(const struct key *given, const struct key *right)
{
	return given ? given : right;
}

void csv_gen_certs(struct csv_gen *g)
{
	struct slot signature = { g->slot_usage, or_right(g->pek_signer, g->cek_key), "CEK-id" };
	struct cert pek = { g->pek_key, "PEK-id", g->pek_usage, 0, { { 0 } } };

	make_ca(&(struct ca){ g->hrk_key, g->hrk_key, "HRK-id", "HRK-id", CSV_HRK, 'R', 'R' },
		&g->hrk);
	make_ca(&(struct ca){ g->hsk_key, or_right(g->hsk_signer, g->hrk_key), "HSK-id", "HRK-id",
			g->hsk_usage, 'S', g->hsk_sid },
		&g->hsk);
	make_cert(&(struct cert){ g->cek_key, "CEK-id", g->cek_usage, 'S',
			  { { CSV_HSK, or_right(g->cek_signer, g->hsk_key), "HSK-id" } } },
		&g->cek);
	pek.slots[g->second_slot ? 1 : 0] = signature;
	make_cert(&pek, &g->pek);
	g->anchors.vendor_other[0] = buf_bytes(&g->hrk);
	g->anchors.n_vendor_other = 1;
	for (size_t i = 0; i < 2; i++) {
		const struct buf *from = i ? &g->cek : &g->hsk;

		buf_clear(&g->items[i].bytes);
		buf_put(&g->items[i].bytes, buf_bytes(from));
	}
}

void csv_gen_init(struct csv_gen *g, unsigned version)
{
	*g = (struct csv_gen){
		.hrk = BUF_INIT(CSV_CA_CERT_SIZE),
		.hsk = BUF_INIT(CSV_CA_CERT_SIZE),
		.cek = BUF_INIT(CSV_CERT_SIZE),
		.pek = BUF_INIT(CSV_CERT_SIZE),
		.version = version,
		.policy = POLICY_GOOD,
		.anonce = ANONCE,
		.sig_usage = CSV_PEK,
		.sig_algo = CSV_ALGO_SM2,
		.serial = "TEST0001",
		.hsk_usage = CSV_HSK,
		.cek_usage = CSV_CEK,
		.pek_usage = CSV_PEK,
		.slot_usage = CSV_CEK,
		.hsk_sid = 'R',
	};
	struct key **keys[] = { &g->hrk_key, &g->hsk_key, &g->cek_key, &g->pek_key };
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		assert_ok(key_generate(KEY_SM2, keys[i]));
	memset(g->report_data, 0xda, sizeof(g->report_data));
	memset(g->measure, 0x3e, sizeof(g->measure));
	for (size_t i = 0; i < ARRAY_LEN(g->items); i++) {
		g->items[i] = (struct collateral_item){ .kind = COLLATERAL_CSV_CERT,
			.bytes = BUF_INIT(CSV_CERT_SIZE) };
		g->item_ps[i] = &g->items[i];
	}
	g->collateral = (struct collateral){ .v = g->item_ps, .n = ARRAY_LEN(g->items) };
	csv_gen_certs(g);
}

void csv_gen_done(struct csv_gen *g)
{
	key_free(g->hrk_key);
	key_free(g->hsk_key);
	key_free(g->cek_key);
	key_free(g->pek_key);
	buf_done(&g->hrk);
	buf_done(&g->hsk);
	buf_done(&g->cek);
	buf_done(&g->pek);
	for (size_t i = 0; i < ARRAY_LEN(g->items); i++)
		buf_done(&g->items[i].bytes);
}

/* ---- reports ---- */
static void put_common(const struct csv_gen *g, struct buf *out)
{
	buf_zero(out, 32 + 16 + 16);
	buf_put(out, BYTES_OF(g->report_data));
	buf_zero(out, 16);
	buf_put(out, BYTES_OF(g->measure));
	buf_le32(out, g->policy);
	buf_le32(out, g->sig_usage);
	buf_le32(out, g->sig_algo);
}

static void mask(const struct csv_gen *g, struct buf *b, size_t from)
{
	for (size_t i = from; i < b->n; i++)
		b->p[i] ^= (uint8_t)(g->anonce >> (8 * (i % 4)));
}

static void put_v1(const struct csv_gen *g, const struct key *signer, struct buf *out)
{
	put_common(g, out);
	mask(g, out, 0);
	buf_le32(out, g->anonce);
	put_signature(signer, "PEK-id", bytes_of(out->p, V1_SIGNED), out);
}

static void put_v2(const struct csv_gen *g, const struct key *signer, struct buf *out)
{
	put_common(g, out);
	buf_le32(out, 4711);
	buf_le16(out, 1);
	buf_zero(out, 14);
	for (size_t i = 0; i < CSV_RTMRS; i++)
		buf_put(out, BYTES_OF(g->rtmr[i]));
	buf_zero(out, 656);
	put_signature(signer, "PEK-id", buf_bytes(out), out);
}

void csv_gen_data(const struct csv_gen *g, struct buf *out)
{
	const struct key *signer = or_right(g->report_signer, g->pek_key);
	size_t n;

	if (g->version == 1)
		put_v1(g, signer, out);
	else
		put_v2(g, signer, out);
	n = out->n;
	buf_put(out, buf_bytes(&g->pek));
	buf_puts(out, g->serial);
	buf_zero(out, CSV_SERIAL_SIZE - strlen(g->serial));
	if (g->masked_signer)
		mask(g, out, n);
	buf_zero(out, CSV_DATA_SIZE - out->n);
	assert_ok(buf_end(out, "CSV data"));
	assert_int_equal(n, g->version == 1 ? CSV_REPORT_V1_SIZE : CSV_REPORT_V2_SIZE);
}
