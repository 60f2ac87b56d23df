/* Private to tee/: one extension of a certificate, for people. */
#pragma once

#include <tee/fields.h>

/* One row: decoded when it is one of a kind that is known, else its octets in hex. */
void describe_extension(struct fields *out, const char *oid, bool critical, struct bytes value);
