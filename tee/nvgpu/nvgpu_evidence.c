#include "nvgpu.h"

#include <stdio.h>

#include <base/encode.h>

enum {
	CHAIN_MAX = 64 * 1024,
	RESPONSE_OFFSET = SPDM_REQUEST_SIZE,
	START_SIZE = RESPONSE_OFFSET + 2
};

void nvgpu_evidence_done(struct nvgpu_evidence *e)
{
	for (size_t i = 0; i < e->n; i++) {
		buf_done(&e->v[i].report);
		x509_list_done(&e->v[i].certs);
	}
	e->n = 0;
}

/* A device that is released with the evidence, whatever becomes of it. */
static struct nvgpu_device *add_device(struct nvgpu_evidence *e)
{
	struct nvgpu_device *d = &e->v[e->n++];

	*d = (struct nvgpu_device){
		.arch = "unknown",
		.uuid = "unknown",
		.report = BUF_INIT(SPDM_REPORT_MAX),
	};
	return d;
}

static bool is_hex(struct bytes text)
{
	for (size_t i = 0; i < text.n; i++) {
		uint8_t c = text.p[i];

		if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f') && !(c >= 'A' && c <= 'F'))
			return false;
	}
	return text.n > 0 && text.n % 2 == 0;
}

/* ---- files ---- */
static struct bytes trimmed(struct bytes b)
{
	while (b.n > 0 && (b.p[b.n - 1] == '\n' || b.p[b.n - 1] == '\r' || b.p[b.n - 1] == ' '))
		b.n--;
	return b;
}

/* A GET_MEASUREMENTS request of SPDM 1.1 with its response behind it. */
static bool starts_like_report(const uint8_t *p)
{
	return p[0] == 0x11 && p[1] == 0xe0 && p[RESPONSE_OFFSET] == 0x11 &&
	       p[RESPONSE_OFFSET + 1] == 0x60;
}

bool nvgpu_evidence_is(struct bytes raw)
{
	AUTO(buf_done) struct buf start = BUF_INIT(START_SIZE);

	if (raw.n >= START_SIZE && starts_like_report(raw.p))
		return true;
	if (raw.n < (size_t)2 * START_SIZE)
		return false;
	struct bytes text = bytes_of(raw.p, (size_t)2 * START_SIZE);
	return is_hex(text) && !failed(hex_decode(text, "SPDM report", &start)) &&
	       starts_like_report(start.p);
}

RESULT nvgpu_evidence_parse(struct bytes raw, struct nvgpu_evidence *ret_evidence)
{
	AUTO(nvgpu_evidence_done) struct nvgpu_evidence e = { 0 };
	struct nvgpu_device *d = add_device(&e);
	struct bytes text = trimmed(raw);

	if (is_hex(text))
		TRY(hex_decode(text, "SPDM report", &d->report));
	else
		buf_put(&d->report, raw);
	TRY(buf_end(&d->report, "SPDM report"));
	*ret_evidence = e;
	e.n = 0;
	return OK;
}

/* ---- JSON ---- */
static struct err decode_arch(const char *text, const char **ret_arch)
{
	static const char *const known[][2] = {
		{ "HOPPER", "Hopper" },
		{ "Hopper", "Hopper" },
		{ "BLACKWELL", "Blackwell" },
		{ "Blackwell", "Blackwell" },
		{ "LS10", "LS10" },
	};

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (str_equal(text, known[i][0])) {
			*ret_arch = known[i][1];
			return OK;
		}
	return err_new(ERR_FORMAT, "arch: '%.32s'", text);
}

static struct err decode_uuid(const struct json *j, struct nvgpu_device *d)
{
	const char *uuid = json_string(j);

	if (!j || json_type(j) == JSON_NULL)
		return OK;
	if (!uuid || strlen(uuid) > NVGPU_UUID_MAX)
		return err_new(ERR_FORMAT, "uuid");
	(void)snprintf(d->uuid, sizeof(d->uuid), "%s", uuid);
	return OK;
}

/* Reports come as base64 or as hex. In base64 the 01 ff of the request makes a '/', so that one is
 * never taken for the other. */
static struct err decode_device(const struct json *j, struct nvgpu_device *d)
{
	AUTO(buf_done) struct buf chain = BUF_INIT(CHAIN_MAX);
	const char *arch, *evidence, *certificate;

	TRY(json_need_string(j, "arch", &arch));
	TRY(json_need_string(j, "evidence", &evidence));
	TRY(json_need_string(j, "certificate", &certificate));
	TRY(decode_arch(arch, &d->arch));
	TRY(decode_uuid(json_get(j, "uuid"), d));
	if (is_hex(bytes_str(evidence)))
		TRY(hex_decode(bytes_str(evidence), "evidence", &d->report));
	else
		TRY(base64_decode(BASE64_STD, bytes_str(evidence), "evidence", &d->report));
	TRY(base64_decode(BASE64_STD, bytes_str(certificate), "certificate", &chain));
	return x509_list_parse(buf_bytes(&chain), &d->certs);
}

RESULT nvgpu_evidence_decode(const struct json *j, struct nvgpu_evidence *ret_evidence)
{
	AUTO(nvgpu_evidence_done) struct nvgpu_evidence e = { 0 };
	const struct json *list = json_get(j, "device_evidence_list");
	size_t n = json_count(list);

	if (!list || json_type(list) != JSON_ARRAY || n == 0 || n > NVGPU_DEVICES_MAX)
		return err_new(ERR_FORMAT, "NVIDIA evidence: device_evidence_list: %zu devices", n);
	for (size_t i = 0; i < n; i++) {
		struct err failure = decode_device(json_at(list, i), add_device(&e));

		if (failed(failure))
			return err_add(failure, "NVIDIA evidence: device %zu", i);
	}
	*ret_evidence = e;
	e.n = 0;
	return OK;
}
