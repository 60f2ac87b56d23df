#include "nvgpu.h"

/* Names as NVIDIA's nvtrust and Trustee have them. */
static const struct {
	uint16_t type;
	enum nvgpu_form form;
	const char *name;
} items[] = {
	{ 1, NVGPU_HEX, "cert_issuer_name" },
	{ 2, NVGPU_HEX, "cert_authority_key_identifier" },
	{ NVGPU_DRIVER_VERSION, NVGPU_TEXT, "driver_version" },
	{ 4, NVGPU_HEX, "gpu_info" },
	{ 5, NVGPU_HEX, "id_sku" },
	{ NVGPU_VBIOS_VERSION, NVGPU_VERSION, "vbios_version" },
	{ 7, NVGPU_HEX, "manufacturer_id" },
	{ 8, NVGPU_HEX, "tamper_detection" },
	{ 9, NVGPU_HEX, "smc" },
	{ 10, NVGPU_HEX, "vpr" },
	{ 11, NVGPU_TEXT, "nvdec0_status" },
	{ NVGPU_MEASUREMENT_COUNT, NVGPU_COUNTS, "measurement_count" },
	{ 13, NVGPU_HEX, "cpr_info" },
	{ 14, NVGPU_HEX, "board_id" },
	{ 15, NVGPU_TEXT, "chip_sku" },
	{ 16, NVGPU_TEXT, "chip_sku_mod" },
	{ 17, NVGPU_TEXT, "project" },
	{ 18, NVGPU_TEXT, "project_sku" },
	{ 19, NVGPU_HEX, "project_sku_mod" },
	{ NVGPU_FWID, NVGPU_HEX, "fwid" },
	{ 21, NVGPU_TEXT, "protected_pcie_status" },
	{ NVGPU_SWITCH_PDI, NVGPU_LIST, "switch_pdi" },
	{ 23, NVGPU_HEX, "floorswept_ports" },
	{ 24, NVGPU_HEX, "position_id" },
	{ 25, NVGPU_HEX, "lock_switch_status" },
	{ 32, NVGPU_HEX, "gpu_link_conn" },
	{ 33, NVGPU_HEX, "sys_enable_status" },
	{ NVGPU_OPAQUE_VERSION, NVGPU_NUMBER, "opaque_data_version" },
	{ 35, NVGPU_TEXT, "chip_info" },
	{ NVGPU_FEATURE_FLAG, NVGPU_FEATURES, "feature_flag" },
};

const char *nvgpu_opaque_name(uint16_t type)
{
	for (size_t i = 0; i < ARRAY_LEN(items); i++)
		if (items[i].type == type)
			return items[i].name;
	return NULL;
}

enum nvgpu_form nvgpu_opaque_form(uint16_t type)
{
	for (size_t i = 0; i < ARRAY_LEN(items); i++)
		if (items[i].type == type)
			return items[i].form;
	return NVGPU_HEX;
}

static struct err number(struct bytes value, uint64_t *ret_v)
{
	struct reader r = rd_of(value);

	if (value.n > sizeof(*ret_v))
		return err_new(ERR_FORMAT, "number of %zu bytes", value.n);
	*ret_v = rd_le(&r, value.n);
	return OK;
}

/* 00 9f 00 96 01 00 00 00: 96.00.9f.00.01 */
static struct err vbios(struct bytes value, struct buf *out)
{
	if (value.n < 2 || value.n > 16)
		return err_new(ERR_FORMAT, "vBIOS version of %zu bytes", value.n);
	for (size_t i = value.n / 2; i-- > 0;)
		buf_printf(out, "%02x.", value.p[i]);
	buf_printf(out, "%02x", value.p[value.n / 2]);
	return buf_end(out, "vBIOS version");
}

static const char *feature(uint64_t v)
{
	static const char *const names[] = { "SPT", "MPT", "PPCIE" };

	return v < ARRAY_LEN(names) ? names[v] : "unknown";
}

RESULT nvgpu_opaque_text(enum nvgpu_form form, struct bytes value, struct buf *out)
{
	uint64_t v;

	switch (form) {
	case NVGPU_TEXT:
		while (value.n > 0 && value.p[value.n - 1] == 0)
			value.n--;
		if (value.n > 0 && memchr(value.p, 0, value.n))
			return err_new(ERR_FORMAT, "text with a NUL inside");
		buf_put(out, value);
		break;
	case NVGPU_VERSION:
		return vbios(value, out);
	case NVGPU_FEATURES:
		TRY(number(value, &v));
		buf_puts(out, feature(v));
		break;
	case NVGPU_NUMBER:
		TRY(number(value, &v));
		buf_printf(out, "%llu", (unsigned long long)v);
		break;
	case NVGPU_HEX:
	case NVGPU_COUNTS:
	case NVGPU_LIST:
		return err_new(ERR_STATE, "not a text");
	}
	return buf_end(out, "text");
}
