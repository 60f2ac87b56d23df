#include "vtpm/vtpm.h"

#include <stdio.h>

#include <base/encode.h>

enum {
	FIRMWARE_BLOBS_MAX = 16
};

/* Registers that the log must account for: all quoted ones but 8 (initdata) and 14 (zero). */
#define REPLAYED_PCRS 0x2ffu
/* Configuration and boot order: replayed, but no event in them decides what code runs. */
#define FREE_PCRS (1u << 1 | 1u << 3 | 1u << 5 | 1u << 6 | 1u << 7)

/* The events of a measured direct kernel boot; anything else in these registers is code or data
 * that no reference value vouches for. */
static const struct rule {
	uint32_t pcr;
	enum event_kind kind;
	unsigned max;
	const char *claim; /* the digest becomes this claim; NULL: it says nothing */
	bool list;
} rules[] = {
	{ 0, EVENT_CRTM_VERSION, 1, "tpm.crtm", false },
	{ 0, EVENT_FIRMWARE_BLOB, FIRMWARE_BLOBS_MAX, "tpm.firmware", true },
	{ 0, EVENT_SEPARATOR, 1, NULL, false },
	{ 2, EVENT_SEPARATOR, 1, NULL, false },
	{ 4, EVENT_CALLING_APPLICATION, 1, NULL, false },
	{ 4, EVENT_SEPARATOR, 1, NULL, false },
	{ 4, EVENT_BOOT_APPLICATION, 1, "tpm.kernel", false },
	{ 9, EVENT_LOAD_OPTIONS, 1, "tpm.cmdline_digest", false },
	{ 9, EVENT_INITRD, 1, "tpm.initrd", false },
};

static struct err check_replay(const struct eventlog *l, const struct vtpm_quoted *q)
{
	char want[2 * VTPM_PCR_SIZE + 1], got[2 * DIGEST_MAX + 1], field[32];
	struct digest_value v;

	for (uint32_t pcr = 0; pcr < TPM_PCRS; pcr++) {
		if (!(REPLAYED_PCRS >> pcr & 1))
			continue;
		TRY(tee_deny_because(eventlog_replay(l, DIGEST_SHA256, pcr, &v),
			DENY_VTPM_EVENT_LOG_MALFORMED, "event_log"));
		if (bytes_equal(digest_bytes(&v), BYTES_OF(q->pcr[pcr])))
			continue;
		hex_to(BYTES_OF(q->pcr[pcr]), want);
		hex_to(digest_bytes(&v), got);
		(void)snprintf(field, sizeof(field), "event_log: PCR %u", pcr);
		return tee_deny(DENY_VTPM_EVENT_LOG_REPLAY, field, want, got);
	}
	return OK;
}

static const struct rule *find_rule(const struct event *e)
{
	enum event_kind kind = event_kind(e, DIGEST_SHA256);

	for (size_t i = 0; i < ARRAY_LEN(rules); i++)
		if (rules[i].pcr == e->pcr && rules[i].kind == kind)
			return &rules[i];
	return NULL;
}

static struct err deny_event(size_t number, const struct event *e, const char *expected)
{
	char digest_hex[2 * DIGEST_MAX + 1], field[48], actual[DENIAL_VALUE_MAX];

	hex_to(event_digest(e, DIGEST_SHA256), digest_hex);
	(void)snprintf(field, sizeof(field), "event_log: event %zu, PCR %u", number, e->pcr);
	(void)snprintf(actual, sizeof(actual), "%s (0x%x) %s", event_type_name(e->type), e->type,
		digest_hex);
	return tee_deny(DENY_VTPM_EVENT_UNKNOWN, field, expected, actual);
}

static void add_claim(const struct rule *r, const struct event *e, struct claims *claims)
{
	char hex[2 * DIGEST_MAX + 1];

	if (!r->claim)
		return;
	hex_to(event_digest(e, DIGEST_SHA256), hex);
	if (r->list)
		claims_list_add(claims, r->claim, hex);
	else
		claims_hex(claims, r->claim, event_digest(e, DIGEST_SHA256));
}

static struct err check_events(const struct eventlog *l, struct claims *claims)
{
	unsigned seen[ARRAY_LEN(rules)] = { 0 };

	for (size_t i = 0; i < l->n; i++) {
		const struct event *e = &l->v[i];

		if (e->type == EV_NO_ACTION || (e->pcr < TPM_PCRS && FREE_PCRS >> e->pcr & 1))
			continue;
		const struct rule *r = find_rule(e);
		if (!r)
			return deny_event(i + 1, e, "an event of a measured direct boot");
		if (++seen[r - rules] > r->max)
			return deny_event(i + 1, e, "no further event of this type");
		add_claim(r, e, claims);
	}
	return OK;
}

void vtpm_check_events(
	struct bytes log, const struct vtpm_quoted *q, struct checks *checks, struct claims *claims)
{
	AUTO(eventlog_done) struct eventlog l = { 0 };

	if (!vtpm_step(checks,
		    tee_deny_because(eventlog_parse(log, EVENTLOG_EXACT, &l),
			    DENY_VTPM_EVENT_LOG_MALFORMED, "event_log"),
		    "event_log"))
		return;
	(void)vtpm_step(checks, check_replay(&l, q), "event_log: leads to PCRs 0-7 and 9");
	(void)vtpm_step(
		checks, check_events(&l, claims), "event_log: events of a measured direct boot");
}
