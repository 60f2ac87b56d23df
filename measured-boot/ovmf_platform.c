#include "ovmf_platform.h"

#include "fv.h"

/* 222C386D-5ABC-4FB4-B124-FBB82488ACF4: PlatformPei */
static const uint8_t guid_platform_pei[FV_GUID_SIZE] = { 0x6d, 0x38, 0x2c, 0x22, 0xbc, 0x5a, 0xb4,
	0x4f, 0xb1, 0x24, 0xfb, 0xb8, 0x24, 0x88, 0xac, 0xf4 };

enum {
	PE_LFANEW = 0x3c,
	PE_SECTIONS_MAX = 16,
	BSS_ALIGN = 32,

	/* q35 and OVMF's choices for it */
	Q35_DEVICE_ID = 0x29c0,
	ADDRESS_BITS = 40,
	CPUS_DEFAULT = 64
};

static const uint64_t gib = 1024 * 1024 * 1024;

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
	return err_new(ERR_UNSUPPORTED, "OVMF: PlatformPei has no .data");
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
	return err_new(ERR_UNSUPPORTED, "OVMF: PlatformPei has no PE image");
}

static RESULT find_platform_pei(struct bytes pei, struct bytes *ret_image)
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
		if (bytes_compare(file.name, BYTES_OF(guid_platform_pei)) == 0)
			return find_image(file.body, ret_image);
	}
	return err_new(ERR_UNSUPPORTED, "OVMF: no PlatformPei");
}

/* What EDK II's linker script puts behind the initialised variables, in the same section. */
static struct bytes bss_of(struct bytes data)
{
	size_t used = data.n;

	while (used > 0 && data.p[used - 1] == 0)
		used--;
	used = (used + BSS_ALIGN - 1) & ~(size_t)(BSS_ALIGN - 1);
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

RESULT ovmf_platform_fill(struct buf *pei, unsigned cpus)
{
	AUTO(buf_done) struct buf platform = BUF_INIT(256);
	struct bytes image = { 0 }, data = { 0 };

	TRY(find_platform_pei(buf_bytes(pei), &image));
	TRY(find_data(image, &data));
	put_platform(&platform, cpus);
	TRY(buf_end(&platform, "OVMF"));
	struct bytes bss = bss_of(data);
	if (bss.n < platform.n)
		return err_new(ERR_UNSUPPORTED, "OVMF: no room for its platform data");
	memcpy(pei->p + (size_t)(bss.p - pei->p), platform.p, platform.n);
	return OK;
}
