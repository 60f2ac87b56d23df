#include "csv.h"

#include <base/reader.h>

enum {
	FIELD_SIZE = 72, /* of a number */
	USER_ID_MAX = 254,
	CURVE_SM2 = 3,
	CURVE_OFFSET_CA = 64,
	CURVE_OFFSET = 16,
	CA_SIGNED = 576,
	CERT_SIGNED = 1044,
	CA_PREAMBLE_RESERVED = 24,
	CA_BODY_RESERVED = 108,
	CA_TAIL_RESERVED = 112,
	CERT_BODY_RESERVED = 608,
	SLOT_RESERVED = 368
};

const char *csv_usage_name(uint32_t usage)
{
	static const struct {
		uint32_t usage;
		const char *name;
	} names[] = {
		{ CSV_HRK, "HRK" },
		{ CSV_HSK, "HSK" },
		{ CSV_NO_KEY, "none" },
		{ CSV_OCA, "OCA" },
		{ CSV_PEK, "PEK" },
		{ CSV_PDH, "PDH" },
		{ CSV_CEK, "CEK" },
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (names[i].usage == usage)
			return names[i].name;
	return "unknown";
}

static struct bytes read_number(struct reader *r)
{
	struct bytes n = rd_take(r, CSV_NUMBER_SIZE);

	rd_skip_zero(r, FIELD_SIZE - CSV_NUMBER_SIZE);
	return n;
}

/*
 * HRK and HSK: version, key id, id of the signer, usage, 24 reserved bytes, key, 108 reserved
 * bytes; signed up to here; signature, 112 reserved bytes. CEK and PEK: version, firmware, 2
 * reserved bytes, usage, algorithm, key, id of the signer, 608 reserved bytes; signed up to here;
 * two places of usage, algorithm, signature and 368 reserved bytes. A key is alike in both: curve,
 * point, user id. The forms are AMD's of SEV.
 */
static struct err read_key(struct reader *r, struct csv_cert *c)
{
	uint32_t curve = rd_le32(r);

	if (curve != CURVE_SM2)
		return err_new(ERR_FORMAT, "CSV certificate: curve %u", curve);
	c->x = read_number(r);
	c->y = read_number(r);
	uint16_t n = rd_le16(r);
	if (n > USER_ID_MAX)
		return err_new(ERR_FORMAT, "CSV certificate: user id of %u bytes", n);
	c->user_id = rd_take(r, n);
	rd_skip(r, USER_ID_MAX - n);
	return OK;
}

static struct err read_ca(struct reader *r, struct csv_cert *c)
{
	c->is_ca = true;
	c->version = rd_le32(r);
	c->kid = rd_take(r, CSV_KEY_ID_SIZE);
	c->sid = rd_take(r, CSV_KEY_ID_SIZE);
	c->usage = rd_le32(r);
	c->algo = CSV_ALGO_SM2;
	rd_skip(r, CA_PREAMBLE_RESERVED);
	TRY(read_key(r, c));
	rd_skip(r, CA_BODY_RESERVED);
	c->n_sigs = 1;
	c->sigs[0].r = read_number(r);
	c->sigs[0].s = read_number(r);
	rd_skip_zero(r, CA_TAIL_RESERVED);
	return OK;
}

static struct err read_cert(struct reader *r, struct csv_cert *c)
{
	c->version = rd_le32(r);
	c->firmware_major = rd_u8(r);
	c->firmware_minor = rd_u8(r);
	rd_skip(r, 2);
	c->usage = rd_le32(r);
	c->algo = rd_le32(r);
	TRY(read_key(r, c));
	c->sid = rd_take(r, CSV_KEY_ID_SIZE);
	rd_skip(r, CERT_BODY_RESERVED);
	c->n_sigs = 2;
	for (size_t i = 0; i < c->n_sigs; i++) {
		c->sigs[i].usage = rd_le32(r);
		c->sigs[i].algo = rd_le32(r);
		c->sigs[i].r = read_number(r);
		c->sigs[i].s = read_number(r);
		rd_skip_zero(r, SLOT_RESERVED);
	}
	return OK;
}

RESULT csv_cert_parse(struct bytes in, struct csv_cert *ret_cert)
{
	bool ca = in.n == CSV_CA_CERT_SIZE;
	struct csv_cert c = { 0 };
	struct reader r = rd_of(in);

	if (!ca && in.n != CSV_CERT_SIZE)
		return err_new(ERR_FORMAT, "CSV certificate: %zu bytes", in.n);
	TRY(ca ? read_ca(&r, &c) : read_cert(&r, &c));
	if (!rd_ok(&r))
		return err_new(ERR_FORMAT, "CSV certificate: reserved bytes are not zero");
	c.signed_bytes = bytes_of(in.p, ca ? CA_SIGNED : CERT_SIGNED);
	*ret_cert = c;
	return OK;
}

bool csv_cert_is(struct bytes file)
{
	size_t at = file.n == CSV_CERT_SIZE ? CURVE_OFFSET : CURVE_OFFSET_CA;

	if (file.n != CSV_CERT_SIZE && file.n != CSV_CA_CERT_SIZE)
		return false;
	struct reader r = rd_of(bytes_of(file.p + at, sizeof(uint32_t)));
	return rd_le32(&r) == CURVE_SM2;
}

static void reverse(struct bytes from, uint8_t to[static CSV_NUMBER_SIZE])
{
	for (size_t i = 0; i < CSV_NUMBER_SIZE; i++)
		to[i] = from.p[CSV_NUMBER_SIZE - 1 - i];
}

/* GB/T 32918.2: the signer's id and public key are hashed before the message, so that a signature
 * does not hold under a certificate with another id. */
RESULT csv_cert_verifies(
	const struct csv_cert *signer, struct bytes message, struct bytes r, struct bytes s)
{
	uint8_t x[CSV_NUMBER_SIZE], y[CSV_NUMBER_SIZE], raw[2 * CSV_NUMBER_SIZE];
	AUTO(buf_done) struct buf der = BUF_INIT(128);
	AUTO(key_freep) struct key *key = NULL;

	reverse(signer->x, x);
	reverse(signer->y, y);
	TRY(key_from_ec_point(KEY_SM2, BYTES_OF(x), BYTES_OF(y), &key));
	reverse(r, raw);
	reverse(s, raw + CSV_NUMBER_SIZE);
	struct err e = ecdsa_raw_to_der(BYTES_OF(raw), &der);
	if (e.code == ERR_FORMAT)
		return err_new(ERR_UNVERIFIED, "signature");
	TRY(e);
	return key_verify_sm2(key, signer->user_id, message, buf_bytes(&der));
}

/* A PEK may also be signed by its owner (OCA). That signature says nothing about the processor:
 * only those that claim to be of the issuer's kind are looked at. */
RESULT csv_cert_signed_by(const struct csv_cert *c, const struct csv_cert *issuer)
{
	bool signer = false;

	if (c->sid.n > 0 && issuer->is_ca && !bytes_equal(c->sid, issuer->kid))
		return tee_deny(DENY_CSV_CHAIN, "key id of the signer", NULL, "another key's");
	for (size_t i = 0; i < c->n_sigs; i++) {
		const struct csv_signature *s = &c->sigs[i];

		if (!c->is_ca && (s->usage != issuer->usage || s->algo != CSV_ALGO_SM2))
			continue;
		signer = true;
		struct err e = csv_cert_verifies(issuer, c->signed_bytes, s->r, s->s);
		if (e.code != ERR_UNVERIFIED)
			return e;
	}
	if (!signer)
		return tee_deny(DENY_CSV_CHAIN, "signature", csv_usage_name(issuer->usage),
			"none of that kind of key");
	return tee_deny(DENY_CSV_SIGNATURE, "", NULL, "signature does not hold");
}
