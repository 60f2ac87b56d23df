#include "vtpm/tpm2.h"

#include <base/reader.h>

enum {
	TPM_ST_ATTEST_QUOTE = 0x8018,
	PCR_SELECT_MAX = 4,
	EC_WIDTH_MAX = 66,
	EC_RAW_MAX = 2 * EC_WIDTH_MAX,
	EC_DER_MAX = 256,
};

#define TPM_GENERATED_VALUE  0xff544347u
#define RSA_DEFAULT_EXPONENT 65537u

/* TPM2B_*: u16 size, then that many bytes. */
static struct bytes rd_tpm2b(struct reader *r)
{
	uint16_t n = rd_be16(r);

	return rd_take(r, n);
}

static void read_selection(struct reader *r, struct tpm2_pcr_selection *s)
{
	s->hash = rd_be16(r);
	uint8_t size = rd_u8(r);
	if (size > PCR_SELECT_MAX)
		r->bad = true;
	struct bytes select = rd_take(r, size);
	for (size_t i = 0; i < select.n; i++)
		s->pcrs |= (uint32_t)select.p[i] << (8 * i);
}

RESULT tpm2_quote_parse(struct bytes in, struct tpm2_quote *ret_quote)
{
	struct reader r = rd_of(in);
	struct tpm2_quote q = { 0 };

	uint32_t magic = rd_be32(&r);
	if (rd_ok(&r) && magic != TPM_GENERATED_VALUE)
		return err_new(ERR_FORMAT, "TPMS_ATTEST: magic 0x%08x is not a TPM's", magic);
	uint16_t type = rd_be16(&r);
	if (rd_ok(&r) && type != TPM_ST_ATTEST_QUOTE)
		return err_new(ERR_FORMAT, "TPMS_ATTEST: type 0x%04x is not a quote", type);
	q.qualified_signer = rd_tpm2b(&r);
	q.extra_data = rd_tpm2b(&r);
	q.clock = rd_be64(&r);
	q.reset_count = rd_be32(&r);
	q.restart_count = rd_be32(&r);
	q.safe = rd_u8(&r);
	q.firmware_version = rd_be64(&r);
	uint32_t n = rd_be32(&r);
	if (rd_ok(&r) && n > TPM2_SELECTIONS_MAX)
		return err_new(ERR_LIMIT, "TPMS_ATTEST: %u PCR selections", n);
	for (uint32_t i = 0; i < n && rd_ok(&r); i++)
		read_selection(&r, &q.selections[q.n_selections++]);
	q.pcr_digest = rd_tpm2b(&r);
	TRY(rd_end(&r, "TPMS_ATTEST"));
	*ret_quote = q;
	return OK;
}

RESULT tpm2_signature_parse(struct bytes in, struct tpm2_signature *ret_sig)
{
	struct reader r = rd_of(in);
	struct tpm2_signature s = { 0 };

	s.scheme = rd_be16(&r);
	s.hash = rd_be16(&r);
	if (!rd_ok(&r))
		return err_new(ERR_FORMAT, "TPMT_SIGNATURE: truncated or out of bounds");
	if (s.scheme == TPM_ALG_RSASSA || s.scheme == TPM_ALG_RSAPSS) {
		s.rsa = rd_tpm2b(&r);
	} else if (s.scheme == TPM_ALG_ECDSA) {
		s.r = rd_tpm2b(&r);
		s.s = rd_tpm2b(&r);
	} else {
		return err_new(ERR_UNSUPPORTED, "TPMT_SIGNATURE: scheme 0x%04x", s.scheme);
	}
	TRY(rd_end(&r, "TPMT_SIGNATURE"));
	*ret_sig = s;
	return OK;
}

RESULT tpm2_digest_alg(uint16_t tpm_alg, enum digest_alg *ret_alg)
{
	switch (tpm_alg) {
	case TPM_ALG_SHA256:
		*ret_alg = DIGEST_SHA256;
		return OK;
	case TPM_ALG_SHA384:
		*ret_alg = DIGEST_SHA384;
		return OK;
	case TPM_ALG_SHA512:
		*ret_alg = DIGEST_SHA512;
		return OK;
	default:
		return err_new(ERR_UNSUPPORTED, "TPM hash algorithm 0x%04x", tpm_alg);
	}
}

static struct err signature_alg(const struct tpm2_signature *sig, enum sig_alg *ret_alg)
{
	static const struct {
		uint16_t scheme, hash;
		enum sig_alg alg;
	} table[] = {
		{ TPM_ALG_RSASSA, TPM_ALG_SHA256, SIG_RSA_PKCS1_SHA256 },
		{ TPM_ALG_RSASSA, TPM_ALG_SHA384, SIG_RSA_PKCS1_SHA384 },
		{ TPM_ALG_RSASSA, TPM_ALG_SHA512, SIG_RSA_PKCS1_SHA512 },
		{ TPM_ALG_RSAPSS, TPM_ALG_SHA256, SIG_RSA_PSS_SHA256 },
		{ TPM_ALG_RSAPSS, TPM_ALG_SHA384, SIG_RSA_PSS_SHA384 },
		{ TPM_ALG_RSAPSS, TPM_ALG_SHA512, SIG_RSA_PSS_SHA512 },
		{ TPM_ALG_ECDSA, TPM_ALG_SHA256, SIG_ECDSA_SHA256 },
		{ TPM_ALG_ECDSA, TPM_ALG_SHA384, SIG_ECDSA_SHA384 },
		{ TPM_ALG_ECDSA, TPM_ALG_SHA512, SIG_ECDSA_SHA512 },
	};

	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (table[i].scheme == sig->scheme && table[i].hash == sig->hash) {
			*ret_alg = table[i].alg;
			return OK;
		}
	return err_new(ERR_UNSUPPORTED, "TPM signature scheme 0x%04x with hash 0x%04x", sig->scheme,
		sig->hash);
}

static size_t ec_width(enum key_type type)
{
	switch (type) {
	case KEY_P256:
		return 32;
	case KEY_P384:
		return 48;
	case KEY_P521:
		return EC_WIDTH_MAX;
	case KEY_RSA:
	case KEY_ED25519:
	case KEY_SM2:
		break;
	}
	return 0;
}

/* A TPM may leave out leading zeroes of a number. */
static struct err put_padded(struct buf *to, struct bytes number, size_t width)
{
	if (number.n > width)
		return err_new(ERR_FORMAT, "TPM elliptic curve number of %zu bytes", number.n);
	buf_zero(to, width - number.n);
	buf_put(to, number);
	return OK;
}

RESULT tpm2_signature_verify(
	const struct tpm2_signature *sig, const struct key *key, struct bytes message)
{
	AUTO(buf_done) struct buf raw = BUF_INIT(EC_RAW_MAX);
	AUTO(buf_done) struct buf der = BUF_INIT(EC_DER_MAX);
	size_t width = ec_width(key_type(key));
	enum sig_alg alg;

	TRY(signature_alg(sig, &alg));
	if ((sig->scheme == TPM_ALG_ECDSA) != (width > 0))
		return err_new(ERR_UNSUPPORTED, "TPM signature scheme 0x%04x with another key type",
			sig->scheme);
	if (width == 0)
		return key_verify(key, alg, message, sig->rsa);
	TRY(put_padded(&raw, sig->r, width));
	TRY(put_padded(&raw, sig->s, width));
	TRY(ecdsa_raw_to_der(buf_bytes(&raw), &der));
	return key_verify(key, alg, message, buf_bytes(&der));
}

/* ECDSA alone: DER, or r || s. */
static struct err bare_verify(
	const struct key *key, enum sig_alg alg, struct bytes message, struct bytes sig)
{
	AUTO(buf_done) struct buf der = BUF_INIT(EC_DER_MAX);
	size_t width = ec_width(key_type(key));

	if (width == 0 || sig.n != 2 * width)
		return key_verify(key, alg, message, sig);
	TRY(ecdsa_raw_to_der(sig, &der));
	return key_verify(key, alg, message, buf_bytes(&der));
}

RESULT tpm2_any_signature_verify(
	struct bytes sig, const struct key *key, struct bytes message, enum digest_alg *ret_hash)
{
	static const struct {
		enum sig_alg alg;
		bool ec;
		enum digest_alg hash;
	} bare[] = {
		{ SIG_RSA_PKCS1_SHA256, false, DIGEST_SHA256 },
		{ SIG_RSA_PSS_SHA256, false, DIGEST_SHA256 },
		{ SIG_RSA_PKCS1_SHA384, false, DIGEST_SHA384 },
		{ SIG_RSA_PSS_SHA384, false, DIGEST_SHA384 },
		{ SIG_RSA_PKCS1_SHA512, false, DIGEST_SHA512 },
		{ SIG_RSA_PSS_SHA512, false, DIGEST_SHA512 },
		{ SIG_ECDSA_SHA256, true, DIGEST_SHA256 },
		{ SIG_ECDSA_SHA384, true, DIGEST_SHA384 },
		{ SIG_ECDSA_SHA512, true, DIGEST_SHA512 },
	};
	bool ec = ec_width(key_type(key)) > 0;
	struct tpm2_signature s;

	if (!failed(tpm2_signature_parse(sig, &s))) {
		TRY(tpm2_digest_alg(s.hash, ret_hash));
		return tpm2_signature_verify(&s, key, message);
	}
	for (size_t i = 0; i < ARRAY_LEN(bare); i++) {
		if (bare[i].ec != ec || failed(bare_verify(key, bare[i].alg, message, sig)))
			continue;
		*ret_hash = bare[i].hash;
		return OK;
	}
	return err_new(ERR_UNVERIFIED, "signature: of another key or message, or of no known form");
}

/* TPMT_SYM_DEF_OBJECT */
static void read_symmetric(struct reader *r, struct tpm2_public *p)
{
	p->symmetric = rd_be16(r);
	if (p->symmetric == TPM_ALG_NULL)
		return;
	if (p->symmetric != TPM_ALG_AES)
		r->bad = true;
	p->symmetric_bits = rd_be16(r);
	p->symmetric_mode = rd_be16(r);
}

/* TPMT_RSA_SCHEME and TPMT_ECC_SCHEME differ only in the schemes they allow. */
static void read_scheme(struct reader *r, struct tpm2_public *p)
{
	p->scheme = rd_be16(r);
	if (p->scheme == TPM_ALG_NULL || p->scheme == TPM_ALG_RSAES)
		return;
	p->scheme_hash = rd_be16(r);
	if (p->scheme == TPM_ALG_ECDAA)
		rd_skip(r, 2); /* count */
}

static void read_ecc(struct reader *r, struct tpm2_public *p)
{
	p->curve = rd_be16(r);
	uint16_t kdf = rd_be16(r);
	if (kdf != TPM_ALG_NULL)
		rd_skip(r, 2); /* hash */
	p->x = rd_tpm2b(r);
	p->y = rd_tpm2b(r);
}

RESULT tpm2_public_parse(struct bytes tpm2b, struct tpm2_public *ret_pub)
{
	struct reader outer = rd_of(tpm2b);

	struct bytes area = rd_tpm2b(&outer);
	TRY(rd_end(&outer, "TPM2B_PUBLIC"));
	return tpm2_public_area_parse(area, ret_pub);
}

RESULT tpm2_public_area_parse(struct bytes area, struct tpm2_public *ret_pub)
{
	struct tpm2_public p = { .area = area };
	struct reader r = rd_of(area);

	p.type = rd_be16(&r);
	p.name_alg = rd_be16(&r);
	p.attributes = rd_be32(&r);
	p.auth_policy = rd_tpm2b(&r);
	if (rd_ok(&r) && p.type != TPM_ALG_RSA && p.type != TPM_ALG_ECC)
		return err_new(ERR_UNSUPPORTED, "TPMT_PUBLIC: key type 0x%04x", p.type);
	read_symmetric(&r, &p);
	read_scheme(&r, &p);
	if (p.type == TPM_ALG_RSA) {
		p.key_bits = rd_be16(&r);
		p.exponent = rd_be32(&r);
		p.modulus = rd_tpm2b(&r);
	} else {
		read_ecc(&r, &p);
	}
	TRY(rd_end(&r, "TPMT_PUBLIC"));
	*ret_pub = p;
	return OK;
}

static struct err rsa_key(const struct tpm2_public *pub, struct key **ret_key)
{
	uint32_t e = pub->exponent ? pub->exponent : RSA_DEFAULT_EXPONENT;
	uint8_t exponent[4];

	if (pub->modulus.n * 8 != pub->key_bits)
		return err_new(ERR_FORMAT, "TPMT_PUBLIC: RSA modulus of %zu bytes for %u bits",
			pub->modulus.n, pub->key_bits);
	for (size_t i = 0; i < sizeof(exponent); i++)
		exponent[i] = (uint8_t)(e >> (8 * (sizeof(exponent) - 1 - i)));
	return key_from_rsa(pub->modulus, BYTES_OF(exponent), ret_key);
}

static struct err curve_type(uint16_t curve, enum key_type *ret_type)
{
	static const struct {
		uint16_t curve;
		enum key_type type;
	} curves[] = {
		{ TPM_ECC_NIST_P256, KEY_P256 },
		{ TPM_ECC_NIST_P384, KEY_P384 },
		{ TPM_ECC_NIST_P521, KEY_P521 },
	};

	for (size_t i = 0; i < ARRAY_LEN(curves); i++)
		if (curves[i].curve == curve) {
			*ret_type = curves[i].type;
			return OK;
		}
	return err_new(ERR_UNSUPPORTED, "TPMT_PUBLIC: curve 0x%04x", curve);
}

static struct err ecc_key(const struct tpm2_public *pub, struct key **ret_key)
{
	AUTO(buf_done) struct buf x = BUF_INIT(EC_WIDTH_MAX);
	AUTO(buf_done) struct buf y = BUF_INIT(EC_WIDTH_MAX);
	enum key_type type;

	TRY(curve_type(pub->curve, &type));
	TRY(put_padded(&x, pub->x, ec_width(type)));
	TRY(put_padded(&y, pub->y, ec_width(type)));
	TRY(buf_end(&x, "TPMT_PUBLIC"));
	TRY(buf_end(&y, "TPMT_PUBLIC"));
	return key_from_ec_point(type, buf_bytes(&x), buf_bytes(&y), ret_key);
}

RESULT tpm2_public_key(const struct tpm2_public *pub, struct key **ret_key)
{
	return pub->type == TPM_ALG_RSA ? rsa_key(pub, ret_key) : ecc_key(pub, ret_key);
}

RESULT tpm2_name(const struct tpm2_public *pub, struct buf *out)
{
	struct digest_value d;
	enum digest_alg alg;

	TRY(tpm2_digest_alg(pub->name_alg, &alg));
	TRY(digest(alg, pub->area, &d));
	buf_be16(out, pub->name_alg);
	buf_put(out, digest_bytes(&d));
	return buf_end(out, "TPM name");
}
