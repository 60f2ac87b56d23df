/*
 * Secure Execution boot images: what `genprotimg` of s390-tools makes, made and read back here. The
 * ultravisor unpacks the components, compares the digests of the header, and only then starts the
 * guest; whoever has the image knows what its attestation will say. (<tee/se.h>, docs/secure-
 * execution.md)
 */
#pragma once

#include <crypto/digest.h>
#include <tee/se.h>

enum {
	SE_IMAGE_KEY = 64, /* AES-256-XTS: components */
	SE_CCK = 32,	   /* customer communication key */
	SE_TWEAK_RANDOM = 6,
	SE_HOSTS_MAX = 95, /* slots that a header of two pages has room for */
	SE_IMAGE_MAX = 1024 * 1024 * 1024,
	SE_CMDLINE_LEGACY = 896, /* bytes, NUL included, of kernels that do not say */
};

/* Flags are counted from the left, as IBM does: se_flag(flags, bit), se_flag_mask(bit). */
enum se_plain_flag {
	SE_PCF_DUMP = 34,		     /* the host may dump the guest, encrypted */
	SE_PCF_NO_COMPONENT_ENCRYPTION = 35, /* components are readable, not less measured */
	SE_PCF_PCKMO_DEA = 56,
	SE_PCF_PCKMO_AES = 57,
	SE_PCF_PCKMO_ECC = 58,
	SE_PCF_PCKMO_HMAC = 59,
	SE_PCF_BACKUP_KEYS = 62, /* the slots may be of a host's backup keys */
};
enum se_secret_flag {
	SE_SCF_CCK_EXTENSION_SECRET = 1, /* add-secret requests must prove the CCK */
	SE_SCF_CCK_UPDATE = 2,		 /* the CCK may be replaced */
};
static inline uint64_t se_flag_mask(unsigned bit)
{
	return UINT64_C(1) << (63 - bit);
}
/* DEA, AES and ECC by PCKMO, as genprotimg has it. */
uint64_t se_plain_flags_default(void);

/* ---- making ---- */

/* What is drawn at random where it is not given (n = 0, NULL). The same inputs and keys give the
 * same image. */
struct se_image_keys {
	struct bytes header_key;    /* 32 bytes */
	struct bytes image_key;	    /* 64 bytes, its halves not equal */
	struct bytes cck;	    /* 32 bytes */
	struct bytes iv;	    /* 12 bytes, never twice with one header key */
	struct bytes tweaks;	    /* 6 bytes for each of kernel, initrd, command line, stage3b */
	const struct key *customer; /* private, P-521 */
};

struct se_image_make {
	struct bytes kernel;		/* s390x, raw ("S390EP" at 0x10008) */
	struct bytes initrd;		/* n = 0: none */
	const char *append;		/* command line; NULL: none */
	struct bytes stage3a, stage3b;	/* s390-tools' loaders: stage3a.bin, stage3b_reloc.bin */
	const struct key *const *hosts; /* public keys, P-521: who may start it */
	size_t n_hosts;
	uint64_t plain_flags, secret_flags;
	struct se_image_keys keys;
};
/*
 * Appends the image to an empty buffer. ERR_USAGE: no hosts or too many, a key of the wrong size,
 * a command line that the kernel has no room for; ERR_FORMAT: a kernel or loader that is none.
 */
RESULT se_image_make(const struct se_image_make *m, struct buf *ret_image);

/* ---- reading back ---- */

/* The header's page list, address list and tweak list digests, and its number of pages, over the
 * components: a denial "se.image" names the one that differs. */
RESULT se_image_verify(const struct se_header *h, const struct se_layout *l);

/* What attestation says of the image: reference values of platform `se` (claims se.tag, se.pld,
 * se.ald, se.tld; se.image_phkh is one of the slots'). */
struct se_image_measurement {
	uint32_t version; /* 1 */
	uint8_t tag[SE_TAG_SIZE];
	uint8_t pld[SE_PAGE_DIGEST], ald[SE_PAGE_DIGEST], tld[SE_PAGE_DIGEST];
	uint64_t pages, plain_flags;
	uint8_t phkh[SE_SLOTS_MAX][SE_PHKH_SIZE]; /* SHA-256 of the hosts' keys */
	size_t n_phkh;
};
/* Of a whole image, whose components are compared with the header first, or of a header alone.
 * ERR_FORMAT, ERR_NOT_FOUND, ERR_UNVERIFIED. */
RESULT se_image_measure(struct bytes file, struct se_image_measurement *ret_measurement);

/* The key that the header is encrypted by, out of the slot of a host. One of the keys is private:
 * the host's, or the customer's. ERR_NOT_FOUND: no slot is of that host; ERR_UNVERIFIED: not the
 * keys of this image. */
RESULT se_header_key_by_host(
	const struct se_header *h, const struct key *host, struct secret **ret_key);
RESULT se_header_key_by_customer(const struct se_header *h, const struct key *customer,
	const struct key *host, struct secret **ret_key);

/* The header's encrypted area. */
struct se_area {
	struct secret *bytes;
	struct bytes cck, image_key; /* views */
	uint64_t psw_mask, psw_address, secret_flags;
};
void se_area_done(struct se_area *a);
/* ERR_UNVERIFIED: another key, or any byte of the header was changed. */
RESULT se_area_open(const struct se_header *h, struct bytes header_key, struct se_area *ret_area);

/* A component as it was before: whole pages, appended. Without a key where `plain_flags` say that
 * components are not encrypted. */
RESULT se_component_open(const struct se_component *c, uint64_t plain_flags, struct bytes image_key,
	struct buf *ret_plain);

/* What stage3b is told: lengths without the padding. size = 0: there is none. */
struct se_blob {
	uint64_t address, size;
};
struct se_stage3b_args {
	struct se_blob kernel, cmdline, initrd;
	uint64_t psw_mask, psw_address;
};
/* `plain` is the component stage3b in plain text: its arguments are found by the address of the
 * kernel. Lengths fit the components of the layout; ERR_FORMAT. */
RESULT se_stage3b_args_find(
	struct bytes plain, const struct se_layout *l, struct se_stage3b_args *ret_args);
