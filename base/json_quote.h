/* JSON string literals, for the writer and for log lines. */
#pragma once

#include <base/buf.h>

/* Appends "..." with the escapes of RFC 8785; invalid UTF-8 becomes U+FFFD. */
void json_quote(struct buf *out, struct bytes text);
