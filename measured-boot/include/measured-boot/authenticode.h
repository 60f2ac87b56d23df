/*
 * PE/COFF images as firmware measures them (Microsoft, Windows Authenticode Portable Executable
 * Signature Format; TCG PC Client Platform Firmware Profile 2.3.4.1).
 */
#pragma once

#include <base/err.h>
#include <crypto/digest.h>

enum {
	PE_SECTIONS_MAX = 96 /* PE/COFF: what the Windows loader accepts */
};

/*
 * The digest over everything except the checksum, the entry of the certificate table and that
 * table itself; sections in the order of their place in the file. ERR_FORMAT when the headers, the
 * sections or the certificate table do not lie inside of the image.
 */
RESULT authenticode_digest(
	struct bytes image, enum digest_alg alg, struct digest_value *ret_digest);
