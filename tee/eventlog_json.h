/*
 * A TCG event log as the claim "uefi_event_logs" of Trustee: what each event says, for policies
 * that look for a kernel's or a command line's digest. The log proves nothing by being printed:
 * replay it first.
 */
#pragma once

#include <base/json.h>
#include <tee/claims.h>
#include <tee/eventlog.h>

enum {
	EVENTLOG_CLAIM_MAX = 512 * 1024
};

/*
 * An array with an object for each event: "details", "digest_matches_event", "digests", "event"
 * (base64), "index", "type_name". Only what the replay of `bank` proves: no digests of other banks,
 * no events that extend nothing (EV_NO_ACTION). An event whose data do not have the form of its
 * type has empty details, where Trustee refuses the whole evidence, and texts lose their NULs.
 */
RESULT eventlog_write_json(const struct eventlog *l, enum digest_alg bank, struct json_writer *w);

/* That array as a claim. One of more than EVENTLOG_CLAIM_MAX bytes is left out: a token could not
 * carry it, and the log was replayed all the same. */
void claims_event_log(
	struct claims *c, const char *name, const struct eventlog *l, enum digest_alg bank);

/* Members of the event's "details" into an object that the caller has begun. */
RESULT event_details_write(const struct event *e, struct json_writer *w);

/* Text of UTF-16LE; what is no character becomes U+FFFD. */
void utf16le_text(struct bytes utf16, struct buf *out);
/* One node of a UEFI device path (UEFI 2.10, section 10.3): "File(\EFI\BOOT\BOOTX64.EFI)",
 * "Path(4,7,0011)" when the node is not known or not whole. */
RESULT device_path_text(uint8_t type, uint8_t subtype, struct bytes data, struct buf *out);
