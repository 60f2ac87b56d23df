#include "describe_extension.h"

#include <stdio.h>

#include <base/auto.h>
#include <crypto/der.h>

static const char *critical_word(bool critical)
{
	return critical ? "critical" : NULL;
}

/* RFC 5280 4.2.1.3: bits from the highest of the first octet on. */
static RESULT put_key_usage(struct fields *out, const char *name, bool critical, struct bytes value)
{
	static const char *const bits[] = { "digitalSignature", "nonRepudiation", "keyEncipherment",
		"dataEncipherment", "keyAgreement", "keyCertSign", "cRLSign", "encipherOnly",
		"decipherOnly" };
	AUTO(buf_done) struct buf text = BUF_INIT(256);
	struct reader r = rd_of(value), v;

	TRY(der_enter(&r, DER_BIT_STRING, &v));
	TRY(rd_end(&r, name));
	rd_skip(&v, 1); /* unused bits, which are zero */
	uint16_t word = (uint16_t)(rd_u8(&v) << 8);
	if (v.left > 0)
		word |= rd_u8(&v);
	TRY(rd_end(&v, name));
	for (size_t i = 0; i < ARRAY_LEN(bits); i++)
		if (word & 0x8000u >> i)
			buf_printf(&text, "%s%s", text.n > 0 ? ", " : "", bits[i]);
	TRY(buf_end(&text, name));
	fields_str(out, FIELDS_NO_OFFSET, 0, name, buf_cstr(&text), critical_word(critical));
	return OK;
}

/* RFC 5280 4.2.1.9. */
static RESULT put_basic_constraints(
	struct fields *out, const char *name, bool critical, struct bytes value)
{
	struct reader r = rd_of(value), seq, flag;
	char text[64] = "";
	uint64_t path;
	bool ca = false;

	TRY(der_enter(&r, DER_SEQUENCE, &seq));
	TRY(rd_end(&r, name));
	if (seq.left > 0 && seq.p[0] == DER_BOOLEAN) {
		TRY(der_enter(&seq, DER_BOOLEAN, &flag));
		ca = rd_u8(&flag) != 0;
		TRY(rd_end(&flag, name));
	}
	if (seq.left > 0) {
		TRY(der_u64(&seq, &path));
		(void)snprintf(text, sizeof(text), ", path length %llu", (unsigned long long)path);
	}
	TRY(rd_end(&seq, name));
	fields_fmt(out, FIELDS_NO_OFFSET, 0, name, "CA: %s%s%s", ca ? "yes" : "no", text,
		critical ? "; critical" : "");
	return OK;
}

/* RFC 5280 4.2.1.12. */
static RESULT put_ext_key_usage(
	struct fields *out, const char *name, bool critical, struct bytes value)
{
	static const struct {
		const char *oid, *name;
	} known[] = {
		{ "1.3.6.1.5.5.7.3.1", "serverAuth" },
		{ "1.3.6.1.5.5.7.3.2", "clientAuth" },
		{ "2.23.133.8.1", "TPM endorsement key" },
		{ "2.23.133.8.3", "TPM attestation key" },
	};
	AUTO(buf_done) struct buf text = BUF_INIT(4096);
	struct reader r = rd_of(value), seq;
	char oid[DER_OID_TEXT_MAX];

	TRY(der_enter(&r, DER_SEQUENCE, &seq));
	TRY(rd_end(&r, name));
	while (rd_more(&seq)) {
		TRY(der_oid(&seq, oid));
		const char *word = oid;
		for (size_t i = 0; i < ARRAY_LEN(known); i++)
			if (str_equal(known[i].oid, oid))
				word = known[i].name;
		buf_printf(&text, "%s%s", text.n > 0 ? ", " : "", word);
	}
	TRY(buf_end(&text, name));
	fields_str(out, FIELDS_NO_OFFSET, 0, name, buf_cstr(&text), critical_word(critical));
	return OK;
}

static const struct {
	const char *oid, *name;
	RESULT (*put)(struct fields *out, const char *name, bool critical, struct bytes value);
} extensions[] = {
	{ "2.5.29.14", "subjectKeyIdentifier" },
	{ "2.5.29.15", "keyUsage", put_key_usage },
	{ "2.5.29.17", "subjectAltName" },
	{ "2.5.29.19", "basicConstraints", put_basic_constraints },
	{ "2.5.29.31", "cRLDistributionPoints" },
	{ "2.5.29.32", "certificatePolicies" },
	{ "2.5.29.35", "authorityKeyIdentifier" },
	{ "2.5.29.37", "extKeyUsage", put_ext_key_usage },
	{ "1.3.6.1.5.5.7.1.1", "authorityInfoAccess" },
	{ "1.3.6.1.4.1.3704.1.1", "AMD structVersion" },
	{ "1.3.6.1.4.1.3704.1.2", "AMD productName" },
	{ "1.3.6.1.4.1.3704.1.3.1", "AMD blSPL" },
	{ "1.3.6.1.4.1.3704.1.3.2", "AMD teeSPL" },
	{ "1.3.6.1.4.1.3704.1.3.3", "AMD snpSPL" },
	{ "1.3.6.1.4.1.3704.1.3.4", "AMD spl4" },
	{ "1.3.6.1.4.1.3704.1.3.5", "AMD spl5" },
	{ "1.3.6.1.4.1.3704.1.3.6", "AMD spl6" },
	{ "1.3.6.1.4.1.3704.1.3.7", "AMD spl7" },
	{ "1.3.6.1.4.1.3704.1.3.8", "AMD ucodeSPL" },
	{ "1.3.6.1.4.1.3704.1.3.9", "AMD fmcSPL" },
	{ "1.3.6.1.4.1.3704.1.4", "AMD hwID" },
	{ "1.3.6.1.4.1.3704.1.5", "AMD cspID" },
	{ "1.2.840.113741.1.13.1", "Intel SGX extensions" },
	{ "2.23.133.5.4.1", "TCG DICE TcbInfo" },
};

/* A number or text that an extension is made of; false: show its octets. */
static bool put_simple(struct fields *out, const char *name, bool critical, struct bytes value)
{
	enum {
		IA5_STRING = 0x16
	};
	AUTO(auto_free) char *s = NULL;
	struct reader r = rd_of(value), again = r;
	struct bytes text;
	uint64_t number;
	uint8_t tag;

	if (!failed(der_u64(&r, &number)) && !failed(rd_end(&r, name))) {
		fields_u64(out, FIELDS_NO_OFFSET, 0, name, number, critical_word(critical));
		return true;
	}
	if (failed(der_any(&again, &tag, &text)) || failed(rd_end(&again, name)) ||
		(tag != IA5_STRING && tag != DER_UTF8_STRING) || failed(bytes_to_str(text, &s)))
		return false;
	fields_str(out, FIELDS_NO_OFFSET, 0, name, s, critical_word(critical));
	return true;
}

void describe_extension(struct fields *out, const char *oid, bool critical, struct bytes value)
{
	const char *name = oid;

	for (size_t i = 0; i < ARRAY_LEN(extensions); i++) {
		if (!str_equal(extensions[i].oid, oid))
			continue;
		name = extensions[i].name;
		if (extensions[i].put && !failed(extensions[i].put(out, name, critical, value)))
			return;
	}
	if (!put_simple(out, name, critical, value))
		fields_hex(out, FIELDS_NO_OFFSET, value, name, critical_word(critical));
}
