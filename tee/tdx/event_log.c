#include "tdx/event_log.h"

#include <stdio.h>

#include <base/auto.h>
#include <base/encode.h>
#include <tee/eventlog.h>

enum {
	MR_MRTD = 0, /* register index of a CCEL; then RTMR0 */
	DSTACK_EVENTS_MAX = 4096,
	DSTACK_RUNTIME_EVENT = 0x08000001,
	PAYLOAD_MAX = 256 * 1024,
	WHAT_SIZE = 32,
};

static const char log_what[] = "event log";

static void register_row(struct checks *checks, unsigned rtmr, bool any, struct err e,
	const struct digest_value *value, const struct td_report *td)
{
	char what[WHAT_SIZE];

	(void)snprintf(what, sizeof(what), "event log: RTMR%u", rtmr);
	if (!any)
		check_skip(checks, what, "the log has no event of it");
	else if (failed(e))
		(void)check_result(checks, e, DENY_TDX_EVENT_LOG_MALFORMED, what);
	else
		(void)check_bytes(checks, DENY_TDX_EVENT_LOG_REPLAY, what, BYTES_OF(td->rtmr[rtmr]),
			digest_bytes(value));
}

/* ---- CCEL ---- */
static bool has_events(const struct eventlog *l, uint32_t mr)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->v[i].pcr == mr && l->v[i].type != EV_NO_ACTION)
			return true;
	return false;
}

/* An event outside of all registers would be believed without proof. */
static void check_indices(const struct eventlog *l, struct checks *checks)
{
	char actual[64];

	for (size_t i = 0; i < l->n; i++) {
		const struct event *e = &l->v[i];
		if (e->type == EV_NO_ACTION || (e->pcr > MR_MRTD && e->pcr <= TDX_RTMRS))
			continue;
		(void)snprintf(actual, sizeof(actual), "event %zu is of register %u", i + 1,
			(unsigned)e->pcr);
		check_fail(checks, DENY_TDX_EVENT_LOG_REPLAY, log_what, "registers 1 to 4", actual);
		return;
	}
	check_pass(checks, log_what, NULL);
}

void tdx_check_ccel(struct bytes log, const struct td_report *td, struct checks *checks)
{
	AUTO(eventlog_done) struct eventlog l = { 0 };

	struct err parsed = eventlog_parse(log, EVENTLOG_PADDED, &l);
	if (failed(parsed)) {
		(void)check_result(checks, parsed, DENY_TDX_EVENT_LOG_MALFORMED, log_what);
		return;
	}
	check_indices(&l, checks);
	for (unsigned i = 0; i < TDX_RTMRS; i++) {
		struct digest_value value;
		bool any = has_events(&l, i + 1);
		struct err e = any ? eventlog_replay(&l, DIGEST_SHA384, i + 1, &value) : OK;

		register_row(checks, i, any, e, &value, td);
	}
}

/* ---- dstack ---- */
struct dstack_event {
	uint64_t imr, event_type;
	struct buf digest, event_payload;
	char *event;
};

static const struct json_field dstack_fields[] = {
	JSON_FIELD(struct dstack_event, imr, FIELD_U64, FIELD_REQUIRED, TDX_RTMRS - 1),
	JSON_FIELD(struct dstack_event, event_type, FIELD_U64, FIELD_REQUIRED, UINT32_MAX),
	JSON_FIELD(struct dstack_event, digest, FIELD_HEX, FIELD_REQUIRED, DIGEST_MAX),
	JSON_FIELD(struct dstack_event, event, FIELD_STR, FIELD_NULLABLE, 4096),
	JSON_FIELD(struct dstack_event, event_payload, FIELD_HEX, FIELD_NULLABLE, PAYLOAD_MAX),
};

static const struct json_table dstack_table = {
	.what = "event",
	.size = sizeof(struct dstack_event),
	.fields = dstack_fields,
	.n = ARRAY_LEN(dstack_fields),
	.open = true,
};

/* dstack's own events: SHA-384 of type ":" name ":" payload. */
static RESULT check_runtime_digest(const struct dstack_event *e)
{
	AUTO(buf_done) struct buf text = BUF_INIT(PAYLOAD_MAX + 8192);
	struct digest_value d;

	if (e->event_type != DSTACK_RUNTIME_EVENT)
		return OK;
	buf_le32(&text, e->event_type);
	buf_puts(&text, ":");
	buf_puts(&text, e->event ? e->event : "");
	buf_puts(&text, ":");
	buf_put(&text, buf_bytes(&e->event_payload));
	TRY(buf_end(&text, "event"));
	TRY(digest(DIGEST_SHA384, buf_bytes(&text), &d));
	if (!bytes_equal(digest_bytes(&d), buf_bytes(&e->digest)))
		return tee_deny(DENY_TDX_EVENT_LOG_REPLAY, e->event ? e->event : "event",
			"the digest of its name and payload", "another");
	return OK;
}

struct replay {
	struct digest_value rtmr[TDX_RTMRS];
	bool any[TDX_RTMRS];
};

static RESULT replay_event(const struct json *j, struct replay *r)
{
	struct dstack_event e = { 0 };

	TRY(json_decode(j, &dstack_table, &e));
	struct digest_value *value = &r->rtmr[e.imr];
	struct err failure = OK;
	if (e.digest.n != DIGEST_SHA384_SIZE)
		failure = err_new(ERR_FORMAT, "digest of %zu bytes", e.digest.n);
	if (!failed(failure))
		failure = check_runtime_digest(&e);
	if (!failed(failure))
		failure = pcr_extend(value, buf_bytes(&e.digest));
	r->any[e.imr] = true;
	json_release(&dstack_table, &e);
	return failure;
}

static RESULT replay_all(const struct json *events, struct replay *r)
{
	size_t n = json_count(events);

	if (json_type(events) != JSON_ARRAY || n > DSTACK_EVENTS_MAX)
		return err_new(ERR_FORMAT, "not a list of at most %d events", DSTACK_EVENTS_MAX);
	for (size_t i = 0; i < n; i++) {
		struct err e = replay_event(json_at(events, i), r);
		if (failed(e) && !err_denial())
			return err_add(e, "event %zu", i + 1);
		TRY(e);
	}
	return OK;
}

void tdx_check_dstack_log(
	const struct json *events, const struct td_report *td, struct checks *checks)
{
	struct replay r = { 0 };

	for (unsigned i = 0; i < TDX_RTMRS; i++)
		r.rtmr[i] = (struct digest_value){ .alg = DIGEST_SHA384, .n = DIGEST_SHA384_SIZE };
	if (!check_result(checks, replay_all(events, &r), DENY_TDX_EVENT_LOG_MALFORMED, log_what))
		return;
	for (unsigned i = 0; i < TDX_RTMRS; i++)
		register_row(checks, i, r.any[i], OK, &r.rtmr[i], td);
}
