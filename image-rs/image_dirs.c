#include "image_dirs.h"

#include <string.h>

#include <base/encode.h>
#include <crypto/digest.h>

RESULT layer_name(
	const char *blob_digest, const char *diff_id, char to[static LAYER_NAME_CHARS + 1])
{
	struct digest_value d;

	TRY(digest2(DIGEST_SHA256, bytes_str(blob_digest), bytes_str(diff_id), &d));
	hex_to(digest_bytes(&d), to);
	return OK;
}

bool layer_name_ok(const char *name)
{
	return strlen(name) == LAYER_NAME_CHARS &&
	       strspn(name, "0123456789abcdef") == LAYER_NAME_CHARS;
}
