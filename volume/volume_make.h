/*
 * Scratch volumes on devices of the host: encrypted and authenticated with a key that is made here,
 * held by the kernel only, and never written anywhere. Such a volume is never found again, so
 * there is no LUKS header: nothing that the host stores is ever parsed.
 */
#pragma once

#include <base/buf.h>

/* dm-crypt (aes-xts-plain64 with HMAC-SHA-256) over dm-integrity, as mapping `name`; the path of
 * the new device. What was on the device is lost. */
RESULT volume_encrypt(const char *device, const char *name, char **ret_device);
void volume_close(const char *name);
