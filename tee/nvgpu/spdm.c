#include "spdm.h"

enum {
	VERSION_1_1 = 0x11,
	CODE_GET_MEASUREMENTS = 0xe0,
	CODE_MEASUREMENTS = 0x60,
	WITH_SIGNATURE = 0x01,
	ALL_MEASUREMENTS = 0xff,
	SPECIFICATION_DMTF = 0x01,
	TYPE_SIZE = 1 + 2
};

/* Table 43 of DSP0274 1.1 */
static struct err parse_request(struct reader *r, struct spdm_report *v)
{
	uint8_t version = rd_u8(r);
	uint8_t code = rd_u8(r);
	uint8_t attributes = rd_u8(r);
	uint8_t operation = rd_u8(r);

	v->request_nonce = rd_take(r, SPDM_NONCE_SIZE);
	v->slot = rd_u8(r);
	if (!rd_ok(r))
		return err_new(ERR_FORMAT, "SPDM request: truncated");
	if (version != VERSION_1_1 || code != CODE_GET_MEASUREMENTS)
		return err_new(ERR_FORMAT, "SPDM request: byte 0: version 0x%02x, code 0x%02x",
			version, code);
	if (!(attributes & WITH_SIGNATURE) || operation != ALL_MEASUREMENTS)
		return err_new(ERR_FORMAT,
			"SPDM request: byte 2: not all measurements with a signature: 0x%02x, "
			"0x%02x",
			attributes, operation);
	return OK;
}

/* Table 45: an index, the specification (DMTF alone), and the value with its type and size inside
 * another size. Both sizes must agree. */
static struct err parse_block(struct reader *r, struct spdm_report *v)
{
	uint8_t index = rd_u8(r);
	uint8_t specification = rd_u8(r);
	uint16_t size = rd_le16(r);
	uint8_t type = rd_u8(r);
	uint16_t n = rd_le16(r);
	struct bytes value = rd_take(r, n);

	if (!rd_ok(r))
		return err_new(ERR_FORMAT, "SPDM measurement %zu: truncated", v->n_blocks);
	if (specification != SPECIFICATION_DMTF || size != TYPE_SIZE + n)
		return err_new(ERR_FORMAT, "SPDM measurement %u: specification %u, size %u", index,
			specification, size);
	v->blocks[v->n_blocks++] =
		(struct spdm_block){ .index = index, .type = type, .value = value };
	return OK;
}

static struct err parse_record(struct reader *r, struct spdm_report *v)
{
	uint8_t n = rd_u8(r);
	size_t size = (size_t)rd_le(r, 3);

	v->record = rd_take(r, size);
	if (!rd_ok(r))
		return err_new(ERR_FORMAT, "SPDM response: measurement record: truncated");
	struct reader record = rd_of(v->record);
	for (uint8_t i = 0; i < n; i++)
		TRY(parse_block(&record, v));
	return rd_end(&record, "SPDM response: measurement record");
}

/* SPDM leaves this to the vendor. NVIDIA: type, size, value, one behind the other. */
static struct err parse_opaque(struct reader *r, struct spdm_report *v)
{
	uint16_t size = rd_le16(r);
	struct reader items = rd_sub(r, size);

	if (!rd_ok(&items))
		return err_new(ERR_FORMAT, "SPDM response: opaque data: truncated");
	while (rd_more(&items)) {
		uint16_t type = rd_le16(&items);
		uint16_t n = rd_le16(&items);
		struct bytes value = rd_take(&items, n);

		if (!rd_ok(&items))
			break;
		if (v->n_opaque == SPDM_OPAQUE_MAX || spdm_opaque_value(v, type).p)
			return err_new(
				ERR_FORMAT, "SPDM opaque data: type %u: twice, or too many", type);
		v->opaque[v->n_opaque++] = (struct spdm_opaque){ .type = type, .value = value };
	}
	return rd_end(&items, "SPDM response: opaque data");
}

/* Table 44 */
static struct err parse_response(struct reader *r, struct spdm_report *v)
{
	uint8_t version = rd_u8(r);
	uint8_t code = rd_u8(r);

	rd_skip(r, 2);
	if (!rd_ok(r))
		return err_new(ERR_FORMAT, "SPDM response: truncated");
	if (version != VERSION_1_1 || code != CODE_MEASUREMENTS)
		return err_new(ERR_FORMAT, "SPDM response: byte %d: version 0x%02x, code 0x%02x",
			SPDM_REQUEST_SIZE, version, code);
	TRY(parse_record(r, v));
	v->response_nonce = rd_take(r, SPDM_NONCE_SIZE);
	return parse_opaque(r, v);
}

RESULT spdm_report_parse(struct bytes in, struct spdm_report *ret_report)
{
	struct reader r = rd_of(in);

	if (in.n > SPDM_REPORT_MAX)
		return err_new(ERR_FORMAT, "SPDM report: %zu bytes", in.n);
	*ret_report = (struct spdm_report){ 0 };
	TRY(parse_request(&r, ret_report));
	TRY(parse_response(&r, ret_report));
	/* Found by parsing: some drivers hand out a byte more. */
	ret_report->signed_bytes = bytes_of(in.p, in.n - r.left);
	ret_report->signature = rd_take(&r, SPDM_SIGNATURE_SIZE);
	if (!rd_ok(&r))
		return err_new(ERR_FORMAT, "SPDM response: signature: truncated");
	rd_skip_zero(&r, r.left);
	return rd_ok(&r) ? OK : err_new(ERR_FORMAT, "SPDM report: bytes behind the signature");
}

struct bytes spdm_opaque_value(const struct spdm_report *r, uint16_t type)
{
	for (size_t i = 0; i < r->n_opaque; i++)
		if (r->opaque[i].type == type)
			return r->opaque[i].value;
	return BYTES_NONE;
}

bool spdm_indices_differ(const struct spdm_report *r)
{
	bool seen[UINT8_MAX + 1] = { false };

	for (size_t i = 0; i < r->n_blocks; i++) {
		if (seen[r->blocks[i].index])
			return false;
		seen[r->blocks[i].index] = true;
	}
	return true;
}
