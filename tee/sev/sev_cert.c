#include "sev/sev_cert.h"

#include <string.h>

#include <base/reader.h>
#include <crypto/key.h>
#include <tee/denials.h>

enum {
	VERSION = 1,
	PUBKEY_SIZE = 0x404,
	NUMBER = 72, /* room for an EC number */
	P384 = 48,
	P256 = 32,
	CURVE_P256 = 1,
	CURVE_P384 = 2,
	SIGNATURE = 512,
	RSA_2048 = 2048,
	RSA_4096 = 4096,
	RSA_MAX = RSA_4096 / 8,
};

/* Algorithms of signatures (AMD 55766, table "Algorithm"). */
enum algo {
	RSA_SHA256 = 0x1,
	ECDSA_SHA256 = 0x2,
	RSA_SHA384 = 0x101,
	ECDSA_SHA384 = 0x102,
};

const char *sev_usage_name(uint32_t usage)
{
	switch (usage) {
	case SEV_ARK:
		return "ARK";
	case SEV_ASK:
		return "ASK";
	case SEV_OCA:
		return "OCA";
	case SEV_PEK:
		return "PEK";
	case SEV_PDH:
		return "PDH";
	case SEV_CEK:
		return "CEK";
	default:
		return "unknown";
	}
}

const char *sev_root_product(struct bytes ark)
{
	static const struct {
		const char *product;
		uint8_t digest[32];
	} roots[] = {
		{ "Naples",
			{ 0xde, 0xda, 0xbc, 0xa5, 0x61, 0xe1, 0xde, 0xce, 0x8c, 0xc0, 0x0b, 0x7b,
				0xda, 0x86, 0x4c, 0xf5, 0xf2, 0x0b, 0x95, 0x01, 0x78, 0x64, 0x40,
				0x8c, 0xfe, 0x18, 0xea, 0xee, 0x0d, 0xce, 0x24, 0xb9 } },
		{ "Rome", { 0x86, 0x59, 0x77, 0xb2, 0x68, 0xc1, 0x6d, 0x5b, 0x27, 0x77, 0x2b, 0x00,
				  0xaa, 0xef, 0xb4, 0xe7, 0x37, 0xba, 0x94, 0x99, 0xe8, 0x18, 0xed,
				  0x8e, 0x9f, 0x65, 0xb0, 0xce, 0xce, 0xfb, 0xc5, 0x29 } },
		{ "Milan", { 0x12, 0x46, 0x46, 0x98, 0x62, 0xb7, 0x8a, 0x7a, 0x86, 0x25, 0x57, 0x9b,
				   0x03, 0x78, 0xd1, 0xf8, 0xe9, 0x75, 0xeb, 0x8b, 0x82, 0xa1, 0x62,
				   0x3b, 0x57, 0x9d, 0x79, 0x68, 0xa5, 0x96, 0x98, 0x88 } },
		{ "Genoa", { 0x8f, 0x4e, 0x3f, 0xd3, 0x65, 0x89, 0xc2, 0x3f, 0x1f, 0xe0, 0xc8, 0x33,
				   0x84, 0x65, 0xba, 0xc7, 0xe2, 0xe0, 0x66, 0xd9, 0x7f, 0xc9, 0x2f,
				   0x22, 0x8b, 0xbe, 0xe4, 0xfd, 0x35, 0x6f, 0xb6, 0x74 } },
		{ "Turin", { 0xf6, 0x40, 0x5e, 0x50, 0x96, 0xa6, 0xee, 0xe1, 0xeb, 0x7d, 0x5d, 0xf7,
				   0x5c, 0x49, 0xf9, 0xb9, 0xf7, 0xc8, 0x35, 0x7a, 0x31, 0xc7, 0xff,
				   0xf1, 0x50, 0x14, 0x9d, 0x68, 0x58, 0x8a, 0x7b, 0xf7 } },
	};
	struct digest_value d;

	if (failed(digest(DIGEST_SHA256, ark, &d)))
		return NULL;
	for (size_t i = 0; i < ARRAY_LEN(roots); i++)
		if (bytes_equal(digest_bytes(&d), BYTES_OF(roots[i].digest)))
			return roots[i].product;
	return NULL;
}

/* ---- parsing ---- */

static RESULT zero(struct bytes b, const char *what)
{
	return bytes_is_zero(b) ? OK : err_new(ERR_FORMAT, "SEV certificate: %s is not zero", what);
}

static RESULT parse_ca(struct bytes in, struct sev_cert *c, size_t *ret_size)
{
	struct reader r = rd_of(in);

	c->is_ca = true;
	rd_skip(&r, 4);
	c->key_id = rd_take(&r, SEV_KEY_ID);
	c->certifying_id = rd_take(&r, SEV_KEY_ID);
	c->usage = rd_le32(&r);
	struct bytes reserved = rd_take(&r, 16);
	uint32_t exponent = rd_le32(&r);
	uint32_t modulus = rd_le32(&r);
	if (exponent != modulus || (modulus != RSA_2048 && modulus != RSA_4096))
		return err_new(ERR_FORMAT, "SEV certificate: key of %u bits at 0x3c", modulus);
	c->exponent = rd_take(&r, exponent / 8);
	c->modulus = rd_take(&r, modulus / 8);
	c->signed_bytes = bytes_of(in.p, SEV_CA_FIXED + 2 * (size_t)modulus / 8);
	c->signature = rd_take(&r, modulus / 8);
	if (!rd_ok(&r))
		return err_new(ERR_FORMAT, "SEV certificate: %s: %zu bytes",
			sev_usage_name(c->usage), in.n);
	*ret_size = in.n - r.left;
	return zero(reserved, "reserved field at 0x28");
}

static RESULT parse_platform(struct bytes in, struct sev_cert *c)
{
	struct reader r = rd_of(bytes_of(in.p, SEV_CERT_SIZE));

	rd_skip(&r, 4);
	c->api_major = rd_u8(&r);
	c->api_minor = rd_u8(&r);
	TRY(zero(rd_take(&r, 2), "reserved field at 0x6"));
	c->usage = rd_le32(&r);
	c->algo = rd_le32(&r);
	c->curve = rd_le32(&r);
	c->x = rd_take(&r, NUMBER);
	c->y = rd_take(&r, NUMBER);
	TRY(zero(rd_take(&r, PUBKEY_SIZE - 4 - 2 * NUMBER), "tail of the key at 0xa4"));
	c->signed_bytes = bytes_of(in.p, SEV_CERT_SIZE - r.left);
	for (size_t i = 0; i < ARRAY_LEN(c->signatures); i++) {
		c->signatures[i].usage = rd_le32(&r);
		c->signatures[i].algo = rd_le32(&r);
		c->signatures[i].bytes = rd_take(&r, SIGNATURE);
	}
	return rd_end(&r, "SEV certificate");
}

/* Usages of platform certificates stand at 0x8, where a CA has its key's id. */
static bool is_platform(struct bytes in)
{
	struct reader r = rd_of(in);

	rd_skip(&r, 8);
	uint32_t usage = rd_le32(&r);
	return in.n >= SEV_CERT_SIZE && usage >= SEV_OCA && usage <= SEV_CEK;
}

static bool is_ca(struct bytes in)
{
	struct reader r = rd_of(in);

	rd_skip(&r, 4 + 2 * SEV_KEY_ID);
	uint32_t usage = rd_le32(&r);
	rd_skip(&r, 16);
	uint32_t exponent = rd_le32(&r);
	uint32_t modulus = rd_le32(&r);
	return rd_ok(&r) && (usage == SEV_ARK || usage == SEV_ASK) && exponent == modulus &&
	       (modulus == RSA_2048 || modulus == RSA_4096);
}

bool sev_cert_is(struct bytes in)
{
	struct reader r = rd_of(in);

	return rd_le32(&r) == VERSION && (is_platform(in) || is_ca(in));
}

RESULT sev_cert_parse(struct bytes in, struct sev_cert *ret_cert, struct bytes *ret_rest)
{
	struct sev_cert c = { .version = VERSION };
	size_t size = SEV_CERT_SIZE;

	if (!sev_cert_is(in))
		return err_new(ERR_FORMAT, "SEV certificate: %zu bytes that are none", in.n);
	TRY(is_platform(in) ? parse_platform(in, &c) : parse_ca(in, &c, &size));
	c.raw = bytes_of(in.p, size);
	*ret_cert = c;
	*ret_rest = bytes_of(in.p + size, in.n - size);
	return OK;
}

/* ---- signatures ---- */

/* Big-endian, as everybody else has numbers. */
static struct bytes reversed(struct bytes le, uint8_t to[static RSA_MAX])
{
	for (size_t i = 0; i < le.n; i++)
		to[i] = le.p[le.n - 1 - i];
	return bytes_of(to, le.n);
}

static RESULT rsa_key(const struct sev_cert *ca, struct key **ret_key)
{
	uint8_t n[RSA_MAX], e[RSA_MAX];

	return key_from_rsa(reversed(ca->modulus, n), reversed(ca->exponent, e), ret_key);
}

static RESULT ec_key(const struct sev_cert *c, struct key **ret_key)
{
	size_t width = c->curve == CURVE_P384 ? P384 : P256;
	uint8_t x[RSA_MAX], y[RSA_MAX];

	if ((c->curve != CURVE_P384 && c->curve != CURVE_P256) ||
		!bytes_is_zero(bytes_of(c->x.p + width, NUMBER - width)) ||
		!bytes_is_zero(bytes_of(c->y.p + width, NUMBER - width)))
		return err_new(
			ERR_FORMAT, "SEV certificate: no point of curve %u at 0x10", c->curve);
	return key_from_ec_point(width == P384 ? KEY_P384 : KEY_P256,
		reversed(bytes_of(c->x.p, width), x), reversed(bytes_of(c->y.p, width), y),
		ret_key);
}

static RESULT verify_rsa(
	const struct sev_cert *issuer, enum sig_alg alg, struct bytes message, struct bytes sig)
{
	AUTO(key_freep) struct key *key = NULL;
	size_t n = issuer->modulus.n;
	uint8_t be[RSA_MAX];

	if (sig.n < n || !bytes_is_zero(bytes_of(sig.p + n, sig.n - n)))
		return err_new(ERR_FORMAT, "a signature longer than its key");
	TRY(rsa_key(issuer, &key));
	return key_verify(key, alg, message, reversed(bytes_of(sig.p, n), be));
}

static RESULT verify_ec(
	const struct sev_cert *issuer, enum sig_alg alg, struct bytes message, struct bytes sig)
{
	AUTO(key_freep) struct key *key = NULL;
	AUTO(buf_done) struct buf der = BUF_INIT(4 * P384), raw = BUF_INIT(2 * P384);
	size_t width = issuer->curve == CURVE_P384 ? P384 : P256;
	uint8_t number[RSA_MAX];

	TRY(ec_key(issuer, &key));
	for (size_t i = 0; i < 2; i++) {
		struct bytes le = bytes_of(sig.p + i * NUMBER, NUMBER);
		if (!bytes_is_zero(bytes_of(le.p + width, NUMBER - width)))
			return err_new(ERR_FORMAT, "a signature longer than its key");
		buf_put(&raw, reversed(bytes_of(le.p, width), number));
	}
	if (!bytes_is_zero(bytes_of(sig.p + 2 * (size_t)NUMBER, SIGNATURE - 2 * (size_t)NUMBER)))
		return err_new(ERR_FORMAT, "a signature longer than its key");
	TRY(ecdsa_raw_to_der(buf_bytes(&raw), &der));
	return key_verify(key, alg, message, buf_bytes(&der));
}

static RESULT verify_by_algo(
	const struct sev_cert *issuer, uint32_t algo, struct bytes message, struct bytes sig)
{
	switch (algo) {
	case RSA_SHA256:
	case RSA_SHA384:
		if (!issuer->is_ca)
			break;
		return verify_rsa(issuer,
			algo == RSA_SHA256 ? SIG_RSA_PSS_SHA256 : SIG_RSA_PSS_SHA384, message, sig);
	case ECDSA_SHA256:
	case ECDSA_SHA384:
		if (issuer->is_ca)
			break;
		return verify_ec(issuer, algo == ECDSA_SHA256 ? SIG_ECDSA_SHA256 : SIG_ECDSA_SHA384,
			message, sig);
	default:
		break;
	}
	return err_new(ERR_FORMAT, "algorithm 0x%x does not fit the signer's key", algo);
}

/* Of the two places any may hold the signature: the signer's usage tells. */
static RESULT verify_platform(const struct sev_cert *cert, const struct sev_cert *issuer)
{
	for (size_t i = 0; i < ARRAY_LEN(cert->signatures); i++)
		if (cert->signatures[i].usage == issuer->usage)
			return verify_by_algo(issuer, cert->signatures[i].algo, cert->signed_bytes,
				cert->signatures[i].bytes);
	return err_new(ERR_FORMAT, "no signature by a key of its kind");
}

static RESULT verify_ca(const struct sev_cert *cert, const struct sev_cert *issuer)
{
	if (!issuer->is_ca || !bytes_equal(cert->certifying_id, issuer->key_id))
		return err_new(ERR_FORMAT, "signed by another key, by its id");
	return verify_by_algo(issuer, issuer->modulus.n * 8 == RSA_2048 ? RSA_SHA256 : RSA_SHA384,
		cert->signed_bytes, cert->signature);
}

RESULT sev_cert_signed_by(const struct sev_cert *cert, const struct sev_cert *issuer)
{
	struct err e = cert->is_ca ? verify_ca(cert, issuer) : verify_platform(cert, issuer);

	return tee_deny_because(e, DENY_SEV_SIGNATURE, sev_usage_name(cert->usage));
}
