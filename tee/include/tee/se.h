/*
 * IBM Secure Execution: keys, key slots, image headers, the layout of boot images and host key
 * documents (s390-tools' pv formats, version 1). All integers are big-endian; all structs hold
 * views into the bytes they came from.
 */
#pragma once

#include <base/secret.h>
#include <tee/tee.h>

enum {
	SE_KEY_SIZE = 32, /* header key, attestation request protection key */
	SE_PHKH_SIZE = 32,
	SE_SLOT_SIZE = 80,
	SE_COORDINATE = 80, /* P-521, zero-extended on the left */
	SE_PUBLIC_KEY = 2 * SE_COORDINATE,
	SE_PAGE_DIGEST = 64,
	SE_TAG_SIZE = 16,
	SE_IV_SIZE = 12,
	SE_SLOTS_MAX = 100,
	SE_HEADER_MAX = 2 * 4096,
	SE_VERSION = 0x100,
};

/* Flag words are counted from the left, as IBM does. */
static inline bool se_flag(uint64_t flags, unsigned bit)
{
	return flags >> (63 - bit) & 1;
}

/* ---- key slots: a key wrapped for a host (ECDH P-521, SHA-256, AES-256-GCM) ---- */
struct se_slot {
	struct bytes phkh, wrapped, tag;
};
/* Digest of a host key's coordinates, as slots and additional data name it. */
RESULT se_phkh(const struct key *host, uint8_t to[static SE_PHKH_SIZE]);
/* x || y, 80 bytes each. */
RESULT se_public_key(const struct key *key, uint8_t to[static SE_PUBLIC_KEY]);
RESULT se_public_key_parse(struct bytes xy, struct key **ret_key);
/* Appends 80 bytes. `customer` is private, `host` public. */
RESULT se_slot_make(const struct key *customer, const struct key *host, struct bytes protected_key,
	struct buf *out);
/* One key private, the other public: either side may open. */
RESULT se_slot_open(const struct se_slot *slot, const struct key *own, const struct key *peer,
	struct secret **ret_key);

/* ---- image header ---- */
struct se_header {
	uint32_t size; /* phs */
	struct bytes iv;
	uint64_t encrypted_pages, control_flags; /* nep, pcf */
	struct bytes customer_key, pld, ald, tld;
	struct se_slot slots[SE_SLOTS_MAX];
	size_t n_slots;
	struct bytes aad, encrypted, tag;
};
/* Nothing may follow it. ERR_FORMAT names field and offset. */
RESULT se_header_parse(struct bytes in, struct se_header *ret_header);
/* The header inside an image file, by its metadata or its magic. ERR_NOT_FOUND. */
RESULT se_header_find(struct bytes image, struct bytes *ret_header);
/* Decrypted area; ERR_UNVERIFIED when the key is another. */
RESULT se_header_open(const struct se_header *h, struct bytes header_key, struct secret **ret_area);

/* ---- boot image ---- */
enum {
	SE_PAGE = 4096,
	SE_METADATA_OFFSET = 0xc000,
	SE_STAGE3A_OFFSET = 0x10000,
	SE_COMPONENTS_MAX = 16,
};

/* First two bytes of a component's tweaks. */
enum se_kind {
	SE_KERNEL = 40,
	SE_RAMDISK = 50,
	SE_CMDLINE = 60,
	SE_STAGE3B = 70
};
/* "kernel", "initrd", "command line", "stage3b"; "component" for others. */
const char *se_kind_name(uint16_t kind);

struct se_component {
	uint64_t tweak_prefix; /* kind, then six random bytes */
	uint64_t address;      /* in memory, which is the offset in the file: a whole page */
	struct bytes content;  /* whole pages, usually encrypted */
};
static inline uint16_t se_component_kind(const struct se_component *c)
{
	return (uint16_t)(c->tweak_prefix >> 48);
}

struct se_layout {
	struct bytes header; /* for se_header_parse() */
	uint64_t header_address, ipib_address;
	struct bytes ipib;				   /* IPL parameter block, type 5 */
	struct se_component components[SE_COMPONENTS_MAX]; /* by address */
	size_t n_components;
};
/*
 * Where the parts of an image stand, by its metadata or, in images of older tools, by the IPL
 * parameter block that names the header. Nothing is compared with the header's digests.
 * ERR_NOT_FOUND: no header or no parameter block; ERR_FORMAT names field and offset.
 */
RESULT se_layout_parse(struct bytes image, struct se_layout *ret_layout);

/* ---- host key documents ---- */
/* One row each step: signing certificate, chain, revocation, signature. `hkd` is trusted iff no
 * failed row was added. */
RESULT se_check_hkd(const struct tee_verify_input *in, const struct x509 *hkd, struct checks *c);
/* An IBM host key document by its key: P-521, not a CA. */
bool se_is_hkd(const struct x509 *cert);
/* DigiCert's root of IBM's signing certificates. */
struct bytes se_builtin_root(void);
