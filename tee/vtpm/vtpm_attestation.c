#include "vtpm/vtpm_files.h"

#include <stdio.h>

#include <base/reader.h>

/* go-tpm-tools, proto/attest.proto and proto/tpm.proto */
enum {
	ATTESTATION_AK_PUB = 1,
	ATTESTATION_QUOTES = 2,
	ATTESTATION_EVENT_LOG = 3,
	ATTESTATION_AK_CERT = 6,
	ATTESTATION_INTERMEDIATE_CERTS = 7,
	QUOTE_QUOTE = 1,
	QUOTE_RAW_SIG = 2,
	QUOTE_PCRS = 3,
	PCRS_HASH = 1,
	PCRS_PCRS = 2,
	MAP_KEY = 1,
	MAP_VALUE = 2,
	/* wire types */
	PB_VARINT = 0,
	PB_I64 = 1,
	PB_LEN = 2,
	PB_I32 = 5,
	VARINT_MAX = 10,
};

struct pb_field {
	uint64_t number;
	uint64_t varint;
	struct bytes bytes;
};

static uint64_t read_varint(struct reader *r)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < VARINT_MAX; i++) {
		uint8_t b = rd_u8(r);
		v |= (uint64_t)(b & 0x7f) << (7 * i);
		if (!(b & 0x80))
			return v;
	}
	r->bad = true;
	return 0;
}

/* The next field; false at the end or when something is wrong, which sticks in the reader. */
static bool next_field(struct reader *r, struct pb_field *f)
{
	if (!rd_more(r))
		return false;
	uint64_t tag = read_varint(r);
	uint64_t n = 0;
	*f = (struct pb_field){ .number = tag >> 3 };
	switch (tag & 7) {
	case PB_VARINT:
		f->varint = read_varint(r);
		break;
	case PB_I64:
		n = 8;
		break;
	case PB_LEN:
		n = read_varint(r);
		break;
	case PB_I32:
		n = 4;
		break;
	default:
		r->bad = true;
	}
	if (n > r->left)
		r->bad = true;
	else
		f->bytes = rd_take(r, (size_t)n);
	return rd_ok(r);
}

static struct err parse_entry(struct bytes in, uint16_t hash, struct pcrs *p)
{
	struct reader r = rd_of(in);
	struct bytes value = BYTES_NONE;
	struct pb_field f;
	uint64_t pcr = 0;

	while (next_field(&r, &f)) {
		if (f.number == MAP_KEY)
			pcr = f.varint;
		if (f.number == MAP_VALUE)
			value = f.bytes;
	}
	TRY(rd_end(&r, "attestation: PCR"));
	return pcrs_set(p, hash, pcr < TPM_PCRS ? (unsigned)pcr : TPM_PCRS, value);
}

/* The bank's number comes before the values: written in the order of the fields. */
static struct err parse_pcrs(struct bytes in, struct pcrs *p)
{
	struct reader r = rd_of(in);
	struct pb_field f;
	uint16_t hash = 0;

	while (next_field(&r, &f)) {
		if (f.number == PCRS_HASH)
			hash = f.varint <= UINT16_MAX ? (uint16_t)f.varint : 0;
		if (f.number == PCRS_PCRS)
			TRY(parse_entry(f.bytes, hash, p));
	}
	return rd_end(&r, "attestation: PCRs");
}

static struct err parse_quote(struct bytes in, struct vtpm_files *to)
{
	struct reader r = rd_of(in);
	struct pb_field f;

	if (to->n == VTPM_FILE_QUOTES_MAX)
		return err_new(ERR_LIMIT, "attestation: more than %d quotes", VTPM_FILE_QUOTES_MAX);
	struct vtpm_shown_quote *q = &to->quotes[to->n];
	struct pcrs *p = &to->pcrs[to->n];
	(void)snprintf(to->names[to->n], sizeof(to->names[to->n]), "quotes[%zu]", to->n);
	q->name = to->names[to->n];
	q->pcrs = p;
	to->n++;
	while (next_field(&r, &f)) {
		if (f.number == QUOTE_QUOTE)
			q->message = f.bytes;
		if (f.number == QUOTE_RAW_SIG)
			q->signature = f.bytes;
		if (f.number == QUOTE_PCRS)
			TRY(parse_pcrs(f.bytes, p));
	}
	return rd_end(&r, "attestation: quote");
}

static struct err take_field(const struct pb_field *f, struct vtpm_files *to)
{
	switch (f->number) {
	case ATTESTATION_AK_PUB:
		return vtpm_files_ak(to, f->bytes);
	case ATTESTATION_QUOTES:
		return parse_quote(f->bytes, to);
	case ATTESTATION_EVENT_LOG:
		to->event_log = f->bytes;
		return OK;
	case ATTESTATION_AK_CERT:
	case ATTESTATION_INTERMEDIATE_CERTS: /* numbered, so written, after the AK's own */
		to->certs_inside = true;
		return f->bytes.n > 0 ? vtpm_cert_parse(f->bytes, &to->certs) : OK;
	default:
		return OK;
	}
}

RESULT vtpm_attestation_parse(struct bytes pb, struct vtpm_files *f)
{
	struct reader r = rd_of(pb);
	struct pb_field field;

	while (next_field(&r, &field)) {
		struct err e = take_field(&field, f);
		if (failed(e))
			return err_add(e, "attestation: field %u", (unsigned)field.number);
	}
	TRY(rd_end(&r, "attestation"));
	return f->n > 0 ? OK : err_new(ERR_FORMAT, "attestation: no quote");
}
