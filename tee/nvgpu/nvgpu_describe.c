#include "nvgpu.h"
#include "platforms.h"

#include <stdio.h>

/* Offsets are those of the bytes, also when the file is hex text. */
static void add_blocks(struct fields *f, const uint8_t *start, const struct spdm_report *r)
{
	char name[32];

	fields_group(f, r->record.p - start, r->record.n, "measurements");
	for (size_t i = 0; i < r->n_blocks; i++) {
		const struct spdm_block *b = &r->blocks[i];

		(void)snprintf(name, sizeof(name), "measurement %u", b->index);
		fields_hex(f, b->value.p - start, b->value, name,
			bytes_is_zero(b->value) ? "not used" : NULL);
	}
	fields_end(f);
}

static struct err add_item(struct fields *f, const uint8_t *start, const struct spdm_opaque *o)
{
	AUTO(buf_done) struct buf text = BUF_INIT(4096);
	enum nvgpu_form form = nvgpu_opaque_form(o->type);
	const char *known = nvgpu_opaque_name(o->type);
	char name[24];

	(void)snprintf(name, sizeof(name), "type %u", o->type);
	if (form == NVGPU_HEX || form == NVGPU_COUNTS || form == NVGPU_LIST) {
		fields_hex(f, o->value.p - start, o->value, known ? known : name, NULL);
		return OK;
	}
	TRY(nvgpu_opaque_text(form, o->value, &text));
	const char *s = buf_cstr(&text);
	if (!s)
		return err_new(ERR_NOMEM, "SPDM report");
	fields_str(f, o->value.p - start, o->value.n, known, s, NULL);
	return OK;
}

static struct err describe(struct bytes file, struct fields *out)
{
	AUTO(nvgpu_evidence_done) struct nvgpu_evidence e = { 0 };
	struct spdm_report r;

	TRY(nvgpu_evidence_parse(file, &e));
	TRY(spdm_report_parse(buf_bytes(&e.v[0].report), &r));
	const uint8_t *start = e.v[0].report.p;
	fields_group(out, 0, SPDM_REQUEST_SIZE, "request");
	fields_hex(out, r.request_nonce.p - start, r.request_nonce, "nonce", "report_data");
	fields_u64(out, SPDM_REQUEST_SIZE - 1, 1, "slot", r.slot, "of the certificate chain");
	fields_end(out);
	fields_group(out, SPDM_REQUEST_SIZE, r.signed_bytes.n - SPDM_REQUEST_SIZE, "response");
	add_blocks(out, start, &r);
	fields_hex(out, r.response_nonce.p - start, r.response_nonce, "nonce", "of the device");
	fields_group(out, FIELDS_NO_OFFSET, 0, "opaque data");
	for (size_t i = 0; i < r.n_opaque; i++)
		TRY(add_item(out, start, &r.opaque[i]));
	fields_end(out);
	fields_end(out);
	fields_hex(out, r.signature.p - start, r.signature, "signature", "ECDSA P-384, r || s");
	return fields_finish(out);
}

const struct tee_format nvgpu_formats[] = {
	{ .name = "NVIDIA SPDM report", .is = nvgpu_evidence_is, .describe = describe },
	{ .name = NULL },
};
