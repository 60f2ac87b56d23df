/* Parts of the SNP verifier that its files share. */
#pragma once

#include "sev/roots.h"

/* VEK: the certificate of the key that signs reports, of a chip (VCEK) or of a provider (VLEK). */
struct snp_vek {
	const struct x509 *cert; /* borrowed */
	bool vlek;
	enum snp_product product; /* by its issuer's name */
	uint8_t bootloader, tee, snp, microcode, fmc;
	bool has_fmc;
	uint8_t hwid[SNP_CHIP_ID_SIZE];
	size_t hwid_n; /* 0: none (VLEK); 8 on Turin, else 64 */
	char csp_id[SNP_CSP_ID_SIZE];
};
/* By its names and AMD's extensions; ERR_FORMAT when they are not as AMD makes them. */
RESULT snp_vek_parse(const struct x509 *cert, struct snp_vek *ret_vek);
/* Cheap: a certificate that claims to be one. */
bool snp_is_vek(const struct x509 *cert);
/* TCB and chip are those of the report. */
bool snp_vek_fits(const struct snp_vek *vek, const struct snp_report *report);

/* What a file or a guest's JSON holds. */
struct snp_evidence {
	struct buf report;
	struct x509_list certs;
	const struct x509_memo *memo; /* borrowed, may be NULL */
};
#define SNP_EVIDENCE_INIT ((struct snp_evidence){ .report = BUF_INIT(SNP_REPORT_SIZE) })
void snp_evidence_done(struct snp_evidence *e);
/* Report alone; with a certificate table; in a MSG_REPORT_RSP; with Azure's trailer. ERR_FORMAT. */
RESULT snp_evidence_raw(
	struct bytes raw, const struct x509_memo *memo, struct snp_evidence *ret_evidence);
/* Trustee's JSON: "attestation_report" and "cert_chain". */
RESULT snp_evidence_json(
	const struct json *j, const struct x509_memo *memo, struct snp_evidence *ret_evidence);
bool snp_evidence_is_raw(struct bytes raw);
/* Library tee-guest: Trustee's JSON of a report whose product is set; table n = 0: "cert_chain" is
 * null. */
RESULT snp_evidence_print(
	const struct snp_report *report, struct bytes table, struct buf *ret_json);

/* One entry of a certificate table. */
enum snp_cert_kind {
	SNP_CERT_ARK,
	SNP_CERT_ASK,
	SNP_CERT_VCEK,
	SNP_CERT_VLEK,
	SNP_CERT_CRL,
	SNP_CERT_PLATFORM_INFO,
	SNP_CERT_OTHER
};
struct snp_cert_entry {
	enum snp_cert_kind kind;
	struct bytes guid, data; /* views */
	size_t offset;
};
enum {
	SNP_CERT_TABLE_MAX = 16
};
RESULT snp_cert_table_parse(
	struct bytes table, struct snp_cert_entry v[SNP_CERT_TABLE_MAX], size_t *ret_n);
/* By the 16 bytes of a GUID in the order of its text. */
enum snp_cert_kind snp_cert_kind_of(struct bytes guid);
const char *snp_cert_kind_name(enum snp_cert_kind kind);
