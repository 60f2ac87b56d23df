/*
 * A Hygon processor for tests: a root of its own, certificates and reports. Members are set to good
 * values by csv_gen_init() and may be bent before something is made of them.
 */
#pragma once

#include "csv/csv.h"

struct csv_gen {
	struct key *hrk_key, *hsk_key, *cek_key, *pek_key;
	struct buf hrk, hsk, cek, pek; /* certificates, by csv_gen_certs() */
	struct tee_anchors anchors;    /* trusts hrk */
	struct collateral collateral;  /* hsk and cek */
	struct collateral_item items[2], *item_ps[2];

	unsigned version;
	uint32_t policy, anonce, sig_usage, sig_algo;
	uint8_t report_data[64], measure[32], rtmr[CSV_RTMRS][32];
	const char *serial;
	struct bytes event_log;
	bool masked_signer; /* PEK and serial number as the processor gives them */

	/* certificates */
	uint32_t hsk_usage, cek_usage, pek_usage, slot_usage; /* slot: of CEK's signature in PEK */
	bool second_slot; /* the PEK's signature stands behind an empty one */
	const struct key *hsk_signer, *cek_signer, *pek_signer, *report_signer; /* NULL: right */
	uint8_t hsk_sid;							/* first byte */
};

void csv_gen_init(struct csv_gen *g, unsigned version);
void csv_gen_done(struct csv_gen *g);
/* Makes the certificates again. */
void csv_gen_certs(struct csv_gen *g);
/* CSV_DATA_SIZE bytes. */
void csv_gen_data(const struct csv_gen *g, struct buf *out);
/* Trustee's evidence; with HSK and CEK in it or not. */
void csv_gen_json(const struct csv_gen *g, bool hsk_cek, struct buf *out);
