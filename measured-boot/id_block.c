#include <base/reader.h>
#include <measured-boot/id_block.h>

enum {
	ECDSA_P384_SHA384 = 1, /* ID_KEY_ALGO, AUTH_KEY_ALGO */
	CURVE_P384 = 2,
	NUMBER = 72, /* little-endian, of which a P-384 number fills 48 */
	P384 = 48,
	SIGNATURE_SIZE = 512,
	KEY_SIZE = 0x404,

	/* ID_AUTH */
	ALGOS_RESERVED = 0x38,
	AFTER_ID_KEY = 60,
	AFTER_AUTHOR_KEY = 0x37c
};

RESULT id_block_parse(struct bytes in, struct id_block *ret_block)
{
	struct reader r = rd_of(in);
	struct id_block b = { 0 };

	rd_copy(&r, b.launch_digest, sizeof(b.launch_digest));
	rd_copy(&r, b.family_id, sizeof(b.family_id));
	rd_copy(&r, b.image_id, sizeof(b.image_id));
	uint32_t version = rd_le32(&r);
	b.guest_svn = rd_le32(&r);
	b.policy = rd_le64(&r);
	TRY(rd_end(&r, "ID block"));
	if (version != ID_BLOCK_VERSION)
		return err_new(ERR_UNSUPPORTED, "ID block: version %u", version);
	*ret_block = b;
	return OK;
}

RESULT id_block_write(const struct id_block *b, struct buf *out)
{
	buf_put(out, BYTES_OF(b->launch_digest));
	buf_put(out, BYTES_OF(b->family_id));
	buf_put(out, BYTES_OF(b->image_id));
	buf_le32(out, ID_BLOCK_VERSION);
	buf_le32(out, b->guest_svn);
	buf_le64(out, b->policy);
	return buf_end(out, "ID block");
}

/* ---- AMD's forms of keys and signatures ---- */

/* A number of 48 bytes between big-endian and little-endian, in either direction. */
static struct bytes reversed(struct bytes in, uint8_t to[static P384])
{
	for (size_t i = 0; i < P384; i++)
		to[i] = in.p[P384 - 1 - i];
	return bytes_of(to, P384);
}

static void put_number(struct buf *b, struct bytes big_endian)
{
	uint8_t le[P384];

	buf_put(b, reversed(big_endian, le));
	buf_zero(b, NUMBER - P384);
}

static RESULT take_number(struct reader *r, const char *what, uint8_t big_endian[static P384])
{
	struct bytes le = rd_take(r, P384);

	rd_skip_zero(r, NUMBER - P384);
	if (!rd_ok(r))
		return err_new(ERR_FORMAT, "ID auth: %s: a number of more than 384 bits", what);
	(void)reversed(le, big_endian);
	return OK;
}

static RESULT put_key(struct buf *b, const struct key *key)
{
	AUTO(buf_done) struct buf x = BUF_INIT(P384), y = BUF_INIT(P384);

	if (key_type(key) != KEY_P384)
		return err_new(ERR_USAGE, "ID block: keys are of P-384");
	TRY(key_ec_point(key, &x, &y));
	buf_le32(b, CURVE_P384);
	put_number(b, buf_bytes(&x));
	put_number(b, buf_bytes(&y));
	buf_zero(b, KEY_SIZE - 4 - 2 * NUMBER);
	return buf_end(b, "key");
}

static RESULT parse_key(struct bytes blob, const char *what, struct key **ret_key)
{
	struct reader r = rd_of(blob);
	uint8_t x[P384], y[P384];
	uint32_t curve = rd_le32(&r);

	if (curve != CURVE_P384)
		return err_new(ERR_UNSUPPORTED, "ID auth: %s: curve %u", what, curve);
	TRY(take_number(&r, what, x));
	TRY(take_number(&r, what, y));
	rd_skip_zero(&r, r.left);
	if (!rd_ok(&r))
		return err_new(ERR_FORMAT, "ID auth: %s: reserved bytes are not zero", what);
	struct err e = key_from_ec_point(KEY_P384, BYTES_OF(x), BYTES_OF(y), ret_key);
	return failed(e) ? err_add(e, "ID auth: %s", what) : OK;
}

static RESULT put_signature(struct buf *b, const struct key *key, struct bytes message)
{
	AUTO(buf_done) struct buf der = BUF_INIT(4 * P384), raw = BUF_INIT(2 * P384);

	TRY(key_sign(key, SIG_ECDSA_SHA384, message, &der));
	TRY(ecdsa_der_to_raw(buf_bytes(&der), P384, &raw));
	put_number(b, bytes_of(raw.p, P384));
	put_number(b, bytes_of(raw.p + P384, P384));
	buf_zero(b, SIGNATURE_SIZE - 2 * NUMBER);
	return buf_end(b, "signature");
}

static RESULT check_signature(
	struct bytes blob, const char *what, const struct key *key, struct bytes message)
{
	AUTO(buf_done) struct buf der = BUF_INIT(4 * P384);
	struct reader r = rd_of(blob);
	uint8_t raw[2 * P384];

	TRY(take_number(&r, what, raw));
	TRY(take_number(&r, what, raw + P384));
	rd_skip_zero(&r, r.left);
	if (!rd_ok(&r))
		return err_new(ERR_FORMAT, "ID auth: %s: reserved bytes are not zero", what);
	TRY(ecdsa_raw_to_der(BYTES_OF(raw), &der));
	struct err e = key_verify(key, SIG_ECDSA_SHA384, message, buf_bytes(&der));
	return failed(e) ? err_add(e, "ID auth: %s", what) : OK;
}

RESULT id_key_digest(const struct key *key, struct digest_value *ret_digest)
{
	AUTO(buf_done) struct buf blob = BUF_INIT(KEY_SIZE);

	TRY(put_key(&blob, key));
	return digest(DIGEST_SHA384, buf_bytes(&blob), ret_digest);
}

/* ---- the whole ---- */

static RESULT put_author(struct buf *auth, const struct key *author, struct bytes id_key)
{
	if (!author) {
		buf_zero(auth, SIGNATURE_SIZE + KEY_SIZE);
		return OK;
	}
	TRY(put_signature(auth, author, id_key));
	return put_key(auth, author);
}

RESULT id_auth_make(
	struct bytes block, const struct key *id, const struct key *author, struct buf *auth)
{
	AUTO(buf_done) struct buf id_key = BUF_INIT(KEY_SIZE);
	struct id_block b = { 0 };

	TRY(id_block_parse(block, &b));
	if (!key_is_private(id) || (author && !key_is_private(author)))
		return err_new(ERR_USAGE, "ID block: only private keys sign");
	TRY(put_key(&id_key, id));
	buf_le32(auth, ECDSA_P384_SHA384);
	buf_le32(auth, author ? ECDSA_P384_SHA384 : 0);
	buf_zero(auth, ALGOS_RESERVED);
	TRY(put_signature(auth, id, block));
	buf_put(auth, buf_bytes(&id_key));
	buf_zero(auth, AFTER_ID_KEY);
	TRY(put_author(auth, author, buf_bytes(&id_key)));
	buf_zero(auth, AFTER_AUTHOR_KEY);
	return buf_end(auth, "ID auth");
}

struct id_auth {
	uint32_t id_algo, author_algo;
	struct bytes block_signature, id_key;	   /* views */
	struct bytes id_key_signature, author_key; /* views */
};

static RESULT parse_auth(struct bytes in, struct id_auth *ret)
{
	struct reader r = rd_of(in);
	struct id_auth a = { 0 };

	a.id_algo = rd_le32(&r);
	a.author_algo = rd_le32(&r);
	rd_skip_zero(&r, ALGOS_RESERVED);
	a.block_signature = rd_take(&r, SIGNATURE_SIZE);
	a.id_key = rd_take(&r, KEY_SIZE);
	rd_skip_zero(&r, AFTER_ID_KEY);
	a.id_key_signature = rd_take(&r, SIGNATURE_SIZE);
	a.author_key = rd_take(&r, KEY_SIZE);
	rd_skip_zero(&r, AFTER_AUTHOR_KEY);
	if (in.n != ID_AUTH_SIZE || !rd_ok(&r))
		return err_new(ERR_FORMAT,
			"ID auth: not %d bytes, or reserved bytes that are not zero", ID_AUTH_SIZE);
	if (a.id_algo != ECDSA_P384_SHA384 || a.author_algo > ECDSA_P384_SHA384)
		return err_new(
			ERR_UNSUPPORTED, "ID auth: algorithms %u and %u", a.id_algo, a.author_algo);
	*ret = a;
	return OK;
}

static RESULT check_author(const struct id_auth *a, struct id_auth_keys *keys)
{
	AUTO(key_freep) struct key *author = NULL;

	keys->has_author = a->author_algo != 0;
	if (!keys->has_author) {
		if (bytes_is_zero(a->id_key_signature) && bytes_is_zero(a->author_key))
			return OK;
		return err_new(ERR_FORMAT, "ID auth: an author's key without its algorithm");
	}
	TRY(parse_key(a->author_key, "author key", &author));
	TRY(check_signature(a->id_key_signature, "signature of the ID key", author, a->id_key));
	return digest(DIGEST_SHA384, a->author_key, &keys->author);
}

RESULT id_auth_check(struct bytes block, struct bytes auth, struct id_auth_keys *ret_keys)
{
	AUTO(key_freep) struct key *id = NULL;
	struct id_auth_keys keys = { 0 };
	struct id_block b = { 0 };
	struct id_auth a = { 0 };

	TRY(id_block_parse(block, &b));
	TRY(parse_auth(auth, &a));
	TRY(parse_key(a.id_key, "ID key", &id));
	TRY(check_signature(a.block_signature, "signature of the block", id, block));
	TRY(digest(DIGEST_SHA384, a.id_key, &keys.id));
	TRY(check_author(&a, &keys));
	*ret_keys = keys;
	return OK;
}
