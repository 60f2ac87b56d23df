/* A SEV-SNP guest: configfs-tsm and /dev/sev-guest answering with the test AMD's reports. */
#pragma once

#include "fake_tsm.h"
#include "snp_gen.h"

enum {
	FAKE_SNP_PAGES = 4096
};

struct fake_snp {
	struct fake_tsm tsm; /* .provider NULL: a kernel without configfs-tsm */
	struct snp_gen gen;  /* host_data and the rest of its reports may be bent */
	bool certificates;   /* the host has them */
	struct buf table;    /* as the host gives it: whole pages */
	/* ---- /dev/sev-guest, wrong on purpose ---- */
	unsigned busy;	    /* so many calls are put off by the host */
	uint64_t exitinfo2; /* not 0: every call fails so */
	uint32_t status;    /* of MSG_REPORT_RSP */
	size_t more;	    /* bytes of certificates that the host says it has; 0: those it has */
	unsigned calls;
};

/* Certificates of a Milan, HOST_DATA the initdata digest given (padded); both interfaces there. */
void fake_snp_start(struct fake_snp *f, const char *name, struct bytes initdata_digest);
void fake_snp_stop(struct fake_snp *f);
