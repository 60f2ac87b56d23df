#include "vtpm/describe.h"

#include <stdio.h>

#include <tee/eventlog.h>

enum {
	SHOWN_EVENTS_MAX = 3000, /* six rows each fit the table */
	SHOWN_DATA_MAX = 96,
	SPEC_ID_AT = 32,
};

static const char spec_id[] = "Spec ID Event03";

static bool is_agile(struct bytes in)
{
	return in.n > SPEC_ID_AT + sizeof(spec_id) &&
	       bytes_equal(bytes_of(in.p + SPEC_ID_AT, sizeof(spec_id)), BYTES_OF(spec_id));
}

/* Something was measured, into a register that there is. */
static bool is_possible(const struct event *e)
{
	if (e->type == EV_NO_ACTION)
		return true;
	return e->type != 0 && e->pcr < TPM_PCRS && e->n_digests > 0 &&
	       !bytes_is_zero(e->digests[0].digest) &&
	       !str_equal(event_type_name(e->type), "unknown event type");
}

/* A legacy log has no signature: each of its events must be a possible one. */
static bool is_legacy(struct bytes in)
{
	AUTO(eventlog_done) struct eventlog l = { 0 };

	if (failed(eventlog_parse(in, EVENTLOG_EXACT, &l)))
		return false;
	for (size_t i = 0; i < l.n; i++)
		if (!is_possible(&l.v[i]))
			return false;
	return l.n > 0;
}

bool eventlog_looks(struct bytes in)
{
	return is_agile(in) || is_legacy(in);
}

static bool is_text(struct bytes b)
{
	while (b.n > 0 && b.p[b.n - 1] == 0)
		b.n--;
	for (size_t i = 0; i < b.n; i++)
		if (b.p[i] < ' ' || b.p[i] > '~')
			return false;
	return b.n > 0;
}

static void describe_data(const uint8_t *file, struct bytes data, struct fields *out)
{
	struct bytes shown = data;
	char size[48];

	if (shown.n > SHOWN_DATA_MAX)
		shown.n = SHOWN_DATA_MAX;
	(void)snprintf(size, sizeof(size), "the first of %zu bytes", data.n);
	if (data.n == 0)
		fields_str(out, FIELDS_NO_OFFSET, 0, "event", "", "no data");
	else if (is_text(data))
		fields_fmt(out, data.p - file, data.n, "event", "%.*s", (int)shown.n,
			(const char *)shown.p);
	else
		fields_hex(out, data.p - file, shown, "event", shown.n < data.n ? size : NULL);
}

static void describe_event(const uint8_t *file, const struct event *e, struct fields *out)
{
	char name[80], alg[16];

	(void)snprintf(name, sizeof(name), "PCR %u %s", e->pcr, event_type_name(e->type));
	fields_group(out, FIELDS_NO_OFFSET, 0, name);
	fields_fmt(out, FIELDS_NO_OFFSET, 4, "type", "0x%08x", e->type);
	for (size_t i = 0; i < e->n_digests; i++) {
		const struct event_digest *d = &e->digests[i];

		tpm2_hash_name(d->tpm_alg, alg);
		fields_hex(out, d->digest.p - file, d->digest, alg, NULL);
	}
	describe_data(file, e->data, out);
	fields_end(out);
}

RESULT eventlog_describe(struct bytes in, struct fields *out)
{
	AUTO(eventlog_done) struct eventlog l = { 0 };

	if (failed(eventlog_parse(in, EVENTLOG_EXACT, &l)))
		TRY(eventlog_parse(in, EVENTLOG_PADDED, &l));
	fields_str(out, 0, 0, "form", l.crypto_agile ? "crypto-agile" : "legacy, SHA-1", NULL);
	fields_u64(out, FIELDS_NO_OFFSET, 0, "events", l.n, NULL);
	for (size_t i = 0; i < l.n && i < SHOWN_EVENTS_MAX; i++)
		describe_event(in.p, &l.v[i], out);
	if (l.n > SHOWN_EVENTS_MAX)
		fields_str(out, FIELDS_NO_OFFSET, 0, "more", "not shown", NULL);
	return fields_finish(out);
}
