/* A failure with its text and denial, as bytes between our processes. */
#pragma once

#include <base/buf.h>

/* Appends: u16 code, u8 denied, then text, denial code, field, expected, actual, id, each a u16
 * length and characters. */
void failure_write(struct err e, struct buf *out);
/* Makes it the thread's last failure and returns it; ERR_PEER when the bytes are malformed. */
struct err failure_read(struct bytes in);
