/*
 * Event logs of a TD against the RTMRs of its quote. A log proves nothing by itself; a register
 * that it leads to proves every event of that register.
 */
#pragma once

#include "tdx/tdx.h"

/*
 * CCEL: TCG crypto-agile log whose register index 1 to 4 is RTMR0 to 3 (UEFI 2.10, table of the CC
 * measurement protocol). One row a register, failed when the log does not lead to its value: also
 * when something was extended later that the log lacks. Not done for one without events.
 */
void tdx_check_ccel(struct bytes log, const struct td_report *td, struct checks *checks);
/* dstack's list of {"imr","event_type","digest","event","event_payload"}, hex; likewise. */
void tdx_check_dstack_log(
	const struct json *events, const struct td_report *td, struct checks *checks);
