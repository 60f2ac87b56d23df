#include <crypto/cose.h>

enum {
	COSE_SIGN1_TAG = 18,
	HEADER_ALG = 1,
	HEADER_CRIT = 2,
	KEY_KTY = 1,
	KEY_CRV = -1,
	KEY_X = -2,
	KEY_Y = -3,
	KTY_EC2 = 2,
	POINT_UNCOMPRESSED = 0x04,
	SIGN1_PARTS = 4,
	HEADER_MAX = 4096,
	INPUT_MAX = COSE_PAYLOAD_MAX + HEADER_MAX + 64,
	SIGNATURE_MAX = 256
};

static const struct algorithm {
	int64_t id;
	const char *name;
	enum sig_alg sig;
	enum key_type curve;
	int64_t crv;  /* RFC 9053, table 18 */
	size_t width; /* half of a signature */
} algorithms[] = {
	{ COSE_ES256, "ES256", SIG_ECDSA_SHA256, KEY_P256, 1, 32 },
	{ COSE_ES384, "ES384", SIG_ECDSA_SHA384, KEY_P384, 2, 48 },
	{ COSE_ES512, "ES512", SIG_ECDSA_SHA512, KEY_P521, 3, 66 },
	{ COSE_EDDSA, "EdDSA", SIG_ED25519, KEY_ED25519, 6, 32 },
};

static const struct algorithm *algorithm_of(int64_t id)
{
	for (size_t i = 0; i < ARRAY_LEN(algorithms); i++)
		if (algorithms[i].id == id)
			return &algorithms[i];
	return NULL;
}

static const struct algorithm *algorithm_of_key(const struct key *key)
{
	for (size_t i = 0; i < ARRAY_LEN(algorithms); i++)
		if (algorithms[i].curve == key_type(key))
			return &algorithms[i];
	return NULL;
}

const char *cose_alg_name(int64_t alg)
{
	const struct algorithm *a = algorithm_of(alg);

	return a ? a->name : "?";
}

/* RFC 9052, section 3: the algorithm is read from the protected header alone, because nothing
 * vouches for the other; "crit" lists parameters that must be understood, and none is here. */
static struct err parse_header(struct cose_sign1 *s, const char *what)
{
	struct cbor map, v;

	TRY(cbor_parse(s->protected_header, what, &map));
	if (map.type != CBOR_MAP)
		return err_new(ERR_FORMAT, "%s: protected header is no map", what);
	if (cbor_get(&map, HEADER_CRIT, &v))
		return err_new(ERR_FORMAT, "%s: critical header parameters", what);
	if (!cbor_get(&map, HEADER_ALG, &v) || !cbor_int(&v, &s->alg))
		return err_new(ERR_FORMAT, "%s: no algorithm in the protected header", what);
	const struct algorithm *a = algorithm_of(s->alg);
	if (!a)
		return err_new(ERR_FORMAT, "%s: algorithm %lld", what, (long long)s->alg);
	if (s->signature.n != 2 * a->width)
		return err_new(ERR_FORMAT, "%s: signature of %zu bytes", what, s->signature.n);
	return OK;
}

RESULT cose_sign1_parse(struct bytes in, const char *what, struct cose_sign1 *ret_sign1)
{
	struct cbor c, protected_header, unprotected, payload, signature;
	struct reader r;

	TRY(cbor_parse(in, what, &c));
	if (c.type == CBOR_TAG && c.v == COSE_SIGN1_TAG) {
		r = rd_of(c.s);
		cbor_next(&r, &c);
	}
	if (c.type != CBOR_ARRAY || c.v != SIGN1_PARTS)
		return err_new(ERR_FORMAT, "%s: not a COSE_Sign1", what);
	r = rd_of(c.s);
	cbor_next(&r, &protected_header);
	cbor_next(&r, &unprotected);
	cbor_next(&r, &payload);
	cbor_next(&r, &signature);
	if (!rd_ok(&r) || protected_header.type != CBOR_BYTES || unprotected.type != CBOR_MAP ||
		payload.type != CBOR_BYTES || signature.type != CBOR_BYTES)
		return err_new(ERR_FORMAT, "%s: not a COSE_Sign1 with its payload", what);
	struct cose_sign1 s = { .protected_header = protected_header.s,
		.payload = payload.s,
		.signature = signature.s };
	TRY(parse_header(&s, what));
	*ret_sign1 = s;
	return OK;
}

void cose_sign1_input(struct bytes protected_header, struct bytes payload, struct buf *out)
{
	cbor_put_head(out, CBOR_ARRAY, SIGN1_PARTS);
	cbor_put_text(out, "Signature1");
	cbor_put_bytes(out, protected_header);
	cbor_put_bytes(out, BYTES_NONE);
	cbor_put_bytes(out, payload);
}

/* RFC 9053, section 2.1: r and s of the curve's width. The algorithm does not choose the curve by
 * itself, but each profile of CCA pairs them so. */
RESULT cose_sign1_verify(const struct cose_sign1 *s, const struct key *key)
{
	AUTO(buf_done) struct buf input = BUF_INIT(INPUT_MAX), der = BUF_INIT(SIGNATURE_MAX);
	const struct algorithm *a = algorithm_of(s->alg);

	if (!a || key_type(key) != a->curve)
		return err_new(ERR_UNVERIFIED, "signature by a key of another curve");
	cose_sign1_input(s->protected_header, s->payload, &input);
	TRY(buf_end(&input, "Sig_structure"));
	if (a->curve == KEY_ED25519)
		return key_verify(key, a->sig, buf_bytes(&input), s->signature);
	struct err e = ecdsa_raw_to_der(s->signature, &der);
	if (e.code == ERR_FORMAT)
		return err_new(ERR_UNVERIFIED, "signature");
	TRY(e);
	return key_verify(key, a->sig, buf_bytes(&input), buf_bytes(&der));
}

static struct err sign(
	const struct key *key, const struct algorithm *a, struct bytes input, struct buf *out)
{
	AUTO(buf_done) struct buf signature = BUF_INIT(SIGNATURE_MAX),
				  raw = BUF_INIT(SIGNATURE_MAX);

	TRY(key_sign(key, a->sig, input, &signature));
	if (a->curve != KEY_ED25519)
		TRY(ecdsa_der_to_raw(buf_bytes(&signature), a->width, &raw));
	else
		buf_put(&raw, buf_bytes(&signature));
	TRY(buf_end(&raw, "signature"));
	cbor_put_bytes(out, buf_bytes(&raw));
	return OK;
}

RESULT cose_sign1_make(const struct key *key, const struct cose_header *more, struct bytes payload,
	struct buf *out)
{
	AUTO(buf_done) struct buf header = BUF_INIT(HEADER_MAX), input = BUF_INIT(INPUT_MAX);
	const struct algorithm *a = algorithm_of_key(key);

	if (!a)
		return err_new(ERR_UNSUPPORTED, "COSE: a key of P-256, P-384, P-521 or Ed25519");
	cbor_put_head(&header, CBOR_MAP, 1 + more->n);
	cbor_put_int(&header, HEADER_ALG);
	cbor_put_int(&header, a->id);
	buf_put(&header, more->pairs);
	TRY(buf_end(&header, "protected header"));
	cose_sign1_input(buf_bytes(&header), payload, &input);
	TRY(buf_end(&input, "Sig_structure"));
	cbor_put_head(out, CBOR_TAG, COSE_SIGN1_TAG);
	cbor_put_head(out, CBOR_ARRAY, SIGN1_PARTS);
	cbor_put_bytes(out, buf_bytes(&header));
	cbor_put_head(out, CBOR_MAP, 0);
	cbor_put_bytes(out, payload);
	TRY(sign(key, a, buf_bytes(&input), out));
	return buf_end(out, "COSE_Sign1");
}

static struct err parse_point(struct bytes in, const char *what, struct key **ret_key)
{
	size_t width = (in.n - 1) / 2;

	for (size_t i = 0; i < ARRAY_LEN(algorithms); i++)
		if (algorithms[i].curve != KEY_ED25519 && in.n == 1 + 2 * algorithms[i].width)
			return key_from_ec_point(algorithms[i].curve, bytes_of(in.p + 1, width),
				bytes_of(in.p + 1 + width, width), ret_key);
	return err_new(ERR_FORMAT, "%s: EC point of %zu bytes", what, in.n);
}

RESULT cose_key_parse(struct bytes in, const char *what, struct key **ret_key)
{
	struct cbor map, v, x, y;
	int64_t kty, crv;

	if (in.n > 0 && in.p[0] == POINT_UNCOMPRESSED)
		return parse_point(in, what, ret_key);
	TRY(cbor_parse(in, what, &map));
	if (!cbor_get(&map, KEY_KTY, &v) || !cbor_int(&v, &kty) || kty != KTY_EC2 ||
		!cbor_get(&map, KEY_CRV, &v) || !cbor_int(&v, &crv) || !cbor_get(&map, KEY_X, &x) ||
		x.type != CBOR_BYTES || !cbor_get(&map, KEY_Y, &y) || y.type != CBOR_BYTES)
		return err_new(ERR_FORMAT, "%s: not an EC2 key with both coordinates", what);
	for (size_t i = 0; i < ARRAY_LEN(algorithms); i++)
		if (algorithms[i].curve != KEY_ED25519 && algorithms[i].crv == crv)
			return key_from_ec_point(algorithms[i].curve, x.s, y.s, ret_key);
	return err_new(ERR_FORMAT, "%s: curve %lld", what, (long long)crv);
}
