/*
 * LUKS2 on-disk format 1.1.2, as much of it as volumes with a key of the broker need: what
 * cryptsetup makes with PBKDF2 and aes-xts-plain64, with or without HMAC-SHA-256 of every sector.
 * The header is the host's to change, so nothing else is taken: no null cipher, no second segment,
 * no requirement, and what is asked for is compared with what is there.
 */
#pragma once

#include <stdint.h>

#include <base/buf.h>
#include <base/secret.h>

enum {
	LUKS2_BINARY = 4096,	      /* bytes before the JSON text */
	LUKS2_HEADER_MAX = 4 << 20,   /* one header, with its JSON */
	LUKS2_DATA_OFFSET = 16 << 20, /* of volumes made here */
	LUKS2_SALT_MAX = 64,
	LUKS2_SLOTS_MAX = 32,
	LUKS2_KEY_XTS = 64,
	LUKS2_KEY_MAC = 32,
	LUKS2_SECTOR = 4096 /* of volumes made here */
};

struct luks2_kdf {
	unsigned iterations;
	size_t salt_n;
	uint8_t salt[LUKS2_SALT_MAX];
	bool sha512; /* else SHA-256 */
};

struct luks2_slot {
	uint64_t offset, size; /* of the area, bytes of the device */
	struct luks2_kdf kdf;
	unsigned stripes;
	bool sha512; /* of the anti-forensic split */
};

struct luks2 {
	uint64_t data_offset; /* bytes */
	unsigned sector_size;
	size_t key_n; /* bytes of the volume key: 64, or 96 with HMAC */
	struct luks2_kdf digest_kdf;
	uint8_t digest[64];
	size_t digest_n;
	struct luks2_slot slots[LUKS2_SLOTS_MAX];
	size_t n_slots;
};

/* ---- luks2_header.c: the binary header around the text ---- */
struct luks2_header {
	uint64_t size; /* with the text */
	uint64_t sequence;
};
/* From the first LUKS2_BINARY bytes; `secondary` stands at `size`. ERR_FORMAT. */
RESULT luks2_header_parse(struct bytes in, bool secondary, struct luks2_header *ret_header);
/* All of h->size bytes: the checksum holds, and where the JSON text is. ERR_UNVERIFIED, ERR_FORMAT.
 */
RESULT luks2_header_check(struct bytes in, const struct luks2_header *h, struct bytes *ret_text);
/* A whole header into `out`. */
struct luks2_identity {
	char uuid[40];
};
RESULT luks2_header_write(
	bool secondary, const struct luks2_identity *id, struct bytes text, struct buf *out);

/* ---- luks2_json.c ---- */
/* `authentic`: with HMAC, which must be so. ERR_FORMAT, ERR_UNSUPPORTED names the member. */
RESULT luks2_parse(struct bytes text, bool authentic, struct luks2 *ret_luks2);
/* One slot. */
RESULT luks2_write(const struct luks2 *l, struct buf *out);

/* ---- luks2_key.c ---- */
/* The volume key by the `passphrase`; `area` is what stands in the slot's area. ERR_UNVERIFIED:
 * it opens another slot or none. */
RESULT luks2_slot_open(const struct luks2 *l, const struct luks2_slot *s, struct bytes passphrase,
	struct bytes area, struct secret **ret_key);
/* Fills in l->slots[0], the digest and `area`, for a new volume key of l->key_n bytes. */
RESULT luks2_slot_make(
	struct luks2 *l, struct bytes passphrase, const struct secret *key, struct buf *area);

/* ---- luks2_device.c ---- */
/* What of a device is there. */
enum luks2_state {
	LUKS2_EMPTY,   /* zeros where headers, partitions and file systems begin and end */
	LUKS2_PARTLY,  /* formatting was interrupted */
	LUKS2_PRESENT, /* a header, whole or not */
	LUKS2_OTHER    /* something else */
};
RESULT luks2_look(int fd, uint64_t device_size, enum luks2_state *ret_state);
/* The header and the volume key, by whichever slot opens. ERR_UNVERIFIED: none does. */
RESULT luks2_open(int fd, bool authentic, struct bytes passphrase, struct luks2 *ret_luks2,
	struct secret **ret_key);
/*
 * A new volume: marks the device as being formatted, before anything else is written. It is one
 * only after luks2_format_end(), which writes slot and headers.
 */
RESULT luks2_format_begin(int fd, bool authentic, struct luks2 *ret_luks2, struct secret **ret_key);
RESULT luks2_format_end(int fd, struct luks2 *l, struct bytes passphrase, const struct secret *key);
