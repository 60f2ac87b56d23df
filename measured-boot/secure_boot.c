#include "secure_boot.h"

/* EFI_GLOBAL_VARIABLE, EFI_IMAGE_SECURITY_DATABASE_GUID (UEFI 2.10, 3.3 and 32.6.1) */
static const uint8_t global[] = { 0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11, 0xaa, 0x0d, 0x00,
	0xe0, 0x98, 0x03, 0x2b, 0x8c };
static const uint8_t database[] = { 0xcb, 0xb2, 0x19, 0xd7, 0x3a, 0x3d, 0x96, 0x45, 0xa3, 0xbc,
	0xda, 0xd0, 0x0e, 0x67, 0x65, 0x6f };

static const struct {
	const char *name;
	struct bytes vendor;
} variables[SECURE_BOOT_VARIABLES] = {
	{ "SecureBoot", { global, sizeof(global) } },
	{ "PK", { global, sizeof(global) } },
	{ "KEK", { global, sizeof(global) } },
	{ "db", { database, sizeof(database) } },
	{ "dbx", { database, sizeof(database) } },
};

const char *secure_boot_name(size_t i)
{
	return variables[i].name;
}

RESULT secure_boot_data(size_t i, struct bytes value, struct buf *data)
{
	const char *name = variables[i].name;

	buf_put(data, variables[i].vendor);
	buf_le64(data, strlen(name));
	buf_le64(data, value.n);
	for (const char *c = name; *c; c++)
		buf_le16(data, (unsigned char)*c);
	buf_put(data, value);
	return buf_end(data, "EFI variable");
}
