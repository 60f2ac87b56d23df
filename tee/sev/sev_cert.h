/*
 * Certificates of SEV and SEV-ES platforms in AMD's own form (SEV API 0.24, AMD 55766: chapter 2
 * and appendix C). Integers and numbers are little-endian. AMD's ARK signs the ASK of a product
 * line, that signs a chip's CEK; CEK and the owner's OCA sign the PEK, that signs the PDH.
 */
#pragma once

#include <tee/tee.h>

enum sev_usage {
	SEV_ARK = 0x0,
	SEV_ASK = 0x13,
	SEV_NONE = 0x1000, /* an empty place for a signature */
	SEV_OCA = 0x1001,
	SEV_PEK = 0x1002,
	SEV_PDH = 0x1003,
	SEV_CEK = 0x1004,
};

enum {
	SEV_CERT_SIZE = 2084,
	SEV_CA_FIXED = 64, /* before exponent, modulus and signature of an ARK or ASK */
	SEV_KEY_ID = 16,
};

struct sev_signature {
	uint32_t usage, algo; /* of the signer */
	struct bytes bytes;   /* view, 512 bytes */
};

/* Views. ARK and ASK: an RSA key and one signature; others: an EC key and two places. */
struct sev_cert {
	struct bytes raw, signed_bytes;
	bool is_ca;
	uint32_t version, usage;
	uint8_t api_major, api_minor;		   /* not of CAs */
	uint32_t algo, curve;			   /* not of CAs */
	struct bytes x, y;			   /* 72 bytes each */
	struct sev_signature signatures[2];	   /* not of CAs */
	struct bytes key_id, certifying_id;	   /* of CAs */
	struct bytes exponent, modulus, signature; /* of CAs */
};

/* The certificate at the front of `in`; *ret_rest is what follows. ERR_FORMAT: field and offset. */
RESULT sev_cert_parse(struct bytes in, struct sev_cert *ret_cert, struct bytes *ret_rest);
bool sev_cert_is(struct bytes in);
const char *sev_usage_name(uint32_t usage); /* "PEK"; "unknown" */
/* ERR_UNVERIFIED "sev.signature" unless one of the certificate's signatures is the issuer's. */
RESULT sev_cert_signed_by(const struct sev_cert *cert, const struct sev_cert *issuer);

/* The product line of an AMD root by its SHA-256 ("Naples"); NULL: not AMD's. */
const char *sev_root_product(struct bytes ark);
