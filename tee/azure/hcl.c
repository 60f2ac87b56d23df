#include "azure/azure.h"

#include <base/encode.h>
#include <base/reader.h>

enum {
	HCL_REQUEST_TYPE = 2,
	HCL_HEADER_RESERVED = 12,
	HCL_HASH_SHA256 = 1,
	HCL_HASH_SHA384 = 2,
	HCL_HASH_SHA512 = 3,
	HARDWARE_OFFSET = 0x20,
	RUNTIME_OFFSET = 0x4d4,
	RSA_NUMBER_MAX = 512,
};

static const char hcl_signature[4] = { 'H', 'C', 'L', 'A' };

bool hcl_report_looks(struct bytes in)
{
	return in.n >= RUNTIME_OFFSET &&
	       bytes_equal(bytes_of(in.p, sizeof(hcl_signature)), BYTES_OF(hcl_signature));
}

RESULT hcl_report_parse(struct bytes in, struct hcl_report *ret_report)
{
	struct reader r = rd_of(in);
	struct hcl_report h = { .runtime_offset = RUNTIME_OFFSET };

	if (in.n > HCL_REPORT_MAX)
		return err_new(ERR_LIMIT, "HCL report: more than %d bytes", HCL_REPORT_MAX);
	struct bytes signature = rd_take(&r, sizeof(hcl_signature));
	h.version = rd_le32(&r);
	h.report_size = rd_le32(&r);
	h.request_type = rd_le32(&r);
	h.status = rd_le32(&r);
	rd_skip(&r, HCL_HEADER_RESERVED);
	h.hardware = rd_take(&r, HCL_HARDWARE_SIZE);
	h.data_size = rd_le32(&r);
	h.data_version = rd_le32(&r);
	h.report_type = rd_le32(&r);
	h.hash_type = rd_le32(&r);
	uint32_t size = rd_le32(&r);
	if (!rd_ok(&r))
		return err_new(ERR_FORMAT, "HCL report: truncated: %zu bytes of at least %d", in.n,
			RUNTIME_OFFSET);
	if (!bytes_equal(signature, BYTES_OF(hcl_signature)))
		return err_new(ERR_FORMAT, "HCL report: no \"HCLA\" at offset 0");
	if (h.version == 0 || h.version > 2)
		return err_new(ERR_FORMAT, "HCL report: version %u at offset 4", h.version);
	if (h.report_type != HCL_SNP && h.report_type != HCL_TDX)
		return err_new(
			ERR_FORMAT, "HCL report: report type %u at offset 0x4c8", h.report_type);
	if (size > r.left)
		return err_new(ERR_FORMAT,
			"HCL report: %u bytes of runtime data at offset 0x4d0, but %zu are left",
			size, r.left);
	h.runtime_data = rd_take(&r, size);
	if (!bytes_is_zero(bytes_of(r.p, r.left)))
		return err_new(
			ERR_FORMAT, "HCL report: more than zeroes after offset %zu", in.n - r.left);
	*ret_report = h;
	return OK;
}

RESULT hcl_runtime_digest(const struct hcl_report *r, struct digest_value *ret_digest)
{
	switch (r->hash_type) {
	case HCL_HASH_SHA256:
		return digest(DIGEST_SHA256, r->runtime_data, ret_digest);
	case HCL_HASH_SHA384:
		return digest(DIGEST_SHA384, r->runtime_data, ret_digest);
	case HCL_HASH_SHA512:
		return digest(DIGEST_SHA512, r->runtime_data, ret_digest);
	default:
		return err_new(
			ERR_UNSUPPORTED, "HCL report: hash type %u at offset 0x4cc", r->hash_type);
	}
}

const char *hcl_type_name(uint32_t report_type)
{
	if (report_type == HCL_SNP)
		return "SNP";
	return report_type == HCL_TDX ? "TDX" : "unknown";
}

/* ---- runtime data ---- */
static const struct json *find_key(const struct json *keys, const char *kid)
{
	for (size_t i = 0; i < json_count(keys); i++) {
		const char *name = json_string(json_get(json_at(keys, i), "kid"));
		if (name && str_equal(name, kid))
			return json_at(keys, i);
	}
	return NULL;
}

static struct err rsa_key(const struct json *jwk, struct key **ret_key)
{
	AUTO(buf_done) struct buf n = BUF_INIT(RSA_NUMBER_MAX), e = BUF_INIT(RSA_NUMBER_MAX);
	const char *kty, *n_text, *e_text;

	TRY(json_need_string(jwk, "kty", &kty));
	if (!str_equal(kty, "RSA"))
		return err_new(ERR_UNSUPPORTED, "HCLAkPub: key type %.16s", kty);
	TRY(json_need_string(jwk, "n", &n_text));
	TRY(json_need_string(jwk, "e", &e_text));
	TRY(base64_decode(BASE64_URL_NO_PAD, bytes_str(n_text), "HCLAkPub: n", &n));
	TRY(base64_decode(BASE64_URL_NO_PAD, bytes_str(e_text), "HCLAkPub: e", &e));
	return key_from_rsa(buf_bytes(&n), buf_bytes(&e), ret_key);
}

void hcl_runtime_done(struct hcl_runtime *r)
{
	json_free(r->json);
	key_free(r->ak);
	*r = (struct hcl_runtime){ 0 };
}

RESULT hcl_runtime_parse(struct bytes runtime_data, struct hcl_runtime *ret_runtime)
{
	AUTO(hcl_runtime_done) struct hcl_runtime r = { 0 };

	TRY(json_parse(runtime_data, &r.json));
	const struct json *jwk = find_key(json_get(r.json, "keys"), "HCLAkPub");
	if (!jwk)
		return err_new(ERR_FORMAT, "runtime data: no key HCLAkPub");
	TRY(rsa_key(jwk, &r.ak));
	const char *user_data = json_string(json_get(r.json, "user-data"));
	if (user_data) {
		TRY(hex_decode_fixed(bytes_str(user_data), "runtime data: user-data", r.user_data,
			sizeof(r.user_data)));
		r.has_user_data = true;
	}
	*ret_runtime = r;
	r = (struct hcl_runtime){ 0 };
	return OK;
}
