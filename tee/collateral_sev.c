/*
 * Binary certificates: AMD SEV (SEV API 0.24, appendix C and chapter 2: certificates of the CA and
 * of the platform) and Hygon CSV, which kept the sizes. Only told apart here; verified elsewhere.
 * Integers are little-endian.
 */
#include "collateral.h"

#include <base/reader.h>

enum {
	CA_FIXED = 64, /* before exponent, modulus and signature */
	CSV_CA_SIZE = 832,
	PLATFORM_SIZE = 2084,
	CA_KEY_MIN = 2048,
	CA_KEY_MAX = 4096,
	CHAIN_MAX = 16,
	SEV_VERSION = 1,
	CSV_VERSION = 2, /* of platform certificates; seen: 1 and 2 */
	CURVE_SM2 = 3,
	CSV_CURVE_OFFSET = 64, /* of a CA certificate: where SEV has the exponent's size */
};

enum usage {
	USAGE_ROOT = 0x0,
	USAGE_SIGNING = 0x13,
	USAGE_OCA = 0x1001,
	USAGE_PEK = 0x1002,
	USAGE_PDH = 0x1003,
	USAGE_CEK = 0x1004,
};

struct binary_cert {
	enum collateral_kind kind;
	const char *subject;
	size_t size;
};

static const char *platform_name(uint32_t usage)
{
	switch (usage) {
	case USAGE_OCA:
		return "OCA";
	case USAGE_PEK:
		return "PEK";
	case USAGE_PDH:
		return "PDH";
	case USAGE_CEK:
		return "CEK";
	default:
		return NULL;
	}
}

/* version, API version, usage, algorithm, public key with the curve first. */
static bool is_platform(struct bytes in, struct binary_cert *ret)
{
	struct reader r = rd_of(in);

	uint32_t version = rd_le32(&r);
	if (in.n < PLATFORM_SIZE || (version != SEV_VERSION && version != CSV_VERSION))
		return false;
	rd_skip(&r, 4);
	const char *name = platform_name(rd_le32(&r));
	rd_skip(&r, 4);
	bool sm2 = rd_le32(&r) == CURVE_SM2;
	if (!name)
		return false;
	*ret = (struct binary_cert){ sm2 ? COLLATERAL_CSV_CERT : COLLATERAL_SEV_CERT, name,
		PLATFORM_SIZE };
	return true;
}

/* version, key id, certifying id, usage, reserved; then sizes in bits, or Hygon's curve. */
static bool is_ca(struct bytes in, struct binary_cert *ret)
{
	struct reader r = rd_of(in);

	if (in.n < CSV_CA_SIZE || rd_le32(&r) != 1)
		return false;
	rd_skip(&r, 32);
	uint32_t usage = rd_le32(&r);
	rd_skip(&r, 16);
	if (usage != USAGE_ROOT && usage != USAGE_SIGNING)
		return false;
	struct reader hygon = rd_of(bytes_of(in.p + CSV_CURVE_OFFSET, 4));
	uint32_t exponent = rd_le32(&r);
	uint32_t modulus = rd_le32(&r);
	bool root = usage == USAGE_ROOT;
	if (rd_le32(&hygon) == CURVE_SM2 || exponent == CURVE_SM2) {
		*ret = (struct binary_cert){ COLLATERAL_CSV_CERT, root ? "HRK" : "HSK",
			CSV_CA_SIZE };
		return true;
	}
	if (modulus < CA_KEY_MIN || modulus > CA_KEY_MAX || modulus % 8 || exponent != modulus)
		return false;
	size_t size = CA_FIXED + 3 * (size_t)modulus / 8;
	if (size > in.n)
		return false;
	*ret = (struct binary_cert){ COLLATERAL_SEV_CERT, root ? "ARK" : "ASK", size };
	return true;
}

RESULT batch_sev(struct collateral_batch *b, struct bytes file)
{
	struct binary_cert one;

	for (size_t n = 0; file.n > 0; n++) {
		if (n == CHAIN_MAX || (!is_platform(file, &one) && !is_ca(file, &one)))
			return err_new(ERR_FORMAT, "no chain of SEV or CSV certificates");
		TRY(batch_binary(b, one.kind, one.subject, bytes_of(file.p, one.size)));
		file = bytes_of(file.p + one.size, file.n - one.size);
	}
	return OK;
}
