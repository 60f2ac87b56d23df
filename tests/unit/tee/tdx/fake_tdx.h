/* A TD: configfs-tsm, /dev/tdx_guest, a quote generation service at a socket, and the firmware's
 * event log, answering with the test Intel's quotes. */
#pragma once

#include "fake_tsm.h"
#include "tdx_collateral_gen.h"

#include <pthread.h>

struct fake_tdx {
	struct fake_tsm tsm; /* .provider NULL: a kernel without configfs-tsm */
	struct tdx_gen gen;
	struct tdx_gen_quote quote; /* what its quotes say; td may be bent */
	struct tdx_gen_log log;	    /* what booted */
	/* ---- RTMR extension by ioctl ---- */
	unsigned long extends; /* the request that this kernel knows; 0: none */
	unsigned extended;     /* RTMR that was extended last */
	uint8_t digest[48];    /* by that */
	/* ---- quote generation service ---- */
	char qgs[600]; /* its address */
	int listener;
	pthread_t thread;
	uint32_t error;	 /* answered in place of a quote */
	size_t cut;	 /* bytes of the answer that are never sent */
	uint32_t length; /* not 0: the length said before the answer */
	unsigned requests;
};

/* MRCONFIGID is the initdata digest given (padded); everything there and running. */
void fake_tdx_start(struct fake_tdx *f, const char *name, struct bytes initdata_digest);
void fake_tdx_stop(struct fake_tdx *f);
/* Config of the guest, its quote generation service named. */
struct tee_guest_config fake_tdx_config(const struct fake_tdx *f);
/* TDREPORT over report_data. */
void fake_tdx_report(const struct fake_tdx *f, struct bytes report_data, struct buf *ret);
