/*
 * Hygon CSV: attestation reports and certificates, all integers little-endian. Numbers of SM2 are
 * little-endian too, 32 bytes in fields of 72.
 */
#pragma once

#include <crypto/key.h>
#include <tee/fields.h>
#include <tee/tee.h>

enum {
	CSV_REPORT_V1_SIZE = 0x150,
	CSV_REPORT_V2_SIZE = 0x490,
	CSV_DATA_SIZE = 4096, /* what a guest gets: a report, PEK, serial number, zeroes */
	CSV_WRAPPER_SIZE = 16 + 4 + CSV_DATA_SIZE,
	CSV_CA_CERT_SIZE = 832, /* HRK, HSK */
	CSV_CERT_SIZE = 2084,	/* CEK, PEK */
	CSV_NUMBER_SIZE = 32,
	CSV_KEY_ID_SIZE = 16,
	CSV_SERIAL_SIZE = 64,
	CSV_RTMRS = 5,
	CSV_RTMR_SIZE = 32,
	CSV_REPORT_DATA_SIZE = 64,
	CSV_MEASURE_SIZE = 32,
	CSV_ALGO_SM2 = 4,
};

enum csv_usage {
	CSV_HRK = 0,
	CSV_HSK = 0x13,
	CSV_NO_KEY = 0x1000, /* an empty place for a signature */
	CSV_OCA = 0x1001,
	CSV_PEK = 0x1002,
	CSV_PDH = 0x1003,
	CSV_CEK = 0x1004
};
const char *csv_usage_name(uint32_t usage);

extern const uint8_t csv_hrk[CSV_CA_CERT_SIZE];

/* ---- certificates ---- */
struct csv_signature {
	uint32_t usage, algo; /* of the signer; CA certificates do not say: those of the form */
	struct bytes r, s;    /* little-endian views, as are all numbers here */
};

struct csv_cert { /* views */
	bool is_ca;
	uint32_t version, usage, algo;
	uint8_t firmware_major, firmware_minor; /* not of a CA */
	struct bytes kid;			/* n = 0 when it is no CA */
	struct bytes sid;			/* key id of its signer; zeroes in a PEK */
	struct bytes x, y, user_id, signed_bytes;
	struct csv_signature sigs[2];
	size_t n_sigs;
};
/* CSV_CA_CERT_SIZE or CSV_CERT_SIZE bytes, on the SM2 curve; what is reserved outside of the signed
 * bytes is zero. ERR_FORMAT. */
RESULT csv_cert_parse(struct bytes in, struct csv_cert *ret_cert);
bool csv_cert_is(struct bytes file);
/* Signature over `message` by the certificate's key and user id. ERR_UNVERIFIED. */
RESULT csv_cert_verifies(
	const struct csv_cert *signer, struct bytes message, struct bytes r, struct bytes s);
/* A signature of the certificate is its issuer's. Denials csv.signature and csv.chain. */
RESULT csv_cert_signed_by(const struct csv_cert *c, const struct csv_cert *issuer);

/* ---- reports ---- */
struct csv_report {	  /* values unmasked; views into the report */
	unsigned version; /* 1, 2 */
	uint8_t user_pubkey_digest[32], vm_id[16], vm_version[16];
	uint8_t report_data[CSV_REPORT_DATA_SIZE], mnonce[16], measure[CSV_MEASURE_SIZE];
	uint32_t policy, sig_usage, sig_algo;
	uint32_t anonce; /* version 1: masks every field of it */
	uint32_t build;	 /* the rest: version 2 */
	uint16_t rtmr_version;
	struct bytes reserved0, reserved1, rtmr[CSV_RTMRS];
	struct bytes signed_bytes, r, s;
};
/* The first bytes of `data`, which may be longer. ERR_FORMAT. */
RESULT csv_report_parse(struct bytes data, unsigned version, struct csv_report *ret_report);

enum csv_policy { /* bits; "guest policy" of the CSV ABI */
	CSV_POLICY_NODBG = 1u << 0,
	CSV_POLICY_NOKS = 1u << 1,
	CSV_POLICY_ES = 1u << 2,
	CSV_POLICY_NOSEND = 1u << 3,
	CSV_POLICY_DOMAIN = 1u << 4,
	CSV_POLICY_CSV = 1u << 5,
	CSV_POLICY_CSV3 = 1u << 6,
	CSV_POLICY_ASID_REUSE = 1u << 7
};

/* ---- evidence ---- */
struct csv_evidence {
	unsigned version;
	struct buf data;	  /* from the report on */
	struct buf hsk, cek, pek; /* binary; hsk and cek: n = 0 when left out */
	struct buf event_log;
	char serial[CSV_SERIAL_SIZE + 1]; /* printable; the guest's word, no signature covers it */
};
void csv_evidence_done(struct csv_evidence *e);
/* Trustee's JSON. ERR_FORMAT names the member. */
RESULT csv_evidence_decode(const struct json *j, struct csv_evidence *ret_evidence);
/* What a guest's ioctl gives, with or without the wrapper of 20 bytes ("ATTESTATION_EXT"), whose
 * PEK and serial number stand behind the report, masked or not. ERR_FORMAT. */
RESULT csv_evidence_parse(struct bytes raw, struct csv_evidence *ret_evidence);
bool csv_evidence_is(struct bytes raw);

/* Members below "csv.", of evidence that was verified. */
void csv_claims(const struct csv_evidence *e, const struct csv_report *r, struct claims *c);
