/* Platform vtpm: parts that its verifier's files share. Formats: docs/protocols/guest.md. */
#pragma once

#include "vtpm/pcrs.h"

#include <tee/denials.h>
#include <tee/eventlog.h>
#include <tee/tee.h>

enum {
	VTPM_EK_CERT_MAX = 8192,
	VTPM_PUBLIC_MAX = 1024,
	VTPM_SECRET = 32, /* bytes of an activation secret */
	VTPM_NONCE = 32,  /* report_data is cut to this in extraData */
	VTPM_PCR_SIZE = DIGEST_SHA256_SIZE,
	VTPM_INITDATA_PCR = 8,
	VTPM_MOK_PCR = 14,
};

/* PCRs 0-9 and 14 must be in a quote. */
#define VTPM_QUOTED_PCRS (0x3ffu | 1u << VTPM_MOK_PCR)

/* Name in the extra-params of auth and challenge. */
#define VTPM_EXTRA "sealpod-tpm"

struct vtpm_evidence {
	struct buf ak_public; /* SubjectPublicKeyInfo */
	struct vtpm_quote {
		struct buf signature; /* TPMT_SIGNATURE */
		struct buf message;   /* TPMS_ATTEST */
		struct strv pcrs;     /* SHA-256 bank, hex */
	} tpm_quote;
	/* Sealpod's additions; empty when sent by a stock Trustee client. */
	struct buf ek_cert, ak_tpm_public, activation, event_log;
};
RESULT vtpm_evidence_decode(const struct json *j, struct vtpm_evidence *ret_evidence);
void vtpm_evidence_done(struct vtpm_evidence *e);

/* One quote and what is shown beside it. Views. */
struct vtpm_shown_quote {
	const char *name;	 /* its rows are "<name>.signature", ... */
	struct bytes message;	 /* TPMS_ATTEST */
	struct bytes signature;	 /* any form of tpm2_any_signature_verify() */
	const struct pcrs *pcrs; /* NULL: none shown */
	struct bytes nonce;	 /* extraData must be this; p = NULL: not compared */
	/* The SHA-256 bank alone must be quoted, with at least these. */
	bool sha256_alone;
	uint32_t need_pcrs;
};

/* What a quote has proved. */
struct vtpm_quoted {
	struct tpm2_quote quote;
	struct pcrs banks; /* values quoted, of all banks */
	uint32_t pcrs;	   /* of the SHA-256 bank; bit n: value n is quoted */
	uint8_t pcr[TPM_PCRS][VTPM_PCR_SIZE];
};
/*
 * Rows for signature, structure, nonce, selection and digest; what was quoted and shown, on good
 * rows only, is in *ret_quoted. ERR_NOMEM and the like are in the rows.
 */
void vtpm_check_quote(const struct vtpm_shown_quote *s, const struct key *ak, struct checks *checks,
	struct vtpm_quoted *ret_quoted);
/* PCRs, firmware version, reset counts under `prefix` ("tpm"); "report_data" is extraData. */
void vtpm_quote_claims(const struct vtpm_quoted *q, const char *prefix, struct claims *c);
/* PCR 8 holds the initdata's digest, extended once. */
void vtpm_check_initdata(
	struct bytes initdata_digest, const struct vtpm_quoted *q, struct checks *checks);
/* An outcome as a row named `what`; a failure keeps its own field. Returns whether it passed. */
bool vtpm_step(struct checks *checks, struct err e, const char *what);

/* Every event log row of a quote: replay in each of its banks. PCRs 0-7 must be accounted for, and
 * all others that have events. `end`: how the log ends. */
void vtpm_check_log(struct bytes log, const struct vtpm_quoted *q, struct checks *checks);

/* ---- certificates of keys in TPMs ---- */
struct vtpm_cert_input {
	const char *what; /* "AK certificate" */
	const struct x509 *leaf;
	const struct x509_list *others; /* sent along; may be NULL */
	const struct key *key;		/* must be the certificate's; NULL: not known */
	bool is_ak;			/* of an attestation key; false: of an EK */
	bool optional;			/* without any root configured for it: not done */
};
#define OID_TCG_EK_CERTIFICATE	"2.23.133.8.1"
#define OID_TCG_AIK_CERTIFICATE "2.23.133.8.3"
/* Rows for the chain to in->anchors (hardware, software) or to Azure's vTPM root, revocation,
 * purpose and key. Returns whether all passed. */
bool vtpm_check_cert(const struct tee_verify_input *in, const struct vtpm_cert_input *c,
	struct checks *checks, bool *ret_simulated);
/* A DER or PEM certificate with zeroes after it, as an NV index holds it; more certificates may
 * follow. Appends. */
RESULT vtpm_cert_parse(struct bytes file, struct x509_list *list);
/* DER of "Azure Virtual TPM Root Certificate Authority 2023". */
struct bytes azure_vtpm_root(void);

/* Files of tools instead of Trustee's JSON: a TPMS_ATTEST, an attestation of go-tpm-tools, a quote
 * of Azure's CoCo guests (bincode), with parts beside it. */
bool vtpm_is_file(struct bytes raw);
RESULT vtpm_verify_files(
	const struct tee_verify_input *in, struct checks *checks, struct claims *ret_claims);

/* Chain of an EK certificate, first to the hardware anchors, then to the software ones. */
RESULT vtpm_ek_verify(const struct x509 *cert, const struct tee_anchors *anchors, int64_t now,
	bool *ret_simulated);
/* A key that cannot leave its TPM and signs only what the TPM made. */
RESULT vtpm_ak_attributes(const struct tpm2_public *ak);

/* What challenge() remembers for verify(). */
struct vtpm_state {
	uint8_t ek_cert[DIGEST_SHA256_SIZE]; /* digest of the certificate */
	uint8_t ak_name[TPM2_NAME_MAX];
	size_t ak_name_n;
	uint8_t secret[VTPM_SECRET];
};
void vtpm_state_write(const struct vtpm_state *s, struct buf *out);
RESULT vtpm_state_parse(struct bytes in, struct vtpm_state *ret_state);
RESULT vtpm_challenge(const struct json *hello, const struct tee_anchors *anchors, int64_t now,
	struct json_writer *w, struct buf *ret_state);

/* Rows: replays the log against the quoted PCRs, refuses events that a measured direct boot does
 * not have. Adds tpm.crtm, tpm.firmware, tpm.kernel, tpm.cmdline_digest and tpm.initrd. */
void vtpm_check_events(struct bytes log, const struct vtpm_quoted *q, struct checks *checks,
	struct claims *claims);
