#include "eventlog_json.h"

#include <base/encode.h>
#include <base/reader.h>
#include <base/utf8.h>

enum {
	HARDWARE_PCI = 0x0101, /* type and subtype */
	ACPI_DEVICE = 0x0201,
	MESSAGING_USB = 0x0305,
	MESSAGING_MAC = 0x030b,
	MESSAGING_IPV4 = 0x030c,
	MESSAGING_FIBRE_EX = 0x0315,
	MEDIA_HARD_DRIVE = 0x0401,
	MEDIA_VENDOR = 0x0403,
	MEDIA_FILE = 0x0404,
	BIOS_BOOT = 0x0501,

	GUID_SIZE = 16,
	MAC_SHOWN = 31, /* of 32 bytes: as Trustee has it */
	PARTITION_MBR = 1,
	PARTITION_GPT = 2
};

void utf16le_text(struct bytes utf16, struct buf *out)
{
	struct reader r = rd_of(bytes_of(utf16.p, utf16.n - utf16.n % 2));

	while (rd_more(&r)) {
		uint32_t unit = rd_le16(&r);
		struct reader after = r;

		if (unit < 0xd800 || unit > 0xdfff) {
			utf8_put(out, unit);
			continue;
		}
		uint32_t low = rd_le16(&after);
		if (unit < 0xdc00 && rd_ok(&after) && low >= 0xdc00 && low <= 0xdfff) {
			utf8_put(out, 0x10000 + ((unit & 0x3ff) << 10) + (low & 0x3ff));
			r = after;
		} else {
			utf8_put(out, UINT32_MAX);
		}
	}
}

/* Each prints one node and returns false, with nothing of worth printed, when it is not whole. */
typedef bool node_fn(struct reader *r, struct buf *out);

static void put_guid(struct reader *r, struct buf *out)
{
	uint32_t a = rd_le32(r);
	uint16_t b = rd_le16(r);
	uint16_t c = rd_le16(r);

	buf_printf(out, "%08X-%04X-%04X-", a, b, c);
	for (unsigned i = 0; i < 8; i++) {
		buf_printf(out, "%02X", rd_u8(r));
		if (i == 1)
			buf_puts(out, "-");
	}
}

static bool put_pair(struct reader *r, const char *name, struct buf *out)
{
	uint8_t a = rd_u8(r);
	uint8_t b = rd_u8(r);

	buf_printf(out, "%s(%u,%u)", name, a, b);
	return rd_ok(r);
}

static bool put_pci(struct reader *r, struct buf *out)
{
	return put_pair(r, "Pci", out);
}

static bool put_usb(struct reader *r, struct buf *out)
{
	return put_pair(r, "USB", out);
}

/* An EISA id: three letters of five bits each, then a number. */
static bool put_acpi(struct reader *r, struct buf *out)
{
	uint32_t hid = rd_le32(r);
	uint32_t uid = rd_le32(r);

	buf_printf(out, "ACPI(%c%c%c%04X,%u)", (int)('@' + (hid >> 10 & 0x1f)),
		(int)('@' + (hid >> 5 & 0x1f)), (int)('@' + (hid & 0x1f)), hid >> 16, uid);
	return rd_ok(r);
}

static bool put_mac(struct reader *r, struct buf *out)
{
	struct bytes address = rd_take(r, MAC_SHOWN);
	char hex[2 * MAC_SHOWN + 1] = "";
	size_t n = (size_t)2 * MAC_SHOWN;

	rd_skip(r, 1);
	uint8_t type = rd_u8(r);
	if (!rd_ok(r))
		return false;
	hex_to(address, hex);
	while (n > 0 && hex[n - 1] == '0')
		n--;
	buf_puts(out, "Mac(");
	for (size_t i = 0; i < n; i++)
		buf_u8(out, hex[i] >= 'a' ? hex[i] - 'a' + 'A' : hex[i]);
	buf_printf(out, ",0x%02X)", type);
	return true;
}

static void put_ip(uint32_t ip, struct buf *out)
{
	buf_printf(out, "%u.%u.%u.%u", ip >> 24, ip >> 16 & 255, ip >> 8 & 255, ip & 255);
}

static bool put_ipv4(struct reader *r, struct buf *out)
{
	uint32_t local = rd_le32(r);
	uint32_t remote = rd_le32(r);

	rd_skip(r, 2 + 2); /* ports */
	uint16_t protocol = rd_le16(r);
	uint8_t origin = rd_u8(r);
	uint32_t gateway = rd_le32(r);
	uint32_t mask = rd_le32(r);
	buf_puts(out, "IPv4(");
	put_ip(remote, out);
	buf_printf(out, ",%s,%s,",
		protocol == 6	 ? "TCP"
		: protocol == 17 ? "UDP"
				 : "",
		origin == 0   ? "DHCP"
		: origin == 1 ? "Static"
			      : "");
	put_ip(local, out);
	if (gateway != 0 || mask != 0)
		buf_printf(out, ",%u,%u", gateway, mask);
	buf_puts(out, ")");
	return rd_ok(r);
}

static bool put_fibre_ex(struct reader *r, struct buf *out)
{
	struct bytes wwn = rd_take(r, 8);
	struct bytes lun = rd_take(r, 8);

	buf_puts(out, "FibreEx(0x");
	hex_encode(wwn, out);
	buf_puts(out, ",0x");
	hex_encode(lun, out);
	buf_puts(out, ")");
	return rd_ok(r);
}

static bool put_hard_drive(struct reader *r, struct buf *out)
{
	uint32_t number = rd_le32(r);
	uint64_t start = rd_le64(r);
	uint64_t size = rd_le64(r);
	struct reader signature = rd_sub(r, GUID_SIZE);
	uint8_t format = rd_u8(r);

	rd_skip(r, 1); /* type of the signature */
	if (!rd_ok(r) || (format != PARTITION_MBR && format != PARTITION_GPT))
		return false;
	buf_printf(out, "HD(%u,", number);
	if (format == PARTITION_MBR) {
		buf_printf(out, "MBR,0x%08x", rd_le32(&signature));
	} else {
		buf_puts(out, "GPT,");
		put_guid(&signature, out);
	}
	if (number != 0)
		buf_printf(
			out, ",0x%llx,0x%llx", (unsigned long long)start, (unsigned long long)size);
	buf_puts(out, ")");
	return true;
}

static bool put_vendor(struct reader *r, struct buf *out)
{
	buf_puts(out, "VenMedia(");
	put_guid(r, out);
	buf_puts(out, ",");
	hex_encode(rd_rest(r), out);
	buf_puts(out, ")");
	return rd_ok(r);
}

static bool put_file(struct reader *r, struct buf *out)
{
	struct bytes name = rd_rest(r);

	if (name.n < 2 || name.n % 2 != 0)
		return false;
	buf_puts(out, "File(");
	utf16le_text(bytes_of(name.p, name.n - 2), out);
	buf_puts(out, ")");
	return true;
}

static const char *bios_device(uint16_t type)
{
	static const char *const names[] = { NULL, "FLOPPY", "HARD_DRIVE", "CDROM", "PCMCIA", "USB",
		"EMBEDDED_NETWORK" };

	if (type == 0x80)
		return "DEV";
	if (type == 0xff)
		return "UNKNOWN";
	return type < ARRAY_LEN(names) ? names[type] : NULL;
}

static bool put_bios(struct reader *r, struct buf *out)
{
	uint16_t type = rd_le16(r);
	uint16_t status = rd_le16(r);
	struct bytes text = rd_rest(r);
	const char *name = bios_device(type);
	const uint8_t *end = text.n > 0 ? memchr(text.p, 0, text.n) : NULL;

	if (end)
		text.n = (size_t)(end - text.p);
	if (!rd_ok(r) || !utf8_is_valid(text))
		return false;
	buf_puts(out, "BBS(");
	if (name)
		buf_puts(out, name);
	else
		buf_printf(out, "%u", type);
	buf_puts(out, ",");
	buf_put(out, text);
	buf_printf(out, ",%u)", status);
	return true;
}

static node_fn *printer_of(uint8_t type, uint8_t subtype)
{
	static const struct {
		uint16_t kind;
		node_fn *put;
	} known[] = {
		{ HARDWARE_PCI, put_pci },
		{ ACPI_DEVICE, put_acpi },
		{ MESSAGING_USB, put_usb },
		{ MESSAGING_MAC, put_mac },
		{ MESSAGING_IPV4, put_ipv4 },
		{ MESSAGING_FIBRE_EX, put_fibre_ex },
		{ MEDIA_HARD_DRIVE, put_hard_drive },
		{ MEDIA_VENDOR, put_vendor },
		{ MEDIA_FILE, put_file },
		{ BIOS_BOOT, put_bios },
	};

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (known[i].kind == (type << 8 | subtype))
			return known[i].put;
	return NULL;
}

RESULT device_path_text(uint8_t type, uint8_t subtype, struct bytes data, struct buf *out)
{
	AUTO(buf_done) struct buf text = BUF_INIT(out->max);
	node_fn *put = printer_of(type, subtype);
	struct reader r = rd_of(data);

	if (put && put(&r, &text)) {
		TRY(buf_end(&text, "device path"));
		buf_put(out, buf_bytes(&text));
	} else {
		buf_printf(out, "Path(%u,%u,", type, subtype);
		hex_encode(data, out);
		buf_puts(out, ")");
	}
	return buf_end(out, "device path");
}
