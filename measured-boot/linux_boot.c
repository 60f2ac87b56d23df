#include <base/reader.h>
#include <measured-boot/linux_boot.h>

enum {
	SETUP_SECTS = 0x1f1,
	SETUP_MAGIC = 0x202,
	SETUP_TYPE_OF_LOADER = 0x210,
	SETUP_LOADFLAGS = 0x211,
	SETUP_RAMDISK_IMAGE = 0x218,
	SETUP_RAMDISK_SIZE = 0x21c,
	SETUP_HEAP_END_PTR = 0x224,
	SETUP_CMD_LINE_PTR = 0x228,
	SETUP_INITRD_ADDR_MAX = 0x22c,
	SETUP_XLOADFLAGS = 0x236,
	SETUP_END = 0x238,

	LOADED_HIGH = 0x01,
	CAN_USE_HEAP = 0x80,
	XLF_CAN_BE_LOADED_ABOVE_4G = 0x02,

	/* QEMU's choices */
	QEMU_LOADER = 0xb0,
	QEMU_REAL_ADDR = 0x10000,
	QEMU_CMDLINE_ADDR = 0x20000,
	QEMU_ACPI_DATA = 0x28000, /* kept free below the end of low memory */
	PAGE = 4096,

	LOAD_OPTIONS_MAX = 8192 /* bytes */
};

/* q35 leaves 1.25 GiB below 4 GiB to devices when that is enough, else 2 GiB. */
static const uint64_t q35_split_from_mib = 2816;
static const uint64_t q35_below_4g_mib = 2048;

RESULT linux_setup_parse(struct bytes kernel, struct linux_setup *ret_setup)
{
	struct linux_setup s = { 0 };
	struct reader r = rd_of(kernel);

	rd_skip(&r, SETUP_SECTS);
	s.setup_sects = rd_u8(&r);
	rd_skip(&r, SETUP_MAGIC - SETUP_SECTS - 1);
	struct bytes magic = rd_take(&r, 4);
	s.protocol = rd_le16(&r);
	rd_skip(&r, SETUP_LOADFLAGS - SETUP_MAGIC - 6);
	s.loadflags = rd_u8(&r);
	rd_skip(&r, SETUP_INITRD_ADDR_MAX - SETUP_LOADFLAGS - 1);
	s.initrd_addr_max = rd_le32(&r);
	rd_skip(&r, SETUP_XLOADFLAGS - SETUP_INITRD_ADDR_MAX - 4);
	s.xloadflags = rd_le16(&r);
	if (!rd_ok(&r) || bytes_compare(magic, bytes_str("HdrS")) != 0)
		return err_new(ERR_UNSUPPORTED, "kernel: not a bzImage");
	if (s.protocol < 0x203 || !(s.loadflags & LOADED_HIGH))
		return err_new(ERR_UNSUPPORTED, "kernel: boot protocol 0x%x", s.protocol);
	*ret_setup = s;
	return OK;
}

uint64_t linux_q35_memory_below_4g(uint64_t memory_mib)
{
	return memory_mib >= q35_split_from_mib ? q35_below_4g_mib : memory_mib;
}

static RESULT initrd_address(const struct linux_setup *s, uint64_t memory_mib, uint64_t initrd_size,
	uint32_t *ret_address)
{
	uint64_t low = linux_q35_memory_below_4g(memory_mib) << 20;
	uint64_t max = s->initrd_addr_max;

	if (s->protocol >= 0x20c && s->xloadflags & XLF_CAN_BE_LOADED_ABOVE_4G)
		max = UINT32_MAX;
	if (max >= low - QEMU_ACPI_DATA)
		max = low - QEMU_ACPI_DATA - 1;
	if (initrd_size >= max)
		return err_new(ERR_LIMIT, "initrd of %llu bytes does not fit into %llu MiB",
			(unsigned long long)initrd_size, (unsigned long long)memory_mib);
	*ret_address = (uint32_t)((max - initrd_size) & ~(uint64_t)(PAGE - 1));
	return OK;
}

static void put_le(uint8_t *to, uint32_t v, size_t width)
{
	for (size_t i = 0; i < width; i++)
		to[i] = (uint8_t)(v >> (8 * i));
}

RESULT linux_qemu_kernel(
	struct bytes kernel, uint64_t memory_mib, uint64_t initrd_size, struct buf *out)
{
	struct linux_setup s = { 0 };
	uint8_t header[SETUP_END];
	uint32_t address = 0;

	TRY(linux_setup_parse(kernel, &s));
	if (memory_mib < LINUX_MEMORY_MIN_MIB)
		return err_new(ERR_LIMIT, "memory of %llu MiB is less than %d MiB",
			(unsigned long long)memory_mib, LINUX_MEMORY_MIN_MIB);
	memcpy(header, kernel.p, sizeof(header));
	header[SETUP_TYPE_OF_LOADER] = QEMU_LOADER;
	header[SETUP_LOADFLAGS] |= CAN_USE_HEAP;
	put_le(header + SETUP_HEAP_END_PTR, QEMU_CMDLINE_ADDR - QEMU_REAL_ADDR - 0x200, 2);
	put_le(header + SETUP_CMD_LINE_PTR, QEMU_CMDLINE_ADDR, 4);
	if (initrd_size > 0) {
		TRY(initrd_address(&s, memory_mib, initrd_size, &address));
		put_le(header + SETUP_RAMDISK_IMAGE, address, 4);
		put_le(header + SETUP_RAMDISK_SIZE, (uint32_t)initrd_size, 4);
	}
	buf_put(out, BYTES_OF(header));
	buf_put(out, bytes_of(kernel.p + sizeof(header), kernel.n - sizeof(header)));
	return buf_end(out, "kernel");
}

RESULT linux_load_options_digest(
	const char *text, enum digest_alg alg, struct digest_value *ret_digest)
{
	AUTO(buf_done) struct buf wide = BUF_INIT(LOAD_OPTIONS_MAX);

	for (const char *c = text; *c; c++) {
		unsigned char u = (unsigned char)*c;
		if (u < 0x20 || u > 0x7e)
			return err_new(ERR_FORMAT, "command line: only ASCII can be predicted");
		buf_le16(&wide, u);
	}
	buf_le16(&wide, 0);
	TRY(buf_end(&wide, "command line"));
	return digest(alg, buf_bytes(&wide), ret_digest);
}

RESULT linux_cmdline_digest(
	const char *append, enum digest_alg alg, struct digest_value *ret_digest)
{
	AUTO(auto_free) char *text = NULL;

	/* The name under which QEMU and OVMF offer the initrd. */
	TRY(str_format(&text, "%s initrd=initrd", append));
	return linux_load_options_digest(text, alg, ret_digest);
}
