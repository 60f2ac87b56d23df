/* The layers of a volume in the kernel: dm-integrity for tags, dm-crypt on it or on the device. */
#pragma once

#include "device.h"

#include <base/secret.h>

enum {
	CRYPT_KEY_XTS = 64, /* two keys of AES-256 */
	CRYPT_KEY_MAC = 32  /* HMAC-SHA-256, also the size of a tag */
};

struct crypt_layout {
	const char *name;
	struct device device;
	uint64_t offset;      /* bytes of the device before the data */
	unsigned sector_size; /* 512 to 4096 */
	bool lasts;	      /* after a crash somebody reads it: dm-integrity keeps a journal */
	const struct secret *key; /* 64 bytes: aes-xts-plain64; 96: with a tag for each sector */
};
/*
 * Both layers as mappings `name` and `name`-integrity; "/dev/dm-N" of the upper one. The kernel
 * keeps the key. With tags, zeros where the data begins become an empty volume, none of whose
 * sectors can be read before it was written.
 */
RESULT crypt_open(const struct crypt_layout *l, char **ret_device);
/* From top to bottom; each goes now, or when its last user does. */
void crypt_close(const char *name);
