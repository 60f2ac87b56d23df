#include "vtpm/vtpm.h"

#include <stdio.h>

enum {
	FIRMWARE_PCRS = 0xff /* 0-7: measured before any boot loader, so always in the log */
};

static uint32_t registers_of(const struct eventlog *l)
{
	uint32_t pcrs = 0;

	for (size_t i = 0; i < l->n; i++)
		if (l->v[i].type != EV_NO_ACTION && l->v[i].pcr < TPM_PCRS)
			pcrs |= 1u << l->v[i].pcr;
	return pcrs;
}

static bool has_bank(const struct eventlog *l, enum digest_alg alg)
{
	for (size_t i = 0; i < l->n; i++)
		if (event_digest(&l->v[i], alg).n > 0)
			return true;
	return false;
}

/* One register; true when the log leads to the quoted value. */
static bool check_register(
	const struct eventlog *l, const struct pcr_bank *b, unsigned pcr, struct checks *checks)
{
	struct digest_value v;
	char what[48];

	(void)snprintf(what, sizeof(what), "event_log: PCR %u (%s)", pcr, digest_name(b->alg));
	struct err e = eventlog_replay(l, b->alg, pcr, &v);
	if (failed(e))
		return check_result(checks, e, DENY_VTPM_EVENT_LOG_MALFORMED, what);
	if (bytes_equal(digest_bytes(&v), pcr_value(b, pcr)))
		return true;
	return check_bytes(
		checks, DENY_VTPM_EVENT_LOG_REPLAY, what, pcr_value(b, pcr), digest_bytes(&v));
}

/* Returns whether there was something to replay. */
static bool check_bank(const struct eventlog *l, const struct pcr_bank *b, struct checks *checks)
{
	uint32_t account = b->known & (registers_of(l) | FIRMWARE_PCRS);
	struct tpm2_quote shown = { .n_selections = 1 };
	char what[48], pcrs[DENIAL_VALUE_MAX];
	bool good = true;

	(void)snprintf(what, sizeof(what), "event_log: %s registers", digest_name(b->alg));
	/* A log without any event leads to untouched registers, and that is compared. */
	if ((registers_of(l) != 0 && !has_bank(l, b->alg)) || account == 0) {
		check_skip(checks, what, "the log has nothing of this bank");
		return false;
	}
	for (unsigned pcr = 0; pcr < TPM_PCRS; pcr++)
		if (account >> pcr & 1)
			good = check_register(l, b, pcr, checks) && good;
	shown.selections[0] = (struct tpm2_pcr_selection){ .hash = b->hash, .pcrs = account };
	pcr_selection_text(&shown, pcrs, sizeof(pcrs));
	if (good)
		check_pass(checks, what, pcrs);
	return true;
}

void vtpm_check_log(struct bytes log, const struct vtpm_quoted *q, struct checks *checks)
{
	AUTO(eventlog_done) struct eventlog l = { 0 };
	bool any = false;

	struct err e = eventlog_parse(log, EVENTLOG_EXACT, &l);
	if (e.code == ERR_FORMAT) /* a copy of the firmware's whole table */
		e = eventlog_parse(log, EVENTLOG_PADDED, &l);
	if (!check_result(checks, e, DENY_VTPM_EVENT_LOG_MALFORMED, "event_log"))
		return;
	for (size_t i = 0; i < q->banks.n; i++)
		any = check_bank(&l, &q->banks.bank[i], checks) || any;
	if (q->banks.n == 0)
		check_skip(checks, "event_log: registers", "no quoted values to compare with");
	else if (!any)
		check_fail(checks, DENY_VTPM_EVENT_LOG_REPLAY, "event_log: registers",
			"digests of a quoted bank", "none");
}
