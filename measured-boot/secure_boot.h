/* UEFI variables of Secure Boot as firmware measures them. (TCG PFP 1.06, 10.2.6) */
#pragma once

#include <base/buf.h>

enum {
	SECURE_BOOT_VARIABLES = 5,
	SECURE_BOOT_DATA_MAX = 256
};

/* "SecureBoot", "PK", "KEK", "db", "dbx": the order in which they are measured. */
const char *secure_boot_name(size_t i);
/* UEFI_VARIABLE_DATA of the i-th with this value, appended to `data`. */
RESULT secure_boot_data(size_t i, struct bytes value, struct buf *data);
