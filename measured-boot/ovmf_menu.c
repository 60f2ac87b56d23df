/* edk2, UefiBootManagerLib: BmRegisterBootManagerMenu(). UEFI 2.10, 3.1.3 and 10.3.5. */
#include "ovmf_menu.h"

#include "fv.h"

enum {
	FV_SECTION_USER_INTERFACE = 0x15,
	LOAD_OPTION_ATTRIBUTES = 0x109, /* CATEGORY_APP, HIDDEN, ACTIVE */
	MEDIA_DEVICE_PATH = 4,
	MEDIA_FV_FILE = 6,
	MEDIA_FV = 7,
	NODE_SIZE = 4 + FV_GUID_SIZE,
	END_SIZE = 4
};

/* 462CAA21-7614-4503-836E-8AB6F4662331: PcdBootManagerMenuFile */
static const uint8_t guid_menu[FV_GUID_SIZE] = { 0x21, 0xaa, 0x2c, 0x46, 0x14, 0x76, 0x03, 0x45,
	0x83, 0x6e, 0x8a, 0xb6, 0xf4, 0x66, 0x23, 0x31 };

static RESULT find_menu(struct bytes files, struct fv_file *ret)
{
	struct reader r = rd_of(files);

	for (unsigned i = 0; i < FV_ITEMS_MAX && rd_more(&r); i++) {
		struct fv_file file = { 0 };
		bool end = false;
		TRY(fv_next_file(&r, files, &file, &end));
		if (end)
			break;
		if (bytes_equal(file.name, BYTES_OF(guid_menu))) {
			*ret = file;
			return OK;
		}
	}
	return err_new(ERR_NOT_FOUND, "OVMF: no boot menu in the DXE volume");
}

/* The file's name in UTF-16LE with its NUL. */
static RESULT find_name(struct bytes sections, struct bytes *ret)
{
	struct reader r = rd_of(sections);

	for (unsigned i = 0; i < FV_ITEMS_MAX && rd_more(&r) && r.left >= 4; i++) {
		struct fv_section section = { 0 };
		TRY(fv_next_section(&r, sections, &section));
		if (section.type != FV_SECTION_USER_INTERFACE)
			continue;
		*ret = section.body;
		return OK;
	}
	return err_new(ERR_NOT_FOUND, "OVMF: the boot menu has no name");
}

static void put_node(struct buf *option, uint8_t subtype, struct bytes guid)
{
	buf_u8(option, MEDIA_DEVICE_PATH);
	buf_u8(option, subtype);
	buf_le16(option, NODE_SIZE);
	buf_put(option, guid);
}

RESULT ovmf_menu_option(struct bytes dxe, struct buf *option)
{
	struct fv volume = { 0 };
	struct fv_file menu = { 0 };
	struct bytes name = { 0 };

	TRY(fv_parse(dxe, &volume));
	if (volume.name.n == 0)
		return err_new(ERR_NOT_FOUND, "OVMF: the DXE volume has no name");
	TRY(find_menu(volume.files, &menu));
	TRY(find_name(menu.body, &name));
	buf_le32(option, LOAD_OPTION_ATTRIBUTES);
	buf_le16(option, 2 * NODE_SIZE + END_SIZE);
	buf_put(option, name);
	put_node(option, MEDIA_FV, volume.name);
	put_node(option, MEDIA_FV_FILE, BYTES_OF(guid_menu));
	buf_le32(option, 0x0004ff7f); /* end of the device path */
	return buf_end(option, "boot option");
}
