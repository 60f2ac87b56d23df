#include "csv.h"

#include <base/reader.h>

enum {
	FIELD_SIZE = 72,
	V1_SIGNED = 180, /* through the policy */
	V1_ANONCE_OFFSET = 188,
	MASK_SIZE = 4,
	V2_RESERVED0 = 14,
	V2_RESERVED1 = 656,
	SIGNATURE_SIZE = 2 * FIELD_SIZE
};

/* Version 1 is masked with its anonce, which repeats through the report. */
struct masked {
	struct reader r;
	const uint8_t *start;
	uint8_t mask[MASK_SIZE];
};

static void take(struct masked *m, uint8_t *to, size_t n)
{
	size_t at = (size_t)(m->r.p - m->start);
	struct bytes from = rd_take(&m->r, n);

	for (size_t i = 0; i < from.n; i++)
		to[i] = from.p[i] ^ m->mask[(at + i) % MASK_SIZE];
}

static uint32_t take_le32(struct masked *m)
{
	uint8_t b[sizeof(uint32_t)] = { 0 };

	take(m, b, sizeof(b));
	struct reader r = rd_of(BYTES_OF(b));
	return rd_le32(&r);
}

static struct bytes read_number(struct reader *r)
{
	struct bytes n = rd_take(r, CSV_NUMBER_SIZE);

	rd_skip_zero(r, FIELD_SIZE - CSV_NUMBER_SIZE);
	return n;
}

/* Bytes 0 to 187 of both versions. */
static void read_common(struct masked *m, struct csv_report *v)
{
	take(m, v->user_pubkey_digest, sizeof(v->user_pubkey_digest));
	take(m, v->vm_id, sizeof(v->vm_id));
	take(m, v->vm_version, sizeof(v->vm_version));
	take(m, v->report_data, sizeof(v->report_data));
	take(m, v->mnonce, sizeof(v->mnonce));
	take(m, v->measure, sizeof(v->measure));
	v->policy = take_le32(m);
	v->sig_usage = take_le32(m);
	v->sig_algo = take_le32(m);
}

/* Bytes 188 to 1023 of version 2, which is not masked. */
static void read_v2(struct reader *r, struct csv_report *v)
{
	v->build = rd_le32(r);
	v->rtmr_version = rd_le16(r);
	v->reserved0 = rd_take(r, V2_RESERVED0);
	for (size_t i = 0; i < CSV_RTMRS; i++)
		v->rtmr[i] = rd_take(r, CSV_RTMR_SIZE);
	v->reserved1 = rd_take(r, V2_RESERVED1);
}

/* The signature of version 1 is over the masked bytes as they are stored, that of version 2 over
 * everything before it. */
RESULT csv_report_parse(struct bytes data, unsigned version, struct csv_report *ret_report)
{
	size_t size = version == 1 ? CSV_REPORT_V1_SIZE : CSV_REPORT_V2_SIZE;
	struct csv_report v = { .version = version };

	if (data.n < size)
		return err_new(ERR_FORMAT, "CSV report: %zu of %zu bytes", data.n, size);
	struct masked m = { .r = rd_of(bytes_of(data.p, size)), .start = data.p };
	if (version == 1)
		memcpy(m.mask, data.p + V1_ANONCE_OFFSET, sizeof(m.mask));
	read_common(&m, &v);
	if (version == 1)
		v.anonce = rd_le32(&m.r);
	else
		read_v2(&m.r, &v);
	v.signed_bytes = bytes_of(data.p, version == 1 ? V1_SIGNED : size - SIGNATURE_SIZE);
	v.r = read_number(&m.r);
	v.s = read_number(&m.r);
	if (!rd_ok(&m.r))
		return err_new(ERR_FORMAT, "CSV report: signature: reserved bytes are not zero");
	TRY(rd_end(&m.r, "CSV report"));
	*ret_report = v;
	return OK;
}
