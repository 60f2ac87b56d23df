/*
 * Reports by configfs-tsm (Linux 6.7 and later, Documentation/ABI/testing/configfs-tsm-report):
 * a directory made below /sys/kernel/config/tsm/report is a request. Private to tee-guest.
 */
#pragma once

#include "guest_io.h"

enum {
	TSM_INBLOB_MAX = 64,
	TSM_OUTBLOB_MAX = 64 * 1024,
};

struct tsm_request {
	const char *provider; /* "tdx_guest": who must answer */
	struct bytes inblob;  /* report_data, 1 to TSM_INBLOB_MAX bytes */
	bool privlevel;	      /* asks at the most privileged level that the guest has (SNP) */
};

/* Whether the kernel has configfs-tsm with a place for reports. */
bool tsm_has(const struct guest_io *g);
/*
 * The report, and to `ret_auxblob` (may be NULL) what came beside it: a certificate table, or
 * nothing. Both were made for this request: when somebody else wrote to it in between, it is made
 * anew, a bounded number of times. Errors say what to do.
 */
RESULT tsm_report(const struct guest_io *g, const struct tsm_request *q, struct buf *ret_outblob,
	struct buf *ret_auxblob);
