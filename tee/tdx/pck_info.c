/* Intel SGX PCK certificate and revocation list profile, section 1.3.5: the SGX extension. */
#include "tdx/tcb.h"

#include <string.h>

#include <crypto/der.h>

#define SGX_OID "1.2.840.113741.1.13.1"

enum {
	EXTENSION_MAX = 4096,
	COMPONENTS = 16,
	TCB_PCESVN = 17,
	TCB_CPUSVN = 18
};

/* 1.2.840.113741.1.13.1, without tag and length */
static const uint8_t sgx_arc[] = { 0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01 };

/* One SEQUENCE { OBJECT IDENTIFIER, value } below .branch of the arc, 0: the arc itself; the last
 * number, and the reader at the value. All numbers are below 128: an octet each. */
static RESULT next_member(
	struct reader *r, uint8_t branch, unsigned long *ret_n, struct reader *ret_value)
{
	struct reader m, oid;

	TRY(der_enter(r, DER_SEQUENCE, &m));
	TRY(der_enter(&m, DER_OID, &oid));
	struct bytes arc = rd_take(&oid, sizeof(sgx_arc));
	bool known = bytes_equal(arc, BYTES_OF(sgx_arc)) && (branch == 0 || rd_u8(&oid) == branch);
	uint8_t n = rd_u8(&oid);
	if (!known || !rd_ok(&oid) || oid.left > 0 || n >= 0x80)
		return err_new(ERR_FORMAT, "SGX extension: a member of another arc");
	*ret_n = n;
	*ret_value = m;
	return OK;
}

static RESULT octets(struct reader *value, uint8_t *to, size_t n)
{
	struct reader v;

	TRY(der_enter(value, DER_OCTET_STRING, &v));
	if (v.left != n)
		return err_new(ERR_FORMAT, "SGX extension: %zu octets instead of %zu", v.left, n);
	rd_copy(&v, to, n);
	return rd_end(&v, "SGX extension");
}

static RESULT number(struct reader *value, uint64_t max, uint64_t *ret_v)
{
	uint64_t v;

	TRY(der_u64(value, &v));
	if (v > max)
		return err_new(ERR_FORMAT, "SGX extension: number %llu", (unsigned long long)v);
	*ret_v = v;
	return OK;
}

static RESULT boolean(struct reader *value, bool *ret_v)
{
	struct reader v;

	TRY(der_enter(value, DER_BOOLEAN, &v));
	*ret_v = rd_u8(&v) != 0;
	return rd_end(&v, "SGX extension");
}

/* Members that were found, so that none is there twice or missing. */
static RESULT once(uint32_t *seen, unsigned long n)
{
	if (n == 0 || n >= 32 || *seen >> n & 1)
		return err_new(ERR_FORMAT, "SGX extension: member %lu %s", n,
			n > 0 && n < 32 ? "twice" : "not known");
	*seen |= UINT32_C(1) << n;
	return OK;
}

static RESULT parse_tcb(struct reader *value, struct pck_info *p)
{
	const uint32_t all = (UINT32_C(1) << (TCB_CPUSVN + 1)) - 2;
	struct reader seq, v;
	uint32_t seen = 0;
	unsigned long n;
	uint64_t svn;

	TRY(der_enter(value, DER_SEQUENCE, &seq));
	while (rd_more(&seq)) {
		TRY(next_member(&seq, 2, &n, &v));
		TRY(once(&seen, n));
		if (n == TCB_CPUSVN) {
			TRY(octets(&v, p->cpusvn, sizeof(p->cpusvn)));
			continue;
		}
		TRY(number(&v, n == TCB_PCESVN ? UINT16_MAX : UINT8_MAX, &svn));
		if (n == TCB_PCESVN)
			p->pcesvn = (uint16_t)svn;
		else if (n <= COMPONENTS)
			p->tcb_components[n - 1] = (uint8_t)svn;
	}
	return seen == all ? OK : err_new(ERR_FORMAT, "SGX extension: TCB is not whole");
}

static RESULT parse_configuration(struct reader *value, struct pck_info *p)
{
	bool *flags[] = { &p->dynamic_platform, &p->cached_keys, &p->smt_enabled };
	struct reader seq, v;
	uint32_t seen = 0;
	unsigned long n;

	TRY(der_enter(value, DER_SEQUENCE, &seq));
	while (rd_more(&seq)) {
		TRY(next_member(&seq, 7, &n, &v));
		TRY(once(&seen, n));
		if (n > ARRAY_LEN(flags))
			return err_new(ERR_FORMAT, "SGX extension: configuration %lu", n);
		TRY(boolean(&v, flags[n - 1]));
	}
	p->has_configuration = true;
	return OK;
}

static RESULT parse_member(unsigned long n, struct reader *v, struct pck_info *p)
{
	uint64_t type;

	switch (n) {
	case 1:
		return octets(v, p->ppid, sizeof(p->ppid));
	case 2:
		return parse_tcb(v, p);
	case 3:
		return octets(v, p->pce_id, sizeof(p->pce_id));
	case 4:
		return octets(v, p->fmspc, sizeof(p->fmspc));
	case 5:
		TRY(number(v, UINT8_MAX, &type));
		p->sgx_type = (uint8_t)type;
		return OK;
	case 6:
		p->has_platform_instance_id = true;
		return octets(v, p->platform_instance_id, sizeof(p->platform_instance_id));
	case 7:
		return parse_configuration(v, p);
	default:
		return err_new(ERR_FORMAT, "SGX extension: member %lu", n);
	}
}

RESULT pck_info_parse(const struct x509 *pck, struct pck_info *ret_info)
{
	const uint32_t needed = 1u << 1 | 1u << 2 | 1u << 3 | 1u << 4 | 1u << 5;
	AUTO(buf_done) struct buf ext = BUF_INIT(EXTENSION_MAX);
	struct pck_info p = { 0 };
	struct reader seq, v;
	uint32_t seen = 0;
	unsigned long n;

	TRY(x509_extension(pck, SGX_OID, &ext));
	struct reader r = rd_of(buf_bytes(&ext));
	TRY(der_enter(&r, DER_SEQUENCE, &seq));
	TRY(rd_end(&r, "SGX extension"));
	while (rd_more(&seq)) {
		TRY(next_member(&seq, 0, &n, &v));
		TRY(once(&seen, n));
		TRY(parse_member(n, &v, &p));
	}
	if ((seen & needed) != needed)
		return err_new(ERR_FORMAT, "SGX extension: members 1 to 5 are not all there");
	*ret_info = p;
	return OK;
}
