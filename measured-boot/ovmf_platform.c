#include "ovmf_platform.h"

#include "fv.h"

/* 52C05B14-0B98-496C-BC3B-04B50211D680: PeiCore */
static const uint8_t guid_pei_core[FV_GUID_SIZE] = { 0x14, 0x5b, 0xc0, 0x52, 0x98, 0x0b, 0x6c, 0x49,
	0xbc, 0x3b, 0x04, 0xb5, 0x02, 0x11, 0xd6, 0x80 };

/* 222C386D-5ABC-4FB4-B124-FBB82488ACF4: PlatformPei */
static const uint8_t guid_platform_pei[FV_GUID_SIZE] = { 0x6d, 0x38, 0x2c, 0x22, 0xbc, 0x5a, 0xb4,
	0x4f, 0xb1, 0x24, 0xfb, 0xb8, 0x24, 0x88, 0xac, 0xf4 };

enum {
	PE_LFANEW = 0x3c,
	PE_SECTIONS_MAX = 16,
	PLATFORM_ALIGN = 32, /* of a large structure */
	TIMER_ALIGN = 16,

	/* q35 and OVMF's choices for it */
	Q35_DEVICE_ID = 0x29c0,
	ADDRESS_BITS = 40,
	CPUS_DEFAULT = 64,
	ACPI_TIMER_PORT = 0x608
};

static const uint64_t gib = UINT64_C(1) << 30;

static bool is_data(struct bytes name)
{
	static const uint8_t data[8] = ".data";

	return bytes_compare(name, BYTES_OF(data)) == 0;
}

/* The section .data of a PE image, as it lies in memory: the image runs where it is. */
static RESULT find_data(struct bytes image, struct bytes *ret)
{
	struct reader r = rd_of(image);

	rd_skip(&r, PE_LFANEW);
	uint32_t header = rd_le32(&r);
	r = rd_of(image);
	rd_skip(&r, (size_t)header + 6); /* Signature, Machine */
	unsigned n = rd_le16(&r);
	rd_skip(&r, 12);
	size_t optional_size = rd_le16(&r);
	rd_skip(&r, 2 + optional_size); /* Characteristics, optional header */
	for (unsigned i = 0; i < n && i < PE_SECTIONS_MAX && rd_ok(&r); i++) {
		struct bytes name = rd_take(&r, 8);
		rd_skip(&r, 8); /* VirtualSize, VirtualAddress */
		size_t size = rd_le32(&r);
		size_t offset = rd_le32(&r);
		rd_skip(&r, 16);
		if (!rd_ok(&r) || !is_data(name))
			continue;
		struct reader part = rd_of(image);
		rd_skip(&part, offset);
		*ret = rd_take(&part, size);
		return rd_ok(&part) ? OK : err_new(ERR_FORMAT, "OVMF: .data beyond its image");
	}
	return err_new(ERR_UNSUPPORTED, "OVMF: a module has no .data");
}

static RESULT find_image(struct bytes sections, struct bytes *ret)
{
	struct reader r = rd_of(sections);

	for (unsigned i = 0; i < FV_ITEMS_MAX && r.left >= 4; i++) {
		struct fv_section s = { 0 };
		TRY(fv_next_section(&r, sections, &s));
		if (s.type != FV_SECTION_PE32)
			continue;
		*ret = s.body;
		return OK;
	}
	return err_new(ERR_UNSUPPORTED, "OVMF: a module has no PE image");
}

static RESULT find_module(
	struct bytes pei, const uint8_t guid[static FV_GUID_SIZE], struct bytes *ret_image)
{
	struct fv v = { 0 };

	TRY(fv_parse(pei, &v));
	struct reader r = rd_of(v.files);
	for (unsigned i = 0; i < FV_ITEMS_MAX && rd_more(&r); i++) {
		struct fv_file file = { 0 };
		bool end = false;
		TRY(fv_next_file(&r, v.files, &file, &end));
		if (end)
			break;
		if (bytes_compare(file.name, bytes_of(guid, FV_GUID_SIZE)) == 0)
			return find_image(file.body, ret_image);
	}
	return err_new(ERR_UNSUPPORTED, "OVMF: a module is missing");
}

/* What EDK II's linker script puts behind the initialised variables, in the same section. */
static struct bytes bss_of(struct bytes data, size_t align)
{
	size_t used = data.n;

	while (used > 0 && data.p[used - 1] == 0)
		used--;
	used = (used + align - 1) & ~(align - 1);
	return used < data.n ? bytes_of(data.p + used, data.n - used) : BYTES_NONE;
}

/* Packed, in the order of the structure; what is not set stays zero. */
static void put_platform(struct buf *b, unsigned cpus)
{
	buf_zero(b, 24); /* GuidHeader */
	buf_le16(b, Q35_DEVICE_ID);
	buf_zero(b, 8 + 1 + 4); /* PcdConfidentialComputingGuestAttr, SevEsIsEnabled, BootMode */
	buf_zero(b, 1 + 1 + 1 + 2); /* S3Supported, SmmSmramRequire, Q35SmramAtDefaultSmbase,
				       Q35TsegMbytes */
	buf_le64(b, 64 * gib);	    /* FirstNonAddress */
	buf_u8(b, ADDRESS_BITS);    /* PhysMemAddressWidth */
	buf_le32(b, 0x80000000);    /* Uc32Base */
	buf_zero(b, 4 + 1 + 8);	    /* Uc32Size, PcdSetNxForStack, PcdTdxSharedBitMask */
	buf_le64(b, 896 * gib);	    /* PcdPciMmio64Base: the last eighth of the address space */
	buf_le64(b, 128 * gib);	    /* PcdPciMmio64Size */
	buf_le32(b, 0xc0000000);    /* PcdPciMmio32Base */
	buf_le32(b, 0x3c000000);    /* PcdPciMmio32Size */
	buf_le64(b, 0x6000);	    /* PcdPciIoBase */
	buf_le64(b, 0xa000);	    /* PcdPciIoSize */
	buf_zero(b, 8);		    /* PcdEmuVariableNvStoreReserved */
	buf_le32(b, cpus);	    /* PcdCpuBootLogicalProcessorNumber */
	buf_le32(b, cpus);	    /* PcdCpuMaxLogicalProcessorNumber */
	buf_le32(b, CPUS_DEFAULT);  /* DefaultMaxCpuNumber */
	buf_zero(b, 4 + 4);	    /* S3AcpiReservedMemoryBase, S3AcpiReservedMemorySize */
	buf_u8(b, 1);		    /* QemuFwCfgLib: mQemuFwCfgSupported */
	buf_u8(b, 1);		    /* and mQemuFwCfgDmaSupported */
}

/* Writes where the module keeps its first variable. */
static RESULT fill(
	struct buf *pei, const uint8_t guid[static FV_GUID_SIZE], size_t align, struct bytes value)
{
	struct bytes image = { 0 }, data = { 0 };

	TRY(find_module(buf_bytes(pei), guid, &image));
	TRY(find_data(image, &data));
	struct bytes bss = bss_of(data, align);
	if (bss.n < value.n)
		return err_new(ERR_UNSUPPORTED, "OVMF: a module has no room for its variables");
	memcpy(pei->p + (size_t)(bss.p - pei->p), value.p, value.n);
	return OK;
}

RESULT ovmf_platform_fill(struct buf *pei, unsigned cpus)
{
	AUTO(buf_done) struct buf platform = BUF_INIT(256);

	put_platform(&platform, cpus);
	TRY(buf_end(&platform, "OVMF"));
	return fill(pei, guid_platform_pei, PLATFORM_ALIGN, buf_bytes(&platform));
}

RESULT ovmf_timer_fill(struct buf *pei)
{
	static const uint8_t port[] = { ACPI_TIMER_PORT & 0xff, ACPI_TIMER_PORT >> 8, 0, 0 };

	return fill(pei, guid_pei_core, TIMER_ALIGN, BYTES_OF(port));
}
